"""Anything in any order: presses, falls, cancels, orders good and bad, receipts, time, restarts of both sorts.

After each step the journal's bytes alone must say how everything stands, and nobody may have been forgotten.
"""

from gateway.judge.alarm import Outcome
from gateway.judge.book import AlarmFact
from gateway.judge.dispatch import Rung, left
from gateway.words.instruction import Do, Door, ResultFact
from gateway.words.reading import Kind
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.kit.hand import LADDER, Day

RECEIPT, ANSWER, DISPATCH, ARRIVE, FAMILY, RUNG, REPEAT, TEST, APART = 30, 60, 180, 900, 90, 120, 300, 600, 120
ENDS = ("closed", "cancelled")


class Household(RuleBasedStateMachine):
    """One household on a day when everything happens."""

    @initialize()
    def begin(self):
        self.day = Day()
        self.presses = 0
        self.orders = {}
        self.boots = 0
        self.seen = 0

    # -- what the home does ------------------------------------------------------------------------------------------

    @rule(device=st.sampled_from(["button", "pendant"]), value=st.sampled_from(["press", "hold_press", "hold_release"]))
    def press(self, device, value):
        before = {a.number: a for a in self.day.open}
        entries = self.day.press(device=device, value=value)
        if value == "hold_release":
            assert entries == []
            return
        self.presses += 1
        (entry,) = [e for e in entries if isinstance(e.fact, AlarmFact) and e.fact.alarm.kind == "person.sos"]
        assert entry.fact.alarm.device == device
        assert entry.fact.alarm.state not in {"pre_alarm", *ENDS}
        assert all(a.state != "pre_alarm" for a in self.day.open if not a.test), "SOS raises what was in its grace"
        assert {a.number for a in self.day.open} >= set(before)

    @rule(device=st.sampled_from(["radar", "radar2"]), value=st.booleans())
    def fall(self, device, value):
        ended = {a.number for a in self.day.alarms() if a.state in ENDS}
        # One that somebody has had for long may be another fall.
        was_open = any((a.device, a.kind) == (device, "person.fall") and a.state in {"pre_alarm", "raised"} for a in self.day.open)
        entries = self.day.fall(value, device=device)
        assert {a.number for a in self.day.alarms() if a.state in ENDS} == ended, "a level going back ends nothing"
        if value and was_open:
            assert not [e for e in entries if getattr(e.fact, "move", "") == "danger"]

    @rule(kind=st.sampled_from([Kind.SMOKE, Kind.MOISTURE, Kind.CONTACT_OPEN]), value=st.booleans())
    def other(self, kind, value):
        self.day.hear({Kind.SMOKE: "smoke", Kind.MOISTURE: "water", Kind.CONTACT_OPEN: "door"}[kind], kind, value)

    @rule(flagged=st.booleans())
    def cancel(self, flagged):
        before = {a.number: (a.state, a.kind) for a in self.day.open}
        self.day.cancel(flagged=flagged)
        after = {a.number: a.state for a in self.day.alarms()}
        for number, (state, kind) in before.items():
            may_end = state == "pre_alarm" and kind != "env.water" and not flagged and "button" not in self.day.pipeline.shelves
            assert after[number] == ("cancelled" if may_end else state)

    # -- what people do ----------------------------------------------------------------------------------------------

    @rule(
        do=st.sampled_from([Do.ACKNOWLEDGE, Do.DISPATCH, Do.DECLINE, Do.RECALL, Do.ARRIVE, Do.CLOSE, Do.SILENCE]),
        which=st.integers(0, 5),
        by=st.sampled_from(["Wang", "Wang", "Wang", " "]),
        responder=st.sampled_from(["Li", "Li", ""]),
        outcome=st.sampled_from([*map(str, Outcome), "", "fine"]),
        seconds=st.sampled_from([0.0, 120.0, 7200.0, 1e6]),
        order=st.integers(0, 25),
    )
    def tell(self, do, which, by, responder, outcome, seconds, order):
        ids = [a.id for a in reversed(self.day.alarms())]
        alarm = ids[which] if which < len(ids) else "j1-a999"
        more = {"alarm": alarm, "responder": responder, "outcome": outcome, "seconds": seconds}
        entries = self.day.tell(do, by=by, order=f"o{order}", **more)
        if f"o{order}" in self.orders:
            assert entries == [], "once, whatever it says the second time"
            return
        self.orders[f"o{order}"] = entries[-1].fact
        result = entries[-1].fact
        assert isinstance(result, ResultFact)
        assert (result.refused == "") is (len(entries) == 2)
        assert bool(result.zh) is bool(result.en) is bool(result.refused)

    @rule(
        do=st.sampled_from([Do.SHELVE, Do.AWAY, Do.TEST, Do.CONFIRM]),
        device=st.sampled_from(["radar", "button", "door", "attic", ""]),
        door=st.sampled_from([Door.LOCAL, Door.PLATFORM]),
        seconds=st.sampled_from([0.0, 100.0, 7200.0, 1e5]),
        reason=st.sampled_from(["", "repair"]),
    )
    def mask(self, do, device, door, seconds, reason):
        open_before = {a.number for a in self.day.open}
        entries = self.day.tell(do, device=device, door=door, seconds=seconds, reason=reason)
        assert isinstance(entries[-1].fact, ResultFact)
        assert open_before <= {a.number for a in self.day.open}

    @rule(part=st.sampled_from(["all", "newest", "oldest", "beyond"]))
    def receipt(self, part):
        last = len(self.day.entries)
        numbers = {"all": (), "newest": (last,), "oldest": tuple(range(1, last // 2 + 1)), "beyond": (last + 1,)}[part]
        self.day.receipt(*numbers)
        self.day.receipted.discard(last + 1)

    @precondition(lambda self: self.day.open)
    @rule(ok=st.booleans(), which=st.integers(0, 3))
    def called_back(self, ok, which):
        alarm = self.day.open[which % len(self.day.open)]
        for index, call in enumerate(alarm.calls):
            if call.channel == "program" and call.delivery == "waiting":
                self.day.called_back(alarm.number, index, ok=ok)
                return

    # -- time and power ----------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 5.0, 29.0, 31.0, 61.0, 130.0, 400.0, 1000.0]))
    def wait(self, seconds):
        self.day.wait(seconds)

    @rule(other_boot=st.booleans())
    def restart(self, other_boot):
        before = {a.number: a for a in self.day.open}
        shelved = set(self.day.pipeline.shelves)
        self.day.restart(other_boot=other_boot)
        after = {a.number: a for a in self.day.open}
        assert set(before) <= set(after), "a restart closes nothing"
        # ... and opens nothing but what was withheld while its device was shelved, where the shelf has not outlived it.
        assert all(other_boot and a.device in shelved for n, a in after.items() if n not in before)
        for number, alarm in before.items():
            assert after[number].state == ("raised" if alarm.state == "pre_alarm" else alarm.state)
            assert (after[number].by == alarm.by) or alarm.state == "pre_alarm"
        self.day.wait(0)  # what became due while the power was off is done at once

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def the_journal_alone_says_how_everything_stands(self):
        # A fault entry touches no alarm; calls' delivery changes without an entry of their own.
        told = {a.number: (a.state, a.count, a.condition_active, a.rung, a.by) for a in self.day.alarms() if a.state not in ENDS}
        here = {a.number: (a.state, a.count, a.condition_active, a.rung, a.by) for a in self.day.open}
        assert told == here

    @invariant()
    def every_ended_alarm_says_how_by_whom_and_when(self):
        for entry in self.day.entries[self.seen :]:
            if not isinstance(entry.fact, AlarmFact) or entry.fact.alarm.open:
                continue
            alarm = entry.fact.alarm
            assert entry.fact.move in {"close", "cancel", "clear"}
            assert alarm.by.strip()
            assert alarm.state in alarm.stages
            if alarm.state == "closed":
                assert alarm.outcome is not None
                assert (alarm.outcome == "test") is alarm.test
            else:
                assert entry.fact.before == "pre_alarm" or entry.fact.move == "clear"
                assert "alarm" not in alarm.stages
        self.seen = len(self.day.entries)

    @invariant()
    def nobody_waits_longer_than_promised(self):
        now = self.day.clock.mono
        for alarm in self.day.open:
            if alarm.test:
                assert now - alarm.since.mono < TEST
                assert {c.rung for c in alarm.calls} == {0}, "a test never reaches the ladder"
            elif alarm.state == "pre_alarm":
                assert now - alarm.since.mono < alarm.grace
            elif alarm.priority > 1:
                continue
            elif alarm.state == "raised":
                by_rung = (ANSWER if "push" in alarm.stages else RECEIPT, FAMILY, RUNG, REPEAT)
                everybody_called = not left(alarm, (Rung("platform"), *LADDER))
                called_anew = any(c.reason == "interrupted" and now - c.mono < APART for c in alarm.calls)
                assert now - alarm.called < (REPEAT if everybody_called else by_rung[alarm.rung]) or called_anew
            elif alarm.state == "acknowledged":
                assert now - alarm.since.mono < DISPATCH
            elif alarm.state == "dispatched":
                assert now - alarm.since.mono < (alarm.expected or ARRIVE)
                assert alarm.expected <= 7200

    @invariant()
    def no_press_was_lost_and_no_receipt_said_twice(self):
        facts = [e.fact for e in self.day.entries if isinstance(e.fact, AlarmFact)]
        sos = [f for f in facts if f.alarm.kind == "person.sos" and f.move in {"raise", "count"}]
        assert len(sos) == self.presses
        said = [f.alarm.number for f in facts if f.move == "receipt"]
        assert len(said) == len(set(said))

    @invariant()
    def each_order_has_one_result(self):
        results = [e.fact.instruction.id for e in self.day.entries if isinstance(e.fact, ResultFact)]
        assert len(results) == len(set(results))


Household.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
TestHousehold = Household.TestCase
