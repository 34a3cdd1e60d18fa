"""What is seen of a text, how wide it is on a terminal, and how Chinese is printed."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Final

# What a keyboard gives beside Chinese letters and what print has (GB/T 15834). The catalogues, and
# what the daemon says, are typed; a page and an SMS are print.
_FULL: Final = {",": "\uff0c", ";": "\uff1b", ":": "\uff1a", "?": "\uff1f", "!": "\uff01"}
_HAN: Final = "\u3000-\u303f\u4e00-\u9fff\uff00-\uffef\u201c\u201d\u2026"
_MARK: Final = re.compile(
    f"(?<=[{_HAN}])([,;:?!]) ?|(?<=[A-Za-z0-9%}}\\])])([,;:?!]) ?(?=[{_HAN}])"
)
_BRACKET: Final = re.compile(f"(?<=[{_HAN}]) ?\\(([^()]*)\\)|\\(([^()]*[{_HAN}][^()]*)\\)")


def columns(text: str) -> int:
    """Return how many columns a text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def filled(text: str, wide: int) -> str:
    """Return the text filled up with spaces to so many columns."""
    return text + " " * (wide - columns(text))


def visible(text: str) -> str:
    """Return a typed line without what nobody sees in it: marks of direction, controls, gaps."""
    seen = (c if c.isprintable() else " " * c.isspace() for c in text)
    return " ".join("".join(seen).split())


@functools.lru_cache(maxsize=2000)
def printed(text: str) -> str:
    """Return a Chinese sentence with full-width marks where Chinese stands around them."""
    text = _BRACKET.sub(lambda m: f"\uff08{m[1] if m[1] is not None else m[2]}\uff09", text)
    return _MARK.sub(lambda m: _FULL[m[1] or m[2]], text)
