"""What a gateway does by itself, at its own hour: self-test, untried devices, certificates.

A self-test is a test alarm as any other: through card, push and broker to the platform's receipt,
which closes it. That it did not come through is told by what stands in its way
(`gateway.uplink_lost`, `gateway.storage_degraded` ...).

A device of a P1 kind counts as tried whenever an alarm of it, walk test or real, has the platform's
receipt (without a platform: when it is raised). One that was not for `test_due` is a fault of its
own until somebody tries it, with the resident, or says so at the box.

What was done when is a mark of the journal, so that both go on over restarts; how long ago it was
is asked of the wall clock at the start, and once more when a time server has confirmed it, and
counted on the monotonic one from there.
"""

from __future__ import annotations

import contextlib
import json
import math
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from gateway.box import dial
from gateway.contract import encoding
from gateway.home.devices import VITAL, Device
from gateway.home.home import Home
from gateway.judge.alarm import State
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.faults.fact import FaultFact, Turn
from gateway.judge.faults.firsts import Firsts
from gateway.judge.notes import Notes
from gateway.judge.pipeline import Pipeline
from gateway.judge.walk_record import DRILL as DRILLED
from gateway.judge.watch import SOS
from gateway.tend.waits import WAITS
from gateway.words import kind
from gateway.words.clock import LATEST, Clock, Moment, Quality
from gateway.words.reading import Kind

MARK = "rounds"
DRILL = "*drill"  # among what was tried: the newest drill, of a home that has had one


