"""Programs that sound and call: what a run shows is a fault until another run shows better, and who can be asked is asked in time."""

import asyncio
from types import SimpleNamespace

import pytest
from gateway.judge.calls import CHANNEL_DOWN, skipped
from gateway.judge.dispatch import Rung
from gateway.tell.channels import IN_A_ROW, RECORDING, Channels, lines
from gateway.tell.proofs import MARK, Proofs
from gateway.tell.sounder import HEARD, Ran
from gateway.tell.waits import WAITS
from gateway.words import kind

from tests.kit.wait import until
from tests.unit.tell import fakes

SMS, SIREN = ("/people/sms", "110"), ("/people/siren",)


class Callers:
    """Runs no program: `answer` is what a test of one says."""

    def __init__(self):
        self.answer, self.asked, self.listening = Ran(True, ""), [], []

    def subscribe(self, ended):
        self.listening.append(ended)
        return lambda: self.listening.remove(ended)

    async def ask(self, command, *, says=False):
        self.asked.append(command[0])
        self.says = says
        return self.answer


class Bench:
    """The programs of a home that has a siren, which cannot be asked, and a modem, which can."""

    def __init__(self):
        ladder = (Rung("Li", channel="program", program=SMS, wait=60.0, test=True),)
        self.home = fakes.home(ladder=ladder, sound_alarm=SIREN, sound_pre_alarm=(), sound_words=(), sound_test=False)
        self.clock, self.pipeline, self.callers, self.fresh = fakes.Clock(), fakes.Pipeline(), Callers(), False
        self.notes = fakes.notes(self.pipeline)
        self.channels = Channels(self.home, self.clock, self.notes, self.pipeline, self.callers, lambda: self.fresh, "")
        self.proofs = self.channels.proofs

    def ends(self, name, ran, *, sounds=False):
        for ended in self.callers.listening:
            ended((name,) if isinstance(name, str) else name, ran, sounds)
        return [(fact.kind, fact.turn, fact.device) for fact in fakes.turn(self.notes, self.clock)]

    async def look(self, seconds):
        self.clock.mono += seconds
        self.channels.look(self.clock.now())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return self.callers.asked


@pytest.fixture
def bench():
    return Bench()


def told(turn, name=SMS[0]):
    return [(kind.CALL_FAILED, turn, name)]


FAILED, BROKEN, WELL = Ran(False, ""), Ran(False, "", "not there"), Ran(True, "")


async def test_a_broken_program_is_told_at_once_and_once_and_until_a_run_succeeds(bench):
    assert bench.ends(SMS[0], BROKEN) == told("raised")
    assert bench.ends(SMS[0], BROKEN) == []
    assert bench.pipeline.down == {SMS[0]}, "nobody is waited for by it"
    assert bench.ends(SMS[0], WELL) == told("cleared")
    assert bench.pipeline.down == set()
    await bench.channels.close()


async def test_one_that_reached_nobody_is_a_fault_after_so_many_in_a_row(bench):
    assert [bench.ends(SMS[0], FAILED) for _ in range(IN_A_ROW - 1)] == [[]] * (IN_A_ROW - 1)
    bench.ends(SMS[0], WELL)
    assert [bench.ends(SMS[0], FAILED) for _ in range(IN_A_ROW - 1)] == [[]] * (IN_A_ROW - 1), "they are counted anew"
    assert bench.ends(SMS[0], FAILED) == told("raised")
    await bench.channels.close()


async def test_a_siren_that_fails_is_told_at_once_and_cannot_be_asked(bench):
    assert bench.ends(SIREN[0], FAILED, sounds=True) == told("raised", SIREN[0])
    assert (bench.pipeline.down, await bench.look(WAITS.settle)) == (set(), [SMS[0]])


async def test_it_is_asked_after_the_start_and_not_while_somebody_calls(bench):
    assert await bench.look(WAITS.settle - 1) == []
    bench.fresh = True
    assert await bench.look(2) == []
    bench.fresh = False
    assert await bench.look(0) == [SMS[0]]
    assert await bench.look(WAITS.ask_in_need) == [SMS[0]], "it is well: the next is tomorrow"


