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

from gateway.alarm import ENDED, Alarm, Masking, State
from gateway.book import AlarmFact, Entry
from gateway.config import Config
from gateway.dispatch import PROGRAM
from gateway.kind import Priority

LOG = logging.getLogger("eldercare")
LONGEST = 120.0  # s a program may run; then it is ended and counts as failed
ANSWERED = ENDED | {State.ACKNOWLEDGED, State.DISPATCHED, State.ON_SITE}  # states in which nothing need sound or call any more
AT_MOST = 8  # programs at a time; a further call fails at once and the ladder goes on


class Callers:
    """The programs that run now. `done(alarm number, call index, ok, detail)` is told how each call of a rung ended."""

    def __init__(self, done: Callable[[int, int, bool, str], None]) -> None:
        self._done = done
        self._running: dict[asyncio.Task[None], tuple[int, bool]] = {}  # task -> (alarm number, it only sounds)

    def follow(self, entry: Entry, fact: AlarmFact, config: Config) -> None:
        """Sound, call or end what sounds and calls, now that what moved the alarm is on disk."""
        alarm = fact.alarm
        moved = fact.before is not alarm.state
        if moved and alarm.state in ANSWERED:
            self.stop(alarm.number)
        elif fact.move == "silence":
            self.stop(alarm.number, sounds_only=True)  # silence stops the noise, never a call for somebody
        began = moved and alarm.masking is not Masking.SILENCED
        if began and alarm.state is State.PRE_ALARM and config.sound_pre_alarm:
            self.start(config.sound_pre_alarm, alarm, call=None, reason="pre_alarm")
        if began and alarm.state is State.RAISED and alarm.priority <= Priority.P2 and config.sound_alarm:
            self.stop(alarm.number, sounds_only=True)
            self.start(config.sound_alarm, alarm, call=None, reason="raised")
        call = alarm.calls[-1] if alarm.calls else None
        if call is not None and call.channel == PROGRAM and call.at == entry.at and fact.move in {"call", "lapse", "count"}:
            self.start(config.ladder[call.rung - 1].program, alarm, call=len(alarm.calls) - 1, reason=call.reason)

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
