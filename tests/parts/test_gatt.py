"""Visits on bleak's genuine BlueZ backend: a private bus, a stand-in for bluetoothd with a connectable device, nothing patched."""

import asyncio
import contextlib
import time
from itertools import pairwise

import pytest
from drivers import all_models
from gateway.hear import gatt
from gateway.hear.ble import Radio
from gateway.hear.gatt import Visits

from tests.kit.fake_bluez import uuid
from tests.kit.wait import NEVER, PATIENCE, until
from tests.kit.waits import change

BELT, CUFF, FEVER = "A4:C1:38:00:00:11", "A4:C1:38:00:00:12", "A4:C1:38:00:00:13"
MODELS = all_models()
HOSTS = {
    BELT: MODELS["gatt-heart-rate"].listens,
    CUFF: MODELS["gatt-blood-pressure"].listens,
    FEVER: MODELS["gatt-thermometer"].listens,
}
HEART = {"180d": {"2a37": (["notify"], b"")}, "180f": {"2a19": (["read", "notify"], "4b")}}
PRESSURE = {"1810": {"2a35": (["indicate"], b"")}}
WARMTH = {"1809": {"2a1c": (["indicate"], b"")}}
READING = "def6f416f3ff07e4070114082b00b2f2018000"
QUICK = {
    "radio_silence": 30.0,
    "radio_idle": 30.0,
    "dbus_answer": 3.0,
    "radio_off": 0.01,
    "radio_settle": 0.002,
    "visit_connect": 2.0,
    "visit_take": 1.0,
    "visit_quiet": 0.3,
    "visit_leave": 0.5,
    "visit_rest": 0.2,
    "visit_long_rest": 0.4,
    "visit_first": 0.1,
    "visit_longest": 0.3,
    "visit_again": 0.05,
}
pytestmark = pytest.mark.usefixtures("nothing_left_behind", "tried_again_soon")


class Home:
    """A radio that hears the three devices, and the visits it leads to."""

    def __init__(self, air, **waits):
        self.waits = QUICK | waits
        self.air = air
        self.got = []
        self.missed = []
        self.alarm = False
        self.adverts = []
        self.visits = Visits(HOSTS, lambda *value: self.got.append(value), lambda: self.alarm, self.missed.append)
        self.radio = Radio("hci0", self.adverts.append, lambda *_: None, wanted=lambda a: a in HOSTS, met=self.visits.met)

    async def __aenter__(self):
        self.before = change("hear", **self.waits)
        self.tasks = [asyncio.create_task(self.radio.run()), asyncio.create_task(self.visits.run())]
        await until(lambda: self.air.discovering)
        return self

    async def __aexit__(self, *_):
        for task in self.tasks[::-1]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        change("hear", **self.before)
        assert self.visits.visiting == ""

    def speaks(self, address, service="180d"):
        self.air.advertise(address, uuids=[service], name="vital")

    def data(self, address=None):
        return [(v.characteristic[4:8], v.data.hex()) for a, v in self.got if address in (None, a)]

    def raise_alarm(self):
        self.alarm = True
        self.visits.drop()


async def test_a_heart_rate_belt_is_visited_at_once_and_left_after_its_time(air):
    belt = air.peripheral(BELT, HEART, stored=[("2a37", "0650"), ("2a37", "0651")])
    async with Home(air) as home:
        home.speaks(BELT)
        await until(lambda: air.calls.count("Connect"))
        await until(lambda: len(home.got) == 3)
        assert sorted(home.data()) == [("2a19", "4b"), ("2a37", "0650"), ("2a37", "0651")]
        assert all(a == BELT for a, _ in home.got)
        assert not air.connected(BELT)
        assert belt.connections == 1
        assert home.missed == []
        assert air.discovering, "the scan goes on"
        assert home.radio.restarts == 0


