"""What this home's radio hears now, strangers included: the file that daemon and page share.

Where the gateway runs it owns the radio: a window (see hear/window.py) is opened by an instruction,
and what it hears lies in the runtime folder until shortly after the window.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from gateway.home.devices import is_slow
from gateway.home.waits import WAITS
from gateway.words.driver import (
    Behind,
    BleAdvert,
    Enrol,
    GattService,
    Inputs,
    Model,
    MqttTopics,
    SerialLine,
)
from gateway.words.reading import Value
from gateway.words.say import both
from gateway.words.wide import columns, filled

AT_MOST = 200  # addresses; the one not heard for longest is forgotten first
FILE = "nearby.json"
WIDE = 100  # columns of the text


# -- between the running gateway and who asks it ---------------------------------------------------


class NearSignal(Struct, frozen=True, kw_only=True):
    """What a receiver, or a beacon that is taught, has sent.

    `enrolled` and `model` are "" where nobody knows. `told`: values by kind. `rssi` is dBm; times
    that end in `_s` are seconds ago.
    """

    receiver: str = ""
    signal: str
    times: int = 0
    rssi: int = 0
    enrolled: str = ""
    model: str = ""
    told: dict[str, list[Value]] = {}
    silent_s: float = 0.0
    acted_s: float | None = None


class NearDevice(Struct, frozen=True, kw_only=True):
    """One address of the air.

    `told` is what it said, by kind; `acted_s`: how many seconds ago somebody last did something
    with it, None for never. `rssi` (the newest) and `best` are dBm.
    """

    address: str
    address_kind: str = ""
    enrollable: bool = False
    name: str = ""
    model: str = ""
    title: list[str] = []
    maker: str = ""
    enrolled: str = ""
    needs_key: bool = False
    refused: str = ""
    told: dict[str, list[Value]] = {}
    packets: int = 0
    rssi: int = 0
    best: int = -127
    silent_s: float = 0.0
    acted_s: float | None = None
    signals: list[NearSignal] = []


class Nearby(Struct, frozen=True, kw_only=True):
    """Everything a window remembers, strongest and newest first.

    `opened`, `written` and `until` are monotonic seconds. `radios` says what is wrong with each
    adapter, "" where it hears; `forgotten`: addresses that were one too many.
    """

    opened: float = 0.0
    written: float
    until: float
    open: bool
    radios: list[str] = []
    forgotten: int = 0
    signals: list[NearSignal] = []
    heard: list[NearDevice] = []


def write(runtime: Path, found: Nearby) -> None:
    """Write what was heard so far, in one rename. Raises OSError.

    A name may hold lone surrogates: they are replaced.
    """
    new = runtime / f"{FILE}.new"
    text = json.dumps(msgspec.to_builtins(found), ensure_ascii=False)
    new.write_text(text, encoding="utf-8", errors="replace")
    new.replace(runtime / FILE)


def read(runtime: Path) -> Nearby:
    """Return what was heard so far. Raises OSError, and ValueError where the file is not ours."""
    try:
        return msgspec.json.decode((runtime / FILE).read_bytes(), type=Nearby)
    except (msgspec.DecodeError, RecursionError) as wrong:
        raise ValueError(f"{FILE} is not the daemon's") from wrong


def erase(runtime: Path) -> None:
    """Delete what the last window heard of strangers."""
    with contextlib.suppress(OSError):
        (runtime / FILE).unlink(missing_ok=True)


def answer(runtime: Path, since: float, seconds: float) -> Nearby | None:
    """Wait until the gateway has heard for `seconds` since `since`, and return what.

    `since` is a monotonic second. None where it does not answer for `WAITS.window_answer` seconds
    more. Blocks its thread.
    """
    while time.monotonic() < since + seconds + WAITS.window_answer:
        with contextlib.suppress(OSError, ValueError):
            found = read(runtime)
            if found.written >= since + seconds or (found.written >= since and not found.open):
                return found
        time.sleep(WAITS.window_look)
    return None


# -- for people ------------------------------------------------------------------------------------


def supported(models: Mapping[str, Model]) -> list[dict[str, Any]]:
    """Return what this gateway understands: each model's name, senses and needs, as JSON has it."""
    return [
        {
            "model": m.name,
            "title": list(m.title),
            "senses": sorted(k.value for k in m.senses),
            "link": link(m),
            "enrol": m.enrol.value,
            "key_bytes": m.key_bytes,
            "missing_after": m.missing_after,
            "slow": is_slow(m),
            "notes": list(m.device_notes),
        }
        for m in sorted(models.values(), key=lambda m: m.name)
    ]


