"""What a backup holds."""

from __future__ import annotations

from typing import Any

from gateway.home.backup import Kept
from gateway.home.parts import Household, HouseholdSecrets


def kept(**more: Any) -> Kept:
    """Return a backup of a home in which nothing is set, but for `more`."""
    usual: dict[str, Any] = {
        "v": 1,
        "made": "2026-11-22T00:00:00+00:00",
        "software": "1",
        "gateway": "gw-1",
        "journal": "j1",
        "household": Household(),
        "secrets": HouseholdSecrets(),
        "memories": {},
        "marks": {},
    }
    return Kept(**usual | more)
