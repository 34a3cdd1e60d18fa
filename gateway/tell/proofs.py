"""Which programs have ever shown that they can call whom they are for: a test or a call succeeded.

It outlives a restart, and ends where the command, the number or the address is another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.home.config import Config
from gateway.home.home import Home
from gateway.words.clock import Moment

MARK: Final = "proved"  # of the journal
MOST: Final = 200  # of a home; a ladder has twenty rungs


class Proofs:
    """What is proved in one home. On the loop's thread. `kept` is its mark of the last process."""

    def __init__(self, home: Home, kept: str) -> None:
        self._home = home
        self._good = _read(kept)
        self._changed = False
        home.subscribe(self._renewed)

    def good(self, command: Sequence[str]) -> None:
        """Remember that this command has succeeded."""
        seal = _seal(command)
        if seal not in self._good and len(self._good) < MOST:
            self._good.add(seal)
            self._changed = True

    def has(self, command: Sequence[str]) -> bool:
        """Say whether this command ever succeeded."""
        return _seal(command) in self._good

    def marks(self, _now: Moment, anew: bool = False) -> Mapping[str, str]:
        """Return what is to be remembered; nothing where nothing is new. `anew`: all of it."""
        if not self._changed and not (anew and self._good):
            return {}
        self._changed = False
        return {MARK: json.dumps(sorted(self._good))}

    def _renewed(self, before: Config) -> None:
        """Forget who stands in the ladder no more, or is reached by another number or address."""
        config = self._home.config
        pairs = (
            (before.secrets.phones, config.secrets.phones),
            (before.secrets.hooks, config.secrets.hooks),
            (before.secrets.messengers, config.secrets.messengers),
        )
        other = {n for old, new in pairs for n in {**old, **new} if old.get(n) != new.get(n)}
        each = zip(config.everybody, config.parts.ladder, strict=True)
        same = {_seal(rung.program) for rung, part in each if part.person not in other}
        if not self._good <= same:
            self._good &= same
            self._changed = True


def _seal(command: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(command)).encode()).hexdigest()[:16]


def _read(kept: str) -> set[str]:
    """Return what a mark holds; nothing where it is damaged: then it is proved once more."""
    try:
        found = json.loads(kept or "[]")
    except (ValueError, RecursionError):
        return set()
    known = found if isinstance(found, list) else []
    return {seal for seal in known[:MOST] if isinstance(seal, str)}
