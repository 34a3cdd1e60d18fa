"""A change tried on recorded days: the figures are those of the rules, and the work is bounded."""

from datetime import UTC, datetime, timedelta

import pytest
from drivers import all_models
from gateway.home import changes
from gateway.home.config import load
from gateway.home.handed import Handed
from gateway.home.rerun import rules_of, run
from gateway.home.trial import tried
from gateway.home.waits import WAITS
from gateway.judge.known import Known
from gateway.judge.watch import SOS, Watch
from gateway.keep.journal import Writing
from gateway.keep.store import Store
from gateway.words.clock import Moment
from gateway.words.instruction import Change, Do, Instruction, What
from gateway.words.reading import Kind, Reading

from tests.kit.hand import Home
from tests.kit.household import DEVICES, Gateway

BEGAN = datetime(2026, 11, 16, 4, 0, tzinfo=UTC)
NOW = Moment(900_000.0, BEGAN + timedelta(days=6))
RADAR = '\n[[device]]\nid = "radar"\nmodel = "radar-5359"\nroom = "bath"\nport = "/dev/x"\n'
DOOR = '\n[[device]]\nid = "door"\nmodel = "shelly-blu-door"\nroom = "hall"\naddress = "3C:2E:F5:AA:BB:CC"\nleft_open = true\n'
LADDER = '\n[[ladder]]\nresponder = "grid worker"\nchannel = "platform"\nwait = 120\n'


@pytest.fixture
def home(tmp_path):
    gateway = Gateway(tmp_path, devices=DEVICES + RADAR + DOOR, lines=LADDER)
    gateway.systemd.close()
    config = load(gateway.config, all_models(), with_secrets=False)  # as the page does
    config.state.mkdir()
    return config


def at(seconds):
    return Moment(1000.0 + seconds, BEGAN + timedelta(seconds=seconds))


def heard(seconds, device, kind, value, **more):
    return Reading(device=device, kind=kind, value=value, at=at(seconds), **more)


NONE = dict.fromkeys(("raised", "cancelled", "called", "asked", "answered"), 0)
DAY = [
    heard(0, "radar", Kind.FALL, True),
    heard(25, "cancel", Kind.BUTTON, "press"),
    heard(30, "radar", Kind.FALL, False),
    heard(3600, "door", Kind.CONTACT_OPEN, True),
    heard(3600 + 1900, "door", Kind.CONTACT_OPEN, False),
    heard(7200, "pendant", Kind.BUTTON, "press"),
    heard(9000, "radar", Kind.FALL, True),
    heard(9020, "cancel", Kind.BUTTON, "press", flagged=True),
]


def record(config, readings=DAY):
    store = Store(config.state, "gw")
    store.open()
    store.readings._keep(readings, "boot-1")
    store.close_now()


def changed(config, what, value):
    return changes.changed(config, Change(What(what), value), Handed(), all_models())


def test_a_shorter_grace_and_a_longer_door_time_are_counted(home):
    record(home)
    told = tried(home, changed(home, "set_times", {"grace_fall": 20, "door_left_open_day": 3600}), NOW)
    assert told["before"] == NONE | {"raised": 3, "cancelled": 1}
    assert told["after"] == NONE | {"raised": 3}
    assert [(a["kind"], a["device"], a["at"]) for a in told["more"]] == [("person.fall", "radar", "2026-11-16T04:00:00Z")]
    assert [(a["kind"], a["room"]) for a in told["fewer"]] == [("door.left_open", "hall")]
    assert told["en"] == "would have cancelled 1 fewer"
    assert told["zh"] == "会撤警少 1 次"
    assert (told["complete"], told["readings"]) == (True, len(DAY))


def test_how_often_the_home_would_have_asked_is_counted(home):
    up = [heard(300 * n, "radar", Kind.PRESENCE, n % 2 == 0) for n in range(10)]
    record(home, [*up, heard(6 * 3600, "radar", Kind.PRESENCE, False), heard(6 * 3600 + 60, "radar", Kind.PRESENCE, True)])
    told = tried(home, changed(home, "set_silence", {"preset": "usual", "at_home": True}), NOW)
    assert told["before"] == NONE
    assert told["after"] == NONE | {"asked": told["after"]["asked"], "answered": told["after"]["asked"]}
    assert 1 <= told["after"]["asked"] <= 3
    assert told["en"].startswith(f"would have asked {told['after']['asked']} times more, been answered")


def test_the_same_rules_make_no_difference_and_nothing_recorded_is_said(home):
    assert tried(home, home, NOW)["en"] == "nothing has been recorded yet"
    record(home)
    told = tried(home, home, NOW)
    assert (told["en"], told["more"], told["fewer"]) == ("no difference", [], [])
    assert told["before"] == told["after"]


def test_how_fast_people_answered_then_decides_who_is_called(home):
    record(home)
    store = Store(home.state, "gw")
    store.open()
    pipeline = Home(watches=(), ladder=home.ladder).pipeline("boot-1")
    entries = pipeline.restart(at(0), Known(journal=store.journal), why="start")
    pipeline._judge.rewatch({"pendant": Watch(device="pendant", buttons={1: SOS})}, home.times, home.zone, home.night, set())
    entries += pipeline.heard(DAY[5])
    alarm = next(iter(pipeline.alarms.values()))
    entries += pipeline.tick(at(7200 + 31))
    entries += pipeline.told(Instruction(id="1", do=Do.ACKNOWLEDGE, by="desk", alarm=alarm.id), at(7200 + 100))
    entries += pipeline.told(Instruction(id="2", do=Do.CLOSE, by="desk", alarm=alarm.id, outcome="helped"), at(7200 + 700))
    store.write(Writing(entries=entries))
    store.close_now()
    told = tried(home, changed(home, "set_times", {"acknowledge_p1": 120}), NOW)
    assert told["was"] == NONE | {"raised": 1, "called": 1}
    assert told["before"]["called"] == 2, "the desk took 100 s, the second rung was called at 60"
    assert told["after"]["called"] == 0
    assert told["en"] == "would have called 2 fewer"


def test_a_retired_device_raises_nothing(home):
    record(home)
    told = tried(home, changed(home, "retire_device", {"id": "pendant"}), NOW)
    assert [a["kind"] for a in told["fewer"]] == ["person.sos"]


def test_only_the_last_days_count(home):
    record(home)
    assert tried(home, home, replace_wall(timedelta(days=8)))["readings"] == 0


def replace_wall(more):
    return Moment(NOW.mono, NOW.wall + more)


def test_a_cut_off_by_time_says_so(home, monkeypatch):
    record(home)
    monkeypatch.setattr(WAITS, "trial_work", -1.0)
    told = tried(home, home, NOW)
    assert told["complete"] is False


def test_a_hundred_thousand_readings_are_tried(home):
    def many():
        for n in range(100_000):
            yield heard(n * 6.0, "door", Kind.CONTACT_OPEN, bool(n % 2))

    ran = run(rules_of(home), many(), [], most=200_000)
    assert ran.readings == 100_000
