"""Which of the instructions that came in is carried out, and by whom."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from gateway.contract import inward, wire
from gateway.home.home import Home
from gateway.judge.allowance import Of
from gateway.judge.book import Entry
from gateway.judge.lateness import of_another_life
from gateway.judge.pipeline import Pipeline
from gateway.tell.resend import Resend
from gateway.tend.admission import Admission, mistaken
from gateway.words.clock import Clock, Moment
from gateway.words.instruction import LOCAL_ONLY, Do, Door, Instruction
from gateway.words.part import Part

LOG = logging.getLogger("eldercare")


class Taken(NamedTuple):
    """What became of a message: entries, or the instruction for the technician's part."""

    entries: list[Entry]
    longer: Instruction | None = None


class Orders(Part, kw_only=True):
    """Takes instructions of both doors, within their allowances. In the task "pump"."""

    home: Home
    clock: Clock
    boot: str
    pipeline: Pipeline
    resend: Resend
    admission: Admission

    def taken(
        self, name: str, payload: bytes, door: Door, now: Moment, *, program: bool = False
    ) -> Taken:
        """Take a message of the contract; what cannot be read is refused and said.

        `program`: it is of one that the ladder runs, which sets nothing up.
        """
        try:
            return self._taken(payload, door, now, program=program)
        except wire.BadMessage as bad:
            self.admission.bad_message(name, str(bad), inward.named(payload))
        except Exception as mistake:  # of ours: it must not end the guarding, nor be read for ever
            if self.admission.tells:
                LOG.exception("%s could not be carried out", name)
            self.admission.bad_message(name, mistaken(mistake), inward.named(payload))
        return Taken([])

    def _taken(self, payload: bytes, door: Door, now: Moment, *, program: bool) -> Taken:
        lives, floor = self.home.config.times.order_lives, self.clock.floor
        instruction, late = inward.decode_instruction(
            payload, self.home.gateway, now, door, floor=floor, lives=lives
        )
        # A hearing window sets nothing up, and whoever has our user has the radio anyway. All else
        # is refused as what only the technician's page may do.
        if program and instruction.do in LOCAL_ONLY - {Do.WINDOW}:
            door = Door.PLATFORM
            instruction = replace(instruction, door=door)
        if of_another_life(instruction, self.boot):
            late = "left in the home before the power was cut"
        spare = functools.partial(self.admission.spare, door)
        refusal = functools.partial(spare, Of.REFUSAL, now)
        same = self.pipeline.orders.repeats(instruction)
        if same is not None:
            told = spare(Of.REPEAT, now) if same else refusal()
            return Taken(self.pipeline.told(instruction, now) if told else [])
        if self.resend.other_than(instruction):
            return Taken(self.pipeline.reused(instruction, now) if refusal() else [])
        if late:
            return Taken(self.pipeline.refuse(instruction, late, now) if refusal() else [])
        if instruction.do is Do.RESEND and door is Door.PLATFORM:
            return Taken(self._resent(instruction, now, refusal))
        about = any(alarm.id == instruction.alarm for alarm in self.pipeline.alarms.values())
        of = Of.ANSWER if about else Of.LOCAL if door is Door.LOCAL else Of.ORDER
        if not spare(of, now, instruction.alarm):
            return Taken([])
        if door is Door.LOCAL and instruction.do in LOCAL_ONLY - {Do.WALK}:
            return Taken([], instruction)
        return Taken(self.pipeline.told(instruction, now, refusal))

    def _resent(
        self, instruction: Instruction, now: Moment, refusal: Callable[[], bool]
    ) -> list[Entry]:
        """Let entries be sent once more, or say why not. The result comes when they are sent."""
        if self.resend.is_on(instruction) or not self.admission.spare(
            Door.PLATFORM, Of.RESEND, now
        ):
            return []
        no = self.resend.told(instruction)
        return self.pipeline.answered(no, (), now) if no is not None and refusal() else []
