"""Which programs the gateway may run: one check for every way into the configuration.

What gateway.toml names is the word of its owner, who has a login: exactly that command, with
exactly those arguments. What comes by the page, by a backup or by `household.json` may name a
program of the folder `programs` of [gateway]: an ordinary executable file (no link) that belongs to
root or to gateway.toml's owner, that nobody else may write to, and so for the folder and all above
it. What may not run is refused where somebody tries, and left out, and said, where it is found at a
start: no file keeps a home unguarded.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from gateway.words.say import Say

Command = tuple[str, ...]
PLAIN = re.compile(r"[A-Za-z0-9_:,.=-]{1,64}")  # a sound device: default, plughw:1,0
WORDS, LENGTH = 16, 400  # arguments of a command, the program counted, and characters of each


class Rights(NamedTuple):
    """What this box lets run.

    These are the commands of gateway.toml, and what lies in the folder and belongs to one of
    `owners`.
    """

    named: frozenset[Command] = frozenset()
    folder: Path = Path("/nonexistent")
    owners: frozenset[int] = frozenset({0})
    device: str = "default"  # of sound, by gateway.toml

    def no_device(self, device: str) -> Say | None:
        """Return why a sound device may not be played on; None where it may.

        ALSA runs a command that stands in a device's name (`tee`, `file`): only gateway.toml may
        name more than a plain device.
        """
        plain = PLAIN.fullmatch(device) and device.partition(":")[0] not in {"tee", "file"}
        return None if plain or device == self.device else Say("program.device")

    def why_not(self, command: Command) -> Say | None:
        """Return why a command may not run; None where it may, or is none."""
        if not command:
            return None
        if (
            why := _unfit(command, by_hand=command in self.named)
        ) is not None or command in self.named:
            return why
        path = Path(command[0])
        if path.parent != self.folder or ".." in path.parts:
            return Say("program.not_named", program=command[0], folder=self.folder)
        return self._not_safe(path)

    def _not_safe(self, path: Path) -> Say | None:
        try:
            if not stat.S_ISREG(path.lstat().st_mode) or not os.access(path, os.X_OK):
                return Say("program.none", program=str(path))
            for part in (path, *path.parents):
                facts = part.lstat()
                mine = part in {path, self.folder}
                shared = facts.st_mode & 0o022 and not (facts.st_mode & stat.S_ISVTX and not mine)
                if (
                    facts.st_uid not in self.owners
                    or shared
                    or (mine and part != path and stat.S_ISLNK(facts.st_mode))
                ):
                    return Say("program.changeable", program=str(path), part=part)
        except (OSError, ValueError):
            return Say("program.not_there", program=str(path), folder=self.folder)
        return None


def _unfit(command: Sequence[str], *, by_hand: bool) -> Say | None:
    """Return what is wrong with the words of a command, None where nothing is.

    `by_hand`: it stands so in gateway.toml, which may be as long as it likes.
    """
    if not Path(command[0]).is_absolute():
        return Say("program.relative", program=command[0])
    if any("\0" in word for word in command):
        return Say("program.nul")
    if not by_hand and (
        len(command) > WORDS
        or any(len(word) > LENGTH or not word.isprintable() for word in command)
    ):
        return Say("program.long", words=WORDS, length=LENGTH)
    return None


def rights(path: Path, folder: str, named: Iterable[Command], device: str) -> Rights:
    """Return what the configuration file at `path` lets run."""
    try:
        owner = path.stat().st_uid
    except OSError:
        owner = 0
    owners = frozenset({0, owner})
    return Rights(frozenset(c for c in named if c), Path(folder), owners, device)


def told(command: Sequence[str]) -> str:
    """Return a command as people read it."""
    return " ".join(word if word and " " not in word else repr(word) for word in command)
