"""The machine's own clock: stepped by a day, wrong by years at boot, put right late or never."""

from __future__ import annotations

import random
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.prove.table import Row
from tests.prove.vm.holds import CLOCK_IS_RIGHT, PRESSES, call_for_help, close_all, where_there_is_a_machine, whole
from tests.vm.home import House

CLOCK_IS_GOOD = {("gateway.clock_unsure", "cleared"), ("gateway.clock_set", "noted")}

DAY = 86400
GRACE = 15.0
ANSWERS: dict[str, tuple[tuple[str, dict[str, str]], ...]] = {  # how the desk brings a call for help to each state
    "raised": (),
    "acknowledged": (("acknowledge", {}),),
    "dispatched": (("acknowledge", {}), ("dispatch", {"responder": "Li"})),
    "on_site": (("dispatch", {"responder": "Li"}), ("arrive", {})),
}
WELL_BY = 10.0  # s by which an entry's time may differ once it is mended: the way of the press into the machine and back


def step(house: House, seconds: float) -> None:
    house.machine.python("import time; time.clock_settime(time.CLOCK_REALTIME, time.time() + step)", step=seconds)


def grace_under(house: House, seconds: float) -> float:
    """Step the clock within the grace of a fall; return by how many s the grace was longer than it is."""
    close_all(house)
    heard = len(house.desk.messages)
    house.radar.fall(False)
    began = time.monotonic()
    house.radar.fall()
    alarm = house.desk.wait(lambda m: m.get("kind") == "person.fall" and m.get("state") == "pre_alarm", 30, after=heard)["alarm"]
    step(house, seconds)
    house.desk.wait(lambda m: m.get("alarm") == alarm and m.get("state") == "raised", 60, after=heard)
    took = time.monotonic() - began
    assert took >= GRACE - 0.1, f"the grace of {GRACE:g} s was over after {took:.1f} s"
    return max(0.0, took - GRACE - house.machine.stolen(began, time.monotonic()))


def state_under(house: House, state: str, seconds: float) -> None:
    """Step the clock while a call for help stands in a state: nothing moves."""
    close_all(house)
    heard = len(house.desk.messages)
    call_for_help(house, 60)
    alarm = next(m["alarm"] for m in house.desk.messages[heard:] if m.get("move") == "raise")
    for do, more in ANSWERS[state]:
        house.desk.instruct(do, alarm=alarm, **more)
    house.desk.wait(lambda m: m.get("alarm") == alarm and m.get("state") == state, 30, after=heard)
    heard = len(house.desk.messages)
    step(house, seconds)
    call_for_help(house, 60)  # counted on it, and behind it all that the step could have moved
    moves = {m["move"]: m["state"] for m in house.desk.messages[heard:] if m.get("type") == "alarm" and m["alarm"] == alarm}
    assert "count" in moves
    assert set(moves.values()) == {state}, f"{state} became {moves} by a step of the clock"
    assert not {"lapse", "call"} & set(moves), "a day on the wall clock is no day of waiting"


@where_there_is_a_machine
def clock_stepped(short: bool, folder: Path, seed: int) -> list[Row]:
    """the machine's clock steps by a day, there and back, in every state of an alarm (deep run)"""
    if short:
        return []
    steps = (DAY, -DAY)
    # nobody's waiting is to end by itself meanwhile
    with House(folder, times=f"grace_fall = {GRACE:g}\nacknowledge_p1 = 300\ndispatch_p1 = 300") as house:
        house.start()
        worst = max(grace_under(house, seconds) for seconds in steps)
        whole(house)
        for state in ANSWERS:
            for seconds in steps:
                state_under(house, state, seconds)
        whole(house)
    return [
        Row(promises=(1, 6), done="clock stepped by a day within a grace", times=len(steps), worst=worst, worst_of="later than the grace"),
        Row(promises=(1, 6), done="clock stepped by a day in every other state", times=len(steps) * len(ANSWERS)),
    ]


@where_there_is_a_machine
def clock_at_boot(short: bool, folder: Path, seed: int) -> list[Row]:
    """the machine boots in 2000 and in 2037; no time server answers for long, then one does (deep run)"""
    if short:
        return []
    dice = random.Random(seed)
    return [_booted_in(year, good, folder / str(year), dice) for year, good in ((2000, "wrong"), (2037, "unsure"))]


def _booted_in(year: int, good: str, folder: Path, dice: random.Random) -> Row:
    with House(folder) as house:
        house.start()
        call_for_help(house, 60)
        house.cut(dice)
        house.machine.clock = f"{year}-06-01T00:00:00"
        house.boot()
        hears = house.hears()
        heard, pressed_at = len(house.desk.messages), time.time()
        call_for_help(house, 60)
        press = next(m for m in house.desk.messages[heard:] if m.get("move") in PRESSES)
        assert press["at"]["clock"] == good, press
        # systemd lets no clock begin before its own making, which is still long before ours
        assert abs(_wall(press) - pressed_at) > 30 * DAY, f"the machine's clock is right: {press['at']}"
        whole(house)
        house.machine.python("import time; time.clock_settime(time.CLOCK_REALTIME, now)", now=time.time())
        house.machine.python(CLOCK_IS_RIGHT)
        right = house.desk.wait(lambda m: (m.get("kind"), m.get("turn")) in CLOCK_IS_GOOD, 60, after=heard)
        assert right["at"]["clock"] == "synchronised", right
        assert right["at"]["boot"] == press["at"]["boot"]
        mended = _wall(right) - (right["at"]["mono"] - press["at"]["mono"])
        assert abs(mended - pressed_at) < WELL_BY, f"mended, the press was {mended - pressed_at:.1f} s from when it was"
        call_for_help(house, 60)
        assert next(m for m in reversed(house.desk.messages) if m.get("move") in PRESSES)["at"]["clock"] == "synchronised"
        whole(house)
    note = f"entries say {good}, {press['at']['wall'][:10]}; once a time server answers they are right by {abs(mended - pressed_at):.1f} s"
    return Row(
        promises=(1, 6, 9), done=f"boot in {year}, the time comes late", times=1, worst=hears, worst_of="unit started to hearing", note=note
    )


def _wall(message: dict[str, Any]) -> float:
    return datetime.fromisoformat(message["at"]["wall"]).timestamp()


PROOFS = [clock_stepped, clock_at_boot]
