"""What lies between a gateway and its broker, and what can become of it: a relay that misbehaves, a network of our own that drops packets.

A relay is for everybody; a network namespace with a veth pair and nftables needs root, and is the real thing: no reset, no end, only
silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import shutil
import subprocess
from typing import Any, Self

from tests.kit.ports import free_port

PUBLISH = 3  # MQTT packet type


class Relay:
    """A TCP relay on loopback to `port`. Switches, at any time: `held` stops all bytes and keeps the connections, `delay` (s, each way).

    `cut_after` publishes of the gateway it resets both sides once; with `deaf` the last of them has reached the broker and its PUBACK is
    lost.
    """

    host = "127.0.0.1"

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self.delay = 0.0
        self.cut_after = 0
        self.deaf = False
        self.cuts = 0
        self._to = port
        self._mute = False  # what the broker answers is thrown away
        self._open: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()

    @property
    def held(self) -> bool:
        return not self._flows.is_set()

    @held.setter
    def held(self, on: bool) -> None:
        (self._flows.clear if on else self._flows.set)()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.reset()

    def reset(self) -> None:
        """End every connection at once, as a box on the way does that was switched off and on."""
        for writer in [*self._open]:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, back}
        with contextlib.suppress(asyncio.CancelledError):  # asyncio's streams would complain of it
            await asyncio.gather(self._pass(reader, back, up=True), self._pass(there, writer, up=False))
        self._open -= {writer, back}
        for end in (writer, back):
            end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1000)  # what is under way, and when it is there
        arriving = asyncio.create_task(self._arrive(way, writer, up=up))
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(65536):
                    await way.put((asyncio.get_running_loop().time() + self.delay, data))
                await way.put((0.0, b""))
                await arriving
        finally:
            arriving.cancel()
            writer.transport.abort()

    async def _arrive(self, way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, *, up: bool) -> None:
        with contextlib.suppress(OSError):
            while (item := await way.get())[1]:
                at, data = item
                await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))
                await self._flows.wait()
                if up and self.cut_after and data[0] >> 4 == PUBLISH:
                    self.cut_after -= 1
                    if not self.cut_after:
                        await self._cut(writer, data)
                        return
                if self._mute and not up:
                    continue
                writer.write(data)
                await writer.drain()

    async def _cut(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        self.cuts += 1
        if self.deaf:
            self._mute = True
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(0.05)  # for the broker to have it
        self.reset()
        self._mute = False


def may_own_networks() -> bool:
    """Say whether a network namespace can be made here."""
    return os.geteuid() == 0 and all(shutil.which(tool, path=_PATH) for tool in ("ip", "nft"))


_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _nobodys_network() -> ipaddress.IPv4Network:
    """Return four addresses that this machine neither has nor knows a way to."""
    said = subprocess.run(["ip", "-4", "-json", "route"], capture_output=True, check=True, timeout=10, env={**os.environ, "PATH": _PATH})
    known = [ipaddress.IPv4Network(r["dst"]) for r in json.loads(said.stdout) if r["dst"] != "default"]
    free = (ipaddress.IPv4Network(f"198.{second}.{third}.0/30") for second in (18, 19) for third in range(77, 100))  # for measurements
    return next(net for net in free if not any(net.overlaps(other) for other in known))


class OwnNetwork:
    """A network namespace with one veth pair; the gateway runs inside (`prefix`), the broker listens outside at `host`.

    `drop(True)` lets every packet vanish without a word, both ways.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.host, self._inside = map(str, _nobodys_network().hosts())
        self._name = f"prove-{os.getpid()}"
        self.prefix = ("ip", "netns", "exec", self._name)

    def _run(self, *command: str, inside: bool = False, check: bool = True) -> None:
        words: Any = [*self.prefix, *command] if inside else command
        done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=False, env={**os.environ, "PATH": _PATH})
        assert not check or done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}"

    def __enter__(self) -> Self:
        ours, theirs = f"pv{os.getpid()}a", f"pv{os.getpid()}b"
        try:
            self._run("ip", "netns", "add", self._name)
            self._run("ip", "link", "add", ours, "type", "veth", "peer", "name", theirs)
            self._run("ip", "link", "set", theirs, "netns", self._name)
            self._run("ip", "addr", "add", f"{self.host}/30", "dev", ours)
            self._run("ip", "link", "set", ours, "up")
            self._run("ip", "addr", "add", f"{self._inside}/30", "dev", theirs, inside=True)
            self._run("ip", "link", "set", "lo", "up", inside=True)
            self._run("ip", "link", "set", theirs, "up", inside=True)
            self._run("nft", "add table inet prove", inside=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._run("ip", "netns", "del", self._name, check=False)

    def drop(self, on: bool) -> None:
        if not on:
            self._run("nft", "flush table inet prove", inside=True)
            return
        for hook in ("input", "output"):
            self._run("nft", f"add chain inet prove {hook} {{ type filter hook {hook} priority 0; }}", inside=True)
            self._run("nft", f"add rule inet prove {hook} drop", inside=True)
