"""A badge says who has come: an arrival at an alarm that was before it, and a visit; it raises, closes and silences nothing else."""

import pytest
from gateway.judge.alarm import State
from gateway.judge.badges import FLOOR, FRAMES, Badge, Badges, Visit
from gateway.judge.book import AlarmFact
from gateway.judge.faults.fact import FaultFact
from gateway.judge.waits import WAITS
from gateway.words import kind
from gateway.words.instruction import Do, Door
from gateway.words.reading import Kind

from tests.kit.hand import Day, HandClock, story

PLAIN, KEYED = Badge("grid worker"), Badge("neighbour", proved=True)
WAYS = {"plain": PLAIN, "keyed": KEYED}


@pytest.fixture
def day():
    """A home with two badges, neither of which was heard for long."""
    day = Day()
    day.pipeline.badges.know(WAYS)
    day.wait(WAITS.badge_gone + 60)
    return day


def near(day, device="plain", seconds=WAITS.badge_stay + 10, dbm=-60, every=10):
    """Let a badge be heard for so long; return what was written."""
    before, end = len(day.entries), day.clock.mono + seconds
    while day.clock.mono < end:
        day.pipeline.badges.heard(device, dbm, day.clock.mono)
        day.wait(every)
    return day.entries[before:]


def visits(entries):
    return [dict(e.fact.detail) for e in entries if isinstance(e.fact, FaultFact) and e.fact.kind == kind.VISIT]


def taken(day, responder="Li"):
    alarm = day.raise_to("raised", "sos")
    day.tell("dispatch", alarm=alarm.id, responder=responder, seconds=600.0)
    return day.alarm


# -- arrival ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", WAYS)
def test_who_comes_to_an_alarm_that_somebody_has_is_on_site_with_its_time(day, device):
    day.wait(100)
    taken(day)
    day.wait(300)
    before = day.clock.mono
    written = near(day, device)
    assert (day.alarm.state, day.alarm.responder, day.alarm.by, day.alarm.reason) == (
        State.ON_SITE,
        WAYS[device].who,
        WAYS[device].who,
        "badge",
    )
    assert [line for line in story(written) if "sos" in line] == ["person.sos arrive on_site"], "once, and nobody is called"
    assert WAITS.badge_stay <= day.alarm.stages["arrival"].mono - before <= WAITS.badge_stay + 10
    assert {"danger", "alarm", "dispatch", "arrival"} <= {*day.alarm.stages}
    day.tell("close", alarm=day.alarm.id, outcome="helped")
    assert day.alarm.state is State.CLOSED
    assert near(day, device, 120) == [], "a badge closes nothing and opens nothing"


def test_a_plain_badge_stops_no_ladder_that_nobody_has_answered(day):
    day.raise_to("raised", "sos")
    day.wait(30)
    written = near(day, "plain", 600)
    assert day.alarm.state is State.RAISED
    assert sum(line == "person.sos call raised" for line in story(written)) >= 3, "people are called on"
    day.tell("acknowledge", alarm=day.alarm.id)
    near(day, "plain", 20)
    assert day.alarm.state is State.ON_SITE, "who is here has come to it as soon as somebody has it"


def test_a_badge_with_a_key_is_a_person_also_where_nobody_answered(day):
    day.raise_to("raised", "sos")
    day.wait(30)
    near(day, "keyed")
    assert (day.alarm.state, day.alarm.responder) == (State.ON_SITE, "neighbour")
    assert not [line for line in story(day.wait(1800)) if " call " in line]


def test_who_comes_late_to_an_alarm_that_lapsed_has_come(day):
    taken(day)
    day.wait(1200)
    assert day.alarm.state is State.RAISED, "nobody had arrived in time"
    near(day, "plain")
    assert day.alarm.state is State.ON_SITE


@pytest.mark.parametrize(
    ("seconds", "dbm", "every"),
    [
        (3600, FLOOR - 1, 10),  # a car below
        (3600, 127, 10),  # BLE's word for: not measured
        (WAITS.badge_stay - 10, -50, 10),  # passes the door
        (3600, -50, WAITS.badge_pause + 5),  # too seldom to be here
        (3600, 0, 10),
    ],
)
def test_who_is_too_far_too_short_or_too_seldom_has_not_come(day, seconds, dbm, every):
    taken(day)
    near(day, "keyed", seconds, dbm, every)
    assert State.ON_SITE.value not in {e.fact.alarm.state for e in day.entries if isinstance(e.fact, AlarmFact)}
    assert visits(day.entries) == []


def test_a_weaker_frame_keeps_who_is_here_and_brings_nobody(day):
    near(day, "plain", 70)
    assert near(day, "plain", 3600, FLOOR - 5) != []
    (left,) = [v for v in visits(day.wait(WAITS.badge_gone + 20)) if "left" in v]
    assert left["minutes"] == pytest.approx(61, abs=1)


