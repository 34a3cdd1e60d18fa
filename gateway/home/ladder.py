"""The household's ladder as it runs, and the telephone numbers of who stands on it.

A number is typed on the page, goes to the daemon in a file of secrets (`handed`), is kept among the
household's secrets, and written to a file of the state folder for the program that sends an SMS.
Everywhere else a person has an id; the page is shown the last digits.
"""

from __future__ import annotations

import re
import sys
import zoneinfo
from collections.abc import Collection, Sequence
from datetime import time
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from gateway.home.handed import Handed, Rejected
from gateway.home.parts import HouseholdSecrets, PhonePart, RungPart
from gateway.judge.dispatch import PLATFORM, PROGRAM, Rung
from gateway.judge.duty import DAYS, Duty
from gateway.sms import people
from gateway.sms.people import NotSetUp
from gateway.words.instruction import Problem
from gateway.words.kind import Priority
from gateway.words.say import Say

FILE: Final = "phones.toml"  # beside gateway.toml, written by hand
BY_PHONE: Final = frozenset({"sms"})  # channels that need a number
SHOWN: Final = 3  # last digits that are shown
# nobody calls an ambulance by SMS, and a test would call it each day
EMERGENCY: Final = frozenset({"110", "112", "119", "120", "122", "911", "999"})


def rungs(
    parts: Sequence[RungPart],
    *,
    noises: Collection[tuple[str, ...]],
    siren: tuple[str, ...],
    book: Path,
    state: Path,
    zone: zoneinfo.ZoneInfo,
) -> tuple[Rung, ...]:
    """Return the ladder as it is called. `noises`: programs that sound; `book`: phones.toml."""
    out = []
    for r in parts:
        own = _by_phone(r, book, state) if r.channel in BY_PHONE else r.program
        out.append(
            Rung(
                r.responder,
                PLATFORM if r.channel == "platform" else PROGRAM,
                r.wait,
                own,
                r.sounds or r.program[:1] in noises,
                r.test or r.channel in BY_PHONE,
                r.sounds and bool(r.program) and r.program == siren,
                r.faults,
                _duty(r, zone),
                Priority.P1 if r.least == "P1" else Priority.P2,
                r.together,
                r.person,
            )
        )
    return tuple(out)


def _by_phone(r: RungPart, book: Path, state: Path) -> tuple[str, ...]:
    """Return the command that tells a person by telephone; no number stands in it."""
    program = str(Path(sys.prefix, "bin", "eldercare-sms"))
    return (program, "--to", r.person, "--phones", str(book), "--state", str(state))


def _duty(r: RungPart, zone: zoneinfo.ZoneInfo) -> Duty | None:
    if r.hours is None and r.days in {"", DAYS}:
        return None
    begins, ends = (time.fromisoformat(text) for text in r.hours or ("00:00", "00:00"))
    return Duty(begins, ends, zone, r.days or DAYS)


def wrong(parts: Sequence[RungPart]) -> list[tuple[int, str, Say]]:
    """Return what is wrong with rungs: (place from 0, field, sentence)."""
    out = []
    for n, r in enumerate(parts):
        if (r.channel == "program") != bool(r.program):
            out.append((n, "program", Say("config.rung_program")))
        if (r.channel in BY_PHONE) != bool(r.person):
            out.append((n, "person", Say("phone.person")))
        if r.channel == "platform" and (r.hours or r.days or r.least == "P1"):
            out.append((n, "hours", Say("phone.platform_hours")))
        if r.hours is not None:
            try:
                begins, ends = (time.fromisoformat(text) for text in r.hours)
                fits = begins.tzinfo is None and ends.tzinfo is None and begins != ends
            except ValueError:
                fits = False
            if not fits:
                out.append((n, "hours", Say("phone.hours")))
    return out


# -- numbers ---------------------------------------------------------------------------------------


def numbered(
    parts: Sequence[RungPart],
    before: Sequence[RungPart],
    own: HouseholdSecrets,
    given: Handed,
    *,
    language: str,
    by_hand: people.People | None,
) -> tuple[tuple[RungPart, ...], HouseholdSecrets]:
    """Return rungs with the ids and last digits of their persons, and the secrets with numbers.

    `given.numbers` has them by the place of the rung, from "1". The same number is the same person.
    `by_hand`: persons of a `phones.toml` that somebody has written, None where nobody can know.
    Raises Rejected.
    """
    phones, problems = dict(own.phones), []
    written = {p.id: p.number for p in by_hand.known.values()} if by_hand is not None else {}
    out: list[RungPart] = []
    typed = given.numbers or {}
    taken = {*phones, *written, *(r.person for r in parts)}
    for n, part in enumerate(parts, 1):
        rung = part
        number = typed.get(str(n), "")
        if rung.channel not in BY_PHONE:
            out.append(replace(rung, person="", tail=""))
            continue
        if number:
            plain = re.sub(r"[ ()-]", "", number)
            if (why := _no_number(plain)) is not None:
                problems.append(Problem("ladder", str(n), "number", why))
                continue
            known = {**written, **{name: phone.number for name, phone in phones.items()}}
            same = (name for name, other in known.items() if people.same(other, plain))
            kept = rung.person if rung.person in known else ""
            name = next(same, "") or kept or _unused(taken)
            taken.add(name)
            phones[name] = PhonePart(number=plain, language="en" if language == "en" else "zh")
            rung = replace(rung, person=name)
        known_to_us = rung.person in phones or rung.person in written
        if not rung.person or (by_hand is not None and not known_to_us):
            problems.append(Problem("ladder", str(n), "number", Say("phone.no_number")))
        out.append(rung)
    if problems:
        raise Rejected(problems)
    tails = {name: phone.number[-SHOWN:] for name, phone in phones.items()}
    out = [replace(r, tail=tails.get(r.person, r.tail if by_hand is None else "")) for r in out]
    gone = {r.person for r in before} - {r.person for r in out}
    return tuple(out), replace(own, phones={n: p for n, p in phones.items() if n not in gone})


def _no_number(plain: str) -> Say | None:
    if not people.NUMBER.match(plain):
        return Say("phone.bad_number")
    return Say("phone.emergency") if plain.lstrip("+") in EMERGENCY else None


def _unused(taken: Collection[str]) -> str:
    n = 1
    while f"p{n}" in taken:
        n += 1
    return f"p{n}"


def by_hand(book: Path) -> people.People:
    """Return who stands in the `phones.toml` that somebody has written; nobody where it is wrong.

    Called by the daemon, which may read it.
    """
    try:
        return people.read(book)
    except NotSetUp:
        return people.People()


def text(own: HouseholdSecrets) -> str:
    """Return the household's own `phones.toml`."""
    lines = [f"own = {_quoted(own.own_number)}"] if own.own_number else []
    lines += [f"home = {_quoted(own.called)}"] if own.called else []
    for name, phone in own.phones.items():
        lines += [f"[people.{_quoted(name)}]", f"number = {_quoted(phone.number)}"]
        lines.append(f"language = {_quoted(phone.language)}")
    return "\n".join(lines) + "\n"


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "").replace('"', "") + '"'
