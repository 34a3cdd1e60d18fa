"""The technician's part alone: what it refuses at once, and that one change of the household waits for the other."""

import asyncio
from types import SimpleNamespace

import pytest
from gateway.home.waits import WAITS as HOME
from gateway.judge.dispatch import Rung
from gateway.judge.notes import Notes
from gateway.tell.sounder import Ran
from gateway.tend.technician import Technician
from gateway.words.instruction import Change, Do, Door, Instruction, Refused, What
from gateway.words.say import Say

from tests.kit.hand import HandClock
from tests.kit.wait import until
from tests.unit.tell.fakes import Pipeline, home, platform


class Attempt:
    """A try of the platform that never ends by itself."""

    over = False

    def __init__(self, config, i):
        self.config, self.i, self.told = config, i, []

    async def run(self):
        await asyncio.Event().wait()

    def committed(self, entry):
        self.told.append(entry)

    receipted = committed


@pytest.fixture
async def made(tmp_path):
    out = SimpleNamespace(clock=HandClock(), pipeline=Pipeline(), windows=[], ports=["/dev/a"])
    out.pipeline.answered = lambda result, _facts, _now: [result]
    out.pipeline.noticed = lambda facts, _now: [*facts]
    device = SimpleNamespace(id="pendant", at="a4:c1:38:00:00:01", model=SimpleNamespace(name="button", settings=(), senses=frozenset()))
    out.home = home(state=tmp_path, page_folder=tmp_path, devices=(device,), trouble="", household=SimpleNamespace(revision=3))
    out.uplink = SimpleNamespace(on_trial=False, connected=True)
    out.notes = Notes(out.pipeline.faults, out.pipeline.noticed, lambda: None)
    out.rearranged = []
    out.callers = SimpleNamespace(running=0, tried=[], ran=Ran(True, ""))

    async def try_sound(program, _at, _phrase):
        out.callers.tried.append(program)
        return out.callers.ran

    out.callers.try_sound = try_sound
    out.channels = SimpleNamespace(tried=[], ran=Ran(True, ""))

    async def try_(command):
        out.channels.tried.append(command)
        return out.channels.ran

    out.channels.try_ = try_
    out.technician = Technician(
        home=out.home,
        models={},
        clock=out.clock,
        boot="boot-1",
        replays=False,
        pipeline=out.pipeline,
        faults=out.pipeline.faults,
        notes=out.notes,
        storage=SimpleNamespace(store=SimpleNamespace(marked=lambda _: "")),
        ears=SimpleNamespace(open_window=out.windows.append, ports=lambda: out.ports),
        uplink=out.uplink,
        rearrange=lambda config, _now, **more: out.rearranged.append((config, more)) or [],
        callers=out.callers,
        channels=out.channels,
        attempt_of=Attempt,
        certifying=None,
        swap=None,
        fitting_of=lambda i, device: SimpleNamespace(over=False, run=asyncio.Event().wait, i=i, device=device),
    )

    async def does(do, by="Li", **fields):
        answer = await out.technician.carry_out(Instruction(id="i1", do=do, by=by, door=Door.LOCAL, **fields))
        (result,) = answer(out.clock.now())
        return result.refused

    async def heard():
        """Let the loudspeaker be tried, and return what it was refused for: the answer comes by itself."""
        order = Instruction(id="i1", do=Do.SOUND_TEST, by="Li", door=Door.LOCAL)
        assert (await out.technician.carry_out(order))(out.clock.now()) == [], "nothing waits for it"
        await until(lambda: out.notes)
        (note,) = out.notes.take()
        (result,) = note(out.clock.now())
        return result.refused

    async def calls(**fields):
        """Let a rung be tried, and return what came of it."""
        order = Instruction(id="i1", do=Do.CALL_TEST, by="Li", door=Door.LOCAL, revision=3, **fields)
        assert (await out.technician.carry_out(order))(out.clock.now()) == [], "nothing waits for it"
        await until(lambda: out.notes)
        (note,) = out.notes.take()
        (result,) = note(out.clock.now())
        return result

    out.does, out.heard, out.calls = does, heard, calls
    yield out
    await out.technician.close()


async def test_who_gives_no_name_is_refused(made):
    assert await made.does(Do.WINDOW, by=" ", seconds=10) is Refused.MISSING
    assert made.windows == []


async def test_a_hearing_window_is_bounded(made):
    assert await made.does(Do.WINDOW, seconds=HOME.window + 1) is Refused.TOO_LONG
    assert await made.does(Do.WINDOW, seconds=HOME.window) is Refused.NONE
    assert made.windows == [HOME.window]


async def test_one_try_of_the_platform_at_a_time_and_it_hears_of_entries_and_receipts(made):
    assert await made.does(Do.PLATFORM_TEST) is Refused.MISSING, "there is none"
    made.home.config.platform = platform()
    made.uplink.on_trial = True
    assert await made.does(Do.PLATFORM_TEST) is Refused.NOT_ALLOWED
    made.uplink.on_trial = False
    made.technician.committed("before")
    assert await made.does(Do.PLATFORM_TEST) is Refused.NONE
    made.technician.committed("entry")
    made.technician.receipted("receipt")
    assert made.technician.attempt.told == ["entry", "receipt"]
    assert await made.does(Do.PLATFORM_TEST) is Refused.NOT_ALLOWED


