"""Setting up a wired device, alone: what went wrong is a word, a radar's line is lent for as long as it takes, and the visit is told."""

import contextlib
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from drivers import all_models
from gateway.hear import wired_setup
from gateway.hear.wired_setup import Ear, Fitting, why_not
from gateway.judge.faults.fault import Faults
from gateway.judge.notes import Notes
from gateway.words import kind
from gateway.words.clock import Moment, Quality
from gateway.words.driver import Chunk
from gateway.words.instruction import Do, Door, Instruction
from gateway.words.times import Times

MODELS = all_models()
AT = Moment(7.0, datetime(2026, 11, 29, tzinfo=UTC), Quality.SYNCHRONISED)


class Bench:
    """A fitting, and what it said and lent."""

    def __init__(self, instruction, device=None):
        self.lent_for, self.changes, self.told = [], 0, []
        faults = Faults({}, Times())
        self.notes = Notes(faults, lambda facts, _at: self.told.extend(facts) or [], lambda: None)
        self.fitting = Fitting(instruction, MODELS, device, notes=self.notes, lent=self.lent, changed=self.changed)

    @contextlib.asynccontextmanager
    async def lent(self, device):
        self.lent_for.append(device)
        yield
        self.lent_for.append("back")

    def changed(self):
        self.changes += 1

    async def run(self):
        await self.fitting.run()
        for note in self.notes.take():
            note(AT)
        return self.fitting.status()


async def test_a_port_that_is_gone_is_said_and_no_visit_told(tmp_path):
    bench = Bench(Instruction(id="i1", do=Do.ASK_PORT, by="Li", door=Door.LOCAL, port=str(tmp_path / "usb-1")))
    facts = await bench.run()
    assert (facts.over, facts.trouble, facts.port) == (True, "gone", str(tmp_path / "usb-1"))
    assert (bench.told, bench.lent_for) == ([], [])
    assert bench.changes >= 1, "who watches is told"


def radar(at):
    model = next(m for m in MODELS.values() if m.settings)
    return SimpleNamespace(id="radar", model=model, at=str(at))


async def test_a_radar_that_cannot_be_set_has_its_line_lent_and_the_visit_told(tmp_path):
    device = radar(tmp_path / "usb-1")
    bench = Bench(Instruction(id="i2", do=Do.ADJUST, by="Li", door=Door.LOCAL, device="radar"), device)
    facts = await bench.run()
    assert facts.over
    assert facts.trouble
    assert bench.lent_for[0] == "radar"
    (visit,) = bench.told
    assert (visit.kind, visit.device, visit.detail["what"], visit.detail["by"]) == (kind.VISIT, "radar", "adjust", "Li")
    assert (visit.detail["well"], visit.detail["trouble"]) == (False, facts.trouble)


async def test_a_mistake_of_ours_is_a_failure_and_no_more(tmp_path):
    bench = Bench(Instruction(id="i3", do=Do.ADJUST, by="Li", door=Door.LOCAL, device="radar"), radar(tmp_path))
    bench.fitting._lent = lambda _device: None
    assert (await bench.run()).trouble == "failed"
    assert bench.told[0].detail["trouble"] == "failed"


def alarm(**more):
    return SimpleNamespace(**({"device": "radar", "state": wired_setup.State.RAISED, "test": False} | more))


@pytest.mark.parametrize(
    ("open_alarm", "refused"),
    [
        (alarm(), True),
        (alarm(state=wired_setup.State.PRE_ALARM), True),
        (alarm(test=True), False),
        (alarm(device="other"), False),
        (alarm(state=wired_setup.State.ACKNOWLEDGED), False),
    ],
)
def test_a_line_is_not_let_go_of_while_its_alarm_waits_for_an_answer(open_alarm, refused, tmp_path):
    assert bool(why_not([open_alarm], radar(tmp_path))) is refused


def test_noise_is_understood_by_nobody_and_each_question_is_asked_once():
    models = [m for m in MODELS.values() if (how := wired_setup.speed(m)) is not None and how.baud == 115200]
    ear = Ear("/dev/x", models)
    asks = ear.chunk(Chunk(port="/dev/x", data=b"", opened=True))
    assert asks == ear.questions()
    assert ear.chunk(Chunk(port="/dev/x", data=bytes(range(256)))) == b""
    assert ear.understood() == []
