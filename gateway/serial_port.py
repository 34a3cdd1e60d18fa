"""One serial line on the event loop: bytes in as `Chunk`, bytes out without ever blocking; ends with OSError when unplugged."""

from __future__ import annotations

from collections.abc import Callable

from gateway.driver import Chunk


class Line:
    """The line at `port` (best a /dev/serial/by-id name) with `baud` 8N1.

    `sink` is called at once for each chunk, first with an empty one that has `opened` true, and returns the bytes to write
    back, or None. `ask` is called every `ask_every` seconds (0 = never) for the bytes of a poll. `ready` is called when open.
    """

    def __init__(
        self,
        port: str,
        baud: int,
        sink: Callable[[Chunk], bytes | None],
        *,
        ask: Callable[[], bytes] | None = None,
        ask_every: float = 0.0,
    ) -> None:
        self.port = port
        self.open = False
        self.heard_at: float | None = None  # loop time of the last byte
        self.received = 0  # bytes
        self.unsent = 0  # bytes dropped because the line took none

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Open the line and serve it until it is lost (OSError with a plain text) or cancelled."""
        raise NotImplementedError

    def write(self, data: bytes) -> bool:
        """Queue `data` for the line; False when it is closed or too much is waiting already."""
        raise NotImplementedError
