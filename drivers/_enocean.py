"""What EnOcean sensors have in common: telegrams are RORG | payload | status.

    d5 | 08 | 00                1BS, D5-00-01: bit 0 1 = closed, bit 3 0 = the learn button
    f6 | 50 | 30                RPS, rocker or cord: bits 7-5 which side, bit 4 pressed
    a5 | db3 db2 db1 db0 | 00   4BS: db0 bit 3 0 = teach-in
    d4 | ...                    UTE teach-in

Document: EnOcean Equipment Profiles 2.6. Every telegram is sent two or three times within 40 ms:
the gateway makes them one. Teach-in telegrams are no reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from drivers._refusals import TEACH_IN, TOO_SHORT
from drivers._reports import measure
from gateway.words.driver import (
    NOT_MINE,
    Behind,
    Heard,
    Model,
    Packet,
    Picture,
    Refusal,
    Report,
    Telegram,
)
from gateway.words.reading import Kind

RPS, ONE_BYTE, FOUR_BYTES, UTE = 0xF6, 0xD5, 0xA5, 0xD4
_SIZES = {RPS: 3, ONE_BYTE: 3, FOUR_BYTES: 6}
_INTRODUCE = frozenset({ONE_BYTE, FOUR_BYTES, UTE})
_VARIABLE, _OUTPUT = 0xD2, 4  # D2-01: an actuator says how far it is on
# s; they check in within the hour, and the sun is gone longer than a broken one may be
CHECKS_IN = 3 * 3600.0
NOTES = (
    "按一下学习键:它的 8 位编号就是地址。",
    "Press its learn button once: the 8 digits then heard are its address.",
)


def behind(*eeps: str) -> Behind:
    """Return how a sensor with these profiles is heard."""
    return Behind(receivers=("enocean-esp3",), same_within=0.1, profiles=eeps)


def is_teach_in(data: bytes) -> bool:
    """Say whether a telegram (RORG | payload | status) only introduces its sender."""
    match data[0]:
        case 0xD4:
            return True
        case 0xD5:
            return not data[1] & 0x08
        case 0xA5:
            return not data[4] & 0x08
        case _:
            return False


def profile(data: bytes) -> str:
    """Return the profile (EEP) that a teach-in telegram names, "" where it names none."""
    if data[0] == ONE_BYTE:
        return "D5-00-01"  # the only one there is
    if data[0] == FOUR_BYTES and len(data) == _SIZES[FOUR_BYTES] and data[4] & 0x80:
        return f"A5-{data[1] >> 2:02X}-{(data[1] & 3) << 5 | data[2] >> 3:02X}"
    return f"{data[7]:02X}-{data[6]:02X}-{data[5]:02X}" if data[0] == UTE and len(data) >= 9 else ""


def drawn(data: bytes) -> dict[str, object]:
    """Name the fields of a telegram (RORG | payload | status)."""
    said: dict[str, object] = {
        "rorg": f"{data[0]:02X}",
        "status": f"0x{data[-1]:02x}",
        "payload": data[1:-1].hex(),
    }
    if data[0] in _INTRODUCE and len(data) >= _SIZES.get(data[0], 3):
        said["learn"] = is_teach_in(data)
        eep = profile(data) if said["learn"] and data[0] != ONE_BYTE else ""
        return said | ({"eep": eep} if eep else {})
    if data[0] == _VARIABLE and len(data) == 5 and data[1] & 0x0F == _OUTPUT:
        said["output_pct"] = data[3] & 0x7F
    return said


class Sensor:
    """One sensor: `read` gives the meaning of RORG and payload; NOT_MINE of another RORG.

    So it does of a teach-in telegram that names a profile which is none of `eeps`: the hearing
    window tells makes apart by it.
    """

    def __init__(
        self,
        rorgs: frozenset[int],
        read: Callable[[int, bytes], Iterable[Heard]],
        eeps: frozenset[str],
        memory: Mapping[str, int | str],
    ) -> None:
        self.memory: dict[str, int | str] = dict(memory)
        self._rorgs = rorgs
        self._read = read
        self._eeps = eeps

    def pictures(self, packet: Packet) -> Iterable[Picture | Refusal]:
        """Draw one telegram."""
        if not isinstance(packet, Telegram) or len(packet.data) < 2:
            return (NOT_MINE,)
        return (Picture(drawn(packet.data)),)

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode one telegram."""
        if not isinstance(packet, Telegram):
            return (NOT_MINE,)
        data = packet.data
        if not data:
            return (TOO_SHORT,)
        if data[0] == UTE:
            return self._introduced(data)
        if data[0] not in self._rorgs:
            return (NOT_MINE,)
        if len(data) != _SIZES[data[0]]:
            return (TOO_SHORT if len(data) < _SIZES[data[0]] else NOT_MINE,)
        return self._introduced(data) if is_teach_in(data) else self._read(data[0], data[1:-1])

    def _introduced(self, data: bytes) -> Iterable[Heard]:
        return (TEACH_IN,) if profile(data) in self._eeps | {""} else (TEACH_IN, NOT_MINE)


def enocean(
    name: str,
    title: tuple[str, str],
    rorg: int,
    eeps: tuple[str, ...],
    senses: Iterable[Kind],
    read: Callable[[int, bytes], Iterable[Heard]],
    notes: tuple[str, str],
    *,
    missing_after: float | None = CHECKS_IN,
    endless: Iterable[Kind] = (),
) -> Model:
    """Return the model of the sensors with these profiles, which speak by one RORG."""
    return Model(
        name=name,
        title=title,
        listens=behind(*eeps),
        senses=frozenset(senses),
        missing_after=missing_after,
        new=lambda _address, _key, memory: Sensor(frozenset({rorg}), read, frozenset(eeps), memory),
        endless=frozenset(endless),
        device_notes=notes,
    )


def supply(db3: int) -> tuple[Report, ...]:
    """Return a supply voltage: 0 to 250 are 0 to 5 V, the rest is none."""
    return (measure("supply_v", round(db3 * 0.02, 2)),) if db3 <= 250 else ()
