"""A home in which nothing can be heard, or that has no rung without network, says so wherever somebody looks (promise 14)."""

import json

import msgspec
import pytest
from drivers import all_models
from gateway.home import audible, commissioning, status
from gateway.home.audible import Lack
from gateway.home.config import load
from gateway.tend import check

from tests.kit.household import Gateway

CALLS = '[[ladder]]\nresponder = "family"\nchannel = "program"\nprogram = ["/bin/cat"]\n'
DESK = '[[ladder]]\nresponder = "desk"\n'
HOOK = '[[ladder]]\nresponder = "county"\nchannel = "program"\nprogram = ["/usr/bin/eldercare-webhook", "--to", "desk"]\n'
SIREN = '[[ladder]]\nresponder = "siren"\nchannel = "program"\nprogram = ["/bin/echo"]\nsounds = true\n'
SOUND = '[sound]\nalarm = ["/bin/true"]\n'
CHIME = '[sound]\npre_alarm = ["/bin/true"]\n'


def home(folder, lines):
    gateway = Gateway(folder, name="gw-1", lines=lines, devices="")
    gateway.systemd.close()
    return gateway


@pytest.mark.parametrize(
    ("lines", "lacks"),
    [
        ("", (Lack.SILENT, Lack.NO_RUNG)),
        (DESK, (Lack.SILENT, Lack.NO_RUNG)),
        (DESK + SOUND, (Lack.NO_RUNG,)),
        (CALLS, (Lack.SILENT,)),
        (CALLS + CHIME, (Lack.SILENT,)),  # an SOS has no grace
        (DESK + CALLS + SOUND, ()),
        (CALLS + SIREN, ()),
        (DESK + SIREN, (Lack.NO_RUNG,)),  # a siren reaches nobody
        (HOOK + SOUND, (Lack.NO_RUNG,)),  # nor does a webhook without network
        (HOOK + CALLS + SOUND, ()),
    ],
)
async def test_it_is_said_by_check_certificate_and_status_and_only_where_it_is_so(tmp_path, capsys, lines, lacks):
    gateway = home(tmp_path / "home", lines)
    config = load(gateway.config, all_models())
    assert audible.lacks(config) == lacks
    facts = commissioning.facts(
        config, commissioning.Seen(), gateway="g", journal="j", software="1", mains=False, clock="synchronised", faults=()
    )
    assert facts["lacks"] == [lack.value for lack in lacks]
    await check.checked(gateway.config)
    out = capsys.readouterr().out
    for lack, (zh, en) in audible.WORDS.items():
        assert (f"!!! {zh}  {en.upper()} !!!" in out) is (lack in lacks)
    assert [line.startswith("!!!") for line in audible.told(lacks)] == [True] * len(lacks)


def told(known):
    return status.told(msgspec.json.decode(json.dumps(known), type=status.Status))


def test_status_says_it_and_knows_older_and_newer_words(tmp_path):
    with Gateway(tmp_path / "home", name="gw-1", lines=DESK, devices="") as gateway:
        text = gateway.command("status").stdout
        assert "NO ALARM CAN BE HEARD IN THIS HOME" in text
        assert "NOBODY IS CALLED WITHOUT THE NETWORK" in text
        known = gateway.status()
    assert known["lacks"] == ["silent", "no_rung"]
    assert "HEARD" not in told(known | {"lacks": ["something new"]})
    del known["lacks"]
    assert "HEARD" not in told(known)
