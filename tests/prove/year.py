"""A year in a home, through the real daemon in simulated time (tests/kit/simulated.py): what is due is done when it is due, and nothing grows.

People live in it by a die: doors, movement, bed, warmth, presses, falls, some cancelled, batteries that run low, a sensor that falls silent,
nights with a door left open, power cuts with a clock that stands still, outages of the network and of the mains, summer time. A desk
receipts (and loses some receipts), answers, sends somebody and closes. `make year` runs the year, `--short` about a month of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import shutil
import sqlite3
import tempfile
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from drivers import all_models
from gateway.home import trial
from gateway.home.config import load
from gateway.page.known import Known
from gateway.tend.waits import WAITS
from gateway.words import kind

from tests.kit.radar_emulator import FALL, HEARTBEAT, PRESENCE, frame
from tests.kit.simulated import KEY, Lapse
from tests.prove.table import Row

BEGINS = datetime(2026, 12, 1, 5, 0, tzinfo=UTC)
DAY, HOUR = 86400.0, 3600.0
PENDANT, BATH, CANCEL, DOOR, HALL, BED, CLIMATE = (f"A4:C1:38:00:00:{n:02X}" for n in range(1, 8))
PORT = "/dev/serial/by-id/usb-radar"
# A zone with summer time; retentions short enough to be carried out within what is run.
CONFIG = """
[consent]
activity = true
climate = true
vital_signs = true
[sound]
voice = false
[gateway]
id = "gw-year"
state = "state"
runtime = "run"
timezone = "Europe/Berlin"
mains = "{folder}/mains"
history_days = {history}
journal_days = {journal}
[platform]
host = "127.0.0.1"
port = 1
tls = true
certificate = "client.pem"
certificate_key = "client.key"
[radio]
adapters = []
[times]
test_due = 1209600
[[ladder]]
responder = "neighbour"
"""
DEVICES = (
    ("pendant", "shelly-blu-button", PENDANT, "missing_after = 14400"),
    ("bath", "shelly-blu-button", BATH, "missing_after = 14400"),
    ("cancel", "shelly-blu-button", CANCEL, 'missing_after = 14400\nbuttons = { 1 = "cancel" }'),
    ("door", "bthome-v2", DOOR, "left_open = true"),
    ("hall", "bthome-v2", HALL, ""),
    ("bed", "bthome-v2", BED, "bed = true"),
    ("climate", "bthome-v2", CLIMATE, "missing_after = 14400"),
)
STEP = 60.0  # s between two looks of the daemon in simulated time
TEST_DUE, TRIED_AFTER = 14 * DAY, 3 * DAY  # the bath's button is tried so long after that was asked for
LOW_AT, LOW_FOR = 2 * DAY, 23 * DAY  # in each half of a run of two months the hall's battery is low for so long
SILENT_AT, SILENT_FOR = 9 * DAY, 2.2 * DAY
ENDS = 45 * DAY  # what the certificates have left at the beginning
RENEWED = 25 * DAY  # when the broker's and ours are renewed


def devices() -> str:
    """Return the home's sensors as they stand in gateway.toml."""
    out = "".join(f'[[device]]\nid = "{i}"\nmodel = "{m}"\nroom = "{i}"\naddress = "{a}"\n{more}\n' for i, m, a, more in DEVICES)
    return out + f'[[device]]\nid = "radar"\nmodel = "radar-5359"\nroom = "bedroom"\nport = "{PORT}"\n'


def secrets(folder: Path) -> None:
    """Write the keys of the home's sensors."""
    path = folder / "secrets.toml"
    path.write_text(f'[keys]\ncancel = "{KEY}"\n')
    path.chmod(0o600)


