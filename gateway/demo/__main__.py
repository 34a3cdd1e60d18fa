"""The demonstration: a household's recorded day through a real gateway, faster than life.

    python -m gateway.demo [--once] [--until 07:50]

It starts an MQTT broker, a call desk, a stand-in for the modem and the gateway as a home runs it
(`python -m gateway run --config ...`), each a process of its own, and puts a line with a switch
between gateway and broker. What the home says are the shipped phrases, from files where this
machine has no sound card.
What is shown is read from the gateway's journal as it is written; what is checked at the end is the
journal against the desk's own record. Everything stands on the loopback interface and in one folder
that is thrown away.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import sqlite3
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from drivers import all_models
from gateway.box.folders import page_of
from gateway.demo import home, proof, summary
from gateway.demo.both import both
from gateway.demo.child import Child, Failed
from gateway.demo.neighbour import Neighbour
from gateway.demo.relay import HOST, Relay
from gateway.demo.screen import Screen, padded
from gateway.demo.speaker import Speaker
from gateway.demo.waits import WAITS
from gateway.hear.replay import BadDay, Happening, Replay
from gateway.home import status
from gateway.home.config import load
from gateway.home.source import ConfigError
from gateway.page import label

SLOWEST = 4.0  # times the day's own length that it may take on a busy machine
INTERRUPTED = 130  # exit code, as of any program that Ctrl-C ends before it is through


class Conductor:
    """Starts the parts, shows what happens, moves the switch, and compares at the end."""

    def __init__(self, folder: Path, args: argparse.Namespace) -> None:
        self.args = args
        self.folder = folder
        self.result = INTERRUPTED
        self.state = folder / "state"
        self.relay = Relay()
        self.broker = Child("broker", self._broker_said)
        self.phones = Child("modem", self._phones_said)
        self.neighbour = Neighbour(self.phones, self._sms, lambda: self.relay.cut)
        self.speaker = Speaker(folder)
        self.desk = Child("desk", self._desk_said)
        self.gateway = Child("gateway", lambda _line: None, self._gateway_said)
        self.page = Child("page", lambda _line: None)
        self.record: list[proof.Json] = []
        self.journal: list[proof.Json] = []
        self._port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._bus: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._listens = asyncio.Event()
        self._over = asyncio.Event()
        self._row = 0
        self._sounds = 0
        self._db: sqlite3.Connection | None = None
        self._history: sqlite3.Connection | None = None
        self._cut: dict[str, str] = {}

    # -- one performance ---------------------------------------------------------------------------

    async def perform(self) -> None:
        """Play the day and, unless it is to end there, go on serving the page.

        Raises Failed where a part fails.
        """
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._set_up()
            tasks = [
                asyncio.create_task(child.ended(), name=child.name)
                for child in (self.broker, self.desk, self.phones, self.gateway)
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
        seen = await self._day()
        missing = proof.missing(seen)
        summary.show(self.screen, seen, self._figures(), missing)
        self.result = 1 if missing else 0
        if not self.args.once:
            await self.page.start("-m", "gateway", "page", "--config", str(self.path))
            self._invite()
            await self.page.ended()

    async def _set_up(self) -> None:
        print(both("show.starting"), flush=True)
        here = Path(__file__).parent
        await self.broker.start("-P", "-W", "ignore", str(here / "broker.py"))
        port = await self._ready(self._port, self.broker)
        await self.relay.start(port)
        await self.desk.start(
            "-P",
            str(here / "desk.py"),
            "--port",
            str(port),
            *("--seat", both("desk.seat")),
            *("--responders", both("desk.worker"), both("desk.station")),
            *(["--deaf"] if self.args.desk_deaf else []),
        )
        await self._ready(asyncio.ensure_future(self._listens.wait()), self.desk)
        await self.phones.start("-m", "gateway.demo.phones", str(self.folder))
        bus = await self._ready(self._bus, self.phones)
        until = home.seconds(self.args.until) if self.args.until else None
        self.path = home.furnish(self.folder, self.relay.port, self.args.day, until, bus)
        self.config = load(self.path, all_models())
        assert self.config.replay is not None  # furnished so
        self.day = Replay(self.config.replay)
        self.happenings = list(self.day.in_order())
        self.screen = Screen({d.id: d.room for d in self.config.devices}, self.config.zone)
        self._opening(port)
        self.began = time.monotonic()
        run = ("-m", "gateway", "run", "--config", str(self.path))
        await self.gateway.start(*run, environment={"DBUS_SYSTEM_BUS_ADDRESS": bus})

    def _opening(self, port: int) -> None:
        self.screen.line()
        self.screen.line(both("show.day"), "bold")
        devices, relay = len(self.config.devices), self.relay.port
        self.screen.line(both("show.way", devices=devices, relay=relay, port=port))
        self.screen.line(both("show.modem"))
        card = "show.card" if self.speaker.there else "show.no_card"
        self.screen.line(both(card, folder=self.folder))
        self.screen.line(both("show.stages"))
        self.screen.line()

    async def _ready(self, wanted: asyncio.Future[Any], child: Child) -> Any:
        ended = asyncio.ensure_future(child.ended())
        try:
            async with asyncio.timeout(WAITS.start):
                await asyncio.wait((wanted, ended), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise Failed(both("show.not_ready", name=child.name, seconds=WAITS.start)) from None
        if ended.done():
            ended.result()
        ended.cancel()
        return wanted.result()

    async def _day(self) -> proof.Seen:
        """Wait for the day to end and for its last answers; return what was read by then.

        Raises Failed where the day takes longer than it should.
        """
        limit = SLOWEST * _length(self.day, self.happenings) + WAITS.start
        try:
            async with asyncio.timeout(limit):
                await self._over.wait()
        except TimeoutError:
            raise Failed(both("show.too_slow", seconds=limit)) from None
        over = time.monotonic()
        while True:
            await asyncio.sleep(WAITS.look)
            waited, seen = time.monotonic() - over, self._seen()
            well = self.args.desk_deaf or not proof.missing(seen)
            if waited > (WAITS.status_age if well else WAITS.settles):
                return seen

    async def _tear_down(self) -> None:
        for db in (self._db, self._history):
            if db is not None:
                db.close()
        for child in (self.page, self.gateway, self.desk, self.phones, self.broker):
            await child.stop()
        self.speaker.stop()
        await self.relay.stop()

    # -- what the parts say ------------------------------------------------------------------------

    def _broker_said(self, line: str) -> None:
        if (found := re.fullmatch(r"listening (\d+)", line)) and not self._port.done():
            self._port.set_result(int(found[1]))

    def _phones_said(self, line: str) -> None:
        told: proof.Json = json.loads(line)
        if told["did"] == "listens":
            self._bus.set_result(str(told["bus"]))
        elif told["did"] == "sent":
            self._look()  # who is called is in the journal already
            self.neighbour.reads(told["to"], told["text"])

    def _sms(self, text: str) -> None:
        if hasattr(self, "screen"):
            self.screen.sms(text)

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
        elif told["did"] == "home" and any(t["did"] == "home" for t in self.record[:-1]):
            pass  # it comes again and again
        elif said := _of_desk(told):
            self.screen.desk(said, "yellow" if told["did"] == "status" else "dim")

    def _gateway_said(self, line: str) -> None:
        """Take a line of the gateway's log: look at the journal, and do what the day asks."""
        self._look()
        if line == "day over":
            self._over.set()
        elif found := re.fullmatch(r"day (\d\d:\d\d:\d\d) (.*)", line):
            clock, text = found.groups()
            if text == "@network down":
                self.relay.down()
                self.screen.at(clock, both("network.down"), "", "yellow")
            elif text == "@network up":
                self.relay.up()
                self.screen.at(clock, both("network.up"), "", "yellow")
            elif not text.startswith("@"):
                self.screen.story(clock, text)

    # -- what is read ------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(WAITS.look)

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
            self.neighbour.entry(entry)
        sounds = self._heard()
        for line in sounds[self._sounds :]:
            self.screen.sounded("", line)
            self.speaker.play(line)
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
            texts=self.neighbour.texts,
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

    def _figures(self) -> summary.Figures:
        assert self._history is not None  # read before
        known = status.read(self.config.runtime)
        refused = sum(d.refused.get("repeated", 0) for d in known.devices)
        return summary.Figures(
            packets=sum(h.what in {"ble", "serial"} for h in self.happenings),
            repeats=known.repeats + refused,
            strangers=known.strangers,
            readings=_one(self._history, "SELECT count(*) FROM readings"),
            hours=(self.happenings[-1].at - self.day.first) / 3600,
            took=time.monotonic() - self.began,
        )

    def _invite(self) -> None:
        line, where = self.screen.line, f"--config {self.path}"
        line(both("look.goes_on"), "bold")
        page = f"http://{HOST}:{self.config.page.http_port}/"
        gateway = f"{sys.executable} -m gateway"
        for what, command in (
            ("page", both("look.code", address=page, code=label.made(page_of(self.state)))),
            ("status", f"{gateway} status {where}"),
            ("drill", f'{gateway} tell test --by "me" {where}'),
            ("platform", f"MQTT {HOST}:{self._port.result()}, eldercare/v1/{home.GATEWAY}/#"),
        ):
            line(f"  {padded(both(f'look.{what}'), 28)} {command}")
        line(both("look.over"), "dim")
        line(both("look.stop"), "bold")


def _of_desk(told: proof.Json) -> str:
    """Return what is shown of a line of the desk's record, "" for most of them."""
    if told["did"] == "recorded" and told["fault_class"] == "list":
        return both("desk.on_list")
    if told["did"] == "recorded" and told["fault_class"] != "figure" and told["priority"] > 2:
        return both("desk.work_order")  # P3: nobody is woken
    if told["did"] == "line":
        return both("desk.one_line", calls=told["calls"])
    if told["did"] == "home":
        return both("desk.home", devices=told["devices"], alarms=len(told["alarms"]))
    return both("desk.offline") if told["did"] == "status" and told["reason"] == "lost" else ""


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{path}?mode=ro", uri=True, timeout=WAITS.database, isolation_level=None
    )


def _one(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])


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
            print(both("show.stopped"), flush=True)
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
    # to see that silence is noticed
    parser.add_argument("--desk-deaf", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    try:
        return asyncio.run(_main(args))
    except (Failed, BadDay, ConfigError, OSError) as error:
        print(both("show.broken", error=error), file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
