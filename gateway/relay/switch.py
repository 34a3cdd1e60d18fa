"""`eldercare-relay --at gpio:17`: switch a light or a siren for an alarm, as a program of it.

It follows the contract of such programs (docs/alarms.md): what happened stands in its environment,
it ends by itself, and its exit code says what is wrong with the channel.

    daemon ── runs ──▶ this process ── a pipe ──▶ its guard, in a session of its own
                          │ killed, or the alarm is answered      │
                          └────────── the pipe ends ──────────────┴─▶ off

The output is switched by the guard. It switches off at the end of its time and as soon as the
process before it is gone, however that ended: the daemon ends a program with a signal that nobody
can catch. With `test` as the last word the output is opened and switched off.
"""

from __future__ import annotations

import argparse
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Final

from gateway.box.private import NotSetUp
from gateway.relay.outputs import Output, Unplugged, opened, place
from gateway.relay.waits import WAITS

LOG = logging.getLogger("eldercare")
DONE, FAILED, UNPLUGGED, NOT_SET_UP = 0, 1, 10, 14
ATTEMPTS: Final = 20  # to switch off, within its time


class _Over(BaseException):
    """The guard has to end now."""


def span(environment: Mapping[str, str], word: str | None, seconds: float) -> float:
    """Return for how many seconds to switch on; 0 where nothing is to be heard or seen."""
    tried = environment.get("ELDERCARE_REASON") == "try" or environment.get("ELDERCARE_TEST") == "1"
    if word:  # somebody stands there and wants to see it, or the gateway asks by itself
        return WAITS.trial if environment.get("ELDERCARE_SAYS") else 0.0
    if environment.get("ELDERCARE_QUIET") == "1":
        return 0.0
    return min(WAITS.trial, seconds) if tried else seconds


def hold(output: Output, seconds: float, beat: tuple[float, float], gone: int) -> None:
    """Keep an output on for so long, and switch it off then, or when the pipe `gone` ends.

    `beat`: seconds on and off in turn; (0, 0) for a steady light. A line that is silent for a while
    is told again until the time is over. Raises Unplugged: it never was on, or may not be off.
    """
    end, on, turn = time.monotonic() + seconds, False, -inf
    why, was_on = None, False
    try:
        while (now := time.monotonic()) < end and not _ended(gone, 0.0):
            if now >= turn:
                on = not (on and beat[0])
                turn = now + beat[not on] if beat[0] else inf
            try:
                output.switch(on=on)
                was_on = was_on or on
            except Unplugged as error:
                why = error
            if _ended(gone, max(0.0, min(end, turn, now + WAITS.refresh) - time.monotonic())):
                break
    finally:
        _off(output)
    if why is not None and not was_on:
        raise why


def _ended(pipe: int, seconds: float) -> bool:
    return bool(select.select([pipe], [], [], seconds)[0])


def _off(output: Output) -> None:
    last = time.monotonic() + WAITS.off
    while True:
        try:
            output.switch(on=False)
            break
        except Unplugged:
            if time.monotonic() >= last:
                raise
            time.sleep(WAITS.off / ATTEMPTS)
    output.close()


def guarded(work: Callable[[int], int], longest: float) -> int:
    """Run `work` in a guard of its own; return its exit code, below 0 where a signal ended it.

    It gets a pipe that ends with this process.
    """
    pipe, ours = os.pipe()
    guard = os.fork()
    if guard == 0:
        code = FAILED
        try:
            os.close(ours)
            os.setsid()
            signal.signal(signal.SIGTERM, _over)
            signal.signal(signal.SIGALRM, _over)
            signal.setitimer(signal.ITIMER_REAL, longest)
            code = work(pipe)
        except _Over:
            code = DONE
        except Exception:  # it is the whole process that ends here
            LOG.exception("the output")
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(pipe)
    _, status = os.waitpid(guard, 0)
    os.close(ours)
    return os.waitstatus_to_exitcode(status)


def _over(_signal: int, _frame: object) -> None:
    raise _Over


def switched(at: str, seconds: float, beat: tuple[float, float], gone: int) -> int:
    """Switch the output that `at` names; return the exit code of the contract."""
    try:
        output = opened(place(at))
        hold(output, seconds, beat, gone)
    except NotSetUp as why:
        print(why, file=sys.stderr)
        return NOT_SET_UP
    except Unplugged as why:
        print(why, file=sys.stderr)
        return UNPLUGGED
    return DONE


def main(arguments: Sequence[str] | None = None) -> int:
    """Switch one output; return the exit code of the contract."""
    parser = argparse.ArgumentParser(prog="eldercare-relay", description=__doc__)
    parser.add_argument("--at", required=True)
    parser.add_argument("--seconds", type=float, default=WAITS.on)
    parser.add_argument("--on", type=float, default=0.0, help="seconds on, of a light that flashes")
    parser.add_argument("--off", type=float, default=0.0, help="seconds off in between")
    parser.add_argument("word", nargs="?", choices=("test",))
    asked = parser.parse_args(arguments)
    beats = (asked.on > 0) is (asked.off > 0) and all(0 <= s <= 60 for s in (asked.on, asked.off))
    if not 0 < asked.seconds <= 100 or not beats:
        print("--seconds up to 100, --on and --off both, up to 60, were expected", file=sys.stderr)
        return NOT_SET_UP
    seconds = span(os.environ, asked.word, asked.seconds)
    if not seconds and not asked.word:
        return DONE
    beat = (asked.on, asked.off)
    code = guarded(lambda gone: switched(asked.at, seconds, beat, gone), seconds + WAITS.late)
    if code >= 0:
        return code
    # what it drove may still be on
    guarded(lambda gone: switched(asked.at, 0.0, beat, gone), WAITS.late)
    return FAILED


if __name__ == "__main__":
    raise SystemExit(main())
