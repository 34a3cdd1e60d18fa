"""`eldercare-gateway check`: whether this box is fit, and what has to be done.

It looks at configuration, clock, disk, adapter, ports and broker. Each line says one thing in plain
words, zh-CN first. Exit code 0 only when nothing has to be done.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from drivers import all_models
from gateway.box import mains
from gateway.hear.serial_port import why_not
from gateway.home import audible, status
from gateway.home.cancels import mute_cancels, nobody_cancels
from gateway.home.config import Config, load
from gateway.home.devices import Device, speed
from gateway.home.reached import spoken
from gateway.home.source import ConfigError
from gateway.home.status import Status
from gateway.keep import recovery
from gateway.tend import check_ways
from gateway.tend.check_journal import set_aside
from gateway.tend.finding import Finding, found
from gateway.words.clock import kernel_synchronised
from gateway.words.driver import BleAdvert, GattService, Inputs, MqttTopics
from gateway.words.say import both

ROOM_WANTED = 200 * 1024 * 1024  # bytes free on the disk of the state folder


async def checked(path: Path) -> int:
    """Print every finding as soon as it is known; return the exit code."""
    try:
        config = load(path, all_models())
    except ConfigError as error:
        for problem in error.problems:
            print(Finding(False, "check.configuration", problem))
        return 2
    unfit = 0
    async for finding in _findings(config):
        print(finding, flush=True)
        unfit += finding.fit is False
    print(both("check.to_do", unfit=unfit) if unfit else both("check.all_fit"))
    if said := audible.told(audible.lacks(config)):
        print("\n" + "\n".join(said))
    return 1 if unfit else 0


async def _findings(config: Config) -> AsyncIterator[Finding]:
    """Look at everything, each line as soon as it is known."""
    for finding in (*_configured(config), _clock(), _disk(config)):
        yield finding
    for finding in (*set_aside(config.state / "gateway.db"), *_programs(config)):
        yield finding
    running = _running(config)
    for finding in _channels_seen(running) if running else await check_ways.by_programs(config):
        yield finding
    for finding in _daemon(config, running):
        yield finding
    if any(isinstance(d.model.listens, BleAdvert | GattService) for d in config.devices):
        for finding in _radio_seen(running) if running else await check_ways.by_radio(config):
            yield finding
    for device in config.devices:
        for finding in (*await _heard(config, device, running), *_supervised(device)):
            yield finding
    for finding in _said(config, running):
        yield finding
    if running and config.platform:
        yield _broker_seen(running)
    else:
        yield await check_ways.by_broker(config)
    for finding in _told(config):
        yield finding


def _configured(config: Config) -> Iterator[Finding]:
    """Tell what the configuration is, and what is wrong with it."""
    devices, ladder = len(config.devices), len(config.ladder)
    counted = both("check.counted", path=config.path, devices=devices, ladder=ladder)
    yield Finding(True, "check.configuration", counted)
    if config.trouble:
        yield Finding(False, "check.configuration", config.trouble)
    yield from _named(config)


def _daemon(config: Config, running: Status | None) -> Iterator[Finding]:
    """Tell that the daemon runs, and of disk and mains."""
    if running:
        yield found(True, "check.daemon", "check.running", pid=running.pid)
        if running.degraded:
            yield Finding(False, "check.disk", running.degraded)
    if (on := running.mains if running else mains.read(config.gateway.mains)) is not None:
        yield _mains(there=on)


async def _heard(config: Config, d: Device, running: Status | None) -> list[Finding]:
    """Tell whether a device can be heard, where that is another matter than the radio."""
    if (line := speed(d.model)) is not None:
        return [_port(d, line.baud, running)]
    if isinstance(d.model.listens, Inputs | MqttTopics):
        return [_input_seen(d, running) if running else await check_ways.by_line(config, d)]
    if d.key is None and d.model.key_bytes and isinstance(d.model.listens, BleAdvert):
        return [found(None, "check.key", "check.not_encrypted", id=d.id)]
    return []


def _supervised(d: Device) -> Iterator[Finding]:
    """Tell of a device whose silence is not noticed, or late."""
    if d.supervised.missing_after is None:
        yield found(None, "check.supervision", "check.not_supervised", id=d.id)
    elif d.supervised.slow:
        slow = both("check.slow", id=d.id, hours=f"{d.supervised.missing_after / 3600:g}")
        yield Finding(None, "check.supervision", slow)


def _said(config: Config, running: Status | None) -> Iterator[Finding]:
    """Tell who cannot cancel, and which devices have not said yet what they are for."""
    if nobody_cancels(config.devices):
        yield found(None, "check.cancel", "check.nobody_cancels")
    for d in mute_cancels(config.devices):
        yield found(False, "check.cancel", "check.mute_cancel", id=d.id)
    for told in running.devices if running else []:
        if told.untold:
            said = both("check.untold", device=told.device, kinds="/".join(told.untold))
            yield Finding(None, "check.detection", said)


def _told(config: Config) -> Iterator[Finding]:
    """Tell what a household has chosen to do without."""
    for lack in audible.lacks(config):
        yield Finding(None, "check.audible", "".join(audible.WORDS[lack]))
    if config.platform is not None and config.platform.receipts == "broker":
        yield found(None, "check.receipts", "check.no_receipts")


def _running(config: Config) -> Status | None:
    """Return the daemon's last word if it is fresh.

    It has the ports and the client id then, and knows best.
    """
    try:
        known = status.read(config.runtime)
    except (OSError, ValueError):
        return None
    return known if known.well else None


def _radio_seen(running: Status) -> list[Finding]:
    return [
        Finding(
            r.hearing,
            "check.adapter",
            f"{r.adapter}: "
            + (both("check.hears", adverts=r.adverts) if r.hearing else r.trouble or "silent"),
        )
        for r in running.radio
    ]


def _port(device: Device, baud: int, running: Status | None) -> Finding:
    if not running:
        why = why_not(device.at, baud)
        return Finding(
            not why, "check.port", f"{device.id}: {why or device.at + both('check.can_opened')}"
        )
    is_open = any(line.port == device.at and line.open for line in running.lines)
    return Finding(
        is_open,
        "check.port",
        f"{device.id}: {device.at} {both('check.open') if is_open else both('check.not_open')}",
    )


def _broker_seen(running: Status) -> Finding:
    uplink = running.uplink
    if uplink.connected and uplink.platform_away_s is not None:
        return found(False, "check.broker", "check.platform_away", where=uplink.where)
    if uplink.connected:
        return found(
            True,
            "check.broker",
            "check.connected",
            where=uplink.where,
            spoken=spoken(uplink.version),
        )
    return found(False, "check.broker", "check.not_connected", where=uplink.where)


def _clock() -> Finding:
    if kernel_synchronised():
        return found(True, "check.clock", "check.clock_sure")
    words = both("check.clock_unsure")
    return Finding(False, "check.clock", words)


def _channels_seen(running: Status) -> list[Finding]:
    """Return what the daemon knows of what sounds and calls, where it was asked or has failed."""
    asked = [
        check_ways.channel(c.program, c.why)
        for c in running.channels
        if c.why or c.tested_s is not None
    ]
    never = [c.program for c in running.channels if not c.proved and not c.why]
    unproved = both("check.unproved")
    return asked + [Finding(None, "check.program", f"{name}: {unproved}") for name in never]


def _input_seen(d: Device, running: Status) -> Finding:
    """Say whether the daemon hears inputs or another program's broker."""
    alive = any(told.device == d.id and told.alive for told in running.devices)
    return Finding(
        alive,
        "check.input",
        f"{d.id}: {d.at} " + both("check.answers" if alive else "check.nothing_heard"),
    )


