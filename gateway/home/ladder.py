"""The household's ladder as it runs, and the telephone numbers of who stands on it.

A number is typed on the page, goes to the daemon in a file of secrets (`handed`), is kept among the
household's secrets, and written to a file of the state folder for the programs that tell a person.
Everywhere else a person has an id; the page is shown the last digits.
"""

from __future__ import annotations

import re
import sys
import zoneinfo
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import time
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from gateway.box.private import NotSetUp
from gateway.home.handed import Handed, Rejected
from gateway.home.parts import HouseholdSecrets, PhonePart, RungPart
from gateway.hook import targets
from gateway.judge.dispatch import PLATFORM, PROGRAM, Rung
from gateway.judge.duty import DAYS, Duty
from gateway.messenger import targets as messages
from gateway.relay import outputs
from gateway.sms import people
from gateway.words.instruction import Problem
from gateway.words.kind import Priority
from gateway.words.say import Say

FILE: Final = "phones.toml"  # beside gateway.toml, written by hand
# channels that need a number -> the program that reaches who has it, and how
BY_PHONE: Final[Mapping[str, tuple[str, ...]]] = {
    "sms": ("eldercare-sms",),
    "ring": ("eldercare-ring",),
    "sms_ring": ("eldercare-ring", "--sms"),
}
RING: Final = "eldercare-ring"  # the program whose calls may be answered by calling back
BY_HOOK: Final = "webhook"  # the channel that needs an address
WEBHOOK: Final = "eldercare-webhook"  # its program
BY_MESSENGER: Final = "messenger"  # the channel by which somebody is informed and cannot answer
MESSENGER: Final = "eldercare-messenger"  # its program
ONLINE: Final = frozenset({WEBHOOK, MESSENGER})  # programs that need the network
RELAY: Final = "relay"  # the channel that switches a light or a siren and reaches nobody
SWITCH: Final = "eldercare-relay"  # its program
TYPED: Final = BY_PHONE.keys() | {
    BY_HOOK,
    BY_MESSENGER,
}  # channels of whom number or address is typed
INFORMS: Final = frozenset({"sms", BY_HOOK, BY_MESSENGER, "program"})  # that need no answer
SHOWN: Final = 3  # last digits that are shown


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
        own = _told_by(r, book, state)
        out.append(
            Rung(
                r.responder,
                PLATFORM if r.channel == "platform" else PROGRAM,
                r.wait,
                own,
                r.sounds or r.channel == RELAY or r.program[:1] in noises,
                r.test or r.channel in TYPED or r.channel == RELAY,
                r.sounds and bool(r.program) and r.program == siren,
                r.faults,
                _duty(r, zone),
                Priority.P1 if r.least == "P1" else Priority.P2,
                r.together,
                r.person if r.channel in BY_PHONE else "",
                bool(own) and Path(own[0]).name in ONLINE,
            )
        )
    return tuple(out)


def _told_by(r: RungPart, book: Path, state: Path) -> tuple[str, ...]:
    """Return the command that calls a rung; no number and no address stands in it."""
    anew = ("--anew", str(r.anew)) if r.anew else ()
    if r.channel in BY_PHONE:
        name, *how = BY_PHONE[r.channel]
        program, files = str(Path(sys.prefix, "bin", name)), ("--phones", str(book))
        return (program, "--to", r.person, *files, "--state", str(state), *how, *anew)
    if r.channel == BY_HOOK:
        program, hooks = str(Path(sys.prefix, "bin", WEBHOOK)), book.with_name(targets.FILE)
        return (program, "--to", r.person, "--hooks", str(hooks), "--state", str(state), *anew)
    if r.channel == BY_MESSENGER:
        program, file = str(Path(sys.prefix, "bin", MESSENGER)), book.with_name(messages.FILE)
        return (program, "--to", r.person, "--messengers", str(file), "--state", str(state), *anew)
    if r.channel == RELAY:
        return (str(Path(sys.prefix, "bin", SWITCH)), "--at", r.output)
    return r.program


def _duty(r: RungPart, zone: zoneinfo.ZoneInfo) -> Duty | None:
    if r.hours is None and r.days in {"", DAYS}:
        return None
    begins, ends = (time.fromisoformat(text) for text in r.hours or ("00:00", "00:00"))
    return Duty(begins, ends, zone, r.days or DAYS)


def line(program: Sequence[str]) -> str:
    """Return what serves one call at a time, and is well or not: a program file, or one webhook.

    A modem is one thing, whoever is called by it; webhooks share nothing but their program, and so
    do messengers.
    """
    return " ".join(program) if Path(program[0]).name in ONLINE else program[0]


def wrong(parts: Sequence[RungPart]) -> list[tuple[int, str, Say]]:
    """Return what is wrong with rungs: (place from 0, field, sentence)."""
    out = []
    for n, r in enumerate(parts):
        if (r.channel == "program") != bool(r.program):
            out.append((n, "program", Say("config.rung_program")))
        if (r.channel == RELAY) != bool(r.output):
            out.append((n, "output", Say("config.output")))
        elif r.output:
            try:
                outputs.place(r.output)
            except NotSetUp:
                out.append((n, "output", Say("config.output")))
        if (r.channel in TYPED) != bool(r.person):
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
    return out + _wrongly_informed(parts)


