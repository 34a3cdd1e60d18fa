"""kill -9 of the running gateway, 200 times at random moments, also while it starts: nothing is lost, doubled, forgotten or misnumbered.

Two homes run at once, each the real daemon on the stand-in for BlueZ, a radar on a pty and a real Mosquitto; each is killed 100 times.
A radio has no acknowledgement, so what counts as heard is this: a button repeats its press (the same packet number) as long as we
let it, and we let it until the platform has it. Every such press must be in the journal exactly once, whatever was killed between:
never lost, since the packet is remembered only together with its entry; never twice, since it is remembered. After each kill the
files are copied as the kill left them, and every entry in them must be, to the byte, in the journal of the end, and at the platform.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import sqlite3
import time
from pathlib import Path

from brokers import Mosquitto, Platform
from fake_bluez import Child
from household import DEVICES, PENDANT, SEALED, Gateway, Sealed, radar
from radar_emulator import Radar

from gateway import kind

KILLS = 100  # of each home
LONGEST = 0.4  # s of the stream until a kill


class Life:
    """One home through all its kills. Runs in a thread; the platform listens in the event loop."""

    def __init__(self, folder: Path, name: str, broker: Mosquitto, platform: Platform, loop: asyncio.AbstractEventLoop, seed: int) -> None:
        self.dice = random.Random(seed)
        self.folder, self.name, self.broker, self.platform, self.loop = folder, name, broker, platform, loop
        self.presses = self.sealed_presses = self.orders = 0
        self.seen: dict[int, bytes] = {}  # every entry that any kill left on disk
        self.at_kill: list[int] = []  # the newest entry at each kill
        self.killed_early = self.pre_alarms_met = 0

    def heard(self, device: str, count: int) -> bool:
        """Say whether the platform has heard of so many presses of a device."""
        done = {m["number"] for m in self.platform.messages if m.get("device") == device and m.get("move") in {"raise", "count"}}
        return len(done) >= count

    def instruct(self, do: str, **more: object) -> None:
        self.orders += 1
        asyncio.run_coroutine_threadsafe(self.platform.instruct(do, id=f"{self.name}-{self.orders}", **more), self.loop).result(10)

    def run(self) -> None:
        with Child() as bluez, Radar(self.folder / "usb-radar") as room:
            gateway = Gateway(self.folder, broker=self.broker, bus=bluez, name=self.name, devices=DEVICES + radar(room.port))
            try:
                self.sealed = Sealed(SEALED)
                self.data = {PENDANT: "", SEALED: ""}
                for _ in range(KILLS):
                    self.one_life(gateway, room)
                self.last_life(gateway)
            finally:
                gateway.kill()
                gateway.systemd.close()

    def one_life(self, gateway: Gateway, room: Radar) -> None:
        early = self.dice.random() < 0.25
        gateway.start(wait=not early)
        if early:
            self.killed_early += 1
            time.sleep(self.dice.uniform(0, 0.5))
        else:
            until = time.monotonic() + self.dice.uniform(0, LONGEST)
            falls = self.dice.random() < 0.4  # without presses: an SOS would confirm the fall at once
            if falls:
                self.close_falls()
            while time.monotonic() < until:
                if not falls:
                    self.press(gateway)
                elif self.dice.random() < 0.2:
                    room.fall(not room.state[0x83, 0x01])
                if self.dice.random() < 0.06:
                    self.answer()
                time.sleep(0.01)
        gateway.kill()
        self.keep(gateway)

    def press(self, gateway: Gateway) -> None:
        """Keep each button's press in the air until the platform has it, then press again."""
        if not self.data[PENDANT] or self.heard("pendant", self.presses):
            self.presses += 1
            self.data[PENDANT] = f"4400{gateway.packet(PENDANT):02x}01643a01"
        if not self.data[SEALED] or self.heard("sealed", self.sealed_presses):
            self.sealed_presses += 1
            self.data[SEALED] = self.sealed.press()
        for address, data in self.data.items():
            gateway.air(address, data, 1)

    def answer(self) -> None:
        """Let the desk do something with an alarm it knows; often it is refused, which is an answer too."""
        alarms = {m["alarm"]: m for m in self.platform.messages if m.get("type") == "alarm"}
        if not alarms:
            return
        alarm = self.dice.choice(list(alarms.values())[-4:])
        do, more = self.dice.choice(
            [("acknowledge", {}), ("dispatch", {"responder": "Li"}), ("arrive", {}), ("close", {"outcome": "helped"}), ("silence", {})]
        )
        self.instruct(do, alarm=alarm["alarm"], **more)

    def close_falls(self) -> None:
        """Let the desk end what is known of falls, so that the next one is a new alarm with its own grace."""
        for m in {m["alarm"]: m for m in self.platform.messages if m.get("kind") == kind.FALL}.values():
            if m["state"] in {"raised", "acknowledged", "on_site"}:
                self.instruct("close", alarm=m["alarm"], outcome="helped")
            elif m["state"] == "dispatched":
                self.instruct("arrive", alarm=m["alarm"])

    def keep(self, gateway: Gateway) -> None:
        """Read what the kill left, from a copy: reading it in place would mend it."""
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(gateway.state / f"gateway.db{suffix}", copy)
        if not (copy / "gateway.db").exists():
            return
        with contextlib.closing(sqlite3.connect(copy / "gateway.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            tables = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'journal'").fetchone()[0]
            rows = db.execute("SELECT number, body FROM journal ORDER BY number").fetchall() if tables else []
        assert [n for n, _ in rows] == list(range(1, len(rows) + 1)), "numbers without gaps"
        found = dict(rows)
        for number, body in self.seen.items():
            assert found[number] == body, "what was written stays, to the byte"
        self.seen = found
        self.at_kill.append(len(found))

    def last_life(self, gateway: Gateway) -> None:
        """After the last kill: let the last presses arrive and everything be receipted, then stop in order."""
        gateway.start()
        limit = time.monotonic() + 30
        while not (self.heard("pendant", self.presses) and self.heard("sealed", self.sealed_presses)):
            for address, data in self.data.items():
                gateway.air(address, data, 1)
            assert time.monotonic() < limit, gateway.log()[-2000:]
            time.sleep(0.02)
        while gateway.rows("SELECT count(*) FROM outbox")[0][0]:
            assert time.monotonic() < limit, gateway.rows("SELECT * FROM outbox")
            time.sleep(0.1)
        gateway.stop()
        self.log = gateway.log()
        self.final = dict(gateway.rows("SELECT number, body FROM journal ORDER BY number"))


def check(life: Life) -> None:
    """What must hold after all kills, whatever happened between."""
    final = {number: json.loads(body) for number, body in life.final.items()}
    assert list(final) == list(range(1, len(final) + 1)), "numbers without gaps"
    for number, body in life.seen.items():
        assert life.final[number] == body
    # count in = count out, and the same id is always the same message
    out: dict[str, dict] = {}
    for m in life.platform.messages:
        if "number" in m:
            assert out.setdefault(m["id"], m) == m
    assert out == {m["id"]: m for m in final.values()}
    # every press once
    for device, pressed in (("pendant", life.presses), ("sealed", life.sealed_presses)):
        heard = [m for m in final.values() if m["type"] == "alarm" and m["device"] == device and m["move"] in {"raise", "count"}]
        assert len(heard) == pressed, (device, len(heard), pressed)
    assert not [m for m in final.values() if m.get("kind") in {kind.REPLAYED, kind.STORAGE_DEGRADED, kind.BAD_MESSAGE}]
    # every instruction at most once; those that were lost on the way are the platform's to send again
    done = [m["instruction"] for m in final.values() if m["type"] == "result"]
    assert len(done) == len(set(done))
    # every alarm goes on as it was; a pre-alarm that met a kill was raised by the next start
    state: dict[int, str] = {}
    waiting: set[int] = set()
    life.pre_alarms_met = 0
    for m in final.values():
        if m["type"] == "fault" and m["kind"] == kind.RESTARTED:
            waiting = {number for number, s in state.items() if s == "pre_alarm"}
        if m["type"] != "alarm":
            continue
        number = m["alarm_number"]
        assert m["before"] == state.get(number), (m["number"], m["before"], state.get(number))
        if number in waiting:
            waiting.remove(number)
            life.pre_alarms_met += 1
            assert (m["move"], m["state"], m["reason"]) == ("expire", "raised", "restart")
        assert m["alarm"].endswith(f"-a{number}")
        state[number] = m["state"]
    assert sorted(state) == list(range(1, len(state) + 1))
    starts = sum(m["type"] == "fault" and m["kind"] == kind.RESTARTED for m in final.values())
    assert KILLS - life.killed_early < starts <= KILLS + 1
    assert "Traceback" not in life.log


async def test_200_kills_at_random_moments_lose_nothing_double_nothing_and_forget_no_alarm(tmp_path):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    loop = asyncio.get_running_loop()
    with Mosquitto() as broker:
        async with Platform(broker, "gw-k1") as one, Platform(broker, "gw-k2") as two:
            lives = [
                Life(tmp_path / "1", "gw-k1", broker, one, loop, seed),
                Life(tmp_path / "2", "gw-k2", broker, two, loop, seed + 1),
            ]
            for life in lives:
                life.folder.mkdir()
            await asyncio.gather(*(asyncio.to_thread(life.run) for life in lives))
            await asyncio.sleep(0.5)
            for life in lives:
                check(life)
                print(
                    f"{life.name}: {KILLS} kills, {life.killed_early} while starting; {len(life.final)} entries, "
                    f"{life.presses}+{life.sealed_presses} presses, {life.pre_alarms_met} falls in their grace, "
                    f"{life.orders} instructions, {len(life.platform.heard)} messages"
                )
                assert life.presses > KILLS / 2
                assert len(set(life.at_kill)) > KILLS / 4, "the kills came at different places"
            assert sum(life.pre_alarms_met for life in lives) >= 3, "some kills came within the grace of a fall"
