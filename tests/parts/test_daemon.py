"""The whole gateway, end to end: the real `python -m gateway run`, a real Mosquitto, bleak on a stand-in for BlueZ, a radar on a pty.

Every message it publishes is checked against the contract by the platform that hears it. Times are the defaults or their lower bounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from drivers import all_models
from gateway.hear import ble
from gateway.home import inbox
from gateway.home.config import load
from gateway.home.identity import identity
from gateway.keep.stand_in import stand_in
from gateway.tend import admission, upkeep
from gateway.tend.composition import build
from gateway.tend.daemon import Daemon
from gateway.tend.waits import WAITS
from gateway.words import kind
from gateway.words.driver import Advertisement

from tests.kit.brokers import Mosquitto, Platform
from tests.kit.fake_bluez import Child
from tests.kit.household import CANCEL, KEY, PASSWORD, PENDANT, REPO, SEALED, Gateway, Sealed, radar
from tests.kit.radar_emulator import Radar
from tests.kit.wait import PATIENCE
from tests.kit.wait import until as so
from tests.kit.wait import until_now as until
from tests.kit.waits import changed

QUICK = "receipt = 10\nacknowledge_p1 = 20\nheartbeat = 20\ngrace_fall = 15\n"


@pytest.fixture(scope="module")
def broker():
    with Mosquitto() as broker:
        yield broker


@pytest.fixture
def names(request):
    """A gateway id of each test's own: they share one broker."""
    return f"gw-{abs(hash(request.node.name)) % 10**8}"


def is_alarm(state: str, what: str = kind.SOS, **more):
    def wanted(m):
        return m["type"] == "alarm" and m["state"] == state and m["kind"] == what and all(m[k] == v for k, v in more.items())

    return wanted


def is_fault(what: str, turn: str = "", **detail):
    def wanted(m):
        return m["type"] == "fault" and m["kind"] == what and turn in m["turn"] and all(m["detail"].get(k) == v for k, v in detail.items())

    return wanted


def is_online(m):
    return m["type"] == "status" and m["online"]


def same_as_journal(gateway: Gateway, platform: Platform) -> None:
    """What the platform has is what was journalled: every number, no gap, the same bytes' meaning, whatever was sent twice."""
    journal = gateway.journal()
    assert list(journal) == list(range(1, len(journal) + 1))
    heard: dict[int, dict] = {}
    for m in platform.messages:
        if "number" in m:
            assert heard.setdefault(m["number"], m) == m, "the same number is the same message"
    assert heard == journal
    assert len({m["id"] for m in journal.values()}) == len(journal)


async def settled(gateway: Gateway) -> None:
    """Wait until the outbox is empty."""
    await so(lambda: not gateway.rows("SELECT count(*) FROM outbox")[0][0])


# -- the loop -----------------------------------------------------------------------------------------------------------


async def test_an_sos_is_pushed_answered_dispatched_and_closed_and_the_journal_has_every_step(tmp_path, broker, bluez, names):
    async with Platform(broker, names) as platform:
        with Gateway(tmp_path, broker=broker, bus=bluez, name=names) as gateway:
            bluez.wait_for_scan()
            gateway.press()
            raised = await platform.wait(is_alarm("raised"))
            assert (raised["priority"], raised["room"], raised["device"], raised["test"]) == (1, "hall", "pendant", False)
            assert [(e["device"], e["kind"], e["value"]) for e in raised["evidence"]] == [("pendant", "button", "press")]
            receipted = await platform.wait(lambda m: m.get("move") == "receipt")
            assert receipted["calls"][0]["delivery"] == "accepted"
            name = raised["alarm"]
            for do, state, more in (
                ("acknowledge", "acknowledged", {}),
                ("dispatch", "dispatched", {"responder": "Li", "seconds": 300}),
                ("arrive", "on_site", {}),
                ("close", "closed", {"outcome": "helped"}),
            ):
                order = await platform.instruct(do, by="Wang", alarm=name, **more)
                result = await platform.result(order)
                assert (result["accepted"], result["state"]) == (True, state)
            closed = await platform.wait(is_alarm("closed"))
            assert set(closed["stages"]) == {"danger", "alarm", "push", "answered", "dispatch", "arrival", "closed"}
            assert (closed["by"], closed["outcome"]) == ("Wang", "helped")
            await settled(gateway)
            same_as_journal(gateway, platform)
            until(lambda: gateway.status()["alarms"] == [])
            log = gateway.log()
            assert "alarm 1 {new}: raise -> {raised} SOS, hall" in log
            assert "Wang" not in log
            assert "Li" not in log.replace("Linux", "")


