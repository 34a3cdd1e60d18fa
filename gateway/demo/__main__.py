"""The demonstration: a household's recorded day through a real gateway, faster than life.

    python -m gateway.demo [--once] [--until 07:50]

It starts an MQTT broker, a call desk and the gateway as a home runs it (`python -m gateway run
--config ...`), each a process of its own, and puts a line with a switch between gateway and broker.
What is shown is read from the gateway's journal as it is written; what is checked at the end is the
journal against the desk's own record. Everything stands on the loopback interface and in one folder
that is thrown away.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import json
import os
import re
import signal
import sqlite3
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from drivers import all_models
from gateway.box.folders import page_of
from gateway.demo import home, proof
from gateway.demo.relay import HOST, Relay
from gateway.demo.screen import Screen, padded
from gateway.hear.replay import BadDay, Happening, Replay
from gateway.home.config import load
from gateway.home.source import ConfigError
from gateway.page import label

# s until a process says that it is ready: a small board with a slow card takes its time
START_WAIT = 60.0
# s between two looks at journal and readings; a line of the gateway's log is looked after at once
LOOK_EVERY = 0.2
SETTLES = 20.0  # s after the day in which the last receipts and answers may still come
STATUS_AGE = 2.5  # s: the gateway writes its status every two
SLOWEST = 4.0  # times the day's own length that it may take on a busy machine
END_WAIT = 8.0  # s a process has to end in good order
INTERRUPTED = 130  # exit code, as of any program that Ctrl-C ends before it is through
LOG_KEPT = 30  # last lines of a process, shown when it fails
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Failed(Exception):
    """The demonstration cannot go on; the text says what happened."""


def _die_with_starter() -> None:
    """Let the kernel end this child when the one that started it is gone (prctl(2), Linux)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One process of the demonstration. Its last lines are kept; it is ended by its own process id."""

    def __init__(
        self, name: str, told: Callable[[str], None], log: Callable[[str], None] | None = None
    ) -> None:
        self.name = name
        self.last: deque[str] = deque(maxlen=LOG_KEPT)
        self._told = told
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []

    async def start(self, *command: str) -> None:
        """Start it. It ends when its standard input closes, or, if it does not look at that, with its starter."""
        path = os.pathsep.join(filter(None, (str(home.ROOT), os.environ.get("PYTHONPATH", ""))))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "PYTHONPATH": path,
                "PYTHONUNBUFFERED": "1",
                "PYTHONIOENCODING": "utf-8",
            },
            start_new_session=True,  # Ctrl-C is for the conductor, who ends the others in order
            preexec_fn=_die_with_starter,
            limit=2**20,
        )
        assert self._process.stdout is not None  # asked for above
        assert self._process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read(self._process.stdout, self._told)),
            asyncio.create_task(self._read(self._process.stderr, self._log)),
        ]

    async def _read(self, stream: asyncio.StreamReader, told: Callable[[str], None] | None) -> None:
        async for raw in stream:
            line = raw.decode("utf-8", "replace").rstrip()
            self.last.append(line)
            if told is not None:
                told(line)

    async def ended(self) -> None:
        """Wait until it ends, and say how: nothing here should end before it is told to."""
        assert self._process is not None  # started before it is waited for
        code = await self._process.wait()
        await asyncio.wait(self._readers, timeout=1)
        words = "\n".join(f"    {line}" for line in self.last)
        raise Failed(
            f"{self.name} 意外结束 ended with code {code}; 最后几行 its last lines:\n{words or '    (none)'}"
        )

    async def stop(self) -> None:
        """End it in good order, or by force when it does not listen."""
        if self._process is None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            if self._process.returncode is not None:
                break
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(how)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_WAIT):
                    await self._process.wait()
        for reader in self._readers:
            reader.cancel()


class Conductor:
    """Starts the parts, shows what happens, moves the switch, and compares at the end."""

    def __init__(self, folder: Path, args: argparse.Namespace) -> None:
        self.args = args
        self.folder = folder
        self.result = INTERRUPTED
        self.state = folder / "state"
        self.relay = Relay()
        self.broker = Child("broker", self._broker_said)
        self.desk = Child("desk", self._desk_said)
        self.gateway = Child("gateway", lambda _line: None, self._gateway_said)
        self.page = Child("page", lambda _line: None)
        self.record: list[proof.Json] = []
        self.journal: list[proof.Json] = []
        self._port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._listens = asyncio.Event()
        self._over = asyncio.Event()
        self._row = 0
        self._sounds = 0
        self._db: sqlite3.Connection | None = None
        self._history: sqlite3.Connection | None = None
        self._cut: dict[str, str] = {}

    # -- one performance ---------------------------------------------------------------------------------------------

    async def perform(self) -> None:
        """Play the day and, unless it is to end there, go on serving. Raises Failed where a part fails."""
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._set_up()
            tasks = [
                asyncio.create_task(child.ended(), name=child.name)
                for child in (self.broker, self.desk, self.gateway)
            ]
            tasks += [
                asyncio.create_task(self._watch(), name="watch"),
                asyncio.create_task(self._story(), name="story"),
            ]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await self._tear_down()

    async def _story(self) -> None:
        missing = await self._day()
        self._summary(missing)
        self.result = 1 if missing else 0
        if not self.args.once:
            await self.page.start("-m", "gateway", "page", "--config", str(self.path))
            self._invite()
            await self.page.ended()

    async def _set_up(self) -> None:
        print(
            "养老看护网关 - 演示 eldercare gateway, demonstration: 正在启动 starting ...",
            flush=True,
        )
        here = Path(__file__).parent
        await self.broker.start("-P", "-W", "ignore", str(here / "broker.py"))
        port = await self._ready(self._port, self.broker)
        await self.relay.start(port)
        await self.desk.start(
            "-P",
            str(here / "desk.py"),
            "--port",
            str(port),
            *(["--deaf"] if self.args.desk_deaf else []),
        )
        await self._ready(asyncio.ensure_future(self._listens.wait()), self.desk)
        until = home.seconds(self.args.until) if self.args.until else None
        self.path = home.furnish(self.folder, self.relay.port, self.args.day, until)
        self.config = load(self.path, all_models())
        assert self.config.replay is not None  # furnished so
        self.day = Replay(self.config.replay)
        self.happenings = list(self.day.in_order())
        self.screen = Screen({d.id: d.room for d in self.config.devices}, self.config.zone)
        self._opening(port)
        self.began = time.monotonic()
        await self.gateway.start("-m", "gateway", "run", "--config", str(self.path))

    def _opening(self, port: int) -> None:
        s = self.screen
        s.line()
        s.line(
            "一位独居老人的一天, 比真实快。 One day of a resident who lives alone, faster than life.",
            "bold",
        )
        s.line(
            f"  {len(self.config.devices)} 个传感器 sensors - 网关 gateway - 网络 network :{self.relay.port} - broker :{port} - 呼叫台 desk"
        )
        s.line("  每条警报: 1 危险 - 2 警报 - 3 推送 - 4 应答 - 5 派人 - 6 到场 - 7 结束")
        s.line(
            "  each alarm: 1 danger - 2 alarm - 3 push - 4 answer - 5 dispatch - 6 arrival - 7 closed"
        )
        s.line()

    async def _ready(self, wanted: asyncio.Future[Any], child: Child) -> Any:
        ended = asyncio.ensure_future(child.ended())
        try:
            async with asyncio.timeout(START_WAIT):
                await asyncio.wait((wanted, ended), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise Failed(
                f"{child.name}: {START_WAIT:g} 秒内没有就绪 was not ready within that time"
            ) from None
        if ended.done():
            ended.result()
        ended.cancel()
        return wanted.result()

    async def _day(self) -> list[str]:
        """Wait for the day to end and for its last answers; return what is missing."""
        limit = SLOWEST * _length(self.day, self.happenings) + START_WAIT
        try:
            async with asyncio.timeout(limit):
                await self._over.wait()
        except TimeoutError:
            raise Failed(
                f"{limit:.0f} 秒后一天仍未结束 the day has not ended after that time: is the machine overloaded?"
            ) from None
        over = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            waited = time.monotonic() - over
            missing = proof.missing(self._seen())
            if (
                (not missing and waited > STATUS_AGE)
                or waited > SETTLES
                or (self.args.desk_deaf and waited > STATUS_AGE)
            ):
                return missing

    async def _tear_down(self) -> None:
        for db in (self._db, self._history):
            if db is not None:
                db.close()
        for child in (self.page, self.gateway, self.desk, self.broker):
            await child.stop()
        await self.relay.stop()

    # -- what the parts say ------------------------------------------------------------------------------------------

    def _broker_said(self, line: str) -> None:
        if (found := re.fullmatch(r"listening (\d+)", line)) and not self._port.done():
            self._port.set_result(int(found[1]))

    def _desk_said(self, line: str) -> None:
        try:
            told: proof.Json = json.loads(line)
        except ValueError:
            return  # the last lines are shown if it fails
        self.record.append(told)
        if told["did"] in {"recorded", "status"}:
            self._look()  # what the desk speaks of is in the journal already
        if told["did"] == "listens":
            self._listens.set()
        elif told["did"] == "recorded" and told["fault_class"] == "list":
            self.screen.desk("记入今日清单, 每天看一次 on today's list, read once a day")
        elif (
            told["did"] == "recorded" and told["fault_class"] != "figure" and told["priority"] > 2
        ):  # P3: nobody is woken
            self.screen.desk("已登记待修, 不叫醒任何人 a work order, nobody is woken")
        elif told["did"] == "line":
            self.screen.desk(
                f"同一条, 第 {told['calls']} 次呼叫 one line, called {told['calls']} times"
            )
        elif told["did"] == "home" and not any(t["did"] == "home" for t in self.record[:-1]):
            self.screen.desk(
                f"住户清单 the home: {told['devices']} 台设备 devices, {len(told['alarms'])} 个警报未结束 alarms open"
            )
        elif told["did"] == "status" and told["reason"] == "lost":
            self.screen.desk("住户离线 the home is offline", "yellow")

    def _gateway_said(self, line: str) -> None:
        """Look at the journal whenever the log says something; do what the day asks of its player."""
        self._look()
        if line == "day over":
            self._over.set()
        elif found := re.fullmatch(r"day (\d\d:\d\d:\d\d) (.*)", line):
            clock, text = found.groups()
            if text == "@network down":
                self.relay.down()
                self.screen.at(clock, "   网络断开 network cut", "", "yellow")
            elif text == "@network up":
                self.relay.up()
                self.screen.at(clock, "   网络恢复 network back", "", "yellow")
            elif not text.startswith("@"):
                self.screen.story(clock, text)

    # -- what is read ------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(LOOK_EVERY)

    def _look(self) -> None:
        """Show what is new in journal, readings and home. The databases are only read."""
        if not hasattr(self, "screen"):
            return
        try:
            self._db = self._db or _opened(self.state / "gateway.db")
            self._history = self._history or _opened(self.state / "history.db")
            rows = self._history.execute(
                "SELECT row, wall, device, kind, value FROM readings WHERE row > ? ORDER BY row",
                (self._row,),
            ).fetchall()
            bodies = self._db.execute(
                "SELECT body FROM journal WHERE number > ? ORDER BY number", (len(self.journal),)
            ).fetchall()
        except sqlite3.Error:
            return  # not made yet, or just being made
        for row, wall, device, kind, value in rows:
            self._row = row
            self.screen.reading(float(wall), device, kind, value)
        for (body,) in bodies:
            entry = json.loads(body)
            self.journal.append(entry)
            self.screen.entry(entry)
        sounds = self._heard()
        for line in sounds[self._sounds :]:
            self.screen.sounded("", line)
        self._sounds = len(sounds)

    def _heard(self) -> list[str]:
        return (self.folder / home.SOUNDS).read_text(encoding="utf-8").splitlines()

    def _marks(self, name: str) -> list[Happening]:
        """Return the day's notes for its player, such as `say @expect ...`."""
        return [h for h in self.day.happenings if h.what == "say" and h.rest[0] == f"@{name}"]

    def _seen(self) -> proof.Seen:
        self._look()
        assert self._db is not None  # the day is over: both are there
        assert self._history is not None
        network = {h.rest[1]: self._wall(h.at) for h in self._marks("network")}
        return proof.Seen(
            journal=self.journal,
            desk=self.record,
            sounds=self._heard(),
            waiting=_one(self._db, "SELECT count(*) FROM outbox"),
            batches=_one(self._history, "SELECT coalesce(max(number), 0) FROM batches"),
            batches_waiting=_one(self._history, "SELECT count(*) FROM batches WHERE waiting"),
            expected=[proof.Expected(*h.rest[1:4]) for h in self._marks("expect")],
            faults=[(h.rest[1], h.rest[2]) for h in self._marks("fault")],
            cut=(network["down"], network["up"]) if len(network) == 2 else None,
        )

    def _wall(self, at: float) -> str:
        wall = self.day.midnight + timedelta(seconds=at)
        return wall.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    # -- the end -----------------------------------------------------------------------------------------------------

    def _summary(self, missing: list[str]) -> None:
        s, took = self.screen, time.monotonic() - self.began
        assert self._history is not None  # read before
        s.flush()
        s.line()
        s.line("小结 summary", "bold")
        s.line()
        s.table(self.journal)
        s.line("   秒: 距前一阶段, 按当天时钟 (比真实快 10-60 倍)", "dim")
        s.line(
            "   seconds since the stage before, by the day's clock (10 to 60 times faster than life)",
            "dim",
        )
        s.line()
        status = _json(self.folder / "run" / "status.json")
        packets = sum(h.what in {"ble", "serial"} for h in self.happenings)
        repeats = status.get("repeats", 0) + sum(
            d["refused"].get("repeated", 0) for d in status.get("devices", ())
        )
        readings = _one(self._history, "SELECT count(*) FROM readings")
        heard = [line for line in self.record if line["did"] == "received"]
        doubles = sum(line["again"] for line in heard if "number" in line)
        again = sum(line["again"] for line in heard if "batch" in line)
        lost = len({e["number"] for e in self.journal} - set(proof.received(self.record)))
        hours = (self.happenings[-1].at - self.day.first) / 3600
        strangers = status.get("strangers", 0)
        s.line(
            f"收到 heard     {packets} 包 packets: 重复 repeats {repeats}, 陌生 strangers {strangers}; 读数 readings {readings}"
        )
        s.line(
            f"推送 pushed    {len(self.journal)} 条记录 entries: 重发 doubles {doubles}, 丢失 lost {lost}; 读数重发 batches again {again}"
        )
        if again:
            s.line(
                "               快放时回执来不及, 读数再发 a batch goes again where the day outruns its receipt",
                "dim",
            )
        s.line(f"用时 took      {took:.0f} s = {hours:.1f} h 一天 of a day")
        s.line()
        if missing:
            s.line(f"未通过 NOT everything was reached, {len(missing)}:", "red")
            for sentence in missing:
                s.line(f"  - {sentence}", "red")
        else:
            s.line(
                "已核对: 网关记录对照呼叫台记录 checked: the gateway's journal against the desk's own record",
                "green",
            )
            for sentence in self._checked():
                s.line(f"  + {sentence}", "green")
        s.line()

    def _checked(self) -> list[str]:
        raised = sum(proof.wanted(a) == proof.ANSWERED for a in proof.alarms(self.journal))
        out = [
            f"每条警报到达每个阶段, {raised} 条有人到场 every stage of every alarm was reached, {raised} of them in person",
            f"记录 1-{len(self.journal)} 无缺号, 两边标识相同 entries without gaps, the same on both sides, with receipts",
            "每条指令只生效一次 each instruction of the desk took effect once",
        ]
        if self._marks("fault"):
            out.append("故障只登记, 不叫醒人 the fault was recorded and woke nobody")
        if self._marks("network"):
            out.append(
                "断网时家中照响、叫到邻居, 恢复后送达 without network it sounded and called; delivered later"
            )
        return out

    def _invite(self) -> None:
        s, where = self.screen, f"--config {self.path}"
        s.line("一切仍在运行, 可以看看 everything goes on running; have a look:", "bold")
        for what, command in (
            (
                "网页 the page",
                f"http://{HOST}:{self.config.page.http_port}/   代码 code {label.made(page_of(self.state))}",
            ),
            ("现状 how things stand", f"{sys.executable} -m gateway status {where}"),
            (
                "发起一次测试 give a drill",
                f'{sys.executable} -m gateway tell test --by "me" {where}',
            ),
            (
                "平台侧 the platform's side",
                f"MQTT {HOST}:{self._port.result()}, eldercare/v1/{home.GATEWAY}/#",
            ),
        ):
            s.line(f"  {padded(what, 28)} {command}")
        s.line(
            "  录制已结束, 三分钟后会报设备失联: 这是监测在工作。 The recording is over: sensors will be reported missing.",
            "dim",
        )
        s.line("  Ctrl-C 结束 ends it all", "bold")


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2, isolation_level=None)


