"""What a start reads of a database: how alarms and faults stand, marks, drivers' memories.

Marks of which `Known` is made are parsed here, all others by whoever keeps them.

All functions read by a connection, on the thread that opens the store, before anybody else has it.
Neither outbox nor journal is read through: they may hold 200 MB, and the button that is pressed now
must not wait for that.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from gateway.contract import encoding, wire
from gateway.judge import pending
from gateway.judge.alarm import Alarm
from gateway.judge.faults import firsts, silence
from gateway.judge.faults.fact import FaultFact
from gateway.judge.known import Known
from gateway.judge.masks import unmasked
from gateway.keep.database import marked, single
from gateway.words.clock import Moment, Quality, When, bridged, on_boot
from gateway.words.instruction import Done
from gateway.words.reading import DeviceId

Ended = tuple[str, DeviceId]  # kind and device of an ended alarm
Memories = dict[DeviceId, dict[str, int | str]]

_OWN: Final = (  # ranges of the numbers of alarms that have an id of this journal
    "SELECT min(number), max(number) FROM "
    "(SELECT number, number - row_number() OVER (ORDER BY number) AS run FROM alarms"
    " WHERE id = ? || number) GROUP BY run ORDER BY 1"
)


def load(db: sqlite3.Connection, journal: str, now: Moment, boot: str) -> Known:
    """Return what was known in the database of a journal. Raises one of BROKEN on damage."""
    alarms, shift = [], {}
    alive = lived(marked(db, "alive"))
    closed, closed_for = _closed(db, alive, now, boot)
    rows = db.execute(
        "SELECT a.number, j.body FROM alarms a JOIN journal j ON j.number = a.entry "
        "WHERE a.open OR a.active ORDER BY 1"
    )
    for _, body in rows:
        message = encoding.decode_entry(body)
        if isinstance(message, wire.AlarmMessage):
            alarms.append((encoding.alarm_of(message, now), message.at.boot == boot))
            shift[message.alarm_number] = bridged(message.at, alive, now)
    # By key, never through the outbox.
    waiting = db.execute(
        "SELECT a.number, a.entry FROM alarms a JOIN outbox o "
        "ON o.priority IN (1, 2, 3, 4) AND o.number = a.entry WHERE a.open OR a.active"
    )
    faults, said_for = _faults(db, now, boot)
    shelves, away = unmasked(marked(db, "masks"), now, boot)
    return Known(
        journal=journal,
        last=max(0, single(db, "SELECT coalesce(max(number), 0) FROM journal")),
        last_alarm=single(db, "SELECT coalesce(max(number), 0) FROM alarms"),
        own=[(int(first), int(last)) for first, last in db.execute(_OWN, (f"{journal}-a",))],
        alarms=alarms,
        carried={alarm.number for alarm, same in alarms if same},
        shift=shift,
        raised_in={int(a): int(n) for a, n in waiting},
        closed=closed,
        closed_for=closed_for,
        cancels=[on_boot(one, alive, now, boot) for one in stamps(marked(db, "cancels"))],
        faults=faults,
        said_for=said_for,
        silent_for=silence.read(marked(db, "silent")),
        heard_ago=_heard_ago(db, now),
        done={
            str(i): Done("?" if digest is None else str(digest), int(entry or 0))
            for i, digest, entry in db.execute(
                "SELECT id, digest, result FROM instructions ORDER BY number"
            )
        },
        endings=_names(marked(db, "endings") or "[]"),
        shelves=shelves,
        away=away,
        pending=pending.read(marked(db, pending.MARK), now, boot),
    )


def _faults(
    db: sqlite3.Connection, now: Moment, boot: str
) -> tuple[dict[tuple[str, str], FaultFact], dict[tuple[str, str], float]]:
    """Return the faults that are on, and the seconds since each was said last."""
    faults, said_for = {}, {}
    for body, said in db.execute(
        "SELECT j.body, f.said FROM faults f JOIN journal j ON j.number = f.entry"
    ):
        message = encoding.decode_entry(body)
        if isinstance(message, wire.FaultMessage):
            faults[message.kind, message.device] = fault = encoding.fault_of(message, now, boot)
            since = now.mono - fault.since.mono
            said_for[message.kind, message.device] = (
                since if said is None else min(since, encoding.passed(said, now))
            )
    return faults, said_for


def _heard_ago(db: sqlite3.Connection, now: Moment) -> dict[DeviceId, float]:
    """Return the seconds since each device was heard; nothing where the clock is not confirmed."""
    if now.quality is not Quality.SYNCHRONISED:
        return {}
    rows = db.execute("SELECT device, heard FROM devices WHERE heard IS NOT NULL")
    return {str(device): max(0.0, now.wall.timestamp() - heard) for device, heard in rows}


def _closed(
    db: sqlite3.Connection, alive: When | None, now: Moment, boot: str
) -> tuple[dict[Ended, str], dict[Ended, float]]:
    """Return the id of each kind's and device's last ended alarm, and the seconds since its end."""
    rows = db.execute(
        "SELECT a.kind, a.device, a.id, j.body "
        "FROM alarms a LEFT JOIN journal j ON j.number = a.entry"
        " WHERE a.number IN (SELECT max(number) FROM alarms WHERE NOT open GROUP BY kind, device)"
    )
    closed, ago = {}, {}
    for kind, device, name, body in rows:
        key = str(kind), str(device)
        closed[key] = str(name)
        message = encoding.decode_entry(body) if body is not None else None
        if isinstance(message, wire.AlarmMessage):
            stages = message.stages
            at = stages.get("closed") or stages.get("cancelled") or message.at
            ago[key] = max(
                0.0, now.mono - at.mono - (0.0 if at.boot == boot else bridged(at, alive, now))
            )
    return closed, ago


def ended(db: sqlite3.Connection, now: Moment) -> dict[str, Alarm]:
    """Return every alarm that has ended by its id, as its newest entry tells it.

    It reads the bodies of all alarms, and is meant for a stand-in, which holds few.
    """
    rows = db.execute("SELECT j.body FROM alarms a JOIN journal j ON j.number = a.entry")
    messages = [encoding.decode_entry(body) for (body,) in rows]
    alarms = [encoding.alarm_of(m, now) for m in messages if isinstance(m, wire.AlarmMessage)]
    return {alarm.id: alarm for alarm in alarms if not alarm.open}


def memories(db: sqlite3.Connection) -> Memories:
    """Return the drivers' memories: last packet ids, counters. Raises one of BROKEN."""
    return {str(d): json.loads(m) for d, m in db.execute("SELECT device, memory FROM devices")}


