"""A day of one device as a picture: 24 hours from left to right, as SVG, and in words.

▮▮▮  ▮ ▮▮      bars: states that hold (door open, somebody there); columns: movement. The template
               sets presses (dots) and dangers (triangles), which must not be stretched
───────   ──   below: heard; a silence longer than the device's limit is hatched over all of it

How often and how long is counted from the events: a bar is as wide as can be seen.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.page.known import DAY, Heard
from gateway.page.waits import WAITS
from gateway.words.reading import Kind

WIDE, HIGH = 1440, 30  # a unit is a minute
DRAWN = 60  # presses, and dangers, that are drawn
LINE = 27  # where the line of what was heard lies
_OPEN = frozenset({Kind.CONTACT_OPEN.value})
_THERE = frozenset({Kind.PRESENCE.value, Kind.OCCUPANCY.value})
_MOVES = frozenset({Kind.MOTION.value, Kind.ACTIVITY.value, Kind.VIBRATION.value})
_PRESS = frozenset({Kind.BUTTON.value})
_DANGER = frozenset(
    {
        Kind.FALL.value,
        Kind.SMOKE.value,
        Kind.GAS.value,
        Kind.CO.value,
        Kind.MOISTURE.value,
        Kind.STAY_STILL.value,
    }
)


@dataclass(slots=True)
class Strip:
    """One device's day. Times are minutes from the left edge."""

    device: str
    open: list[tuple[int, int]] = field(default_factory=list)
    there: list[tuple[int, int]] = field(default_factory=list)
    moves: list[int] = field(default_factory=list)  # one count per column
    presses: list[int] = field(default_factory=list)
    dangers: list[int] = field(default_factory=list)
    heard: list[tuple[int, int]] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    column: int = 10  # minutes
    opened: int = 0  # how often, as many as there were
    open_s: float = 0.0
    there_s: float = 0.0
    active: int = 0  # minutes in which something moved
    pressed: int = 0
    endangered: int = 0
    open_since: float | None = None  # wall second since when it is open now
    last: dict[str, Heard] = field(default_factory=dict)  # by kind
    # wall second of the last sign of somebody: a movement, a press, a door
    acted: float | None = None

    @property
    def battery(self) -> float | None:
        """Return what it said last of its battery, in percent."""
        return self.measured(Kind.BATTERY)

    def measured(self, what: Kind) -> float | None:
        """Return what it measured last."""
        said = self.last.get(what)
        return float(said.value) if said and isinstance(said.value, int | float) else None

    @property
    def empty(self) -> bool:
        """True where nothing was kept of the day."""
        return not self.heard

    def paths(self) -> list[tuple[str, str]]:
        """Return (class, SVG path) of what is to be drawn; classes carry colour and pattern."""
        peak = max(self.moves, default=0)
        columns = "".join(
            f"M{n * self.column} 25v-{max(5, round(22 * count / peak))}h{self.column - 2}V25z"
            for n, count in enumerate(self.moves)
            if count
        )
        drawn = [
            ("there", _bars(self.there, 5, 20)),
            ("moves", columns),
            ("open", _bars(self.open, 3, 22)),
            ("heard", _bars(self.heard, LINE, HIGH - LINE)),
            ("gaps", _bars(self.gaps, 0, HIGH)),
        ]
        return [(name, path) for name, path in drawn if path]


