"""The times that stand in the head of an HTTP answer."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

MOST: Final = 64  # letters of a time that are read


def seconds(text: str, now: float) -> float:
    """Return the seconds of a Retry-After, which has seconds or an hour; 0 for none."""
    text = text.strip()[:MOST]
    if text.isascii() and text.isdecimal():
        return float(text)
    at = hour(text)
    return max(at - now, 0.0) if at else 0.0


def hour(text: str) -> float:
    """Return the wall seconds of an HTTP date, 0 for what is none."""
    try:
        at = parsedate_to_datetime(text.strip()[:MOST])
        at = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, LookupError, OverflowError):
        return 0.0
    return at.timestamp()
