"""What the home says, through this machine's loudspeaker, where it has one.

The voice writes each sentence into a file, for the day runs faster than life; here the newest one
is heard, and makes room for the next.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

from gateway.voice.play import PLAYER

CARDS = Path("/proc/asound/cards")


class Speaker:
    """Plays the files that the voice has written into a folder. On the loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._playing: subprocess.Popen[bytes] | None = None
        self.there = shutil.which(PLAYER) is not None and has_card()

    def play(self, line: str) -> None:
        """Play what a line of the voice's log tells of."""
        words = line.split()
        if not self.there or len(words) < 4:
            return
        self.stop()
        file = self._folder / f"{words[3]}-{words[2]}.wav"
        with contextlib.suppress(OSError):
            self._playing = subprocess.Popen(  # noqa: S603  our own file, by aplay of the path
                [shutil.which(PLAYER) or PLAYER, "-q", str(file)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def stop(self) -> None:
        """End what is heard."""
        if self._playing is not None:
            self._playing.kill()
            self._playing.wait()
            self._playing = None


def has_card() -> bool:
    """Say whether this machine has a sound card."""
    with contextlib.suppress(OSError):
        text = CARDS.read_text(encoding="ascii", errors="replace")
        return any(
            line.split()[:1] != [] and line.split()[0].isdecimal() for line in text.splitlines()
        )
    return False
