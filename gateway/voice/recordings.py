"""A phrase in the voice of a relative: a WAV as it may be kept, as loud as the phrase it replaces.

It is read by its own bytes, never by what it says of itself alone. What is kept is made anew: 16
bit, one channel, `RATE`, without the silence before and behind, with a sum by which a damaged file
is known. Pure, but for `read`; nothing but the standard library, for the voice's program loads it.

    "RIFF" size "WAVE" | "fmt " 16 form | "sum " 4 CRC-32 of the samples | "data" length samples
"""

from __future__ import annotations

import math
import struct
import sys
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from operator import mul
from pathlib import Path
from typing import Final, NamedTuple

from gateway.voice.tones import PEAK, RATE

# The phrases that can be recorded, in the order of an alarm: whole sentences. Rooms, numbers and
# minutes are put together from pieces, and stay as they are shipped.
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "ask": ("ask.fall", "ask.stay", "ask.bed", "ask.water", "ask.other"),
    "asks": ("asks.well", "asks.up", "asks.home", "asks.answer"),
    "cancel": (
        "cancel.button",
        "cancel.press",
        "cancel.double",
        "cancel.triple",
        "cancel.long",
        "cancel.move",
        "cancel.bed",
        "cancel.wipe",
        "cancel.none",
    ),
    "raised": (
        "raised.sos",
        "raised.fall",
        "raised.smoke",
        "raised.gas",
        "raised.co",
        "raised.water",
        "raised.unanswered",
        "raised.other",
        "calm",
    ),
    "stage": (
        "receipt",
        "calling",
        "acknowledged",
        "dispatched",
        "on_site",
        "raised_again",
        "closed",
        "cancelled",
        "wish",
        "try",
    ),
}
RECORDABLE: Final = frozenset(name for names in GROUPS.values() for name in names)
LARGEST: Final = 2 * 1024 * 1024  # bytes that are read of a file from outside
SHORTEST, LONGEST = 0.4, 8.0  # seconds of a phrase that is kept
KEPT_MOST: Final = 44 + 12 + 2 * int(LONGEST * RATE)  # bytes of its file
LOUD: Final = 5000.0  # how loud the shipped phrases are, see `level`
RATES: Final = range(8000, 48001)
_PARTS: Final = 64  # of one file that are looked at
_BLOCK: Final = RATE // 50  # samples of 20 ms
_SILENT, _QUIET = 100.0, 250.0  # of 32,767: below it a block is silence, a phrase too quiet
_EDGE: Final = 0.05  # of the phrase's own loudness: what is quieter at its ends is cut off
_KNEE: Final = 0.6 * PEAK  # from here on what is loud is pressed
_FULL, _ROW, _CLIPPED = 32700, 3, 0.002  # full scale, so many in a row, such a part of all


class Unfit(Exception):
    """It is not kept; `word` says why, a word of the catalogue, with its `values`."""

    def __init__(self, word: str, **values: object) -> None:
        super().__init__(word)
        self.word, self.values = word, values


class Sound(NamedTuple):
    """What a WAV holds, in one channel."""

    samples: array[int]
    rate: int


def fitted(data: bytes, loud: float = LOUD) -> bytes:
    """Return a recording from outside as it may be kept, as loud as `loud`. Raises Unfit."""
    found = opened(data)
    if _clipped(found.samples):
        raise Unfit("recording.clipped")
    samples = found.samples if found.rate == RATE else resampled(found.samples, found.rate)
    heard = level(samples)
    if not heard:
        raise Unfit("recording.silent")
    if heard < _QUIET:
        raise Unfit("recording.quiet")
    samples = _trimmed(samples, heard)
    _long_enough(samples)
    return made(_as_loud(samples, loud))


def checked(data: bytes) -> bytes:
    """Return one that `fitted` has made, made anew from its samples. Raises Unfit.

    Who hands it over is not believed: form, length and loudness are looked at once more.
    """
    samples, rate = opened(data)
    if rate != RATE:
        raise Unfit("recording.form")
    _long_enough(samples)
    if level(samples) < LOUD / 4:
        raise Unfit("recording.quiet")
    return made(samples)


def made(samples: array[int]) -> bytes:
    """Return samples as a file."""
    body = array("h", samples)
    if sys.byteorder == "big":
        body.byteswap()
    raw = body.tobytes()
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    head += struct.pack("<4sII", b"sum ", 4, zlib.crc32(raw))
    head += struct.pack("<4sI", b"data", len(raw))
    return struct.pack("<4sI4s", b"RIFF", 4 + len(head) + len(raw), b"WAVE") + head + raw


