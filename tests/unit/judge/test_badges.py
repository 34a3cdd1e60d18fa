"""A badge says who has come: an arrival at an alarm that was before it, and a visit; it raises, closes and silences nothing else."""

import random

import pytest
from gateway.judge.alarm import State
from gateway.judge.badges import FLOOR, KEPT, Badge, Badges, Visit
from gateway.judge.book import AlarmFact
from gateway.judge.faults.fact import FaultFact
from gateway.judge.waits import WAITS
from gateway.words import kind
from gateway.words.instruction import Do, Door
from gateway.words.reading import Kind

from tests.kit.hand import HOME_ZONE, Day, HandClock, story

PLAIN, KEYED = Badge("grid worker"), Badge("neighbour", proved=True)
WAYS = {"plain": PLAIN, "keyed": KEYED}


@pytest.fixture
def day():
    """A home with two badges, neither of which was heard for long."""
    day = Day()
    day.pipeline.badges.know(WAYS)
    apart(day)
    return day


def apart(day, seconds=WAITS.badge_gone + 60):
    """Let no badge be heard for so long, but something else; return what was written."""
    before, end = len(day.entries), day.clock.mono + seconds
    while day.clock.mono < end:
        day.pipeline.badges.hears(day.clock.mono)
        day.wait(10)
    return day.entries[before:]


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


def test_a_badge_makes_good_an_arrival_that_only_an_sms_told_of(day):
    day.wait(100)
    taken(day, "Chen")
    day.wait(60)
    day.tell("arrive", alarm=day.alarm.id, by=WAYS["plain"].who, responder=WAYS["plain"].who, reason="by_sms")
    assert (day.alarm.state, day.alarm.reason) == (State.ON_SITE, "by_sms")
    written = near(day, "plain")
    assert (day.alarm.state, day.alarm.reason, day.alarm.responder) == (State.ON_SITE, "badge", WAYS["plain"].who)
    assert [line for line in story(written) if "sos" in line] == ["person.sos shown on_site"], "once, and nothing else of it changes"
    assert near(day, "plain", 120) == []


@pytest.mark.parametrize("device", WAYS)
def test_no_badge_stops_a_ladder_that_nobody_has_answered(day, device):
    day.raise_to("raised", "sos")
    day.wait(30)
    written = near(day, device, 600)
    assert day.alarm.state is State.RAISED
    assert sum(line == "person.sos call raised" for line in story(written)) >= 3, "people are called on"
    day.tell("acknowledge", alarm=day.alarm.id)
    near(day, device, 20)
    assert day.alarm.state is State.ON_SITE, "who is here has come to it as soon as somebody has it"
    assert [v["who"] for v in visits(written)] == [WAYS[device].who], "that somebody came is told all the same"


def test_who_was_near_and_is_no_more_has_not_arrived(day):
    day.raise_to("raised", "sos")
    day.wait(30)
    near(day, "keyed", WAITS.badge_stay + 20)
    apart(day, WAITS.badge_fresh + 10)
    day.tell("acknowledge", alarm=day.alarm.id)
    apart(day, 300)
    assert State.ON_SITE.value not in {e.fact.alarm.state for e in day.entries if isinstance(e.fact, AlarmFact)}


def test_a_shelved_badge_arrives_nowhere_and_is_no_visit_of_the_month(day):
    day.pipeline.visits.want(1, HOME_ZONE)
    taken(day)
    day.tell("shelve", device="button", seconds=3600.0, reason="lost")
    day.pipeline.shelves["keyed"] = day.pipeline.shelves.pop("button")
    near(day, "keyed", 400)
    assert State.ON_SITE.value not in {e.fact.alarm.state for e in day.entries if isinstance(e.fact, AlarmFact)}
    assert '"visits":0' in day.pipeline.visits.mark(anew=True)


@pytest.mark.parametrize("every", [1, 5, 10])
def test_who_stands_in_the_home_has_come_within_three_minutes(every):
    air, badges, clock = random.Random(3), *start(away=True)
    late = []
    for _ in range(30):
        begin = clock.mono
        while not badges.there(clock.now()) and clock.mono < begin + 3600:
            badges.heard("keyed", round(air.gauss(-70, 6)), clock.mono)
            clock.move(every)
        late.append(clock.mono - begin)
        away(badges, clock)
    assert WAITS.badge_stay <= min(late) <= max(late) <= 180


