"""What is late, what nobody can know, and what is taken all the same."""

import json
from datetime import timedelta

import pytest
from gateway.contract import inward
from gateway.judge.lateness import late, of_another_life, undecided
from gateway.judge.orders import REMEMBERED
from gateway.words.clock import Moment, Quality, When
from gateway.words.instruction import Do, Door, Instruction
from msgspec.structs import replace

from tests.kit.hand import GATEWAY, NOON, Day, refusal, story

HOURS = 3600.0
ENDS = {
    Do.CLOSE: {"alarm": "a", "outcome": "helped"},
    Do.RECALL: {"alarm": "a"},
    Do.SILENCE: {"alarm": "a"},
    Do.SHELVE: {"device": "door", "seconds": 2 * HOURS, "reason": "paint"},
    Do.AWAY: {"seconds": 2 * HOURS},
    Do.WALK: {"device": "door", "seconds": 2 * HOURS},
}
HELPS = (Do.ACKNOWLEDGE, Do.DISPATCH, Do.DECLINE, Do.ARRIVE, Do.TEST, Do.CONFIRM)


def at(hours):
    return (NOON + timedelta(hours=hours)).isoformat()


def judged(do, quality, *, floor=-1.0, **times):
    order = Instruction(id="i", do=do, by="desk", **ENDS.get(do, {}), **times)
    return bool(late(order, Moment(100.0, NOON, quality), NOON + timedelta(hours=floor), 6 * HOURS))


@pytest.mark.parametrize("do", ENDS)
@pytest.mark.parametrize("quality", Quality)
def test_what_ends_before_the_newest_confirmed_time_is_late_whatever_the_clock_says(do, quality):
    assert judged(do, quality, floor=-1.0, expires=at(-1.1))
    assert not judged(do, quality, floor=-1.0, expires=at(1))
    assert judged(do, quality, floor=-1.0, expires=at(-0.5)) is (quality is Quality.SYNCHRONISED)
    assert judged(do, quality, floor=72.0, expires=at(71)), "also where the wall clock says that it is in time"


@pytest.mark.parametrize("do", HELPS)
def test_what_helps_is_late_by_a_confirmed_clock_alone(do):
    assert not judged(do, Quality.UNSURE, floor=-1.0, expires=at(-72))
    assert not judged(do, Quality.WRONG, floor=-1.0, expires=at(-72))
    assert judged(do, Quality.SYNCHRONISED, floor=-80.0, expires=at(-72))
    assert not judged(do, Quality.SYNCHRONISED, issued=at(-72))


@pytest.mark.parametrize("do", [Do.SHELVE, Do.AWAY, Do.WALK])
def test_giving_protection_back_is_never_too_late_for_an_unsure_clock(do):
    order = Instruction(id="i", do=do, by="desk", device="door", seconds=0.0, expires=at(-72))
    assert not late(order, Moment(0.0, NOON, Quality.UNSURE), NOON, HOURS)


@pytest.mark.parametrize(
    ("do", "issued", "expires", "is_late"),
    [
        (Do.SHELVE, -1.9, "", False),
        (Do.SHELVE, -2.1, "", True),  # the two hours are over
        (Do.SHELVE, -2.1, at(1), True),
        (Do.CLOSE, -5.9, "", False),
        (Do.CLOSE, -6.1, "", True),
        (Do.CLOSE, -6.1, at(1), False),  # the platform's own word counts
        (Do.AWAY, -2.1, "", True),
    ],
)
def test_an_order_that_says_when_it_was_issued(do, issued, expires, is_late):
    assert judged(do, Quality.SYNCHRONISED, issued=at(issued), expires=expires) is is_late
    assert judged(do, Quality.UNSURE, floor=0.0, issued=at(issued), expires=expires) is is_late


@pytest.mark.parametrize("name", ["issued", "expires"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tomorrow", "not a time"),
        ("2026-05-04T04:00:01", "no time zone"),
        ("9999-12-31T23:59:59-12:00", "a time that there is not"),
        ("0001-01-01T00:00:00+12:00", "a time that there is not"),
    ],
)
def test_a_time_that_is_none_is_named(name, text, words):
    payload = {"v": 1, "gateway": GATEWAY, "id": "i", "do": "acknowledge", "by": "desk", name: text}
    why = inward.decode_instruction(json.dumps(payload).encode(), GATEWAY, Moment(0.0, NOON))[1]
    assert words in why
    assert name in why


@pytest.mark.parametrize("do", ENDS)
def test_under_an_unsure_clock_an_end_needs_proof_that_it_is_of_this_power_up(do):
    order = Instruction(id="i", do=do, by="desk", expires=at(500), **ENDS[do])
    unsure = Moment(100.0, NOON, Quality.UNSURE)
    began = Day().clock
    stages = {"danger": When(began.boot, 50.0, "2026-05-04T04:00:00Z", Quality.UNSURE)}
    assert undecided(order, unsure, "boot-1", {})
    assert undecided(order, unsure, "boot-2", stages), "the alarm is older than the power-up"
    assert not undecided(order, unsure, "boot-1", stages)
    assert not undecided(replace(order, boot="boot-1"), unsure, "boot-1", {})
    assert undecided(replace(order, boot="boot-0"), unsure, "boot-1", {})
    assert not undecided(order, unsure._replace(quality=Quality.SYNCHRONISED), "boot-1", {})
    assert not undecided(replace(order, door=Door.LOCAL), unsure, "boot-1", {}), "who stands in the home is here now"
    assert of_another_life(replace(order, door=Door.LOCAL, boot="boot-0"), "boot-1"), "unless it was left before the power cut"


