"""The household's messengers: addresses, on their way into the daemon's secrets.

An address is typed on the page, goes to the daemon in a file of secrets (`handed`), is kept among
the household's secrets, and written to a file of the state folder for the program that informs by
it. Everywhere else an id stands for it; the page is shown which service it is.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from gateway.box.private import NotSetUp
from gateway.home import ladder
from gateway.home.handed import Handed, Rejected
from gateway.home.parts import HouseholdSecrets, MessengerPart, RungPart
from gateway.hook.targets import ID
from gateway.messenger import targets
from gateway.messenger.targets import Target
from gateway.words.instruction import Problem
from gateway.words.say import Say


def addressed(
    parts: Sequence[RungPart],
    before: Sequence[RungPart],
    own: HouseholdSecrets,
    given: Handed,
    *,
    language: str,
    by_hand: Mapping[str, Target] | None,
) -> tuple[tuple[RungPart, ...], HouseholdSecrets]:
    """Return rungs with the ids of their messengers, and the secrets with addresses.

    `given.messengers` has them by the place of the rung, from "1". The same address is the same
    messenger. `by_hand`: those of a `messengers.toml` that somebody has written, None where nobody
    can know. Raises Rejected.
    """
    known, problems = dict(own.messengers), list[Problem]()
    typed = {n: url.strip() for n, url in (given.messengers or {}).items() if url.strip()}
    mine = [r if r.channel == ladder.BY_MESSENGER else replace(r, person="") for r in parts]
    urls = {name: one.url for name, one in known.items()}
    who = ladder.persons(mine, typed, urls, operator.eq, "m")
    out: list[RungPart] = []
    for n, part in enumerate(parts, 1):
        rung, url = part, typed.get(str(n), "")
        if rung.channel == ladder.BY_MESSENGER:
            rung = replace(rung, person=who.get(n, rung.person))
            there = rung.person in known or by_hand is None or rung.person in by_hand
            why = targets.wrong(url) if url else None
            if why is None and not url and not (rung.person and there):
                why = Say("messenger.none")
            if why is not None:
                problems.append(Problem("ladder", str(n), "messenger", why))
                continue
            if url:
                known[rung.person] = MessengerPart(
                    url=url, language="en" if language == "en" else "zh"
                )
            if by_hand is not None:
                held = known.get(rung.person)
                rung = replace(rung, tail=targets.scheme_of(held.url) if held else "")
        out.append(rung)
    if problems:
        raise Rejected(problems)
    stay = {r.person for r in out if r.channel == ladder.BY_MESSENGER}
    gone = {r.person for r in before} - stay
    return tuple(out), replace(own, messengers={n: m for n, m in known.items() if n not in gone})


def by_hand(file: Path) -> Mapping[str, Target]:
    """Return the messengers of the `messengers.toml` that somebody has written; none of a bad one.

    Called by the daemon, which may read it.
    """
    try:
        return targets.read(file)
    except NotSetUp:
        return {}


def carried(file: Path) -> dict[str, MessengerPart]:
    """Return the same for a backup."""
    found = by_hand(file)
    return {n: MessengerPart(url=one.url, language=one.language) for n, one in found.items()}


def text(own: HouseholdSecrets) -> str:
    """Return the household's own `messengers.toml`.

    What none could use is left out: it may be of a backup that is a stranger's.
    """
    lines = []
    for name, one in own.messengers.items():
        if ID.match(name) and targets.wrong(one.url) is None:
            lines += [
                f'[messengers."{name}"]',
                f'url = "{one.url}"',
                f'language = "{one.language}"',
            ]
    return "\n".join(lines) + "\n"
