"""Little memory and little processor for a child: a control group where one can be made (version 2 or 1), else limits of the process."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from tests.kit.brokers import mortal

ROOT = Path("/sys/fs/cgroup")
PERIOD = 100_000  # us
BURN = "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])})\nwhile True: pass"
HOG = "import sys, time\nheld = []\nwhile True:\n    held.append(bytearray(b'x') * 2_000_000)\n    time.sleep(0.01)"


class Limits:
    """A group of processes with `memory` bytes and `cpu` (1.0 = one processor). `how` says in a few words what limits them."""

    def __init__(self, *, memory: int = 0, cpu: float = 0.0) -> None:
        self._memory, self._cpu = memory, cpu
        self._folders: list[Path] = []
        self.how = ""

    def __enter__(self) -> Self:
        name = f"prove-{os.getpid()}"
        try:
            if (ROOT / "cgroup.controllers").exists():
                wanted = [c for c, on in (("memory", self._memory), ("cpu", self._cpu)) if on]
                (ROOT / "cgroup.subtree_control").write_text(" ".join(f"+{c}" for c in wanted))
                self._make(
                    ROOT / name,
                    {
                        "memory.max": self._memory,
                        "memory.swap.max": 0 if self._memory else None,
                        "cpu.max": f"{int(self._cpu * PERIOD)} {PERIOD}" if self._cpu else None,
                    },
                )
                self.how = "cgroup v2"
            else:
                if self._memory:
                    self._make(ROOT / "memory" / name, {"memory.limit_in_bytes": self._memory})
                if self._cpu:
                    self._make(ROOT / "cpu" / name, {"cpu.cfs_period_us": PERIOD, "cpu.cfs_quota_us": int(self._cpu * PERIOD)})
                self.how = "cgroup v1"
        except OSError:
            self.__exit__()
            self.how = "no control group can be made here: " + ("RLIMIT_AS" if self._memory else "other programs only")
        return self

    def _make(self, folder: Path, values: dict[str, object]) -> None:
        folder.mkdir()
        self._folders.append(folder)
        for file, value in values.items():
            if value not in {0, None} or file == "memory.swap.max":
                with contextlib.suppress(FileNotFoundError):  # a kernel without swap accounting
                    if value is not None:
                        (folder / file).write_text(str(value))

    def __exit__(self, *_: object) -> None:
        folders, self._folders = self._folders, []
        for folder in folders:
            until = time.monotonic() + 5
            while folder.exists() and time.monotonic() < until:
                with contextlib.suppress(OSError):
                    for pid in (folder / "cgroup.procs").read_text().split():
                        (folder.parent / "cgroup.procs").write_text(pid)
                    folder.rmdir()
                    break
                time.sleep(0.02)

    def take(self, pid: int) -> None:
        """Put a process and its threads under the limits."""
        for folder in self._folders:
            (folder / "cgroup.procs").write_text(str(pid))
        if not self._folders and self._memory:
            size = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            resource.prlimit(pid, resource.RLIMIT_AS, (size + self._memory // 4, resource.RLIM_INFINITY))


def worse_first(pid: int, score: int) -> None:
    """Tell the kernel whom to end first when memory runs out, as the units do; the lower needs root."""
    with contextlib.suppress(PermissionError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(score))


class Children:
    """Programs of ours that take what there is: `burn` processors or `hog` memory. They end with us."""

    def __init__(self) -> None:
        self.all: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.all:
            child.kill()
            child.wait()

    def start(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(mortal([sys.executable, "-c", program, *words]), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.all.append(child)
        return child

    def burn(self, each: int) -> None:
        """Keep every processor busy with so many programs."""
        for processor in os.sched_getaffinity(0):
            for _ in range(each):
                self.start(BURN, str(processor))

    def hog(self) -> subprocess.Popen[bytes]:
        """Take 200 MB of memory a second until somebody ends it."""
        return self.start(HOG)
