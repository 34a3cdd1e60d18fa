"""The diagnostics bundle: enough to find a fault from afar; no secrets, nobody's name.

What goes in is listed, not what stays out: a field that nobody thought of is left out.
"""

from __future__ import annotations

import io
import json
import platform
import sys
import zipfile
from collections import Counter
from importlib import metadata
from typing import Any, Final

import msgspec

from gateway import __version__
from gateway.contract import wire
from gateway.home.config import Config
from gateway.home.status import Status
from gateway.page.known import Known
from gateway.words.say import both

ENTRIES = 1000
_PACKAGES = (
    "aiomqtt",
    "bleak",
    "pyserial",
    "sqlite-utils",
    "msgspec",
    "cryptography",
    "fastapi",
    "uvicorn",
    "jinja2",
    "argon2-cffi",
    "zxcvbn",
)
_STATUS = (
    "gateway",
    "software",
    "boot",
    "written",
    "wall",
    "mono",
    "clock",
    "degraded",
    "journal",
    "last",
    "waiting",
    "waiting_batches",
    "receipts",
    "strangers",
    "repeats",
    "away",
)
_DEVICE = ("device", "model", "heard_s", "missing_after", "rssi", "refused", "shelved")
_RADIO = ("adapter", "hearing", "adverts", "restarts", "silent_s")
_DETAIL: Final = frozenset(
    (
        "silent_s",
        "limit_s",
        "lasted_s",
        "down_s",
        "battery_pct",
        "clock",
        "stepped",
        "readings",
        "batches",
        "cancelled",
        "danger",
        "message",
    )
)


def bundle(config: Config, known: Known) -> bytes:
    """Return the zip file."""
    facts = known.status()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("README.txt", both("bundle.read_me"))
        file.writestr("status.json", _json(_facts(facts, known.disk())))
        lines = [_json(_line(entry)) for entry in known.journal(limit=ENTRIES)]
        file.writestr("journal.jsonl", "\n".join(reversed(lines)))
        counts = Counter(f"{r.device} {r.kind}" for r in known.day(known.now(facts)))
        file.writestr("readings.json", _json(dict(sorted(counts.items()))))
        file.writestr("versions.json", _json(_versions(config)))
    return out.getvalue()


def _facts(facts: Status, disk: tuple[int, int]) -> dict[str, Any]:
    kept = {name: getattr(facts, name) for name in _STATUS} if facts.written else {}
    uplink = facts.uplink
    return kept | {
        "degraded": bool(facts.degraded),
        "uplink": {name: getattr(uplink, name) for name in ("configured", "connected", "version")},
        "radio": [{name: getattr(r, name) for name in _RADIO} for r in facts.radio],
        "lines": [{"open": x.open, "received": x.received} for x in facts.lines],
        "devices": [{name: getattr(d, name) for name in _DEVICE} for d in facts.devices],
        "faults": msgspec.to_builtins(facts.faults),
        "disk_free": disk[0],
        "disk_total": disk[1],
    }


def _line(entry: wire.Outward) -> dict[str, Any]:
    """Return an entry without free text: names, reasons and rooms are left out."""
    line: dict[str, Any] = {
        "number": entry.number,
        "at": {
            "boot": entry.at.boot,
            "mono": entry.at.mono,
            "wall": entry.at.wall,
            "clock": entry.at.clock,
        },
    }
    match entry:
        case wire.AlarmMessage():
            line |= {
                "alarm": entry.alarm_number,
                "kind": entry.kind,
                "device": entry.device,
                "state": entry.state,
                "move": entry.move,
                "test": entry.test,
                "condition": entry.condition,
                "masking": entry.masking,
                "rung": entry.rung,
                "count": entry.count,
                "outcome": entry.outcome,
                "calls": [
                    {"rung": c.rung, "channel": c.channel, "delivery": c.delivery}
                    for c in entry.calls
                ],
                "stages": {name: at.mono for name, at in entry.stages.items()},
            }
        case wire.FaultMessage():
            detail = {k: w for k, w in entry.detail.items() if k in _DETAIL}
            line |= {
                "fault": entry.kind,
                "device": entry.device,
                "turn": entry.turn,
                "detail": detail,
            }
        case wire.ResultMessage():
            line |= {
                "instruction": entry.do,
                "accepted": entry.accepted,
                "refused": entry.refused,
                "state": entry.state,
            }
    return line


def _versions(config: Config) -> dict[str, Any]:
    packages: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            packages[name] = None
    return {
        "gateway": __version__,
        "python": sys.version.split()[0],
        "machine": platform.machine(),
        "kernel": platform.release(),
        "packages": packages,
        "models": sorted(d.model.name for d in config.devices),
        "rungs": [r.channel for r in config.ladder],
        "platform": {"tls": config.platform.tls, "version": config.platform.version}
        if config.platform
        else None,
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
