"""A try of the way to the platform: resolve, connect, TLS, login, publish, receipt, each with its time and what to do.

Only one connection may carry the gateway's client id, and an access list lets no other id speak on its topics, so the try has to
log in as the gateway itself:

* the settings in force, and the link is up: the running link is used and not cut; name, TCP and TLS are tried beside it;
* another broker (host or port): a second connection under the same id there; the running link is not touched;
* the same broker with other papers or passwords, or a link that is down: the running link pauses for the try, at most LONGEST.
  While an alarm of P1 or P2 is open, or any and the link is up, this is not done, and said.

Whatever of P1 or P2 happens in the home ends the try at once, and the link returns: an SOS waits for no test.

What is published is a real entry of the journal, so that the platform's answer is a real receipt. A receipt of another broker
takes nothing out of the outbox, and its instructions are not obeyed: it is not this home's platform yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from gateway.box.dial import NotReached, Tls, dial
from gateway.contract import wire
from gateway.home import household
from gateway.home.config import Config
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.faults.fault import FaultFact
from gateway.tell import mqtt
from gateway.tell.push import Lost, NotTaken
from gateway.words import kind
from gateway.words.clock import Moment
from gateway.words.instruction import Instruction
from gateway.words.kind import Priority
from gateway.words.reading import Value

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from gateway.tend.daemon import Daemon

LONGEST = 45.0  # s for the login with all its tries
RECEIPT = 30.0  # s to wait for the receipt, as the ladder does
STEPS = ("resolve", "connect", "tls", "login", "publish", "receipt")

# Parts of what the link and the dial say -> what to do, in Chinese.
_CHINESE = (
    ("no such name", "域名不存在: 请检查服务器地址和网络的域名服务"),
    ("name server", "域名服务器无应答: 请检查网络"),
    ("refused the connection", "连接被拒绝: 服务器是否运行, 端口是否正确?"),
    ("cannot be reached", "无法到达: 请检查网线、Wi-Fi 和路由器"),
    ("does not answer within", "无应答: 请检查网络、防火墙和端口"),
    ("cut the connection", "连接被切断: 请查看服务器日志和途中的防火墙"),
    ("has no address", "该域名没有地址: 请检查服务器地址"),
    ("not valid yet", "服务器证书尚未生效: 请校准本机时钟或检查证书日期"),
    ("our client certificate has expired", "我们的客户端证书已过期: 请更新"),
    ("has expired", "服务器证书已过期: 请更新服务器证书, 或校准本机时钟"),
    ("self-signed", "服务器证书为自签名: 请上传它作为 CA 证书"),
    ("from a CA that is not known", "服务器证书的 CA 未知: 请上传正确的 CA 证书"),
    ("is for another host", "证书属于另一个主机名: 请填写证书中的名称"),
    ("wants a client certificate", "服务器要求客户端证书: 请上传证书和私钥"),
    ("does not know the CA of", "服务器不认识我们客户端证书的 CA: 请由服务器的 CA 签发"),
    ("client certificate", "客户端证书不被接受: 请检查日期、用途, 并查看服务器日志"),
    ("not with TLS", "该端口不是 TLS 端口: 通常为 8883"),
    ("no TLS answer", "TLS 无应答: 是否为 TLS 端口, 线路是否很差?"),
    ("TLS 1.2", "服务器不支持 TLS 1.2: 请升级服务器"),
    ("CA file", "CA 证书无法使用: 请上传 PEM 格式的证书"),
    ("user name or password", "用户名或口令错误: 请在两边核对"),
    ("does not authorise", "没有权限: 请核对用户名、口令或证书, 以及服务器的访问列表"),
    ("does not accept the client id", "服务器不接受网关编号作为 client id: 请在服务器上允许"),
    ("does not let us read", "服务器不允许订阅本网关的主题: 请在访问列表中允许"),
    ("another box may use", "另一个盒子可能使用同一网关编号"),
    ("is this the port of a broker", "该端口不是 MQTT 服务器: 请检查端口"),
    ("does not speak this version", "服务器不支持该 MQTT 版本: 请选择 auto"),
    ("closed the connection", "服务器关闭了连接: 请查看服务器日志"),
)


def in_chinese(words: str) -> str:
    """Return what a sentence of the link means, in Chinese."""
    return next((zh for part, zh in _CHINESE if part in words), "未成功: 请查看服务器日志, 检查端口和证书")


def is_call(entry: Entry) -> bool:
    """Say whether an entry is why somebody must be told at once: what happens to an alarm, or a fault, of P1 or P2, no test."""
    fact = entry.fact
    test = fact.alarm.test if isinstance(fact, AlarmFact) else fact.test if isinstance(fact, FaultFact) else True
    return entry.priority <= Priority.P2 and not test


class _Failed(Exception):
    """A step that did not succeed."""

    def __init__(self, en: str, zh: str = "") -> None:
        super().__init__(en)
        self.zh = zh or in_chinese(en)


class Attempt:
    """One try. `steps` grows while it runs; `over` says that it is done."""

    def __init__(self, daemon: Daemon, config: Config, instruction: Instruction) -> None:
        assert config.platform is not None  # looked at before
        self.over = False
        self.steps: list[dict[str, Any]] = []
        self._daemon = daemon
        self._config = config
        self._platform = config.platform
        self._instruction = instruction
        self._entry: Entry | None = None
        self._committed = asyncio.Event()
        self._receipted = asyncio.Event()
        self._link: mqtt.Link | None = None
        self._own: asyncio.Task[None] | None = None
        self._trying: mqtt.Link | None = None  # the link of our own
        self._paused = False
        self._called = asyncio.Event()  # somebody needs the link

    # -- what the daemon tells -----------------------------------------------------------------------------------------

    def committed(self, entry: Entry) -> None:
        """Take an entry that is on disk."""
        if self._entry is entry:
            self._committed.set()
        if is_call(entry):
            self._called.set()

    def receipted(self, receipt: wire.Receipt) -> None:
        """Take a receipt of the running link."""
        number = self._entry.number if self._entry is not None else 0
        if receipt.journal == self._daemon.store.journal and any(first <= number <= last for first, last in receipt.entries):
            self._receipted.set()

    def facts(self) -> dict[str, Any]:
        """Return how it stands, for the status file."""
        return {"instruction": self._instruction.id, "over": self.over, "where": self._where, "steps": self.steps}

    # -- the way -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Go step by step as far as it goes, and write down how far that was."""
        going, called = (asyncio.create_task(work) for work in (self._go(), self._called.wait()))
        try:
            await asyncio.wait({going, called}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (going, called):
                task.cancel()
            ended = await asyncio.gather(going, return_exceptions=True)
            await self._leave()
            self.over = True
        if isinstance(ended[0], Exception):
            raise ended[0]
        if not self.steps or self.steps[-1]["ok"] is None:
            self._cut_off()
        last = self.steps[-1]
        failed = "" if last["ok"] else last["step"]
        detail: dict[str, Value] = {f"{s['step']}_s": s["seconds"] for s in self.steps}
        detail |= {"by": self._instruction.by, "instruction": self._instruction.id, "where": self._where, "failed": failed}
        detail["in_force"] = self._instruction.change is None  # what is tried before it is saved says nothing about what holds
        detail |= {"zh": last["zh"] if failed else "", "en": last["en"] if failed else ""}
        self._daemon.note(lambda at: self._tell(at, what="platform_test", **detail))

    async def _go(self) -> None:
        ways = (self._resolve, self._connect, self._tls, self._login, self._publish, self._receipt)
        await asyncio.to_thread(self._furnish)
        for name, way in zip(STEPS, ways, strict=True):
            if not await self._step(name, way()):
                return

    def _cut_off(self) -> None:
        """Say that the try did not come to its end."""
        if not self.steps:
            self.steps.append({"step": STEPS[0], "seconds": 0.0})
        zh, en = (
            "有人求助, 测试已中止, 连接已交还: 请在警报结束后再试",
            "a call for help came: the test has ended, the link is given back; try again later",
        )
        self.steps[-1] |= {"ok": False, "zh": zh, "en": en}

    def _furnish(self) -> None:
        with contextlib.suppress(OSError):  # the link says which file it lacks
            household.furnish(self._config)

    async def _step(self, name: str, way: Awaitable[tuple[str, str]]) -> bool:
        began = time.monotonic()
        row: dict[str, Any] = {"step": name, "ok": None, "seconds": 0.0, "zh": "", "en": ""}
        self.steps.append(row)
        try:
            row["zh"], row["en"] = await way
            row["ok"] = True
        except (_Failed, NotReached, Lost, NotTaken) as error:
            row["en"] = str(error)[:400]
            row["zh"] = error.zh if isinstance(error, _Failed) else in_chinese(str(error))
            row["ok"] = False
        row["seconds"] = round(time.monotonic() - began, 3)
        return bool(row["ok"])

    async def _resolve(self) -> tuple[str, str]:
        p = self._platform
        try:
            async with asyncio.timeout(10):
                found = await asyncio.get_running_loop().getaddrinfo(p.host, p.port)
        except TimeoutError:
            raise _Failed(f"{p.host}: no answer from the name server in 10 s: look at the network") from None
        except (OSError, UnicodeError):
            raise _Failed(f"{p.host}: no such name is found: check the host name, and the network's name server") from None
        address = str(found[0][4][0])
        return address, address

    async def _connect(self) -> tuple[str, str]:
        (await dial(self._platform.host, self._platform.port, None)).close()
        return "", ""

    async def _tls(self) -> tuple[str, str]:
        if not self._platform.tls:
            return "未加密, 仅限实验室", "no TLS: in a laboratory only"
        broker = self._broker()
        tls = Tls(ca=broker.ca, cert=broker.cert, key=broker.key)
        (await dial(broker.host, broker.port, tls, proved=self._daemon.uplink.proved)).close()
        return "", ""

    async def _login(self) -> tuple[str, str]:
        daemon, running, config = self._daemon, self._daemon.uplink.link, self._daemon.config
        present = config.platform
        in_force = (present, config.password) == (self._platform, self._config.password)
        if in_force and running is not None and running.connected:
            self._link = running
            return f"运行中的连接, MQTT {running.version}", f"the running link, MQTT {running.version}"
        if present is not None and (present.host, present.port) == (self._platform.host, self._platform.port):
            real = [alarm for alarm in daemon.pipeline.alarms.values() if not alarm.test]
            urgent = any(alarm.priority <= Priority.P2 for alarm in real)
            if urgent or (real and running is not None and running.connected):
                zh = "有未结束的警报, 现在不中断连接: 请在警报结束后再试"
                raise _Failed("an alarm is open, so the link is not interrupted now: try again when it is closed", zh)
            self._paused = True
            await daemon.uplink.disconnect()
        return await self._log_in()

    async def _log_in(self) -> tuple[str, str]:
        up = asyncio.Event()
        link = mqtt.Link(
            self._broker(),
            status=self._daemon.uplink.status,
            heard=self._heard,
            refused=lambda _name, _why: None,
            up=up.set,
            proved=self._daemon.uplink.proved,
        )
        self._trying = link
        self._own = asyncio.create_task(link.run(), name="platform test")
        waiting = asyncio.create_task(up.wait())
        try:
            await asyncio.wait((self._own, waiting), timeout=LONGEST, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._own.done():
            error = self._own.exception()
            raise _Failed(str(error) or type(error).__name__)
        if not up.is_set():
            raise _Failed(f"{link.broker.where} does not answer within {LONGEST:g} s: look at network, firewall and port")
        self._link = link
        return f"MQTT {link.version}", f"MQTT {link.version}"

    async def _publish(self) -> tuple[str, str]:
        assert self._link is not None  # the step before has made it
        self._daemon.note(self._probe)
        try:
            async with asyncio.timeout(RECEIPT):
                await self._committed.wait()
        except TimeoutError:
            raise _Failed("the journal takes nothing: see `status` about the disk", "日志无法写入: 请查看存储状态") from None
        assert self._entry is not None  # it has been committed
        name, body = wire.encode_entry(self._daemon.gateway, self._daemon.store.journal, self._entry)
        await self._link.publish(wire.topic(self._daemon.gateway, name), body)
        return "", ""

    async def _receipt(self) -> tuple[str, str]:
        if self._platform.receipts == "broker":
            return "平台不发回执, 只确认服务器收到", "this platform sends no receipts: the broker's word is all there is"
        try:
            async with asyncio.timeout(RECEIPT):
                await self._receipted.wait()
        except TimeoutError:
            zh = f"{RECEIPT:g} 秒内没有回执: 消息已到服务器, 但平台程序没有确认; 请让平台方检查"
            raise _Failed(f"no receipt in {RECEIPT:g} s: the broker has the message, the platform has not confirmed it", zh) from None
        return "", ""

    async def _leave(self) -> None:
        if self._own is not None:
            if self._called.is_set() and self._trying is not None:
                self._trying.hurry()
            self._own.cancel()
            await asyncio.gather(self._own, return_exceptions=True)
        if self._paused:
            self._daemon.uplink.reconnect()

    # -- small things --------------------------------------------------------------------------------------------------

    @property
    def _where(self) -> str:
        return f"{self._platform.host}:{self._platform.port}"

    def _broker(self) -> mqtt.Broker:
        return self._daemon.uplink.broker(self._config)

    def _heard(self, name: str, payload: bytes) -> None:
        if self._paused:
            self._daemon.doors.from_platform(name, payload)  # the same broker: what it says meanwhile must not be lost
        elif name == "receipt":
            with contextlib.suppress(wire.BadMessage):
                self.receipted(wire.receipt_of(payload, self._daemon.gateway)[0])

    def _probe(self, now: Moment) -> list[Entry]:
        entries = self._tell(now, what="platform_probe", by=self._instruction.by)
        self._entry = entries[-1]
        return entries

    def _tell(self, now: Moment, **detail: Value) -> list[Entry]:
        return self._daemon.pipeline.noticed([self._daemon.faults.note(kind.VISIT, now, "", **detail)], now)
