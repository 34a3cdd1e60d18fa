"""A fall radar that speaks 53 59 frames on a pseudo-terminal, behind a link as udev makes them, and misbehaves on request.

    radar = Radar(folder / "usb-radar")      # the port to open is radar.port
    radar.fall()                             # 53 59 83 01 00 01 01 32 54 43
    radar.split = True                       # one byte a write from now on
    radar.unplug(); radar.plug()             # gone, and back under the same name

It answers in a thread of its own, so it serves a daemon in this or in another process, and tests with or without a loop.

    53 59 | control | command | length, 2, big endian | data | sum of all before, low 8 bits | 54 43
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import threading
import time
import tty
from pathlib import Path
from typing import Any, Self

HEAD, TAIL = b"\x53\x59", b"\x54\x43"
PRESENCE, MOTION, FALL, STAY_STILL, HEARTBEAT = (0x80, 0x01), (0x80, 0x02), (0x83, 0x01), (0x83, 0x05), (0x01, 0x01)
# query -> what it asks for
QUERIES = {(0x80, 0x81): PRESENCE, (0x80, 0x82): MOTION, (0x83, 0x81): FALL, (0x83, 0x85): STAY_STILL}
BYTE_TIME = 0.0002  # s between two bytes when split: 115200 baud has 87 us


def frame(control: int, command: int, data: bytes = b"\x0f") -> bytes:
    body = HEAD + bytes((control, command)) + len(data).to_bytes(2, "big") + data
    return body + bytes((sum(body) & 0xFF,)) + TAIL


class Radar:
    """The radar and its line. Switches: `split`, `repeat` (each frame so many times), `silent`, `heartbeat` (s, 0 = none)."""

    def __init__(self, port: object, *, heartbeat: float = 0.0) -> None:
        self.port = str(port)
        self.state = {PRESENCE: 0, MOTION: 0, FALL: 0, STAY_STILL: 0}
        self.asked: list[Any] = []  # every query that arrived whole, as (control, command)
        self.received = b""  # everything the gateway wrote, as it came
        self.split = False
        self.repeat = 1
        self.silent = False
        self.deaf = False  # reads nothing: the gateway's bytes pile up
        self.heartbeat = heartbeat
        self._lock = threading.RLock()
        self._ours: int | None = None
        self._half = b""
        self._over = threading.Event()
        self.plug()
        self._thread = threading.Thread(target=self._live, name="radar", daemon=True)
        self._thread.start()

    # --- what happens in the room ---

    def fall(self, fallen: bool = True) -> None:
        self._now(FALL, fallen)

    def presence(self, somebody: bool = True) -> None:
        self._now(PRESENCE, somebody)

    def motion(self, how: int = 2) -> None:
        self._now(MOTION, how)

    def stay_still(self, still: bool = True) -> None:
        self._now(STAY_STILL, still)

    def beat(self) -> None:
        self.send(frame(*HEARTBEAT))

    # --- what goes wrong ---

    def noise(self, data: bytes = b"\x00\x53\x59\xff\x53") -> None:
        """Bytes that are no frame, among them a false beginning of one."""
        self.send(data)

    def corrupt(self, *, control: int = FALL[0], command: int = FALL[1], data: bytes = b"\x01") -> None:
        """A frame whose sum is wrong."""
        whole = bytearray(frame(control, command, data))
        whole[-3] ^= 0x01
        self.send(bytes(whole))

    def unplug(self) -> None:
        """The plug is pulled: link and line vanish."""
        with self._lock:
            Path(self.port).unlink(missing_ok=True)
            if self._ours is not None:
                os.close(self._ours)
                self._ours = None

    def plug(self) -> None:
        """Back, under the same name, with another number underneath as with real USB."""
        with self._lock:
            if self._ours is not None:
                raise RuntimeError("plugged in already")
            ours, theirs = pty.openpty()
            tty.setraw(theirs)
            os.set_blocking(ours, False)
            Path(self.port).symlink_to(os.ttyname(theirs))
            os.close(theirs)  # so that closing ours hangs up the gateway's end, and the lock is the gateway's alone
            self._half = b""
            self._ours = ours

    def close(self) -> None:
        self._over.set()
        self._thread.join(5)
        self.unplug()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the line ---

    def send(self, data: bytes) -> None:
        """Put raw bytes on the line; with `split` one at a time."""
        with self._lock:
            if self.silent:
                return
            for part in [data[i : i + 1] for i in range(len(data))] if self.split else [data]:
                self._write(part)
                if self.split:
                    time.sleep(BYTE_TIME)

    def _write(self, part: bytes) -> None:
        end = time.monotonic() + 2.0
        while part and self._ours is not None and time.monotonic() < end:
            try:
                part = part[os.write(self._ours, part) :]
            except BlockingIOError:
                time.sleep(0.001)  # nobody reads: the line is full
            except OSError:
                return

    def _now(self, what: tuple[int, int], value: int) -> None:
        self.state[what] = int(value)
        for _ in range(self.repeat):
            self.send(frame(*what, bytes((int(value),))))

    def _live(self) -> None:
        next_beat = time.monotonic() + self.heartbeat
        while not self._over.is_set():
            if self.heartbeat and time.monotonic() >= next_beat:
                next_beat = time.monotonic() + self.heartbeat
                self.beat()
            with self._lock:
                ours = self._ours
            if ours is None or self.deaf:
                self._over.wait(0.005)
                continue
            with contextlib.suppress(OSError, ValueError):  # unplugged meanwhile
                select.select([ours], [], [], 0.02)
            data = self._taken()
            if data:
                self.received += data
                self._answer(data)
            elif data is None:
                self._over.wait(0.005)  # nobody has the line open

    def _taken(self) -> bytes | None:
        """Return the bytes that came, b"" when none, None when nobody holds the other end."""
        with self._lock:
            if self._ours is None:
                return None
            try:
                return os.read(self._ours, 4096) or None
            except BlockingIOError:
                return b""
            except OSError:
                return None

    def _answer(self, data: bytes) -> None:
        self._half = (self._half + data)[-1024:]
        while (start := self._half.find(HEAD)) >= 0:
            rest = self._half[start:]
            if len(rest) < 6 or len(rest) < (whole := 9 + int.from_bytes(rest[4:6], "big")):
                return
            self._half = rest[whole:]
            if rest[:whole] != frame(rest[2], rest[3], rest[6 : whole - 3]):
                continue  # a real radar says nothing to a broken question
            question = (rest[2], rest[3])
            self.asked.append(question)
            if question in QUERIES:
                value = self.state[QUERIES[question]]
                self.send(frame(*question, bytes((value,))))
