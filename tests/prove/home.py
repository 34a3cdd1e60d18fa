"""A household whose every press is counted in and counted out: what most proofs are made of.

    async with Home(folder, 3, broker, bluez) as home:       # the real daemon is ready, hears, and the platform listens
        home.press()
        ...                                                  # something cruel
        await home.all_arrived()
        return home.row(promises=(1, 3), done="broker killed and started again")

`n` keeps homes apart that share an air: it stands in the addresses of their devices. Times are monotonic seconds of this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, Self

import aiomqtt

from tests.kit.brokers import ENTRIES, Platform
from tests.kit.fake_bluez import Child
from tests.kit.household import Gateway
from tests.kit.wait import PATIENCE
from tests.prove.table import Row

QUICK = "receipt = 10\nacknowledge_p1 = 20\nheartbeat = 20\n"  # the shortest that may be configured
SENSORS = 8
STATES = ("pre_alarm", "raised", "acknowledged", "dispatched", "on_site")
ANSWERS = (  # what leads an alarm that was raised to its end
    ("acknowledge", "acknowledged", {}),
    ("dispatch", "dispatched", {"responder": "Li", "seconds": 3600}),
    ("arrive", "on_site", {}),
    ("close", "closed", {"outcome": "helped"}),
)
PRESSES = ("raise", "count")  # the moves of an alarm that a press makes


class Recorder(Platform):
    """A platform that keeps the bytes of each message too, beside `heard`."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.raw: list[bytes] = []

    async def _take(self, message: aiomqtt.Message) -> None:
        self.raw.append(bytes(message.payload))
        await super()._take(message)


