"""Joins the virtual machine's Bluetooth to the controller outside (tests/vm/air.py): /dev/vhci here, a virtual serial port there.

/dev/vhci wants one packet a write; the port is a stream. While this runs there is an adapter; when it ends the adapter is gone. What has reached the
kernel is told outside (TAKEN, how many packets), so that no more is on the way than a controller's memory holds.
"""

import os
import threading
import time
from pathlib import Path

PORT, ADAPTERS = Path("/dev/virtio-ports/radio"), Path("/dev/vhci")
EVENT, TAKEN, NUMBER = 4, 0xFE, 0xFF  # packets for us; the number of the adapter, which comes once, sometimes after the first command


def main():
    while not (PORT.exists() and ADAPTERS.exists()):
        time.sleep(0.05)
    port = os.open(PORT, os.O_RDWR)
    adapter = os.open(ADAPTERS, os.O_RDWR)
    os.write(adapter, b"\xff\x00")  # an adapter, please

    def outward():
        while True:
            data = memoryview(os.read(adapter, 4096))
            if data[0] == NUMBER:
                continue
            while data:
                data = data[os.write(port, data) :]

    threading.Thread(target=outward, daemon=True).start()
    half = b""
    while True:
        data = os.read(port, 65536)
        if not data:  # nobody at the other end
            time.sleep(0.05)
            continue
        half += data
        at = taken = 0
        while len(half) >= at + 3:
            end = at + 3 + half[at + 2] if half[at] == EVENT else at + 5 + int.from_bytes(half[at + 3 : at + 5], "little")
            if len(half) < end:
                break
            os.write(adapter, half[at:end])
            at = end
            taken += 1
        half = half[at:]
        for some in [255] * (taken // 255) + [taken % 255]:
            os.write(port, bytes((TAKEN, some)))


main()
