"""A try of the way to the platform: as far as it goes, over the running link where that may not be cut, and given back at a call."""

import asyncio
import contextlib
from types import SimpleNamespace

import pytest
from gateway.contract import wire
from gateway.judge.alarm import Alarm, State
from gateway.judge.book import Entry
from gateway.judge.faults.fact import FaultFact, Turn
from gateway.tell.connection import LinkLost
from gateway.tell.platform_test import STEPS, Attempt
from gateway.words import kind
from gateway.words.clock import stamp
from gateway.words.instruction import Do, Door, Instruction
from gateway.words.kind import Priority
from gateway.words.say import Say
from msgspec.structs import replace

from tests.kit.wait import until
from tests.unit.tell import fakes


class Uplink:
    """The running link, and the one that a try makes: `comes` says whether that connects."""

    def __init__(self):
        self.link, self.comes, self.done, self.own = fakes.Link(), True, [], None

    def proved(self):
        return None

    def made_by(self, config, *, heard, refused, up):
        self.own = fakes.Link()
        self.own.broker, self.own.heard, self.own.hurry = SimpleNamespace(where=config.platform.host), heard, lambda: None

        async def run():
            if not self.comes:
                raise LinkLost(Say("link.not_connected", where=config.platform.host))
            up()
            await asyncio.Event().wait()

        self.own.run = run
        return self.own

    async def disconnect(self):
        self.done.append("disconnect")
        self.link = None

    def reconnect(self):
        self.done.append("reconnect")


@pytest.fixture
async def broker():
    """Take connections and say nothing: name and TCP are tried for real."""

    async def met(_reader, writer):
        writer.close()

    async with await asyncio.start_server(met, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


class Bench:
    """One try, and the pump that writes down what it says."""

    def __init__(self, folder, port, *, host="127.0.0.1", change=None):
        self.pipeline, self.clock, self.uplink, self.inbox, self.told = fakes.Pipeline(), fakes.Clock(), Uplink(), [], []
        self.pipeline.noticed = self.written
        self.notes = fakes.notes(self.pipeline)
        tried = SimpleNamespace(host=host, port=port, tls=False, receipts="platform")
        config = SimpleNamespace(
            platform=tried,
            password="",
            state=folder,
            household=SimpleNamespace(platform=None),
            secrets=SimpleNamespace(certificate_key="", phones={}, own_number="", hooks={}, messengers={}),
        )
        self.home = fakes.home(platform=tried, password="")
        self.attempt = Attempt(
            config,
            Instruction(id="t1", do=Do.PLATFORM_TEST, by="Li", door=Door.LOCAL, change=change),
            home=self.home,
            notes=self.notes,
            storage=SimpleNamespace(store=SimpleNamespace(journal=fakes.JOURNAL)),
            pipeline=self.pipeline,
            uplink=self.uplink,
            heard=lambda name, payload: self.inbox.append((name, payload)),
        )

    def written(self, facts, now):
        entries = [Entry(7, f"{fakes.JOURNAL}-7", stamp("boot-1", now), fact) for fact in facts]
        self.told += [entry.fact for entry in entries]
        return entries

    def turn(self):
        for note in self.notes.take():
            for entry in note(self.clock.now()):
                self.attempt.committed(entry)
        return self.attempt.over

    def receipt(self, number=7):
        self.attempt.receipted(wire.Receipt(1, "gw-1", fakes.JOURNAL, [(number, number)]))

    async def run(self):
        task = asyncio.create_task(self.attempt.run())
        try:
            await until(lambda: self.turn() or task.done())
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self.turn()
        return {row["step"]: row["ok"] for row in self.attempt.steps}


async def test_over_the_running_link_it_goes_to_the_receipt(tmp_path, broker):
    bench = Bench(tmp_path, broker)
    running = asyncio.create_task(bench.run())
    await until(lambda: bench.uplink.link.sent)
    bench.receipt(number=6)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not bench.attempt.over, "a receipt of another entry is none"
    bench.receipt()
    assert await running == dict.fromkeys(STEPS, True)
    probe, result = bench.told
    assert (probe.detail["what"], result.detail["what"], result.detail["failed"]) == ("platform_probe", "platform_test", "")
    assert (result.detail["by"], result.detail["in_force"], bench.uplink.done) == ("Li", True, [])


async def test_it_ends_at_the_step_that_fails(tmp_path, broker):
    bench = Bench(tmp_path, broker, host="no-such-name.invalid")
    assert await bench.run() == {"resolve": False}
    assert bench.told[-1].detail["failed"] == "resolve"
    assert bench.told[-1].detail["zh"]


async def test_a_link_that_is_down_pauses_for_the_try_and_what_the_platform_says_is_not_lost(tmp_path, broker):
    bench = Bench(tmp_path, broker)
    bench.uplink.link.connected = False
    running = asyncio.create_task(bench.run())
    await until(lambda: bench.uplink.own is not None and bench.uplink.own.sent)
    bench.uplink.own.heard("instruction", b"{}")
    bench.receipt()
    assert await running == dict.fromkeys(STEPS, True)
    assert (bench.uplink.done, bench.inbox) == (["disconnect", "reconnect"], [("instruction", b"{}")])


async def test_what_another_broker_refuses_is_said_and_ours_goes_on(tmp_path, broker):
    bench = Bench(tmp_path, broker)
    bench.home.config.platform = fakes.platform("elsewhere")
    bench.uplink.comes = False
    assert (await bench.run())["login"] is False
    assert bench.uplink.done == []


SOS = Alarm(
    number=1, id="a1", kind="sos", priority=Priority.P1, device="button", room="", state=State.RAISED, since=fakes.Clock().now(), stages={}
)


@pytest.mark.parametrize(("alarm", "login"), [(SOS, False), (replace(SOS, test=True), True)])
async def test_while_an_alarm_is_open_the_link_is_not_cut(tmp_path, broker, alarm, login):
    bench = Bench(tmp_path, broker)
    bench.uplink.link.connected = False
    bench.pipeline.alarms = {1: alarm}
    running = asyncio.create_task(bench.run())
    await until(lambda: bench.attempt.over or (bench.uplink.own is not None and bench.uplink.own.sent))
    bench.receipt()
    assert (await running)["login"] is login
    assert bool(bench.uplink.done) is login


async def test_a_call_for_help_ends_the_try_and_gives_the_link_back(tmp_path, broker):
    bench = Bench(tmp_path, broker)
    bench.uplink.link.connected = False
    running = asyncio.create_task(bench.run())
    await until(lambda: bench.uplink.own is not None and bench.uplink.own.sent)
    now = bench.clock.now()
    fact = FaultFact(kind=kind.MISSING, turn=Turn.RAISED, priority=Priority.P2, since=now)
    bench.attempt.committed(Entry(8, f"{fakes.JOURNAL}-8", stamp("boot-1", now), replace(fact, test=True)))
    assert not bench.attempt.over
    bench.attempt.committed(Entry(8, f"{fakes.JOURNAL}-8", stamp("boot-1", now), fact))
    assert (await running)["receipt"] is False
    assert bench.attempt.steps[-1]["en"] == Say("try.cut_off").en, "it did not wait until no receipt came"
    assert bench.uplink.done == ["disconnect", "reconnect"]
