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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import cast

from gateway.hear.serial_port import Line
from gateway.hear.waits import WAITS
from gateway.words.driver import Adjustable, Chunk, Driver, Model, Report, SerialLine, Setting
from gateway.words.say import Failed, Say, both, either

TRIES = 3  # one, and two repeats
NEAR = 0.06  # values are equal within this: a radar counts in metres as 32-bit floats


class Verdict(Enum):
    """What came of one setting."""

    OK = "ok"
    DIFFERS = "differs"
    NO_ANSWER = "no_answer"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Result:
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
        try:
            value = named[text] if text in named else float(text)
        except ValueError:
            what = either(tuple(named)) if named else Say("adjust.number")
            said = {"name": (setting.title[0], name), "text": text[:40]}
            raise BadSetting(Say("adjust.choice", **said, what=what)) from None
        if not setting.low <= value <= setting.high:
            said = {"name": (setting.title[0], name), "text": text[:40]}
            bounds = {"low": setting.low, "high": setting.high, "unit": setting.unit}
            code = "adjust.bounds" if setting.unit else "adjust.bounds_plain"
            raise BadSetting(Say(code, **said, **bounds))
        out[name] = value
    return out


class _Step(Enum):
    WAKE = auto()  # asking until it says anything
    LEARN = auto()  # asking what it has, because it takes several values at once
    SET = auto()
    QUIET = auto()
    ASK = auto()
    HUNG = auto()
    APPLY = auto()
    RESTARTING = auto()
    DONE = auto()


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
    ) -> None:
        chosen = [one for one in settings if not wanted or one.name in wanted]
        if not chosen:
            raise BadSetting(Say("adjust.nothing"))
        self._device = device
        self._wanted = dict(wanted)
        self._left = chosen
        self._chosen = list(chosen)
        self._read: dict[str, float | None] = {}
        self._echoed: set[str] = set()
        self._step = _Step.WAKE
        self._tries = 0
        self._due = now
        self._until = now + WAITS.radar_wake
        self._hung_at: set[str] = set()
        self._dead = False
        self._final = False

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self._step is _Step.DONE

    def due(self) -> float:
        """Return the second at which `tick` has something to do."""
        return self._due

    def results(self) -> tuple[Result, ...]:
        """Return what came of each setting so far; one that was not reached has no answer."""
        return tuple(self._result(setting) for setting in self._chosen)

    def heard(self, report: Report, now: float) -> None:
        """Take what the radar said."""
        if self.done:
            return
        setting = self._left[0]
        extra = report.extra or {}
        answer = extra.get("reply_to") == "query"
        label = setting.label or setting.name
        mine = report.label == label and (answer or "taken" not in extra)
        if self._step is _Step.SET and (
            (mine and not answer) or (extra.get("taken") == label and report.value is True)
        ):
            self._echoed.add(setting.name)
            self._go(_Step.QUIET if setting.quiet else _Step.ASK, now + setting.quiet)
        elif mine and answer:
            self._answered(setting, report, now)

    def tick(self, now: float) -> bytes:
        """Return what is to be written now, b"" for nothing."""
        if self.done or now < self._due:
            return b""
        setting = self._left[0]
        match self._step:
            case _Step.WAKE | _Step.HUNG | _Step.RESTARTING:
                return self._patient(setting, now)
            case _Step.QUIET:
                self._go(_Step.ASK, now)
                return self._ask(setting, now)
            case _Step.APPLY:
                self._go(_Step.RESTARTING, now + WAITS.radar_restart)
                self._until = now + WAITS.radar_restart + WAITS.radar_wake
                return self._device.apply()
            case _Step.SET:
                return self._set(setting, now)
            case _:
                return self._ask(setting, now)

    # -- steps -------------------------------------------------------------------------------------

    def _go(self, step: _Step, due: float) -> None:
        self._step, self._due, self._tries = step, due, 0

    def _answered(self, setting: Setting, report: Report, now: float) -> None:
        value = _number(setting, report)
        self._dead = False
        if self._step in (_Step.WAKE, _Step.LEARN):
            if setting.name in self._wanted and not self._final:
                self._go(_Step.SET, now + (WAITS.radar_pause if self._step is _Step.WAKE else 0.0))
                return
        elif self._step is _Step.HUNG:
            if setting.name in self._wanted and not self._final and not self._same(setting, value):
                # it hung on this one: once more, alone
                self._go(_Step.SET, now + WAITS.radar_pause)
                return
        elif self._step not in (_Step.ASK, _Step.RESTARTING):
            return
        self._read[setting.name] = value
        self._next(now)

    def _set(self, setting: Setting, now: float) -> bytes:
        frame = self._device.set(setting.name, self._wanted[setting.name])
        if not frame:
            self._go(_Step.LEARN, now)
            return self._ask(setting, now)
        if self._tries == TRIES:
            self._go(_Step.ASK, now)  # the echo may be lost and the value taken all the same
            return self._ask(setting, now)
        self._tries += 1
        self._due = now + WAITS.radar_echo
        return frame

    def _ask(self, setting: Setting, now: float) -> bytes:
        if self._tries < (1 if self._dead else TRIES):
            self._tries += 1
            self._due = now + WAITS.radar_echo
            return self._device.ask(setting.name)
        if self._dead or setting.name in self._hung_at:
            self._read[setting.name] = None
            self._next(now)
            return b""
        self._hung_at.add(setting.name)
        self._go(_Step.HUNG, now + WAITS.radar_ask_again)
        self._until = now + WAITS.radar_hang
        return self._device.apply()

    def _patient(self, setting: Setting, now: float) -> bytes:
        if now < self._until:
            self._due = now + WAITS.radar_ask_again
            return self._device.ask(setting.name)
        self._dead = True
        self._read[setting.name] = None
        self._next(now)
        return b""

    def _next(self, now: float) -> None:
        del self._left[0]
        if self._left:
            setting = self._left[0]
            wants = setting.name in self._wanted and not self._final
            self._go(_Step.SET if wants and not self._dead else _Step.ASK, now + WAITS.radar_pause)
            return
        applied = [
            one
            for one in self._chosen
            if one.name in self._wanted and self._read.get(one.name) is not None
        ]
        if self._final or not applied or not self._device.apply():
            self._step = _Step.DONE
            return
        self._final = True
        self._left = applied
        self._go(_Step.APPLY, now + WAITS.radar_pause)

    def _result(self, setting: Setting) -> Result:
        wanted, read = self._wanted.get(setting.name), self._read.get(setting.name)
        if read is None:
            verdict = Verdict.NO_ANSWER
        elif wanted is None:
            verdict = Verdict.READ
        else:
            verdict = Verdict.OK if self._same(setting, read) else Verdict.DIFFERS
        return Result(setting, wanted, read, setting.name in self._echoed, verdict)

    def _same(self, setting: Setting, value: float | None) -> bool:
        return value is not None and abs(value - self._wanted[setting.name]) <= NEAR


