"""The link to the platform: how long is rested between attempts, what its coming and going does, and who holds on a trial."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from gateway.tell.receipts import Receipts
from gateway.tell.uplink import Uplink
from gateway.tell.waits import WAITS
from gateway.tell.way import Way

from tests.kit.wait import until
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

    def __init__(self, sleep=asyncio.sleep, **config):
        self.home, self.clock, self.pipeline, self.push = fakes.home(**config), fakes.Clock(), fakes.Pipeline(), fakes.Push()
        self.notes, self.way, self.receipts, self.told = fakes.notes(self.pipeline), Way(), Receipts(), Told()
        self.presence = SimpleNamespace(unheard=lambda: self.push.asked.append("unheard"), proved=lambda _now: [])
        self.uplink = Uplink(
            self.home,
            self.clock,
            self.notes,
            self.pipeline,
            way=self.way,
            push=self.push,
            receipts=self.receipts,
            presence=self.presence,
            heartbeats=self.told,
            inventory=self.told,
            heard=None,
            refused=None,
            take_back=None,
            sleep=sleep,
        )


@pytest.mark.parametrize(
    ("seconds", "waits_from", "turned_away", "rests"),
    [
        (60.0, None, False, (60.0, 60.0)),  # nothing urgent: as long as the outage has earned
        (0.3, None, False, (0.3, 0.3)),
        (60.0, 0.0, False, (0.4, 0.6)),  # within a second, and not at once
        (60.0, 0.0, True, (2.4, 3.6)),  # who is turned away knocks less often: each time costs a handshake
        (60.0, 20.0, False, (20.0, 20.5)),  # a press ends the long rest
        (60.0, 20.0, True, (20.0, 20.5)),
        (0.3, 0.0, False, (0.3, 0.3)),
    ],
)
async def test_a_call_for_help_does_not_wait_for_the_minute_that_a_long_outage_has_earned(seconds, waits_from, turned_away, rests):
    slept = []

    async def sleep(step):
        slept.append(step)
        bench.push.waits = waits_from is not None and sum(slept) >= waits_from

    bench = Bench(sleep)
    bench.push.waits = waits_from == 0.0
    await bench.uplink.rest(seconds, turned_away=turned_away)
    assert rests[0] <= sum(slept) + 1e-9
    assert sum(slept) <= rests[1] + 1e-9
    assert max(slept) <= WAITS.look, "a press is noticed soon"


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
