"""Whether every stage of every alarm was really reached: the gateway's journal and the desk's own record are held against each other.

Pure: what was read goes in, sentences about what is missing and the figures come out. No sentence
means that nothing is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from gateway.words import kind as kinds

ANSWERED = (
    "danger",
    "alarm",
    "push",
    "answered",
    "dispatch",
    "arrival",
    "closed",
)  # P1, P2: a person must come
BY_RULE = ("danger", "alarm", "push", "closed")  # P3 ends when its condition ends; nobody is sent
CANCELLED = ("danger", "cancelled")
WORDS = {
    "danger": "出现危险 danger",
    "alarm": "发出警报 alarm",
    "push": "平台回执 receipt",
    "answered": "应答 answered",
    "dispatch": "派人 dispatch",
    "arrival": "到场 arrival",
    "closed": "结束 closed",
    "cancelled": "撤警 cancelled",
}
DESK_DOES = ("acknowledge", "dispatch", "arrive", "close")
Json = dict[str, Any]


@dataclass(frozen=True)
class Expected:
    """What the people of the home wrote down: an alarm of this kind from this device, and how it ended."""

    kind: str
    device: str
    ending: str


@dataclass
class Seen:
    """All that was read when the day was over."""

    journal: list[Json]  # the entries as pushed, in order of their numbers
    desk: list[Json]  # the desk's record, line by line
    sounds: list[str]  # what sounded: "what kind reason alarm-id"
    waiting: int  # entries without receipt
    batches: int  # newest batch of readings
    batches_waiting: int
    expected: list[Expected] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(
        default_factory=list
    )  # (kind, device) that had to be recorded
    # wall time of the day at which the network went and came back
    cut: tuple[str, str] | None = None


def alarms(journal: Sequence[Json]) -> list[Json]:
    """Return the newest entry of each alarm, in order of their numbers; tests are left out."""
    newest = {e["alarm_number"]: e for e in journal if e["type"] == "alarm" and not e["test"]}
    return [newest[number] for number in sorted(newest)]


def named(alarm: Json) -> str:
    """Return an alarm as people call it."""
    row = kinds.of(alarm["kind"])
    return f"警报 alarm {alarm['alarm_number']} ({row.zh} {row.en}, {alarm['device']})"


def wanted(alarm: Json) -> tuple[str, ...]:
    """Return the stages that this alarm has to go through."""
    if alarm["state"] == "cancelled":
        return CANCELLED
    return ANSWERED if alarm["priority"] <= kinds.Priority.P2 else BY_RULE


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
    """Compare with what the people wrote down, in both directions: alarms of one kind and device in the order in which they came."""
    left = list(seen.expected)
    out = []
    for alarm in found:
        note = next(
            (e for e in left if (e.kind, e.device) == (alarm["kind"], alarm["device"])), None
        )
        if note is None:
            out.append(f"{named(alarm)}: 没有人记下 nobody wrote it down: it was not expected")
            continue
        left.remove(note)
        if note.ending != alarm["state"]:
            out.append(
                f"{named(alarm)}: 应为 {note.ending}, 实为 {alarm['state']}: expected {note.ending}, it is {alarm['state']}"
            )
    return out + [
        f"应有警报 an alarm was expected: {e.kind} of {e.device}; it is not in the journal"
        for e in left
    ]


def _stages(alarm: Json) -> list[str]:
    stages = alarm["stages"]
    never = [WORDS[name] for name in wanted(alarm) if name not in stages]
    out = [f"{named(alarm)}: 没有到达 never reached: {', '.join(never)}"] if never else []
    reached = [(name, stages[name]["mono"]) for name in wanted(alarm) if name in stages]
    out += [
        f"{named(alarm)}: {WORDS[b]} 早于 is before {WORDS[a]}"
        for (a, at), (b, then) in pairwise(reached)
        if then < at
    ]
    if alarm["state"] == "closed" and not (alarm["outcome"] and alarm["state_by"]):
        out.append(f"{named(alarm)}: 结束时缺结果或姓名 closed without outcome or name")
    return out


def _desk_did(alarm: Json, seen: Seen) -> list[str]:
    """Say which of its own acts the desk has no accepted result for."""
    if wanted(alarm) != ANSWERED:
        return []
    did = {
        line["do"]
        for line in seen.desk
        if line["did"] == "result" and line["alarm"] == alarm["alarm"] and line["accepted"]
    }
    never = [do for do in DESK_DOES if do not in did]
    return (
        [f"{named(alarm)}: 呼叫台无此结果 the desk has no accepted result for: {', '.join(never)}"]
        if never
        else []
    )


def _every_entry(seen: Seen) -> list[str]:
    """Every number once, without gaps, the same id on both sides, and each with its receipt."""
    out = []
    numbers = [e["number"] for e in seen.journal]
    if numbers != list(range(1, len(numbers) + 1)):
        out.append(
            f"记录编号有缺 the journal's numbers have gaps: {len(numbers)} entries, newest {max(numbers, default=0)}"
        )
    at_desk = received(seen.desk)
    here = {e["number"]: e["id"] for e in seen.journal}
    if lost := sorted(set(here) - set(at_desk)):
        out.append(
            f"平台未收到 {len(lost)} 条记录 the desk never received {len(lost)} of {len(here)} entries: {short(lost)}"
        )
    if other := sorted(n for n, ids in at_desk.items() if ids != {here.get(n)}):
        out.append(f"编号不一致 entries whose id differs on the two sides: {short(other)}")
    if seen.waiting:
        out.append(f"{seen.waiting} 条记录仍待发 entries still have no receipt")
    have = {
        line["batch"]
        for line in seen.desk
        if line["did"] == "received" and line["name"] == "readings"
    }
    if gone := sorted(set(range(1, seen.batches + 1)) - have):
        out.append(f"平台未收到读数批次 batches of readings the desk never received: {short(gone)}")
    if seen.batches_waiting:
        out.append(f"{seen.batches_waiting} 批读数仍待发 batches of readings still have no receipt")
    return out


def _once_each(seen: Seen) -> list[str]:
    """Each instruction of the desk took effect once."""
    results = Counter(e["instruction"] for e in seen.journal if e["type"] == "result")
    sent = {line["id"]: line["do"] for line in seen.desk if line["did"] == "instruct"}
    return [
        f"指令 {do} {name} 有 {results[name]} 个结果 the instruction has that many results"
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
        if row not in here:
            out.append(f"应有故障 expected fault: {row[0]} of {row[1]}; it is not in the journal")
            continue
        if row not in there:
            out.append(f"故障 {row[0]} of {row[1]}: 呼叫台没有记录 the desk has not recorded it")
        if here[row]["priority"] <= kinds.Priority.P2:
            out.append(
                f"故障 {row[0]} of {row[1]}: 不应叫醒人 is P{here[row]['priority']}, it should wake nobody"
            )
    return out


def _without_network(found: Sequence[Json], seen: Seen) -> list[str]:
    """Each alarm of a person sounds in the home; one raised without network is answered after it came back, and a rung was called."""
    sounded = {
        tuple(line.split()[i] for i in (0, 3)) for line in seen.sounds if len(line.split()) == 4
    }
    raised = [a for a in found if wanted(a) == ANSWERED]
    out = [
        f"{named(a)}: 家中没有响 it did not sound in the home"
        for a in raised
        if ("siren", a["alarm"]) not in sounded
    ]
    if seen.cut is None:
        return out
    went, back = seen.cut
    during = [a for a in raised if went < a["stages"]["danger"]["wall"] < back]
    if not during:
        return [*out, "断网期间没有警报 no alarm was raised while the network was away"]
    for a in during:
        if a["stages"].get("push", {}).get("wall", back) < back:
            out.append(f"{named(a)}: 断网时已有回执 has a receipt from before the network returned")
        if ("light", a["alarm"]) not in sounded:
            out.append(
                f"{named(a)}: 断网时没有叫邻居 the rung that needs no network was not called"
            )
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
