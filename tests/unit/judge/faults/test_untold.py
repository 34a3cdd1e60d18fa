"""A P2 fault without a receipt is told in the home: when, how often, and never at night."""

from datetime import UTC, datetime

import pytest
from gateway.judge.faults.fault import Faults
from gateway.judge.faults.silence import Supervised
from gateway.judge.faults.untold import Untold
from gateway.words import kind
from gateway.words.clock import Quality
from gateway.words.times import Times

from tests.kit.hand import HOME_ZONE, HandClock

HOUR = 3600.0


class Home:
    def __init__(self, hour, quality=Quality.SYNCHRONISED):
        self.clock = HandClock(datetime(2026, 5, 4, hour, 0, tzinfo=HOME_ZONE).astimezone(UTC), quality=quality)
        self.faults = Faults({"radar": Supervised(device="radar", vital=True)}, Times())
        self.untold = Untold(HOME_ZONE)
        self.reached = True

    def begins(self, of=kind.MISSING, device="radar", number=7, **more):
        for fact in self.faults.begin(of, self.clock.now(), device, **more):
            self.untold.written(fact, number, self.clock.now())

    def wait(self, hours):
        """Return (hours since now, kind) of what is told."""
        out, began = [], self.clock.mono
        while self.clock.mono < began + hours * HOUR:
            now = self.clock.move(300)
            for number, fact in self.untold.due(now):
                out.append((round((now.mono - began) / HOUR, 1), fact.kind))
                self.untold.called(number, ok=self.reached)
        return out


@pytest.mark.parametrize(("hour", "after"), [(9, 0.5), (20, 0.5), (21, 11.0), (3, 5.0)])
def test_it_is_told_after_half_an_hour_at_a_decent_hour_and_each_day(hour, after):
    home = Home(hour)
    home.begins()
    assert home.wait(30) == [(after, kind.MISSING), *([(after + 24, kind.MISSING)] if after < 6 else [])]


def test_a_receipt_an_end_or_a_lesser_fault_tells_nobody():
    home = Home(9)
    home.begins()
    home.untold.receipted([(1, 6), (8, 9)])
    assert home.wait(1) == [(0.5, kind.MISSING)], "of others"
    home.untold.receipted([(5, 7)])
    assert home.wait(30) == []
    over = Home(9)
    over.begins()
    for fact in over.faults.end(kind.MISSING, over.clock.now(), "radar"):
        over.untold.written(fact, 8, over.clock.now())
    over.begins(kind.UPLINK_LOST, "")
    over.begins(kind.NOT_UNDERSTOOD, "radar", test=True)
    assert over.wait(30) == []


def test_what_was_on_before_the_start_is_told_until_the_platform_is_heard():
    home = Home(9)
    home.begins()
    after = Home(9)
    after.untold.start(home.faults.on, after.clock.now())
    assert after.wait(1) == [(0.5, kind.MISSING)]
    after.untold.receipted([(3, 3)])
    assert after.wait(30) == []


def test_a_clock_known_to_be_wrong_knows_no_hour():
    home = Home(9, quality=Quality.WRONG)
    home.begins()
    assert home.wait(20) == [(12.0, kind.MISSING)]


def test_what_reached_nobody_is_tried_again_each_hour_of_the_day_until_it_did():
    home = Home(17)
    home.begins()
    home.reached = False
    assert [at for at, _ in home.wait(20)] == [0.5, 1.5, 2.5, 3.5, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0]
    home.reached = True
    assert [at for at, _ in home.wait(30)] == [1.0, 25.0]


@pytest.mark.parametrize(("quality", "minutes"), [(Quality.SYNCHRONISED, 10), (Quality.UNSURE, 20)])
def test_a_wait_goes_on_over_a_power_cut_by_what_has_certainly_passed(quality, minutes):
    home = Home(9, quality)
    home.begins()
    home.begins(kind.RADIO_DEAF, "", number=8)
    home.clock.move(600)
    mark = home.untold.mark(home.clock.now(), "a")
    home.clock.reboot("b", after=600)
    after = Untold(HOME_ZONE)
    after.start(home.faults.on, home.clock.now(), mark, "b")
    due = {minute: told for minute in range(1, 61) if (told := after.due(home.clock.move(60)))}
    assert {minute: [number for number, _ in told] for minute, told in due.items()} == {minutes: [7, 8]}, "each by its own number"


@pytest.mark.parametrize(
    "mark", ["", "{", "{}", "[]", '{"at": 1}', '{"at": ["a", 1, "", ""], "waits": [["device.missing", "radar", "x", 1, 1]]}']
)
def test_a_damaged_mark_says_nothing(mark):
    home = Home(9)
    home.begins()
    after = Home(9)
    after.untold.start(home.faults.on, after.clock.now(), mark, "b")
    assert after.wait(1) == [(0.5, kind.MISSING)]
