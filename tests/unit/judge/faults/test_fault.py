"""Technical trouble: said once when it begins, once when it ends, and who notices silence."""

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from gateway.judge.faults.fault import Faults
from gateway.judge.faults.outings import Learned
from gateway.judge.faults.silence import Supervised
from gateway.judge.waits import WAITS
from gateway.words.clock import Quality
from gateway.words.kind import Priority
from gateway.words.reading import Kind, Reading
from gateway.words.times import Times
from msgspec.structs import replace

from tests.kit.hand import HOME_ZONE, NOON, HandClock

DAY = 86400.0
HOUR = 3600.0
DEVICES = {
    "button": Supervised(device="button", room="hall", missing_after=4 * HOUR, vital=True),
    "door": Supervised(device="door", room="hall", missing_after=25 * HOUR),
    "old": Supervised(device="old", room="attic", missing_after=None),
}


class Bench:
    """Faults and a clock; time passes in looks."""

    def __init__(self, quality=Quality.SYNCHRONISED, wall=NOON, known=None, silent_for=None, devices=DEVICES, mark=""):
        self.clock = HandClock(wall, quality=quality)
        self.faults = Faults(devices, Times())
        self.faults.restored(mark)
        self.faults.start(self.clock.now(), known or {}, silent_for or {})
        self.faults.linked(True, self.clock.now())

    def hear(self, device, kind, value):
        self.faults.heard_at[device] = self.clock.mono
        return told(self.faults.heard(Reading(device=device, kind=kind, value=value, at=self.clock.now())))

    def look(self):
        return told(self.faults.tick(self.clock.now()))

    def wait(self, seconds, step=5.0):
        """Return what was said and how many seconds after the call."""
        out, begin = [], self.clock.mono
        while self.clock.mono < begin + seconds:
            self.clock.move(min(step, begin + seconds - self.clock.mono))
            out += [(line, self.clock.mono - begin) for line in self.look()]
        return out


def told(facts):
    return [f"{f.kind} {f.device} {f.turn} P{int(f.priority)}".replace("  ", " ") for f in facts]


def test_silence_is_noticed_by_each_devices_own_limit_and_a_vital_one_is_p2():
    bench = Bench()
    said = bench.wait(26 * HOUR, step=60)
    assert said == [("device.missing button raised P2", 4 * HOUR), ("device.missing door raised P3", 25 * HOUR)]
    assert bench.hear("button", Kind.HEARTBEAT, True) == ["device.missing button cleared P2"]
    assert bench.hear("button", Kind.HEARTBEAT, True) == []
    assert bench.wait(3 * HOUR, step=60) == []


def test_a_packet_that_is_no_reading_also_ends_a_silence():
    bench = Bench()
    bench.wait(4 * HOUR, step=60)
    bench.faults.heard_at["button"] = bench.clock.mono  # a repeat: intake counts it, nothing is judged
    assert bench.wait(5) == [("device.missing button cleared P2", 5.0)]


def test_silence_before_a_restart_counts_where_it_is_known_but_the_gateway_hears_first():
    bench = Bench(silent_for={"button": 4 * HOUR - 30})
    assert bench.wait(WAITS.hear_first + 60) == [("device.missing button raised P2", WAITS.hear_first)]


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ([50, 16, 20, 15], ["raised"]),
        ([15, 14, 15, 3], ["raised"]),
        ([15, 16, 24, 15], ["raised"]),
        ([10, 24.9, 25], ["raised", "cleared"]),
        ([10, 100, 10], ["raised", "cleared", "raised"]),
        ([100, 26, 16], []),
    ],
)
def test_a_low_battery_does_not_flap(levels, said):
    bench = Bench()
    out = [line for level in levels for line in bench.hear("door", Kind.BATTERY, level)]
    assert out == [f"device.low_battery door {turn} P3" for turn in said]


def test_a_battery_flag_and_a_percentage_that_disagree_do_not_quarrel():
    bench = Bench()
    assert bench.hear("door", Kind.BATTERY, 12) == ["device.low_battery door raised P3"]
    for _ in range(3):
        assert bench.hear("door", Kind.BATTERY_LOW, False) == []
        assert bench.hear("door", Kind.BATTERY, 12) == []
    assert bench.hear("door", Kind.BATTERY, 90) == ["device.low_battery door cleared P3"]
    assert bench.hear("door", Kind.BATTERY_LOW, True) == ["device.low_battery door raised P3"]
    assert bench.hear("door", Kind.BATTERY, 90) == []
    assert bench.hear("door", Kind.BATTERY_LOW, False) == ["device.low_battery door cleared P3"]


def test_a_low_battery_is_said_again_every_week_until_it_is_replaced():
    bench = Bench()
    bench.hear("old", Kind.BATTERY, 9)
    said = bench.wait(22 * DAY, step=3600)
    assert [(line, t / DAY) for line, t in said if "battery" in line] == [("device.low_battery old repeated P3", d) for d in (7, 14, 21)]
    bench.hear("old", Kind.BATTERY, 80)
    assert [line for line, _ in bench.wait(8 * DAY, step=3600) if "battery" in line] == []


