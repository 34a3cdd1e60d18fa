"""`python -m gateway.voice.render [FOLDER]`: make the phrases as sound files, at build time.

Each sentence is spoken once by `espeak-ng`, brought to the rate and loudness of the tones, and kept
as 16 bit PCM. The synthesiser is a program of the build machine; nothing of it reaches a home.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import wave
from array import array
from pathlib import Path
from typing import Final

from gateway.voice import en, zh
from gateway.voice.play import CLIPS
from gateway.voice.recordings import resampled
from gateway.voice.tones import PEAK, RATE

VOICES: Final = {"zh": ("cmn", zh, "150"), "en": ("en-gb", en, "150")}
QUIET: Final = 300  # below this a sample counts as silence


def spoken(text: str, voice: str, pace: str) -> array[int]:
    """Return a sentence as samples at `RATE`. Raises OSError, or CalledProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "spoken.wav")
        command = ["espeak-ng", "-v", voice, "-s", pace, "-w", str(file), text]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603  our own sentences
        with wave.open(str(file), "rb") as said:
            samples, rate = array("h", said.readframes(said.getnframes())), said.getframerate()
    return loud(trimmed(resampled(samples, rate)))


def trimmed(samples: array[int]) -> array[int]:
    """Return samples without the silence before and behind."""
    heard = [n for n, sample in enumerate(samples) if abs(sample) > QUIET]
    return samples[heard[0] : heard[-1] + RATE // 20] if heard else samples


def loud(samples: array[int]) -> array[int]:
    """Return samples whose loudest is the loudest there may be."""
    most = max((abs(sample) for sample in samples), default=0)
    return array("h", (sample * PEAK // most for sample in samples)) if most else samples


def written(folder: Path) -> int:
    """Write what is missing, or older than its sentence; return how many files there are."""
    done = 0
    for language, (voice, catalogue, pace) in VOICES.items():
        place = folder / language
        place.mkdir(parents=True, exist_ok=True)
        changed = Path(str(catalogue.__file__)).stat().st_mtime
        for name, text in catalogue.PHRASES.items():
            file = place / f"{name}.wav"
            done += 1
            if file.exists() and file.stat().st_mtime >= changed:
                continue
            samples = spoken(text, voice, pace)
            with wave.open(str(file.with_suffix(".new")), "wb") as out:
                out.setnchannels(1)
                out.setsampwidth(2)
                out.setframerate(RATE)
                out.writeframes(samples.tobytes())
            file.with_suffix(".new").replace(file)
    return done


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="gateway.voice.render", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=CLIPS)
    target = parser.parse_args().folder
    print(f"{written(target)} phrases in {target}")
