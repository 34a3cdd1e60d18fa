"""The certificate of commissioning: checked against what the gateway sees, signed and kept.

The rename of its file is its moment; the mark `certificate` says which have been told. Killed
between the two, the start tells of it.
"""

from __future__ import annotations

import asyncio
import logging

from gateway import __version__
from gateway.contract import wire
from gateway.home import certificates, commissioning, handed, signatures
from gateway.home.home import Home
from gateway.judge.book import Entry
from gateway.judge.faults.fact import FaultFact
from gateway.judge.faults.fault import Faults
from gateway.judge.notes import Later
from gateway.judge.pipeline import Pipeline
from gateway.keep.storage import Storage
from gateway.tend.refused import No
from gateway.words import kind
from gateway.words.clock import Clock, Moment, When, stamp
from gateway.words.instruction import Instruction, Refused, ResultFact
from gateway.words.part import Part

LOG = logging.getLogger("eldercare")


class Certifying(Part):
    """Makes certificates. On the loop's thread, its work on threads of the pool.

    `newest` is the number of the newest that was told.
    """

    home: Home
    storage: Storage
    clock: Clock
    boot: str
    pipeline: Pipeline
    faults: Faults

    def __post_init__(self) -> None:
        self.newest = int(self.storage.store.marked("certificate") or 0)

    def begin(self, now: Moment) -> list[FaultFact]:
        """Return what is told of certificates that the end of the last process has left untold."""
        facts = []
        for number in reversed(certificates.numbers(self.home.config.state)):
            if (
                number > self.newest
                and (made := certificates.kept(self.home.config.state, number)) is not None
            ):
                facts.append(
                    self.faults.note(
                        kind.VISIT, now, "", **certificates.told(made), after="restart"
                    )
                )
                self.newest = number
        return facts

    async def carry_out(self, i: Instruction) -> Later:
        """Make a certificate of what was seen and signed; return what the pump is to write."""
        at = stamp(self.boot, self.clock.now())
        rows = await self.storage.store.newest(commissioning.LOOK_BACK, commissioning.TESTS)
        made = await asyncio.to_thread(self._certified, i, rows, at)
        result = ResultFact(i, Refused.NONE, revision=self.home.config.household.revision)

        def done(now: Moment) -> list[Entry]:
            facts = []
            if made is not None:
                facts.append(self.faults.note(kind.VISIT, now, "", **certificates.told(made)))
                self.newest = max(self.newest, made.number)
            return self.pipeline.answered(result, facts, now)

        return done

    def _certified(
        self, i: Instruction, rows: tuple[list[wire.Outward], list[wire.Outward]], at: When
    ) -> certificates.Certificate | None:
        """Check and write one certificate; return it, None where it was told at the start.

        Raises No, Rejected and OSError.
        """
        config, revision = self.home.config, self.home.config.household.revision
        before = certificates.numbers(config.state)
        known = certificates.kept(config.state, before[0]) if before else None
        # killed between file and journal: it was told at the start
        if known is not None and known.instruction == i.id:
            return None
        signing = handed.handed(config.page_folder, i.secrets).signing
        if signing is None:
            raise No(Refused.MISSING, "sign.missing")
        if problem := signatures.unsigned(signing.signature, i.by):
            raise handed.Rejected([problem])
        found = commissioning.seen(*rows, at)
        on = [
            commissioning.OpenFault(int(f.priority), f.kind, f.device)
            for f in list(self.faults.on.values())
            if not f.test
        ]
        what = commissioning.facts(
            config,
            found,
            gateway=self.home.gateway,
            journal=self.storage.store.journal,
            software=__version__,
            mains=self.faults.mains is not None,
            clock=at.clock,
            faults=on,
        )
        if (revision, certificates.fingerprint(what)) != (i.revision, signing.seen):
            raise No(Refused.CHANGED_MEANWHILE, "sign.changed_meanwhile")
        number = max([self.newest, *before], default=0) + 1
        made = certificates.signed(
            what,
            number,
            by=i.by,
            at=at,
            signing=signing,
            instruction=i.id,
            agreed=config.household.agreed,
        )
        try:
            certificates.keep(config.state, made)
        except OSError as error:
            if (
                after := certificates.kept(config.state, number)
            ) is None or after.instruction != i.id:
                raise
            LOG.warning("certificate %s: %s", config.state, error.strerror)
        return made
