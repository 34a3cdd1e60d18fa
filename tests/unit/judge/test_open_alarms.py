"""What is due next on the open alarms is known without looking at each of them, and is what a walk over all would say."""

from math import inf

from gateway.judge.dispatch import PLATFORM, PROGRAM, Rung, due_at, step
from gateway.words.instruction import Do
from gateway.words.times import Times
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.hand import LADDER, Day

LADDERS = (LADDER, LADDER[:1], (), (*LADDER, Rung("niece", PROGRAM, 60.0, ("/bin/sms",))))
TIMES = (Times(), Times(acknowledge_p1=20, dispatch_p1=60, receipt=10, on_site_close=900, silence=60))
ORDERS = (Do.ACKNOWLEDGE, Do.DISPATCH, Do.DECLINE, Do.RECALL, Do.ARRIVE, Do.CLOSE, Do.SILENCE)
ACTS = st.one_of(
    st.tuples(st.just("press"), st.sampled_from(["button", "pendant", "onebutton"])),
    st.tuples(st.just("fall"), st.sampled_from([("radar", True), ("radar", False), ("radar2", True)])),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 5.0, 31.0, 61.0, 130.0, 700.0, 2000.0])),
    st.tuples(st.just("order"), st.tuples(st.sampled_from(ORDERS), st.integers(0, 3))),
    st.tuples(st.just("test"), st.none()),
    st.tuples(st.just("receipt"), st.none()),
    st.tuples(st.just("called"), st.booleans()),
    st.tuples(st.just("away"), st.booleans()),
    st.tuples(st.just("change"), st.tuples(st.sampled_from(LADDERS), st.sampled_from(TIMES))),
    st.tuples(st.just("restart"), st.booleans()),
)


def do(day, act, more):
    """Carry out one act of the list above."""
    alarms = day.open
    if act == "press":
        day.press(device=more)
    elif act == "fall":
        day.fall(more[1], device=more[0])
    elif act == "wait":
        day.wait(more)
    elif act == "order" and alarms:
        what, which = more
        day.tell(what, alarm=alarms[which % len(alarms)].id, responder="family", outcome="helped", seconds=300.0)
    elif act == "test":
        day.tell("test")
    elif act == "receipt":
        day.receipt()
    elif act == "called":
        calls = [(a.number, n) for a in alarms for n, call in enumerate(a.calls) if call.delivery == "waiting" and call.channel == PROGRAM]
        for number, index in calls[:1]:
            day.called_back(number, index, ok=more)
    elif act == "away":
        day.take(day.pipeline.platform(away=more))
    elif act == "change":
        day.home.ladder, day.home.times = more
        rooms = {w.device: w.room for w in day.home.watches}
        day.take(day.pipeline.rearrange(devices=rooms, ladder=more[0], times=more[1], ended=(), now=day.clock.now()))
    elif act == "restart":
        day.restart(other_boot=more)


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(ACTS, min_size=15, max_size=40))
def test_what_is_due_next_is_what_a_walk_over_every_open_alarm_says(acts):
    day = Day()
    away = False
    for act, more in acts:
        do(day, act, more)
        away = False if act == "restart" else more if act == "away" else away
        ladder, times = (Rung(PLATFORM), *day.home.ladder), day.pipeline._alarms.times
        assert times.receipt == (min(day.home.times.receipt, day.home.times.receipt_away) if away else day.home.times.receipt)
        alarms = day.pipeline._alarms
        walked = min((due_at(alarm, ladder, times) for alarm in day.open), default=inf)
        assert min(walked, alarms.counting.due()) == alarms.due()
        for ahead in (0.0, 60.0, 5000.0):
            then = day.clock.now().later(day.clock.mono + ahead)
            steps = [(alarm, step(alarm, ladder, times, then.mono)) for alarm in day.open]
            assert list(alarms.steps(then)) == [(alarm, what) for alarm, what in steps if what is not None]


def test_what_is_due_is_kept_when_another_journal_begins():
    day = Day()
    day.press()
    due = day.pipeline.due_of_alarms()
    assert due < inf
    day.pipeline.renumber("j2", [], day.clock.now())
    assert day.pipeline.due_of_alarms() == due
