"""The command `replay`: recorded days through changed rules, as a table and one picture a day."""

from __future__ import annotations

import argparse
import re
import sqlite3
import sys
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from gateway.box.folders import as_owner
from gateway.home.config import Config, composed
from gateway.home.day_picture import picture
from gateway.home.days import LEARNT, MOST_DAYS, READINGS, Day, Lived, lived, midnight
from gateway.home.parts import File, Household, HouseholdSecrets, Secrets
from gateway.home.recorded import readings, recorded_alarms
from gateway.home.recordings.formats import FORMATS
from gateway.home.recordings.recording import BYTES, BadRecording, Recording
from gateway.home.rerun import DAY, Rules, rules_of
from gateway.home.source import ConfigError, Source, read
from gateway.judge.silence.life import Place
from gateway.judge.watch import Watch
from gateway.words.driver import Model
from gateway.words.reading import Reading
from gateway.words.say import both

CHANGED: Final = ("times", "dangers", "silence", "ladder", "device")  # sections of a file of rules
_BATH: Final = re.compile(r"bath|toilet|shower", re.IGNORECASE)
_BED: Final = re.compile(r"bed(?!.*bath)", re.IGNORECASE)
_CODES: Final = {
    "day": "replay.column_day",
    "readings": "replay.column_readings",
    "signs": "replay.column_signs",
    "asked": "replay.column_asked",
    "answered": "replay.column_answered",
    "cancelled": "replay.column_cancelled",
    "raised": "replay.column_raised",
    "called": "replay.column_called",
    "was": "replay.column_was",
    "missed": "replay.column_missed",
    "more": "replay.column_more",
    "fewer": "replay.column_fewer",
}
_COLUMNS: Final = (
    "readings",
    "signs",
    "asked",
    "answered",
    "cancelled",
    "raised",
    "called",
    "was",
    "missed",
)
_BESIDE: Final = ("more", "fewer")  # than by the rules in force


class Wrong(Exception):
    """What was asked cannot be done; the text says why, in both languages."""


def replayed(args: argparse.Namespace, config: Config | None, models: Mapping[str, Model]) -> int:
    """Judge recorded days once more; print the table, write the pictures; return the exit code.

    `config`: of this home; None where there is none, and a recording is judged by the defaults.
    """
    try:
        before = config if config is not None else _without_home(models)
        after = _by(args.rules, before, models) if args.rules is not None else before
        made = _imported(args, before) if args.recording is not None else None
        first, last = _days(args, made, before)
        with as_owner(before.state):  # what SQLite lays beside a database is its owner's
            found = _judged(before, after, made, first, last)
        _write(args.pictures, found)
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 2
    except BadRecording as bad:
        print(f"{args.recording[1]}: {bad.say.zh} {bad.say.en}", file=sys.stderr)
        return 1
    except sqlite3.Error as error:
        print(both("replay.cannot_read", file=before.state, why=error), file=sys.stderr)
        return 1
    except OSError as error:
        print(both("replay.cannot_read", file=error.filename, why=error.strerror), file=sys.stderr)
        return 1
    rules = str(args.rules) if args.rules is not None else both("replay.present")
    print("\n".join(_table(found, rules, compared=args.rules is not None)))
    print(both("replay.written", folder=args.pictures))
    return 0


# -- what is judged, and by what -------------------------------------------------------------------


def _judged(
    before: Config, after: Config, made: Recording | None, first: date, last: date
) -> Lived:
    if made is not None:
        sources: Iterable[Reading] = made.readings
        was = []
    else:
        was = recorded_alarms(before.state / "gateway.db", midnight(first, before.zone))

    def heard() -> Iterable[Reading]:
        if made is not None:
            return sources
        begins = midnight(first, before.zone) - LEARNT * DAY
        ends = midnight(last + timedelta(days=1), before.zone)
        return readings(before.state / "history.db", begins, READINGS + 1, ends)

    def rules(config: Config) -> Rules:
        return rules_of(config) if made is None else _of_recording(config, made)

    in_force = rules(before) if after is not before else None
    return lived(rules(after), heard, was, first, last, in_force=in_force)


def _of_recording(config: Config, made: Recording) -> Rules:
    """Return the rules of a configuration for the devices of a recording."""
    off = frozenset(config.parts.dangers.off)
    watches = {
        s.id: Watch(
            device=s.id,
            room=s.room or s.id,
            left_open=config.times.door_left_open if s.door else 0.0,
            off=off,
        )
        for s in made.sensors.values()
    }
    spots = {
        s.id: Place(
            room=s.room,
            entrance=s.door,
            bath=bool(_BATH.search(f"{s.id} {s.room}")),
            sleeps=bool(_BED.search(f"{s.id} {s.room}")),
        )
        for s in made.sensors.values()
    }
    return replace(rules_of(config), watches=watches, places=spots)


