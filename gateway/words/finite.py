"""Numbers out of a file, a mark or a backup: finite, and within bounds.

`nan` is neither before nor after anything: an end that is none never comes. Python's reader of JSON
takes `NaN`, `Infinity` and `1e999`.
"""

from __future__ import annotations

import json
import math
from typing import Any


def loads(text: str | bytes) -> Any:
    """Return what JSON says. Raises RecursionError, and ValueError also for Infinity and NaN."""
    return json.loads(text, parse_constant=_endless, parse_float=_endless)


def _endless(word: str) -> float:
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(word)
    return number


def number(value: object, least: float = -1e12, most: float = 1e12) -> float:
    """Return a number, within its bounds. Raises TypeError, ValueError: it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(value)
    return float(min(max(value, least), most))
