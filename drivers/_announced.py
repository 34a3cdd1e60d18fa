"""Frames whose flags announce which fields follow, as in kkm_k6p.py and teltonika_eye.py."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

from gateway.words.driver import Report

# flag, struct format, and what its values say
Field = tuple[int, str, Callable[..., Iterable[Report]]]


def announced(flags: int, data: bytes, fields: Iterable[Field]) -> tuple[list[Report], bool]:
    """Read the fields that the flags announce, in this order; say whether all of them are there."""
    said: list[Report] = []
    at = 0
    for flag, form, read in fields:
        if flags & flag:
            if at + struct.calcsize(form) > len(data):
                return said, False
            said += read(*struct.unpack_from(form, data, at))
            at += struct.calcsize(form)
    return said, True
