"""Backup and box swap: this home sealed into one file, and another home's file taken over."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Mapping

from gateway import __version__
from gateway.hear.intake import Intake
from gateway.home import backup, handed, takeover
from gateway.home.home import Home
from gateway.judge.book import Entry
from gateway.judge.faults.ledger import Ledger
from gateway.judge.notes import Later
from gateway.judge.pipeline import Pipeline
from gateway.tend.refused import refused
from gateway.words import kind
from gateway.words.clock import Clock, Moment
from gateway.words.driver import Model
from gateway.words.instruction import Instruction, Refused, ResultFact
from gateway.words.part import Part

LOG = logging.getLogger("eldercare")


class TakenOver(Exception):
    """Another home's files lie ready: begin anew as its gateway."""


class BoxSwap(Part):
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

        def sealed() -> None:
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

        await asyncio.to_thread(sealed)
        # The desk sees who took every key along, and when.
        return lambda now: self.pipeline.answered(
            ResultFact(i, Refused.NONE), [self.faults.note(kind.BACKUP, now, "", by=i.by)], now
        )

    async def take_over(self, i: Instruction) -> Later:
        """Let this box take over the home whose backup was handed in."""

        def ready() -> None:
            given = handed.handed(self.home.config.page_folder, i.secrets)
            kept_there = backup.opened(base64.b64decode(given.backup or ""), given.passphrase or "")
            takeover.prepared(self.home.config, kept_there, self.models)

        def arrived(now: Moment) -> list[Entry]:
            """Take over as the next thing the pump does, with nothing in between."""
            try:
                takeover.arrive(self.home.config.state)
            except OSError as error:
                revision = self.home.config.household.revision
                return self.pipeline.answered(refused(i, error, revision), (), now)
            raise TakenOver

        await asyncio.to_thread(ready)
        return arrived
