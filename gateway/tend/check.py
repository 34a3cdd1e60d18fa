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
from typing import Any, NamedTuple

from drivers import all_models
from gateway import __version__
from gateway.box import mains
from gateway.contract import chain, wire
from gateway.hear import ble, contacts
from gateway.hear.other_broker import Bridge, BridgeLost
from gateway.hear.serial_port import why_not
from gateway.home import audible, status
from gateway.home.config import Config, ConfigError, Device, load, mute_cancels, nobody_cancels, speed
from gateway.keep import recovery
from gateway.keep.database import SET_ASIDE, aside, size
from gateway.tell import channels, mqtt, sounder
from gateway.tell.uplink import broker_of
from gateway.words.clock import kernel_synchronised
from gateway.words.driver import BleAdvert, GattService, Inputs, MqttTopics

ROOM_WANTED = 200 * 1024 * 1024  # bytes free on the disk of the state folder
SHORTEST_KEPT = 30.0  # days, where the configuration of a file is not at hand: no home may keep its journal for less
INPUT_WAIT = 15.0  # s for inputs and for another program's broker
BROKER_WAIT = 45.0  # s for the whole way to the broker and back
# why a chain begins where it does
BEGUN = {
    "new": "新的日志 a new journal",
    "earlier": "此前由旧版软件写入 what is before was written by software that knew no chain",
    "damaged": "原数据库损坏, 已搁置 the database before was damaged and is set aside",
    "stand_in": "存储卡不可写, 在内存中 the card took nothing: in memory",
    "backup": "由备份接替 taken over from a backup",
    "conflict": "平台所存与本机不符 the platform had other entries under our numbers",
    "moved": "换了盒子或存储卡 another box, or another card",
    "cut": "最新记录丢失 the newest entries were gone",
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
            print(Finding(False, "配置 configuration", problem))
        return 2
    unfit = 0
    async for finding in _findings(config):
        print(finding, flush=True)
        unfit += finding.fit is False
    print(f"\n{unfit} 项需要处理 to do" if unfit else "\n一切就绪 all is fit")
    if said := audible.told(audible.lacks(config)):
        print("\n" + "\n".join(said))
    return 1 if unfit else 0


def journal(path: Path, file: Path | None) -> int:
    """Hold the journal against itself: `file`, or that of this configuration; print what is found; return the exit code.

    0: all of it fits. 1: something does not. 2: it cannot be read. 3: what is there fits, but some of it nothing here proves.
    """
    days = SHORTEST_KEPT
    try:
        with contextlib.suppress(ConfigError) if file is not None else contextlib.nullcontext():
            config = load(path, all_models())
            file, days = file or config.state / "gateway.db", config.gateway.journal_days
        assert file is not None  # named, or that of the configuration
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=2)) as db:
            db.execute("BEGIN")  # entries and marks of one moment, whatever is written meanwhile
            marks = {str(n): str(v) for n, v in db.execute("SELECT name, value FROM marks")}
            begun, head = chain.begun_of(marks.get("begun", "")), chain.head_of(marks["head"]) if "head" in marks else None
            newest = db.execute("SELECT wall FROM journal WHERE number > 0 ORDER BY number DESC LIMIT 1").fetchone()
            young = max(time.time(), newest[0] if newest else 0.0) - days * 86400
            anchor = chain.head_of(marks.get("anchor", ""))
            rows = db.execute("SELECT number, body FROM journal WHERE number > 0 ORDER BY number")
            verdict = chain.proved(((n, bytes(body)) for n, body in rows), marks.get("journal", ""), head, anchor, begun, young)
    except ConfigError as error:
        for problem in error.problems:
            print(Finding(False, "配置 configuration", problem))
        return 2
    except (sqlite3.Error, ValueError, TypeError) as error:
        print(Finding(False, "日志 journal", f"{file}: 无法读取 cannot be read: {error}"))
        return 2
    for finding in (*_chain(marks, begun, anchor, verdict), *_aside(file)):
        print(finding)
    return 1 if verdict.count else 3 if verdict.alone else 0


def _aside(file: Path) -> list[Finding]:
    """Name the databases that were set aside beside this one."""
    found = aside(file)
    full = len(found) >= SET_ASIDE
    more = ", 已满, 请取走 full, no further one is kept: move them off the card" if full else ""
    return [Finding(not full and None, "搁置 set aside", f"{one.name}, {size(one) // 1024} KiB{more}") for one in found]


