"""What is on record of this home: its readings, and the alarms that were."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import NamedTuple

from gateway.box.folders import reader
from gateway.contract import encoding, wire
from gateway.home.waits import WAITS
from gateway.judge.alarm import Outcome, State
from gateway.judge.beds import SIGNS
from gateway.judge.danger import JUDGED
from gateway.judge.silence.life import LIVES
from gateway.words.clock import Moment
from gateway.words.reading import Kind, Reading

ALARMS = 5000


class Was(NamedTuple):
    """One alarm as the journal has it.

    `at`: the wall second of its danger. `answered` and `closed`: how many seconds after it was
    raised, None for never. `calls`: those beyond the platform.
    """

    kind: str
    device: str
    room: str
    at: float
    state: State
    calls: int
    answered: float | None
    closed: float | None
    outcome: Outcome | None = None


def readings(path: Path, began: float, most: int, ended: float = inf) -> Iterator[Reading]:
    """Yield the recorded readings that are judged, oldest first, from wall second `began` on.

    At most so many are read.

    Their clock never goes back: across a power-up it goes on where the wall clock says, or later.
    Raises sqlite3.Error.
    """
    if not path.exists():
        return
    wanted = sorted(JUDGED | SIGNS | LIVES)
    kinds = ",".join("?" * len(wanted))
    mono = began
    boot, started = "", 0.0
    with reader(path, WAITS.lock) as db:
        columns = {row[1] for row in db.execute("PRAGMA table_info(readings)")}
        flagged = "flagged" if "flagged" in columns else "0"
        rows = db.execute(
            f"SELECT device, kind, value, nth, label, boot, mono, wall, {flagged} FROM readings "  # noqa: S608  a column
            f"WHERE wall >= ? AND wall < ? AND kind IN ({kinds}) ORDER BY row LIMIT ?",
            (began, ended, *wanted, most),
        )
        for device, kind, value, nth, label, power_up, at, wall, doubtful in rows:
            if power_up != boot:
                boot, started = power_up, max(wall, mono) - at
            mono = max(mono, started + at)
            yield Reading(
                device=device,
                kind=Kind(kind),
                value=value == b"\1" if isinstance(value, bytes) else value,
                index=nth,
                label=label,
                at=Moment(mono, datetime.fromtimestamp(mono, UTC)),
                flagged=bool(doubtful),
            )


def recorded_alarms(path: Path, began: float) -> list[Was]:
    """Return the real alarms since wall second `began`, as they stand now. Raises sqlite3.Error."""
    if not path.exists():
        return []
    newest: dict[int, wire.AlarmMessage] = {}
    with reader(path, WAITS.lock) as db:
        rows = db.execute(
            "SELECT max(number), body FROM journal "
            "WHERE name = 'alarm' AND alarm > 0 AND wall >= ? "
            "GROUP BY alarm ORDER BY 1 DESC LIMIT ?",
            (began, ALARMS),
        )
        for _, body in rows:
            with contextlib.suppress(wire.BadMessage):
                message = encoding.decode_entry(body)
                if isinstance(message, wire.AlarmMessage) and not message.test:
                    newest[message.alarm_number] = message
    return [_was(m) for _, m in sorted(newest.items())]


def _was(m: wire.AlarmMessage) -> Was:
    stages = {name: datetime.fromisoformat(at.wall).timestamp() for name, at in m.stages.items()}
    began = stages.get("danger", stages.get("alarm", 0.0))
    raised = stages.get("alarm", began)
    answers = [stages[n] for n in ("answered", "dispatch", "arrival") if n in stages]
    closed = stages["closed"] - raised if "closed" in stages else None
    made = m.calls_made or len(m.calls)  # an earlier version did not count them
    calls = made - sum(call.rung == 0 for call in m.calls)
    return Was(
        m.kind,
        m.device,
        m.room,
        began,
        m.state,
        calls,
        min(answers) - raised if answers else None,
        closed,
        m.outcome,
    )
