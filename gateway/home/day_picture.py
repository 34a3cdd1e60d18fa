"""One day as a picture, an SVG file of its own: 24 hours from left to right.

Rows from above: the signs of life; the silence since the last of them, as saw teeth under the line
of what is borne at this hour; questions (hollow where answered) and alarms; below, hollow, what
was, with a cross where it is missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final
from xml.sax.saxutils import escape

from gateway.home.days import Day, Mark
from gateway.words.say import both

WIDE: Final = 1440  # a unit is a minute
ANSWERED: Final = 20  # minutes after a question in which its answer comes
MOST: Final = 4 * 60  # minutes of silence at the upper edge
_TOP, _SIGNS, _HIGH, _MARKS, _WAS = 30, 56, 176, 200, 224  # where the rows lie
_STYLE: Final = (
    "svg{background:#fff;font:13px sans-serif}.h{stroke:#ddd}.t{fill:#333}.s{fill:#2a6f97}"
    ".q{fill:#cfe3ee}.l{fill:none;stroke:#b45309;stroke-width:2}.a{fill:#b91c1c}"
    ".o{fill:#fff;stroke:#b91c1c;stroke-width:2}.k{fill:#6d28d9}"
    ".n{fill:#fff;stroke:#6d28d9;stroke-width:2}.x{fill:none;stroke:#000;stroke-width:3}"
)


def picture(day: Day) -> str:
    """Return the day as an SVG document; the same day is the same text."""
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} 262" role="img">',
        f"<title>{day.date.isoformat()} {escape(_sentence(day))}</title><style>{_STYLE}</style>",
        *_hours(),
        f'<text class="t" x="4" y="20">{day.date.isoformat()} {escape(_sentence(day))}</text>',
        f'<path class="q" d="{_silence(day.signs)}"/>',
        f'<path class="s" d="{_ticks(day.signs)}"/>',
        *([f'<path class="l" d="{_line(day.line)}"/>'] if day.line else []),
        *_marks(day),
        f'<text class="t" x="4" y="256">{escape(both("replay.key"))}</text>',
        "</svg>",
    ]
    return "\n".join(rows) + "\n"


def _sentence(day: Day) -> str:
    return both(
        "replay.day",
        signs=len(day.signs),
        asked=len(day.asked),
        answered=len(day.answered),
        raised=len(day.raised),
        cancelled=len(day.cancelled),
        was=len(day.was),
        missed=len(day.missed),
    )


def _hours() -> Iterator[str]:
    for hour in range(0, 24, 3):
        yield f'<path class="h" d="M{hour * 60} {_TOP}V{_WAS + 12}"/>'
        yield f'<text class="t" x="{hour * 60 + 3}" y="{_TOP + 12}">{hour:02}</text>'


def _ticks(minutes: Sequence[int]) -> str:
    return "".join(f"M{m} {_SIGNS}h1v-10h-1z" for m in minutes)


def _y(minutes: float) -> float:
    """Return how high so many minutes of silence lie."""
    return round(_HIGH - (_HIGH - _SIGNS - 6) * min(minutes, MOST) / MOST, 1)


def _silence(minutes: Sequence[int]) -> str:
    """Return the saw teeth of silence between the signs of this day."""
    edges = [*minutes, WIDE]
    return "".join(f"M{a} {_HIGH}L{b} {_y(b - a):g}V{_HIGH}z" for a, b in pairwise(edges))


def _line(points: Sequence[tuple[int, float]]) -> str:
    """Return the steps of the line, with gaps where no silence is judged."""
    edges = [*points, (WIDE, -1.0)]
    return "".join(
        f"M{a} {_y(seconds / 60):g}H{b}" for (a, seconds), (b, _) in pairwise(edges) if seconds >= 0
    )


def _marks(day: Day) -> Iterator[str]:
    for m in day.asked:
        well = any(m.kind == a.kind and 0 <= a.minute - m.minute <= ANSWERED for a in day.answered)
        name = "n" if well else "k"
        where = f'cx="{m.minute}" cy="{_MARKS - 7}" r="6"'
        yield f'<circle class="{name}" {where}>{_about(m)}</circle>'
    for name, found, y in (("a", day.raised, _MARKS), ("o", day.was, _WAS)):
        for m in found:
            yield f'<path class="{name}" d="M{m.minute} {y - 16}l8 16h-16z">{_about(m)}</path>'
    for m in day.missed:
        where = f"M{m.minute - 7} {_WAS - 15}l14 14m0 -14l-14 14"
        yield f'<path class="x" d="{where}">{_about(m)}</path>'


def _about(mark: Mark) -> str:
    where = " ".join(filter(None, (mark.kind, mark.room, mark.device)))
    return f"<title>{mark.minute // 60:02}:{mark.minute % 60:02} {escape(where)}</title>"
