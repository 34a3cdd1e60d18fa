"""The radio on bleak's genuine BlueZ backend: a private bus, a stand-in for bluetoothd, nothing patched."""

import asyncio
import contextlib
import json
import time

import pytest
from bleak import BleakScanner
from bleak.exc import BleakDBusError
from dbus_fast import BusType, Message
from dbus_fast.aio import MessageBus
from gateway.hear.ble import Radio
from gateway.hear.bluez import RadioError, adapters

from tests.kit.fake_bluez import SYSTEM_BUS, Child, flood, uuid
from tests.kit.wait import NEVER, PATIENCE, until
from tests.kit.waits import change, changed

BUTTON = "A4:C1:38:00:00:01"
PRESS = {"fcd2": "4000523a01"}
QUICK = {"radio_silence": 30.0, "radio_idle": 30.0, "dbus_answer": 3.0, "radio_off": 0.01, "radio_settle": 0.002}


class Ear:
    """A running Radio with all it heard and said; `waits` are other waiting times than QUICK."""

    def __init__(self, waits=None, **options):
        self.waits = QUICK | (waits or {})
        self.heard = []
        self.said = []
        self.radio = Radio("hci0", self.heard.append, lambda name, works, why: self.said.append((works, why)), **options)

    async def __aenter__(self):
        self.before = change("hear", **self.waits)
        self.task = asyncio.create_task(self.radio.run())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task
        change("hear", **self.before)
        assert not self.radio.hearing

    async def hears(self, air, **advert):
        """Advertise until it arrives: after a restart the first ones may fall into the gap."""
        before = len(self.heard)

        def arrived():
            air.advertise(BUTTON, service_data=PRESS, **advert)
            return len(self.heard) > before

        await until(arrived)


pytestmark = pytest.mark.usefixtures("nothing_left_behind", "tried_again_soon")


async def test_an_advertisement_arrives_whole(air):
    async with Ear() as ear:
        await until(lambda: air.discovering)
        assert not ear.radio.hearing
        air.advertise(
            BUTTON, service_data=PRESS, manufacturer_data={0x0BA9: b"\x01\x02"}, name="SBBT-002C", uuids=["fcd2", "180f"], rssi=-71
        )
        await until(lambda: ear.heard)
        assert ear.radio.hearing
        assert ear.radio.adverts == 1
        assert ear.radio.trouble == ""
        (advert,) = ear.heard
        assert advert.address == BUTTON
        assert advert.rssi == -71
        assert advert.name == "SBBT-002C"
        assert advert.service_data == {uuid("fcd2"): bytes.fromhex(PRESS["fcd2"])}
        assert advert.manufacturer_data == {0x0BA9: b"\x01\x02"}
        assert set(advert.service_uuids) == {uuid("fcd2"), uuid("180f")}
        assert advert.adapter == "hci0"
    assert ear.said == []
    assert not air.discovering, "the scan was ended"
    assert air.calls.count("StopDiscovery") == 1


async def test_repeats_arrive(air):
    """bluetoothd swallows them unless asked not to: a default scanner beside ours shows the difference."""
    async with Ear() as ear:
        await until(lambda: air.discovering)
        assert all(f["DuplicateData"] for f in air.discovering.values())
        for _ in range(20):
            air.advertise(BUTTON, service_data=PRESS, rssi=-60)
        await until(lambda: len(ear.heard) == 20)
    default = []
    async with BleakScanner(lambda device, advert: default.append(device)):
        told = [air.advertise("A4:C1:38:00:00:02", service_data=PRESS) for _ in range(20)]
        await until(lambda: default)
    assert told.count(True) == 1


async def test_strangers_are_counted_and_forgotten(air):
    asked = []
    async with Ear(wanted=lambda address: asked.append(address) or address == BUTTON) as ear:
        await until(lambda: air.discovering)
        air.advertise("C2:00:00:00:00:01", service_data=PRESS)
        air.advertise(BUTTON, service_data=PRESS)
        await until(lambda: ear.heard)
    assert [a.address for a in ear.heard] == [BUTTON]
    assert asked == ["C2:00:00:00:00:01", BUTTON]
    assert ear.radio.adverts == 2


