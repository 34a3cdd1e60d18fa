"""What is in flight: when it is due again, what a receipt takes out, and since when one is owed."""

from math import inf

import pytest
from gateway.box.supervise import JITTER
from gateway.tell.flights import Flights
from gateway.tell.outbox import Key, Place
from gateway.words.kind import Priority

from tests.kit.waits import changed


def entry(number):
    return Key(False, number)


def place(priority, turn=0):
    return Place(max(2, priority), priority, turn)


def waits(key, priority, times):
    """Send one message again and again as soon as it is due; return its waits."""
    flights, now, out = Flights(), 0.0, []
    for _ in range(times):
        flights.sent(key, place(priority), now)
        due = flights.next_due()
        assert flights.due_again(due - 1e-6) is None
        assert flights.due_again(due) == key
        out.append(due - now)
        now = due
    return out


@pytest.mark.parametrize(
    ("key", "priority", "expected"),
    [
        (entry(1), Priority.P1, [5, 10, 20, 20, 20]),
        (entry(1), Priority.P2, [5, 10, 20, 20, 20]),
        (entry(1), Priority.P3, [5, 10, 20, 40, 80, 160, 320, 600, 600]),
        (Key(True, 1), Priority.P4, [600, 600]),
    ],
)
def test_each_wait_is_twice_the_one_before_up_to_its_bound(key, priority, expected):
    found = waits(key, priority, len(expected))
    assert all(abs(wait - wanted) <= JITTER * wanted + 1e-6 for wait, wanted in zip(found, expected, strict=True)), found


def test_what_is_urgent_waits_longer_once_patience_is_over():
    with changed("tell", patience=30.0):
        found = waits(entry(1), Priority.P1, 6)
    assert found[-1] >= 60 * (1 - JITTER)


def test_the_most_urgent_of_what_is_due_comes_first_and_none_that_has_its_receipt():
    flights = Flights()
    for number, priority in ((1, Priority.P3), (2, Priority.P1), (3, Priority.P2)):
        flights.sent(entry(number), place(priority, number), 0.0)
    late = 1000.0
    assert flights.due_again(late) == entry(2)
    flights.received([(2, 2), (7, 9)], batch=False)
    assert flights.due_again(late) == entry(3)
    flights.land(entry(3))
    assert flights.due_again(late) == entry(1)
    assert list(flights) == [entry(1)]
    assert flights.place(entry(1)) == place(Priority.P3, 1)


def test_a_batch_that_got_lost_is_a_debt_only_when_it_was_sent_again():
    flights, batch = Flights(), Key(True, 1)
    flights.sent(batch, place(Priority.P4), 0.0)
    assert flights.unanswered_since() is None
    flights.sent(batch, place(Priority.P4), 600.0)
    assert flights.unanswered_since() == 600.0
    flights.sent(entry(1), place(Priority.P3), 50.0)
    assert flights.unanswered_since() == 50.0
    assert (flights.count(batch=True), flights.count(batch=False)) == (1, 1)
    flights.land_batches()
    assert (flights.count(batch=True), batch in flights, entry(1) in flights) == (0, False, True)


def test_with_nothing_in_flight_nothing_is_due():
    assert (Flights().next_due(), Flights().due_again(inf)) == (inf, None)
