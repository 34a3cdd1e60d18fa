"""A broker on the loopback interface that greets as it should, lets a client subscribe, and then sends whatever a test gives it."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Self


def length(size: int) -> bytes:
    """Return a remaining length as MQTT writes it."""
    out = bytearray()
    while True:
        size, low = divmod(size, 128)
        out.append(low | (0x80 if size else 0))
        if not size:
            return bytes(out)


def publish(topic: str | bytes, payload: bytes, *, qos: int = 1, mid: int = 1, five: bool = True, size: int | None = None) -> bytes:
    """Return a PUBLISH; with `size` its header promises so many bytes in all, whatever follows."""
    name = topic if isinstance(topic, bytes) else topic.encode()
    body = len(name).to_bytes(2, "big") + name + (mid.to_bytes(2, "big") if qos else b"") + (b"\0" if five else b"") + payload
    return bytes([0x30 | qos << 1]) + length(len(body) if size is None else size) + body


class Hostile:
    """`sends(n)` yields the bytes for connection n once it has subscribed."""

    host = "127.0.0.1"

    def __init__(self, sends: Callable[[int], Iterable[bytes]], *, reads: bool = True) -> None:
        self.sends, self.reads = sends, reads
        self.connects: list[tuple[int, int]] = []  # of each connection: (version, flags)
        self.got: list[bytes] = []  # bytes of each connection after CONNECT and SUBSCRIBE
        self.sent: list[int] = []  # bytes that each connection took

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(self.serve, self.host, 0, limit=2**16)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        await self.server.wait_closed()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            try:
                await self.talk(reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, body = await packet(reader)
        at = 2 + int.from_bytes(body[:2], "big")
        version, flags = body[at], body[at + 1]
        n = len(self.connects)
        self.connects.append((version, flags))
        self.got.append(b"")
        self.sent.append(0)
        writer.write(bytes.fromhex("2003000000" if version == 5 else "20020000"))
        _, asked = await packet(reader)
        topics = 2 if b"instruction" in asked else 1
        writer.write(bytes([0x90]) + length(2 + (version == 5) + topics) + asked[:2] + b"\0" * (version == 5) + b"\1" * topics)
        await writer.drain()
        listening = asyncio.create_task(self.listen(reader, writer, n, version)) if self.reads else None
        try:
            for chunk in self.sends(n):
                writer.write(chunk)
                await writer.drain()
                self.sent[n] += len(chunk)
            await (listening or reader.read())
        finally:
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int, version: int) -> None:
        while True:
            first, body = await packet(reader)
            self.got[n] += bytes([first]) + body
            if first >> 4 == 3:  # a PUBLISH with QoS 1
                at = 2 + int.from_bytes(body[:2], "big")
                writer.write(bytes([0x40, 2]) + body[at : at + 2])
            elif first >> 4 == 12:
                writer.write(bytes([0xD0, 0]))


async def packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first = (await reader.readexactly(1))[0]
    size = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return first, await reader.readexactly(size)
