"""The whole way of a ring: a press, the real daemon, the real program, a stand-in for ModemManager, and the call back."""

import asyncio

from tests.kit.at_modem import NUMBER, rung
from tests.kit.fake_bluez import Child
from tests.kit.fake_modem import WAITING, FakeModemManager
from tests.kit.household import Gateway
from tests.kit.wait import until


async def test_a_press_rings_a_telephone_and_who_calls_back_meanwhile_takes_it(tmp_path):
    longer = "from gateway.ring.waits import WAITS; WAITS.ring = WAITS.whole = 100.0"
    with Child() as bluez:
        ladder = rung(tmp_path, bluez, "eldercare-ring", "gateway.ring.dial", begins=longer)
        async with FakeModemManager(bluez) as manager:
            modem = manager.plug()
            with Gateway(tmp_path, bus=bluez, lines=ladder, times="receipt = 10\n") as gateway:
                await asyncio.to_thread(bluez.wait_for_scan)
                gateway.press()
                await until(lambda: modem.rings)
                ((ours, number),) = modem.rings
                assert number == NUMBER
                stranger = modem.rung("+8613900000000", state=WAITING)
                looks = manager.calls.count("GetAll")
                await until(lambda: manager.calls.count("GetAll") > looks + 8)
                assert ours in modem.talking, "he is nobody: it rings on"
                back = modem.rung("13800000000", state=WAITING)
                await until(lambda: modem.sent)
                ((to, reply),) = modem.sent
                assert to == "13800000000"
                assert "记下了\uff0c您在路上" in reply
                await until(lambda: not modem.calls)
                assert modem.over[0] == ours, "it rings nobody any more"
                assert stranger in modem.over, "refused"
                assert back not in modem.calls
                await until(lambda: "dispatch -> {dispatched}" in gateway.log())
                kept = [path.read_bytes() for path in gateway.state.rglob("*") if path.is_file()]
                assert not any(b"1380000" in body for body in [*kept, gateway.log().encode()])
                assert "Traceback" not in gateway.log()
