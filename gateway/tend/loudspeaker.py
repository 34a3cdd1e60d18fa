"""The loudspeaker is tried on the spot, and what came of it is said."""

from __future__ import annotations

from gateway.home.config import Config
from gateway.tell.callers import Callers
from gateway.tell.sounder import HEARD
from gateway.words.clock import Moment
from gateway.words.instruction import Instruction, Refused, ResultFact, no

_CODES = {"unplugged": "unplugged", "not_there": "not_there", "interrupted": "alarm"}


async def heard(callers: Callers, config: Config, i: Instruction, now: Moment) -> ResultFact:
    """Let the home be heard; return the result of instruction `i`. On the loop's thread.

    A siren of the home's own that goes on was heard; the voice ends by itself.
    """
    ran = await callers.try_sound(config.sound_words or config.sound_alarm, now, i.step)
    if ran.broken == HEARD:
        return no(i, Refused.NOT_ALLOWED, "loudspeaker.recording")
    if ran.ok or (ran.broken == "hangs" and not config.sound_words):
        return ResultFact(i, Refused.NONE)
    code = _CODES.get(ran.broken, "failed")
    return no(i, Refused.NOT_ALLOWED, f"loudspeaker.{code}", why=ran.words)
