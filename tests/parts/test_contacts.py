"""Dry contacts: a Modbus module on a pseudo-terminal, and pins that are mocked."""

import asyncio
from datetime import UTC, datetime

import pytest
from drivers import dry_contact, gpio_inputs, modbus_inputs
from gateway.hear.contacts import GpioInputs, ModbusInputs, Module, bus_at, run
from gateway.hear.intake import Intake
from gateway.words.clock import Moment
from gateway.words.driver import Report, Standing, Telegram
from gateway.words.reading import Kind
from gpiozero.pins.mock import MockFactory

from tests.kit.line_emulators import ModbusModule
from tests.kit.wait import until
from tests.kit.waits import changed

ON, OFF = b"\x01", b"\x00"


class Polled:
    """A bus that is polled, and what it told."""

    def __init__(self, bus):
        self.told = []
        self._task = None
        self._bus = bus

    async def __aenter__(self):
        self._task = asyncio.create_task(run(self._bus, self.told.append))
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def last(self):
        return {one.source: one.data for one in self.told}


async def test_a_module_tells_all_inputs_at_the_start_and_then_changes_only(tmp_path):
    with ModbusModule(tmp_path / "m") as module:
        module.closed[2] = True
        async with Polled(ModbusInputs(module.port, Module())) as polled:
            await until(lambda: len(polled.told) == 8)
            assert polled.told[2] == Telegram(source="3", data=ON)
            assert [one.data for one in polled.told].count(ON) == 1
            await until(lambda: len(module.asked) > 3)
            assert len(polled.told) == 8
            module.closed[0] = True
            await until(lambda: len(polled.told) == 9)
            assert polled.told[8] == Telegram(source="1", data=ON)


async def test_unchanged_inputs_are_told_again_so_that_a_dead_module_is_noticed(tmp_path):
    with ModbusModule(tmp_path / "m", inputs=2) as module, changed("hear", contact_again=0.15):
        async with Polled(ModbusInputs(module.port, Module(inputs=2))) as polled:
            await until(lambda: len(polled.told) >= 6)


@pytest.mark.parametrize("wrong", ["silent", "wrong_sum", "refuses"])
async def test_a_module_that_does_not_answer_ends_it_with_what_to_do(tmp_path, wrong):
    with ModbusModule(tmp_path / "m") as module:
        setattr(module, wrong, 2)
        wrong = pytest.raises(OSError, match=r"Modbus unit 1 at .* (does not answer|has no 8 inputs)")
        with changed("hear", modbus_answer=0.05, modbus_every=0.01), wrong:
            await asyncio.wait_for(run(ModbusInputs(module.port, Module()), print), 10)


async def test_one_lost_answer_is_no_loss(tmp_path):
    with ModbusModule(tmp_path / "m") as module, changed("hear", modbus_answer=0.05):
        async with Polled(ModbusInputs(module.port, Module())) as polled:
            await until(lambda: len(polled.told) == 8)
            module.silent = True
            await asyncio.sleep(0.1)
            module.silent = False
            module.closed[7] = True
            await until(lambda: polled.last()["8"] == ON)
            assert len(polled.told) == 9


async def test_a_port_that_is_not_there_is_said(tmp_path):
    with pytest.raises(OSError, match="does not open"):
        await run(ModbusInputs(str(tmp_path / "none"), Module()), print)


async def test_pins_are_closed_when_low_and_bounces_are_not_told():
    factory = MockFactory()
    pin = factory.pin(17)
    async with Polled(GpioInputs((17, 27), factory=factory)) as polled:
        await until(lambda: len(polled.told) == 2)
        assert polled.last() == {"17": OFF, "27": OFF}
        pin.drive_low()
        await until(lambda: polled.last()["17"] == ON)
        pin.drive_high()
        await until(lambda: polled.last()["17"] == OFF)
        assert len(polled.told) == 4
    factory.reset()


async def test_a_single_low_sample_is_a_bounce():
    factory = MockFactory()
    pin = factory.pin(17)
    bus = GpioInputs((17,), factory=factory)
    await bus.open()
    await bus.read()
    assert await bus.read() == {"17": False}
    pin.drive_low()
    assert await bus.read() == {"17": False}
    pin.drive_high()
    assert await bus.read() == {"17": False}
    bus.close()
    factory.reset()


class NoPins(MockFactory):
    """A machine without a chip for pins."""

    def pin(self, *_args, **_how):
        raise OSError("no chip")


async def test_pins_that_nobody_has_are_said():
    with pytest.raises(OSError, match="Raspberry Pi"):
        await run(GpioInputs((17,), factory=NoPins()), print)


@pytest.mark.parametrize(
    "port", ["gpio:", "gpio:17,17", "gpio:28", "gpio:1,2,", "dev/x", "/dev/x?unit=0", "/dev/x?baud=9601", "/dev/x?speed=1", "/dev/x?unit=a"]
)
def test_a_wrong_port_is_refused(port):
    with pytest.raises(ValueError, match=r"expected|none of"):
        bus_at(port)


def test_a_port_names_its_bus():
    assert isinstance(bus_at("gpio:17,27"), GpioInputs)
    assert isinstance(bus_at("/dev/serial/by-id/x?unit=3&inputs=16&baud=19200&first=0"), ModbusInputs)


class Home:
    """An intake with a clock in the hand."""

    def __init__(self):
        self.now = 1000.0
        self.readings = []
        self.heard_at = {}
        self.intake = Intake(self.moment, self.heard_at, self.readings.append)

    def moment(self):
        return Moment(self.now, datetime(2026, 12, 1, tzinfo=UTC))

    def said(self):
        out = [(one.device, one.kind, one.value) for one in self.readings]
        self.readings.clear()
        return out


def test_one_module_carries_smoke_sos_and_a_bed_pad():
    home = Home()
    home.intake.enrol("module", modbus_inputs.MODEL, "/dev/x", None, {})
    for device, codes in (("smoke", {"smoke_opens": "1"}), ("cord", {"sos": "2"}), ("bed", {"bed_empty": "3"})):
        home.intake.enrol(device, dry_contact.MODEL, "", None, {}, via="module", codes=codes)
    for source, data in (("1", ON), ("2", OFF), ("3", OFF)):
        home.intake.telegram("module", Telegram(source=source, data=data), home.moment())
    assert home.said() == [("smoke", Kind.SMOKE, False), ("bed", Kind.OCCUPANCY, True)]
    for source, data in (("1", OFF), ("2", ON), ("3", ON), ("2", ON), ("2", OFF)):
        home.intake.telegram("module", Telegram(source=source, data=data), home.moment())
    said = home.said()
    assert said == [
        ("smoke", Kind.SMOKE, True),
        ("cord", Kind.BUTTON, "press"),
        ("bed", Kind.OCCUPANCY, False),
        ("cord", Kind.BUTTON, "release"),
    ]
    assert home.heard_at["cord"] == 1000.0


def test_a_cord_that_is_still_pulled_after_a_restart_is_no_second_call_but_one_pulled_meanwhile_is():
    pulled = dry_contact.MODEL.learned({"sos": "2"}, {"sos": 1})
    alive, standing = pulled.feed(Telegram(source="2", data=ON))  # what stands is a call anew only where its end got lost
    assert (standing, alive) == (Standing(standing.reason, Report(Kind.BUTTON, "press")), Report(Kind.HEARTBEAT, True))
    meanwhile = dry_contact.MODEL.learned({"sos": "2"}, {"sos": 0})
    assert list(meanwhile.feed(Telegram(source="2", data=ON))) == [Report(Kind.BUTTON, "press")]
    assert gpio_inputs.MODEL.receiver