async def test_one_that_talks_for_ever_is_cut_off_and_rested_from(air):
    belt = air.peripheral(BELT, HEART, stored=[("2a37", f"06{n:02x}") for n in range(80, 140)], gap=0.1)
    async with Home(air, visit_take=0.6, visit_quiet=0.5, visit_rest=0.1, visit_long_rest=60.0) as home:
        home.speaks(BELT)
        await until(lambda: len(home.got) >= 4)
        await until(lambda: not air.connected(BELT))
        for _ in range(20):
            home.speaks(BELT)
            await asyncio.sleep(0.02)
        assert belt.connections == 1, "it is left alone for its long rest"


async def test_a_stored_batch_comes_in_the_order_of_measuring(air):
    def measured(year, tenths):
        return "06" + tenths.to_bytes(3, "little").hex() + "ff" + year.to_bytes(2, "little").hex() + "030a15340002"

    air.peripheral(
        FEVER, WARMTH, stored=[("2a1c", measured(2021, 371)), ("2a1c", measured(2019, 365)), ("2a1c", measured(2020, 368))], leaves=True
    )
    async with Home(air) as home:
        home.speaks(FEVER, "1809")
        await until(lambda: len(home.got) == 3)
        driver = MODELS["gatt-thermometer"].new(FEVER, None, {})
        values = [r.value for _, v in home.got for r in driver.feed(v)]
        assert values == [36.5, 36.8, 37.1]


async def test_more_than_the_bound_is_left_for_the_next_visit(air, monkeypatch):
    monkeypatch.setattr(gatt, "AT_MOST", 20)
    air.peripheral(FEVER, WARMTH, stored=[("2a1c", "00680100ff")] * 50, gap=0.0, leaves=True)
    async with Home(air, visit_pace=0.0) as home:
        home.speaks(FEVER, "1809")
        await until(lambda: home.visits.visiting == "" and home.got)
        await asyncio.sleep(0.1)
        assert len(home.got) == 20


async def test_blood_pressure_is_indicated_and_its_battery_is_asked_of_bluetoothd(air):
    """bluetoothd shows no battery service: it tells the level itself."""
    air.peripheral(CUFF, PRESSURE, stored=[("2a35", READING)], leaves=True, battery=62)
    async with Home(air) as home:
        home.speaks(CUFF, "1810")
        await until(lambda: len(home.got) == 2)
        assert set(home.data()) == {("2a35", READING), ("2a19", "3e")}


async def test_it_is_paired_when_it_asks_for_it(air):
    cuff = air.peripheral(CUFF, PRESSURE, stored=[("2a35", READING)], leaves=True, pairs=True)
    async with Home(air) as home:
        home.speaks(CUFF, "1810")
        await until(lambda: home.got)
        assert home.data() == [("2a35", READING)]
        assert air.calls.count("Pair") == 1
        assert cuff.connections == 1


async def test_a_lost_link_keeps_what_was_taken(air):
    air.peripheral(BELT, HEART)
    async with Home(air) as home:
        home.speaks(BELT)
        await until(lambda: air.notify(BELT, "2a37", "0650"))
        await asyncio.sleep(0.05)
        air.drop(BELT)
        await until(lambda: ("2a37", "0650") in home.data())
        assert home.missed == []


async def test_a_link_lost_before_anything_was_said_is_no_harm(air):
    belt = air.peripheral(BELT, {"180d": HEART["180d"]})
    async with Home(air) as home:
        home.speaks(BELT)
        await until(lambda: air.connected(BELT))
        air.drop(BELT)
        await until(lambda: home.visits.visiting == "")
        assert home.got == []
        belt.stored = [("2a37", "0650")]

        def heard():
            home.speaks(BELT)
            return home.got

        await until(heard)


async def test_a_refused_connection_is_tried_ever_more_rarely(air):
    async with Home(air, visit_connect=1.0, visit_first=0.2, visit_longest=60.0) as home:
        tried, looked = [], time.monotonic()  # (not yet then, seen then)
        while len(tried) < 4:
            home.speaks(BELT)  # advertises, but no such peripheral answers
            await asyncio.sleep(0.02)
            before, looked = looked, time.monotonic()
            tried += [(before, looked)] * (air.calls.count("Connect") - len(tried))
        waits = [seen - before for (before, _), (_, seen) in pairwise(tried)]
        assert all(took > least for took, least in zip(waits, (0.2, 0.4, 0.8), strict=True)), waits
        await until(lambda: home.missed == [BELT] * air.calls.count("Connect"))
        assert home.radio.hearing