def link(model: Model) -> str:
    """Return by which way a model is heard."""
    match model.listens:
        case BleAdvert():
            return "BLE"
        case GattService():
            return "BLE, visited"
        case SerialLine(baud=baud):
            return f"serial {baud}"
        case Behind(receivers=receivers):
            return f"through {'/'.join(receivers)}"
        case MqttTopics():
            return "MQTT"
        case Inputs(bus=bus):
            return bus


_ENROL = {
    Enrol.ADDRESS: both("nearby.by_address"),
    Enrol.KEY: both("nearby.by_key"),
    Enrol.LEARN: both("nearby.by_teaching"),
    Enrol.PORT: both("nearby.by_port"),
}


_HEAD = both("nearby.head")


def told(models: Mapping[str, Model], found: Nearby) -> str:
    """Return both tables in plain words, zh-CN first, at most WIDE columns."""
    out = [both("nearby.models", models=len(models))]
    for row in supported(models):
        watched = (
            both("nearby.not_supervised")
            if row["missing_after"] is None
            else both("nearby.missing_after", missing_after=row["missing_after"] / 60)
        ) + (both("nearby.slow") if row["slow"] else "")
        out.append(_cut(f"  {_pad(row['model'], 22)} {row['title'][0]} / {row['title'][1]}"))
        out.append(_cut(f"  {'':22} {row['link']}, {_ENROL[Enrol(row['enrol'])]}, {watched}"))
        out.append(_cut(f"  {'':22} {', '.join(row['senses'])}"))
    out.append("")
    seconds = found.written - found.opened
    out.append(both("nearby.heard", heard=len(found.heard), seconds=seconds))
    out += [_cut(f"  ! {trouble}") for trouble in found.radios if trouble]
    if not found.radios:
        out.append(both("nearby.no_radio"))
    if found.heard:
        out.append(f"  {_HEAD}")
    for one in found.heard:
        make = one.model or one.maker or "?"
        line = (
            f"  {one.address} {one.best:>4} {one.rssi:>4} {one.packets:>5} "
            f"{_pad(make, 21)} {_pad(one.name, 14)}"
        )
        known = _known(one)
        if columns(line) + 1 + columns(known) <= WIDE:
            out.append(f"{line} {known}".rstrip())
        else:
            out += [line.rstrip(), _cut(f"  {'':17} {known}")]
    if unknown := [one for one in found.signals if not one.enrolled]:
        out.append(both("nearby.signals"))
        out += [_cut(f"  {one.receiver:<20} {one.signal:<24} x{one.times}") for one in unknown]
    if found.forgotten:
        out.append(both("nearby.forgotten", forgotten=found.forgotten, at_most=AT_MOST))
    return "\n".join(out)


def _known(one: NearDevice) -> str:
    said = ", ".join(f"{what} {'/'.join(map(str, values))}" for what, values in one.told.items())
    if one.enrolled:
        return both("nearby.enrolled", enrolled=one.enrolled) + (f"; {said}" if said else "")
    if not one.enrollable:
        return both("nearby.phone")
    if one.needs_key:
        return both("nearby.needs_key")
    return said


def _cut(text: str, wide: int = WIDE) -> str:
    """Return the text cut to `wide` columns, without what a terminal must not be given.

    Names come from strangers.
    """
    text = "".join(sign if sign.isprintable() else "?" for sign in text)
    while columns(text) > wide:
        text = text[:-2].rstrip() + "…"
    return text


def _pad(text: str, wide: int) -> str:
    return filled(_cut(text, wide), wide)
