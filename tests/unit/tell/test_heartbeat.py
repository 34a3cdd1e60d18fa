"""Heartbeats by the clock and only on a link that is up; the retained status says whose journal it is."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from gateway.judge.faults.fault import Faults
from gateway.tell.heartbeat import Heartbeats
from gateway.tell.outbox import Lost
from gateway.tell.way import Way
from gateway.words import kind
from gateway.words.times import Times

from tests.kit.wait import until
from tests.unit.tell import fakes


class Store:
    """What waits, and the newest entry."""

    journal, generation, head = fakes.JOURNAL, 4, SimpleNamespace(number=7, hash="h" * 16)

    asked = 0

    async def counts(self):
        self.asked += 1
        return 3, 1


@pytest.fixture
def bench():
    bench = SimpleNamespace(home=fakes.home(platform=fakes.platform()), clock=fakes.Clock(), pipeline=fakes.Pipeline(), link=fakes.Link())
    bench.store = Store()
    bench.beats = Heartbeats(bench.home, bench.clock, SimpleNamespace(store=bench.store), bench.pipeline)
    return bench


def test_the_status_names_journal_and_generation(bench):
    said = json.loads(bench.beats.status(False, "lost"))
    assert (said["online"], said["reason"], said["journal"], said["generation"]) == (False, "lost", fakes.JOURNAL, 4)


async def test_a_beat_says_what_waits_and_what_is_on_but_no_test(bench):
    bench.pipeline.faults = Faults({}, Times())
    bench.pipeline.faults.begin(kind.CALL_FAILED, bench.clock.now(), "/people/sms")
    bench.pipeline.faults.begin(kind.STORAGE_DEGRADED, bench.clock.now(), test=True)
    running = asyncio.create_task(bench.beats.run(bench.link))
    await until(lambda: bench.link.sent)
    topic, body, _ = bench.link.sent[0]
    said = json.loads(body)
    assert topic == "eldercare/v1/gw-1/heartbeat"
    assert (said["last_number"], said["waiting"], said["waiting_batches"], said["open_alarms"]) == (7, 3, 1, 0)
    assert said["faults"] == [f"{kind.CALL_FAILED}:/people/sms"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_link_that_is_down_gets_none_and_one_that_was_late_keeps_the_hour(bench):
    every = bench.home.config.times.heartbeat
    bench.link.connected, looks = False, []
    bench.clock.real = lambda seconds: looks.append(seconds) or 0.0
    running = asyncio.create_task(bench.beats.run(bench.link))
    await until(lambda: looks)
    assert (bench.link.sent, bench.store.asked) == ([], 0), "nothing is read for nobody"
    bench.link.connected, bench.clock.mono = True, bench.clock.mono + 2.5 * every
    await until(lambda: bench.link.sent and looks[-1] > 1.0)
    assert len(bench.link.sent) == 1, "what was missed is not made up"
    assert looks[-1] == pytest.approx(0.5 * every), "the next is due when it would have been"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_who_sends_without_a_link_is_told_so():
    way, link = Way(), fakes.Link()
    assert not way.connected
    with pytest.raises(Lost):
        await way.publish("t", b"")
    way.use(link)
    await way.publish("t", b"help", retain=True)
    assert (way.connected, link.sent) == (True, [("t", b"help", True)])
    link.connected = False
    assert not way.connected
