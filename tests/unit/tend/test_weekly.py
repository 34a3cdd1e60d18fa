"""Once a week, by a clock that is sure, relatives are told on which days there were signs of life: once, whatever the power does."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from gateway.judge.silence.life import Place
from gateway.tend import weekly
from gateway.tend.weekly import MARK, Weekly
from gateway.words import kind
from gateway.words.clock import Moment, Quality
from gateway.words.reading import Kind, Reading

from tests.kit.hand import Day

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2027, 3, 1, 0, 30, tzinfo=ZONE)


class Week:
    """A home whose relatives are informed, and what they are told."""

    def __init__(self, monkeypatch, *, family=True, activity=True):
        monkeypatch.setattr(weekly, "places", lambda _: {"radar": Place(room="hall")})
        consent = SimpleNamespace(family=family, activity=activity)
        self.config = SimpleNamespace(informed=("son",), zone=ZONE, parts=SimpleNamespace(consent=consent))
        self.day, self.kept, self.told, self.at = Day(), "", [], MONDAY
        self.begin()

    def begin(self):
        """Start, as after a power cut."""
        home = SimpleNamespace(config=self.config)
        self.one = Weekly(self.kept, home=home, pipeline=self.day.pipeline, faults=self.day.pipeline.faults, replays=False)

    def look(self, at, quality=Quality.SYNCHRONISED):
        self.at = at
        entries = self.day.take(self.one.look(Moment(self.day.clock.mono, at.astimezone(UTC), quality)))
        self.told += [e.fact.detail for e in entries if e.fact.kind == kind.FAMILY_WORD]
        self.kept = self.one.marks(Moment(1.0, at)).get(MARK, self.kept)

    def lives(self, at, quality=Quality.SYNCHRONISED):
        self.one.heard(Reading(device="radar", kind=Kind.MOTION, value=True, at=Moment(self.day.clock.mono, at.astimezone(UTC), quality)))

    def saved(self):
        """Write down what is known, as the daemon does every few minutes."""
        self.kept = self.one.marks(Moment(1.0, self.at)).get(MARK, self.kept)

    def week(self, *, lived="1234567", hours=range(0, 24, 3), begins=MONDAY):
        """Let a week pass, with signs on these days."""
        for n in range(7):
            for hour in hours:
                at = begins + timedelta(days=n, hours=hour)
                self.look(at)
                if str(n + 1) in lived and hour == 9:
                    self.lives(at)


@pytest.fixture
def home(monkeypatch):
    return Week(monkeypatch)


def test_from_the_first_sunday_on_it_is_told_once_a_week_by_day(home):
    home.week()
    assert home.told == [], "it begins in the middle of nothing"
    home.week(begins=MONDAY + timedelta(days=7))
    assert [(d["days"], d["open"], d["people"]) for d in home.told] == [("7y1y2y3y4y5y6y", False, 1)]
    home.week(begins=MONDAY + timedelta(days=14))
    assert len(home.told) == 2


def test_days_without_a_sign_out_and_not_seen_are_three_things(home):
    home.week()
    begins = MONDAY + timedelta(days=7)
    home.week(lived="1", begins=begins, hours=range(0, 24, 3))
    assert home.told[0]["days"] == "7y1y2n3n4n5n6n"


def test_the_day_of_a_start_and_one_without_the_box_were_not_seen(home):
    home.week()
    begins = MONDAY + timedelta(days=7)
    for n in (0, 1, 4, 5, 6):  # off on Wednesday and Thursday
        if n == 4:
            home.begin()
        home.look(begins + timedelta(days=n, hours=11))
        if n != 4:
            home.lives(begins + timedelta(days=n, hours=11))
        home.saved()
    assert home.told[0]["days"] == "7y1y2y3?4?5?6y"


def test_deaf_and_missing_sensors_are_not_an_old_person_without_signs(home):
    home.week()
    begins, faults = MONDAY + timedelta(days=7), home.day.pipeline.faults
    deaf = faults.begin(kind.RADIO_DEAF, Moment(1.0, begins.astimezone(UTC)), "hci0")
    assert deaf
    home.week(lived="", begins=begins)
    assert set(home.told[0]["days"][3::2]) == {"?"}


def test_nothing_is_told_twice_over_power_cuts_and_nothing_by_a_wrong_clock(home):
    home.week()
    sunday = MONDAY + timedelta(days=13)
    home.week(begins=MONDAY + timedelta(days=7), hours=(3,))
    assert home.told == []
    for quality in (Quality.UNSURE, Quality.WRONG):
        home.look(sunday.replace(hour=12), quality)
    assert home.told == [], "an unsure clock waits"
    home.look(sunday.replace(hour=22))
    assert home.told == [], "nobody is woken for it"
    home.begin()
    home.look(sunday.replace(hour=12))
    for _ in range(3):
        home.begin()
        home.look(sunday.replace(hour=13))
    assert len(home.told) == 1
    home.kept = '{"told": 7, "days": [1'
    home.begin()
    home.look(sunday.replace(hour=14))
    assert len(home.told) == 1, "a damaged mark tells nothing, and goes on next Sunday"


def test_a_box_that_was_off_on_sunday_tells_it_later_by_day_and_after_an_alarm(home):
    home.week()
    home.week(begins=MONDAY + timedelta(days=7), hours=(3,))
    tuesday = MONDAY + timedelta(days=15)
    home.day.press()
    home.look(tuesday.replace(hour=11))
    assert home.told == [], "nobody has the alarm yet: first things first"
    home.day.tell("acknowledge", alarm=home.day.alarm.id)
    home.look(tuesday.replace(hour=11, minute=50))
    assert [d["open"] for d in home.told] == [True]


def test_without_consent_no_day_is_kept_and_nobody_is_told(monkeypatch):
    home = Week(monkeypatch, family=False)
    home.week()
    home.week(begins=MONDAY + timedelta(days=7))
    assert (home.told, home.kept) == ([], "")
    home = Week(monkeypatch, activity=False)
    home.week()
    home.week(begins=MONDAY + timedelta(days=7))
    assert [d["days"] for d in home.told] == [""]
    assert '"days": {}' in home.kept
    home.config.parts.consent.family = False
    home.look(MONDAY + timedelta(days=20))
    assert home.kept == '{"told": "", "days": {}}', "who takes it back leaves nothing behind"
