"""The published formats: for each its name and the function that reads it.

| name      | a line                                                                          |
|-----------|---------------------------------------------------------------------------------|
| kasteren  | start TAB end TAB sensor; a time is 25-Feb-2008 00:20:14                        |
| placelab  | five a record: activity,date,start,end / ids / names / times on / times off     |
| uci-adl   | start end location type place; a time is 2011-11-28 02:27:59                    |
| casas     | date time sensor value [activity begin or end]; 2010-11-04 00:03:50.209589 M003 |
| casas-csv | date,time,room,value[,label]                                                    |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final

from gateway.home.recordings.recording import BadLine, Reader, Recording, is_outside, lines
from gateway.words.reading import Kind
from gateway.words.say import Say

_WALL: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f")
_DAY = timedelta(days=1)
_RECORD = 5  # lines of a record of the PlaceLab
_NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,9})?\Z")
_MOVES, _OPENS = {"ON": True, "OFF": False}, {"OPEN": True, "CLOSE": False, "CLOSED": False}
# what a sensor of an appliance says: nothing of a movement, and no state that is judged
_THINGS = frozenset({"ABSENT", "PRESENT", "START", "STOP", "START_INSTRUCT", "STOP_INSTRUCT"})
_TYPES: Final = {"pressure": Kind.OCCUPANCY}  # whatever else was on was moved by somebody


def kasteren(data: bytes, zone: tzinfo, doors: Collection[str] = ()) -> Recording:
    """Read `start TAB end TAB sensor`. A switch that is moved is a movement."""

    def take(reader: Reader, line: str) -> None:
        form = "start TAB end TAB sensor"
        begin, end, name = _words([word.strip() for word in line.strip().split("\t")], 3, 3, form)
        span = [reader.at(word, "%d-%b-%Y %H:%M:%S") for word in (begin, end)]
        reader.span(reader.sensor(name), Kind.MOTION, *span)

    return _by_line(data, Reader(zone, doors), take)


def uci_adl(data: bytes, zone: tzinfo, doors: Collection[str] = ()) -> Recording:
    """Read `start end location type place`, by any white space."""

    def take(reader: Reader, line: str) -> None:
        words = _words(line.split(), 7, 20, "start end location type place")
        begin, end = (reader.at(" ".join(words[n : n + 2]), *_WALL) for n in (0, 2))
        *where, what, place = words[4:]
        sensor = reader.sensor(f"{' '.join(where)} {place}", place, door=is_outside(*where))
        reader.span(sensor, _TYPES.get(what.lower(), Kind.MOTION), begin, end)

    return _by_line(data, Reader(zone, doors), take)


def casas(data: bytes, zone: tzinfo, doors: Collection[str] = ()) -> Recording:
    """Read `date time sensor value [activity begin|end]`, by any white space."""

    def take(reader: Reader, line: str) -> None:
        words = _words(line.split(maxsplit=4), 4, 5, "date time sensor value")
        at = reader.at(" ".join(words[:2]), *_WALL)
        _said(reader, words[2], words[3], at, door=words[2][:1].upper() == "D")
        for activity in words[4:]:
            reader.label(activity, at)

    return _by_line(data, Reader(zone, doors), take)


def casas_csv(data: bytes, zone: tzinfo, doors: Collection[str] = ()) -> Recording:
    """Read `date,time,room,value[,label]`."""

    def take(reader: Reader, line: str) -> None:
        words = _words(_split(line), 4, 6, "date,time,room,value,label")
        at = reader.at(" ".join(words[:2]), *_WALL)
        _said(reader, words[2], words[3], at, door=is_outside(words[2]))
        if any(words[4:]):
            reader.label(" ".join(words[4:]), at)

    return _by_line(data, Reader(zone, doors), take)


def placelab(data: bytes, zone: tzinfo, doors: Collection[str] = ()) -> Recording:
    """Read records of five lines: an activity, and the switches that were moved in it."""
    reader = Reader(zone, doors)
    record: list[tuple[int, str]] = []
    for numbered in lines(data, reader):
        record.append(numbered)
        if len(record) == _RECORD:
            _activity(reader, record)
            record = []
    if record:
        reader.wrong(record[0][0], Say("import.record", found=len(record)))
    return reader.done()


FORMATS: Final[dict[str, Callable[[bytes, tzinfo, Collection[str]], Recording]]] = {
    "kasteren": kasteren,
    "placelab": placelab,
    "uci-adl": uci_adl,
    "casas": casas,
    "casas-csv": casas_csv,
}


# -- lines -----------------------------------------------------------------------------------------


def _by_line(data: bytes, reader: Reader, take: Callable[[Reader, str], None]) -> Recording:
    for number, line in lines(data, reader):
        first = line.strip().lower()
        if set(first) <= set("- \t") or (number == 1 and first.startswith(("start", "date"))):
            continue  # the head of a table
        try:
            take(reader, line)
        except BadLine as bad:
            reader.wrong(number, bad.say)
    return reader.done()


def _activity(reader: Reader, record: Sequence[tuple[int, str]]) -> None:
    """Take one record; each of its lines may be wrong, and is named."""
    number = record[0][0]
    try:
        what, date, *hours = _words(_split(record[0][1]), 4, 4, "activity,date,start,end")
        begin, end = (reader.at(f"{date} {hour}", "%m/%d/%Y %H:%M:%S") for hour in hours)
        number, line = record[1]
        ids = _split(line)
        rows: list[list[str]] = []
        for row in record[2:]:
            number, line = row
            rows.append(_as_many(_split(line), len(ids)))
        names, *times = rows
        spans: list[list[datetime]] = []
        for row, on_or_off in zip(record[3:], times, strict=True):
            number = row[0]
            spans.append([reader.at(f"{date} {hour}", "%m/%d/%Y %H:%M:%S") for hour in on_or_off])
        number = record[1][0]
        sensors = [reader.sensor(one, name) for one, name in zip(ids, names, strict=True)]
    except BadLine as bad:
        reader.wrong(number, bad.say)
        return
    overnight = end < begin
    end += _DAY if overnight else timedelta()
    reader.noted(what, begin.timestamp(), end.timestamp())
    for sensor, on, off in zip(sensors, *spans, strict=True):
        # hours have no date of their own: what is before the activity was after midnight
        first = on + _DAY if overnight and on < begin and on + _DAY <= end else on
        reader.span(sensor, Kind.MOTION, first, off + _DAY * max(0, -((off - first) // _DAY)))


def _said(reader: Reader, name: str, value: str, at: datetime, *, door: bool) -> None:
    """Take what a sensor of the CASAS formats says."""
    word = value.upper()
    if word in _OPENS:
        sensor = reader.sensor(name, name, door=door)
        out = reader.is_door(sensor)  # an inner door is moved by somebody, and leads nowhere
        kind = Kind.CONTACT_OPEN if out else Kind.MOTION
        reader.say(sensor, kind, _OPENS[word] or not out, at)
    elif word in _MOVES:
        reader.say(reader.sensor(name, name), Kind.MOTION, _MOVES[word], at)
    elif _NUMBER.match(value) or word in _THINGS:
        reader.made.left_out += 1  # temperatures, currents and things: no word of a person
    else:
        raise BadLine(Say("import.value", value=repr(value[:40]), name=repr(name[:40])))


def _split(line: str) -> list[str]:
    return [word.strip() for word in line.strip().rstrip(",").split(",")]


def _words(words: list[str], least: int, most: int, form: str) -> list[str]:
    if not least <= len(words) <= most:
        raise BadLine(Say("import.words", form=form))
    return words


def _as_many(words: list[str], count: int) -> list[str]:
    if len(words) != count:
        raise BadLine(Say("import.columns", found=len(words), wanted=count))
    return words
