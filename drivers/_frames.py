"""The makes on a wire: a byte stream is cut into frames, and each is read.

What a frame looks like is the make's own judgement. After anything that is no frame the
cutter drops one byte and looks again: a false header may hide a true one. Every decision rests on
the bytes alone, so the answer is the same however the reads were split.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from drivers._refusals import NOISE, TOO_SHORT
from gateway.words.driver import NOT_MINE, Chunk, Heard, Packet, Picture, Refusal, Reply

WAIT = 0  # what `judge` returns when more bytes must come

# bytes taken at a time, so that the buffer stays below one longest frame and one piece
_PIECE = 512


class Cutter:
    """`heads` are the bytes a frame may begin with.

    `judge(buffer, at)` says what begins at `at`: the length of a whole good frame, WAIT, or why it
    is none. It must not WAIT for more than its longest frame: that is the bound of the buffer.
    """

    def __init__(self, heads: bytes, judge: Callable[[bytearray, int], int | Refusal]) -> None:
        self.rest = bytearray()
        self._head = re.compile(b"[" + re.escape(heads) + b"]")
        self._judge = judge
        self._noisy = False

    def feed(self, data: bytes) -> list[bytes | Refusal]:
        """Take bytes; return whole good frames and refusals, one `noise` for each run of it."""
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


class Cuts(Protocol):
    """What cuts a stream: a Cutter, or a make's own."""

    @property
    def rest(self) -> bytearray:
        """What waits for its end."""
        ...

    def feed(self, data: bytes) -> list[bytes | Refusal]:
        """Take bytes; return whole good frames, and refusals."""
        ...


class Line:
    """One device on one line, made of plain functions.

    `cut` makes a cutter, `read` says what a whole frame reports, `draw` names its fields for
    `decode`. `ask` are the bytes that ask for its state when the line was opened.
    """

    def __init__(
        self,
        cut: Callable[[], Cuts],
        read: Callable[[bytes], Iterable[Heard]],
        draw: Callable[[bytes], Mapping[str, object]],
        ask: bytes,
        _address: str,
        _key: bytes | None,
        memory: Mapping[str, int | str],
    ) -> None:
        self.memory: dict[str, int | str] = dict(memory)
        self._cut, self._read, self._draw, self._ask = cut, read, draw, ask
        self._frames = cut()

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode what the line delivered."""
        if not isinstance(packet, Chunk):
            return (NOT_MINE,)
        out: list[Heard] = []
        if packet.opened:
            self._frames = self._cut()  # half a frame from before says nothing now
            if self._ask:
                out.append(Reply(self._ask))
        for frame in self._frames.feed(packet.data):
            if isinstance(frame, Refusal):
                out.append(frame)
            else:
                out += self._read(frame)
        return out

    def pictures(self, packet: Packet) -> Iterable[Picture | Refusal]:
        """Draw each frame of a recording; TOO_SHORT at its end where half a frame is left."""
        if not isinstance(packet, Chunk):
            return (NOT_MINE,)
        frames = self._cut()
        cut = frames.feed(packet.data)
        out = [one if isinstance(one, Refusal) else Picture(self._draw(one), one) for one in cut]
        return [*out, TOO_SHORT] if frames.rest else out
