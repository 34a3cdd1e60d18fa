"""`eldercare-gateway check` where no daemon runs: it goes each way itself, as the daemon would."""

from __future__ import annotations

import asyncio

from gateway import __version__
from gateway.contract import wire
from gateway.hear import bluez, contacts
from gateway.hear.other_broker import Bridge, BridgeLost
from gateway.home.config import Config
from gateway.home.devices import Device
from gateway.home.identity import identity
from gateway.tell import channels, sounder
from gateway.tell.connection import LinkLost
from gateway.tell.uplink import link_of
from gateway.tend.finding import Finding, found
from gateway.tend.waits import WAITS
from gateway.words.clock import kernel_synchronised
from gateway.words.driver import MqttTopics
from gateway.words.say import both

# What is wrong with what sounds or calls, and what to do.
CHANNEL = {
    "unplugged": both("check.unplugged"),
    "no_credit": both("check.no_credit"),
    "no_network": both("check.no_network"),
    "no_internet": both("check.no_internet"),
    "no_sim": both("check.no_sim"),
    "no_voice": both("check.no_voice"),
    "recording": both("check.recording"),
    "not_set_up": both("check.not_set_up"),
    "not_there": both("check.channel_not_there"),
    "not_executable": both("check.not_executable"),
    "hangs": both("check.hangs"),
    "ended": both("check.crashed"),
}
FAILED = both("check.channel_failed")


def channel(program: str, why: str) -> Finding:
    """Say whether what sounds or calls works, or why not."""
    return Finding(
        not why,
        "check.program",
        f"{program}: " + (CHANNEL.get(why, FAILED) if why else both("check.channel_works")),
    )


async def by_programs(config: Config) -> list[Finding]:
    """Ask each program that can be asked whether it could reach anybody."""
    lines = channels.lines(config)
    shared = {command[0] for command in lines.values()}
    each = channels.channels(config).items()
    asks = {name: one.asks for name, one in each if one.asks and name not in shared} | lines
    return [
        channel(name, (await sounder.ask(sounder.begin, command)).broken)
        for name, command in asks.items()
    ]


async def by_line(config: Config, d: Device) -> Finding:
    """Go the whole way to a device's inputs, or to another program's broker."""
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
        return found(
            False,
            "check.input",
            "check.input_silent",
            id=d.id,
            at=d.at,
            input_wait=WAITS.check_input,
        )
    except (OSError, ValueError, BridgeLost) as error:
        return Finding(False, "check.input", f"{d.id}: {error}")
    return found(True, "check.input", "check.input_answers", id=d.id, at=d.at)


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


async def by_radio(config: Config) -> list[Finding]:
    """Ask BlueZ for each adapter."""
    try:
        there = {name: powered for name, _, powered in await bluez.adapters()}
    except bluez.RadioError as error:
        return [Finding(False, "check.adapter", str(error))]
    out = []
    for adapter in config.adapters:
        if adapter not in there:
            known = ", ".join(there) or both("check.none")
            out.append(
                found(
                    False, "check.adapter", "check.adapter_not_there", adapter=adapter, known=known
                )
            )
        elif not there[adapter]:
            out.append(found(False, "check.adapter", "check.adapter_off", adapter=adapter))
        else:
            out.append(found(True, "check.adapter", "check.adapter_on", adapter=adapter))
    return out


async def by_broker(config: Config) -> Finding:
    """Go the whole way as the gateway itself: name, connection, TLS, login, subscription."""
    if config.platform is None:
        return found(False, "check.broker", "check.no_platform")
    gateway = identity(config)
    connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    link = link_of(
        config,
        gateway,
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
        return Finding(False, "check.broker", f"{error.say.zh} {error.say.en}")
    except TimeoutError:
        return found(
            False,
            "check.broker",
            "check.broker_silent",
            where=link.where,
            broker_wait=WAITS.check_broker,
        )
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if config.platform.url:
        said = "check.http_takes_us"
        return found(True, "check.broker", said, where=link.where, gateway=gateway)
    return found(
        True,
        "check.broker",
        "check.broker_takes_us",
        where=link.where,
        version=link.version,
        root=wire.ROOT,
        gateway=gateway,
    )
