"""What the page makes of the text of a scanned code, by its own file under Node.js."""

import json
import shutil
import subprocess

import pytest
from gateway.page import assets

from tests.kit.wait import PATIENCE
from tests.page.test_weight import HERE

A, B = "A4:C1:38:00:53:01", "A4:C1:38:00:53:02"
TYPED = {}  # the person is asked to type it
ADDRESSES = [
    ("SN:202311234567;MAC:A4:C1:38:00:53:01", A),
    ("SN:202311234567;MAC:A4C138005301", A),
    ('{"sn": "202311234567", "mac_address": "A4C138005301"}', A),
    ("202311234567 A4-C1-38-00-53-01", A),
    ("MAC:A4:C1:38:00:53:01", A),
    ("MACA4C138005301", A),
    ("BLE MAC ID: a4c138005301 SN 202311234567", A),
    ("https://maker.example/q?sn=202311234567&addr=A4C138005301", A),
    ("A4C138005301", A),
    ("a4:c1:38:00:53:01", A),
    ("G$M:A4C138005301$S:OUT", A),
    (json.dumps({"mac": "A4C138005301", "key": "231d39c1d7cc1ab1aee224cd096db932"}), A),
    ("2023-11-23 A4:C1:38:00:53:01 A4C138005301", A),
    ("202311234567 A4C138005301", TYPED),
    ("SN:202311234567", TYPED),
    ("S/N: A4C138005301", TYPED),
    ("MAC:A4C138005301 MAC2:A4:C1:38:00:53:02", TYPED),
    (f"{A} {B}", TYPED),
    ("A4:C1:38:00:53:01:07", None),
    ("231d39c1d7cc1ab1aee224cd096db932", None),
    ("hello", None),
    ("", None),
]
PLAIN = {"p-host": "10.0.0.8", "p-port": "1883", "tls": False}
OTHERS = [
    ("code", "https://gateway.local/first#abcde-23456", {"values": {"into": "ABCDE-23456"}}),
    ("code", "nothing", None),
    ("household", '{"household": "3-2-501"}', {"values": {"into": "3-2-501"}}),
    ("household", "3-2-501", None),
    ("key", "231d39c1d7cc1ab1", {"values": {"into": "231d39c1d7cc1ab1"}}),
    ("key", "short", None),
    ("platform", "mqtt://10.0.0.8", {"values": PLAIN, "open": True, "home": ""}),
    (
        "platform",
        json.dumps({"url": "mqtts://desk.example.org", "username": "u", "household": " 3-2-501 "}),
        {"values": {"p-host": "desk.example.org", "p-port": "8883", "tls": True, "p-username": "u"}, "open": False, "home": "3-2-501"},
    ),
    ("platform", "https://desk.example.org", None),
    ("platform", json.dumps({"url": "https://box:word@desk.example.org/"}), None),
    (
        "platform",
        json.dumps({"url": "https://desk.example.org/eldercare", "password": "whsec_x"}),
        {"values": {"p-host": "https://desk.example.org/eldercare", "tls": True, "p-password": "whsec_x"}, "open": False, "home": ""},
    ),
]


@pytest.fixture(scope="module")
def meant(tmp_path_factory):
    """Return what each text means: all in one run."""
    folder = tmp_path_factory.mktemp("codes")
    shutil.copy(assets.FOLDER / "codes.js", folder)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    asked = [("address", text) for text, _ in ADDRESSES] + [(kind, text) for kind, text, _ in OTHERS]
    lines = "\n".join(json.dumps({"kind": kind, "text": text}) for kind, text in asked)
    done = subprocess.run(
        ["node", HERE / "codes.mjs", folder], input=lines, check=False, capture_output=True, text=True, timeout=20 * PATIENCE
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(asked, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize(("text", "wanted"), ADDRESSES)
def test_a_written_address_wins_and_where_it_cannot_be_told_the_person_types_it(meant, text, wanted):
    assert meant["address", text] == ({"values": {"into": wanted}} if isinstance(wanted, str) else wanted)


@pytest.mark.parametrize(("kind", "text", "wanted"), OTHERS)
def test_other_codes(meant, kind, text, wanted):
    assert meant[kind, text] == wanted
