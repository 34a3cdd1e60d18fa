"""Two things fail at once, in each order and in each state of an alarm: kill -9, the disk, the broker, the clock.

One row of the table is one pair. The first fault begins, a button is pressed and written down, the second begins, the button is pressed again;
then both end, and everything that was written down is at the platform: the presses once each, the alarm as it stood.
"""

from __future__ import annotations

import itertools
import random
import time
from pathlib import Path
from typing import Any

from tests.kit.brokers import Mosquitto
from tests.kit.fake_bluez import Child
from tests.prove.alarmed import PATIENCE, STATES
from tests.prove.clock import BASE, DAY_S, SYNCHRONISED, WrongClock
from tests.prove.disk import SOONER, Guarded, NoSpace
from tests.prove.home import soon, together, until
from tests.prove.shims import shim
from tests.prove.table import Row

NAMES = {"kill": "kill -9", "disk": "disk full", "broker": "broker away", "clock": "clock steps a day"}
PAIRS = tuple(itertools.combinations(NAMES, 2))
SHORT = (("kill", "disk"), ("kill", "broker"), ("disk", "broker"))


class House:
    """One home with all the switches."""

    def __init__(self, folder: Path, n: int, bluez: Child) -> None:
        self.broker = Mosquitto()
        self.broker.start()
        self.home = Guarded(folder, n, self.broker, bluez, prefix=SOONER)
        self.clock = WrongClock(self.home)
        self.clock.turn(BASE, SYNCHRONISED)
        self.disk = NoSpace(self.home, random.Random(n))
        self.home.gateway.environment["LD_PRELOAD"] = f"{shim('wrong_clock')} {shim('bad_disk')}"

    async def begin(self, fault: str) -> None:
        match fault:
            case "kill":
                await self.home.kill()
                await self.home.start()
            case "disk":
                await self.disk.begin()
            case "broker":
                self.broker.kill()
            case "clock":
                self.clock.turn(BASE + DAY_S, SYNCHRONISED)

    async def end(self, fault: str) -> None:
        match fault:
            case "disk":
                await self.disk.end()
            case "broker":
                self.broker.start()
            case "clock":
                self.clock.turn(BASE, SYNCHRONISED)

    async def press(self) -> None:
        """Press until the gateway has written it down; whether it can tell anybody is another matter."""
        home = self.home
        before, limit = home.gateway.log().count(" SOS, "), time.monotonic() + PATIENCE
        address = home.address("button0")
        home.pressed.setdefault("button0", []).append(time.monotonic())
        data = home.gateway.press(address)
        while home.gateway.log().count(" SOS, ") <= before:
            home.healthy()
            assert time.monotonic() < limit, home.gateway.log()[-2000:]
            if not await soon(lambda: home.gateway.log().count(" SOS, ") > before, 0.5):
                home.gateway.air(address, data)

    def close(self) -> None:
        self.clock.close()
        self.disk.close()
        self.broker.__exit__()


async def suffers(house: House, first: str, second: str, state: str) -> float:
    """Return the seconds from the end of both faults until everything has arrived."""
    home = house.home
    alarm = await home.bring(state)
    await house.begin(first)
    await house.press()
    await house.begin(second)
    await house.press()
    ended = time.monotonic()
    for fault in {first, second} - {"disk"}:
        await house.end(fault)
    wanted = len(home.pressed["button0"])
    # What the failed disk has in its outbox comes when it is back; that somebody pressed, and how often, is known at once.
    await until(lambda: home.known("button0") >= wanted, PATIENCE, lambda: home.gateway.log()[-3000:])
    took = time.monotonic() - ended
    # the second press, an SOS, and a kill each end a fall's grace; nothing else has moved
    stands = "raised" if state == "pre_alarm" else state
    await until(lambda: home.state(alarm) == stands, PATIENCE, lambda: f"{state} has become {home.state(alarm)}")
    await home.finish_all()
    if "disk" in {first, second}:
        await house.end("disk")
        await home.fresh()
        await until(home.on_disk, PATIENCE, lambda: home.gateway.status()["degraded"])
    # What an outbox still has of these faults must not be taken for the next alarm.
    await until(lambda: not home.gateway.status()["waiting"], PATIENCE, lambda: f"{home.gateway.status()['waiting']} wait")
    return took


async def pair(one: str, other: str, n: int, short: bool, folder: Path, seed: int, bluez: Child) -> Row:
    dice = random.Random(seed + n)
    ways = [(a, b, state) for a, b in ((one, other), (other, one)) for state in STATES]
    if short:
        ways = dice.sample(ways, 2)
    house = House(folder, n, bluez)
    worst = 0.0
    try:
        async with house.home as home:
            for first, second, state in ways:
                worst = max(worst, await suffers(house, first, second, state))
            seen = await home.audit()
    finally:
        house.close()
    return Row(
        promises=(1, 2, 3, 5, 9),
        done=f"{NAMES[one]} x {NAMES[other]}",
        times=len(ways),
        lost=seen.lost,
        doubled=seen.doubled,
        repeats=seen.repeats,
        worst=worst,
        worst_of="end of both to all told",
    )


async def two_at_once(short: bool, folder: Path, seed: int) -> list[Row | str]:
    """Every pair of kill -9, disk full, broker away and a clock that steps, in each state of an alarm."""
    with Child() as bluez:
        cases: dict[str, Any] = {
            f"{one} x {other}": pair(one, other, 80 + n, short, folder / f"{one}-{other}", seed, bluez)
            for n, (one, other) in enumerate(SHORT if short else PAIRS)
        }
        return await together(cases)


PROOFS = [two_at_once]
