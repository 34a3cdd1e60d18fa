"""What can be read of a mark of which a part is damaged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec


def good(rows: Iterable[msgspec.Raw], of: Any) -> Iterator[Any]:
    """Yield the rows that are of this type; one that is not costs no other."""
    for raw in rows:
        try:
            yield msgspec.json.decode(raw, type=of)
        except (ValueError, RecursionError):
            continue


def named(rows: Mapping[str, msgspec.Raw], of: Any) -> dict[str, Any]:
    """Return the rows that are of this type, by their names."""
    return {name: value for name, raw in rows.items() for value in good((raw,), of)}
