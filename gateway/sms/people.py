"""Who has which telephone number: `phones.toml`, a secret file that its owner alone may read.

    home = "Hope Village 3-201"        # what who is called reads of the home; optional
    own = "+8613900000000"             # the SIM card's own number: the daily test sends to it
    [people.daughter]
    number = "+8613800000000"
    language = "zh"                    # or "en"

A person has an id here and everywhere else; a number stands in no journal, log, argument list or
environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct

from gateway.box.private import NotSetUp, toml_of

Language = Literal["zh", "en"]
OWN_FILE: Final = "household-phones.toml"  # in the state folder: what was typed on the page
MOST: Final = 50  # people
SHORTEST: Final = 7  # digits of a number that may be meant without its country's prefix
PREFIX: Final = range(1, 4)  # digits of a country's prefix
NUMBER: Final = re.compile(r"\+?[0-9]{3,15}\Z")
# nobody calls an ambulance by SMS or by a ring, and a test would call it each day
EMERGENCY: Final = re.compile(r"(\+|00)?(86)?0?(110|112|119|120|122|911|999)")
_MOBILE: Final = re.compile(r"861[0-9]{10}\Z")
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}\Z")


class Person(Struct, frozen=True):
    """Who can be told by SMS. Its text form has no number."""

    id: str
    number: str
    language: Language = "zh"

    def __repr__(self) -> str:
        return f"Person({self.id}, {self.language})"


class People(Struct, frozen=True):
    """The whole file."""

    known: Mapping[str, Person] = {}
    home: str = ""
    own: str = ""
    trouble: str = ""  # why one of two files could not be read

    def __repr__(self) -> str:
        return f"People({', '.join(self.known)})"

    def one(self, name: str) -> Person:
        """Return a person. Raises NotSetUp."""
        if name not in self.known:
            raise NotSetUp(self.trouble or f"nobody is called {name!r} in phones.toml")
        return self.known[name]

    def who(self, number: str) -> Person | None:
        """Return whose number this is, with or without the country's prefix; None for nobody's."""
        return next(iter(self.all_with(number)), None)

    def all_with(self, number: str) -> list[Person]:
        """Return all names under which this number stands: two files may both have it."""
        return [p for p in self.known.values() if same(p.number, number)]


def _parts(number: str) -> tuple[bool, str]:
    """Return whether a number is written with its country's prefix, and its digits."""
    plain = re.sub(r"[ ()-]", "", number)
    if plain.startswith(("+", "00")):
        return True, plain.removeprefix("+").removeprefix("00")
    if _MOBILE.match(plain):  # some modems tell who calls without the +
        return True, plain
    return False, plain.removeprefix("0")


def same(one: str, other: str) -> bool:
    """Say whether two ways of writing are the same number."""
    (a_whole, a), (b_whole, b) = _parts(one), _parts(other)
    if not a.isdecimal() or not b.isdecimal():
        return False
    if a_whole == b_whole:
        return a == b
    short, long = (b, a) if a_whole else (a, b)
    return len(short) >= SHORTEST and long.endswith(short) and len(long) - len(short) in PREFIX


def all_of(book: Path, state: Path) -> People:
    """Read the household's own file, which goes before, and the one that somebody has written.

    One of them may be missing, or wrong: who stands in the other is told all the same. Raises
    NotSetUp where neither can be read.
    """
    found, trouble = [], ""
    for path in (state / OWN_FILE, book):
        try:
            found += [read(path)] if path.exists() else []
        except NotSetUp as wrong:
            trouble = str(wrong)
    if not found:
        raise NotSetUp(trouble or f"{book}: nobody has a number yet")
    known = {name: one for people in reversed(found) for name, one in people.known.items()}
    first, last = found[0], found[-1]
    # whoever has two names answers by that of the household
    known = {**{name: known[name] for name in first.known}, **known}
    return People(known, first.home or last.home, first.own or last.own, trouble)


def read(path: Path) -> People:
    """Read the file. Raises NotSetUp where it is not there, wrong, or others may read it."""
    return _people(path, toml_of(path))


def _people(path: Path, found: Mapping[str, Any]) -> People:
    if unknown := found.keys() - {"home", "own", "people"}:
        raise NotSetUp(f"{path}: {', '.join(sorted(unknown))}: home, own and people are known")
    listed = found.get("people", {})
    if not isinstance(listed, dict) or len(listed) > MOST:
        raise NotSetUp(f"{path}: people: a part for each person, at most {MOST}")
    home = found.get("home", "")
    if not isinstance(home, str) or not home.isprintable():
        raise NotSetUp(f"{path}: home: one line of text")
    own = _number(path, "own", found["own"]) if "own" in found else ""
    known = {name: _person(path, name, facts) for name, facts in listed.items()}
    for one in known.values():
        for other in known.values():
            if one.id < other.id and same(one.number, other.number):
                raise NotSetUp(f"{path}: {one.id} and {other.id} have the same number")
    return People(known, home, own)


def _person(path: Path, name: str, facts: object) -> Person:
    if not _ID.match(name):
        raise NotSetUp(f"{path}: people: {name!r}: lower-case letters, digits, . _ -")
    if not isinstance(facts, dict) or facts.keys() - {"number", "language"}:
        raise NotSetUp(f"{path}: people.{name}: number and language are known")
    language = facts.get("language", "zh")
    if language not in ("zh", "en"):
        raise NotSetUp(f"{path}: people.{name}: language: zh or en")
    return Person(name, _number(path, f"people.{name}", facts.get("number")), language)


def _number(path: Path, where: str, given: object) -> str:
    plain = re.sub(r"[ ()-]", "", given) if isinstance(given, str) else ""
    if not NUMBER.match(plain):
        raise NotSetUp(f"{path}: {where}: a telephone number, 3 to 15 digits with or without +")
    return plain