class Rounds:
    """The rounds of one gateway. In the task "pump", asked every few seconds."""

    def __init__(
        self,
        mark: str,
        *,
        home: Home,
        clock: Clock,
        notes: Notes,
        pipeline: Pipeline,
        firsts: Firsts,
        broker_ends: Callable[[], float | None],
        replays: bool,
    ) -> None:
        """Take up what was done before, by its `mark`.

        A home that is new begins at an offset of its own, so that a county's homes do not test at
        once. `broker_ends` is the wall second at which the certificate ends that the broker has
        shown. `replays`: a recorded day is played.
        """
        self._home = home
        self._clock = clock
        self._notes = notes
        self._pipeline = pipeline
        self._firsts = firsts
        self._broker_ends = broker_ends
        self._replays = replays
        now = clock.now()
        self._kept = _kept(mark)
        self.changed = not self._kept
        self._tested, self._tried = self._before(now)
        self._first = (
            None if now.quality is Quality.SYNCHRONISED else (self._tested, dict(self._tried))
        )
        self._settled = now.mono + WAITS.settle
        self._began = now.mono
        self._looked = -WAITS.untried
        self._papers_looked = -WAITS.papers
        self._papers_of: object = None

    def _before(self, now: Moment) -> tuple[float, dict[str, float]]:
        """Return when the last self-test was, and each device was tried, by the monotonic clock."""
        kept = self._kept
        offset = zlib.crc32(self._home.gateway.encode()) / 2**32
        tested = _number(kept.get("self_test"))
        last = now.mono - (
            encoding.passed(tested, now)
            if tested is not None
            else self._home.config.times.self_test * (1 - offset)
        )
        tried = kept.get("tried")
        whens = (
            {str(d): _number(wall) for d, wall in tried.items()} if isinstance(tried, dict) else {}
        )
        # What an unsure clock wrote down and a good one reads says nothing: then the month begins
        # anew.
        better = kept.get("clock") != Quality.SYNCHRONISED and now.quality is Quality.SYNCHRONISED
        return last, {
            d: now.mono - (0.0 if better else encoding.passed(wall, now))
            for d, wall in whens.items()
            if wall is not None
        }

    def look(self, now: Moment) -> list[Entry]:
        """Do what has become due."""
        out: list[Entry] = []
        if self._first is not None and now.quality is Quality.SYNCHRONISED:
            # The clock stood still while the power was off: now it is known for how long. What was
            # done since stands as it is.
            (tested, tried), self._first = self._first, None
            last, whens = self._before(now) if self._kept else (tested, {})
            self._tested = last if self._tested == tested else self._tested
            self._tried |= {d: at for d, at in whens.items() if self._tried.get(d) == tried.get(d)}
        if self._home.config.platform is not None and not self._replays:
            out += self._self_test(now)
        if now.mono - self._looked >= WAITS.untried:
            self._looked = now.mono
            out += self._untried(now)
        platform = self._home.config.platform
        if now.quality is Quality.SYNCHRONISED and (
            platform is not self._papers_of or now.mono - self._papers_looked >= WAITS.papers
        ):
            self._papers_of, self._papers_looked = platform, now.mono
            out += self._papers(now)
        return out

    def committed(self, entry: Entry) -> None:
        """See whether an entry proves that a device's call arrives."""
        fact = entry.fact
        if (
            isinstance(fact, FaultFact)
            and (fact.kind, fact.turn) == (kind.TEST_DUE, Turn.CLEARED)
            and fact.device in self._tried
        ):
            # somebody at the box says that it was tried
            self._tried[fact.device], self.changed = self._clock.now().mono, True
        if isinstance(fact, FaultFact) and fact.detail.get("what") == DRILLED:
            self._tried[DRILL], self.changed = self._clock.now().mono, True
            if (kind.DRILL_DUE, "") in self._pipeline.faults.on:
                self._notes.end(kind.DRILL_DUE, "")
        if not isinstance(fact, AlarmFact) or fact.alarm.device not in self._tried:
            return
        alone = (
            self._home.config.platform is None
            and fact.alarm.state is State.RAISED
            and fact.before is not State.RAISED
        )
        if fact.move == "receipt" or alone:
            self._tried[fact.alarm.device] = self._clock.now().mono
            self.changed = True
            if (kind.TEST_DUE, fact.alarm.device) in self._pipeline.faults.on:
                self._notes.end(kind.TEST_DUE, fact.alarm.device)

    def marks(self, now: Moment, _anew: bool = False) -> Mapping[str, str]:
        """Return what is to be remembered; nothing where nothing is new.

        Nothing, too, where a better clock has written down what is known.
        """
        worse = (
            now.quality is not Quality.SYNCHRONISED
            and self._kept.get("clock") == Quality.SYNCHRONISED
        )
        if not self.changed or worse or now.quality is Quality.WRONG:
            return {}
        wall = now.wall.timestamp() - now.mono
        self.changed = False
        tried = {d: round(at + wall) for d, at in self._tried.items()}
        return {
            MARK: json.dumps(
                {"clock": now.quality, "self_test": round(self._tested + wall), "tried": tried}
            )
        }

    def _self_test(self, now: Moment) -> list[Entry]:
        period = self._home.config.times.self_test
        if now.mono < max(self._settled, self._tested + period):
            return []
        # The next is due at the hour of this one, not later by how long we slept; what fell into a
        # time without power is not made up.
        self._tested += period * ((now.mono - self._tested) // period)
        self.changed = True
        return self._pipeline.self_test(now)

    def _untried(self, now: Moment) -> list[Entry]:
        faults, due = self._pipeline.faults, self._home.config.times.test_due
        firsts = self._firsts
        vital = [d.id for d in self._home.config.devices if _calls(d, firsts.told(d.id))]
        vital += [DRILL] if DRILL in self._tried else []
        if vital != [*self._tried]:
            self._tried = {d: self._tried.get(d, now.mono) for d in vital}
            self.changed = True
        # A clock that nobody confirms may be wrong by years: by it only what this start has seen
        # pass counts.
        earliest = self._began if now.quality is not Quality.SYNCHRONISED else -math.inf
        facts = [
            fact
            for device, tried in self._tried.items()
            if now.mono - max(tried, earliest) >= due
            for fact in faults.begin(
                kind.TEST_DUE if device != DRILL else kind.DRILL_DUE,
                now,
                device if device != DRILL else "",
                untried_d=round((now.mono - tried) / 86400),
            )
        ]
        return self._pipeline.noticed(facts, now)

    def _papers(self, now: Moment) -> list[Entry]:
        """Tell of certificates that end soon: the CA's, our own, and the broker's.

        The broker's is as it was shown when we connected.
        """
        config, faults = self._home.config, self._pipeline.faults
        ends: dict[str, float | None] = {"ca": None, "certificate": None, "broker": None}
        if (platform := config.platform) is not None and platform.tls:
            ends["broker"] = self._broker_ends()
            # Of several CAs in a file the last one to end counts: the others are on their way out.
            # Of a chain, our own comes first.
            ends["ca"] = max(_ends(config.file(platform.ca)), default=None)
            ends["certificate"] = next(iter(_ends(config.file(platform.certificate))), None)
        facts = []
        for name, end in ends.items():
            left = end - now.wall.timestamp() if end is not None else WAITS.paper_ends
            if end is not None and left < WAITS.paper_ends:
                day = datetime.fromtimestamp(end, UTC).date().isoformat()
                facts += faults.begin(
                    kind.CERTIFICATE_ENDS, now, name, ends=day, left_d=round(left / 86400)
                )
            else:
                facts += faults.end(kind.CERTIFICATE_ENDS, now, name)
        return self._pipeline.noticed(facts, now)


def _calls(device: Device, told: frozenset[str]) -> bool:
    """Say whether a device is there to call for help.

    A general protocol might say anything: there the household's word counts, or what the device has
    told since it was enrolled.
    """
    roles = device.watch.roles
    shown = bool(told & VITAL) or (Kind.BUTTON in told and SOS in (roles or {device.watch.unnamed}))
    return device.supervised.vital and (not device.model.general or SOS in roles or shown)


def _ends(path: Path | None) -> list[float]:
    """Return when each certificate of a file ends.

    None of a file that cannot be read: the link says that.
    """
    with contextlib.suppress(OSError, ValueError):
        return dial.ends(path.read_bytes()) if path is not None else []
    return []


def _kept(text: str) -> dict[str, Any]:
    with contextlib.suppress(ValueError, RecursionError):
        found = msgspec.json.decode(text or "{}")
        return found if isinstance(found, dict) else {}
    return {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(min(max(value, -LATEST), LATEST))
