"""A try of the way to the platform: resolve, connect, TLS, login, publish, receipt.

Only one connection may carry the gateway's client id, and an access list lets no other id speak on
its topics, so the try has to log in as the gateway itself:

* the settings in force, and the link is up: the running link is used and not cut; name, TCP and TLS
  are tried beside it;
* another broker (host or port): a second connection under the same id there; the running link is
  not touched;
* the same broker with other papers or passwords, or a link that is down: the running link pauses
  for the try, at most `login_test`. While an alarm of P1 or P2 is open, or any and the link is up,
  this is not done, and said.

Whatever of P1 or P2 happens in the home ends the try at once, and the link returns: an SOS waits
for no test.

What is published is a real entry of the journal, so that the platform's answer is a real receipt. A
receipt of another broker takes nothing out of the outbox, and its instructions are not obeyed: it
is not this home's platform yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.box.dial import Tls, dial, no_name
from gateway.box.waits import WAITS as DIAL
from gateway.contract import encoding, inward, wire
from gateway.home import household
from gateway.home.config import Config
from gateway.home.home import Home
from gateway.home.reached import spoken
from gateway.home.status import StepStatus, TryStatus
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.faults.fact import FaultFact
from gateway.judge.notes import Notes
from gateway.judge.pipeline import Pipeline
from gateway.keep.storage import Storage
from gateway.tell.uplink import Uplink
from gateway.tell.waits import WAITS
from gateway.tell.way import Link
from gateway.words import kind
from gateway.words.clock import Moment
from gateway.words.instruction import Instruction
from gateway.words.kind import Priority
from gateway.words.reading import Value
from gateway.words.say import Failed, Say

STEPS = ("resolve", "connect", "tls", "login", "publish", "receipt")


def is_call(entry: Entry) -> bool:
    """Say whether an entry is why somebody must be told at once.

    It is what happens to an alarm or a fault of P1 or P2 that is no test.
    """
    match entry.fact:
        case AlarmFact(alarm=alarm):
            test = alarm.test
        case FaultFact(test=test):
            pass
        case _:
            return False
    return entry.priority <= Priority.P2 and not test


class Attempt:
    """One try, in a task of its own.

    `steps` grows while it runs; `over` says that it is done.
    """

    def __init__(
        self,
        config: Config,
        instruction: Instruction,
        *,
        home: Home,
        notes: Notes,
        storage: Storage,
        pipeline: Pipeline,
        uplink: Uplink,
        heard: Callable[[str, bytes], None],
    ) -> None:
        """Try `config`. `heard` takes what the platform says while its own link pauses."""
        assert config.platform is not None  # looked at before
        self.over = False
        self.steps: list[dict[str, Any]] = []
        self._home = home
        self._notes = notes
        self._storage = storage
        self._pipeline = pipeline
        self._uplink = uplink
        self._inbox = heard
        self._config = config
        self._platform = config.platform
        self._instruction = instruction
        self._entry: Entry | None = None
        self._committed = asyncio.Event()
        self._receipted = asyncio.Event()
        self._link: Link | None = None
        self._own: asyncio.Task[None] | None = None
        self._trying: Link | None = None  # the link of our own
        self._paused = False
        self._others = False  # receipts came while ours was waited for
        self._called = asyncio.Event()  # somebody needs the link

    # -- what the daemon tells ---------------------------------------------------------------------

    def committed(self, entry: Entry) -> None:
        """Take an entry that is on disk."""
        if self._entry is entry:
            self._committed.set()
        if is_call(entry):
            self._called.set()

    def receipted(self, receipt: wire.Receipt) -> None:
        """Take a receipt of the running link; it proves nothing of a platform tried beside it."""
        if self._own is None or self._paused:
            self._seen(receipt)

    def _seen(self, receipt: wire.Receipt) -> None:
        number = self._entry.number if self._entry is not None else 0
        ours = receipt.journal == self._storage.store.journal
        self._others = True
        if ours and any(first <= number <= last for first, last in receipt.entries):
            self._receipted.set()

    def status(self) -> TryStatus:
        """Return how it stands, for the status file."""
        steps = [StepStatus(**row) for row in self.steps]
        return TryStatus(
            instruction=self._instruction.id, over=self.over, where=self._where, steps=steps
        )

    # -- the way -----------------------------------------------------------------------------------

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
        i = self._instruction
        detail |= {"by": i.by, "instruction": i.id, "where": self._where, "failed": failed}
        # what is tried before it is saved says nothing about what holds
        detail["in_force"] = i.change is None
        detail |= {"zh": last["zh"] if failed else "", "en": last["en"] if failed else ""}
        self._notes.say(kind.VISIT, "", what="platform_test", **detail)

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
        say = Say("try.cut_off")
        self.steps[-1] |= {"ok": False, "zh": say.zh, "en": say.en}

    def _furnish(self) -> None:
        with contextlib.suppress(OSError):  # the link says which file it lacks
            household.furnish(self._config)

    async def _step(self, name: str, way: Awaitable[Say | None]) -> bool:
        began = time.monotonic()
        row: dict[str, Any] = {"step": name, "ok": None, "seconds": 0.0, "zh": "", "en": ""}
        self.steps.append(row)
        try:
            said, row["ok"] = await way, True
        except Failed as error:
            said, row["ok"] = error.say, False
        row["zh"], row["en"] = (said.zh[:400], said.en[:400]) if said else ("", "")
        row["seconds"] = round(time.monotonic() - began, 3)
        return bool(row["ok"])

    async def _resolve(self) -> Say | None:
        p = self._platform
        try:
            async with asyncio.timeout(DIAL.name):
                found = await asyncio.get_running_loop().getaddrinfo(p.host, p.port)
        except TimeoutError:
            raise Failed(Say("net.name_late", host=p.host, seconds=DIAL.name)) from None
        except (OSError, UnicodeError) as error:
            raise Failed(no_name(p.host, error)) from None
        return Say("try.address", address=str(found[0][4][0]))

    async def _connect(self) -> Say | None:
        (await dial(self._platform.host, self._platform.port, None)).close()
        return None

    async def _tls(self) -> Say | None:
        if not self._platform.tls:
            return Say("try.plain")
        broker = self._uplink.broker(self._config)
        tls = Tls(ca=broker.ca, cert=broker.cert, key=broker.key)
        (await dial(broker.host, broker.port, tls, proved=self._uplink.proved)).close()
        return None

    async def _login(self) -> Say | None:
        running, config = self._uplink.link, self._home.config
        present = config.platform
        in_force = (present, config.password) == (self._platform, self._config.password)
        if in_force and running is not None and running.connected:
            self._link = running
            return Say("try.running", spoken=spoken(running.version))
        if present is not None and (present.host, present.port) == (
            self._platform.host,
            self._platform.port,
        ):
            real = [alarm for alarm in self._pipeline.alarms.values() if not alarm.test]
            urgent = any(alarm.priority <= Priority.P2 for alarm in real)
            if urgent or (real and running is not None and running.connected):
                raise Failed(Say("try.alarm_open"))
            self._paused = True
            await self._uplink.disconnect()
        return await self._log_in()

    async def _log_in(self) -> Say | None:
        up = asyncio.Event()
        link = self._uplink.made_by(
            self._config, heard=self._heard, refused=lambda _name, _why: None, up=up.set
        )
        self._trying = link
        self._own = asyncio.create_task(link.run(), name="platform test")
        waiting = asyncio.create_task(up.wait())
        try:
            await asyncio.wait(
                (self._own, waiting), timeout=WAITS.login_test, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waiting.cancel()
        if self._own.done():
            error = self._own.exception()
            if isinstance(error, Failed):
                raise error
            name = type(error).__name__
            raise Failed(Say("link.our_mistake", where=link.where, name=name)) from error
        if not up.is_set():
            raise Failed(Say("net.late", where=link.where, seconds=WAITS.login_test))
        self._link = link
        return Say("try.version", spoken=spoken(link.version))

    async def _publish(self) -> Say | None:
        assert self._link is not None  # the step before has made it
        self._notes.later(self._probe)
        try:
            async with asyncio.timeout(WAITS.receipt_test):
                await self._committed.wait()
        except TimeoutError:
            raise Failed(Say("try.no_journal")) from None
        assert self._entry is not None  # it has been committed
        name, body = encoding.encode_entry(
            self._home.gateway, self._storage.store.journal, self._entry
        )
        self._others = False  # what came before was for others
        await self._link.publish(wire.topic(self._home.gateway, name), body)
        return None

    async def _receipt(self) -> Say | None:
        if self._platform.receipts == "broker":
            return Say("try.broker_only")
        try:
            async with asyncio.timeout(WAITS.receipt_test):
                await self._receipted.wait()
        except TimeoutError:
            code = "try.other_receipt" if self._others else "try.no_receipt"
            raise Failed(Say(code, seconds=WAITS.receipt_test)) from None
        return None

    async def _leave(self) -> None:
        if self._own is not None:
            if self._called.is_set() and self._trying is not None:
                self._trying.hurry()
            self._own.cancel()
            await asyncio.gather(self._own, return_exceptions=True)
        if self._paused:
            self._uplink.reconnect()

    # -- small things ------------------------------------------------------------------------------

    @property
    def _where(self) -> str:
        return f"{self._platform.host}:{self._platform.port}"

    def _heard(self, name: str, payload: bytes) -> None:
        if self._paused:
            self._inbox(name, payload)  # the same broker: what it says meanwhile must not be lost
        elif name == "receipt":
            with contextlib.suppress(wire.BadMessage):
                self._seen(inward.receipt_of(payload, self._home.gateway)[0])

    def _probe(self, now: Moment) -> list[Entry]:
        entries = self._notes.said(now, kind.VISIT, what="platform_probe", by=self._instruction.by)
        self._entry = entries[-1]
        return entries
