"""What is said to people: a code with its values. Both languages of every code stand in the catalogue, `zh.py` and `en.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.words.en import EN
from gateway.words.zh import ZH


@dataclass(frozen=True, slots=True, init=False)
class Say:
    """One sentence, in no language yet. A value may be a `Say` too; as text it is English, as the log has it."""

    code: str
    values: Mapping[str, object]

    def __init__(self, code: str, /, **values: object) -> None:
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "values", values)

    @property
    def zh(self) -> str:
        """The sentence in Chinese."""
        return _told(self, ZH)

    @property
    def en(self) -> str:
        """The sentence in English."""
        return _told(self, EN)

    @property
    def both(self) -> str:
        """Both languages one after the other, as the command line has them."""
        return f"{self.zh} {self.en}"

    def __str__(self) -> str:
        return self.en

    def __hash__(self) -> int:
        return hash((self.code, str(self)))


class Failed(Exception):
    """What did not succeed. `say` says what, where and what to do; the exception's own text is its English."""

    def __init__(self, say: Say) -> None:
        super().__init__(say.en)
        self.say = say


def _told(say: Say, language: Mapping[str, str]) -> str:
    values = {n: _told(v, language) if isinstance(v, Say) else v for n, v in say.values.items()}
    try:
        return language[say.code].format(**values)
    except (LookupError, ValueError):  # a gap in the catalogue may not take an answer away
        return " ".join((say.code, *(str(v) for v in values.values())))
