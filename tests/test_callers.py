"""Local programs: what they are told, how their end is told, and that they end when the alarm does."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import callers, kind
from gateway.alarm import Alarm, State
from gateway.callers import AT_MOST, Callers
from gateway.clock import Moment
from gateway.kind import Priority


def alarm(number=7, **more):
    fields = {
        "number": number,
        "id": f"j-a{number}",
        "kind": kind.SOS,
        "priority": Priority.P1,
        "device": "pendant",
        "room": "hall; rm -rf /",
    }
    return Alarm(**fields, state=State.RAISED, since=Moment(1.0, datetime(2026, 5, 4, tzinfo=UTC)), stages={}, **more)


@pytest.fixture
async def told():
    """Programs at work, and how they ended."""
    ended = []
    running = Callers(lambda *how: ended.append(how))
    running.ended = ended
    yield running
    await running.close()


async def until(condition, seconds=5.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def alive(pid):
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def script(folder, text, name="call"):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


async def test_a_program_gets_the_alarm_in_its_environment_and_nothing_else(told, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "do not inherit")
    out = tmp_path / "env"
    told.start([script(tmp_path, f'env > {out}; echo "args $*" >> {out}'), "138 0000", "$(id)"], alarm(), call=0, reason="no_receipt")
    await until(lambda: told.ended)
    lines = out.read_text().splitlines()
    for line in (
        "ELDERCARE_ALARM=j-a7",
        "ELDERCARE_KIND=person.sos",
        "ELDERCARE_ROOM=hall; rm -rf /",
        "ELDERCARE_STATE=raised",
        "ELDERCARE_REASON=no_receipt",
        "ELDERCARE_TEST=0",
        "args 138 0000 $(id)",
    ):
        assert line in lines
    assert "do not inherit" not in out.read_text()
    assert told.ended[0][:3] == (7, 0, True)


@pytest.mark.parametrize(
    ("text", "ok", "words"), [("exit 0", True, "exit code 0"), ("exit 3", False, "exit code 3"), ("kill -9 $$", False, "exit code -9")]
)
async def test_its_exit_code_is_its_answer(told, tmp_path, text, ok, words):
    told.start([script(tmp_path, text)], alarm(), call=2, reason="x")
    await until(lambda: told.ended)
    assert told.ended[0][:3] == (7, 2, ok)
    assert words in told.ended[0][3]


@pytest.mark.parametrize("what", ["/no/such/program", "", "folder", "not executable"])
async def test_a_program_that_cannot_be_started_is_a_call_that_failed(told, tmp_path, what):
    path = {"": "/no/such/program", "folder": str(tmp_path), "not executable": str(tmp_path / "file")}.get(what, what)
    (tmp_path / "file").write_text("no program")
    told.start([path], alarm(), call=0, reason="x")
    await until(lambda: told.ended)
    assert told.ended[0][:3] == (7, 0, False)
    assert path in told.ended[0][3]


async def test_a_sounder_is_not_told_of(told, tmp_path):
    told.start([script(tmp_path, "exit 1")], alarm(), call=None, reason="raised")
    await until(lambda: not told._running)
    assert told.ended == []


async def test_it_ends_with_all_its_children_when_the_alarm_is_answered_and_others_go_on(told, tmp_path):
    pids = tmp_path / "pids"
    program = script(tmp_path, f"echo $$ >> {pids}\nsleep 60 &\necho $! >> {pids}\nwait")
    told.start([program], alarm(1), call=0, reason="x")
    told.start([program], alarm(2), call=0, reason="x")
    told.start([program], alarm(2), call=None, reason="x")
    await until(lambda: pids.exists() and len(pids.read_text().split()) == 6)
    before = len(told._running)
    told.stop(1)
    await until(lambda: len(told._running) == 2)
    told.stop(2, sounds_only=True)
    await until(lambda: len(told._running) == 1)
    assert before == 3
    began = time.monotonic()
    await told.close()
    assert time.monotonic() - began < 2
    await until(lambda: not any(alive(int(p)) for p in pids.read_text().split()))
    assert told.ended == [], "it was we who ended them"


async def test_one_that_never_ends_is_ended_and_counts_as_failed(told, tmp_path, monkeypatch):
    monkeypatch.setattr(callers, "LONGEST", 0.3)
    pid = tmp_path / "pid"
    told.start([script(tmp_path, f"echo $$ > {pid}; trap '' TERM; sleep 60")], alarm(), call=0, reason="x")
    await until(lambda: told.ended)
    assert told.ended[0][:3] == (7, 0, False)
    assert "ended after 0.3 s" in told.ended[0][3]
    await until(lambda: not alive(int(pid.read_text())))


async def test_too_many_at_once_fail_at_once_so_that_the_ladder_goes_on(told, tmp_path):
    program = script(tmp_path, "sleep 60")
    for n in range(AT_MOST):
        told.start([program], alarm(n), call=0, reason="x")
    told.start([program], alarm(99), call=0, reason="x")
    told.start([program], alarm(99), call=None, reason="x")
    assert [how[:3] for how in told.ended] == [(99, 0, False)]
    assert len(told._running) == AT_MOST


async def test_what_is_stopped_before_it_began_never_runs(told, tmp_path):
    mark = tmp_path / "mark"
    told.start([script(tmp_path, f"echo x > {mark}")], alarm(), call=0, reason="x")
    told.stop(7)
    await asyncio.sleep(0.3)
    assert not mark.exists()
    assert not told._running


async def test_a_test_is_marked_as_one(told, tmp_path):
    out = tmp_path / "out"
    told.start([script(tmp_path, f"echo $ELDERCARE_TEST > {out}")], alarm(test=True), call=0, reason="x")
    await until(lambda: told.ended)
    assert out.read_text() == "1\n"
