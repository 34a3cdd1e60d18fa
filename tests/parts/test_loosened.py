"""A slip of the hand, or an old message, never weakens what protects the link: TLS stays, the password stays, an order acts once."""

import ast
import json
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from drivers import all_models
from gateway.box import dial, generations
from gateway.contract import inward
from gateway.home.changes import changed
from gateway.home.config import load
from gateway.home.handed import Handed, Rejected
from gateway.home.source import ConfigError
from gateway.words.clock import Quality
from gateway.words.instruction import Change, What

from tests.kit.brokers import Authority
from tests.kit.hand import Day
from tests.kit.household import DEVICES, Gateway

MODELS = all_models()
ROOT = Path(__file__).parents[2]
HOST = '[platform]\nhost = "broker.example"\n'
LOOSE = (
    'tls = "false"',
    'tls = "no"',
    'tls = "off"',
    "tls = 0",
    "tls = 1",
    'tls = ""',
    "tls = []",
    "tls = {}",
    "Tls = false",
    "TLS = false",
    "tls_ = false",
    "ssl = false",
    "verify = false",
    "tls_verify = false",
    "insecure = true",
    "tls_insecure = true",
    "skip_verify = true",
    "check_hostname = false",
    'tls_version = "1.0"',
    'min_tls = "1.1"',
    "ca = false",
    "ca = 0",
    "ca = []",
    "certificate = false",
    "[platform.tls]\nverify = false",
    "[platfrom]\ntls = false",
    'port = "8883"',
    'version = "3"',
    "tls = nan",
)


@pytest.mark.parametrize("line", LOOSE)
def test_a_slip_in_the_file_is_an_answer_and_never_less_protection(tmp_path, line):
    path = tmp_path / "gateway.toml"
    path.write_text(HOST + line + "\n", encoding="utf-8")
    with pytest.raises(ConfigError) as no:
        load(path, MODELS)
    assert str(path) in str(no.value)


def test_without_a_word_about_it_tls_is_on(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(HOST, encoding="utf-8")
    assert load(path, MODELS).platform.tls is True


@pytest.mark.parametrize(
    "value", [{"tls": "false"}, {"tls": 0}, {"tls": None}, {"verify": False}, {"tls": []}, {"insecure": True}, {"ca": False}]
)
def test_a_slip_in_what_the_page_sets_is_an_answer(tmp_path, value):
    gateway = Gateway(tmp_path, devices="")
    gateway.systemd.close()
    with pytest.raises(Rejected):
        changed(load(gateway.config, MODELS), Change(What.SET_PLATFORM, {"host": "broker.example"} | value), Handed(), MODELS)


@pytest.mark.parametrize("value", [{"tls": "false"}, {"tls": 0}, {"verify": False}])
def test_a_household_edited_by_hand_is_not_believed_where_it_is_wrong(tmp_path, value):
    path = tmp_path / "gateway.toml"
    path.write_text('[gateway]\nstate = "state"\n' + HOST, encoding="utf-8")
    (tmp_path / "state").mkdir()
    generations.write(tmp_path / "state" / "household.json", {"v": 1, "revision": 1, "platform": {"host": "evil.example"} | value})
    found = load(path, MODELS)
    assert found.platform.host == "broker.example"
    assert found.platform.tls is True
    assert found.trouble


@pytest.mark.parametrize("clock_unsure", [False, True])
def test_every_context_checks_chain_and_name_from_tls_1_2_on(tmp_path, clock_unsure):
    authority = Authority(tmp_path)
    ours = authority.issue("gateway")
    for tls in (dial.Tls(), dial.Tls(ca=authority.ca), dial.Tls(ca=authority.ca, cert=ours.cert, key=ours.key)):
        context = dial.context_of(tls)
        if clock_unsure:  # as `dial` loosens the dates, and nothing else
            context.verify_flags |= dial._NO_CHECK_TIME
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    empty = tmp_path / "empty.pem"
    empty.touch()
    for ca in (tmp_path / "absent.pem", empty, ours.key, tmp_path):
        with pytest.raises(dial.NotReached, match="CA file"):
            dial.context_of(dial.Tls(ca=ca))


def test_nothing_of_ours_can_switch_it_off():
    """By the source: no context without checks, no name that would make one, and one place a process where contexts are made."""
    words, makers = set(), set()
    for path in [*ROOT.glob("gateway/**/*.py"), *ROOT.glob("drivers/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            if name in {"CERT_NONE", "CERT_OPTIONAL", "check_hostname", "tls_insecure_set", "_create_unverified_context", "verify_mode"}:
                words.add((path.name, name))
            if name in {"create_default_context", "SSLContext", "tls_set", "tls_set_context"} and path.parts[-2] != "demo":
                makers.add(path.relative_to(ROOT).as_posix())
    assert words == set()
    own = {"gateway/hook/post.py", "gateway/messenger/deliver.py"}  # programs, each a process of its own
    assert makers == {"gateway/box/dial.py", "gateway/page/papers.py", *own}


# -- the kept password -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["file", "page"])
def test_a_kept_password_goes_only_to_whom_it_was_typed_for(tmp_path, by):
    """Who may set the platform could else learn its password, by pointing the box at a broker of his own."""
    gateway = Gateway(tmp_path, devices=DEVICES, lines=HOST, secrets='password = "kept-kept-kept"\n' if by == "file" else "")
    gateway.systemd.close()
    config = load(gateway.config, MODELS)

    def after(value, given=None, before=None):
        return changed(before or config, Change(What.SET_PLATFORM, value), given or Handed(), MODELS)

    if by == "page":
        config = after({"host": "broker.example"}, Handed(password="kept-kept-kept"))
    other_ca = Authority(tmp_path, "other").ca.read_text()
    for value in ({"host": "evil.example"}, {"host": "broker.example", "tls": False}, {"host": "broker.example", "ca": other_ca}):
        with pytest.raises(Rejected) as no:
            after(value)
        assert [(p.section, p.field) for p in no.value.problems] == [("platform", "password")]
        assert after(value, Handed(password="typed-again")).password == "typed-again"
        assert after(value, Handed(password="")).password == ""
    moved = after({"host": "broker.example", "port": 8884, "username": "other", "receipts": "broker"})
    assert moved.password == "kept-kept-kept"
    free = after({"host": "broker.example"}, Handed(password=""))
    assert after({"host": "elsewhere.example"}, before=free).platform.host == "elsewhere.example"


# -- the same order again ----------------------------------------------------------------------------------------------------


class Desk:
    """The platform's door of a gateway whose clock is moved by hand."""

    def __init__(self):
        self.day = Day()

    def tell(self, **fields):
        """Send the bytes of an order; return (do, refused) of each result it made."""
        now = self.day.clock.now()
        body = json.dumps({"v": 1, "gateway": "gw", "id": "order-1", "do": "test", "by": "desk"} | fields).encode()
        told, late = inward.decode_instruction(body, "gw", now)
        pipeline = self.day.pipeline
        new = self.day.take(pipeline.refuse(told, late, now) if late else pipeline.told(told, now))
        return [(e.fact.instruction.do, e.fact.refused) for e in new if hasattr(e.fact, "refused")]

    def at(self, **ahead):
        return (self.day.clock.wall + timedelta(**ahead)).isoformat()


STEPS = {"same": timedelta(), "a day on": timedelta(days=1), "a day back": timedelta(days=-1), "years back": timedelta(days=-2000)}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("quality", [Quality.SYNCHRONISED, Quality.UNSURE, Quality.WRONG])
@pytest.mark.parametrize("restart", [False, True])
def test_an_order_acts_once_whatever_the_clock_does_meanwhile(step, quality, restart):
    desk = Desk()
    expires = desk.at(minutes=5)
    assert desk.tell(expires=expires) == [("test", "")]
    desk.day.clock.wall += STEPS[step]
    desk.day.clock.quality = quality
    if restart:
        desk.day.restart(other_boot=True)
    for _ in range(3):
        assert desk.tell(expires=expires) == []
        assert desk.tell() == [], "nor does it without its time"
        assert desk.tell(do="away", seconds=60) == [("away", "id_reused")], "nor as another order under its id: that is refused as such"


@pytest.mark.parametrize("restart", [False, True])
def test_an_order_that_was_too_late_stays_so_when_the_clock_goes_back(restart):
    desk = Desk()
    expires = desk.at(minutes=-1)
    assert desk.tell(expires=expires) == [("test", "expired")]
    desk.day.clock.wall -= timedelta(days=1)
    if restart:
        desk.day.restart(other_boot=True)
    assert desk.tell(expires=expires) == []
    assert desk.tell(id="order-2", expires=expires) == [("test", "")], "by the clock that is good now it is in time"
