"""What can be switched, for how long, and that it is off at the end whatever happens meanwhile."""

import itertools
import os

import pytest
from gateway.box.private import NotSetUp
from gateway.relay.outputs import CoilAt, PinAt, Unplugged, opened, place
from gateway.relay.switch import NOT_SET_UP, hold, main, span
from gateway.relay.waits import WAITS
from gpiozero.pins.mock import MockFactory

from tests.kit.waits import changed

LINE = "/dev/serial/by-id/usb-1"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("gpio:17", PinAt(17)),
        ("gpio:0?low=1", PinAt(0, low=True)),
        (LINE, CoilAt(LINE)),
        (f"{LINE}?unit=3&coil=8&baud=19200", CoilAt(LINE, 3, 8, 19200)),
    ],
)
def test_an_output_is_a_pin_or_a_coil(text, at):
    assert place(text) == at


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gpio:28",
        "gpio:-1",
        "gpio:17,27",
        "gpio:17?high=1",
        "gpio:17?low=maybe",
        "GPIO17",
        "dev/ttyUSB0",
        "/dev/../etc/passwd",
        f"{LINE}?unit=0",
        f"{LINE}?coil=0",
        f"{LINE}?baud=300",
        f"{LINE}?unit",
        f"{LINE}?port=/dev/other",
        "/" + "x" * 300,
        "gpio:1\n",
    ],
)
def test_what_is_none_says_what_was_expected(text):
    with pytest.raises(NotSetUp, match="gpio:17"):
        place(text)


@pytest.mark.parametrize("low", [False, True])
def test_a_pin_is_off_when_it_is_opened_and_follows(low):
    factory = MockFactory()
    output = opened(PinAt(17, low=low), factory=factory)
    pin = factory.pin(17)
    states = [pin.state]
    for on in (True, True, False):
        output.switch(on=on)
        states.append(pin.state)
    assert states == [low, not low, not low, low]
    with pytest.raises(Unplugged, match="another program"):
        opened(PinAt(17), factory=factory)
    output.close()
    assert pin.function == "input", "what it drives falls off"


# -- for how long ------------------------------------------------------------------------------------------------------------


class Lamp:
    """An output that remembers; `fails`: so many attempts to switch it off fail. `ends`: the pipe that ends with the sixth switch."""

    def __init__(self, fails=0, lost=False, ends=None):
        self.seen, self.closed, self.fails, self.lost, self.ends = [], False, fails, lost, ends

    def switch(self, *, on):
        if self.ends is not None and len(self.seen) == 5:
            self.ends.end()
        if on and self.lost:
            raise Unplugged("the line is gone")
        if not on and self.fails:
            self.fails -= 1
            raise Unplugged("no answer")
        self.seen.append(on)

    def close(self):
        self.closed = True


class Pipe:
    """What ends with whoever began it."""

    def __init__(self):
        self.gone, self._ours = os.pipe()
        self._open = True

    def end(self):
        if self._open:
            self._open = False
            os.close(self._ours)


@pytest.fixture
def pipe():
    pipe = Pipe()
    yield pipe
    pipe.end()
    os.close(pipe.gone)


def test_it_is_told_again_and_off_at_the_end(pipe):
    lamp = Lamp(ends=pipe)
    with changed("relay", refresh=0.1):
        hold(lamp, 3600, (0, 0), pipe.gone)
    assert (lamp.seen, lamp.closed) == ([True] * 6 + [False], True)
    lamp = Lamp()
    hold(lamp, 0.0, (0, 0), pipe.gone)
    assert (lamp.seen, lamp.closed) == ([False], True)


def test_a_light_that_flashes_goes_on_and_off_in_turn(pipe):
    lamp = Lamp(ends=pipe)
    with changed("relay", refresh=5.0):
        hold(lamp, 3600, (0.02, 0.02), pipe.gone)
    assert [on for on, _ in itertools.groupby(lamp.seen)][:3] == [True, False, True]
    assert lamp.seen[-1] is False


def test_it_is_off_as_soon_as_who_began_it_is_gone(pipe):
    pipe.end()
    lamp = Lamp()
    hold(lamp, 3600, (0, 0), pipe.gone)
    assert (lamp.seen, lamp.closed) == ([False], True), "it was never on"


def test_a_line_that_is_silent_for_a_while_does_not_end_the_run(pipe):
    class Glitch(Lamp):
        def switch(self, *, on):
            super().switch(on=on)
            if len(self.seen) in {2, 3}:
                raise Unplugged("no answer")

    lamp = Glitch(ends=pipe)
    with changed("relay", refresh=0.1):
        hold(lamp, 3600, (0, 0), pipe.gone)
    assert lamp.seen == [True] * 6 + [False]


def test_to_switch_off_is_tried_again_and_a_line_that_is_gone_is_said(pipe):
    lamp = Lamp(fails=2)
    hold(lamp, 0.0, (0, 0), pipe.gone)
    assert lamp.seen == [False]
    for lamp in (Lamp(fails=10**9), Lamp(lost=True)):
        with changed("relay", off=0.1), pytest.raises(Unplugged):
            hold(lamp, 0.05, (0, 0), pipe.gone)
    assert lamp.seen == [False], "lost while it was on: switched off all the same"


@pytest.mark.parametrize(
    ("environment", "word", "seconds"),
    [
        ({}, None, 60),
        ({"ELDERCARE_QUIET": "1"}, None, 0),
        ({"ELDERCARE_QUIET": "0"}, None, 60),
        ({"ELDERCARE_TEST": "1"}, None, WAITS.trial),
        ({"ELDERCARE_REASON": "try"}, None, WAITS.trial),
        ({"ELDERCARE_TEST": "1", "ELDERCARE_REASON": "self_test"}, "test", 0),
        ({"ELDERCARE_TEST": "1", "ELDERCARE_SAYS": "1"}, "test", WAITS.trial),
    ],
)
def test_for_how_long_it_is_on(environment, word, seconds):
    assert span(environment, word, 60) == seconds


@pytest.mark.parametrize("wrong", [["--seconds", "0"], ["--seconds", "1000"], ["--on", "1"], ["--off", "1"], ["--on", "90", "--off", "1"]])
def test_times_that_are_none_are_not_set_up(wrong, capsys):
    assert main(["--at", "gpio:17", *wrong]) == NOT_SET_UP
    assert "--seconds up to 100" in capsys.readouterr().err
