"""`eldercare-gateway check`: is this box fit? Configuration, clock, disk, adapter, ports, broker; what is not, and what to do.

Each line says one thing in plain words, zh-CN first. Exit code 0 only when nothing has to be done.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from drivers import all_models
from gateway import __version__
from gateway.box import mains
from gateway.contract import chain, wire
from gateway.hear import bluez, contacts
from gateway.hear.other_broker import Bridge, BridgeLost
from gateway.hear.serial_port import why_not
from gateway.home import audible, status
from gateway.home.config import Config, load, mute_cancels, nobody_cancels
from gateway.home.devices import Device, speed
from gateway.home.source import ConfigError
from gateway.home.status import Status
from gateway.keep import recovery
from gateway.keep.database import SET_ASIDE, aside, size
from gateway.tell import channels, mqtt, sounder
from gateway.tell.connection import LinkLost
from gateway.tell.uplink import broker_of
from gateway.tend.waits import WAITS
from gateway.words.clock import kernel_synchronised
from gateway.words.driver import BleAdvert, GattService, Inputs, MqttTopics
from gateway.words.say import both

ROOM_WANTED = 200 * 1024 * 1024  # bytes free on the disk of the state folder
# days, where the configuration of a file is not at hand: no home may keep its journal for less
SHORTEST_KEPT = 30.0
# why a chain begins where it does
BEGUN = {
    "new": both("check.new_journal"),
    "earlier": both("check.before_chains"),
    "damaged": both("check.database_damaged"),
    "stand_in": both("check.card_took_nothing"),
    "backup": both("check.taken_over_from"),
    "conflict": both("check.other_entries"),
    "moved": both("check.another_box"),
    "cut": both("check.newest_gone"),
}


class Finding(NamedTuple):
    """One thing looked at. `fit` None = not looked at, or a weaker promise that somebody chose."""

    fit: bool | None
    what: str
    words: str

    def __str__(self) -> str:
        mark = {True: "✓", False: "✗", None: "!"}[self.fit]
        return f"{mark} {self.what:<18} {self.words}"


async def checked(path: Path) -> int:
    """Print every finding as soon as it is known; return the exit code."""
    try:
        config = load(path, all_models())
    except ConfigError as error:
        for problem in error.problems:
            print(Finding(False, both("check.configuration"), problem))
        return 2
    unfit = 0
    async for finding in _findings(config):
        print(finding, flush=True)
        unfit += finding.fit is False
    print(both("check.to_do", unfit=unfit) if unfit else both("check.all_fit"))
    if said := audible.told(audible.lacks(config)):
        print("\n" + "\n".join(said))
    return 1 if unfit else 0


def journal(path: Path, file: Path | None) -> int:
    """Hold the journal against itself: `file`, or that of this configuration; print what is found; return the exit code.

    0: all of it fits. 1: something does not. 2: it cannot be read. 3: what is there fits, but some
    of it nothing here proves.
    """
    days = SHORTEST_KEPT
    try:
        with contextlib.suppress(ConfigError) if file is not None else contextlib.nullcontext():
            config = load(path, all_models())
            file, days = file or config.state / "gateway.db", config.gateway.journal_days
        assert file is not None  # named, or that of the configuration
        with contextlib.closing(
            sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=WAITS.check_journal)
        ) as db:
            db.execute("BEGIN")  # entries and marks of one moment, whatever is written meanwhile
            marks = {str(n): str(v) for n, v in db.execute("SELECT name, value FROM marks")}
            begun, head = (
                chain.begun_of(marks.get("begun", "")),
                chain.head_of(marks["head"]) if "head" in marks else None,
            )
            newest = db.execute(
                "SELECT wall FROM journal WHERE number > 0 ORDER BY number DESC LIMIT 1"
            ).fetchone()
            young = max(time.time(), newest[0] if newest else 0.0) - days * 86400
            anchor = chain.head_of(marks.get("anchor", ""))
            rows = db.execute("SELECT number, body FROM journal WHERE number > 0 ORDER BY number")
            verdict = chain.proved(
                ((n, bytes(body)) for n, body in rows),
                marks.get("journal", ""),
                head,
                anchor,
                begun,
                young,
            )
    except ConfigError as error:
        for problem in error.problems:
            print(Finding(False, both("check.configuration"), problem))
        return 2
    except (sqlite3.Error, ValueError, TypeError) as error:
        print(
            Finding(False, both("check.journal"), both("check.cannot_read", file=file, error=error))
        )
        return 2
    for finding in (*_chain(marks, begun, anchor, verdict), *_aside(file)):
        print(finding)
    return 1 if verdict.count else 3 if verdict.alone else 0


def _aside(file: Path) -> list[Finding]:
    """Name the databases that were set aside beside this one."""
    found = aside(file)
    full = len(found) >= SET_ASIDE
    more = both("check.full") if full else ""
    return [
        Finding(
            not full and None, both("check.set_aside"), f"{one.name}, {size(one) // 1024} KiB{more}"
        )
        for one in found
    ]


def _chain(
    marks: dict[str, str], begun: list[chain.Begun], anchor: chain.Head, verdict: chain.Verdict
) -> list[Finding]:
    """Return in words what holding a journal against itself has shown."""
    name, last = both("check.journal"), verdict.head
    out = [
        Finding(
            True,
            name,
            both(
                "check.generation",
                journal=marks.get("journal", "?"),
                generation=marks.get("generation", "?"),
            ),
        )
    ]
    out += [
        Finding(None, both("check.begins"), f"{b.number}: {BEGUN.get(b.why, b.why)}") for b in begun
    ]
    if anchor.number:
        out.append(
            Finding(
                None,
                both("check.retention"),
                both("check.deleted_as_agreed", number=anchor.number, hash=anchor.hash),
            )
        )
    if verdict.before:
        out.append(Finding(None, name, both("check.earlier_software", before=verdict.before)))
    if verdict.alone:
        out.append(Finding(None, name, both("check.kept_without_neighbour", alone=verdict.alone)))
    out += [Finding(False, both("check.chain"), f"{t.say.zh} {t.say.en}") for t in verdict.troubles]
    if more := verdict.count - len(verdict.troubles):
        out.append(Finding(False, both("check.chain"), both("check.more", more=more)))
    if not verdict.count:
        out.append(
            Finding(True, both("check.chain"), both("check.entries_fit", proved=verdict.proved))
        )
    same = both("check.compare_head")
    return [*out, Finding(True, both("check.head"), f"{last.number} {last.hash}: {same}")]


async def _findings(config: Config) -> AsyncIterator[Finding]:
    yield Finding(
        True,
        both("check.configuration"),
        both(
            "check.counted",
            path=config.path,
            devices=len(config.devices),
            ladder=len(config.ladder),
        ),
    )
    if config.trouble:
        yield Finding(False, both("check.configuration"), config.trouble)
    for finding in _named(config):
        yield finding
    yield _clock()
    yield _disk(config)
    for finding in _aside(config.state / "gateway.db"):
        yield finding
    running = _running(config)
    for finding in (
        *_programs(config),
        *(_channels_seen(running) if running else await _channels(config)),
    ):
        yield finding
    if running:
        yield Finding(True, both("check.daemon"), both("check.running", pid=running.pid))
        if running.degraded:
            yield Finding(False, both("check.disk"), running.degraded)
    if (on := running.mains if running else mains.read(config.gateway.mains)) is not None:
        yield _mains(there=on)
    if any(isinstance(d.model.listens, BleAdvert | GattService) for d in config.devices):
        for finding in _radio_seen(running) if running else await _radio(config):
            yield finding
    for d in config.devices:
        if (line := speed(d.model)) is not None:
            yield _port(d, line.baud, running)
        elif isinstance(d.model.listens, Inputs | MqttTopics):
            yield _heard(d, running) if running else await _other(config, d)
        elif d.key is None and d.model.key_bytes and isinstance(d.model.listens, BleAdvert):
            yield Finding(None, both("check.key"), both("check.not_encrypted", id=d.id))
        if d.supervised.missing_after is None:
            yield Finding(None, both("check.supervision"), both("check.not_supervised", id=d.id))
        elif d.supervised.slow:
            hours = f"{d.supervised.missing_after / 3600:g}"
            slow = both("check.slow", id=d.id, hours=hours)
            yield Finding(None, both("check.supervision"), slow)
    if nobody_cancels(config):
        yield Finding(None, both("check.cancel"), both("check.nobody_cancels"))
    for d in mute_cancels(config):
        yield Finding(False, both("check.cancel"), both("check.mute_cancel", id=d.id))
    for told in running.devices if running else []:
        if told.untold:
            said = both("check.untold", device=told.device, kinds="/".join(told.untold))
            yield Finding(None, both("check.detection"), said)
    yield _broker_seen(running) if running and config.platform else await _broker(config)
    for lack in audible.lacks(config):
        yield Finding(None, both("check.audible"), "".join(audible.WORDS[lack]))
    if config.platform is not None and config.platform.receipts == "broker":
        yield Finding(None, both("check.receipts"), both("check.no_receipts"))


def _running(config: Config) -> Status | None:
    """Return the daemon's last word if it is fresh: then its ports and its client id are in use, and it knows best."""
    try:
        known = status.read(config.runtime)
    except (OSError, ValueError):
        return None
    return known if known.well else None


