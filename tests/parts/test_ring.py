"""A person's telephone is rung: the real program, against a stand-in for ModemManager with the real names of its interfaces."""

import asyncio
import json
import re

import pytest
from gateway.ring import made

from tests.kit.fake_bluez import PrivateBus
from tests.kit.fake_modem import (
    BLIND,
    BUSY,
    FAILED,
    IS_BUSY,
    NO_CARRIER,
    PULLED,
    SEARCHING,
    SILENT,
    SIM_MISSING,
    TAKEN,
    FakeModemManager,
)
from tests.kit.wait import until
from tests.parts import test_sms
from tests.parts.test_sms import NUMBER, OWN

# the program's own waits, shorter: it is a process of its own, so they are set where it begins
SHORT = {"ring": 0.4, "connect": 0.3, "heard": 60.0, "look": 0.05, "line": 30.0, "sms": 20.0, "whole": 60.0}
SECONDS = 100_000.0  # of a wait that is not to end


class Home(test_sms.Home):
    program = (
        "import sys; from gateway.sms.waits import WAITS as S; S.register = 0.6; S.look = 0.05; S.report = 1.0; "
        "from gateway.ring.waits import WAITS; {}; from gateway.ring.dial import main; raise SystemExit(main(sys.argv[1:]))"
    )

    async def rings(self, *words: str, waits: dict[str, float] | None = None, who: str = "daughter", **environment: str) -> int:
        return await self.tells(who, *words, waits=SHORT | (waits or {}), **environment)


@pytest.fixture
async def home(tmp_path):
    with PrivateBus() as bus:
        async with FakeModemManager(bus) as manager:
            yield Home(tmp_path, bus, manager)


def numbers(modem):
    return [number for _, number in modem.rings]


async def test_it_rings_for_its_time_is_hung_up_and_leaves_nothing_behind(home):
    modem = home.manager.plug()
    assert await home.rings() == 0, home.heard
    assert re.fullmatch(r"daughter: ring: rang for \d+ s\n", home.heard)
    assert (numbers(modem), modem.calls, modem.sent) == ([NUMBER], {}, [])
    assert modem.over == [path for path, _ in modem.rings]
    (one,) = made.made(home.folder)
    assert (one.person, one.alarm, made.left(home.folder)) == ("daughter", "a-1", "")
    for name in (made.FILE, made.LINE):
        path = home.folder / name
        assert path.stat().st_mode & 0o077 == 0
        assert b"1380000" not in path.read_bytes()


async def test_a_call_that_is_taken_is_hung_up_at_once_and_was_made(home):
    modem = home.manager.plug()
    modem.phones[NUMBER] = TAKEN
    assert await home.rings(waits={"ring": SECONDS}) == 0, home.heard
    assert "taken, and hung up" in home.heard
    assert len(modem.over) == 1


async def test_a_modem_that_says_of_every_call_that_it_was_taken_rings_all_the_same(home):
    modem = home.manager.plug()
    modem.phones[NUMBER] = BLIND
    assert await home.rings() == 0
    assert "rang for" in home.heard


@pytest.mark.parametrize(
    ("does", "waits", "words", "noted"),
    [
        (IS_BUSY, {"ring": SECONDS}, "busy, or refused", True),
        (NO_CARRIER, {"ring": SECONDS}, "NoCarrier", False),
        (SILENT, {}, "did not let it ring", False),
    ],
)
async def test_who_is_not_reached_is_followed_by_the_next_person(home, does, waits, words, noted):
    modem = home.manager.plug()
    modem.phones[NUMBER] = does
    assert await home.rings(waits=waits) == 1, home.heard
    assert words in home.heard
    assert modem.calls == {}, "what is over is deleted"
    assert bool(made.made(home.folder)) is noted, "who refuses may call back; where it never rang a call is by chance"


async def test_where_it_rang_once_and_then_never_calling_back_still_counts(home):
    modem = home.manager.plug()
    assert await home.rings() == 0
    modem.phones[NUMBER] = NO_CARRIER
    assert await home.rings(waits={"ring": SECONDS}) == 1
    assert [one.person for one in made.made(home.folder)] == ["daughter"]


@pytest.mark.parametrize(("heard", "code", "words"), [(SECONDS, 1, "busy, or refused"), (0.0, 0, "until somebody or the network ended it")])
async def test_what_rang_for_a_while_was_heard_whoever_ended_it(home, heard, code, words):
    modem = home.manager.plug()
    calling = asyncio.create_task(home.rings(waits={"ring": SECONDS, "heard": heard}))
    await until(lambda: modem.rings or calling.done())
    looks = home.manager.calls.count("GetAll")
    await until(lambda: home.manager.calls.count("GetAll") > looks + 2 or calling.done())
    modem.ends(modem.rings[0][0], BUSY)
    assert await calling == code, home.heard
    assert words in home.heard


async def test_a_modem_that_goes_in_the_middle_of_a_call_is_unplugged(home):
    home.manager.plug().phones[NUMBER] = PULLED
    assert await home.rings(waits={"ring": SECONDS}) == 10, home.heard
    assert made.left(home.folder) == ""


