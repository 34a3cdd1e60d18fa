"""A dead sensor is a fault and no stillness: whether those that show life are proved alive."""

from types import SimpleNamespace

import pytest
from gateway.judge.silence.hearing import Hearing
from gateway.words import kind as kinds


def heard(hearing, device, every, times, *, begins=0.0):
    at = begins
    for _ in range(times):
        hearing.look([device], {device: at})
        at += every
    return at - every


def why(hearing, now, *faults, watching=("pir",), via=""):
    return hearing.why(dict.fromkeys(watching, via), SimpleNamespace(on=dict.fromkeys(faults)), now)[0]


def test_without_a_sensor_nothing_can_be_judged():
    assert why(Hearing(), 0.0, watching=()) == "no_sensor"


def test_one_that_speaks_often_is_proved_alive_for_twice_its_pause():
    hearing = Hearing()
    last = heard(hearing, "pir", 600.0, 80)
    assert [why(hearing, last + s) for s in (1199, 1201)] == ["", "silent"]


def test_one_that_speaks_each_minute_has_a_quarter_of_an_hour():
    hearing = Hearing()
    last = heard(hearing, "pir", 60.0, 80)
    assert [why(hearing, last + s) for s in (899, 901)] == ["", "silent"]


def test_of_one_that_speaks_when_somebody_moves_its_silence_says_nothing():
    hearing = Hearing()
    last = heard(hearing, "pir", 4000.0, 80)
    assert why(hearing, last + 20_000) == ""


def test_a_long_pause_now_and_then_does_not_hide_a_dead_sensor():
    hearing = Hearing()
    last = heard(hearing, "pir", 60.0, 300)
    last = heard(hearing, "pir", 60.0, 300, begins=last + 20_000)
    assert why(hearing, last + 1000) == "silent"


def test_a_battery_that_was_low_may_be_empty():
    hearing = Hearing()
    hearing.look(["pir"], {"pir": 0.0})
    low = kinds.LOW_BATTERY, "pir"
    assert [why(hearing, s, low) for s in (3599.0, 3601.0)] == ["", "silent"]
    assert why(hearing, 9999.0, (kinds.LOW_BATTERY, "another")) == ""


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ((kinds.RADIO_DEAF, "hci0"), "deaf"),
        ((kinds.MISSING, "pir"), "missing"),
        ((kinds.MISSING, "hub"), "missing"),
        ((kinds.MISSING, "scale"), ""),
    ],
)
def test_a_deaf_radio_and_a_missing_sensor_or_receiver_say_that_it_cannot_be_judged(fault, said):
    assert why(Hearing(), 0.0, fault, via="hub") == said
