"""Local programs: what they are told, how their end is told, and that they end when the alarm does."""

import asyncio
import contextlib
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from gateway.judge.alarm import Alarm, State
from gateway.judge.dispatch import Rung
from gateway.tell.callers import QUEUE, Callers
from gateway.tell.waits import WAITS
from gateway.words import kind
from gateway.words.clock import Moment
from gateway.words.kind import CO, FALL, GAS, SMOKE, WATER, Priority, of

from tests.kit.wait import until


def alarm(number=7, **more):
    fields = {
        "number": number,
        "id": f"j-a{number}",
        "kind": kind.SOS,
        "priority": Priority.P1,
        "device": "pendant",
        "room": "hall; rm -rf /",
        "state": State.RAISED,
    }
    return Alarm(**fields | more, since=Moment(1.0, datetime(2026, 5, 4, tzinfo=UTC)), stages={})


def of_kind(number, name, **more):
    return alarm(number, kind=name, priority=of(name).priority, **more)


@pytest.fixture
async def told():
    """Programs at work, and how they ended."""
    ended = []
    running = Callers(lambda *how: ended.append(how))
    running.ended = ended
    yield running
    await running.close()


def alive(pid):
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def script(folder, text, name="call"):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


async def test_a_call_does_not_wait_for_a_relative_who_is_informed(told, tmp_path):
    log, program = (
        tmp_path / "log",
        script(tmp_path, f'echo "$2 $ELDERCARE_REASON" >> {tmp_path / "log"}; [ $2 = son ] && exec sleep 600; exit 0'),
    )
    son = Rung("son", "program", 60.0, (program, "--to", "son"))
    home = SimpleNamespace(informed=(son, son), quiet_sos=False)
    told.inform("family_week", 9, alarm().since, {"ELDERCARE_DAYS": "1y"}, home)
    await until(log.exists)
    told.start([program, "--to", "li"], alarm(), call=0, reason="no_receipt")
    await until(lambda: (7, 0, True) in {how[:3] for how in told.ended})
    assert log.read_text().splitlines()[:2] == ["son family_week", "li no_receipt"]


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
    await until(lambda: not told.running)
    assert told.ended == []


async def test_it_ends_with_all_its_children_when_the_alarm_is_answered_and_others_go_on(told, tmp_path):
    pids = tmp_path / "pids"
    text = f"echo $$ >> {pids}\nsleep 60 &\necho $! >> {pids}\nwait"
    told.start([script(tmp_path, text, "modem")], alarm(1), call=0, reason="x")
    told.start([script(tmp_path, text, "light")], alarm(2), call=0, reason="x")
    told.start([script(tmp_path, text, "siren")], alarm(2), call=None, reason="x")
    await until(lambda: pids.exists() and len(pids.read_text().split()) == 6)
    before = told.running
    told.stop(1)
    await until(lambda: told.running == 2)
    told.stop(2, sounds_only=True)
    await until(lambda: told.running == 1)
    told.start([script(tmp_path, text, "relay")], alarm(2), call=1, reason="x", sounds=True)
    await until(lambda: told.running == 2)
    told.stop(2, sounds_only=True)
    await until(lambda: told.running == 1)
    assert before == 3
    await told.close()
    await until(lambda: not any(alive(int(p)) for p in pids.read_text().split()))
    assert told.ended == [], "it was we who ended them"


async def test_one_that_never_ends_is_ended_and_counts_as_failed(told, tmp_path, monkeypatch):
    monkeypatch.setattr(WAITS, "program", 0.3)
    pid = tmp_path / "pid"
    told.start([script(tmp_path, f"echo $$ > {pid}; trap '' TERM; sleep 60")], alarm(), call=0, reason="x")
    await until(lambda: told.ended)
    assert told.ended[0][:3] == (7, 0, False)
    assert "ended after 0.3 s" in told.ended[0][3]
    await until(lambda: not alive(int(pid.read_text())))


async def test_what_is_stopped_before_it_began_never_runs(told, tmp_path):
    mark = tmp_path / "mark"
    told.start([script(tmp_path, f"echo x > {mark}")], alarm(), call=0, reason="x")
    told.stop(7)
    await asyncio.sleep(0.3)
    assert not mark.exists()
    assert not told.running


async def test_a_test_is_marked_as_one(told, tmp_path):
    out = tmp_path / "out"
    told.start([script(tmp_path, f"echo $ELDERCARE_TEST > {out}")], alarm(test=True), call=0, reason="x")
    await until(lambda: told.ended)
    assert out.read_text() == "1\n"


# -- one after another, on stand-ins that end when the test says ---------------------------------------------------------


class Stage:
    """Programs that run until they are ended: what runs now, and all that ever began, in order."""

    def __init__(self):
        self.began, self.now, self.most = [], {}, {}

    async def __call__(self, program, environment):
        child = Playing(self, tuple(program), environment.get("ELDERCARE_ALARM", ""))
        self.began.append((program[-1], child.alarm))
        self.now[child] = program[0]
        same = sum(name == program[0] for name in self.now.values())
        self.most[program[0]] = max(self.most.get(program[0], 0), same)
        return child

    def end(self, code=0, name=""):
        child = next(child for child in self.now if name in ("", child.program[-1]))
        child.over(code)


