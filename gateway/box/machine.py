"""Which box this is, and which card its journal lies on.

An image of a card takes neither of them along when it is copied.

    box     the board's serial number (Raspberry Pi, device tree), else the system's machine id
    card    CID of a memory card, serial number or world-wide name of a disk

All of it is readable without any right. What cannot be read says nothing: a part that is not known
on both sides is not compared. Only hashes are kept, in the journal's own marks; a serial number
leaves the home nowhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

BOARD = (Path("/sys/firmware/devicetree/base/serial-number"), Path("/etc/machine-id"))
BLOCK = Path("/sys/dev/block")
OF_CARD = ("device/cid", "device/serial", "serial", "device/wwid", "wwid")


def here(folder: Path) -> dict[str, str]:
    """Return what can be known of this box, and of the card that `folder` lies on.

    It is {"box": hash, "card": hash}, without what cannot be read.
    """
    found = {"box": next(filter(None, map(_read, BOARD)), ""), "card": _card(folder)}
    return {
        part: hashlib.sha256(f"{part} {text}".encode()).hexdigest()[:16]
        for part, text in found.items()
        if text
    }


def known(text: str) -> dict[str, str]:
    """Return what the mark `bound` holds, {} where nothing of it can be read."""
    with contextlib.suppress(ValueError):
        return msgspec.json.decode(text, type=dict[str, str])
    return {}


def moved(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return what is another one than before: box, card, both, or ""."""
    return " and ".join(
        part
        for part in ("box", "card")
        if part in before and part in now and before[part] != now[part]
    )


def _card(folder: Path) -> str:
    """Return the id of the disk under a folder.

    It is "" where the disk says nothing, or there is none (memory, network).
    """
    with contextlib.suppress(OSError):
        number = folder.stat().st_dev
        place = (BLOCK / f"{os.major(number)}:{os.minor(number)}").resolve(strict=True)
        for disk in (place, place.parent):  # a partition lies in the folder of its disk
            for name in OF_CARD:
                if text := _read(disk / name):
                    return text
    return ""


def _read(path: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="ascii").strip("\0 \n")
    return ""
