"""SOS advert to broker with the page flooded, beside without: python -m tests.page.flood [ROUNDS].

The page runs as its unit runs it (nice 10). The flood is a bounded loop over loopback in a process of its own: sign-ins with wrong
passwords, pages and files, on 16 connections at once. It shares the machine's processors with the gateway, which a real one would
not: the figures are on the safe side.
"""

import asyncio
import contextlib
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from tests.bench.rig import BUTTONS, Air, Broker, Gateway, Listener, decode
from tests.kit.brokers import mortal
from tests.kit.ports import free_port

PRESSES = 40  # of one round
CONNECTIONS = 16  # as many as one source may hold
LONGEST = 60.0  # s after which a flood ends by itself


class Home(Gateway):
    http = 0

    def more(self):
        return f'\n[page]\naddress = "127.0.0.1"\nport = {free_port()}\nhttp_port = {self.http}\n'


def flood(port, stop, count):
    os.nice(5)

    async def one(n, end):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
            while not stop.is_set() and time.monotonic() < end:
                with contextlib.suppress(httpx.HTTPError):
                    match n % 4:
                        case 0:
                            await client.post("/sign-in", data={"name": "T-07", "password": "wrong wrong wrong", "key": "0" * 40})
                        case 1:
                            await client.get("/first")
                        case 2:
                            await client.get("/static/page.css")
                        case _:
                            await client.get("/", headers={"cookie": "session=" + "x" * 43})
                    with count.get_lock():
                        count.value += 1

    async def all_of_them():
        await asyncio.gather(*(one(n, time.monotonic() + LONGEST) for n in range(CONNECTIONS)))

    asyncio.run(all_of_them())


async def measured(air, listener, program, number):
    """Return milliseconds from advert to broker of each press."""
    out = []
    for _ in range(PRESSES):
        number[0] += 1
        before = len(listener.messages)
        (sent,) = await air.play([[0.0, BUTTONS[0], f"4000{number[0] & 255:02x}3a01", 0]])

        def come(before=before):
            return [
                t
                for t, topic, payload in listener.messages[before:]
                if topic.endswith("/alarm") and decode(payload)["move"] in {"raise", "count"}
            ]

        await listener.until(lambda: bool(come()), 20)
        out.append((come()[0] - sent) * 1000)
        await asyncio.sleep(0.05)
    return out


async def main(rounds):
    broker = Broker()
    broker.start()
    air = Air()
    with tempfile.TemporaryDirectory() as folder:
        program = Home(air, broker, Path(folder) / "home")
        program.http = free_port()
        program.start()
        page = listener = platform = None
        try:
            await air.scanned()
            command = [
                "nice",
                "-n",
                "10",
                *mortal([sys.executable, "-m", "gateway", "page", "--config", str(program.folder / "gateway.toml")]),
            ]
            page = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            listener = Listener()
            await listener.connect(broker.port)
            platform = asyncio.create_task(listener.platform())
            await asyncio.sleep(4)
            number = [0]
            await measured(air, listener, program, number)  # both have run once
            quiet, flooded, asked = [], [], 0
            for _ in range(rounds):
                quiet += await measured(air, listener, program, number)
                stop, count = multiprocessing.Event(), multiprocessing.Value("l", 0)
                child = multiprocessing.Process(target=flood, args=(program.http, stop, count), daemon=True)
                child.start()
                await asyncio.sleep(1.5)
                begin, before = time.monotonic(), count.value
                flooded += await measured(air, listener, program, number)
                asked += (count.value - before) / (time.monotonic() - begin) / rounds
                stop.set()
                await asyncio.to_thread(child.join, 15)
                await asyncio.sleep(0.5)
            for name, values in (("without", quiet), ("flooded", flooded)):
                ordered = sorted(values)
                print(
                    f"{name}: median {statistics.median(ordered):.2f} ms, 95 % {ordered[int(0.95 * len(ordered))]:.2f} ms, "
                    f"highest {ordered[-1]:.2f} ms, {len(ordered)} presses"
                )
            rss = int((Path(f"/proc/{page.pid}/status").read_text()).partition("VmRSS:")[2].split()[0]) / 1024
            print(f"flood: {asked:.0f} answers/s on {CONNECTIONS} connections; page {rss:.0f} MiB resident after it")
        finally:
            if platform:
                platform.cancel()
            if listener:
                listener.close()
            if page:
                page.terminate()
                page.wait(10)
            program.stop()
            air.close()
            broker.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 4))
