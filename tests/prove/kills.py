"""kill -9 of the gateway, of the technician's page and of both, at random moments, also while they start and in each state of an alarm.

Two homes run at once, each the real daemon on the stand-in for BlueZ, a radar on a pty and a real Mosquitto, one of them with the page and
a technician who changes the household all the time. A radio has no acknowledgement, so what counts as heard is this: a button repeats
its press (the same packet number) as long as we let it, and we let it until the platform has it. Every such press must be in the
journal exactly once, whatever was killed between: never lost, since the packet is remembered only together with its entry; never twice,
since it is remembered. After each kill the files are copied as the kill left them, and every entry in them must be, to the byte, in the
journal of the end, and at the platform. What the page called saved must be in force, once.

How much happens between two kills depends on the machine; what must hold does not, and no limit here is shorter than minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
from gateway.page import label
from gateway.words import kind

from tests.kit.brokers import Mosquitto, Platform, mortal
from tests.kit.fake_bluez import Child
from tests.kit.household import DEVICES, KEY, PENDANT, REPO, SEALED, Gateway, Sealed, radar
from tests.kit.ports import free_port
from tests.kit.radar_emulator import Radar
from tests.prove.alarmed import STATES, Alarmed
from tests.prove.table import Row

SHORT_KILLS, SHORT_SECONDS = 60, 40.0  # of each home; how long a short run goes on killing
DEEP_KILLS, DEEP_ROUNDS = 480, 20
LONGEST = 0.4  # s of the stream until a kill
PATIENCE = 180.0  # s for what must come sooner or later, on the busiest machine
EARLY = 0.25  # share of lives that are killed while the gateway starts
WORD = "mountain tea at seven"
SECRETS = f'[keys]\nsealed = "{KEY}"\ncancel = "{KEY}"\n'  # a fall has a grace where a button takes it back


class Page:
    """The page's process, started again after each kill without waiting for it."""

    def __init__(self, gateway: Gateway, port: int) -> None:
        self.gateway, self.address = gateway, f"http://127.0.0.1:{port}"
        self.kills = 0
        self.start()

    def start(self) -> None:
        command = mortal([sys.executable, "-m", "gateway", "page", "--config", str(self.gateway.config)])
        with self.gateway.log_file.with_name("page-log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=REPO, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self) -> None:
        self.kills += 1
        self.end()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


class Technician:
    """Somebody at the page who saves another number of the household again and again, whatever answers or does not.

    `saved`: numbers that the page called saved. A number is tried once only; one without an answer may be in force or not.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.saved: list[int] = []
        self.tried = self.unanswered = self.refused = 0
        self.trouble: BaseException | None = None
        self._over = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over = True
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self.trouble is not None:
            raise self.trouble

    def _work(self) -> None:
        try:
            with httpx.Client(base_url=self.page.address, timeout=30) as browser:
                while not self._over:
                    try:
                        self._change(browser)
                    except httpx.TransportError:  # nobody there just now
                        time.sleep(0.05)
        except BaseException as error:  # noqa: BLE001  told at the end
            self.trouble = error

    def _form(self, browser: httpx.Client) -> dict[str, str]:
        """Return the hidden fields of the form, after coming in where that is wanted."""
        answer = browser.get("/home", follow_redirects=True)
        key = {"key": re.findall(r'name="key" value="([0-9a-f]+)"', answer.text)[0]}
        if answer.url.path == "/first":
            typed = {"code": label.shown(self.page.gateway.page), "name": "T-07", "password": WORD, "again": WORD}
            browser.post("/first", data=key | typed)
        elif answer.url.path == "/sign-in":
            browser.post("/sign-in", data=key | {"name": "T-07", "password": WORD})
        else:
            form = answer.text.partition('action="/home/household"')[2].partition("</form>")[0]
            return dict(re.findall(r'name="(key|once|revision)" value="(\w+)"', form))
        return {}

    def _change(self, browser: httpx.Client) -> None:
        form = self._form(browser)
        if not form:
            return
        self.tried += 1
        try:
            answer = browser.post("/home/household", data=form | {"number": f"H-{self.tried}"})
        except httpx.TransportError:
            self.unanswered += 1
            raise
        if answer.status_code == 303:
            self.saved.append(self.tried)
        else:
            self.refused += 1
            assert answer.status_code in {409, 422}, answer.text


SHORT_KILLS, SHORT_SECONDS = 60, 40.0  # of each home; how long a short run goes on killing
DEEP_KILLS, DEEP_ROUNDS = 480, 20
LONGEST = 0.4  # s of the stream until a kill


class Life:
    """One home through all its kills. Runs in a thread; the platform listens in the event loop."""

    def __init__(
        self, folder: Path, name: str, broker: Mosquitto, platform: Platform, loop: asyncio.AbstractEventLoop, seed: int, *, page: bool
    ) -> None:
        self.dice = random.Random(seed)
        self.folder, self.name, self.broker, self.platform, self.loop = folder, name, broker, platform, loop
        self.presses = self.sealed_presses = self.orders = 0
        self.seen: dict[int, bytes] = {}  # every entry that any kill left on disk
        self.kills = self.killed_early = self.pre_alarms_met = 0
        self.worst = 0.0  # s from a start to READY
        self.page: Page | None = None
        self.technician: Technician | None = None
        self._with_page = page

    def heard(self, device: str, count: int) -> bool:
        """Say whether the platform has heard of so many presses of a device."""
        done = {m["number"] for m in self.platform.messages if m.get("device") == device and m.get("move") in {"raise", "count"}}
        return len(done) >= count

    def instruct(self, do: str, **more: object) -> None:
        self.orders += 1
        asyncio.run_coroutine_threadsafe(self.platform.instruct(do, id=f"{self.name}-{self.orders}", **more), self.loop).result(PATIENCE)

    def run(self, kills: int, until: float) -> None:
        """Kill it so often, or until a second of the monotonic clock has come."""
        port = free_port()
        page = f'[page]\naddress = "127.0.0.1"\nport = {free_port()}\nhttp_port = {port}\n' if self._with_page else ""
        with Child() as bluez, Radar(self.folder / "usb-radar") as room:
            devices = DEVICES + radar(room.port)
            gateway = Gateway(self.folder, broker=self.broker, bus=bluez, name=self.name, devices=devices, lines=page, secrets=SECRETS)
            try:
                self.sealed = Sealed(SEALED)
                self.data = {PENDANT: "", SEALED: ""}
                if self._with_page:
                    self.page = Page(gateway, port)
                    self.technician = Technician(self.page)
                while self.kills < kills and time.monotonic() < until:
                    self.one_life(gateway, room)
                self.last_life(gateway)
            finally:
                gateway.kill()
                gateway.systemd.close()
                if self.page is not None:
                    self.page.end()

    def one_life(self, gateway: Gateway, room: Radar) -> None:
        early = self.dice.random() < EARLY
        began = time.monotonic()
        gateway.start(wait=not early)
        if early:
            self.killed_early += 1
            time.sleep(self.dice.uniform(0, 0.5))
        else:
            self.worst = max(self.worst, time.monotonic() - began)
            self.stream(gateway, room)
        victims = self.dice.choice(("gateway", "gateway", "gateway", "page", "both")) if self.page is not None else "gateway"
        if self.page is not None and victims != "gateway":
            self.page.kill()
            if victims == "page":  # the gateway has not noticed, and goes the same way a little later
                self.page.start()
                self.stream(gateway, room)
        gateway.kill()
        self.kills += 1
        self.keep(gateway)
        if self.page is not None and victims == "both":
            self.page.start()

    def stream(self, gateway: Gateway, room: Radar) -> None:
        """Let presses or falls, and the desk's answers, come for a moment."""
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

    def last_life(self, gateway: Gateway) -> None:
        """After the last kill: let the last presses arrive and everything be receipted, then stop in order."""
        if self.page is not None:
            self.page.kill()
            self.page.start()
        gateway.start()
        limit = time.monotonic() + PATIENCE
        while not (self.heard("pendant", self.presses) and self.heard("sealed", self.sealed_presses)):
            for address, data in self.data.items():
                gateway.air(address, data, 1)
            assert time.monotonic() < limit, gateway.log()[-2000:]
            time.sleep(0.02)
        if self.technician is not None:
            while len(self.technician.saved) < 2:
                assert time.monotonic() < limit, (
                    f"nothing can be saved any more: {gateway.log_file.with_name('page-log').read_text()[-2000:]}"
                )
                time.sleep(0.05)
            self.technician.close()
        while True:
            while gateway.rows("SELECT count(*) FROM outbox")[0][0]:
                assert time.monotonic() < limit, gateway.rows("SELECT * FROM outbox")
                time.sleep(0.1)
            gateway.stop()
            # On a busy machine the radar's answer comes as late as the stop: what it said then is journalled, and told by the next start.
            if not gateway.rows("SELECT count(*) FROM outbox")[0][0]:
                break
            gateway.start()
        self.log = gateway.log()
        self.final = dict(gateway.rows("SELECT number, body FROM journal ORDER BY number"))
        if self.page is not None:
            kept = json.loads((gateway.state / "household.json").read_text())["body"]
            self.number = {"revision": kept["revision"], "number": kept["household"]["number"]}


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
    if life.technician is not None:
        changes = [m for m in final.values() if m.get("kind") == kind.CONFIG_CHANGED]
        accepted = [m for m in final.values() if m["type"] == "result" and m["do"] == "configure" and m["accepted"]]
        assert len(changes) == len(accepted) == life.number["revision"], "each change is told once, and answered once"
        assert (
            len(life.technician.saved) <= len(accepted) <= len(life.technician.saved) + life.technician.unanswered + life.technician.refused
        )
        assert int(life.number["number"].removeprefix("H-")) >= life.technician.saved[-1], "what was saved is in force"
    starts = sum(m["type"] == "fault" and m["kind"] == kind.RESTARTED for m in final.values())
    assert life.kills - life.killed_early < starts <= life.kills + 1
    assert "Traceback" not in life.log


async def killed_at_random(short: bool, folder: Path, seed: int) -> Row:
    """kill -9 at random moments in a stream: gateway, page, both, starting."""
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    with Mosquitto() as broker:
        async with Platform(broker, "gw-k1") as one, Platform(broker, "gw-k2") as two:
            lives = [
                Life(folder / "1", "gw-k1", broker, one, loop, seed, page=False),
                Life(folder / "2", "gw-k2", broker, two, loop, seed + 1, page=True),
            ]
            for life in lives:
                life.folder.mkdir()
            until = began + SHORT_SECONDS if short else float("inf")
            await asyncio.gather(*(asyncio.to_thread(life.run, SHORT_KILLS if short else DEEP_KILLS, until) for life in lives))
            await asyncio.sleep(0.5)
            for life in lives:
                check(life)
                print(
                    f"{life.name}: {life.kills} kills, {life.killed_early} while starting, {life.page.kills if life.page else 0} of the page; "
                    f"{len(life.final)} entries, {life.presses}+{life.sealed_presses} presses, {life.pre_alarms_met} falls in their grace, "
                    f"{life.orders} instructions, {len(life.technician.saved) if life.technician else 0} changes saved"
                )
    messages = [(m["id"], m["journal"]) for life in lives for m in life.platform.messages if "number" in m]
    page = lives[1].page
    return Row(
        promises=(1, 2, 3, 5, 9),
        done=f"kill -9 in a stream: gateway, {page.kills if page else 0} x page too",
        times=sum(life.kills for life in lives) + (page.kills if page else 0),
        repeats=len(messages) - len(set(messages)),
        worst=max(life.worst for life in lives),
        worst_of="start to READY",
    )


async def killed_in_each_state(short: bool, folder: Path, seed: int) -> Row:
    """kill -9 in each state of an alarm, and while the instruction that leads there is carried out."""
    dice = random.Random(seed)
    times, worst = 0, 0.0
    with Mosquitto() as broker, Child() as bluez:
        async with Alarmed(folder, 3, broker, bluez) as home:
            for way in range(2 if short else DEEP_ROUNDS):
                for state in STATES:
                    if short and way and state == "pre_alarm":
                        continue
                    times += 1
                    alarm = await home.bring(state)
                    if way:  # at first in the state, later also on the way to the next
                        await home.next_move(alarm, state)
                        await asyncio.sleep(dice.uniform(0, 0.03))
                    began = time.monotonic()
                    await asyncio.to_thread(home.gateway.kill)
                    left = home.kept(alarm)
                    assert way or left == state
                    await home.start()
                    worst = max(worst, time.monotonic() - began)
                    (now,) = [a["state"] for a in home.gateway.status()["alarms"] if a["alarm"] == alarm] or [home.kept(alarm)]
                    assert now == {"pre_alarm": "raised"}.get(left, left) or way, (state, left, now)
                    await home.finish(alarm)
            seen = await home.audit()
    return Row(
        promises=(1, 5, 9),
        done="kill -9 in each state, and on the way to the next",
        times=times,
        lost=seen.lost,
        doubled=seen.doubled,
        repeats=seen.repeats,
        worst=worst,
        worst_of="kill to hearing again",
    )


PROOFS = [killed_at_random, killed_in_each_state]
