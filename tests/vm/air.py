"""The virtual machine's Bluetooth: a controller that only listens, as its kernel sees it, and whoever advertises near it.

    air = Air()
    air.plug(path)                                # QEMU's socket of the guest's port "radio"; guest/radio.py joins it to /dev/vhci
    air.advertise(address, service_data={...})    # heard by the guest if its kernel scans just now

It answers what Linux asks of a controller that knows Low Energy and no more (Bluetooth 4.2: one advertising report event for all, no privacy
of its own), and can fall silent, send empty packets, or stop answering. Connections are not made.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time

COMMAND, EVENT, TAKEN = 1, 4, 0xFE
MEMORY = 64  # events on their way to the kernel; a controller whose host is slower forgets what it heard, and answers all the same
COMPLETE, LE_META, REPORT = 0x0E, 0x3E, 0x02
NONCONNECTABLE, SCAN_RESPONSE = 3, 4
UNKNOWN = b"\x01"
OK = b"\x00"
OWN = bytes.fromhex("c0ffee000001")[::-1]

RESET, SCAN_PARAMETERS, SCAN_ENABLE = 0x0C03, 0x200B, 0x200C
# What Linux asks at the start, and what such a controller says. A bare OK does for what only sets something.
ANSWERS = {
    RESET: OK,
    0x1001: OK + bytes.fromhex("08 0000 08 ffff 0000"),  # version 4.2
    0x1002: OK + bytes(64),  # optional commands: none
    0x1003: OK + bytes.fromhex("0000000060000000"),  # Low Energy, no classic Bluetooth
    0x1009: OK + OWN,  # its address
    0x2002: OK + bytes.fromhex("fb00 04"),  # buffers
    0x2003: OK + bytes(8),  # features of Low Energy: none
    0x2007: OK + b"\x00",  # power of its own advertisements
    0x200F: OK + b"\x08",  # size of the accept list
    0x201C: OK + bytes.fromhex("ffffff0f00000000"),  # states
}
SETTERS = (
    0x0C01,
    0x0C05,
    0x0C63,
    0x0C6D,
    0x2001,
    0x2005,
    0x2006,
    0x2008,
    0x2009,
    0x200A,
    SCAN_PARAMETERS,
    SCAN_ENABLE,
    0x2010,
    0x2011,
    0x2012,
)


class Air:
    """One controller. `scanning` is what the guest's kernel wants just now; `silent`, `empty` and `dead` are what is wrong with it."""

    def __init__(self) -> None:
        self.scanning = threading.Event()
        self.active = False
        self.silent = False  # scans, it says, and hears nobody
        self.empty = False  # each advertisement without its data
        self.dead = False  # answers nothing any more
        self.unknown: set[int] = set()  # commands that it did not know
        self.heard = 0
        self.forgotten = 0  # events that the kernel was too slow for
        self._on_the_way = 0
        self._wire: socket.socket | None = None
        self._lock = threading.Lock()

    def plug(self, path: str, limit: float = 20.0) -> None:
        """Join the guest's port. Whatever joined before is left."""
        self.unplug()
        wire = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + limit
        while True:
            try:
                wire.connect(path)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        self._wire, self._on_the_way = wire, 0
        threading.Thread(target=self._serve, args=(wire,), name="air", daemon=True).start()

    def unplug(self) -> None:
        wire, self._wire = self._wire, None
        self.scanning.clear()
        if wire is not None:
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.close()

    def advertise(
        self,
        address: str,
        data: bytes = b"",
        *,
        service_data: dict[str, str] | None = None,
        rssi: int = -60,
        kind: int = NONCONNECTABLE,
        random_address: bool = False,
    ) -> bool:
        """Send one advertisement; say whether the guest scanned. `service_data` is hex by 16-bit UUID, as the stand-in for BlueZ takes it."""
        for uuid, value in (service_data or {}).items():
            body = bytes.fromhex(uuid)[::-1] + bytes.fromhex(value)
            data += bytes((len(body) + 1, 0x16)) + body
        return self.send([report(address, data, rssi, kind, random_address)])

    def send(self, reports: list[bytes]) -> bool:
        """Send reports, as many as fit into one event each time; say whether the guest scanned."""
        if self.silent or self.dead or not self.scanning.is_set():
            return False
        if self.empty:
            reports = [r[:8] + b"\x00" + r[-1:] for r in reports]
        some, size = [], 0
        self.heard += len(reports)
        went = True
        for one in [*reports, b""]:
            if some and (not one or size + len(one) > 250):
                went = self._say(bytes((EVENT, LE_META, size + 2, REPORT, len(some))) + b"".join(some), wait=False) and went
                some, size = [], 0
            some.append(one)
            size += len(one)
        return went

    def strangers(self, stop: threading.Event, *, rate: int = 5000, crowd: int = 400, seed: int = 0) -> int:
        """Offer `rate` advertisements a second of passers-by's phones until stopped; return how many were offered."""
        dice = random.Random(seed)
        crowd_of = [f"{dice.randrange(0x40, 0x80):02X}:" + ":".join(f"{dice.randrange(256):02X}" for _ in range(5)) for _ in range(crowd)]
        known = [
            report(
                dice.choice(crowd_of), b"\x02\x01\x1a\x17\xff\x4c\x00" + dice.randbytes(20), dice.randrange(-95, -50), random_address=True
            )
            for _ in range(5000)
        ]
        return self._offer(stop, rate, known)

    def babble(self, stop: threading.Event, *, address: str = "A4:C1:38:00:00:10", rate: int = 2000) -> int:
        """Offer `rate` temperatures a second of one sensor, each another, until stopped; return how many were offered."""
        known = []
        for n in range(5120):  # whole rounds of the packet number
            body = b"\xd2\xfc\x40\x00" + bytes((n % 256,)) + b"\x02" + (1500 + n % 1000).to_bytes(2, "little")
            known.append(report(address, bytes((len(body) + 1, 0x16)) + body))
        return self._offer(stop, rate, known)

    def presses(self, stop: threading.Event, *, address: str = "A4:C1:38:00:00:11", rate: int = 2000) -> int:
        """Offer `rate` presses a second of one button that has gone mad, each another, until stopped; return how many were offered."""
        known = [report(address, bytes.fromhex(f"0a16d2fc4400{n:02x}01643a01")) for n in range(256)]
        return self._offer(stop, rate, known)

    def _offer(self, stop: threading.Event, rate: int, known: list[bytes]) -> int:
        """Offer these, over and over, made before: this side must have time to answer the kernel."""
        offered, began = 0, time.monotonic()
        while not stop.wait(0.01):
            due = min(int((time.monotonic() - began) * rate) - offered, rate // 10)
            at = offered % len(known)
            self.send(known[at : at + due])
            offered += min(due, len(known) - at)
        return offered

    def _say(self, event: bytes, *, wait: bool = True) -> bool:
        """Send one event. An advertisement (`wait` False) is forgotten where too many are on the way."""
        with self._lock:
            if not wait and self._on_the_way >= MEMORY:
                self.forgotten += 1
                return False
            try:
                assert self._wire is not None
                self._wire.sendall(event)
            except (OSError, AssertionError):
                return False
            self._on_the_way += 1
        return True

    def _serve(self, wire: socket.socket) -> None:
        with contextlib.suppress(OSError), wire.makefile("rb") as stream:
            while head := stream.read(1):
                if head[0] == TAKEN:
                    with self._lock:
                        self._on_the_way = max(0, self._on_the_way - stream.read(1)[0])
                    continue
                if head[0] != COMMAND:  # data of connections, which are not made
                    handle_and_length = stream.read(4)
                    stream.read(struct.unpack("<HH", handle_and_length)[1])
                    continue
                code, length = struct.unpack("<HB", stream.read(3))
                self._command(code, stream.read(length))

    def _command(self, code: int, values: bytes) -> None:
        if self.dead:
            return
        if code == RESET:
            self.scanning.clear()
            self._on_the_way = 0
        elif code == SCAN_PARAMETERS:
            self.active = values[0] == 1
        answer = ANSWERS.get(code, OK if code in SETTERS else UNKNOWN)
        if answer == UNKNOWN:
            self.unknown.add(code)
        self._say(bytes((EVENT, COMPLETE, 3 + len(answer), 1)) + struct.pack("<H", code) + answer)
        if code == SCAN_ENABLE:
            (self.scanning.set if values[0] else self.scanning.clear)()


def report(address: str, data: bytes, rssi: int = -60, kind: int = NONCONNECTABLE, random_address: bool = False) -> bytes:
    """Return one report as it stands in the event: kind, type of the address, address, length, data, signal."""
    return (
        bytes((kind, int(random_address)))
        + bytes.fromhex(address.replace(":", ""))[::-1]
        + bytes((len(data),))
        + data
        + struct.pack("b", rssi)
    )
