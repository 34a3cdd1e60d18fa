"""SwitchBot's broadcasts: service data FD3D (old: 0D00) and manufacturer data 0969, two halves.

    6440da020017005144    64 = 'd', model letter under a top bit | ...
    cb39cdc43d46 | 84 | 9c0017005144
    address (6) | sequence | ...    preferred for states: it changes at once

Document: SwitchBot's open BLE API; PySwitchbot, which the tests compare with. Service data come in
the scan response only, so an active scan is needed; without them the kind of device is not in the
packet: such a packet is taken only after one with its letter. Nothing is sealed: whoever is near
can say these things under another's address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from drivers._broadcast import LONGEST, Broadcast
from gateway.words.driver import Advertisement, BleAdvert, Heard, Model, Report, uuid16
from gateway.words.reading import Kind

UUID, OLD_UUID = uuid16(0xFD3D), uuid16(0x0D00)
COMPANY = 0x0969
Halves = tuple[bytes, bytes]  # service data, manufacturer data; b"" = not in this packet


def switchbot(
    name: str,
    title: tuple[str, str],
    letter: str,
    alone: int,
    senses: Iterable[Kind],
    read: Callable[[Halves, bytes], Sequence[Heard]],
    notes: tuple[str, str],
    *,
    missing_after: float | None = 900.0,  # s; they speak every few seconds
) -> Model:
    """Return the model of one kind of device.

    `alone` is the length of its manufacturer data where the letter is not there. Many kinds
    are as long: without the letter they are taken only from a device that has said its letter
    before.
    """

    def new(address: str, key: bytes | None, memory: Mapping[str, int | str]) -> Broadcast[Halves]:
        known = False

        def pick(packet: Advertisement) -> Halves | None:
            nonlocal known
            service = packet.service_data.get(UUID) or packet.service_data.get(OLD_UUID) or b""
            maker = packet.manufacturer_data.get(COMPANY, b"")
            if max(len(service), len(maker)) > LONGEST:
                return None
            if service:
                known = service[0] & 0x7F == ord(letter)
                return (service, maker) if known else None
            return (b"", maker) if known and len(maker) == alone else None

        return Broadcast(pick, read, address, key, memory)

    return Model(
        name=name,
        title=title,
        listens=BleAdvert(services=(UUID, OLD_UUID), companies=(COMPANY,)),
        senses=frozenset(senses),
        missing_after=missing_after,
        new=new,
        device_notes=notes,
    )


def battery(service: bytes) -> list[Report]:
    """Read the battery, which stands in one place of the service data for all that have it."""
    return [Report(Kind.BATTERY, service[2] & 0x7F)] if len(service) > 2 else []
