"""What a person watches: one line for each thing that happens, zh-CN and English, with the day's clock time."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from gateway.demo.proof import ANSWERED, Json, alarms, wanted
from gateway.home.status import ago
from gateway.words import kind as kinds

WIDTH = 100  # columns
STRIP = 1500.0  # s of the day that one line of readings covers at most
_COLOURS = {
    "bold": "1",
    "dim": "2",
    "red": "1;31",
    "green": "32",
    "yellow": "33",
    "blue": "36",
    "plain": "",
}
# move of an alarm: number and name of the stage it reaches, colour
_STAGES = {
    "danger": ("1 出现危险 danger", "red"),
    "raise": ("1+2 危险警报 alarm", "red"),
    "expire": ("2 发出警报 alarm", "red"),
    "confirm": ("2 发出警报 alarm", "red"),
    "receipt": ("3 数据推送 pushed", "blue"),
    "acknowledge": ("4 有人应答 answered", "blue"),
    "dispatch": ("5 派人救助 dispatched", "blue"),
    "arrive": ("6 到达现场 arrived", "green"),
    "close": ("7 警报结束 closed", "green"),
    "cancel": ("  老人撤警 cancelled", "green"),
    "call": ("  呼叫第{rung}级 rung {rung}", "yellow"),
    "call_accepted": ("  已经叫到 rung reached", "yellow"),
    "lapse": ("  无人处理 lapsed", "red"),
}
_SOUNDS = {
    "chime": "提示音: 没事请按按钮 chime: press the button if you are well",
    "siren": "家中警铃响起 the siren sounds in the home",
    "light": "邻居家警灯亮起 the light at the neighbour's is on",
}
_OUTCOMES = {
    "rescued": "已救助",
    "helped": "已帮助",
    "no_help_needed": "无需帮助",
    "false_alarm": "误报",
    "test": "测试",
    "unknown": "不明",
}
_CLASSES = {"list": "[今日清单 list]", "figure": "[只计数 figure]"}
_REASONS = {
    "platform_away": "平台离线 platform away",
    "no_receipt": "平台无回执 no receipt",
    "not_acknowledged": "无人应答 nobody answered",
    "nobody_dispatched": "无人派出 nobody was sent",
    "not_arrived": "无人到场 nobody arrived",
    "call_failed": "呼叫失败 the call failed",
    "repeat": "再次呼叫 again",
    "pressed_again": "再次求救 pressed again",
    "interrupted": "重启后再叫 cut off by a restart",
    "ladder_changed": "呼叫顺序已改 ladder changed",
}


def columns(text: str) -> int:
    """Return how many columns a text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _broken(words: list[str], most: int) -> tuple[str, str]:
    """Return as many words as fit `most` columns, and the rest."""
    count = len(words)
    while count > 1 and columns(" ".join(words[:count])) > most:
        count -= 1
    return " ".join(words[:count]), " ".join(words[count:])


def padded(text: str, width: int) -> str:
    """Return the text filled up with spaces, or cut, to a number of columns."""
    while columns(text) > width:
        text = text[:-1]
    return text + " " * (width - columns(text))


_ORDER = ("t", "h", "p", "m", "door")  # of what one room says on a line of readings


