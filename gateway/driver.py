"""What a driver is: a pure decoder of one make's bytes. It opens nothing, reads no clock and judges nothing.

`feed` takes what a radio or a serial line delivered and yields what the device said (`Report`), what has to be written back
(`Reply`), or why nothing may be reported (`Refusal`). A refusal inside a stream does not end the stream. `feed` never raises on
any input and never keeps more than it states. Packets of devices that are not this make are refused as `NOT_MINE`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gateway.reading import Kind, Value


def uuid16(short: int) -> str:
    """Return the 128-bit text form of a 16-bit Bluetooth UUID, as bleak gives it."""
    return f"0000{short:04x}-0000-1000-8000-00805f9b34fb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertisement:
    """One BLE advertisement. `address` is upper-case with colons; company ids are not part of `manufacturer_data` values."""

    address: str
    rssi: int = 0
    name: str | None = None
    service_data: Mapping[str, bytes] = field(default_factory=dict)
    manufacturer_data: Mapping[int, bytes] = field(default_factory=dict)
    service_uuids: tuple[str, ...] = ()
    adapter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Bytes as a serial line delivered them: any split, any noise. Empty `data` with `opened` true = the line was just opened."""

    port: str
    data: bytes
    opened: bool = False


Packet = Advertisement | Chunk


@dataclass(frozen=True, slots=True)
class Report:
    """One thing a device said. `value` is a bool for states, the action for events, a number for measures.

    `extra` carries details that only `decode` prints (steps of a dimmer, the query a frame answers).
    """

    kind: Kind
    value: Value
    index: int = 1
    label: str = ""
    flagged: bool = False
    extra: Mapping[str, Value] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes the driver wants written back to the line it heard."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something heard may not be reported: a short fixed word such as `decrypt_failed`, `too_short`, `replayed`."""

    reason: str


NOT_MINE = Refusal("not_mine")
REPEATED = Refusal("repeated")  # the same packet again: alive, nothing new

Heard = Report | Reply | Refusal


class Driver(Protocol):
    """The decoder of one enrolled device.

    `memory` holds what must survive a restart (last packet id, last counter) as plain JSON values. The gateway gives the stored
    memory to `Model.new` and stores it again, in the transaction of the event, whenever it changed.
    """

    memory: dict[str, int | str]

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode one packet."""
        ...

    def poll(self) -> bytes:
        """Return the bytes that ask the device for its state, or b"" where it cannot be asked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BleAdvert:
    """Heard by radio: which service data or company ids the make uses (for guessing strangers' makes)."""

    services: tuple[str, ...] = ()
    companies: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialLine:
    """Heard by wire: line speed in baud, 8N1; `ask_every` seconds between two polls (0 = only when opened)."""

    baud: int
    ask_every: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One make. `missing_after` is the silence in seconds after which the device counts as missing; None = cannot be supervised.

    `device_notes` is what the technician must do on the device itself, as (zh-CN, English).
    """

    name: str
    title: tuple[str, str]
    listens: BleAdvert | SerialLine
    senses: frozenset[Kind]
    missing_after: float | None
    new: Callable[[str, bytes | None, Mapping[str, int | str]], Driver]  # (address, key, memory)
    key_bytes: int = 0  # length of the bind key, 0 = the make knows no key
    device_notes: tuple[str, str] = ("", "")
