"""How long the gateway rests between two attempts to reach the platform."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from gateway.tell import uplink as module
from gateway.tell.uplink import Uplink
from tests.kit.wait import NEVER, PATIENCE


class Outbox:
    """Stands for what waits to be pushed: `waits` says whether something urgent does."""

    waits = False

    def urgent(self, seconds):
        assert seconds == module.HURRIED
        return self.waits


@pytest.fixture
def hurried(monkeypatch):
    """Waits a twentieth as long."""
    monkeypatch.setattr(module, "SOON", 0.15)
    monkeypatch.setattr(module, "LOOK_EVERY", 0.02)


async def rested(outbox, seconds, pressed_after=None):
    link = Uplink(SimpleNamespace(push=outbox))
    began = time.monotonic()
    resting = asyncio.create_task(link.rest(seconds))
    if pressed_after is not None:
        await asyncio.sleep(pressed_after)
        outbox.waits = True
    await asyncio.wait_for(resting, PATIENCE)
    return time.monotonic() - began


async def test_a_press_ends_the_long_rest_of_a_long_outage(hurried):
    assert await rested(Outbox(), NEVER, pressed_after=0.3) >= 0.3


async def test_while_a_call_for_help_waits_the_broker_is_asked_every_few_seconds_and_not_at_once(hurried):
    outbox = Outbox()
    outbox.waits = True
    assert await rested(outbox, NEVER) >= 0.12
    assert await rested(outbox, 0.05) >= 0.05


async def test_nothing_urgent_rests_as_long_as_the_outage_has_earned(hurried):
    assert await rested(Outbox(), 0.5) >= 0.5
