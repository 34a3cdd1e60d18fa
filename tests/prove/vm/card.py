"""The memory card under the real kernel: database deleted under the gateway, card full, read-only, slow, failing."""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Callable
from pathlib import Path

from tests.prove.table import Row
from tests.prove.vm.holds import call_for_help, close_all, fresh, where_there_is_a_machine, whole
from tests.prove.vm.units import restarts
from tests.vm.home import DAEMON, STATE, House

# As a kernel does it that has found errors; an ordinary remount is refused while files are open.
READ_ONLY = f"echo u > /proc/sysrq-trigger; for n in $(seq 100); do grep -q ' {STATE} ext4 ro' /proc/mounts && break; sleep 0.2; done"

PATIENCE = 45.0  # s for a press on a card that answers late or not at all: its turn may stand behind another one


def told_of_disk(house: House, turn: str, after: int) -> None:
    house.desk.wait(lambda m: m.get("kind") == "gateway.storage_degraded" and m.get("turn") == turn, 120, after=after)


def _alone(short: bool, folder: Path, what: Callable[[House], tuple[str, float, str]]) -> list[Row]:
    """Do this to a home with a small card and a card of its own."""
    if short:
        return []
    with House(folder, megabytes=64) as house:
        house.start()
        call_for_help(house, 60)
        done, worst, note = what(house)
    return [Row(promises=(1, 2, 5, 8), done=done, times=1, worst=worst, worst_of="until a press is told", note=note)]


@where_there_is_a_machine
def card_deleted(short: bool, folder: Path, seed: int) -> list[Row]:
    """the database is deleted under the gateway, which is then restarted (deep run)"""

    def deleted(house: House) -> tuple[str, float, str]:
        house.machine.sh(f"rm {STATE}/gateway.db*")
        took = call_for_help(house, 120)
        fresh(house)  # it looks after its files every two seconds
        house.machine.sh(f"systemctl restart {DAEMON}")
        house.hears()
        call_for_help(house, 60)
        whole(house)
        return "database deleted under it, then restarted", took, ""

    return _alone(short, folder, deleted)


@where_there_is_a_machine
def card_full(short: bool, folder: Path, seed: int) -> list[Row]:
    """the card is full to the last byte (deep run)"""
    fill, free = (
        f"dd if=/dev/zero of={STATE}/filler bs=64k 2>/dev/null; dd if=/dev/zero of={STATE}/filler2 bs=512 2>/dev/null",
        f"rm {STATE}/filler*",
    )
    return _alone(short, folder, lambda house: gone_and_back(house, "card full", fill, free))


@where_there_is_a_machine
def card_read_only(short: bool, folder: Path, seed: int) -> list[Row]:
    """the kernel remounts the card read-only (deep run)"""
    again = f"mount -o remount,rw / && mount -o remount,rw {STATE}"
    return _alone(short, folder, lambda house: gone_and_back(house, "card remounted read-only", READ_ONLY, again))


@where_there_is_a_machine
def card_slow(short: bool, folder: Path, seed: int) -> list[Row]:
    """every fsync takes three seconds (deep run)"""
    return _alone(short, folder, lambda house: stalls(house, 3.0))


@where_there_is_a_machine
def card_stalls(short: bool, folder: Path, seed: int) -> list[Row]:
    """every fsync takes twenty seconds, longer than the watchdog waits for a store that answers (deep run)"""
    return _alone(short, folder, lambda house: stalls(house, 20.0))


@where_there_is_a_machine
def card_eio(short: bool, folder: Path, seed: int) -> list[Row]:
    """every fsync answers EIO, then the power is cut (deep run)"""
    return _alone(short, folder, lambda house: broken(house, random.Random(seed)))


def gone_and_back(house: House, what: str, fail: str, mend: str) -> tuple[str, float, str]:
    """Let the card take nothing, restart the daemon meanwhile, let the card take writes again."""
    close_all(house)
    heard, sounded = len(house.desk.messages), len(house.siren.sounded)
    house.machine.run(fail)
    took = call_for_help(house, 120)
    house.until(lambda: len(house.siren.sounded) > sounded)
    told_of_disk(house, "raised", heard)
    house.machine.sh(f"systemctl restart {DAEMON}")
    house.hears()
    assert fresh(house)["alarms"], "an open alarm is forgotten by a restart while the card fails"
    house.machine.sh(mend)
    close_all(house)
    began = time.monotonic()
    house.until(lambda: not house.status()["degraded"], 240, every=1.0)
    took_up = time.monotonic() - began
    told_of_disk(house, "cleared", heard)
    house.hears()
    call_for_help(house, 60)
    whole(house)
    return what, took, f"on the card again {took_up:.0f} s after all was done"


def stalls(house: House, seconds: float) -> tuple[str, float, str]:
    """Let each fsync take so long, for a minute and more: presses sound and are told, nobody restarts anything, and the card is taken again."""
    close_all(house)
    before, sounded = restarts(house), len(house.siren.sounded)
    house.card.slow = seconds
    took = call_for_help(house, PATIENCE)
    house.until(lambda: len(house.siren.sounded) > sounded, 10)
    end = time.monotonic() + 75
    while time.monotonic() < end:  # a failed card is tried again after a minute
        took = max(took, call_for_help(house, PATIENCE))
        time.sleep(5)
    assert restarts(house) == before
    was = fresh(house)["degraded"]
    house.card.slow = 0.0
    close_all(house)
    house.until(lambda: not fresh(house)["degraded"], 240, every=1.0)
    house.hears()
    call_for_help(house, 60)
    whole(house)
    return f"each fsync takes {seconds:g} s", took, "in memory meanwhile, then on the card again" if was else "on the card all the time"


def broken(house: House, dice: random.Random) -> tuple[str, float, str]:
    close_all(house)
    heard, sounded = len(house.desk.messages), len(house.siren.sounded)
    house.card.broken["flush"] = errno.EIO
    took = call_for_help(house, 120)
    house.until(lambda: len(house.siren.sounded) > sounded)
    told_of_disk(house, "raised", heard)
    house.machine.sh(f"systemctl restart {DAEMON}")
    house.hears()
    assert fresh(house)["alarms"], "an open alarm is forgotten by a restart while the card fails"
    close_all(house)
    house.card.broken.clear()
    house.cut(dice)
    house.boot()
    house.hears()
    call_for_help(house, 60)
    whole(house)
    return "EIO on every fsync, then a power cut", took, ""


PROOFS = [card_deleted, card_full, card_read_only, card_slow, card_stalls, card_eio]
