"""How a local program of an alarm is run, without a shell, and what sounds in the home."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from gateway.judge.alarm import Alarm, State
from gateway.tell.waits import WAITS
from gateway.words import kind as kinds

LOG = logging.getLogger("eldercare")
ASK = "test"  # the last argument of a program that is asked so
# exit codes by which a program says more of its channel than that nobody was reached; the words
# stand in faults and on the page
BROKEN = {
    10: "unplugged",
    11: "no_credit",
    12: "no_network",
    13: "no_sim",
    14: "not_set_up",
    126: "not_executable",
    127: "not_there",
}
# alarms that wait for the sounder; the least urgent is forgotten first, of these the newest
NOISES = 64


class Child(Protocol):
    """A program that runs, as far as we need it."""

    @property
    def pid(self) -> int:
        """Number of the process, and of the group that is ended with it."""

    @property
    def returncode(self) -> int | None:
        """Exit code; None while it runs."""

    async def wait(self) -> int:
        """Wait for its end; return the exit code."""


Begin = Callable[[Sequence[str], Mapping[str, str]], Awaitable[Child]]


async def begin(program: Sequence[str], environment: Mapping[str, str]) -> Child:
    """Begin a program in a group of its own, with only this environment. Raises OSError."""
    nothing = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        *program,
        env=dict(environment),
        stdin=nothing,
        stdout=nothing,
        stderr=nothing,
        start_new_session=True,
    )


class Ran(NamedTuple):
    """How a program ended.

    `broken` is what is wrong with the channel itself, "" where it may only have reached nobody.
    """

    ok: bool
    words: str
    broken: str = ""


_PATH = "/usr/local/bin:/usr/bin:/bin"
NOTHING: Mapping[str, str] = {}


async def ask(start: Begin, program: Sequence[str]) -> Ran:
    """Ask a program whether it could reach somebody; it reaches nobody and makes no noise.

    Cancelled, it ends the program.
    """
    environment = {"PATH": _PATH, "ELDERCARE_REASON": "self_test", "ELDERCARE_TEST": "1"}
    ran = await _run(start, (*program, ASK), environment, WAITS.program_test)
    return ran if ran.ok or ran.broken else ran._replace(broken="failed")


async def run(
    start: Begin,
    program: Sequence[str],
    alarm: Alarm,
    reason: str,
    facts: Mapping[str, str] = NOTHING,
) -> Ran:
    """Run one program for `alarm`; return how it ended. Cancelled, it ends the program."""
    environment = {
        "PATH": _PATH,
        "ELDERCARE_ALARM": alarm.id,
        "ELDERCARE_KIND": alarm.kind,
        "ELDERCARE_ROOM": alarm.room,
        "ELDERCARE_STATE": alarm.state.value,
        "ELDERCARE_REASON": reason,
        "ELDERCARE_TEST": "1" if alarm.test else "0",
        **facts,
    }
    return await _run(start, program, environment, WAITS.program)


async def _run(
    start: Begin, program: Sequence[str], environment: Mapping[str, str], longest: float
) -> Ran:
    try:
        child = await start(program, environment)
    except OSError as error:
        LOG.warning("program %s: %s", program[0], error.strerror)
        broken = "not_executable" if isinstance(error, PermissionError) else "not_there"
        return Ran(False, f"{program[0]}: {error.strerror}", broken)
    try:
        async with asyncio.timeout(longest):
            code = await child.wait()
    except TimeoutError:
        return Ran(False, f"{program[0]}: ended after {longest:g} s", "hangs")
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    broken = BROKEN.get(code, "ended" if code < 0 else "")
    return Ran(code == 0, f"{program[0]}: exit code {code}", broken)


def family(kind: str) -> str:
    """Return what one call tells of at once: "fire" (smoke, CO), "gas", "" for each its own call.

    Eight detectors in one fire are one fire: whoever is told of it need not be told eight times.
    Gas is not fire: who enters a home with gas in it must know that. Falls and calls for help are
    never put together: each may be another person.
    """
    return {kinds.SMOKE: "fire", kinds.CO: "fire", kinds.GAS: "gas"}.get(kind, "")


@dataclass(frozen=True, slots=True)
class _Noise:
    program: tuple[str, ...]
    alarm: Alarm
    reason: str
    order: int
    facts: Mapping[str, str]

    @property
    def rank(self) -> tuple[int, bool]:
        return int(self.alarm.priority), self.alarm.state is State.PRE_ALARM

    def with_(self, other: _Noise) -> bool:
        """Say whether one noise serves both: detectors of one fire."""
        same = (self.program, self.alarm.test) == (other.program, other.alarm.test)
        return (
            same
            and self.alarm.number != other.alarm.number
            and family(self.alarm.kind) == family(other.alarm.kind) != ""
        )


@dataclass(slots=True)
class _Sounding:
    first: _Noise
    task: asyncio.Task[None]
    serves: dict[int, _Noise] = field(default_factory=dict)  # for none any more: it is being ended


class Sounder:
    """What sounds in the home: one program at a time, for the most urgent alarm.

    It never takes the place of a call. On the loop's thread, as part of `Callers`.
    """

    def __init__(self, start: Begin, ended: Callable[[str, Ran], None]) -> None:
        """`ended(program file, how)` is told how each sound ended by itself."""
        self._start = start
        self._told = ended
        self._wants: dict[int, _Noise] = {}  # alarm number -> what is still to sound for it
        self._now: _Sounding | None = None
        self._order = 0

    @property
    def running(self) -> bool:
        """True while something sounds."""
        return self._now is not None

    def is_for(self, number: int) -> bool:
        """Say whether it sounds for an alarm, or will."""
        return number in self._wants or (self._now is not None and number in self._now.serves)

    def plays(self, program: str) -> bool:
        """Say whether a program sounds now."""
        return self._now is not None and self._now.first.program[0] == program

    def sound(
        self,
        program: Sequence[str],
        alarm: Alarm,
        reason: str,
        facts: Mapping[str, str] = NOTHING,
    ) -> None:
        """Sound for `alarm`: at once where nothing more urgent sounds, else behind it.

        `facts` is what the program is told beside the alarm, as variables of its environment.
        """
        self._order += 1
        noise = _Noise(tuple(program), alarm, reason, self._order, facts)
        now = self._now
        if now is not None and now.serves and now.first.with_(noise):
            self._wants.pop(alarm.number, None)
            now.serves[alarm.number] = noise
            return
        own = now.serves.get(alarm.number) if now is not None else None
        again = own is not None and (own.program, own.reason) == (noise.program, noise.reason)
        if now is not None and own is not None and not again:
            # The chime of its grace makes room for the siren, the siren for news of the alarm.
            self._let_go(now, alarm.number)
        self._wants[alarm.number] = noise
        if len(self._wants) > NOISES:
            least = max(self._wants.values(), key=lambda n: (n.rank, n.order))
            out, many = least.alarm.number, len(self._wants)
            LOG.warning("sound: %d alarms wait for it, alarm %d is forgotten", many, out)
            del self._wants[out]
        self._next()

    def leave(self, number: int) -> None:
        """Sound no more for one alarm; for the others it goes on."""
        self._wants.pop(number, None)
        if self._now is not None:
            self._let_go(self._now, number)

    async def close(self) -> None:
        """End the sound."""
        self._wants.clear()
        if self._now is not None:
            self._now.task.cancel()
            await asyncio.gather(self._now.task, return_exceptions=True)

    def _let_go(self, now: _Sounding, number: int) -> None:
        now.serves.pop(number, None)
        if not now.serves:
            now.task.cancel()

    def _next(self) -> None:
        if not self._wants:
            return
        best = min(self._wants.values(), key=lambda n: (n.rank, n.order))
        if self._now is not None:
            if self._now.serves and best.rank < self._now.first.rank:
                self._wants = {**self._now.serves, **self._wants}
                self._now.serves = {}
                self._now.task.cancel()
            return
        task = asyncio.create_task(self._sound(best), name=f"sound {best.alarm.number}")
        served = [best, *(n for n in self._wants.values() if best.with_(n))]
        serves = {n.alarm.number: self._wants.pop(n.alarm.number) for n in served}
        self._now = _Sounding(best, task, serves)
        task.add_done_callback(self._ended)

    async def _sound(self, noise: _Noise) -> None:
        ran = await run(self._start, noise.program, noise.alarm, noise.reason, noise.facts)
        self._told(noise.program[0], ran)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._now = None
        if not task.cancelled() and (error := task.exception()) is not None:
            LOG.error("sound: %r", error)
        self._next()
