"""`python -m gateway ...` as a child that is forked off a process which has imported the gateway already.

An import of the page is a second of CPU, of the daemon half a one, and the tests start hundreds of them. What is forked is a process of
its own in every way but that: own group of threads, files, environment, folder, signals. That a gateway starts from nothing is shown
where another user starts it, by the package, the units, the proofs and `make bench`: none of these forks.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from multiprocessing import active_children, get_context
from pathlib import Path

allowed = False  # tests/conftest.py allows it: a proof starts each of its gateways from nothing
MODULES = ["gateway.page.server", "gateway.tend.composition", "bleak", "aiomqtt"]
_PR_SET_PDEATHSIG = 1  # prctl(2)


@atexit.register
def _end() -> None:
    """Let none outlive the tests, also where one hangs and does not end when it is asked to."""
    for child in active_children():
        child.kill()


class Forked:
    """A child with the few things of a `Popen` that tests use. It dies with the test run."""

    def __init__(self, words: list[str], *, folder: Path, log: Path, environment: Mapping[str, str] | None = None) -> None:
        context = get_context("forkserver")
        context.set_forkserver_preload(MODULES)
        environment = dict(os.environ if environment is None else environment)
        self._process = context.Process(target=_run, args=(words, str(folder), str(log), environment), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("gateway", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self._process.exitcode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _run(words: list[str], folder: str, log: str, environment: dict[str, str]) -> None:
    """Be `python -m ...` from here on."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for there, number in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(there, number)
    os.close(out)
    os.close(nothing)
    sys.stdout, sys.stderr = (os.fdopen(os.dup(n), "w", buffering=1, encoding="utf-8", errors="backslashreplace") for n in (1, 2))
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.argv = list(words)
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)