async def test_one_that_is_broken_is_asked_while_somebody_calls(bench):
    bench.callers.answer = BROKEN
    await bench.look(WAITS.settle)
    await until(lambda: bench.notes)
    assert [fact.device for fact in fakes.turn(bench.notes, bench.clock)] == [SMS[0]]
    bench.fresh, bench.callers.answer = True, WELL
    assert await bench.look(WAITS.ask_in_need) == [SMS[0], SMS[0]]
    assert [fact.turn for fact in fakes.turn(bench.notes, bench.clock)] == ["cleared"]


async def test_a_damaged_recording_is_a_fault_of_its_own_and_the_home_is_heard(bench):
    bench.home.config.sound_words = bench.home.config.sound_alarm
    name, half = SIREN[0] + RECORDING, Ran(True, "", HEARD)
    assert bench.ends(SIREN[0], half, sounds=True) == told("raised", name)
    assert bench.ends(SIREN[0], half, sounds=True) == []
    assert bench.ends(SIREN[0], WELL, sounds=True) == [], "another phrase was heard, this one was not looked at"
    assert (bench.pipeline.down, [row.why for row in bench.channels.status()]) == (set(), ["", ""])
    bench.channels.look(bench.clock.now())
    assert fakes.turn(bench.notes, bench.clock) == [], "it is forgotten with its program alone"
    assert set(await bench.look(WAITS.settle)) <= set(SMS[:1] + SIREN[:1])
    await bench.look(0)
    assert [fact.turn for fact in fakes.turn(bench.notes, bench.clock)] == ["cleared"], "its test has looked at each"
    await bench.channels.close()


async def test_what_stands_in_the_configuration_no_more_is_forgotten(bench):
    bench.ends(SMS[0], BROKEN)
    bench.home.config.ladder = ()
    assert [entry.fact.turn for entry in bench.channels.look(bench.clock.now())] == ["cleared"]
    assert [row.program for row in bench.channels.status()] == [SIREN[0]]


async def test_after_its_end_it_listens_no_more(bench):
    await bench.channels.close()
    assert bench.callers.listening == []


def ladder(*rungs):
    return fakes.home(ladder=tuple(Rung(who, channel="program", program=program, test=True) for who, program in rungs)).config


def test_persons_of_one_program_are_named_without_its_arguments_and_never_by_one_name():
    li, wang, other = ("/people/sms", "138"), ("/people/sms", "139"), ("/people/sms", "137")
    assert lines(ladder(("Li", li))) == {}, "one person: it is the program that is asked"
    assert lines(ladder(("Li", li), ("Li", li), ("Wang", ("/people/ring", "139")))) == {}
    assert lines(ladder(("Li", li), ("Wang", wang), ("Li", other))) == {
        "/people/sms (Li)": li,
        "/people/sms (Wang)": wang,
        "/people/sms (Li) 2": other,
    }


async def test_a_call_that_says_not_set_up_has_each_person_asked_while_somebody_calls():
    bench = Bench()
    other = ("/people/sms", "112")
    bench.home.config.ladder += (Rung("Wang", channel="program", program=other, test=True),)
    bench.fresh, bench.callers.answer = True, WELL
    assert await bench.look(2 * WAITS.settle) == []
    assert bench.ends(SMS[0], Ran(False, "", "not_set_up")) == []
    assert bench.pipeline.down == set()
    assert [await bench.look(0) for _ in range(3)][-1] == [SMS[0]] * 2, "each once"
    bench.callers.answer = Ran(False, "", "not_set_up")
    bench.ends(SMS[0], Ran(False, "", "not_set_up"))
    for _ in range(3):
        await bench.look(0)
    assert [fact.device for fact in fakes.turn(bench.notes, bench.clock)] == ["/people/sms (Li)", "/people/sms (Wang)"]
    assert bench.pipeline.down == {SMS, other}
    await bench.channels.close()