class Life:
    """What happens in the home. `days` is how long it is watched."""

    def __init__(self, lapse: Lapse, days: int, seed: int, folder: Path) -> None:
        self.lapse, self.days, self.dice, self.folder = lapse, days, random.Random(seed), folder
        self.cycle = 60 * DAY
        self.off: list[tuple[float, float]] = []  # times without power
        self.dark: list[tuple[float, float]] = []  # times without network
        self.mains_off: list[tuple[float, float]] = []
        self.presses = self.falls = self.cancelled = self.calls = 0
        self.silent = self.low = False
        self.months: list[dict[str, float]] = []
        self.worst_query = 0.0
        lapse.desk.answers = self.answer
        lapse.desk.forgets = lambda: self.dice.random() < 0.01

    # -- the desk

    def answer(self, body: dict[str, Any]) -> list[tuple[float, dict[str, Any]]]:
        """Take an alarm as a desk does: somebody answers, is sent, is there, writes down how it ended."""
        if body["move"] not in {"raise", "expire", "confirm"} or (body["test"] and not body["device"]):
            return []
        alarm, outcome = body["alarm"], "test" if body["test"] else self.dice.choice(["helped", "no_help_needed", "false_alarm"])
        if body["test"] or body["priority"] > 2:
            return [(self.dice.uniform(20, 200), {"do": "close", "alarm": alarm, "outcome": outcome})]
        answered = self.dice.uniform(10, 50)
        sent = answered + self.dice.uniform(20, 120)
        there = sent + self.dice.uniform(120, 600)
        return [
            (answered, {"do": "acknowledge", "alarm": alarm}),
            (sent, {"do": "dispatch", "alarm": alarm, "responder": "grid worker", "seconds": 900.0}),
            (there, {"do": "arrive", "alarm": alarm}),
            (there + 300, {"do": "close", "alarm": alarm, "outcome": outcome}),
        ]

    # -- a day

    def day(self, began: float) -> list[tuple[float, Callable[[], Any]]]:
        """Return what happens in one day, by second."""
        dice, lapse = self.dice, self.lapse
        out: list[tuple[float, Callable[[], Any]]] = []

        def at(second: float, what: Callable[[], Any]) -> None:
            out.append((began + second, what))

        def air(second: float, address: str, data: str) -> None:
            at(second, lambda: lapse.air(address, data))

        for address in (PENDANT, BATH, CANCEL):  # they say that they are there
            for k in range(8):
                if address == CANCEL:  # encrypted, or it would cancel nothing
                    at(k * 3 * HOUR + dice.uniform(0, 600), lambda: lapse.sealed(CANCEL, "0164"))
                else:
                    air(k * 3 * HOUR + dice.uniform(0, 600), address, "4000{n}0164")
        for address in (DOOR, BED, HALL):
            battery = 9 if address == HALL and self.low_on(began) else 90
            air(dice.uniform(0, HOUR), address, f"4000{{n}}01{battery:02x}")
        for k in range(int(DAY / 600)):
            if not self.silent_on(began + k * 600):
                warmth = int((19 + 3 * dice.random()) * 100)
                air(k * 600 + 7, CLIMATE, f"4000{{n}}02{warmth.to_bytes(2, 'little').hex()}2e{dice.randint(35, 60):02x}")
        for k in range(int(DAY / 150)):  # the radar's line is never silent for long
            at(k * 150 + 3, lambda: lapse.line(PORT, frame(*HEARTBEAT)))
        for _ in range(dice.randint(30, 60)):
            second = dice.uniform(6, 22) * HOUR
            air(second, HALL, "4000{n}2101")
            air(second + dice.uniform(20, 90), HALL, "4000{n}2100")
            at(second + 5, lambda: lapse.line(PORT, frame(*PRESENCE, b"\1")))
            at(second + dice.uniform(60, 600), lambda: lapse.line(PORT, frame(*PRESENCE, b"\0")))
        for _ in range(dice.randint(2, 5)):
            second = dice.uniform(7, 20) * HOUR
            left_open = dice.random() < 0.02
            air(second, DOOR, "4000{n}1a01")
            air(second + (dice.uniform(700, 1500) if left_open else dice.uniform(10, 200)), DOOR, "4000{n}1a00")
        air(6.5 * HOUR, BED, "4000{n}2300")
        if dice.random() < 0.3:  # up at night; now and then for longer than one should
            second = dice.uniform(23, 23.5) * HOUR
            air(second, BED, "4000{n}2300")
            air(second + (dice.uniform(1300, 1700) if dice.random() < 0.2 else dice.uniform(100, 800)), BED, "4000{n}2301")
        air(22.2 * HOUR, BED, "4000{n}2301")
        if dice.random() < 0.12:
            at(dice.uniform(0, DAY - 10), self.press)
        if dice.random() < 0.08:
            self.fall(dice.uniform(0, DAY - 1000), at)
        return out

    def press(self) -> None:
        self.calls += 1
        self.lapse.air(PENDANT, "4400{n}01643a01")

    def fall(self, second: float, at: Callable[[float, Callable[[], Any]], None]) -> None:
        self.falls += 1
        at(second, lambda: self.lapse.line(PORT, frame(*FALL, b"\1")))
        if self.dice.random() < 0.5:
            self.cancelled += 1
            at(second + self.dice.uniform(5, 25), lambda: self.lapse.sealed(CANCEL, "01643a01"))
        at(second + 120, lambda: self.lapse.line(PORT, frame(*FALL, b"\0")))

    def low_on(self, second: float) -> bool:
        return LOW_AT <= second % self.cycle < LOW_AT + LOW_FOR

    def silent_on(self, second: float) -> bool:
        return SILENT_AT <= second % self.cycle < SILENT_AT + SILENT_FOR

    # -- a run

    async def live(self) -> None:
        """Let it all happen."""
        lapse, desk = self.lapse, self.lapse.desk
        certificate(self.folder, BEGINS + timedelta(seconds=ENDS))
        lapse.broker_ends = (BEGINS + timedelta(seconds=ENDS)).timestamp()
        (lapse.folder / "mains").write_text("1")
        await lapse.start()
        bath_due = 0.0
        for day in range(self.days):
            began = day * DAY
            plan = self.day(began)
            plan += self.trouble(began)
            if began >= RENEWED and lapse.broker_ends < BEGINS.timestamp() + ENDS + 1:
                plan.append((began + 1, self.renew))
            asked = desk.said(kind.TEST_DUE, "raised", "bath")
            if asked and asked[-1] > bath_due and began >= asked[-1] + TRIED_AFTER - DAY:
                bath_due = asked[-1]
                plan += [
                    (began + 12 * HOUR, lambda: desk.instruct(do="away", seconds=0.0)),
                    (began + 12 * HOUR + 60, self.walk),
                ]
            for second, what in sorted(plan, key=lambda p: p[0]):
                if (left := second - lapse.loop.now) > 0:
                    await asyncio.sleep(left)
                done = what()
                if asyncio.iscoroutine(done):
                    await done
            if (left := began + DAY - 1 - lapse.loop.now) > 0:
                await asyncio.sleep(left)
            if (day + 1) % 5 == 0:
                self.look()
        lapse.plug(there=True)
        await asyncio.sleep(2 * HOUR)
        self.look()
        await lapse.stop()

    def walk(self) -> None:
        """Somebody presses the bath's button with the resident: a press as any other, which the desk calls a false alarm."""
        self.lapse.air(BATH, "4400{n}01643a01")
        self.calls += 1

    def renew(self) -> None:
        self.lapse.broker_ends = (BEGINS + timedelta(days=800)).timestamp()
        certificate(self.folder, BEGINS + timedelta(days=800))

    def trouble(self, began: float) -> list[tuple[float, Callable[[], Any]]]:
        """Return what goes wrong in one day."""
        dice, lapse = self.dice, self.lapse
        out: list[tuple[float, Callable[[], Any]]] = []
        now = began + dice.uniform(1, 16) * HOUR
        match dice.random():
            case chance if chance < 0.07:
                off = dice.choice([30.0, 600.0, 3 * HOUR])
                out.append((now, lambda: self.power(off)))
            case chance if chance < 0.20:
                away = dice.choice([60.0, 900.0, 7 * HOUR])
                self.dark.append((now, now + away))
                out += [(now, lambda: lapse.plug(there=False)), (now + away, lambda: lapse.plug(there=True))]
            case chance if chance < 0.25:
                away = dice.choice([120.0, 2400.0])
                self.mains_off.append((now, now + away))
                mains = lapse.folder / "mains"
                out += [(now, lambda: mains.write_text("0")), (now + away, lambda: mains.write_text("1"))]
        return out

    async def power(self, off: float) -> None:
        """Cut the power for so long. The clock comes back where it was, and a time server answers a minute later."""
        lapse = self.lapse
        began = lapse.loop.now
        await lapse.cut()
        await asyncio.sleep(off)
        self.off.append((began, lapse.loop.now))
        await lapse.start(behind=off, sure_after=60.0)

    # -- what is looked at every few days

    def look(self) -> None:
        """Write down how much there is, and read what the page reads."""
        lapse = self.lapse
        gc.collect()
        config = load(lapse.path, all_models())
        began = time.perf_counter()
        known = Known(config)
        wall = lapse.wall().timestamp()
        shown = len(known.day(wall)) + len(known.past(_all(), 0, 20)) + len(known.journal()) + len(known.faults())
        self.worst_query = max(self.worst_query, time.perf_counter() - began)
        assert shown
        if (int(lapse.loop.now / DAY) + 1) % 30 == 0:
            tried = trial.tried(config, config, self.lapse.daemon.clock.now())
            assert tried["complete"], "seven days are tried within their time"
            assert tried["readings"] > 20, tried["readings"]
            assert not tried["more"] + tried["fewer"], "the same rules on the same days give the same alarms"
        size = {path.name: path.stat().st_size for path in lapse.state.glob("*.db*")}
        with contextlib.closing(sqlite3.connect(f"file:{lapse.state / 'history.db'}?mode=ro", uri=True)) as db:
            readings, oldest = db.execute(
                "SELECT count(*), min(wall) FROM readings WHERE row >= (SELECT min(first) FROM batches)"
            ).fetchone()
            signals = db.execute("SELECT count(*) FROM signals").fetchone()[0]
        with contextlib.closing(sqlite3.connect(f"file:{lapse.state / 'gateway.db'}?mode=ro", uri=True)) as db:
            entries, first = db.execute("SELECT count(*), min(wall) FROM journal WHERE number NOT IN (SELECT entry FROM faults)").fetchone()
            alarms = db.execute("SELECT count(*) FROM alarms").fetchone()[0]
        self.months.append(
            {
                "day": lapse.loop.now / DAY,
                "rss": _rss(),
                "objects": len(gc.get_objects()),
                "files": sum(size.values()) / 1e6,
                "history": size["history.db"] / 1e6,
                "gateway": size["gateway.db"] / 1e6,
                "readings": readings,
                "entries": entries,
                "alarms": alarms,
                "signals": signals,
                "oldest_reading": (wall - oldest) / DAY,
                "oldest_entry": (wall - first) / DAY,
            }
        )


