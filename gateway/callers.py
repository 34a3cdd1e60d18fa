"""Local programs: what sounds in the home, and the rungs of the ladder that a program serves (siren, light, modem).

A program gets the alarm in its environment and says by its exit code whether it succeeded. It is ended when the alarm is silenced,
answered or over. Nothing of an alarm goes through a shell.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Sequence

from gateway.alarm import Alarm

LOG = logging.getLogger("eldercare")
LONGEST = 120.0  # s a program may run; then it is ended and counts as failed
AT_MOST = 8  # programs at a time; a further call fails at once and the ladder goes on


class Callers:
    """The programs that run now. `done(alarm number, call index, ok, detail)` is told how each call of a rung ended."""

    def __init__(self, done: Callable[[int, int, bool, str], None]) -> None:
        self._done = done
        self._running: dict[asyncio.Task[None], tuple[int, bool]] = {}  # task -> (alarm number, it only sounds)

    def start(self, program: Sequence[str], alarm: Alarm, *, call: int | None, reason: str) -> None:
        """Run `program` for `alarm`; `call` is the index of the ladder's call it serves, None for a sounder."""
        if len(self._running) >= AT_MOST:
            if call is not None:
                self._done(alarm.number, call, False, f"{AT_MOST} programs run already")
            return
        task = asyncio.create_task(self._run(tuple(program), alarm, call, reason), name=f"call {alarm.number}")
        self._running[task] = (alarm.number, call is None)
        task.add_done_callback(lambda ended: self._running.pop(ended, None) and None)

    def stop(self, number: int, *, sounds_only: bool = False) -> None:
        """End what runs for one alarm, or only what sounds."""
        for task, (alarm, sounds) in list(self._running.items()):
            if alarm == number and (sounds or not sounds_only):
                task.cancel()

    async def close(self) -> None:
        """End all programs."""
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, program: Sequence[str], alarm: Alarm, call: int | None, reason: str) -> None:
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "ELDERCARE_ALARM": alarm.id,
            "ELDERCARE_KIND": alarm.kind,
            "ELDERCARE_ROOM": alarm.room,
            "ELDERCARE_STATE": alarm.state.value,
            "ELDERCARE_REASON": reason,
            "ELDERCARE_TEST": "1" if alarm.test else "0",
        }
        try:
            child = await asyncio.create_subprocess_exec(
                *program,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            LOG.warning("program %s: %s", program[0], error.strerror)
            self._say(alarm, call, False, f"{program[0]}: {error.strerror}")
            return
        try:
            async with asyncio.timeout(LONGEST):
                code = await child.wait()
        except TimeoutError:
            self._say(alarm, call, False, f"{program[0]}: ended after {LONGEST:g} s")
        else:
            self._say(alarm, call, code == 0, f"{program[0]}: exit code {code}")
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)

    def _say(self, alarm: Alarm, call: int | None, ok: bool, detail: str) -> None:
        if call is not None:
            self._done(alarm.number, call, ok, detail)