def read(path: Path) -> array[int] | None:
    """Return the samples of a recording of the home, None where it has none. Raises Unfit, OSError.

    One that somebody has put there by hand has no sum, and is heard as it is.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    samples, rate = opened(data)
    if rate != RATE or not samples:
        raise Unfit("recording.form")
    return samples


def opened(data: bytes) -> Sound:
    """Return what a WAV holds. Raises Unfit: none, damaged, of another form."""
    if len(data) > LARGEST:
        raise Unfit("recording.large", size=LARGEST // 1024 // 1024)
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise Unfit("recording.not_wav")
    form: tuple[int, int, int] | None = None
    told: int | None = None
    for name, content in _chunks(data):
        if name == b"fmt ":
            form = _form(content)
        elif name == b"sum " and len(content) == 4:
            told = int.from_bytes(content, "little")
        elif name == b"data" and form is not None:
            if told is not None and told != zlib.crc32(content):
                raise Unfit("recording.damaged")
            return Sound(_one_channel(content, form[1]), form[2])
    raise Unfit("recording.damaged")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (name, content) of each part. Raises Unfit where one is cut off."""
    at = 12
    for _ in range(_PARTS):
        if at + 8 > len(data):
            return
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        content = data[at + 8 : at + 8 + length]
        if len(content) < length:
            raise Unfit("recording.damaged")
        yield name, content
        at += 8 + length + length % 2


def _form(content: bytes) -> tuple[int, int, int]:
    """Return (code, channels, rate) of plain samples of 16 bit. Raises Unfit."""
    if len(content) < 16:
        raise Unfit("recording.damaged")
    code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content[:16])
    if code == 0xFFFE and len(content) >= 26:  # extensible: the code stands behind
        code = int.from_bytes(content[24:26], "little")
    if code != 1 or bits != 16 or channels not in (1, 2) or rate not in RATES:
        raise Unfit("recording.form")
    return code, channels, rate


def _one_channel(content: bytes, channels: int) -> array[int]:
    samples = array("h", content[: len(content) // (2 * channels) * 2 * channels])
    if sys.byteorder == "big":
        samples.byteswap()
    if channels == 1:
        return samples
    return array("h", ((a + b) // 2 for a, b in zip(samples[::2], samples[1::2], strict=True)))


def resampled(samples: array[int], rate: int) -> array[int]:
    """Return samples at `RATE`, by straight lines between them: enough for a voice."""
    if rate >= 2 * RATE:  # what is too high to be kept must not come back as noise
        step = rate // RATE
        samples = array("h", (sum(samples[n : n + step]) // step for n in _steps(samples, step)))
        return resampled(samples, rate // step)
    count = len(samples) * RATE // rate
    out = array("h")
    for n in range(count):
        at, part = divmod(n * rate, RATE)
        here = samples[at]
        there = samples[at + 1] if at + 1 < len(samples) else here
        out.append(here + (there - here) * part // RATE)
    return out


def _steps(samples: array[int], step: int) -> range:
    return range(0, len(samples) - step + 1, step)


def level(samples: array[int]) -> float:
    """Return how loud a voice is: of its 20 ms, those that are no pause. 0 for silence."""
    powers = [power for power in _powers(samples) if power > _SILENT**2]
    if not powers:
        return 0.0
    mean = sum(powers) / len(powers)
    loud = [power for power in powers if power > mean / 10]
    return math.sqrt(sum(loud) / len(loud))


def _powers(samples: array[int]) -> list[float]:
    blocks = (samples[n : n + _BLOCK] for n in _steps(samples, _BLOCK))
    return [sum(map(mul, block, block)) / _BLOCK for block in blocks]


def _trimmed(samples: array[int], heard: float) -> array[int]:
    """Return samples without the silence before and behind, a tenth of a second left at each."""
    loud = [n for n, power in enumerate(_powers(samples)) if power > (_EDGE * heard) ** 2]
    begin, end = (loud[0] - 5) * _BLOCK, (loud[-1] + 6) * _BLOCK
    return samples[max(0, begin) : end]


def _long_enough(samples: Sequence[int]) -> None:
    seconds = len(samples) / RATE
    if seconds < SHORTEST:
        raise Unfit("recording.short")
    if seconds > LONGEST:
        raise Unfit("recording.long", most=f"{LONGEST:g}", seconds=f"{seconds:.1f}")


def _clipped(samples: array[int]) -> bool:
    """Say whether the voice was too loud for the microphone: its tops are cut off."""
    row = cut = 0
    for sample in samples:
        if -_FULL < sample < _FULL:
            cut += row if row >= _ROW else 0
            row = 0
        else:
            row += 1
    return cut + (row if row >= _ROW else 0) > _CLIPPED * len(samples)


def _as_loud(samples: array[int], loud: float) -> array[int]:
    """Return samples as loud as `loud`: what would go beyond the loudest there is, is pressed."""
    gain = loud / level(samples)
    for _ in range(4):
        out = array("h", (_pressed(sample * gain) for sample in samples))
        short = loud / level(out)
        if short <= 1.02:
            break
        gain *= short
    return out


def _pressed(value: float) -> int:
    size = abs(value)
    if size > _KNEE:
        size = _KNEE + (PEAK - _KNEE) * math.tanh((size - _KNEE) / (PEAK - _KNEE))
        return int(math.copysign(size, value))
    return int(value)
