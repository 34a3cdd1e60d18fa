"""How things stand: what the daemon writes every few seconds, and how `status` tells it.

The daemon puts a `Status` together (`gateway.tend.report`) and writes it as `status.json`; page and
command line read it. Every field but `written` has a default: page and daemon of two versions stand
side by side while both are restarted. Times that end in `_s` are seconds before `mono`, or seconds
that are left.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from gateway.home import audible
from gateway.home.reached import spoken
from gateway.home.silence import SilenceStatus
from gateway.home.waits import WAITS
from gateway.words import kind
from gateway.words.say import both

# bytes of the status file that are read; a home of a hundred devices has 50 KiB
LARGEST = 4 * 1024 * 1024


class LinkStatus(Struct, frozen=True, kw_only=True):
    """The link to the platform.

    `where` is host:port; `platform_away_s`: for how many seconds the platform has said that it is
    away, None where it is there.
    """

    configured: bool = False
    connected: bool = False
    version: str = ""
    where: str = ""
    platform_away_s: float | None = None


class RadioStatus(Struct, frozen=True, kw_only=True):
    """One Bluetooth adapter.

    `trouble` is why it does not scan; `silent_s` is None where it has never heard anything.
    """

    adapter: str
    hearing: bool = False
    trouble: str = ""
    adverts: int = 0
    restarts: int = 0
    silent_s: float | None = None


class LineStatus(Struct, frozen=True, kw_only=True):
    """One serial line. `received` counts bytes."""

    port: str
    open: bool = False
    received: int = 0


class DeviceStatus(Struct, frozen=True, kw_only=True):
    """One enrolled device.

    `silent_s` leaves out what the gateway could not have heard; None where it is not told, and then
    `heard_s` counts. `minutes`: hour of the epoch -> bits of those minutes of it that are not
    written yet. `heard`: since this start. `untold`: the kinds it is there for and has never told.
    `refused`: why -> packets. `rssi` is dBm, 0 where there is none. `badge`: whose badge it is.
    """

    device: str
    model: str = ""
    room: str = ""
    heard_s: float = 0.0
    silent_s: float | None = None
    untold: list[str] = []
    missing_after: float | None = None
    slow: bool = False
    minutes: dict[str, int] = {}
    rssi: int = 0
    heard: bool = True
    states: dict[str, bool] = {}
    unread_s: float | None = None
    alive: bool = False
    refused: dict[str, int] = {}
    shelved: bool = False
    mute_cancel: bool | UnsetType = UNSET
    badge: str | UnsetType = UNSET

    @property
    def missing(self) -> bool:
        """Whether it has been silent for longer than it may be."""
        silent = self.heard_s if self.silent_s is None else self.silent_s
        return self.missing_after is not None and silent > self.missing_after


class AlarmStatus(Struct, frozen=True, kw_only=True):
    """One alarm that is open. `installing`: it came of the work at its sensor."""

    number: int
    alarm: str
    kind: str
    priority: int
    state: str
    room: str = ""
    device: str = ""
    rung: int = 0
    since_s: float = 0.0
    test: bool = False
    installing: bool = False


class FaultStatus(Struct, frozen=True, kw_only=True):
    """One fault that is on."""

    kind: str
    device: str = ""
    since_s: float = 0.0
    test: bool = False


class HouseholdStatus(Struct, frozen=True, kw_only=True):
    """Which revision of the household's settings is in force, and since when."""

    revision: int = 0
    at: str = ""


class CardStatus(Struct, frozen=True, kw_only=True):
    """What the daemon has written to the card, in MB, in the last `over_h` hours (24 at most).

    `day_mb` is what that makes a day, from the first full hour on; `budget_mb` what a day may have.
    """

    written_mb: float
    over_h: float
    budget_mb: float
    day_mb: float | UnsetType = UNSET


class ChannelStatus(Struct, frozen=True, kw_only=True):
    """One program that sounds or calls; `why`: what is known against it.

    `tested_s`: seconds since it was asked; `rungs` it calls; `proved`: it succeeded, or cannot be.
    """

    program: str
    why: str = ""
    test: bool = False
    tested_s: float | None = None
    rungs: list[int] = []
    proved: bool = True


class SettingStatus(Struct, frozen=True, kw_only=True):
    """One setting of a radar: what is wanted, what was read back, a verdict ("" = not yet)."""

    name: str
    wanted: float | None = None
    read: float | None = None
    verdict: str = ""


