"""The power is cut at any moment, and the card forgets what was not flushed."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from pathlib import Path

from tests.kit.household import SEALED, Sealed
from tests.prove import pace
from tests.prove.table import Row
from tests.prove.vm.holds import PRESSES, call_for_help, pressed, where_there_is_a_machine, whole
from tests.vm.home import NAME, STATE, House
from tests.vm.machine import PowerGone


class Day:
    """What happens in a home while its power is cut: presses, falls, answers of the desk, changes by the technician."""

    def __init__(self, house: House, dice: random.Random) -> None:
        self.house, self.dice = house, dice
        self.sealed = Sealed(SEALED)
        self.presses = self.sealed_presses = 0
        self.sealed_data = ""
        self.revision = 0

    def go_on(self, seconds: float) -> None:
        """Let things happen for so long; a press stays in the air until the platform has it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if pressed(self.house) >= self.presses:
                self.presses += 1
                self.house.press(1)
            else:
                self.house.press_again()
            if not self.sealed_data or pressed(self.house, "sealed") >= self.sealed_presses:
                self.sealed_presses += 1
                self.sealed_data = self.sealed.press()
            self.house.air.advertise(SEALED, service_data={"fcd2": self.sealed_data})
            if self.dice.random() < 0.1:
                self.house.radar.fall(self.dice.random() < 0.5)
            if self.dice.random() < 0.2:
                self.answer()
            time.sleep(self.dice.uniform(0.02, 0.15))

    def answer(self) -> None:
        alarms = {m["alarm"]: m for m in self.house.desk.messages if m.get("type") == "alarm"}
        if alarms:
            do, more = self.dice.choice(
                [("acknowledge", {}), ("dispatch", {"responder": "Li"}), ("arrive", {}), ("close", {"outcome": "helped"}), ("silence", {})]
            )
            self.house.desk.instruct(do, alarm=self.dice.choice(list(alarms)), **more)

    def change(self) -> None:
        """Let the technician change the rooms, as the page does it; nobody waits for the answer."""
        change = {"what": "set_rooms", "value": {"rooms": ["hall", "bath", "bedroom", f"room {self.revision + 1}"]}}
        message = {"v": 1, "gateway": NAME, "id": f"page-{time.monotonic_ns():x}", "do": "configure", "by": "Li", "change": change}
        source = (
            "import json, sys\n"
            "from pathlib import Path\n"
            "sys.path[:0] = ['/opt/eldercare-gateway', *map(str, Path('/opt/eldercare-gateway/.venv/lib').glob('*/site-packages'))]\n"
            "from gateway.home import inbox\n"
            f"state = Path('{STATE}')\n"
            "kept = state / 'household.json'\n"
            "revision = json.loads(kept.read_text())['body']['revision'] if kept.exists() else 0\n"
            "message = json.loads(sys.argv[1]) | {'revision': revision}\n"
            "inbox.leave(state / 'page', Path('/run/eldercare-gateway'), json.dumps(message).encode())"
        )
        run = "import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-c', source, message], user='eldercare-page', group='eldercare', extra_groups=[], check=True)"
        with contextlib.suppress(PowerGone, OSError):
            self.house.machine.python(run, source=source, message=json.dumps(message))


def household_is_intact(day: Day) -> None:
    """See that what the technician changed and was told as accepted still holds, and the file is whole."""
    accepted = [m["revision"] for m in day.house.desk.messages if m.get("type") == "result" and m.get("accepted") and m.get("revision")]
    if accepted:
        source = (
            "import sys; sys.path.insert(0, '/opt/eldercare-gateway')\n"
            "from pathlib import Path\n"
            "from gateway.box.generations import Generation\n"
            f"result = Generation(Path('{STATE}/household.json')).body()"
        )
        body = day.house.machine.python(source)
        assert body["revision"] >= max(accepted), f"revision {max(accepted)} was told as kept, and {body['revision']} is"
        day.revision = body["revision"]


@where_there_is_a_machine
def power_cut_at_random(short: bool, folder: Path, seed: int) -> Row:
    """power cut at a random moment, the card forgets what was not flushed"""
    dice = random.Random(seed)
    cuts = 3 if short else 30
    lost_sectors, cold = 0, 0
    starts: list[tuple[float, float]] = []  # (s until it heard, s that each fsync took meanwhile)
    paced: list[tuple[float, float]] = []  # starts beside a bare scanner's, on the same machine in the same minute
    with House(folder) as house:
        day = Day(house, dice)
        starts.append((house.start(), house.card.slow))
        for n in range(cuts):
            early = n > 0 and dice.random() < 0.2  # again, before it is up
            if early:
                time.sleep(dice.uniform(0, 8))
            else:
                if n:
                    starts.append((house.hears(), house.card.slow))
                    whole(house)
                    household_is_intact(day)
                    paced.append(house.paced())
                changing = threading.Timer(dice.uniform(0, 2), day.change)
                changing.start()
                day.go_on(dice.uniform(1.5, 6))
            house.cut(dice, reset=dice.random() < 0.2)
            house.card.slow = dice.choice([0.0, 0.02, 0.2])  # s for each fsync; real cards need the second, bad ones the third
            if not early:
                changing.join()
                house.desk.settle()  # what was sent before the cut has arrived
            # a cold start is a minute where it is emulated: in the short run two of three begin after the kernel's start
            if short and n != cuts - 1:
                house.resume()
                house.start_only()
            else:
                house.boot()
                cold += 1
        starts.append((house.hears(), house.card.slow))
        paced.append(house.paced())
        call_for_help(house, 60)
        house.until(lambda: pressed(house) >= day.presses, 60)
        journal = whole(house)
        household_is_intact(day)
        again = [(m["journal"], m["number"]) for m in house.desk.messages if m.get("type") in {"alarm", "fault", "result"}]
        counted = sum(body.get("device") == "pendant" and body.get("move") in PRESSES for body in journal.values())
        lost_sectors = house.card.lost
    worst, slow = max(starts)
    doubled = max(0, counted - day.presses - 1)
    note = (
        f"{len(journal)} entries, {day.presses} presses, {cold} cold starts, {lost_sectors} sectors forgotten, household at {day.revision}"
    )
    note += f"; slowest start with {slow:g} s a fsync; {pace.starts(paced)}"
    return Row(
        promises=(1, 2, 3, 5, 9),
        done="power cut at a random moment, unflushed data lost",
        times=cuts,
        doubled=doubled,
        repeats=len(again) - len(set(again)),
        worst=worst,
        worst_of="unit started to hearing",
        note=note,
    )


PROOFS = [power_cut_at_random]
