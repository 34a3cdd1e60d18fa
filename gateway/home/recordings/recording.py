"""A recording of a home by somebody else: its sensors, its readings, and which lines are wrong.

A reader takes bytes and opens nothing. Times are local, as published; `zone` makes instants of
them. A line that cannot be read is left out and named with its number; a file that has more of
them than a tenth is of another format, and refused.

Bounds: BYTES of a file, LINE characters, SENSORS, READINGS, LABELS; of wrong lines LISTED are named
and all are counted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, tzinfo
from typing import Final

from msgspec import Struct, field

from gateway.words.clock import Moment
from gateway.words.reading import Kind, Reading, Value
from gateway.words.say import Failed, Say

BYTES: Final = 128 * 1024 * 1024
LINE: Final = 20_000  # characters; an activity of the PlaceLab format names all its sensors in one
SENSORS: Final = 500
READINGS: Final = 2_000_000
LABELS: Final = 100_000
LISTED: Final = 20
FIRST, LAST = 1971, 2199  # years
NAME: Final = 60  # characters of a sensor, room or activity
WRONG: Final = 0.1  # share of wrong lines from which on the file is of another format

OUTSIDE = re.compile(r"front|main|outside|outer|entrance|back ?door", re.IGNORECASE)


class BadRecording(Failed):
    """A file that is no recording of its format, or too large."""


class BadLine(Exception):
    """One line cannot be read; `say` says what is wrong with it."""

    def __init__(self, say: Say) -> None:
        super().__init__(say.en)
        self.say = say


class Sensor(Struct):
    """One sensor of a recording. `door`: the home is left by it."""

    id: str
    room: str = ""
    door: bool = False


class Label(Struct, frozen=True):
    """What the one who lived there noted: an activity with its wall seconds; `end` may be open."""

    what: str
    begin: float
    end: float | None = None


class Recording(Struct):
    """What a file says, in the order of time."""

    sensors: dict[str, Sensor] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    lines: int = 0
    wrong: int = 0
    named: list[tuple[int, Say]] = field(default_factory=list)  # wrong lines: number, what is wrong
    left_out: int = 0  # words of sensors that say nothing of a person: a lamp's current, a battery


class Reader:
    """Gathers what the lines of one file say."""

    def __init__(self, zone: tzinfo, doors: Collection[str] = ()) -> None:
        """Take the zone of its times, and the sensors of the doors by which the home is left.

        Where nobody says which these are, their names do.
        """
        self.made = Recording()
        self._zone, self._doors = zone, frozenset(doors)
        self._open: dict[str, list[float]] = {}  # activities that have begun

    def sensor(self, name: str, room: str = "", *, door: bool = False) -> str:
        """Take a sensor by its name; return its id."""
        name = _named(name, "import.no_device")
        if name not in self.made.sensors:
            if len(self.made.sensors) >= SENSORS:
                raise BadLine(Say("import.devices", most=SENSORS))
            door = name in self._doors if self._doors else door
            self.made.sensors[name] = Sensor(name, room[:NAME], door)
        return name

    def is_door(self, sensor: str) -> bool:
        """Say whether the home is left by it."""
        return self.made.sensors[sensor].door

    def at(self, text: str, *forms: str) -> datetime:
        """Return the instant that local time `text` is, in one of these forms."""
        for form in forms:
            try:
                local = datetime.strptime(text, form).replace(tzinfo=self._zone)
            except ValueError:
                continue
            # near its ends the calendar has no room for a time zone
            if FIRST <= local.year <= LAST:
                return local.astimezone(UTC)
        raise BadLine(Say("import.time", text=text[:40], form=_readable(forms[0])))

    def say(self, sensor: str, kind: Kind, value: Value, at: datetime) -> None:
        """Take one reading."""
        if len(self.made.readings) >= READINGS:
            raise BadRecording(Say("import.readings", most=READINGS))
        moment = Moment(at.timestamp(), at)
        self.made.readings.append(Reading(device=sensor, kind=kind, value=value, at=moment))

    def span(self, sensor: str, kind: Kind, begin: datetime, end: datetime) -> None:
        """Take that a sensor was on for a while. Whoever moves a switch moves it back."""
        if end < begin:
            raise BadLine(Say("import.backwards"))
        if kind is Kind.MOTION and self.is_door(sensor):
            kind = Kind.CONTACT_OPEN
        self.say(sensor, kind, True, begin)
        self.say(sensor, kind, kind is Kind.MOTION and end > begin, end)

    def label(self, text: str, at: datetime) -> None:
        """Take a note of an activity: `Sleep begin`, `Sleep="end"`, or a name alone."""
        words = text.replace("=", " ").replace('"', " ").split()
        turn = words[-1].lower() if len(words) > 1 else ""
        what = " ".join(words[:-1] if turn in {"begin", "end"} else words)[:NAME]
        if turn == "begin" and len(self._open) < SENSORS:
            self._open.setdefault(what, []).append(at.timestamp())
        elif turn == "end":
            begun = self._open.get(what)
            if begun:
                self.noted(what, begun.pop(0), at.timestamp())

    def noted(self, what: str, begin: float, end: float | None) -> None:
        """Take an activity."""
        if len(self.made.labels) < LABELS:
            self.made.labels.append(Label(what, begin, end))

    def wrong(self, number: int, say: Say) -> None:
        """Take that a line was left out."""
        self.made.wrong += 1
        if len(self.made.named) < LISTED:
            self.made.named.append((number, say))

    def done(self) -> Recording:
        """Return it, in the order of time. Raises BadRecording where it is another format."""
        made = self.made
        nothing = not made.readings and not made.left_out
        if nothing or made.wrong > max(1, made.lines * WRONG):
            number, say = made.named[0] if made.named else (0, Say("import.empty"))
            raise BadRecording(
                Say("import.format", wrong=made.wrong, lines=made.lines, line=number, why=say)
            )
        made.readings = sorted({_key(r): r for r in made.readings}.values(), key=_when)
        made.labels.sort(key=lambda label: label.begin)
        return made


def lines(data: bytes, reader: Reader) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file that say something, with their numbers.

    Raises BadRecording for one that is too large or no text.
    """
    if len(data) > BYTES:
        raise BadRecording(Say("import.large", most=BYTES // 1024 // 1024))
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not (raw := raw.strip(b"\r\n")).strip():
            continue
        reader.made.lines += 1
        if len(raw) > LINE:
            reader.wrong(number, Say("import.long", most=LINE))
        else:
            yield number, raw.decode("utf-8", "replace")


def is_outside(*names: str) -> bool:
    """Say whether a sensor's names are those of the door by which a home is left."""
    return any(OUTSIDE.search(name) for name in names)


def _key(r: Reading) -> tuple[float, str, str, Value]:
    return r.at.mono, r.device, r.kind.value, r.value


def _when(r: Reading) -> float:
    return r.at.mono


def _named(name: str, code: str) -> str:
    name = name.strip()
    if not name or len(name) > NAME or not name.isprintable():
        raise BadLine(Say(code, name=repr(name[:NAME])))
    return name


def _readable(form: str) -> str:
    """Return a form of times as an example."""
    return datetime(2008, 2, 25, 9, 33, 41, 250000).strftime(form)  # noqa: DTZ001  an example