class Strip:
    """Routine readings of one stretch of the day, on one line: the last value of a measure, what a state did."""

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
        value = (
            bool(value[0]) if isinstance(value, bytes) else value
        )  # the history keeps yes and no as one byte
        said = self._said.setdefault(self._rooms.get(device, device), {})
        if kind == "temperature_c":
            said["t"] = f"{value:.1f}°C"
        elif kind == "humidity_pct":
            said["h"] = f"{value:.0f}%"
        elif kind == "contact_open":
            said["door"] = (
                f"{said['door']}-{'开 open' if value else '关 shut'}"
                if "door" in said
                else ("开 open" if value else "关 shut")
            )
        elif kind == "presence":
            said["p"] = "有人 present" if value else "无人 absent"
        elif kind == "motion" and value:
            self._times[device, "m"] = times = self._times.get((device, "m"), 0) + 1
            said["m"] = "动 motion" + (f" x{times}" if times > 1 else "")

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

    # -- plain lines -------------------------------------------------------------------------------------------------

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

    # -- readings ----------------------------------------------------------------------------------------------------

    def reading(self, wall: float, device: str, kind: str, value: Any) -> None:
        """Take one reading; a line is written when it is full or something else is to be said."""
        if self._strip.count and wall - self._strip.first >= STRIP:
            self.flush()
        self._strip.take(wall, device, kind, value)

    def flush(self) -> None:
        """Write the readings that wait."""
        strip, self._strip = self._strip, Strip(self._rooms)
        head = f"{self.clock(strip.first)}  {padded(f'读数 readings {strip.count}', 18)}"
        line = ""
        for text in strip.texts():
            if line and columns(head + line + text) + 3 > WIDTH:
                self.line(head + line, "dim")
                head, line = " " * columns(head), ""
            line += f"   {text}" if line else text
        if line:
            self.line(head + line, "dim")

    # -- the journal -------------------------------------------------------------------------------------------------

    def entry(self, e: Json) -> None:
        """Write one entry of the journal."""
        clock = self.clock(e["at"]["wall"])
        if e["type"] == "alarm":
            self._alarm(clock, e)
        elif e["type"] == "fault":
            self._fault(clock, e)
        elif not e["accepted"]:
            self.at(clock, "  指令被拒 refused", f"{e['do']}: {e['zh']} {e['en']}", "yellow")

    def _alarm(self, clock: str, e: Json) -> None:
        if e["move"] not in _STAGES:
            return
        what, colour = _STAGES[e["move"]]
        what = what.format(rung=e["rung"])
        row = kinds.of(e["kind"])
        where = f"P{e['priority']} {row.zh} {row.en}" + (
            f", {e['room'] or e['device']}" if e["device"] else ""
        )
        detail = {
            "danger": f"{where}: {e['grace_s']:.0f} 秒内可撤警 to cancel",
            "raise": where,
            "expire": f"{where}: 无人撤警 nobody cancelled",
            "receipt": f"平台已记录 the platform has recorded it{self._since(e, 'alarm', 'push')}",
            "acknowledge": f"{e['by']}{self._since(e, 'push', 'answered')}",
            "dispatch": f"{e['responder']}, {e['expected_s'] / 60:.0f} 分钟内到 min{self._since(e, 'answered', 'dispatch')}",
            "arrive": f"{e['responder']}{self._since(e, 'dispatch', 'arrival')}",
            "close": self._closed(e),
            "cancel": f"老人没事 the resident is well{self._since(e, 'danger', 'cancelled')}",
            "call": self._called(e),
            "call_accepted": e["by"],
            "lapse": self._called(e),
        }.get(e["move"], where)
        test = "测试 TEST " if e["test"] else ""
        self.at(clock, f"#{e['alarm_number']} {what}", test + detail, colour)

    def _closed(self, e: Json) -> str:
        if e["by"] == "rule":
            return "情况解除, 无人被叫醒 the condition is over, nobody was woken"
        return f"{_OUTCOMES.get(e['outcome'], '')} {e['outcome']}, {e['by']}{self._since(e, 'arrival', 'closed')}"

    def _called(self, e: Json) -> str:
        call = e["calls"][-1] if e["calls"] else {"responder": ""}
        return f"{call['responder']}: {_REASONS.get(e['reason'], e['reason'])}"

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
            self.at(clock, "网关启动 gateway started", "", "green")
            return
        turn = {"cleared": "已恢复 over after", "repeated": "仍在 still on"}.get(e["turn"], "")
        test = "测试 TEST" if e.get("test") else ""
        on = _CLASSES.get(e.get("fault_class", ""), "")
        what = f"{test} P{e['priority']} {row.zh} {row.en} {e['room'] or e['device']} {turn} {_said(e['detail'])} {on}"
        first, rest = _broken(what.split(), 63)
        self.at(clock, "   技术故障 fault" if not turn else "   故障恢复 fault", first, "yellow")
        if rest:
            self.at("", "", rest, "yellow")

    def desk(self, what: str, colour: str = "dim") -> None:
        """Write what the desk did of its own accord."""
        self.at("", "   呼叫台 desk", what, colour)

    def sounded(self, clock: str, line: str) -> None:
        """Write what sounded in the home."""
        self.at(clock, "   本地声光 local", _SOUNDS.get(line.split(maxsplit=1)[0], line), "yellow")

    # -- the summary -------------------------------------------------------------------------------------------------

    def table(self, journal: Sequence[Json]) -> None:
        """Write every alarm with its stages, and the seconds between them."""
        heads = (
            "危险\tdanger",
            "警报\talarm",
            "回执\tpush",
            "应答\tanswered",
            "派人\tdispatch",
            "到场\tarrival",
            "结束\tclosed",
        )
        widths = (9, 8, 8, 9, 9, 8, 8)
        for part in (0, 1):
            cells = "".join(
                padded(h.split("\t")[part], w) for h, w in zip(heads, widths, strict=True)
            )
            self.line(
                f"{'#' if not part else ' ':2}{padded('警报' if not part else 'alarm', 22)}{cells}{'结果' if not part else 'outcome'}"
            )
        self.line("-" * WIDTH, "dim")
        for a in alarms(journal):
            self.line(
                self._row(a, widths), "green" if a["state"] in {"closed", "cancelled"} else "red"
            )

    def _row(self, a: Json, widths: Sequence[int]) -> str:
        row = kinds.of(a["kind"])
        stages, want = a["stages"], wanted(a)
        cells, last = [], None
        for name in ANSWERED:
            at = stages.get(name) or (stages.get("cancelled") if name == "closed" else None)
            if at is None:
                cells.append("缺 none" if name in want else "-")
            elif last is None:
                cells.append(self.clock(at["wall"]))
            else:
                took = at["mono"] - last
                cells.append(f"+{took:.1f} s" if took < 100 else f"+{took:.0f} s")
            last = at["mono"] if at is not None else last
        ending = (
            "已撤警 cancelled"
            if a["state"] == "cancelled"
            else f"{_OUTCOMES.get(a['outcome'] or '', '')} {a['outcome'] or a['state']}"
        )
        if a["state_by"] == "rule" and a["state"] == "closed":
            ending = "自动 by rule"
        return (
            f"{a['alarm_number']:<2}{padded(f'{row.zh} {row.en}', 22)}"
            + "".join(padded(c, w) for c, w in zip(cells, widths, strict=True))
            + ending.strip()
        )
