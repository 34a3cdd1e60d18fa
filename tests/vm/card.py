"""A memory card for the virtual machine: what was not flushed is lost when the power is cut, and it fails on request.

    card = Card(folder, megabytes=256)     # formatted
    ... QEMU is told card.address ...
    card.cut(dice)                         # the power is gone: of what waited in its memory some, all or nothing has reached the flash
    card.broken["flush"] = errno.EIO       # from now on

It serves NBD on a Unix socket. Writes wait in memory until the guest's kernel asks for a flush, as in a card or disk with a write cache;
a write with FUA is durable by itself. A sector (512 bytes) is written whole or not at all; the order of waiting ones is anybody's guess.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

SECTOR = 512
DEVICE = 1024 * 1024 * 1024  # bytes; most of it a hole
_MAGIC, _OPTION, _REPLY = 0x4E42444D41474943, 0x49484156454F5054, 0x3E889045565A9
_EXPORT_NAME, _ABORT, _GO = 1, 2, 7
_ACK, _INFO, _UNSUPPORTED = 1, 3, 0x80000001
_READ, _WRITE, _DISCONNECT, _FLUSH = range(4)
_HAS_FLAGS, _SEND_FLUSH, _SEND_FUA = 1, 4, 8
_FUA = 1
_NAMES = {_READ: "read", _WRITE: "write", _FLUSH: "flush"}


class Card:
    """One card, an ext4 file system of `megabytes` on it. `broken` is what fails, by its name (read, write, flush) and errno; `slow` is s per flush."""

    def __init__(self, folder: Path, *, megabytes: int = 256) -> None:
        self.size = DEVICE  # always the same, for a machine that was saved with one card goes on with another
        self.address = f"{folder}/card"
        self.broken: dict[str, int] = {}
        self.slow = 0.0
        self.lies = False  # says flushed, and is not: the control for every proof with this card
        self.done: Counter[str] = Counter()  # requests by name, and "bytes" written
        self.lost = 0  # sectors that a power cut took
        image = folder / "card.img"
        with image.open("wb") as file:
            file.truncate(self.size)
        tool = shutil.which("mke2fs", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "mke2fs"
        subprocess.run(
            [tool, "-q", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0", image, f"{megabytes}M"], check=True, timeout=60
        )
        self._flash = os.open(image, os.O_RDWR)
        self._waiting: dict[int, bytes] = {}  # by number of the sector
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.address)
        self._listener.listen()
        self._over = False
        threading.Thread(target=self._accept, name="card", daemon=True).start()

    def cut(self, dice: random.Random) -> str:
        """Lose power: say what became of what was not flushed. Nobody may be connected any more."""
        with self._lock:
            how = dice.choice(["nothing", "some", "some", "all"])
            kept = {"nothing": 0.0, "some": dice.random(), "all": 1.0}[how]
            for sector, data in self._waiting.items():
                if dice.random() < kept:
                    os.pwrite(self._flash, data, sector * SECTOR)
                else:
                    self.lost += 1
            waited = len(self._waiting)
            self._waiting.clear()
            return f"{how} of {waited} sectors"

    def close(self) -> None:
        self._over = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        os.close(self._flash)

    # -- the wire

    def _accept(self) -> None:
        while not self._over:
            with contextlib.suppress(OSError):
                wire, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(wire,), name="card", daemon=True).start()

    def _serve(self, wire: socket.socket) -> None:
        with wire, contextlib.suppress(OSError, EOFError), wire.makefile("rb") as stream:
            if self._agreed(wire, stream):
                while self._request(wire, stream):
                    pass

    def _agreed(self, wire: socket.socket, stream) -> bool:
        wire.sendall(struct.pack(">QQH", _MAGIC, _OPTION, 3))
        _exactly(stream, 4)
        flags = _HAS_FLAGS | _SEND_FLUSH | _SEND_FUA
        while True:
            _, option, length = struct.unpack(">QII", _exactly(stream, 16))
            _exactly(stream, length)
            if option == _EXPORT_NAME:
                wire.sendall(struct.pack(">QH", self.size, flags) + bytes(124))
                return True
            if option == _GO:
                told = struct.pack(">HQH", 0, self.size, flags)
                wire.sendall(struct.pack(">QIII", _REPLY, option, _INFO, len(told)) + told)
                wire.sendall(struct.pack(">QIII", _REPLY, option, _ACK, 0))
                return True
            wire.sendall(struct.pack(">QIII", _REPLY, option, _ACK if option == _ABORT else _UNSUPPORTED, 0))
            if option == _ABORT:
                return False

    def _request(self, wire: socket.socket, stream) -> bool:
        _, flags, kind, handle, offset, length = struct.unpack(">IHHQQI", _exactly(stream, 28))
        data = _exactly(stream, length) if kind == _WRITE else b""
        if kind == _DISCONNECT:
            return False
        name = _NAMES.get(kind, "")
        self.done[name] += 1
        error = self.broken.get(name, 0) if name else 22
        answer = b""
        if self.slow and (kind == _FLUSH or flags & _FUA):
            time.sleep(self.slow)  # before it is done: a cut in the middle finds it undone
        if not error:
            with self._lock:
                answer = self._do(kind, flags, offset, length, data)
        wire.sendall(struct.pack(">IIQ", 0x67446698, error, handle) + answer)
        return True

    def _do(self, kind: int, flags: int, offset: int, length: int, data: bytes) -> bytes:
        first = offset // SECTOR
        if kind == _READ:
            found = os.pread(self._flash, length, offset)
            if self._waiting:
                over = bytearray(found)
                for sector in range(first, first + length // SECTOR):
                    if (newer := self._waiting.get(sector)) is not None:
                        at = (sector - first) * SECTOR
                        over[at : at + SECTOR] = newer
                return bytes(over)
            return found
        if kind == _WRITE:
            self.done["bytes"] += length
            for at in range(0, length, SECTOR):
                self._waiting[first + at // SECTOR] = data[at : at + SECTOR]
            if flags & _FUA:
                os.pwrite(self._flash, data, offset)
                for at in range(0, length, SECTOR):
                    del self._waiting[first + at // SECTOR]
        elif kind == _FLUSH and not self.lies:
            for sector, waiting in self._waiting.items():
                os.pwrite(self._flash, waiting, sector * SECTOR)
            self._waiting.clear()
        return b""


def _exactly(stream, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data