class Home:
    """One gateway with a pendant, some more buttons ("button0" ...) and sensors whose battery tells faults ("sensor0" ...)."""

    def __init__(
        self,
        folder: Path,
        n: int,
        broker: Any,
        bus: Child | None,
        *,
        via: Any = None,  # what the gateway dials, where that is not the broker itself
        buttons: int = 0,
        devices: str = "",
        desk: dict[str, Any] | None = None,  # how the platform signs in
        scans: bool = True,
        **gateway: Any,
    ) -> None:
        self.n, self.broker, self.bus = n, broker, bus
        self.pressed: dict[str, list[float]] = {}
        enrolled = [("pendant", "shelly-blu-button")] if bus is not None else []
        enrolled += [(f"button{k}", "shelly-blu-button") for k in range(buttons)]
        enrolled += [(f"sensor{k}", "bthome-v2") for k in range(SENSORS)] if bus is not None else []
        devices += "".join(
            f'\n[[device]]\nid = "{name}"\nmodel = "{model}"\nroom = "hall"\naddress = "{self.address(name)}"\n' for name, model in enrolled
        )
        self.name = f"gw-{n}"
        self.gateway = Gateway(folder, broker=via or broker, bus=bus, name=self.name, devices=devices, **{"times": QUICK, **gateway})
        self.platform = Recorder(broker, self.name, **(desk or {}))
        self._scans = scans and bus is not None
        self._low = False

    def address(self, device: str) -> str:
        """Return the address of a device by its name."""
        kind, number = device.rstrip("0123456789"), int(device.lstrip("abcdefghijklmnopqrstuvwxyz") or 0)
        return f"A4:C1:38:{self.n:02X}:{('pendant', 'button', 'sensor').index(kind):02X}:{number:02X}"

    # -- life

    async def __aenter__(self) -> Self:
        await self.platform.__aenter__()
        try:
            await self.start()
            await self.platform.wait(lambda m: m.get("type") == "status" and m["online"])
        except BaseException:
            await self.__aexit__(None)
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        await asyncio.to_thread(self.gateway.kill)
        self.gateway.systemd.close()
        await self.platform.__aexit__(kind, *rest)

    async def start(self) -> None:
        """Return when it is ready and hears."""
        await asyncio.to_thread(self.gateway.start)
        if self._scans:
            await self.hears()

    async def hears(self, seconds: float = 20.0) -> None:
        """Wait until the radio scans."""
        await until(lambda: any(radio["hearing"] or not radio["trouble"] for radio in self.gateway.status()["radio"]), seconds)

    # -- what happens in the home

    def press(self, device: str = "pendant") -> None:
        self.pressed.setdefault(device, []).append(time.monotonic())
        self.gateway.press(self.address(device))

    async def less_urgent(self, entries: int) -> None:
        """Let sensors tell of low and new batteries in turn, and wait until as many entries of P3 more are in the journal."""
        before = self._faults()
        for done in range(0, entries, SENSORS):
            self._low = not self._low  # of a measure only the latest waits: the other half may go out when this one is written down
            for k in range(min(SENSORS, entries - done)):
                at = self.address(f"sensor{k}")
                self.gateway.air(at, f"4000{self.gateway.packet(at):02x}01{10 if self._low else 90:02x}", 1)
            wanted = before + min(done + SENSORS, entries)
            await until(lambda wanted=wanted: self._faults() >= wanted, 10, lambda: f"{self._faults() - before} of {entries} faults")

    def _faults(self) -> int:
        return int(self.gateway.rows("SELECT count(*) FROM journal WHERE name = 'fault'")[0][0])

    # -- what the desk does

    async def bring_to(self, state: str, device: str = "pendant") -> str:
        """Lead the newest alarm of a device, which was raised, on to a state; return its name."""
        alarm: str = next(m["alarm"] for m in reversed(self.platform.messages) if m.get("type") == "alarm" and m["device"] == device)
        for do, reached, more in ANSWERS:
            now = self.state(alarm)
            if now == state:
                break
            if reached in STATES and STATES.index(reached) <= STATES.index(now):
                continue
            result = await self.platform.result(await self.platform.instruct(do, by="Wang", alarm=alarm, **more))
            assert (result["accepted"], result["state"]) == (True, reached), result
        return alarm

    def state(self, alarm: str) -> str:
        """Return an alarm's state as the journal has it."""
        return next(m["state"] for m in reversed(self.gateway.journal().values()) if m.get("alarm") == alarm and m["type"] == "alarm")

    def open(self) -> dict[str, str]:
        """Return the state of each alarm that is not over, by name."""
        newest = {m["alarm"]: m["state"] for m in self.gateway.journal().values() if m["type"] == "alarm"}
        return {alarm: state for alarm, state in newest.items() if state not in {"closed", "cancelled"}}

    # -- what came of it

    def arrivals(self, device: str) -> list[float]:
        """Return when each press of a device was first heard at the broker, in the order of the presses."""
        first: dict[tuple[int, str], float] = {}
        for h in self.platform.heard:
            if h.name == "alarm" and h.body["device"] == device and h.body["move"] in PRESSES:
                first.setdefault((h.body["number"], h.body["journal"]), h.at)
        return [first[entry] for entry in sorted(first)]

    async def all_arrived(self, seconds: float = 30.0) -> None:
        """Wait until every press is at the platform and the outbox is empty."""
        await until(lambda: all(len(self.arrivals(d)) >= len(at) for d, at in self.pressed.items()), seconds, self._missing)
        await until(lambda: not self.waiting(), seconds, lambda: f"{self.waiting()} wait in the outbox")

    def waiting(self) -> int:
        return int(self.gateway.rows("SELECT count(*) FROM outbox")[0][0])

    def journalled(self, device: str = "pendant") -> int:
        """Return how many presses of a device are in the journal."""
        found = [m for m in self.gateway.journal().values() if m["type"] == "alarm" and m["device"] == device and m["move"] in PRESSES]
        return len(found)

    def _missing(self) -> str:
        short = {d: (len(self.arrivals(d)), len(at)) for d, at in self.pressed.items() if len(self.arrivals(d)) < len(at)}
        return f"arrived of pressed: {short}; {self.gateway.log()[-1500:]}"

    def worst(self, since: float = 0.0) -> float:
        """Return the longest time from a press to the broker, or from `since` where the press was before it. s."""
        pairs = [(a, b) for d, at in self.pressed.items() for a, b in zip(at, self.arrivals(d), strict=False)]
        return max((heard - max(pressed, since) for pressed, heard in pairs), default=0.0)

    def row(self, *, promises: tuple[int, ...], done: str, since: float = 0.0, worst_of: str = "press to broker", **more: Any) -> Row:
        """Hold the journal, the presses and what the platform has against each other."""
        journal = {number: bytes(body) for number, body in self.gateway.rows("SELECT number, body FROM journal ORDER BY number")}
        assert list(journal) == list(range(1, len(journal) + 1)), "numbers without gaps"
        heard: dict[int, bytes] = {}
        lost = doubled = messages = 0
        (name,) = self.gateway.rows("SELECT value FROM marks WHERE name = 'journal'")[0]
        for h, raw in zip(self.platform.heard, self.platform.raw, strict=True):
            if h.name in ENTRIES and h.body["journal"] == name:
                messages += 1
                doubled += heard.setdefault(h.body["number"], raw) != raw
        lost += len(journal.keys() - heard.keys())
        doubled += sum(journal.get(number) != raw for number, raw in heard.items())
        for device, at in self.pressed.items():
            surplus = len(self.arrivals(device)) - len(at)
            lost, doubled = lost + max(0, -surplus), doubled + max(0, surplus)
        return Row(
            promises=promises,
            done=done,
            lost=lost,
            doubled=doubled,
            repeats=messages - len(heard),
            worst=self.worst(since),
            worst_of=worst_of,
            **{"times": sum(map(len, self.pressed.values())), **more},
        )


async def soon(condition: Any, seconds: float) -> bool:
    """Look for something for a while, before it is tried again; say whether it came."""
    limit = time.monotonic() + seconds
    while not condition() and time.monotonic() < limit:
        await asyncio.sleep(0.03)
    return bool(condition())


async def until(condition: Any, seconds: float, say: Any = None) -> None:
    """Wait for something that is true sooner or later; what cannot be looked at yet is not true."""
    limit = time.monotonic() + max(seconds, PATIENCE)  # less would say how busy the machine is
    while True:
        with contextlib.suppress(OSError):
            if condition():
                return
        if time.monotonic() > limit:
            raise AssertionError(f"not within {seconds:g} s: {say() if say else ''}")
        await asyncio.sleep(0.03)


def hurried(home: Home, times: int) -> None:
    """Let the gateway's clocks run so many times as fast as life, the monotonic one too: the same program, nothing in it is changed."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert found, "there is no libfaketime here: apt-get install faketime"
    home.gateway.environment |= {"LD_PRELOAD": str(found[0]), "FAKETIME": f"+0 x{times}"}


async def together(cases: Mapping[str, Awaitable[Row]]) -> list[Row | str]:
    """Return what each case shows, or why it does not hold; the others are shown all the same."""
    found = await asyncio.gather(*cases.values(), return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException):
            traceback.print_exception(one)
    return [
        one if isinstance(one, Row) else f"{name}: {type(one).__name__} {str(one)[:150]}" for name, one in zip(cases, found, strict=True)
    ]
