"""Entries sent once more: what is refused, one order at a time, the result when the last one is taken."""

import asyncio
import contextlib
from types import SimpleNamespace

import pytest
from gateway.contract import encoding
from gateway.judge.book import Entry
from gateway.judge.faults.fault import Faults
from gateway.tell.outbox import NotTaken
from gateway.tell.resend import MOST, Resend
from gateway.tell.waits import WAITS
from gateway.tell.way import Way
from gateway.words import kind
from gateway.words.clock import stamp
from gateway.words.instruction import Do, Door, Instruction, Refused
from gateway.words.say import Say
from gateway.words.times import Times

from tests.kit.wait import until
from tests.unit.tell import fakes


class Store:
    """A journal of ten entries."""

    journal = fakes.JOURNAL

    @property
    def entries(self):
        return self

    def receipted(self, journal, ranges):
        return ranges if journal == self.journal else []

    async def kept(self, _journal, first, last, most):
        return [(n, *written(n)) for n in range(first, min(last, first + most - 1) + 1)]


def written(number):
    """Return an entry as the journal keeps it; the fourth is damaged."""
    at = fakes.Clock().now()
    fact = Faults({}, Times()).note(kind.FORGOTTEN, at, readings=number)
    entry = Entry(number, f"{fakes.JOURNAL}-{number}", stamp("boot-1", at), fact)
    name, body = encoding.encode_entry("gw-1", fakes.JOURNAL, entry)
    return name, body if number != 4 else body[:-5]


class Picky(fakes.Link):
    """Refuses the third entry."""

    async def publish(self, topic, payload, *, retain=False):
        if b'"number":3,' in payload:
            raise NotTaken(Say("link.not_connected", where="here"))
        await super().publish(topic, payload, retain=retain)


@pytest.fixture
def desk():
    desk = SimpleNamespace(pipeline=fakes.Pipeline(), push=fakes.Push(), way=Way(), link=Picky(), clock=fakes.Clock())
    desk.pipeline.last, desk.slept = 10, []

    async def sleep(seconds):
        desk.slept.append(seconds)
        await asyncio.sleep(0)

    desk.notes = fakes.notes(desk.pipeline)
    desk.way.use(desk.link)
    desk.resend = Resend(fakes.home(), desk.notes, SimpleNamespace(store=Store()), desk.pipeline, desk.push, desk.way, sleep)
    return desk


def order(name="o1", **more):
    fields = {"by": "desk", "journal": fakes.JOURNAL, "first": 1, "last": 4, **more}
    return Instruction(id=name, do=Do.RESEND, door=Door.PLATFORM, **fields)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"by": " "}, Refused.MISSING),
        ({"journal": ""}, Refused.MISSING),
        ({"journal": "other"}, Refused.UNKNOWN_JOURNAL),
        ({"first": 3, "last": 2}, Refused.INVALID),
        ({"last": 11}, Refused.INVALID),
    ],
)
def test_what_cannot_be_resent_is_refused(desk, wrong, why):
    assert desk.resend.told(order(**wrong)).refused is why


def test_too_many_are_refused(desk):
    desk.pipeline.last = 10 * MOST
    assert desk.resend.told(order(last=MOST + 1)).refused is Refused.TOO_LONG
    assert desk.resend.told(order(last=MOST)) is None


async def test_an_order_is_carried_out_when_nothing_urgent_wants_to_go(desk):
    desk.push.pressed = True
    running = asyncio.create_task(desk.resend.run())
    assert desk.resend.told(order(last=6)) is None
    assert (desk.resend.is_on(order(last=6)), desk.resend.told(order("o2")).refused) == (True, Refused.BUSY)
    await until(lambda: len(desk.slept) > 3)
    assert (desk.link.sent, set(desk.slept)) == ([], {WAITS.look}), "the urgent goes first"
    desk.push.pressed = False
    await until(lambda: desk.notes)
    fakes.turn(desk.notes, desk.clock)
    assert desk.pipeline.told == [("answered", "o1", 4, [])], "neither what is damaged nor what the broker refused is counted"
    assert desk.slept.count(WAITS.pace) == 6, "it leaves the line to others"
    assert [topic for topic, _, _ in desk.link.sent] == ["eldercare/v1/gw-1/fault"] * 4
    await until(lambda: not desk.resend.is_on(order()))
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
