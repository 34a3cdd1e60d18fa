"""Who is called when, and why: exact seconds of every rung."""

from math import inf

import pytest
from hand import LADDER, Day, Home

from gateway.alarm import Delivery
from gateway.book import CALLS, AlarmFact
from gateway.dispatch import PLATFORM, PROGRAM, Rung
from gateway.kind import SMOKE, WATER
from gateway.reading import Kind
from gateway.times import Times


def calls(day, alarm=None):
    """Return (seconds since the alarm was raised, rung, reason) of every call, from the journal's entries."""
    out, seen = [], set()
    for entry in day.entries:
        if isinstance(entry.fact, AlarmFact) and entry.fact.alarm.calls and (alarm is None or entry.fact.alarm.id == alarm):
            call = entry.fact.alarm.calls[-1]
            key = (entry.fact.alarm.id, call.at.mono, call.rung, call.reason)
            if key not in seen:
                seen.add(key)
                out.append((round(call.at.mono - entry.fact.alarm.stages["alarm"].mono, 3), call.rung, str(call.reason)))
    return out


def lapses(day):
    return [(e.at.mono - day.start, e.fact.reason, e.fact.alarm.rung) for e in day.entries if getattr(e.fact, "move", "") == "lapse"]


def test_nobody_hears_of_a_p1_every_rung_at_its_second_and_the_last_one_for_ever():
    day = Day()
    day.press()
    day.wait(2000)
    assert calls(day) == [
        (0, 0, "raised"),
        (30, 1, "no_receipt"),
        (120, 2, "not_acknowledged"),  # the family's own wait is 90 s
        (240, 3, "not_acknowledged"),
        (540, 3, "repeat"),
        (840, 3, "repeat"),
        (1140, 3, "repeat"),
        (1440, 3, "repeat"),
        (1740, 3, "repeat"),
    ]
    assert [c.responder for c in day.alarm.calls[:4]] == ["platform", "family", "neighbour", "siren"]
    assert [c.channel for c in day.alarm.calls[:4]] == [PLATFORM, PROGRAM, PROGRAM, PROGRAM]


@pytest.mark.parametrize(("kind", "device", "waits"), [(Kind.SMOKE, "smoke", 60), (Kind.BUTTON, "button", 60)])
def test_a_p1_that_the_platform_has_but_nobody_answers(kind, device, waits):
    day = Day()
    day.hear(device, kind, "press" if kind is Kind.BUTTON else True)
    day.wait(2)
    day.receipt()
    day.wait(160)
    assert calls(day) == [(0, 0, "raised"), (waits, 1, "not_acknowledged"), (150, 2, "not_acknowledged")]


def test_a_p2_waits_five_minutes_for_an_answer_but_not_longer_for_a_receipt():
    heard, lost = Day(), Day()
    for day in (heard, lost):
        day.press(3)
        day.wait(1)
    heard.receipt()
    for day in (heard, lost):
        day.wait(310)
    assert calls(heard) == [(0, 0, "raised"), (300, 1, "not_acknowledged")]
    assert calls(lost)[:2] == [(0, 0, "raised"), (30, 1, "no_receipt")]


def test_a_p3_is_told_to_the_platform_and_wakes_nobody():
    day = Day()
    day.hear("door", Kind.CONTACT_OPEN, True)
    day.wait(20_000)
    assert calls(day) == [(0, 0, "raised")]
    assert day.alarm.priority == 3


def test_an_answer_stops_the_ladder():
    day = Day()
    day.press()
    day.wait(20)
    day.tell("acknowledge", alarm=day.alarm.id)
    day.wait(170)
    assert calls(day) == [(0, 0, "raised")]


def test_answered_but_nobody_sent_in_three_minutes():
    day = Day()
    day.press()
    day.wait(10)
    day.receipt()
    day.tell("acknowledge", alarm=day.alarm.id)
    day.wait(1000)
    assert lapses(day) == [(190.0, "nobody_dispatched", 1)]
    assert calls(day) == [
        (0, 0, "raised"),
        (190, 1, "nobody_dispatched"),
        (280, 2, "not_acknowledged"),
        (400, 3, "not_acknowledged"),
        (700, 3, "repeat"),
        (1000, 3, "repeat"),
    ]
    assert day.alarm.state == "raised"