async def test_empty_adverts_are_not_hearing(air):
    async with Ear({"radio_silence": 0.3}) as ear:
        await until(lambda: air.discovering)
        end = time.monotonic() + 1.0
        while time.monotonic() < end and not ear.radio.restarts:
            air.advertise(BUTTON)
            await asyncio.sleep(0.01)
        assert ear.radio.restarts >= 1
        assert ear.radio.heard_at is None
        assert ear.radio.adverts == 0
        assert ear.heard == []


async def test_an_advert_without_data_is_not_hearing_either_where_the_device_had_some_before(air):
    """bleak puts the old data beside the new signal strength; the radio is as deaf as if nothing came, and an old press stays old."""
    async with Ear({"radio_silence": 0.3}) as ear:
        await until(lambda: air.discovering)
        air.advertise(BUTTON, service_data=PRESS)
        air.advertise(BUTTON, service_data=PRESS)
        await until(lambda: len(ear.heard) == 2)
        last = ear.radio.heard_at
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and ear.radio.restarts < 2:
            air.advertise(BUTTON, rssi=-40 - int(time.monotonic() * 100) % 50)
            await asyncio.sleep(0.01)
        assert ear.radio.restarts >= 2
        assert ear.radio.heard_at == last
        assert len(ear.heard) == 2
        await ear.hears(air)


async def test_the_end_of_a_scan_repeats_no_old_press(air):
    """When discovery ends, bluetoothd announces each device again without RSSI; bleak delivers that with the old bytes."""
    bare = []
    scanner = BleakScanner(lambda _, advert: bare.append(advert.rssi))
    await scanner.start()
    air.advertise(BUTTON, service_data=PRESS)
    air.idle()
    await until(lambda: bare == [-60, -127])
    with pytest.raises(BleakDBusError, match="No discovery started"):
        await scanner.stop()
    async with Ear() as ear:
        await until(lambda: air.discovering)
        air.advertise(BUTTON, service_data=PRESS)
        air.idle()
        air.discovering = {"somebody": {}}
        air.advertise("C2:00:00:00:00:01", service_data=PRESS)
        await until(lambda: len(ear.heard) == 2)
    assert [a.address for a in ear.heard] == [BUTTON, "C2:00:00:00:00:01"]


async def test_silence_starts_a_new_scanner_then_power_cycles(air):
    async with Ear({"radio_silence": 0.15}) as ear:
        await until(lambda: "Set" in air.calls)
        assert ear.radio.restarts == 1, "the first cure is a new scanner only"
        await ear.hears(air)
    assert air.calls.count("Set") == 2
    assert ear.said == [], "a quiet home is no fault"


async def test_a_spoken_word_postpones_the_silence(air):
    async with Ear({"radio_silence": 3.0}) as ear:
        await until(lambda: air.discovering)
        for _ in range(16):
            air.advertise(BUTTON, service_data=PRESS)
            await asyncio.sleep(0.25)
        assert ear.radio.restarts == 0
        await until(lambda: ear.radio.restarts == 1)


async def test_a_scan_that_ends_by_itself_is_started_again(air):
    async with Ear({"radio_idle": 0.2}) as ear:
        await until(lambda: air.discovering)
        air.idle()
        await until(lambda: air.discovering)
        await ear.hears(air)
        assert ear.radio.restarts == 1


async def test_the_gap_between_two_scan_windows_is_no_loss(air):
    """The kernel ends a scan every 10 s and bluetoothd starts it again: Discovering goes off and on."""
    from dbus_fast import Variant

    async with Ear({"radio_idle": 0.3}) as ear:
        await until(lambda: air.discovering)
        for on in (False, True) * 3:
            air._change("/org/bluez/hci0", "org.bluez.Adapter1", {"Discovering": Variant("b", on)})
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.4)
        await ear.hears(air)
        assert ear.radio.restarts == 0


async def test_adapter_pulled_out_and_plugged_in(air):
    async with Ear() as ear:
        await ear.hears(air)
        air.unplug()
        await until(lambda: ear.said)
        assert not ear.radio.hearing
        assert "hci0 was removed" in ear.radio.trouble
        await until(lambda: "hci0 is not there" in ear.radio.trouble)
        assert "present: none" in ear.radio.trouble
        await asyncio.sleep(0.3)
        air.plug()
        await ear.hears(air)
        assert [works for works, _ in ear.said] == [False, True]
        assert air.calls.count("Set") == 0, "what is not there is not switched"


