"""What is a sign of life, and what is none."""

from datetime import UTC, datetime, timedelta

import pytest
from gateway.judge.silence.life import Life, Place, Sign
from gateway.words.clock import Moment
from gateway.words.reading import Kind, Reading

NEW, AGAIN, NONE = Sign.NEW, Sign.AGAIN, Sign.NONE
BEGAN = datetime(2027, 3, 1, tzinfo=UTC)


def said(kind, value, at=0.0, *, device="one", flagged=False):
    return Reading(device=device, kind=kind, value=value, at=Moment(at, BEGAN + timedelta(seconds=at)), flagged=flagged)


def signs(kind, *values, bed=False, apart=10.0):
    life = Life()
    life.arrange({"one": Place(bed=bed)})
    return [life.sign(said(kind, value, n * apart)) for n, value in enumerate(values)]


@pytest.mark.parametrize(
    ("kind", "values", "shown"),
    [
        (Kind.MOTION, [True, False, True, True], [NEW, NONE, NEW, AGAIN]),
        (Kind.MOTION, [True, True], [NEW, NEW]),  # never says that a movement is over: each is one
        (Kind.VIBRATION, [True], [NEW]),
        (Kind.ACTIVITY, ["still", "active", "none"], [NONE, NEW, NONE]),
        (Kind.PRESENCE, [True, True, False, True], [NONE, NONE, NONE, NEW]),  # who is there may lie there
        (Kind.OCCUPANCY, [False, True, False], [NONE, NEW, NONE]),
        (Kind.CONTACT_OPEN, [True, True, False, True], [NONE, NONE, NEW, NEW]),
        (Kind.BUTTON, ["press", "hold_release", "release"], [NEW, NONE, NONE]),
        (Kind.TEMPERATURE, [20.0, 30.0], [NONE, NONE]),
        (Kind.SMOKE, [False, True], [NONE, NONE]),
    ],
)
def test_what_shows_life(kind, values, shown):
    assert signs(kind, *values) == shown


def test_a_bed_shows_life_when_it_is_left_and_lain_in():
    assert signs(Kind.OCCUPANCY, True, False, True, bed=True) == [NONE, NEW, NEW]


def test_a_sensor_that_says_the_same_for_an_hour_is_stuck():
    assert signs(Kind.MOTION, False, True, *[True] * 7, apart=600.0)[-3:] == [AGAIN, NONE, NONE]


def test_a_recorded_press_is_no_sign():
    life = Life()
    life.arrange({"one": Place()})
    assert life.sign(said(Kind.BUTTON, "press", flagged=True)) is NONE


def test_a_device_that_is_not_enrolled_shows_nothing():
    assert Life().sign(said(Kind.MOTION, True)) is NONE


def test_only_what_has_moved_by_itself_says_something_by_its_silence():
    life = Life()
    life.arrange({"one": Place(via="hub"), "pendant": Place(), "door": Place(entrance=True)})
    for kind, value, device in ((Kind.MOTION, True, "one"), (Kind.BUTTON, "press", "pendant"), (Kind.CONTACT_OPEN, False, "door")):
        life.sign(said(kind, value, device=device))
    assert life.over == {"one": "hub", "door": ""}
    assert life.has_entrance
    life.arrange({"one": Place()})
    assert (life.over, life.has_entrance) == ({"one": ""}, False)