async def test_a_fall_can_be_cancelled_by_the_button_and_else_is_raised_and_the_home_hears_both(tmp_path, broker, bluez, names):
    heard = tmp_path / "sounded"
    script = tmp_path / "sound"
    script.write_text(f'#!/bin/sh\necho "$1 $ELDERCARE_KIND $ELDERCARE_STATE $ELDERCARE_ROOM" >> {heard}\nexec sleep 60\n')
    script.chmod(0o755)
    sound = f'[sound]\npre_alarm = ["{script}", "pre"]\nalarm = ["{script}", "alarm"]\n'
    with Radar(tmp_path / "usb-radar") as room:
        async with Platform(broker, names) as platform:
            lines, keys = radar(room.port) + sound, f'[keys]\nsealed = "{KEY}"\ncancel = "{KEY}"\n'
            with Gateway(tmp_path, broker=broker, bus=bluez, name=names, times=QUICK, lines=lines, secrets=keys) as gateway:
                bluez.wait_for_scan()
                until(lambda: room.asked)
                room.fall()
                seen = await platform.wait(is_alarm("pre_alarm", kind.FALL))
                assert seen["grace_s"] == 15.0
                until(lambda: heard.exists() and "pre person.fall pre_alarm bath" in heard.read_text())
                gateway.air(CANCEL, Sealed(CANCEL).press())
                cancelled = await platform.wait(is_alarm("cancelled", kind.FALL))
                assert cancelled["by"] == "resident, cancel"
                room.fall(False)
                await platform.wait(lambda m: m.get("move") == "clear")
                room.fall()
                await platform.wait(is_alarm("pre_alarm", kind.FALL, linked=cancelled["alarm"]))
                began = time.monotonic()
                await platform.wait(is_alarm("raised", kind.FALL))
                assert time.monotonic() - began > 14
                until(lambda: "alarm person.fall raised bath" in heard.read_text())
                assert len(heard.read_text().splitlines()) == 3
                await settled(gateway)
                same_as_journal(gateway, platform)


async def test_an_encrypted_button_is_heard_and_a_recording_of_it_is_not_also_after_a_restart(tmp_path, broker, bluez, names):
    button, thief = Sealed(SEALED), Sealed(SEALED, "00" * 16)
    async with Platform(broker, names) as platform:
        with Gateway(tmp_path, broker=broker, bus=bluez, name=names) as gateway:
            bluez.wait_for_scan()
            one, two = button.press(), button.press()
            gateway.air(SEALED, one)
            await platform.wait(is_alarm("raised", device="sealed"))
            gateway.air(SEALED, two)
            await platform.wait(is_alarm("raised", device="sealed", count=2))
            for bad in (one, thief.press(), "4400de01643a01"):  # recorded, another's key, plain text under a known key
                gateway.air(SEALED, bad)
            await platform.wait(is_fault(kind.REPLAYED))
            gateway.kill()
            gateway.start()
            bluez.wait_for_scan()
            for old in (one, two):
                gateway.air(SEALED, old)
            three = button.press()
            gateway.air(SEALED, three)
            await platform.wait(is_alarm("raised", device="sealed", count=3))
            assert max(m["count"] for m in platform.named("alarm") if m["device"] == "sealed") == 3
            assert {m["alarm_number"] for m in platform.named("alarm")} == {1}
            until(lambda: gateway.status()["devices"][2]["refused"])


# -- instructions -------------------------------------------------------------------------------------------------------


async def test_an_instruction_takes_effect_once_however_often_it_comes_and_whatever_happens_between(tmp_path, broker, bluez, names):
    async with Platform(broker, names) as platform:
        with Gateway(tmp_path, broker=broker, bus=bluez, name=names) as gateway:
            await platform.wait(is_online)
            for _ in range(3):
                await platform.instruct("test", by="Wang", id="once", device="pendant")
            await platform.result("once")
            await asyncio.sleep(0.3)
            gateway.kill()
            gateway.start()
            for _ in range(3):
                await platform.instruct("test", by="Wang", id="once", device="pendant")
            order = await platform.instruct("away", by="Wang", seconds=60)
            await platform.result(order)
            results = {m["number"] for m in platform.named("result") if m["instruction"] == "once"}
            assert len(results) == 1
            assert {m["alarm_number"] for m in platform.named("alarm")} == {1}
            assert all(m["test"] for m in platform.named("alarm"))
            # A kill in the very moment: whatever was committed first, there is one effect.
            for n in range(5):
                await platform.instruct("test", by="Wang", id=f"race-{n}")
                await asyncio.sleep(0.002 * n)
                gateway.kill()
                gateway.start()
                await platform.instruct("test", by="Wang", id=f"race-{n}")
                await platform.result(f"race-{n}")
            await settled(gateway)
            journal = gateway.journal().values()
            done = [m["instruction"] for m in journal if m["type"] == "result"]
            assert len(done) == len(set(done)) == 7


