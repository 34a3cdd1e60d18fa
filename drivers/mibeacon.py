"""Xiaomi MiBeacon, versions 2 to 5: doors, motion, buttons, smoke, water, beds; service data FE95.

    control u16 | product u16 | count | [address, reversed] | [capability (+1)] | object ...
    5040          d603          01      d603 0a38c1a4                             19 10 01 00
        CGH1, plain: open; all numbers LE
    5858 | 8b09 | a3 | ae2181ecaae4 | 0e2c553c | 040000 | d28a500c
        MCCGQ02HL, left open:         sealed     ext      tag

    control   bit 3 sealed, 4 address follows, 5 capability follows (one more byte if its bit 5 is
              set), 6 object follows, 7 mesh, 12-15 version. No object: it says nothing, and proves
              nothing.
    v4, v5    AES-128-CCM, key 16, tag 4, associated data 11;
              nonce = address reversed (6) | product (2) | count (1) | ext (3)
    v2, v3    key 12, filled up to 16 by 8d3d3c97 in the middle; ... | sealed | ext (3) | check (1);
              nonce = first 5 bytes | ext | first 5 bytes of the address reversed; nobody can check
              a tag: only mibeacon_legacy.py opens these

Documents: what public readers agree on (xiaomi-ble, ble_monitor), compared in the tests. What
objects mean: _mibeacon.py.

What is fresh: sealed frames count ext << 8 | count, and what is older is treated as in
bthome_v2.py. That ext is the upper part of the count is seen in every recording, and written in no
document. Plain frames prove little: the same count with the same objects again is `REPEATED`,
whatever else changes in the head. Frames without object come in clear from sealed devices too:
whoever has heard one can send it, so they are no sign of life.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from drivers._ccm import ccm, counter_mode
from drivers._fresh import LastHeard, judged
from drivers._mibeacon import SHORTEST, reports_of
from drivers._refusals import (
    BINDKEY_REQUIRED,
    DECRYPT_FAILED,
    DOWNGRADE,
    MESH,
    TOO_LONG,
    TOO_SHORT,
    WRONG_ADDRESS,
    WRONG_PRODUCT,
    WRONG_VERSION,
)
from gateway.words.driver import (
    NOT_MINE,
    REPEATED,
    UNPROVED,
    Advertisement,
    BleAdvert,
    Heard,
    Model,
    Packet,
    Report,
    uuid16,
)
from gateway.words.reading import Kind

UUID = uuid16(0xFE95)
LISTENS = BleAdvert(services=(UUID,))
KEY_BYTES = 16
KEY_NOTES = (
    (
        "先在厂家应用(米家)中配对,再用令牌提取工具从该账号取得 32 位绑定密钥登记到网关;"
        "重新配对后密钥会改变,须重新登记。"
    ),
    (
        "Pair it in Mi Home, read its bind key (32 digits) from that account with a token "
        "extractor; pairing again changes the key. "
    ),
)
# s; many speak on change only, and say their battery once a day, a little late at times
ON_CHANGE = 25 * 3600.0

_SEALED, _ADDRESS, _CAPABILITY, _OBJECT, _MESH = 0x08, 0x10, 0x20, 0x40, 0x80
_MORE_CAPABILITY = 0x20
_HEAD, _SEAL = 5, 7
_LONGEST = 255  # bytes; an AD structure cannot carry more
_OLD_KEY_BYTES = 12
_OLD_KEY_MIDDLE = bytes.fromhex("8d3d3c97")

_NOT_MINE = (NOT_MINE,)
_REPEATED = (REPEATED,)
_UNPROVED = (UNPROVED,)


class MiBeacon:
    """One device. `products`: the product ids it may be, empty = any; 12 bytes of key: v2, v3."""

    def __init__(
        self,
        address: str,
        key: bytes | None,
        memory: Mapping[str, int | str],
        products: frozenset[int] = frozenset(),
        old: bool = False,
    ) -> None:
        self.memory: dict[str, int | str] = dict(memory)
        self._address = bytes.fromhex(address.replace(":", ""))
        self._products = products
        self._old = old
        self._key = key
        self._unseal = ccm(key) if key is not None and not old else None
        self._last = LastHeard()

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode one advertisement. Of a good frame that says nothing, nothing comes: it lives."""
        if not isinstance(packet, Advertisement) or (data := packet.service_data.get(UUID)) is None:
            return _NOT_MINE
        if self._last.again(packet.adapter, data):
            return _REPEATED
        size = len(data)
        if not _HEAD <= size <= _LONGEST:
            return (TOO_SHORT if size < _HEAD else TOO_LONG,)
        control, address, start = data[0], self._address, _HEAD
        if (
            not 2 <= data[1] >> 4 <= 5
            or control & _MESH
            or (self._products and data[2] | data[3] << 8 not in self._products)
        ):
            return (
                WRONG_VERSION
                if not 2 <= data[1] >> 4 <= 5
                else MESH
                if control & _MESH
                else WRONG_PRODUCT,
            )
        if control & _ADDRESS:
            told, start = data[10:4:-1], _HEAD + 6
            if size < start or (address and told != address):
                return (TOO_SHORT if size < start else WRONG_ADDRESS,)
            address = told
        if control & _CAPABILITY:
            start += 2 if size > start and data[start] & _MORE_CAPABILITY else 1
        if not control & _OBJECT:
            return _UNPROVED if start <= size else (TOO_SHORT,)
        if control & _SEALED:
            return self._sealed(packet.adapter, data, start, address)
        # in clear somebody else may be speaking under this address
        if size < start + SHORTEST or self._key is not None:
            return (TOO_SHORT if size < start + SHORTEST else DOWNGRADE,)
        return self._told(packet.adapter, data, data[start:])

    def _sealed(self, adapter: str, data: bytes, start: int, address: bytes) -> Iterable[Heard]:
        if (data[1] >> 4 < 4) is not self._old:
            return (WRONG_VERSION,)
        if len(data) < start + SHORTEST + _SEAL:
            return (TOO_SHORT,)
        if self._key is None:
            return (BINDKEY_REQUIRED,)
        if self._old:
            return self._opened_unchecked(adapter, data, start, address)
        ext, tag = data[-7:-4], data[-4:]
        nonce = (address or bytes(6))[::-1] + data[2:5] + ext
        plain = self._unseal(nonce, data[start:-7] + tag, b"\x11") if self._unseal else None
        if plain is None:
            return (DECRYPT_FAILED,)
        self._last.remember(adapter, data)
        reports, _ = reports_of(plain, data[2] | data[3] << 8)
        counter = int.from_bytes(ext, "little") << 8 | data[4]
        self.memory, heard = judged(self.memory, counter, tag, reports)
        return heard

    def _opened_unchecked(
        self, adapter: str, data: bytes, start: int, address: bytes
    ) -> Iterable[Heard]:
        """Open v2 and v3. Their check proves nothing: only whole objects, all known, are taken."""
        key = self._key or bytes(_OLD_KEY_BYTES)
        nonce = data[:5] + data[-4:-1] + (address or bytes(6))[:0:-1]
        plain = counter_mode(
            key[:6] + _OLD_KEY_MIDDLE + key[6:], b"\x01" + nonce + b"\x00\x01", data[start:-4]
        )
        reports, whole = reports_of(plain, data[2] | data[3] << 8)
        if not whole:
            return (DECRYPT_FAILED,)
        return self._told(adapter, data, plain, reports)

    def _told(
        self, adapter: str, data: bytes, objects: bytes, reports: list[Report] | None = None
    ) -> Iterable[Heard]:
        """Report what no tag proves: once for each count and content."""
        self._last.remember(adapter, data)
        frame = data[4:5].hex() + objects.hex()
        if self.memory.get("frame") == frame:
            return _REPEATED
        reports = reports_of(objects, data[2] | data[3] << 8)[0] if reports is None else reports
        if reports:  # what says nothing need not be remembered
            self.memory = {**self.memory, "frame": frame}
        return reports


