"""Small files that a power cut must not take.

A file is written beside, synced, renamed, and its folder synced; the last few generations are kept.
It is one JSON object, {"sum": SHA-256 of the body's canonical text, "body": {...}}: one that is
torn is known for it, and the one before holds.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any, NamedTuple

KEPT = 5  # generations, the newest counted
LARGEST = 1024 * 1024  # bytes of one file
ARRIVING = "restore"  # folder of another box's files on their way into the state folder
VOICE = "voice"  # folder of what was recorded in a home: another home has none of it
FRESH = "fresh"  # stands in it until what it replaces is gone


class Torn(Exception):
    """A file that is not whole; the text says what is wrong with it."""


class Generation(NamedTuple):
    """One file of a row, newest first."""

    path: Path

    def body(self) -> dict[str, Any]:
        """Return what stands in it. Raises Torn."""
        try:
            if self.path.stat().st_size > LARGEST:
                raise Torn(f"it is larger than {LARGEST} bytes")
            whole = json.loads(self.path.read_bytes())
            body: dict[str, Any] = whole["body"]
            if not isinstance(body, dict) or whole["sum"] != _sum(body):
                raise Torn("its content is not what was written")
        except OSError as error:
            raise Torn(f"it cannot be read ({error.strerror})") from error
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise Torn("its content is not what was written") from error
        return body


def newest_first(path: Path) -> list[Generation]:
    """Return the generations there are of a file."""
    return [Generation(p) for p in (path, *(_older(path, n) for n in range(1, KEPT))) if p.exists()]


def write(path: Path, body: dict[str, Any], mode: int = 0o600) -> None:
    """Put a new generation in place, readable by its owner only unless `mode` says more.

    At each instant `path` is whole: the one before gets a second name first, then the new one is
    renamed over it. Raises OSError; then the one before still stands.
    """
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    durable(
        new := path.with_name(path.name + ".new"), _text({"sum": _sum(body), "body": body}), mode
    )
    whole = True
    try:
        Generation(path).body()
    except Torn:
        whole = False  # a torn one is worth no generation
    if whole:
        for n in range(KEPT - 1, 1, -1):
            with contextlib.suppress(FileNotFoundError):
                _older(path, n - 1).replace(_older(path, n))
        os.link(path, _older(path, 1))
    new.replace(path)
    sync(path.parent)


def rewrite(path: Path, body: dict[str, Any], mode: int = 0o600) -> None:
    """Put another body in the place of one generation; no other moves. Raises OSError."""
    put(path, _text({"sum": _sum(body), "body": body}), mode)


def durable(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file that only its owner may read unless `mode` says more, and sync it.

    Its name is not synced: see `sync`. Raises OSError.
    """
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def put(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put a file in place whole or not at all: it is written beside, synced and renamed.

    Its file beside begins with a dot. Raises OSError; then what stood there before still does.
    """
    new = path.with_name(f".{path.name}")
    durable(new, content, mode)
    new.replace(path)
    sync(path.parent)


def ordinary(path: Path, most: int) -> tuple[bytes, os.stat_result]:
    """Return at most so many bytes of a file that somebody else may have put there, and its facts.

    Raises OSError, also for what is no ordinary file: a link, a pipe, a device.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags), "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.EINVAL, "it is no ordinary file")
        return file.read(most), facts


def sync(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def finished(state: Path) -> bool:
    """Finish a restore that was cut off after its moment; say whether there was one.

    Raises OSError.
    """
    ready = state / ARRIVING
    if not ready.is_dir():
        return False
    if (ready / FRESH).exists():  # nothing has been moved yet: what lies there is of before
        for old in [
            *state.glob("household*.json*"),
            *state.glob("gateway.db*"),
            *state.glob("certificate-*"),
        ]:
            old.unlink()
        if (state / VOICE).exists():  # of those who lived there before
            shutil.rmtree(state / VOICE)
        sync(state)
        (ready / FRESH).unlink()
        sync(ready)
    for path in ready.iterdir():
        path.replace(state / path.name)
    sync(state)
    ready.rmdir()
    sync(state)
    return True


def _older(path: Path, n: int) -> Path:
    return path.with_name(f"{path.name}.{n}")


def _text(whole: dict[str, Any]) -> bytes:
    return json.dumps(whole, ensure_ascii=False, sort_keys=True, indent=1).encode()


def _sum(body: dict[str, Any]) -> str:
    return hashlib.sha256(
        json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()