def test_the_week_of_a_low_battery_goes_on_over_restarts_and_after_two_weeks_somebody_must_be_sent():
    """A home whose power goes every night hears of it every week too: counted from when it was said, not from the restart."""
    bench = Bench()
    bench.hear("old", Kind.BATTERY, 9)
    fact, said = bench.faults.on["device.low_battery", "old"], []
    for _ in range(30):
        raised = bench.clock.mono - fact.since.mono
        last = raised - (said[-1][0] * DAY if said else 0.0)
        bench.faults = Faults(DEVICES, Times())
        bench.faults.start(bench.clock.now(), {(fact.kind, fact.device): fact}, {}, {(fact.kind, fact.device): last})
        for _ in range(24):
            bench.clock.move(HOUR)
            said += [
                (round((bench.clock.mono - fact.since.mono) / DAY, 2), f.turn, f.detail.get("work_order", False))
                for f in bench.faults.tick(bench.clock.now())
                if f.kind == fact.kind
            ]
    assert said == [(7.0, "repeated", False), (14.0, "repeated", True), (21.0, "repeated", True), (28.0, "repeated", True)]


@pytest.mark.parametrize("earlier", [False, True], ids=["", "kept by an earlier version"])
def test_where_no_clock_is_right_and_the_power_goes_each_night_somebody_is_sent_for_a_battery_all_the_same(earlier):
    """What the journal knows of the time begins anew with each start; what counts is how long the box has run."""
    bench = Bench(quality=Quality.WRONG)
    bench.faults.daily.keep(HOME_ZONE, 0.5)
    bench.hear("old", Kind.BATTERY, 9)
    said, ran = [], 0
    for night in range(24):
        for _ in range(16):
            ran += 1
            said += [
                (ran / 24, f.detail.get("work_order", False)) for f in bench.faults.tick(bench.clock.move(HOUR)) if f.turn == "repeated"
            ]
        fact, mark = bench.faults.on["device.low_battery", "old"], bench.faults.mark(anew=True)
        if earlier and night == 0:
            mark = json.dumps(json.loads(mark) | {"low": {"old": 16 * 3600}})
        bench = Bench(quality=Quality.WRONG)
        bench.faults = Faults(DEVICES, Times())
        bench.faults.daily.keep(HOME_ZONE, 0.5)
        bench.faults.restored(mark)
        now = bench.clock.now()
        bench.faults.start(now, {("device.low_battery", "old"): replace(fact, since=now)}, {}, {})
    late = 16 / 24 if earlier else 0  # that it began a day before it was kept so is not known
    assert said == [(7.0, False), (14.0, not late)] + [(21.0, True)] * (ran / 24 >= 21)


@pytest.mark.parametrize(
    ("kind", "value", "fault"),
    [
        (Kind.TAMPER, True, "device.tamper"),
        (Kind.REPLAYED, "counter 5 after 9", "device.replayed"),
        (Kind.PROBLEM, True, "device.fault"),
    ],
)
def test_trouble_that_latches_stays_until_a_technician_has_looked(kind, value, fault):
    bench = Bench()
    assert bench.hear("door", kind, value) == [f"{fault} door raised P3"]
    assert bench.hear("door", kind, value) == []
    assert bench.hear("door", kind, False) == []
    assert bench.wait(600, step=5) == []
    assert told(bench.faults.confirmed("button", bench.clock.now())) == []
    assert told(bench.faults.confirmed("door", bench.clock.now())) == [f"{fault} door cleared P3"]
    assert bench.hear("door", kind, value) == [f"{fault} door raised P3"]


def test_a_tamper_that_is_off_is_no_fault():
    assert Bench().hear("door", Kind.TAMPER, False) == []


CALLS = Supervised(device="button", room="hall", missing_after=1800.0, told_after=2 * HOUR, vital=True, radio=True, worn=True)


def test_a_radio_is_deaf_after_a_quarter_of_an_hour_each_on_its_own():
    bench = Bench(devices={"button": CALLS})
    bench.faults.radios.update(hci0=bench.clock.mono, hci1=bench.clock.mono)
    assert bench.wait(800) == []
    bench.faults.radios["hci1"] = bench.clock.mono
    assert bench.wait(160) == [("gateway.radio_deaf hci0 raised P2", 100.0)]
    assert bench.faults.on["gateway.radio_deaf", "hci0"].fault_class == "now"
    bench.faults.radios["hci0"] = bench.clock.mono
    assert bench.wait(5) == [("gateway.radio_deaf hci0 cleared P2", 5.0)]


