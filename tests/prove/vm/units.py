"""The gateway in its units, as the manual installs it: at work in their sandboxes, without its radio, hung and replaced."""

from __future__ import annotations

import http.client
import re
import ssl
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.prove.table import Row
from tests.prove.vm.holds import CLOCK_IS_RIGHT, LONGEST, call_for_help, pressed, where_there_is_a_machine, whole
from tests.vm.home import DAEMON, PAGE, STATE, House


def sandboxed(house: House) -> dict[str, float]:
    """See what the kernel says of both processes, and return what systemd thinks of their units."""
    scores = {}
    users = {}
    for unit, most in ((DAEMON, 20), (PAGE, 15)):
        facts = house.machine.unit(unit, "MainPID", "ActiveState", "NRestarts")
        assert facts["ActiveState"] == "active", house.log(unit)
        pid = facts["MainPID"]
        said = house.machine.python("result = open(f'/proc/{pid}/status').read()", pid=pid)
        known = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
        assert known["NoNewPrivs"] == "1", said
        assert known["Seccomp"] == "2", said
        assert known["Uid"].split()[0] != "0", said
        users[unit] = int(known["Uid"].split()[0]), int(known["Gid"].split()[0]), pid
        assert known["CapEff"] == known["CapBnd"] == ("0000000000000000" if unit == DAEMON else "0000000000000400"), said
        source = "import os\nresult = os.statvfs(f'/proc/{pid}/root/usr').f_flag & os.ST_RDONLY"
        assert house.machine.python(source, pid=pid), f"{unit} may write to /usr"
        judged = house.machine.sh(f"systemd-analyze security --no-pager --threshold={most} {unit} | tail -1", 120)
        scores[unit] = float(re.search(r": ([0-9.]+) ", judged)[1])
        if unit == PAGE:
            source = "import os\nresult = os.stat(f'/proc/{pid}/root/etc/eldercare-gateway/secrets.toml').st_size"
            assert house.machine.python(source, pid=pid) == 0, "the page can read the secrets"
    (daemon, group, pid), (page, same, inside) = users[DAEMON], users[PAGE]
    assert daemon != page, "one user runs both"
    assert group == same, "the page may not look at what it shows"
    probe = f"{STATE}/household-secrets.json.probe"
    house.machine.put(probe, "as the daemon keeps them", 0o600)
    house.machine.sh(f"chown eldercare: {probe}")
    run = (
        "import subprocess, sys\n"
        "line = [*within, 'setpriv', f'--reuid={user}', f'--regid={group}', '--clear-groups', sys.executable, '-S', '-c', source, state, pid]\n"
        "done = subprocess.run(line, capture_output=True)\n"
        "result = done.stdout.decode().split() + [done.stderr.decode()[-500:]]"
    )
    who = {"user": page, "group": group, "pid": pid, "state": STATE}
    said = house.machine.python(run, source=LOOKS, within=["nsenter", "--target", inside, "--mount"], **who)
    assert said == ["looked", ""], f"in its own view of the file system the page cannot read the journal: {said}"
    said = house.machine.python(run, source=TRIES, within=[], **who)
    house.machine.sh(f"rm {probe}")
    assert said == [*["PermissionError"] * 4, ""], said
    return scores


# What the page's user may do with the running daemon's files, and what the kernel refuses it.
LOOKS = """
import sqlite3, sys
state = sys.argv[1]
with sqlite3.connect(f"file:{state}/gateway.db?mode=ro", uri=True) as db:
    print("looked" if db.execute("SELECT count(*) FROM journal").fetchone()[0] else "nothing")
"""
TRIES = """
import os, signal, sys
state, pid = sys.argv[1:]
for work in (lambda: open(f"{state}/household-secrets.json.probe"), lambda: open(f"{state}/gateway.db", "r+b"),
             lambda: os.rename(f"{state}/gateway.db", f"{state}/gone"), lambda: os.kill(int(pid), signal.SIGTERM)):
    try:
        work()
        print("done")
    except OSError as error:
        print(type(error).__name__)
"""