async def test_a_connection_that_does_not_come_is_given_up(air):
    belt = air.peripheral(BELT, HEART, delay=None)
    async with Home(air, visit_connect=0.4, visit_leave=0.3, visit_first=60.0, visit_longest=60.0) as home:
        home.speaks(BELT)
        await until(lambda: home.visits.visiting)
        began = time.monotonic()
        await until(lambda: home.visits.visiting == "")
        assert time.monotonic() - began > 0.3
        assert home.missed == [BELT]
        await until(lambda: belt.connecting is None)
        for task in air._tasks:
            task.cancel()


async def test_a_slow_connection_is_waited_for(air):
    air.peripheral(BELT, HEART, delay=0.8, stored=[("2a37", "0650")])
    async with Home(air) as home:
        home.speaks(BELT)
        await until(lambda: ("2a37", "0650") in home.data())
        assert home.missed == []


async def test_bluetoothd_being_busy_is_tried_again_within_the_same_invitation(air):
    air.peripheral(BELT, HEART, stored=[("2a37", "0650")])
    air.fail = {"Connect": ("org.bluez.Error.InProgress", 2)}
    async with Home(air) as home:
        home.speaks(BELT)
        await until(lambda: ("2a37", "0650") in home.data())
        assert air.calls.count("Connect") == 3
        assert home.missed == []


@pytest.mark.parametrize("mute", ["Connect", "StartNotify", "ReadValue", "Disconnect"])
async def test_a_bluetoothd_that_does_not_answer_holds_nobody(air, mute):
    """Two devices: what hangs at the first does not keep us from the second, whatever call it is."""
    air.peripheral(BELT, HEART, stored=[("2a37", "0650")])
    air.mute = {mute} if mute != "Connect" else {"Connect", "Disconnect"}
    waits = {
        "visit_connect": 0.4,
        "visit_take": 0.3,
        "visit_quiet": 0.2,
        "visit_leave": 0.2,
        "visit_rest": 30.0,
        "visit_long_rest": 30.0,
        "visit_first": 30.0,
        "visit_longest": 30.0,
    }
    async with Home(air, **waits) as home:
        home.speaks(BELT)
        await until(lambda: home.visits.visiting == BELT)
        await until(lambda: home.visits.visiting == "")
        air.mute = set()
        air.peripheral(FEVER, WARMTH, stored=[("2a1c", "00680100ff")], leaves=True)

        def taken():
            home.speaks(FEVER, "1809")
            return home.data(FEVER)

        await until(taken)
        air.drop(BELT)


async def test_only_one_connection_at_a_time(air):
    for address, services in ((BELT, HEART), (CUFF, PRESSURE), (FEVER, WARMTH)):
        air.peripheral(address, services, delay=0.1, stored=[(next(iter(next(iter(services.values())))), "0650")])
    most = 0
    async with Home(air) as home:
        end = time.monotonic() + PATIENCE
        while len({a for a, _ in home.got}) < 3 and time.monotonic() < end:
            for address, service in ((BELT, "180d"), (CUFF, "1810"), (FEVER, "1809")):
                home.speaks(address, service)
            most = max(most, sum(map(air.connected, HOSTS)))
            await asyncio.sleep(0.01)
        assert {a for a, _ in home.got} == set(HOSTS)
        assert most == 1


async def test_no_visit_while_an_alarm_is_fresh(air):
    air.peripheral(BELT, HEART, stored=[("2a37", "0650")])
    async with Home(air) as home:
        home.alarm = True
        for _ in range(20):
            home.speaks(BELT)
            await asyncio.sleep(0.02)
        assert "Connect" not in air.calls
        assert len(home.adverts) == 20
        home.alarm = False  # answered
        home.speaks(BELT)
        await until(lambda: home.got)


