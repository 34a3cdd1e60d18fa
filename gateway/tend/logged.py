"""The one log line of an entry: what moved, no names of people."""

from __future__ import annotations

from gateway.judge.book import AlarmFact, Entry
from gateway.judge.faults.fact import FaultFact
from gateway.words import kind
from gateway.words.instruction import Refused, ResultFact

# of an entry: somebody's name or hand, which no log needs
KEPT_BACK = frozenset({"by", "document", "signature"})


def line(entry: Entry) -> str:
    """Return the one log line of an entry: what moved, no names of people."""
    fact = entry.fact
    if isinstance(fact, AlarmFact):
        alarm, before = fact.alarm, fact.before
        where = f"{kind.of(alarm.kind).en}, {alarm.room or alarm.device}" + (
            ", test" if alarm.test else ""
        )
        if before is alarm.state:
            why = f" (rung {alarm.rung}, {fact.reason})" if fact.move == "call" else ""
            return f"alarm {alarm.number} {{{alarm.state}}}: {fact.move} {where}{why}"
        outcome = f", {alarm.outcome}" if alarm.outcome else ""
        moved = f"{{{before or 'new'}}}: {fact.move} -> {{{alarm.state}}}"
        return f"alarm {alarm.number} {moved} {where}{outcome}"
    if isinstance(fact, FaultFact):
        detail = ", ".join(f"{k} {v}" for k, v in fact.detail.items() if k not in KEPT_BACK)
        return (
            f"fault {fact.kind} {fact.turn}"
            + (f" {fact.device}" if fact.device else "")
            + (f" ({detail})" if detail else "")
        )
    assert isinstance(fact, ResultFact)  # the three facts there are
    answer = "accepted" if fact.refused is Refused.NONE else f"refused: {fact.refused}"
    return f"instruction {fact.instruction.do} {answer}"