def _wrongly_informed(parts: Sequence[RungPart]) -> list[tuple[int, str, Say]]:
    """Return what is wrong with relatives who are only told."""
    out = []
    for n, r in enumerate(parts):
        if r.informed and r.channel not in INFORMS:
            out.append((n, "informed", Say("phone.informs")))
        elif not r.informed and any(before.informed for before in parts[:n]):
            out.append((n, "informed", Say("phone.informed_last")))
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
    typed = {n: re.sub(r"[ ()-]", "", number) for n, number in (given.numbers or {}).items()}
    own_numbers = {p: phone.number for p, phone in phones.items()}
    who = persons(parts, typed, {**written, **own_numbers}, people.same, "p")
    for n, part in enumerate(parts, 1):
        rung = part
        if rung.channel not in BY_PHONE:
            own_way = rung.channel in TYPED
            out.append(rung if own_way else replace(rung, person="", tail=""))
            continue
        if number := typed.get(str(n), ""):
            if (why := _no_number(number)) is not None:
                problems.append(Problem("ladder", str(n), "number", why))
                continue
            rung = replace(rung, person=who[n])
            phones[rung.person] = PhonePart(
                number=number, language="en" if language == "en" else "zh"
            )
        known_to_us = rung.person in phones or rung.person in written
        if not rung.person or (by_hand is not None and not known_to_us):
            problems.append(Problem("ladder", str(n), "number", Say("phone.no_number")))
        out.append(rung)
    if problems:
        raise Rejected(problems)
    tails = {name: phone.number[-SHOWN:] for name, phone in phones.items()}
    out = [
        replace(r, tail=tails.get(r.person, r.tail if by_hand is None else ""))
        if r.channel in BY_PHONE
        else r
        for r in out
    ]
    gone = {r.person for r in before} - {r.person for r in out if r.channel in BY_PHONE}
    return tuple(out), replace(own, phones={n: p for n, p in phones.items() if n not in gone})


def counted(
    parts: Sequence[RungPart],
    before: Sequence[RungPart],
    held: HouseholdSecrets,
    own: HouseholdSecrets,
) -> tuple[RungPart, ...]:
    """Return rungs that count how often each person got another number or address.

    It stands in the command that calls him: to another number it is another call, and one that is
    under way to the wrong one ends.
    """
    counts = {r.person: r.anew for r in before}
    numbers = {n: phone.number for n, phone in held.phones.items()}
    other = {n for n, p in own.phones.items() if numbers.get(n, p.number) != p.number}
    urls = {n: hook.url for n, hook in held.hooks.items()}
    other |= {n for n, hook in own.hooks.items() if urls.get(n, hook.url) != hook.url}
    urls = {n: one.url for n, one in held.messengers.items()}
    other |= {n for n, one in own.messengers.items() if urls.get(n, one.url) != one.url}
    return tuple(
        replace(r, anew=(counts.get(r.person, 0) + (r.person in other)) % 10000)
        if r.channel in TYPED
        else r
        for r in parts
    )


def persons(
    parts: Sequence[RungPart],
    typed: Mapping[str, str],
    known: Mapping[str, str],
    same: Callable[[str, str], bool],
    letter: str,
) -> dict[int, str]:
    """Return the id of whoever has each number that was typed, by the place of the rung.

    The number decides, or the address; `same` says of two whether they are one, `letter` begins a
    new id. One that nobody has is the new number of the rung's person, unless another rung of the
    form means that person too: then it is somebody else's.
    """
    rungs = [(n, r, typed.get(str(n), "")) for n, r in enumerate(parts, 1)]
    before = {n: _whose(known, number, same) for n, _, number in rungs if number}
    meant = [r.person for n, r, number in rungs if not number] + [*before.values()]
    named = [r.person for r in parts]
    fresh: dict[str, str] = {}
    out = {}
    for n, rung, number in rungs:
        if not number:
            continue
        name = before[n] or _whose(fresh, number, same)
        if not name:
            own = rung.person in known and named.count(rung.person) == 1
            name = rung.person if own and rung.person not in meant else ""
            name = name or _unused({*known, *fresh, *named}, letter)
            fresh[name] = number
        out[n] = name
    return out


def _whose(known: Mapping[str, str], number: str, same: Callable[[str, str], bool]) -> str:
    return next((name for name, other in known.items() if same(other, number)), "")


def _no_number(plain: str) -> Say | None:
    if not people.NUMBER.match(plain):
        return Say("phone.bad_number")
    return Say("phone.emergency") if people.EMERGENCY.fullmatch(plain) else None


def _unused(taken: Collection[str], letter: str) -> str:
    n = 1
    while f"{letter}{n}" in taken:
        n += 1
    return f"{letter}{n}"


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
