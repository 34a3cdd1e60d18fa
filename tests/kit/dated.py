"""The times that an order of a platform names."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.words.instruction import Do

FOR_A_WHILE = frozenset({Do.SHELVE, Do.AWAY})
NEEDS = FOR_A_WHILE | {Do.CLOSE, Do.RECALL, Do.SILENCE}  # what they take away must be shown to be meant now


def dated(do: str, fields: dict[str, Any], wall: datetime, needs: frozenset[Do] = NEEDS) -> dict[str, Any]:
    """Return the fields of an order with the time at which it is given, as a desk writes it, where its kind needs one.

    `issued` or `expires` in `fields` stays, also where it is empty.
    """
    if do not in needs or {"issued", "expires"} & fields.keys():
        return fields
    return fields | {"issued": wall.isoformat()}