def _imported(args: argparse.Namespace, config: Config) -> Recording:
    form, file = args.recording
    if form not in FORMATS:
        raise Wrong(both("replay.no_such", names=form, known=", ".join(FORMATS)))
    with open(file, "rb") as source:  # noqa: PTH123  bounded: no more than BYTES are held
        data = source.read(BYTES + 1)
    made = FORMATS[form](data, config.zone, args.door)
    if unknown := [name for name in args.door if name not in made.sensors]:
        known = ", ".join(sorted(made.sensors)[:40])
        raise Wrong(both("replay.no_such", names=", ".join(unknown), known=known))
    for number, say in made.named:
        said = both("replay.wrong_line", file=file, line=number, zh=say.zh, en=say.en)
        print(said, file=sys.stderr)
    if made.wrong > len(made.named):
        count = made.wrong - len(made.named)
        print(both("replay.wrong_more", file=file, count=count), file=sys.stderr)
    return made


def _by(path: Path, config: Config, models: Mapping[str, Model]) -> Config:
    """Return the configuration with the sections of a file of rules in the place of its own."""
    source = read(path, with_secrets=False)
    given = tomllib.loads(source.text).keys()
    if given - set(CHANGED):
        raise Wrong(both("replay.sections", file=path, names=", ".join(CHANGED)))
    part, home = source.part, config.household
    if "times" in given:
        home = replace(home, times={**config.parts.times, **part.times})
    if "dangers" in given:
        home = replace(home, dangers=part.dangers)
    if "silence" in given:
        home = replace(home, silence=part.silence)
    if "ladder" in given:
        home = replace(home, ladder=tuple(part.ladder))
    if "device" in given:
        home = replace(home, device=tuple(part.device))
    try:
        return composed(config.source, models, home, config.secrets)
    except ConfigError as error:
        raise ConfigError([f"{path}: {line}" for line in error.problems]) from error


def _without_home(models: Mapping[str, Model]) -> Config:
    """Return the defaults, for a recording where no home is configured."""
    source = Source(Path("gateway.toml"), "", File(), Secrets(), with_secrets=False)
    return composed(source, models, Household(), HouseholdSecrets())


def _days(args: argparse.Namespace, made: Recording | None, config: Config) -> tuple[date, date]:
    def day(text: str) -> date:
        try:
            found = date.fromisoformat(text)
        except ValueError:
            raise Wrong(both("replay.day_wanted", text=text)) from None
        if not 1970 < found.year < 2200:
            raise Wrong(both("replay.day_wanted", text=text))
        return found

    if args.first is None and made is None:
        raise Wrong(both("replay.from_wanted"))
    if made is not None and made.readings:
        ends = [
            datetime.fromtimestamp(made.readings[n].at.mono, config.zone).date() for n in (0, -1)
        ]
    first = day(args.first) if args.first is not None else ends[0]
    last = day(args.last) if args.last is not None else first if args.first is not None else ends[1]
    if last < first:
        raise Wrong(both("replay.day_wanted", text=args.last))
    if (last - first).days >= MOST_DAYS:
        raise Wrong(both("replay.days_most", most=MOST_DAYS))
    return first, last


# -- what is shown ---------------------------------------------------------------------------------


def _write(folder: Path, found: Lived) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for day in found.days:
        path = folder / f"{day.date.isoformat()}.svg"
        path.write_text(picture(day), encoding="utf-8")


def _table(found: Lived, rules: str, *, compared: bool) -> list[str]:
    """Return the lines of the table, a day a line, and under it what was missed, more or fewer."""
    names = (*_COLUMNS, *(_BESIDE if compared else ()))

    def count(day: Day, name: str) -> int:
        value = getattr(day, name)
        return value if isinstance(value, int) else len(value)

    rows = [["day", *names]]
    rows[0] = [both(_CODES[name]) for name in rows[0]]
    rows += [[d.date.isoformat(), *(str(count(d, n)) for n in names)] for d in found.days]
    total = [str(sum(count(d, n) for d in found.days)) for n in names]
    rows.append([both("replay.all"), *total])
    first, last = found.days[0].date, found.days[-1].date
    out = [both("replay.head", rules=rules, first=first, last=last, readings=found.readings)]
    out += _aligned(rows)
    for name in ("missed", *(_BESIDE if compared else ())):
        for day in found.days:
            for m in getattr(day, name):
                at = f"{day.date.isoformat()} {m.minute // 60:02}:{m.minute % 60:02}"
                where = " ".join(filter(None, (m.kind, m.room, m.device)))
                out.append(f"{both(_CODES[name])}: {at} {where}")
    if not found.complete:
        out.append(both("replay.part"))
    return out


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    wide = [max(_width(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  ".join(" " * (w - _width(cell)) + cell for w, cell in zip(wide, row, strict=True))
        for row in rows
    ]


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