@pytest.mark.parametrize("every", [1, 5, 10])
def test_thirty_evenings_behind_a_wall_are_no_arrival(every):
    air, badges, clock = random.Random(5), *start(away=True)
    for _ in range(30 if every > 1 else 6):
        for _ in range(3600 // every):
            badges.heard("keyed", round(air.gauss(-84, 5)), clock.mono)
            clock.move(every)
            assert not badges.there(clock.now())
        away(badges, clock)


def test_who_goes_home_behind_the_wall_has_left():
    air, badges, clock = random.Random(7), *start(away=True)
    here(badges, clock)
    for _ in range(120):
        badges.heard("keyed", round(air.gauss(-88, 5)), clock.mono)
        clock.move(10)
    assert not badges.there(clock.now())
    assert badges.mark(anew=True) == '{"keyed":{"away":true,"came":null,"boot":"","stayed":0.0,"before":false,"visits":false}}'


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
    near(day, "plain")
    assert near(day, "plain", 3600, KEPT) != []
    (left,) = [v for v in visits(near(day, "plain", WAITS.badge_gone + 120, KEPT - 1)) if "left" in v]
    assert left["minutes"] == pytest.approx(63, abs=1), "and a weak one keeps nobody"


def test_a_badge_that_was_here_before_the_alarm_has_not_come_to_it(day):
    near(day, "keyed", 180)
    alarm = taken(day)
    near(day, "keyed", 900)
    assert day.alarms()[alarm.number - 1].state is not State.ON_SITE, "left in a drawer"
    apart(day)
    near(day, "keyed")
    assert day.alarms()[alarm.number - 1].state is State.ON_SITE, "it was away and has come"


def test_it_arrives_at_what_can_be_arrived_at_and_at_no_test(day):
    day.tell(Do.WALK, by="Li", device="pendant", seconds=300.0, door=Door.LOCAL)
    day.press(device="pendant")
    near(day, "keyed")
    assert day.open
    assert all(a.state is not State.ON_SITE for a in day.open), "a test is nobody's arrival"
    day.wait(600)
    day.hear("door", Kind.CONTACT_OPEN, True)
    day.wait(1801)
    assert [a.kind for a in day.open] == [kind.DOOR_LEFT_OPEN]
    day.tell("acknowledge", alarm=day.open[0].id)
    apart(day)
    near(day, "keyed")
    assert State.ON_SITE not in [a.state for a in day.open], "a door shuts by itself"


def test_in_a_grace_nobody_arrives_and_after_it_they_have(day):
    day.fall()
    day.wait(1)
    assert day.alarm.state is State.PRE_ALARM
    near(day, "keyed", 20)
    assert day.alarm.state is State.PRE_ALARM
    near(day, "keyed")
    assert day.alarm.state is State.RAISED
    day.tell("acknowledge", alarm=day.alarm.id)
    near(day, "keyed", 10)
    assert day.alarm.state is State.ON_SITE


def test_all_alarms_of_one_event_are_arrived_at(day):
    day.hear("smoke", Kind.SMOKE, True)
    day.fall(device="radar2")
    day.wait(40)
    for alarm in day.open:
        day.tell("acknowledge", alarm=alarm.id)
    near(day, "keyed")
    assert {a.state for a in day.open} == {State.ON_SITE}


# -- what was here before, over restarts -------------------------------------------------------------------------------------


def start(mark="", *, away=False, boot="boot-1"):
    badges, clock = Badges(boot), HandClock(boot=boot)
    badges.know({"keyed": KEYED})
    badges.restored(mark or f'{{"keyed": {{"away": {str(away).lower()}}}}}')
    badges.start(clock.now())
    return badges, clock


def away(badges, clock, seconds=WAITS.badge_gone + 30, every=30):
    """Let something else be heard by radio."""
    for _ in range(round(seconds / every)):
        clock.move(every)
        badges.hears(clock.mono)
        badges.tick()


def here(badges, clock, seconds=WAITS.badge_stay + 20):
    for _ in range(round(seconds / 10)):
        badges.heard("keyed", -50, clock.mono)
        clock.move(10)
        badges.tick()
    return bool(badges.there(clock.now()))


@pytest.mark.parametrize(("was_away", "listens", "comes"), [(False, 30, False), (False, WAITS.badge_gone, True), (True, 0, True)])
def test_after_a_restart_only_a_badge_that_was_away_has_come(was_away, listens, comes):
    badges, clock = start(away=was_away)
    badges.hears(clock.mono)
    away(badges, clock, listens)
    assert here(badges, clock) is comes


@pytest.mark.parametrize("deaf", [540, 605, 900, 7200])
def test_while_the_radio_hears_nothing_no_badge_is_away(deaf):
    badges, clock = start()
    here(badges, clock, 1200)
    for _ in range(deaf // 5):
        clock.move(5)
        badges.tick()
    assert not here(badges, clock), "it lies where it lay"
    away(badges, clock)
    assert here(badges, clock), "it was away"


@pytest.mark.parametrize("boot", ["boot-1", "boot-2"])
@pytest.mark.parametrize("seconds", [40, 200])
def test_who_came_before_a_restart_has_come_after_it(boot, seconds):
    badges, clock = start(away=True)
    here(badges, clock, seconds)
    badges, clock = start(badges.mark(anew=True), boot=boot)
    assert here(badges, clock)


@pytest.mark.parametrize("boot", ["boot-1", "boot-2"])
def test_a_visit_is_one_over_a_restart_in_its_first_minutes(boot):
    badges, clock = start(away=True)
    here(badges, clock, WAITS.badge_stay + 40)
    badges, later = start(badges.mark(), boot=boot)
    later.to(clock.mono) if boot == "boot-1" else None
    told = []
    for _ in range(60):
        badges.heard("keyed", -60, later.mono)
        later.move(10)
        told += badges.tick()
    assert [v.until for v in told] == [None]
    badges, later = start(badges.mark(), boot=boot)
    here(badges, later, 400)
    assert badges.tick() == [], "and told once"


def test_a_badge_that_was_here_before_the_alarm_has_not_come_to_it_after_a_cut(day):
    near(day, "keyed", 300)
    taken(day)
    mark = day.pipeline.badges.mark(anew=True)
    day.restart(other_boot=True)
    day.pipeline.badges.know(WAYS)
    day.pipeline.badges.restored(mark)
    day.pipeline.badges.start(day.clock.now())
    near(day, "keyed", 900)
    assert day.open
    assert State.ON_SITE not in {a.state for a in day.open}


def test_a_damaged_mark_is_none_and_an_unchanged_one_is_not_written():
    for mark in ("{", "[]", '{"keyed": 5}', '{"keyed": {"came": -5}}', '{"keyed": {"came": 1e300, "stayed": 1e300}}', "[" * 5000):
        badges, clock = start(mark)
        here(badges, clock, 400)
        assert badges.unsaved
        assert badges.mark() != ""
        assert not badges.unsaved
        assert badges.mark() == ""


def test_a_new_badge_and_other_hardware_under_its_name_have_to_go_and_come(day):
    for other in ((), ("plain",)):
        day.pipeline.badges.know({**WAYS, "new": Badge("family")}, other)
        for device in ("new", "plain") if other else ("new",):
            near(day, device)
            assert device not in {t.device for t in day.pipeline.badges.there(day.clock.now())}, device
        apart(day)
        near(day, "new")
        assert "new" in {t.device for t in day.pipeline.badges.there(day.clock.now())}
        apart(day)
        day.pipeline.badges.know(WAYS)
    day.pipeline.badges.know({})
    assert near(day, "plain") == [], "nobody knows it any more"


# -- visits ------------------------------------------------------------------------------------------------------------------


def test_a_stay_is_a_visit_and_says_who_came_and_left(day):
    written = near(day, "plain", WAITS.visit_least + 20)
    (came,) = visits(written)
    assert {**came, "came": ""} == {"what": "badge", "who": "grid worker", "proved": False, "came": ""}
    assert near(day, "plain", 1500) == [], "told once"
    (left,) = visits(apart(day))
    assert (left["who"], left["came"], left["minutes"]) == ("grid worker", came["came"], 30)
    assert left["came"] < left["left"]
    assert [e.priority for e in day.entries if isinstance(e.fact, FaultFact) and e.fact.kind == kind.VISIT] == [4, 4]


def test_who_only_brings_something_to_the_door_is_no_visit(day):
    assert visits(near(day, "plain", WAITS.visit_least - 60)) == []
    assert visits(apart(day)) == []


def test_who_comes_back_before_anybody_looked_has_left_and_come():
    badges, clock = start(away=True)
    for _ in range(2):
        since = clock.mono
        while clock.mono < since + WAITS.visit_least + 10:
            badges.heard("keyed", -60, clock.mono)
            clock.move(10)
        assert Visit("keyed", KEYED, since) in badges.tick()
        for _ in range(21):
            clock.move(30)
            badges.hears(clock.mono)
    badges.heard("keyed", -60, clock.mono)
    (left,) = badges.tick()
    assert left.until is not None