async def test_one_that_is_tried_now_is_known_as_of_a_daily_test(bench):
    bench.callers.answer = BROKEN
    assert await bench.channels.try_(SMS) == BROKEN
    assert [one.proved for one in bench.channels.status()] == [True, False], "a siren proves nothing and needs no proof"
    assert bench.callers.says, "what it says is wanted"
    assert [fact.turn for fact in fakes.turn(bench.notes, bench.clock)] == ["raised"]
    bench.callers.answer = WELL
    await bench.channels.try_(SMS)
    assert [fact.turn for fact in fakes.turn(bench.notes, bench.clock)] == ["cleared"]
    (siren, sms) = bench.channels.status()
    assert (sms.rungs, sms.tested_s, sms.why, siren.rungs) == ([1], 0.0, "", [])
    assert (sms.proved, siren.proved) == (True, True)
    bench.callers.answer = None
    assert await bench.channels.try_(SMS) is None
    await bench.channels.close()


async def test_a_modem_that_cannot_ring_takes_nobody_out_who_gets_an_sms_too():
    bench, ring = Bench(), "/people/eldercare-ring"
    both, alone = (ring, "--to", "li", "--sms"), (ring, "--to", "wang")
    rungs = (("Li", both), ("Wang", alone), ("Chen", SMS))
    bench.home.config.ladder = ladder(*rungs).ladder
    mute = Ran(False, "", "no_voice")
    assert bench.ends(ring, mute) == told("raised", ring)
    bench.channels.look(bench.clock.now())
    assert bench.pipeline.down == {alone}
    bench.home.config.ladder = ladder(rungs[0], rungs[2]).ladder
    bench.channels.look(bench.clock.now())
    assert bench.pipeline.down == set()
    assert bench.ends(SMS[0], BROKEN) == told("raised")
    assert bench.pipeline.down == {SMS[0]}, "of any other fault it is the program"
    await bench.channels.close()


async def test_what_was_proved_outlives_a_restart_and_a_call_proves_it_too(bench):
    now = bench.clock.now()
    assert bench.proofs.marks(now) == {}
    bench.ends(SMS[0], WELL)
    kept = bench.proofs.marks(now)[MARK]
    assert bench.proofs.marks(now) == {}, "it is written once"
    assert bench.proofs.marks(now, anew=True) == {MARK: kept}
    assert Proofs(bench.home, kept).has(SMS)
    for damaged in ("{", "[1, {}]", "7", "null", '"x"'):
        assert not Proofs(bench.home, damaged).has(SMS)
    await bench.channels.close()


async def test_another_number_or_address_and_another_ladder_have_to_be_proved_anew(bench):
    def now(person, phones, hooks):
        rung = Rung("Li", channel="program", program=SMS, wait=60.0, test=True)
        parts = SimpleNamespace(ladder=[SimpleNamespace(person=person)])
        return fakes.home(ladder=(rung,), parts=parts, secrets=SimpleNamespace(phones=phones, hooks=hooks, messengers={})).config

    for before, after in (
        (now("p1", {"p1": "138"}, {}), now("p1", {"p1": "139"}, {})),
        (now("w1", {}, {"w1": "key"}), now("w1", {}, {"w1": "new key"})),
    ):
        home = fakes.home()
        home.replace(before)
        proofs = Proofs(home, "")
        proofs.good(SMS)
        home.replace(before)
        assert proofs.has(SMS), "nothing is another"
        home.replace(after)
        assert not proofs.has(SMS)
    gone = Proofs(home, "")
    gone.good(("/people/other",))
    home.replace(after)
    assert not gone.has(("/people/other",))


HOOK = "/bin/eldercare-webhook"
COUNTY, DESK = (HOOK, "--to", "a"), (HOOK, "--to", "b")
A, B = f"{HOOK} (county)", f"{HOOK} (desk)"


@pytest.fixture
def hooked(bench):
    bench.home.config.ladder = ladder(("county", COUNTY), ("desk", DESK), ("Chen", SMS)).ladder
    return bench


