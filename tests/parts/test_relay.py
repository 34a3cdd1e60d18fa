"""A coil of a Modbus module on a pseudo-terminal: switched by the program as the daemon runs it, and off again however that ends."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from gateway.judge.alarm import Alarm, State
from gateway.tell import sounder
from gateway.words.clock import Moment
from gateway.words.kind import Priority

from tests.kit.hand import NOON
from tests.kit.line_emulators import ModbusModule
from tests.kit.wait import until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def module(tmp_path):
    with ModbusModule(tmp_path / "m") as module:
        yield module


def command(port, *more):
    return [sys.executable, "-m", "gateway.relay.switch", "--at", f"{port}?unit=1&coil=3", *more]


def begun(module, *more, **facts):
    return subprocess.Popen(
        command(module.port, *more),
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **facts},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ran(module, *more, **facts):
    with begun(module, *more, **facts) as child:
        said = child.communicate()[1]
    return child.returncode, said


async def test_a_coil_is_on_for_its_time_and_off_again(module):
    assert ran(module, "--seconds", "1") == (0, "")
    assert module.switched == [(2, True), (2, False)], "the third, as printed"
    assert ran(module, "--seconds", "1", ELDERCARE_QUIET="1") == (0, "")
    assert len(module.switched) == 2, "somebody has it: dark"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_killed_with_its_group_it_is_off_at_once(module, end):
    child = begun(module, "--seconds", "100")
    await until(lambda: module.coils[2])
    os.killpg(child.pid, end)
    child.communicate()
    assert child.returncode == -end
    await until(lambda: not module.coils[2])
    assert module.switched == [(2, True), (2, False)]


async def test_a_guard_that_is_killed_leaves_nothing_on(module):
    child = begun(module, "--seconds", "100")
    await until(lambda: module.coils[2])
    (guard,) = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    os.kill(int(guard), signal.SIGKILL)
    child.communicate()
    assert child.returncode == 1
    assert module.switched == [(2, True), (2, False)]


async def test_an_alarm_that_is_answered_switches_it_off(module):
    """The daemon ends a program of an alarm by a signal to its group that nobody can catch."""
    alarm = Alarm(
        number=1,
        id="j1-a1",
        kind="person.sos",
        priority=Priority.P1,
        device="b",
        room="",
        state=State.RAISED,
        since=Moment(1.0, NOON),
        stages={},
    )

    async def begin(program, environment):
        return await sounder.begin(program, {**environment, "PYTHONPATH": str(ROOT)})

    run = asyncio.create_task(sounder.run(begin, command(module.port), alarm, "raised"))
    await until(lambda: module.coils[2])
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    await until(lambda: not module.coils[2])


async def test_what_a_power_cut_left_on_is_off_after_a_test(module):
    module.coils[2] = True
    assert ran(module, "test") == (0, "")
    assert module.switched == [(2, False)]


@pytest.mark.parametrize(("wrong", "words"), [("silent", "does not answer"), ("refuses", "has no coil 3")])
async def test_a_module_that_does_not_do_it_says_so(module, wrong, words):
    setattr(module, wrong, 2)
    for word in ("--seconds=1", "test"):
        code, said = ran(module, word)
        assert (code, words in said) == (10, True), said


async def test_no_line_and_no_output_are_told_apart(tmp_path):
    for at, code, words in ((str(tmp_path / "none"), 10, "does not open"), ("gpio:99", 14, "was expected")):
        done = subprocess.run(
            [sys.executable, "-m", "gateway.relay.switch", "--at", at, "test"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr
