"""Who is called when, and why: exact seconds of every rung."""

from datetime import datetime
from itertools import pairwise
from math import inf

import pytest
from gateway.judge.alarm import Delivery
from gateway.judge.book import AlarmFact
from gateway.judge.calls import CALLS, FIRST_CALLS
from gateway.judge.dispatch import PLATFORM, PROGRAM, Rung, due_at
from gateway.words.clock import Quality
from gateway.words.instruction import Door
from gateway.words.kind import SMOKE, WATER
from gateway.words.reading import Kind
from gateway.words.times import Times
from msgspec.structs import replace

from tests.kit.hand import LADDER, Day, HandClock, Home


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


def test_nobody_hears_of_a_p1_every_rung_at_its_second_and_the_ladder_goes_round_for_ever():
    day = Day()
    day.press()
    day.wait(1500)
    assert calls(day) == [
        (0, 0, "raised"),
        (30, 1, "no_receipt"),
        (120, 2, "not_acknowledged"),  # the family's own wait is 90 s
        (240, 3, "not_acknowledged"),
        (540, 1, "repeat"),
        (630, 2, "not_acknowledged"),
        (750, 3, "not_acknowledged"),
        (1050, 1, "repeat"),
        (1140, 2, "not_acknowledged"),
        (1260, 3, "not_acknowledged"),
    ]
    assert [c.round for c in day.alarm.calls] == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
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
        (700, 1, "repeat"),
        (790, 2, "not_acknowledged"),
        (910, 3, "not_acknowledged"),
    ]
    assert day.alarm.state == "raised"


@pytest.mark.parametrize(("seconds", "until"), [(0.0, 900), (1.0, 120), (240.0, 240), (7200.0, 7200)])
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
    day.called_back(day.alarm.number, 1, ok=True)
    day.tell("dispatch", alarm=day.alarm.id, responder="Li", door=Door.LOCAL)
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
        day.wait(599)
    assert silent.alarm.masking == "silenced"
    for day in (loud, silent):
        day.wait(400)
    assert calls(loud) == calls(silent)


def test_silence_ends_after_ten_minutes_and_says_so():
    day = Day()
    day.press()
    day.tell("silence", alarm=day.alarm.id)
    day.wait(300)
    day.restart(other_boot=True)  # the wait goes on over it, the 30 s in the dark counted
    day.wait(269)
    assert day.alarm.masking == "silenced"
    day.wait(1)
    assert day.alarm.masking == "none"
    assert [e.fact.move for e in day.entries if getattr(e.fact, "reason", "") == "time_over"] == ["silence_over"]


@pytest.mark.parametrize("do", ["acknowledge", "dispatch", "arrive"])
def test_silence_ends_with_the_next_move(do):
    day = Day()
    day.press()
    day.tell("silence", alarm=day.alarm.id)
    day.tell(do, alarm=day.alarm.id, responder="Li")
    assert day.alarm.masking == "none"


def test_silence_in_the_grace_ends_when_it_is_raised():
    day = Day()
    day.fall()
    day.tell("silence", alarm=day.alarm.id)
    day.wait(30)
    assert (day.alarm.state, day.alarm.masking) == ("raised", "none")


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
    assert calls(day)[-1] == (450, 1, "repeat")


def test_a_receipt_says_nothing_of_a_program_and_cannot_make_a_failed_call_good():
    day = Day()
    day.press()
    day.wait(30)
    day.called_back(day.alarm.number, 1, ok=False)
    day.receipt()
    assert [c.delivery for c in day.alarm.calls] == [Delivery.ACCEPTED, Delivery.FAILED]
    day.wait(0)
    assert calls(day)[-1] == (30, 2, "call_failed")


@pytest.mark.parametrize(("asked", "pause"), [(False, 1800), (True, 600)])
def test_a_p2_that_nobody_answers_is_called_for_in_three_rounds_then_less_often(asked, pause):
    """At 10 min the ladder begins again where the resident was asked, and did not answer."""
    day = Day()
    if asked:
        day.hear("radar", Kind.STAY_STILL, True)
        day.wait(180)
    else:
        day.press(3)
    day.wait(3 * 3600)
    firsts = [at for at, rung, _ in calls(day) if rung == 1]
    assert [later - at for at, later in pairwise(firsts)][:4] == [510, 510, 210 + pause, 210 + pause]
    assert {rung for at, rung, _ in calls(day) if at > firsts[3]} == {1, 2, 3}, "whole rounds, for ever"