def _chain(marks: dict[str, str], begun: list[chain.Begun], anchor: chain.Head, verdict: chain.Verdict) -> list[Finding]:
    """Return in words what holding a journal against itself has shown."""
    name, last = "日志 journal", verdict.head
    out = [Finding(True, name, f"{marks.get('journal', '?')}, 代次 generation {marks.get('generation', '?')}")]
    out += [Finding(None, "起点 begins", f"{b.number}: {BEGUN.get(b.why, b.why)}") for b in begun]
    if anchor.number:
        out.append(Finding(None, "保存期 retention", f"{anchor.number} ({anchor.hash}): 之前的已按保存期删除 up to here deleted as agreed"))
    if verdict.before:
        out.append(Finding(None, name, f"{verdict.before} 条由旧版软件写入, 无法证明 by earlier software: not proved"))
    if verdict.alone:
        out.append(Finding(None, name, f"{verdict.alone} 条相邻记录已删除, 无法证明 kept without a neighbour: not proved"))
    out += [Finding(False, "链 chain", f"{t.zh} {t.en}") for t in verdict.troubles]
    if more := verdict.count - len(verdict.troubles):
        out.append(Finding(False, "链 chain", f"另有 {more} 处 more of them"))
    if not verdict.count:
        out.append(Finding(True, "链 chain", f"{verdict.proved} 条记录前后相符 entries fit each other"))
    same = "请与平台所存的核对 compare it with what the platform has: whoever changes the card changes nothing there"
    return [*out, Finding(True, "链首 head", f"{last.number} {last.hash}: {same}")]


async def _findings(config: Config) -> AsyncIterator[Finding]:
    yield Finding(True, "配置 configuration", f"{config.path}: {len(config.devices)} 台设备 devices, {len(config.ladder)} 级 rungs")
    if config.trouble:
        yield Finding(False, "配置 configuration", config.trouble)
    for finding in _named(config):
        yield finding
    yield _clock()
    yield _disk(config)
    for finding in _aside(config.state / "gateway.db"):
        yield finding
    running = _running(config)
    for finding in (*_programs(config), *(_channels_seen(running) if running else await _channels(config))):
        yield finding
    if running:
        yield Finding(
            True,
            "守护进程 daemon",
            f"运行中 running, pid {running['pid']}: 接收, 串口和平台取自它 radio, ports and broker are as it sees them",
        )
        if running["degraded"]:
            yield Finding(False, "存储 disk", running["degraded"])
    if (on := running.get("mains") if running else mains.read(config.gateway.mains)) is not None:
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
            yield Finding(
                None, "密钥 key", f"{d.id}: 未加密, 邻居可以伪造 not encrypted: a neighbour could forge it; put its key into secrets.toml"
            )
        if d.supervised.missing_after is None:
            yield Finding(None, "监测 supervision", f"{d.id}: 不能监测, 每月人工测试 cannot be supervised: test it by hand each month")
        elif d.supervised.slow:
            hours = f"{d.supervised.missing_after / 3600:g}"
            slow = f"{d.id}: 报到慢, 失联 {hours} 小时后才知道, 每月人工测试 slow: missing is noticed after {hours} h: test it each month"
            yield Finding(None, "监测 supervision", slow)
    if nobody_cancels(config):
        yield Finding(
            None,
            "撤警 cancel",
            "没有有效的撤警键, 老人无法撤销跌倒等预警 no button here cancels: each fall is raised when its grace is over. Take one that "
            "encrypts, with its key",
        )
    for d in mute_cancels(config):
        yield Finding(
            False,
            "撤警 cancel",
            f"{d.id}: 无法证明按键是新按的, 撤警无效; 请填密钥或换加密按钮 its presses cannot be told from a recording: as a cancel button "
            "it cancels nothing. Give it its key, or take a button that encrypts",
        )
    for d in running.get("devices", []) if running else []:
        if untold := d.get("untold"):
            kinds = "/".join(untold)
            said = f"{d['device']}: 从未报过 {kinds}, 请用测试键试一次 has never told {kinds}: try it with its test key"
            yield Finding(None, "探测 detection", said)
    yield _broker_seen(running) if running and config.platform else await _broker(config)
    for lack in audible.lacks(config):
        yield Finding(None, "听得见 audible", "".join(audible.WORDS[lack]))
    if config.platform is not None and config.platform.receipts == "broker":
        yield Finding(
            None,
            "回执 receipts",
            'receipts = "broker": 平台不发回执, 送达服务器不等于有人看到 '
            "the platform sends no receipts: that the broker took an alarm does not mean that anybody has seen it",
        )


def _running(config: Config) -> dict[str, Any]:
    """Return the daemon's last word if it is fresh: then its ports and its client id are in use, and it knows best."""
    try:
        known = status.read(config.runtime)
    except (OSError, ValueError):
        return {}
    return known if time.time() - known["written"] < status.STALE else {}


