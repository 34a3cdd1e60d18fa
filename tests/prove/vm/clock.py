"""The machine's own clock: stepped by a day, wrong by years at boot, put right late or never."""

from __future__ import annotations

import random
import time
from pathlib import Path

from tests.prove.table import Row
from tests.prove.vm.holds import PRESSES, call_for_help, close_all, where_there_is_a_machine, whole
from tests.vm.home import House


@where_there_is_a_machine
def clock_wrong(short: bool, folder: Path, seed: int) -> list[Row]:
    """the machine's clock: stepped by a day either way in a grace, wrong by years at boot, no time server ever (deep run)"""
    rows: list[Row] = []
    if short:
        return rows
    dice = random.Random(seed)
    with House(folder, times="grace_fall = 15") as house:
        house.start()
        worst = 0.0
        for step in (86400, -86400):
            close_all(house)
            heard = len(house.desk.messages)
            began = time.monotonic()
            house.radar.fall(False)
            house.radar.fall()
            alarm = house.desk.wait(lambda m: m.get("kind") == "person.fall" and m.get("state") == "pre_alarm", 30, after=heard)["alarm"]
            house.machine.python("import time; time.clock_settime(time.CLOCK_REALTIME, time.time() + step)", step=step)
            house.desk.wait(lambda m, alarm=alarm: m.get("alarm") == alarm and m.get("state") == "raised", 60, after=heard)
            took = time.monotonic() - began
            assert took >= 14.9, f"the grace of 15 s was over after {took:.1f} s"
            worst = max(worst, took - 15 - house.machine.stolen(began, time.monotonic()))
            call_for_help(house, 60)
            whole(house)
        rows.append(
            Row(promises=(1, 6), done="clock stepped by a day within a grace", times=2, worst=worst, worst_of="later than the grace")
        )
        qualities = []
        for year in (2000, 2037):
            house.cut(dice)
            house.machine.clock = f"{year}-06-01T00:00:00"
            house.boot()
            worst = house.hears()
            heard = len(house.desk.messages)
            call_for_help(house, 60)
            qualities.append(next(m["at"]["clock"] for m in house.desk.messages[heard:] if m.get("move") in PRESSES))
            whole(house)
        assert qualities[0] == "wrong", qualities
        rows.append(
            Row(
                promises=(1, 6, 9),
                done="clock wrong by years at boot",
                times=2,
                worst=worst,
                worst_of="unit started to hearing",
                note=f"entries say {qualities}",
            )
        )
    return rows


PROOFS = [clock_wrong]
