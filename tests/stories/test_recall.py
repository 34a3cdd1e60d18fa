"""Somebody is on the way and need not come; and an alarm that came of installing a button."""

from __future__ import annotations

import pytest
from drivers import all_models
from gateway.home import changes, handed
from gateway.judge.alarm import Alarm
from gateway.words.instruction import Change, What

from tests.stories.life import HOUR, LADDER, MINUTE, NO_ANSWER, Life, rung

PENDANT = "A4:C1:38:00:00:01"
DEVICE = f'[[device]]\nid = "pendant"\nmodel = "shelly-blu-button"\nroom = "hall"\naddress = "{PENDANT}"\nmissing_after = 14400\n'
NEW = "A4:C1:38:00:00:0C"


def reasons(life: Life, who: str) -> list[str]:
    return [c.environment["ELDERCARE_REASON"] for c in life.called(who)]


async def sent_and_recalled(life: Life, alarm: Alarm, who: str, *, after: float = 0.0) -> None:
    """Let the desk send somebody, and call them back."""
    await life.tell("dispatch", by="desk", local=False, alarm=alarm.id, responder=who, seconds=600.0)
    if after:
        await life.wait(after)
    await life.tell("recall", by="desk", local=False, alarm=alarm.id)


def test_whoever_is_on_the_way_is_called_back_and_told_so_and_the_alarm_is_answered_again(tmp_path):
    async def story():
        life.press()
        await life.wait(5)
        (alarm,) = life.open
        await life.tell("dispatch", alarm=alarm.id, responder="neighbour", seconds=600.0)
        await life.wait(MINUTE)
        assert life.called("neighbour") == []
        await life.tell("recall", by="desk", local=False, alarm=alarm.id, reason="the family is there")
        (now,) = life.open
        assert now.state.value == "acknowledged"
        await life.tell("close", by="desk", local=False, alarm=alarm.id, outcome="no_help_needed")
        assert life.open == []
        await life.wait(30)
        (told,) = life.called("neighbour")
        assert (told.environment["ELDERCARE_REASON"], told.environment["ELDERCARE_ALARM"], told.code) == ("recalled", alarm.id, 0)
        moves = [m["move"] for _, m in life.told_platform() if m["alarm"] == alarm.id]
        assert moves.index("recall") < moves.index("close"), "the platform is told, which may have called them itself"

    with Life(tmp_path, devices=DEVICE, sound="", secrets="") as life:
        life.live(story())


def test_after_a_recall_somebody_has_to_be_sent_or_people_are_called_again(tmp_path):
    async def story():
        life.press()
        await life.wait(5)
        (alarm,) = life.open
        await sent_and_recalled(life, alarm, "neighbour")
        await life.wait(10 * MINUTE)
        (now,) = life.open
        assert now.state.value == "raised"
        assert "nobody_dispatched" in {r for who in ("family", "neighbour") for r in reasons(life, who)}
        assert len([r for r in reasons(life, "neighbour") if r == "recalled"]) == 1
        assert [r for r in reasons(life, "neighbour") if r != "recalled"], "who was called back is called in his turn"
        result = life.desk.results[-1]
        await life.tell("recall", by="desk", local=False, alarm=alarm.id)
        assert (life.desk.results[-1] != result, life.desk.results[-1]["refused"]) == (True, "not_allowed")

    with Life(tmp_path, devices=DEVICE, sound="", secrets="") as life:
        life.live(story())


def enrolled(life: Life) -> None:
    """Enrol a second button, as the page does."""
    value = {"id": "second", "model": "shelly-blu-button", "room": "hall", "address": NEW}
    daemon = life.daemon
    daemon.ears.listen_to = daemon.ears.by_radio = lambda *_: None  # what is heard comes from the story
    after = changes.changed(daemon.home.config, Change(What.PUT_DEVICE, value), handed.Handed(), all_models(), by="Li")
    daemon.notes.later(lambda at: daemon.rearrange(after, at))


def test_an_alarm_of_a_device_being_installed_was_real_and_may_be_closed_as_a_test_no_other(tmp_path):
    async def story():
        enrolled(life)
        await life.wait(20 * MINUTE)
        life.press(NEW)
        life.press(PENDANT)
        await life.wait(5)
        of = {a.device: a for a in life.open}
        assert not of["second"].test, "the whole ladder is called"
        shown = {a.device: a.installing for a in life.daemon.upkeep.report((0, 0)).alarms}
        assert shown == {"second": True, "pendant": False}
        await life.wait(MINUTE)
        assert life.called("family")
        for device in ("pendant", "second"):
            await life.tell("close", alarm=of[device].id, outcome="test")
        (left,) = life.open
        assert left.device == "pendant", "an alarm of any other device is never made a test"
        closed = [m for _, m in life.told_platform() if m["alarm"] == of["second"].id][-1]
        assert (closed["outcome"], closed["test"], closed["priority"]) == ("test", False, 1)
        await life.tell("close", alarm=left.id, outcome="helped")
        await life.wait(HOUR)
        life.press(NEW)
        await life.wait(5)
        (later,) = life.open
        await life.tell("close", alarm=later.id, outcome="test")
        assert [a.id for a in life.open] == [later.id], "an hour later it is installed"

    with Life(tmp_path, devices=DEVICE, sound="", secrets="") as life:
        life.live(story())