async def test_a_refused_instruction_says_why(tmp_path, broker, names):
    async with Platform(broker, names) as platform:
        with Gateway(tmp_path, broker=broker, name=names, devices='[[device]]\nid = "ghosts"\nmodel = "radar-5359"\nport = "/dev/none"'):
            await platform.wait(is_online)
            for do, more, why, word in (
                ("acknowledge", {"alarm": "nobody"}, "unknown_alarm", "nobody"),
                ("shelve", {"device": "ghost", "seconds": 60, "reason": "x"}, "unknown_device", "ghost"),
                ("test", {"device": "ghost"}, "unknown_device", "ghost"),
                ("test", {"expires": "2001-01-01T00:00:00"}, "bad_message", "time zone"),
            ):
                result = await platform.result(await platform.instruct(do, **more))
                assert (result["accepted"], result["refused"]) == (False, why)
                assert word in result["en"]
                assert result["zh"]
            test = await platform.result(await platform.instruct("test"))
            assert test["accepted"]
            result = await platform.result(await platform.instruct("close", alarm=test["alarm"], outcome="rescued"))
            assert result["refused"] == "missing_field"
            result = await platform.result(await platform.instruct("decline", alarm=test["alarm"]))
            assert (result["refused"], result["state"]) == ("not_allowed", "raised")


async def test_what_is_not_for_us_or_not_of_the_contract_is_told_as_a_fault_and_does_nothing(tmp_path, broker, names):
    async with Platform(broker, names, receipts=False) as platform:
        with Gateway(tmp_path, broker=broker, name=names, devices="") as gateway:
            first = await platform.wait(is_fault(kind.RESTARTED))
            await platform.wait(is_online)
            good = {"v": 1, "gateway": names, "id": "x1", "do": "test", "by": "desk"}
            for name, body, word in (
                ("instruction", {**good, "gateway": "gw-other"}, "gw-other"),
                ("instruction", b"no json at all", "not JSON"),
                ("instruction", b"\xff\xfe\x00", "not JSON"),
                ("instruction", {**good, "do": "explode"}, "do"),
                ("instruction", {**good, "surprise": 1}, "surprise"),
                ("instruction", json.dumps({**good, "reason": "x" * 65000}).encode() + b" " * 700, "at most 65536"),
                ("receipt", {"v": 1, "gateway": names, "journal": first["journal"], "entries": [[1, 999]]}, "the newest is"),
                ("receipt", {"v": 1, "gateway": names, "journal": first["journal"], "entries": [[3, 1]]}, "nothing of it"),
                ("receipt", {"v": 1, "gateway": "gw-other", "journal": first["journal"], "entries": [[1, 1]]}, "gw-other"),
            ):
                after = len(platform.heard)
                await platform.send(name, body, check=False)
                told = await platform.wait(lambda m: m.get("kind") == kind.BAD_MESSAGE, after=after)
                assert told["detail"]["message"] == name
                assert word in told["detail"]["why"], told
                assert told["priority"] == 3
            assert platform.named("result") == []
            assert platform.named("alarm") == []
            assert gateway.rows("SELECT count(*) FROM outbox")[0][0] == len(gateway.journal()), "no receipt was taken"
            future = {"v": 1, "gateway": names, "journal": "another-life", "entries": [[1, 999]]}
            await platform.send("receipt", future)
            for _ in range(30):
                await platform.send("instruction", b"babble")
            await asyncio.sleep(1.5)
            told = {m["number"] for m in platform.messages if m.get("kind") == kind.BAD_MESSAGE}
            assert len(told) == admission.BAD_MESSAGES, "a babbling sender does not fill the journal"
            platform.receipts = True
            await platform.catch_up()
            await settled(gateway)


async def test_an_instruction_left_in_the_home_enters_by_the_same_door(tmp_path, broker, names):
    async with Platform(broker, names) as platform:
        with Gateway(tmp_path, broker=broker, name=names) as gateway:
            until((gateway.runtime / "status.json").exists)
            told = gateway.command("tell", "test", "--by", "technician", "--device", "pendant")
            assert told.returncode == 0, told.stderr
            name = told.stdout.split()[-1]
            result = await platform.result(name)
            assert result["accepted"]
            refused = gateway.command("tell", "shelve", "--by", "t", "--device", "pendant", "--seconds", "60", "--reason", "x")
            result = await platform.result(refused.stdout.split()[-1])
            assert result["refused"] == "platform_only"
            until(lambda: gateway.status()["alarms"])
            closed = gateway.command("tell", "close", "--by", "t", "--alarm", "1", "--outcome", "test")
            assert (await platform.result(closed.stdout.split()[-1]))["accepted"]
            unknown = gateway.command("tell", "explode", "--by", "t")
            assert unknown.returncode == 2
            assert "acknowledge" in unknown.stderr


async def test_a_broken_file_of_local_instructions_ends_nothing(tmp_path, broker, bluez, names):
    async with Platform(broker, names) as platform:
        gateway = Gateway(tmp_path, broker=broker, bus=bluez, name=names)
        gateway.page.mkdir(parents=True)
        (gateway.page / "inbox.db").write_bytes(b"garbage" * 500)
        with gateway:
            bluez.wait_for_scan()
            await asyncio.sleep(6)
            gateway.press()
            await platform.wait(is_alarm("raised"))
            assert gateway.log().count("inbox down") == 1
            (gateway.page / "inbox.db").unlink()
            until(lambda: "inbox back" in gateway.log())