def test_silence_of_the_air_wakes_nobody_where_no_radio_device_calls_for_help():
    bench = Bench(devices={"climate": Supervised(device="climate", missing_after=1800.0, radio=True)})
    bench.faults.radios["hci0"] = bench.clock.mono
    said = [(line, at) for line, at in bench.wait(2 * HOUR) if "radio" in line]
    assert said == [("gateway.radio_deaf hci0 raised P3", HOUR)]
    assert bench.faults.on["gateway.radio_deaf", "hci0"].fault_class == "list"


def test_a_home_whose_devices_speak_only_when_pressed_learns_how_long_its_air_is_empty():
    bench = Bench(devices={"button": Supervised(device="button", vital=True, radio=True)})
    for night, (silent, told_) in enumerate([(2400, True), (2900, False), (3500, False), (2 * HOUR, True)]):
        bench.faults.radios["hci0"] = bench.clock.mono
        bench.wait(5)
        said = [line for line, _ in bench.wait(silent) if "raised" in line]
        assert bool(said) is told_, night
    bench.faults.radios["hci0"] = bench.clock.mono
    assert [line for line, _ in bench.wait(5 * HOUR) if "raised" in line], "makers' 4 h signal, whatever was learnt"


def test_an_adapter_that_is_gone_ends_its_fault():
    bench = Bench(devices={"button": CALLS})
    bench.faults.radios["hci0"] = bench.clock.mono
    bench.wait(1000)
    bench.faults.radios = {"hci1": bench.clock.mono}
    assert bench.wait(5) == [("gateway.radio_deaf hci0 cleared P2", 5.0)]


def test_a_device_that_is_heard_just_too_late_each_time_is_told_once():
    """Its limit is 300 s and it speaks each 305 s: 288 times a day it would have been missing."""
    bench, said = Bench(devices={"door": Supervised(device="door", missing_after=300.0)}), []
    for _ in range(int(DAY / 305)):
        said += [line for line, _ in bench.wait(305)]
        bench.faults.heard_at["door"] = bench.clock.mono
    assert said == ["device.missing door raised P3", "device.missing door cleared P3"]


def test_what_comes_and_goes_is_said_to_be_unstable_once_then_only_counted_and_told_again_where_it_stays():
    bench, facts = Bench(), []
    for _ in range(7):
        facts += bench.faults.begin("gateway.storage_degraded", bench.clock.now())
        bench.clock.move(60)
        facts += bench.faults.end("gateway.storage_degraded", bench.clock.now())
        bench.clock.move(60)
    raised = [f for f in facts if f.turn == "raised"]
    assert [(f.fault_class, f.detail.get("unstable")) for f in raised] == [("now", None)] * 3 + [("now", 4)] + [("figure", None)] * 3
    assert [f.priority for f in raised] == [3, 3, 3, 3, 4, 4, 4]
    assert bench.faults.begin("gateway.storage_degraded", bench.clock.now())[0].fault_class == "figure"
    (again,) = [f for _ in range(800) for f in bench.faults.tick(bench.clock.move(5))]
    assert (again.turn, again.fault_class, again.priority) == ("repeated", "now", 3)
    bench.faults.end("gateway.storage_degraded", bench.clock.now())
    bench.clock.move(DAY)
    assert bench.faults.begin("gateway.storage_degraded", bench.clock.now())[0].fault_class == "now", "another day"
    assert bench.faults.begin("device.tamper", bench.clock.now(), "door")[0].fault_class == "now", "each by itself"


def flapping(bench, device="button", times=6):
    """Let a device's fault come and go, and stay on the last time; return what was raised."""
    raised = []
    for n in range(times):
        raised += bench.faults.begin("device.missing", bench.clock.now(), device)
        bench.clock.move(600)
        if n < times - 1:
            bench.faults.end("device.missing", bench.clock.now(), device)
            bench.clock.move(600)
    return raised


def test_what_was_only_counted_before_a_restart_and_is_still_on_is_told_as_it_is():
    """A radar with a loose cable: power that fails each half hour must not hide that it stays dead."""
    before = Bench()
    assert flapping(before)[-1].fault_class == "figure"
    after = Bench(known=dict(before.faults.on), silent_for={"button": 5 * HOUR})
    (again,) = [f for _ in range(3) for f in after.faults.tick(after.clock.move(5)) if f.device == "button"]
    assert (again.turn, again.fault_class, again.priority) == ("repeated", "now", 2)
    once = Bench(known=dict(after.faults.on), silent_for={"button": 5 * HOUR})
    assert [line for line, _ in once.wait(3 * HOUR, 60) if "button" in line] == [], "told once"


def test_what_comes_and_goes_day_after_day_is_said_to_be_unstable_each_day_and_stands_on_the_list_by_name():
    bench = Bench()
    bench.faults.daily.keep(HOME_ZONE, 0.5)
    unstable, lists = [], []
    for _ in range(5 * 24):
        now = bench.clock.now()
        bench.faults.heard_at["button"] = now.mono
        unstable += [now.mono for f in bench.faults.begin("device.missing", now, "button") if "unstable" in f.detail]
        bench.faults.end("device.missing", bench.clock.move(60), "button")
        lists += [f.detail for f in bench.faults.tick(bench.clock.move(HOUR - 60)) if f.kind == "service.today"]
    assert len(unstable) == 5
    assert all(b - a <= 25 * HOUR for a, b in pairwise(unstable))
    assert len(lists) >= 4
    assert all("button" in str(detail["device.missing"]) for detail in lists)


