"""For all tests: what Hypothesis may take, and the slow files first, so that no worker is left alone with one of them at the end."""

import gc

import pytest
from hypothesis import settings

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


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    """Collect no rubbish while a failure is written down: up to Python 3.12 what its finalizers warn of ends the whole run (gh-106905)."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
