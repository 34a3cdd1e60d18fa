"""The household's webhooks: addresses and keys, on their way into the daemon's secrets.

An address is typed on the page, goes to the daemon in a file of secrets (`handed`) with the key
that the page has made for it, is kept among the household's secrets, and written to a file of the
state folder for the program that calls it. Everywhere else an id stands for it; the page is shown
the end of its host.
"""

from __future__ import annotations

import base64
import operator
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from msgspec.structs import replace

from gateway.box.private import NotSetUp
from gateway.home import ladder
from gateway.home.handed import Handed, Hook, Rejected
from gateway.home.parts import HookPart, HouseholdSecrets, RungPart
from gateway.hook import targets
from gateway.hook.targets import Target
from gateway.words.instruction import Problem
from gateway.words.say import Say

SHOWN = 16  # last letters of a host that are shown
LONGEST = targets.URL_MOST  # letters of an address
KEY = 32  # bytes of a key that is made here


def fresh() -> str:
    """Return a new key, as it is handed to the receiver."""
    return targets.PREFIX + base64.b64encode(secrets.token_bytes(KEY)).decode()


def addressed(
    parts: Sequence[RungPart],
    before: Sequence[RungPart],
    own: HouseholdSecrets,
    given: Handed,
    by_hand: Mapping[str, Target] | None,
) -> tuple[tuple[RungPart, ...], HouseholdSecrets]:
    """Return rungs with the ids of their webhooks, and the secrets with addresses and keys.

    `given.hooks` has them by the place of the rung, from "1". The same address is the same webhook.
    `by_hand`: those of a `hooks.toml` that somebody has written, None where nobody can know. Raises
    Rejected.
    """
    hooks, problems, typed = dict(own.hooks), list[Problem](), given.hooks or {}
    rungs = [r if r.channel == ladder.BY_HOOK else replace(r, person="") for r in parts]
    new = {n: hook.url.strip() for n, hook in typed.items() if hook.url.strip()}
    known = {name: hook.url for name, hook in own.hooks.items()}
    who = ladder.persons(rungs, new, known, operator.eq, "w")
    out: list[RungPart] = []
    for n, part in enumerate(parts, 1):
        rung, said = part, typed.get(str(n), Hook())
        if rung.channel == ladder.BY_HOOK:
            rung = replace(rung, person=who.get(n, rung.person))
            why = _refused(rung, said, hooks, by_hand)
            if why is not None:
                problems.append(Problem("ladder", str(n), "address", why))
                continue
            if said != Hook():
                held = hooks.get(rung.person, HookPart(url="", secret=""))
                hooks[rung.person] = HookPart(url=said.url.strip() or held.url, secret=said.secret)
            url = hooks[rung.person].url if rung.person in hooks else ""
            rung = replace(rung, tail=_end(url) if url else rung.tail if by_hand is None else "")
        out.append(rung)
    if problems:
        raise Rejected(problems)
    gone = {r.person for r in before} - {r.person for r in out if r.channel == ladder.BY_HOOK}
    return tuple(out), replace(own, hooks={n: hook for n, hook in hooks.items() if n not in gone})


def _refused(
    rung: RungPart,
    said: Hook,
    hooks: Mapping[str, HookPart],
    by_hand: Mapping[str, Target] | None,
) -> Say | None:
    """Return what is wrong with one webhook as it was typed, None where it may be used."""
    url = said.url.strip()
    if url and (why := targets.wrong(url)) is not None:
        return why
    if url and targets.inside(url):
        return Say("hook.url_inside")
    if said != Hook() and targets.key_of(said.secret) is None:
        return Say("hook.no_key")
    if not rung.person:
        return Say("hook.no_address")
    if url or by_hand is None or rung.person in hooks:
        return None
    return None if said == Hook() and rung.person in by_hand else Say("hook.no_address")


def _end(url: str) -> str:
    host = urlsplit(url).hostname or ""
    return "".join(c for c in host if c.isalnum() or c in ".:-")[-SHOWN:]


def by_hand(file: Path) -> Mapping[str, Target]:
    """Return the webhooks of the `hooks.toml` that somebody has written; none where it is wrong.

    Called by the daemon, which may read it.
    """
    try:
        return targets.read(file)
    except NotSetUp:
        return {}


def carried(file: Path) -> dict[str, HookPart]:
    """Return the same for a backup, each with the text of its authority. Raises OSError."""
    out = {}
    for name, target in by_hand(file).items():
        secret = targets.PREFIX + base64.b64encode(target.key).decode()
        ca = Path(target.ca).read_text(encoding="utf-8") if target.ca else ""
        out[name] = HookPart(url=target.url, secret=secret, ca=ca)
    return out


def text(own: HouseholdSecrets, papers: Mapping[str, Path]) -> str:
    """Return the household's own `hooks.toml`; `papers`: by text the file of each authority.

    What none could call is left out: it may be of a backup that is a stranger's.
    """
    lines = []
    for name, hook in own.hooks.items():
        fits = targets.ID.match(name) and targets.wrong(hook.url) is None
        if not fits or targets.key_of(hook.secret) is None:
            continue
        lines += [f'[hooks."{name}"]', f'url = "{hook.url}"', f'secret = "{hook.secret}"']
        lines += [f'ca = "{papers[hook.ca]}"'] if hook.ca else []
    return "\n".join(lines) + "\n"


def authorities(own: HouseholdSecrets) -> set[str]:
    """Return the texts of the authorities that webhooks need."""
    return {hook.ca for hook in own.hooks.values() if hook.ca}