@pytest.mark.parametrize(("seconds", "until"), [(0.0, 900), (240.0, 240), (7200.0, 7200)])
def test_sent_but_not_arrived(seconds, until):
    day = Day()
    day.press()
    day.tell("dispatch", alarm=day.alarm.id, responder="Li", seconds=seconds)
    day.wait(until - 1)
    assert day.alarm.state == "dispatched"
    day.wait(1)
    assert (day.alarm.state, day.alarm.calls[-1].reason, day.alarm.rung) == ("raised", "not_arrived", 1)


def test_a_responder_expected_in_a_year_would_be_no_help_and_is_refused():
    day = Day()
    day.press()
    (entry,) = day.tell("dispatch", alarm=day.alarm.id, responder="Li", seconds=31_536_000.0)
    assert (entry.fact.refused, "120 min" in entry.fact.en, "120 分钟" in entry.fact.zh) == ("too_long", True, True)
    assert day.alarm.state == "raised"


def test_a_p2_has_the_longer_times():
    day = Day()
    day.press(3)
    day.tell("acknowledge", alarm=day.alarm.id)
    day.wait(899)
    assert day.alarm.state == "acknowledged"
    day.wait(1)
    assert day.alarm.state == "raised"
    day.tell("dispatch", alarm=day.alarm.id, responder="Li")
    day.wait(3599)
    assert day.alarm.state == "dispatched"
    day.wait(1)
    assert (day.alarm.state, day.alarm.rung) == ("raised", 2)


def test_cannot_come_goes_back_to_who_answered_and_the_wait_begins_anew():
    day = Day()
    day.press()
    alarm = day.alarm.id
    day.tell("acknowledge", alarm=alarm)
    day.wait(100)
    day.tell("dispatch", alarm=alarm, responder="Li")
    day.wait(100)
    day.tell("decline", alarm=alarm, by="Li")
    assert day.alarm.state == "acknowledged"
    day.wait(179)
    assert day.alarm.state == "acknowledged"
    day.wait(1)
    assert (day.alarm.state, day.alarm.calls[-1].reason) == ("raised", "nobody_dispatched")


def test_silence_does_not_stop_the_ladder():
    loud, silent = Day(), Day()
    for day in (loud, silent):
        day.press()
    silent.tell("silence", alarm=silent.alarm.id)
    for day in (loud, silent):
        day.wait(1000)
    assert silent.alarm.masking == "silenced"
    assert calls(loud) == calls(silent)


def test_a_call_that_fails_sends_the_ladder_on_at_once_and_on_the_last_rung_waits_for_the_repeat():
    day = Day()
    day.press()
    day.wait(30)
    day.called_back(day.alarm.number, 1, ok=False, detail="exit status 1")
    day.wait(0)
    assert calls(day) == [(0, 0, "raised"), (30, 1, "no_receipt"), (30, 2, "call_failed")]
    day.called_back(day.alarm.number, 2, ok=True)
    assert [c.delivery for c in day.alarm.calls] == [Delivery.WAITING, Delivery.FAILED, Delivery.ACCEPTED]
    day.wait(120)
    day.called_back(day.alarm.number, 3, ok=False)
    day.wait(299)
    assert calls(day)[-1] == (150, 3, "not_acknowledged")
    day.wait(1)
    assert calls(day)[-1] == (450, 3, "repeat")


def test_a_receipt_says_nothing_of_a_program_and_cannot_make_a_failed_call_good():
    day = Day()
    day.press()
    day.wait(30)
    day.called_back(day.alarm.number, 1, ok=False)
    day.receipt()
    assert [c.delivery for c in day.alarm.calls] == [Delivery.ACCEPTED, Delivery.FAILED]
    day.wait(0)
    assert calls(day)[-1] == (30, 2, "call_failed")


def test_word_of_a_call_that_is_not_there_changes_nothing():
    day = Day()
    day.press()
    assert day.called_back(day.alarm.number, 7, ok=False) == []
    assert day.called_back(99, 0, ok=False) == []


def test_a_household_without_a_ladder_calls_the_platform_again_and_again():
    day = Day(Home(ladder=()))
    day.press()
    day.wait(700)
    assert calls(day) == [(0, 0, "raised"), (30, 0, "no_receipt"), (330, 0, "repeat"), (630, 0, "repeat")]


def test_rungs_that_only_the_platform_can_call_are_left_behind_while_it_does_not_answer():
    ladder = (Rung("desk"), Rung("family", wait=60.0), Rung("siren", PROGRAM, program=("/bin/siren",)))
    lost, heard = Day(Home(ladder=ladder)), Day(Home(ladder=ladder))
    for day in (lost, heard):
        day.press()
    lost.wait(150)
    assert calls(lost) == [(0, 0, "raised"), (30, 1, "no_receipt"), (60, 2, "no_receipt"), (90, 3, "no_receipt")]
    for _ in range(300):
        heard.receipt()
        heard.wait(1)
    assert calls(heard) == [(0, 0, "raised"), (60, 1, "not_acknowledged"), (180, 2, "not_acknowledged"), (240, 3, "not_acknowledged")]


