"""The radio fails without a word: it hears nobody, empty packets only, or its controller answers nothing any more."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.prove.table import Row
from tests.prove.vm.holds import call_for_help, close_all, where_there_is_a_machine, whole
from tests.vm.home import House

DEAF = 120.0  # s of silence from which it is said
LATE = 20.0  # s later at most: a look every five, and an emulated machine


@contextlib.contextmanager
def neighbours(house: House) -> Iterator[None]:
    """Let phones and the home's own pendant advertise ten times a second; what the radio makes of it is its own."""
    over = threading.Event()

    def pass_by() -> None:
        n = 0
        while not over.wait(0.1):
            n += 1
            house.air.advertise(f"5A:00:00:00:00:{n % 16:02X}", b"\x02\x01\x1a\x03\xff\x4c\x00", rssi=-60 - n % 30, random_address=True)
            house.press_again()

    walking = threading.Thread(target=pass_by, name="neighbours", daemon=True)
    walking.start()
    try:
        yield
    finally:
        over.set()
        walking.join()


def deaf(house: House, what: str, wrong: str, *, pulled: bool = False) -> Row:
    """Let the radio be `wrong`: it is said, the line alarms meanwhile, and it hears again; `pulled`: once it is put in again."""
    close_all(house)
    call_for_help(house, 60)
    close_all(house)
    heard, restarted = len(house.desk.messages), house.status()["radio"][0]["restarts"]
    began = time.monotonic()
    with neighbours(house):
        setattr(house.air, wrong, True)
        house.desk.wait(lambda m: m.get("kind") == "gateway.radio_deaf" and m.get("turn") == "raised", DEAF + 120, after=heard)
        now = time.monotonic()
    said = now - began
    assert said > DEAF - 5, f"deaf for {said:.0f} s when it was said"
    assert said - house.machine.stolen(began, now) < DEAF + LATE, f"deaf for {said:.0f} s when it was said"
    tried = house.status()["radio"][0]
    assert tried["restarts"] > restarted or tried["trouble"], f"nothing was tried: {tried}"
    house.radar.fall()
    fell = time.monotonic()
    house.desk.wait(lambda m: m.get("kind") == "person.fall", 30, after=heard)
    fell = time.monotonic() - fell
    house.radar.fall(False)
    if pulled:
        house.machine.sh("systemctl stop vm-radio")
    setattr(house.air, wrong, False)
    if pulled:
        house.machine.sh("systemctl start vm-radio")
    began = time.monotonic()
    call_for_help(house, 300)
    now = time.monotonic()
    again = now - began - house.machine.stolen(began, now)
    house.desk.wait(lambda m: m.get("kind") == "gateway.radio_deaf" and m.get("turn") == "cleared", 60, after=heard)
    whole(house)
    note = f"said after {said:.0f} s of {DEAF:.0f}; a fall on the wire meanwhile told in {fell:.1f} s"
    return Row(promises=(1, 8, 10), done=what, times=1, worst=again, worst_of="mended until a press is told", note=note)


def _alone(what: str, wrong: str, short: bool, folder: Path, *, pulled: bool = False) -> list[Row]:
    if short:
        return []
    with House(folder) as house:
        house.start()
        return [deaf(house, what, wrong, pulled=pulled)]


@where_there_is_a_machine
def radio_silent(short: bool, folder: Path, seed: int) -> list[Row]:
    """the adapter scans and nothing arrives (deep run)"""
    return _alone("radio deaf: scans, and nothing arrives", "silent", short, folder)


@where_there_is_a_machine
def radio_empty(short: bool, folder: Path, seed: int) -> list[Row]:
    """every advertisement arrives without its data (deep run)"""
    return _alone("radio deaf: advertisements without data", "empty", short, folder)


@where_there_is_a_machine
def radio_dead(short: bool, folder: Path, seed: int) -> list[Row]:
    """the controller answers no command any more, and comes to by itself (deep run)"""
    return _alone("controller dead, answers again by itself", "dead", short, folder)


@where_there_is_a_machine
def radio_dead_until_pulled(short: bool, folder: Path, seed: int) -> list[Row]:
    """the controller answers no command any more until it is pulled out and put in again (deep run)"""
    return _alone("controller dead until it is put in again", "dead", short, folder, pulled=True)


PROOFS = [radio_silent, radio_empty, radio_dead, radio_dead_until_pulled]