def texts(known: Memories) -> dict[DeviceId, str]:
    """Return drivers' memories as they are written down."""
    return {device: json.dumps(memory, separators=(",", ":")) for device, memory in known.items()}


# -- marks -----------------------------------------------------------------------------------------


def lived(text: str) -> When | None:
    """Return when the gateway was last known to run, as the mark `alive` has it.

    Raises one of BROKEN.
    """
    return stamps(f"[{text}]")[0] if text else None


def stamps(text: str) -> list[When]:
    """Return the moments of a mark. Raises one of BROKEN."""
    rows = msgspec.json.decode(text or "[]", type=list[tuple[str, float, str, Quality]])
    for _, _, wall, _ in rows:
        if datetime.fromisoformat(wall).tzinfo is None:
            raise ValueError(f"{wall!r} names no zone")
    return [When(*row) for row in rows]


def _names(text: str) -> list[str]:
    return msgspec.json.decode(text, type=list[str])


# Marks that go on in a fresh database, and what must be able to read them: one of BROKEN says that
# a mark is damaged.
CARRIED: Mapping[str, Callable[[str], object]] = {
    "masks": lambda text: unmasked(text, Moment(0.0, datetime.now(UTC))),
    "floor": datetime.fromisoformat,
    "endings": _names,
    "alive": lived,
    "cancels": stamps,
    "inbox": int,
    "household": int,
    "certificate": int,
    "rounds": msgspec.json.decode,
    "silent": silence.read,
    pending.MARK: msgspec.json.decode,
    "told": firsts.read,
    "silence": msgspec.json.decode,
    "line": msgspec.json.decode,
    "generation": int,
    "acted": lived,
}
