"""<Maker and models>: copy this to drivers/<maker>_<model>.py, and draw here the bytes.

    aa | 01 | xx | sum    header | battery, percent | 1 open, 0 closed | low byte of the sum before

Document: <name and version of what these facts come from>. Where a device departs from it, say so
at the line that copes with it.

One function `read` is the whole driver. It gets the bytes and the enrolled address, and returns
what they report, or one refusal. The rules, which tests/unit/drivers/test_every_driver.py tries on
each MODEL, once golden frames stand there:

- refuse before you read: length (`size` does it), header, check, content
- say what you heard: no "closed" and no "no fall" out of silence, no judgement, no clock, no files
- a value that matters and that no document knows is `not_understood`, never silence
- never raise, whatever comes, and keep nothing

The same frame again is REPEATED by itself: the device is alive, and has said nothing new.

Other links, other helpers:

- on a wire: _frames.py, `Line` with a cutter, `read` and `draw`; see sonoff_rfbridge.py
- behind a receiver: _enocean.py, _taught.py, _zigbee.py; see enocean_pir.py, ev1527_door.py
- BTHome, MiBeacon or a standard service: one call; see shelly_blu_ht.py, linptech_es3.py
- with a key, or memory that outlives a restart: a class of its own; see bthome_v2.py
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers._broadcast import broadcast
from drivers._refusals import BAD_CHECKSUM
from gateway.words.driver import NOT_MINE, BleAdvert, Heard, Report, not_understood, uuid16
from gateway.words.reading import Kind

_HEADER = 0xAA
_OPEN = {0: False, 1: True}


def read(frame: bytes, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    if frame[0] != _HEADER:
        return (NOT_MINE,)
    if sum(frame[:-1]) & 0xFF != frame[-1]:
        return (BAD_CHECKSUM,)
    battery = Report(Kind.BATTERY, frame[1])
    opened = _OPEN.get(frame[2])
    if opened is None:
        return battery, not_understood(f"contact: {frame[2]}")
    # Of what nothing is judged by: `measure` and `state` of drivers/_reports.py.
    return battery, Report(Kind.CONTACT_OPEN, opened)


# This constant is all that has to be there for the gateway to know the make. Its name is the
# file's, with - for _, and goes into the configuration.
MODEL = broadcast(
    "maker-model",
    ("中文名称", "English name"),
    BleAdvert(services=(uuid16(0x0000),)),  # service data; or companies=(0x1234,)
    {Kind.CONTACT_OPEN, Kind.BATTERY},
    read,
    ("安装人员在设备上要做的事", "What the technician has to do on the device itself"),
    size=4,  # of each frame; `least` where it differs
    missing_after=None,  # seconds; None = silence means nothing, which the technician is told
)
