"""When a person can be called: hours, days, nights, and what the ladder makes of it."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from gateway.judge.alarm import Delivery
from gateway.judge.dispatch import PROGRAM, Rung
from gateway.judge.duty import DAYS, Duty, gaps
from gateway.words.clock import Moment, Quality
from gateway.words.kind import Priority
from gateway.words.reading import Kind

from tests.kit.hand import Day, Home
from tests.unit.judge.test_dispatch import calls

ZONE = ZoneInfo("Asia/Shanghai")


def duty(begins, ends, days=DAYS):
    return Duty(time.fromisoformat(begins), time.fromisoformat(ends), ZONE, days)


@pytest.mark.parametrize(
    ("one", "at", "on"),
    [
        (duty("07:00", "22:00"), "2027-03-01T07:00", True),
        (duty("07:00", "22:00"), "2027-03-01T22:00", False),
        (duty("07:00", "22:00"), "2027-03-01T06:59", False),
        (duty("18:00", "08:00"), "2027-03-01T02:10", True),
        (duty("18:00", "08:00"), "2027-03-01T12:00", False),
        (duty("18:00", "08:00", "5"), "2027-03-06T02:10", True),  # Saturday morning is Friday's night
        (duty("18:00", "08:00", "5"), "2027-03-05T02:10", False),
        (duty("00:00", "00:00", "67"), "2027-03-07T23:59", True),
        (duty("00:00", "00:00", "67"), "2027-03-08T00:00", False),
    ],
)
def test_the_hours_are_the_homes_own(one, at, on):
    wall = datetime.fromisoformat(at).replace(tzinfo=ZONE).astimezone(UTC)
    assert one.on(Moment(1.0, wall)) is on
    assert one.on(Moment(1.0, wall, Quality.UNSURE)), "a clock that nobody has confirmed keeps nobody away"


def test_gaps_in_the_week_are_named():
    day, night = duty("07:00", "22:00"), duty("22:00", "07:00", "1234")
    assert gaps((day, duty("22:00", "07:00"))) == []
    assert gaps((day, None)) == []
    assert gaps(()) == []
    found = gaps((day, night))
    assert (5, time(22), time(0)) in found
    assert (6, time(0), time(7)) in found
    assert (2, time(0), time(7)) not in found, "Monday's night is Tuesday's morning"
    assert (1, time(0), time(7)) in found, "Sunday has none"


def program(who, **more):
    return Rung(who, PROGRAM, 60.0, (f"/bin/{who}",), **more)


def made(day):
    return [(c.responder, c.reason, c.delivery) for c in day.alarm.calls if c.rung]


def test_who_is_not_there_at_this_hour_is_passed_over_at_once_and_never_the_last_one():
    day = Day(Home(ladder=(program("by_day"), program("always"))))
    noon = day.clock.now().wall.astimezone(ZONE)
    off = Duty(time((noon.hour + 3) % 24), time((noon.hour + 4) % 24), ZONE)
    day = Day(Home(ladder=(program("late", duty=off), program("always"))))
    day.press()
    day.wait(40)
    assert made(day)[:2] == [("late", "no_receipt", Delivery.FAILED), ("always", "call_failed", Delivery.WAITING)]
    assert [e.fact.reason for e in day.entries if getattr(e.fact, "move", "") == "call"][:2] == ["off_duty", "call_failed"]
    alone = Day(Home(ladder=(program("late", duty=off),)))
    alone.press()
    alone.wait(40)
    assert made(alone) == [("late", "no_receipt", Delivery.WAITING)], "nobody else can be called"


def test_who_is_called_for_danger_to_life_only_is_not_called_for_less():
    ladder = (program("warden", least=Priority.P1), program("always"))
    life = Day(Home(ladder=ladder))
    life.press()
    life.wait(40)
    assert made(life)[0] == ("warden", "no_receipt", Delivery.WAITING)


def test_for_less_than_life_no_hours_count_from_the_third_round_on():
    noon = Day(Home()).clock.now().wall.astimezone(ZONE)
    off = Duty(time((noon.hour + 4) % 24), time((noon.hour + 5) % 24), ZONE)
    day = Day(Home(ladder=(program("always"), program("late", duty=off), program("warden", least=Priority.P1))))
    day.hear("water", Kind.MOISTURE, True)
    day.wait(100 * 60)
    assert day.alarm.priority is Priority.P2
    made_ = [e.fact.alarm.calls[-1] for e in day.entries if getattr(e.fact, "move", "") == "call"]
    reached = [(c.responder, c.round) for c in made_ if c.rung and c.delivery is Delivery.WAITING]
    assert {who for who, n in reached if n < 2} == {"always"}
    assert ("late", 2) in reached, "the only one on duty has not answered two whole rounds"
    assert next(c.mono for c in made_ if (c.responder, c.round) == ("late", 2)) < day.alarm.since.mono + 20 * 60
    assert "warden" not in {who for who, _ in reached}, "who is asked for danger to life alone is never called for less"


def test_two_who_must_go_are_called_in_the_same_second():
    day = Day(Home(ladder=(program("one"), program("two", together=True), program("three"))))
    day.press()
    day.wait(100)
    assert [(at, rung) for at, rung, _ in calls(day)] == [(0, 0), (30, 1), (30, 2), (90, 3)]
    assert [c.reason for c in day.alarm.calls][1:3] == ["no_receipt", "together"]


@pytest.mark.parametrize("state", ["raised", "acknowledged", "dispatched", "on_site"])
def test_a_renewed_press_calls_both_who_must_go_whoever_has_the_alarm(state):
    day = Day(Home(ladder=(program("one"), program("two", together=True), program("three"))))
    day.raise_to(state, "sos")
    day.press()
    day.wait(1)
    assert made(day) == [("one", "pressed_again", Delivery.WAITING), ("two", "together", Delivery.WAITING)]
    day.called_back(day.alarm.number, day.alarm.made - 1, ok=False)
    day.wait(1)
    assert len(made(day)) == 2, "the first of them is reached"
    day.press()
    day.wait(1)
    assert made(day)[2:] == [("three", "pressed_again", Delivery.WAITING)]


def test_both_whom_a_press_called_are_called_again_after_a_power_cut():
    day = Day(Home(ladder=(program("one"), program("two", together=True), program("three"))))
    day.raise_to("dispatched", "sos")
    day.press()
    day.wait(1)
    day.restart()
    assert [who for who, why, _ in made(day) if why == "interrupted"] == ["one", "two"]


@pytest.mark.parametrize("state", ["acknowledged", "on_site"])
def test_of_a_pair_that_a_press_called_in_vain_it_goes_on_to_the_next(state):
    day = Day(Home(ladder=(program("one"), program("two", together=True), program("three"))))
    day.raise_to(state, "sos")
    day.press()
    day.wait(1)
    for n in (2, 1):
        day.called_back(day.alarm.number, day.alarm.made - n, ok=False)
    day.wait(1)
    assert [who for who, _, _ in made(day)] == ["one", "two", "three"]


def test_who_goes_along_is_found_behind_one_who_is_not_there(off):
    ladder = (program("a", duty=off), program("b"), program("c", together=True), program("d"))
    for state in ("raised", "acknowledged"):
        day = Day(Home(ladder=ladder))
        day.raise_to(state, "sos")
        day.press()
        day.wait(1)
        assert [who for who, _, _ in made(day)] == ["b", "c"], state


@pytest.mark.parametrize("withdraws", [True, False])
def test_who_is_passed_over_as_the_last_of_a_round_costs_nobody_a_wait(off, withdraws):
    day = Day(Home(ladder=(program("a"), program("b", duty=off))))
    day.press()
    day.receipt()
    day.wait(62)
    day.called_back(day.alarm.number, day.alarm.made - 1, ok=True)
    assert made(day) == [("a", "not_acknowledged", Delivery.ACCEPTED)]
    for _ in range(1 + withdraws):
        day.tell("dispatch", alarm=day.alarm.id, by="desk", responder="desk", seconds=900)
        day.wait(400)
        if withdraws:
            day.tell("decline", alarm=day.alarm.id, by="desk")
    day.wait(2 if withdraws else 502)
    (skipped, again) = made(day)[1:]
    assert (skipped[0], skipped[2]) == ("b", Delivery.FAILED)
    assert (again[0], again[2]) == ("a", Delivery.WAITING), "in the same second: nobody else is called now"
    calls = day.alarm.calls[-2:]
    assert calls[1].mono - calls[0].mono < 1


@pytest.fixture
def off():
    """Hours that are far from the hand-moved clock's."""
    noon = Day(Home()).clock.now().wall.astimezone(ZONE)
    return Duty(time((noon.hour + 8) % 24), time((noon.hour + 9) % 24), ZONE)