def test_a_test_stays_on_rung_0_and_closes_itself_with_outcome_test():
    day = Day()
    day.tell("test", by="technician")
    day.wait(599)
    assert (day.alarm.state, day.alarm.test) == ("raised", True)
    day.wait(1)
    assert (day.alarm.state, day.alarm.outcome, day.alarm.by) == ("closed", "test", "rule")
    assert calls(day) == [(0, 0, "raised")]


@pytest.mark.parametrize("last", ["acknowledge", "dispatch", "arrive"])
def test_a_forgotten_test_ends_from_every_state_without_calling_anybody(last):
    day = Day()
    day.tell("test")
    for do in ("acknowledge", "dispatch", "arrive"):
        day.tell(do, alarm=day.alarm.id, responder="Li")
        if do == last:
            break
    day.wait(1200)
    assert (day.alarm.state, day.alarm.outcome) == ("closed", "test")
    assert {c.rung for c in day.alarm.calls} == {0}


def test_the_calls_that_stand_in_an_alarm_are_bounded_and_the_journal_has_them_all():
    day = Day()
    day.press()
    day.wait(300 * (CALLS + 20))
    assert len(day.alarm.calls) == CALLS
    assert len(calls(day)) > CALLS + 20
    assert day.alarm.calls[-1].at.mono == day.alarm.called
    assert max(len(body) for body in day.bodies) < 16_000


def test_times_are_those_of_the_household():
    times = Times(receipt=10, acknowledge_p1=20, rung=30, repeat=60)
    day = Day(Home(times=times, ladder=(*LADDER[1:],)))
    day.press()
    day.wait(170)
    assert calls(day) == [(0, 0, "raised"), (10, 1, "no_receipt"), (40, 2, "not_acknowledged"), (100, 2, "repeat"), (160, 2, "repeat")]


def test_nothing_is_due_on_what_is_closed_or_attended():
    day = Day()
    day.raise_to("on_site", "sos")
    from gateway.dispatch import due_at

    assert due_at(day.alarm, (), Times()) == inf


def test_all_default_times_are_within_their_bounds_and_a_wrong_one_is_named():
    assert Times().refuse() == []
    assert Times(receipt=5, repeat=601).refuse() == ["receipt = 5 s is outside 10 to 60 s", "repeat = 601 s is outside 60 to 600 s"]


def test_water_and_smoke_differ_in_grace_only():
    day = Day()
    day.hear("water", Kind.MOISTURE, True)
    day.hear("smoke", Kind.SMOKE, True)
    assert {a.kind: a.state for a in day.open} == {WATER: "pre_alarm", SMOKE: "raised"}
    day.wait(60)
    assert {a.kind: a.state for a in day.open} == {WATER: "raised", SMOKE: "raised"}


@pytest.mark.parametrize("state", ["acknowledged", "dispatched", "on_site"])
def test_sos_pressed_again_on_an_answered_alarm_reaches_a_person_although_the_platform_is_away(state):
    day = Day()
    day.raise_to(state, "sos")
    day.receipt()
    day.wait(5)
    begin = day.clock.mono - day.alarm.stages["alarm"].mono
    day.press()
    day.wait(20)
    day.press()  # does not begin the wait anew
    day.wait(20)
    assert calls(day)[1:] == [(begin, 0, "pressed_again"), (begin + 30, 1, "pressed_again")]
    assert (day.alarm.state, day.alarm.count) == (state, 3), "whoever has the alarm keeps it"
    day.called_back(day.alarm.number, 2, ok=False)
    day.wait(0)
    assert calls(day)[3:] == [(begin + 40, 2, "pressed_again")]
    day.called_back(day.alarm.number, 3, ok=True)
    day.wait(100)
    assert len(calls(day)) == 4
    day.press()
    assert calls(day)[4:] == [(begin + 140, 0, "pressed_again")]


def test_sos_pressed_again_that_the_platform_has_recorded_calls_nobody_else():
    day = Day()
    day.raise_to("on_site", "sos")
    for _ in range(5):
        day.press()
        day.receipt()
        day.wait(60)
    assert {rung for _, rung, _ in calls(day)} == {0}
    assert day.alarm.count == 6
