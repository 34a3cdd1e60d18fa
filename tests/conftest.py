"""For all tests: what Hypothesis may take, and the slow files first, so that no worker is left alone with one of them at the end."""

import gc
import os
import shutil
import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import settings

from tests.kit import forked

forked.allowed = True

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

# The longest first. Browsers take what memory and time there is, the daemon's long waits take none: they go by turns.
SLOW = (
    "page/test_walk_browser",
    "parts/test_demo",
    "page/test_journey",
    "parts/test_daemon",
    "page/test_fitted_browser",
    "parts/test_two_users",
    "page/test_setting_browser",
    "parts/test_technician",
    "page/test_browser",
    "parts/test_wired_setup",
    "page/test_answers_browser",
    "parts/test_rounds",
    "page/test_live_browser",
    "parts/test_status",
    "stories",
    "page",
    "parts/test_backup",
    "parts/test_bench",
    "parts/test_mqtt",
    "parts/test_gatt",
    "fuzz",
)


# Tests in these folders cut a living gateway off, as a power cut does: loop, sockets and children are left as they are. What
# collects them warns, in whichever test that happens to be; elsewhere such a warning is an error.
CUT_OFF = {"parts", "stories", "page"}


def _cuts_off(item):
    return bool(CUT_OFF & set(item.path.parts))


def pytest_collection_modifyitems(items):
    def place(item):
        path = item.path.as_posix()
        return next((n for n, name in enumerate(SLOW) if f"/{name}" in path), len(SLOW))

    items.sort(key=place)  # stable: within a file the order stays
    for item in filter(_cuts_off, items):
        item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
        item.add_marker(pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    """Collect what a file has cut off when the file is over: nothing of it is left to warn in another."""
    if _cuts_off(item) and (nextitem is None or nextitem.path != item.path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()


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
