"""How good the machine's wall clock is called."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway import clock as module
from gateway.clock import Quality, SystemClock

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("made", "floor", "agreed", "quality"),
    [
        (-DAY, -DAY, True, Quality.SYNCHRONISED),
        (-DAY, -DAY, False, Quality.UNSURE),
        (-DAY, DAY, False, Quality.WRONG),  # earlier than what was confirmed once, and nobody confirms it
        (-DAY, DAY, True, Quality.SYNCHRONISED),  # the time server takes back a step that was its mistake
        (DAY, DAY, True, Quality.WRONG),  # whoever says so: the software was not made yet
    ],
)
def test_a_time_server_is_believed_but_never_before_the_software_was_made(monkeypatch, made, floor, agreed, quality):
    monkeypatch.setattr(module, "kernel_synchronised", lambda: agreed)
    clock = SystemClock(NOW + made)
    clock.floor = NOW + floor
    assert clock.now().quality is quality
