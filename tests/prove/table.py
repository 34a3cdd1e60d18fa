"""What a proof returns, and the table it is printed in."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

PROMISES = {
    1: "nothing at P1/P2 is lost",
    2: "commit, then tell",
    3: "one number, no gaps, doubles recognisable",
    4: "readings never delay an alarm",
    5: "no alarm ends without outcome, name and time",
    6: "judging does not depend on the wall clock",
    7: "a test stays a test, a real alarm stays real",
    8: "a danger alarms locally with network and page dead",
    9: "after a restart it hears again, and raises nothing new",
    10: "silence is noticed",
    11: "nobody without the right reads, silences, forges or reconfigures",
    12: "nothing leaves the home that should not",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was done to keep which promises from being kept, and what came of it."""

    promises: tuple[int, ...]  # numbers of PROMISES that this shows
    done: str  # what was done, in a few words, where the proof's own first line is not enough
    times: int  # how often
    lost: int = 0  # entries or presses that never arrived: always 0 in a proof that holds
    doubled: int = 0  # heard twice without being recognisably the same: always 0
    repeats: int = 0  # heard twice and recognisably the same: allowed, and told
    worst: float | None = None  # s, of what `worst_of` says
    worst_of: str = ""
    note: str = ""
    more: dict[str, float] = field(default_factory=dict)  # further figures, s or counts, for who wants them


def width(text: str) -> int:
    """Return how many columns a text takes; Chinese signs take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def lines(rows: list[tuple[str, Row | str]]) -> list[str]:
    """Return the table: one line a proof, (its name, what it returned or why it failed), then one line a promise."""
    out = [f"{'what was done':58} {'times':>7} {'lost':>5} {'doubled':>7} {'repeats':>7}  {'worst':24} promises"]
    for name, row in rows:
        if isinstance(row, str):
            out.append(f"{name[:58]:58} DOES NOT HOLD: {row}")
            continue
        worst = "" if row.worst is None else f"{row.worst:.3g} s {row.worst_of}"
        kept = ",".join(str(n) for n in row.promises)
        out.append(
            f"{row.done[:58]:58} {row.times:7} {row.lost:5} {row.doubled:7} {row.repeats:7}  {worst[:24]:24} {kept}{'; ' + row.note if row.note else ''}"
        )
    out.append("")
    for number, promise in PROMISES.items():
        shown = [row for _, row in rows if isinstance(row, Row) and number in row.promises]
        broken = any(row.lost or row.doubled for row in shown)
        word = (
            "DOES NOT HOLD" if broken else f"held in {len(shown)} proofs, {sum(row.times for row in shown)} times" if shown else "NOT SHOWN"
        )
        out.append(f"{number:2} {promise:64} {word}")
    return out