def _radio_seen(running: Status) -> list[Finding]:
    return [
        Finding(
            r.hearing,
            both("check.adapter"),
            f"{r.adapter}: "
            + (both("check.hears", adverts=r.adverts) if r.hearing else r.trouble or "silent"),
        )
        for r in running.radio
    ]


def _port(device: Device, baud: int, running: Status | None) -> Finding:
    if not running:
        why = why_not(device.at, baud)
        return Finding(
            not why,
            both("check.port"),
            f"{device.id}: {why or device.at + both('check.can_opened')}",
        )
    is_open = any(line.port == device.at and line.open for line in running.lines)
    return Finding(
        is_open,
        both("check.port"),
        f"{device.id}: {device.at} {both('check.open') if is_open else both('check.not_open')}",
    )


def _broker_seen(running: Status) -> Finding:
    uplink = running.uplink
    if uplink.connected and uplink.platform_away_s is not None:
        return Finding(False, both("check.broker"), both("check.platform_away", where=uplink.where))
    if uplink.connected:
        return Finding(
            True,
            both("check.broker"),
            both("check.connected", where=uplink.where, version=uplink.version),
        )
    return Finding(False, both("check.broker"), both("check.not_connected", where=uplink.where))


def _clock() -> Finding:
    if kernel_synchronised():
        return Finding(True, both("check.clock"), both("check.clock_sure"))
    words = both("check.clock_unsure")
    return Finding(False, both("check.clock"), words)


