"""`python -m gateway.voice.play`: play what an alarm says, as a program of the home's alarm.

It follows the contract of such programs (docs/alarms.md): what happened stands in its
environment, it ends by itself, and its exit code says what is wrong with the channel. Nothing but
the standard library is loaded: it must be heard within a second on the smallest box.

A phrase is looked for among the home's own recordings first, then among the rendered ones. One
that is nowhere is left out; tones are calculated, so that a box without phrases still sounds. In
the place of a recording that is damaged the rendered phrase is heard, and the exit code says so.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import wave
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from gateway.voice import recordings, tones
from gateway.voice.words import CHIME, PAUSE, SIREN, Told, said

CLIPS: Final = Path(__file__).parent / "clips"
PLAYER: Final = "aplay"
LONGEST: Final = 100 * tones.RATE  # samples in one run; the daemon ends a program after 120 s
CLIP_MOST: Final = 15 * tones.RATE  # samples of one clip
# exit codes of the contract; DAMAGED: all was heard, a recording in the voice of the gateway
UNPLUGGED, NOT_THERE, FAILED, DAMAGED = 10, 127, 1, 16
FIRST: Final = 0.6  # of its loudness a first question has
HEARD: Final = "sounds.log"  # of the device `file:FOLDER`
_TONES: Final = frozenset({SIREN, CHIME, PAUSE})
_GONE: Final = ("no such file", "no such device", "cannot find card", "unknown pcm")


def clip(name: str, folders: Sequence[Path]) -> array[int]:
    """Return the samples of a phrase; none where no folder has it or it cannot be read."""
    tone = {SIREN: tones.siren, CHIME: tones.chime, PAUSE: tones.pause}.get(name)
    if tone is not None:
        return tone()
    for folder in folders:
        try:
            with wave.open(str(folder / f"{name}.wav"), "rb") as file:
                if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                    continue
                samples = array("h", file.readframes(CLIP_MOST))
                if file.getframerate() == tones.RATE:
                    return samples
        except (OSError, EOFError, wave.Error):
            continue
    return array("h")


def recorded(names: Sequence[str], folder: Path | None) -> tuple[dict[str, array[int]], list[str]]:
    """Return the home's own recordings of these phrases, and which of them are damaged."""
    own: dict[str, array[int]] = {}
    damaged = []
    for name in dict.fromkeys(names) if folder is not None else ():
        try:
            found = recordings.read(folder / f"{name}.wav") if folder is not None else None
        except (OSError, recordings.Unfit):
            damaged.append(name)
            continue
        if found is not None:
            own[name] = found[:CLIP_MOST]
    return own, damaged


def composed(
    names: Sequence[str],
    folders: Sequence[Path],
    volume: float,
    own: Mapping[str, array[int]] | None = None,
) -> bytes:
    """Return all clips in a row, at `volume` from 0 to 1, no longer than a run may be.

    What is in `own` goes before what the folders have.
    """
    made: dict[str, array[int]] = dict(own or {})
    out = array("h")
    for name in names:
        if name not in made:
            made[name] = clip(name, folders)
        out.extend(made[name])
        out.extend(tones.pause(0.15))
        if len(out) >= LONGEST:
            break
    if volume < 1.0:
        out = array("h", (int(sample * volume) for sample in out))
    if sys.byteorder == "big":
        out.byteswap()
    return out.tobytes()


def play(samples: bytes, device: str) -> int:
    """Play through ALSA and return the exit code of the contract."""
    command = [PLAYER, "-q", "-D", device, "-t", "raw", "-f", "S16_LE", "-c", "1"]
    try:
        done = subprocess.run(  # noqa: S603  no shell; the device is the household's own
            [*command, "-r", str(tones.RATE), "-"], input=samples, capture_output=True, check=False
        )
    except FileNotFoundError:
        print(f"{PLAYER} is not there: install alsa-utils", file=sys.stderr)
        return NOT_THERE
    if done.returncode == 0:
        return 0
    why = done.stderr.decode(errors="replace").strip()
    print(why[-500:], file=sys.stderr)
    return UNPLUGGED if any(word in why.lower() for word in _GONE) else FAILED


