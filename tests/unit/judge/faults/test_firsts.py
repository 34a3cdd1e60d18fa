"""What each detector has ever told of its own kind: a battery that is well says nothing about the smoke."""

from __future__ import annotations

import pytest
from drivers import all_models
from gateway.judge.faults.firsts import Firsts, own
from gateway.words.reading import Kind

MODELS = all_models()


@pytest.mark.parametrize(
    ("model", "roles", "kinds"),
    [
        ("zigbee-smoke", (), {"smoke", "co"}),
        ("zigbee-fall-radar", (), {"fall"}),
        ("zigbee-leak", (), {"moisture"}),
        ("zigbee-sos", (), {"button"}),
        ("zigbee-sos", ("cancel",), set()),
        ("shelly-blu-door", (), set()),  # its button is for pairing
        ("shelly-blu-button", (), {"button"}),
        ("bthome-v2", (), set()),  # it may be anything
        ("bthome-v2", ("sos",), {"button"}),
        ("zigbee-motion", (), set()),
        ("zigbee2mqtt", (), set()),
    ],
)
def test_what_a_make_is_expected_to_tell(model, roles, kinds):
    assert own(MODELS[model], roles) == kinds


def test_what_was_told_is_remembered_over_a_restart_and_written_once():
    firsts = Firsts()
    assert firsts.mark() == ""
    for kind in (Kind.BATTERY, Kind.SMOKE, Kind.SMOKE, Kind.TEMPERATURE):
        firsts.heard("kitchen", kind)
    firsts.heard("hall", Kind.BATTERY)
    assert (firsts.told("kitchen"), firsts.told("hall")) == ({"smoke"}, set())
    mark = firsts.mark()
    assert firsts.mark() == ""
    again = Firsts(mark)
    assert again.told("kitchen") == {"smoke"}
    assert again.mark(anew=True) == mark
    again.forget("kitchen")
    again.forget("hall")
    assert (again.told("kitchen"), again.mark()) == (set(), "{}")


@pytest.mark.parametrize("text", ["", "no", "[1]", '{"kitchen": 3}', '{"kitchen": ["smoke", 1, "x"]}', "[" * 5000])
def test_a_damaged_mark_is_as_none(text):
    assert Firsts(text).told("kitchen") in (set(), {"smoke"})