class Playing:
    def __init__(self, stage, program, alarm):
        self.stage, self.program, self.alarm = stage, program, alarm
        self.returncode, self._end = None, asyncio.Event()

    @property
    def pid(self):  # asked for only to end it
        self.over(-9)
        raise ProcessLookupError

    def over(self, code):
        self.returncode = code
        self.stage.now.pop(self, None)
        self._end.set()

    async def wait(self):
        await self._end.wait()
        return self.returncode


@pytest.fixture
async def acted():
    """Programs as stand-ins, and how their calls ended."""
    ended, stage = [], Stage()
    running = Callers(lambda *how: ended.append(how), stage)
    running.ended, running.stage = ended, stage
    yield running
    await running.close()


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


MODEM = "/opt/modem"


async def test_calls_by_one_program_are_made_one_after_another_and_none_fails(acted):
    for n in range(1, 21):
        acted.start([MODEM, f"person{n % 3}"], alarm(n), call=1, reason="x")
        await settle()
    for n in range(1, 21):
        assert acted.stage.began[-1] == (f"person{n % 3}", f"j-a{n}")
        acted.stage.end()
        await settle()
    assert [how[:3] for how in acted.ended] == [(n, 1, True) for n in range(1, 21)]
    assert acted.stage.most[MODEM] == 1


async def test_other_programs_and_what_sounds_do_not_wait_for_it(acted):
    acted.start([MODEM, "family"], alarm(1), call=1, reason="x")
    acted.start(["/opt/light", "on"], alarm(1), call=2, reason="x")
    for n in range(1, 9):
        acted.start(["/opt/siren", "loud"], alarm(n), call=None, reason="raised")
    await settle()
    assert {name for name, _ in acted.stage.began} == {"family", "on", "loud"}
    assert acted.stage.most == {MODEM: 1, "/opt/light": 1, "/opt/siren": 1}


async def test_a_webhook_that_hangs_delays_no_other_and_each_is_asked_by_itself(acted):
    hook = "/opt/bin/eldercare-webhook"
    for n, who in ((1, "county"), (2, "county"), (1, "family")):
        acted.start([hook, "--to", who], alarm(n), call=n, reason="x")
    await settle()
    assert acted.stage.began == [("county", "j-a1"), ("family", "j-a1")]
    acted.stage.end(name="family")
    await settle()
    assert [how[:3] for how in acted.ended] == [(1, 1, True)]
    assert await acted.ask([hook, "--to", "county"]) is None, "it is at work"
    asked = asyncio.create_task(acted.ask([hook, "--to", "family"]))
    await settle()
    acted.stage.end(name="test")
    assert (await asked).ok
    acted.stage.end(name="county")
    await settle()
    assert acted.stage.began[-1] == ("county", "j-a2"), "one webhook serves one call at a time"


async def test_a_p1_overtakes_and_ends_what_is_less_urgent_which_is_made_again(acted):
    acted.start([MODEM, "a"], of_kind(1, WATER), call=1, reason="x")
    acted.start([MODEM, "b"], of_kind(2, WATER), call=1, reason="x")
    await settle()
    acted.start([MODEM, "c"], alarm(3), call=1, reason="x")
    acted.start([MODEM, "d"], alarm(4), call=1, reason="x")
    await settle()
    assert acted.stage.began == [("a", "j-a1"), ("c", "j-a3")]
    for _ in range(4):
        acted.stage.end()
        await settle()
    assert [name for name, _ in acted.stage.began] == ["a", "c", "d", "a", "b"]
    assert [how[:3] for how in acted.ended] == [(3, 1, True), (4, 1, True), (1, 1, True), (2, 1, True)]


async def test_a_person_who_is_being_called_for_an_alarm_is_not_called_beside_it(acted):
    acted.start([MODEM, "family"], alarm(1), call=1, reason="no_receipt")
    await settle()
    acted.start([MODEM, "family"], alarm(1), call=2, reason="pressed_again")
    await settle()
    acted.stage.end(1)
    await settle()
    assert acted.stage.began == [("family", "j-a1")]
    assert [how[:3] for how in acted.ended] == [(1, 1, False), (1, 2, False)]


@pytest.mark.parametrize(
    ("kinds", "runs"), [((SMOKE, SMOKE, CO), 1), ((SMOKE, GAS), 2), ((GAS, GAS), 1), ((FALL, FALL), 2), ((kind.SOS, kind.SOS), 2)]
)
async def test_a_person_is_told_once_of_one_fire_and_each_time_of_a_fall(acted, kinds, runs):
    for n, name in enumerate(kinds, 1):
        acted.start([MODEM, "family"], of_kind(n, name), call=1, reason="x")
    for _ in kinds:
        await settle()
        if acted.stage.now:
            acted.stage.end()
    await settle()
    assert len(acted.stage.began) == runs
    assert sorted(how[:3] for how in acted.ended) == [(n, 1, True) for n in range(1, len(kinds) + 1)]


