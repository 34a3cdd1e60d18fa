"""How a local program of an alarm is run, without a shell, and what sounds in the home."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct, field

from gateway.judge.alarm import Alarm, State
from gateway.tell.waits import WAITS
from gateway.words import kind as kinds
from gateway.words.wide import visible

LOG = logging.getLogger("eldercare")
ASK = "test"  # the last argument of a program that is asked so
# in its environment where somebody reads on the spot why it failed: then it is heard what it says
SAYS = "ELDERCARE_SAYS"
SAID = 2000  # bytes of that
# exit codes by which a program says more of its channel than that nobody was reached; the words
# stand in faults and on the page
BROKEN = {
    10: "unplugged",
    11: "no_credit",
    12: "no_network",
    13: "no_sim",
    14: "not_set_up",
    15: "no_voice",
    16: "recording",
    17: "no_internet",
    126: "not_executable",
    127: "not_there",
}
HEARD = "recording"  # it sounded, but in the place of a damaged recording the shipped phrase
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

    @property
    def stderr(self) -> asyncio.StreamReader | None:
        """What it says of why it failed, where somebody listens."""

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
        stderr=asyncio.subprocess.PIPE if SAYS in environment else nothing,
        start_new_session=True,
    )


class Ran(NamedTuple):
    """How a program ended.

    `broken` is what is wrong with the channel itself, "" where it may only have reached nobody.
    """

    ok: bool
    words: str
    broken: str = ""
    said: tuple[str, ...] = ()  # by itself, line by line, where somebody listened


_PATH = "/usr/local/bin:/usr/bin:/bin"
NOTHING: Mapping[str, str] = {}


async def ask(start: Begin, program: Sequence[str], *, says: bool = False) -> Ran:
    """Ask a program whether it could reach somebody; it reaches nobody and makes no noise.

    `says`: what it says of itself is returned too. Cancelled, it ends the program.
    """
    environment = {"PATH": _PATH, "ELDERCARE_REASON": "self_test", "ELDERCARE_TEST": "1"}
    environment |= {SAYS: "1"} if says else {}
    ran = await _run(start, (*program, ASK), environment, WAITS.program_test)
    return ran if ran.ok or ran.broken else ran._replace(broken="failed")


async def run(
    start: Begin,
    program: Sequence[str],
    alarm: Alarm,
    reason: str,
    facts: Mapping[str, str] = NOTHING,
    longest: float | None = None,
) -> Ran:
    """Run one program for `alarm`, `longest` seconds; return how it ended.

    Cancelled, it ends the program.
    """
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
    return await _run(start, program, environment, longest or WAITS.program)


async def _run(
    start: Begin, program: Sequence[str], environment: Mapping[str, str], longest: float
) -> Ran:
    try:
        child = await start(program, environment)
    except OSError as error:
        LOG.warning("program %s: %s", program[0], error.strerror)
        broken = "not_executable" if isinstance(error, PermissionError) else "not_there"
        return Ran(False, f"{program[0]}: {error.strerror}", broken)
    said: list[bytes] = []
    hears = child.stderr if SAYS in environment else None
    hearing = asyncio.create_task(_hear(hears, said)) if hears is not None else None
    try:
        async with asyncio.timeout(longest):
            code = await child.wait()
            if hearing is not None:
                await hearing
    except TimeoutError:
        return Ran(False, f"{program[0]}: ended after {longest:g} s", "hangs")
    finally:
        if hearing is not None:
            hearing.cancel()
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    broken = BROKEN.get(code, "ended" if code < 0 else "")
    lines = b"".join(said).decode(errors="replace").splitlines()
    ok = code == 0 or broken == HEARD
    return Ran(ok, f"{program[0]}: exit code {code}", broken, tuple(map(visible, lines)))


async def _hear(stream: asyncio.StreamReader, said: list[bytes]) -> None:
    """Read what a program says to its end, and keep the first `SAID` bytes."""
    room = SAID
    while some := await stream.read(SAID):
        said.append(some[:room])
        room -= len(some[:room])


def family(kind: str) -> str:
    """Return what one call tells of at once: "fire" (smoke, CO), "gas", "" for each its own call.

    Eight detectors in one fire are one fire: whoever is told of it need not be told eight times.
    Gas is not fire: who enters a home with gas in it must know that. Falls and calls for help are
    never put together: each may be another person.
    """
    return {kinds.SMOKE: "fire", kinds.CO: "fire", kinds.GAS: "gas"}.get(kind, "")


# From these dangers one must leave the home: they are heard before all others.
FLEE = frozenset({kinds.SMOKE, kinds.CO, kinds.GAS})


class _Noise(Struct, frozen=True):
    """What is to sound for one alarm. A word is news without a siren: it makes room for both."""

    program: tuple[str, ...]
    alarm: Alarm
    reason: str
    order: int
    facts: Mapping[str, str]
    word: bool = False
    tried: asyncio.Future[Ran] | None = None  # who waits for how it went

    @property
    def rank(self) -> tuple[bool, int, bool, bool]:
        """The more urgent the lower; words come behind every siren and question."""
        alarm = self.alarm
        asks = alarm.state is State.PRE_ALARM
        return self.word, int(alarm.priority), alarm.kind not in FLEE, asks

    def with_(self, other: _Noise) -> bool:
        """Say whether one siren serves both: detectors of one fire."""
        if self.word or other.word or self.alarm.number == other.alarm.number:
            return False
        same = (self.program, self.alarm.test) == (other.program, other.alarm.test)
        return same and family(self.alarm.kind) == family(other.alarm.kind) != ""


class _Sounding(Struct):
    first: _Noise
    task: asyncio.Task[None]
    until: float  # loop's time until which it has its turn
    serves: dict[int, _Noise] = field(default_factory=dict)  # for none any more: it is being ended
    shares: asyncio.TimerHandle | None = None


class Sounder:
    """What sounds in the home: one program at a time, for the most urgent alarm.

    Sirens and questions of several alarms take turns; a word waits for them, and is dropped when
    one begins. None takes the place of a call. On the loop's thread, as part of `Callers`.
    """

    def __init__(self, start: Begin, ended: Callable[[str, Ran], None]) -> None:
        """`ended(program file, how)` is told how each sound ended by itself."""
        self._start = start
        self._told = ended
        self._wants: dict[int, _Noise] = {}  # alarm number -> what is still to sound for it
        self._had: set[int] = set()  # alarms that had their turn while others wait
        self._now: _Sounding | None = None
        self._order = 0

    @property
    def running(self) -> bool:
        """True while something sounds."""
        return self._now is not None

    def is_for(self, number: int) -> bool:
        """Say whether a siren or question sounds for an alarm, or will. A word is neither."""
        serves = self._now.serves if self._now is not None else {}
        found = (self._wants.get(number), serves.get(number))
        return any(noise is not None and not noise.word for noise in found)

    def plays(self, program: str) -> bool:
        """Say whether a program sounds now."""
        return self._now is not None and self._now.first.program[0] == program

    def sound(
        self,
        program: Sequence[str],
        alarm: Alarm,
        reason: str,
        facts: Mapping[str, str] = NOTHING,
        *,
        word: bool = False,
    ) -> None:
        """Sound for `alarm`: at once where nothing more urgent sounds, else by turns.

        `facts` is what the program is told beside the alarm, as variables of its environment.
        `word`: it is news of the alarm and has no siren in it.
        """
        self._order += 1
        self._want(_Noise(tuple(program), alarm, reason, self._order, facts, word))

    async def try_(
        self, program: Sequence[str], alarm: Alarm, facts: Mapping[str, str] = NOTHING
    ) -> Ran:
        """Let a program be heard; every alarm goes before. Returns how it went."""
        self._order += 1
        heard: asyncio.Future[Ran] = asyncio.get_running_loop().create_future()
        self._want(_Noise(tuple(program), alarm, "try", self._order, facts, True, heard))
        return await heard

    def leave(self, number: int) -> None:
        """Sound no more for one alarm; for the others it goes on."""
        self._wants.pop(number, None)
        if self._now is not None:
            self._let_go(self._now, number)

    async def close(self) -> None:
        """End the sound."""
        for noise in self._wants.values():
            _dropped(noise)
        self._wants.clear()
        if self._now is not None:
            self._now.task.cancel()
            await asyncio.gather(self._now.task, return_exceptions=True)

    def _want(self, noise: _Noise) -> None:
        number, now = noise.alarm.number, self._now
        waits = self._wants.get(number)
        if noise.word and waits is not None and not waits.word:
            return  # its siren is still to come
        if not noise.word:
            self._had.discard(number)
        if now is not None and now.serves and now.first.with_(noise):
            self._wants.pop(number, None)
            now.serves[number] = noise
            return
        own = now.serves.get(number) if now is not None else None
        same = own is not None and (own.program, own.reason) == (noise.program, noise.reason)
        if now is not None and own is not None and not same and (own.word or not noise.word):
            # The chime of its grace makes room for the siren, the siren for news with a siren.
            self._let_go(now, number)
        self._wants[number] = noise
        if len(self._wants) > NOISES:
            least = max(self._wants.values(), key=lambda n: (n.rank, n.order))
            out, many = least.alarm.number, len(self._wants)
            LOG.warning("sound: %d alarms wait for it, alarm %d is forgotten", many, out)
            _dropped(self._wants.pop(out))
        self._next()

    def _let_go(self, now: _Sounding, number: int) -> None:
        now.serves.pop(number, None)
        if not now.serves:
            now.task.cancel()

    def _next(self) -> None:
        if not self._wants:
            return
        loud = {number for number, noise in self._wants.items() if not noise.word}
        now = self._now
        if now is None and loud <= self._had:
            self._had.clear()  # each had its turn
        best = min(self._wants.values(), key=self._place)
        if now is not None:
            fresh = best.alarm.number not in self._had
            if now.serves and fresh and best.rank < now.first.rank:
                self._make_room(now)
            elif loud and now.shares is None:
                loop = asyncio.get_running_loop()
                now.shares = loop.call_at(now.until, self._turn_is_over, now)
            return
        task = asyncio.create_task(self._sound(best), name=f"sound {best.alarm.number}")
        served = [best, *(n for n in self._wants.values() if best.with_(n))]
        serves = {n.alarm.number: self._wants.pop(n.alarm.number) for n in served}
        until = asyncio.get_running_loop().time() + WAITS.turn
        self._now = _Sounding(best, task, until, serves)
        task.add_done_callback(self._ended)
        self._next()  # others that wait have their turn after it

    def _place(self, noise: _Noise) -> tuple[bool, bool, tuple[bool, int, bool, bool], int]:
        return noise.word, noise.alarm.number in self._had, noise.rank, noise.order

    def _turn_is_over(self, now: _Sounding) -> None:
        """Let the next of several alarms be heard."""
        now.shares = None
        if self._now is now and now.serves and any(not n.word for n in self._wants.values()):
            self._had.update(now.serves)
            self._make_room(now)

    def _make_room(self, now: _Sounding) -> None:
        """End what sounds; a siren or question of it comes again, a word does not."""
        for number, noise in now.serves.items():
            if noise.word:
                _dropped(noise)
            else:
                self._wants.setdefault(number, noise)
        now.serves = {}
        now.task.cancel()

    async def _sound(self, noise: _Noise) -> None:
        word = WAITS.word if noise.tried is None else WAITS.try_sound
        longest = word if noise.word else WAITS.program
        try:
            ran = await run(
                self._start, noise.program, noise.alarm, noise.reason, noise.facts, longest
            )
        except asyncio.CancelledError:
            _dropped(noise)
            raise
        if noise.tried is not None:
            if not noise.tried.done():
                noise.tried.set_result(ran)
            if ran.broken == "hangs":  # a siren that goes on was heard
                return
        self._told(noise.program[0], ran)

    def _ended(self, task: asyncio.Task[None]) -> None:
        now, self._now = self._now, None
        if now is not None:  # one that was ended before it began has no answer yet
            _dropped(now.first)
        if not task.cancelled() and (error := task.exception()) is not None:
            LOG.error("sound: %r", error)
        self._next()


def _dropped(noise: _Noise) -> None:
    if noise.tried is not None and not noise.tried.done():
        noise.tried.set_result(Ran(False, "an alarm needs the loudspeaker", "interrupted"))
