"""What a call for help costs until the home sounds and a modem has its SMS, with the platform dead; quiet and beside 1,000 readings/s.

The siren is a program that writes down when it was started. The SMS is the product's own program, at the stand-in for ModemManager. There is
no floor for this: it calls nobody. See docs/performance.md.
"""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

from tests.bench.rig import BUTTONS, LONGEST, Gateway, Loss
from tests.kit.at_modem import rung
from tests.kit.fake_modem import FakeModemManager
from tests.kit.ports import free_port

WAIT = 10  # s for which a receipt is waited for, the least that may be set
APART = 0.5  # s between two calls, for the siren
FURTHER = 4.0  # s between two calls, for the SMS: a telephone gets one after the other


class Called(Gateway):
    """A gateway whose platform is dead; with `channels` it has a siren, a person told by SMS, and one who is rung."""

    name = "gateway that calls"
    channels = True

    def __init__(self, air, broker, folder):
        super().__init__(air, SimpleNamespace(port=free_port()), folder)
        self.heard = self.folder / "siren"

    def command(self):
        siren = self.folder / "sound"
        siren.write_text(f'#!/bin/sh\nexec date "+$ELDERCARE_ALARM %s.%N" >> {self.heard}\n')
        siren.chmod(0o755)
        out = super().command()
        path = self.folder / "gateway.toml"
        text = path.read_text()
        ladder = text.index("[[ladder]]")
        if self.channels:
            bus = SimpleNamespace(address=self.air.bus)
            people = rung(self.folder, bus, "eldercare-sms", "gateway.sms.send")
            people += rung(self.folder, bus, "eldercare-ring", "gateway.ring.dial").replace("first", "second")
            text = text[:ladder].replace("voice = false", f'alarm = ["{siren}"]') + people
        path.write_text(f"{text}\n[times]\nreceipt = {WAIT}\n")
        return out

    def sounded(self):
        """Return when the siren was first started for each alarm, in the order of the alarms, by the monotonic clock."""
        behind, first = time.time() - time.monotonic(), {}
        for line in self.heard.read_text().splitlines() if self.heard.exists() else ():
            alarm, at = line.split()
            first.setdefault(int(alarm.rpartition("-a")[2]), float(at) - behind)
        return [first[number] for number in sorted(first)]


class Stamped(list):
    """What was sent, and when."""

    def __init__(self):
        super().__init__()
        self.times = []

    def append(self, sent):
        self.times.append(time.monotonic())
        super().append(sent)


async def reached(times, number, log):
    """Return the first `number` of `times()`, once there are so many."""
    limit = time.monotonic() + LONGEST + WAIT
    while len(found := times()) < number:
        if time.monotonic() > limit:
            raise Loss(f"{number} calls, {len(found)} reached somebody\n{log()}")
        await asyncio.sleep(0.02)
    return found[:number]


async def siren(bench, number):
    """Return the ms from each SOS to the start of the siren's program: quiet, and beside 1,000 readings/s."""
    program = bench.program(Called, bench.airs[1], "sounds")
    program.start()
    await program.air.scanned()
    waits = []
    for half in (BUTTONS[:number], BUTTONS[number : 2 * number]):
        sent = bench.presses(1 / APART, number, half)
        beside = bench.readings(1000, int(1000 * APART * number)) if waits else []
        merged = sorted([*sent, *beside])
        played = await program.air.play(merged)
        before = number * len(waits)
        heard = (await reached(program.sounded, before + number, program.log))[before:]
        pressed = [at for advert, at in zip(merged, played, strict=True) if advert[1] in half]
        waits.append([(b - a) * 1000 for a, b in zip(pressed, heard, strict=True)])
    program.stop()
    return waits


async def sms(bench, number):
    """Return the s from each SOS until the modem has its SMS: quiet, and beside 1,000 readings/s."""
    waits = []
    for name, loud in (("tells", False), ("tells-loud", True)):
        program = bench.program(Called, bench.airs[1], name)
        async with FakeModemManager(SimpleNamespace(address=program.air.bus)) as manager:
            modem = manager.plug()
            modem.sent = Stamped()
            program.start()
            await program.air.scanned()
            sent = bench.presses(1 / FURTHER, number, BUTTONS[:number])
            beside = bench.readings(1000, int(1000 * (FURTHER * number + WAIT))) if loud else []
            merged = sorted([*sent, *beside])
            playing = asyncio.create_task(program.air.play(merged))
            told = await reached(lambda modem=modem: modem.sent.times, number, program.log)
            played = await playing
            pressed = [at for advert, at in zip(merged, played, strict=True) if advert[1] in BUTTONS]
            waits.append([b - a for a, b in zip(pressed, told, strict=True)])
            program.stop()
    return waits


async def memory(bench):
    """Return the resident MiB of a gateway without and with channels, some seconds after its start."""
    figures = []
    for channels in (False, True):
        program = bench.program(Called, bench.airs[1], f"rss-{channels}")
        program.channels = channels
        async with FakeModemManager(SimpleNamespace(address=program.air.bus)) as manager:
            manager.plug()
            program.start()
            await program.air.scanned()
            await program.air.play(bench.presses(20, 4))
            await asyncio.sleep(WAIT / 2)
            figures.append(program.rss())
            program.stop()
    return figures
