"""The processes of the demonstration.

Each is ended by its own process id, or ends with whoever started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping

from gateway.demo import home
from gateway.demo.both import both
from gateway.demo.waits import WAITS

LOG_KEPT = 30  # last lines of a process, shown when it fails
NOTHING: Mapping[str, str] = {}
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Failed(Exception):
    """The demonstration cannot go on; the text says what happened."""


def die_with_starter() -> None:
    """Let the kernel end this child when the one that started it is gone (prctl(2), Linux)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One process of the demonstration; it is ended by its own process id.

    Its last lines are kept, to be shown where it fails.
    """

    def __init__(
        self, name: str, told: Callable[[str], None], log: Callable[[str], None] | None = None
    ) -> None:
        self.name = name
        self.last: deque[str] = deque(maxlen=LOG_KEPT)
        self._told = told
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []

    async def start(self, *command: str, environment: Mapping[str, str] = NOTHING) -> None:
        """Start it, with `environment` beside our own.

        It ends when its standard input closes or, if it does not look at that, with its starter.
        """
        path = os.pathsep.join(filter(None, (str(home.ROOT), os.environ.get("PYTHONPATH", ""))))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                **environment,
                "PYTHONPATH": path,
                "PYTHONUNBUFFERED": "1",
                "PYTHONIOENCODING": "utf-8",
            },
            start_new_session=True,  # Ctrl-C is for the conductor, who ends the others in order
            preexec_fn=die_with_starter,
            limit=2**20,
        )
        assert self._process.stdout is not None  # asked for above
        assert self._process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read(self._process.stdout, self._told)),
            asyncio.create_task(self._read(self._process.stderr, self._log)),
        ]

    def say(self, line: str) -> None:
        """Write a line to its standard input."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(f"{line}\n".encode())

    async def _read(self, stream: asyncio.StreamReader, told: Callable[[str], None] | None) -> None:
        async for raw in stream:
            line = raw.decode("utf-8", "replace").rstrip()
            self.last.append(line)
            if told is not None:
                told(line)

    async def ended(self) -> None:
        """Wait until it ends, and raise Failed with its last lines.

        Nothing here should end before it is told to.
        """
        assert self._process is not None  # started before it is waited for
        code = await self._process.wait()
        await asyncio.wait(self._readers, timeout=WAITS.last_lines)
        words = "\n".join(f"    {line}" for line in self.last)
        raise Failed(both("show.ended", name=self.name, code=code, words=words or "    (none)"))

    async def stop(self) -> None:
        """End it in good order, or by force when it does not listen."""
        if self._process is None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            if self._process.returncode is not None:
                break
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(how)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAITS.end):
                    await self._process.wait()
        for reader in self._readers:
            reader.cancel()