@pytest.mark.parametrize("why", ["no_network", "not_set_up", "hangs", "ended", "failed", "not_there"])
@pytest.mark.parametrize("found", ["call", "test"])
async def test_whatever_is_wrong_with_one_webhook_takes_no_other_out_of_the_ladder(hooked, why, found):
    ran = Ran(False, "", why)
    if found == "call":
        assert hooked.ends(COUNTY, ran) == told("raised", A)
    else:
        hooked.callers.answer = ran
        await hooked.channels.try_(COUNTY)
        assert [(fact.turn, fact.device) for fact in fakes.turn(hooked.notes, hooked.clock)] == [("raised", A)]
    hooked.channels.look(hooked.clock.now())
    assert hooked.pipeline.down == {COUNTY}
    chain, alarm, now = hooked.home.config.ladder, SimpleNamespace(priority=1, calls=()), hooked.clock.now()
    assert [skipped(rung, chain, hooked.pipeline.down, alarm, now) for rung in chain] == [CHANNEL_DOWN, None, None]
    hooked.ends(DESK, ran)
    assert hooked.pipeline.down == {COUNTY, DESK}
    await hooked.channels.close()


async def test_one_webhook_that_works_does_not_hide_another_that_is_dead(hooked):
    hooked.callers.answer = Ran(False, "", "no_network")
    await hooked.channels.try_(COUNTY)
    assert [(fact.turn, fact.device) for fact in fakes.turn(hooked.notes, hooked.clock)] == [("raised", A)]
    hooked.callers.answer = WELL
    await hooked.channels.try_(DESK)
    assert hooked.ends(DESK, WELL) == []
    hooked.channels.look(hooked.clock.now())
    assert hooked.pipeline.down == {COUNTY}
    known = {one.program: (one.rungs, one.why, one.proved) for one in hooked.channels.status()}
    assert (known[A], known[B]) == (([1], "no_network", False), ([2], "", True))
    assert HOOK not in known
    assert hooked.ends(COUNTY, WELL) == told("cleared", A)
    await hooked.channels.close()


async def test_slow_webhooks_that_are_broken_keep_no_other_waiting_for_its_test(hooked):
    hooked.fresh = True
    for command in (COUNTY, DESK):
        hooked.ends(command, BROKEN)
    hooked.ends(SMS, BROKEN)
    hooked.callers.answer, asked = BROKEN, []
    hooked.channels._ask = lambda name, _command: asyncio.sleep(0, asked.append(name))
    for _ in range(30):
        if len(asked) < 6:
            await hooked.look(WAITS.ask_in_need)
    assert sorted(asked) == sorted([A, B, SMS[0]] * 2), "each had its turn"
    await hooked.channels.close()


SWITCH = "/bin/eldercare-relay"
STAIRS, DOOR = (SWITCH, "--at", "gpio:17"), (SWITCH, "--at", "gpio:18")


@pytest.fixture
def outputs(bench):
    rungs = [Rung(who, channel="program", program=p, test=True, sounds=True) for who, p in (("stairs", STAIRS), ("door", DOOR))]
    bench.home.config.ladder = tuple(rungs)
    return bench


async def test_each_of_two_outputs_is_tried_daily(outputs):
    asked = []
    outputs.channels._ask = lambda name, command: asyncio.sleep(0, asked.append(command))
    for _ in range(4):
        await outputs.look(WAITS.settle)
    assert asked == [STAIRS, DOOR], "each once, and not again on the same day"
    await outputs.look(outputs.home.config.times.self_test)
    await outputs.look(1)
    assert asked[2:] == [STAIRS, DOOR]
    await outputs.channels.close()


@pytest.mark.parametrize("why", ["unplugged", "not_set_up", "failed"])
@pytest.mark.parametrize("found", ["call", "test"])
async def test_an_output_that_is_dead_says_nothing_of_the_other(outputs, why, found):
    if found == "call":
        assert outputs.ends(DOOR, Ran(False, "", why)) == [], "whose it is each one's test tells"
    said = {STAIRS: WELL, DOOR: Ran(False, "", why)}

    async def answers(command, *, says=False):
        return said[command]

    outputs.callers.ask = answers
    for _ in range(4):
        await outputs.look(WAITS.settle)
    assert [(fact.turn, fact.device) for fact in fakes.turn(outputs.notes, outputs.clock)] == [("raised", f"{SWITCH} (door)")]
    outputs.channels.look(outputs.clock.now())
    assert outputs.pipeline.down == {DOOR}
    said[DOOR] = WELL
    await outputs.look(WAITS.ask_again)
    assert [(fact.turn, fact.device) for fact in fakes.turn(outputs.notes, outputs.clock)] == [("cleared", f"{SWITCH} (door)")]
    await outputs.channels.close()