def test_a_p2_at_the_platform_alone_is_repeated_less_often_after_three_times_and_a_p1_is_not():
    day = Day(Home(ladder=()))
    day.press(3)
    day.wait(2 * 3600)
    assert [at for at, _, _ in calls(day)] == [0, 30, 330, 2130, 3930, 5730]
    urgent = Day(Home(ladder=()))
    urgent.press()
    urgent.wait(2 * 3600)
    assert {later - at for at, later in pairwise([at for at, _, _ in calls(urgent)][1:])} == {300}


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
    many = tuple(Rung(f"neighbour {n}", wait=60) for n in range(CALLS))
    day = Day(Home(ladder=(LADDER[0], *many)))
    day.press()
    day.wait(60 * (2 * CALLS + 20))
    assert len(day.alarm.calls) == CALLS
    assert len(calls(day)) > CALLS + 20
    assert day.alarm.calls[-1].at.mono == day.alarm.called
    assert max(len(body) for body in day.bodies) < 16_000


def test_an_entry_has_the_calls_of_its_round_and_the_one_before_it():
    day = Day()
    day.press()
    day.wait(2 * 3600)
    alarm = day.alarm
    assert alarm.made > CALLS > 20 > len(alarm.calls)
    began = [c.at.mono - day.start for c in alarm.calls[:FIRST_CALLS]]
    assert began == [at for at, _, _ in calls(day)][:FIRST_CALLS]
    ends = alarm.calls[-1].round
    assert {c.round for c in alarm.calls[FIRST_CALLS:]} == {ends - 1, ends}
    assert max(len(body) for body in day.bodies) < 8_000


def test_times_are_those_of_the_household():
    times = Times(receipt=10, acknowledge_p1=20, rung=30, repeat=60)
    day = Day(Home(times=times, ladder=(*LADDER[1:],)))
    day.press()
    day.wait(170)
    assert calls(day) == [
        (0, 0, "raised"),
        (10, 1, "no_receipt"),
        (40, 2, "not_acknowledged"),
        (100, 1, "repeat"),
        (130, 2, "not_acknowledged"),
    ]


def test_nothing_is_due_on_what_is_closed_and_of_what_is_attended_only_that_somebody_closes_it():
    day = Day()
    day.raise_to("on_site", "sos")
    assert due_at(day.alarm, (), Times()) == day.alarm.since.mono + 3600
    day.tell("close", alarm=day.alarm.id, outcome="helped")
    assert due_at(day.alarm, (), Times()) == inf


def test_all_default_times_are_within_their_bounds_and_a_wrong_one_is_named():
    assert Times().refuse() == {}
    wrong = Times(receipt=5, repeat=601).refuse()
    said = {name: say.en for name, say in wrong.items()}
    assert said == {"receipt": "receipt = 5 s is outside 10 to 60 s", "repeat": "repeat = 601 s is outside 60 to 300 s"}
    assert wrong["repeat"].zh == "重新一轮为 601 秒, 须在 60 到 300 秒之间"


def test_water_and_smoke_differ_in_grace_only():
    day = Day()
    day.hear("water", Kind.MOISTURE, True)
    day.hear("smoke", Kind.SMOKE, True)
    assert {a.kind: a.state for a in day.open} == {WATER: "pre_alarm", SMOKE: "raised"}
    day.wait(60)
    assert {a.kind: a.state for a in day.open} == {WATER: "raised", SMOKE: "raised"}


@pytest.mark.parametrize("state", ["raised", "acknowledged", "dispatched", "on_site"])
def test_each_renewed_press_calls_the_next_at_once_and_after_the_last_the_first(state):
    day = Day()
    day.raise_to(state, "sos")
    day.receipt()
    day.wait(5)
    begin = day.clock.mono - day.alarm.stages["alarm"].mono
    for n in range(4):
        day.press()
        assert calls(day)[-1] == (begin + 2 * n, (1, 2, 3, 1)[n], "pressed_again")
        day.wait(2)
    assert (day.alarm.state, day.alarm.count) == (state, 5), "whoever has the alarm keeps it"


