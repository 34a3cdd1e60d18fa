"""One line of `eldercare-gateway check`."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One thing looked at. `fit` None: not looked at, or somebody chose a weaker promise."""

    fit: bool | None
    what: str
    words: str

    def __str__(self) -> str:
        mark = {True: "✓", False: "✗", None: "!"}[self.fit]
        return f"{mark} {self.what:<18} {self.words}"
