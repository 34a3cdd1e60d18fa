"""Phrases of the voice that a relative has recorded: files of the daemon alone, listed in the home.

A file is written before `household.json` says that it is there, and deleted before that says it is
gone: whatever a power cut leaves, the order is read again and carried out whole. They are in no
backup and in no certificate, and a change of them cannot be undone: what was deleted is gone.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from gateway.box import generations
from gateway.home.config import Config
from gateway.home.handed import Handed, Rejected
from gateway.home.parts import Household, HouseholdSecrets, Recording
from gateway.home.values import SetPhrase
from gateway.voice import en, play, recordings, zh
from gateway.voice.tones import RATE
from gateway.words.instruction import Problem
from gateway.words.say import Say

GROUPS: Final = recordings.GROUPS
RECORDABLE: Final = recordings.RECORDABLE
LONGEST: Final = recordings.LONGEST  # seconds of one
LARGEST: Final = recordings.LARGEST  # bytes of a file from outside


class Unfit(Exception):
    """A file from outside is not kept; `say` says why, and what to do."""

    def __init__(self, say: Say) -> None:
        super().__init__(say.en)
        self.say = say


def large() -> Say:
    """Return what is said of a file that is too large to be read."""
    return Say("recording.large", size=LARGEST // 1024 // 1024)


def texts(config: Config) -> Mapping[str, str]:
    """Return what each phrase says in this home, by its name."""
    return {"zh": zh.PHRASES, "en": en.PHRASES}[config.parts.sound.language]


def fitted(config: Config, phrase: str, data: bytes) -> str:
    """Return a file from outside as it is handed over, as loud as the phrase that is shipped.

    Raises Unfit.
    """
    clip = play.clip(phrase, [play.CLIPS / config.parts.sound.language])
    try:
        fit = recordings.fitted(data, recordings.level(clip) or recordings.LOUD)
    except recordings.Unfit as no:
        raise Unfit(Say(no.word, **no.values)) from None
    return base64.b64encode(fit).decode()


def changed(config: Config, value: SetPhrase, given: Handed) -> tuple[Household, HouseholdSecrets]:
    """Return the household with one phrase recorded, or as it was shipped. Raises Rejected."""
    known = {n: one for n, one in config.household.recordings.items() if n != value.phrase}
    if not value.shipped:
        data = _checked(value, given)
        seconds = round(len(recordings.opened(data).samples) / RATE, 1)
        known[value.phrase] = Recording(seconds=seconds, sum=hashlib.sha256(data).hexdigest()[:16])
    elif value.phrase not in recordings.RECORDABLE:
        raise Rejected([_problem(value, Say("recording.phrase"))])
    return replace(config.household, recordings=known), config.secrets


def put(state: Path, value: SetPhrase, given: Handed) -> None:
    """Write the file of a phrase, or delete it. Raises Rejected, OSError."""
    file = state / generations.VOICE / f"{value.phrase}.wav"
    if value.shipped:
        if value.phrase in recordings.RECORDABLE:
            file.unlink(missing_ok=True)
        return
    data = _checked(value, given)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    generations.put(file, data)


def _checked(value: SetPhrase, given: Handed) -> bytes:
    """Return the file of a phrase, made anew from what was handed over. Raises Rejected."""
    if value.phrase not in recordings.RECORDABLE:
        raise Rejected([_problem(value, Say("recording.phrase"))])
    try:
        return recordings.checked(base64.b64decode(given.sound or "", validate=True))
    except ValueError:
        raise Rejected([_problem(value, Say("recording.not_wav"))]) from None
    except recordings.Unfit as no:
        raise Rejected([_problem(value, Say(no.word, **no.values))]) from None


def _problem(value: SetPhrase, say: Say) -> Problem:
    return Problem("recordings", value.phrase[:40], "sound", say)
