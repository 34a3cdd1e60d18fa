"""Anything in any order: no danger of a silence without a question that nobody answered, and none asked at a wrong hour."""

from gateway.words.clock import Quality
from gateway.words.reading import Kind
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.judge.silence.home import Home

ROOMS = st.sampled_from(["hall", "bedroom", "bath"])


class Day(RuleBasedStateMachine):
    """One home, in which people move, leave, come back, are away, and the gateway restarts."""

    @initialize(learnt=st.sampled_from([0, 50, 120]), wandering=st.booleans())
    def begin(self, learnt, wandering):
        self.home = Home(learnt=learnt, wandering=wandering).gets_up()
        self.wandering = wandering
        self.gone = -1.0  # until when she is away
        self.signs = [self.home.mono]

    def sign(self):
        self.signs.append(self.home.mono)

    @rule(room=ROOMS)
    def moves(self, room):
        self.home.moves(room)
        self.sign()

    @rule()
    def goes_through_the_door(self):
        self.home.door()
        self.sign()

    @rule(value=st.sampled_from(["press", "double_press"]))
    def presses(self, value):
        self.home.hear("button", Kind.BUTTON, value)
        self.sign()

    @rule(minutes=st.sampled_from([1, 2, 5, 30, 61, 130, 400]))
    def time_passes(self, minutes):
        self.home.wait(minutes)

    @rule(hours=st.sampled_from([1, 5, 30]))
    def is_away(self, hours):
        self.gone = self.home.mono + 3600 * hours
        self.home.away(3600 * hours)
        self.home.wait(2)

    @rule()
    def restarts(self):
        if not self.home.pipeline.away.lasts(self.home.now):  # its own mark holds that
            self.home.restart()

    @rule(sure=st.booleans())
    def the_clock_is(self, sure):
        self.home.quality = Quality.SYNCHRONISED if sure else Quality.UNSURE

    @invariant()
    def only_what_nobody_answered_is_a_danger(self):
        if not hasattr(self, "home"):
            return
        for kind, at in self.home.raised:
            if kind == "person.night_exit" and self.wandering:
                continue
            first, second = [(times, when) for about, times, when, *_ in self.home.asked if about == kind and when < at][-2:]
            assert (first[0], second[0]) == (1, 2)
            assert not [s for s in self.signs if first[1] <= s < at], "somebody was heard, and an alarm was raised"

    @invariant()
    def nobody_is_asked_at_night_but_of_the_door(self):
        for about, times, _, local, sure in self.home.asked if hasattr(self, "home") else ():
            late = local.hour >= 22 or local.hour < 7
            # asked again in its time it is the evening's question still; with an unsure clock no hour is known
            assert not (late and sure and times == 1) or about == "person.night_exit"

    @invariant()
    def one_question_at_a_time_and_a_budget_that_holds(self):
        if hasattr(self, "home"):
            assert self.home.silence.state.budget.left <= 3.0
            assert len(self.home.silence.state.scene.signs) <= 64


TestDay = Day.TestCase
TestDay.settings = settings(max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
