"""Silence that counts: over restarts, whatever the clock says; not while the gateway was off, nor while a receiver was gone."""

from __future__ import annotations

import random

import pytest
from gateway.judge.faults.fault import Faults
from gateway.judge.faults.silence import NAMED, Silences, Supervised, read
from gateway.judge.waits import WAITS
from gateway.words.clock import Quality
from gateway.words.times import Times

from tests.kit.hand import HandClock

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
DEVICES = {
    d.device: d
    for d in (
        Supervised(device="smoke", missing_after=25 * HOUR, vital=True, slow=True),
        Supervised(device="door", missing_after=3 * HOUR),
        Supervised(device="rf", missing_after=150.0),
        Supervised(device="cord", vital=True, via="rf"),
        Supervised(device="window", via="rf"),
        Supervised(device="z2m", missing_after=HOUR),
        *(Supervised(device=f"z{n}", missing_after=3 * HOUR, via="z2m") for n in range(12)),
    )
}


class Home:
    """Faults over many boots. `lives` are the devices that are heard at each look."""

    def __init__(self, devices=DEVICES, quality=Quality.UNSURE):
        self.devices, self.clock = devices, HandClock(quality=quality)
        self.mark, self.on = "", {}
        self.lives = set()
        self.gone = set()
        self.boot()

    def boot(self, off=0.0, heard_ago=None):
        self.clock.move(off)
        self.faults = Faults(self.devices, Times())
        self.faults.start(self.clock.now(), self.on, read(self.mark), {}, heard_ago)
        self.faults.link_wanted(None)

    def wait(self, seconds, step=30.0):
        """Return (hours since the call, what was said of devices)."""
        out, begin = [], self.clock.mono
        while self.clock.mono < begin + seconds - 1e-6:
            self.clock.move(min(step, begin + seconds - self.clock.mono))
            for device in self.lives:
                self.faults.heard_at[device] = self.clock.mono
            self.faults.silences.cut(self.gone, self.clock.now())
            facts = self.faults.tick(self.clock.now())
            out += [(round((self.clock.mono - begin) / HOUR, 2), f) for f in facts if f.kind == "device.missing"]
        self.mark, self.on = self.faults.silences.mark(self.clock.now()), dict(self.faults.on)
        return [(at, f.device, f.turn.value, int(f.priority), f.detail.get("behind", "")) for at, f in out]


def only(*names):
    return {name: DEVICES[name] for name in names}


@pytest.mark.parametrize("quality", list(Quality))
def test_a_sensor_that_is_dead_is_told_although_the_power_fails_each_night(quality):
    """It was not in a home whose clock is unsure at each start: what had been silent was as good as just heard."""
    home = Home(only("smoke", "door"), quality)
    home.lives = {"door"}
    said = []
    for _ in range(4):
        said += home.wait(18 * HOUR)
        home.boot(off=6 * HOUR)
    assert said == [(7.0, "smoke", "raised", 2, "")], "after 25 hours in which it could have been heard"


def test_nobody_is_missing_for_the_time_in_which_the_gateway_was_off():
    home = Home(only("smoke", "door"))
    home.lives = {"smoke", "door"}
    home.wait(HOUR)
    home.boot(off=10 * DAY, heard_ago=dict.fromkeys(home.devices, 10 * DAY))
    home.lives = {"door"}
    now = home.clock.now()
    assert home.faults.silences.of("smoke", now) == 0
    assert now.mono - home.faults.heard_at["smoke"] == 10 * DAY, "when it was heard is shown as it was"
    assert home.wait(24 * HOUR) == []
    home.lives.add("smoke")
    assert home.wait(DAY) == []


def test_what_an_earlier_version_wrote_down_counts_as_it_did():
    home = Home(only("smoke", "door"))
    home.boot(heard_ago={"smoke": 20 * DAY, "door": 10.0})
    home.lives = {"door"}
    assert home.wait(HOUR) == [(0.5, "smoke", "raised", 2, "")]


def test_after_a_start_each_device_can_be_heard_first_but_not_for_ever():
    home = Home(only("door"))
    home.wait(3 * HOUR - MINUTE)
    home.boot(off=HOUR)
    assert home.wait(HOUR) == [(WAITS.hear_first / HOUR, "door", "raised", 3, "")]
    often = Home(only("door"))
    said, powered = [], 0.0
    while not said:
        said = often.wait(20 * MINUTE)
        often.boot(off=5 * MINUTE)
        powered += 20 * MINUTE
    assert 3 * HOUR < powered <= 3 * HOUR + WAITS.hear_first + 20 * MINUTE, "power that comes and goes hides nobody"


