"""What the tests of the radio share: a private bus, a stand-in for bluetoothd on it, and that bleak leaves nothing behind."""

import asyncio

import pytest

from tests.kit.fake_bluez import Bluetoothd, Child, PrivateBus
from tests.kit.wait import until
from tests.kit.waits import changed


@pytest.fixture(scope="module")
def bluez():
    """The stand-in as a process of its own, for a gateway that is one."""
    with Child() as child:
        yield child


@pytest.fixture
def bus():
    with PrivateBus() as bus:
        yield bus


@pytest.fixture
async def air(bus):
    async with Bluetoothd(bus) as air:
        yield air


@pytest.fixture
def tried_again_soon():
    with changed("box", first=0.02, longest=0.1):
        yield


@pytest.fixture
async def nothing_left_behind():
    """No task, no registered scanner callback, no watcher of a device survives a radio."""
    yield
    from bleak.backends.bluezdbus.manager import _global_instances

    manager = _global_instances.get(asyncio.get_running_loop())
    if manager is not None:
        assert not any(manager._advertisement_callbacks.values())
        assert not any(manager._device_watchers.values())
        assert not manager._device_removed_callbacks
        if manager._bus is not None:
            manager._bus.disconnect()
    # bleak keeps one watcher of its own connection, which has just ended
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