def _programs(config: Config) -> list[Finding]:
    """Say which of the programs that sound and call cannot run, or could be changed by whoever is not root."""
    out = []
    for name in dict.fromkeys(
        p[0]
        for p in (config.sound_pre_alarm, config.sound_alarm, *(r.program for r in config.ladder))
        if p
    ):
        if not os.access(name, os.X_OK) or not Path(name).is_file():
            out.append(
                Finding(False, both("check.program"), both("check.program_not_there", name=name))
            )
        elif any(
            path.stat().st_mode & 0o022 and not path.stat().st_mode & 0o1000
            for path in (Path(name), *Path(name).parents)
        ):
            words = both("check.program_changeable")
            out.append(Finding(False, both("check.program"), f"{name}: {words}"))
    return out


# What is wrong with what sounds or calls, and what to do.
CHANNEL = {
    "unplugged": both("check.unplugged"),
    "no_credit": both("check.no_credit"),
    "no_network": both("check.no_network"),
    "not_there": both("check.channel_not_there"),
    "not_executable": both("check.not_executable"),
    "hangs": both("check.hangs"),
    "ended": both("check.crashed"),
}
FAILED = both("check.channel_failed")


def _channel(program: str, why: str) -> Finding:
    return Finding(
        not why,
        both("check.program"),
        f"{program}: " + (CHANNEL.get(why, FAILED) if why else both("check.channel_works")),
    )


def _channels_seen(running: Status) -> list[Finding]:
    """Return what the daemon knows of what sounds and calls; nothing of what was never asked and has never failed."""
    return [_channel(c.program, c.why) for c in running.channels if c.why or c.tested_s is not None]


async def _channels(config: Config) -> list[Finding]:
    """Ask each program that can be asked whether it could reach anybody."""
    asks = {
        name: channel.asks for name, channel in channels.channels(config).items() if channel.asks
    }
    return [
        _channel(name, (await sounder.ask(sounder.begin, command)).broken)
        for name, command in asks.items()
    ]


def _heard(d: Device, running: Status) -> Finding:
    """Say whether the daemon hears inputs or another program's broker."""
    alive = any(told.device == d.id and told.alive for told in running.devices)
    return Finding(
        alive,
        both("check.input"),
        f"{d.id}: {d.at} " + both("check.answers" if alive else "check.nothing_heard"),
    )


