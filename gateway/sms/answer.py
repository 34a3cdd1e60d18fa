"""What somebody answers by SMS: a code, what he does, and in how many minutes he is there. Pure."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.sms.text import PHRASES, quotes

LONGEST: Final = 100  # characters that are looked at
SHORT: Final = 40  # characters of a text in which the answer may stand behind other words


class Does(StrEnum):
    """What the short number straight after the code means.

    Who is there says 0, as in no minutes: 5 would be what somebody types who is there in five.
    """

    HERE = "0"
    COMING = "1"
    CANNOT = "2"
    FALSE = "3"
    OVER = "4"


class Answer(NamedTuple):
    """What was understood: `code` is "" and `does` None where nothing was."""

    code: str
    does: Does | None
    minutes: int = 0


def _typed(what: str) -> str:
    return "|".join(phrases[f"typed.{what}"] for phrases in PHRASES.values())


_CODE: Final = r"(?<![0-9])([0-9]{4})(?![0-9])"
# what takes or ends an alarm: the whole text is this, with a number of minutes for one who comes
_WHOLE: Final = re.compile(
    rf"\W*(?:{_typed('reply')})?\W*{_CODE}\W{{1,3}}([0134])"
    rf"(?:[\s,;\u3001]{{1,3}}([0-9]{{1,3}})\s*(?:{_typed('minutes')})?)?\W*",
    re.IGNORECASE,
)
# the same for who is there, in a word
_HERE: Final = re.compile(
    rf"\W*(?:{_typed('reply')})?\W*{_CODE}\W{{0,3}}(?:{_typed('here')})\W*", re.IGNORECASE
)
# a code anywhere, and one known word, nothing else; who comes says 1 too
_WORDS: Final = {
    Does.HERE: re.compile(_typed("word_here")),
    Does.CANNOT: re.compile(_typed("word_cannot")),
}
_COMING: Final = re.compile(
    rf"\W*{_CODE}\W{{1,3}}1\W{{0,3}}(?:{_typed('word_coming')})\W*", re.IGNORECASE
)
_CANNOT: Final = re.compile(_CODE + r"\W{1,3}2(?![0-9])")


def understood(text: str) -> Answer:
    """Return what a text means: `4711 1 15`, `4711 0`, full-width too.

    Who comes, is there, doubts or ends says exactly that and nothing else. Who cannot come may
    say more: behind it, or before it in a short text. A text with our own words in it is a phone's
    answer.
    """
    plain = unicodedata.normalize("NFKC", text[:LONGEST])
    named = re.search(_CODE, plain)
    code = named[1] if named else ""
    if quotes(text):
        return Answer(code, None)
    whole = _WHOLE.fullmatch(plain) if len(text) <= LONGEST else None
    if whole and (whole[2] == Does.COMING or not whole[3]):
        return Answer(whole[1], Does(whole[2]), int(whole[3] or 0))
    here = _HERE.fullmatch(plain) if len(text) <= LONGEST else None
    if here:
        return Answer(here[1], Does.HERE)
    if len(text) <= SHORT and (does := _worded(plain)) is not None:
        return Answer(code, does)
    look = _CANNOT.search if len(text) <= SHORT else _CANNOT.match
    cannot = look(plain.lstrip())
    return Answer(cannot[1], Does.CANNOT) if cannot else Answer(code, None)


def _worded(plain: str) -> Does | None:
    """Return what one known word beside one code means; None where more is said, or less."""
    if len(re.findall(_CODE, plain)) != 1:
        return None
    if _COMING.fullmatch(plain):
        return Does.COMING
    rest = "".join(filter(str.isalnum, re.sub(_CODE, " ", plain).casefold()))
    return next((does for does, words in _WORDS.items() if words.fullmatch(rest)), None)
