"""<Maker and models>: copy this file to drivers/<maker>_<model>.py, and draw here what the bytes look like.

    aa | 01 | xx | sum          header | device says | value | low byte of the sum of all before it

Document: <name and version of what these facts come from>. Where a device departs from it, say so at the line that copes with it.

The rules every driver keeps (tests/unit/drivers/test_every_driver.py tries them on each MODEL it finds, once golden frames stand there):
    - `feed` never raises, whatever comes, and never keeps more than it states: give every buffer its bound in bytes
    - refuse before you read: length, header, check, content; the content is believed only after the envelope
    - say what you heard: no "closed" and no "no fall" out of silence, no judgement, no clock, no files
    - what must survive a restart goes into `memory`: ints and strings; put a new dict there, so that a change can be seen
    - the same packet again is `REPEATED`: the device is alive, and has said nothing new
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers._refusals import BAD_CHECKSUM, TOO_SHORT
from gateway.words.driver import NOT_MINE, Advertisement, BleAdvert, Heard, Model, Packet, Report, uuid16
from gateway.words.reading import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

UUID = uuid16(0x0000)  # the service data it is heard by; a device on a wire takes Chunk and SerialLine instead

# A refusal is a short fixed word: it is counted under this name and shown to the technician.


class Template:
    """One device. The gateway makes one for each enrolled device, with the memory it stored last."""

    def __init__(self, _address: str, _key: bytes | None, memory: Mapping[str, int | str]) -> None:
        self.memory: dict[str, int | str] = dict(memory)

    def poll(self) -> bytes:
        """Return the bytes that ask for its state; a broadcaster cannot be asked."""
        return b""

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode one packet."""
        if not isinstance(packet, Advertisement):
            return (NOT_MINE,)
        data = packet.service_data.get(UUID)
        if data is None:
            return (NOT_MINE,)
        if len(data) != 4:
            return (TOO_SHORT,)
        if sum(data[:-1]) & 0xFF != data[-1]:
            return (BAD_CHECKSUM,)
        # Kinds that nothing is judged by: Kind.OTHER_STATE or Kind.OTHER_MEASURE, with a label that has the unit in its name.
        return (Report(Kind.CONTACT_OPEN, data[2] == 1),)


# This constant is all that has to be there for the gateway to know the make; its name goes into the configuration.
MODEL = Model(
    name="maker-model",
    title=("中文名称", "English name"),
    listens=BleAdvert(services=(UUID,)),
    senses=frozenset({Kind.CONTACT_OPEN}),
    missing_after=None,  # seconds; None = silence means nothing, which the technician is told
    new=Template,
    key_bytes=0,
    device_notes=("安装人员在设备上要做的事", "What the technician has to do on the device itself"),
)
