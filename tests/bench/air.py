"""The air of a measurement: the stand-in for BlueZ in a child process, which plays adverts on time and says when it sent each.

Commands are JSON lines on stdin: {"play": [[seconds, address, hex, company], ...]} (company 0 = BTHome service data) is answered
with the monotonic second of each advert; {"call": [address, every]} presses one button again and again from the instant that
somebody scans, until {"quiet": true}.
"""

import asyncio
import contextlib
import gc
import json
import sys
import time

from tests.kit.fake_bluez import Bluetoothd, PrivateBus

BURST = 32  # adverts sent at a stretch before the socket is emptied


async def play(air, adverts):
    times = []
    begin = time.monotonic() + 0.005
    for n, (after, address, data, company) in enumerate(adverts):
        early = begin + after - time.monotonic()
        if early > 0.0003 or n % BURST == BURST - 1:
            await asyncio.sleep(max(0.0, early))
        times.append(time.monotonic())
        if company:
            air.advertise(address, manufacturer_data={company: data})
        else:
            air.advertise(address, service_data={"fcd2": data})
    return times


async def call(air, address, every):
    n = 0
    while True:
        if air.discovering:
            n += 1
            air.advertise(address, service_data={"fcd2": f"4000{n & 255:02x}3a01"})
        await asyncio.sleep(every if air.discovering else 0.002)


async def main():
    lines = asyncio.StreamReader(limit=1 << 26)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    gc.disable()  # a pause of ours would look like one of theirs
    with PrivateBus() as bus:
        air = Bluetoothd(bus)
        await air.start()
        print(json.dumps({"bus": bus.address}), flush=True)
        calling = None
        while line := await lines.readline():
            for word, what in json.loads(line).items():
                if word == "play":
                    print(json.dumps(await play(air, what)), flush=True)
                elif word == "call":
                    calling = asyncio.create_task(call(air, *what))
                elif word == "quiet" and calling is not None:
                    calling.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await calling
                elif word == "scanning":
                    print(json.dumps(len(air.discovering)), flush=True)
        await air.crash()


if __name__ == "__main__":
    asyncio.run(main())
