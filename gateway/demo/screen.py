"""What a person watches: one line for each thing that happens, with the day's clock time.

All of it is in both languages, zh-CN first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from gateway.demo.both import BOTH, both
from gateway.demo.proof import ANSWERED, Json, alarms, is_hers, wanted
from gateway.home.status import ago
from gateway.voice import en, zh
from gateway.words import kind as kinds
from gateway.words.wide import columns, filled

WIDTH = 100  # columns
STRIP = 25 * 60.0  # of the day, that one line of readings covers at most
_COLOURS = {
    "bold": "1",
    "dim": "2",
    "red": "1;31",
    "green": "32",
    "yellow": "33",
    "blue": "36",
    "plain": "",
}
# the moves of an alarm that are shown
_MOVES = {
    "danger": "red",
    "raise": "red",
    "expire": "red",
    "confirm": "red",
    "receipt": "blue",
    "acknowledge": "blue",
    "dispatch": "blue",
    "arrive": "green",
    "close": "green",
    "cancel": "green",
    "call": "yellow",
    "call_accepted": "yellow",
    "lapse": "red",
}
# the columns of the table, and how wide each is
_HEADS = {
    "danger": 9,
    "raised": 8,
    "push": 8,
    "answered": 9,
    "dispatch": 9,
    "arrival": 8,
    "closed": 8,
}


def _broken(words: list[str], most: int) -> tuple[str, str]:
    """Return as many words as fit `most` columns, and the rest."""
    count = len(words)
    while count > 1 and columns(" ".join(words[:count])) > most:
        count -= 1
    return " ".join(words[:count]), " ".join(words[count:])


def _cut(text: str, most: int) -> tuple[str, str]:
    """Return as much of a text as fits `most` columns, and the rest: Chinese has no spaces."""
    count = len(text)
    while columns(text[:count]) > most:
        count -= 1
    return text[:count], text[count:]


def padded(text: str, width: int) -> str:
    """Return the text filled up with spaces, or cut, to a number of columns."""
    while columns(text) > width:
        text = text[:-1]
    return filled(text, width)


_ORDER = ("t", "h", "p", "m", "door")  # of what one room says on a line of readings


class Strip:
    """Routine readings of one stretch of the day, on one line.

    It has the last value of a measure, and what a state did.
    """

    def __init__(self, rooms: Mapping[str, str]) -> None:
        self._rooms = rooms
        self.first = self.last = 0.0
        self.count = 0
        self._said: dict[str, dict[str, str]] = {}
        self._times: dict[tuple[str, str], int] = {}

    def take(self, wall: float, device: str, kind: str, value: Any) -> None:
        """Take one reading."""
        self.first = self.first if self.count else wall
        self.last = wall
        self.count += 1
        # the history keeps yes and no as one byte
        value = bool(value[0]) if isinstance(value, bytes) else value
        said = self._said.setdefault(self._rooms.get(device, device), {})
        if kind == "temperature_c":
            said["t"] = f"{value:.1f}°C"
        elif kind == "humidity_pct":
            said["h"] = f"{value:.0f}%"
        elif kind == "contact_open":
            now = both("value.open" if value else "value.shut")
            said["door"] = f"{said['door']}-{now}" if "door" in said else now
        elif kind == "presence":
            said["p"] = both("value.present" if value else "value.absent")
        elif kind == "motion" and value:
            self._times[device, "m"] = times = self._times.get((device, "m"), 0) + 1
            said["m"] = both("value.motion") + (f" x{times}" if times > 1 else "")

    def texts(self) -> list[str]:
        """Return what each room says."""
        return [
            f"{room} {' '.join(said[k] for k in sorted(said, key=_ORDER.index))}"
            for room, said in self._said.items()
            if said
        ]


def _said(detail: Mapping[str, Any]) -> str:
    """Return the plain values of a fault for people."""
    out = []
    for key, value in detail.items():
        if key == "battery_pct":
            out.append(f"{value:.0f} %")
        elif key.endswith("_s") and key != "limit_s":
            out.append(ago(value))
        elif key in {"why", "message"}:
            out.append(str(value))
    return " ".join(out)


class Screen:
    """Writes to the terminal; colour only where it is one."""

    def __init__(self, rooms: Mapping[str, str], zone: tzinfo) -> None:
        self._rooms = rooms
        self._zone = zone
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._strip = Strip(rooms)

    # -- plain lines -------------------------------------------------------------------------------

    def line(self, text: str = "", colour: str = "plain") -> None:
        """Write one line as it stands."""
        code = _COLOURS[colour] if self._colour else ""
        print(f"\033[{code}m{text}\033[0m" if code else text, flush=True)

    def at(self, clock: str, what: str, detail: str = "", colour: str = "plain") -> None:
        """Write one thing that happened at a time of the day."""
        self.flush()
        self.line(f"{clock:8}  {padded(what, 26)} {detail}".rstrip(), colour)

    def clock(self, wall: str | float) -> str:
        """Return a wall time as the home's clock shows it."""
        at = (
            datetime.fromtimestamp(wall, self._zone)
            if isinstance(wall, float)
            else datetime.fromisoformat(wall).astimezone(self._zone)
        )
        return f"{at:%H:%M:%S}"

    def story(self, clock: str, text: str) -> None:
        """Write what the people of the day are doing."""
        self.flush()
        self.line()
        zh, _, en = text.partition("。 ")
        self.line(f"{clock}  {zh}" + ("。" if en else ""), "bold")
        if en:
            self.line(f"{'':8}  {en}", "bold")

    # -- readings ----------------------------------------------------------------------------------

    def reading(self, wall: float, device: str, kind: str, value: Any) -> None:
        """Take one reading; a line is written when it is full or something else is to be said."""
        if self._strip.count and wall - self._strip.first >= STRIP:
            self.flush()
        self._strip.take(wall, device, kind, value)

    def flush(self) -> None:
        """Write the readings that wait."""
        strip, self._strip = self._strip, Strip(self._rooms)
        head = f"{self.clock(strip.first)}  {padded(both('line.readings', count=strip.count), 18)}"
        line = ""
        for text in strip.texts():
            if line and columns(head + line + text) + 3 > WIDTH:
                self.line(head + line, "dim")
                head, line = " " * columns(head), ""
            line += f"   {text}" if line else text
        if line:
            self.line(head + line, "dim")

    # -- the journal -------------------------------------------------------------------------------

    def entry(self, e: Json) -> None:
        """Write one entry of the journal."""
        clock = self.clock(e["at"]["wall"])
        if e["type"] == "alarm":
            self._alarm(clock, e)
        elif e["type"] == "fault":
            self._fault(clock, e)
        elif not e["accepted"]:
            self.at(clock, both("line.refused"), f"{e['do']}: {e['zh']} {e['en']}", "yellow")

    def _alarm(self, clock: str, e: Json) -> None:
        if e["move"] not in _MOVES:
            return
        what, colour = both(f"move.{e['move']}", rung=e["rung"]), _MOVES[e["move"]]
        row = kinds.of(e["kind"])
        where = f"P{e['priority']} {row.zh} {row.en}" + (
            f", {e['room'] or e['device']}" if e["device"] else ""
        )
        detail = {
            "danger": both("alarm.cancellable", where=where, seconds=e["grace_s"]),
            "raise": where,
            "expire": both("alarm.not_cancelled", where=where),
            "receipt": both("alarm.recorded") + self._since(e, "alarm", "push"),
            "acknowledge": f"{e['by']}{self._since(e, 'push', 'answered')}",
            "dispatch": both(
                "alarm.expected", responder=e["responder"], minutes=e["expected_s"] / 60
            )
            + self._since(e, "answered", "dispatch"),
            "arrive": f"{e['responder']}{self._since(e, 'dispatch', 'arrival')}",
            "close": self._closed(e),
            "cancel": both("alarm.is_well") + self._since(e, "danger", "cancelled"),
            "call": self._called(e),
            "call_accepted": e["by"],
            "lapse": self._called(e),
        }.get(e["move"], where)
        test = f"{both('line.test')} " if e["test"] else ""
        self.at(clock, f"#{e['alarm_number']} {what}", test + detail, colour)

    def _closed(self, e: Json) -> str:
        if e["by"] == "rule":
            return both("alarm.by_rule")
        return f"{_outcome(e['outcome'])}, {e['by']}{self._since(e, 'arrival', 'closed')}"

    def _called(self, e: Json) -> str:
        call = e["calls"][-1] if e["calls"] else {"responder": ""}
        why = e["reason"]
        return f"{call['responder']}: {BOTH.get(f'reason.{why}', why)}"

    def _since(self, e: Json, before: str, after: str) -> str:
        stages = e["stages"]
        return (
            f" (+{stages[after]['mono'] - stages[before]['mono']:.1f} s)"
            if before in stages and after in stages
            else ""
        )

    def _fault(self, clock: str, e: Json) -> None:
        row = kinds.of(e["kind"])
        if e["kind"] == kinds.RESTARTED:
            self.at(clock, both("line.started"), "", "green")
            return
        turn = BOTH.get(f"turn.{e['turn']}", "")
        test = both("line.test") if e.get("test") else ""
        on = BOTH.get(f"class.{e.get('fault_class')}", "")
        where = e["room"] or e["device"]
        what = f"{test} P{e['priority']} {row.zh} {row.en} {where} {turn} {_said(e['detail'])} {on}"
        first, rest = _broken(what.split(), 63)
        self.at(clock, both("line.fault_over" if turn else "line.fault"), first, "yellow")
        if rest:
            self.at("", "", rest, "yellow")

    def desk(self, what: str, colour: str = "dim") -> None:
        """Write what the desk did of its own accord."""
        self.at("", both("line.desk"), what, colour)

    def sms(self, text: str) -> None:
        """Write what somebody reads, or writes, on a telephone."""
        self.flush()
        first, rest = _cut(text, 63)
        self.at("", both("line.sms"), first, "yellow")
        while rest:
            first, rest = _cut(rest, 63)
            self.at("", "", first, "yellow")

    def sounded(self, clock: str, line: str) -> None:
        """Write what sounded in the home."""
        words = line.split()
        self.at(clock, both("line.local"), BOTH.get(f"sound.{words[0]}", line), "yellow")
        clips = words[4].split(",") if len(words) > 4 else []
        for phrases, space in ((zh.PHRASES, ""), (en.PHRASES, " ")):
            spoken = [phrases[name] for name in clips if name in phrases and not name.isdecimal()]
            if "minutes" in clips:  # the voice says a number figure by figure
                spoken.insert(-1, str(_number([int(name) for name in clips if name.isdecimal()])))
            rest = " ".join(spoken).split()
            while rest:
                first, left = _broken(rest, 63)
                self.at("", "", first if space else first.replace(" ", ""), "yellow")
                rest = left.split()

    # -- the summary -------------------------------------------------------------------------------

    def table(self, journal: Sequence[Json]) -> None:
        """Write every alarm with its stages, and the seconds between them."""
        for part in (0, 1):
            said = {h: both(f"head.{h}").split("\t")[part] for h in ("alarm", *_HEADS, "outcome")}
            cells = "".join(padded(said[h], width) for h, width in _HEADS.items())
            number = " " if part else "#"
            self.line(f"{number:2}{padded(said['alarm'], 22)}{cells}{said['outcome']}")
        self.line("-" * WIDTH, "dim")
        for a in alarms(journal):
            self.line(self._row(a), "green" if a["state"] in {"closed", "cancelled"} else "red")

    def _row(self, a: Json) -> str:
        row = kinds.of(a["kind"])
        stages, want = a["stages"], wanted(a)
        cells, last = [], None
        for name in ANSWERED:
            at = stages.get(name) or (stages.get("cancelled") if name == "closed" else None)
            if name == "push" and is_hers(a):  # the platform was told when all was over
                cells.append(both("cell.later"))
                continue
            if at is None:
                cells.append(both("cell.missing") if name in want else "-")
            elif last is None:
                cells.append(self.clock(at["wall"]))
            else:
                took = at["mono"] - last
                cells.append(f"+{took:.1f} s" if took < 100 else f"+{took:.0f} s")
            last = at["mono"] if at is not None else last
        ending = (
            both("cell.cancelled")
            if a["state"] == "cancelled"
            else _outcome(a["outcome"] or a["state"])
        )
        if a["state_by"] == "rule" and a["state"] == "closed":
            ending = both("cell.by_rule")
        return (
            f"{a['alarm_number']:<2}{padded(f'{row.zh} {row.en}', 22)}"
            + "".join(padded(c, w) for c, w in zip(cells, _HEADS.values(), strict=True))
            + ending.strip()
        )


def _outcome(name: str) -> str:
    return BOTH.get(f"outcome.{name}", f" {name}")


def _number(figures: Sequence[int]) -> int:
    """Return the number that is said by Chinese figures: 4, 10, 5 is 45."""
    if 10 not in figures:
        return sum(figures)
    at = figures.index(10)
    return 10 * (sum(figures[:at]) or 1) + sum(figures[at + 1 :])