def page_answers(house: House) -> float:
    """Open the page from outside; return the seconds it took."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    began = time.monotonic()
    while True:
        try:
            asked = urllib.request.Request(f"https://127.0.0.1:{house.machine.doors[443]}/", headers={"Host": "gateway.local"})
            with urllib.request.urlopen(asked, timeout=30, context=context) as answer:
                assert answer.status == 200
                assert b"<html" in answer.read()
                return time.monotonic() - began
        except (OSError, http.client.HTTPException):
            assert time.monotonic() - began < LONGEST, house.log(PAGE)
            time.sleep(0.5)


@where_there_is_a_machine
def at_work_in_its_units(short: bool, folder: Path, seed: int) -> list[Row]:
    """installed as the manual says: radio, line, siren, network, page in their sandboxes; bluetoothd, adapter, watchdog"""
    rows = []
    with House(folder, hooks=True) as house:
        started = house.start(page=True)
        told = call_for_help(house, 60)
        house.until(lambda: house.siren.sounded)
        house.radar.fall()
        house.desk.wait(lambda m: m.get("kind") == "person.fall", 60)
        house.machine.python(CLOCK_IS_RIGHT)
        house.until(lambda: house.status()["clock"] == "synchronised")
        page = page_answers(house)
        scores = sandboxed(house)
        note = ", ".join(f"{unit.removesuffix('.service').removeprefix('eldercare-')} {score}" for unit, score in scores.items())
        rows.append(
            Row(
                promises=(8, 9, 11),
                done="BLE, line, siren, network, page in units of two users",
                times=1,
                worst=started,
                worst_of="unit started to hearing",
                note=f"exposure {note}; first press told in {told:.1f} s, page in {page:.1f} s",
            )
        )
        rows += radio_faults(house, short)
        rows += hangs(house, short)
        whole(house)
    return rows


def radio_faults(house: House, short: bool) -> list[Row]:
    """Do to the real bluetoothd and the adapter what happens to them; a press is told again by itself."""

    def healed(act: Callable[[], Any], *, again: Callable[[], Any] = lambda: None, deaf: float = 0.0) -> float:
        presses = pressed(house)
        act()
        time.sleep(deaf)
        again()
        took = call_for_help(house, 240)
        assert pressed(house) == presses + 1
        return took

    vm = house.machine
    rows = []

    def row(what: str, times: int, worst: float, note: str = "") -> None:
        rows.append(Row(promises=(9, 10), done=what, times=times, worst=worst, worst_of="until a press is told", note=note))

    times = 1 if short else 5
    row("bluetoothd restarted", times, max(healed(lambda: vm.sh("systemctl restart bluetooth")) for _ in range(times)))
    gone = [healed(lambda: vm.sh("systemctl stop vm-radio"), again=lambda: vm.sh("systemctl start vm-radio"), deaf=2) for _ in range(times)]
    row("adapter pulled out and put back", times, max(gone))
    if not short:
        row("bluetoothd killed", times, max(healed(lambda: vm.sh("systemctl kill -s KILL bluetooth")) for _ in range(times)))
        row("adapter switched off", times, max(healed(lambda: vm.sh("bluetoothctl power off")) for _ in range(times)))
        row(
            "the scanner dies: its bus is cut",
            times,
            max(healed(lambda: vm.sh(f"systemctl kill -s ALRM --kill-whom=main {DAEMON}")) for _ in range(times)),
        )
        hold = [healed(lambda: vm.sh("systemctl kill -s STOP bluetooth"), again=lambda: vm.sh("systemctl kill -s CONT bluetooth"), deaf=30)]
        row("bluetoothd hangs for 30 s", 1, max(hold))
    return rows


def restarts(house: House) -> int:
    return int(house.machine.unit(DAEMON, "NRestarts")["NRestarts"])


def hangs(house: House, short: bool) -> list[Row]:
    """Let parts of the daemon hang; systemd's watchdog replaces it."""
    rows = []
    kinds = [("the whole process hangs", "STOP"), ("the event loop hangs", "USR1"), ("the thread that writes hangs", "USR2")]
    for what, number in kinds[:1] if short else kinds:
        before = restarts(house)
        began = time.monotonic()
        house.machine.sh(f"systemctl kill -s {number} --kill-whom=main {DAEMON}")
        while restarts(house) == before:
            assert time.monotonic() - began < LONGEST, f"nobody replaced it: {house.log()[-2000:]}"
            time.sleep(0.5)
        told = call_for_help(house, 120)
        now = time.monotonic()
        took = now - began - house.machine.stolen(began, now)
        rows.append(
            Row(
                promises=(9, 10),
                done=f"{what}",
                times=1,
                worst=took,
                worst_of="until a press is told",
                note=f"the press took {told:.1f} s of it",
            )
        )
    return rows


PROOFS = [at_work_in_its_units]