@pytest.mark.parametrize(
    ("state", "failed", "code"),
    [(FAILED, SIM_MISSING, 13), (SEARCHING, 0, 12), (FAILED, 1, 10)],
)
async def test_a_modem_that_cannot_says_why(home, state, failed, code):
    home.manager.plug(state, failed)
    assert await home.rings() == code, home.heard


async def test_no_modem_and_one_that_makes_no_telephone_calls(home):
    assert await home.rings() == 10
    mute, other = home.manager.plug(), None
    mute.voice = False
    assert await home.rings() == 15, home.heard
    assert await home.rings("test") == 15
    other = home.manager.plug()
    other.emergency = True
    assert await home.rings() == 15, "one that calls the police alone"
    assert (numbers(mute), numbers(other)) == ([], [])
    assert home.manager.plug()
    assert await home.rings() == 0, home.heard


async def test_an_sms_goes_before_the_ring_and_one_of_both_is_enough(home):
    modem = home.manager.plug()
    assert await home.rings("--sms") == 0, home.heard
    ((to, text),) = modem.sent
    assert (to, numbers(modem)) == (NUMBER, [NUMBER])
    assert text.endswith("\uff1b回拨本号=马上去")
    modem.fail["Send"] = "Message.NoNetwork"
    assert await home.rings("--sms") == 0, home.heard
    assert "NoNetwork" in home.heard
    del modem.fail["Send"]
    modem.voice = False
    assert await home.rings("--sms") == 0
    assert "makes no telephone calls" in home.heard
    modem.fail["Send"] = "Message.Unknown 8"
    assert await home.rings("--sms") == 11, "neither of them"


async def test_the_self_test_rings_nobody_and_wants_both_halves(home):
    modem = home.manager.plug()
    assert await home.rings("test", reason="self_test") == 0, home.heard
    assert (numbers(modem), modem.sent, modem.calls) == ([], [], {})
    assert "Start" not in home.manager.calls
    modem.fail["CreateCall"] = "Core.Unauthorized"
    assert await home.rings("test", reason="self_test") == 14, "polkit's rule is that of an earlier version"
    del modem.fail["CreateCall"]
    assert await home.rings("--sms", "test", reason="self_test") == 0
    assert [number for number, _ in modem.sent] == [OWN]
    modem.fail["Send"] = "Message.Unknown 8"
    assert await home.rings("--sms", "test") == 11
    del modem.fail["Send"]
    modem.voice = False
    assert await home.rings("--sms", "test") == 15, "an SMS would go; that nobody hears it is told"
    assert made.made(home.folder) == []


@pytest.mark.parametrize("reason", ["recalled", "fault"])
async def test_what_a_ring_cannot_say_goes_by_sms(home, reason):
    modem = home.manager.plug()
    assert await home.rings(reason=reason) == 0, home.heard
    assert (len(modem.sent), numbers(modem), made.made(home.folder)) == (1, [], [])


async def test_two_who_are_rung_at_once_are_rung_one_after_the_other(home):
    modem = home.manager.plug()
    assert await asyncio.gather(home.rings(), home.rings(who="neighbour")) == [0, 0]
    assert sorted(numbers(modem)) == ["+8613700000000", NUMBER]
    assert modem.at_once == 1


async def test_while_another_has_the_line_it_is_waited_for_and_not_without_end(home):
    home.manager.plug()
    with made.line(home.folder) as mine:
        assert mine is not None
        assert await home.rings(waits={"line": 0.1}) == 1
    assert "another call" in home.heard


async def test_who_rings_back_is_known_before_it_rings_and_a_full_card_keeps_back_no_call(home):
    modem = home.manager.plug()
    (home.folder / f".{made.FILE}.lock").mkdir()
    (home.folder / made.LINE).mkdir()
    assert await home.rings() == 0, home.heard
    assert numbers(modem) == [NUMBER]
    assert modem.calls == {}
    assert "calling back will not be understood" in home.heard


async def test_a_phone_book_that_is_wrong_and_an_emergency_number_are_not_rung(home):
    modem = home.manager.plug()
    assert await home.rings(who="son") == 14
    home.book.write_text('[people.daughter]\nnumber = "120"\n')
    assert await home.rings() == 14
    assert "called by people" in home.heard
    home.book.chmod(0o644)
    assert await home.rings() == 14
    assert numbers(modem) == []


def test_the_file_of_calls_is_bounded_and_a_torn_one_is_none(tmp_path):
    for n in range(made.MOST + 5):
        made.note(tmp_path, "daughter", f"a-{n}")
    made.note(tmp_path, "daughter", "a-100")
    known = made.made(tmp_path)
    assert (len(known), known[-1].alarm, len({one.alarm for one in known})) == (made.MOST, "a-100", made.MOST)
    for torn in ("", "{", "[[1]]", '{"a": 1}', json.dumps([["a", "b", "x"]])):
        (tmp_path / made.FILE).write_text(torn)
        assert made.made(tmp_path) == []
