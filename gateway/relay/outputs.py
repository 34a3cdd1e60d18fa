"""What can be switched: a pin of the board by gpiozero, a coil of a Modbus module by pymodbus.

    gpio:17            pin 17 (BCM); gpio:17?low=1: the relay is on while the pin is low
    /dev/serial/by-id/...?unit=1&coil=1&baud=9600      coil 1, as printed at the module's terminals

The two libraries are optional extras (`gpio`, `modbus`) and are loaded when an output is opened.
"""

from __future__ import annotations

import os
import re
from typing import Annotated, Any, Literal, Protocol
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from gateway.box.private import NotSetUp
from gateway.relay.waits import WAITS

PINS = 28  # BCM numbers 0 to 27


class Unplugged(Exception):
    """The output cannot be switched now: chip or line is not there, or nobody answers."""


class Output(Protocol):
    """One output that is open. Both methods raise Unplugged."""

    def switch(self, *, on: bool) -> None:
        """Switch it on or off, whatever it is now."""
        ...

    def close(self) -> None:
        """Let it go."""
        ...


class PinAt(Struct, frozen=True, forbid_unknown_fields=True):
    """A pin of the board. `low`: what it drives is on while it is low."""

    pin: Annotated[int, Meta(ge=0, lt=PINS)]
    low: bool = False


class CoilAt(Struct, frozen=True, forbid_unknown_fields=True):
    """A coil of a module on a serial line, counted from 1."""

    port: str
    unit: Annotated[int, Meta(ge=1, le=247)] = 1
    coil: Annotated[int, Meta(ge=1, le=9999)] = 1
    baud: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600


def place(text: str) -> PinAt | CoilAt:
    """Read where an output is. Raises NotSetUp."""
    where, _, query = text.partition("?")
    pin = re.fullmatch(r"gpio:([0-9]{1,2})", where)
    try:
        said = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
        twice = {"pin", "port"} & said.keys()
        if pin is not None and not twice:
            return msgspec.convert(said | {"pin": pin[1]}, PinAt, strict=False)
        if re.fullmatch(r"/[^?\s]{1,200}", where) and ".." not in where and not twice:
            return msgspec.convert(said | {"port": where}, CoilAt, strict=False)
    except (ValueError, msgspec.ValidationError):
        pass
    raise NotSetUp(
        f"{text!r}: gpio:17 (0 to {PINS - 1}; ?low=1 where low is on) or "
        "/dev/serial/by-id/...?unit=1&coil=1&baud=9600 was expected"
    )


def opened(at: PinAt | CoilAt, *, factory: Any = None) -> Output:
    """Open an output; it is off then. Raises NotSetUp without its library, Unplugged.

    `factory` is gpiozero's, for tests.
    """
    return _Pin(at, factory) if isinstance(at, PinAt) else _Coil(at)


class _Pin:
    def __init__(self, at: PinAt, factory: Any) -> None:
        import tempfile

        # lgpio writes a file into the folder it is told, else into the current one
        os.environ.setdefault("LG_WD", tempfile.gettempdir())
        try:
            from gpiozero import OutputDevice
            from gpiozero.exc import GPIOZeroError
        except ImportError:
            raise NotSetUp("gpiozero is not there: install eldercare-gateway[gpio]") from None
        try:
            self._device = OutputDevice(
                at.pin, active_high=not at.low, initial_value=False, pin_factory=factory
            )
        except (GPIOZeroError, OSError, ValueError) as error:
            raise Unplugged(
                f"pin {at.pin} cannot be used ({error}): is this a Raspberry Pi, and does another "
                "program hold the pin?"
            ) from None

    def switch(self, *, on: bool) -> None:
        if on:
            self._device.on()
        else:
            self._device.off()

    def close(self) -> None:
        self._device.close()


class _Coil:
    def __init__(self, at: CoilAt) -> None:
        try:
            from pymodbus.client import ModbusSerialClient
        except ImportError:
            raise NotSetUp("pymodbus is not there: install eldercare-gateway[modbus]") from None
        self._at = at
        self._client: Any = ModbusSerialClient(
            at.port, baudrate=at.baud, timeout=WAITS.answer, retries=1
        )
        if not self._client.connect():
            raise Unplugged(
                f"{at.port} does not open: is it there, allowed to this user, and used by no other "
                "program, the gateway's own inputs included?"
            )
        try:
            self.switch(on=False)
        except Unplugged:
            self.close()
            raise

    def switch(self, *, on: bool) -> None:
        from pymodbus.exceptions import ModbusException

        at = self._at
        try:
            answer = self._client.write_coil(at.coil - 1, on, device_id=at.unit)
        except (ModbusException, OSError) as error:
            raise Unplugged(
                f"unit {at.unit} at {at.port} does not answer ({error}): unit number, "
                f"{at.baud} 8N1, wires A and B?"
            ) from None
        if answer.isError():
            raise Unplugged(f"unit {at.unit} at {at.port} has no coil {at.coil} ({answer})")

    def close(self) -> None:
        self._client.close()
