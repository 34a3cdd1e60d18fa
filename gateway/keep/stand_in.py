"""The stand-in: a store in memory, for a disk that takes nothing.

It outlives the process, not a power cut. It lies in the runtime folder or, where that cannot be
written, in the shared memory under the service's user. In shared memory anybody may have made a
folder by that name: one is believed only where it belongs to us and nobody else may write there.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from gateway.keep import shed
from gateway.keep.database import DiskRefuses, StoreProblem, unsettled
from gateway.keep.journal import Writing
from gateway.keep.store import Store

BACK = "back"  # mark of a stand-in: the real disk was seen to take a write again


def stand_in(
    runtime: Path, gateway: str, why: str, generation: int = 1, carried: Writing | None = None
) -> Store:
    """Return a fresh store in memory. `carried`: what must outlast this process in it too.

    Raises StoreProblem, OSError, sqlite3.Error.
    """
    folder = _writable(runtime)
    for old in folder.glob("*.db*"):
        old.unlink()
    store = Store(folder, gateway, degraded=why, generation=generation, why="stand_in")
    store.open()
    shed.reserve(folder)
    store.mark("gateway", gateway)
    store.mark("degraded", why)
    if carried is not None:
        store.write(carried)
    return store


def left_behind(runtime: Path, gateway: str) -> list[Store]:
    """Return the stores, not opened yet, that an earlier process of ours may have left."""
    folders = [folder for folder in folders_of(runtime) if _is_ours(folder)]
    return [Store(folder, gateway) for folder in folders if (folder / "gateway.db").exists()]


def reopen(store: Store) -> None:
    """Open a stand-in that is there. One that fills its memory gives up its readings for it.

    Raises StoreProblem.
    """
    try:
        store.open()
    except DiskRefuses:
        shed.release(store.folder)
        store.open()


def in_force(state: Path, runtime: Path) -> Path:
    """Return the folder of the store that the gateway writes just now.

    It is a stand-in's where the disk has failed, else `state`. A stand-in is believed where it
    belongs to whom the state folder belongs, and nobody else may write there.
    """
    with contextlib.suppress(OSError):
        owner = state.stat().st_uid
        for folder in folders_of(runtime, owner):
            if (folder / "gateway.db").exists() and _belongs(folder, owner):
                return folder
    return state


def settled(folder: Path, runtime: Path) -> None:
    """Forget a stand-in, and that a damaged database is still to be read.

    To be called once all that they hold is in the real store.
    """
    with contextlib.suppress(OSError):
        unsettled(folder / "gateway.db").unlink(missing_ok=True)
    for memory in folders_of(runtime):
        with contextlib.suppress(OSError):
            for old in memory.glob("*.db*"):
                old.unlink()


def folders_of(runtime: Path, owner: int | None = None) -> tuple[Path, Path]:
    """Return where a stand-in of a user may lie, this process's own where none is named."""
    name = f"eldercare-gateway-{os.getuid() if owner is None else owner}"
    return runtime / "stand-in", Path("/dev/shm") / name  # noqa: S108  tmpfs on purpose


def _is_ours(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return _belongs(folder, os.geteuid()) and os.access(folder, os.W_OK)
    return False


def _belongs(folder: Path, owner: int) -> bool:
    """Say whether a folder is one user's to write in and nobody else's.

    Raises OSError where there is none.
    """
    facts = folder.lstat()
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == owner and not facts.st_mode & 0o022


def _writable(runtime: Path) -> Path:
    """Return a folder in memory that can be written. Raises StoreProblem."""
    for folder in folders_of(runtime):
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            if _is_ours(folder):
                return folder
    raise StoreProblem(
        f"neither {runtime} nor /dev/shm can be written: "
        "free some memory or start the service through systemd"
    )
