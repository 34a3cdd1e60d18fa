"""What every proof in the machine asks of it: presses that are told, a journal that is whole; and how it is said that there is no machine."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from tests.prove.table import Row
from tests.vm.home import House
from tests.vm.machine import Missing

LONGEST = 600.0  # s for what must come sooner or later, on the busiest machine
OPEN = {"pre_alarm", "raised", "acknowledged", "dispatched", "on_site"}
PRESSES = {"raise", "count", "confirm"}
# what a time server's client tells the kernel: adjtimex(2) with ADJ_STATUS, ADJ_MAXERROR and ADJ_ESTERROR, all zero
CLOCK_IS_RIGHT = """
import ctypes, struct
said = ctypes.create_string_buffer(struct.pack("<I", 0x10 | 0x04 | 0x08), 512)
assert ctypes.CDLL(None).adjtimex(said) >= 0
"""


def where_there_is_a_machine(proof: Callable[..., Any]) -> Callable[..., Any]:
    """Let a proof say plainly that it could not be carried out, and fail only where CI is set."""

    @wraps(proof)
    def carried_out(short: bool, folder: Path, seed: int) -> Any:
        try:
            return proof(short, folder, seed)
        except Missing as why:
            if os.environ.get("CI"):
                raise
            print(why, flush=True)
            return Row(promises=(), done=f"NOT DONE: {why}"[:58], times=0, note="no virtual machine here; this fails where CI is set")

    return carried_out


def pressed(house: House, device: str = "pendant") -> int:
    """Return how many presses of a device the platform knows."""
    return len({(m["journal"], m["number"]) for m in house.desk.messages if m.get("device") == device and m.get("move") in PRESSES})


def call_for_help(house: House, limit: float) -> float:
    """Press once, and keep the press in the air until the platform has it. Return the seconds that took."""
    known = pressed(house)
    began = time.monotonic()
    house.press(1)
    while pressed(house) == known:
        assert time.monotonic() - began < max(limit, LONGEST), f"a press was not told: {house.log()[-3000:]}"
        time.sleep(0.1)
        house.press_again()
    return time.monotonic() - began


def fresh(house: House) -> dict[str, Any]:
    """Return a status that was written after this was asked: the file is written every two seconds, and outlives a restart."""
    asked = house.machine.python("import time; result = time.monotonic()")
    found: dict[str, Any] = house.until(lambda: (s := house.status())["mono"] > asked and s)
    return found


def close_all(house: House) -> None:
    """Let the desk end every open alarm."""
    for _ in range(3):
        for alarm in fresh(house)["alarms"]:
            if alarm["state"] == "dispatched":
                house.desk.instruct("arrive", alarm=alarm["alarm"])
            elif alarm["state"] != "pre_alarm":
                house.desk.instruct("close", alarm=alarm["alarm"], outcome="helped")
        with contextlib.suppress(AssertionError):
            house.until(lambda: not fresh(house)["alarms"], 40)
            return
    raise AssertionError(f"alarms stay open: {house.status()['alarms']}")


def whole(house: House) -> dict[int, dict[str, Any]]:
    """See that the journal is whole, holds every entry that was told and every alarm that sounded, and has each open alarm open. Return it."""
    mine = fresh(house)["journal"]  # a store that failed was stood in for by another, with a journal of its own
    told = house.desk.entries(mine)
    status = house.until(lambda: (s := house.status())["last"] >= max(told, default=0) and s)  # it is written every two seconds
    assert not status["degraded"], status["degraded"]
    assert house.rows("PRAGMA integrity_check") == [["ok"]]
    journal = house.journal()
    assert list(journal) == list(range(1, len(journal) + 1)), "numbers without gaps"
    for number, body in told.items():
        assert journal.get(number) == body, f"entry {number} was told as {body} and is {journal.get(number)}"
    known = {body["alarm"] for body in journal.values() if "alarm" in body}
    known |= {m["alarm"] for m in house.desk.messages if m.get("type") == "alarm" and m["journal"] != mine}
    began = {
        (m["alarm"], m["journal"], m["number"])
        for m in house.desk.messages
        if m.get("type") == "alarm" and m.get("move") in {"raise", "danger"}
    }
    names = [alarm for alarm, _, _ in began]
    assert len(names) == len(set(names)), f"one name for two alarms: {sorted(began)}"
    for _, words in house.siren.sounded:
        assert not words.startswith(f"{mine}-") or words.split()[0] in known, f"{words} sounded and is not known any more"
    last = {body["alarm"]: body["state"] for _, body in sorted(told.items()) if "state" in body}
    there = {alarm["alarm"] for alarm in status["alarms"]}
    newer = {body["alarm"]: body["state"] for _, body in sorted(journal.items()) if "state" in body}
    for alarm, state in last.items():
        assert state not in OPEN or alarm in there or newer[alarm] not in OPEN, f"{alarm} was {state} when it was told, and is forgotten"
    return journal
