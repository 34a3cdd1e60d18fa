"""Keeping things running: back-off, one word when lost, one when back."""

import asyncio
import logging

import pytest
from gateway.box.supervise import keep, say, wait_before


class Stage:
    """A clock and a started thing that follows a script of (seconds it runs well or None, how it ends)."""

    def __init__(self, *script):
        self.script = list(script)
        self.time = 0.0
        self.waits = []
        self.said = []

    async def start(self, ready):
        ran, end = self.script.pop(0)
        if ran is not None:
            ready()
            self.time += ran
        if end is not None:
            raise end

    async def sleep(self, seconds):
        self.waits.append(seconds)
        self.time += seconds

    async def keep(self, *expected):
        await keep(
            "radar", self.start, expected=expected, said=lambda *words: self.said.append(words), sleep=self.sleep, now=lambda: self.time
        )


def near(waits, doubled):
    assert len(waits) == len(doubled)
    for wait, middle in zip(waits, doubled, strict=True):
        assert 0.8 * middle <= wait <= 1.2 * middle


async def test_down_once_back_once():
    stage = Stage((5, OSError("unplugged")), *[(None, OSError("missing"))] * 4, (5, OSError("unplugged again")), (1, None))
    await stage.keep(OSError)
    assert [(name, works) for name, works, _ in stage.said] == [("radar", False), ("radar", True)] * 2
    assert stage.said[0][2] == "unplugged"
    assert stage.said[2][2] == "unplugged again"


async def test_waits_double_to_a_minute():
    stage = Stage(*[(None, OSError("missing"))] * 10, (1, None))
    await stage.keep(OSError)
    near(stage.waits, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60])
    assert len(set(stage.waits)) == 10, "with jitter"


async def test_a_minute_of_work_forgets_the_past():
    lost = OSError("lost")
    stage = Stage((None, lost), (None, lost), (59, lost), (60, lost), (None, lost), (1, None))
    await stage.keep(OSError)
    near(stage.waits, [1, 2, 4, 1, 2])


async def test_waits_stay_bounded_after_months():
    assert wait_before(10_000) <= 72.0


async def test_a_start_that_only_lasted_does_not_count_as_work():
    """An hour without `ready` is an hour of failing, for instance in a name look-up."""
    stage = Stage((None, OSError("a")), (None, OSError("b")), (1, None))
    start = stage.start

    async def slow(ready):
        stage.time += 3600
        await start(ready)

    stage.start = slow
    await stage.keep(OSError)
    near(stage.waits, [1, 2])


async def test_bugs_pass():
    stage = Stage((1, OSError("lost")), (1, ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        await stage.keep(OSError)
    assert len(stage.waits) == 1


async def test_cancellation_passes():
    started = asyncio.Event()

    async def forever(ready):
        ready()
        started.set()
        await asyncio.Event().wait()

    said = []
    task = asyncio.create_task(keep("radio", forever, expected=(OSError,), said=lambda *words: said.append(words)))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert said == []


async def test_an_error_without_words_is_still_named():
    stage = Stage((None, TimeoutError()), (1, None))
    await stage.keep(TimeoutError)
    assert stage.said[0] == ("radar", False, "TimeoutError")


async def test_the_journal_line(caplog):
    caplog.set_level(logging.INFO, logger="eldercare")
    say("radio hci0", False, "bluetoothd stopped")
    say("radio hci0", True, "it scans again")
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "radio hci0 down: bluetoothd stopped"),
        ("INFO", "radio hci0 back: it scans again"),
    ]
