"""What is shown when the day is over: alarms with their stages, figures, what was checked."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.demo import proof
from gateway.demo.both import both
from gateway.demo.proof import Seen
from gateway.demo.screen import Screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was counted: packets, what the gateway made of them, hours played, seconds taken."""

    packets: int
    repeats: int
    strangers: int
    readings: int
    hours: float
    took: float


def show(screen: Screen, seen: Seen, figures: Figures, missing: list[str]) -> None:
    """Write the summary; `missing` are the sentences of the proof, none where all was reached."""
    lines = screen.line
    screen.flush()
    lines()
    lines(both("sum.title"), "bold")
    lines()
    screen.table(seen.journal)
    lines(both("sum.seconds"), "dim")
    lines()
    heard = [line for line in seen.desk if line["did"] == "received"]
    again = sum(line["again"] for line in heard if "batch" in line)
    lines(
        both(
            "sum.heard",
            packets=figures.packets,
            repeats=figures.repeats,
            strangers=figures.strangers,
            readings=figures.readings,
        )
    )
    lines(
        both(
            "sum.pushed",
            entries=len(seen.journal),
            doubles=sum(line["again"] for line in heard if "number" in line),
            lost=len({e["number"] for e in seen.journal} - set(proof.received(seen.desk))),
            again=again,
        )
    )
    if again:
        lines(both("sum.again"), "dim")
    lines(both("sum.took", seconds=figures.took, hours=figures.hours))
    lines()
    if missing:
        lines(both("sum.not_reached", count=len(missing)), "red")
        for sentence in missing:
            lines(f"  - {sentence}", "red")
    else:
        lines(both("sum.checked"), "green")
        for sentence in checked(seen):
            lines(f"  + {sentence}", "green")
    lines()


def checked(seen: Seen) -> list[str]:
    """Return one sentence for each thing that a day without anything missing has shown."""
    in_person = {proof.ANSWERED, proof.BY_HER}
    raised = sum(proof.wanted(a) in in_person for a in proof.alarms(seen.journal))
    out = [
        both("sum.every_stage", raised=raised),
        both("sum.every_entry", entries=len(seen.journal)),
        both("sum.once_each"),
    ]
    if seen.faults:
        out.append(both("sum.fault"))
    if seen.cut is not None:
        out.append(both("sum.network"))
    return out
