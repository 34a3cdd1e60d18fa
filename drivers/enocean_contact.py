"""EnOcean door and window contact, D5-00-01; see _enocean.py.

    d5 | 08 | 00            open (bit 0: 0); 09 = closed; bit 3 0 = the learn button
    a5 | 6e 66 00 08 | 00   Eltako's battery status: storage 110 / 51 V, battery 102 / 51 V

Document: EEP 2.6, D5-00-01, A5-14-01. Eltako's status: openHAB's EnOcean binding, profile
A5_14_01_ELTAKO, beside D5-00-01.

Which profile a contact speaks is learnt and stays in `memory` as `eep`. Once it has spoken D5, by
that alone the door is moved: its A5 telegrams tell of its battery, and one that was read as
A5-14-01 has closed an open window. A contact of another profile that an earlier version enrolled as
this one goes on: it is read as its teach-in says, or as A5-14-01 where the two bytes that this
profile leaves empty are empty. New ones are enrolled as enocean-contact-a5 or enocean-window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivers import enocean_contact_a5, enocean_window
from drivers._enocean import CHECKS_IN, FOUR_BYTES, NOTES, ONE_BYTE, Sensor, behind, profile, supply
from drivers._refusals import TEACH_IN
from drivers._reports import measure
from gateway.words.driver import Heard, Model, Packet, Report, Telegram, not_understood
from gateway.words.reading import Kind

D5 = "D5-00-01"
_OTHERS = {
    "A5-14-01": enocean_contact_a5.read,
    "A5-14-09": enocean_window.read,
    "A5-14-0A": enocean_window.read,
}
_SHAPES = frozenset({0x08, 0x09})  # all that the last byte of A5-14-01 may be


def _volts(byte: int, label: str) -> Report:
    return measure(label, round(byte / 51, 2))


class Contact(Sensor):
    """One contact, whose profile is learnt."""

    def __init__(self, _address: str, _key: bytes | None, memory: Mapping[str, int | str]) -> None:
        super().__init__(frozenset({ONE_BYTE, FOUR_BYTES}), self._says, frozenset({D5}), memory)

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode one telegram; a teach-in says which profile it has."""
        heard = tuple(super().feed(packet))
        if isinstance(packet, Telegram) and TEACH_IN in heard:
            self._learn(profile(packet.data))
        return heard

    def _learn(self, eep: str) -> None:
        if eep in {D5, *_OTHERS} and self.memory.get("eep") not in {D5, eep}:
            self.memory = {**self.memory, "eep": eep}

    def _says(self, rorg: int, payload: bytes) -> Iterable[Heard]:
        if rorg == ONE_BYTE:
            self._learn(D5)
            return (Report(Kind.CONTACT_OPEN, not payload[0] & 1),)
        if payload[1] or payload[2]:
            return (
                Report(Kind.HEARTBEAT, True),
                _volts(payload[0], "storage_v"),
                _volts(payload[1], "supply_v"),
            )
        known = self.memory.get("eep")
        if known == D5:
            return Report(Kind.HEARTBEAT, True), *supply(payload[0])
        if known in _OTHERS:
            return _OTHERS[str(known)](rorg, payload)
        if payload[3] in _SHAPES:
            return enocean_contact_a5.read(rorg, payload)
        return (not_understood(f"A5: {payload.hex()}"),)


MODEL = Model(
    name="enocean-contact",
    title=("EnOcean 门窗磁(D5-00-01)", "EnOcean door/window contact (D5-00-01)"),
    listens=behind(D5),
    senses=frozenset({Kind.CONTACT_OPEN, Kind.VIBRATION}),
    missing_after=CHECKS_IN,
    new=Contact,
    device_notes=(
        NOTES[0] + "太阳能型须每天见光 3 小时以上,暗处加装电池。",
        NOTES[1] + " A solar one needs three hours of daylight a day, or a battery in dark places.",
    ),
)