@pytest.mark.parametrize("state", ["acknowledged", "dispatched", "on_site"])
def test_a_renewed_press_on_an_answered_alarm_goes_on_until_it_reaches_somebody(state):
    day = Day()
    day.raise_to(state, "sos")
    day.press()
    day.called_back(day.alarm.number, 1, ok=False)
    day.wait(0)
    assert calls(day)[1:] == [(0, 1, "pressed_again"), (0, 2, "pressed_again")]
    day.called_back(day.alarm.number, 2, ok=True)
    day.wait(100)
    assert len(calls(day)) == 3
    day.press()
    day.called_back(day.alarm.number, 3, ok=False)
    day.wait(60)
    assert calls(day)[3:] == [(100, 3, "pressed_again")], "everybody was called: the alarm's own times go on"


@pytest.mark.parametrize("do", ["acknowledge", "dispatch", "arrive"])
def test_whose_call_was_cut_off_by_an_answer_was_not_called(do):
    day = Day()
    day.press()
    day.wait(38)
    day.tell(do, alarm=day.alarm.id, responder="Li")
    assert [(c.responder, c.delivery) for c in day.alarm.calls[1:]] == [("family", "held")]
    day.wait(20)
    day.press()
    assert calls(day)[1:] == [(30, 1, "no_receipt"), (58, 1, "pressed_again")]
    day.wait(2)
    day.press()
    assert calls(day)[-1] == (60, 2, "pressed_again")
    assert {c.round for c in day.alarm.calls} == {0}


def test_a_press_after_the_only_call_was_cut_off_begins_with_the_same_person_at_once():
    day = Day(Home(ladder=LADDER[:1]))
    day.press()
    day.wait(38)
    day.tell("dispatch", alarm=day.alarm.id, responder="Li")
    for _ in range(2):
        day.press()
        day.wait(2)
    assert [c[:2] for c in calls(day)[2:]] == [(38, 1), (40, 1)]


def test_where_only_the_platform_can_call_a_renewed_press_is_a_call_of_it():
    day = Day(Home(ladder=()))
    day.raise_to("on_site", "sos")
    for _ in range(5):
        day.press()
        day.receipt()
        day.wait(60)
    assert {rung for _, rung, _ in calls(day)} == {0}
    assert day.alarm.count == 6


def test_whoever_answered_long_ago_hides_no_new_danger():
    day = Day()
    day.raise_to("on_site", "sos")
    first = day.alarm.id
    day.wait(600)
    day.press()
    assert (day.alarm.id, day.alarm.count) == (first, 2)
    day.wait(1)
    day.press()
    assert (day.alarm.id != first, day.alarm.linked, day.alarm.state) == (True, first, "raised")
    assert calls(day, day.alarm.id) == [(0, 0, "raised")]
    day.press()
    day.wait(90)
    assert calls(day, day.alarm.id) == [(0, 0, "raised"), (0, 1, "pressed_again"), (90, 2, "not_acknowledged")]
    assert len(day.open) == 2
    day.restart(other_boot=True)
    day.press()
    assert day.alarm.count == 3, "the newest counts"


def test_the_older_of_two_alarms_is_found_again_when_the_newer_one_is_closed():
    day = Day()
    day.press()
    old = day.alarm.id
    day.tell("dispatch", alarm=old, responder="Li", seconds=700)
    day.wait(650)
    day.press()
    new = day.alarm.id
    day.wait(60)
    assert {a.id: a.state for a in day.open} == {old: "raised", new: "raised"}
    day.tell("close", alarm=new, outcome="helped")
    day.press()
    assert [(a.id, a.count) for a in day.open] == [(old, 2)]


@pytest.mark.parametrize("state", ["acknowledged", "dispatched", "on_site"])
@pytest.mark.parametrize("again", [False, True])
def test_a_level_that_comes_again_long_after_the_answer_is_a_new_alarm_and_is_known_after_a_restart(state, again):
    day = Day()
    first = day.raise_to(state).id
    day.fall(False)
    if again:
        day.tell("dispatch", alarm=first, responder="Li", seconds=7200)
    changed(day, *LADDER, times=Times(on_site_p1=7200, dispatch_p1=300))
    day.clock.move(700)  # nothing lapses meanwhile: only how long somebody has had it counts
    day.fall()
    assert day.alarm.linked == first
    assert (len(day.open), day.alarm.state) == (2, "pre_alarm")
    day.fall(False)
    day.restart()
    day.fall()
    assert day.alarm.count == 2, "its condition was cleared once, on the newer one"