@pytest.mark.parametrize("how", ["pipe", "link", "lock", "view", "types"])
async def test_nothing_that_the_page_may_put_in_their_place_holds_up_an_alarm(tmp_path, bluez, how):
    """Whoever runs code in the page owns the folder of the local instructions."""
    gateway = Gateway(tmp_path, bus=bluez)
    gateway.page.mkdir(parents=True)
    gateway.environment = {"WATCHDOG_USEC": "2000000"}
    box = gateway.page / "inbox.db"
    with contextlib.closing(sqlite3.connect(tmp_path / "forged.db" if how == "link" else box, isolation_level=None)) as db:
        if how == "pipe":
            box.unlink()
            os.mkfifo(box)
        elif how == "link":
            box.symlink_to("/dev/zero")
        elif how == "lock":
            inbox.leave(gateway.page, gateway.runtime, b"{}")
            db.execute("BEGIN EXCLUSIVE")
        elif how == "view":
            db.execute("CREATE TABLE other (number INTEGER PRIMARY KEY AUTOINCREMENT)")
            db.execute(
                "CREATE VIEW inbox AS WITH RECURSIVE n(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM n) SELECT number, x'7b7d' body FROM n"
            )
        else:
            db.execute("CREATE TABLE inbox (number, body)")
            db.executemany("INSERT INTO inbox VALUES (?, ?)", [("one", 1 << 40), (2, "{}"), (3.5, None), (None, b"{}"), (9, 1 << 60)])
        with gateway:
            bluez.wait_for_scan()
            until(lambda: len(gateway.systemd.said("WATCHDOG=1")) >= 6)
            gateway.press()
            until(lambda: [m for m in gateway.journal().values() if m.get("move") == "raise"])
            beats = len(gateway.systemd.said("WATCHDOG=1"))
            until(lambda: len(gateway.systemd.said("WATCHDOG=1")) >= beats + 2)
        if how != "types":
            assert gateway.log().count("inbox down") == 1


# -- what goes wrong around it --------------------------------------------------------------------------------------------


async def test_an_sos_while_the_broker_is_away_is_delivered_when_it_is_back(tmp_path, bluez, names):
    with Mosquitto() as broker:
        async with Platform(broker, names) as platform:
            with Gateway(tmp_path, broker=broker, bus=bluez, name=names) as gateway:
                bluez.wait_for_scan()
                await platform.wait(is_online)
                broker.kill()
                gateway.press()
                until(lambda: "raise -> {raised}" in gateway.log())
                assert gateway.rows("SELECT count(*) FROM outbox WHERE priority = 1") == [(1,)]
                broker.start()
                await platform.wait(is_alarm("raised"))
                await settled(gateway)
                same_as_journal(gateway, platform)
                assert gateway.log().count("platform down") == 1


async def test_bluetoothd_is_restarted_and_the_radar_unplugged_and_both_are_heard_again(tmp_path, broker, names):
    with Child() as bluez, Radar(tmp_path / "usb-radar") as room:
        async with Platform(broker, names) as platform:
            with Gateway(tmp_path, broker=broker, bus=bluez, name=names, times=QUICK, lines=radar(room.port)) as gateway:
                bluez.wait_for_scan()
                gateway.press()
                await platform.wait(is_alarm("raised"))
                bluez.do(crash=True)
                room.unplug()
                await asyncio.sleep(0.5)
                bluez.do(start=True)
                room.plug()
                bluez.wait_for_scan()
                gateway.press()
                await platform.wait(is_alarm("raised", count=2))
                until(lambda: gateway.log().count("line radar back") == 1)
                room.fall()
                await platform.wait(is_alarm("raised", kind.FALL))
                assert gateway.log().count("line radar down") == 1


async def test_without_a_receipt_the_local_program_calls_but_never_for_a_test(tmp_path, broker, bluez, names):
    called = tmp_path / "called"
    script = tmp_path / "call"
    script.write_text(f'#!/bin/sh\necho "$ELDERCARE_KIND $ELDERCARE_REASON $ELDERCARE_TEST $ELDERCARE_ALARM" >> {called}\n')
    script.chmod(0o755)
    ladder = f'[[ladder]]\nresponder = "Zhang"\nchannel = "program"\nprogram = ["{script}"]\nwait = 30\n'
    ladder += f'[sound]\nalarm = ["{script}"]\n'
    async with Platform(broker, names, receipts=False) as platform:
        with Gateway(tmp_path, broker=broker, bus=bluez, name=names, times=QUICK, lines=ladder) as gateway:
            bluez.wait_for_scan()
            await platform.wait(is_online)
            await platform.instruct("test", by="Wang", device="pendant")
            await platform.wait(is_alarm("raised", kind.TEST))
            gateway.press()
            sos = await platform.wait(is_alarm("raised"))
            began = time.monotonic()
            assert not called.exists() or "no_receipt" not in called.read_text()
            call = await platform.wait(lambda m: m.get("move") == "call")
            assert time.monotonic() - began > 9
            assert (call["reason"], call["calls"][-1]["responder"], call["rung"]) == ("no_receipt", "Zhang", 1)
            done = await platform.wait(lambda m: m.get("move") == "call_accepted")
            assert done["calls"][-1]["delivery"] == "accepted"
            lines = called.read_text().splitlines()
            assert lines.count(f"person.sos no_receipt 0 {sos['alarm']}") == 1, "called once; only the siren sounds again"
            assert [*dict.fromkeys(lines)] == [
                f"person.sos raised 0 {sos['alarm']}",
                f"person.sos no_receipt 0 {sos['alarm']}",
            ], "the sounder at once, the ladder after 10 s; nothing for the test"
            again = [m["number"] for m in platform.messages if m.get("alarm") == sos["alarm"] and m["number"] == sos["number"]]
            assert len(again) >= 2, "and the platform is told again and again"
            assert "Zhang" not in gateway.log()


