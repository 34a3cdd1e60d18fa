"""For all tests: what Hypothesis may take, and the slow files first, so that no worker is left alone with one of them at the end."""

import gc
import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# A gateway that is started a thousand times is compiled once, whatever the machine's own habit is.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A thousand small databases are flushed line by line: what that costs a card is shown by the proofs, and here nobody waits for it.
MEMORY = Path("/dev/shm")
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2**30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# How long an example takes says how busy the machine is: nothing here is judged by time.
settings.register_profile("here", deadline=None)
settings.load_profile("here")

SLOW = (
    "page",
    "stories",
    "parts/test_demo",
    "parts/test_daemon",
    "parts/test_technician",
    "parts/test_bench",
    "parts/test_mqtt",
    "parts/test_gatt",
    "fuzz",
)


def pytest_collection_modifyitems(items):
    def place(item):
        path = item.path.as_posix()
        return next((n for n, name in enumerate(SLOW) if f"/{name}" in path), len(SLOW))

    items.sort(key=place)  # stable: within a file the order stays


def pytest_collection_finish():
    """What stands now stands until the end: a collection in a test looks at what the test has made, not at all that was imported.

    A daemon says the same of itself when it is ready. Here it is one of many, and what it leaves behind is to be collected.
    """
    gc.collect()
    gc.freeze()
    gc.freeze = lambda: None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    """Collect no rubbish while a failure is written down: up to Python 3.12 what its finalizers warn of ends the whole run (gh-106905)."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
