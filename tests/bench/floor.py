"""The floor: the least program that does an alarm's work, to measure the gateway against. It is never tuned down.

Advert -> parse -> durable commit (SQLite, WAL, synchronous FULL, group commit on a thread) -> MQTT QoS 1 -> PUBACK -> delete.
No rules, no urgency, no configuration, no supervision.

    python tests/bench/floor.py FOLDER PORT
"""

import asyncio
import contextlib
import json
import signal
import socket
import sqlite3
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiomqtt
from bleak import BleakScanner

TOPIC = "floor/event"
UUID = "0000fcd2-0000-1000-8000-00805f9b34fb"
SIZES = {0x00: 1, 0x01: 1, 0x02: 2, 0x03: 2, 0x2D: 1, 0x3A: 1}  # what the measured sensors say: packet id, battery, ..., door, button
WINDOW = 64  # publishes in flight
LINGER = 0.5  # s for which deletions wait for company


def objects(data):
    """Return {object id: value} of one plain BTHome frame."""
    found, at = {}, 1
    while at < len(data) and data[at] in SIZES:
        end = at + 1 + SIZES[data[at]]
        found[data[at]] = int.from_bytes(data[at + 1 : end], "little")
        at = end
    return found


class Floor:
    def __init__(self, folder, port):
        self.path, self.port = Path(folder, "floor.db"), port
        self.thread = ThreadPoolExecutor(1)
        self.heard, self.done, self.ready = [], [], deque()
        self.last, self.read_up_to = {}, 0
        self.wake, self.news = asyncio.Event(), asyncio.Event()

    def open(self):
        self.db = sqlite3.connect(self.path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute("CREATE TABLE IF NOT EXISTS outbox (n INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        self.next = self.db.execute("SELECT coalesce(max(n), 0) FROM outbox").fetchone()[0] + 1

    def hear(self, device, advert):
        data = advert.service_data.get(UUID)
        if data is None or advert.rssi == -127:
            return
        found = objects(data)
        if not found or self.last.get(device.address) == found.get(0):
            return
        self.last[device.address] = found.get(0)
        self.heard.append({"address": device.address, "rssi": advert.rssi, "wall": time.time(), "mono": time.monotonic(), "said": found})
        self.wake.set()

    def commit(self, events, done):
        rows = []
        for event in events:
            rows.append((self.next, json.dumps({"n": self.next, "type": "event", "gateway": "floor", "source": "ble", **event}).encode()))
            self.next += 1
        self.db.execute("BEGIN IMMEDIATE")
        self.db.executemany("INSERT INTO outbox VALUES (?, ?)", rows)
        self.db.executemany("DELETE FROM outbox WHERE n = ?", done)
        self.db.execute("COMMIT")
        return rows

    async def run_db(self, job, *args):
        return await asyncio.get_running_loop().run_in_executor(self.thread, job, *args)

    async def write(self):
        while True:
            late = False
            try:
                await asyncio.wait_for(self.wake.wait(), LINGER if self.done else None)
            except TimeoutError:
                late = True
            self.wake.clear()
            if not self.heard and not late:
                continue
            events, self.heard = self.heard, []
            done, self.done = self.done, []
            if events or done:
                rows = await self.run_db(self.commit, events, done)
                self.ready.extend(row for row in rows if row[0] > self.read_up_to)
                self.news.set()

    async def send(self):
        nodelay = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        while True:
            try:
                async with aiomqtt.Client("127.0.0.1", self.port, identifier="floor", socket_options=nodelay) as client:
                    acked = {n for (n,) in self.done}
                    waiting = await self.run_db(lambda: self.db.execute("SELECT n, body FROM outbox ORDER BY n").fetchall())
                    self.read_up_to = max((n for n, _ in waiting), default=self.read_up_to)
                    self.ready = deque(row for row in waiting if row[0] not in acked)
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self.watch(client))
                        await self.drain(client, group, asyncio.Semaphore(WINDOW))
            except (aiomqtt.MqttError, ExceptionGroup):
                await asyncio.sleep(0.2)

    async def watch(self, client):
        async for _ in client.messages:  # raises when the connection ends
            pass

    async def drain(self, client, group, window):
        while True:
            while not self.ready:
                self.news.clear()
                await self.news.wait()
            await window.acquire()
            group.create_task(self.publish(client, window, *self.ready.popleft()))

    async def publish(self, client, window, n, body):
        await client.publish(TOPIC, body, qos=1)
        window.release()
        self.done.append((n,))
        if len(self.done) == 1:
            self.wake.set()  # the writer may be waiting without a limit

    async def run(self):
        await self.run_db(self.open)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.write())
            group.create_task(self.send())
            scanner = BleakScanner(self.hear, bluez={"filters": {"DuplicateData": True}})
            await scanner.start()


if __name__ == "__main__":
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(Floor(sys.argv[1], int(sys.argv[2])).run())