# -- life -----------------------------------------------------------------------------------------------------------------


async def test_sigterm_ends_it_cleanly_and_the_platform_is_told(tmp_path, broker, bluez, names):
    async with Platform(broker, names) as platform:
        with Gateway(tmp_path, broker=broker, bus=bluez, name=names, sooner=("tell.will_delay=1",)) as gateway:
            bluez.wait_for_scan()
            await platform.wait(is_online)
            gateway.press()
            await platform.wait(is_alarm("raised"))
            code, took = gateway.stop()
            assert (code, took < 3 + gateway.started) == (0, True), (code, took, gateway.started)
            last = await platform.wait(lambda m: m["type"] == "status" and not m["online"])
            assert last["reason"] == "stopped"
            assert gateway.systemd.said("STOPPING=1")
            assert "Traceback" not in gateway.log()
            assert not list(gateway.state.glob("*-wal")), "the files are whole"
            after = len(platform.heard)
            gateway.start()
            await platform.wait(is_online, after=after)
            gateway.kill()
            lost = await platform.wait(lambda m: m["type"] == "status" and m["reason"] == "lost")
            assert not lost["online"]
    async with Platform(broker, names) as late:
        kept = await late.wait_heard(lambda h: h.name == "status")
        assert kept.retain
        assert kept.body["online"] is False


async def test_a_press_in_the_last_moment_before_a_stop_is_not_lost(tmp_path, broker, bluez, names):
    """The driver remembers the packet, so the press must be in the journal, or be taken when it is repeated."""
    async with Platform(broker, names):
        with Gateway(tmp_path, broker=broker, bus=bluez, name=names) as gateway:
            for n in range(4):
                bluez.wait_for_scan()
                data = gateway.press()
                await asyncio.sleep(0.004 * n)
                gateway.stop()
                gateway.start()
                bluez.wait_for_scan()
                await asyncio.sleep(0.2)
                gateway.air(PENDANT, data)
                until(lambda n=n: len([m for m in gateway.journal().values() if m.get("move") in {"raise", "count"}]) == n + 1)


async def test_systemd_is_told_ready_and_beats_until_the_pump_hangs(tmp_path):
    """The thread that writes hangs, as on a disk that answers no more."""
    gateway = Gateway(tmp_path)
    gateway.environment = {"WATCHDOG_USEC": "20000000", "PYTHONPATH": str(REPO / "tests/vm/guest")}
    with gateway:
        assert len(gateway.systemd.said("READY=1")) == 1
        until(lambda: len(gateway.systemd.said("WATCHDOG=1")) >= 3)
        beats = gateway.systemd.said("WATCHDOG=1")
        assert all(b - a < 20 for a, b in itertools.pairwise(beats))
        os.kill(gateway.pid, signal.SIGUSR2)
        until(lambda: time.monotonic() - gateway.systemd.said("WATCHDOG=1")[-1] > 6)  # a hung pump is not hidden: three beats do not come
        assert gateway.process.poll() is None


async def test_without_broker_and_radio_it_guards_all_the_same(tmp_path):
    with Radar(tmp_path / "usb-radar") as room, Gateway(tmp_path, devices=radar(room.port)) as gateway:
        until(lambda: room.asked)
        room.fall()
        until(lambda: "raise -> {raised} fall, bath" in gateway.log())


async def test_no_secret_is_told_to_anybody(tmp_path, bluez, names):
    secrets = f'password = "{PASSWORD}"\n[keys]\nsealed = "{KEY}"\n'
    with Mosquitto(passwords={"gw": PASSWORD}) as broker:
        async with Platform(broker, names, username="gw", password=PASSWORD) as platform:
            options = {"broker": broker, "bus": bluez, "name": names, "secrets": secrets, "platform": 'username = "gw"'}
            with Gateway(tmp_path, **options) as gateway:
                bluez.wait_for_scan()
                gateway.air(SEALED, Sealed(SEALED, "11" * 16).press())
                gateway.air(SEALED, Sealed(SEALED).press())
                await platform.wait(is_alarm("raised"))
                until(lambda: gateway.status()["uplink"]["connected"])
                said = [gateway.log(), json.dumps(gateway.status()), json.dumps(gateway.journal()), json.dumps(platform.messages)]
                for words in (("status",), ("status", "--json"), ("check",)):
                    done = gateway.command(*words)
                    said.append(done.stdout + done.stderr)
                said += [p.read_bytes().decode("latin-1") for p in gateway.state.iterdir()]
                for text in said:
                    assert PASSWORD not in text
                    assert KEY not in text.lower()
                    assert bytes.fromhex(KEY).decode("latin-1") not in text


