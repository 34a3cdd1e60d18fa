"""Pushing: most urgent first, one in flight, sent again until the receipt, nothing lost however the link behaves. All by a hand clock."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import itertools
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.box.supervise import JITTER
from gateway.tell.outbox import Lost, NotTaken
from gateway.tell.push import FRESH, LATE, WINDOW, Push
from gateway.tell.waits import WAITS
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.kit.hand import HandClock


class Msg(NamedTuple):
    priority: int
    number: int
    batch: bool = False
    raises: bool = False

    @property
    def name(self) -> str:
        return "readings" if self.batch else "alarm" if self.priority <= 2 else "fault"

    @property
    def payload(self) -> bytes:
        return f"{'b' if self.batch else 'e'}{self.number}".encode()


def alarm(number: int) -> Msg:
    return Msg(1, number)


def sos(number: int) -> Msg:
    """An SOS or a fall; `alarm` is what tells how one goes on."""
    return Msg(1, number, raises=True)


def fault(number: int) -> Msg:
    return Msg(3, number)


def batch(number: int) -> Msg:
    return Msg(5, number, True)


class FakeLink:
    """A link with a switch. `hold`: publishes wait for `release`; `up` false: they are lost; `refuse`: numbers the broker will not take."""

    def __init__(self) -> None:
        self.up = True
        self.hold = False
        self.refuse: set[bytes] = set()
        self.sent: list[bytes] = []  # in the order in which they were begun
        self.topics: list[str] = []
        self.most = 0
        self.waiting: list[asyncio.Future[None]] = []

    async def publish(self, topic: str, payload: bytes) -> None:
        if not self.up:
            raise Lost
        self.topics.append(topic)
        self.sent.append(payload)
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        self.most = max(self.most, len(self.waiting))
        try:
            if self.hold:
                await future
            if payload in self.refuse:
                raise NotTaken
        finally:
            self.waiting.remove(future)

    def release(self, error: Exception | None = None) -> None:
        for future in self.waiting:
            if not future.done():
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)


@dataclass
class Box:
    """What waits for a receipt, in memory; counts how often it is read. `gate` holds up one reading of a page."""

    entries: list[Msg] = field(default_factory=list)
    batches: list[Msg] = field(default_factory=list)
    stands: list[Msg] = field(default_factory=list)
    reads: int = 0
    gate: asyncio.Event | None = None
    batch_gate: asyncio.Event | None = None

    async def standing(self, limit):
        return self.stands[:limit]

    async def waiting(self, after, limit):
        self.reads += 1
        at = bisect.bisect_right(self.entries, (*after, True))
        page = self.entries[at : at + limit]
        if self.gate is not None:
            await self.gate.wait()
        return page

    async def waiting_batches(self, after, limit):
        self.reads += 1
        if self.batch_gate is not None:
            await self.batch_gate.wait()
        return [m for m in self.batches if m.number > after][:limit]

    async def again(self, numbers, *, batch):
        wanted = set(numbers)
        if batch and self.batch_gate is not None:
            await self.batch_gate.wait()
        return [m for m in (self.batches if batch else self.entries) if m.number in wanted]

    def put(self, *messages: Msg) -> None:
        for message in messages:
            bisect.insort(self.batches if message.batch else self.entries, message)

    def drop(self, *messages: Msg) -> None:
        for message in messages:
            (self.batches if message.batch else self.entries).remove(message)


class Slow(HandClock):
    """A hand clock that keeps a sleeper asleep: the test moves time and wakes."""

    def real(self, seconds: float) -> float:
        return 3600.0


async def settle(turns: int = 30) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


class Stage:
    """A Push at work on a fake link, a box and a hand clock."""

    def __init__(self, *, accepted=None, up: bool = True) -> None:
        self.link, self.box, self.clock = FakeLink(), Box(), Slow()
        self.push = Push(self.link, self.box, self.clock, lambda name: f"t/{name}", accepted)
        self.at_once = up

    async def __aenter__(self):
        self.task = asyncio.create_task(self.push.run())
        if self.at_once:
            self.push.up()
        await settle()
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task

    async def offer(self, *messages: Msg) -> None:
        self.box.put(*messages)
        self.push.offer(messages)
        await settle()

    async def receipt(self, first: int, last: int, *, batches: bool = False) -> None:
        self.box.drop(*[m for m in (self.box.batches if batches else self.box.entries) if first <= m.number <= last])
        self.push.received([(first, last)], batch=batches)
        await settle()

    async def move(self, seconds: float) -> None:
        self.clock.move(seconds)
        self.push._wake.set()
        await settle()

    async def one(self) -> bytes:
        """Let the message in flight arrive, and return the next one that goes out."""
        before = len(self.link.sent)
        self.link.release()
        for _ in range(100):
            await asyncio.sleep(0)
            if len(self.link.sent) > before:
                break
        return self.link.sent[-1] if len(self.link.sent) > before else b""


# -- order --------------------------------------------------------------------------------------------------------------


async def test_alarms_before_faults_before_readings_and_oldest_first():
    async with Stage() as s:
        s.link.hold = True
        await s.offer(batch(1))
        await s.offer(batch(2), fault(5), fault(4), alarm(7), Msg(2, 8), alarm(6))
        assert s.link.sent == [b"b1"], "one in flight, and it is not called back"
        order = [await s.one() for _ in range(6)]
        assert order == [b"e6", b"e7", b"e8", b"e4", b"e5", b"b2"]
        assert await s.one() == b""
        assert s.link.most == 1
        assert s.link.topics[:3] == ["t/readings", "t/alarm", "t/alarm"]


async def test_a_backlog_of_100000_delays_a_fresh_sos_by_no_more_than_the_one_message_in_flight():
    async with Stage(up=False) as s:
        s.box.entries = [fault(n) for n in range(1, 100_001)]
        s.box.batches = [batch(n) for n in range(1, 1001)]
        s.link.hold = True
        s.push.up()
        await settle()
        for n in range(1, 200):
            assert await s.one() == fault(n + 1).payload
            await s.receipt(n, n)
            if n % 20 == 0:
                before = len(s.link.sent)
                await s.offer(alarm(200_000 + n))
                assert len(s.link.sent) == before, "nothing else goes out while one is in flight"
                assert await s.one() == alarm(200_000 + n).payload, "and then the SOS does"
                assert await s.one() == fault(n + 2).payload
                s.link.sent[-1:] = []
                s.link.release()
                break
        assert s.link.most == 1
        assert s.box.reads <= 4, "the backlog is read page by page"


async def test_a_fresh_sos_overtakes_also_while_a_page_of_the_backlog_is_read():
    async with Stage(up=False) as s:
        s.box.entries = [fault(n) for n in range(1, 500)]
        s.box.gate = asyncio.Event()
        s.push.up()
        await settle()
        await s.offer(alarm(900))
        s.link.hold = True
        s.box.gate.set()
        s.box.gate = None
        await settle()
        assert s.link.sent[0] == b"e900"


async def test_a_call_for_help_does_not_wait_until_readings_have_been_read():
    """Their disk may take as long as it likes: what is asked of it is asked again when nothing urgent waits."""
    async with Stage(up=False) as s:
        s.box.put(batch(1), batch(2))
        s.box.batch_gate = asyncio.Event()
        s.push.up()
        await settle()
        assert s.link.sent == []
        await s.offer(alarm(1))
        assert s.link.sent == [b"e1"]
        s.box.batch_gate.set()
        await settle()
        assert s.link.sent == [b"e1", b"b1", b"b2"]
        await s.receipt(1, 1)
        s.box.batch_gate = asyncio.Event()
        await s.move(900)  # readings without receipt are read to be sent again
        await s.offer(alarm(2))
        assert s.link.sent[3:] == [b"e2"]
        s.box.batch_gate.set()
        await settle()
        assert sorted(s.link.sent[4:]) == [b"b1", b"b2"]


async def test_after_an_outage_the_newest_call_for_help_is_the_first_message():
    """Of ninety-nine calls and counts of older alarms none is told before it, nor before how these alarms stand."""
    async with Stage(up=False) as s:
        await s.offer(sos(1), Msg(2, 2, raises=True), *(alarm(n) for n in range(3, 100)), sos(100))
        s.box.stands = [Msg(1, 100), Msg(1, 99), Msg(2, 2)]
        s.link.hold = True
        s.push.up()
        await settle()
        order = [s.link.sent[-1], *[await s.one() for _ in range(5)]]
        assert order == [b"e100", b"e1", b"e2", b"e99", b"e3", b"e4"]
        await s.offer(sos(200), fault(201), alarm(202))
        assert await s.one() == b"e200", "and whoever presses meanwhile goes before the rest"
        s.link.hold = False
        s.link.release()
        await settle(4000)
        assert sorted(s.link.sent, key=lambda body: int(body[1:])) == [b"e%d" % n for n in (*range(1, 101), 200, 201, 202)], "each once"


async def test_after_a_restart_in_an_outage_how_each_alarm_stands_goes_before_what_it_superseded():
    async with Stage(up=False) as s:
        s.box.put(*(alarm(n) for n in range(1, 300)), sos(300), alarm(301), alarm(302))
        s.box.stands = [alarm(302), alarm(299)]
        s.link.hold = True
        s.push.up()
        await settle()
        assert [s.link.sent[-1], *[await s.one() for _ in range(3)]] == [b"e302", b"e299", b"e1", b"e2"]


async def test_what_is_due_again_goes_out_the_newest_call_for_help_first():
    async with Stage() as s:
        await s.offer(alarm(1), sos(2), alarm(3), sos(4), fault(5))
        s.link.hold = True
        await s.move(7)
        assert [s.link.sent[5], *[await s.one() for _ in range(4)]] == [b"e4", b"e2", b"e1", b"e3", b"e5"]


async def test_a_receipt_costs_what_it_covers_and_not_what_waits():
    """Twenty thousand messages without receipt: no look at each of them for each receipt, nor for each that is sent again."""
    looks = 0

    class Counted(dict):
        def __iter__(self):
            nonlocal looks
            looks += len(self)
            return super().__iter__()

        def items(self):
            nonlocal looks
            looks += len(self)
            return super().items()

        def values(self):
            nonlocal looks
            looks += len(self)
            return super().values()

    async with Stage() as s:
        s.push._flights._flying = Counted()
        for n in range(1, 20_001, 1000):
            await s.offer(*(alarm(m) for m in range(n, n + 1000)))
            await settle(2100)
        assert s.push._flights.count(batch=False) == 20_000
        for n in range(10, 2000, 10):
            s.push.received([(n, n)], batch=False)
        assert s.push._flights.count(batch=False) == 20_000 - 199
        s.link.hold = True
        await s.move(7)
        for _ in range(20):
            assert await s.one()
        assert looks == 0


async def test_who_pressed_while_there_was_no_link_is_told_before_what_waits_for_days():
    async with Stage(up=False) as s:
        s.box.put(fault(1), *(alarm(n) for n in range(2, 5000)), batch(1))
        await s.offer(sos(5001), fault(5002), Msg(2, 5003, raises=True), sos(5004))
        s.link.hold = True
        s.push.up()
        await settle()
        order = [s.link.sent[-1], *[await s.one() for _ in range(5)]]
        assert order == [b"e5004", b"e5001", b"e5003", b"e2", b"e3", b"e4"], "then from the oldest on"
        s.link.hold = False
        s.link.release()
        await settle(40_000)
        assert len(s.link.sent) == len(set(s.link.sent)) == 4998 + 3, "each once; what is less urgent waits for receipts"


async def test_what_was_under_way_or_had_its_turn_when_the_link_ended_goes_first_again():
    async with Stage() as s:
        s.box.put(*(alarm(n) for n in range(1, 500)))
        s.link.hold = True
        await s.offer(sos(500))
        await s.offer(fault(501), sos(502))
        assert len(s.link.sent) == 1
        s.push.down()
        s.link.release(Lost())
        await settle()
        s.link.sent.clear()
        s.push.up()
        await settle()
        assert [s.link.sent[-1], await s.one()] == [b"e502", b"e500"]


async def test_of_those_that_found_no_link_the_newest_hundred_are_kept_and_none_is_lost():
    async with Stage(up=False) as s:
        await s.offer(*(sos(n) for n in range(1, LATE + 51)))
        assert len(s.push._late) == LATE
        s.push.up()
        await settle(4000)
        assert s.link.sent[:LATE] == [b"e%d" % n for n in range(LATE + 50, 50, -1)]
        assert sorted(s.link.sent) == sorted(b"e%d" % n for n in range(1, LATE + 51))


async def test_what_is_urgent_and_finds_no_link_is_known_for_who_waits_to_connect():
    async with Stage(up=False) as s:
        assert not s.push.urgent(30), "nothing has come yet"
        await s.offer(fault(1), batch(1))
        assert not s.push.urgent(30), "a low battery may wait"
        await s.offer(alarm(2))
        assert s.push.urgent(30)
        await s.move(29)
        assert s.push.urgent(30)
        await s.move(1)
        assert not s.push.urgent(30), "a broker that is away for days is not asked more often for days"
        s.push.up()
        await settle()
        assert s.link.sent == [b"e2", b"e1", b"b1"]
        s.link.up = False
        await s.offer(alarm(3))
        assert s.push.urgent(30), "the link ended under it"
        s.link.up = True
        s.push.up()
        assert not s.push.urgent(30), "there is a link"


async def test_more_than_memory_holds_is_read_from_the_store_when_its_turn_comes():
    async with Stage() as s:
        s.link.hold = True
        await s.offer(fault(0))
        many = [fault(n) for n in range(1, FRESH + 200)]
        await s.offer(*many)
        assert len(s.push._fresh) == FRESH
        await s.offer(alarm(99_999))
        assert len(s.push._fresh) == FRESH + 1, "a call for help is never turned away"
        sent = [await s.one()]
        assert sent == [b"e99999"]
        for _ in range(FRESH + 200):
            message = await s.one()
            for key in list(s.push._flights):
                await s.receipt(key.number, key.number)
            if message:
                sent.append(message)
        assert set(sent) == {m.payload for m in (*many, alarm(99_999))}
        assert len(sent) == len(set(sent))


# -- again and again ------------------------------------------------------------------------------------------------------


async def gaps(message: Msg, seconds: float, step: float = 0.5) -> list[float]:
    """Send one message, never receipted, for so long; return the waits between its sendings."""
    async with Stage() as s:
        await s.offer(message)
        times, seen = [s.clock.mono], 1
        for _ in range(int(seconds / step)):
            s.clock.move(step)
            s.push._wake.set()
            await settle(8)
            if len(s.link.sent) > seen:
                assert len(s.link.sent) == seen + 1
                seen += 1
                times.append(s.clock.mono)
        return [b - a for a, b in itertools.pairwise(times)]


async def test_an_alarm_without_a_receipt_is_sent_again_after_5_10_20_20_seconds_and_later_every_minute():
    found = await gaps(alarm(1), WAITS.patience + 600)
    passed = 0.0
    for n, gap in enumerate(found):
        wait = min(WAITS.again * 2**n, WAITS.again_urgent) if passed < WAITS.patience else WAITS.again_late
        assert wait * (1 - JITTER) <= gap <= wait * (1 + JITTER) + 1.0, (n, gap, wait)
        passed += gap
    assert passed > WAITS.patience
    assert len(set(found[3:50])) > 5, "with jitter"
    assert found[-1] >= WAITS.again_late * (1 - JITTER)


async def test_a_fault_without_a_receipt_is_sent_again_ever_less_often_and_in_the_end_every_ten_minutes():
    """It was sent ninety times in the first half hour."""
    found = await gaps(fault(1), WAITS.patience + 2400)
    for n, gap in enumerate(found):
        wait = min(WAITS.again * 2**n, WAITS.again_other)
        assert wait * (1 - JITTER) <= gap <= wait * (1 + JITTER) + 1.0, (n, gap, wait)
    assert sum(passed < WAITS.patience for passed in itertools.accumulate(found)) <= 10
    assert found[-1] >= WAITS.again_other * (1 - JITTER)


async def test_readings_without_a_receipt_are_sent_once_for_each_connection_and_then_every_ten_minutes():
    """They were sent 90 times in the first half hour."""
    found = await gaps(batch(1), 3600)
    assert len(found) >= 4
    assert all(600 * (1 - JITTER) <= gap <= 600 * (1 + JITTER) + 1.0 for gap in found), found
    assert len(set(found)) > 2, "with jitter"
    async with Stage() as s:
        s.box.put(batch(1))
        await s.offer(batch(1))
        await s.move(300)
        assert s.link.sent == [b"b1"]
        s.push.down()
        s.push.up()
        await settle()
        assert s.link.sent == [b"b1", b"b1"], "a new connection"


async def test_one_batch_that_got_lost_is_no_platform_that_is_away():
    """It is sent again after ten minutes only: the home would be told as cut off until then."""
    async with Stage() as s:
        s.box.put(batch(1))
        await s.offer(batch(1))
        await s.move(400)
        assert s.push.unanswered_since() is None
        await s.move(400)
        assert len(s.link.sent) == 2
        again = s.push.unanswered_since()
        assert again is not None
        assert s.clock.mono - again < 340, "not even the second time"
        await s.receipt(1, 1, batches=True)
        assert s.push.unanswered_since() is None


async def test_batches_that_are_left_to_the_store_are_read_anew_as_they_may_be_sent_now():
    async with Stage() as s:
        s.link.hold = True
        await s.offer(batch(1), batch(2), batch(3))  # one is being sent, two wait here
        s.box.batches = [batch(3)]  # of the others nothing may be sent any more
        s.push.leave_batches()
        s.link.hold = False
        s.link.release()
        await settle()
        assert s.link.sent == [b"b1", b"b3"]
        await s.move(1000)
        assert s.link.sent == [b"b1", b"b3", b"b3"], "what had been sent is not asked for again"


async def test_what_was_being_read_when_batches_are_left_is_not_sent():
    async with Stage() as s:
        await s.offer(fault(1))
        s.box.put(batch(1), batch(2))
        s.box.batch_gate = asyncio.Event()
        s.push.leave_batches()
        await settle()
        stale, s.box.batches = s.box.batches, []
        s.push.leave_batches()
        s.box.batch_gate.set()
        await settle()
        assert stale
        assert s.link.sent == [b"e1"]


async def test_readings_without_receipts_hold_up_no_entry():
    """A platform that gives receipts for entries only had 256 batches after a day: then no fault went out any more."""
    async with Stage() as s:
        for n in range(1, WINDOW + 11):
            s.box.put(batch(n))
            await s.offer(batch(n))
        assert len(s.link.sent) == WINDOW
        many = [fault(n) for n in range(1, FRESH + 50)]
        s.box.put(*many)
        for n in range(0, len(many), 50):
            await s.offer(*many[n : n + 50])
            await s.receipt(1, n + 50)
        assert {*s.link.sent[WINDOW:]} == {m.payload for m in many}
        await s.receipt(1, 5, batches=True)
        for _ in range(5):
            await settle(200)
        assert s.link.sent[-5:] == [b"b%d" % n for n in range(WINDOW + 1, WINDOW + 6)]


async def test_a_platform_that_wants_no_readings_gets_none_and_may_change_its_mind():
    async with Stage() as s:
        s.box.put(batch(1))
        await s.offer(batch(1))
        s.push.readings(wanted=False)
        await s.move(2000)
        for n in (2, 3):
            s.box.put(batch(n))
            await s.offer(batch(n))
        s.box.put(fault(1))
        await s.offer(fault(1))
        s.push.down()
        s.push.up()
        await settle(100)
        assert s.link.sent == [b"b1", b"e1", b"e1"]
        assert s.push.unanswered_since() == s.clock.mono
        await s.receipt(1, 1)
        assert s.push.unanswered_since() is None, "nobody owes a receipt for what is not sent"
        s.push.readings(wanted=True)
        await settle(100)
        assert s.link.sent[3:] == [b"b1", b"b2", b"b3"]


async def test_a_receipt_ends_the_sending_and_the_waiting():
    async with Stage() as s:
        await s.offer(alarm(1), alarm(2), alarm(3), fault(4), fault(5))
        assert s.push.unanswered_since() == s.clock.mono
        await s.receipt(1, 3)
        assert set(s.push._flights) == {(False, 4), (False, 5)}
        await s.receipt(1, 10**12)
        assert s.push.unanswered_since() is None
        await s.move(100)
        assert len(s.link.sent) == 5


async def test_receipts_of_batches_and_of_entries_are_apart():
    async with Stage() as s:
        await s.offer(fault(1), batch(1))
        await s.receipt(1, 1, batches=True)
        await s.move(7)
        assert s.link.sent == [b"e1", b"b1", b"e1"]


async def test_a_receipt_faster_than_the_brokers_puback_counts():
    async with Stage() as s:
        s.link.hold = True
        await s.offer(batch(1))
        s.push.received([(1, 1)], batch=True)
        s.link.release()
        await settle()
        assert s.push.unanswered_since() is None
        await s.move(7)
        assert s.link.sent == [b"b1"]


async def test_a_receipt_that_came_while_a_resend_was_due_is_honoured():
    async with Stage() as s:
        await s.offer(alarm(1))
        s.box.drop(alarm(1))  # the store has the receipt, pushing was not told
        await s.move(7)
        assert s.link.sent == [b"e1"]
        assert s.push.unanswered_since() is None


async def test_an_urgent_resend_goes_before_a_fresh_fault_and_the_oldest_unanswered_is_known():
    async with Stage() as s:
        await s.offer(alarm(1))
        first = s.clock.mono
        await s.move(1)
        await s.offer(fault(2))
        s.link.hold = True
        await s.offer(fault(3))
        await s.move(7)
        s.box.put(fault(4))
        s.push.offer([fault(4)])
        assert await s.one() == b"e1"
        assert s.push.unanswered_since() == first


# -- receipts = "broker" --------------------------------------------------------------------------------------------------


async def test_where_the_platform_sends_no_receipts_the_brokers_word_counts():
    taken: list[Msg] = []
    async with Stage(accepted=taken.append) as s:
        s.link.refuse = {b"e2"}
        await s.offer(alarm(1), alarm(2), batch(1), *[fault(n) for n in range(10, 10 + WINDOW + 50)])
        assert {m.payload for m in taken} == {*s.link.sent} - {b"e2"}
        assert len(taken) == WINDOW + 52, "no window, for nothing is unanswered"
        assert set(s.push._flights) == {(False, 2)}
        s.link.refuse = set()
        await s.move(7)
        assert taken[-1] == alarm(2)
        assert s.push.unanswered_since() is None


# -- the link ---------------------------------------------------------------------------------------------------------------


async def test_a_message_lost_in_the_middle_is_sent_after_the_link_is_back_and_all_unreceipted_ones_too():
    async with Stage() as s:
        await s.offer(alarm(1))
        s.link.hold = True
        await s.offer(sos(2), fault(3))
        s.link.release(Lost())
        await settle()
        s.link.hold = False
        assert s.link.sent == [b"e1", b"e2"]
        await s.offer(sos(4))
        await s.move(100)
        assert s.link.sent == [b"e1", b"e2"], "silent until the link is back"
        s.push.up()
        await settle()
        assert s.link.sent[2:] == [b"e4", b"e2", b"e1", b"e3"], "first the calls for help that found no link"
        assert s.push.sent == 5


async def test_a_loss_of_the_old_connection_does_not_end_the_new_one():
    async with Stage() as s:
        s.link.hold = True
        await s.offer(alarm(1))
        s.push.down()
        s.push.up()  # the new connection stands before the old publish is told of its loss
        s.link.hold = False
        s.link.release(Lost())
        await settle()
        assert s.link.sent == [b"e1", b"e1"]
        await s.offer(alarm(2))
        assert s.link.sent[-1] == b"e2"


async def test_a_page_read_for_an_old_connection_does_not_hide_the_backlog_from_the_new_one():
    async with Stage(up=False) as s:
        s.box.put(fault(1), fault(2))
        s.box.gate = asyncio.Event()
        s.push.up()
        await settle()
        s.push.down()
        s.push.up()
        s.box.gate.set()
        s.box.gate = None
        await settle()
        assert s.link.sent == [b"e1", b"e2"]


async def test_a_message_that_the_broker_refuses_is_tried_again_and_holds_up_nothing():
    async with Stage() as s:
        s.link.refuse = {b"e1"}
        await s.offer(alarm(1), alarm(2))
        assert s.link.sent == [b"e1", b"e2"]
        assert s.push.sent == 1
        await s.receipt(2, 2)
        await s.move(6.5)
        assert s.link.sent[2:] == [b"e1"]
        s.link.refuse = set()
        await s.move(12.5)
        await s.receipt(1, 1)
        await s.move(100)
        assert s.link.sent[3:] == [b"e1"]


async def test_another_outbox_is_taken_over_in_the_middle():
    async with Stage() as s:
        s.link.hold = True
        await s.offer(fault(1), fault(2))
        other = Box()
        other.put(alarm(1))
        s.push.use(other)
        s.link.hold = False
        s.link.release()
        await settle()
        assert s.link.sent == [b"e1", b"e1"], "the same number, of another journal"
        s.push.down()
        s.push.use(Box())
        s.push.up()
        await settle()
        assert len(s.link.sent) == 2


# -- the window -------------------------------------------------------------------------------------------------------------


async def test_a_platform_that_gives_no_receipts_gets_a_window_full_and_every_alarm():
    async with Stage() as s:
        await s.offer(*[fault(n) for n in range(1, WINDOW + 101)])
        assert len(s.link.sent) == WINDOW
        await s.offer(alarm(9000), Msg(2, 9001))
        assert s.link.sent[WINDOW:] == [b"e9000", b"e9001"]
        await s.receipt(1, 50)
        assert len(s.link.sent) == WINDOW + 50
        await s.receipt(1, 10**9)
        assert len({*s.link.sent}) == len(s.link.sent) == WINDOW + 102


async def test_a_full_window_is_sent_again_though_more_waits_behind_it():
    """Else a platform that lost them would never open the window."""
    async with Stage() as s:
        await s.offer(*[fault(n) for n in range(1, WINDOW + 3)])
        await s.offer(batch(1))
        await s.move(6.5)
        for _ in range(20):
            await settle(50)
        assert len(s.link.sent) == 2 * WINDOW
        assert {*s.link.sent[WINDOW:]} == {*s.link.sent[:WINDOW]}
        await s.receipt(1, WINDOW)
        for _ in range(5):
            await settle()
        assert s.link.sent[2 * WINDOW :] == [f"e{WINDOW + 1}".encode(), f"e{WINDOW + 2}".encode(), b"b1"]


async def test_an_idle_push_sleeps(monkeypatch):
    async with Stage() as s:
        await s.offer(alarm(1))
        turns = 0
        real = s.push._next

        async def counted():
            nonlocal turns
            turns += 1
            return await real()

        monkeypatch.setattr(s.push, "_next", counted)
        await settle(200)
        assert turns <= 1


# -- anything may happen ------------------------------------------------------------------------------------------------------


class AnyWeather(RuleBasedStateMachine):
    """Offers, PUBACKs, losses, refusals, receipts, link up and down, restarts, time: in any order."""

    @initialize()
    def begin(self):
        self.loop = asyncio.new_event_loop()
        self.numbers = 0
        self.journal: dict[bytes, Msg] = {}
        self.box = Box()
        self.clock = Slow()
        self.link = FakeLink()
        self.link.hold = True
        self.run(self._start())

    async def _start(self):
        self.push = Push(self.link, self.box, self.clock, str, None)
        self.task = self.loop.create_task(self.push.run())

    def run(self, work) -> None:
        async def all_of_it():
            await work
            await settle()

        self.loop.run_until_complete(all_of_it())

    async def _call(self, what, *args, **more):
        what(*args, **more)

    @rule(kinds=st.lists(st.sampled_from([1, 2, 3, 4, 5]), min_size=1, max_size=5))
    def offer(self, kinds):
        messages = []
        for priority in kinds:
            self.numbers += 1
            messages.append(Msg(priority, self.numbers, priority == 5, raises=priority <= 2 and self.numbers % 3 == 0))
        self.box.put(*messages)
        self.journal |= {m.payload: m for m in messages}
        self.run(self._call(self.push.offer, messages))

    @precondition(lambda self: self.link.waiting)
    @rule()
    def puback(self):
        self.run(self._call(self.link.release))

    @precondition(lambda self: self.link.waiting)
    @rule()
    def refused(self):
        self.run(self._call(self.link.release, NotTaken()))

    @rule()
    def up(self):
        self.link.up = True
        self.run(self._call(self.push.up))

    @rule(told_first=st.booleans())
    def down(self, told_first):
        self.link.up = False
        if told_first:
            self.run(self._call(self.push.down))
        self.run(self._call(self.link.release, Lost()))
        self.run(self._call(self.push.down))

    @precondition(lambda self: self.link.sent)
    @rule(data=st.data())
    def receipt(self, data):
        one = self.journal[data.draw(st.sampled_from(self.link.sent))]
        same = [m for m in (self.box.batches if one.batch else self.box.entries) if m.payload in self.link.sent]
        covered = [m for m in same if one.number <= m.number <= one.number + 3]
        self.box.drop(*covered)
        self.run(self._call(self.push.received, [(one.number, one.number + 3)] if covered else [(one.number, one.number)], batch=one.batch))

    @rule(seconds=st.sampled_from([1.0, 7.0, 30.0, 2000.0]))
    def time_passes(self, seconds):
        self.clock.move(seconds)
        self.run(self._call(self.push._wake.set))

    @rule()
    def restart(self):
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            self.loop.run_until_complete(self.task)
        self.run(self._start())

    @invariant()
    def one_in_flight(self):
        assert self.link.most <= 1
        assert not self.task.done()

    def teardown(self):
        """Whatever happened: after the link is up all that has no receipt is sent, first what was urgent and found no link."""
        self.link.up = False
        self.run(self._call(self.link.release, Lost()))
        self.run(self._call(self.push.down))
        self.link.hold, self.link.up = False, True
        before = len(self.link.sent)
        late = sorted({m for m in self.push._late if m in self.box.entries}, key=lambda m: (m.priority, -m.number))
        self.run(self._call(self.push.up))
        self.run(settle(20 * (len(self.box.entries) + len(self.box.batches)) + 100))
        wanted = [m.payload for m in (*late, *(m for m in self.box.entries if m not in late), *self.box.batches)]
        assert self.link.sent[before:] == wanted
        for message in list(wanted):
            found = self.journal[message]
            self.box.drop(found)
            self.push.received([(found.number, found.number)], batch=found.batch)
        assert self.push.unanswered_since() is None
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            self.loop.run_until_complete(self.task)
        self.loop.close()


TestAnyWeather = AnyWeather.TestCase
TestAnyWeather.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_the_figures_of_the_table():
    assert (WAITS.again, WAITS.again_urgent, WAITS.patience, WAITS.again_late) == (5.0, 20.0, 1800.0, 60.0)
    assert WINDOW < FRESH
