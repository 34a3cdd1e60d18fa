"""Thousands of forged frames or recordings on a device's address are one fault with a number, begun and ended; each costs the card nothing."""

import pytest
from gateway.judge.faults.fault import Faults
from gateway.judge.faults.forged import FRAMES, MANY, Tallies
from gateway.judge.waits import WAITS as JUDGING
from gateway.tend.attacks import Attacks
from gateway.tend.waits import WAITS
from gateway.words import kind
from gateway.words.times import Times

from tests.kit.hand import HandClock
from tests.stories.life import CANCEL, HOUR, PENDANT, Life


class Box:
    def __init__(self):
        self.clock = HandClock()
        self.faults = Faults({}, Times())
        self.faults.start(self.clock.now(), {}, {})
        self.attacks = Attacks(self.faults)
        self.refused = {"pendant": {}, "door": {}}

    def look(self, after=5.0, **forged):
        self.clock.move(after)
        for device, n in forged.items():
            self.refused[device]["decrypt_failed"] = self.refused[device].get("decrypt_failed", 0) + n
        return [
            (f.device, f.turn.value, f.detail.get("what"), f.detail.get("count"))
            for f in self.attacks.look(self.clock.now(), self.refused.items())
        ]


@pytest.fixture
def box():
    return Box()


def test_a_damaged_frame_now_and_then_is_life(box):
    assert [box.look(60.0, pendant=5) for _ in range(2000)] == [[]] * 2000
    box.refused["pendant"] |= {"repeated": 10_000, "too_short": 10_000, "bindkey_required": 10_000}
    assert box.look() == []


def test_thousands_are_one_fault_with_its_number_until_it_is_quiet(box):
    facts = [fact for _ in range(1000) for fact in box.look(1.0, pendant=10)]
    assert facts[0] == ("pendant", "raised", FRAMES, MANY)
    assert [turn for _, turn, _, _ in facts] == ["raised", "repeated", "repeated"], "ten times as many are said again"
    assert box.look(WAITS.attack_over / 2) == []
    assert box.look(WAITS.attack_over / 2 + 5) == [("pendant", "cleared", FRAMES, 10_000)]
    assert box.look(WAITS.attack_over) == []


def test_each_device_has_its_own(box):
    facts = box.look(1.0, pendant=MANY) + box.look(1.0, door=MANY)
    assert [f[0] for f in facts] == ["pendant", "door"]
    assert {of for _, of in box.faults.on} == {"pendant", "door"}


def test_other_hardware_under_the_same_id_counts_from_the_start():
    tallies = Tallies()
    assert tallies.look([("d", {"replayed": MANY - 1})], frozenset(), 0.0) == []
    assert tallies.look([("d", {"replayed": 3})], frozenset({"d"}), 1.0) == [("d", 3)]
    assert tallies.look([], frozenset(), 2.0) == []
    assert tallies.look([("d", {"downgrade": MANY})], frozenset(), JUDGING.forged_window * 2) == [("d", MANY)]


def test_after_a_restart_it_goes_on_with_its_number_and_ends(box):
    box.look(1.0, pendant=500)
    known = dict(box.faults.on)
    after = Box()
    after.faults.start(after.clock.now(), known, {})
    assert after.look(1.0, pendant=7) == []
    assert after.look(WAITS.attack_over + 1) == [("pendant", "cleared", FRAMES, 507)]


def test_a_neighbour_forges_thousands_and_an_sos_is_heard_all_the_same(tmp_path):
    """Lived through the daemon: plain, badly sealed and recorded frames on the address of a button with a key."""

    async def story():
        recorded = life.sealed(CANCEL, "3a01")
        life.sealed(CANCEL, "3a01")
        await life.wait(10)
        before = life.daemon.pipeline.last
        for n in range(2000):
            life.air(CANCEL, f"4400{n % 256:02x}3a01")
            life.air(CANCEL, f"45{n:08x}00112233aabbccdd")
            life.air(CANCEL, recorded)
            await life.wait(0.25)
        written = life.daemon.pipeline.last - before
        life.press(PENDANT)
        await life.wait(1)
        assert any(a.kind == kind.SOS for a in life.open)
        assert (kind.ATTACKED, "cancel") in life.daemon.faults.on
        assert written < 20, "what is refused fills no journal"
        await life.wait(2 * HOUR)
        assert (kind.ATTACKED, "cancel") not in life.daemon.faults.on

    with Life(tmp_path) as life:
        life.live(story())
    told = [(turn, detail["count"]) for _, k, device, turn, detail in life.desk.faults if (k, device) == (kind.ATTACKED, "cancel")]
    assert told[0][0] == "raised"
    assert told[-1][0] == "cleared"
    assert told[-1][1] >= 4000
    assert len(told) <= 4
