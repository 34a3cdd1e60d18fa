"""The home asks: by its line, once in a silence, by day, and only what nobody answers is a danger."""

import json
from datetime import timedelta

import pytest
from gateway.judge.alarm import State
from gateway.judge.silence.kept import MARK, read
from gateway.judge.silence.question import MOST, Budget
from gateway.words import kind as kinds
from gateway.words.clock import Quality
from gateway.words.reading import Kind

from tests.unit.judge.silence.home import BEGAN, Home


def about(home):
    return [(kind, times) for kind, times, *_ in home.asked]


def test_it_is_asked_by_the_line_that_was_learnt_and_again_and_raised():
    home = Home(learnt=90).gets_up()
    home.wait(84)
    assert about(home) == []
    home.wait(2)
    assert about(home) == [("person.inactive", 1)]
    home.wait(6)
    assert about(home) == [("person.inactive", 1), ("person.inactive", 2)]
    assert [kind for kind, _ in home.raised] == ["person.inactive"]


@pytest.mark.parametrize(
    ("device", "kind", "value"), [("hall", Kind.MOTION, True), ("door", Kind.CONTACT_OPEN, True), ("button", Kind.BUTTON, "press")]
)
def test_any_movement_door_or_button_is_an_answer(device, kind, value):
    home = Home(learnt=90).gets_up()
    home.wait(87)
    home.hear(device, kind, value)
    home.wait(10)
    assert (home.answered, home.raised) == (["person.inactive"], [])


def test_a_press_that_may_be_a_recording_is_no_answer():
    home = Home(learnt=90).gets_up()
    home.wait(87)
    home.hear("hall", Kind.BUTTON, "release")
    home.wait(10)
    assert (home.answered, len(home.raised)) == ([], 1)


def test_an_alarm_that_is_open_asks_nothing_further_and_its_end_begins_the_silence_anew():
    home = Home(learnt=60).gets_up()
    home.wait(70)
    assert len(home.raised) == 1
    home.wait(300)
    assert len(home.raised) == 1
    (alarm,) = home.pipeline.alarms.values()
    assert (alarm.state, alarm.device, alarm.evidence[0].device) == (State.RAISED, "", "bedroom")


def test_the_evidence_is_the_newest_sign_and_a_movement_after_it_clears_the_condition():
    home = Home(learnt=60).gets_up()
    home.moves("bath")
    home.wait(40)
    (alarm,) = home.pipeline.alarms.values()
    assert (alarm.kind, alarm.room, [e.device for e in alarm.evidence]) == ("person.stay_too_long", "bath", ["bath"])
    home.moves()
    (alarm,) = home.pipeline.alarms.values()
    assert (alarm.condition_active, alarm.state) == (False, State.RAISED)


def test_without_consent_the_note_says_only_that_it_asks():
    home = Home(learnt=60).gets_up()
    home.pipeline.faults.tell_out(False)
    entries = []
    home._take = entries.extend
    home.wait(62)
    (note,) = [e.fact for e in entries if getattr(e.fact, "kind", "") == kinds.ASKED and e.fact.detail["times"] == 1]
    assert dict(note.detail) == {"about": "person.inactive", "times": 1}


def test_while_away_nothing_is_asked_and_nothing_learnt():
    home = Home(learnt=60).gets_up()
    home.away(9 * 3600)
    before = home.silence.line.kept.today.longest[:]
    home.wait(8 * 60)
    assert (about(home), home.silence.line.kept.today.longest) == ([], before)
    assert home.silence.why[0] == "away"


def test_nobody_is_asked_at_night_but_in_the_morning():
    home = Home(learnt=60, began=BEGAN + timedelta(hours=14)).gets_up()  # 21:00
    home.moves("bedroom")
    home.wait(9 * 60)
    assert about(home) == []
    home.wait(2 * 60)
    assert about(home)[0] == ("person.not_up", 1)


def test_who_is_silent_elsewhere_than_in_bed_when_the_evening_ends_is_asked_before_the_night():
    home = Home(learnt=200, began=BEGAN + timedelta(hours=13)).gets_up()  # 20:00
    home.about(45, rooms=("hall",))
    home.wait(45)
    assert about(home)[:1] == [("person.inactive", 1)]
    assert home.asked[0][3].hour == 21


