"""What is read on the phone: which home, what, where, since when, and how to answer. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from gateway.sms import en, zh
from gateway.sms.people import Language
from gateway.words import kind as kinds
from gateway.words.wide import printed

PLACE_MOST: Final = 60  # characters of the home's place
PHRASES: Final = {"zh": zh.PHRASES, "en": en.PHRASES}
OWN_LEAST: Final = 6  # characters by which words are ours: fewer are anybody's


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is to be told. `reason` is why this person is called now, as the ladder knows it.

    `since` is the time of day at which it began, "" where the clock is not known.
    """

    kind: str
    reason: str = ""
    home: str = ""
    room: str = ""
    since: str = ""
    test: bool = False
    on_site: bool = False  # somebody is there
    # it is asked to be closed by SMS: that somebody is there is known by more than his own SMS
    closes: bool = True
    rings: bool = False  # the telephone rings too: to call back is an answer


def composed(told: Told, code: str, language: Language) -> str:
    """Return the text of the SMS; without a code nothing is asked."""
    text = _composed(told, code, language)
    return printed(text) if language == "zh" else text


def heading(told: Told, language: Language) -> str:
    """Return of what a text is: what, in which home, where and since when."""
    text = _heading(told, language)
    return printed(text) if language == "zh" else text


def _heading(told: Told, language: Language) -> str:
    say = PHRASES[language]
    known = kinds.of(told.kind)
    words = say["fault" if told.reason == "fault" else "alarm"]
    head = (say["test"] if told.test else "") + words.format(kind=getattr(known, language))
    where = (told.home.strip()[:PLACE_MOST], told.room.strip()[:PLACE_MOST], told.since.strip())
    place = (" " if language == "zh" else ", ").join(part for part in where if part)
    return head + (place or "-") + say["stop"]


def _composed(told: Told, code: str, language: Language) -> str:
    say, out = PHRASES[language], _heading(told, language)
    if told.reason == "recalled":
        return out + say["recalled"]
    out += say.get(f"reason.{told.reason}", "")
    if not code or told.reason == "fault" or (told.on_site and not told.closes):
        unsure = told.on_site and told.reason == "not_closed"
        return (out + (say["look"] if unsure else "")).strip()
    if told.on_site:
        return out + say["closing"].format(code=code)
    return out + say["answer"].format(code=code) + (say["or_call"] if told.rings else "")


def replied(name: str, language: Language, **values: str) -> str:
    """Return one sentence of an answer to an answer."""
    text = PHRASES[language][name].format(**values)
    return printed(text) if language == "zh" else text


def quotes(text: str) -> bool:
    """Say whether a text has our own words on how to answer in it: a phone sent them back."""
    plain = _bare(text)
    return any(words in plain for words in _OWN)


def _bare(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


_OWN: Final = frozenset(
    words
    for phrases in PHRASES.values()
    for name, phrase in phrases.items()
    if "{code}" in phrase or name.startswith("reply.")
    for words in map(_bare, re.split(r"{\w+}", phrase))
    if len(words) >= OWN_LEAST
)