def _all() -> Any:
    from gateway.page.known import Filter

    return Filter()


def _rss() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def certificate(folder: Path, ends: datetime) -> None:
    """Make a client certificate that ends then."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gw-year")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGINS - timedelta(days=30))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    (folder / "client.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "client.key").write_bytes(key.private_bytes(*plain))
    (folder / "client.key").chmod(0o600)


# -- the proof -------------------------------------------------------------------------------------------------------------


def a_year(short: bool, folder: Path, seed: int) -> list[Row]:
    """A home lives on in simulated time: timers keep their hour, retention is carried out, nothing grows, numbers are whole."""
    days, history, journal = (33, 7.0, 30.0) if short else (366, 30.0, 90.0)
    fast = Path(tempfile.mkdtemp(prefix="year-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        config = CONFIG.format(folder=fast, history=history, journal=journal) + devices()
        began = time.monotonic()
        secrets(fast)
        with Lapse(fast, config, begins=BEGINS, look_every=STEP) as lapse:
            life = Life(lapse, days, seed, fast)
            lapse.run(life.live())
            took = time.monotonic() - began
            return _judged(life, days, history, journal, took)
    finally:
        shutil.rmtree(fast)


def _judged(life: Life, days: int, history: float, journal: float, took: float) -> list[Row]:
    return [
        _whole(life, days, took),
        _punctual(life, days),
        _bounded(life, history, journal),
        _noticed(life),
        *_alarms(life),
    ]


def _whole(life: Life, days: int, took: float) -> Row:
    """Every entry and every batch has reached the desk, under one number, and the database says the same."""
    desk = life.lapse.desk
    (journal, entries), (history, batches) = next(iter(desk.entries.items())), next(iter(desk.batches.items()))
    assert (len(desk.entries), len(desk.batches)) == (1, 1), (journal, history)
    lost = entries.highest - len(entries) + batches.highest - len(batches)
    with contextlib.closing(sqlite3.connect(life.lapse.state / "gateway.db")) as db:
        assert db.execute("SELECT max(number) FROM journal").fetchone()[0] == entries.highest
        assert db.execute("SELECT count(*) FROM outbox").fetchone() == (0,), "the outbox is empty in the end"
    note = f"{len(entries)} entries, {desk.readings} readings, {life.lapse.boots} starts, {took:.0f} s of real time"
    return Row(
        promises=(1, 3),
        done=f"{days} days in a home",
        times=len(entries) + len(batches),
        lost=lost,
        doubled=desk.doubled,
        repeats=desk.repeats,
        note=note,
    )


def _was_off(life: Life, began: float, ended: float) -> float:
    return sum(max(0.0, min(ended, b) - max(began, a)) for a, b in life.off)


def _punctual(life: Life, days: int) -> Row:
    """Heartbeats, self-tests, weekly words and the tests with the resident: how often, and how far from their hour."""
    desk = life.lapse.desk
    # Heartbeats: the first as soon as the line is there, all others at the minutes that began with the power-up; none left out.
    worst = 0.0
    for lines in desk.beats.values():
        of_boot = [(c, mono) for c, line in enumerate(lines) for mono in line]
        on_grid = [mono for (before, _), (c, mono) in pairwise(of_boot) if c == before]
        for one, two in pairwise(on_grid):
            off = (two - on_grid[0]) % 60.0
            worst = max(worst, min(off, 60.0 - off))
            if two - one >= 61.5:
                assert len({c for c, mono in of_boot if one <= mono <= two}) > 1, f"{two - one:.1f} s between two heartbeats"
    beats = sum(len(line) for lines in desk.beats.values() for line in lines)
    assert worst < 1.5, f"a heartbeat is {worst:.2f} s from its time"
    # Self-tests: one in each day from the first on, at its hour, but where the power was off then.
    tests = sorted(at for moves in desk.alarms.values() for at, m in moves[:1] if m["kind"] == kind.TEST and not m["device"])
    late = 0.0
    begun = sorted(_stage(m) for moves in desk.alarms.values() for _, m in moves[:1] if m["kind"] == kind.TEST and not m["device"])
    hour = zlib.crc32(b"gw-year") / 2**32 * DAY
    for n, at in enumerate(begun):
        after = (at - hour + 2) % DAY - 2
        off = _was_off(life, at - after - 1 - WAITS.settle, at)  # the first one after a start waits for sensors and link
        assert after <= STEP + 3 or off, f"self-test {n} is {after:.0f} s from its hour"
        late = max(late, after if not off else 0.0)
    seen = {(at - hour + 2) // DAY for at in begun}
    missed = int((days * DAY - hour) // DAY) - len(seen - {int((days * DAY - hour) // DAY)})
    assert len(tests) == len(begun)
    assert missed <= 0, f"{missed} days without a self-test"
    assert len(seen) == len(begun), "one a day"
    # A low battery: said, then every seven days, from the second week on with the order to send somebody, until it is changed.
    for raised in desk.said(kind.LOW_BATTERY, "raised", "hall"):
        cleared = next((at for at in desk.said(kind.LOW_BATTERY, "cleared", "hall") if at > raised), life.lapse.loop.now)
        again = [(at, d) for at, k, d, t, d in _faults(desk) if k == kind.LOW_BATTERY and t == "repeated" and raised < at < cleared]
        want = [raised + 7 * DAY * n for n in range(1, 9) if raised + 7 * DAY * n < cleared - 2 * HOUR]
        assert len(again) == len(want), f"low battery said again {len(again)} times instead of {len(want)}"
        for (at, detail), due in zip(again, want, strict=True):
            off, dark = _was_off(life, raised, at), sum(b - a for a, b in life.dark if a < at < b + 120)
            # A clock that stands still while the power is off makes the gateway think that less time has passed: never more.
            assert -2 <= at - due <= STEP + 70 + off + dark, f"low battery said {at - due:.0f} s late"
            assert bool(detail.get("work_order")) is (at - raised >= 14 * DAY - 5)
    # The test with the resident: asked for after so long without one, and over with the press that reached the desk.
    asked, over = desk.said(kind.TEST_DUE, "raised", "bath"), desk.said(kind.TEST_DUE, "cleared", "bath")
    assert asked, "the test with the resident is asked for"
    begins = [0.0, *over]
    for at, since in zip(asked, begins, strict=False):
        wait = at - since - TEST_DUE
        assert -70 <= wait <= HOUR + 70 + _was_off(life, since, at) + sum(b - a for a, b in life.dark if a < at < b + 120), (
            f"asked {wait:.0f} s late"
        )
    assert len(over) in {len(asked), len(asked) - 1}
    return Row(
        promises=(10,),
        done="heartbeats, self-tests, weekly and monthly words",
        times=beats + len(begun),
        worst=worst,
        worst_of="off a heartbeat",
        note=f"{beats} heartbeats, {len(begun)} self-tests, {len(asked)} tests asked for",
    )


def _faults(desk: Any) -> list[tuple[float, str, str, str, dict[str, Any]]]:
    return list(desk.faults)


def _stage(message: dict[str, Any]) -> float:
    """Return the simulated second at which an alarm began."""
    return datetime.fromisoformat(message["stages"]["danger"]["wall"]).timestamp() - BEGINS.timestamp()


def _bounded(life: Life, history: float, journal: float) -> Row:
    """Memory, files and rows: as much at the end as once everything had its first round."""
    marks = life.months
    settled = [m for m in marks if m["day"] >= history + 3]
    first, last = settled[0], marks[-1]
    grown = last["rss"] - first["rss"]
    desk = life.lapse.desk.weighs() / 1e6  # the desk of this proof remembers what it was told
    assert grown <= 10.0 + desk, f"RSS grew by {grown:.1f} MB from day {first['day']:.0f} to day {last['day']:.0f}"
    for m in settled:
        assert m["oldest_reading"] <= history + 1.2, f"readings of {m['oldest_reading']:.1f} days ago on day {m['day']:.0f}"
        assert m["readings"] <= 1.6 * first["readings"], f"{m['readings']} readings on day {m['day']:.0f}"
        assert m["history"] <= 1.7 * first["history"], f"history.db has {m['history']:.2f} MB on day {m['day']:.0f}"
    for m in [m for m in marks if m["day"] >= journal + 2]:
        assert m["oldest_entry"] <= journal + 1.5, f"entries of {m['oldest_entry']:.1f} days ago on day {m['day']:.0f}"
    files = max(m["files"] for m in marks)
    return Row(
        promises=(12,),
        done="retention carried out, files and memory bounded",
        times=len(marks),
        note=f"RSS {first['rss']:.0f} -> {last['rss']:.0f} MB, {desk:.0f} of it the desk's; files {files:.1f} MB at most, page's questions {life.worst_query * 1000:.0f} ms",
        more={"files_mb": files, "rss_mb": last["rss"], "grown_mb": grown},
    )


def _noticed(life: Life) -> Row:
    """What went wrong was said, once, and ended: silence, network, mains, clock, certificates."""
    desk, now = life.lapse.desk, life.lapse.loop.now
    count = 0

    def off_at(a: float, b: float) -> bool:
        return any(x < b and a < y + 400 for x, y in life.off)

    for began, ended in life.dark:
        if ended - began > 2000 and not off_at(began - 400, ended + 400):
            told = [t for t in desk.said(kind.UPLINK_LOST, "raised") if began < t < ended + 600]
            assert told, f"an outage of {ended - began:.0f} s was not said"
            count += 1
    for began, ended in life.mains_off:
        if ended - began > 1200 and not off_at(began - 60, ended):
            dark = any(a < ended and began < b for a, b in life.dark)
            told = [t for t in desk.said(kind.MAINS_LOST, "raised") if began + 300 - STEP <= t <= began + 900 + 3 * STEP or dark]
            assert told, "mains lost was not said"
            count += 1
    silences = [
        n * life.cycle + SILENT_AT for n in range(int(now // life.cycle) + 1) if n * life.cycle + SILENT_AT + SILENT_FOR + DAY < now
    ]
    for began in silences:
        told = [t for t in desk.said(kind.MISSING, "raised", "climate") if began + 3 * HOUR < t < began + SILENT_FOR + DAY]
        assert len(told) == 1, f"a sensor silent for {SILENT_FOR / DAY:.1f} days was told {len(told)} times"
        assert [t for t in desk.said(kind.MISSING, "cleared", "climate") if began + SILENT_FOR - HOUR < t < began + SILENT_FOR + DAY]
        count += 1
    for name in ("broker", "certificate"):
        (raised,), (cleared,) = desk.said(kind.CERTIFICATE_ENDS, "raised", name), desk.said(kind.CERTIFICATE_ENDS, "cleared", name)
        assert ENDS - 30 * DAY - HOUR <= raised <= ENDS - 29 * DAY + 8 * HOUR, f"{name}: told on day {raised / DAY:.1f}"
        assert RENEWED <= cleared <= RENEWED + DAY + 8 * HOUR
        count += 1
    return Row(promises=(10,), done="outages, silences, certificates said in time", times=count)


def _alarms(life: Life) -> list[Row]:
    """Every alarm has ended with an outcome, a name and a time; each press and each fall is one."""
    desk = life.lapse.desk
    for moves in desk.alarms.values():
        newest = max((m for _, m in moves), key=lambda m: m["number"])
        assert newest["state"] in {"closed", "cancelled"}, f"{newest['kind']} is {newest['state']}"
        assert newest["state"] == "cancelled" or newest["outcome"], newest
        assert newest["state_by"] or newest["by"], newest
    real = [max((m for _, m in moves), key=lambda m: m["number"]) for moves in desk.alarms.values()]
    falls = [m for m in real if m["kind"] == kind.FALL]
    off = len(life.off)
    assert life.falls - off <= len(falls) <= life.falls, f"{life.falls} falls, {len(falls)} alarms"
    sos = sum(m["count"] for m in real if m["kind"] == kind.SOS)
    assert life.calls - off <= sos <= life.calls, f"{life.calls} presses, {sos} heard"
    return [
        Row(
            promises=(5,),
            done="alarms of those days, each ended",
            times=len(real),
            note=f"{sos} presses, {len(falls)} falls, {sum(m['state'] == 'cancelled' for m in falls)} of them cancelled",
        )
    ]


PROOFS = [a_year]
