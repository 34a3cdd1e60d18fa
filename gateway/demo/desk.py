"""A small call desk, as an integrator writes one.

It knows the gateway by config/contract only and shares no code with it. It hears every gateway of
the broker, gives receipts for what it has recorded, and answers alarms of P1 and P2 as a person
would: it acknowledges after a moment, sends a responder, notes the arrival, and closes with an
outcome. Faults and alarms of P3 are recorded for the working day; nobody is woken. Each thing it
does is one JSON line on standard output: that is its record.

    python desk.py --port 1883 [--seat NAME] [--responders WORKER STATION] [--deaf]

Receipts come at once, and an instruction is sent again with the same id until its result arrives.
It ends when standard input is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import secrets
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiomqtt

ROOT = "eldercare/v1"
ENTRIES = ("alarm", "fault", "result")  # messages that are numbered lines of a gateway's journal
OTHERS = ("readings", "status", "heartbeat", "home")
URGENT = 2  # P1 and P2: somebody is sent
CLASSES = {
    "now": "work order, nobody is woken",
    "list": "on today's list, read once a day",
    "figure": "counted for the month",
}
# kind of alarm: who of the responders is sent, how it ended
PLANS = {"person.sos": (0, "helped"), "person.fall": (1, "rescued")}
OTHERWISE = (0, "no_help_needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the desk and its people are, in seconds.

    A recorded day runs faster than life, and so do they.
    """

    thinks: float = 0.5  # until somebody takes an alarm: a moment, as a person needs it
    decides: float = 0.8  # until somebody is sent
    travels: float = 3.5  # until the responder is there
    helps: float = 1.2  # until it is over
    expected: int = 900  # in which the responder should be there, as told to the gateway
    gathers: float = 0.02  # numbers for one receipt
    result: float = 3.0  # until an instruction without result is sent again
    again: float = 0.5  # until a lost connection is made anew


def say(did: str, **what: Any) -> None:
    """Write one line of the record."""
    print(
        json.dumps({"t": round(time.time(), 3), "did": did, **what}, ensure_ascii=False), flush=True
    )


