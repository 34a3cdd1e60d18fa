"""Telephone calls that come in, from a stand-in for ModemManager: refused, handed over once, answered by SMS; what is left of ours is ended."""

import asyncio
import os
import signal
import sys

import pytest
from gateway.ring import back, made
from gateway.ring.back import CallsBack

from tests.kit.at_modem import NUMBER, Hearer, at_work, begins_anew, goes_and_comes, kept
from tests.kit.fake_bluez import PrivateBus
from tests.kit.fake_modem import OUTGOING, WAITING, FakeModemManager
from tests.kit.wait import until
from tests.kit.waits import changed
from tests.parts import test_ring
from tests.parts.test_sms import ROOT

STRANGER = "+8613900000001"


class Line(Hearer):
    """The task at work at the stand-in."""

    def __init__(self, manager, bus, folder):
        super().__init__(lambda heard: CallsBack(heard, lambda: folder))
        self.manager, self.bus, self.folder = manager, bus, folder


@pytest.fixture
async def line(tmp_path):
    with PrivateBus() as bus, changed("sms", look_in=5.0), changed("ring", look=0.05, number=60.0):
        async with FakeModemManager(bus) as manager:
            yield Line(manager, bus, tmp_path)


async def test_who_calls_is_refused_heard_once_and_answered_by_sms(line):
    modem = line.manager.plug()
    line.replies[NUMBER] = "noted"
    async with at_work(line):
        first = modem.rung(NUMBER)
        await until(lambda: modem.sent and not modem.calls)
        second = modem.rung(STRANGER)
        await until(lambda: not modem.calls)
    assert line.came == [NUMBER, STRANGER]
    assert modem.over == [first, second], "a stranger is refused too: the line is wanted"
    assert modem.sent == [(NUMBER, "noted")]


async def test_the_number_that_comes_with_the_second_ring_is_waited_for(line):
    modem = line.manager.plug()
    async with at_work(line):
        path = modem.rung(NUMBER, known_after=0.3)
        await until(lambda: not modem.calls)
    assert (line.came, modem.over) == ([NUMBER], [path])


async def test_who_withholds_his_number_is_refused_and_nobody(line):
    modem = line.manager.plug()
    with changed("ring", number=0.2):
        async with at_work(line):
            modem.rung("")
            await until(lambda: not modem.calls)
    assert (line.came, len(modem.over)) == ([], 1)


async def test_who_rings_once_and_hangs_up_has_called(line):
    modem = line.manager.plug()
    async with at_work(line):
        path = modem.rung(NUMBER)
        modem.ends(path)
        await until(lambda: not modem.calls)
    assert line.came == [NUMBER]


async def test_what_was_over_before_we_looked_is_deleted_unheard_and_what_still_rings_is_heard(line):
    modem = line.manager.plug()
    modem.ends(modem.rung(NUMBER))
    modem.rung(STRANGER)
    async with at_work(line):
        await until(lambda: not modem.calls)
    assert line.came == [STRANGER], "nobody knows how long ago the other was"


async def test_who_calls_while_we_ring_somebody_is_heard_at_once_and_refused_behind_it(line):
    modem = line.manager.plug()
    async with at_work(line):
        ours = modem._call({"Direction": OUTGOING, "Number": "+8613700000000", "State": 2, "StateReason": 1})
        theirs = modem.rung(NUMBER, state=WAITING)
        await until(lambda: line.came)
        await line.looks()
        assert modem.talking == [ours, theirs], "a modem that refuses one hangs up both"
        modem.ends(ours)
        await until(lambda: theirs not in modem.calls)
    assert (line.came, modem.over) == ([NUMBER], [theirs])


async def test_two_who_call_at_once_are_both_heard(line):
    modem, other = line.manager.plug(), line.manager.plug()
    async with at_work(line):
        modem.rung(NUMBER)
        modem.rung(STRANGER, state=WAITING)
        other.rung(NUMBER)
        await until(lambda: not modem.calls and not other.calls)
    assert line.came == [NUMBER, STRANGER, NUMBER]


async def test_what_cannot_be_refused_is_not_obeyed_again(line):
    modem = line.manager.plug()
    modem.fail = {"Hangup": "Core.Unauthorized", "DeleteCall": "Core.Unauthorized"}
    with changed("sms", look_in=0.2):
        async with at_work(line):
            path = modem.rung(NUMBER)
            await until(lambda: line.came)
            looks = line.ready
            modem.rung(STRANGER)
            await until(lambda: line.ready > looks + 2)
            modem.ends(path)
    assert line.came == [NUMBER, STRANGER]


async def test_a_flood_is_heard_to_its_end(line):
    modem = line.manager.plug()
    async with at_work(line):
        for n in range(5 * back.AT_ONCE):
            modem.rung(f"+86138000{n:05}")
        await until(lambda: not modem.calls)
    assert len(line.came) == len(set(line.came)) == 5 * back.AT_ONCE


async def test_a_call_whose_program_was_ended_is_hung_up_and_nobody_elses(line):
    modem = line.manager.plug()
    home = test_ring.Home(line.folder, line.bus, line.manager)
    begin = home.program.format("WAITS.ring = WAITS.whole = 3600.0; WAITS.look = 0.05")
    foreign = modem._call({"Direction": OUTGOING, "Number": "+8613700000000", "State": 4, "StateReason": 3})
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        begin,
        *("--to", "daughter", "--phones", str(home.book), "--state", str(home.folder)),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DBUS_SYSTEM_BUS_ADDRESS": line.bus.address},
    )
    async with at_work(line):
        await until(lambda: modem.rings)
        ((path, _),) = modem.rings
        await line.looks()
        assert path in modem.talking, "it is being rung: nobody hangs up"
        child.send_signal(signal.SIGKILL)
        await child.wait()
        await until(lambda: path not in modem.calls)
        assert modem.talking == [foreign], "another program's call is its own"
    assert modem.over == [path]
    assert made.left(line.folder) == ""


async def test_modemmanager_that_goes_and_comes_is_found_again(line):
    with changed("sms", look_in=0.5):
        async with kept(line) as said:
            modem = await goes_and_comes(line.manager, said)
            modem.rung(NUMBER)
            await until(lambda: not modem.calls)
    assert line.came == [NUMBER]


async def test_a_modemmanager_that_begins_anew_uses_its_paths_again_and_who_calls_is_heard(line):
    manager = line.manager
    with changed("sms", look_in=100_000.0):
        async with kept(line):
            await until(lambda: manager.calls)
            modem = manager.plug()
            modem.fail = {"Hangup": "Core.Failed", "DeleteCall": "Core.Failed"}  # it dies while it refuses
            first = modem.rung(STRANGER)
            await until(lambda: line.came and "DeleteCall" in manager.calls)
            modem = await begins_anew(manager, modem)
            assert modem.rung(NUMBER) == first
            await until(lambda: len(line.came) == 2 and not modem.calls)
    assert line.came == [STRANGER, NUMBER]