def _number(setting: Setting, report: Report) -> float | None:
    if isinstance(report.value, str):
        return dict(setting.words).get(report.value)
    return float(report.value)


async def commission(
    port: str,
    model: Model,
    wanted: Mapping[str, float],
    *,
    line: Callable[[str, int, Callable[[Chunk], bytes | None]], Line] = Line,
    said: Callable[[Result], None] | None = None,
) -> tuple[Result, ...]:
    """Set what is wanted on the radar at `port`, or read all its settings; return the results.

    `said` is called with each result as soon as it stands. Raises BadSetting, or OSError with what
    to do: the port is missing or held by the running gateway.
    """
    if not isinstance(model.listens, SerialLine) or not model.settings:
        raise BadSetting(Say("adjust.no_settings", model=model.name))
    loop = asyncio.get_running_loop()
    driver: Driver = model.new(port, None, {})
    work = Commissioning(model.settings, cast("Adjustable", driver), wanted, loop.time())
    woken = asyncio.Event()

    def sink(chunk: Chunk) -> None:
        # Replies are the driver's questions of a start: they would come in a row with what is set
        # here.
        for one in driver.feed(chunk):
            if isinstance(one, Report):
                work.heard(one, loop.time())
        woken.set()

    wire = line(port, model.listens.baud, sink)
    serving = asyncio.create_task(wire.run(), name=f"commission {port}")
    shown: dict[str, Result] = {}
    try:
        while not work.done:
            if serving.done():
                await serving  # raises why
            if wire.open and (data := work.tick(loop.time())):
                wire.write(data)
            _say_new(work, shown, said)
            wait = max(0.0, work.due() - loop.time()) if wire.open else WAITS.radar_line
            waking = asyncio.ensure_future(woken.wait())
            await asyncio.wait((serving, waking), timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            waking.cancel()
            woken.clear()
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    _say_new(work, shown, said)
    return work.results()


def _say_new(
    work: Commissioning, shown: dict[str, Result], said: Callable[[Result], None] | None
) -> None:
    for result in work.results():
        if (
            said is not None
            and result.read is not None
            and shown.get(result.setting.name) != result
        ):
            shown[result.setting.name] = result
            said(result)


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
    widths = [max(_width(row[n]) for row in rows) for n in range(5)]
    return "\n".join(
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )


def _shown(setting: Setting, value: float | None) -> str:
    if value is None:
        return "-"
    word = next((word for word, number in setting.words if number == value), None)
    return word or f"{value:g} {setting.unit}".rstrip()


def _width(text: str) -> int:
    """Return the columns a terminal gives it: Chinese characters take two."""
    return sum(2 if ord(letter) >= 0x2E80 else 1 for letter in text)
