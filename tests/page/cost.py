"""What each page costs the gateway's processor: python -m tests.page.cost prints the table.

One process, no browser and no network: httpx asks the app for each page of a home with 20 devices and 10,000 entries, ROUNDS times,
and the medians of the processor's time (of all threads) stand beside a fixed piece of Python in the same run. Read the ratio: run alone
on a box, with `--reference`, that piece says what a page takes there.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from gateway.keep.journal import Writing
from gateway.keep.store import Store
from gateway.page import guard

from tests.page import household
from tests.page.conftest import Box
from tests.page.household import GATEWAY, MODELS, ROOMS, WATCHES, Example, Watch
from tests.write.screenshots import PAGES, set_up

ROUNDS, DEVICES_THERE, ENTRIES = 20, 20, 10_000
ROWS = 2_000  # of the reference


def reference():
    """Write, read, sort and print rows, as a page does: the same on every machine."""
    rows = [{"number": n, "room": f"room {n % 17}", "at": n * 37 % 1009, "said": "pressed" if n % 3 else "opened"} for n in range(ROWS)]
    read = json.loads(json.dumps(rows))
    read.sort(key=lambda row: (row["at"], row["number"]))
    text = "".join(f"<tr><td>{row['number']}</td><td>{row['room'].title()}</td><td>{row['said']}</td></tr>" for row in read)
    return len(text.replace("<td>", "<td class=n>"))


def spent(what):
    """Return the milliseconds that the processor needed."""
    begin = time.process_time()
    what()
    return (time.process_time() - begin) * 1000


async def asked(browser, path):
    begin = time.process_time()
    answer = await browser.get(path)
    assert answer.status_code == 200, path
    return (time.process_time() - begin) * 1000


def larger():
    """Give the example household further doors, before it lives."""
    for n in range(DEVICES_THERE - len(ROOMS)):
        ROOMS[f"door-{n}"], MODELS[f"door-{n}"] = f"{n + 1}", "shelly-blu-door"
    known = {w.device for w in WATCHES}
    household.WATCHES = (*WATCHES, *(Watch(device=name, room=room) for name, room in ROOMS.items() if name not in known))


async def filled(example):
    """Let a button be pressed and its alarm be closed until the journal is long."""
    day, before = example.day, len(example.day.entries)
    while len(day.entries) < ENTRIES:
        day.hear("bathroom-button", household.Kind.BUTTON, "press")
        day.wait(1.4)
        day.receipt()
        day.tell("acknowledge", by="desk 2", alarm=day.alarm.id)
        day.tell("close", by="desk 2", alarm=day.alarm.id, outcome="no_help_needed", reason="")
        day.receipt()
        day.wait(600)
    store = Store(example.config.state, GATEWAY)
    await store.run(store.open)
    for n in range(before, len(day.entries), 500):
        await store.commit(Writing(entries=day.entries[n : n + 500]))
    await store.close()
    example.say()


async def measured(example):
    await filled(example)
    set_up(example)
    guard.RATE = 1e9
    box = Box(example)
    browser = await box.technician()
    fixed = statistics.median(spent(reference) for _ in range(ROUNDS))
    print(f"{len(ROOMS)} devices, {len(example.day.entries)} entries; the reference: {fixed:.1f} ms of the processor, median of {ROUNDS}")
    print(f"{'page':<76}{'ms':>8}{'times':>8}")
    for path in PAGES:
        await asked(browser, path)
        took = statistics.median([await asked(browser, path) for _ in range(ROUNDS)])
        print(f"{path:<76}{took:>8.1f}{took / fixed:>8.1f}", flush=True)
    await browser.aclose()


def main():
    if "--reference" in sys.argv:
        print(f"the reference: {statistics.median(spent(reference) for _ in range(ROUNDS)):.1f} ms of the processor, median of {ROUNDS}")
        return
    larger()
    with tempfile.TemporaryDirectory() as folder:
        example = Example(Path(folder))
        asyncio.run(measured(example))


if __name__ == "__main__":
    main()
