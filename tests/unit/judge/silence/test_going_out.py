"""Out by the door: how long somebody may be out is learnt from every outing that ended, and of one leaving it is asked once."""

from datetime import UTC, datetime, time
from math import inf
from zoneinfo import ZoneInfo

import pytest
from gateway.home.rerun import Home, Rules
from gateway.judge.silence.life import Place
from gateway.judge.silence.wishes import Wishes
from gateway.judge.watch import Watch
from gateway.words.clock import Moment
from gateway.words.instruction import Do
from gateway.words.reading import Kind, Reading
from gateway.words.times import Times

ZONE = ZoneInfo("Asia/Shanghai")
BEGINS = datetime(2026, 3, 2, tzinfo=ZONE).timestamp()
HOUR = 3600.0
RULES = Rules(
    watches={d: Watch(device=d, room=d) for d in ("door", "living")},
    times=Times(),
    zone=ZONE,
    night=(time(22), time(6)),
    places={"door": Place(room="hall", entrance=True), "living": Place(room="living")},
    wishes=Wishes(preset="usual", shadow=0),
)


class Desk:
    """Closes each alarm after half an hour."""

    def __init__(self):
        self.plans, self.seen = [], set()

    def see(self, entry, mono):
        alarm = getattr(entry.fact, "alarm", None)
        if alarm is not None and alarm.number not in self.seen:
            self.seen.add(alarm.number)
            self.plans += [(mono + 100 + n, (do, alarm.id)) for n, do in enumerate((Do.ACKNOWLEDGE, Do.ARRIVE))]
            self.plans.append((mono + 1800, (Do.CLOSE, alarm.id)))

    def due(self):
        return self.plans[0][0] if self.plans else inf

    def take(self):
        return self.plans.pop(0)[1]


@pytest.fixture
def home():
    return Home(RULES, Desk())


def say(home, at, device, value=True):
    wall = BEGINS + at
    kind = Kind.CONTACT_OPEN if device == "door" else Kind.MOTION
    home.heard(Reading(device=device, kind=kind, value=value, at=Moment(wall, datetime.fromtimestamp(wall, UTC))))


def day(home, n, left, back, up=6.5):
    """Let somebody get up, go out by the door and come back, and move about until ten."""
    at = (n * 24 + up) * HOUR
    while at < (n * 24 + 21.9) * HOUR:
        if not left - 0.1 < at / HOUR - n * 24 < back + 0.1:
            say(home, at, "living")
            say(home, at + 60, "living", False)
        at += 600
        for hour in (left, back):
            second = (n * 24 + hour) * HOUR
            if at - 600 < second <= at:
                say(home, second, "door")
                say(home, second + 10, "door", False)


def asked(home):
    return [about for _, about in home.ran.asked]


def test_an_outing_that_was_asked_about_teaches_the_next(home):
    for n in range(8):
        day(home, n, 9, 10)
    day(home, 8, 9, 16.5)
    assert (asked(home), home.ran.count.raised) == (["person.no_return"], 1)
    assert max(home.pipeline.silence.line.kept.trips) == 449
    day(home, 9, 9, 16.5)
    assert home.ran.count.raised == 1


def test_of_one_leaving_it_is_asked_once(home):
    for n in range(8):
        day(home, n, 9, 10)
    day(home, 8, 9, 21.5)
    assert (asked(home), home.ran.count.raised) == (["person.no_return"], 1)


def test_who_is_up_and_leaves_early_goes_to_the_market(home):
    day(home, 0, 9, 10)
    day(home, 1, 6.6, 9, up=5.5)
    assert asked(home) == []
    say(home, 50 * HOUR, "living")
    say(home, 50 * HOUR + 60, "door")
    say(home, 50 * HOUR + 70, "door", False)
    home.until(BEGINS + 51 * HOUR)
    assert asked(home) == ["person.night_exit"]
