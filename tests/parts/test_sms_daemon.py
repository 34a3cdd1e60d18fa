"""The whole way of an SMS: a press, the real daemon, the real program, a stand-in for ModemManager, and the answer back."""

import asyncio
import re

from tests.kit.at_modem import NUMBER, rung
from tests.kit.fake_bluez import Child
from tests.kit.fake_modem import DELIVER, FakeModemManager
from tests.kit.household import Gateway
from tests.kit.wait import until


async def test_relatives_who_are_informed_are_told_after_who_is_called_and_asked_nothing(tmp_path):
    with Child() as bluez:
        more = '[people.son]\nnumber = "+8613700000000"\n'
        called = rung(tmp_path, bluez, "sms", "gateway.sms.send", more=more)
        informed = called.replace("first", "son").replace("daughter", "son") + "informed = true\n"

        async with FakeModemManager(bluez) as manager:
            modem = manager.plug()
            gateway = Gateway(tmp_path, bus=bluez, lines=called + informed, times="receipt = 10\n")
            gateway.config.write_text(gateway.config.read_text().replace("[consent]\n", "[consent]\nfamily = true\n"))
            with gateway:
                await asyncio.to_thread(bluez.wait_for_scan)
                gateway.press()
                await until(lambda: len(modem.sent) == 2)
                texts = dict(modem.sent)
                assert texts["+8613700000000"].startswith("【告知家属】012 "), texts
                assert texts["+8613700000000"].endswith("不用回复。")
                assert not re.search(r"\b[0-9]{4}\b", texts["+8613700000000"]), "no code, nothing to answer"
                (code,) = set(re.findall(r"\b[0-9]{4}\b", texts[NUMBER].partition("。")[2]))
                modem.receives(NUMBER, f"{code} 1 15")
                await until(lambda: any("已经有人接到" in text for _, text in modem.sent))
                assert [to for to, text in modem.sent if "告知家属" in text] == ["+8613700000000"] * 2
                assert "son" not in {line.split()[0] for line in gateway.log().splitlines() if line.startswith("call")}
                assert "Traceback" not in gateway.log()


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