class SetUpStatus(Struct, frozen=True, kw_only=True):
    """A wired set-up, going on or `over`.

    `found`: the models that understood the port; `trouble`: a word of the page's catalogue.
    """

    instruction: str
    device: str = ""
    port: str = ""
    over: bool = False
    trouble: str = ""
    baud: int = 0
    found: list[str] = []
    said: str = ""
    contacts: int = 0
    rows: list[SettingStatus] = []


class StepStatus(Struct, frozen=True, kw_only=True):
    """One step of a platform test. `ok` is None while it runs."""

    step: str
    ok: bool | None = None
    seconds: float = 0.0
    zh: str = ""
    en: str = ""


class WalkStatus(Struct, frozen=True, kw_only=True):
    """The walk test of one device; `on`: kinds that began in it and have not ended.

    What follows is counted by `gateway.judge.walk_record`; what has no value has not been seen.
    """

    device: str
    left_s: float = 0.0
    on: list[str] = []
    readings: int = 0
    packets: int = 0
    presses: int | UnsetType = UNSET
    openings: int | UnsetType = UNSET
    closings: int | UnsetType = UNSET
    falls: int | UnsetType = UNSET
    stays: int | UnsetType = UNSET
    motions: int | UnsetType = UNSET
    presences: int | UnsetType = UNSET
    occupied: int | UnsetType = UNSET
    left: int | UnsetType = UNSET
    smokes: int | UnsetType = UNSET
    gases: int | UnsetType = UNSET
    leaks: int | UnsetType = UNSET
    receipts: int = 0
    without_receipt: int = 0
    not_proved_fresh: int | UnsetType = UNSET
    worst_dbm: int | UnsetType = UNSET
    signals_dbm: str | UnsetType = UNSET
    receipt_s: float | UnsetType = UNSET
    drill: bool | UnsetType = UNSET


class PlugStatus(Struct, frozen=True, kw_only=True):
    """A step for the whole home: mains or network pulled. What has not been seen is not there."""

    step: str
    left_s: float = 0.0
    noticed_s: float | UnsetType = UNSET
    alarm: int | UnsetType = UNSET
    away_s: float | UnsetType = UNSET
    receipt_s: float | UnsetType = UNSET
    held_s: float | UnsetType = UNSET


class TryStatus(Struct, frozen=True, kw_only=True):
    """A platform test, going on or `over`."""

    instruction: str
    over: bool = False
    where: str = ""
    steps: list[StepStatus] = []


class Status(Struct, frozen=True, kw_only=True):
    """How things stand; no names of people, no secrets.

    `written` is a wall second, `mono` a monotonic one; `degraded` is why the store is a stand-in,
    "" where it is not; `waiting` counts entries without a receipt.
    """

    gateway: str = ""
    software: str = ""
    pid: int = 0
    boot: str = ""
    written: float
    wall: str = ""
    mono: float = 0.0
    clock: str = "unsure"
    store: str = ""
    degraded: str = ""
    journal: str = ""
    generation: int = 0
    head: str = ""
    last: int = 0
    waiting: int = 0
    waiting_batches: int = 0
    receipts: str = "none"
    uplink: LinkStatus = LinkStatus()
    radio: list[RadioStatus] = []
    ports: list[str] = []
    lines: list[LineStatus] = []
    strangers: int = 0
    repeats: int = 0
    devices: list[DeviceStatus] = []
    alarms: list[AlarmStatus] = []
    faults: list[FaultStatus] = []
    away: bool = False
    household: HouseholdStatus = HouseholdStatus()
    lacks: list[str] = []
    mains: bool | None = None
    card: CardStatus | None = None
    channels: list[ChannelStatus] = []
    walk: WalkStatus | None = None
    step: PlugStatus | None = None
    fitting: SetUpStatus | None = None
    first_presses: dict[str, float] = {}
    platform_test: TryStatus | None = None
    silence: SilenceStatus = SilenceStatus()

    @property
    def guards(self) -> list[DeviceStatus]:
        """All devices but the badges of those who come."""
        return [d for d in self.devices if not d.badge]

    @property
    def age(self) -> float:
        """How many seconds old this word is."""
        return max(0.0, time.time() - self.written)

    @property
    def well(self) -> bool:
        """Whether the daemon lives: its word is no older than `WAITS.stale`."""
        return self.age <= WAITS.stale


