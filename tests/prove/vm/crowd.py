"""More than a radio and its bluetoothd can take: a crowd of strangers, a sensor that babbles."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tests.prove.table import Row
from tests.prove.vm.holds import call_for_help, where_there_is_a_machine, whole
from tests.prove.vm.units import restarts
from tests.vm.home import House

SENSOR = "A4:C1:38:00:00:10"


@where_there_is_a_machine
def crowd(short: bool, folder: Path, seed: int) -> list[Row]:
    """5,000 advertisements a second of strangers, then 2,000 of a sensor of the home; presses are heard (deep run)"""
    rows: list[Row] = []
    if short:
        return rows
    sensor = f'\n[[device]]\nid = "thermometer"\nmodel = "bthome-v2"\nroom = "hall"\naddress = "{SENSOR}"\n'
    with House(folder, lines=sensor) as house:
        house.start()
        for what, load in (("5,000/s of strangers", house.air.strangers), ("2,000/s of a sensor of the home", house.air.babble)):
            stop = threading.Event()
            offered: list[int] = []
            noise = threading.Thread(target=lambda load=load, stop=stop, offered=offered: offered.append(load(stop)), daemon=True)
            before = house.status()["radio"][0]["adverts"]
            began = time.monotonic()
            noise.start()
            time.sleep(5)
            waits = [call_for_help(house, 120) for _ in range(5)]
            stop.set()
            noise.join()
            span = time.monotonic() - began
            house.until(lambda: house.status()["radio"][0]["silent_s"] > 1, 120, every=1.0)
            heard = house.status()["radio"][0]["adverts"] - before
            rows.append(Row(promises=(4, 10), done=what, times=len(waits), worst=max(waits), worst_of="until a press is told",
                            note=f"{offered[0] / span:.0f}/s offered, {heard / span:.0f}/s came through kernel and bluetoothd, {restarts(house)} restarts"))  # fmt: skip
            whole(house)
        assert not restarts(house)
    return rows


PROOFS = [crowd]