def product(
    name: str,
    title: tuple[str, str],
    number: int,
    senses: Iterable[Kind],
    notes: tuple[str, str],
    *,
    missing_after: float | None = ON_CHANGE,
    sealed: bool = True,
) -> Model:
    """Return the model of one product, by its number in frames. `notes` follow those on its key."""
    return Model(
        name=name,
        title=title,
        listens=LISTENS,
        senses=frozenset(senses),
        missing_after=missing_after,
        new=partial(MiBeacon, products=frozenset({number})),
        key_bytes=KEY_BYTES if sealed else 0,
        device_notes=(KEY_NOTES[0] + notes[0], KEY_NOTES[1] + notes[1]) if sealed else notes,
    )


MODEL = Model(
    name="mibeacon",
    title=("米家蓝牙广播通用传感器", "Any Xiaomi MiBeacon sensor"),
    listens=LISTENS,
    senses=frozenset(
        {
            Kind.BUTTON,
            Kind.CONTACT_OPEN,
            Kind.MOTION,
            Kind.OCCUPANCY,
            Kind.SMOKE,
            Kind.MOISTURE,
            Kind.LIGHT,
            Kind.ILLUMINANCE,
            Kind.TEMPERATURE,
            Kind.HUMIDITY,
            Kind.BATTERY,
            Kind.BATTERY_LOW,
            Kind.TAMPER,
            Kind.PROBLEM,
        }
    ),
    general=True,
    missing_after=ON_CHANGE,
    new=MiBeacon,
    key_bytes=KEY_BYTES,
    buttons=4,
    device_notes=(
        KEY_NOTES[0] + "若型号在表中另有一行,请选用该行。",
        KEY_NOTES[1] + "Where its model has a row of its own, enrol it as that.",
    ),
)
