"""Whether every stage of every alarm was reached: the journal against the desk's own record.

Pure: what was read goes in, sentences about what is missing and the figures come out. No sentence
means that nothing is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from gateway.demo.both import both
from gateway.words import kind as kinds

# P1, P2: a person must come
ANSWERED = ("danger", "alarm", "push", "answered", "dispatch", "arrival", "closed")
BY_HER = tuple(stage for stage in ANSWERED if stage != "push")  # without the platform
BY_RULE = ("danger", "alarm", "push", "closed")  # P3 ends when its condition ends; nobody is sent
CANCELLED = ("danger", "cancelled")
DESK_DOES = ("acknowledge", "dispatch", "arrive", "close")
Json = dict[str, Any]


@dataclass(frozen=True)
class Expected:
    """What the people of the home wrote down: an alarm of a kind and device, and how it ended."""

    kind: str
    device: str
    ending: str


@dataclass
class Seen:
    """All that was read when the day was over."""

    journal: list[Json]  # the entries as pushed, in order of their numbers
    desk: list[Json]  # the desk's record, line by line
    sounds: list[str]  # what sounded: "what kind reason alarm-id"
    texts: list[str]  # SMS that the neighbour got
    waiting: int  # entries without receipt
    batches: int  # newest batch of readings
    batches_waiting: int
    expected: list[Expected] = field(default_factory=list)
    # (kind, device) that had to be recorded
    faults: list[tuple[str, str]] = field(default_factory=list)
    # wall time of the day at which the network went and came back
    cut: tuple[str, str] | None = None


def alarms(journal: Sequence[Json]) -> list[Json]:
    """Return the newest entry of each alarm, in order of their numbers; tests are left out."""
    newest = {e["alarm_number"]: e for e in journal if e["type"] == "alarm" and not e["test"]}
    return [newest[number] for number in sorted(newest)]


def named(alarm: Json) -> str:
    """Return an alarm as people call it."""
    row = kinds.of(alarm["kind"])
    return both(
        "proof.alarm",
        number=alarm["alarm_number"],
        zh=row.zh,
        en=row.en,
        device=alarm["device"],
    )


def wanted(alarm: Json) -> tuple[str, ...]:
    """Return the stages that this alarm has to go through."""
    if alarm["state"] == "cancelled":
        return CANCELLED
    if is_hers(alarm):
        return BY_HER
    return ANSWERED if alarm["priority"] <= kinds.Priority.P2 else BY_RULE


def is_hers(alarm: Json) -> bool:
    """Say whether the neighbour has answered, come and ended it: the platform hears of it later."""
    names = {alarm.get("by"), alarm.get("responder"), alarm["state_by"]}
    return names == {both("home.neighbour")}


def missing(seen: Seen) -> list[str]:
    """Return what is missing, one sentence each."""
    found = alarms(seen.journal)
    return [
        *_as_expected(found, seen),
        *(sentence for alarm in found for sentence in _stages(alarm)),
        *(sentence for alarm in found for sentence in _desk_did(alarm, seen)),
        *_every_entry(seen),
        *_once_each(seen),
        *_faults(seen),
        *_without_network(found, seen),
    ]


def _as_expected(found: Sequence[Json], seen: Seen) -> list[str]:
    """Compare with what the people wrote down, in both directions.

    Alarms of one kind and device are compared in the order in which they came.
    """
    left = list(seen.expected)
    out = []
    for alarm in found:
        note = next(
            (e for e in left if (e.kind, e.device) == (alarm["kind"], alarm["device"])), None
        )
        if note is None:
            out.append(both("proof.unexpected", alarm=named(alarm)))
            continue
        left.remove(note)
        if note.ending != alarm["state"]:
            out.append(
                both(
                    "proof.other_ending",
                    alarm=named(alarm),
                    ending=note.ending,
                    state=alarm["state"],
                )
            )
    return out + [both("proof.no_alarm", kind=e.kind, device=e.device) for e in left]


def _stages(alarm: Json) -> list[str]:
    stages = alarm["stages"]
    never = [both(f"stage.{name}") for name in wanted(alarm) if name not in stages]
    out = [both("proof.never", alarm=named(alarm), stages=", ".join(never))] if never else []
    reached = [(name, stages[name]["mono"]) for name in wanted(alarm) if name in stages]
    out += [
        both(
            "proof.before", alarm=named(alarm), later=both(f"stage.{b}"), earlier=both(f"stage.{a}")
        )
        for (a, at), (b, then) in pairwise(reached)
        if then < at
    ]
    if alarm["state"] == "closed" and not (alarm["outcome"] and alarm["state_by"]):
        out.append(both("proof.no_outcome", alarm=named(alarm)))
    return out


def _desk_did(alarm: Json, seen: Seen) -> list[str]:
    """Say which of its own acts the desk has no accepted result for; others may have acted."""
    if wanted(alarm) != ANSWERED:
        return []
    did = {
        line["do"]
        for line in seen.desk
        if line["did"] == "result" and line["alarm"] == alarm["alarm"] and line["accepted"]
    }
    never = [do for do in DESK_DOES if do not in did]
    return [both("proof.no_result", alarm=named(alarm), acts=", ".join(never))] if never else []


def _every_entry(seen: Seen) -> list[str]:
    """Every number once, without gaps, the same id on both sides, and each with its receipt."""
    out = []
    numbers = [e["number"] for e in seen.journal]
    if numbers != list(range(1, len(numbers) + 1)):
        out.append(both("proof.gaps", entries=len(numbers), newest=max(numbers, default=0)))
    at_desk = received(seen.desk)
    here = {e["number"]: e["id"] for e in seen.journal}
    if lost := sorted(set(here) - set(at_desk)):
        out.append(both("proof.lost", lost=len(lost), entries=len(here), numbers=short(lost)))
    if other := sorted(n for n, ids in at_desk.items() if ids != {here.get(n)}):
        out.append(both("proof.other_id", numbers=short(other)))
    if seen.waiting:
        out.append(both("proof.waiting", waiting=seen.waiting))
    have = {
        line["batch"]
        for line in seen.desk
        if line["did"] == "received" and line["name"] == "readings"
    }
    if gone := sorted(set(range(1, seen.batches + 1)) - have):
        out.append(both("proof.lost_batches", numbers=short(gone)))
    if seen.batches_waiting:
        out.append(both("proof.waiting_batches", waiting=seen.batches_waiting))
    return out


def _once_each(seen: Seen) -> list[str]:
    """Each instruction of the desk took effect once."""
    results = Counter(e["instruction"] for e in seen.journal if e["type"] == "result")
    sent = {line["id"]: line["do"] for line in seen.desk if line["did"] == "instruct"}
    return [
        both("proof.results", do=do, name=name, results=results[name])
        for name, do in sent.items()
        if results[name] != 1
    ]


def _faults(seen: Seen) -> list[str]:
    """Faults are recorded on both sides and wake nobody."""
    out = []
    here = {
        (e["kind"], e["device"]): e
        for e in seen.journal
        if e["type"] == "fault" and e["turn"] == "raised"
    }
    there = {(line["kind"], line["device"]) for line in seen.desk if line["did"] == "recorded"}
    for row in seen.faults:
        of = {"kind": row[0], "device": row[1]}
        if row not in here:
            out.append(both("proof.no_fault", **of))
            continue
        if row not in there:
            out.append(both("proof.fault_unrecorded", **of))
        if here[row]["priority"] <= kinds.Priority.P2:
            out.append(both("proof.fault_wakes", **of, priority=here[row]["priority"]))
    return out


def _without_network(found: Sequence[Json], seen: Seen) -> list[str]:
    """Each alarm of a person sounds in the home.

    Of one raised without network the neighbour is told by SMS, and it is she who answers, comes and
    ends it; the platform knows of it after the network came back.
    """
    sounded = {
        tuple(line.split()[i] for i in (0, 3)) for line in seen.sounds if len(line.split()) >= 4
    }
    raised = [a for a in found if wanted(a) in {ANSWERED, BY_HER}]
    # The siren makes room for news: on a busy machine it may not have begun when somebody answers.
    heard = {alarm for what, alarm in sounded if what in {"siren", "chime"}}
    out = [both("proof.silent", alarm=named(a)) for a in raised if a["alarm"] not in heard]
    if seen.cut is None:
        return out
    went, back = seen.cut
    during = [a for a in raised if went < a["stages"]["danger"]["wall"] < back]
    if not during:
        return [*out, both("proof.none_during")]
    for a in during:
        if a["stages"].get("push", {}).get("wall", back) < back:
            out.append(both("proof.early_receipt", alarm=named(a)))
        if not seen.texts:
            out.append(both("proof.no_rung", alarm=named(a)))
        if not is_hers(a):
            out.append(both("proof.not_hers", alarm=named(a)))
    return out


def received(desk: Sequence[Json]) -> dict[int, set[str]]:
    """Return {entry number: the ids under which the desk received it}."""
    out: dict[int, set[str]] = {}
    for line in desk:
        if line["did"] == "received" and "number" in line:
            out.setdefault(line["number"], set()).add(line["id"])
    return out


def short(numbers: Sequence[int], most: int = 12) -> str:
    """Return numbers for people, not more than they want to read."""
    return ", ".join(map(str, numbers[:most])) + (", ..." if len(numbers) > most else "")
