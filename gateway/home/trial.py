"""A change tried on recorded days: what the readings would have raised under other rules and times.

The recorded readings go through the same judge and pipeline twice, once by the rules in force and
once by the changed ones, and the two are compared: so the figures differ by the change alone.
Beside them stands what the journal says was. People are played as the journal has them: an alarm
that was answered then is answered after as many seconds now; a new one, that nobody could answer
then, is answered after the home's usual time. A receipt takes a second. Faults are not judged.

Bounds: DAYS days, READINGS readings, `trial_work` seconds. Where one is reached, `complete` is
false and `until` says how far it went.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from gateway.box.folders import reader
from gateway.contract import encoding, wire
from gateway.home.config import Config
from gateway.home.waits import WAITS
from gateway.judge.alarm import Alarm, Outcome, State
from gateway.judge.beds import SIGNS
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.danger import JUDGED, Judge
from gateway.judge.faults.fault import Faults
from gateway.judge.known import Known
from gateway.judge.pipeline import Pipeline
from gateway.words.clock import Moment
from gateway.words.instruction import Do, Instruction
from gateway.words.reading import Kind, Reading
from gateway.words.say import Say

DAYS = 7.0
READINGS = 200_000
ALARMS = 5000
LISTED = 50  # alarms that are listed as more or fewer


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


@dataclass(slots=True)
class Count:
    """What came of one run."""

    raised: int = 0
    cancelled: int = 0
    called: int = 0  # calls beyond the platform


@dataclass(slots=True)
class Ran:
    """One run over the recorded readings."""

    count: Count = field(default_factory=Count)
    alarms: dict[int, Alarm] = field(default_factory=dict)
    until: float = 0.0
    complete: bool = True
    readings: int = 0


def tried(config: Config, changed: Config, now: Moment) -> dict[str, Any]:
    """Return what `changed` would have meant, as plain values with a sentence in both languages.

    It may take `WAITS.trial_work` seconds. Raises sqlite3.Error.
    """
    began = now.wall.timestamp() - DAYS * 86400
    was = recorded_alarms(config.state / "gateway.db", began)
    limit = time.monotonic() + WAITS.trial_work
    before = _run(
        config, readings(config.state / "history.db", began), was, limit - WAITS.trial_work / 2
    )
    after = _run(changed, readings(config.state / "history.db", began), was, limit)
    more, fewer = _beyond(after, before), _beyond(before, after)
    complete = before.complete and after.complete
    return {
        "days": DAYS,
        "since": _iso(began),
        "until": _iso(min(before.until, after.until)) if before.readings else "",
        "readings": before.readings,
        "complete": complete,
        "was": asdict(_counted(was)),
        "before": asdict(before.count),
        "after": asdict(after.count),
        "more": more,
        "fewer": fewer,
        **_said(before, after),
    }


# -- what is on record -----------------------------------------------------------------------------


def readings(path: Path, began: float) -> Iterator[Reading]:
    """Yield the recorded readings that are judged, oldest first, from wall second `began` on.

    Their clock never goes back: across a power-up it goes on where the wall clock says, or later.
    Raises sqlite3.Error.
    """
    if not path.exists():
        return
    wanted = sorted(JUDGED | SIGNS)
    kinds = ",".join("?" * len(wanted))
    mono = began
    boot, started = "", 0.0
    with reader(path, WAITS.lock) as db:
        columns = {row[1] for row in db.execute("PRAGMA table_info(readings)")}
        flagged = "flagged" if "flagged" in columns else "0"
        rows = db.execute(
            f"SELECT device, kind, value, nth, label, boot, mono, wall, {flagged} FROM readings "  # noqa: S608  a column
            f"WHERE wall >= ? AND kind IN ({kinds}) ORDER BY row LIMIT ?",
            (began, *wanted, READINGS),
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
    )


# -- one run ---------------------------------------------------------------------------------------


def _run(config: Config, heard: Iterable[Reading], was: Sequence[Was], limit: float) -> Ran:
    pipeline = Pipeline(
        boot="trial",
        devices={d.id: d.room for d in config.devices},
        judge=Judge(
            {d.id: d.watch for d in config.devices}, config.times, config.zone, config.night
        ),
        faults=Faults({}, config.times),
        ladder=config.ladder,
        times=config.times,
    )
    ran, people, ids = Ran(), _People(was), itertools.count(1)
    now: Moment | None = None

    def take(entries: list[Entry], at: Moment) -> None:
        for entry in entries:
            if isinstance(entry.fact, AlarmFact):
                _note(ran, entry.fact)
                people.see(entry, at.mono)

    def until(mono: float) -> None:
        assert now is not None  # called with the first reading on
        while True:
            due = min(pipeline.due_of_alarms(), people.due())
            if due > mono:
                return
            at = now.later(max(due, now.mono))
            if people.due() <= at.mono:
                take(_acted(pipeline, people.take(), next(ids), at), at)
            else:
                take(pipeline.tick(at), at)

    for reading in heard:
        if now is None:
            pipeline.restart(reading.at, Known(journal="trial"), why="trial")
            now = reading.at
        if ran.readings % 256 == 0 and time.monotonic() > limit:
            ran.complete = False
            return ran
        until(reading.at.mono)
        now = reading.at
        ran.readings += 1
        ran.until = reading.at.mono
        take(pipeline.heard(reading), reading.at)
    if now is not None:
        until(now.mono + WAITS.trial_after)  # what is open at the end comes to its end
    ran.complete = ran.readings < READINGS
    return ran


def _acted(pipeline: Pipeline, what: int | tuple[Do, str], number: int, at: Moment) -> list[Entry]:
    """Carry out what happens next: the platform's receipt for an entry, or a person's order."""
    if isinstance(what, int):
        return pipeline.receipted([what], at)
    do, alarm = what
    outcome = Outcome.UNKNOWN if do is Do.CLOSE else ""
    order = Instruction(id=f"t{number}", do=do, by="trial", alarm=alarm, outcome=outcome)
    return pipeline.told(order, at)


def _note(ran: Ran, fact: AlarmFact) -> None:
    alarm = fact.alarm
    if fact.before in {None, State.PRE_ALARM} and alarm.state is State.RAISED:
        ran.count.raised += 1
    ran.count.cancelled += alarm.state is State.CANCELLED and fact.before is State.PRE_ALARM
    if alarm.number not in ran.alarms or alarm.made > ran.alarms[alarm.number].made:
        ran.count.called += bool(alarm.calls) and alarm.calls[-1].rung > 0
    ran.alarms[alarm.number] = alarm


class _People:
    """Platform and persons, as they were: receipts, answers and ends, each at its second."""

    def __init__(self, was: Sequence[Was]) -> None:
        self._was = list(was)
        self._answered = median(
            [w.answered for w in was if w.answered is not None] or [WAITS.trial_answered]
        )
        self._closed = max(
            self._answered,
            median(
                [w.closed for w in was if w.closed is not None]
                or [self._answered + WAITS.trial_closed]
            ),
        )
        self._plans: list[tuple[float, int, int | tuple[Do, str]]] = []
        self._order = itertools.count()
        self._seen: set[int] = set()

    def see(self, entry: Entry, mono: float) -> None:
        """Plan what follows from an entry."""
        assert isinstance(entry.fact, AlarmFact)  # the only ones that are shown
        alarm = entry.fact.alarm
        if not alarm.open or alarm.state is State.PRE_ALARM:
            return
        if entry.fact.move != "receipt":
            self._plan(mono + WAITS.trial_receipt, entry.number)
        if alarm.number in self._seen:
            return
        self._seen.add(alarm.number)
        was = [w for w in self._was if _same(_key(alarm), (w.kind, w.device, w.at))]
        answered = was[0].answered if was and was[0].answered is not None else self._answered
        closed = was[0].closed if was and was[0].closed is not None else self._closed
        self._plan(mono + answered, (Do.ACKNOWLEDGE, alarm.id))
        # with an answer it is in hands: what follows is not what a rule changes
        self._plan(mono + answered, (Do.ARRIVE, alarm.id))
        self._plan(mono + max(closed, answered), (Do.CLOSE, alarm.id))

    def _plan(self, at: float, what: int | tuple[Do, str]) -> None:
        self._plans.append((at, next(self._order), what))
        self._plans.sort(key=lambda plan: plan[:2])

    def due(self) -> float:
        """Return when somebody acts next."""
        return self._plans[0][0] if self._plans else inf

    def take(self) -> int | tuple[Do, str]:
        """Return what is done then: a receipt's entry number, or an instruction about an alarm."""
        return self._plans.pop(0)[2]


