"""What somebody answers by SMS: a code, what he does, and in how many minutes he is there. Pure."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Final, NamedTuple

LONGEST: Final = 100  # characters that are looked at; behind it a phone quotes what it answers


class Does(StrEnum):
    """What the first short number means."""

    COMING = "1"
    CANNOT = "2"
    FALSE = "3"
    OVER = "4"


class Answer(NamedTuple):
    """What was understood: `code` is "" and `does` None where nothing was."""

    code: str
    does: Does | None
    minutes: int = 0


def understood(text: str) -> Answer:
    """Return what a text means: `4711 1 15`, in any order of code and the rest, full-width too."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST])
    found = re.findall(r"[0-9]+", plain)
    code = next((number for number in found if len(number) == 4), "")
    rest = [number for number in found if number != code]
    if not rest or rest[0] not in list(Does):
        return Answer(code, None)
    minutes = rest[1] if len(rest) > 1 and len(rest[1]) < 4 else "0"
    return Answer(code, Does(rest[0]), int(minutes))
