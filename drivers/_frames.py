"""Cuts a byte stream into frames, for every make on a wire; what a frame looks like is the make's own judgement.

After anything that is no frame it drops one byte and looks again: a false header may hide a true one. Every decision rests on the
bytes alone, so the answer is the same however the reads were split.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from drivers._refusals import NOISE
from gateway.words.driver import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT = 0  # what `judge` returns when more bytes must come

_PIECE = 512  # bytes taken at a time, so that the buffer stays below one longest frame and one piece


class Cutter:
    """`heads` are the bytes a frame may begin with.

    `judge(buffer, at)` says what begins at `at`: the length of a whole good frame, WAIT, or why it is none. It must not WAIT for
    more than its longest frame: that is the bound of the buffer.
    """

    def __init__(self, heads: bytes, judge: Callable[[bytearray, int], int | Refusal]) -> None:
        self.rest = bytearray()
        self._head = re.compile(b"[" + re.escape(heads) + b"]")
        self._judge = judge
        self._noisy = False

    def feed(self, data: bytes) -> list[bytes | Refusal]:
        """Take bytes; return whole good frames and what was refused between them, one `noise` for each run of it."""
        out: list[bytes | Refusal] = []
        for start in range(0, len(data), _PIECE):
            self.rest += data[start : start + _PIECE]
            self._cut(out)
        return out

    def _drop(self, out: list[bytes | Refusal], why: Refusal) -> None:
        if not self._noisy or why is not NOISE:
            out.append(why)
        self._noisy = True

    def _cut(self, out: list[bytes | Refusal]) -> None:
        rest, at = self.rest, 0
        while at < len(rest):
            found = self._head.search(rest, at)
            head = found.start() if found else len(rest)
            if head > at:
                self._drop(out, NOISE)
                at = head
                continue
            verdict = self._judge(rest, at)
            if isinstance(verdict, Refusal):
                self._drop(out, verdict)
                at += 1
            elif verdict == WAIT:
                break
            else:
                out.append(bytes(rest[at : at + verdict]))
                self._noisy = False
                at += verdict
        del rest[:at]
