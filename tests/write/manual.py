"""Writes the tables of docs/ and docs/privacy.md from the code they describe: python -m tests.write.manual.

A test fails when they differ.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from drivers import all_models
from gateway.home.devices import is_slow
from gateway.home.nearby import link
from gateway.judge.alarm import MOVES
from gateway.page.en import EN
from gateway.page.words import printed
from gateway.page.zh import ZH
from gateway.words import kind
from gateway.words.times import TABLE

from tests.kit.waits import rooms
from tests.write import privacy

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
ALARMS = ROOT / "docs" / "alarms.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
DEVICES = ROOT / "docs" / "devices.md"
TECHNICIAN = ROOT / "docs" / "technician.md"


def states() -> str:
    """The alarm's life as a picture, from the table of moves."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> pre_alarm : danger with grace", "    [*] --> raised : danger"]
    for state, moves in MOVES.items():
        lines += [f"    {state} --> {after} : {move}" for move, after in moves.items()]
        if not moves:
            lines.append(f"    {state} --> [*]")
    return "\n".join([*lines, "```"])


def kinds() -> str:
    """Every kind with its words, priority and codes."""
    rows = ["| kind | 中文 | | judged today | priority | class | 11073-10471 | SCAIP |", "|---|---|---|---|---|---|---|---|"]
    for k in kind.KINDS.values():
        fault_class = (
            k.fault_class if k.name.startswith(("device.", "gateway.", "service.")) or k.name in {kind.OFTEN_CANCELLED, kind.OUT} else ""
        )
        judged = "**no**, not yet" if k.name in kind.LATER else "yes"
        scaip = f"{k.scaip_device} / {k.scaip_status}".strip(" /")
        rows.append(f"| `{k.name}` | {k.zh} | {k.en} | {judged} | {k.priority.name} | {fault_class} | {k.ieee} | {scaip} |")
    return "\n".join(rows)


def times() -> str:
    """Every waiting time with default, bounds and ground."""
    rows = ["| `[times]` | 中文 | default s | from - to | ground |", "|---|---|---|---|---|"]
    for name, t in TABLE.items():
        rows.append(f"| `{name}` | {t.zh} | {t.default:g} | {t.low:g} - {t.high:g} | {t.why} |")
    return "\n".join(rows)


def devices() -> str:
    """Every model with what it senses, how it is enrolled and supervised, and what to do on the device."""
    rows = ["| model | 名称 / name | senses | link, key | missing after | on the device |", "|---|---|---|---|---|---|"]
    for m in sorted(all_models().values(), key=lambda m: m.name):
        key = f", key {m.key_bytes} bytes" if m.key_bytes else ""
        missing = "cannot be supervised" if m.missing_after is None else f"{m.missing_after / 60:g} min" + (", slow" if is_slow(m) else "")
        senses = ", ".join(sorted(k.value for k in m.senses))
        rows.append(
            f"| `{m.name}` | {m.title[0]} / {m.title[1]} | {senses} | {link(m)}{key} | {missing} | {m.device_notes[0]} {m.device_notes[1]} |"
        )
    return "\n".join(rows)


def waits() -> str:
    """Every waiting time that no household changes, room by room."""
    rows = ["| room | wait | default s | from - to | ground |", "|---|---|---|---|---|"]
    for room in rooms():
        table = importlib.import_module(f"gateway.{room}.waits").WAITS
        rows += [f"| {room} | `{w.name}` | {w.default:g} | {w.low:g} - {w.high:g} | {w.why} |" for w in table.lines()]
    return "\n".join(rows)


def faults(words: Mapping[str, str], head: str, named: str) -> str:
    """Every fault that Today shows, with what the page tells to do about it."""
    rows = [
        f"| {getattr(k, named)} | {words[f'class.{k.fault_class}']} | {what} |"
        for k in kind.KINDS.values()
        if k.name not in kind.LATER and (what := words.get(f"advice.{k.name}"))
    ]
    return "\n".join([head, "|---|---|---|", *rows])


def faults_zh() -> str:
    """Return the table of faults in Chinese."""
    return printed(faults(ZH, "| 故障 | 怎么告知 | 怎么办 |", "zh"))


def faults_en() -> str:
    """Return the table of faults in English."""
    return faults(EN, "| fault | told | what to do |", "en")


def channels(words: Mapping[str, str]) -> str:
    """Everything that can be wrong with what sounds or calls, as the page says it below "call failed"."""
    return "\n".join(f"- {said}" for name, said in words.items() if name.startswith("channel."))


TABLES: dict[Path, dict[str, Callable[[], str]]] = {
    ALARMS: {"states": states, "kinds": kinds, "times": times},
    ARCHITECTURE: {"waits": waits},
    DEVICES: {"devices": devices},
    TECHNICIAN: {
        "faults-zh": faults_zh,
        "channels-zh": lambda: printed(channels(ZH)),
        "faults-en": faults_en,
        "channels-en": lambda: channels(EN),
    },
}


def rewritten(page: Path) -> str:
    """Return a page with every table as the code has it."""
    text = page.read_text(encoding="utf-8")
    for name, table in TABLES[page].items():
        block = f"<!-- {name} -->\n{table()}\n<!-- end of {name} -->"
        text, found = re.subn(rf"<!-- {name} -->.*?<!-- end of {name} -->", lambda _, block=block: block, text, flags=re.DOTALL)
        if found != 1:
            raise SystemExit(f"{page} has {found} places for the table {name}, one was expected")
    return text


if __name__ == "__main__":
    for page in TABLES:
        page.write_text(rewritten(page), encoding="utf-8")
    privacy.FILE.write_text(privacy.written(), encoding="utf-8")
