"""What the page knows of the home: read from the daemon's databases and status file, never written.

Every look opens the file, asks and closes: the daemon may set a database aside and begin another at
any time. Where there is no file, or not yet a table, nothing is known and nothing is raised.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from gateway.box.folders import reader
from gateway.contract import encoding, wire
from gateway.home import status
from gateway.home.config import Config
from gateway.home.status import AlarmStatus, Status
from gateway.page.waits import WAITS
from gateway.page.weeks import Day
from gateway.words import kind
from gateway.words.clock import LATEST, When

LOOK_BACK = 5000  # journal rows that are searched for the entries of one alarm
ROWS = 40_000  # readings that are read for a day's picture
DAY = 86400.0
EVIDENCE = 40  # newest alarms whose evidence is looked at for a day's picture
NOTES = 300  # journal rows in which the notes of the last day are looked for


@dataclass(frozen=True, slots=True)
class Heard:
    """One reading of the history."""

    device: str
    kind: str
    value: bool | int | float | str
    wall: float


@dataclass(frozen=True, slots=True)
class Filter:
    """Which past alarms are wanted; empty = all."""

    kind: str = ""
    outcome: str = ""
    test: str = ""  # "" all, "no" real ones, "only"

    def takes(self, alarm: wire.AlarmMessage) -> bool:
        """Say whether the alarm is wanted."""
        return (
            self.kind in ("", alarm.kind)
            and self.outcome in ("", alarm.outcome.value if alarm.outcome else "open")
            and (not self.test or alarm.test is (self.test == "only"))
        )


class Known:
    """The daemon's word, as files; for any thread of the page."""

    def __init__(self, config: Config) -> None:
        self.use(config)

    def use(self, config: Config) -> None:
        """Go on with another configuration, which has taken effect."""
        self._config = config
        self.zone = config.zone

    # -- the status file ---------------------------------------------------------------------------

    def status(self) -> Status:
        """Return the daemon's last word.

        Where there is none it is one of wall second 0 that says nothing.
        """
        try:
            return status.read(self._config.runtime)
        except (OSError, ValueError):
            return Status(written=0.0)

    def now(self, facts: Status) -> float:
        """Return the wall second of the home, by the daemon's own clock.

        That may be the clock of a recorded day.
        """
        try:
            at = datetime.fromisoformat(facts.wall).timestamp()
        except ValueError:
            return time.time()
        return at + (facts.age if facts.well else 0.0)

    def disk(self) -> tuple[int, int]:
        """Return (bytes free, bytes in all) where the databases lie."""
        try:
            usage = shutil.disk_usage(self._config.state)
        except OSError:
            return 0, 0
        return usage.free, usage.total

    def gateway(self) -> str:
        """Return the gateway's id, "" where it is not known yet."""
        return self.status().gateway or self._config.gateway.id

    # -- gateway.db --------------------------------------------------------------------------------

    def _folder(self) -> Path:
        """Return where the daemon writes: where its disk failed that is a stand-in in memory."""
        where = self.status().store
        return Path(where) if where else self._config.state

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[sqlite3.Connection]:
        with reader(self._folder() / name, WAITS.reading) as db:
            yield db

    def _ask(
        self, query: str, values: tuple[object, ...] = (), name: str = "gateway.db"
    ) -> list[tuple[Any, ...]]:
        """Return rows; none where there is no database, or not yet this table."""
        try:
            with self._open(name) as db:
                return db.execute(query, values).fetchall()
        except (sqlite3.Error, OverflowError):  # a number in an address can be of any length
            return []

    def newest(self) -> int:
        """Return the number of the newest journal entry."""
        rows = self._ask("SELECT coalesce(max(number), 0) FROM journal")
        return int(rows[0][0]) if rows else 0

    def open_alarms(self) -> list[wire.AlarmMessage]:
        """Return what is open, most urgent and newest first, tests last."""
        rows = self._ask(
            "SELECT j.body FROM alarms a JOIN journal j ON j.number = a.entry WHERE a.open"
        )
        found = [m for m in map(_entry, rows) if isinstance(m, wire.AlarmMessage)]
        return sorted(found, key=lambda a: (a.test, int(a.priority), -a.alarm_number))

    def unread(self, facts: Status, read: Iterable[wire.AlarmMessage]) -> list[AlarmStatus]:
        """Return what the gateway says is open and the journal knows nothing of.

        `read` is what was just read here as open. The status file is a moment behind: what has
        ended meanwhile stands in the journal.
        """
        here = {alarm.alarm for alarm in read}
        return [a for a in facts.alarms if a.alarm not in here and self.by_id(a.alarm) is None]

    def reads(self) -> bool:
        """Say whether the journal can be read, so that "no alarm" is known."""
        try:
            with self._open("gateway.db") as db:
                db.execute("SELECT 1 FROM alarms WHERE open LIMIT 1").fetchall()
        except sqlite3.Error:
            return False
        return True

    def alarm(self, number: int) -> wire.AlarmMessage | None:
        """Return one alarm as it stands."""
        rows = self._ask(
            "SELECT j.body FROM alarms a JOIN journal j ON j.number = a.entry WHERE a.number = ?",
            (number,),
        )
        found = _entry(rows[0]) if rows else None
        return found if isinstance(found, wire.AlarmMessage) else None

    def by_id(self, alarm: str) -> wire.AlarmMessage | None:
        """Return one alarm by its id in the world."""
        rows = self._ask(
            "SELECT number FROM alarms WHERE id = ? ORDER BY number DESC LIMIT 1", (alarm,)
        )
        return self.alarm(int(rows[0][0])) if rows else None

    def past(self, wanted: Filter, before: int = 0, limit: int = 20) -> list[wire.AlarmMessage]:
        """Return alarms, newest first, at most `limit`.

        With `before` only those whose number is below it.
        """
        out: list[wire.AlarmMessage] = []
        query = (
            "SELECT j.body FROM alarms a JOIN journal j ON j.number = a.entry "
            "WHERE a.number < ? AND (? = '' OR a.kind = ?) ORDER BY a.number DESC"
        )
        with contextlib.suppress(sqlite3.Error), self._open("gateway.db") as db:
            for row in db.execute(query, (before or 1 << 60, wanted.kind, wanted.kind)):
                message = _entry(row)
                if isinstance(message, wire.AlarmMessage) and wanted.takes(message):
                    out.append(message)
                    if len(out) >= limit:
                        break
        return out

    def kinds(self) -> list[str]:
        """Return the kinds of alarm there have been."""
        return [str(k) for (k,) in self._ask("SELECT DISTINCT kind FROM alarms ORDER BY kind")]

    def moves(self, alarm: wire.AlarmMessage) -> list[wire.AlarmMessage]:
        """Return every entry about one alarm, oldest first."""
        out: list[wire.AlarmMessage] = []
        query = (
            "SELECT body FROM journal WHERE number BETWEEN ? AND ? AND alarm = ? "
            "ORDER BY number DESC"
        )
        with contextlib.suppress(sqlite3.Error), self._open("gateway.db") as db:
            for row in db.execute(
                query, (alarm.number - LOOK_BACK, alarm.number, alarm.alarm_number)
            ):
                message = _entry(row)
                if isinstance(message, wire.AlarmMessage):
                    out.append(message)
                    if message.before is None and message.move in {"raise", "danger"}:
                        break
        return out[::-1]

    def results(self, alarm: str, limit: int = 40) -> list[wire.ResultMessage]:
        """Return what came of the newest instructions about one alarm, oldest first."""
        rows = self._ask(
            "SELECT body FROM journal WHERE name = 'result' ORDER BY number DESC LIMIT 400"
        )
        found = [
            m for m in map(_entry, rows) if isinstance(m, wire.ResultMessage) and m.alarm == alarm
        ]
        return found[:limit][::-1]

    def result(self, instruction: str) -> wire.ResultMessage | None:
        """Return what came of one instruction, None while the daemon has not answered."""
        rows = self._ask(
            "SELECT body FROM journal "
            "WHERE number > (SELECT max(number) - 400 FROM journal) AND name = 'result'"
        )
        return next(
            (
                m
                for m in map(_entry, rows)
                if isinstance(m, wire.ResultMessage) and m.instruction == instruction
            ),
            None,
        )

    def journal(self, before: int = 0, name: str = "", limit: int = 50) -> list[wire.Outward]:
        """Return journal entries, newest first."""
        query = (
            "SELECT body FROM journal WHERE number < ? AND number > 0 AND (? = '' OR name = ?) "
            "ORDER BY number DESC LIMIT ?"
        )
        rows = self._ask(query, (before or 1 << 60, name, name, limit))
        return [m for m in map(_entry, rows) if m is not None]

    def faults(self) -> list[wire.FaultMessage]:
        """Return the faults that are on, most urgent first."""
        rows = self._ask("SELECT j.body FROM faults f JOIN journal j ON j.number = f.entry")
        found = [m for m in map(_entry, rows) if isinstance(m, wire.FaultMessage)]
        return sorted(found, key=lambda f: (int(f.priority), f.kind, f.device))

    def notes(self, now: float) -> list[tuple[wire.FaultMessage, int]]:
        """Return what was only told in the last day, newest first.

        Each kind and device comes once, with how often it was told.
        """
        out: dict[tuple[str, str], tuple[wire.FaultMessage, int]] = {}
        for m in self.journal(name="fault", limit=NOTES):
            if (
                isinstance(m, wire.FaultMessage)
                and m.turn == "noted"
                and seconds(m.at.wall) >= now - DAY
            ):
                first, count = out.get((m.kind, m.device), (m, 0))
                out[m.kind, m.device] = first, count + 1
        return [found for found in out.values() if found[0].kind != kind.RESTARTED or found[1] > 1]

    def restarts(self, since: float) -> list[float]:
        """Return the wall seconds at which the gateway was started anew, from `since` on."""
        entries = self.journal(name="fault", limit=NOTES)
        found = [
            seconds(m.at.wall)
            for m in entries
            if isinstance(m, wire.FaultMessage) and m.kind == kind.RESTARTED
        ]
        return [at for at in found if at >= since]

    def answered(self) -> int | None:
        """Return the number of the newest instruction of the inbox that was answered.

        None where that is not known.
        """
        rows = self._ask("SELECT value FROM marks WHERE name = 'inbox'")
        return int(rows[0][0]) if rows and str(rows[0][0]).isdecimal() else None

    def masks(self) -> dict[str, Any]:
        """Return {"shelves": {device: {until, by, reason}}, "away": wall second or 0}."""
        rows = self._ask("SELECT value FROM marks WHERE name = 'masks'")
        try:
            masks = msgspec.json.decode(rows[0][0]) if rows else {}
            return {
                "shelves": dict(masks.get("shelves", {})),
                "away": max(0.0, min(masks.get("away", 0.0), LATEST)),
            }
        except (ValueError, TypeError, AttributeError):
            return {"shelves": {}, "away": 0.0}

    def took_over(self) -> str:
        """Return when this box took over from another one, as wall time; "" where it never has."""
        rows = self._ask("SELECT value FROM marks WHERE name = 'taken_over'")
        return str(rows[0][0]) if rows else ""

    # -- history.db --------------------------------------------------------------------------------

    def day(self, now: float) -> list[Heard]:
        """Return the readings of the last day and an hour, oldest first.

        What its alarms rest on is among them. Rows lie in order: from the newest back they are read
        until one is older.
        """
        out: list[Heard] = []
        query = "SELECT device, kind, value, wall FROM readings ORDER BY row DESC LIMIT ?"
        with contextlib.suppress(sqlite3.Error), self._open("history.db") as db:
            for device, what, value, wall in db.execute(query, (ROWS,)):
                if wall < now - DAY - 3600:
                    break
                out.append(
                    Heard(device, what, value == b"\1" if isinstance(value, bytes) else value, wall)
                )
        return sorted([*out[::-1], *self._evidence(now, out)], key=lambda heard: heard.wall)

    def _evidence(self, now: float, kept: list[Heard]) -> list[Heard]:
        """Return what alarms of the last day rest on and the history has not got yet.

        The history is written every few minutes only; `kept` is what it has.
        """
        there = {(h.device, h.kind, round(h.wall)) for h in kept}
        out = []
        for alarm in self.past(Filter(), limit=EVIDENCE):
            for e in alarm.evidence:
                at = seconds(e.at.wall)
                if at >= now - DAY - 3600 and not there & {
                    (e.device, e.kind, round(at) + n) for n in (-1, 0, 1)
                }:
                    there.add((e.device, e.kind, round(at)))
                    out.append(Heard(e.device, e.kind, e.value, at))
        return out

    def packets(self, facts: Status, now: float) -> dict[str, list[float]]:
        """Return for each device wall seconds of the last day at which it was heard, to the minute.

        They are the ends of each time in which it was heard, and a few between, with the hour that
        is not written yet (`facts`). Of an hour that an earlier version has written only its two
        ends are known.
        """
        out: dict[str, list[float]] = {}
        first = int((now - DAY) // 3600) - 1
        rows = self._ask(
            "SELECT device, hour, minutes FROM signals WHERE hour >= ? ORDER BY hour",
            (first,),
            "history.db",
        )
        for d in facts.devices:
            rows += [(d.device, int(hour), bits) for hour, bits in d.minutes.items()]
            last = now - d.heard_s
            if d.heard and last >= now - DAY:
                out.setdefault(d.device, []).append(last)
        for device, hour, minutes in rows:
            begin = hour * 3600.0
            found = (
                [begin, begin + 3599.0]
                if minutes is None
                else [begin + 60.0 * n for n in _ends(minutes)]
            )
            out.setdefault(device, []).extend(at for at in found if at <= now)
        return {device: sorted(found) for device, found in out.items()}

    def heard_before(self, wall: float) -> set[str]:
        """Return the devices heard before wall second `wall`, in the weeks that are kept."""
        rows = self._ask(
            "SELECT DISTINCT device FROM signals WHERE hour < ?", (int(wall // 3600),), "history.db"
        )
        return {str(device) for (device,) in rows}

    def weeks(self, now: float, days: int, device: str = "") -> dict[str, list[Day]]:
        """Return the last `days` days of each device, or of one: its signal and its battery.

        A day is one of the home's own clock, oldest first.
        """
        offset = int(
            (
                datetime.fromtimestamp(now, UTC).astimezone(self.zone).utcoffset() or timedelta()
            ).total_seconds()
            // 3600
        )
        today = (int(now // 3600) + offset) // 24
        rows = self._ask(
            "SELECT device, (hour + ?) / 24 AS day, count(*), sum(packets), min(nullif(worst, 0)), "
            "avg(nullif(median, 0)), battery, max(hour) FROM signals "
            "WHERE hour >= ? AND (? = '' OR device = ?) GROUP BY device, day ORDER BY day",
            (offset, (today - days + 1) * 24 - offset, device, device),
            "history.db",
        )
        out: dict[str, list[Day]] = {}
        for name, day, hours, packets, worst, usual, battery, _ in rows:
            out.setdefault(name, []).append(
                Day(int(day) - today, hours, packets, worst, usual, battery)
            )
        return out


def _ends(minutes: int) -> list[int]:
    """Return the first and last minute of each time in which a device was heard, and some between.

    `minutes` has a bit for each minute of the hour. So few points draw the same picture.
    """
    on = [bool(minutes >> n & 1) for n in range(60)]
    return [
        n for n in range(60) if on[n] and not (n % 10 and 0 < n < 59 and on[n - 1] and on[n + 1])
    ]


def _entry(row: tuple[Any, ...]) -> wire.Outward | None:
    try:
        return encoding.decode_entry(bytes(row[0]))
    except (wire.BadMessage, TypeError):
        return None


def seconds(wall: str) -> float:
    """Return a wall time of the contract as wall second; 0 where it is none."""
    try:
        return datetime.fromisoformat(wall).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def between(first: When, then: When) -> float:
    """Return the seconds from `first` to `then`: monotonic within a power-up, else by the wall."""
    return (
        then.mono - first.mono
        if first.boot == then.boot
        else seconds(then.wall) - seconds(first.wall)
    )