async def test_plugging_in_is_heard_before_the_back_off_is_over(air):
    air.unplug()
    with changed("box", first=NEVER, longest=NEVER):
        async with Ear() as ear:
            await until(lambda: ear.said)
            await asyncio.sleep(0.1)
            air.plug()
            await ear.hears(air)


async def test_bluetoothd_crash_and_return(air):
    async with Ear() as ear:
        await ear.hears(air)
        await air.crash()
        await until(lambda: ear.said)
        assert "bluetoothd" in ear.said[0][1]
        await until(lambda: "systemctl start bluetooth" in ear.radio.trouble)
        await air.start()
        await ear.hears(air)
        assert [works for works, _ in ear.said] == [False, True]


async def test_bluetoothd_restarted_at_once(air):
    """Gone and back before we even ask: the scan is dead all the same."""
    async with Ear() as ear:
        await ear.hears(air)
        await air.crash()
        await air.start()
        await ear.hears(air)
        assert [works for works, _ in ear.said] == [False, True]


async def test_bus_killed_and_back(bus, air):
    async with Ear() as ear:
        await ear.hears(air)
        bus.kill()
        await until(lambda: ear.said)
        assert not ear.said[0][0]
        assert "D-Bus" in ear.said[0][1]
        await until(lambda: "systemctl start dbus" in ear.radio.trouble)
        await air.crash()
        bus.start()
        await air.start()
        await ear.hears(air)
        assert [works for works, _ in ear.said] == [False, True]


async def test_switched_off_is_switched_on(air):
    air.power(False)
    async with Ear() as ear:
        await ear.hears(air)
        assert ear.said == []
        air.power(False)
        await until(lambda: ear.said)
        await ear.hears(air)
        await until(lambda: len(ear.said) == 2)
        assert [works for works, _ in ear.said] == [False, True]
        assert "switched off" in ear.said[0][1]


async def test_blocked_radio_says_where_to_look(air):
    air.power(False)
    air.fail = {"Set": "org.bluez.Error.Blocked"}
    async with Ear() as ear:
        await until(lambda: ear.said)
        assert "rfkill" in ear.radio.trouble
        air.fail = {}
        await ear.hears(air)


async def test_another_program_scanning_is_survived(air):
    air.fail = {"StartDiscovery": ("org.bluez.Error.InProgress", 1)}
    async with Ear() as ear:
        await ear.hears(air)
        assert [works for works, _ in ear.said] == [False, True]
        assert "another program" in ear.said[0][1]
        assert "Set" not in air.calls, "the first failure is only tried again"


async def test_second_refusal_in_a_row_power_cycles(air):
    air.fail = {"StartDiscovery": ("org.bluez.Error.InProgress", 2)}
    async with Ear() as ear:
        await ear.hears(air)
        assert air.calls.count("Set") == 2
        assert [works for works, _ in ear.said] == [False, True]


async def test_bluetoothd_that_does_not_answer(air):
    air.mute = {"StartDiscovery"}
    async with Ear({"dbus_answer": 0.2}) as ear:
        await until(lambda: ear.said)
        assert "no scan within 0.2 s" in ear.said[0][1]
        air.mute = {"GetAll"}
        await until(lambda: "does not answer GetAll" in ear.radio.trouble)
        air.mute = set()
        await ear.hears(air)
        assert [works for works, _ in ear.said] == [False, True]


async def test_stop_that_hangs_does_not_keep_the_gateway_from_ending(air):
    ear = Ear({"dbus_answer": 0.2})
    async with ear:
        await ear.hears(air)
        air.mute = {"StopDiscovery"}


async def test_no_bus_at_all(monkeypatch, tmp_path):
    monkeypatch.setenv(SYSTEM_BUS, f"unix:path={tmp_path}/nothing")
    async with Ear() as ear:
        await until(lambda: ear.said)
        await asyncio.sleep(0.3)
        assert len(ear.said) == 1
        assert str(tmp_path) in ear.said[0][1]
        assert "systemctl start dbus" in ear.said[0][1]
    with pytest.raises(RadioError, match="systemctl start dbus"):
        await adapters()