@pytest.mark.parametrize("delay", [0.0, 60.0], ids=["connected", "connecting"])
async def test_an_alarm_ends_a_visit_at_once(air, delay):
    belt = air.peripheral(BELT, HEART, delay=delay, stored=[("2a37", "0650")] if not delay else [])
    async with Home(air, visit_connect=NEVER, visit_take=NEVER, visit_quiet=NEVER, visit_leave=3.0) as home:
        home.speaks(BELT)
        await until((lambda: belt.connecting) if delay else (lambda: air.connected(BELT) and "ReadValue" in air.calls))
        await asyncio.sleep(0.1)
        home.raise_alarm()
        await until(lambda: not air.connected(BELT) and belt.connecting is None)
        await until(lambda: home.visits.visiting == "")
        assert home.missed == [], "it is no fault of the device"
        before = len(home.adverts)
        home.speaks(CUFF, "1810")
        await until(lambda: len(home.adverts) > before)
        if not delay:
            await until(lambda: ("2a37", "0650") in home.data())
        for task in air._tasks:
            task.cancel()


async def test_a_device_of_another_make_is_refused(air, caplog):
    caplog.set_level("INFO", "eldercare")
    air.peripheral(BELT, {"1800": {"2a00": (["read"], "41")}})
    async with Home(air) as home:
        home.speaks(BELT)
        await until(lambda: home.missed)
        assert "model that was enrolled" in caplog.text


async def test_a_scan_that_the_connection_stops_is_cured(air):
    """Some controllers do not scan while connected: the radio takes a new scanner if that lasts, and hears on afterwards."""
    air.pauses = True
    air.peripheral(BELT, HEART, stored=[("2a37", "0650")])
    async with Home(air, radio_idle=0.2) as home:
        home.speaks(BELT)
        await until(lambda: ("2a37", "0650") in home.data())
        before = len(home.adverts)

        def heard():
            home.speaks(CUFF, "1810")
            return len(home.adverts) > before

        await until(heard)


async def test_bluetoothd_that_crashes_in_a_visit_is_survived(air):
    belt = air.peripheral(BELT, HEART, stored=[("2a37", "0650")])
    async with Home(
        air, visit_connect=0.5, visit_take=0.5, visit_leave=0.3, visit_rest=0.05, visit_long_rest=0.05, visit_first=0.05
    ) as home:
        home.speaks(BELT)
        await until(lambda: air.connected(BELT))
        await air.crash()
        await until(lambda: home.visits.visiting == "")
        home.got.clear()
        await air.start()

        def heard():
            home.speaks(BELT)
            return ("2a37", "0650") in home.data()

        await until(heard)
        assert belt.connections >= 2


async def test_visits_leave_nothing(air):
    air.peripheral(FEVER, WARMTH, stored=[("2a1c", "00680100ff")], leaves=True, gap=0.0)
    async with Home(air, visit_rest=0.1) as home:

        def often():
            home.speaks(FEVER, "1809")
            return len(home.got) >= 10

        await until(often)
    assert not air.connected(FEVER)


async def test_the_end_of_a_visit_is_no_invitation(air):
    """bleak announces a changed property of a device like an advertisement: the connection ended is one."""
    fever = air.peripheral(FEVER, WARMTH, stored=[("2a1c", "00680100ff")], leaves=True)
    async with Home(air, visit_rest=0.5) as home:
        home.speaks(FEVER, "1809")
        await until(lambda: home.got)
        await asyncio.sleep(1.0)
        assert fever.connections == 1
        assert len(home.adverts) > 1, "the echo was there"


def test_every_model_has_the_uuids_of_its_service():
    services = {m.name: m.listens.service for m in MODELS.values() if m.name.startswith("gatt-")}
    assert services == {
        "gatt-heart-rate": uuid("180d"),
        "gatt-blood-pressure": uuid("1810"),
        "gatt-thermometer": uuid("1809"),
        "gatt-oximeter": uuid("1822"),
        "gatt-scale": uuid("181d"),
    }