def test_a_badge_that_was_here_before_the_alarm_has_not_come_to_it(day):
    near(day, "keyed", 120)
    alarm = taken(day)
    near(day, "keyed", 900)
    assert day.alarms()[alarm.number - 1].state is not State.ON_SITE, "left in a drawer"
    day.wait(WAITS.badge_gone + 60)
    near(day, "keyed")
    assert day.alarms()[alarm.number - 1].state is State.ON_SITE, "it was away and has come"


def test_it_arrives_at_what_can_be_arrived_at_and_at_no_test(day):
    day.tell(Do.WALK, by="Li", device="pendant", seconds=300.0, door=Door.LOCAL)
    day.press(device="pendant")
    near(day, "keyed")
    assert all(a.state is not State.ON_SITE for a in day.open), "a test is nobody's arrival"
    day.wait(600)
    day.hear("door", Kind.CONTACT_OPEN, True)
    day.wait(1801)
    assert [a.kind for a in day.open] == [kind.DOOR_LEFT_OPEN]
    day.wait(WAITS.badge_gone)
    near(day, "keyed")
    assert [a.state for a in day.open] == [State.RAISED], "a door shuts by itself"


def test_in_a_grace_nobody_arrives_and_after_it_they_have(day):
    day.fall()
    day.wait(1)
    assert day.alarm.state is State.PRE_ALARM
    near(day, "keyed", 20)
    assert day.alarm.state is State.PRE_ALARM
    near(day, "keyed", 80)
    assert day.alarm.state is State.ON_SITE


def test_all_alarms_of_one_event_are_arrived_at(day):
    day.hear("smoke", Kind.SMOKE, True)
    day.fall(device="radar2")
    day.wait(40)
    near(day, "keyed")
    assert {a.state for a in day.open} == {State.ON_SITE}


# -- what was here before, over restarts -------------------------------------------------------------------------------------


def start(silent_for):
    badges, clock = Badges(), HandClock()
    badges.know({"keyed": KEYED})
    badges.start(clock.now(), silent_for)
    return badges, clock


def here(badges, clock):
    for _ in range(FRAMES + 5):
        badges.heard("keyed", -50, clock.mono)
        clock.move(WAITS.badge_stay / FRAMES)
    badges.tick(clock.now())
    return bool(badges.there())


@pytest.mark.parametrize(
    ("silent_for", "after", "comes"),
    [
        ({"keyed": 5.0}, 30, False),  # heard just before the power went: it lies here
        ({"keyed": 5.0}, WAITS.badge_gone, True),
        ({"keyed": WAITS.badge_gone + 5}, 1, True),  # it was away: the neighbour has come
        ({}, 30, False),
        ({}, WAITS.badge_gone, True),
    ],
)
def test_after_a_restart_only_a_badge_that_was_away_has_come(silent_for, after, comes):
    badges, clock = start(silent_for)
    clock.move(after)
    badges.tick(clock.now())
    assert here(badges, clock) is comes


def test_a_new_badge_and_other_hardware_under_its_name_have_to_go_and_come(day):
    for other in ((), ("plain",)):
        day.pipeline.badges.know({**WAYS, "new": Badge("family")}, other)
        for device in ("new", "plain") if other else ("new",):
            near(day, device)
            assert device not in {t.device for t in day.pipeline.badges.there()}, device
        day.wait(WAITS.badge_gone + 60)
        near(day, "new")
        assert "new" in {t.device for t in day.pipeline.badges.there()}
        day.wait(WAITS.badge_gone + 60)
        day.pipeline.badges.know(WAYS)
    day.pipeline.badges.know({})
    assert near(day, "plain") == [], "nobody knows it any more"


# -- visits ------------------------------------------------------------------------------------------------------------------


def test_a_stay_is_a_visit_and_says_who_came_and_left(day):
    written = near(day, "plain", WAITS.visit_least + 20)
    (came,) = visits(written)
    assert {**came, "came": ""} == {"what": "badge", "who": "grid worker", "proved": False, "came": ""}
    assert near(day, "plain", 1500) == [], "told once"
    (left,) = visits(day.wait(WAITS.badge_gone + 60))
    assert (left["who"], left["came"], left["minutes"]) == ("grid worker", came["came"], 30)
    assert left["came"] < left["left"]
    assert [e.priority for e in day.entries if isinstance(e.fact, FaultFact) and e.fact.kind == kind.VISIT] == [4, 4]


def test_who_only_brings_something_to_the_door_is_no_visit(day):
    assert visits(near(day, "plain", WAITS.visit_least - 60)) == []
    assert visits(day.wait(WAITS.badge_gone + 60)) == []


def test_who_comes_back_before_anybody_looked_has_left_and_come():
    badges, clock = start({"keyed": WAITS.badge_gone})
    for _ in range(2):
        since = clock.mono
        while clock.mono < since + WAITS.visit_least + 10:
            badges.heard("keyed", -60, clock.mono)
            clock.move(10)
        assert Visit("keyed", KEYED, since) in badges.tick(clock.now())
        clock.move(WAITS.badge_gone)
    badges.heard("keyed", -60, clock.mono)
    (left,) = badges.tick(clock.now())
    assert left.until is not None
