"""A home with a fall radar and a desk that answers, for proofs that want an alarm in a certain state; and what must hold afterwards.

async with Alarmed(folder, 3, broker, bluez) as home:
    alarm = await home.bring("dispatched")
    ...                                         # something cruel
    await home.finish(alarm)                    # by moves that are allowed in the state it should be in, and no other
    seen = await home.audit()                   # over all journals that the platform has heard of
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.judge.alarm import MOVES, State
from gateway.words import kind

from tests.kit import household
from tests.kit.brokers import ENTRIES
from tests.kit.fake_bluez import Child
from tests.kit.household import KEY, Sealed, radar
from tests.kit.radar_emulator import Radar
from tests.prove.home import PRESSES, QUICK, Home, soon, until

STATES = ("pre_alarm", "raised", "acknowledged", "dispatched", "on_site")
NEXT = {  # what the desk does with an alarm in a state, on the way to its end
    "raised": ("acknowledge", {}),
    "acknowledged": ("dispatch", {"responder": "Li", "seconds": 600.0}),
    "dispatched": ("arrive", {}),
    "on_site": ("close", {"outcome": "helped"}),
}
ENDS = ("closed", "cancelled")
PATIENCE = 120.0  # s for what must come sooner or later, on the busiest machine
household.READY_WAIT = PATIENCE
MOVED = {str(move) for moves in MOVES.values() for move in moves}


@dataclass(frozen=True)
class Seen:
    """What an audit found."""

    entries: int
    lost: int
    doubled: int
    repeats: int
    journals: int


class Alarmed(Home):
    """A Home with a radar, a pendant, "button0", and "button1" that cancels."""

    def __init__(self, folder: Path, n: int, broker: Any, bus: Child, *, devices: str = "", times: str = "", **more: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.room = Radar(folder / f"usb-radar-{n}")
        cancel = f"A4:C1:38:{n:02X}:0A:00"
        devices += radar(self.room.port)
        devices += (
            f'\n[[device]]\nid = "cancel"\nmodel = "shelly-blu-button"\nroom = "bath"\naddress = "{cancel}"\nbuttons = {{ 1 = "cancel" }}\n'
        )
        self._cancel = Sealed(cancel)
        more.setdefault("secrets", f'[keys]\ncancel = "{KEY}"\n')
        # the desk is slow on a busy machine: nothing here escalates by itself
        calm = QUICK.replace("acknowledge_p1 = 20", "acknowledge_p1 = 300") + "grace_fall = 60\n"
        super().__init__(folder, n, broker, bus, devices=devices, buttons=1, times=calm + times, **more)

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            await super().__aexit__(kind, *rest)
        finally:
            self.room.close()

    async def hears(self, seconds: float = PATIENCE) -> None:
        await super().hears(seconds)

    async def kill(self) -> None:
        await asyncio.to_thread(self.gateway.kill)

    async def fresh(self) -> None:
        """Wait for a status that was gathered from now on: the file is up to two seconds old."""
        path = self.gateway.runtime / "status.json"
        for _ in range(2):  # the first may have been on its way
            before = path.stat().st_mtime_ns
            await until(lambda before=before: path.stat().st_mtime_ns != before, PATIENCE)

    # -- states

    async def bring(self, state: str) -> str:
        """Open an alarm, bring it to a state, and return its id."""
        after = len(self.platform.heard)
        if state == "pre_alarm":
            self.room.fall(False)
            self.room.fall()
            opened = await self.platform.wait(lambda m: m.get("kind") == kind.FALL and m["state"] == "pre_alarm", PATIENCE, after=after)
            return str(opened["alarm"])
        await self.heard_of("pendant")
        opened = await self.platform.wait(lambda m: m.get("device") == "pendant" and m.get("move") == "raise", PATIENCE, after=after)
        alarm = str(opened["alarm"])
        for reached, (do, more) in NEXT.items():
            if reached == state:
                break
            order = await self.platform.instruct(do, alarm=alarm, **more)
            result = await self.platform.result(order, PATIENCE)
            assert result["accepted"], result
        return alarm

    async def next_move(self, alarm: str, state: str) -> None:
        """Let the desk say the next thing, and wait for nothing."""
        if state in NEXT:
            do, more = NEXT[state]
            await self.platform.instruct(do, alarm=alarm, **more)

    async def finish(self, alarm: str) -> None:
        """Bring an alarm to its end by allowed moves; each must be accepted where nobody else moved it meanwhile."""
        limit = time.monotonic() + PATIENCE
        while (state := self.state(alarm)) not in ENDS:
            assert time.monotonic() < limit, (alarm, state)
            if state == "pre_alarm":
                self.gateway.air(self._cancel.address, self._cancel.press())
            else:
                do, more = NEXT[state]
                order = await self.platform.instruct(do, alarm=alarm, **more)
                try:
                    result = await asyncio.wait_for(self.platform.result(order, PATIENCE), 30)
                except TimeoutError:
                    continue  # the gateway ended just then: a platform that has no answer asks again
                assert result["accepted"] or result["state"] != state or self.state(alarm) != state, result
            await soon(lambda before=state: self.state(alarm) != before, 5)
        self.room.fall(False)

    async def finish_all(self) -> None:
        """Bring every open alarm to its end."""
        for alarm in dict.fromkeys(m["alarm"] for m in self.platform.messages if m.get("type") == "alarm"):
            await self.finish(alarm)

    def state(self, alarm: str) -> str:
        """Return the state of an alarm as the platform knows it."""
        found = [m for m in self.platform.messages if m.get("alarm") == alarm and m["type"] == "alarm"]
        return str(max(found, key=lambda m: (m["at"]["mono"], m["number"]))["state"])

    def kept(self, alarm: str) -> str:
        """Return the state of an alarm as the journal on disk has it; also of a gateway that was killed."""
        rows = self.gateway.rows("SELECT body FROM journal WHERE name = 'alarm' ORDER BY number DESC")
        return str(next(m["state"] for m in (json.loads(body) for (body,) in rows) if m["alarm"] == alarm))

    # -- presses: in a journal of its own the same press may be written down again, under the same alarm and count

    def known(self, device: str) -> int:
        """Return of how many presses of a device the platform knows, be it only by the count of their alarm."""
        counts: dict[tuple[str, str, float], int] = {}
        for m in self.platform.messages:
            if m.get("type") == "alarm" and m["device"] == device:
                counts[began(m)] = max(counts.get(began(m), 0), m["count"])
        return sum(counts.values())

    async def heard_of(self, device: str) -> float:
        """Press a button, in the air until the platform has it, and return the seconds that took."""
        before = len(self.arrivals(device))
        began = time.monotonic()
        self.pressed.setdefault(device, []).append(began)
        address = self.address(device)
        data = self.gateway.press(address)
        while len(self.arrivals(device)) <= before:
            await soon(lambda: len(self.arrivals(device)) > before, 0.5)
            assert time.monotonic() < began + PATIENCE, self.gateway.log()[-3000:]
            self.gateway.air(address, data)
        return self.arrivals(device)[before] - began

    def arrivals(self, device: str) -> list[float]:
        first: dict[tuple[str, str, float, int], float] = {}
        for h in self.platform.heard:
            if h.name == "alarm" and h.body["device"] == device and h.body["move"] in PRESSES:
                first.setdefault((*began(h.body), h.body["count"]), h.at)
        return sorted(first.values())

    def ids(self) -> set[str]:
        """Return the ids of all entries that the platform has heard."""
        return {m["id"] for m in self.platform.messages if "number" in m}

    # -- the end

    async def settled(self) -> None:
        """Wait until the platform's receipts cover all that was written down."""
        await self.fresh()
        await until(lambda: not self.gateway.status()["waiting"], PATIENCE, lambda: f"{self.gateway.status()['waiting']} wait")

    async def audit(self, *, damaged: bool = False) -> Seen:
        """Wait until all is receipted, then hold everything the platform ever heard against what must be.

        Of a `damaged` database not everything can be read again: an alarm may stand in an earlier state, never in none, and a press that
        a receiver still holds may count once more.
        """
        await self.settled()
        heard = [h.body for h in self.platform.heard if h.name in ENTRIES and "number" in h.body]
        first: dict[str, dict[str, Any]] = {}
        doubled = repeats = 0
        for m in heard:
            if m["id"] in first:
                repeats += 1
                doubled += first[m["id"]] != m
            first.setdefault(m["id"], m)
        journals: dict[str, dict[int, dict[str, Any]]] = {}
        for m in first.values():
            journals.setdefault(m["journal"], {})[m["number"]] = m
        lost = sum(max(numbers) - len(numbers) for numbers in journals.values())
        for device, at in self.pressed.items():
            surplus = len(self.arrivals(device)) - len(at)
            lost, doubled = lost + max(0, -surplus), doubled + (0 if damaged else max(0, surplus))
        orders = [m["instruction"] for m in first.values() if m["type"] == "result" and m["refused"] != "bad_message"]
        doubled += len(orders) - len(set(orders))
        repeats += _lives(journals, damaged=damaged)
        return Seen(len(first), lost, doubled, repeats, len(journals))


