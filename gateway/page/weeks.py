"""Weeks of one device as pictures: how strong it was heard, and its battery. SVG, a column a day.

▇▇▆▆▇▇▅▅   the line: what was usual on that day; the band below it: down to the weakest packet
████████   battery
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

DAYS = 56  # of a device's own page
SHORT = 28  # beside each device on Today
BEST, WORST = -40, -100  # dBm at the upper and lower edge
GOOD, FAIR = -75, -88  # dBm from which a signal counts as good, as fair
LOW = 20.0  # percent of a battery that is drawn in another colour
COLUMN, HIGH = 10, 100  # units of the picture


@dataclass(frozen=True, slots=True)
class Day:
    """One day of one device, as far as it was heard.

    `index` counts days up to today, which is 0; strengths are dBm, None where it has none (a wire).
    """

    index: int
    hours: int  # in which it was heard
    packets: int
    worst: int | None
    usual: float | None
    battery: float | None


def level(strength: float | None) -> str:
    """Return how strong a signal of so many dBm is, as a word of the catalogue."""
    if not strength:
        return "none"
    return "good" if strength >= GOOD else "fair" if strength >= FAIR else "weak"


def height(strength: float) -> float:
    """Return where a strength (dBm) lies between the upper edge (0) and the lower (HIGH)."""
    return round(max(0.0, min(1.0, (BEST - strength) / (BEST - WORST))) * HIGH, 1)


def drawn(days: Sequence[Day], count: int) -> list[tuple[str, str]]:
    """Return (class, SVG path) of the signal over `count` days, oldest left."""
    band = line = ""
    pen, last = "M", None
    for day in sorted(days, key=lambda d: d.index):
        if day.usual is None or day.worst is None or not -count < day.index <= 0:
            continue
        x = (count - 1 + day.index) * COLUMN
        top, bottom = height(day.usual), height(day.worst)
        band += f"M{x} {top:g}h{COLUMN - 1}V{max(bottom, top + 2):g}h-{COLUMN - 1}z"
        pen = "L" if last == day.index - 1 else "M"
        line += f"{pen}{x} {top:g}h{COLUMN - 1}"
        last = day.index
    return [(name, path) for name, path in (("s-band", band), ("s-mid", line)) if path]


def batteries(days: Iterable[Day], count: int) -> list[tuple[str, str]]:
    """Return (class, SVG path) of the battery over `count` days; a low one has its own class."""
    paths = {"s-battery": "", "s-battery low": ""}
    for day in days:
        if day.battery is not None and -count < day.index <= 0:
            x, tall = (count - 1 + day.index) * COLUMN, max(2.0, min(100.0, day.battery))
            paths["s-battery low" if day.battery <= LOW else "s-battery"] += (
                f"M{x} {HIGH}v-{tall:g}h{COLUMN - 1}V{HIGH}z"
            )
    return [(name, path) for name, path in paths.items() if path]


def silent(days: Iterable[Day], count: int) -> tuple[int, str]:
    """Return (days on which it was not heard at all since it was first, SVG path of them)."""
    heard = {d.index for d in days if d.hours}
    gone = [n for n in range(max(min(heard, default=0), 1 - count), 0) if n not in heard]
    return len(gone), "".join(
        f"M{(count - 1 + n) * COLUMN} 4h{COLUMN - 1}v{HIGH - 8}h-{COLUMN - 1}z" for n in gone
    )
