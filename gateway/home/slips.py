"""Instructions left by programs that the daemon runs: a siren's switch, an answered modem.

Such a program is the daemon's own user, which may not write what is the page's. It leaves a file in
a folder of the daemon's state that nobody else may enter; the datagram that wakes the daemon for
the inbox wakes it for this too. A file is deleted once its answer is written down: cut off before,
it is read again, and the same id gets the same answer. One that cannot be deleted is remembered
until the next start.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from gateway.box import generations

FOLDER = "slips"
LARGEST = 64 * 1024  # bytes of one instruction
AT_ONCE = 50  # files read at a time, the oldest first


def are_for_us(state: Path) -> bool:
    """Say whether this process leaves slips: it is the daemon's user and not the page's too.

    Raises OSError.
    """
    page, us = state / "page", os.geteuid()
    return (
        us != 0 and state.stat().st_uid == us and not (page.exists() and page.stat().st_uid == us)
    )


def leave(state: Path, payload: bytes) -> str:
    """Leave one instruction (JSON of the contract) for the daemon; return the name of its file.

    Raises OSError, and ValueError for more than LARGEST bytes.
    """
    if len(payload) > LARGEST:
        raise ValueError(f"the instruction has {len(payload)} bytes, at most {LARGEST} are taken")
    folder = state / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
    generations.put(folder / name, payload)
    return name


class Looked(NamedTuple):
    """What a look at the folder gave.

    `found`: (name, body) of the oldest that are not answered. `gone`: names that are deleted.
    `kept`: why others could not be, "" without any.
    """

    found: list[tuple[str, bytes]]
    gone: frozenset[str]
    kept: str = ""


def read(state: Path, taken: Collection[str], *, delete: bool = True) -> Looked:
    """Return the oldest files that are not `taken`; of those that are, delete what can be.

    Only ordinary files are read, LARGEST bytes and one more of each. Raises OSError.
    """
    folder, out, gone, kept = state / FOLDER, [], set(), ""
    for name in taken if delete else ():
        try:
            (folder / name).unlink(missing_ok=True)
            gone.add(name)
        except OSError as error:
            kept = str(error)
    with contextlib.suppress(FileNotFoundError):
        names = sorted(
            entry.name
            for entry in os.scandir(folder)
            if not entry.name.startswith(".") and entry.name not in taken
        )
        for name in names[:AT_ONCE]:
            with contextlib.suppress(OSError):
                out.append((name, generations.ordinary(folder / name, LARGEST + 1)[0]))
    return Looked(out, frozenset(gone), kept)
