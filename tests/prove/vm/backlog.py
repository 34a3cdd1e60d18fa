"""200 MB that wait for the platform when the power comes back."""

from __future__ import annotations

import random
import time
from pathlib import Path

from tests.prove import pace
from tests.prove.table import Row
from tests.prove.vm.holds import LONGEST, call_for_help, close_all, fresh, pressed, where_there_is_a_machine
from tests.vm.home import DAEMON, STATE, House

# As many entries as fill the journal, made of the last fault, all waiting for the platform.
BACKLOG = """
import contextlib, os, sqlite3
with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
    number, body = db.execute("SELECT number, CAST(body AS TEXT) FROM journal WHERE name = 'fault' ORDER BY number DESC LIMIT 1").fetchone()
    last = db.execute("SELECT max(number) FROM journal").fetchone()[0]
    body = __import__("json").loads(body)
    body["detail"] = dict(body.get("detail", {}), why="x" * 1000)
    text = __import__("json").dumps(body)
    count = wanted // (len(text) + 120)
    db.execute("BEGIN")
    db.execute(
        "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO journal (number, name, alarm, wall, body) SELECT i, 'fault', NULL, 0,"
        " CAST(json_set(?, '$.number', i, '$.id', json_extract(?, '$.journal') || '-' || i) AS BLOB) FROM n",
        (last + 1, last + count, text, text),
    )
    db.execute("INSERT INTO outbox (priority, number) SELECT 3, number FROM journal WHERE number > ?", (last,))
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
result = [count, os.stat(path).st_size]
"""


@where_there_is_a_machine
def backlog(short: bool, folder: Path, seed: int) -> list[Row]:
    """200 MB of entries that wait for the platform, then a power cut (deep run)"""
    if short:
        return []
    with House(folder, megabytes=640) as house:
        house.start()
        call_for_help(house, 60)
        close_all(house)  # a press on an open alarm is counted, and sounds no more
        house.machine.sh(f"systemctl stop {DAEMON}")
        house.broker.stop()
        made = house.machine.python(BACKLOG, timeout=900, path=f"{STATE}/gateway.db", wanted=200 * 1024 * 1024)
        house.machine.sh(f"chown eldercare: {STATE}/gateway.db* && sync", 120)
        house.cut(random.Random(seed))
        house.boot()
        hears = house.hears()
        words = pace.starts([house.paced() for _ in range(3)])
        began = time.monotonic()
        sounded, known = len(house.siren.sounded), pressed(house)
        house.press(1)
        while len(house.siren.sounded) == sounded:
            assert time.monotonic() - began < LONGEST, house.log()[-2000:]
            time.sleep(0.1)
            house.press_again()
        now = time.monotonic()
        sounds = now - began - house.machine.stolen(began, now)
        house.broker.start()
        house.until(lambda: house.status()["uplink"]["connected"], 120)
        house.until(lambda: pressed(house) > known)
        told = call_for_help(house, 60)
        waiting = fresh(house)["waiting"]
        assert waiting > made[0] // 2, f"{waiting} entries waited still: nothing was overtaken"
    note = f"{made[0]} entries in {made[1] >> 20} MiB; a press sounds after {sounds:.1f} s, another is told in {told:.1f} s while they drain; {words}"
    return [
        Row(promises=(1, 4, 8, 9), done="start with 200 MB that wait", times=1, worst=hears, worst_of="unit started to hearing", note=note)
    ]


PROOFS = [backlog]
