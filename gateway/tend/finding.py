"""One line of `eldercare-gateway check`."""

from __future__ import annotations

from typing import NamedTuple

from gateway.words.say import both


class Finding(NamedTuple):
    """One thing looked at. `fit` None: not looked at, or somebody chose a weaker promise.

    `what` is the code of the thing.
    """

    fit: bool | None
    what: str
    words: str

    def __str__(self) -> str:
        mark = {True: "✓", False: "✗", None: "!"}[self.fit]
        return f"{mark} {both(self.what):<18} {self.words}"


def found(fit: bool | None, what: str, code: str, /, **values: object) -> Finding:
    """Return a finding in the words of the catalogue."""
    return Finding(fit, what, both(code, **values))