def some(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return these fields of a message, None for one that it has not."""
    return {name: body.get(name) for name in names}


def ranges(numbers: set[int]) -> list[list[int]]:
    """Return inclusive ranges that hold exactly these numbers."""
    out: list[list[int]] = []
    for number in sorted(numbers):
        if out and out[-1][1] == number - 1:
            out[-1][1] = number
        else:
            out.append([number, number])
    return out


def hashed(payload: bytes) -> str:
    """Return the hash of an entry's bytes, as the contract has it."""
    return hashlib.sha256(payload).hexdigest()[:32]


def age(entry: dict[str, Any]) -> tuple[int, int]:
    """Return what is higher for the newer of two entries of a gateway."""
    return entry.get("generation", 0), entry["number"]


@dataclass
class Home:
    """What the desk has recorded of one gateway, and what has no receipt yet."""

    # (journal, number) -> which entry it is, by its hash
    seen: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    newest: dict[str, Any] | None = None  # of these the one with the highest (generation, number)
    # the one under whose number other bytes have come: said once
    other: dict[str, Any] | None = None
    batches: set[tuple[str, int]] = field(default_factory=set)
    # id -> the newest word about it
    alarms: dict[str, dict[str, Any]] = field(default_factory=dict)
    # id -> how often it was called for: one line with a count, not many lines
    calls: dict[str, int] = field(default_factory=dict)
    # journal -> numbers for the next receipt
    due: dict[str, set[int]] = field(default_factory=dict)
    due_batches: dict[str, set[int]] = field(default_factory=dict)
    journal: str = ""
    counts: bool = False  # its software counts generations, and takes a head in a receipt


class Desk:
    """One desk on one connection at a time; what it has recorded outlives a connection."""

    def __init__(
        self,
        seat: str = "call desk, seat 1",
        responders: Sequence[str] = ("grid worker", "care station"),
    ) -> None:
        self.seat = seat
        self.responders = responders
        self.pace = Pace()
        self.homes: dict[str, Home] = {}
        self.results: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.answering: dict[str, asyncio.Task[None]] = {}
        self.client: aiomqtt.Client | None = None
        self.due = asyncio.Event()

    async def run(self, host: str, port: int, *, deaf: bool) -> None:
        """Listen for ever; a lost connection is made anew."""
        receipts = asyncio.create_task(self.receipts())
        try:
            while True:
                try:
                    async with aiomqtt.Client(
                        host, port, identifier="demo-desk", timeout=5
                    ) as client:
                        self.client = client
                        if not deaf:
                            await client.subscribe(
                                [(f"{ROOT}/+/{name}", 1) for name in (*ENTRIES, *OTHERS)]
                            )
                        say("listens", deaf=deaf)
                        async for message in client.messages:
                            self.take(str(message.topic).rsplit("/", 1)[-1], message.payload)
                except aiomqtt.MqttError as error:
                    say("lost", why=str(error))
                    await asyncio.sleep(self.pace.again)
        finally:
            receipts.cancel()

    # -- hearing -----------------------------------------------------------------------------------

    def take(self, name: str, payload: Any) -> None:
        """Record one message. What is recorded gets its receipt, also when it comes again."""
        try:
            body = json.loads(payload)
            home = self.homes.setdefault(body["gateway"], Home())
            if name in ENTRIES:
                self.entry(name, body, home, hashed(payload))
            elif name == "readings":
                key = (body["history"], body["batch"])
                again, readings = key in home.batches, len(body["readings"])
                say("received", name=name, batch=body["batch"], readings=readings, again=again)
                home.batches.add(key)
                home.due_batches.setdefault(body["history"], set()).add(body["batch"])
            elif name == "home":
                alarms = [one["alarm"] for one in body["alarms"]]
                here = some(body, "gateway", "household")
                say("home", **here, devices=len(body["devices"]), alarms=alarms)
            elif name == "status":
                say("status", **some(body, "gateway", "online", "reason"))
        except (ValueError, KeyError, TypeError) as error:
            say("refused", name=name, why=f"{type(error).__name__} {error}")
            return
        self.due.set()

    def entry(self, name: str, body: dict[str, Any], home: Home, found: str) -> None:
        """Record one numbered line of a journal; act on it if it is news."""
        key = (body["journal"], body["number"])
        here = {"generation": 0, **body, "hash": found}
        here = some(here, "journal", "generation", "number", "hash")
        home.counts |= "generation" in body
        known = home.seen.get(key)
        again = known == here
        if known is not None and not again:  # no repeat: somebody else has given this number too
            home.other = known
            note = "same number, other content: no receipt"
            say("conflict", name=name, **some(body, "number", "id"), note=note)
            return
        more = ("alarm", "state", "move") if name == "alarm" else ()
        say("received", name=name, **some(body, "number", "id", "kind", *more), again=again)
        home.due.setdefault(body["journal"], set()).add(body["number"])
        home.journal = body["journal"]
        if again:
            return
        home.seen[key] = here
        home.newest = max(home.newest or here, here, key=age)
        if name == "alarm":
            newest = home.alarms.get(body["alarm"])
            if newest is None or age(newest) < age(body):
                home.alarms[body["alarm"]] = body
                self.count(body, home)
                self.look(body, home)
        elif name == "fault" and body["turn"] != "cleared":
            what = some({"priority": 3, "device": "", **body}, "kind", "priority", "device")
            fault_class = body.get("fault_class") or "now"
            note = CLASSES.get(fault_class, CLASSES["now"])
            say("recorded", **what, fault_class=fault_class, note=note)
        elif name == "result":
            waiting = self.results.get(body["instruction"])
            if waiting is not None and not waiting.done():
                waiting.set_result(body)

    def count(self, alarm: dict[str, Any], home: Home) -> None:
        """Count the calls of an alarm that nobody has.

        Its line on the desk says how many, and no further line begins.
        """
        name, calls = alarm["alarm"], alarm.get("calls_made") or len(alarm["calls"])
        if alarm["state"] in ("closed", "cancelled"):
            home.calls.pop(name, None)
        elif calls > home.calls.get(name, 0):
            if name in home.calls:
                line = some(alarm, "alarm", "kind")
                say("line", **line, calls=calls, note="one line, called again")
            home.calls[name] = calls

    def look(self, alarm: dict[str, Any], home: Home) -> None:
        """Take an alarm that nobody has: one person for one alarm."""
        name = alarm["alarm"]
        busy = name in self.answering and not self.answering[name].done()
        if (
            alarm["state"] == "raised"
            and not busy
            and (alarm["priority"] <= URGENT or alarm["test"])
        ):
            self.answering[name] = asyncio.create_task(self.answer(name, home))

    # -- speaking ----------------------------------------------------------------------------------

    async def receipts(self) -> None:
        """Say what is recorded, in ranges."""
        while True:
            await self.due.wait()
            await asyncio.sleep(self.pace.gathers)
            self.due.clear()
            for gateway, home in self.homes.items():
                if not home.due and not home.due_batches and not home.other:
                    continue
                entries, batches = dict(home.due), dict(home.due_batches)
                home.due.clear()
                home.due_batches.clear()
                head, home.other = home.other or home.newest, None
                for journal in entries or {home.journal or "none": set()}:
                    body: dict[str, Any] = {"v": 1, "gateway": gateway, "journal": journal}
                    # earlier software would refuse the whole receipt for it
                    if head and home.counts:
                        body["head"] = head
                    if journal in entries:
                        body["entries"] = ranges(entries[journal])
                    for history in list(batches)[:1]:
                        body |= {"history": history, "batches": ranges(batches.pop(history))}
                    if await self.publish(gateway, "receipt", body):
                        say("receipt", **some(body, "entries", "batches"))

    async def publish(self, gateway: str, name: str, body: dict[str, Any]) -> bool:
        """Send one message; say whether the broker has it."""
        if self.client is None:
            return False
        try:
            await self.client.publish(
                f"{ROOT}/{gateway}/{name}", json.dumps(body, ensure_ascii=False).encode(), qos=1
            )
        except aiomqtt.MqttError as error:
            say("lost", why=str(error))
            return False
        return True

    async def instruct(self, alarm: dict[str, Any], do: str, **fields: Any) -> bool:
        """Send one instruction until its result comes, each time with the same id.

        Return whether it was accepted.
        """
        # No `issued`: a young alarm needs none, and the recorded day has another clock than ours.
        name = f"desk-{secrets.token_hex(6)}"
        body = {
            "v": 1,
            "gateway": alarm["gateway"],
            "id": name,
            "do": do,
            "by": self.seat,
            "alarm": alarm["alarm"],
            **fields,
        }
        self.results[name] = waiting = asyncio.get_running_loop().create_future()
        sent = some(body, "id", "alarm")
        say("instruct", do=do, **sent, **fields)
        try:
            for attempt in itertools.count(1):
                await self.publish(alarm["gateway"], "instruction", body)
                with contextlib.suppress(TimeoutError):
                    result = await asyncio.wait_for(asyncio.shield(waiting), self.pace.result)
                    came = some(result, "do", "accepted")
                    say("result", **sent, **came, why=result["en"], attempt=attempt)
                    return bool(result["accepted"])
        finally:
            del self.results[name]
        return False

    async def answer(self, name: str, home: Home) -> None:
        """Deal with one alarm as a person would, from answering to closing.

        Where a step is refused the next one may still be right.
        """
        alarm = home.alarms[name]
        who, outcome = PLANS.get(alarm["kind"], OTHERWISE)
        responder = self.responders[min(who, len(self.responders) - 1)]
        await asyncio.sleep(self.pace.thinks)
        if home.alarms[name]["state"] != "raised":  # told late: somebody else has it
            return
        await self.instruct(alarm, "acknowledge")
        if alarm["test"]:  # a drill is answered, never dispatched
            await asyncio.sleep(self.pace.decides)
            await self.instruct(alarm, "close", outcome="test")
            return
        await asyncio.sleep(self.pace.decides)
        await self.instruct(alarm, "dispatch", responder=responder, seconds=self.pace.expected)
        await asyncio.sleep(self.pace.travels)
        await self.instruct(alarm, "arrive")
        await asyncio.sleep(self.pace.helps)
        await self.instruct(alarm, "close", outcome=outcome)


async def main() -> None:
    """Run until told to stop or standard input ends."""
    parser = argparse.ArgumentParser(description="A small call desk for the demonstration")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--deaf",
        action="store_true",
        help="hear nothing: to see what the gateway does without a platform",
    )
    parser.add_argument("--seat", default="call desk, seat 1", help="who gives the instructions")
    parser.add_argument(
        "--responders",
        nargs="+",
        default=["grid worker", "care station"],
        help="who is sent to a call for help, and who to a fall",
    )
    args = parser.parse_args()
    desk = Desk(args.seat, args.responders)
    work = asyncio.create_task(desk.run(args.host, args.port, deaf=args.deaf))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)

    def starter_is_gone() -> None:
        if not os.read(0, 1024):
            loop.remove_reader(0)
            work.cancel()

    with contextlib.suppress(OSError):  # /dev/null cannot be watched
        loop.add_reader(0, starter_is_gone)
    with contextlib.suppress(asyncio.CancelledError):
        await work


if __name__ == "__main__":
    asyncio.run(main())