class Worn(Bench):
    """A pendant that goes out with its wearer, a door and a motion sensor."""

    def __init__(self, *, shared=False, **more):
        others = [Supervised(device=d, missing_after=25 * HOUR) for d in ("door", "hall")]
        devices = {one.device: one for one in (replace(CALLS, shared=shared), *others)}
        super().__init__(**{"devices": devices, **more})

    def hours(self, number, *, moves=False, beacon=False):
        out, begin = [], self.clock.mono
        while self.clock.mono < begin + number * HOUR:
            for device in ("door", "hall", *(["button"] if beacon else [])):
                self.faults.heard_at[device] = self.clock.mono
            if moves:
                self.hear("hall", Kind.MOTION, True)
            out += [(line, round((self.clock.mono - begin) / HOUR, 1)) for line, _ in self.wait(60, 60)]
        return out


def test_a_pendant_that_left_by_the_door_is_out_and_told_after_twelve_hours():
    bench = Worn()
    bench.hours(1, moves=True, beacon=True)
    bench.clock.move(60)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    bench.hear("hall", Kind.MOTION, True)
    bench.hear("door", Kind.CONTACT_OPEN, False)
    assert bench.hours(11) == [("person.out button raised P4", 0.5)]
    assert bench.faults.on["person.out", "button"].fault_class == "figure"
    assert bench.hours(2) == [("device.missing button raised P2", 1.0)]
    assert bench.faults.on["device.missing", "button"].detail["out"] is True
    bench.faults.heard_at["button"] = bench.clock.mono
    assert sorted(line for line, _ in bench.wait(5)) == ["device.missing button cleared P2", "person.out button cleared P4"]


def test_a_pendant_that_is_silent_at_home_is_told_after_two_hours():
    bench = Worn()
    bench.hours(1, moves=True, beacon=True)
    assert bench.hours(3, moves=True) == [("device.missing button raised P2", 2.0)]


