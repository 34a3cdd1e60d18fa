"""A clock moved by hand, a household to judge, and a day told to its pipeline: time, reading | instruction | receipt | restart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, timezone
from functools import cache
from typing import Any

from gateway.contract import encoding, schemas, wire
from gateway.contract.inward import LONG_AGO
from gateway.judge import pending
from gateway.judge.alarm import Alarm
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.danger import Judge
from gateway.judge.dispatch import PROGRAM, Rung
from gateway.judge.faults.fact import FaultFact, Turn
from gateway.judge.faults.fault import Faults
from gateway.judge.faults.silence import Supervised
from gateway.judge.known import Known
from gateway.judge.masks import NOT_MASKED, End, Shelf
from gateway.judge.pipeline import Pipeline
from gateway.judge.watch import CANCEL, HELP, NOTHING, SOS, Watch
from gateway.words.clock import Moment, Quality, bridged
from gateway.words.instruction import FORGOTTEN, Do, Done, Door, Instruction, ResultFact
from gateway.words.reading import Kind, Reading
from gateway.words.times import Times
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from tests.kit.dated import dated

NOON = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)  # 12:00 in the home
NIGHT = datetime(2026, 5, 4, 17, 0, tzinfo=UTC)  # 01:00 in the home
HOME_ZONE = timezone(timedelta(hours=8))
DARK = (time(22), time(6))
GATEWAY, JOURNAL = "gw-test", "j1"
IDLE = 10**9
ENDS = (Do.CLOSE, Do.SILENCE, Do.SHELVE, Do.AWAY, Do.WALK)


class HandClock:
    """A clock that stands until it is moved. `wall` may be set to anything at any time."""

    def __init__(self, wall: datetime = NOON, *, mono: float = 1000.0, boot: str = "boot-1", quality: Quality = Quality.SYNCHRONISED):
        self.boot = boot
        self.mono = mono
        self.wall = wall
        self.quality = quality
        self.floor = LONG_AGO
        self.why: dict[str, str | int] = {}

    def now(self) -> Moment:
        return Moment(self.mono, self.wall, self.quality)

    def real(self, seconds: float) -> float:
        return 0.0

    def proved(self, now: Moment) -> Moment:
        return now

    def shown(self, begins: float | None, ends: float | None) -> None:
        pass

    def marks(self) -> dict[str, str]:
        return {}

    def move(self, seconds: float) -> Moment:
        self.mono = round(self.mono + seconds, 6)
        self.wall += timedelta(seconds=seconds)
        return self.now()

    def to(self, mono: float) -> Moment:
        return self.move(mono - self.mono)

    def reboot(self, boot: str, *, after: float = 30.0) -> None:
        """Cut the power: another boot, monotonic time from the beginning, `after` seconds of wall time gone."""
        self.boot, self.mono = boot, 12.0
        self.wall += timedelta(seconds=after)


BUTTONS = {1: SOS, 2: CANCEL, 3: HELP, 4: NOTHING}
WATCHES = (
    Watch(device="button", room="hall", buttons=BUTTONS),
    Watch(device="pendant", room="hall"),
    Watch(device="radar", room="bath"),
    Watch(device="radar2", room="bedroom"),
    Watch(device="door", room="hall", left_open=600),
    Watch(device="window", room="kitchen"),
    Watch(device="bed", room="bedroom", bed=True),
    Watch(device="smoke", room="kitchen"),
    Watch(device="water", room="bath"),
    Watch(device="plain", room="hall", buttons={1: CANCEL}, unproved=True),
    Watch(device="onebutton", room="hall", presses={(1, "single"): HELP, (1, "double"): SOS, (1, "long"): CANCEL}),
    Watch(device="smoke433", room="hall", endless=frozenset({Kind.SMOKE})),
)
VITAL = frozenset({"button", "pendant", "radar", "radar2", "smoke"})
LADDER = (
    Rung("family", PROGRAM, 90.0, ("/bin/call",)),
    Rung("neighbour", PROGRAM, 0.0, ("/bin/call",)),
    Rung("siren", PROGRAM, 0.0, ("/bin/siren",)),
)


@dataclass(kw_only=True)
class Home:
    """What one household is made of."""

    watches: tuple[Watch, ...] = WATCHES
    ladder: tuple[Rung, ...] = LADDER
    times: Times = field(default_factory=Times)
    missing_after: float | None = IDLE

    def pipeline(self, boot: str) -> Pipeline:
        watches = {w.device: w for w in self.watches}
        supervised = {
            w.device: Supervised(device=w.device, room=w.room, missing_after=self.missing_after, vital=w.device in VITAL)
            for w in self.watches
        }
        return Pipeline(
            boot=boot,
            devices={w.device: w.room for w in self.watches},
            judge=Judge(watches, self.times, HOME_ZONE, DARK),
            faults=Faults(supervised, self.times),
            ladder=self.ladder,
            times=self.times,
        )


@cache
def validators() -> dict[str, Draft202012Validator]:
    out = {}
    for name, schema in schemas.closed().items():
        Draft202012Validator.check_schema(schema)
        out[name] = Draft202012Validator(schema)
    return out


def checked(entry: Entry, now: Moment) -> bytes:
    """Return the entry as the platform gets it, after holding it against the contract and reading it back."""
    name, body = encoding.encode_entry(GATEWAY, JOURNAL, entry)
    validators()[name].validate(json.loads(body))
    message = encoding.decode_entry(body)
    assert (message.number, message.id) == (entry.number, entry.id)
    if isinstance(message, wire.AlarmMessage):
        assert isinstance(entry.fact, AlarmFact)
        assert alike(encoding.alarm_of(message, now), entry.fact.alarm)
    return body


def alike(one: Alarm, other: Alarm) -> bool:
    """Say whether two alarms are equal; times to the millisecond, the wall clock of `since` aside."""

    def plain(alarm: Alarm) -> Alarm:
        since = Moment(round(alarm.since.mono, 3), NOON)
        return replace(alarm, since=since, called=round(alarm.called, 3), stages=dict(alarm.stages))

    return plain(one) == plain(other)


def known_from(
    bodies: list[bytes], receipted: set[int], now: Moment, boot: str, shelves: Mapping[str, Shelf], away: End, digests: dict[str, str]
) -> Known:
    """Return what a store knows, from the bytes of the journal alone (and the masks and the orders' digests, which are its own)."""
    messages = [encoding.decode_entry(body) for body in bodies]
    newest = {m.alarm_number: m for m in messages if isinstance(m, wire.AlarmMessage)}
    alarms = [(encoding.alarm_of(m, now), m.at.boot == boot) for m in newest.values()]
    faults = {}
    for m in messages:
        if isinstance(m, wire.FaultMessage):
            if m.turn is Turn.RAISED:
                faults[m.kind, m.device] = encoding.fault_of(m, now)
            elif m.turn is Turn.CLEARED:
                faults.pop((m.kind, m.device), None)
    return Known(
        journal=JOURNAL,
        last=len(messages),
        last_alarm=max(newest, default=0),
        own=[(1, max(newest))] if newest else [],
        alarms=[(a, same) for a, same in alarms if a.open or a.condition_active],
        carried={a.number for a, same in alarms if same},
        shift={m.alarm_number: bridged(m.at, None, now) for m in newest.values()},
        raised_in={m.alarm_number: m.number for m in messages if isinstance(m, wire.AlarmMessage) and m.number not in receipted},
        closed={(a.kind, a.device): a.id for a, _ in alarms if not a.open},
        closed_for={(a.kind, a.device): now.mono - a.since.mono for a, same in alarms if not a.open and same},
        faults=faults,
        done={
            m.instruction: Done(digests.get(m.instruction, ""), m.number)
            for m in messages
            if isinstance(m, wire.ResultMessage) and m.refused not in FORGOTTEN
        },
        endings=[m.instruction for m in messages if isinstance(m, wire.ResultMessage) and m.accepted and m.do in ENDS],
        shelves=shelves,
        away=away,
    )


class Day:
    """A day of a household. Time passes by ticks at every `due()`; every entry is held against the contract as it appears."""

    def __init__(self, home: Home | None = None, clock: HandClock | None = None) -> None:
        self.home = home or Home()
        self.clock = clock or HandClock()
        self.start = self.clock.mono
        self.entries: list[Entry] = []
        self.bodies: list[bytes] = []
        self.receipted: set[int] = set()
        self.digests: dict[str, str] = {}
        self.instructions = 0
        self.ticks = 0
        self.pipeline = self.home.pipeline(self.clock.boot)
        self.take(self.pipeline.restart(self.clock.now(), Known(journal=JOURNAL), why="start"))
        self.pipeline.faults.linked(True, self.clock.now())

    # -- what happens ------------------------------------------------------------------------------------------------

    def take(self, entries: list[Entry]) -> list[Entry]:
        for entry in entries:
            self.entries.append(entry)
            assert entry.number == len(self.entries), "numbered without gaps"
            self.bodies.append(checked(entry, self.clock.now()))
            if isinstance(entry.fact, ResultFact) and entry.fact.refused not in FORGOTTEN:
                self.digests[entry.fact.instruction.id] = entry.fact.instruction.digest
        return entries

    def wait(self, seconds: float) -> list[Entry]:
        """Let `seconds` pass."""
        return self.until(self.clock.mono + seconds)

    def until(self, mono: float) -> list[Entry]:
        out, still = [], 0
        mono = round(mono, 6)
        while (due := self.pipeline.due()) <= mono:
            self.ticks += 1
            before = self.clock.mono
            self.clock.to(max(due, before))
            out += self.take(self.pipeline.tick(self.clock.now()))
            still = 0 if self.pipeline.due() > self.clock.mono or self.clock.mono > before else still + 1
            assert still <= 2 * len(self.home.ladder), "a tick leaves nothing due, but for who is passed over"
        self.clock.to(max(mono, self.clock.mono))
        return out

    def at(self, second: float) -> list[Entry]:
        """Go to `second` of the day."""
        return self.until(self.start + second)

    def hear(self, device: str, kind: Kind, value: bool | float | str, **more: Any) -> list[Entry]:
        now = self.clock.now()
        self.pipeline.faults.heard_at[device] = now.mono
        return self.take(self.pipeline.heard(Reading(device=device, kind=kind, value=value, at=now, **more)))

    def press(self, index: int = 1, device: str = "button", value: str = "press", **more: Any) -> list[Entry]:
        return self.hear(device, Kind.BUTTON, value, index=index, **more)

    def fall(self, value: bool = True, device: str = "radar") -> list[Entry]:
        return self.hear(device, Kind.FALL, value)

    def cancel(self, **more: Any) -> list[Entry]:
        return self.press(2, **more)

    def tell(self, do: Do | str, *, by: str = "Wang", order: str = "", **more: Any) -> list[Entry]:
        self.instructions += 1
        now = self.clock.now()
        more = dated(do, more, now.wall) if more.get("door", Door.PLATFORM) is Door.PLATFORM else more
        return self.take(self.pipeline.told(Instruction(id=order or f"i{self.instructions}", do=Do(do), by=by, **more), now))

    def receipt(self, *numbers: int) -> list[Entry]:
        """Give the platform's receipt, by default for everything so far."""
        wanted = numbers or range(1, len(self.entries) + 1)
        self.receipted.update(wanted)
        return self.take(self.pipeline.receipted(wanted, self.clock.now()))

    def called_back(self, number: int, index: int, *, ok: bool, detail: str = "") -> list[Entry]:
        return self.take(self.pipeline.called_back(number, index, self.clock.now(), ok=ok, detail=detail))

    def restart(self, *, other_boot: bool = False, after: float = 30.0) -> list[Entry]:
        """End the gateway without a word and start it again from its journal's bytes alone."""
        shelves, away = self.pipeline.shelves, self.pipeline.away.end
        mark = pending.text_of(self.pipeline.pending(), self.clock.now(), self.clock.boot)
        if other_boot:
            shelves, away = {}, NOT_MASKED
            self.clock.reboot(f"{self.clock.boot}x", after=after)
        now, boot = self.clock.now(), self.clock.boot
        known = replace(
            known_from(self.bodies, self.receipted, now, boot, shelves, away, self.digests), pending=pending.read(mark, now, boot)
        )
        self.pipeline = self.home.pipeline(self.clock.boot)
        out = self.take(self.pipeline.restart(self.clock.now(), known, why="restart"))
        self.pipeline.faults.linked(True, self.clock.now())
        return out

    # -- what came of it ---------------------------------------------------------------------------------------------

    @property
    def alarm(self) -> Alarm:
        """The newest alarm, as the journal has it."""
        return self.alarms()[-1]

    def alarms(self, kind: str = "") -> list[Alarm]:
        """All alarms as the journal last had them, by number."""
        newest = {e.fact.alarm.number: e.fact.alarm for e in self.entries if isinstance(e.fact, AlarmFact)}
        return [newest[n] for n in sorted(newest) if kind in ("", newest[n].kind)]

    @property
    def open(self) -> list[Alarm]:
        return list(self.pipeline.alarms.values())

    def raise_to(self, state: str, kind: str = "fall") -> Alarm:
        """Bring one new alarm of the radar (or the button) to `state`."""
        self.fall() if kind == "fall" else self.press()
        if state == "pre_alarm":
            return self.alarm
        if kind == "fall":
            self.wait(self.home.times.grace_fall)
        alarm = self.alarm.id
        for do, reached, more in (
            ("acknowledge", "acknowledged", {}),
            ("dispatch", "dispatched", {"responder": "Li", "seconds": 600.0}),
            ("arrive", "on_site", {}),
            ("close", "closed", {"outcome": "helped"}),
        ):
            if self.alarm.state == state:
                break
            self.tell(do, alarm=alarm, **more)
            assert self.alarm.state == reached
        return self.alarm


def story(entries: list[Entry]) -> list[str]:
    """Return entries as short lines: what, how, why."""
    out = []
    for e in entries:
        f = e.fact
        if isinstance(f, AlarmFact):
            out.append(f"{f.alarm.kind} {f.move} {f.alarm.state}")
        elif isinstance(f, FaultFact):
            out.append(f"{f.kind} {f.turn}")
        else:
            out.append(f"{f.instruction.do} {f.refused or 'done'}")
    return out


def refusal(entries: list[Entry]) -> tuple[str, str, str]:
    """Return (fixed word, Chinese, English) of a result that must be the only entry."""
    (entry,) = entries
    assert isinstance(entry.fact, ResultFact)
    return entry.fact.refused.value, entry.fact.zh, entry.fact.en
