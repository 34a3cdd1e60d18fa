"""gateway.toml and secrets.toml as they are read.

What does not fit is refused with file, line, key and what was expected.
"""

from __future__ import annotations

import math
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
from msgspec import Struct

from gateway.home.parts import (
    DevicePart,
    File,
    GatewayPart,
    Household,
    PlacePart,
    PlatformPart,
    RadioPart,
    RungPart,
    Secrets,
    SoundPart,
)
from gateway.words.instruction import Problem
from gateway.words.say import Say


class ConfigError(Exception):
    """The configuration cannot be used.

    `problems` has one sentence for each: file, line, key, what was expected.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)
        self.fields = [p.problem for p in problems if isinstance(p, Said)]


class Said(str):
    """A sentence for who reads the file, that also knows its field, for who fills in a form."""

    __slots__ = ("problem",)

    def __new__(cls, where: str, problem: Problem) -> Self:
        """Put the place before the sentence."""
        said = super().__new__(cls, where + problem.say.en)
        said.problem = problem
        return said

    problem: Problem


class Source(Struct, frozen=True):
    """gateway.toml and secrets.toml as they were read."""

    path: Path
    text: str
    part: File
    secrets: Secrets
    with_secrets: bool

    def beside(self, name: str) -> Path:
        """Return a file or folder that gateway.toml names; a relative one lies beside it."""
        return (self.path.parent / name).resolve()

    def __repr__(self) -> str:
        return f"Source({self.path})"


def alike(name: str, known: Iterable[str]) -> str:
    """Return which of these names was meant, as far as it looks like one; "" for none."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, known, 1)), "")


def read(
    path: Path, *, with_secrets: bool = True, instead: tuple[Path, Path] | None = None
) -> Source:
    """Read gateway.toml and the secrets beside it.

    Raises ConfigError; for `with_secrets` and `instead` see `config.load`.
    """
    text = _read(path)
    part = _decode(text, path, File)
    if instead is not None:
        state, runtime = map(str, instead)
        part = msgspec.structs.replace(
            part, gateway=msgspec.structs.replace(part.gateway, state=state, runtime=runtime)
        )
    secrets_path = path.with_name("secrets.toml")
    secrets = Secrets()
    if with_secrets and secrets_path.exists():
        _refuse_readable(secrets_path)
        secrets = _decode(_read(secrets_path), secrets_path, Secrets)
    return Source(path, text, part, secrets, with_secrets)


class Findings:
    """What is wrong with a configuration: a sentence for each problem, with its place before it.

    The place is a line of the file, or a section of the household.
    """

    def __init__(self, source: Source, home: Household, part: File) -> None:
        self.sentences: list[str] = []
        self._lines = source.text.splitlines()
        self._path = source.path
        self._home = home
        self._ids = [d.id for d in part.device]

    def add(self, table: str, nth: int | None, key: str, say: Say | None) -> None:
        """Add what is wrong with a key; nothing where `say` is None.

        `nth` counts from 0 in a table that may stand more than once, and is None in one that may
        not.
        """
        if say is None:
            return
        item = "" if nth is None else self._ids[nth] if table == "device" else str(nth + 1)
        theirs = {"gateway": "household"}.get(table, table)
        if getattr(self._home, theirs, None) is not None:
            place = ".".join(filter(None, (theirs, item, key)))
            said = Said(f"household.json: {place}: ", Problem(theirs, item, key, say))
        else:
            line = _line_in(self._lines, self._path, table, nth, key)
            said = Said(line, Problem(table, item, key, say))
        self.sentences.append(said)


def _line_in(lines: Sequence[str], path: Path, table: str, nth: int | None, key: str) -> str:
    header = f"[{table}]" if nth is None else f"[[{table}]]"
    left = (nth or 0) + 1
    start = 0
    for number, line in enumerate(lines, 1):
        if line.split("#")[0].strip() == header:
            left -= 1
            if left == 0:
                start = number
                break
    for number in range(start, len(lines)):
        line = lines[number].strip()
        if re.match(rf"{re.escape(key)}\s*[=.]", line):
            return f"{path}, line {number + 1}: {table}.{key}: "
        if line.startswith("[") and start:
            break
    return f"{path}, line {max(start, 1)}: {table}.{key}: "


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            [
                (
                    f"{path}: {error.strerror}: "
                    "give the path with --config, or copy config/gateway.toml there"
                )
            ]
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            [f"{path}: not UTF-8 text at byte {error.start}: save it as UTF-8"]
        ) from error


def _decode(text: str, path: Path, kind: Any) -> Any:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: not TOML: {error}"]) from error
    if endless := _not_finite(raw):
        key = endless[-1]
        raise ConfigError(
            [
                (
                    f"{path}, line {_line_of(text, key)}: {'.'.join(endless)}: "
                    "a number was expected, not nan or inf"
                )
            ]
        )
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise ConfigError([_explained(str(error), text, path, kind, raw)]) from error


def _not_finite(raw: Any, at: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return where a nan or inf stands, () where none does: it would slip through every bound."""
    if isinstance(raw, float):
        return () if math.isfinite(raw) else at
    inside: list[tuple[tuple[str, ...], Any]] = []
    if isinstance(raw, dict):
        inside = [((*at, str(key)), value) for key, value in raw.items()]
    elif isinstance(raw, list):
        inside = [(at, value) for value in raw]
    return next((found for where, value in inside if (found := _not_finite(value, where))), ())


def _explained(message: str, text: str, path: Path, kind: Any, raw: Mapping[str, Any]) -> str:
    """Turn msgspec's `... - at `$.device[1].port`` into file, line and key.

    Where a key is unknown, the one that may be meant is named.
    """
    what, _, at = message.partition(" - at ")
    found = re.match(r"`?\$\.?(\w*)(?:\[(\d+)\])?\.?(\w*)", at)
    table, nth, key = found.groups() if found else ("", None, "")
    # a table of free names: the one whose value is of the wrong type
    if table and at.endswith(f"{table}[...]`"):
        wanted = (int, float) if table == "times" else (str,)
        key = next((name for name, value in raw[table].items() if type(value) not in wanted), "")
    unknown = re.search(r"unknown field `(\w+)`", what)
    known: list[str] = []
    if unknown:
        key = unknown[1]
        part: Any = {
            "gateway": GatewayPart,
            "household": PlacePart,
            "platform": PlatformPart,
            "radio": RadioPart,
            "device": DevicePart,
            "ladder": RungPart,
            "sound": SoundPart,
        }.get(table, kind)
        known = [f.name for f in msgspec.structs.fields(part)]
        close = alike(key, known)
        what += f"; did you mean `{close}`?" if close else f"; known here: {', '.join(known)}"
    if not table:
        return f"{path}, line {_line_of(text, key)}: {what}"
    missing = re.search(r"missing required field `(\w+)`", what)
    return (
        _line_in(
            text.splitlines(),
            path,
            table,
            int(nth) if nth is not None else None,
            missing[1] if missing else key,
        )
        + what
    )


def _line_of(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\[*{re.escape(key)}\b", line.strip()):
            return number
    return 1


def _refuse_readable(path: Path) -> None:
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            [f"{path}: others can read it (mode {stat.S_IMODE(mode):04o}): run chmod 600 {path}"]
        )
