"""A photograph as it may be kept: a JPEG without all that is not the picture itself.

A phone writes into a photograph where it was taken, when and by what. Of the segments of ITU-T T.81
only those are kept that a decoder needs, each checked against its own length; application data
and comments, and whatever lies behind the end, are left out. Nothing is decoded here.

    FF D8 | FF xx  length  content | ... | FF DA  length  head  coded data | ... | FF D9
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

LARGEST: Final = 60 * 1024  # bytes of a picture as it is kept
SIDE: Final = 1280  # pixels of its longer side
SCANS: Final = 100  # of one picture; progressive ones have about ten
_START, _END, _SCAN, _TABLES, _CODES, _RESTART = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; Huffman codes
_DROPPED: Final = frozenset({*range(0xE0, 0xF0), 0xFE})  # application data, comments


class Unfit(Exception):
    """It is not kept; `word` says why, a word of the catalogue."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def stripped(data: bytes) -> bytes:
    """Return the picture alone. Raises Unfit: no JPEG, damaged, too large."""
    if data[:2] != bytes((0xFF, _START)):
        raise Unfit("photo.not_jpeg")
    out, at, scans = bytearray(data[:2]), 2, 0
    parts: Collection[int] = ()  # numbers of the frame's components, none before it
    while True:
        marker, at = _marker(data, at)
        if marker == _END:
            break
        end = at + _length(data, at)
        content = data[at + 2 : end]
        if marker in _DROPPED:
            at = end
            continue
        if marker in _FRAMES and not parts:
            parts = _frame(content)
        elif marker == _SCAN and parts and scans < SCANS:
            _scan(content, parts)
            scans += 1
            end = _coded(data, end)
        elif not _is_table(marker, content):
            raise Unfit("photo.broken")
        out += bytes((0xFF, marker)) + data[at:end]
        at = end
    out += bytes((0xFF, _END))
    if not scans:
        raise Unfit("photo.broken")
    if len(out) > LARGEST:
        raise Unfit("photo.large")
    return bytes(out)


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """Return the marker that stands there, and what comes after it."""
    begin = at
    while data[at : at + 1] == b"\xff":
        at += 1  # any number of them may fill up
    if at == begin or at >= len(data) or data[at] == 0:
        raise Unfit("photo.broken")
    return data[at], at + 1


def _length(data: bytes, at: int) -> int:
    """Return the length of a segment, with the two bytes that say it."""
    said = int.from_bytes(data[at : at + 2])
    if said < 2 or at + said > len(data):
        raise Unfit("photo.broken")
    return said


def _frame(content: bytes) -> Collection[int]:
    """Check the head of the picture; return the numbers of its components."""
    if len(content) < 9 or content[0] != 8 or content[5] not in (1, 3):
        raise Unfit("photo.broken")
    high, wide = int.from_bytes(content[1:3]), int.from_bytes(content[3:5])
    if not high or not wide:
        raise Unfit("photo.broken")
    if max(high, wide) > SIDE:
        raise Unfit("photo.large")
    parts = [content[n : n + 3] for n in range(6, len(content), 3)]
    sound = all(
        len(p) == 3 and 1 <= p[1] >> 4 <= 4 and 1 <= p[1] & 15 <= 4 and p[2] <= 3 for p in parts
    )
    numbers = {p[0] for p in parts}
    if not sound or len(parts) != content[5] or len(numbers) != len(parts):
        raise Unfit("photo.broken")
    return numbers


def _scan(content: bytes, parts: Collection[int]) -> None:
    """Check the head of a scan: which of the components, by which codes, which of their values."""
    count = content[0] if content else 0
    numbers = content[1 : 1 + 2 * count : 2]
    if (
        not 1 <= count <= len(parts)
        or len(content) != 4 + 2 * count
        or not set(numbers) <= set(parts)
        or any(c >> 4 > 3 or c & 15 > 3 for c in content[2 : 2 + 2 * count : 2])
        or not content[-3] <= content[-2] <= 63
    ):
        raise Unfit("photo.broken")


def _coded(data: bytes, at: int) -> int:
    """Return where coded data ends: at the next marker that is none of its own."""
    begin = at
    while (at := data.find(0xFF, at)) >= 0 and at + 1 < len(data):
        if data[at + 1] and not 0xD0 <= data[at + 1] <= 0xD7:
            if at == begin:
                break
            return at
        at += 2
    raise Unfit("photo.broken")


def _is_table(marker: int, content: bytes) -> bool:
    """Say whether a segment is a sound table that a decoder needs."""
    if marker == _RESTART:
        return len(content) == 2
    at = 0
    while at < len(content):
        kind = content[at]
        if marker == _TABLES and kind >> 4 <= 1 and kind & 15 <= 3:
            at += 1 + 64 * (1 + (kind >> 4))
        elif marker == _CODES and kind >> 4 <= 1 and kind & 15 <= 3 and at + 17 <= len(content):
            count = sum(content[at + 1 : at + 17])
            if count > 256:
                return False
            at += 17 + count
        else:
            return False
    return marker in (_TABLES, _CODES) and at == len(content) > 0
