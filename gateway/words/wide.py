"""What is seen of a text, and how wide it is on a terminal."""

from __future__ import annotations

import unicodedata


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
