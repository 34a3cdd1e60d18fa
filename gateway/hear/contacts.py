"""Dry contacts polled: inputs of a Modbus RTU module, or the board's own pins.

Each input becomes a telegram: its source is the input's number, its data 01 for a closed contact
and 00 for an open one. It comes at the start, on each change, and unchanged once in a while, so
that supervision sees that the module answers. Each half needs its optional extra: `modbus` or
`gpio`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, get_args
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from gateway.hear.waits import WAITS
from gateway.words.driver import Telegram

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusSerialClient

LOST_AFTER = 5  # questions in a row that the module did not answer
Baud = Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200]


class Bus(Protocol):
    """Where inputs are read, on the event loop. An OSError says what to do."""

    @property
    def every(self) -> float:
        """The seconds between two readings."""
        ...

    async def open(self) -> None:
        """Make it ready."""
        ...

    async def read(self) -> Mapping[str, bool]:
        """Read all inputs once: of each number, whether its contact is closed."""
        ...

    def close(self) -> None:
        """Let it go."""
        ...


async def run(
    bus: Bus,
    sink: Callable[[Telegram], None],
    ready: Callable[[], None] | None = None,
) -> None:
    """Poll `bus` until cancelled, giving telegrams to `sink`.

    Raises OSError with what to do when it cannot be opened or is lost.
    """
    loop = asyncio.get_running_loop()
    known: dict[str, bool] = {}
    told: dict[str, float] = {}
    try:
        await bus.open()
        if ready is not None:
            ready()
        lost = 0
        next_at = loop.time()
        while True:
            try:
                closed = await bus.read()
                lost = 0
            except OSError:
                lost += 1
                if lost >= LOST_AFTER:
                    raise
                closed = {}
            now = loop.time()
            for source, on in closed.items():
                if known.get(source) is not on or now - told[source] >= WAITS.contact_again:
                    known[source], told[source] = on, now
                    sink(Telegram(source=source, data=b"\x01" if on else b"\x00"))
            next_at = max(next_at + bus.every, now)  # after a slow answer no burst of questions
            await asyncio.sleep(next_at - now)
    finally:
        bus.close()


class Module(Struct, frozen=True, forbid_unknown_fields=True):
    """How a Modbus module is set, and which of its inputs are read."""

    unit: Annotated[int, Meta(ge=1, le=247)] = 1
    inputs: Annotated[int, Meta(ge=1, le=64)] = 8
    baud: Baud = 9600
    first: Annotated[int, Meta(ge=0, le=65535)] = 0


class ModbusInputs:
    """A module with discrete inputs (function 02), numbered from 1 as printed at its terminals.

    On the event loop, as pins are, whose reading takes microseconds.
    """

    def __init__(self, port: str, module: Module) -> None:
        self._port = port
        self._module = module
        self._client: AsyncModbusSerialClient | None = None

    @property
    def every(self) -> float:
        """The seconds between two readings."""
        return WAITS.modbus_every

    async def open(self) -> None:
        """Open the line; OSError says what to do."""
        try:
            from pymodbus.client import AsyncModbusSerialClient
        except ImportError as error:
            raise OSError(
                "Modbus modules need pymodbus: install eldercare-gateway[modbus]"
            ) from error
        self._client = AsyncModbusSerialClient(
            self._port,
            baudrate=self._module.baud,
            timeout=WAITS.modbus_answer,
            retries=0,
            reconnect_delay=0,
        )
        if not await self._client.connect():
            raise OSError(
                f"serial port {self._port} does not open:"
                " is it there, allowed to this user, and not used by another program?"
            )

    async def read(self) -> Mapping[str, bool]:
        """Read all inputs once."""
        from pymodbus.exceptions import ModbusException

        assert self._client is not None  # opened before
        m = self._module
        try:
            answer = await self._client.read_discrete_inputs(
                m.first, count=m.inputs, device_id=m.unit
            )
        except ModbusException as error:
            raise OSError(
                f"Modbus unit {m.unit} at {self._port} does not answer ({error}):"
                f" unit number, {m.baud} 8N1, wires A and B?"
            ) from error
        if answer.isError():
            raise OSError(
                f"Modbus unit {m.unit} at {self._port} has no {m.inputs} inputs ({answer}):"
                " correct inputs= in its port"
            )
        return {str(m.first + n): bool(bit) for n, bit in enumerate(answer.bits[: m.inputs], 1)}

    def close(self) -> None:
        """Close the line."""
        if self._client is not None:
            self._client.close()
            self._client = None


class GpioInputs:
    """Pins by their BCM numbers, pulled up inside. On the event loop.

    A contact to ground is closed when the pin is low. It bounces for some milliseconds: what is
    read twice in a row counts. `factory` is gpiozero's, for tests.
    """

    def __init__(self, pins: Sequence[int], *, factory: Any = None) -> None:
        self._pins = tuple(pins)
        self._factory = factory
        self._devices: dict[str, Any] = {}
        self._before: dict[str, bool] = {}
        self._steady: dict[str, bool] = {}

    @property
    def every(self) -> float:
        """The seconds between two readings."""
        return WAITS.gpio_every

    async def open(self) -> None:
        """Take the pins; OSError says what to do."""
        try:
            from gpiozero import DigitalInputDevice
            from gpiozero.exc import GPIOZeroError
        except ImportError as error:
            raise OSError("GPIO inputs need gpiozero: install eldercare-gateway[gpio]") from error
        try:
            for pin in self._pins:
                self._devices[str(pin)] = DigitalInputDevice(
                    pin, pull_up=True, pin_factory=self._factory
                )
        except (GPIOZeroError, OSError, ValueError) as error:
            self.close()
            raise OSError(
                f"GPIO {self._pins} cannot be used ({error}):"
                " is this a Raspberry Pi, and does another program hold them?"
            ) from error

    async def read(self) -> Mapping[str, bool]:
        """Read all pins once; a pin that has not been the same twice is left as it was."""
        for name, device in self._devices.items():
            closed = bool(device.value)
            if self._before.get(name) is closed:
                self._steady[name] = closed
            self._before[name] = closed
        return dict(self._steady)

    def close(self) -> None:
        """Let the pins go."""
        for device in self._devices.values():
            with contextlib.suppress(OSError):
                device.close()
        self._devices.clear()


def bus_at(port: str) -> ModbusInputs | GpioInputs:
    """Return the bus a device's port names. Raises ValueError with what was expected.

    It is `gpio:17,27`, or `/dev/...` with `?unit=1&inputs=8&baud=9600&first=0` as needed.
    """
    if found := re.fullmatch(r"gpio:(\d{1,2}(?:,\d{1,2})*)", port):
        pins = tuple(int(pin) for pin in found[1].split(","))
        if len(set(pins)) != len(pins) or max(pins) > 27:
            raise ValueError(f"{port!r}: BCM numbers from 0 to 27, each once, were expected")
        return GpioInputs(pins)
    path, _, query = port.partition("?")
    try:
        asked = dict(parse_qsl(query, keep_blank_values=True))
        module = msgspec.convert(asked, Module, strict=False)
    except ValueError as error:
        raise ValueError(
            f"{port!r}: {error}:"
            f" unit=1-247, inputs=1-64, first=0-65535, baud={get_args(Baud)} were expected"
        ) from error
    if not path.startswith("/"):
        raise ValueError(
            f"{port!r}: gpio:17,27 or /dev/serial/by-id/...?unit=1&inputs=8 was expected"
        )
    return ModbusInputs(path, module)