def _named(config: Config) -> list[Finding]:
    """Tell of an id that not every broker takes.

    A home that has one goes on: under another one the platform would see a new home.
    """
    if "." not in config.gateway.id:
        return []
    why = both("check.dotted_id")
    return [
        Finding(
            None,
            "check.gateway_id",
            f"{config.gateway.id}: {why}; with Mosquitto it may stay, a new home needs one without",
        )
    ]


def _mains(*, there: bool) -> Finding:
    lost = both("check.mains_lost")
    return Finding(there, "check.mains", both("check.mains_there") if there else lost)


def _disk(config: Config) -> Finding:
    folder = config.state
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return found(False, "check.disk", "check.disk_read_only", state=config.state)
    free = shutil.disk_usage(folder).free
    if free < ROOM_WANTED:
        return found(
            False,
            "check.disk",
            "check.disk_full",
            folder=folder,
            free=free // 2**20,
            room_wanted=ROOM_WANTED // 2**20,
        )
    if problem := recovery.unfit(config.state):
        return Finding(False, "check.disk", problem)
    return found(True, "check.disk", "check.disk_free", state=config.state, free=free // 2**20)


def _programs(config: Config) -> list[Finding]:
    """Say which programs that sound and call cannot run, or may be changed by others than root."""
    out = []
    for name in dict.fromkeys(
        p[0]
        for p in (
            config.sound_pre_alarm,
            config.sound_alarm,
            *(r.program for r in config.everybody),
        )
        if p
    ):
        if not os.access(name, os.X_OK) or not Path(name).is_file():
            out.append(found(False, "check.program", "check.program_not_there", name=name))
        elif any(
            path.stat().st_mode & 0o022 and not path.stat().st_mode & 0o1000
            for path in (Path(name), *Path(name).parents)
        ):
            words = both("check.program_changeable")
            out.append(Finding(False, "check.program", f"{name}: {words}"))
    return out
