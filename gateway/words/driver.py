"""A driver decodes one make's bytes. It is pure: opens nothing, reads no clock, judges nothing.

`feed` takes what a radio or a serial line delivered and yields what the device said (`Report`),
what has to be written back (`Reply`), or why nothing may be reported (`Refusal`). A refusal inside
a stream does not end the stream. `feed` never raises on any input and never keeps more than it
states. Packets of devices that are not this make are refused as `NOT_MINE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeVar, runtime_checkable

from msgspec import Struct
from msgspec.structs import replace

from gateway.words.reading import Kind, Value

T = TypeVar("T")
_WORDS = 80  # characters of what was not understood


def uuid16(short: int) -> str:
    """Return the 128-bit text form of a 16-bit Bluetooth UUID, as bleak gives it."""
    return f"0000{short:04x}-0000-1000-8000-00805f9b34fb"


class Advertisement(Struct, frozen=True, kw_only=True):
    """One BLE advertisement. `address` is upper-case with colons; values have no company id."""

    address: str
    rssi: int = 0
    name: str | None = None
    service_data: Mapping[str, bytes] = {}
    manufacturer_data: Mapping[int, bytes] = {}
    service_uuids: tuple[str, ...] = ()
    adapter: str = ""


class Chunk(Struct, frozen=True, kw_only=True):
    """Bytes as a serial line delivered them: split anywhere, with any noise.

    Empty `data` with `opened` true: the line was just opened.
    """

    port: str
    data: bytes
    opened: bool = False


class Telegram(Struct, frozen=True, kw_only=True):
    """What a receiver heard of one device behind it: a radio code, an input number, a Zigbee name.

    `source` names the device in the receiver's own terms, upper-case hex where it is a number.
    `data` is what it sent. `retained`: somebody kept it for us, it may be of any age: what it says
    may still hold, but it is no sign of life.
    """

    source: str
    data: bytes = b""
    rssi: int = 0
    retained: bool = False


class Published(Struct, frozen=True, kw_only=True):
    """One message of another program's broker, such as zigbee2mqtt's.

    `retained`: the broker kept it, it may be of any age.
    """

    topic: str
    payload: bytes
    retained: bool = False  # what was last said, not something that happens now


class Attribute(Struct, frozen=True, kw_only=True):
    """One value that a visited device notified, indicated or let the gateway read.

    `characteristic` is its UUID (128 bits, as text).
    """

    characteristic: str
    data: bytes


Packet = Advertisement | Chunk | Telegram | Published | Attribute


class Report(Struct, frozen=True):
    """One thing a device said.

    `value` is a bool for states, the action for events, a number for measures. `extra` carries
    details that only `decode` prints (steps of a dimmer, the query a frame answers).
    """

    kind: Kind
    value: Value
    index: int = 1
    label: str = ""
    flagged: bool = False
    extra: Mapping[str, Value] | None = None


def changed(report: Report, **values: Any) -> Report:
    """Return a report with other values."""
    return replace(report, **values)


class Reply(Struct, frozen=True):
    """Bytes the driver wants written back to the line it heard."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something heard may not be reported: a fixed word such as `too_short` or `replayed`.

    `advice` is what a technician who reads a recording should try.
    """

    reason: str
    advice: str = field(default="", kw_only=True, compare=False)


class Picture(Struct, frozen=True):
    """The fields of one recorded frame by name, for people: also of what is never reported.

    Values are JSON. `frame` holds the bytes of it, where packets are cut into frames.
    """

    fields: Mapping[str, object]
    frame: bytes = b""


NOT_MINE = Refusal("not_mine", advice="the bytes are not of this model: try another")
# the same packet again: alive, nothing new; with a key it is life for a moment only, see intake
REPEATED = Refusal("repeated")
# says nothing, and anybody could have sent it: no sign of life, and nothing to count
UNPROVED = Refusal("unproved")
# What a receiver hears by says that it is not there.
OFFLINE = Refusal("bridge_offline", advice="the bridge program reports that it ends")


def not_understood(words: str) -> Report:
    """Return the report of something that matters and that no document explains: never silence."""
    return Report(
        Kind.NOT_UNDERSTOOD, "".join(sign if sign.isprintable() else "?" for sign in words[:_WORDS])
    )


@dataclass(frozen=True, slots=True)
class Standing(Refusal):
    """A call that still stands in what the device goes on saying: alive, nothing new.

    Whether that is so only a clock can tell, and a driver has none: where it was not heard for
    long, its end got lost and it is new.
    """

    call: Report


Heard = Report | Reply | Refusal | Telegram  # telegrams come from receivers only


def only(kind: type[T], said: Iterable[object]) -> list[T]:
    """Return what is of one type, such as the reports of all that was heard."""
    return [one for one in said if isinstance(one, kind)]


class Driver(Protocol):
    """The decoder of one enrolled device.

    `memory` holds what must survive a restart (last packet id, last counter) as plain JSON values.
    The gateway gives the stored memory to `Model.new` and stores it again, in the transaction of
    the event, whenever it changed.
    """

    memory: dict[str, int | str]

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode one packet."""
        ...


class BleAdvert(Struct, frozen=True, kw_only=True):
    """Heard by radio: the service data or company ids of the make, to guess a stranger's."""

    services: tuple[str, ...] = ()
    companies: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


