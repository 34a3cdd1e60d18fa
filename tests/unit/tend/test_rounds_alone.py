"""Rounds alone: the daily self-test at the home's own hour, devices nobody tried, certificates that end."""

from types import SimpleNamespace

import pytest
from gateway.tend.rounds import MARK, Rounds
from gateway.tend.waits import WAITS
from gateway.words import kind
from gateway.words.clock import Quality
from gateway.words.times import Times

from tests.kit.hand import Day, HandClock
from tests.unit.tell.fakes import Pipeline, home, notes, turn

DAY = 86400.0


def button():
    return SimpleNamespace(
        id="button",
        watch=SimpleNamespace(roles=frozenset(), unnamed="sos"),
        supervised=SimpleNamespace(vital=True),
        model=SimpleNamespace(general=False),
    )


class Made:
    def __init__(self, clock=None, mark="", *, replays=False, **config):
        self.clock, self.pipeline, self.ends = clock or HandClock(), Pipeline(), None
        self.pipeline.self_test = lambda _now: ["self-test"]
        self.notes = notes(self.pipeline)
        self.home = home(file=lambda _: None, **config)
        self.rounds = Rounds(
            mark,
            home=self.home,
            clock=self.clock,
            notes=self.notes,
            pipeline=self.pipeline,
            firsts=SimpleNamespace(told=lambda _: frozenset()),
            broker_ends=lambda: self.ends,
            replays=replays,
        )

    def look(self, seconds=0.0):
        self.clock.move(seconds)
        return self.rounds.look(self.clock.now())

    def kinds(self, seconds=0.0):
        return [(e.fact.kind, e.fact.device, e.fact.turn) for e in self.look(seconds)]

    def mark(self):
        return self.rounds.marks(self.clock.now()).get(MARK, "")


def platform(*, tls=False):
    return SimpleNamespace(host="first", port=8883, receipts="platform", tls=tls, ca=None, certificate=None)


def test_a_self_test_comes_once_a_day_and_not_before_the_home_has_settled():
    made = Made(platform=platform())
    period = Times().self_test
    assert made.look(WAITS.settle - 1) == []
    assert made.look(period) == ["self-test"]
    assert made.look(60) == []
    assert made.look(period) == ["self-test"]


def test_a_restart_brings_no_self_test_forward():
    made = Made(platform=platform())
    assert made.look(Times().self_test + WAITS.settle) == ["self-test"]
    after = Made(made.clock, made.mark(), platform=platform())
    assert after.look(WAITS.settle) == []
    assert after.look(Times().self_test) == ["self-test"]


@pytest.mark.parametrize("how", [{}, {"platform": platform(), "replays": True}])
def test_without_a_platform_and_on_a_recorded_day_there_is_none(how):
    assert Made(**how).look(10 * DAY) == []


def test_a_device_that_nobody_tried_is_told_until_its_call_has_a_receipt():
    made = Made(devices=(button(),), platform=platform(), replays=True)
    assert made.kinds() == []
    assert made.kinds(Times().test_due + WAITS.untried) == [(kind.TEST_DUE, "button", "raised")]
    assert made.kinds(WAITS.untried) == [], "once"
    day = Day()
    (raised,) = day.press()
    made.rounds.committed(raised)
    assert turn(made.notes, made.clock) == [], "there is a platform: its receipt counts"
    (taken,) = day.receipt(raised.number)
    made.rounds.committed(taken)
    assert [(f.kind, f.turn) for f in turn(made.notes, made.clock)] == [(kind.TEST_DUE, "cleared")]
    assert made.kinds(WAITS.untried) == []


def test_a_clock_that_nobody_confirms_counts_what_this_start_has_seen_only():
    made = Made(devices=(button(),))
    made.look()
    mark = made.mark()
    later = HandClock(made.clock.move(2 * Times().test_due).wall, quality=Quality.UNSURE)
    after = Made(later, mark, devices=(button(),))
    assert after.kinds() == []
    later.quality = Quality.SYNCHRONISED
    assert after.kinds(WAITS.untried) == [(kind.TEST_DUE, "button", "raised")]


def test_a_certificate_that_ends_soon_is_told_and_a_new_one_ends_that():
    made = Made(platform=platform(tls=True))
    made.ends = made.clock.now().wall.timestamp() + WAITS.paper_ends - DAY
    assert [k for k in made.kinds() if k[0] == kind.CERTIFICATE_ENDS] == [(kind.CERTIFICATE_ENDS, "broker", "raised")]
    made.ends += 90 * DAY
    facts = [e for e in made.look(WAITS.papers) if e != "self-test"]
    assert [(e.fact.kind, e.fact.turn) for e in facts] == [(kind.CERTIFICATE_ENDS, "cleared")]


def drilled(made):
    fact = made.pipeline.faults.note(kind.VISIT, made.clock.now(), "pendant", what="drill")
    made.rounds.committed(SimpleNamespace(fact=fact))


def test_a_home_that_has_had_a_drill_is_told_when_the_next_is_due_and_no_other():
    made = Made()
    assert made.kinds() == []
    assert made.kinds(10 * Times().test_due) == [], "whoever has none is not asked for it"
    drilled(made)
    assert made.kinds(Times().test_due - WAITS.untried) == []
    after = Made(made.clock, made.mark())
    assert after.kinds(2 * WAITS.untried) == [(kind.DRILL_DUE, "", "raised")], "over a restart"
    drilled(after)
    assert [(f.kind, f.turn) for f in turn(after.notes, after.clock)] == [(kind.DRILL_DUE, "cleared")]
    assert after.kinds(WAITS.untried) == []
