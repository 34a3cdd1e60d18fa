"""One serial line: bytes in as `Chunk`, bytes out without ever blocking.

Nothing here opens the line again: `run` ends, and whoever keeps it running starts it anew. Name the
port by its /dev/serial/by-id link, because ttyUSB0 and ttyUSB1 change places when both are plugged
in again.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import termios
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import serial

from gateway.words.driver import Chunk

BY_ID, BY_PATH = Path("/dev/serial/by-id"), Path("/dev/serial/by-path")
_READ_MOST = 4096  # bytes in one turn of the loop: a line gone mad must not starve the radio
# bytes waiting for a line that takes none; what comes later is dropped, since the next poll asks
# again
_UNSENT_MOST = 4096


class Line:
    """The line at `port` with `baud` 8N1, locked against every other program.

    On the event loop: `run` is its task, and ends with OSError when the line is unplugged. `sink`
    is called at once for each chunk, first with an empty one that has `opened` true, and returns
    the bytes to write back, or None. `ask` is written every `ask_every` seconds (0 = never) while
    the line is open.
    """

    def __init__(
        self,
        port: str,
        baud: int,
        sink: Callable[[Chunk], bytes | None],
        *,
        ask: bytes = b"",
        ask_every: float = 0.0,
    ) -> None:
        self.port = port
        self.baud = baud
        self.received = 0  # bytes
        self._sink = sink
        self._ask = ask if ask_every > 0 else b""
        self._ask_every = ask_every
        self._loop = asyncio.get_running_loop()
        self._line: int | None = None  # the descriptor while open
        self._unsent = bytearray()  # at most _UNSENT_MOST bytes
        self._end: asyncio.Future[None] | None = None

    @property
    def open(self) -> bool:
        """Whether the line is open now."""
        return self._line is not None

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Open the line, call `ready`, and serve it until cancelled.

        Raises OSError with what to do: the port is missing, in use, not permitted, or was
        unplugged. An exception of `sink` ends it too, unchanged.
        """
        if self._line is not None:
            raise RuntimeError(f"{self.port} is served already")
        line = _opened(self.port, self.baud)
        fd = line.fileno()
        self._line = fd
        self._end = self._loop.create_future()
        self._loop.add_reader(fd, self._guarded, self._read)
        try:
            self._deliver(Chunk(port=self.port, data=b"", opened=True))
            if ready is not None:
                ready()
            await self._serve(self._end)
        finally:
            self._loop.remove_reader(fd)
            self._loop.remove_writer(fd)
            self._line = self._end = None
            self._unsent.clear()
            _close(line)

    def write(self, data: bytes) -> bool:
        """Send `data` now or as soon as the line takes it.

        Return False when it is closed or too much is waiting already.
        """
        if self._line is None or len(self._unsent) + len(data) > _UNSENT_MOST:
            return False
        if data:
            self._unsent += data
            self._guarded(self._flush)
        return True

    async def _serve(self, end: asyncio.Future[None]) -> None:
        while True:
            await asyncio.wait((end,), timeout=self._ask_every if self._ask else None)
            if end.done():
                return end.result()
            if self._ask:
                self.write(self._ask)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do `work` in a callback of the loop, and let `run` end with whatever it raises."""
        try:
            work()
        except Exception as reason:  # noqa: BLE001  the loop would forget it; `run` raises it
            if self._end is not None and not self._end.done():
                self._end.set_exception(reason)
                # the line stays readable for ever after a hang-up; `run` closes it in the next turn
                # of the loop
                if self._line is not None:
                    self._loop.remove_reader(self._line)
                    self._loop.remove_writer(self._line)

    def _read(self) -> None:
        if self._line is None:
            return
        try:
            data = os.read(self._line, _READ_MOST)
        except BlockingIOError:
            return
        except OSError as loss:
            raise _unplugged(self.port, loss.strerror) from loss
        if not data:
            raise _unplugged(self.port, "hang-up")
        self.received += len(data)
        self._deliver(Chunk(port=self.port, data=data))

    def _deliver(self, chunk: Chunk) -> None:
        answer = self._sink(chunk)
        if answer:
            self.write(answer)

    def _flush(self) -> None:
        if self._line is None:
            return
        try:
            taken = os.write(self._line, self._unsent)
        except BlockingIOError:
            taken = 0
        except OSError as loss:
            raise _unplugged(self.port, loss.strerror) from loss
        del self._unsent[:taken]
        if self._unsent:
            self._loop.add_writer(self._line, self._guarded, self._flush)
        else:
            self._loop.remove_writer(self._line)


@contextlib.asynccontextmanager
async def served(line: Line) -> AsyncIterator[asyncio.Task[None]]:
    """Serve a line for as long as it is used here."""
    task = asyncio.create_task(line.run(), name=f"line {line.port}")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def news(serving: asyncio.Task[None], heard: asyncio.Event, longest: float) -> None:
    """Wait until something was heard, at most so long. Raises what ended the line."""
    waiting = asyncio.ensure_future(heard.wait())
    await asyncio.wait((serving, waiting), timeout=longest, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    heard.clear()
    if serving.done():
        serving.result()


def why_not(port: str, baud: int) -> str:
    """Return why the port cannot be opened and what to do, "" when it can; close it again."""
    try:
        _close(_opened(port, baud))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _opened(port: str, baud: int) -> serial.Serial:
    """Open and lock the line. OSError says what is wrong and what to do."""
    try:
        # inter_byte_timeout=0 sets VMIN=1, without which a read of nothing looks like a hang-up
        return serial.Serial(port, baud, exclusive=True, inter_byte_timeout=0)
    except serial.SerialException as refusal:
        number = refusal.errno or 0
        raise OSError(number, _what_to_do(port, number, refusal)) from refusal


def _what_to_do(port: str, number: int, refusal: serial.SerialException) -> str:
    match number:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return (
                f"serial port {port} is not there;"
                f" plug it in or correct the configuration; present: {_present()}"
            )
        case errno.EACCES | errno.EPERM:
            return f"serial port {port} may not be opened by this user; add it to group dialout"
        case errno.EAGAIN | errno.EBUSY:
            return (
                f"serial port {port} is in use by another program;"
                f" end it (fuser {port} shows which)"
            )
        case _:
            return f"serial port {port} does not open as a serial port ({refusal})"


def present() -> list[str]:
    """Return the ports that are plugged in, by names that stay: a technician chooses one of them.

    The name by maker and serial number comes first; twins that share it, and what has none, are
    named by the socket they are in.
    """
    found: dict[str, str] = {}  # what is behind the link -> the link
    for folder in (BY_ID, BY_PATH):
        with contextlib.suppress(OSError):
            for entry in sorted(folder.iterdir()):
                found.setdefault(os.path.realpath(entry), str(entry))
    return sorted(found.values())[:40]


def _present() -> str:
    """Name the ports that are there; a machine without any has no such folder."""
    try:
        names = sorted(entry.name for entry in BY_ID.iterdir())
    except OSError:
        names = []
    return ", ".join(f"{BY_ID}/{name}" for name in names) or f"nothing in {BY_ID}"


def _unplugged(port: str, why: str | None) -> OSError:
    return OSError(errno.EIO, f"serial port {port} was unplugged ({why}); plug it in again")


def _close(line: serial.Serial) -> None:
    with contextlib.suppress(OSError, termios.error):  # an unplugged line has nothing to forget
        # close() waits for unsent bytes, up to 30 s on a line that takes none
        line.reset_output_buffer()
    line.close()
