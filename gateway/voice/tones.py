"""The two noises of the home, made by calculation: 16 bit, one channel, `RATE` samples a second.

The siren sweeps from 500 to 1,200 Hz and back twice a second: that is where old ears still hear
well. The chime is two falling notes.
"""

from __future__ import annotations

import math
from array import array
from typing import Final

RATE: Final = 16000
PEAK: Final = 32000  # of 32,767: loudest without clipping
SIREN_SECONDS: Final = 3.0
LOW, HIGH, SWEEPS = 500.0, 1200.0, 2.0  # Hz, Hz, a second
NOTES: Final = ((880.0, 0.35), (660.0, 0.55))  # Hz, seconds


def siren() -> array[int]:
    """Return the siren once."""
    out, phase = array("h"), 0.0
    for n in range(int(SIREN_SECONDS * RATE)):
        place = (n * SWEEPS / RATE) % 1.0
        rising = 2 * place if place < 0.5 else 2 - 2 * place
        phase += (LOW + (HIGH - LOW) * rising) / RATE
        # A square wave with soft corners carries further than a sine of the same peak.
        out.append(int(PEAK * math.tanh(4 * math.sin(2 * math.pi * phase))))
    return out


def chime() -> array[int]:
    """Return the chime once."""
    out = array("h")
    for hertz, seconds in NOTES:
        count = int(seconds * RATE)
        for n in range(count):
            fade = math.exp(-4.0 * n / count)
            wave = math.sin(2 * math.pi * hertz * n / RATE)
            out.append(int(0.8 * PEAK * fade * wave))
    return out


def pause(seconds: float = 1.0) -> array[int]:
    """Return silence."""
    return array("h", bytes(2 * int(seconds * RATE)))