def test_a_p1_is_never_closed_by_an_order_from_before_the_power_cut():
    day = Day()
    old = day.raise_to("raised")
    day.clock.quality = Quality.UNSURE
    day.restart(other_boot=True)
    assert refusal(day.tell("close", alarm=old.id, outcome="false_alarm"))[0] == "undecided"
    assert refusal(day.tell("silence", alarm=old.id))[0] == "undecided"
    assert day.alarm.open
    assert story(day.tell("acknowledge", alarm=old.id)) == ["person.fall acknowledge acknowledged", "acknowledge done"]
    day.tell("close", alarm=old.id, outcome="helped", boot=day.clock.boot)
    assert not day.alarm.open
    new = day.raise_to("raised", kind="sos")
    day.tell("close", alarm=new.id, outcome="helped")
    assert not day.alarm.open, "an order about an alarm of this power-up cannot be older than it"


@pytest.mark.parametrize("order", [{"do": "shelve", **ENDS[Do.SHELVE]}, {"do": "away", **ENDS[Do.AWAY]}], ids=["shelve", "away"])
def test_what_takes_protection_away_for_a_while_says_when_it_was_given(order):
    day = Day()
    word, _, words = refusal(day.tell(**order, issued=""))
    assert word == "missing_field"
    assert "`issued`" in words
    assert not day.pipeline.shelves
    assert refusal(day.tell(**order, issued="", boot=day.clock.boot))[0] == "missing_field", "a power-up may last for months"
    here = day.tell(**order, issued="", door=Door.LOCAL)[-1].fact.refused
    assert here in {"", "platform_only"}, "who stands in the home is here now"
    assert f"{order['do']} done" in story(day.tell(**order))


def test_an_order_without_a_time_is_good_as_long_as_its_alarm_is_young():
    day = Day()
    alarm = day.raise_to("raised", kind="sos")
    day.wait(6 * HOURS + 60)
    for do in ("silence", "close"):
        assert refusal(day.tell(do, alarm=alarm.id, outcome="false_alarm", issued=""))[0] == "missing_field"
    assert day.alarm.open
    assert story(day.tell("acknowledge", alarm=alarm.id)) == ["person.sos acknowledge acknowledged", "acknowledge done"]


@pytest.mark.parametrize(("clock", "word"), [(Quality.SYNCHRONISED, ""), (Quality.UNSURE, "missing_field")])
def test_a_young_alarm_stays_young_over_a_power_cut_where_both_clocks_are_sure(clock, word):
    day = Day()
    alarm = day.raise_to("raised", kind="sos")
    day.wait(HOURS)
    day.clock.quality = clock
    day.restart(other_boot=True)
    assert refusal(day.tell("silence", alarm=alarm.id, issued="")[-1:])[0] == word


def test_an_order_dated_ahead_of_a_confirmed_clock_is_refused():
    assert judged(Do.CLOSE, Quality.SYNCHRONISED, issued=at(1))
    assert judged(Do.AWAY, Quality.SYNCHRONISED, issued=at(24 * 300))
    assert not judged(Do.CLOSE, Quality.SYNCHRONISED, issued=at(0.1)), "a desk's clock may be some minutes ahead"


@pytest.mark.parametrize("restarted", [False, True])
def test_a_flood_of_junk_makes_no_old_order_act_again(restarted):
    day = Day()
    shelf = {"order": "shelf", "device": "radar", "seconds": 2 * HOURS, "reason": "paint", "door": Door.PLATFORM}
    assert story(day.tell("shelve", **shelf)) == ["shelve done"]
    day.wait(2 * HOURS)
    for n in range(REMEMBERED + 10):
        day.pipeline.told(Instruction(id=f"junk{n}", do=Do.CLOSE, by="x", alarm="none"), day.clock.now())
        day.pipeline.refuse(Instruction(id=f"late{n}", do=Do.TEST, by="x"), "expired", day.clock.now())
    if restarted:
        day.restart()
    again = Instruction(id="shelf", do=Do.SHELVE, by="Wang", device="radar", seconds=2 * HOURS, reason="paint")
    answers = day.pipeline.told(again, day.clock.now())  # none where it is known as it was: then its result is sent once more
    assert [answer.fact.refused for answer in answers] == ([] if restarted else ["answer_lost"])
    assert not day.pipeline.shelves


def test_a_shelf_of_unknown_age_hides_no_fall():
    day = Day()
    day.clock.quality = Quality.UNSURE
    assert refusal(day.tell("shelve", device="radar", seconds=2 * HOURS, reason="paint"))[0] == "undecided"
    day.raise_to("raised")
    assert day.alarm.kind == "person.fall"
