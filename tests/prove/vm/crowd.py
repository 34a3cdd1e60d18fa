"""More than a radio, its bluetoothd or the waiting room can take: a crowd of strangers, a sensor that babbles, a button gone mad."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.prove.table import Row
from tests.prove.vm.holds import call_for_help, fresh, where_there_is_a_machine, whole
from tests.prove.vm.units import restarts
from tests.vm.home import DAEMON, House

SENSOR, MAD = "A4:C1:38:00:00:10", "A4:C1:38:00:00:11"
DEVICES = f"""
[[device]]
id = "thermometer"
model = "bthome-v2"
room = "hall"
address = "{SENSOR}"

[[device]]
id = "mad"
model = "shelly-blu-button"
room = "kitchen"
address = "{MAD}"
buttons = {{ 1 = "nothing" }}
"""


@contextlib.contextmanager
def noise(load: Callable[[threading.Event], int]) -> Iterator[list[int]]:
    """Let this load lie on the air; afterwards the list holds how many advertisements were offered."""
    stop = threading.Event()
    offered: list[int] = []
    making = threading.Thread(target=lambda: offered.append(load(stop)), name="noise", daemon=True)
    making.start()
    try:
        yield offered
    finally:
        stop.set()
        making.join()


def _loud(short: bool, folder: Path, what: str, load: str) -> list[Row]:
    if short:
        return []
    with House(folder, lines=DEVICES) as house:
        house.start()
        before = fresh(house)["radio"][0]["adverts"]
        began = time.monotonic()
        with noise(getattr(house.air, load)) as offered:
            time.sleep(5)
            waits = [call_for_help(house, 120) for _ in range(5)]
        span = time.monotonic() - began
        house.until(lambda: house.status()["radio"][0]["silent_s"] > 1, 120, every=1.0)
        heard = house.status()["radio"][0]["adverts"] - before
        assert not restarts(house)
        whole(house)
    note = f"{offered[0] / span:.0f}/s offered, {heard / span:.0f}/s came through kernel and bluetoothd"
    return [Row(promises=(4, 10), done=what, times=len(waits), worst=max(waits), worst_of="until a press is told", note=note)]


@where_there_is_a_machine
def crowd_of_strangers(short: bool, folder: Path, seed: int) -> list[Row]:
    """5,000 advertisements a second of strangers through the real bluetoothd; presses are heard (deep run)"""
    return _loud(short, folder, "5,000 adverts/s of strangers", "strangers")


@where_there_is_a_machine
def crowd_of_one(short: bool, folder: Path, seed: int) -> list[Row]:
    """2,000 temperatures a second of one sensor of the home; presses are heard (deep run)"""
    return _loud(short, folder, "2,000 adverts/s of a sensor of the home", "babble")


@where_there_is_a_machine
def waiting_room_full(short: bool, folder: Path, seed: int) -> list[Row]:
    """a button goes mad on a slow card until the waiting room is full; then the thread that writes hangs too (deep run)"""
    if short:
        return []
    rows = []
    with House(folder, lines=DEVICES, hooks=True) as house:
        house.start()
        call_for_help(house, 60)
        with noise(house.air.presses):
            house.card.slow = 2.0
            began, heard = time.monotonic(), len(house.desk.messages)
            told = call_for_help(house, 120)
            said = house.desk.wait(lambda m: m.get("kind") == "gateway.readings_forgotten", 150, after=heard)
            noticed = time.monotonic() - began - house.machine.stolen(began, time.monotonic())
            house.card.slow = 0.0
            again = call_for_help(house, 120)
            assert not restarts(house)
            note = f"noticed after {noticed:.0f} s: {said['detail']['readings']} readings forgotten, no press"
            rows.append(
                Row(
                    promises=(1, 4, 10),
                    done="waiting room full: mad button, 2 s per fsync",
                    times=1,
                    worst=max(told, again),
                    worst_of="until a press is told",
                    note=note,
                )
            )
            began = time.monotonic()
            house.machine.sh(f"systemctl kill -s USR2 --kill-whom=main {DAEMON}")
            house.until(lambda: restarts(house), 120, every=0.5)
            call_for_help(house, 120)
            now = time.monotonic()
            took = now - began - house.machine.stolen(began, now)
            rows.append(
                Row(promises=(9, 10), done="waiting room full, and the store hangs", times=1, worst=took, worst_of="until a press is told")
            )
        whole(house)
    return rows


PROOFS = [crowd_of_strangers, crowd_of_one, waiting_room_full]