def test_a_renewed_sos_is_no_part_of_the_call_that_tells_its_person_not_to_come(tmp_path):
    async def story():
        life.people["family"] = (20.0, 0)
        life.press()
        await life.wait(5)
        (alarm,) = life.open
        await sent_and_recalled(life, alarm, "family", after=MINUTE)
        await life.wait(3)
        assert [(c.environment["ELDERCARE_REASON"], c.ended) for c in life.called("family")] == [("recalled", None)], "it rings still"
        life.press()
        await life.wait(90)
        assert reasons(life, "family") == ["recalled", "pressed_again"], "help is needed after all"

    with Life(tmp_path, devices=DEVICE, sound="", secrets="") as life:
        life.live(story())


def test_whoever_was_told_not_to_come_is_not_held_to_know_of_the_next_fire(tmp_path):
    async def story():
        life.smoke()
        await life.wait(5)
        (alarm,) = life.open
        await sent_and_recalled(life, alarm, "family", after=MINUTE)
        await life.wait(10)
        await life.tell("close", by="desk", local=False, alarm=alarm.id, outcome="false_alarm")
        await life.wait(5)
        assert reasons(life, "family") == ["recalled"]
        life.smoke()
        await life.wait(110)
        assert reasons(life, "family") == ["recalled", "not_acknowledged"]

    with Life(tmp_path) as life:
        life.live(story())


@pytest.mark.parametrize("move", ["recall", "decline"])
def test_help_that_is_taken_away_ends_no_call_for_a_renewed_sos(tmp_path, move):
    async def story():
        life.people["family"] = NO_ANSWER
        life.press()
        await life.wait(5)
        (alarm,) = life.open
        await life.tell("dispatch", by="desk", local=False, alarm=alarm.id, responder="aunt", seconds=600.0)
        await life.wait(MINUTE)
        life.press()
        await life.wait(5)
        assert [(c.environment["ELDERCARE_REASON"], c.ended) for c in life.called("family")] == [("pressed_again", None)], "it rings"
        await life.tell(move, by="desk", local=False, alarm=alarm.id)
        await life.wait(MINUTE)
        (rang,) = life.called("family")
        assert rang.code == 1, "it rang until it was known that nobody answers"
        assert reasons(life, "neighbour") == ["pressed_again"], "and the next one is called"
        assert reasons(life, "aunt") == (["recalled"] if move == "recall" else [])

    with Life(tmp_path, devices=DEVICE, ladder=LADDER + rung("aunt"), sound="", secrets="") as life:
        life.live(story())


@pytest.mark.parametrize("moves", [("recall", "recall"), ("decline", "recall"), ("recall", "decline")])
def test_help_sent_and_withdrawn_twice_silences_the_ladder_no_longer(tmp_path, moves):
    async def story():
        life.press()
        await life.wait(5)
        (alarm,) = life.open
        first, second = moves
        await life.tell("dispatch", by="desk", local=False, alarm=alarm.id, responder="neighbour", seconds=600.0)
        await life.wait(5 * MINUTE)
        await life.tell(first, by="desk", local=False, alarm=alarm.id)
        await life.tell("dispatch", by="desk", local=False, alarm=alarm.id, responder="aunt", seconds=600.0)
        await life.wait(9 * MINUTE)
        assert {r for who in ("family", "neighbour") for r in reasons(life, who)} <= {"recalled"}, "another one is on the way in her time"
        again = life.now
        await life.tell(second, by="desk", local=False, alarm=alarm.id)
        await life.wait(MINUTE)
        assert life.called("family", since=again), "nobody came twice: people are called at once"
        await life.power_cut(dark=30)
        for _ in range(4):
            await life.tell("dispatch", by="desk", local=False, alarm=alarm.id, responder="aunt", seconds=900.0)
            since = life.now
            await life.wait(10 * MINUTE)
            called = [c for who in ("family", "neighbour") for c in life.called(who, since=since)]
            assert "repeat" in {c.environment["ELDERCARE_REASON"] for c in called}, "and are called on, whatever the platform sends"
            await life.tell("recall", by="desk", local=False, alarm=alarm.id)
        await life.tell("dispatch", by="desk", local=False, alarm=alarm.id, responder="aunt", seconds=900.0)
        await life.tell("arrive", by="desk", local=False, alarm=alarm.id)
        since = life.now
        await life.wait(15 * MINUTE)
        assert not [c for who in ("family", "neighbour") for c in life.called(who, since=since)], "until somebody is there"

    with Life(tmp_path, devices=DEVICE, sound="", secrets="") as life:
        life.live(story())
