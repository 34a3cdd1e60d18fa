"""The code printed on the box: made at first boot, 0600, of worth until the first visit."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

FILE = "page-code"
# nothing that looks like another letter, on a label in a dark cupboard
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS, EACH = 2, 5  # 30 ** 10: about 49 bits


def made(folder: Path) -> str:
    """Return the box's code; the first caller makes it. Raises OSError."""
    found = shown(folder)
    if found:
        return found
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    _place(folder, new(), again=False)
    return shown(folder)


def renewed(folder: Path) -> str:
    """Replace the code: the old label opens nothing any more."""
    code = new()
    _place(folder, code, again=True)
    return code


def new() -> str:
    """Return a code that nobody has seen."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(EACH)) for _ in range(GROUPS))


def shown(folder: Path) -> str:
    """Return the code, "" where none was made or its file is not one."""
    try:
        text = (folder / FILE).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
    return text if len(plain(text)) == GROUPS * EACH else ""


def plain(text: str) -> str:
    """Return a typed code as it is compared: upper case, without what people put between."""
    return "".join(letter for letter in text.upper() if letter in ALPHABET)


def _place(folder: Path, code: str, *, again: bool) -> None:
    """Put the code in place whole or not at all; of two that make one at once the first wins."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".page-code-")  # mkstemp gives 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(code + "\n")
            file.flush()
            os.fsync(file.fileno())
        path = folder / FILE
        if again or (path.exists() and not shown(folder)):
            temporary.replace(path)
        else:
            try:
                path.hardlink_to(temporary)
            except FileExistsError:
                return
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    finally:
        temporary.unlink(missing_ok=True)
