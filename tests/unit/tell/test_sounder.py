"""Whose siren, question or word is heard now: one loudspeaker, several alarms."""

import asyncio

import pytest
from gateway.judge.alarm import Alarm, State
from gateway.tell.sounder import Ran, Sounder
from gateway.tell.waits import WAITS
from gateway.words import kind as kinds
from gateway.words.clock import Moment
from gateway.words.kind import Priority

from tests.kit.hand import NOON
from tests.kit.wait import until


class Child:
    """A program that plays until it is ended."""

    pid = 2**22 + 1  # no process has such a number
    returncode = None

    def __init__(self, environment):
        self.said = environment["ELDERCARE_REASON"], environment["ELDERCARE_ALARM"]
        self.over = asyncio.Event()

    async def wait(self):
        await self.over.wait()
        return 0


def alarm(number, kind=kinds.SOS, state=State.RAISED):
    return Alarm(
        number=number,
        id=f"a{number}",
        kind=kind,
        priority=Priority.P1,
        device="d",
        room="",
        state=state,
        since=Moment(0.0, NOON),
        stages={},
    )


@pytest.fixture
async def made(monkeypatch):
    played = []

    async def start(_program, environment):
        played.append(Child(environment))
        return played[-1]

    monkeypatch.setattr(WAITS, "turn", 0.2)
    monkeypatch.setattr(WAITS, "try_sound", 0.2)
    ended = []
    sounder = Sounder(start, lambda program, ran: ended.append((program, ran)))
    sounder.played, sounder.told_ends = played, ended
    sounder.heard = lambda: [child.said for child in played]
    yield sounder
    await sounder.close()


async def test_a_turn_is_shared_also_with_who_comes_after_one_that_was_answered(made):
    made.sound(["/siren"], alarm(1), "raised")
    await until(lambda: made.heard() == [("raised", "a1")])
    made.sound(["/siren"], alarm(2), "raised")
    made.leave(2)
    await asyncio.sleep(0.3)  # the turn is over, and nobody waits
    assert made.heard() == [("raised", "a1")]
    made.sound(["/siren"], alarm(3), "raised")
    await until(lambda: ("raised", "a3") in made.heard())
    await until(lambda: made.heard().count(("raised", "a1")) == 2)


async def test_a_word_waits_for_a_siren_and_makes_room_for_one(made):
    made.sound(["/voice"], alarm(1, state=State.CLOSED), "closed", word=True)
    await until(lambda: made.heard() == [("closed", "a1")])
    assert not made.is_for(1), "a word is no siren"
    made.sound(["/siren"], alarm(2), "raised")
    await until(lambda: made.heard()[-1] == ("raised", "a2"))
    made.sound(["/voice"], alarm(3, state=State.CLOSED), "closed", word=True)
    await asyncio.sleep(0.3)
    assert made.heard()[-1] == ("raised", "a2")
    made.leave(2)
    await until(lambda: made.heard()[-1] == ("closed", "a3"))
    assert made.heard().count(("closed", "a1")) == 1, "news that was cut off is old news"


async def test_fire_is_heard_before_a_call_for_help(made):
    made.sound(["/siren"], alarm(1), "raised")
    await until(lambda: made.heard() == [("raised", "a1")])
    made.sound(["/siren"], alarm(2, kinds.SMOKE), "raised")
    await until(lambda: made.heard()[-1] == ("raised", "a2"))


async def test_a_try_is_ended_by_an_alarm_and_by_its_time_and_never_left_without_an_answer(made):
    trying = asyncio.create_task(made.try_(["/siren"], alarm(0)))
    await until(made.heard)
    made.sound(["/siren"], alarm(1), "raised")
    assert (await trying).broken == "interrupted"
    waits = asyncio.create_task(made.try_(["/siren"], alarm(0)))
    await asyncio.sleep(0)
    made.leave(1)
    assert (await waits).broken == "hangs"
    assert made.told_ends == [], "a siren that goes on was heard: nothing is known against it"
    gone = asyncio.create_task(made.try_(["/siren"], alarm(0)))
    await asyncio.sleep(0)
    await made.close()
    assert (await gone) == Ran(False, "an alarm needs the loudspeaker", "interrupted")