async def test_a_line_is_asked_only_where_there_is_one_that_nobody_has(made):
    assert await made.does(Do.ADJUST, device="lamp") is Refused.UNKNOWN_DEVICE
    assert await made.does(Do.ADJUST, device="pendant") is Refused.NOT_ALLOWED, "it has no settings"
    assert await made.does(Do.ASK_PORT, port="/dev/b") is Refused.NOT_ALLOWED
    assert await made.does(Do.ASK_PORT, port="/dev/a") is Refused.NONE
    assert await made.does(Do.ASK_PORT, port="/dev/a") is Refused.NOT_ALLOWED, "one runs"


async def test_a_change_without_content_and_one_by_an_old_page_are_refused(made):
    assert await made.does(Do.CONFIGURE) is Refused.MISSING
    made.home.config.household = SimpleNamespace(revision=3, instruction="", by="Wang", at="2026-11-30T09:00:00")
    change = Change(what=What.SET_ROOMS, value={})
    assert await made.does(Do.CONFIGURE, change=change, revision=2) is Refused.CHANGED_MEANWHILE
    made.home.config.household.instruction = "i1"
    assert await made.does(Do.CONFIGURE, change=change, revision=2) is Refused.NONE, "it was carried out before a restart"
    assert made.rearranged == []


async def test_the_household_is_nobody_elses_until_the_pump_has_taken_the_answer(made):
    made.home.config.household = SimpleNamespace(revision=3, instruction="i1")
    change = Change(what=What.SET_ROOMS, value={})
    order = Instruction(id="i1", do=Do.CONFIGURE, by="Li", door=Door.LOCAL, change=change)
    answer = await made.technician.carry_out(order)
    assert not await made.technician.take_back(made.home.config, Say("order.no_by"))
    second = asyncio.create_task(made.technician.carry_out(order))
    await asyncio.sleep(0)
    assert not second.done()
    answer(made.clock.now())
    (await second)(made.clock.now())


async def test_the_home_is_heard_unless_an_alarm_needs_its_loudspeaker(made):
    made.home.config.sound_words, made.home.config.sound_alarm = (), ("/bin/siren",)
    made.pipeline.alarms = {}
    assert await made.heard() == ""
    assert made.callers.tried == [("/bin/siren",)]
    made.callers.ran = Ran(False, "ended after 12 s", "hangs")
    assert await made.heard() == "", "a siren of its own that goes on was heard"
    made.home.config.sound_words = ("/bin/voice",)
    assert await made.heard() == "not_allowed", "the voice ends by itself"
    made.callers.ran = Ran(False, "exit code 10", "unplugged")
    assert await made.heard() == "not_allowed"
    made.callers.ran = Ran(True, "exit code 16", "recording")
    assert await made.heard() == "not_allowed", "it was heard, but not the recording"
    made.home.config.sound_words = ()
    made.pipeline.alarms = {1: SimpleNamespace(open=True, test=False)}
    assert await made.does(Do.SOUND_TEST) is Refused.NOT_ALLOWED
    made.home.config.sound_alarm = ()
    assert await made.does(Do.SOUND_TEST) is Refused.NOT_ALLOWED
    assert len(made.callers.tried) == 5


async def test_a_rung_is_tried_and_what_came_back_is_said_with_its_time_in_both_languages(made):
    made.pipeline.alarms = {}
    desk = Rung("desk", channel="platform")
    county = Rung("county", channel="program", program=("/bin/eldercare-webhook", "--to", "w1"), test=True)
    siren = Rung("siren", channel="program", program=("/bin/siren",), test=True, sounds=True)
    own = Rung("own", channel="program", program=("/bin/own",), test=True)
    made.home.config.ladder = (desk, county, siren, own)
    kinds = ("platform", "webhook", "program", "program")
    made.home.config.parts = SimpleNamespace(ladder=[SimpleNamespace(channel=name) for name in kinds])
    result = await made.calls(step="2")
    assert (result.refused, made.channels.tried) == (Refused.NONE, [county.program])
    assert result.en.startswith("it worked, in ")
    made.channels.ran = Ran(False, "eldercare-webhook: exit code 1", "", ("noise", "对方回了 HTTP 500", "HTTP 500"))
    result = await made.calls(step="2")
    assert result.refused is Refused.NOT_ALLOWED
    assert (result.zh.endswith("对方回了 HTTP 500"), result.en.endswith("HTTP 500")) == (True, True)
    result = await made.calls(step="4")
    assert "exit code 1" in result.en, "what a program of somebody else says goes nowhere"
    assert "HTTP 500" not in result.en
    made.channels.ran = None
    assert "in use" in (await made.calls(step="2")).en
    for step in ("1", "3", "5", "0", "-1", "x", "", "1" * 50):
        assert await made.does(Do.CALL_TEST, step=step, revision=3) is Refused.NOT_ALLOWED, step
    assert await made.does(Do.CALL_TEST, step="2", revision=2) is Refused.CHANGED_MEANWHILE
    made.pipeline.alarms = {1: SimpleNamespace(open=True, test=False)}
    assert await made.does(Do.CALL_TEST, step="2", revision=3) is Refused.NOT_ALLOWED, "an alarm comes first"
    assert len(made.channels.tried) == 4
