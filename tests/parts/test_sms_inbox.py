"""SMS that come in, from a stand-in for ModemManager: read whole, handed over once, answered, deleted; bounded whatever comes."""

import pytest
from dbus_fast import Variant
from gateway.sms import inbox, replies
from gateway.sms.inbox import Inbox

from tests.kit.at_modem import NUMBER as DAUGHTER
from tests.kit.at_modem import Hearer, at_work, begins_anew, goes_and_comes, kept
from tests.kit.fake_bluez import PrivateBus
from tests.kit.fake_modem import LOCKED, RECEIVING, FakeModemManager
from tests.kit.wait import until
from tests.kit.waits import changed


class Reading(Hearer):
    """The inbox at work at the stand-in."""

    def __init__(self, manager: FakeModemManager) -> None:
        super().__init__(Inbox)
        self.manager = manager

    @property
    def texts(self) -> list[str]:
        return [came.text for came in self.came]


@pytest.fixture
async def reading():
    with PrivateBus() as bus, changed("sms", look_in=5.0, parts=0.5, leftover=60.0):
        async with FakeModemManager(bus) as manager:
            yield Reading(manager)


async def test_what_waits_and_what_comes_is_read_once_answered_and_deleted(reading):
    modem = reading.manager.plug()
    modem.receives(DAUGHTER, "4711 2")
    reading.replies["4711 1 15"] = "noted"
    async with at_work(reading):
        await until(lambda: not modem.messages)
        modem.receives(DAUGHTER, "4711 1 15")
        await until(lambda: modem.sent and not modem.messages)
    assert reading.texts == ["4711 2", "4711 1 15"]
    assert modem.sent == [(DAUGHTER, "noted")]


async def test_an_sms_in_parts_is_read_when_it_is_whole(reading):
    modem = reading.manager.plug()
    async with at_work(reading):
        path = modem.receives(DAUGHTER, "4711", state=RECEIVING)
        await until(lambda: reading.manager.calls.count("GetAll") >= 2)
        assert reading.texts == []
        modem.completed(path, "4711 1 15")
        await until(lambda: not modem.messages)
    assert reading.texts == ["4711 1 15"]


async def test_what_never_gets_whole_and_reports_of_nobody_are_deleted_in_the_end(reading):
    modem = reading.manager.plug()
    modem.receives(DAUGHTER, "4711", state=RECEIVING)
    modem.report(DAUGHTER, 7, 0)
    modem.created({"number": Variant("s", DAUGHTER), "text": Variant("s", "sent by a program that was ended")})
    with changed("sms", leftover=1.0):
        async with at_work(reading):
            assert len(modem.messages) == 3, "somebody may wait for the report just now"
            await until(lambda: not modem.messages)
    assert reading.texts == []


async def test_two_megabytes_are_cut_and_a_flood_is_read_to_its_end(reading):
    modem = reading.manager.plug()
    modem.receives(DAUGHTER, "x" * 2_000_000)
    async with at_work(reading):
        await until(lambda: not modem.messages)
        assert reading.texts == ["x" * inbox.TEXT_MOST]
        reading.replies = {str(n): "hello" for n in range(5 * inbox.AT_ONCE)}
        modem.delay = 0.5
        for n in range(3 * inbox.AT_ONCE):
            modem.receives(DAUGHTER, str(n))
        await until(lambda: len(reading.came) == 1 + 3 * inbox.AT_ONCE)
        assert len(modem.sent) <= replies.MOST + 2, "answers that wait are bounded"
    assert reading.texts[1:] == [str(n) for n in range(3 * inbox.AT_ONCE)], "each once, in order"


async def test_what_cannot_be_deleted_is_not_obeyed_again(reading):
    modem = reading.manager.plug()
    modem.fail["Delete"] = "Core.Unauthorized"
    with changed("sms", look_in=0.5):
        async with at_work(reading):
            modem.receives(DAUGHTER, "4711 1")
            await until(lambda: reading.came)
            looks = reading.ready
            await until(lambda: reading.ready > looks + 2)
    assert reading.texts == ["4711 1"]


async def test_what_nobody_can_deal_with_now_stays_and_is_tried_again(reading):
    modem = reading.manager.plug()
    reading.replies["4711 1"] = None
    async with at_work(reading):
        modem.receives(DAUGHTER, "4711 1")
        await until(lambda: len(reading.came) >= 2)
        assert modem.messages
        reading.replies["4711 1"] = "noted"
        await until(lambda: modem.sent)


async def test_an_answer_that_the_network_refuses_ends_nothing(reading):
    modem, locked = reading.manager.plug(), reading.manager.plug(LOCKED)
    reading.replies["4711 1"] = "noted"
    modem.fail["Send"] = "Message.NoNetwork"
    async with at_work(reading):
        modem.receives(DAUGHTER, "4711 1")
        await until(lambda: reading.came and not modem.messages)
        del modem.fail["Send"]
        modem.receives(DAUGHTER, "4711 1")
        await until(lambda: modem.sent)
    assert locked.sent == []


async def test_modemmanager_that_goes_and_comes_is_found_again(reading):
    with changed("sms", look_in=0.5):
        async with kept(reading) as said:
            modem = await goes_and_comes(reading.manager, said)
            modem.receives(DAUGHTER, "4711 1")
            await until(lambda: reading.came)
            reading.manager.unplug(modem)
            reading.manager.plug().receives(DAUGHTER, "4711 2")
            await until(lambda: len(reading.came) == 2)
    assert reading.texts == ["4711 1", "4711 2"]


async def test_a_flood_of_halves_keeps_nothing_whole_from_being_read(reading):
    modem = reading.manager.plug()
    for n in range(2 * inbox.AT_ONCE):
        modem.receives(DAUGHTER, str(n), state=RECEIVING)
    async with at_work(reading):
        modem.receives(DAUGHTER, "4711 1 15")
        await until(lambda: reading.came)
    assert reading.texts == ["4711 1 15"]


@pytest.mark.parametrize("look_in", [0.5, 100_000.0], ids=["is looked at meanwhile", "is told of"])
async def test_a_modemmanager_that_begins_anew_uses_its_paths_again_and_each_sms_is_obeyed_once(reading, look_in):
    manager = reading.manager
    with changed("sms", look_in=look_in):
        async with kept(reading):
            await until(lambda: manager.calls)
            modem = manager.plug()
            modem.fail["Delete"] = "Core.Unauthorized"
            first = modem.receives("10086", "your balance")
            modem.messages[first]["Timestamp"] = stamp = Variant("s", "2027-03-01T08:00:00+08")
            await until(lambda: reading.came and "Delete" in manager.calls)
            modem = await begins_anew(manager, modem)
            assert modem.receives(DAUGHTER, "4711 1 15") == first
            await until(lambda: len(reading.came) == 2)
            again = modem.receives("10086", "your balance")
            modem.messages[again]["Timestamp"] = stamp
            await until(lambda: not modem.messages)
    assert reading.texts == ["your balance", "4711 1 15"], "what could not be deleted is not obeyed under its new path"
