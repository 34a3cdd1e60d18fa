"""What is said to people: a code with its values. The catalogue beside this file makes text of it.

`zh.py` and `en.py` have each sentence by its code, `both.py` the lines of the command line, which
have both languages in one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.words.both import BOTH
from gateway.words.en import EN
from gateway.words.zh import ZH

_CATALOGUES: Final = (ZH, EN)


@dataclass(frozen=True, slots=True, init=False)
class Say:
    """One sentence, in no language yet. As text it is English, as the log has it.

    A value may be a `Say` too, or a pair (zh, en), as the title of a make is one.
    """

    code: str
    values: Mapping[str, object]

    def __init__(self, code: str, /, **values: object) -> None:
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "values", values)

    @property
    def zh(self) -> str:
        """The sentence in Chinese."""
        return _told(self, 0)

    @property
    def en(self) -> str:
        """The sentence in English."""
        return _told(self, 1)

    @property
    def pair(self) -> tuple[str, str]:
        """Both, as (zh, en)."""
        return self.zh, self.en

    def __str__(self) -> str:
        return self.en

    def __hash__(self) -> int:
        return hash((self.code, str(self)))


class Failed(Exception):
    """What did not succeed.

    `say` says what, where and what to do; the exception's own text is its English.
    """

    def __init__(self, say: Say) -> None:
        super().__init__(say.en)
        self.say = say


def both(code: str, /, **values: object) -> str:
    """Return one line of the command line, which has both languages, zh-CN first."""
    return BOTH[code].format(**values)


def either(names: Sequence[str]) -> Say | str:
    """Return names with "or" between them."""
    first, *rest = names
    return Say("word.or", first=first, rest=either(rest)) if rest else first


def _told(say: Say, language: int) -> str:
    values = {name: _value(value, language) for name, value in say.values.items()}
    try:
        return _CATALOGUES[language][say.code].format(**values)
    except (LookupError, ValueError):  # a gap in the catalogue may not take an answer away
        return " ".join((say.code, *(str(v) for v in values.values())))


def _value(value: object, language: int) -> object:
    if isinstance(value, tuple):
        return value[language]
    return _told(value, language) if isinstance(value, Say) else value