async def _other(config: Config, d: Device) -> Finding:
    """Go the whole way to a device's inputs, or to another program's broker, as the gateway itself does."""
    try:
        async with asyncio.timeout(WAITS.check_input):
            if isinstance(d.model.listens, MqttTopics):
                await _bridged(
                    Bridge(
                        d.at, config.passwords.get(d.id), d.model.listens.filters, lambda _: None
                    )
                )
            else:
                bus = contacts.bus_at(d.at)
                try:
                    await bus.open()
                    await bus.read()
                finally:
                    bus.close()
    except TimeoutError:
        return Finding(
            False,
            both("check.input"),
            both("check.input_silent", id=d.id, at=d.at, input_wait=WAITS.check_input),
        )
    except (OSError, ValueError, BridgeLost) as error:
        return Finding(False, both("check.input"), f"{d.id}: {error}")
    return Finding(True, both("check.input"), both("check.input_answers", id=d.id, at=d.at))


async def _bridged(bridge: Bridge) -> None:
    """Wait until another program's broker lets us hear. Raises BridgeLost."""
    there: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(bridge.run(lambda: there.set_result(None)))
    try:
        await asyncio.wait((task, there), return_when=asyncio.FIRST_COMPLETED)
        if not there.done():
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _named(config: Config) -> list[Finding]:
    """Tell of an id that not every broker takes. A home that has one goes on: under another one the platform would see a new home."""
    if "." not in config.gateway.id:
        return []
    why = both("check.dotted_id")
    return [
        Finding(
            None,
            both("check.gateway_id"),
            f"{config.gateway.id}: {why}; with Mosquitto it may stay, a new home needs one without",
        )
    ]


def _mains(*, there: bool) -> Finding:
    lost = both("check.mains_lost")
    return Finding(there, both("check.mains"), both("check.mains_there") if there else lost)


def _disk(config: Config) -> Finding:
    folder = config.state
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return Finding(False, both("check.disk"), both("check.disk_read_only", state=config.state))
    free = shutil.disk_usage(folder).free
    if free < ROOM_WANTED:
        return Finding(
            False,
            both("check.disk"),
            both(
                "check.disk_full",
                folder=folder,
                free=free // 2**20,
                room_wanted=ROOM_WANTED // 2**20,
            ),
        )
    if problem := recovery.unfit(config.state):
        return Finding(False, both("check.disk"), problem)
    return Finding(
        True, both("check.disk"), both("check.disk_free", state=config.state, free=free // 2**20)
    )


async def _radio(config: Config) -> list[Finding]:
    try:
        there = {name: powered for name, _, powered in await bluez.adapters()}
    except bluez.RadioError as error:
        return [Finding(False, both("check.adapter"), str(error))]
    out = []
    for adapter in config.adapters:
        if adapter not in there:
            known = ", ".join(there) or both("check.none")
            out.append(
                Finding(
                    False,
                    both("check.adapter"),
                    both("check.adapter_not_there", adapter=adapter, known=known),
                )
            )
        elif not there[adapter]:
            out.append(
                Finding(False, both("check.adapter"), both("check.adapter_off", adapter=adapter))
            )
        else:
            out.append(
                Finding(True, both("check.adapter"), both("check.adapter_on", adapter=adapter))
            )
    return out


async def _broker(config: Config) -> Finding:
    """Go the whole way as the gateway itself: name, connection, TLS, login, subscription."""
    from gateway.home.identity import identity  # noqa: PLC0415  only where no daemon runs

    if config.platform is None:
        return Finding(False, both("check.broker"), both("check.no_platform"))
    gateway = identity(config)
    connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    link = mqtt.Link(
        broker_of(config, gateway),
        status=lambda online, reason: wire.encode(
            wire.Status(1, gateway, online, f"check, {reason}", __version__)
        ),
        heard=lambda _name, _payload: None,
        up=lambda: connected.set_result(None),
        proved=lambda: None if kernel_synchronised() else 0.0,
    )
    task = asyncio.create_task(link.run())
    try:
        async with asyncio.timeout(WAITS.check_broker):
            await asyncio.wait((task, connected), return_when=asyncio.FIRST_COMPLETED)
            if not connected.done():
                await task
    except LinkLost as error:
        return Finding(False, both("check.broker"), f"{error.say.zh} {error.say.en}")
    except TimeoutError:
        return Finding(
            False,
            both("check.broker"),
            both("check.broker_silent", where=link.broker.where, broker_wait=WAITS.check_broker),
        )
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return Finding(
        True,
        both("check.broker"),
        both(
            "check.broker_takes_us",
            where=link.broker.where,
            version=link.version,
            root=wire.ROOT,
            gateway=gateway,
        ),
    )
