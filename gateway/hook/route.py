"""Whether this box has a way out at all: one default route of the kernel's tables.

A home without IPv6, or a name that no server knows now, is no box without network.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

V4: Final = Path("/proc/net/route")
V6: Final = Path("/proc/net/ipv6_route")
MOST: Final = 64 * 1024  # bytes of a table that are read; a default route stands among the first
_UP, _REJECT = 0x1, 0x200  # RTF_UP, RTF_REJECT


def cut_off() -> bool:
    """Say whether there is surely no default route; False where nobody knows."""
    try:
        four, six = _lines(V4), _lines(V6) if V6.exists() else []
    except OSError:
        return False
    return not any(map(_is_default_4, four)) and not any(map(_is_default_6, six))


def _lines(path: Path) -> list[list[str]]:
    with path.open(encoding="ascii", errors="replace") as table:
        return [row.split() for row in table.read(MOST).splitlines()]


def _is_default_4(row: list[str]) -> bool:
    """Read: interface, destination, gateway, flags, three counts, mask, ... in hexadecimal."""
    match row:
        case [interface, to, _, flags, _, _, _, mask, *_]:
            return _is_all(to) and _is_all(mask) and _works(interface, flags)
    return False


def _is_default_6(row: list[str]) -> bool:
    """Read: destination, its length, source, its length, next, three counts, flags, interface."""
    match row:
        case [to, length, _, _, _, _, _, _, flags, interface]:
            return _is_all(to) and _is_all(length) and _works(interface, flags)
    return False


def _is_all(digits: str) -> bool:
    return not digits.strip("0")


def _works(interface: str, flags: str) -> bool:
    try:
        number = int(flags, 16)
    except ValueError:
        return False
    return bool(number & _UP) and not number & _REJECT and interface != "lo"