async def test_who_was_told_of_a_fire_a_moment_ago_is_not_called_for_the_next_detector_but_for_the_next_round(acted):
    acted.start([MODEM, "family"], of_kind(1, SMOKE), call=1, reason="x")
    await settle()
    acted.stage.end()
    await settle()
    acted.start([MODEM, "family"], of_kind(2, SMOKE), call=1, reason="x")
    acted.start([MODEM, "neighbour"], of_kind(2, SMOKE), call=2, reason="x")
    await settle()
    assert [name for name, _ in acted.stage.began] == ["family", "neighbour"]
    assert acted.ended[1][:3] == (2, 1, True)
    assert "told in the call for j-a1" in acted.ended[1][3]
    acted.stage.end()
    await settle()
    for n in (1, 2):  # their own next calls are real ones
        acted.start([MODEM, "family"], of_kind(n, SMOKE), call=3, reason="repeat")
    await settle()
    assert [name for name, _ in acted.stage.began] == ["family", "neighbour", "family"]
    assert WAITS.told <= 120, "less than a round of the ladder"


async def test_a_call_that_failed_tells_nobody_of_the_fire(acted):
    acted.start([MODEM, "family"], of_kind(1, SMOKE), call=1, reason="x")
    await settle()
    acted.stage.end(1)
    await settle()
    acted.start([MODEM, "family"], of_kind(2, SMOKE), call=1, reason="x")
    await settle()
    assert len(acted.stage.began) == 2


async def test_a_call_that_serves_two_fires_goes_on_when_one_is_answered(acted):
    for n in (1, 2):
        acted.start([MODEM, "family"], of_kind(n, SMOKE), call=1, reason="x")
    await settle()
    acted.stop(1)
    await settle()
    assert len(acted.stage.now) == 1
    acted.stop(2)
    await settle()
    assert not acted.stage.now
    assert acted.ended == []


async def test_the_queue_has_a_bound_and_forgets_the_least_urgent_and_oldest_without_calling_it_failed(acted, caplog):
    acted.start([MODEM, "busy"], alarm(500), call=1, reason="x")
    for n in range(1, QUEUE + 2):
        acted.start([MODEM, f"p{n}"], of_kind(n, WATER), call=1, reason="x")
    acted.start([MODEM, "urgent"], alarm(600), call=1, reason="x")
    await settle()
    for _ in range(QUEUE + 1):
        acted.stage.end()
        await settle()
    names = [name for name, _ in acted.stage.began]
    assert names[:2] == ["busy", "urgent"]
    assert names[2:] == [f"p{n}" for n in range(3, QUEUE + 2)]
    assert all(ok for _, _, ok, _ in acted.ended)
    assert "one for alarm 1 is forgotten" in caplog.text


SIREN = "/opt/siren"


async def test_one_thing_sounds_at_a_time_for_what_is_most_urgent(acted):
    acted.start([SIREN, "chime"], of_kind(1, WATER, state=State.PRE_ALARM), call=None, reason="pre_alarm")
    await settle()
    acted.start([SIREN, "siren"], of_kind(2, WATER), call=None, reason="raised")
    await settle()
    acted.start([SIREN, "chime"], of_kind(3, FALL, state=State.PRE_ALARM), call=None, reason="pre_alarm")
    await settle()
    acted.start([SIREN, "siren"], alarm(4), call=None, reason="raised")
    await settle()
    assert acted.stage.began == [("chime", "j-a1"), ("siren", "j-a2"), ("chime", "j-a3"), ("siren", "j-a4")]
    acted.stop(4)
    await settle()
    assert acted.stage.began[-1] == ("chime", "j-a3"), "whoever was interrupted sounds again"
    acted.stage.end()
    await settle()
    assert acted.stage.began[-1] == ("siren", "j-a2")
    assert acted.stage.most == {SIREN: 1}


async def test_one_fire_sounds_once_and_goes_on_while_any_of_its_detectors_is_unanswered(acted):
    for n in range(1, 9):
        acted.start([SIREN, "siren"], of_kind(n, SMOKE), call=None, reason="raised")
        await settle()
    for n in range(1, 8):
        acted.stop(n)
        await settle()
    assert acted.stage.began == [("siren", "j-a1")]
    assert len(acted.stage.now) == 1
    acted.stop(8)
    await settle()
    assert not acted.stage.now


async def test_two_who_need_help_are_both_sounded_for(acted):
    for n in (1, 2):
        acted.start([SIREN, "siren"], alarm(n), call=None, reason="raised")
    await settle()
    acted.stage.end()
    await settle()
    assert acted.stage.began == [("siren", "j-a1"), ("siren", "j-a2")]


async def test_the_siren_takes_the_place_of_the_chime_of_its_grace(acted):
    acted.start([SIREN, "chime"], of_kind(1, FALL, state=State.PRE_ALARM), call=None, reason="pre_alarm")
    await settle()
    acted.start([SIREN, "siren"], of_kind(1, FALL), call=None, reason="raised")
    await settle()
    assert [child.program[-1] for child in acted.stage.now] == ["siren"]