class SerialLine(Struct, frozen=True, kw_only=True):
    """Heard by wire: line speed in baud, always 8N1.

    `ask` are the bytes that ask the device for its state, b"" where it reports unasked;
    `ask_every` is the seconds between two questions (0 = only when opened). `hello` asks an unknown
    device for its name, where `ask` does not. `text`: it speaks lines of text.
    """

    baud: int
    ask: bytes = b""
    ask_every: float = 0.0
    hello: bytes = b""
    text: bool = False


class Behind(Struct, frozen=True, kw_only=True):
    """Heard through a receiver: the names of receiver models that carry this make.

    Equal telegrams that follow each other within `same_within` seconds are one: radios repeat what
    nobody acknowledges. `profiles` are the names under which other programs list this make, such as
    an EnOcean profile.
    """

    receivers: tuple[str, ...]
    same_within: float = 0.0
    profiles: tuple[str, ...] = ()


class MqttTopics(Struct, frozen=True, kw_only=True):
    """Heard from another program's broker: topic filters below the configured base topic."""

    filters: tuple[str, ...] = ("#",)


class Inputs(Struct, frozen=True, kw_only=True):
    """Polled dry contacts: `bus` is "modbus" or "gpio"."""

    bus: str


class GattService(Struct, frozen=True, kw_only=True):
    """Visited: the gateway connects when it hears the advertisement, and reads the characteristics.

    `ordered` puts a batch of stored values into the order in which they were measured.
    """

    service: str
    characteristics: tuple[str, ...]
    ordered: Callable[[Sequence[Attribute]], Sequence[Attribute]]


Listens = BleAdvert | SerialLine | Behind | MqttTopics | Inputs | GattService


class Enrol(StrEnum):
    """How a device is enrolled: by address, by address and key, by taught signals, or by port."""

    ADDRESS = "address"
    KEY = "key"
    LEARN = "learn"
    PORT = "port"


class Setting(Struct, frozen=True, kw_only=True):
    """One thing a technician sets on the device: bounds and unit, and what it is in both languages.

    `label` is the label of the report in which its value comes back ("" = the name). `words` are
    the names of its values where it has some, as (word, value). `quiet` is how many seconds the
    device says nothing after it has taken it.
    """

    name: str
    unit: str
    low: float
    high: float
    title: tuple[str, str]
    label: str = ""
    words: tuple[tuple[str, float], ...] = ()
    quiet: float = 0.0


class Teachable(Protocol):
    """A driver that is taught signals out of its own advertisements.

    `signal` is the one heard last, in the form in which it is taught; "" = none.
    """

    signal: str


@runtime_checkable
class Pictured(Protocol):
    """A driver that names the fields of what it hears, for `decode`. It remembers nothing of it."""

    def pictures(self, packet: Packet) -> Iterable[Picture | Report | Refusal]:
        """Return a picture of each frame, and why bytes between them are none."""
        ...


class Adjustable(Protocol):
    """A driver whose device can be commissioned.

    What comes back is a Report with the setting's label; an answer to `ask` has `reply_to` in its
    extra. An answer that only says "taken" is a Report with the label in its extra as `taken`.
    """

    def set(self, name: str, value: float) -> bytes:
        """Return the bytes that set one setting; b"" where the device must be asked first.

        It must be asked where it takes several settings at once.
        """
        ...

    def ask(self, name: str) -> bytes:
        """Return the bytes that read it back."""
        ...

    def apply(self) -> bytes:
        """Return the bytes after which what was set takes effect, b"" where it does at once."""
        ...


class Model(Struct, frozen=True, kw_only=True):
    """One make.

    `missing_after` is the silence in seconds after which a device counts as missing; None = it
    cannot be supervised. `rarely`: some of its kind check in once a day, so a household may allow a
    vital one so long a silence too. `device_notes` is what the technician must do on the device
    itself, as (zh-CN, English).
    """

    name: str
    title: tuple[str, str]
    listens: Listens
    senses: frozenset[Kind]
    missing_after: float | None
    new: Callable[[str, bytes | None, Mapping[str, int | str]], Driver]  # (address, key, memory)
    key_bytes: int = 0  # length of the bind key, 0 = the make knows no key
    device_notes: tuple[str, str] = ("", "")
    enrol: Enrol = Enrol.ADDRESS
    # LEARN: makes the driver from taught signals, {function: signal}, for instance {"open":
    # "12F70A", "closed": "12F70E"}
    learned: Callable[[Mapping[str, str], Mapping[str, int | str]], Driver] | None = None
    buttons: int = 1  # how many buttons one of it may have
    # what a button of it means unless the household says otherwise; "nothing" for a detector's
    # pairing button
    presses: str = "sos"
    functions: tuple[str, ...] = ()  # LEARN: what can be taught
    settings: tuple[Setting, ...] = ()
    # its driver yields telegrams of devices behind it, no reports of its own
    receiver: bool = False
    # levels of which it never says that they are over, or only where `clear` is taught
    endless: frozenset[Kind] = frozenset()
    # told by a wire of this home, which no neighbour and no recording speaks on
    wired: bool = False
    rarely: bool = False
    # a protocol that many makes speak: a make of its own that takes the same frame is the better
    # guess
    general: bool = False


# bytes of a key under which a frame carries a counter and a tag; what a shorter one hides cannot be
# checked
SEALED = 16


def proves(model: Model, *, keyed: bool) -> bool:
    """Say whether what this make says is proved fresh: no recording, no neighbour's code."""
    return model.wired or (keyed and model.key_bytes >= SEALED)
