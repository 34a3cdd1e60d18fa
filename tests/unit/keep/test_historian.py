"""Which readings are kept in the history: changes, not repeats, and of what chatters now and then one."""

from __future__ import annotations

from gateway.keep.historian import Historian
from gateway.words.clock import Moment
from gateway.words.reading import Kind, Reading
from msgspec.structs import replace

from tests.kit.hand import HandClock


def reading(kind: Kind, value: object, *, device: str = "d", **more) -> Reading:
    return Reading(device=device, kind=kind, value=value, at=HandClock().now(), **more)


def test_history_keeps_changes_and_an_unchanged_value_now_and_then():
    clock, historian = HandClock(), Historian(300.0)

    def hear(kind: Kind, value: object, **more) -> int:
        historian.heard(Reading(device="d", kind=kind, value=value, at=clock.now(), **more))
        return len(historian.take())

    assert hear(Kind.TEMPERATURE, 20.0) == 1
    clock.move(60)
    assert hear(Kind.TEMPERATURE, 20.0) == 0
    assert hear(Kind.TEMPERATURE, 20.1) == 1
    clock.move(299)
    assert hear(Kind.TEMPERATURE, 20.1) == 0
    clock.move(1)
    assert hear(Kind.TEMPERATURE, 20.1) == 1
    assert hear(Kind.BUTTON, "press") == hear(Kind.BUTTON, "press") == 1, "each event is one of its own"
    assert hear(Kind.OTHER_MEASURE, 5, label="packet_id") == 0


def test_history_is_bounded_and_counts_what_it_forgets():
    historian = Historian(300.0)
    for n in range(Historian.AT_MOST + 25):
        historian.heard(reading(Kind.TEMPERATURE, float(n)))
    assert len(historian.take()) == Historian.AT_MOST
    assert historian.forgotten == 25
    assert historian.take() == []


def test_a_contact_that_chatters_keeps_the_newest_of_each_minute_and_a_button_all():
    """Each change of one that flips each second would be 6 MB an hour on a metered line."""
    historian, kept, clock = Historian(300.0), [], HandClock()
    for second in range(3600):
        at = Moment(1000.0 + second, clock.wall)
        historian.heard(replace(reading(Kind.CONTACT_OPEN, second % 2 == 0), at=at))
        if second % 600 == 0:
            historian.heard(replace(reading(Kind.CONTACT_OPEN, True, device="calm"), at=at))
        if second % 10 == 0:
            historian.heard(replace(reading(Kind.BUTTON, "press"), at=at))
        if second % 300 == 299:
            kept += historian.take()
    contact = [r for r in kept if r.kind is Kind.CONTACT_OPEN and r.device == "d"]
    assert 60 < len(contact) < 500, "some at first in each ten minutes, then one a minute and one a batch"
    assert contact[-1].at.mono == 1000.0 + 3599, "how it stands is not forgotten"
    assert [r.at.mono for r in kept] == sorted(r.at.mono for r in kept)
    assert sum(r.kind is Kind.BUTTON for r in kept) == 360
    assert sum(r.device == "calm" for r in kept) == 6
    assert historian.forgotten == 0


def test_what_may_be_kept_no_more_is_forgotten_also_of_what_chatters():
    clock, historian = HandClock(), Historian(300.0)
    for n in range(200):
        clock.move(1)
        historian.heard(Reading(device="d", kind=Kind.MOTION, value=bool(n % 2), at=clock.now()))
    historian.take()
    clock.move(1)
    historian.heard(Reading(device="d", kind=Kind.MOTION, value=True, at=clock.now()))
    historian.use(300.0, frozenset({"activity"}))
    assert historian.take() == []