async def test_nobody_else_can_feign_a_loss(bus, air):
    """A local program may send the same signal; only bluetoothd's counts."""
    async with Ear() as ear:
        await ear.hears(air)
        forger = await MessageBus(bus_address=bus.address, bus_type=BusType.SYSTEM).connect()
        from dbus_fast import MessageType

        body = ["/org/bluez/hci0", ["org.bluez.Adapter1"]]
        interface, member = "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved"
        forged = Message(message_type=MessageType.SIGNAL, path="/", interface=interface, member=member, signature="oas", body=body)
        await forger.send(forged)
        await asyncio.sleep(0.2)
        forger.disconnect()
        await forger.wait_for_disconnect()
        assert ear.said == []
        assert ear.radio.hearing


async def test_a_bug_behind_the_radio_ends_it(air):
    """dbus-fast swallows what a callback raises; a pump that fails must not leave a radio that only seems to work."""

    def sink(advert):
        raise ZeroDivisionError(advert.address)

    radio = Radio("hci0", sink, lambda *_: None)
    task = asyncio.create_task(radio.run())
    await until(lambda: air.discovering)
    air.advertise(BUTTON, service_data=PRESS)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(task, 3.0)


async def test_adapters_for_check(air):
    assert await adapters() == [("hci0", "02:00:5E:00:53:01", True)]
    air.unplug()
    assert await adapters() == []
    await air.crash()
    with pytest.raises(RadioError, match="systemctl start bluetooth"):
        await adapters()


async def test_a_thousand_a_second_without_loss(air):
    async with Ear() as ear:
        await until(lambda: air.discovering)
        told = await flood(air, 1000, 2.0)
        assert told == 2000
        await until(lambda: ear.radio.adverts == 2000)
        assert len(ear.heard) == 2000
        assert ear.radio.restarts == 0


async def test_stand_in_as_a_child(monkeypatch):
    with Child() as child:
        monkeypatch.setenv(SYSTEM_BUS, child.address)
        async with Ear() as ear:
            await asyncio.to_thread(child.wait_for_scan)
            child.advertise(BUTTON, service_data={"fcd2": b"\x40\x00\x01\x3a\x01"})
            await until(lambda: ear.heard)
            child.do(flood={"rate": 500, "seconds": 0.2, "devices": 10})
            await until(lambda: len(ear.heard) == 101)
            child.do(unplug=True)
            await until(lambda: ear.said)
            child.do(plug=True)
            await until(lambda: ear.said[-1][0])
            assert child.ask()["told"] == 101


async def test_bleak_alone_loses_its_connection(air):
    """Nobody tells us, ours is fine: the silence does."""
    from bleak.backends.bluezdbus.manager import get_global_bluez_manager

    async with Ear({"radio_silence": 0.3}) as ear:
        await ear.hears(air)
        connection = (await get_global_bluez_manager())._bus
        connection.disconnect()
        await connection.wait_for_disconnect()
        await ear.hears(air)
        assert ear.radio.restarts >= 1


async def test_adverts_from_a_file(monkeypatch, tmp_path):
    lines = [
        {"address": BUTTON, "service_data": PRESS},
        {"after": 0.05, "address": BUTTON, "manufacturer_data": {"2985": "0102"}, "rssi": -80},
    ]
    (tmp_path / "adverts").write_text("\n".join(json.dumps(line) for line in lines))
    with Child("--adverts", str(tmp_path / "adverts")) as child:
        monkeypatch.setenv(SYSTEM_BUS, child.address)
        async with Ear() as ear:
            await until(lambda: len(ear.heard) == 2)
        assert ear.heard[1].manufacturer_data == {2985: b"\x01\x02"}
        assert ear.heard[1].service_data == ear.heard[0].service_data, "bluetoothd keeps the old service data beside the new maker's"


async def test_start_and_end_many_times_leave_nothing(air):
    for _ in range(20):
        async with Ear() as ear:
            await ear.hears(air)
    await until(lambda: not air.discovering)
