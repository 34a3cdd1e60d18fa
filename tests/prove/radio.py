"""What can become of radio and lines, and what strangers can send: silence is noticed, all is heard again, nothing forged raises anything.

Where minutes of silence are judged the gateway's own clock runs ten times as fast as life; the program is the same.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from gateway.words import kind

from tests.kit.brokers import Mosquitto
from tests.kit.fake_bluez import Child
from tests.kit.household import KEY, OTHER_KEY, Sealed
from tests.kit.line_emulators import RfBridge
from tests.kit.radar_emulator import Radar
from tests.kit.wait import PATIENCE
from tests.prove import pace
from tests.prove.home import PRESSES, STATES, Home, hurried, together, until
from tests.prove.table import Row

FASTER = 10
PATIENT = "grace_fall = 60\nreceipt = 60\nacknowledge_p1 = 300\ndispatch_p1 = 300\non_site_p1 = 7200\nheartbeat = 300\nradio_deaf = 120\n"
RADAR = '\n[[device]]\nid = "radar"\nmodel = "radar-5359"\nroom = "bath"\nport = "{port}"\nmissing_after = 60\n'
CANCEL = (
    '\n[[device]]\nid = "cancel"\nmodel = "shelly-blu-button"\nroom = "bath"\naddress = "C3:00:00:00:00:01"\nbuttons = { 1 = "cancel" }\n'
)
SECRETS = f'[keys]\ncancel = "{KEY}"\n'  # a fall has a grace where a button takes it back
LINE_SPEED = 11520  # bytes/s of 115200 baud


# -- the radio ------------------------------------------------------------------------------------------------------------


def crash(air: Child) -> None:
    air.do(crash=True)


def crashed(air: Child) -> None:
    air.do(start=True)


def bus_dies(air: Child) -> None:
    air.do(kill_bus=True)
    air.do(crash=True)


def bus_is_back(air: Child) -> None:
    air.do(start_bus=True)
    air.do(start=True)


LOSSES: dict[str, tuple[Callable[[Child], None], Callable[[Child], None]]] = {
    "bluetoothd restarted": (crash, crashed),
    "adapter unplugged": (lambda air: air.do(unplug=True), lambda air: air.do(plug=True)),
    "adapter switched off": (lambda air: air.do(power=False), lambda air: None),
    "bus killed": (bus_dies, bus_is_back),
}


async def in_state(home: Home, room: Radar, state: str) -> str:
    """Bring one new alarm to a state: a fall in its grace, or a call for help answered so far. Return its name."""
    if state == "pre_alarm":
        room.fall()
        return str(
            (await home.platform.wait(lambda m: m.get("kind") == kind.FALL and m["state"] == state and m["alarm"] in home.open()))["alarm"]
        )
    home.press()
    await home.all_arrived()
    return await home.bring_to(state)


async def all_closed(home: Home, room: Radar) -> None:
    """Let the desk end what is open, each with an outcome; a fall is over too."""
    room.fall(False)
    await until(lambda: "pre_alarm" not in home.open().values(), 10)
    for alarm in home.open():
        for do, more in (("arrive", {}), ("close", {"outcome": "helped"})):
            await home.platform.result(await home.platform.instruct(do, by="Wang", alarm=alarm, **more))
    assert not home.open(), home.open()


async def radio_lost(folder: Path, n: int, dice: random.Random, short: bool) -> Row:
    """bluetoothd, adapter and bus go and come back, with an alarm in each state."""
    wanted = list(zip(itertools.cycle(LOSSES), STATES, strict=False)) if short else list(itertools.product(LOSSES, STATES))
    slowest = 0.0
    with Mosquitto() as broker, Child() as air, Radar(_made(folder) / "usb-radar") as room:
        async with Home(folder, n, broker, air, devices=RADAR.format(port=room.port) + CANCEL, times=PATIENT, secrets=SECRETS) as home:
            await until(lambda: room.asked, 10)
            for loss, state in wanted:
                alarm = await in_state(home, room, state)
                goes, comes = LOSSES[loss]
                goes(air)
                await asyncio.sleep(dice.uniform(0.2, 0.6))
                comes(air)
                back = time.monotonic()
                await asyncio.to_thread(air.wait_for_scan, 20)
                slowest = max(slowest, time.monotonic() - back)
                assert home.state(alarm) == state, f"{loss}: {state} became {home.state(alarm)}"
                home.press()
                await home.all_arrived()
                await all_closed(home, room)
            assert len(home.gateway.systemd.said("READY=1")) == 1, "the gateway never ended"
            return home.row(
                promises=(1, 5, 9, 10),
                done="radio lost and back: daemon, adapter, power, bus",
                times=len(wanted),
                note=f"scans again {slowest:.1f} s after it can, at the latest; an alarm in each state",
            )


async def deaf(folder: Path, n: int, dice: random.Random, short: bool, *, empty: bool) -> Row:
    """The scan runs and nothing comes, or only adverts without data: a new scanner at 90 s, told at the 120 s that this home has set."""
    with Mosquitto() as broker, Child() as air:
        home = Home(folder, n, broker, air, times=PATIENT)
        hurried(home, FASTER)
        async with home:
            for times in range(1, 2 if short else 4):
                home.press()
                await home.all_arrived()
                alarm = await home.bring_to(STATES[times])
                began = time.monotonic()
                scanners = air.ask()["calls"]["StartDiscovery"]
                told = asyncio.create_task(home.platform.wait_heard(_fault(kind.RADIO_DEAF, "raised", times), 40))
                while not told.done():
                    if empty:
                        air.advertise(f"5A:00:00:00:00:{dice.randrange(16):02X}", rssi=dice.randrange(-90, -40))
                        air.advertise(home.address("pendant"), rssi=dice.randrange(-90, -40))
                    await asyncio.sleep(0.05)
                said = (told.result().at - began) * FASTER
                assert said > 110, f"said after {said:.0f} s"
                assert air.ask()["calls"]["StartDiscovery"] > scanners, "a new scanner was tried before"
                home.press()
                await home.all_arrived()
                await home.platform.wait_heard(_fault(kind.RADIO_DEAF, "cleared", times), 10)
                assert home.state(alarm) == STATES[times]
            return home.row(
                promises=(1, 10),
                done="radio deaf: " + ("adverts without data" if empty else "nothing comes, no error"),
                times=times,
                note=f"clock x{FASTER}; said after {said:.0f} s of 120",
            )


async def radio_silent(folder: Path, n: int, dice: random.Random, short: bool) -> Row:
    return await deaf(folder, n, dice, short, empty=False)


async def radio_empty(folder: Path, n: int, dice: random.Random, short: bool) -> Row:
    return await deaf(folder, n, dice, short, empty=True)


# -- serial lines ---------------------------------------------------------------------------------------------------------


class Wild(Radar):
    """A radar that can go mad: random bytes as fast as the line carries them, and no answer."""

    mad = False

    def _answer(self, data: bytes) -> None:
        if not self.mad:
            super()._answer(data)

    async def babble(self) -> None:
        self.mad, heartbeat, self.heartbeat = True, self.heartbeat, 0.0
        try:
            while True:
                self.send(os.urandom(LINE_SPEED // 50))
                await asyncio.sleep(0.02)
        finally:
            self.mad, self.heartbeat = False, heartbeat


async def unplugged(room: Wild, gone: asyncio.Event) -> None:
    room.unplug()
    await gone.wait()
    room.plug()


async def swapped(room: Wild, gone: asyncio.Event) -> None:
    """Another make answers under the same name."""
    room.unplug()
    with RfBridge(room.port) as other:
        while not gone.is_set():
            other.code("12f70a", times=3)
            await asyncio.sleep(0.1)
    room.plug()


async def babbling(room: Wild, gone: asyncio.Event) -> None:
    noise = asyncio.create_task(room.babble())
    await gone.wait()
    noise.cancel()
    await asyncio.gather(noise, return_exceptions=True)


async def silent(room: Wild, gone: asyncio.Event) -> None:
    room.silent = True
    await gone.wait()
    room.silent = False


TROUBLES = (unplugged, swapped, babbling, silent)


def line(trouble: Callable[[Wild, asyncio.Event], Awaitable[None]], states: tuple[str, ...]) -> Any:
    """Return the case of a line that has this trouble while an alarm is in each of these states."""

    async def case(folder: Path, n: int, dice: random.Random, short: bool) -> Row:
        with Mosquitto() as broker, Child() as air, Wild(_made(folder) / "usb-radar", heartbeat=1.0) as room:
            home = Home(folder, n, broker, air, devices=RADAR.format(port=room.port) + CANCEL, times=PATIENT, secrets=SECRETS)
            hurried(home, FASTER)
            slowest = 0.0
            async with home:
                await until(lambda: room.asked, 10)
                tried = states if short else STATES
                for times, state in enumerate(tried, 1):
                    alarm = await in_state(home, room, state)
                    gone = asyncio.Event()
                    began = time.monotonic()
                    going = asyncio.create_task(trouble(room, gone))
                    try:
                        heard = await home.platform.wait_heard(_fault(kind.MISSING, "raised", times, "radar"), 20)
                        slowest = max(slowest, (heard.at - began) * FASTER)
                        expected = "raised" if state == "pre_alarm" else state  # its grace has ended, without the radar too
                        assert home.state(alarm) == expected, f"{state} became {home.state(alarm)}"
                        home.press()
                        await home.all_arrived()
                    finally:
                        gone.set()
                        await going
                    await home.platform.wait_heard(_fault(kind.MISSING, "cleared", times, "radar"), 20)
                    await all_closed(home, room)
                    before = len(home.platform.heard)
                    room.fall()
                    await home.platform.wait(lambda m: m.get("kind") == kind.FALL and m["state"] == "pre_alarm", after=before)
                    room.fall(False)
                    await until(lambda: "pre_alarm" not in home.open().values(), 10)
                    await all_closed(home, room)
                assert len(home.gateway.systemd.said("READY=1")) == 1, "the gateway never ended"
                return home.row(
                    promises=(1, 5, 10),
                    done=f"serial line {trouble.__name__}",
                    times=len(tried),
                    note=f"clock x{FASTER}; missed after {slowest:.0f} s of 60; alarm {', '.join(tried)}",
                )

    case.__name__ = f"line_{trouble.__name__}"
    return case


def _fault(what: str, turn: str, times: int, device: str = "") -> Callable[[Any], bool]:
    """Return what says yes to the so-manieth different message about a fault."""
    seen: set[int] = set()

    def wanted(h: Any) -> bool:
        m = h.body
        if m.get("type") == "fault" and m["kind"] == what and m["turn"] == turn and device in {"", m["device"]}:
            seen.add(m["number"])
        return len(seen) >= times

    return wanted


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# -- strangers ------------------------------------------------------------------------------------------------------------


async def five_thousand_strangers(short: bool, folder: Path, seed: int) -> Row:
    """5,000 adverts a second from strangers while buttons are pressed."""
    rate, seconds = 5000, 3 if short else 60
    with Mosquitto() as broker, Child() as air:
        async with Home(folder, 1, broker, air, buttons=10) as home:
            home.press()
            await home.all_arrived()
            before = home.gateway.status()["radio"][0]["adverts"]
            air.do(flood_beside={"rate": rate, "seconds": seconds, "devices": 250})
            began = time.monotonic()
            dice = random.Random(seed)
            while time.monotonic() - began < seconds:
                home.press(f"button{dice.randrange(10)}")
                await asyncio.sleep(dice.uniform(0.05, 0.25))
            await home.all_arrived()
            told = await asyncio.to_thread(_all_told, air, rate * seconds)
            took = time.monotonic() - began
            await until(lambda: home.gateway.status()["radio"][0]["adverts"] - before >= rate * seconds, 10)
            waits = [b - a for name in home.pressed for a, b in zip(home.pressed[name], home.arrivals(name), strict=True)]
            pace.held(waits, 2.0, "a press beside strangers")
            return home.row(
                promises=(1, 4), done="strangers' adverts beside presses", note=f"{told / took:.0f} adverts/s for {took:.1f} s, all heard"
            )


def _all_told(air: Child, wanted: int) -> int:
    limit = time.monotonic() + PATIENCE
    while (told := int(air.ask()["told"])) < wanted:
        assert time.monotonic() < limit, f"{told} of {wanted} adverts were told"
        time.sleep(0.05)
    return told


async def forged(folder: Path, n: int, dice: random.Random, short: bool) -> Row:
    """Frames that nobody pressed, in floods, under the address of a button that encrypts; its own presses between them."""
    frames = 1500 if short else 30_000
    every = max(150, frames // 100)  # so many for one press: recordings of the last 128 calls are known
    with Mosquitto() as broker, Child() as air:
        at = f"A4:C1:38:{n:02X}:03:00"
        sealed = f'\n[[device]]\nid = "sealed"\nmodel = "shelly-blu-button"\nroom = "bedroom"\naddress = "{at}"\n'
        async with Home(folder, n, broker, air, devices=sealed, secrets=f'[keys]\nsealed = "{KEY}"\n') as home:
            button, thief = Sealed(at), Sealed(at, OTHER_KEY)
            recorded: list[str] = []

            def pressed() -> None:
                recorded.append(button.press())
                home.pressed.setdefault("sealed", []).append(time.monotonic())
                home.gateway.air(at, recorded[-1])

            pressed()
            await home.all_arrived()
            sent = dict.fromkeys(("replayed", "forged", "damaged", "downgraded", "other make", "strangers"), 0)
            for k in range(frames):
                what = dice.choice([*sent])
                sent[what] += 1
                advertise(air, what, at, dice, recorded, thief)
                if k % every == every - 1:
                    pressed()
                if k % 50 == 49:
                    await asyncio.sleep(0.05)
            await home.all_arrived()
            alarms = {m["number"] for m in home.platform.named("alarm") if m["move"] in PRESSES}
            assert len(alarms) == len(recorded), f"{len(alarms)} calls for help of {len(recorded)} presses"
            assert {m["device"] for m in home.platform.named("alarm")} == {"sealed"}
            await asyncio.to_thread(home.gateway.kill)
            await home.start()
            for data in recorded:
                home.gateway.air(at, data)
            pressed()
            await home.all_arrived()
            assert len({m["number"] for m in home.platform.named("alarm") if m["move"] in PRESSES}) == len(recorded)
            return home.row(
                promises=(1, 11),
                done="forged, replayed, downgraded, spoofed frames",
                times=frames,
                note=f"{len(recorded)} real presses among them, all heard; also after kill -9",
            )


def advertise(air: Child, what: str, at: str, dice: random.Random, recorded: list[str], thief: Sealed) -> None:
    """Send one frame of a kind that must raise nothing."""
    match what:
        case "replayed":
            air.advertise(at, service_data={"fcd2": dice.choice(recorded)})
        case "forged":
            thief.counter = dice.choice([thief.counter, dice.randrange(2**32 - 1)])
            air.advertise(at, service_data={"fcd2": thief.press()})
        case "damaged":
            data = bytearray.fromhex(dice.choice(recorded))
            data[dice.randrange(1, len(data))] ^= 1 << dice.randrange(8)
            air.advertise(at, service_data={"fcd2": bytes(data).hex()})
        case "downgraded":
            air.advertise(at, service_data={"fcd2": f"{dice.choice(('40', '44'))}00{dice.randrange(256):02x}01643a0{dice.randrange(1, 5)}"})
        case "other make":
            makers = {0x004C: "0215" + "11" * 16 + f"{dice.randrange(65536):04x}0001c5", 0x0BA9: f"0109{dice.randrange(65536):04x}"}
            services = {
                "fe95": f"5858{dice.randrange(65536):04x}01010005",
                "fd3d": f"4810{dice.randrange(65536):04x}",
                "181c": "0200013a01",
            }
            if dice.random() < 0.5:
                air.advertise(at, manufacturer_data=makers)
            else:
                air.advertise(at, service_data=dict([dice.choice([*services.items()])]))
        case _:
            stranger = f"A4:C1:38:9{dice.randrange(10)}:{dice.randrange(256):02X}:{dice.randrange(256):02X}"
            air.advertise(stranger, service_data={"fcd2": f"4400{dice.randrange(256):02x}01643a01"})


CASES = (
    radio_lost,
    radio_silent,
    radio_empty,
    forged,
    *(line(t, (s,)) for t, s in zip(TROUBLES, ("pre_alarm", "acknowledged", "dispatched", "on_site"), strict=True)),
)


async def lost_deaf_unplugged_babbling_forged(short: bool, folder: Path, seed: int) -> list[Row | str]:
    """Radio and lines fail in every way we know, with an alarm in each state, and somebody forges frames: a home each."""
    return await together({c.__name__: c(folder / str(n), n, random.Random(seed + n), short) for n, c in enumerate(CASES, 1)})


PROOFS = [lost_deaf_unplugged_babbling_forged, five_thousand_strangers]