def test_on_site_the_desk_is_told_to_close_it_after_an_hour_and_every_half_hour():
    day = Day()
    day.raise_to("on_site", "sos")
    day.wait(4 * 3600)
    told = [(at, rung) for at, rung, reason in calls(day) if reason == "not_closed"]
    assert told == [(3600 + 1800 * n, 0) for n in range(7)]
    assert day.alarm.state == "on_site"


def test_nobody_is_told_to_close_a_test_or_what_is_closed():
    day = Day()
    day.raise_to("closed", "sos")
    day.wait(9000)
    assert not [c for c in calls(day) if c[2] == "not_closed"]


# -- a platform that answers everything by itself ---------------------------------------------------------------------


def test_an_answer_that_lapsed_once_stops_no_call_any_more():
    day = Day()
    day.press()
    day.tell("acknowledge", alarm=day.alarm.id)
    day.wait(180)
    assert calls(day)[1:] == [(180, 1, "nobody_dispatched")]
    day.tell("acknowledge", alarm=day.alarm.id)
    assert day.alarm.calls[-1].delivery == Delivery.WAITING, "the call that runs goes on"
    day.wait(600)
    assert [c[:2] for c in calls(day)[2:]] == [(270, 2), (390, 3), (690, 1), (780, 2)]
    assert len(lapses(day)) == 2, "the state goes its way beside it"
    day.tell("dispatch", alarm=day.alarm.id, responder="Li", door=Door.LOCAL)
    assert Delivery.WAITING not in {c.delivery for c in day.alarm.calls[1:]}
    day.wait(800)
    assert len(calls(day)) == 6


@pytest.mark.parametrize("first", ["acknowledge", "dispatch"])
def test_a_dispatch_by_the_platform_stops_no_call_once_an_answer_has_lapsed(first):
    day = Day()
    day.press()
    day.tell(first, alarm=day.alarm.id, responder="grid", seconds=180)
    day.wait(180)
    assert [c[:2] for c in calls(day)[1:]] == [(180, 1)]
    day.tell("dispatch", alarm=day.alarm.id, responder="grid", seconds=600)
    assert day.alarm.calls[-1].delivery == Delivery.WAITING, "the call that runs goes on"
    day.restart()
    day.wait(599)
    assert day.alarm.state == "dispatched"
    assert [c[:2] for c in calls(day) if c[2] != "interrupted"][2:] == [(270, 2), (390, 3), (690, 1)]
    day.wait(1)
    assert lapses(day)[-1][1] == "not_arrived"
    assert calls(day)[-1] == (780, 2, "not_acknowledged"), "the ladder's own turn: nobody is called beside it"
    day.tell("dispatch", alarm=day.alarm.id, responder="grid")
    day.tell("arrive", alarm=day.alarm.id)
    made = day.alarm.made
    day.wait(3000)
    assert day.alarm.made == made


@pytest.mark.parametrize("do", ["acknowledge", "dispatch"])
def test_who_answers_in_the_home_stops_the_calls_also_after_a_lapse_until_it_lapses_too(do):
    day = Day()
    day.press()
    day.tell("dispatch", alarm=day.alarm.id, responder="grid", seconds=180)
    day.wait(180)
    day.tell(do, alarm=day.alarm.id, responder="Li", seconds=180, door=Door.LOCAL)
    made = day.alarm.made
    day.restart()
    day.wait(179)
    assert day.alarm.made == made
    day.wait(1)
    assert (day.alarm.state, day.alarm.made) == ("raised", made + 1)


def test_cannot_come_on_an_alarm_whose_answer_lapsed_goes_on_at_once():
    day = Day()
    day.press()
    day.tell("dispatch", alarm=day.alarm.id, responder="Li", seconds=120)
    day.wait(120)
    day.called_back(day.alarm.number, 1, ok=True)
    day.tell("dispatch", alarm=day.alarm.id, responder="Wu", seconds=600, door=Door.LOCAL)
    day.wait(300)
    day.tell("decline", alarm=day.alarm.id)
    day.wait(0)
    assert calls(day)[1:] == [(120, 1, "not_arrived"), (420, 2, "not_acknowledged")]


