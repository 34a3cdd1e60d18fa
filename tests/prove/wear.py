"""What reaches the card in a day of a home: measured where it hurts, at the block device, with every write at its own time.

The real daemon lives some days of `year.Life` in simulated time with its databases on a small ext4 of its own. The kernel would write
out within seconds what a home writes every few minutes, so the disk is synced every half minute of simulated time: no two writes are
spared one another. The first day fills the write-ahead logs and is not counted. Without root there is no disk of one's own: then only
what the kernel counts for the process is measured, and the row says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from gateway.box.card import CARD_BUDGET, IO

from tests.bench.bench import Disk
from tests.kit.simulated import Lapse
from tests.prove import year
from tests.prove.table import Row

SYNC_EVERY = 30.0  # s of simulated time
BLOCK_BUDGET = 40.0  # MB a day at the block device, the file system's journal and all: docs/operator.md


class _NoDisk:
    """Where there is no root: a folder, and no counters of a block device."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "plain"
        self.folder.mkdir()

    def __enter__(self) -> _NoDisk:  # noqa: PYI034  it stands in for another
        return self

    def __exit__(self, *_: object) -> None: ...

    def counters(self) -> tuple[int, int]:
        return 0, 0


class _Quiet(year.Life):
    """Days on which nothing fails: so many presses and falls as in the year, and no outage."""

    def trouble(self, began: float) -> list[Any]:
        return []

    async def watched(self, disk: Any, days: int) -> tuple[float, float, int]:
        """Live one day unwatched and `days` watched; return MB a day at the block device and by the process, and entries a day."""
        lapse = self.lapse
        year.certificate(lapse.folder, year.BEGINS + year.timedelta(days=800))
        descriptor = os.open(disk.folder, os.O_RDONLY)
        syncfs = ctypes.CDLL(None).syncfs

        async def sync() -> None:
            while True:
                await asyncio.sleep(SYNC_EVERY)
                syncfs(descriptor)

        syncing = asyncio.ensure_future(sync())
        await lapse.start()
        begin = (0, 0, 0)
        for day in range(days + 1):
            if day == 1:
                begin = disk.counters()[0], written(), self._entries()
            for second, what in sorted(self.day(day * year.DAY), key=lambda p: p[0]):
                if (left := second - lapse.loop.now) > 0:
                    await asyncio.sleep(left)
                what()
            await asyncio.sleep(max(0.0, (day + 1) * year.DAY - lapse.loop.now))
        syncfs(descriptor)
        end = disk.counters()[0], written(), self._entries()
        facts = lapse.daemon.upkeep.card.facts(lapse.daemon.clock.now().mono)
        assert facts is not None, "this kernel counts what a process writes"
        assert abs(facts["day_mb"] - (end[1] - begin[1]) / 1e6 / days) < 0.5 * facts["day_mb"], "the status says what was measured"
        syncing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await syncing
        os.close(descriptor)
        await lapse.stop()
        return (end[0] - begin[0]) / 1e6 / days, (end[1] - begin[1]) / 1e6 / days, (end[2] - begin[2]) // days

    def _entries(self) -> int:
        return sum(map(len, self.lapse.desk.entries.values()))


def written() -> int:
    return next(int(line[12:]) for line in IO.read_text().splitlines() if line.startswith("write_bytes:"))


def a_day_on_the_card(short: bool, folder: Path, seed: int) -> Row:
    """Bytes that reach the card in a day of a home, within the budget."""
    days = 1 if short else 7
    aside = Path(tempfile.mkdtemp(prefix="wear-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    config = year.CONFIG.format(folder=aside, history=30.0, journal=90.0).replace('runtime = "run"', f'runtime = "{aside}"')
    try:
        with (
            Disk(folder) if os.geteuid() == 0 else _NoDisk(folder) as disk,
            Lapse(disk.folder / "home", config + year.devices(), begins=year.BEGINS) as lapse,
        ):
            year.secrets(disk.folder / "home")
            life = _Quiet(lapse, days, seed, disk.folder / "home")
            block, own, entries = lapse.run(life.watched(disk, days))
            readings = life.lapse.desk.readings / (days + 1)
    finally:
        shutil.rmtree(aside)
    assert own <= CARD_BUDGET, f"the process writes {own:.1f} MB a day"
    assert block <= BLOCK_BUDGET, f"{block:.1f} MB a day reach the card"
    how = (
        f"{block:.1f} MB a day at the block device, {own:.1f} by the process"
        if block
        else f"{own:.1f} MB a day by the process; no root, no disk"
    )
    return Row(
        promises=(1,),
        done="bytes that reach the card in a day",
        times=days,
        note=f"{how}; {readings:.0f} readings, {entries} entries",
        more={"block_mb": block, "process_mb": own},
    )


PROOFS = [a_day_on_the_card]