def _one(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _length(day: Replay, happenings: list[Happening]) -> float:
    """Return how many real seconds the day takes at its own paces."""
    took, at, pace = 0.0, day.first, 1.0
    for h in happenings:
        took, at = took + (h.at - at) / pace, h.at
        if h.what == "pace":
            pace = float(h.rest[0])
    return took


def _time(text: str) -> str:
    if not re.fullmatch(r"\d\d:\d\d(:\d\d)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 07:50")
    return text


async def _main(args: argparse.Namespace) -> int:
    me = asyncio.current_task()
    assert me is not None  # a coroutine runs in a task
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, me.cancel)
    with tempfile.TemporaryDirectory(
        prefix="eldercare-demo-", ignore_cleanup_errors=True
    ) as folder:
        conductor = Conductor(Path(folder), args)
        try:
            await conductor.perform()
        except asyncio.CancelledError:
            print("\n已结束 ended", flush=True)
        return conductor.result


def main(argv: list[str] | None = None) -> int:
    """Run the demonstration; return 0 if every stage of every alarm was really reached."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway.demo",
        description="A household's recorded day through a real gateway",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="end after the summary; exit code 0 only if every stage was reached",
    )
    parser.add_argument(
        "--until", type=_time, help="play the day only until this time, such as 07:50"
    )
    parser.add_argument("--day", type=Path, default=home.DAY, help=argparse.SUPPRESS)
    parser.add_argument(
        "--desk-deaf", action="store_true", help=argparse.SUPPRESS
    )  # to see that silence is noticed
    args = parser.parse_args(argv)
    try:
        return asyncio.run(_main(args))
    except (Failed, BadDay, ConfigError, OSError) as error:
        print(f"演示中断 the demonstration ended: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
