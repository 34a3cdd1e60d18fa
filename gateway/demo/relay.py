"""The line between gateway and broker, with a switch.

What passes, passes unread; when it is cut nothing gets through.
"""

from __future__ import annotations

import asyncio
import contextlib

HOST = "127.0.0.1"
PIECE = 65536


class Relay:
    """Listens on a free port of the loopback interface, also while the line is cut.

    By that nobody else can take the port meanwhile.
    """

    def __init__(self) -> None:
        self.port = 0
        self.cut = False
        self._target = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, target: int) -> None:
        """Pass on to port `target`."""
        self._target = target
        self._server = await asyncio.start_server(self._passed, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def down(self) -> None:
        """Cut the line: what is open breaks off, what is new is turned away."""
        self.cut = True
        for writer in self._open:
            writer.transport.abort()

    def up(self) -> None:
        """Mend the line."""
        self.cut = False

    async def stop(self) -> None:
        """End for good."""
        self.down()
        if self._server is not None:
            self._server.close()

    async def _passed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            self._open -= {writer, far_writer}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(PIECE):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