# -- the comparison --------------------------------------------------------------------------------


_Key = tuple[str, str, float]  # kind, device, wall second of the danger


def _key(alarm: Alarm) -> _Key:
    began = alarm.stages.get("danger", next(iter(alarm.stages.values())))
    return alarm.kind, alarm.device, datetime.fromisoformat(began.wall).timestamp()


def _same(one: _Key, other: _Key) -> bool:
    return one[:2] == other[:2] and abs(one[2] - other[2]) <= WAITS.trial_same


def _raised(ran: Ran) -> list[Alarm]:
    return [a for a in ran.alarms.values() if "alarm" in a.stages]


def _beyond(one: Ran, other: Ran) -> list[dict[str, str]]:
    """Return what was raised in `one` and not in `other`."""
    left = [_key(a) for a in _raised(other)]
    out: list[dict[str, str]] = []
    for alarm in _raised(one):
        key = _key(alarm)
        if same := [other for other in left if _same(key, other)]:
            left.remove(same[0])
        elif len(out) < LISTED:
            kind, device, at = key
            out.append({"kind": kind, "device": device, "room": alarm.room, "at": _iso(at)})
    return out


def _counted(was: Sequence[Was]) -> Count:
    raised = sum(w.state not in {State.PRE_ALARM, State.CANCELLED} for w in was)
    return Count(raised, sum(w.state is State.CANCELLED for w in was), sum(w.calls for w in was))


def _said(before: Ran, after: Ran) -> dict[str, str]:
    """Return the difference as a person says it."""
    steps = {
        n: getattr(after.count, n) - getattr(before.count, n)
        for n in ("raised", "cancelled", "called")
    }
    said = [
        Say(f"replay.{name}_{'more' if step > 0 else 'fewer'}", count=abs(step))
        for name, step in steps.items()
        if step
    ]
    what = ", ".join(say.zh for say in said), ", ".join(say.en for say in said)
    say = (
        Say("replay.none")
        if not before.readings
        else Say("replay.would", what=what)
        if said
        else Say("replay.same")
    )
    return {"zh": say.zh, "en": say.en}


def _iso(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