def put_down(samples: bytes, names: Sequence[str], folder: Path, told_of: dict[str, str]) -> int:
    """Write what would be heard into a folder: a sound file for each stage, and a line of text."""
    alarm, reason = told_of.get("ELDERCARE_ALARM", "none"), told_of.get("ELDERCARE_REASON", "none")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with wave.open(str(folder / f"{Path(alarm).name}-{Path(reason).name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(tones.RATE)
            file.writeframes(samples)
        loud = SIREN if SIREN in names else CHIME
        heard = ",".join(dict.fromkeys(name for name in names if name not in _TONES))
        with (folder / HEARD).open("a", encoding="utf-8") as log:
            log.write(f"{loud} {told_of.get('ELDERCARE_KIND', '-')} {reason} {alarm} {heard}\n")
    except OSError as error:
        print(error, file=sys.stderr)
        return FAILED
    return 0


def told(environment: dict[str, str]) -> Told:
    """Return what an alarm's environment says."""
    minutes = environment.get("ELDERCARE_MINUTES", "")
    return Told(
        reason=environment.get("ELDERCARE_REASON", "raised"),
        kind=environment.get("ELDERCARE_KIND", ""),
        room=environment.get("ELDERCARE_ROOM", ""),
        cancel=environment.get("ELDERCARE_CANCEL", ""),
        minutes=int(minutes) if minutes.isdecimal() and len(minutes) < 4 else 0,
        test=environment.get("ELDERCARE_TEST") == "1",
        phrase=environment.get("ELDERCARE_PHRASE", ""),
        noisy=environment.get("ELDERCARE_STATE") == "raised"
        and environment.get("ELDERCARE_QUIET") != "1",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Play for an alarm; with `test` as the last word open the device and play nothing."""
    parser = argparse.ArgumentParser(prog="eldercare-voice", description=__doc__)
    parser.add_argument("--language", choices=("zh", "en"), default="zh")
    parser.add_argument("--device", default="default")
    parser.add_argument("--volume", type=float, default=100.0)
    parser.add_argument("--recordings", type=Path, default=None)
    parser.add_argument("word", nargs="?", choices=("test",))
    asked = parser.parse_args(arguments)
    if asked.word:
        _, damaged = recorded(sorted(recordings.RECORDABLE), asked.recordings)
        quiet = asked.device.startswith("file:")
        return _code(0 if quiet else play(tones.pause(0.1).tobytes(), asked.device), damaged)
    names = said(told(dict(os.environ)), asked.language)
    own, damaged = recorded([n for n in names if n not in _TONES], asked.recordings)
    # An alarm is as loud by night as by day, and as loud as its test.
    night = os.environ.get("ELDERCARE_NIGHT_VOLUME", "")
    percent = asked.volume
    if SIREN not in names and night.replace(".", "", 1).isdecimal():
        percent = min(percent, float(night))
    if os.environ.get("ELDERCARE_REASON") == "asked":
        percent *= FIRST  # asked again it is louder
    volume = max(0.05, min(percent / 100.0, 1.0))
    if not names:
        return 0
    samples = composed(names, [CLIPS / asked.language], volume, own)
    file, _, place = asked.device.partition(":")
    if file == "file":
        return _code(put_down(samples, names, Path(place), dict(os.environ)), damaged)
    return _code(play(samples, asked.device), damaged)


def _code(code: int, damaged: Sequence[str]) -> int:
    """Return the exit code: whether it was heard goes before what was wrong with a recording."""
    for name in damaged:
        print(f"recording {name}: damaged, the shipped phrase is heard", file=sys.stderr)
    return DAMAGED if damaged and code == 0 else code


if __name__ == "__main__":
    raise SystemExit(main())