@pytest.mark.parametrize(("wishes", "why"), [({"asks": False}, "no_voice"), ({}, "no_entrance")])
def test_without_a_voice_or_an_entrance_it_cannot_judge(wishes, why):
    home = Home(learnt=60, **wishes)
    home.about(30)
    home.wait(600)
    assert (home.silence.why[0], about(home)) == (why, [])


def test_who_never_goes_out_alone_needs_no_entrance():
    home = Home(learnt=60, at_home=True)
    home.about(30)
    home.wait(70)
    assert about(home)[0][0] == "person.inactive"


def test_with_a_clock_that_nobody_confirms_only_what_is_longer_than_any_night_is_asked_about():
    home = Home(learnt=60).gets_up()
    home.quality = Quality.UNSURE
    home.wait(13 * 60)
    assert about(home) == []
    home.wait(70)
    assert about(home)[0] == ("person.inactive", 1)


def test_out_is_no_silence_and_home_again_no_outing():
    home = Home(learnt=60).gets_up()
    home.door()
    home.wait(70)
    assert about(home) == []
    home.door()
    home.wait(3)
    home.moves()
    assert (about(home), home.silence.state.scene.door, home.silence.line.kept.trips[-1]) == ([], False, 70)


def test_who_comes_home_and_falls_behind_the_door_is_asked():
    home = Home(learnt=60).gets_up()
    home.door()
    home.wait(40)
    home.door()
    home.wait(70)
    assert about(home)[0] == ("person.inactive", 1)


def test_who_comes_home_is_seen_and_leaves_again_at_once_is_out():
    home = Home(learnt=60).gets_up()
    home.door()
    home.wait(40)
    home.door()
    home.moves()
    home.door()
    home.wait(120)
    assert (about(home), home.silence.state.scene.away) == ([], True)


def test_who_goes_out_early_is_no_night_exit():
    home = Home(learnt=60, began=BEGAN + timedelta(hours=22, minutes=20)).gets_up()  # 05:50
    home.door()
    home.wait(30)
    assert about(home) == []


def test_in_the_fortnight_of_learning_it_is_counted_once_and_not_asked():
    home = Home(learnt=0)
    home.silence.arrange(type(home.wishes)(preset="usual", shadow=14), home.silence.life.places, home.silence._zone)
    home.gets_up().wait(400)
    assert (about(home), home.silence.state.shadowed) == ([], 1)


def test_questions_are_bounded_and_a_long_silence_is_asked_about_all_the_same():
    budget = Budget()
    for _ in range(100):
        budget.pass_(budget.at + 86400, 1.2)
    assert budget.left == MOST
    stretches = []
    for _ in range(5):
        stretches.append(budget.stretch)
        budget.left -= 1
    assert stretches == [1.0, 1.0, 1.0, 1.5, 2.0]
    home = Home(learnt=60).gets_up()
    home.silence.state.budget.left = -9.0
    home.wait(112)
    assert about(home) == []
    home.wait(150)
    assert about(home)[0] == ("person.inactive", 1)


@pytest.mark.parametrize("minutes", range(60, 66))
def test_a_restart_at_any_moment_of_a_question_changes_nothing(minutes):
    plain, cut = Home(learnt=60).gets_up(), Home(learnt=60).gets_up()
    for home in (plain, cut):
        home.wait(minutes - 5)
        if home is cut:
            home.restart()
        home.wait(75 - minutes)
    assert about(cut) == about(plain) == [("person.inactive", 1), ("person.inactive", 2)]
    assert [k for k, _ in cut.raised] == [k for k, _ in plain.raised] == ["person.inactive"]


@pytest.mark.parametrize("mark", ["", "{", "[]", '{"boot":1}', "[" * 100_000])
def test_of_a_damaged_mark_nothing_is_taken(mark):
    assert read(mark) is None


def test_what_is_kept_is_small():
    home = Home(learnt=90).gets_up()
    home.wait(87)
    assert len(home.silence.marks(home.now)[MARK]) < 2000
    assert json.loads(home.silence.marks(home.now)[MARK])["question"]["kind"] == "person.inactive"