# -- the disk -------------------------------------------------------------------------------------------------------------


def on_small_disk(gateway: Gateway) -> None:
    """Let the child's state folder be a disk of 400 KiB. It needs root; else the size of its files is limited when it is to be full."""
    if os.geteuid() == 0:
        mount = f'mount -t tmpfs -o size=400k none {gateway.state} && exec "$@"'
        gateway.prefix = ("unshare", "-m", "sh", "-ec", mount, "sh")
    gateway.state.mkdir(parents=True)


def fill(gateway: Gateway) -> None:
    if os.geteuid() == 0:
        disk = Path(f"/proc/{gateway.pid}/root{gateway.state}")
        with contextlib.suppress(OSError), (disk / "fill").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 1024)
    else:
        wal = gateway.state / "gateway.db-wal"
        resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (wal.stat().st_size, resource.RLIM_INFINITY))


async def test_a_disk_that_fills_up_in_the_middle_loses_no_alarm_and_is_told(tmp_path, broker, bluez, names):
    gateway = Gateway(tmp_path, broker=broker, bus=bluez, name=names)
    on_small_disk(gateway)
    async with Platform(broker, names) as platform:
        with gateway:
            bluez.wait_for_scan()
            gateway.press()
            first = await platform.wait(is_alarm("raised"))
            n = 1
            while os.geteuid() and (gateway.state / "gateway.db-wal").stat().st_size < 200_000:
                n += 1  # the limit is one for every file, and the stand-in's must fit
                gateway.press()
                await platform.wait(is_alarm("raised", count=n))
            fill(gateway)
            for _ in range(59):
                n += 1
                gateway.press()
                await platform.wait(is_alarm("raised", count=n))
                if any(map(is_fault(kind.STORAGE_DEGRADED, "raised"), platform.messages)):
                    break
            told = await platform.wait(is_fault(kind.STORAGE_DEGRADED, "raised"))
            assert "working from memory" in told["detail"]["why"]
            assert told["journal"] != first["journal"]
            after = len(platform.heard)
            gateway.press()
            again = await platform.wait(lambda m: m.get("alarm") == first["alarm"] and m["count"] > n, after=after)
            assert again["journal"] == told["journal"]
            order = await platform.instruct("acknowledge", alarm=first["alarm"])
            assert (await platform.result(order))["accepted"]
            numbers = {m["number"] for m in platform.messages if m.get("journal") == told["journal"] and "number" in m}
            assert numbers == set(range(1, max(numbers) + 1))
            assert gateway.process.poll() is None
            until(lambda: gateway.status()["degraded"])
            assert gateway.command("status").returncode == 1, "and `status` says so"


async def test_a_disk_that_cannot_be_written_at_start_is_told_and_alarms_are_pushed(tmp_path, broker, bluez, names):
    gateway = Gateway(tmp_path, broker=broker, bus=bluez, name=names)
    gateway.state.mkdir()
    if os.geteuid() == 0:
        mount = f'mount -t tmpfs -o size=64k,ro none {gateway.state} && exec "$@"'
        gateway.prefix = ("unshare", "-m", "sh", "-ec", mount, "sh")
    else:
        gateway.state.chmod(0o500)
    async with Platform(broker, names) as platform:
        with gateway:
            told = await platform.wait(is_fault(kind.STORAGE_DEGRADED, "raised"))
            assert "remount the disk read-write" in told["detail"]["why"]
            bluez.wait_for_scan()
            gateway.press()
            raised = await platform.wait(is_alarm("raised"))
            gateway.kill()
            gateway.start()  # a full stop and a broken disk together: the stand-in in memory is found again
            back = await platform.wait(
                lambda m: m.get("alarm") == raised["alarm"] and m.get("at", {}).get("mono", 0) > raised["at"]["mono"]
            )
            assert back["state"] == "raised"
            await asyncio.sleep(0.5)
            assert {m["journal"] for m in platform.messages if "number" in m} == {raised["journal"]}
    gateway.state.chmod(0o700)


