"""The whole middle: readings, instructions, receipts, restarts and time in; numbered entries out."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from gateway.contract.encoding import alarm_of, decode_entry, encode_entry
from gateway.judge.alarm import Outcome
from gateway.judge.book import AlarmFact
from gateway.judge.danger import Danger
from gateway.judge.faults.fact import Turn
from gateway.judge.known import Known
from gateway.judge.orders import REMEMBERED
from gateway.judge.real import OFTEN
from gateway.words.clock import Quality
from gateway.words.instruction import Do, Door, Instruction
from gateway.words.reading import Kind
from gateway.words.times import Times
from msgspec.structs import replace

from tests.kit.hand import HOME_ZONE, JOURNAL, NIGHT, NOON, WATCHES, Day, HandClock, Home, refusal, story

STATES = ("pre_alarm", "raised", "acknowledged", "dispatched", "on_site", "closed")
OPEN = STATES[:-1]


def moves(entries):
    return [line for line in story(entries) if not line.startswith(("gateway.", "device."))]


# -- SOS -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", OPEN[1:])
def test_sos_in_every_state_is_counted_on_the_open_alarm_and_always_an_entry(state):
    day = Day()
    alarm = day.raise_to(state, "sos")
    assert alarm.state == state
    for n in range(2, 5):
        assert story(day.press(value="double_press")) == [f"person.sos count {state}"]
        assert (day.alarm.number, day.alarm.count, day.alarm.condition_active) == (alarm.number, n, False)
    assert [e.value for e in day.alarm.evidence] == ["press", "double_press"], "the first and the newest proof"


def test_sos_after_the_end_opens_a_new_linked_alarm():
    day = Day()
    day.press()
    first = day.raise_to("closed", "sos")
    assert first.count == 2
    assert story(day.press()) == ["person.sos raise raised"], "a press has no condition that would have to end"
    assert (day.alarm.number, day.alarm.linked) == (2, first.id)
    assert first.linked == ""


def test_sos_is_never_shelved_silently_and_says_that_the_device_is_shelved():
    day = Day()
    day.tell("shelve", device="button", seconds=3600.0, reason="stuck key")
    assert story(day.press()) == ["person.sos raise raised"]
    assert day.alarm.masking == "shelved"
    assert story(day.press(3)) == ["device.shelved_danger noted"]
    assert story(day.press()) == ["person.sos count raised"]


@pytest.mark.parametrize("value", ["hold_release", "release"])
def test_letting_go_of_a_key_is_no_call(value):
    day = Day()
    assert day.press(value=value) == []
    assert [story(day.press(value=v)) for v in ("hold_press", value)] == [["person.sos raise raised"], []]


def test_two_buttons_are_two_alarms():
    day = Day()
    day.press()
    day.press(device="pendant")
    assert [(a.device, a.count) for a in day.open] == [("button", 1), ("pendant", 1)]


def test_two_hundred_presses_in_a_second_are_two_hundred_entries_on_one_alarm():
    day = Day()
    before = len(day.entries)
    for _ in range(200):
        day.press()
    assert len(day.entries) - before == 200
    assert [a.count for a in day.open] == [200]


# -- falls and their grace -------------------------------------------------------------------------------------------


def test_a_fall_that_nobody_cancels_is_raised_when_the_grace_is_over():
    day = Day()
    assert story(day.fall()) == ["person.fall danger pre_alarm"]
    assert day.wait(29.9) == []
    assert story(day.wait(0.1)) == ["person.fall expire raised"]
    alarm = day.alarm
    assert alarm.stages["alarm"].mono - alarm.stages["danger"].mono == 30
    assert (alarm.by, alarm.reason, alarm.priority) == ("rule", "grace_over", 1)


def test_a_fall_that_the_resident_cancels_is_still_an_entry():
    day = Day()
    day.fall()
    day.wait(20)
    assert story(day.cancel()) == ["person.fall cancel cancelled"]
    assert day.alarm.by == "resident, button"
    assert story(day.wait(4000)) == ["person.fall clear cancelled"], "the radar says no more that somebody lies there"
    assert day.open == []


def test_a_cancel_whose_freshness_is_not_proved_ends_nothing():
    day = Day()
    day.fall()
    assert story(day.cancel(flagged=True)) == ["device.replayed raised"], "somebody must look at it"
    assert day.cancel(flagged=True) == []
    assert story(day.wait(30)) == ["person.fall expire raised"]


def test_a_cancel_of_a_make_that_cannot_prove_itself_ends_nothing_and_that_is_said():
    day = Day()
    day.fall()
    (entry,) = day.press(device="plain")
    assert (entry.fact.kind, entry.priority, entry.fact.device) == ("device.replayed", 3, "plain")
    assert dict(entry.fact.detail) == {"danger": "cancel"}
    assert story(day.wait(30)) == ["person.fall expire raised"]


def test_a_cancel_button_that_is_shelved_ends_nothing_and_that_is_said():
    day = Day()
    day.tell("shelve", device="button", seconds=3600.0, reason="key stuck")
    day.fall()
    assert story(day.cancel()) == ["device.shelved_danger noted"]
    assert day.alarm.state == "pre_alarm"


@pytest.mark.parametrize("state", OPEN[1:])
def test_a_cancel_after_the_grace_ends_nothing(state):
    day = Day()
    alarm = day.raise_to(state)
    (entry,) = day.cancel()
    assert (entry.fact.move, entry.fact.before, entry.fact.by) == ("well", state, "resident, button")
    assert entry.priority == 1, "the desk sees it: the resident says to be well"
    assert day.alarm == alarm
    assert day.cancel() == [], "once a minute is enough"
    day.wait(60)
    assert [line for line in story(day.cancel()) if "well" in line]


def test_a_cancel_ends_every_grace_that_asks_about_the_resident_and_counts_once():
    day = Day()
    day.hear("water", Kind.MOISTURE, True)
    for n in range(2):
        day.hear("radar", Kind.STAY_STILL, True)
        day.fall()
        assert story(day.cancel()) == ["person.stay_too_long cancel cancelled", "person.fall cancel cancelled"]
        day.hear("radar", Kind.STAY_STILL, False)
        day.fall(False)
        assert [(a.kind, a.state) for a in day.open] == [("env.water", "pre_alarm")], n
    assert not [line for line in story(day.entries) if "often" in line], "two presses are two"
    assert story(day.wait(60)) == ["env.water expire raised"]


def test_a_cancel_ends_nothing_that_is_raised():
    day = Day()
    day.fall()
    day.fall(device="radar2")
    day.press()  # confirms both
    assert {e.fact.move for e in day.cancel()} == {"well"}
    assert {a.state for a in day.open} == {"raised"}


EVIDENCE = [
    (lambda d: d.press(), "person.sos", ["person.fall confirm raised", "person.sos raise raised"]),
    (lambda d: d.press(3), "person.help", ["person.fall confirm raised", "person.help raise raised"]),
    (lambda d: d.fall(device="radar2"), "person.fall", ["person.fall confirm raised", "person.fall danger pre_alarm"]),
    (
        lambda d: d.hear("radar", Kind.STAY_STILL, True),
        "person.stay_too_long",
        ["person.fall confirm raised", "person.stay_too_long danger pre_alarm"],
    ),
]


@pytest.mark.parametrize(("more", "why", "said"), EVIDENCE)
def test_a_second_evidence_in_the_grace_raises_at_once(more, why, said):
    day = Day()
    day.fall()
    day.wait(5)
    assert story(more(day)) == said
    fall = day.alarms("person.fall")[0]
    assert (fall.reason, len(fall.evidence), fall.calls[0].reason) == (why, 2, "raised")


def test_sos_raises_every_pre_alarm_whatever_its_kind():
    day = Day()
    day.hear("radar", Kind.STAY_STILL, True)
    day.hear("water", Kind.MOISTURE, True)
    assert moves(day.press()) == ["person.stay_too_long confirm raised", "env.water confirm raised", "person.sos raise raised"]


@pytest.mark.parametrize("other_boot", [False, True])
def test_a_restart_in_the_grace_raises(other_boot):
    day = Day()
    day.fall()
    day.wait(3)
    assert story(day.restart(other_boot=other_boot)) == ["gateway.restarted noted", "person.fall expire raised"]
    assert (day.alarm.reason, day.alarm.stages["danger"].boot) == ("restart", "boot-1")


@pytest.mark.parametrize("state", OPEN)
def test_the_fall_bit_going_back_ends_nothing(state):
    day = Day()
    alarm = day.raise_to(state)
    assert story(day.fall(False)) == [f"person.fall clear {state}"]
    assert (day.alarm.number, day.alarm.state, day.alarm.condition_active) == (alarm.number, alarm.state, False)
    assert day.fall(False) == []
    assert story(day.fall()) == [f"person.fall count {state}"]
    assert (day.alarm.count, day.alarm.condition_active) == (2, True)


def test_a_pre_alarm_whose_condition_is_gone_is_raised_all_the_same():
    day = Day()
    day.fall()
    day.fall(False)
    assert story(day.wait(30)) == ["person.fall expire raised"]


def test_a_radar_that_repeats_its_level_raises_nothing_new():
    day = Day()
    day.fall()
    assert all(day.fall() == [] for _ in range(100))
    day.wait(30)
    assert day.fall() == []
    day.tell("close", alarm=day.alarm.id, outcome="helped")
    assert day.fall() == [], "the person has seen this fall"


def test_a_condition_that_returns_after_the_end_opens_a_new_linked_alarm():
    day = Day()
    first = day.raise_to("closed")
    assert story(day.fall(False)) == ["person.fall clear closed"]
    assert story(day.fall()) == ["person.fall danger pre_alarm"]
    assert (day.alarm.linked, day.alarm.number) == (first.id, 2)
    day.cancel()
    day.fall(False)
    day.fall()
    assert day.alarm.linked == f"{JOURNAL}-a2", "a cancelled one is linked as well"


def test_three_cancels_in_a_day_are_noted_and_two_are_not():
    day = Day()

    def fall_and_cancel():
        day.fall(False)
        day.fall()
        return story(day.cancel())

    assert OFTEN == 3
    assert fall_and_cancel()[-1] == "person.fall cancel cancelled"
    day.wait(7200)
    assert fall_and_cancel()[-1] == "person.fall cancel cancelled"
    day.wait(86_400 - 7200 + 1)
    assert fall_and_cancel()[-1] == "person.fall cancel cancelled", "the first one is more than 24 h ago"
    assert fall_and_cancel()[-1] == "person.often_cancelled noted"
    assert fall_and_cancel()[-1] == "person.fall cancel cancelled", "then they are counted anew"


# -- the other dangers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "grace", "priority"),
    [
        (Kind.SMOKE, "env.smoke", 0, 1),
        (Kind.GAS, "env.gas", 0, 1),
        (Kind.CO, "env.co", 0, 1),
        (Kind.MOISTURE, "env.water", 60, 2),
        (Kind.STAY_STILL, "person.stay_too_long", 180, 2),
        (Kind.FALL, "person.fall", 30, 1),
    ],
)
def test_when_each_danger_becomes_an_alarm(kind, name, grace, priority):
    day = Day()
    said = story(day.hear("smoke", kind, True))
    assert said == [f"{name} danger pre_alarm" if grace else f"{name} raise raised"]
    if grace:
        day.wait(grace - 1)
        assert day.alarm.state == "pre_alarm"
        day.wait(1)
    assert (day.alarm.state, day.alarm.priority) == ("raised", priority)
    day.hear("smoke", kind, False)
    assert day.alarm.state == "raised", "it latches"


def test_a_door_left_open_is_raised_after_its_time_and_closed_by_rule():
    day = Day()
    day.hear("door", Kind.CONTACT_OPEN, True)
    assert day.wait(599) == []
    assert story(day.wait(1)) == ["door.left_open raise raised"]
    assert story(day.hear("door", Kind.CONTACT_OPEN, False)) == ["door.left_open close closed"]
    assert (day.alarm.outcome, day.alarm.by, day.alarm.reason) == ("no_help_needed", "rule", "condition_cleared")


def test_a_door_that_somebody_is_on_the_way_to_is_closed_by_the_person():
    day = Day()
    day.hear("door", Kind.CONTACT_OPEN, True)
    day.wait(600)
    day.tell("dispatch", alarm=day.alarm.id, responder="Li")
    assert story(day.hear("door", Kind.CONTACT_OPEN, False)) == ["door.left_open clear dispatched"]


def test_a_bed_left_at_night():
    day = Day(clock=HandClock(NIGHT))
    day.hear("bed", Kind.OCCUPANCY, True)
    day.hear("bed", Kind.OCCUPANCY, False)
    assert story(day.wait(1200)) == ["person.bed_exit danger pre_alarm"]
    assert story(day.hear("bed", Kind.OCCUPANCY, True)) == ["person.bed_exit cancel cancelled"]
    day.hear("bed", Kind.OCCUPANCY, False)
    assert story(day.wait(1320)) == ["person.bed_exit danger pre_alarm", "person.bed_exit expire raised"]
    assert story(day.hear("bed", Kind.OCCUPANCY, True)) == ["person.bed_exit clear raised"], "from here on a person closes it"


@pytest.mark.parametrize("after", [1319, 1321])
def test_whoever_moves_in_the_morning_within_the_grace_of_a_bed_left_is_up_and_later_a_person_closes_it(after):
    day = Day(clock=HandClock(NOON.astimezone(HOME_ZONE).replace(hour=4, minute=30).astimezone(NOON.tzinfo)))
    day.hear("bed", Kind.OCCUPANCY, True)
    day.hear("bed", Kind.OCCUPANCY, False)
    day.wait(after)
    said = story(day.hear("radar", Kind.MOTION, True))
    if after < 1320:
        assert said == ["person.bed_exit cancel cancelled"]
        assert (day.alarm.by, day.alarm.reason) == ("rule", "condition_cleared")
    else:
        assert said == []
        assert [alarm.state for alarm in day.open] == ["raised"]


@pytest.mark.parametrize(
    ("device", "kind", "name"), [("radar", Kind.STAY_STILL, "person.stay_too_long"), ("water", Kind.MOISTURE, "env.water")]
)
def test_what_ends_within_its_grace_ends_the_pre_alarm_and_is_no_cancel_of_the_resident(device, kind, name):
    day = Day()
    for _ in range(4):
        assert story(day.hear(device, kind, True)) == [f"{name} danger pre_alarm"]
        assert story(day.hear(device, kind, False)) == [f"{name} cancel cancelled"], "and nobody is said to have cancelled often"
        assert (day.alarm.by, day.alarm.reason, day.alarm.condition_active) == ("rule", "condition_cleared", False)
        day.wait(400)
    assert day.open == []
    day.hear(device, kind, True)
    day.wait(181)
    assert story(day.hear(device, kind, False)) == [f"{name} clear raised"], "from here on a person closes it"


@pytest.mark.parametrize(
    ("device", "kind", "name", "grace"),
    [("radar", Kind.STAY_STILL, "person.stay_too_long", 180), ("water", Kind.MOISTURE, "env.water", 60)],
)
def test_what_comes_and_goes_has_no_grace_the_third_time(device, kind, name, grace):
    day = Day()

    def once(on, off, move="danger pre_alarm"):
        assert story(day.hear(device, kind, True)) == [f"{name} {move}"]
        day.wait(on)
        day.hear(device, kind, False)
        day.wait(off)

    once(grace - 1, 1)
    once(grace - 1, 602 - 2 * grace)  # the third begins 601 s after the first, and the fourth 601 s after the second
    once(grace - 1, 1)
    once(grace - 1, 1)
    once(grace - 1, 1, "raise raised")
    assert [e.fact.reason for e in day.entries if getattr(e.fact, "move", "") == "raise"] == ["comes_and_goes"]
    assert story(day.hear(device, kind, True)) == [f"{name} count raised"], "from here on a person closes it"


def test_what_the_resident_has_ended_is_not_counted_as_coming_and_going():
    day = Day()
    for ends in ("rule", "cancel", "rule"):
        assert story(day.hear("radar", Kind.STAY_STILL, True)) == ["person.stay_too_long danger pre_alarm"]
        if ends == "cancel":
            day.press(2)
        day.hear("radar", Kind.STAY_STILL, False)
        day.wait(30)
    assert story(day.hear("radar", Kind.STAY_STILL, True)) == ["person.stay_too_long raise raised"]


def test_with_a_long_grace_what_comes_and_goes_is_counted_over_three_of_them():
    day = Day(Home(times=Times(grace_stay=600)))
    for _ in range(2):
        day.hear("radar", Kind.STAY_STILL, True)
        day.wait(590)
        assert story(day.hear("radar", Kind.STAY_STILL, False)) == ["person.stay_too_long cancel cancelled"]
        day.wait(10)
    assert story(day.hear("radar", Kind.STAY_STILL, True)) == ["person.stay_too_long raise raised"]


def test_a_fall_that_is_over_within_its_grace_is_raised_all_the_same():
    day = Day()
    day.fall()
    assert story(day.fall(False)) == ["person.fall clear pre_alarm"]
    assert story(day.wait(31)) == ["person.fall expire raised"]


def test_a_kind_that_nobody_knows_is_carried_as_p3_and_never_dropped():
    day = Day()
    danger = Danger("maker.strange-thing", "radar", "bath", day.clock.now(), 0.0, ())
    day.pipeline._judged(danger)
    assert story(day.take(day.pipeline.noticed((), day.clock.now()))) == ["maker.strange-thing raise raised"]
    assert day.alarm.priority == 3
    note = day.pipeline.faults.note("maker.oddity", day.clock.now())
    (entry,) = day.take(day.pipeline.noticed([note], day.clock.now()))
    assert entry.priority == 3
    day.restart()
    assert day.open[0].kind == "maker.strange-thing"


# -- masks -----------------------------------------------------------------------------------------------------------


def test_away_suspends_absence_and_nothing_else():
    day = Day(clock=HandClock(NIGHT))
    day.hear("bed", Kind.OCCUPANCY, True)
    assert story(day.tell("away", seconds=86_400.0)) == ["service.away raised", "away done"]
    assert "masks" in day.pipeline.marks(day.clock.now())
    day.hear("bed", Kind.OCCUPANCY, False)
    assert day.wait(2000) == []
    day.fall()
    day.hear("radar", Kind.STAY_STILL, True)  # somebody is there after all
    day.hear("smoke", Kind.SMOKE, True)
    day.press()
    day.hear("door", Kind.CONTACT_OPEN, True)
    day.wait(600)
    assert {a.kind for a in day.open} == {"person.fall", "person.stay_too_long", "env.smoke", "person.sos", "door.left_open"}


@pytest.mark.parametrize("end", ["by instruction", "by time"])
def test_away_ends(end):
    day = Day(clock=HandClock(NIGHT))
    day.tell("away", seconds=3600.0)
    if end == "by instruction":
        day.tell("away", seconds=0.0)
    else:
        day.wait(3600)
    day.hear("bed", Kind.OCCUPANCY, True)
    day.hear("bed", Kind.OCCUPANCY, False)
    assert story(day.wait(1200)) == ["person.bed_exit danger pre_alarm"]


SHELVES = [
    ("door", Door.LOCAL, 86_400.0, "repair", ""),
    ("door", Door.PLATFORM, 86_400.0, "repair", ""),
    ("door", Door.LOCAL, 86_401.0, "repair", "too_long"),
    ("door", Door.LOCAL, 60.0, "", "missing_field"),
    ("door", Door.LOCAL, 60.0, "  ", "missing_field"),
    ("smoke", Door.LOCAL, 60.0, "cooking", "platform_only"),
    ("smoke", Door.PLATFORM, 7200.0, "cooking", ""),
    ("smoke", Door.PLATFORM, 7201.0, "cooking", "too_long"),
    ("smoke", Door.LOCAL, 0.0, "", ""),  # judging again needs nobody's leave
    ("attic", Door.PLATFORM, 60.0, "repair", "unknown_device"),
    ("", Door.PLATFORM, 60.0, "repair", "unknown_device"),
]


@pytest.mark.parametrize(("device", "door", "seconds", "reason", "expected"), SHELVES)
def test_what_may_be_shelved_by_whom_and_how_long(device, door, seconds, reason, expected):
    day = Day()
    word, zh, en = refusal(day.tell("shelve", device=device, door=door, seconds=seconds, reason=reason))
    assert word == expected
    assert bool(zh) is bool(en) is bool(expected)
    assert (device in day.pipeline.shelves) is (not expected and seconds > 0)


def test_a_shelf_is_written_down_with_name_reason_and_time():
    day = Day()
    day.tell("shelve", by="Zhao", device="door", seconds=600.0, reason="carpenter at work")
    body = json.loads(day.bodies[-1])
    assert (body["by"], body["device"], body["reason"], body["seconds"]) == ("Zhao", "door", "carpenter at work", 600.0)


def test_a_shelved_device_is_not_judged_but_what_it_said_is_written_down():
    day = Day()
    day.tell("shelve", device="smoke", seconds=600.0, reason="cooking")
    (entry,) = day.hear("smoke", Kind.SMOKE, True)
    assert (entry.fact.kind, entry.fact.turn, entry.fact.priority, dict(entry.fact.detail)) == (
        "device.shelved_danger",
        Turn.NOTED,
        4,
        {"danger": "env.smoke"},
    )
    assert entry.fact.evidence[0].kind is Kind.SMOKE
    assert day.open == []


@pytest.mark.parametrize("end", ["by instruction", "by time"])
def test_what_is_still_on_when_the_shelf_ends_is_a_danger_then(end):
    day = Day()
    day.tell("shelve", device="smoke", seconds=600.0, reason="cooking")
    day.hear("smoke", Kind.SMOKE, True)
    if end == "by time":
        assert day.wait(599) == []
        assert story(day.wait(1)) == ["env.smoke raise raised"]
    else:
        assert story(day.tell("shelve", device="smoke")) == ["env.smoke raise raised", "shelve done"]
    assert day.pipeline.shelves == {}


def test_what_is_over_when_the_shelf_ends_is_none():
    day = Day()
    day.tell("shelve", device="smoke", seconds=600.0, reason="cooking")
    day.tell("shelve", device="button", seconds=600.0, reason="children")
    day.hear("smoke", Kind.SMOKE, True)
    day.hear("smoke", Kind.SMOKE, False)
    day.press(3)
    assert day.wait(3600) == []
    assert day.open == []


def test_shelving_does_not_touch_an_open_alarm():
    day = Day()
    alarm = day.raise_to("raised")
    day.tell("shelve", device="radar", seconds=600.0, reason="fan")
    day.wait(200)
    assert (day.alarm.id, day.alarm.masking, day.alarm.rung) == (alarm.id, "none", 2)


@pytest.mark.parametrize("state", OPEN)
def test_silence_is_only_silence(state):
    day = Day()
    alarm = day.raise_to(state)
    said = story(day.tell("silence", alarm=alarm.id))
    assert said == [f"person.fall silence {state}", "silence done"]
    assert day.alarm == replace(alarm, masking="silenced", silenced=day.clock.mono)


# -- instructions ----------------------------------------------------------------------------------------------------

ALLOWED = {
    "acknowledge": {"raised"},
    "dispatch": {"raised", "acknowledged"},
    "decline": {"dispatched"},
    "recall": {"dispatched"},
    "arrive": {"raised", "acknowledged", "dispatched"},
    "close": {"raised", "acknowledged", "on_site"},
}
LEADS_TO = {
    "acknowledge": "acknowledged",
    "dispatch": "dispatched",
    "decline": "acknowledged",
    "recall": "acknowledged",
    "arrive": "on_site",
    "close": "closed",
}


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("do", ALLOWED)
def test_every_instruction_in_every_state(do, state):
    day = Day()
    before = day.raise_to(state)
    entries = day.tell(do, by="Zhao", alarm=before.id, responder="Li", outcome="helped", reason="word")
    result = entries[-1].fact
    if state in ALLOWED[do]:
        assert story(entries) == [f"person.fall {do} {LEADS_TO[do]}", f"{do} done"]
        assert (day.alarm.by, day.alarm.reason, result.state) == ("Zhao", "word", LEADS_TO[do])
        assert (result.zh, result.en) == ("", "")
    else:
        assert len(entries) == 1
        assert result.refused == "not_allowed"
        assert (state in result.zh, state in result.en, do in result.zh, do in result.en) == (True,) * 4
        assert next(a for a in day.open if a.id == before.id) == day.alarm == before, "refused whole"


@pytest.mark.parametrize("do", ["acknowledge", "dispatch", "decline", "recall", "arrive", "close", "silence"])
@pytest.mark.parametrize("which", ["", "j1-a77", "closed"])
def test_an_alarm_that_is_not_open_is_named_in_both_languages(do, which):
    day = Day()
    alarm = day.raise_to("closed").id if which == "closed" else which
    word, zh, en = refusal(day.tell(do, alarm=alarm, responder="Li", outcome="helped"))
    assert word == ("alarm_ended" if which == "closed" else "unknown_alarm")
    assert (alarm in zh, alarm in en) == (True, True)


def test_refusals_name_what_is_missing():
    day = Day()
    alarm = day.raise_to("raised").id
    for more, expected in (
        ({"do": "acknowledge", "by": ""}, "by"),
        ({"do": "close", "by": "  ", "outcome": "helped"}, "by"),
        ({"do": "dispatch"}, "responder"),
        ({"do": "dispatch", "responder": " "}, "responder"),
    ):
        word, zh, en = refusal(day.tell(more.pop("do"), alarm=alarm, **more))
        assert (word, expected in zh, expected in en) == ("missing_field", True, True)
    word, zh, en = refusal(day.tell("test", device="attic"))
    assert (word, "attic" in zh, "attic" in en) == ("unknown_device", True, True)


@pytest.mark.parametrize("outcome", ["", "fine", "HELPED", "test"])
def test_a_close_needs_an_outcome_and_a_real_alarm_is_never_a_test(outcome):
    day = Day()
    alarm = day.raise_to("raised")
    word, zh, en = refusal(day.tell("close", alarm=alarm.id, outcome=outcome))
    assert (word, bool(zh), bool(en)) == ("missing_field", True, True)
    assert day.alarm == alarm


@pytest.mark.parametrize("outcome", [o for o in Outcome if o != "test"])
def test_every_outcome_closes_a_real_alarm_and_none_of_them_a_test(outcome):
    day = Day()
    real = day.raise_to("raised")
    day.tell("close", by="Zhao", alarm=real.id, outcome=outcome)
    assert (day.alarm.state, day.alarm.outcome, day.alarm.by, "closed" in day.alarm.stages) == ("closed", outcome, "Zhao", True)
    day.tell("test", device="radar")
    assert refusal(day.tell("close", alarm=day.alarm.id, outcome=outcome))[0] == "missing_field"
    assert story(day.tell("close", alarm=day.alarm.id, outcome="test")) == ["alarm.test close closed", "close done"]


def test_an_instruction_takes_effect_once_by_its_id_also_when_refused_and_over_a_restart():
    day = Day()
    day.raise_to("raised")
    alarm = day.alarm.id
    assert len(day.tell("dispatch", order="a", alarm=alarm)) == 1  # refused: no responder
    assert day.tell("dispatch", order="a", alarm=alarm, responder="Li") == []
    assert len(day.tell("dispatch", order="b", alarm=alarm, responder="Li")) == 2
    assert day.tell("dispatch", order="b", alarm=alarm, responder="Li") == []
    day.tell("decline", order="c", alarm=alarm)
    for other_boot in (False, True):
        day.restart(other_boot=other_boot)
        for order in "abc":
            assert day.tell("dispatch", order=order, alarm=alarm, responder="Li") == []
    assert day.alarm.state == "acknowledged"


def test_the_ids_that_are_remembered_are_bounded_and_the_oldest_go_first():
    day = Day()
    for n in range(REMEMBERED + 10):
        day.pipeline.told(day_away(n), day.clock.now())
    assert len(day.pipeline.orders.done) == REMEMBERED
    assert day.pipeline.told(day_away(10), day.clock.now()) == []
    assert len(day.pipeline.told(day_away(9), day.clock.now())) == 1


def day_away(n):
    return Instruction(id=f"n{n}", do=Do.AWAY, by="Wang")


def test_an_instruction_that_came_too_late_changes_nothing_and_says_so():
    day = Day()
    alarm = day.raise_to("raised")
    late = Instruction(id="late", do=Do.ACKNOWLEDGE, by="Wang", alarm=alarm.id)
    word, zh, en = refusal(day.take(day.pipeline.refuse(late, "expired at 09:00", day.clock.now())))
    assert (word, "09:00" in zh, "09:00" in en) == ("expired", True, True)
    assert day.pipeline.told(late, day.clock.now()) == []
    assert day.alarm == alarm


def test_a_technician_who_has_looked_ends_the_latched_faults():
    day = Day()
    day.hear("door", Kind.TAMPER, True)
    assert story(day.tell("confirm", device="door")) == ["device.tamper cleared", "confirm done"]
    assert refusal(day.tell("confirm", device="attic"))[0] == "unknown_device"


def test_an_old_signal_is_confirmed_by_who_stands_at_the_device_alone():
    day = Day()
    day.hear("button", Kind.REPLAYED, 7)
    assert refusal(day.tell("confirm", device="button"))[0] == "local_only"
    assert story(day.tell("confirm", device="button", door=Door.LOCAL)) == ["device.replayed cleared", "confirm done"]


def test_a_test_beside_a_real_alarm_and_two_tests_of_one_device_do_not_mix():
    day = Day()
    day.tell("test", device="button")
    day.tell("test", device="button", door=Door.LOCAL)
    day.press()
    assert [(a.kind, a.test, a.priority) for a in day.open] == [("alarm.test", True, 4), ("alarm.test", True, 4), ("person.sos", False, 1)]
    day.tell("acknowledge", alarm=day.alarm.id)
    day.wait(600)
    assert [a.kind for a in day.open] == ["person.sos"]


def test_one_test_at_a_time_for_each_door_also_after_a_restart():
    day = Day()
    first = day.tell("test", device="button")[-1].fact
    assert refusal(day.tell("test", device="pendant"))[0] == "not_allowed"
    assert refusal(day.tell("test"))[0] == "not_allowed"
    day.restart()
    assert refusal(day.tell("test"))[0] == "not_allowed"
    day.tell("close", alarm=first.alarm, outcome="test")
    assert day.tell("test")[-1].fact.refused == ""


def test_an_alarm_that_has_ended_is_told_from_one_that_is_not_of_this_home():
    day = Day()
    alarm = day.raise_to("closed").id
    for _ in range(2):
        over, never = (day.tell("acknowledge", alarm=which)[-1].fact for which in (alarm, "other-a1"))
        assert (over.refused, over.state) == ("alarm_ended", "closed")
        assert (never.refused, never.state) == ("unknown_alarm", "")
        day.restart()


def test_every_alarm_that_has_ended_is_told_as_that_and_not_the_newest_alone():
    day = Day()
    ids = []
    for _ in range(3):
        ids.append(day.raise_to("closed").id)
        day.clock.move(7200)
    for which, word in (*((i, "alarm_ended") for i in ids), (f"{JOURNAL}-a4", "unknown_alarm"), (f"{JOURNAL}-a01", "unknown_alarm")):
        assert refusal(day.tell("acknowledge", alarm=which))[0] == word, which


@pytest.mark.parametrize("started", [False, True])
def test_behind_a_new_journal_no_alarm_has_ended_that_there_never_was(started):
    day = Day()
    ids = []
    for _ in range(2):
        alarm = day.raise_to("closed")
        ids.append(alarm.id)
        day.clock.move(7200)
    day.pipeline.renumber("j2", [], day.clock.now())
    if started:
        closed = {(alarm.kind, alarm.device): alarm.id}
        day.pipeline = day.home.pipeline(day.clock.boot)
        day.pipeline.restart(day.clock.now(), Known(journal="j2", last_alarm=2, closed=closed), why="start")

    def asked(alarm):
        order = Instruction(id=f"of {alarm}", do=Do.CLOSE, by="desk", alarm=alarm, outcome="helped")
        return day.pipeline.told(order, day.clock.now())[-1].fact.refused

    assert [asked(f"j2-a{n}") for n in (1, 2, 3)] == ["unknown_alarm"] * 3
    assert [asked(i) for i in ids] == ["unknown_alarm", "alarm_ended"], "of an earlier journal the last one of a kind and device"
    for id_, do, more in (("t", Do.TEST, {}), ("c", Do.CLOSE, {"alarm": "j2-a3", "outcome": "test"})):
        day.pipeline.told(Instruction(id=id_, do=do, by="desk", **more), day.clock.now())
    later = Instruction(id="later", do=Do.CLOSE, by="desk", alarm="j2-a3", outcome="test")
    assert day.pipeline.told(later, day.clock.now())[-1].fact.refused == "alarm_ended"


def test_an_order_of_the_journal_before_that_comes_again_asks_nobody_to_give_it_twice():
    day = Day()
    day.press()
    order = Instruction(id="desk-1", do=Do.ACKNOWLEDGE, by="desk", alarm=day.alarm.id, digest="abc")
    assert day.pipeline.told(order, day.clock.now())[-1].fact.refused == ""
    day.pipeline.renumber("j2", [], day.clock.now())
    again = day.pipeline.told(order, day.clock.now())
    assert [e.fact.refused for e in again] == ["answer_lost"]
    assert "nothing was done again" in again[0].fact.en
    other = day.pipeline.told(replace(order, do=Do.DISPATCH, digest="def"), day.clock.now())
    assert [e.fact.refused for e in other] == ["id_reused"]
    assert [e.fact.refused for e in day.pipeline.told(order, day.clock.now())] == ["answer_lost"], "that answer takes no place either"


def test_the_responder_is_who_arrived_and_not_who_was_sent():
    def there(door=Door.PLATFORM, **said):
        day = Day()
        alarm = day.raise_to("dispatched")
        day.tell("arrive", alarm=alarm.id, door=door, **said)
        return day.alarm.responder

    sent = Day().raise_to("dispatched").responder
    assert there() == sent, "the desk notes the arrival of whom it sent"
    assert there(responder="neighbour") == "neighbour"
    assert there(door=Door.LOCAL, by="neighbour") == "neighbour", "who says in the home that somebody is there, is there"
    assert there(door=Door.LOCAL, by="technician", responder="family") == "family"


# -- receipts --------------------------------------------------------------------------------------------------------


def test_a_receipt_sets_the_push_stage_once_and_makes_no_endless_chain():
    day = Day()
    day.press()
    day.wait(2)
    assert moves(day.receipt()) == ["person.sos receipt raised"]
    push = day.alarm.stages["push"]
    for _ in range(20):
        day.wait(1)
        assert day.receipt() == []
    day.press()
    assert day.receipt() == []
    assert day.alarm.stages["push"] == push
    assert push.mono - day.alarm.stages["alarm"].mono == 2


def test_a_receipt_in_the_grace_is_not_the_push_of_the_alarm():
    day = Day()
    day.fall()
    assert day.receipt() == []
    day.wait(30)
    assert "push" not in day.alarm.stages
    assert moves(day.receipt()) == ["person.fall receipt raised"]


def test_receipts_of_what_is_unknown_or_ended_are_nothing():
    day = Day()
    day.raise_to("closed")
    assert day.receipt() == []
    assert day.receipt(9999) == []


def test_a_receipt_after_a_restart_still_finds_its_alarm():
    day = Day()
    day.press()
    for other_boot in (False, True):
        day.restart(other_boot=other_boot)
    assert moves(day.receipt()) == ["person.sos receipt raised"]


# -- restarts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other_boot", [False, True])
@pytest.mark.parametrize("state", STATES)
def test_a_restart_in_every_state(state, other_boot):
    day = Day()
    before = day.raise_to(state)
    entries = [line for line in moves(day.restart(other_boot=other_boot)) if not line.endswith(("restored " + state, "clear " + state))]
    after = day.alarm
    if state == "pre_alarm":
        assert entries == ["person.fall expire raised"]
        return
    assert entries == [], "nothing new is raised"
    assert len(day.alarms()) == 1
    kept = ("id", "number", "state", "by", "reason", "responder", "expected", "outcome", "count", "made", "rung", "stages", "evidence")
    assert {k: getattr(after, k) for k in kept} == {k: getattr(before, k) for k in kept}
    assert [replace(c, mono=0) for c in after.calls] == [replace(c, mono=0) for c in before.calls]
    assert (len(day.open) == 1) is (state != "closed")


@pytest.mark.parametrize("other_boot", [False, True])
@pytest.mark.parametrize("state", OPEN)
def test_a_level_heard_again_after_a_restart_is_the_same_danger_while_its_alarm_is_open(state, other_boot):
    day = Day()
    day.raise_to(state)
    day.restart(other_boot=other_boot)
    assert day.fall() == []
    assert len(day.alarms()) == 1


@pytest.mark.parametrize("ending", ["closed", "cancelled"])
def test_a_fall_after_a_restart_is_a_new_danger_although_an_ended_alarm_had_the_same_cause(ending):
    # The alarm ended while the radar's bit was still on, the bit went back, the gateway restarted, somebody fell.
    day = Day()
    if ending == "closed":
        day.raise_to("closed")
    else:
        day.fall()
        day.cancel()
    assert story(day.fall(False)) == [f"person.fall clear {ending}"]
    day.restart()
    assert story(day.fall()) == ["person.fall danger pre_alarm"]


def test_a_level_that_outlasts_its_alarm_stays_known_over_a_restart_but_not_over_a_power_cut():
    day = Day()
    first = day.raise_to("closed")
    day.restart()
    assert day.fall() == [], "the same fall, seen and closed"
    assert "person.fall clear closed" in story(day.restart(other_boot=True)), "nobody watched while the power was off"
    assert story(day.fall()) == ["person.fall danger pre_alarm"]
    assert day.alarm.linked == first.id


@pytest.mark.parametrize("other_boot", [False, True])
def test_the_ladder_goes_on_after_a_restart(other_boot):
    day = Day()
    day.press()
    day.wait(50)
    assert day.alarm.rung == 1
    day.restart(other_boot=other_boot)
    day.wait(90 if other_boot else 70)
    assert (day.alarm.rung, day.alarm.calls[-1].reason) == (2, "not_acknowledged")


@pytest.mark.parametrize("other_boot", [False, True])
def test_numbers_and_ids_go_on_after_a_restart(other_boot):
    day = Day()
    day.raise_to("closed")
    last = len(day.entries)
    day.restart(other_boot=other_boot)
    day.press()
    assert [e.number for e in day.entries] == list(range(1, len(day.entries) + 1))
    assert len({e.id for e in day.entries}) == len(day.entries) > last
    assert day.alarm.number == 2


def test_faults_are_not_said_again_after_a_restart():
    day = Day(Home(missing_after=3600.0))
    day.hear("door", Kind.BATTERY, 5)
    day.hear("door", Kind.TAMPER, True)
    day.wait(3600)
    before = {k for k, _ in day.pipeline.faults.on}
    assert before == {"device.low_battery", "device.tamper", "device.missing"}
    assert [line for line in story(day.restart()) if not line.startswith("gateway.restarted")] == []
    assert {k for k, _ in day.pipeline.faults.on} == before


def test_restarts_without_end_do_not_postpone_the_ladder():
    day = Day()
    day.press()
    for _ in range(30):
        day.wait(2)
        day.restart()
    assert day.alarm.rung == 1
    for _ in range(60):
        day.wait(2)
        day.restart()
    assert day.alarm.rung == 2


# -- time and repetition ---------------------------------------------------------------------------------------------


def a_long_day(day, jump=lambda day: None):
    """A story with something of everything."""
    day.hear("door", Kind.CONTACT_OPEN, True)
    day.hear("bed", Kind.OCCUPANCY, True)
    day.at(60)
    day.press()
    day.at(65)
    day.receipt()
    jump(day)
    day.at(90)
    day.tell("acknowledge", alarm=day.alarm.id)
    day.at(120)
    day.fall()
    day.at(130)
    jump(day)
    day.cancel()
    day.at(200)
    day.tell("dispatch", alarm=day.open[0].id, responder="Li", seconds=300.0)
    day.fall(False)
    day.at(210)
    day.fall()
    jump(day)
    day.at(1000)
    day.hear("door", Kind.CONTACT_OPEN, False)
    day.tell("shelve", device="radar2", seconds=600.0, reason="fan", boot=day.clock.boot)
    day.fall(device="radar2")
    day.hear("door", Kind.BATTERY, 3)
    jump(day)
    day.at(4000)
    for alarm in day.open:
        day.tell("arrive", alarm=alarm.id)
        day.tell("close", alarm=alarm.id, outcome="rescued")
    day.at(5000)


def timeless(day):
    """Return the journal without wall times, and without what is said of the clock itself."""

    def without(value):
        if isinstance(value, dict):
            return {k: without(v) for k, v in value.items() if k not in {"wall", "clock"}}
        return [without(v) for v in value] if isinstance(value, list) else value

    bodies = [json.loads(b) for b in day.bodies]
    out = []
    for body in bodies:
        if body.get("kind") not in {"gateway.clock_unsure", "gateway.clock_set"}:
            for key in ("number", "id"):
                del body[key]
            out.append(without(body))
    return out


def test_the_same_day_twice_gives_the_same_bytes():
    days = [Day(), Day()]
    for day in days:
        a_long_day(day)
    assert days[0].bodies == days[1].bodies
    assert len(days[0].entries) > 40
    assert {a.state for a in days[0].alarms()} == {"closed", "cancelled"}


@pytest.mark.parametrize(
    ("name", "wall", "quality", "jump"),
    [
        ("years behind", NOON.replace(year=1970), Quality.WRONG, timedelta()),
        ("years ahead", NOON.replace(year=2093), Quality.UNSURE, timedelta()),
        ("a day forward again and again", NOON, Quality.SYNCHRONISED, timedelta(days=1)),
        ("a day back again and again", NOON, Quality.SYNCHRONISED, timedelta(days=-1)),
        ("years at once", NOON.replace(year=1971), Quality.UNSURE, timedelta(days=20_000)),
    ],
)
def test_the_wall_clock_changes_no_judgement(name, wall, quality, jump):
    right, wrong = Day(), Day(clock=HandClock(wall, quality=quality))

    def jumps(day):
        day.clock.wall += jump

    a_long_day(right)
    a_long_day(wrong, jumps)
    assert timeless(right) == timeless(wrong)


def test_ticks_more_often_than_needed_change_nothing():
    plain, busy = Day(), Day()
    a_long_day(plain)
    at = busy.at
    busy.at = lambda second: [at(t / 2) for t in range(int((busy.clock.mono - busy.start) * 2), second * 2 + 1)]
    a_long_day(busy)
    assert plain.bodies == busy.bodies


def test_every_entry_of_an_alarm_carries_the_urgency_of_the_alarm():
    day = Day()
    day.raise_to("closed")
    day.hear("door", Kind.BATTERY, 3)
    assert {e.priority for e in day.entries if isinstance(e.fact, AlarmFact)} == {1}
    assert [e.priority for e in day.entries if not isinstance(e.fact, AlarmFact)] == [3] + [4] * 4 + [3], "a result wakes nobody"


def test_one_incident_shows_every_stage_to_the_second():
    day = Day()
    day.fall()
    day.wait(32)
    day.receipt()
    for do, after in (("acknowledge", 10), ("dispatch", 20), ("arrive", 200), ("close", 400)):
        day.wait(after)
        day.tell(do, alarm=day.alarm.id, responder="Li", outcome="rescued")
    begin = day.alarm.stages["danger"].mono
    assert {name: s.mono - begin for name, s in day.alarm.stages.items()} == {
        "danger": 0,
        "alarm": 30,
        "push": 32,
        "answered": 42,
        "dispatch": 62,
        "arrival": 262,
        "closed": 662,
    }


def test_what_could_not_be_written_is_numbered_anew_in_another_journal_and_what_is_open_is_told_there():
    day = Day()
    day.raise_to("acknowledged")
    day.wait(7)
    pressed = day.press()
    at = pressed[-1].at
    day.wait(1)
    again = day.pipeline.renumber("j2", pressed, day.clock.now())
    assert story(again) == ["person.sos raise raised", "person.fall restored acknowledged"]
    assert [(e.number, e.id) for e in again] == [(1, "j2-1"), (2, "j2-2")]
    assert again[0].at == at, "when it happened, not when it could be written"
    assert again[0].fact.alarm.id == "j2-a2", "nobody knows it yet, and the old journal will give its second alarm's name again"
    assert day.pipeline.alarms[2].id == "j2-a2"
    assert again[1].fact.alarm.id == f"{JOURNAL}-a1", "what was told keeps its name"
    assert day.pipeline.covered([(1, 99)]) == [1, 2]
    (first, second) = day.pipeline.receipted([1, 2], day.clock.now())
    assert (first.number, first.fact.move, first.fact.alarm.calls[0].delivery) == (3, "receipt", "accepted")
    assert second.fact.alarm.kind == "person.fall"
    assert (day.pipeline.last, day.pipeline.covered([(1, 99)])) == (4, [])


def test_a_danger_that_returns_without_having_been_heard_to_end_says_that_the_old_one_is_over():
    day = Day()

    def strange():
        day.pipeline._judged(Danger("maker.strange", "radar", "bath", day.clock.now(), 0.0, ()))
        return story(day.take(day.pipeline.noticed((), day.clock.now())))

    assert strange() == ["maker.strange raise raised"]
    day.tell("close", alarm=day.alarm.id, outcome="unknown")
    assert strange() == ["maker.strange clear closed", "maker.strange raise raised"]
    assert day.alarm.linked == f"{JOURNAL}-a1"


def test_a_door_that_stood_on_the_list_is_for_now_when_it_becomes_night():
    watches = tuple(replace(w, left_open_day=1800.0) if w.device == "door" else w for w in WATCHES)
    day = Day(Home(watches=watches))
    day.clock.wall = datetime(2026, 5, 4, 21, 0, tzinfo=HOME_ZONE).astimezone(UTC)
    day.hear("door", Kind.CONTACT_OPEN, True)
    day.wait(1900)
    assert (day.alarm.kind, day.alarm.listed) == ("door.left_open", True)
    assert alarm_of(decode_entry(encode_entry("gw", JOURNAL, day.entries[-1])[1]), day.clock.now()).listed
    day.wait(1800)
    assert (day.alarm.listed, day.alarm.count) == (False, 2)