@pytest.mark.parametrize("answered", [True, False])
def test_a_renewed_press_reaches_a_person_though_whoever_is_left_is_not_there(off, answered):
    day = Day(Home(ladder=(program("a"), program("b", duty=off))))
    day.press()
    day.receipt()
    day.wait(65)
    assert made(day) == [("a", "not_acknowledged", Delivery.WAITING)]
    if answered:
        day.tell("acknowledge", alarm=day.alarm.id, by="a")
    before = day.alarm.made
    day.press()
    assert made(day)[-1] == ("a", "pressed_again", Delivery.WAITING), "she is called anew in that very second"
    assert day.alarm.made == before + 1


def test_for_danger_to_life_hours_count_no_more_once_a_whole_round_has_ended_nothing(off):
    day = Day(Home(ladder=(program("a"), program("b", duty=off))))
    day.press()
    day.receipt()
    day.wait(900)
    called = [who for who, _, delivery in made(day) if delivery is not Delivery.FAILED]
    assert called[0] == "a"
    assert "b" in called[:3], "three hours of silence of the one on duty left the other asleep"


def test_who_is_on_the_way_is_called_back_and_asked_at_any_hour(off):
    for tell in ("recall", "wait"):
        day = Day(Home(ladder=(program("a", duty=off), program("b"))))
        day.press()
        day.receipt()
        day.tell("dispatch", alarm=day.alarm.id, by="desk", responder="a", seconds=600)
        if tell == "recall":
            day.tell("recall", alarm=day.alarm.id, by="desk")
        else:
            day.wait(700)
        assert next(c for c in made(day) if c[0] == "a")[2] is Delivery.WAITING, tell


def test_the_first_of_two_has_her_time_though_the_second_is_not_there(off):
    day = Day(Home(ladder=(program("a"), program("b", together=True, duty=off), program("c"))))
    day.press()
    day.wait(31)
    assert made(day) == [("a", "no_receipt", Delivery.WAITING), ("b", "together", Delivery.FAILED)]
    day.wait(61)
    assert made(day)[-1][0] == "c"


def test_who_goes_along_is_called_though_the_first_has_answered_and_not_once_it_is_over():
    day = Day(Home(ladder=(program("one"), program("two", together=True))))
    day.press()
    day.wait(31)
    assert made(day) == [("one", "no_receipt", Delivery.WAITING), ("two", "together", Delivery.WAITING)]
    day.tell("acknowledge", alarm=day.alarm.id, by="one")
    assert made(day) == [("one", "no_receipt", Delivery.HELD), ("two", "together", Delivery.WAITING)]
    day.tell("close", alarm=day.alarm.id, by="one", outcome="helped")
    assert made(day)[1][2] is Delivery.HELD
