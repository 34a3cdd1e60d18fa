"""The program of one rung is tried on the spot, and what came back is said, with its time."""

from __future__ import annotations

import asyncio

from gateway.home.config import Config
from gateway.home.ladder import RELAY, TYPED
from gateway.judge.dispatch import Rung
from gateway.tell.channels import Channels
from gateway.tell.sounder import Ran
from gateway.tend.refused import No
from gateway.words.instruction import Instruction, Refused, ResultFact, no
from gateway.words.say import Say


def rung_of(config: Config, i: Instruction) -> Rung:
    """Return the rung that an instruction means. Raises No."""
    if i.revision != config.household.revision:
        raise No(Refused.CHANGED_MEANWHILE, "calling.changed")
    n = int(i.step) if i.step.isascii() and i.step.isdecimal() and len(i.step) < 4 else 0
    rung = config.everybody[n - 1] if 0 < n <= len(config.everybody) else None
    if rung is None or not rung.program or not rung.test or not _can_be_tried(config, n, rung):
        raise No(Refused.NOT_ALLOWED, "calling.none")
    return rung


def _can_be_tried(config: Config, n: int, rung: Rung) -> bool:
    """Say whether a rung may be tried on the spot: a person, or a light that is on for a moment."""
    return not rung.sounds or config.parts.ladder[n - 1].channel == RELAY


async def tried(channels: Channels, config: Config, rung: Rung, i: Instruction) -> ResultFact:
    """Ask the rung's program; return the result of instruction `i`. On the loop's thread."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    ran = await channels.try_(rung.program)
    took = round(loop.time() - began, 1)
    if ran is None:
        return no(i, Refused.NOT_ALLOWED, "calling.busy")
    if not ran.ok:
        return no(
            i, Refused.NOT_ALLOWED, "calling.failed", why=_why(config, rung, ran), seconds=took
        )
    return ResultFact(i, Refused.NONE, *Say("calling.done", seconds=took).pair)


def _why(config: Config, rung: Rung, ran: Ran) -> tuple[str, str]:
    """Return why it failed, in both languages: its own words where it is a program of ours."""
    part = config.parts.ladder[config.everybody.index(rung)]
    said = ran.said if part.channel in TYPED or part.channel == RELAY else ()
    words = said[-2:] or (ran.words,)
    return words[0], words[-1]