def test_who_was_missing_stays_missing_over_a_restart_and_is_back_when_heard():
    home = Home(only("door"))
    assert len(home.wait(4 * HOUR)) == 1
    home.boot(off=HOUR)
    assert home.wait(HOUR) == []
    home.lives = {"door"}
    assert [turn for _, _, turn, *_ in home.wait(MINUTE)] == ["cleared"]


def test_a_receiver_with_a_vital_device_behind_it_is_p2_and_names_who_is_behind_it():
    home = Home(only("rf", "cord", "window"))
    home.lives = {"rf"}
    home.wait(HOUR)
    home.lives.clear()
    ((at, *said),) = home.wait(HOUR, step=5)
    assert at * HOUR <= 3 * MINUTE
    assert said == ["rf", "raised", 2, "cord, window"]
    alone = Home({"rf": DEVICES["rf"], "window": DEVICES["window"]})
    assert [said[3] for said in alone.wait(HOUR)] == [3]


def test_a_broker_that_is_gone_is_one_fault_that_names_the_devices_behind_it():
    home = Home(only("z2m", *(f"z{n}" for n in range(12))))
    home.lives = set(home.devices)
    home.wait(HOUR)
    home.lives, home.gone = set(), {"z2m"}
    ((at, device, turn, priority, behind),) = home.wait(DAY)
    assert (device, turn, priority, behind.split(", ")) == ("z2m", "raised", 3, [f"z{n}" for n in range(12)])
    assert WAITS.line_silent <= at * HOUR <= WAITS.line_silent + MINUTE, "no life hangs on it"
    home.lives, home.gone = {"z2m"}, set()
    assert [said[1:3] for said in home.wait(HOUR)] == [("z2m", "cleared")], "the others have their own time from now on"
    assert {said[1] for said in home.wait(3 * HOUR)} == {f"z{n}" for n in range(12)}, "but not for ever"


def test_a_receiver_that_is_silent_without_being_cut_takes_those_behind_it_along_too():
    home = Home(only("z2m", *(f"z{n}" for n in range(12))))
    home.lives = set(home.devices)
    home.wait(HOUR)
    home.lives = set()
    assert [said[1] for said in home.wait(DAY)] == ["z2m"]
    home.boot(off=HOUR)
    assert home.wait(DAY) == [], "nor after a restart"


def test_a_fault_names_twenty_at_most():
    many = {"rf": DEVICES["rf"]} | {f"w{n}": Supervised(device=f"w{n}", via="rf") for n in range(50)}
    ((*_, behind),) = Home(many).wait(HOUR)
    assert behind.count("w") == NAMED
    assert behind.endswith("+30")


@pytest.mark.parametrize("seed", range(20))
def test_however_power_and_receivers_come_and_go_silence_is_what_could_have_been_heard(seed):
    dice = random.Random(seed)
    home = Home(only("door", "z2m", "z0"))
    truth = dict.fromkeys(home.devices, 0.0)
    for _ in range(60):
        home.lives = {d for d in ("door", "z2m") if dice.random() < 0.5}
        home.lives |= {"z0"} if "z2m" in home.lives and dice.random() < 0.3 else set()
        for _ in range(dice.randrange(1, 40)):
            home.wait(30)
            for d in home.devices:
                truth[d] = 0.0 if d in home.lives else truth[d] + 30
        now = home.clock.now()
        for d in home.devices:
            silent = home.faults.silences.of(d, now)
            assert 0 <= silent <= truth[d] + 1e-6, (d, silent, truth[d])
        assert home.faults.silences.of("door", now) == pytest.approx(truth["door"], abs=15)
        if dice.random() < 0.3:
            home.boot(off=dice.randrange(1, 100_000))
            truth = {d: home.faults.silences.of(d, home.clock.now()) for d in home.devices}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"door": "x"}', '{"door": -1}', '{"door": null}', '{"door": NaN}', '{"door": 1e999}'])
def test_a_damaged_mark_is_as_none(text):
    assert read(text) == {}


def test_devices_come_and_go():
    clock = HandClock()
    silences = Silences(DEVICES)
    silences.start(clock.now(), {"door": 100.0}, {}, set())
    clock.move(50)
    silences.change(only("door", "smoke"), {"smoke"}, clock.now())
    assert (silences.of("door", clock.now()), silences.of("smoke", clock.now())) == (150, 0)
    assert set(silences.heard_at) == {"door", "smoke"}
    assert silences.since_start(clock.now()) == {"smoke": 0.0}
