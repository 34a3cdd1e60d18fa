"""Fitting a wired device while the gateway is at work: what is at a port, a radar's settings.

    ask      one speed after the other -> every driver of it asks -> whose frames came whole
    adjust   the line is lent -> `commission` sets, reads back -> the line is heard again

How it goes stands in the part `fitting` of the status file; how an adjustment ended is told as
`service.visit`. Only a port that is plugged in, and that no enrolled device has, is asked: what is
written there are the questions of our drivers and nothing else.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from gateway.hear import contacts
from gateway.hear.radar_settings import BadSetting, Result, Verdict, commission, wanted_of
from gateway.hear.serial_port import Line, news, served
from gateway.hear.waits import WAITS
from gateway.home.devices import Device, speed
from gateway.home.status import SettingStatus, SetUpStatus
from gateway.judge.alarm import Alarm, State
from gateway.judge.notes import Notes
from gateway.words import kind
from gateway.words.driver import Chunk, Driver, Inputs, Model, Refusal, Report, Telegram
from gateway.words.instruction import Instruction, Problem
from gateway.words.reading import Value
from gateway.words.say import Say

LOG = logging.getLogger("eldercare")
FIRST = (115200, 57600, 19200, 256000)  # baud, radars before receivers; others follow
CONTACTS = (8, 4, 16)  # inputs a Modbus module may have
# errno -> the word of the page that says what is wrong and what to do
_TROUBLES = {
    **dict.fromkeys((errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO), "gone"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "denied"),
    **dict.fromkeys((errno.EAGAIN, errno.EBUSY), "busy"),
}


class Fitting:
    """One device being fitted, on the event loop; `run` is its task, `over` says that it is done.

    `trouble` is a word: gone, busy, denied, silent, failed, "" = none.
    """

    def __init__(
        self,
        instruction: Instruction,
        models: Mapping[str, Model],
        device: Device | None,
        *,
        notes: Notes,
        lent: Callable[[str], AbstractAsyncContextManager[None]],
        changed: Callable[[], None],
    ) -> None:
        """`device` is the radar that is set, None where a port is asked. `lent` lends its line.

        `changed` is called when `status` has.
        """
        self.over = False
        self.trouble = ""
        self._notes = notes
        self._lent = lent
        self._changed = changed
        self._instruction = instruction
        self._models = models
        self._device = device
        self._port = device.at if device is not None else instruction.port
        self._baud = 0
        self._found: list[str] = []
        self._said = ""  # how it calls itself
        self._contacts = 0
        self._results: dict[str, Result] = {}  # by setting

    def status(self) -> SetUpStatus:
        """Return how it stands, for the status file."""
        return SetUpStatus(
            instruction=self._instruction.id,
            device=self._device.id if self._device else "",
            port=self._port,
            over=self.over,
            trouble=self.trouble,
            baud=self._baud,
            found=self._found,
            said=self._said,
            contacts=self._contacts,
            rows=[
                SettingStatus(name=name, wanted=r.wanted, read=r.read, verdict=r.verdict.value)
                for name, r in self._results.items()
            ],
        )

    async def run(self) -> None:
        """Do it, and say how it ended."""
        try:
            if self._device is None:
                await self._ask()
            else:
                await self._adjust(self._device)
        except OSError as error:
            self.trouble = _TROUBLES.get(error.errno or 0, "failed")
            LOG.warning("fitting %s: %s", self._port, error.strerror or error)
        except Exception:  # a driver that trips over a stranger's bytes must not end the guarding
            self.trouble = "failed"
            LOG.exception("fitting %s failed", self._port)
        finally:
            self.over = True
        if self._device is not None:
            self._notes.say(kind.VISIT, self._device.id, **self._detail())
        self._changed()

    # -- which one is it ---------------------------------------------------------------------------

    async def _ask(self) -> None:
        speeds = {how.baud for m in self._models.values() if (how := speed(m)) is not None}
        for baud in sorted(speeds, key=lambda b: (FIRST.index(b) if b in FIRST else len(FIRST), b)):
            self._baud = baud
            self._changed()
            if await self._ask_at(baud):
                return
        self._baud = 9600
        for count in CONTACTS:
            if await self._is_module(count):
                self._found, self._contacts = (
                    [m.name for m in self._models.values() if m.listens == Inputs(bus="modbus")],
                    count,
                )
                return
        self.trouble = "silent"

    async def _ask_at(self, baud: int) -> bool:
        models = [
            m for m in self._models.values() if (how := speed(m)) is not None and how.baud == baud
        ]
        heard = Ear(self._port, models)
        line = Line(self._port, baud, heard.chunk)
        async with served(line) as serving:
            for _ in range(2):  # one that was just plugged in may have missed the first question
                await heard.within(WAITS.port_listen / 2, serving)
                if heard.understood():
                    await asyncio.sleep(WAITS.port_sure)
                    break
                line.write(heard.questions())
        self._found, self._said = heard.understood(), heard.said
        return bool(self._found)

    async def _is_module(self, count: int) -> bool:
        module = contacts.ModbusInputs(self._port, contacts.Module(inputs=count))
        try:
            await module.open()
            await module.read()
        except OSError:
            return False
        finally:
            module.close()
        return True

    # -- a radar's settings ------------------------------------------------------------------------

    async def _adjust(self, device: Device) -> None:
        wanted = wanted_of(device.model, self._instruction.settings)
        for setting in device.model.settings:
            if not wanted or setting.name in wanted:
                self._took(Result(setting, wanted.get(setting.name), None, False, Verdict.WAITING))

        def said(result: Result) -> None:
            self._took(result)
            self._changed()

        async with self._lent(device.id):
            results = await commission(device.at, device.model, wanted, said=said)
        for result in results:
            self._took(result)
        if all(result.read is None for result in results):
            self.trouble = "silent"

    def _took(self, result: Result) -> None:
        self._results[result.setting.name] = result

    def _detail(self) -> dict[str, Value]:
        detail: dict[str, Value] = {
            "what": "adjust",
            "by": self._instruction.by,
            "instruction": self._instruction.id,
        }
        results = self._results.items()
        well = all(r.verdict in (Verdict.OK, Verdict.READ) for _, r in results)
        detail |= {"trouble": self.trouble, "well": not self.trouble and well}
        for name, r in results:
            if r.wanted is not None:
                detail[f"wanted_{name}"] = r.wanted
            if r.read is not None:
                detail[f"read_{name}"] = r.read
        return detail


class Ear:
    """What every driver of one speed makes of a port, on the event loop.

    `said` is how the device calls itself, "" where it does not.
    """

    def __init__(self, port: str, models: Sequence[Model]) -> None:
        self.said = ""
        self._port = port
        self._models = {m.name: m for m in models}
        self._drivers: dict[str, Driver] = {m.name: m.new(port, None, {}) for m in models}
        self._good = dict.fromkeys(self._drivers, 0)
        self._bad = dict.fromkeys(self._drivers, 0)
        self._news = asyncio.Event()

    def questions(self) -> bytes:
        """Return what all of them ask, each question once."""
        asks = dict.fromkeys(
            ask
            for m in self._models.values()
            if (line := speed(m)) is not None
            for ask in (line.ask, line.hello)
            if ask
        )
        return b"".join(asks)

    def chunk(self, chunk: Chunk) -> bytes:
        """Take bytes; return what is to be written back."""
        for name, driver in self._drivers.items():
            for one in driver.feed(chunk):
                if isinstance(one, Report | Telegram):
                    self._good[name] += 1
                    if (
                        isinstance(one, Report)
                        and one.label == "product_model"
                        and isinstance(one.value, str)
                    ):
                        self.said = one.value[:40]
                elif isinstance(one, Refusal):
                    self._bad[name] += 1
        self._news.set()
        return self.questions() if chunk.opened else b""

    async def within(self, seconds: float, serving: asyncio.Task[None]) -> None:
        """Wait until somebody understood something, or so long. Raises what the line raised."""
        end = asyncio.get_running_loop().time() + seconds
        while not self.understood() and (left := end - asyncio.get_running_loop().time()) > 0:
            await news(serving, self._news, left)

    def understood(self) -> list[str]:
        """Return the makes whose frames came whole, best first: most frames, then its own name."""
        good = [n for n, count in self._good.items() if count and count >= self._bad[n]]
        best = max((self._good[n] for n in good), default=0)
        said = self.said.lower().replace("-", "")
        kin = [n for n in good if self._good[n] == best]
        return sorted(
            kin,
            key=lambda n: (
                not said or said[:6] not in n.replace("-", ""),
                not self._models[n].general,
                n,
            ),
        )


def wrong(model: Model, settings: Mapping[str, str]) -> list[Problem]:
    """Return what is wrong with the settings a technician wants, field by field."""
    out = []
    for name, text in settings.items():
        try:
            wanted_of(model, {name: text})
        except BadSetting as bad:
            out.append(Problem("settings", "", name[:40], bad.say))
    return out


def why_not(alarms: Iterable[Alarm], device: Device) -> Say | None:
    """Return why a radar's line cannot be let go of now; None where it can."""
    fresh = {State.PRE_ALARM, State.RAISED}
    if any(a.device == device.id and a.state in fresh and not a.test for a in alarms):
        return Say("adjust.alarm_open")
    return None