def began(m: dict[str, Any]) -> tuple[str, str, float]:
    """Return by what an alarm is known whatever it is called: a commit that failed at its last step leaves its name behind."""
    return m["kind"], m["device"], m["stages"]["danger"]["mono"]


def _lives(journals: dict[str, dict[int, dict[str, Any]]], *, damaged: bool) -> int:
    """Follow each alarm over all journals: allowed moves only, and an end has outcome, name and time.

    Returns how many entries of a `damaged` database were told under another number too, recognisable by danger, move and time; of one that
    is whole none is, also where the disk failed at the last step of a commit and shows later that it had taken it all the same.
    """
    line = []
    told: dict[tuple[object, ...], str] = {}
    again = 0
    for numbers in journals.values():
        at = 0.0
        for number in sorted(numbers):
            at = max(at, numbers[number]["at"]["mono"])  # within one journal the number says the order
            line.append((at, number, numbers[number]))
    state: dict[tuple[str, str, float], str] = {}
    where: dict[tuple[str, str, float], str] = {}
    for _, _, m in sorted(line, key=lambda row: row[:2]):
        if m["type"] != "alarm":
            continue
        known, move = state.get(began(m)), m["move"]
        same = told.setdefault((began(m), move, m["before"], m["count"], m["at"]["mono"]), m["journal"])
        if same != m["journal"]:
            assert damaged, f"{m['id']} is told under a number of {same} too"
            again += 1
            continue
        if damaged and m["journal"] != where.get(began(m)) and (known is not None or move == "restored"):
            known = m["before"]  # of an alarm of which no entry can be read again it is not known either when it began
        where[began(m)] = m["journal"]
        assert m["before"] == known, (m["journal"], m["number"], move, m["before"], known)
        if move in MOVED:
            assert MOVES[State(known)][move] == m["state"], m
        elif move not in {"raise", "danger"}:
            assert m["state"] == known, m
        state[began(m)] = m["state"]
        assert not m["test"] or m["kind"] == kind.TEST
        if m["state"] == "closed":
            assert m["outcome"], m
        if m["state"] in ENDS:
            assert m["state_by"].strip(), m
            assert m["state"] in m["stages"], m
    return again