def _radio_seen(running: dict[str, Any]) -> list[Finding]:
    return [
        Finding(
            r["hearing"],
            "蓝牙 adapter",
            f"{r['adapter']}: " + (f"正常 hears, {r['adverts']} packets" if r["hearing"] else r["trouble"] or "silent"),
        )
        for r in running["radio"]
    ]


def _port(device: Device, baud: int, running: dict[str, Any]) -> Finding:
    if not running:
        why = why_not(device.at, baud)
        return Finding(not why, "串口 port", f"{device.id}: {why or device.at + ' 可用 can be opened'}")
    is_open = any(line["port"] == device.at and line["open"] for line in running["lines"])
    return Finding(is_open, "串口 port", f"{device.id}: {device.at} {'打开 open' if is_open else '未打开 not open: is it plugged in?'}")


def _broker_seen(running: dict[str, Any]) -> Finding:
    uplink = running["uplink"]
    if uplink["connected"] and uplink.get("platform_away_s") is not None:
        return Finding(False, "平台 broker", f"{uplink['where']} 已连接, 平台自称离线 connected, but the platform says that it is away")
    if uplink["connected"]:
        return Finding(True, "平台 broker", f"{uplink['where']} 已连接 connected, MQTT {uplink['version']}")
    return Finding(False, "平台 broker", f"{uplink['where']} 未连接 not connected: see `journalctl -u eldercare-gateway` for the reason")


def _clock() -> Finding:
    if kernel_synchronised():
        return Finding(True, "时钟 clock", "已与时间服务器同步 a time server agrees")
    words = "未同步, 警报照常; 请允许访问时间服务器 nobody confirms it, alarms work all the same: let it reach a time server (timedatectl)"
    return Finding(False, "时钟 clock", words)


def _programs(config: Config) -> list[Finding]:
    """Say which of the programs that sound and call cannot run, or could be changed by whoever is not root."""
    out = []
    for name in dict.fromkeys(p[0] for p in (config.sound_pre_alarm, config.sound_alarm, *(r.program for r in config.ladder)) if p):
        if not os.access(name, os.X_OK) or not Path(name).is_file():
            out.append(Finding(False, "程序 program", f"{name}: 不存在或不可执行 is not there, or not executable: nobody would hear it"))
        elif any(path.stat().st_mode & 0o022 and not path.stat().st_mode & 0o1000 for path in (Path(name), *Path(name).parents)):
            words = "其他用户可以修改, 任何人可借此运行程序 others can change it, and so run what they like: chmod go-w"
            out.append(Finding(False, "程序 program", f"{name}: {words}"))
    return out


# What is wrong with what sounds or calls, and what to do.
CHANNEL = {
    "unplugged": "没有接上: 请检查插头和接线 is not connected: check plug and wires",
    "no_credit": "卡已欠费或停用: 请给 SIM 卡充值 its SIM card has no credit or is barred: top it up",
    "no_network": "没有信号: 请移动天线或换一家运营商 finds no network: move the aerial, or take another operator's card",
    "not_there": "程序或它需要的程序不存在: 请重新安装 it, or what it needs, is not there: install it again",
    "not_executable": "程序不可执行: chmod +x it may not be run: chmod +x",
    "hangs": "没有在规定时间内结束: 请断电重启模块 does not end in its time: switch the module off and on",
    "ended": "程序中途崩溃: 请更新程序 it crashed: get a newer one",
}
FAILED = "失败: 请检查电源和接线, 再做一次测试报警 failed: check power and wires, then make a test alarm"


def _channel(program: str, why: str) -> Finding:
    return Finding(not why, "程序 program", f"{program}: " + (CHANNEL.get(why, FAILED) if why else "自检通过 says that it works"))


def _channels_seen(running: dict[str, Any]) -> list[Finding]:
    """Return what the daemon knows of what sounds and calls; nothing of what was never asked and has never failed."""
    return [_channel(c["program"], c["why"]) for c in running.get("channels", ()) if c["why"] or c["tested_s"] is not None]


async def _channels(config: Config) -> list[Finding]:
    """Ask each program that can be asked whether it could reach anybody."""
    asks = {name: channel.asks for name, channel in channels.channels(config).items() if channel.asks}
    return [_channel(name, (await sounder.ask(sounder.begin, command)).broken) for name, command in asks.items()]


