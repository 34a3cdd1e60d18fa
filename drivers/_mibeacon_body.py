"""What MiBeacon objects say of a body: thermometers, scales, beds. One row each in _mibeacon.py.

    166e | 09 | 01 | e8031208 | 00000000    100.0 kg, 114 a minute, 51.6 ohm, first resistance
                profile u8 | u32 LE: mass (11 bits, x 0.1 kg), heart rate - 50 (7), resistance
                (14, x 0.1 ohm) | not read

Documents: as in _mibeacon.py.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence

from drivers._reports import measure, state
from gateway.words.driver import Report
from gateway.words.reading import Kind

_MJZNZ018H, _MMC_T201 = 0x20DB, 0x00DB


def bed(occupied: bool) -> Callable[[bytes, int], Sequence[Report]]:
    """Read 4E16 and 4E17: a bed is occupied, or not; a scale says its weight there."""

    def read(value: bytes, product: int) -> Sequence[Report]:
        if product == _MJZNZ018H:
            return (Report(Kind.OCCUPANCY, occupied),)
        return _weighed(value) if occupied and len(value) == 9 else ()

    return read


def bed_state(value: bytes, product: int) -> Sequence[Report]:
    """Read 5A16: whether a bed is occupied."""
    occupied = {1: True, 2: False}.get(value[0])
    return () if product != _MJZNZ018H or occupied is None else (Report(Kind.OCCUPANCY, occupied),)


def body_temperature(value: bytes, product: int) -> Sequence[Report]:
    """Read 2000: the temperatures of skin and air, from which the body's follows; battery."""
    skin, ambient, battery = struct.unpack("<hhB", value)
    if product != _MMC_T201:
        return ()
    warmth = (
        3.71934e-11 * math.exp(0.69314 * skin / 100)
        - 1.02801e-8 * math.exp(0.53871 * ambient / 100)
        + 36.413
    )
    # fitted around 37 only
    measured = (Report(Kind.TEMPERATURE, round(warmth, 2)),) if 34 <= warmth <= 43 else ()
    return (*measured, Report(Kind.BATTERY, battery))


def _weighed(value: bytes) -> Sequence[Report]:
    profile, mass, _ = struct.unpack("<BII", value)
    return (
        (state("stabilized", True), measure("profile_id", profile), measure("mass_kg", mass / 100))
        if mass
        else ()
    )


def composition(value: bytes, _product: int) -> Sequence[Report]:
    """Read 6E16: mass, heart rate and two resistances, over several packets."""
    profile, packed, _ = struct.unpack("<BII", value)
    mass, heart, ohm = packed & 0x7FF, packed >> 11 & 0x7F, packed >> 18
    mass = 0 if mass == 0x7FF else mass
    said = [measure("profile_id", profile)]
    if mass:
        said.append(measure("mass_kg", mass / 10))
    if 0 < heart < 127:
        said.append(measure("heart_rate_bpm", heart + 50))
    # the last packet of a weighing carries the second resistance alone
    last = not mass and not heart and bool(ohm)
    if ohm:
        said.append(measure("impedance_high_ohm" if last else "impedance_low_ohm", ohm / 10))
    return [state("stabilized", last or (bool(mass or heart) and not ohm)), *said]