def test_a_responder_on_the_ladder_who_does_not_arrive_is_asked_once_and_the_next_hears_why():
    day = Day()
    day.press()
    day.wait(30)
    day.tell("dispatch", alarm=day.alarm.id, responder="family", seconds=900)
    day.wait(900)
    assert [(c[1], c[2]) for c in calls(day)[2:]] == [(1, "asked"), (2, "not_arrived")]
    day.wait(120)
    assert calls(day)[4] == (1050, 3, "not_acknowledged"), "the question delays nobody"
    day.wait(300)
    assert calls(day)[5] == (1350, 1, "repeat")


# -- a ladder that is changed, or has noises ---------------------------------------------------------------------------


def changed(day, *rungs, times=None):
    day.home.ladder = rungs
    facts = {"devices": {w.device: w.room for w in day.home.watches}, "times": times or day.home.times, "ended": ()}
    day.take(day.pipeline.rearrange(ladder=rungs, now=day.clock.now(), **facts))


def test_who_was_not_called_under_the_present_entry_is_next():
    family, neighbour, siren = LADDER
    day = Day()
    day.press()
    day.wait(30)
    changed(day, neighbour, siren)  # the family is taken out: nobody is skipped for it
    day.wait(0)
    assert [c.responder for c in day.alarm.calls] == ["platform", "family", "neighbour"]
    assert day.alarm.calls[-1].reason == "ladder_changed"
    changed(day, replace(family, program=("/bin/call", "another number")), neighbour, siren)
    day.wait(120)
    assert (day.alarm.calls[-1].responder, day.alarm.calls[-1].reason) == ("family", "not_acknowledged")
    day.restart(other_boot=True)
    day.wait(90)
    assert day.alarm.calls[-1].responder == "siren"


def test_a_number_that_is_corrected_while_it_is_called_is_called_next_at_once():
    family, neighbour, siren = LADDER
    day = Day()
    day.press()
    day.wait(35)
    changed(day, replace(family, program=("/bin/call", "right")), neighbour, siren)
    day.wait(0)
    assert calls(day)[1:] == [(30, 1, "no_receipt"), (35, 1, "ladder_changed")]
    assert day.alarm.calls[1].entry != day.alarm.calls[2].entry
    day.wait(90)
    assert day.alarm.calls[-1].responder == "neighbour"


def test_two_rungs_that_are_the_same_are_both_called():
    family = LADDER[0]
    day = Day(Home(ladder=(family, family)))
    day.press()
    day.wait(130)
    assert calls(day) == [(0, 0, "raised"), (30, 1, "no_receipt"), (120, 2, "not_acknowledged")]


@pytest.mark.parametrize(("wait", "expected"), [(90.0, [30, 120, 210]), (600.0, [30, 180, 330])])
def test_what_only_sounds_ends_no_round_and_delays_nobody(wait, expected):
    ladder = (Rung("family", PROGRAM, wait, ("/bin/call",)), Rung("siren", PROGRAM, 90.0, ("/bin/siren",), sounds=True))
    day = Day(Home(ladder=ladder))
    day.press()
    day.wait(331)
    assert [(at, rung) for at, rung, _ in calls(day)][1:4] == [(at, rung) for at, rung in zip(expected, (1, 2, 1), strict=True)] or (
        wait == 600.0 and [rung for _, rung, _ in calls(day)][1:4] == [1, 2, 1]
    )


def test_a_ladder_that_only_sounds_is_called_all_the_same():
    day = Day(Home(ladder=(Rung("siren", PROGRAM, 90.0, ("/bin/siren",), sounds=True),)))
    day.press()
    day.wait(700)
    assert [rung for _, rung, _ in calls(day)] == [0, 1, 1, 1]


# -- restarts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other_boot", [False, True])
def test_a_call_whose_end_is_not_known_is_made_again_at_once_and_its_wait_goes_on(other_boot):
    day = Day()
    day.press()
    day.wait(32)
    day.restart(other_boot=other_boot)
    dark = 30 if other_boot else 0
    assert [(c.responder, c.reason) for c in day.alarm.calls[1:]] == [("family", "no_receipt"), ("family", "interrupted")]
    day.wait(90 - 2 - dark)
    assert (day.alarm.calls[-1].responder, day.alarm.calls[-1].reason) == ("neighbour", "not_acknowledged")