def _heard(d: Device, running: dict[str, Any]) -> Finding:
    """Say whether the daemon hears inputs or another program's broker."""
    row: dict[str, Any] = next((r for r in running.get("devices", ()) if r["device"] == d.id), {})
    why = "没有收到 nothing is heard of it: is it plugged in and running?"
    return Finding(bool(row.get("alive")), "输入 input", f"{d.id}: {d.at} " + ("有应答 answers" if row.get("alive") else why))


async def _other(config: Config, d: Device) -> Finding:
    """Go the whole way to a device's inputs, or to another program's broker, as the gateway itself does."""
    try:
        async with asyncio.timeout(INPUT_WAIT):
            if isinstance(d.model.listens, MqttTopics):
                await _bridged(Bridge(d.at, config.passwords.get(d.id), d.model.listens.filters, lambda _: None))
            else:
                bus = contacts.bus_at(d.at)
                try:
                    await bus.open()
                    await bus.read()
                finally:
                    bus.close()
    except TimeoutError:
        return Finding(False, "输入 input", f"{d.id}: {d.at}: {INPUT_WAIT:g} s 无应答 no answer: is it plugged in and running?")
    except (OSError, ValueError, BridgeLost) as error:
        return Finding(False, "输入 input", f"{d.id}: {error}")
    return Finding(True, "输入 input", f"{d.id}: {d.at} 有应答 answers")


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
    why = "带点的编号旧版 NATS 拒绝, RabbitMQ 读作 /: an id with a dot is refused by older NATS and read as / by RabbitMQ"
    return [Finding(None, "网关编号 gateway id", f"{config.gateway.id}: {why}; with Mosquitto it may stay, a new home needs one without")]


def _mains(*, there: bool) -> Finding:
    lost = "停电, 靠电池工作; 请检查插座和总闸 lost, it runs on its battery: look at the socket and the fuse box"
    return Finding(there, "市电 mains", "有 there" if there else lost)


def _disk(config: Config) -> Finding:
    folder = config.state
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return Finding(
            False, "存储 disk", f"{config.state} 不可写 cannot be written: remount it read-write, or give it to the service's user"
        )
    free = shutil.disk_usage(folder).free
    if free < ROOM_WANTED:
        return Finding(
            False, "存储 disk", f"{folder}: 只剩 only {free // 2**20} MiB free, wanted {ROOM_WANTED // 2**20} MiB: delete something"
        )
    if problem := recovery.unfit(config.state):
        return Finding(False, "存储 disk", problem)
    return Finding(True, "存储 disk", f"{config.state}: {free // 2**20} MiB 可用 free")


async def _radio(config: Config) -> list[Finding]:
    try:
        there = {name: powered for name, _, powered in await ble.adapters()}
    except ble.RadioError as error:
        return [Finding(False, "蓝牙 adapter", str(error))]
    out = []
    for adapter in config.adapters:
        if adapter not in there:
            known = ", ".join(there) or "无 none"
            out.append(
                Finding(
                    False,
                    "蓝牙 adapter",
                    f"{adapter} 不存在 is not there (found: {known}): plug it in, or name another in [radio] adapters",
                )
            )
        elif not there[adapter]:
            out.append(Finding(False, "蓝牙 adapter", f"{adapter} 已关闭 is off: rfkill unblock bluetooth; bluetoothctl power on"))
        else:
            out.append(Finding(True, "蓝牙 adapter", f"{adapter} 可用 is there and on"))
    return out


async def _broker(config: Config) -> Finding:
    """Go the whole way as the gateway itself: name, connection, TLS, login, subscription."""
    from gateway.home.identity import identity  # noqa: PLC0415  only where no daemon runs

    if config.platform is None:
        return Finding(False, "平台 broker", "[platform] 未配置 is not configured: alarms stay in this home")
    gateway = identity(config)
    connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    link = mqtt.Link(
        broker_of(config, gateway),
        status=lambda online, reason: wire.encode(wire.Status(1, gateway, online, f"check, {reason}", __version__)),
        heard=lambda _name, _payload: None,
        up=lambda: connected.set_result(None),
        proved=lambda: None if kernel_synchronised() else 0.0,
    )
    task = asyncio.create_task(link.run())
    try:
        async with asyncio.timeout(BROKER_WAIT):
            await asyncio.wait((task, connected), return_when=asyncio.FIRST_COMPLETED)
            if not connected.done():
                await task
    except mqtt.LinkLost as error:
        return Finding(False, "平台 broker", str(error))
    except TimeoutError:
        return Finding(False, "平台 broker", f"{link.broker.where}: {BROKER_WAIT:g} s 无应答 no answer: check host, port and the firewall")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return Finding(True, "平台 broker", f"{link.broker.where} 可用 takes us, MQTT {link.version}, topics {wire.ROOT}/{gateway}/...")
