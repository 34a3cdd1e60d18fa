"""Commissioning a radar: its settings are set one after the other, read back and told.

`Commissioning` is a pure state machine: reports and time go in, bytes come out. `commission` lets
it loose on a serial line.

    wake -> set -> (echo) -> ask -> (value) -> next setting -> ... -> apply -> ask all again -> done

Radars lose echoes, are silent for ten seconds after they were told to start anew, and some hang
when several settings come in a row: hence one at a time, a pause between two, three tries each, and
patience once when nothing comes back. What was read back decides; an echo proves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from enum import Enum
from typing import cast

from msgspec import Struct

from gateway.hear.serial_port import Line, news, served
from gateway.hear.waits import WAITS
from gateway.words.driver import Adjustable, Chunk, Driver, Model, Report, SerialLine, Setting, only
from gateway.words.say import Failed, Say, both, either
from gateway.words.wide import columns, filled

TRIES = 3  # one, and two repeats
NEAR = 0.06  # values are equal within this: a radar counts in metres as 32-bit floats


class Verdict(Enum):
    """What came of one setting."""

    OK = "ok"
    DIFFERS = "differs"
    NO_ANSWER = "no_answer"
    READ = "read"
    WAITING = ""  # nothing yet


class Result(Struct, frozen=True):
    """One setting: `wanted` (None: only read), what was `read` (None: nothing), and the echo."""

    setting: Setting
    wanted: float | None
    read: float | None
    echoed: bool
    verdict: Verdict


class BadSetting(Failed, ValueError):
    """A setting that this model does not have, or a value out of its bounds."""


def wanted_of(model: Model, words: Mapping[str, str]) -> dict[str, float]:
    """Return the values a technician wrote, checked against the model.

    Raises BadSetting with a sentence.
    """
    if not model.settings:
        raise BadSetting(Say("adjust.no_settings", model=model.name))
    known = {setting.name: setting for setting in model.settings}
    out = {}
    for name, text in words.items():
        setting = known.get(name)
        if setting is None:
            say = Say("adjust.unknown", model=model.name, name=name[:40], known=", ".join(known))
            raise BadSetting(say)
        named = dict(setting.words)
        said = {"name": (setting.title[0], name), "text": text[:40]}
        try:
            value = named[text] if text in named else float(text)
        except ValueError:
            what = either(tuple(named)) if named else Say("adjust.number")
            raise BadSetting(Say("adjust.choice", **said, what=what)) from None
        if not setting.low <= value <= setting.high:
            code = "adjust.bounds" if setting.unit else "adjust.bounds_plain"
            bounds = {"low": setting.low, "high": setting.high, "unit": setting.unit}
            raise BadSetting(Say(code, **said, **bounds))
        out[name] = value
    return out


# A step writes bytes and waits for so many seconds; it gets what was heard, () for nothing.
_Answer = tuple[float | None, ...]
_Work = Generator[tuple[bytes, float], _Answer, _Answer]


class Commissioning:
    """All wanted settings of one radar, in the model's order; with none wanted, all are read.

    Pure. Call `tick` whenever `due` has come and after each `heard`, and write what it returns.
    """

    def __init__(
        self,
        settings: Sequence[Setting],
        device: Adjustable,
        wanted: Mapping[str, float],
        now: float,
        said: Callable[[Result], None] = lambda _result: None,
    ) -> None:
        """`said` is called with each result as soon as it stands."""
        self._said = said
        self._chosen = [one for one in settings if not wanted or one.name in wanted]
        if not self._chosen:
            raise BadSetting(Say("adjust.nothing"))
        self.done = False
        self._device = device
        self._wanted = dict(wanted)
        self._read: dict[str, float | None] = {}
        self._echoed: set[str] = set()
        self._hung_at: set[str] = set()
        self._dead = False  # it has not answered for long: each further setting is asked for once
        self._now = self._due = now
        self._setting = self._chosen[0]
        self._awaited = ""  # "echo" or "value" of this setting
        self._answer: _Answer = ()
        self._work = self._all()
        self._next: tuple[bytes, float] | None = next(self._work)

    def due(self) -> float:
        """Return the second at which `tick` has something to do."""
        return self._due

    def results(self) -> tuple[Result, ...]:
        """Return what came of each setting so far; one that was not reached has no answer."""
        return tuple(self._result(setting) for setting in self._chosen)

    def heard(self, report: Report, now: float) -> None:
        """Take what the radar said."""
        if self.done or self._answer:
            return
        setting, extra = self._setting, report.extra or {}
        label = setting.label or setting.name
        answer = extra.get("reply_to") == "query"
        mine = report.label == label and (answer or "taken" not in extra)
        taken = extra.get("taken") == label and report.value is True
        if self._awaited == "value" and mine and answer:
            self._dead = False
            self._answer, self._due = (_number(setting, report),), now
        elif self._awaited == "echo" and (taken or (mine and not answer)):
            self._echoed.add(setting.name)
            self._answer, self._due = (None,), now

    def tick(self, now: float) -> bytes:
        """Return what is to be written now, b"" for nothing."""
        if self.done or now < self._due:
            return b""
        answer, self._answer, self._now = self._answer, (), now
        try:
            frame, seconds = self._next or self._work.send(answer)
        except StopIteration:
            self.done = True
            return b""
        self._next = None
        self._due = now + seconds
        return frame

    # -- the work, step by step --------------------------------------------------------------------

    def _all(self) -> _Work:
        """Set and read all; what takes effect only when it is applied is read once more then."""
        yield from self._each(self._chosen, self._wanted)
        applied = [
            one
            for one in self._chosen
            if one.name in self._wanted and self._read[one.name] is not None
        ]
        if applied and self._device.apply():
            yield b"", WAITS.radar_pause
            yield self._device.apply(), WAITS.radar_restart
            yield from self._each(applied, {})
        return ()

    def _each(self, settings: Sequence[Setting], wanted: Collection[str]) -> _Work:
        """Wake the radar by asking for the first setting, then set and read one after the other."""
        for setting in settings:
            self._setting = setting
            first = setting is settings[0]
            if first:
                answer = yield from self._patient(b"", WAITS.radar_wake)
            if not first or (answer and setting.name in wanted):
                yield b"", WAITS.radar_pause
                wants = setting.name in wanted and not self._dead
                answer = yield from self._one(wants=wants)
            before = self._read.get(setting.name)
            self._read[setting.name] = value = answer[0] if answer else None
            if value is not None and value != before:
                self._said(self._result(setting))
        return ()

    def _one(self, *, wants: bool) -> _Work:
        name = self._setting.name
        for _ in range(2):
            answer: _Answer = ()
            if wants and not (yield from self._set()):
                return ()
            answer = yield from self._value()
            if not answer or not wants or name not in self._hung_at or self._same(name, answer[0]):
                break
            yield b"", WAITS.radar_pause  # it hung on this one: once more, alone
        return answer

    def _set(self) -> _Work:
        """Set it until an echo comes; the echo may be lost and the value taken all the same.

        Return () where the radar must be asked first, and does not answer.
        """
        name = self._setting.name
        while not (frame := self._device.set(name, self._wanted[name])):
            if not (yield from self._value()):
                return ()
        for _ in range(TRIES):
            if (yield from self._heard_after(frame, WAITS.radar_echo, "echo")):
                yield b"", self._setting.quiet
                break
        return (None,)

    def _value(self) -> _Work:
        """Ask for it; where the radar hangs, have it start anew, once for each setting."""
        name = self._setting.name
        for _ in range(1 if self._dead else TRIES):
            if answer := (yield from self._heard_after(self._device.ask(name), WAITS.radar_echo)):
                return answer
        if self._dead or name in self._hung_at:
            return ()
        self._hung_at.add(name)
        return (yield from self._patient(self._device.apply(), WAITS.radar_hang))

    def _patient(self, frame: bytes, longest: float) -> _Work:
        """Write this frame, then ask until it says anything; after so long it is dead."""
        until = self._now + longest
        while True:
            question = frame or self._device.ask(self._setting.name)
            if answer := (yield from self._heard_after(question, WAITS.radar_ask_again)):
                return answer
            frame = b""
            if self._now >= until:
                self._dead = True
                return ()

    def _heard_after(self, frame: bytes, seconds: float, what: str = "value") -> _Work:
        self._awaited = what
        answer = yield frame, seconds
        self._awaited = ""
        return answer

    def _result(self, setting: Setting) -> Result:
        wanted, read = self._wanted.get(setting.name), self._read.get(setting.name)
        if read is None:
            verdict = Verdict.NO_ANSWER
        elif wanted is None:
            verdict = Verdict.READ
        else:
            verdict = Verdict.OK if self._same(setting.name, read) else Verdict.DIFFERS
        return Result(setting, wanted, read, setting.name in self._echoed, verdict)

    def _same(self, name: str, value: float | None) -> bool:
        return value is not None and abs(value - self._wanted[name]) <= NEAR


def _number(setting: Setting, report: Report) -> float | None:
    if isinstance(report.value, str):
        return dict(setting.words).get(report.value)
    return float(report.value)


async def commission(
    port: str,
    model: Model,
    wanted: Mapping[str, float],
    *,
    said: Callable[[Result], None] = lambda _result: None,
) -> tuple[Result, ...]:
    """Set what is wanted on the radar at `port`, or read all its settings; return the results.

    `said` is called with each result as soon as it stands. Raises BadSetting, or OSError with what
    to do: the port is missing or held by the running gateway.
    """
    if not isinstance(model.listens, SerialLine) or not model.settings:
        raise BadSetting(Say("adjust.no_settings", model=model.name))
    loop = asyncio.get_running_loop()
    driver: Driver = model.new(port, None, {})
    work = Commissioning(model.settings, cast("Adjustable", driver), wanted, loop.time(), said)
    woken = asyncio.Event()

    def sink(chunk: Chunk) -> None:
        # Replies are the driver's questions of a start: they would come in a row with what is set
        # here.
        for one in only(Report, driver.feed(chunk)):
            work.heard(one, loop.time())
        woken.set()

    wire = Line(port, model.listens.baud, sink)
    async with served(wire) as serving:
        while not work.done:
            if wire.open and (data := work.tick(loop.time())):
                wire.write(data)
            wait = max(0.0, work.due() - loop.time()) if wire.open else WAITS.radar_line
            await news(serving, woken, wait)
    return work.results()


def table(results: Sequence[Result]) -> str:
    """Return the results for people: wanted, read back, verdict, in both languages."""
    heads = ("setting", "meaning", "wanted", "read_back", "verdict")
    rows = [tuple(both(f"table.{head}") for head in heads)]
    for one in results:
        meaning, verdict = " ".join(one.setting.title), both(f"readback.{one.verdict.value}")
        rows.append(
            (
                one.setting.name,
                meaning,
                _shown(one.setting, one.wanted),
                _shown(one.setting, one.read),
                verdict,
            )
        )
    widths = [max(columns(row[n]) for row in rows) for n in range(5)]
    return "\n".join("  ".join(map(filled, row, widths)).rstrip() for row in rows)


def _shown(setting: Setting, value: float | None) -> str:
    if value is None:
        return "-"
    word = next((word for word, number in setting.words if number == value), None)
    return word or f"{value:g} {setting.unit}".rstrip()
