"""The ladder's form: one rung as it was typed, when somebody can be called in plain words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any, Final

from gateway.home.changes import RUNGS
from gateway.home.config import Config
from gateway.home.handed import Handed, Hook
from gateway.home.hooks import LONGEST, fresh
from gateway.home.ladder import BY_HOOK, BY_MESSENGER, BY_PHONE, INFORMS, RELAY
from gateway.judge import duty
from gateway.judge.duty import DAYS
from gateway.page.visitor import Visitor
from gateway.words.wide import visible

# in plain words -> hours and days
WHEN: Final[Mapping[str, tuple[tuple[str, str] | None, str]]] = {
    "always": (None, ""),
    "day": (("07:00", "22:00"), ""),
    "night": (("18:00", "08:00"), ""),
    "work": (("08:00", "18:00"), "12345"),
}
OWN: Final = "own"
# channel -> the field in which is typed how somebody is reached
TYPED: Final[Mapping[str, str]] = {
    **dict.fromkeys(BY_PHONE, "number"),
    BY_HOOK: "address",
    BY_MESSENGER: "messenger",
}
CHANNELS: Final = ("platform", *TYPED, RELAY)  # that are offered
DAYS_OFFERED: Final = ("", "12345", "67")
GAPS: Final = 4  # that are named


@dataclass(slots=True)
class Rung:
    """One rung as it was typed."""

    responder: str = ""
    wait: str = "120"
    channel: str = "platform"
    program: str = "[]"
    sounds: bool = False
    test: bool = False
    faults: bool = False
    person: str = ""  # id of who is reached by what is typed, "" while nobody has it yet
    tail: str = ""  # end of the number, or of the address's host, that is known
    number: str = ""  # typed; it goes to the daemon beside the form's value
    address: str = ""  # the same, of a webhook
    messenger: str = ""  # the same, of a messenger
    new_key: bool = False  # its receiver gets another key
    output: str = ""  # what a relay switches
    when: str = "always"
    begins: str = ""
    ends: str = ""
    days: str = ""
    least: str = "P2"
    together: bool = False
    informed: bool = False

    def value(self) -> dict[str, Any]:
        """Return it as the configuration has it. Raises ValueError."""
        try:
            program = json.loads(self.program)
        except RecursionError as error:  # a thousand brackets: nobody's program
            raise ValueError("program") from error
        if not isinstance(program, list):
            raise ValueError("program")  # noqa: TRY004  the form was not made by us
        value: dict[str, Any] = {
            "responder": self.responder.strip(),
            "channel": self.channel,
            "wait": float(self.wait.strip()),
            "program": program,
        }
        if self.channel in TYPED:
            value["person"] = self.person or self.placeholder
        if self.channel == RELAY:
            value["output"] = self.output
        if self.channel not in {"platform", RELAY}:
            hours, days = WHEN.get(self.when, ((self.begins.strip(), self.ends.strip()), self.days))
            value |= {"hours": hours} if hours else {}
            value |= {"days": days} if days else {}
            value |= {"least": "P1"} if self.least == "P1" else {}
        flags = ("sounds", "test", "faults", "together", "informed")
        return value | {name: True for name in flags if getattr(self, name)}

    @property
    def placeholder(self) -> str:
        """The id of a person whom the daemon gives one: by a number that is known, or a new one."""
        return "new" if self.typed else ""

    @property
    def typed(self) -> str:
        """What was typed of how this person is reached."""
        field = TYPED.get(self.channel, "")
        return str(getattr(self, field)).strip() if field else ""

    @property
    def by_phone(self) -> bool:
        """Whether this person is reached by a telephone number."""
        return self.channel in BY_PHONE


def typed(said: Mapping[str, str]) -> list[Rung]:
    """Return the rungs of a form."""
    out = []
    for n in range(1, RUNGS + 1):
        if f"responder-{n}" in said:
            rung = Rung(visible(said[f"responder-{n}"][:200]), said.get(f"wait-{n}", "")[:10])
            channel = said.get(f"channel-{n}")
            if channel == "program":
                rung.channel, rung.program = "program", said.get(f"program-{n}", "[]")[:4000]
                rung.sounds, rung.test = (bool(said.get(f"{w}-{n}")) for w in ("sounds", "test"))
            elif channel is not None and (channel in TYPED or channel == RELAY):
                rung.channel = channel
            rung.person = said.get(f"person-{n}", "")[:40]
            rung.tail = said.get(f"tail-{n}", "")[:16]
            rung.number = visible(said.get(f"number-{n}", "")[:60])[:40]
            # one letter more than an address may have: that is told, and nothing is cut in silence
            rung.address = visible(said.get(f"address-{n}", "")[: LONGEST + 200])[: LONGEST + 1]
            rung.messenger = visible(said.get(f"messenger-{n}", "")[: LONGEST + 200])[: LONGEST + 1]
            rung.new_key = bool(said.get(f"new-key-{n}"))
            rung.output = visible(said.get(f"output-{n}", "")[:210])
            rung.when, rung.begins = said.get(f"when-{n}", "always")[:8], said.get(f"from-{n}", "")
            rung.ends, rung.days = said.get(f"to-{n}", "")[:8], said.get(f"days-{n}", "")[:7]
            rung.least = "P1" if said.get(f"least-{n}") == "P1" else "P2"
            rung.faults = bool(said.get(f"faults-{n}")) and rung.channel != "platform"
            rung.together = bool(said.get(f"together-{n}"))
            rung.informed = bool(said.get(f"informed-{n}")) and rung.channel in INFORMS
            out.append(rung)
    return out


def in_force(config: Config) -> list[Rung]:
    """Return the rungs that hold."""
    out = []
    for r in config.parts.ladder:
        plain = r.hours, "" if r.days == DAYS else r.days
        when = next((name for name, preset in WHEN.items() if preset == plain), OWN)
        begins, ends = r.hours or ("", "")
        rung = Rung(r.responder, f"{r.wait:g}", r.channel, json.dumps(r.program))
        rung.sounds, rung.test, rung.faults, rung.together = r.sounds, r.test, r.faults, r.together
        rung.person, rung.tail, rung.least = r.person, r.tail, r.least
        rung.output, rung.informed = r.output, r.informed
        rung.when, rung.begins, rung.ends, rung.days = when, begins, ends, plain[1]
        out.append(rung)
    return out


def given(rungs: Sequence[Rung]) -> Handed | None:
    """Return the numbers and addresses that were typed, for the daemon alone; None where none was.

    An address gets a key made here; the same address the same one.
    """
    each = dict(enumerate(rungs, 1))
    numbers = {str(n): r.typed for n, r in each.items() if r.by_phone and r.typed}
    chats = {str(n): r.typed for n, r in each.items() if r.channel == BY_MESSENGER and r.typed}
    keys = {r.typed: fresh() for r in rungs if r.channel == BY_HOOK and r.typed}
    hooks = {
        str(n): Hook(url=r.typed, secret=keys.get(r.typed) or fresh())
        for n, r in each.items()
        if r.channel == BY_HOOK and (r.typed or r.new_key)
    }
    if not (numbers or hooks or chats):
        return None
    return Handed(numbers=numbers or None, hooks=hooks or None, messengers=chats or None)


def said(v: Visitor, rungs: Sequence[Rung]) -> str:
    """Return a ladder in a line."""
    each = [f"{r.responder} ({r.wait} {v.words('unit.s')})" for r in rungs]
    return " \u2192 ".join(each) or "\u2013"


def gaps(v: Visitor, config: Config) -> list[str]:
    """Return when nobody of the ladder can be called from here, each in words."""
    own = tuple(r for r in config.ladder if r.program and not r.sounds)
    found = duty.gaps(tuple(r.duty for r in own))
    out = [
        f"{v.words(f'day.{day}')} {begins:%H:%M}\u2013{_until(ends)}" for day, begins, ends in found
    ]
    return out[:GAPS] + (["\u2026"] if len(out) > GAPS else [])


def _until(ends: time) -> str:
    return f"{ends:%H:%M}" if ends.hour or ends.minute else "24:00"
