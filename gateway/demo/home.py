"""The demonstration's household: the shipped configuration, a few lines changed, devices added.

It lies in a folder that is thrown away.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from gateway.demo.both import both
from gateway.demo.broker import free_port

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "config" / "gateway.toml"
DAY = Path(__file__).with_name("day.txt")
DEVICES = Path(__file__).with_name("home.toml")
GATEWAY = "demo-home"
# public: the one that bthome-ble's test suite publishes with the captured frame
PENDANT_KEY = "90bffd73cb6b26ef58a7a8eba9232036"
CANCEL_KEY = "5f2c8be1d7a94e0c93b6417d20fa88c3"  # public too: made for the recorded day
SOUNDS = "sounds.log"
NEIGHBOUR = "+8613800000000"  # nobody's number: the stand-in of the network takes every one

# The gateway gives its programs no more than the alarm: where the stand-in is, stands here.
_SMS = """#!/bin/sh
exec env PYTHONPATH='{root}' DBUS_SYSTEM_BUS_ADDRESS='{bus}' '{python}' -m gateway.sms.send \\
  --phones '{book}' --state '{state}' "$@"
"""


def furnish(
    folder: Path, relay_port: int, day: Path, until: float | None, bus: str = "none"
) -> Path:
    """Write the household's files into `folder`; return the configuration's path.

    `bus` is the address at which a modem is found.
    """
    neighbour = [str(_sms(folder, bus)), "--to", "neighbour"]
    (folder / SOUNDS).touch()
    played = folder / "day.txt"
    text = day.read_text(encoding="utf-8")
    played.write_text(text if until is None else shortened(text, until), encoding="utf-8")

    text = SHIPPED.read_text(encoding="utf-8")
    for table, key, value in (
        ("gateway", "id", json.dumps(GATEWAY)),
        ("gateway", "state", '"state"'),
        ("gateway", "runtime", '"run"'),
        ("platform", "host", '"127.0.0.1"'),
        ("platform", "port", str(relay_port)),
        ("platform", "tls", "false"),  # the loopback interface of this machine
        # the embedded broker speaks no 5; "auto" finds that out in three seconds
        ("platform", "version", '"3.1.1"'),
        ("[ladder]", "responder", json.dumps(both("home.neighbour"), ensure_ascii=False)),
        ("[ladder]", "channel", '"program"'),
        ("[ladder]", "wait", "60"),
        ("[ladder]", "program", f"{json.dumps(neighbour)}\ntest = true"),
        ("sound", "device", json.dumps(f"file:{folder}")),  # a fast day: what is said goes to files
        ("consent", "activity", "true"),  # the household of the demonstration has agreed to all
        ("consent", "climate", "true"),
        ("consent", "vital_signs", "true"),
        ("times", "readings_every", "10"),  # readings are to be seen soon
        ("times", "uplink_lost", "1800"),
        # the day runs up to 2000 times faster than life, the broker does not
        ("times", "receipts_lost", "1800"),
        ("page", "address", '"127.0.0.1"'),
        ("page", "port", str(free_port())),
        ("page", "http_port", str(free_port())),
        ("replay", "file", '"day.txt"'),
    ):
        text = changed(text, table, key, value)
    config = folder / "gateway.toml"
    config.write_text(f"{text}\n\n{DEVICES.read_text(encoding='utf-8')}", encoding="utf-8")
    secrets = folder / "secrets.toml"
    secrets.touch(mode=0o600)
    secrets.write_text(
        f'[keys]\npendant = "{PENDANT_KEY}"\ncancel-button = "{CANCEL_KEY}"\n', encoding="utf-8"
    )
    return config


def _sms(folder: Path, bus: str) -> Path:
    """Write the neighbour's number, and the program that tells her; return the program."""
    book, program = folder / "phones.toml", folder / "eldercare-sms"
    book.touch(mode=0o600)
    book.write_text(f'[people.neighbour]\nnumber = "{NEIGHBOUR}"\n', encoding="utf-8")
    text = _SMS.format(root=ROOT, bus=bus, python=sys.executable, book=book, state=folder / "state")
    program.touch(mode=0o755)
    program.write_text(text, encoding="utf-8")
    return program


def changed(text: str, table: str, key: str, value: str) -> str:
    """Return the configuration with one key of the first such table set.

    A table or key that is commented out is switched on. Raises ValueError where the shipped file
    does not have it: each key stands there with its meaning.
    """
    lines = text.split("\n")
    header = re.compile(rf"(# )?\[{re.escape(table)}\]")
    start = next((n for n, line in enumerate(lines) if header.match(line)), None)
    if start is None:
        raise ValueError(f"[{table}] is not in the configuration")
    lines[start] = lines[start].removeprefix("# ")
    for n in range(start + 1, len(lines)):
        if re.match(r"(# )?\[", lines[n]):
            break
        if found := re.match(rf"(?:# )?({key} = )[^#]*(?<! )( *#.*)?\Z", lines[n]):
            lines[n] = found[1] + value + (found[2] or "")
            return "\n".join(lines)
    raise ValueError(f"[{table}] {key} is not in the configuration")


def shortened(day: str, until: float) -> str:
    """Return the day up to `until` seconds after midnight."""
    out = []
    for told in day.splitlines():
        line, words = told, told.split()
        if words and re.fullmatch(r"\d\d:\d\d:\d\d(\.\d+)?", words[0]):
            if seconds(words[0]) >= until:
                continue
            if words[1] == "every" and seconds(words[4]) > until:
                line = line.replace(f"until {words[4]}", f"until {clock(until)}", 1)
        out.append(line)
    return "\n".join(out) + "\n"


def seconds(text: str) -> float:
    """Return a time of the day as seconds after midnight; `text` is 06:12 or 06:12:30.5."""
    parts = [float(part) for part in text.split(":")]
    return parts[0] * 3600 + parts[1] * 60 + (parts[2] if len(parts) > 2 else 0.0)


def clock(at: float) -> str:
    """Return seconds after midnight as people write them."""
    whole = int(at)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