def test_a_call_that_ended_is_not_made_again():
    day = Day()
    day.press()
    day.wait(30)
    day.called_back(day.alarm.number, 1, ok=True)
    day.restart(other_boot=True)
    assert len(day.alarm.calls) == 2


@pytest.mark.parametrize("state", ["acknowledged", "dispatched", "on_site"])
def test_what_was_called_before_an_answer_is_not_called_again_after_a_restart(state):
    day = Day()
    day.press()
    day.wait(40)
    day.raise_to(state, "sos")
    made = day.alarm.made
    day.restart(other_boot=True)
    assert day.alarm.made == made


def test_power_that_comes_and_goes_keeps_nobody_from_being_called_and_rings_nobody_without_end():
    day = Day()
    day.press()
    for _ in range(40):
        day.wait(20)
        day.restart(other_boot=True)  # 30 s in the dark
        day.wait(0)
    made = {}
    for entry in day.entries:
        call = entry.fact.alarm.calls[-1] if isinstance(entry.fact, AlarmFact) and entry.fact.alarm.calls else None
        if call is not None and call.at == entry.at:
            made.setdefault(call.responder, {})[datetime.fromisoformat(call.at.wall)] = str(call.reason)
    assert set(made) == {"platform", "family", "neighbour", "siren"}
    for calls_of in (made["family"], made["neighbour"], made["siren"]):
        assert len(calls_of) > 5
        for (at, why), (then, again) in pairwise(sorted(calls_of.items())):
            assert (then - at).total_seconds() >= 120 or (why != "interrupted" and again == "interrupted")


@pytest.mark.parametrize(("state", "wait"), [("acknowledged", 180), ("dispatched", 600)])
def test_waits_of_what_is_answered_go_on_over_boots(state, wait):
    day = Day()
    day.raise_to(state, "sos")
    for _ in range(3):
        day.wait(20)
        day.restart(other_boot=True)
    assert day.alarm.state == state
    day.wait(wait - 3 * 50 - 1)
    assert day.alarm.state == state
    day.wait(1)
    assert day.alarm.state == "raised"


def test_without_a_sure_clock_the_time_that_was_lived_counts():
    day = Day(clock=HandClock(quality=Quality.UNSURE))
    day.press()
    day.wait(20)
    day.take(day.pipeline.noticed([day.pipeline.faults.note("gateway.test", day.clock.now())], day.clock.now()))
    day.restart(other_boot=True)
    day.wait(29)
    assert len(calls(day)) == 1, "only what the journal's last word about the alarm says is known here"
    day.wait(1)
    assert day.alarm.rung == 1


def test_an_alarm_is_linked_to_one_of_the_last_24_hours_only():
    day = Day()
    day.raise_to("closed", "sos")
    first = day.alarm.id
    day.wait(86_400)
    day.restart(other_boot=False)
    day.press()
    assert day.alarm.linked == first
    day.tell("close", alarm=day.alarm.id, outcome="helped")
    day.wait(86_401)
    day.press()
    assert day.alarm.linked == ""


def test_a_renewed_sos_that_a_cut_interrupted_and_that_then_fails_reaches_the_next():
    day = Day()
    day.press()
    day.receipt()
    day.tell("acknowledge", alarm=day.alarm.id)
    day.press()
    assert (day.alarm.calls[-1].responder, day.alarm.calls[-1].reason) == ("family", "pressed_again")
    day.restart(other_boot=True)
    assert (day.alarm.calls[-1].responder, day.alarm.calls[-1].reason) == ("family", "interrupted")
    day.called_back(day.alarm.number, len(day.alarm.calls) - 1, ok=False)
    day.wait(1)
    assert (day.alarm.calls[-1].responder, day.alarm.calls[-1].reason) == ("neighbour", "pressed_again")


def test_an_answer_to_a_call_that_a_cut_interrupted_still_ends_the_calling():
    day = Day()
    day.press()
    day.wait(31)
    day.restart(other_boot=True)
    index = len(day.alarm.calls) - 1
    assert (day.alarm.calls[index].responder, day.alarm.calls[index].reason) == ("family", "interrupted")
    day.called_back(day.alarm.number, index, ok=False)
    day.tell("acknowledge", alarm=day.alarm.id)
    day.wait(10)
    assert day.alarm.calls[-1].responder == "family"
