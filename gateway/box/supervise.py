"""Keeps a link running: restarts it after a loss, and says once "down" and once "back"."""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import time
from collections.abc import Awaitable, Callable

from gateway.box.waits import WAITS

JITTER = 0.2  # part of the wait: a whole county must not knock in the same second after a blackout

Said = Callable[[str, bool, str], None]  # (who, whether it works now, why)

_log = logging.getLogger("eldercare")
_dice = random.SystemRandom()


class OneLine(logging.Filter):
    """Makes every log message one line.

    A line break in a topic, or in a device's word, forges no line of ours.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Write what cannot be printed, and what turns the direction of reading, as its code."""
        text = record.getMessage()
        if not text.isprintable():
            text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
        record.msg, record.args = text, ()  # made once
        return True


def log_to_stderr(level: int) -> None:
    """Let everything be logged to where systemd reads it, one line a message."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(OneLine())
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler])


def say(name: str, works: bool, why: str) -> None:
    """Log one line: a warning when `name` is lost (with `why`), information when it is back."""
    _log.log(
        logging.INFO if works else logging.WARNING,
        "%s %s: %s",
        name,
        "back" if works else "down",
        why,
    )


def wait_before(attempt: int) -> float:
    """Return the seconds to wait before attempt 1, 2, 3...: 1 doubling to 60, see `spread`."""
    return spread(min(WAITS.first * 2.0 ** min(attempt - 1, 16), WAITS.longest))


def spread(seconds: float) -> float:
    """Return a wait in seconds, up to a fifth more or less by chance."""
    return seconds * _dice.uniform(1 - JITTER, 1 + JITTER)


async def keep(
    name: str,
    start: Callable[[Callable[[], None]], Awaitable[None]],
    *,
    expected: tuple[type[Exception], ...],
    said: Said = say,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Run `start(ready)` again and again; it calls `ready()` when it really works.

    An `expected` error is said once ("down"), and the next `ready` after it once ("back"). Any
    other exception is a bug and passes through, as cancellation does. Returns when `start` returns:
    it had an end, and reached it.
    """
    attempt = 0
    down = False
    well_since: float | None = None

    def ready() -> None:
        nonlocal down, well_since
        well_since = now()
        if down:
            down = False
            said(name, True, f"works again, at new attempt {attempt}")

    while True:
        well_since = None
        try:
            await start(ready)
        except expected as loss:
            if not down:
                down = True
                said(name, False, str(loss) or type(loss).__name__)
        else:
            return
        if well_since is not None and now() - well_since >= WAITS.ran_well:
            attempt = 0
        attempt += 1
        await sleep(wait_before(attempt))