def read(runtime: Path) -> Status:
    """Return the daemon's last word. Raises OSError, ValueError where there is none."""
    with (runtime / "status.json").open("rb") as file:
        text = file.read(LARGEST + 1)[: LARGEST + 1]
    try:
        return msgspec.json.decode(text, type=Status)
    except (msgspec.DecodeError, RecursionError) as wrong:
        raise ValueError("status.json is not the daemon's") from wrong


def as_json(known: Status) -> str:
    """Return the text of status.json; a name of the machine in it may hold surrogates."""
    return json.dumps(msgspec.to_builtins(known), ensure_ascii=False)


def encoded(known: Status) -> bytes:
    """Return the same for the file; where a name holds surrogates, with a ? for each."""
    try:
        return msgspec.json.encode(known)
    except UnicodeEncodeError:
        return as_json(known).encode(errors="replace")


def told(known: Status) -> str:
    """Return the facts in plain words, zh-CN first."""
    facts = asdict(known)
    out = [both("status.gateway", **facts | {"wall": known.wall[:19]})]
    if not known.well:
        out.append(both("status.stale", age=known.age))
    if known.degraded:
        out.append(both("status.storage", **facts))
    out += audible.told(known.lacks)
    uplink = known.uplink
    word = "connected" if uplink.configured else "configured"
    code = word if uplink.connected else f"not_{word}"
    version = spoken(uplink.version) if uplink.connected else ""
    out.append(
        both(
            "status.uplink", way=both(f"status.{code}"), where=uplink.where, version=version
        ).rstrip()
    )
    if (away := uplink.platform_away_s) is not None:
        out.append(both("status.platform_away", away=ago(away)))
    if known.receipts == "broker":
        out.append(both("status.no_receipts"))
    out.append(both("status.outbox", **facts))
    if card := known.card:
        day = both("status.card_day", day_mb=card.day_mb) if card.day_mb is not UNSET else ""
        over = (
            both("status.card_over")
            if card.day_mb is not UNSET and card.day_mb > card.budget_mb
            else ""
        )
        out.append(both("status.card", **asdict(card), day=day, over=over))
    if (on := known.mains) is not None:
        out.append(
            both("status.mains", on=both("status.mains_there") if on else both("status.mains_lost"))
        )
    for r in known.radio:
        silent = both("status.never") if r.silent_s is None else ago(r.silent_s)
        state = (
            both("status.hears")
            if r.hearing
            else both("status.deaf", trouble=r.trouble or "silent")
        )
        out.append(both("status.radio", **asdict(r), state=state, silent=silent))
    for x in known.lines:
        state = both("status.open" if x.open else "status.not_open")
        out.append(both("status.line", port=x.port, state=state, received=x.received))
    out.append(both("status.alarms", alarms=len(known.alarms) or both("status.none")))
    for a in known.alarms:
        row = kind.of(a.kind)
        test = both("status.test") if a.test else ""
        what = f"P{a.priority} #{a.number} {row.zh} {row.en}, {a.room or a.device}"
        out.append(f"  {what}: {a.state} {ago(a.since_s)}, rung {a.rung}{test}")
    if known.away:
        out.append(both("status.away"))
    out.append(both("status.faults", faults=len(known.faults) or both("status.none")))
    for f in known.faults:
        row = kind.of(f.kind)
        out.append(f"  {row.zh} {row.en} {f.device}: {ago(f.since_s)}")
    out.append(both("status.devices"))
    out += [_device(d) for d in known.devices]
    out.append(both("status.strangers", strangers=known.strangers))
    return "\n".join(out)


def _device(d: DeviceStatus) -> str:
    note = both("status.missing") if d.missing else ""
    if d.missing_after is None:
        note = both("status.badge", who=d.badge) if d.badge else both("status.not_supervised")
    note += both("status.slow") if d.slow else ""
    note += both("status.untold", untold="/".join(d.untold)) if d.untold else ""
    note += both("status.not_heard") if not d.heard and not note else ""
    note += both("status.shelved") if d.shelved else ""
    note += both("status.mute_cancel") if d.mute_cancel else ""
    refused = " ".join(f"{why} x{n}" for why, n in d.refused.items() if why != "repeated")
    told = f"  {d.device:<16} {d.model:<18} {d.room:<12} {ago(d.heard_s):>8}"
    return f"{told} {d.rssi or '-':>5}  {note} {refused}".rstrip()


def ago(seconds: float) -> str:
    """Return a span of time for people."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