async def one_life(config, work) -> None:
    """Let the daemon live in this process while `work` is done to it."""
    daemon = build(config, all_models())
    task = asyncio.create_task(daemon.run())
    try:
        await asyncio.sleep(0.3)
        await work(daemon, task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def pressed(daemon: Daemon, packet: int) -> None:
    data = {"0000fcd2-0000-1000-8000-00805f9b34fb": bytes.fromhex(f"4400{packet:02x}01643a01")}
    daemon.intake.advert(Advertisement(address=PENDANT, service_data=data))


async def closed(daemon: Daemon) -> None:
    """Let the desk close the one alarm."""
    (alarm,) = daemon.pipeline.alarms.values()
    body = {"v": 1, "gateway": "gw-e2e", "id": "c1", "do": "close", "by": "desk", "alarm": alarm.id, "outcome": "helped"}
    daemon.mailbox.from_platform("instruction", json.dumps(body).encode())
    await so(lambda: not daemon.pipeline.alarms)


async def all_is_done(daemon: Daemon, task) -> None:
    """Let the desk close the one alarm; see the daemon end, to begin anew on its disk with what waits for the platform."""
    await closed(daemon)
    async with asyncio.timeout(PATIENCE):
        await asyncio.wait([task])
    assert task.exception() is None


@pytest.fixture
def with_platform_far(tmp_path, monkeypatch):
    """A household for `one_life`: no radio, a broker that is never there, failed disks tried often."""
    monkeypatch.setattr(WAITS, "try_disk", 0.5)
    monkeypatch.setattr(ble, "Radio", Deaf)
    household = Gateway(tmp_path, lines='[platform]\nhost = "127.0.0.1"\nport = 1\ntls = false\nreceipts = "broker"\n')
    yield household
    household.systemd.close()


async def test_when_the_disk_is_back_it_starts_anew_on_it(with_platform_far):
    """In this process, with shorter waits; the disk fails by an error of the real store."""
    config = load(with_platform_far.config, all_models())

    async def first(daemon: Daemon, task) -> None:
        pressed(daemon, 1)
        await so(lambda: daemon.pipeline.alarms)
        real = daemon.store

        def full(turn):
            raise sqlite3.OperationalError("database or disk is full")

        real.write = full
        pressed(daemon, 2)
        await so(lambda: daemon.store is not real)
        assert "full" in daemon.store.degraded
        await all_is_done(daemon, task)

    async def second(daemon: Daemon, task) -> None:
        assert daemon.store.degraded == ""
        assert daemon.pipeline.alarms == {}, "what was closed meanwhile stays closed"
        pressed(daemon, 3)
        await so(lambda: [a.count for a in daemon.pipeline.alarms.values()] == [1])

    await one_life(config, first)
    await one_life(config, second)
    journal = {n: m for n, m in with_platform_far.journal().items() if n > 0}  # below 0 stands what was written in memory
    assert list(journal) == list(range(1, len(journal) + 1))
    ends = [m for m in journal.values() if is_fault(kind.STORAGE_DEGRADED)(m)]
    assert [m["turn"] for m in ends] == ["cleared"]


async def test_readings_that_the_card_is_slow_to_take_delay_no_alarm(with_platform_far, monkeypatch):
    """The batch waits for a lock on its file that is let go only when the alarm is on disk."""
    monkeypatch.setattr(upkeep, "READINGS_AT", 1)
    config = load(with_platform_far.config, all_models())

    async def life(daemon: Daemon, task) -> None:
        store = daemon.store
        store.readings._db.execute("PRAGMA busy_timeout = 3600000")
        with contextlib.closing(sqlite3.connect(config.state / "history.db", isolation_level=None)) as slow:
            slow.execute("BEGIN IMMEDIATE")
            data = {"0000fcd2-0000-1000-8000-00805f9b34fb": bytes.fromhex("44000301643a00")}  # a battery's word, no press
            daemon.intake.advert(Advertisement(address=PENDANT, service_data=data))
            await so(lambda: daemon.upkeep._batch is not None)
            assert not daemon.pipeline.alarms
            pressed(daemon, 4)
            await so(lambda: [m["move"] for m in with_platform_far.journal().values() if "move" in m] == ["raise"])
            assert (store.readings.newest, daemon.historian.forgotten) == (0, 0), "the batch still waits"
            assert (await store.counts())[1] == 0, "and whoever asks how much waits is not kept waiting"
            slow.execute("ROLLBACK")
        await so(lambda: store.readings.newest >= 1)
        assert daemon.store is store
        assert store.degraded == ""
        assert not task.done()

    await one_life(config, life)


async def test_looking_how_old_the_journal_is_delays_no_alarm_nor_is_its_log_written_while_one_is_fresh(with_platform_far, monkeypatch):
    """Both may take as long as a full card takes. A log is written into its database when nobody waits for help."""
    monkeypatch.setattr(WAITS, "tidy_first", 0.0)
    monkeypatch.setattr(upkeep, "CHECKPOINT_AT", 1)
    config = load(with_platform_far.config, all_models())
    looking, looked, written = threading.Event(), threading.Event(), []

    def slowly(*_: object) -> int:
        looking.set()
        looked.wait(PATIENCE)
        return 0

    monkeypatch.setattr(upkeep, "entries_kept_from", slowly)
    monkeypatch.setattr(upkeep, "checkpoint", written.append)

    async def life(daemon: Daemon, task) -> None:
        daemon.wake.set()
        await so(looking.is_set)
        pressed(daemon, 1)
        await so(lambda: [m["move"] for m in with_platform_far.journal().values() if "move" in m] == ["raise"])
        assert not looked.is_set()
        daemon.upkeep._checkpoint()
        assert daemon.upkeep._checkpointing is None
        looked.set()
        await closed(daemon)
        daemon.upkeep._checkpoint()
        await so(lambda: written[:1] == [config.state / "gateway.db"])

    try:
        await one_life(config, life)
    finally:
        looked.set()


async def test_a_disk_that_does_not_answer_holds_up_no_call_for_help(with_platform_far):
    """A dying card may take minutes for one fsync. What it has written all the same is no second alarm when it is back."""
    config = load(with_platform_far.config, all_models())
    answers = threading.Event()

    async def first(daemon: Daemon, task) -> None:
        real, asked = daemon.store, daemon.store.waiting
        write = real.write

        def stalled(turn):
            answers.wait(PATIENCE)
            return write(turn)

        real.write = stalled
        daemon.push.up()
        reading = asyncio.create_task(daemon.push._asked(asked((0, 0), 1)))  # as the push may just do it
        pressed(daemon, 1)
        await so(lambda: daemon.pipeline.alarms and daemon.store is not real)
        assert "not answered" in daemon.store.degraded
        async with asyncio.timeout(PATIENCE):
            await reading
        pressed(daemon, 2)
        await so(lambda: [a.count for a in daemon.pipeline.alarms.values()] == [2])
        await asyncio.sleep(1)
        assert not daemon.storage.leaving.done()
        assert not task.done(), "it is not tried while it owes an answer"
        answers.set()
        await so(daemon.storage.leaving.done)
        await all_is_done(daemon, task)

    async def second(daemon: Daemon, task) -> None:
        assert daemon.store.degraded == ""
        assert daemon.pipeline.alarms == {}, "the disk had it after all, and it was closed meanwhile"
        pressed(daemon, 3)
        await so(lambda: [a.count for a in daemon.pipeline.alarms.values()] == [1])

    try:
        with changed("keep", stalled=0.3):
            await one_life(config, first)
        await one_life(config, second)
    finally:
        answers.set()
    journal = [n for n in with_platform_far.journal() if n > 0]
    assert journal == list(range(1, len(journal) + 1))


@pytest.mark.parametrize("stopped", ["while the disk is asked", "while memory is made ready"])
async def test_what_the_disk_refuses_while_it_is_being_stopped_is_written_down_all_the_same(with_platform_far, stopped):
    """The press is told as one, and not only that there is an alarm; what was asked for has its answer."""
    config = load(with_platform_far.config, all_models())
    asked, refuses = threading.Event(), threading.Event()

    async def first(daemon: Daemon, task) -> None:
        def wait() -> None:
            asked.set()
            refuses.wait(PATIENCE)

        def failing(turn):
            if stopped == "while the disk is asked":
                wait()
            raise sqlite3.OperationalError("disk I/O error")

        def making(*args):
            wait()
            return stand_in(config.runtime, daemon.home.gateway, *args)

        daemon.store.write = failing
        daemon.storage._stand_in = making
        pressed(daemon, 1)
        await so(asked.is_set)
        task.cancel()
        await asyncio.sleep(0.1)
        refuses.set()
        await asyncio.wait([task], timeout=PATIENCE)

    async def second(daemon: Daemon, task) -> None:
        assert daemon.store.folder != config.state
        said = [json.loads(m.payload) for m in await daemon.store.waiting((0, 0), 99)]
        assert [m["device"] for m in said if m.get("move") == "raise"] == ["pendant"]

    try:
        await one_life(config, first)
        await one_life(config, second)
    finally:
        refuses.set()


class Deaf:
    """No radio in this process."""

    def __init__(self, adapter, *_, **__):
        self.adapter, self.hearing, self.trouble, self.adverts, self.restarts, self.heard_at = adapter, False, "", 0, 0, None

    async def run(self):
        await asyncio.Event().wait()


# -- small things -----------------------------------------------------------------------------------------------------------


def test_the_gateway_keeps_its_name(tmp_path):
    config = load(Gateway(tmp_path, name="").config, all_models())
    name = identity(config)
    assert name.startswith("gw-")
    assert identity(config) == name
    (config.state / "identity").write_bytes(b"\0" * 16)
    other = identity(config)
    assert other.startswith("gw-")
    assert identity(config) == other
    (config.state / "identity").write_bytes(b"\xff\xfe")
    assert identity(config).startswith("gw-")


def test_a_configuration_that_cannot_be_used_is_an_answer_and_no_traceback(tmp_path):
    gateway = Gateway(tmp_path, devices='[[device]]\nid = "x"\nmodel = "no-such"\n')
    done = gateway.command("run")
    assert done.returncode == 2
    assert "there is no driver for model 'no-such'" in done.stderr
    assert "Traceback" not in done.stderr
    gateway = Gateway(tmp_path / "2", lines='[replay]\nfile = "no-such-day.txt"\n', devices="")
    done = gateway.command("run")
    assert done.returncode == 2
    assert "no-such-day.txt" in done.stderr
    assert "Traceback" not in done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "run", "--config", "/nowhere/gateway.toml"], cwd=REPO, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "/nowhere/gateway.toml" in done.stderr


def test_a_runtime_folder_that_cannot_be_made_is_an_answer(tmp_path):
    gateway = Gateway(tmp_path, devices="")
    gateway.runtime.write_text("a file")
    done = gateway.command("run")
    assert done.returncode in {1, 2}
    assert str(gateway.runtime) in done.stderr
    assert "Traceback" not in done.stderr
