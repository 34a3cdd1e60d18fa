"""The waiting room and its bounds: what waits, what is forgotten, and that it is counted."""

from __future__ import annotations

import pytest
from gateway.hear.waiting_room import LINE_AT_MOST, WaitingRoom
from gateway.words.clock import Moment
from gateway.words.reading import ROUTINE, Kind, Reading
from msgspec.structs import replace

from tests.kit.hand import HandClock


def reading(kind: Kind, value: object, *, device: str = "d", **more) -> Reading:
    return Reading(device=device, kind=kind, value=value, at=HandClock().now(), **more)


def test_of_routine_the_latest_waits_and_of_all_else_every_one_in_order():
    woken = []
    room = WaitingRoom(lambda: woken.append(1))
    told = [
        reading(Kind.TEMPERATURE, 1.0),
        reading(Kind.BUTTON, "press"),
        reading(Kind.TEMPERATURE, 2.0),
        reading(Kind.FALL, True),
        reading(Kind.FALL, False),
        reading(Kind.BUTTON, "press"),
        reading(Kind.TEMPERATURE, 3.0, index=2),
        reading(Kind.TEMPERATURE, 4.0, device="e"),
    ]
    for r in told:
        room.put(r)
    assert len(woken) == len(told)
    assert len(room) == 7
    assert room.take() == [told[1], told[3], told[4], told[5], told[2], told[6], told[7]]
    assert room.forgotten == 0, "nobody pressed: a newer value has come"
    assert (len(room), room.take()) == (0, [])


def test_what_is_replaced_while_the_pump_is_behind_is_forgotten_and_else_it_is_not():
    room = WaitingRoom(lambda: None)
    for n in range(40):
        room.put(replace(reading(Kind.TEMPERATURE, float(n)), at=Moment(1000.0 + n / 4, HandClock().wall)))
    assert room.forgotten == 20, "of ten seconds those after the fifth"
    assert [r.value for r in room.take()] == [39.0]
    room.put(reading(Kind.TEMPERATURE, 1.0))
    assert room.forgotten == 20


@pytest.mark.parametrize("kind", list(Kind))
def test_a_flood_of_any_kind_is_bounded_and_pushes_out_nothing_of_another(kind):
    room = WaitingRoom(lambda: None)
    first = reading(Kind.FALL if kind is not Kind.FALL else Kind.SMOKE, True, device="other")
    room.put(first)
    for n in range(3000):
        room.put(reading(kind, n))
    kept = [r for r in room.take() if r.kind is kind]
    assert len(kept) == (1 if kind in ROUTINE else LINE_AT_MOST)
    assert kept[-1].value == 2999, "the newest is known"
    assert room.forgotten == (0 if kind in ROUTINE else 3000 - len(kept))
    if kind not in ROUTINE:
        assert [r.value for r in kept[:-1]] == list(range(LINE_AT_MOST - 1)), "and the first ones, in order"
    room.put(first)
    for n in range(LINE_AT_MOST):
        room.put(reading(kind, n))
    assert room.take()[0] == first


def test_what_is_judged_is_never_routine():
    assert not ROUTINE & {Kind.BUTTON, Kind.FALL, Kind.STAY_STILL, Kind.SMOKE, Kind.GAS, Kind.CO, Kind.MOISTURE, Kind.CONTACT_OPEN}
    assert not ROUTINE & {Kind.OCCUPANCY, Kind.PRESENCE, Kind.TAMPER, Kind.PROBLEM, Kind.REPLAYED}
