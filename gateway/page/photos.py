"""A photograph of where each device hangs: one for a device, in a folder that is the page's alone.

It is shown to technicians and nobody else, is in no backup, and no daemon, platform or bundle sees
it. It goes with its device, once that can come back no more, and after the journal's days.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Final

from gateway.box import generations
from gateway.page import jpeg

FOLDER: Final = "photos"
MOST: Final = 64  # photographs of a home: 64 times jpeg.LARGEST is 4 MB
DAY: Final = 86400.0
UNDATED: Final = 0.0  # taken while the box did not know the time
_KEEPING = threading.Lock()


class Full(Exception):
    """There are as many photographs as there may be."""


def _at(page: Path, device: str) -> Path:
    """Return where the photograph of a device lies: an id may be anything, its name here not."""
    return page / FOLDER / f"{hashlib.sha256(device.encode()).hexdigest()[:32]}.jpg"


def keep(page: Path, device: str, data: bytes, now: float) -> None:
    """Keep a photograph in the place of an earlier one; `now`: wall second, UNDATED if not known.

    Raises jpeg.Unfit, Full, OSError; then nothing has happened.
    """
    picture, path = jpeg.stripped(data), _at(page, device)
    with _KEEPING:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists() and len(list(path.parent.glob("*.jpg"))) >= MOST:
            raise Full
        generations.put(path, picture)
        os.utime(path, (now, now))


def taken(page: Path, device: str) -> float | None:
    """Return when the photograph of a device was taken, UNDATED where not known; None: none."""
    try:
        return _at(page, device).stat().st_mtime
    except OSError:
        return None


def picture(page: Path, device: str) -> bytes:
    """Return the photograph of a device. Raises OSError where there is none."""
    return generations.ordinary(_at(page, device), jpeg.LARGEST)[0]


def forget(page: Path, device: str) -> None:
    """Delete the photograph of a device; where there is none, nothing happens."""
    with contextlib.suppress(OSError):
        _at(page, device).unlink()


def tidied(page: Path, devices: Collection[str], now: float, days: float, *, gone: bool) -> None:
    """Delete photographs whose days are over, and with `gone` those of no present device.

    `now`: wall second, UNDATED where the box does not know the time: then no days are counted. One
    that was taken at such a time gets its date when there is one.
    """
    here = {_at(page, device).name for device in devices}
    with _KEEPING, contextlib.suppress(OSError):
        for path in (page / FOLDER).iterdir():
            at = path.stat().st_mtime
            if (gone and path.name not in here) or (now and at and now - at > days * DAY):
                path.unlink()
            elif now and not at:
                os.utime(path, (now, now))
