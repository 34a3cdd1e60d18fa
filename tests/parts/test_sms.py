"""A person is told by SMS: the real program, against a stand-in for ModemManager with the real names of its interfaces."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from gateway.sms import codes

from tests.kit.fake_bluez import PrivateBus
from tests.kit.fake_modem import CONNECTED, DISABLED, FAILED, LOCKED, REGISTERED, SEARCHING, SIM_MISSING, FakeModemManager

ROOT = Path(__file__).resolve().parents[2]
NUMBER, OWN = "+8613800000000", "+8613900000000"
BOOK = f'home = "012 幸福村"\nown = "{OWN}"\n[people.daughter]\nnumber = "{NUMBER}"\n[people.neighbour]\nnumber = "+8613700000000"\nlanguage = "en"\n'
SOS = {
    "ELDERCARE_ALARM": "a-1",
    "ELDERCARE_KIND": "person.sos",
    "ELDERCARE_ROOM": "卧室",
    "ELDERCARE_STATE": "raised",
    "ELDERCARE_REASON": "no_receipt",
    "ELDERCARE_SINCE": "02:13",
    "ELDERCARE_TEST": "0",
}
# the program's own waits, shorter: it is a process of its own, so they are set where it begins
SHORT = {"bus": 2.0, "register": 0.6, "look": 0.05, "send": 3.0, "report": 1.0}
BEGIN = "import sys; from gateway.sms.waits import WAITS; {}; from gateway.sms.send import main; raise SystemExit(main(sys.argv[1:]))"


class Home:
    """A box with a bus, ModemManager and a phone book. `program` runs the program with waits of its own."""

    program = BEGIN

    def __init__(self, folder: Path, bus: PrivateBus, manager: FakeModemManager) -> None:
        self.folder, self.bus, self.manager = folder, bus, manager
        self.book = folder / "phones.toml"
        self.book.write_text(BOOK, encoding="utf-8")
        self.book.chmod(0o600)
        self.heard = ""

    async def tells(self, who: str = "daughter", *words: str, waits: dict[str, float] = SHORT, **environment: str) -> int:
        """Run the program as the daemon does, with this environment alone; return its exit code."""
        begin = self.program.format("; ".join(f"WAITS.{name} = {value}" for name, value in waits.items()))
        alarm = {name: environment.get(name.removeprefix("ELDERCARE_").lower(), value) for name, value in SOS.items()}
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            begin,
            *("--to", who, "--phones", str(self.book), "--state", str(self.folder), *words),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DBUS_SYSTEM_BUS_ADDRESS": self.bus.address, **alarm},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await child.communicate()
        self.heard = (out + error).decode()
        assert "1380000" not in self.heard, "no number is said"
        assert "1390000" not in self.heard
        return child.returncode or 0


@pytest.fixture
async def home(tmp_path):
    with PrivateBus() as bus:
        async with FakeModemManager(bus) as manager:
            yield Home(tmp_path, bus, manager)


async def test_an_sms_is_sent_and_its_delivery_waited_for(home):
    modem = home.manager.plug()
    assert await home.tells() == 0, home.heard
    assert home.heard == "daughter: delivered\n"
    (code,) = codes.given(home.folder)
    assert (code.person, code.alarm) == ("daughter", "a-1")
    ((number, text),) = modem.sent
    assert number == NUMBER
    assert text == f"【求救】012 幸福村 卧室 02:13。回复 {code.code} 1 15=15分钟到\uff0c{code.code} 2=去不了\uff0c{code.code} 3=误报"
    assert modem.messages == {}, "neither message nor report fills the SIM card"
    assert await home.tells("neighbour", state="on_site", reason="not_closed", test="1") == 0
    assert modem.sent[1][1].startswith("DRILL SOS: 012 幸福村, 卧室, 02:13. Somebody is there")


async def test_a_lost_report_is_done_and_said(home):
    modem = home.manager.plug(CONNECTED)
    modem.reports = []
    assert await home.tells() == 0
    assert "taken by the network; no delivery report in time" in home.heard
    assert len(modem.sent) == 1


async def test_reports_of_others_and_those_that_come_twice_are_told_apart(home):
    modem = home.manager.plug()
    modem.reports = [(0.0, 0x20), (0.1, 0x30), (0.3, 0x00), (0.3, 0x00)]  # still tried, still tried, there, there
    modem.others = [("+8613700000000", 1, 0x46), (NUMBER, 7, 0x46)]  # of earlier SMS: to somebody else, and to her
    assert await home.tells() == 0, home.heard
    assert "delivered" in home.heard
    modem.others = []
    modem.reports = [(0.0, 0x46)]
    assert await home.tells() == 1, "expired at the other end: nobody was reached"
    assert "not delivered (state 0x46)" in home.heard


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("Message.Unknown 8", 11),
        ("Message.Unknown 21", 11),
        ("Message.Unknown 50", 11),
        ("Message.Unknown 41", 12),
        ("Message.Unknown 27", 1),
        ("Message.Unknown", 1),
        ("Message.NotAllowed", 11),
        ("Message.NoNetwork", 12),
        ("Message.NetworkTimeout", 12),
        ("MobileEquipment.NetworkNotAllowed", 12),
        ("Message.SimNotInserted", 13),
        ("MobileEquipment.SimPin", 13),
        ("Core.Unauthorized", 14),
        ("Message.SmscAddressUnknown", 1),
        ("Core.Failed", 1),
    ],
)
async def test_what_the_network_refuses_is_told_by_its_exit_code(home, error, code):
    modem = home.manager.plug()
    modem.fail["Send"] = error
    assert await home.tells() == code, home.heard
    assert error.partition(" ")[0] in home.heard
    assert modem.messages == {}, "what was not sent does not stay in the modem either"


@pytest.mark.parametrize(
    ("state", "failed", "code"),
    [(FAILED, SIM_MISSING, 13), (LOCKED, 0, 13), (SEARCHING, 0, 12), (FAILED, 1, 10)],
)
async def test_a_modem_that_cannot_says_why(home, state, failed, code):
    home.manager.plug(state, failed)
    assert await home.tells() == code, home.heard


async def test_no_modem_no_modemmanager_and_no_bus(home):
    assert await home.tells() == 10
    assert "is it plugged in?" in home.heard
    await home.manager.stop()
    assert await home.tells() == 10
    home.bus.kill()
    assert await home.tells() == 10


async def test_a_modem_that_nobody_switched_on_is_switched_on(home):
    modem = home.manager.plug(DISABLED)
    assert await home.tells() == 0, home.heard
    assert (modem.enabled, len(modem.sent)) == (1, 1)
    silent = home.manager.plug(DISABLED)
    silent.registers = False
    home.manager.unplug(modem)
    assert await home.tells() == 12
    assert silent.sent == []


async def test_a_modem_that_goes_in_the_middle_is_unplugged(home):
    home.manager.plug().goes = True
    assert await home.tells() == 10, home.heard


async def test_of_two_modems_the_one_that_works_sends_once(home):
    first, second = home.manager.plug(FAILED, SIM_MISSING), home.manager.plug()
    assert await home.tells() == 0
    assert (len(first.sent), len(second.sent)) == (0, 1)
    first.state, first.fail = REGISTERED, {"Send": "Message.NoNetwork"}
    second.fail = {}
    assert await home.tells() == 0, home.heard
    assert (len(first.sent), len(second.sent)) == (0, 2)
    second.goes = True
    assert await home.tells() in {10, 12}
    assert len(second.sent) == 2


async def test_a_network_that_does_not_answer_ends_in_its_time(home):
    modem = home.manager.plug()
    modem.delay = 60.0
    assert await home.tells(waits=SHORT | {"send": 0.3}) == 1
    assert "Send: no answer" in home.heard


async def test_the_self_test_reaches_nobody_and_finds_an_empty_card(home):
    modem = home.manager.plug()
    assert await home.tells("daughter", "test", reason="self_test") == 0, home.heard
    assert [number for number, _ in modem.sent] == [OWN]
    assert codes.given(home.folder) == []
    modem.fail["Send"] = "Message.Unknown 8"
    assert await home.tells("daughter", "test") == 11
    home.book.write_text(BOOK.replace(f'own = "{OWN}"\n', ""))
    assert await home.tells("daughter", "test") == 0, "without the card's number it asks for the network alone"
    assert len(modem.sent) == 1
    modem.state = SEARCHING
    assert await home.tells("daughter", "test") == 12


async def test_a_phone_book_that_is_wrong_is_not_set_up(home):
    modem = home.manager.plug()
    assert await home.tells("son") == 14
    home.book.chmod(0o644)
    assert await home.tells() == 14
    assert "chmod 600" in home.heard
    home.book.unlink()
    assert await home.tells("daughter", "test") == 14
    assert modem.sent == []


async def test_a_card_that_cannot_be_written_keeps_back_no_call(home):
    modem = home.manager.plug()
    (home.folder / f".{codes.FILE}.lock").mkdir()
    assert await home.tells() == 0
    ((_, text),) = modem.sent
    assert text == "【求救】012 幸福村 卧室 02:13。"
    assert "no code to answer with" in home.heard


async def test_no_number_stands_where_other_processes_look(home):
    modem = home.manager.plug()
    modem.delay = 1.0
    telling = asyncio.create_task(home.tells())
    while "Send" not in home.manager.calls:
        await asyncio.sleep(0.01)
    seen = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
            if str(home.book).encode() in line:
                seen.append(line + (process / "environ").read_bytes())
        except OSError:
            continue
    assert await telling == 0
    assert seen
    assert not any(b"1380000" in words for words in seen)
