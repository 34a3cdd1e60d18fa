"""The link to the platform: how long is rested between attempts, what its coming and going does, and who holds on a trial."""

import asyncio
import json
import time
from types import SimpleNamespace

import pytest

from gateway.tell import uplink as module
from gateway.tell.receipts import Receipts
from gateway.tell.uplink import Uplink
from gateway.tell.way import Way
from tests.kit.wait import NEVER, PATIENCE, until
from tests.unit.tell import fakes


class Told:
    """What is told beside the entries: on which links it ran."""

    def __init__(self):
        self.ran, self.anew = [], 0

    def linked(self):
        self.anew += 1

    def status(self, online, reason):
        return json.dumps([online, reason]).encode()

    async def run(self, link):
        self.ran.append(link)
        await asyncio.Event().wait()


class Bench:
    """An uplink and all that stands around it."""

    def __init__(self, **config):
        self.home, self.clock, self.pipeline, self.push = fakes.home(**config), fakes.Clock(), fakes.Pipeline(), fakes.Push()
        self.notes, self.way, self.receipts, self.told = fakes.notes(self.pipeline), Way(), Receipts(), Told()
        self.presence = SimpleNamespace(unheard=lambda: self.push.asked.append("unheard"), proved=lambda _now: [])
        self.uplink = Uplink(
            self.home, self.clock, self.notes, self.pipeline,
            way=self.way, push=self.push, receipts=self.receipts, presence=self.presence, heartbeats=self.told, inventory=self.told,
            heard=None, refused=None, take_back=None,
        )  # fmt: skip


@pytest.fixture
def hurried(monkeypatch):
    """Waits a twentieth as long."""
    monkeypatch.setattr(module, "SOON", 0.15)
    monkeypatch.setattr(module, "LOOK_EVERY", 0.02)


async def rested(bench, seconds, pressed_after=None):
    began = time.monotonic()
    resting = asyncio.create_task(bench.uplink.rest(seconds))
    if pressed_after is not None:
        await asyncio.sleep(pressed_after)
        bench.push.waits = True
    await asyncio.wait_for(resting, PATIENCE)
    return time.monotonic() - began


async def test_a_press_ends_the_long_rest_of_a_long_outage(hurried):
    assert await rested(Bench(), NEVER, pressed_after=0.3) >= 0.3


async def test_while_a_call_for_help_waits_the_broker_is_asked_every_few_seconds_and_not_at_once(hurried):
    bench = Bench()
    bench.push.waits = True
    assert await rested(bench, NEVER) >= 0.12
    assert await rested(bench, 0.05) >= 0.05


async def test_nothing_urgent_rests_as_long_as_the_outage_has_earned(hurried):
    assert await rested(Bench(), 0.5) >= 0.5


async def test_without_a_platform_nothing_is_kept_up():
    bench = Bench()
    async with asyncio.TaskGroup() as group:
        bench.uplink.begin(group, None)
    assert (bench.uplink.link, bench.uplink.connected) == (None, False)
    await bench.uplink.tell_status("storage")


class Served(fakes.Link):
    """A link that is served until it is cancelled."""

    served = 0

    async def run(self, ready=None):
        self.served += 1
        ready()
        await asyncio.Event().wait()


async def test_a_link_that_comes_and_goes_is_told_to_all_who_send():
    bench, link = Bench(platform=fakes.platform()), Served()
    bench.uplink.made = lambda: link
    async with asyncio.TaskGroup() as group:
        bench.uplink.begin(group, None)
        await until(lambda: len(bench.told.ran) == 2 and link.served)
        bench.uplink._up(link)
        assert (bench.uplink.connected, bench.push.asked[-1], bench.told.anew, bench.clock.seen) == (True, "up", 1, [(1.0, 2.0)])
        await bench.uplink.tell_status("storage")
        assert link.sent == [("eldercare/v1/gw-1/status", b'[true, "storage"]', True)]
        bench.uplink._down(link)
        assert bench.push.asked[-2:] == ["down", "unheard"]
        fakes.turn(bench.notes, bench.clock)
        assert bench.pipeline.told == [("linked", True), ("linked", False)]
        await bench.uplink.disconnect()
    assert bench.uplink.link is None


async def test_another_link_that_ends_is_not_ours():
    bench, link = Bench(platform=fakes.platform()), fakes.Link()
    bench.way.use(link)
    before = [*bench.push.asked]
    bench.uplink._down(fakes.Link())
    assert (bench.push.asked, bool(bench.notes)) == (before, False)


def test_for_a_platform_without_receipts_the_brokers_word_counts():
    assert Bench(platform=fakes.platform()).uplink.confirms is None
    bench = Bench(platform=fakes.platform(receipts="broker"))
    assert bench.push.asked == [("trust", True)]
    for number, batch in ((5, False), (6, True)):
        bench.uplink.confirms(SimpleNamespace(number=number, batch=batch))
    fakes.turn(bench.notes, bench.clock)
    assert (bench.receipts.take(), bench.receipts.take_batches(), bench.pipeline.told) == ([(5, 5)], [(6, 6)], [("receipted", [5])])
