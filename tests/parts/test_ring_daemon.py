"""The whole way of a ring: a press, the real daemon, the real program, a stand-in for ModemManager, and the call back."""

import asyncio
import sys

from tests.kit.fake_bluez import Child
from tests.kit.fake_modem import WAITING, FakeModemManager
from tests.kit.household import REPO, Gateway
from tests.kit.wait import until

NUMBER = "+8613800000000"


async def test_a_press_rings_a_telephone_and_who_calls_back_meanwhile_takes_it(tmp_path):
    book = tmp_path / "phones.toml"
    book.write_text(f'home = "012"\n[people.daughter]\nnumber = "{NUMBER}"\n', encoding="utf-8")
    book.chmod(0o600)
    with Child() as bluez:
        program = tmp_path / "eldercare-ring"
        where = f"PYTHONPATH={REPO} DBUS_SYSTEM_BUS_ADDRESS={bluez.address}"
        files = f"--phones {book} --state {tmp_path / 'state'}"
        begin = "import sys; from gateway.ring.waits import WAITS; WAITS.ring = WAITS.whole = 100.0; from gateway.ring.dial import main; sys.exit(main())"
        program.write_text(f"#!/bin/sh\nexec env {where} {sys.executable} -c '{begin}' {files} \"$@\"\n")
        program.chmod(0o755)
        ladder = f'[[ladder]]\nresponder = "first"\nchannel = "program"\nprogram = ["{program}", "--to", "daughter"]\n'
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
