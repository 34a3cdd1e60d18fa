"""The whole way of an SMS: a press, the real daemon, the real program, a stand-in for ModemManager, and the answer back."""

import asyncio
import re

from tests.kit.at_modem import NUMBER, rung
from tests.kit.fake_bluez import Child
from tests.kit.fake_modem import DELIVER, FakeModemManager
from tests.kit.household import Gateway
from tests.kit.wait import until


async def test_a_press_is_told_by_sms_and_the_answer_takes_it(tmp_path):
    with Child() as bluez:
        ladder = rung(tmp_path, bluez, "sms", "gateway.sms.send")
        async with FakeModemManager(bluez) as manager:
            modem = manager.plug()
            with Gateway(tmp_path, bus=bluez, lines=ladder, times="receipt = 10\n") as gateway:
                await asyncio.to_thread(bluez.wait_for_scan)
                gateway.press()
                await until(lambda: modem.sent)
                ((number, text),) = modem.sent
                assert number == NUMBER
                assert text.startswith("【求救】012 ")
                (code,) = set(re.findall(r"\b[0-9]{4}\b", text.partition("。")[2]))
                modem.receives("+8613900000000", f"{code} 1 15")  # a stranger
                modem.receives("13800000000", f"{code} 1 15")
                await until(lambda: len(modem.sent) == 2)
                await until(lambda: not [m for m in modem.messages.values() if m["PduType"].value == DELIVER])
                to, reply = modem.sent[1]
                assert to == "13800000000"
                assert reply.startswith("记下了\uff0c您在路上")
                await until(lambda: "dispatch -> {dispatched}" in gateway.log())
                assert "acknowledge -> {acknowledged}" in gateway.log()
                kept = [path.read_bytes() for path in gateway.state.rglob("*") if path.is_file()]
                assert not any(b"1380000" in body for body in [*kept, gateway.log().encode()])
                assert "Traceback" not in gateway.log()
