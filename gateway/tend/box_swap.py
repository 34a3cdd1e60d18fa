"""Backup and box swap: this home sealed into one file, and another home's file taken over."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway import __version__
from gateway.hear.intake import Intake
from gateway.home import backup, handed, takeover
from gateway.home.home import Home
from gateway.judge.book import Entry
from gateway.judge.faults.fact import FaultFact
from gateway.judge.faults.ledger import Ledger
from gateway.judge.notes import Later
from gateway.judge.pipeline import Pipeline
from gateway.tend.certifying import wrong
from gateway.words import kind
from gateway.words.clock import Clock, Moment
from gateway.words.driver import Model
from gateway.words.instruction import Instruction, Refused, ResultFact
from gateway.words.instruction import no as refusal
from gateway.words.say import Say

LOG = logging.getLogger("eldercare")


class TakenOver(Exception):
    """Another home's files lie ready: begin anew as its gateway."""


@dataclass(eq=False)
class BoxSwap:
    """Seals and takes over. On the loop's thread, its work on threads of the pool."""

    home: Home
    models: Mapping[str, Model]
    clock: Clock
    pipeline: Pipeline
    faults: Ledger
    intake: Intake

    async def seal(self, i: Instruction) -> Later:
        """Write the home into one encrypted file, for the technician to take along."""
        at, fresh = self.clock.now().wall.isoformat(timespec="seconds"), self.intake.memories()

        def sealed() -> ResultFact:
            given = handed.handed(self.home.config.page_folder, i.secrets)
            data = backup.made(
                self.home.config,
                self.home.gateway,
                given.passphrase or "",
                __version__,
                at,
                {d: json.loads(m) for d, m in fresh.items()},
            )
            backup.leave(self.home.config.state, i.id, data, by=i.by, at=at)
            return ResultFact(i, Refused.NONE)

        # The desk sees who took every key along, and when.
        return await self._carried_out(
            i, sealed, told=lambda now: [self.faults.note(kind.BACKUP, now, "", by=i.by)]
        )

    async def take_over(self, i: Instruction) -> Later:
        """Let this box take over the home whose backup was handed in."""

        def ready() -> ResultFact:
            given = handed.handed(self.home.config.page_folder, i.secrets)
            kept_there = backup.opened(base64.b64decode(given.backup or ""), given.passphrase or "")
            takeover.prepared(self.home.config, kept_there, self.models)
            return ResultFact(i, Refused.NONE)

        def arrived() -> None:
            takeover.arrive(self.home.config.state)
            raise TakenOver

        return await self._carried_out(i, ready, arrived)

    async def _carried_out(
        self,
        i: Instruction,
        work: Callable[[], ResultFact],
        then: Callable[[], None] | None = None,
        told: Callable[[Moment], list[FaultFact]] = lambda _: [],
    ) -> Later:
        """Do work on a thread and answer.

        `then` is the next thing the pump does, with nothing in between; `told` what is told of it.
        """
        try:
            result = await asyncio.to_thread(work)
        except backup.BackupError as no:
            result = refusal(i, Refused.INVALID, no.say)
        except handed.Rejected as no:
            result = wrong(i, no.problems, self.home.config.household.revision)
        except OSError as error:
            result = refusal(i, Refused.NOT_KEPT, "order.not_kept", why=error.strerror)
        except Exception:  # a mistake of ours must not end the guarding, nor be tried for ever
            LOG.exception("%s failed", i.do)
            result = refusal(i, Refused.NOT_KEPT, "order.our_mistake")

        def done(now: Moment) -> list[Entry]:
            if then is not None and result.refused is Refused.NONE:
                try:
                    then()
                except OSError as error:
                    said = Say("order.not_kept", why=error.strerror)
                    return self.pipeline.answered(refusal(i, Refused.NOT_KEPT, said), (), now)
            facts = told(now) if result.refused is Refused.NONE else ()
            return self.pipeline.answered(result, facts, now)

        return done
