"""A secret file in TOML that its owner alone may read: people's numbers, keys of webhooks."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any, Final

LARGEST: Final = 64 * 1024  # bytes of a file


class NotSetUp(Exception):
    """Why nobody can be told as it is set up: what, and what to do. Has no secret in it."""


def toml_of(path: Path) -> dict[str, Any]:
    """Return what stands in a file.

    Raises NotSetUp where it cannot be read, others may read it, or it is too large or no TOML.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            body = file.read(LARGEST + 1)
    except OSError as error:
        raise NotSetUp(f"{path}: {error.strerror}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise NotSetUp(f"{path}: others may read it: run chmod 600 {path}")
    if len(body) > LARGEST:
        raise NotSetUp(f"{path}: at most {LARGEST} bytes are read")
    try:
        return tomllib.loads(body.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        # the reason may quote a line of the file
        raise NotSetUp(f"{path}: this is no TOML") from None