def test_who_comes_home_with_a_silent_pendant_is_told_of_two_hours_later():
    bench = Worn()
    bench.hours(1, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    assert bench.hours(6) == [("person.out button raised P4", 0.5)]
    bench.hear("door", Kind.CONTACT_OPEN, True)
    said = bench.hours(3, moves=True)
    assert said == [("person.out button cleared P4", 0.0), ("device.missing button raised P2", 2.0)]


def test_a_pendant_that_speaks_each_hour_and_is_home_again_before_it_is_missed_is_told_by_its_time_at_home():
    bench = Worn()
    hourly = replace(CALLS, missing_after=3 * HOUR, told_after=3 * HOUR)
    bench.faults.silences.devices = bench.faults._devices = bench.faults._devices | {"button": hourly}
    for _ in range(3):
        bench.hours(1, moves=True)
        bench.faults.heard_at["button"] = bench.clock.mono
    bench.hours(0.4, moves=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)  # 24 min after its last word
    assert bench.hours(2) == []
    bench.hear("door", Kind.CONTACT_OPEN, True)
    assert bench.hours(4, moves=True) == [("device.missing button raised P2", 3.0)]


@pytest.mark.parametrize("beacon", [True, False], ids=["speaks each minute", "spoke once"])
def test_a_door_that_opens_long_after_a_pendants_last_word_is_not_its_wearer_who_leaves(beacon):
    """Its battery dies, the carer leaves half an hour later, and who lies there moves no more."""
    bench = Worn()
    slow = replace(CALLS, missing_after=3 * HOUR, told_after=3 * HOUR)
    bench.faults.silences.devices = bench.faults._devices = bench.faults._devices | {"button": slow}
    bench.hours(1, moves=True, beacon=beacon)
    bench.faults.heard_at["button"] = bench.clock.mono
    bench.hours(0.5, moves=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    bench.hear("door", Kind.CONTACT_OPEN, False)
    assert bench.hours(3) == [("device.missing button raised P2", 2.5)]


@pytest.mark.parametrize("shut", [True, False], ids=["was shut", "open since before the start"])
def test_a_window_that_stands_open_and_says_so_again_is_nobody_who_leaves(shut):
    bench, said = Worn(), []
    if shut:
        bench.hear("door", Kind.CONTACT_OPEN, False)
    for _ in range(6):
        bench.hear("door", Kind.CONTACT_OPEN, True)
        bench.hours(1 / 6, moves=True, beacon=True)
    for n in range(24):
        bench.hear("door", Kind.CONTACT_OPEN, True)
        said += [(line, n // 6) for line, _ in bench.hours(1 / 6)]
    assert said == [("device.missing button raised P2", 1)]


def test_a_door_that_never_says_that_it_is_shut_opens_all_the_same():
    bench = Worn()
    for _ in range(2):
        bench.hear("door", Kind.CONTACT_OPEN, True)
        bench.hours(2, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    assert bench.hours(3) == [("person.out button raised P4", 0.5)]


def test_who_moves_at_home_after_a_restart_has_come_home_meanwhile():
    """Home again while the box was dark, four minutes on the feet, and then a fall."""
    bench = Worn()
    bench.hours(1, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    bench.hours(4)
    after = Worn(known=dict(bench.faults.on), silent_for={"button": 4 * HOUR})
    assert after.hours(0.05, moves=True) == [("person.out button cleared P4", 0.0)]
    assert after.hours(3) == [("device.missing button raised P2", 2.0)]


def test_who_did_not_agree_to_activity_goes_out_and_nobody_is_told():
    bench = Worn()
    bench.hours(1, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    assert bench.hours(1) == [("person.out button raised P4", 0.5)]
    bench.faults.tell_out(False)  # withdrawn meanwhile
    assert bench.hours(10) == [("person.out button cleared P4", 0.0)]
    assert bench.hours(2) == [("device.missing button raised P2", 1.0)]
    assert "out" not in bench.faults.on["device.missing", "button"].detail


def test_a_postman_at_the_door_delays_nothing():
    bench = Worn()
    bench.hours(1, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    assert bench.hours(3, moves=True) == [("device.missing button raised P2", 2.0)]


def test_who_is_out_is_out_still_after_a_restart():
    bench = Worn()
    bench.hours(1, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    bench.hours(4)
    silent = {"button": 4 * HOUR}
    after = Worn(known=dict(bench.faults.on), silent_for=silent)
    assert after.hours(7.5) == []
    assert after.hours(1) == [("device.missing button raised P2", 0.5)]


def test_somebody_else_who_moves_at_home_makes_nobody_be_out():
    bench = Worn()
    bench.hours(1, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    assert bench.hours(3, moves=True) == [("device.missing button raised P2", 2.0)]


def test_in_a_home_of_two_a_pendant_that_left_is_on_the_list_though_the_other_moves_and_told_after_twelve_hours():
    bench = Worn(shared=True)
    bench.hours(1, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    bench.hear("door", Kind.CONTACT_OPEN, False)
    assert bench.hours(11, moves=True) == [("device.missing button raised P3", 2.0)]
    assert bench.faults.on["device.missing", "button"].fault_class == "list"
    after = Worn(shared=True, known=dict(bench.faults.on), silent_for={"button": 11 * HOUR})
    assert after.hours(3, moves=True) == [("device.missing button repeated P2", 1.0)]
    assert after.faults.on["device.missing", "button"].fault_class == "now"
    after.faults.heard_at["button"] = after.clock.mono
    assert [line for line, _ in after.wait(5)] == ["device.missing button cleared P2"]


def test_in_a_home_of_two_a_pendant_that_nobody_took_out_is_told_after_two_hours():
    bench = Worn(shared=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    bench.hours(1, moves=True, beacon=True)
    assert bench.hours(3, moves=True) == [("device.missing button raised P2", 2.0)]


def test_whoever_lives_alone_again_does_not_wait_for_twelve_hours():
    bench = Worn(shared=True)
    bench.hours(1, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    bench.hours(3, moves=True)
    alone = Worn().faults._devices
    bench.faults.resupervise(alone, Times(), set(), bench.clock.now())
    assert bench.hours(1, moves=True) == [("device.missing button repeated P2", 0.0)]


def door_that_speaks_only_when_it_changes(bench):
    for _ in range(6):
        for is_open in (True, False):
            bench.hear("door", Kind.CONTACT_OPEN, is_open)
            bench.hours(0.1, moves=True, beacon=True)


def test_who_leaves_by_a_door_whose_opening_was_lost_is_out_by_its_shutting():
    bench = Worn()
    door_that_speaks_only_when_it_changes(bench)
    bench.hear("door", Kind.CONTACT_OPEN, False)  # and "open" was lost
    assert bench.hours(6) == [("person.out button raised P4", 0.5)]


def test_who_leaves_by_a_door_whose_last_shutting_was_lost_is_out():
    bench = Worn()
    door_that_speaks_only_when_it_changes(bench)
    bench.hear("door", Kind.CONTACT_OPEN, True)  # and "shut" was lost
    bench.hours(0.4, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    assert bench.hours(6) == [("person.out button raised P4", 0.5)]


def test_who_leaves_by_a_door_that_has_stood_open_shuts_it():
    bench = Worn()
    bench.hear("door", Kind.CONTACT_OPEN, False)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    bench.hours(0.5, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, False)
    assert bench.hours(6) == [("person.out button raised P4", 0.5)]


def test_who_leaves_soon_after_a_start_is_out_by_the_shutting_of_the_door():
    """That it was open first may have been so before the start; that it was shut has happened."""
    bench = Worn()
    bench.hours(0.1, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    bench.clock.move(20)
    bench.hear("door", Kind.CONTACT_OPEN, False)
    assert bench.hours(6) == [("person.out button raised P4", 0.5)]


@pytest.mark.parametrize("stood", [0.05, 0.5], ids=["at once", "after half an hour"])
def test_who_shuts_the_door_and_is_seen_to_move_has_not_left(stood):
    bench = Worn()
    bench.hear("door", Kind.CONTACT_OPEN, False)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    bench.hours(stood, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, False)
    assert bench.hours(0.2, moves=True) == []
    assert [line for line, _ in bench.hours(3)] == ["device.missing button raised P2"]


def test_a_door_that_says_again_and_again_that_it_is_shut_has_not_opened():
    """Nobody leaves: a pendant that lies dead at home is told after two hours, also where nobody moves."""
    bench = Worn()
    door_that_speaks_only_when_it_changes(bench)
    for _ in range(3):
        bench.hear("door", Kind.CONTACT_OPEN, False)
        bench.hours(1, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, False)
    assert bench.hours(3) == [("device.missing button raised P2", 2.0)]


def test_a_door_of_which_little_was_heard_has_not_opened_when_it_says_again_that_it_is_shut():
    bench = Worn()
    bench.hear("door", Kind.CONTACT_OPEN, False)
    bench.hours(1, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, False)
    assert bench.hours(3) == [("device.missing button raised P2", 2.0)]


def hourly_and_out_for_half_an_hour(*, moves, after=0.6):
    """A pendant that speaks each hour goes out for half an hour, so many hours after its last word."""
    bench = Worn()
    hourly = replace(CALLS, missing_after=3 * HOUR, told_after=3 * HOUR)
    bench.faults.silences.devices = bench.faults._devices = bench.faults._devices | {"button": hourly}
    for _ in range(3):
        bench.hours(1, moves=moves)
        bench.faults.heard_at["button"] = bench.clock.mono
    bench.hours(after, moves=moves)
    for is_open in (True, False):
        bench.hear("door", Kind.CONTACT_OPEN, is_open)
    bench.hours(0.5)
    for is_open in (True, False):
        bench.hear("door", Kind.CONTACT_OPEN, is_open)
    return bench


@pytest.mark.parametrize("after", [0.6, 0.4], ids=["back when it was to speak", "back before it was to speak"])
def test_a_pendant_that_is_out_again_before_it_was_to_speak_at_home_is_out(after):
    bench = hourly_and_out_for_half_an_hour(moves=True, after=after)
    bench.hours(0.5, moves=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    bench.hear("door", Kind.CONTACT_OPEN, False)
    assert bench.hours(6) == [("person.out button raised P4", round(2 - after, 1))]
    assert bench.hours(5, moves=True) == [("person.out button cleared P4", 0.0), ("device.missing button raised P2", 3.0)]


def test_a_pendant_that_should_have_spoken_at_home_since_it_was_out_has_been_left_there():
    bench = hourly_and_out_for_half_an_hour(moves=True)
    bench.hours(1.5, moves=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    bench.hear("door", Kind.CONTACT_OPEN, False)
    assert bench.hours(3) == [("device.missing button raised P2", 1.5)]


@pytest.mark.parametrize("alive", [True, False])
def test_whose_pendant_was_late_before_going_out_comes_home_and_has_as_long_as_it_takes_to_speak(alive):
    """One of its words was lost, so nobody knows whether it went out too; whoever walks about can wait an hour."""
    bench = hourly_and_out_for_half_an_hour(moves=True)
    bench.faults.heard_at["button"] = bench.clock.mono
    bench.hours(1.4, moves=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    bench.hear("door", Kind.CONTACT_OPEN, False)
    bench.hours(1.4)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    assert bench.hours(0.8, moves=True) == []
    if alive:
        bench.faults.heard_at["button"] = bench.clock.mono
    assert bench.hours(1, moves=True) == ([] if alive else [("device.missing button raised P2", 0.3)])


def test_a_walk_to_the_letterbox_after_an_outing_puts_off_nothing():
    bench = hourly_and_out_for_half_an_hour(moves=True)
    bench.hours(0.5, moves=True)
    bench.hear("door", Kind.CONTACT_OPEN, True)
    assert bench.hours(6, moves=True) == [("device.missing button raised P2", 2.5)]


def leaves_between_two_words(bench):
    """Its wearer leaves by the door long after a pendant's last word, and before its next."""
    bench.faults.heard_at["button"] = bench.clock.mono
    bench.hours(0.7, moves=True)
    for is_open in (True, False):
        bench.hear("door", Kind.CONTACT_OPEN, is_open)
    return [line for line, _ in bench.hours(4)]


@pytest.mark.parametrize(("learned", "said"), [(True, "person.out button raised P4"), (False, "device.missing button raised P2")])
def test_in_a_home_that_is_dark_each_night_an_hourly_pendant_goes_out_in_the_morning_too(learned, said):
    evening = hourly_and_out_for_half_an_hour(moves=True)
    mark = evening.faults.mark(anew=True) if learned else ""
    morning = Worn(devices=evening.faults._devices, silent_for={"button": HOUR / 2}, mark=mark)
    morning.hours(0.6, moves=True)
    assert leaves_between_two_words(morning) == [said]


def test_the_time_from_a_word_before_a_start_to_the_first_one_after_it_is_no_interval():
    """The hours in which the box was dark are not in it: it would be the shortest."""
    devices = hourly_and_out_for_half_an_hour(moves=True).faults._devices
    bench = Worn(devices=devices, silent_for={"button": HOUR / 4})
    for hours in (0.2, 1, 1):
        bench.hours(hours, moves=True)
        bench.faults.heard_at["button"] = bench.clock.mono
    assert leaves_between_two_words(bench) == ["person.out button raised P4"]


def test_who_leaves_after_a_restart_by_a_door_whose_opening_was_lost_is_out_by_its_shutting():
    before = Worn()
    door_that_speaks_only_when_it_changes(before)
    bench = Worn(mark=before.faults.mark(anew=True))
    bench.hear("door", Kind.CONTACT_OPEN, False)
    bench.hours(1, moves=True, beacon=True)
    bench.hear("door", Kind.CONTACT_OPEN, False)  # and "open" was lost
    assert bench.hours(6) == [("person.out button raised P4", 0.5)]


def test_what_was_learned_of_a_door_is_not_believed_of_another():
    before = Worn()
    door_that_speaks_only_when_it_changes(before)
    bench = Worn(mark=before.faults.mark(anew=True))
    bench.faults.resupervise(bench.faults._devices, Times(), {"door", "button"}, bench.clock.now())
    assert bench.faults.outings.mark() == Learned()
    none = Bench(mark=before.faults.mark(anew=True).replace('"door"', '"other"'))
    assert none.faults.outings.mark().doors == []


DAMAGED = [{"gaps": {"button": [None]}}, {"gaps": [1]}, {"doors": [["door", 1]]}, {"doors": [["door", 1, "", "a", 0]]}, [1]]


@pytest.mark.parametrize("damaged", DAMAGED)
def test_a_damaged_mark_of_who_goes_out_teaches_nothing_and_loses_no_day(damaged):
    before = Worn()
    before.faults.daily.keep(HOME_ZONE, 0.5)
    mark = json.loads(before.faults.mark(anew=True)) | {"air": 300, "out": damaged}
    after = Worn(mark=json.dumps(mark))
    assert after.faults.outings.mark().doors == []
    assert after.faults.deafness.longest == 300


def test_the_uplink_is_lost_after_half_an_hour_also_when_it_never_came():
    bench = Bench()
    assert bench.wait(1000) == []
    assert told(bench.faults.linked(False, bench.clock.now())) == []
    bench.wait(100)
    bench.faults.linked(False, bench.clock.now())
    assert bench.wait(1800) == [("gateway.uplink_lost raised P3", 1700.0)]
    assert told(bench.faults.linked(True, bench.clock.now())) == ["gateway.uplink_lost cleared P3"]
    assert told(bench.faults.linked(True, bench.clock.now())) == []
    never = Bench()
    never.faults.start(never.clock.now(), {}, {})
    assert never.wait(2000) == [("gateway.uplink_lost raised P3", 1800.0)]


def test_an_unsure_clock_is_said_after_ten_minutes_a_wrong_one_at_once():
    assert Bench(Quality.UNSURE).wait(700) == [("gateway.clock_unsure raised P3", 600.0)]
    bench = Bench(Quality.UNSURE)
    bench.wait(700)
    bench.faults.clock_doubted({"why": "leap", "days": 1095, "proved": "2026-05-04T04:00:00Z"})
    assert [line for line, _ in bench.wait(60)] == ["gateway.clock_unsure repeated P3"], "another reason is said, once"
    assert bench.faults.on["gateway.clock_unsure", ""].detail["days"] == 1095
    assert Bench(Quality.WRONG).wait(700) == [("gateway.clock_unsure raised P3", 5.0)]
    assert Bench().wait(700) == []


@pytest.mark.parametrize(("unsure_for", "expected"), [(5, "noted"), (300, "noted"), (1000, "raised cleared")])
def test_once_the_clock_is_known_one_fact_lets_earlier_entries_be_mended(unsure_for, expected):
    bench = Bench(Quality.UNSURE, wall=NOON.replace(year=1970))
    said = [line.split()[1] for line, _ in bench.wait(unsure_for)]
    bench.clock.wall, bench.clock.quality = NOON, Quality.SYNCHRONISED
    said += [line.split()[1] for line, _ in bench.wait(60)]
    assert " ".join(said) == expected


def test_a_clock_that_is_right_before_the_first_look_still_mends_the_first_entries():
    bench = Bench(Quality.UNSURE, wall=NOON.replace(year=1970))
    bench.clock.move(2)
    bench.clock.wall, bench.clock.quality = NOON, Quality.SYNCHRONISED
    assert [line for line, _ in bench.wait(60)] == ["gateway.clock_set noted P4"], "nobody was told of it: no fault ends"


def test_a_step_of_a_synchronised_clock_is_told_once_a_small_one_never():
    bench = Bench()
    bench.wait(60)
    for step, expected in ((1.5, 0), (-1.5, 0), (3600, 1), (-86400 * 400, 1)):
        bench.clock.wall += timedelta(seconds=step)
        said = bench.faults.tick(bench.clock.move(5))
        assert len(said) == expected
        assert all(f.detail == {"stepped": True} for f in said)
        assert bench.wait(60) == []


def test_faults_that_were_on_before_a_restart_are_not_said_again_and_end_once():
    before = Bench()
    before.hear("door", Kind.BATTERY, 5)
    before.wait(5 * HOUR, step=60)
    assert set(before.faults.on) == {("device.low_battery", "door"), ("device.missing", "button")}
    after = Bench(known=before.faults.on, silent_for={"button": 5 * HOUR})
    assert after.hear("door", Kind.BATTERY, 5) == []
    assert after.wait(600) == []
    assert after.hear("button", Kind.HEARTBEAT, True) == ["device.missing button cleared P2"]
    assert after.hear("door", Kind.BATTERY, 99) == ["device.low_battery door cleared P3"]


def test_faults_of_the_gateway_itself_begin_once_and_end_once():
    bench = Bench()
    now = bench.clock.now()
    assert told(bench.faults.begin("gateway.storage_degraded", now, why="disk full")) == ["gateway.storage_degraded raised P3"]
    assert bench.faults.begin("gateway.storage_degraded", now) == []
    assert told(bench.faults.end("gateway.storage_degraded", now)) == ["gateway.storage_degraded cleared P3"]
    assert bench.faults.end("gateway.storage_degraded", now) == []
    noted = bench.faults.note("maker.oddity", now, "door", code=7)
    assert (noted.turn, noted.priority, noted.room, noted.detail) == ("noted", Priority.P3, "hall", {"code": 7})
    assert bench.faults.on == {}


def test_a_cleared_fault_says_how_long_it_lasted():
    bench = Bench()
    bench.faults.linked(False, bench.clock.now())
    bench.wait(2000)
    (fact,) = bench.faults.linked(True, bench.clock.now())
    assert fact.detail == {"lasted_s": 200}


def test_only_enrolled_vital_devices_are_vital():
    bench = Bench()
    assert [bench.faults.is_vital(d) for d in ("button", "door", "stranger")] == [True, False, False]


def test_what_was_kept_for_us_ends_no_silence():
    bench = Bench()
    bench.wait(26 * HOUR, step=60)
    kept = Reading(device="door", kind=Kind.CONTACT_OPEN, value=True, at=bench.clock.now())  # the intake has not seen it live
    assert told(bench.faults.heard(kept)) == []
    assert bench.hear("door", Kind.CONTACT_OPEN, True) == ["device.missing door cleared P3"]


def test_a_word_that_nobody_understands_is_a_fault_with_the_words_until_somebody_has_looked():
    bench = Bench()
    assert bench.hear("button", Kind.NOT_UNDERSTOOD, "sos: !") == ["device.not_understood button raised P2"]
    assert bench.hear("button", Kind.NOT_UNDERSTOOD, "sos: !") == []
    assert bench.hear("button", Kind.NOT_UNDERSTOOD, "fall: 7") == ["device.not_understood button repeated P2"], "it may be this one"
    for n in range(20):
        bench.hear("button", Kind.NOT_UNDERSTOOD, f"fall: {n + 100}")
    words = str(bench.faults.on["device.not_understood", "button"].detail["words"])
    assert words == "sos: !; fall: 7; fall: 100; fall: 101; fall: 102"
    assert bench.hear("door", Kind.NOT_UNDERSTOOD, "contact: ajar") == ["device.not_understood door raised P3"]
    assert told(bench.faults.confirmed("button", bench.clock.now())) == ["device.not_understood button cleared P2"]


def test_every_fault_has_a_class_beside_its_priority():
    bench = Bench()
    classes = {}
    for reading in (("button", Kind.BATTERY, 5), ("door", Kind.TAMPER, True)):
        bench.hear(*reading)
    bench.wait(26 * HOUR, step=60)
    for key, fact in bench.faults.on.items():
        classes[key] = fact.fault_class
    assert classes == {
        ("device.low_battery", "button"): "list",
        ("device.tamper", "door"): "now",
        ("device.missing", "button"): "now",
        ("device.missing", "door"): "list",
    }
    assert bench.faults.note("service.visit", bench.clock.now()).fault_class == "figure"
