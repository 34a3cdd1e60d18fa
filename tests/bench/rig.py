"""What a measurement stands on: broker, air, subscriber, and the two programs as child processes. Loopback only; ended by pid."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.kit.ports import free_port

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GATEWAY = "bench-gw"
BUTTONS = [f"A4:C1:38:00:00:{n:02X}" for n in range(40)]
SENSORS = [f"A4:C1:38:01:00:{n:02X}" for n in range(50)]
STRANGERS = [f"5A:11:22:33:00:{n:02X}" for n in range(60)]
CALLER = "A4:C1:38:02:00:00"  # the button of what comes in between
DEVICES = {f"b{n:02}": at for n, at in enumerate(BUTTONS)} | {f"s{n:02}": at for n, at in enumerate(SENSORS)} | {"caller": CALLER}
LONGEST = 60.0  # s after which a measurement that does not end is a failure
decode = msgspec.json.Decoder().decode


class Loss(Exception):
    """What went in has not come out."""


def mortal(command):
    """Let a child end with us, however we end."""
    wrapper = shutil.which("setpriv")
    return [wrapper, "--pdeathsig", "KILL", *command] if wrapper else command


def end(process, how=signal.SIGTERM):
    """End one child of ours and wait for it."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Broker:
    """A real Mosquitto without limits to its queues, as an ordinary user."""

    def __init__(self):
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if program is None:
            raise SystemExit("there is no mosquitto here: apt-get install mosquitto")
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="bench-broker-"))
        conf = self.folder / "conf"
        conf.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nlog_dest none\nset_tcp_nodelay true\n"
            "max_queued_messages 0\nmax_inflight_messages 0\n"
        )
        self._command = [program, "-c", str(conf)]
        self._user = {}
        if os.geteuid() == 0:
            self._user = {"user": 65534, "group": 65534, "extra_groups": []}
            os.chown(self.folder, 65534, 65534)
            os.chown(conf, 65534, 65534)
        self.process = None

    def start(self):
        self.process = subprocess.Popen(mortal(self._command), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._user)
        limit = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if time.monotonic() > limit:
                raise SystemExit("mosquitto did not start")
            time.sleep(0.01)

    def stop(self):
        end(self.process)

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Listener(asyncio.Protocol):
    """A subscriber with no library between: MQTT 3.1.1, QoS 0. Each message is stamped when its bytes come in.

    For the gateway it is the platform as well: every `receipt_every` seconds all that has come is receipted.
    """

    def __init__(self, receipt_every=0.1):
        self.messages = []  # (second, topic, payload)
        self.receipts = True
        self.news = asyncio.Event()
        self._buffer = bytearray()
        self._transport = None
        self._every = receipt_every
        self._receipted = 0

    async def connect(self, port, longest=10.0):
        """Return when subscribed; tries again until the broker is there."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + longest
        self.ready = loop.create_future()
        self._buffer.clear()
        while True:
            try:
                self._transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", port)
                break
            except OSError:
                if loop.time() > limit:
                    raise
                await asyncio.sleep(0.002)
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._send(0x10, b"\0\4MQTT\4\2\0\0" + _text("bench-listener"))
        self._send(0x82, b"\0\1" + _text("floor/#") + b"\0" + _text("eldercare/#") + b"\0")
        await asyncio.wait_for(self.ready, 10)

    def _send(self, kind, body):
        size, length = len(body), bytearray()
        while True:
            length.append(size & 0x7F | (0x80 if size > 0x7F else 0))
            size >>= 7
            if not size:
                break
        self._transport.write(bytes((kind,)) + length + body)

    def publish(self, topic, body):
        self._send(0x30, _text(topic) + body)

    def data_received(self, data):
        now = time.monotonic()
        self._buffer += data
        at = 0
        while True:
            size, shift, head = 0, 0, at + 1
            while head < len(self._buffer):
                byte = self._buffer[head]
                size |= (byte & 0x7F) << shift
                shift += 7
                head += 1
                if not byte & 0x80:
                    break
            else:
                break
            if head + size > len(self._buffer):
                break
            packet = bytes(self._buffer[head : head + size])
            kind = self._buffer[at] >> 4
            if kind == 3:
                cut = 2 + int.from_bytes(packet[:2], "big")
                self.messages.append((now, packet[2:cut].decode(), packet[cut:]))
            elif kind == 9:
                self.ready.set_result(None)
            at = head + size
        del self._buffer[:at]
        self.news.set()

    async def platform(self):
        """Give receipts for ever."""
        while True:
            await asyncio.sleep(self._every)
            if self.receipts:
                self.receipt()

    def receipt(self):
        """Receipt all that has come from the gateway and has none."""
        journals, histories = {}, {}
        for _, topic, payload in self.messages[self._receipted :]:
            name = topic.rpartition("/")[2]
            if not topic.startswith("eldercare") or name not in {"alarm", "fault", "result", "readings"}:
                continue
            body = decode(payload)
            if name == "readings":
                histories.setdefault(body["history"], set()).add(body["batch"])
            else:
                journals.setdefault(body["journal"], set()).add(body["number"])
        self._receipted = len(self.messages)
        for journal, numbers in journals.items():
            for part in _parts(numbers):
                self.publish(f"eldercare/v1/{GATEWAY}/receipt", dump(v=1, gateway=GATEWAY, journal=journal, entries=part))
        for history, numbers in histories.items():
            for part in _parts(numbers):
                self.publish(f"eldercare/v1/{GATEWAY}/receipt", dump(v=1, gateway=GATEWAY, journal="none", history=history, batches=part))

    def forget(self):
        """Begin with an empty list."""
        self.messages.clear()
        self._receipted = 0

    def instruct(self, number, **fields):
        self.publish(
            f"eldercare/v1/{GATEWAY}/instruction", dump(v=1, gateway=GATEWAY, id=f"i{number}-{time.monotonic_ns():x}", by="desk", **fields)
        )

    def close(self):
        if self._transport is not None:
            self._transport.abort()

    async def until(self, done, longest=LONGEST):
        """Return when `done()` says so; it is asked at each arrival."""
        limit = time.monotonic() + longest
        while not done():
            left = limit - time.monotonic()
            if left <= 0:
                raise Loss(f"not all has come within {longest:g} s")
            self.news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.news.wait(), min(left, 1.0))


def _text(text):
    return len(text).to_bytes(2, "big") + text.encode()


def dump(**fields):
    return json.dumps(fields).encode()


def _parts(numbers, most=400):
    out = []
    for number in sorted(numbers):
        if out and out[-1][1] == number - 1:
            out[-1][1] = number
        else:
            out.append([number, number])
    return [out[i : i + most] for i in range(0, len(out), most)]


class Air:
    """The stand-in for BlueZ with its own bus, in a child process."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.air"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=ROOT
        )
        self.bus = json.loads(self.process.stdout.readline())["bus"]

    def tell(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def _answer(self):
        return json.loads(self.process.stdout.readline())

    async def play(self, adverts):
        """Play adverts and return when each was sent."""
        return await asyncio.to_thread(self._play, adverts)

    def _play(self, adverts):
        self.tell(play=adverts)
        return self._answer()

    async def scanned(self, longest=20.0):
        limit = time.monotonic() + longest
        while True:
            self.tell(scanning=True)
            if await asyncio.to_thread(self._answer):
                return
            if time.monotonic() > limit:
                raise Loss("nobody scans")
            await asyncio.sleep(0.02)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Program:
    """One of the two programs that are measured, as a child process in a folder of its own."""

    name = ""

    def __init__(self, air, broker, folder):
        self.air, self.broker, self.folder = air, broker, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = None
        self.environment = {}
        self.runtime = self.folder  # of the log and what the system keeps in memory

    def command(self):
        raise NotImplementedError

    def start(self):
        environment = os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": self.air.bus} | self.environment
        with (self.runtime / "log").open("ab") as log:
            self.process = subprocess.Popen(
                mortal(self.command()), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, env=environment
            )

    def stop(self, how=signal.SIGTERM):
        if self.process is not None:
            end(self.process, how)
            self.process = None

    def cpu(self):
        """Return the CPU seconds used so far."""
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def rss(self):
        """Return resident MiB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024

    def waiting(self):
        """Return how many rows wait in the outbox on disk."""
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as db:
            return db.execute("SELECT count(*) FROM outbox").fetchone()[0]

    def log(self):
        return (self.runtime / "log").read_text(errors="replace")[-2000:]


class Floor(Program):
    """The floor."""

    name = "floor"

    @property
    def database(self):
        return self.folder / "floor.db"

    def command(self):
        return [sys.executable, str(HERE / "floor.py"), str(self.folder), str(self.broker.port)]

    def told(self, message):
        """Return (address, unique number) of the event in a message, None where it is none of ours."""
        _, topic, payload = message
        if not topic.startswith("floor"):
            return None
        body = decode(payload)
        return body["address"], body["n"]


class Gateway(Program):
    """The real daemon: `python -m gateway run`."""

    name = "gateway"
    devices = DEVICES

    @property
    def database(self):
        return self.folder / "state" / "gateway.db"

    def command(self):
        path = self.folder / "gateway.toml"
        lines = ["[sound]\nvoice = false\n", f'[gateway]\nid = "{GATEWAY}"\nstate = "state"\nruntime = "{self.runtime / "run"}"\n']
        lines.append("[consent]\nactivity = true\nclimate = true\nvital_signs = true\n")
        lines.append(f'[platform]\nhost = "127.0.0.1"\nport = {self.broker.port}\ntls = false\n')
        lines += [f'[[device]]\nid = "{name}"\nmodel = "bthome-v2"\naddress = "{at}"\nroom = "room"\n' for name, at in self.devices.items()]
        lines += [f'[[ladder]]\nresponder = "{who}"\nwait = 600\n' for who in ("desk", "family", "neighbour")]
        path.write_text("\n".join(lines) + self.more())
        return [sys.executable, "-m", "gateway", "run", "--config", str(path)]

    def more(self):
        """Return more lines for the configuration."""
        return ""

    def told(self, message):
        """Return (address, unique number) of the press in a message, None where it is none."""
        _, topic, payload = message
        if not topic.endswith("/alarm"):
            return None
        body = decode(payload)
        return (self.devices[body["device"]], body["number"]) if body["move"] in {"raise", "count"} else None