def strips(
    readings: Iterable[Heard],
    devices: Sequence[tuple[str, float | None]],
    now: float,
    *,
    restarts: Sequence[float] = (),
    packets: Mapping[str, Sequence[float]] | None = None,
    before: Container[str] = frozenset(),
) -> dict[str, Strip]:
    """Return the last day of each device by its id, up to wall second `now`.

    `devices`: (id, seconds of silence that count as missing, None: they never do). `packets`: wall
    seconds at which a device was heard although no reading was kept, because nothing had changed.
    `before`: devices that were heard before this day began; of all others the first hours say
    nothing, for they may not have been there. `restarts`: wall seconds at which the gateway
    started.
    """
    begin = now - DAY
    column = (
        10 if len(devices) <= 8 else 15 if len(devices) <= 16 else 30
    )  # a page stays below 100 kB however many there are
    out = {d: Strip(d, moves=[0] * (WIDE // column), column=column) for d, _ in devices}
    states: dict[
        tuple[str, str], tuple[float, float]
    ] = {}  # (device, "open" or "there") -> since, last said
    times: dict[str, list[float]] = {d: [] for d, _ in devices}
    active: dict[str, set[int]] = {d: set() for d, _ in devices}
    for r in readings:
        strip = out.get(r.device)
        if strip is None or r.wall > now + 60:
            continue
        strip.last[r.kind] = r
        if (
            (r.kind in _MOVES and r.value not in (False, "none", "still"))
            or r.kind in _PRESS
            or (r.kind in _OPEN and r.value)
        ):
            strip.acted = r.wall
        times[r.device].append(r.wall)
        minute = int((r.wall - begin) // 60)
        row = "open" if r.kind in _OPEN else "there" if r.kind in _THERE else ""
        if row:
            _hold(strip, row, states, r, begin)
        elif minute >= 0:
            _happened(strip, r, minute, active[r.device])
    for device, limit in devices:
        strip, heard = out[device], sorted([*times[device], *(packets or {}).get(device, ())])
        strip.active = len(active[device])
        _hearing(strip, heard, limit, begin, now, restarts, before=device in before)
        # What held when it was heard last holds for as long as it need not be heard.
        known = now if not heard or now - heard[-1] <= _allowed(limit) else heard[-1]
        for row in ("open", "there"):
            if (held := states.get((device, row))) is not None:
                until = min(known, held[1] + WAITS.state)
                _held(strip, row, held[0], until, begin)
                if row == "open" and until == now:
                    strip.open_since = held[0]
    return out


def _happened(strip: Strip, r: Heard, minute: int, active: set[int]) -> None:
    """Count a movement, a press or a danger in its minute of the day."""
    if r.kind in _MOVES and r.value not in (False, "none", "still"):
        strip.moves[min(minute, WIDE - 1) // strip.column] += 1
        active.add(minute)
    elif r.kind in _PRESS:
        strip.pressed += 1
        strip.presses += [minute] if len(strip.presses) < DRAWN else []
    elif r.kind in _DANGER and r.value:
        strip.endangered += 1
        strip.dangers += [minute] if len(strip.dangers) < DRAWN else []


def _allowed(limit: float | None) -> float:
    return max(limit or DAY, WAITS.joined)


def _hold(
    strip: Strip,
    row: str,
    states: dict[tuple[str, str], tuple[float, float]],
    r: Heard,
    begin: float,
) -> None:
    """Begin, go on with, or end a state."""
    key = (strip.device, row)
    held = states.get(key)
    if held is not None and (not r.value or r.wall - held[1] > WAITS.state):
        del states[key]
        _held(strip, row, held[0], min(r.wall, held[1] + WAITS.state), begin)
        held = None
    if r.value:
        strip.opened += row == "open" and held is None and r.wall >= begin
        states[key] = (held[0] if held else r.wall, r.wall)


def _held(strip: Strip, row: str, since: float, until: float, begin: float) -> None:
    """Draw a state, and count how long it was within the day."""
    _add(getattr(strip, row), since, until, begin)
    seconds = max(0.0, until - max(since, begin))
    if row == "open":
        strip.open_s += seconds
    else:
        strip.there_s += seconds


def _hearing(
    strip: Strip,
    times: Sequence[float],
    limit: float | None,
    begin: float,
    now: float,
    restarts: Sequence[float],
    *,
    before: bool,
) -> None:
    """Find when the device was heard, and its silences that are longer than its limit."""

    def silent(since: float, until: float) -> None:
        lost = WAITS.lost if any(since < r <= until for r in restarts) else 0.0
        if limit is not None and until - since > _allowed(limit) + lost:
            _add(strip.gaps, since, until, begin)

    if before:
        silent(begin, times[0] if times else now)
    if not times:
        return
    first = last = times[0]
    for at in times[1:]:
        if at - last > WAITS.joined:
            _add(strip.heard, first, last, begin)
            first = at
        silent(last, at)
        last = at
    _add(strip.heard, first, last, begin)
    silent(last, now)


def _add(row: list[tuple[int, int]], since: float, until: float, begin: float) -> None:
    start, end = max(0, int((since - begin) // 60)), min(WIDE, int((until - begin) // 60) + 1)
    if end <= 0 or start >= WIDE or len(row) >= 120:
        return
    if row and start - row[-1][1] < 3:  # nearer than two minutes: one bar
        row[-1] = (row[-1][0], max(end, row[-1][1]))
    else:
        row.append((start, end))


def _bars(spans: Sequence[tuple[int, int]], top: int, high: int) -> str:
    return "".join(f"M{a} {top}h{max(3, b - a)}v{high}h-{max(3, b - a)}z" for a, b in spans)
