"""The platform says itself whether it is there: then nobody waits for a receipt that it cannot give. One that says nothing is waited for as ever."""

import json

import pytest
from gateway.contract import wire
from gateway.home import status
from gateway.judge.allowance import Of
from gateway.judge.waits import WAITS
from gateway.words import kind
from gateway.words.times import Times

from tests.stories.life import Life


@pytest.fixture
def life(tmp_path):
    with Life(tmp_path) as made:
        made.desk.forgets = lambda: True
        yield made


def says(life, *, online=False, payload=None, **more):
    body = json.dumps({"v": 1, "online": online} | more).encode() if payload is None else payload
    life.daemon.mailbox.from_platform("platform", body)


def waited(life, pressed):
    """Return (seconds from the press to the first call of a person, why)."""
    (alarm,) = life.open
    call = alarm.calls[1]
    assert life.called("family")[-1].at - pressed == pytest.approx(call.mono - alarm.calls[0].mono, abs=1.0)
    return call.mono - alarm.calls[0].mono, call.reason


AWAY = (Times().receipt_away, "platform_away")
EVER = (Times().receipt, "no_receipt")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], EVER),
        ([{"online": True}], EVER),
        ([{"online": False}], AWAY),
        ([{"online": False}, {"online": True}], EVER),
        ([{"online": False}, {"payload": b""}], EVER),
        ([{"online": False}, {"payload": b"{}"}], AWAY),
        ([{"online": False, "colour": "red"}], EVER),
        ([{"online": True}, {"online": False, "reason": "power cut", "at": "2027-03-01T00:00:00Z"}], AWAY),
    ],
)
def test_the_next_rung_is_called_sooner_while_the_platform_says_that_it_is_away(life, said, expected):
    async def story():
        await life.wait(10)
        for one in said:
            says(life, **one)
            await life.wait(2)
        pressed = life.now
        life.press()
        await life.wait(60)
        seconds, why = waited(life, pressed)
        assert (seconds, why) == (pytest.approx(expected[0], abs=0.5), expected[1])

    life.live(story())


@pytest.mark.parametrize("said", [{"online": True, "readings": False}, {"online": False}, {"online": False, "readings": False}])
def test_readings_stay_in_the_home_while_the_platform_wants_none_and_come_when_it_does(life, said):
    async def story():
        life.desk.forgets = lambda: False
        await life.wait(10)
        says(life, **said)
        for n in range(10):
            life.door(is_open=n % 2 == 0)
            await life.wait(120)
        life.press()
        await life.wait(5)
        assert life.told_platform("person.sos"), "an alarm is sent all the same"
        if said.get("readings", True):
            assert life.desk.readings > 0, "its receipt proves that it is there"
            return
        assert life.desk.readings == 0
        assert life.daemon.push.unanswered_since() is None
        says(life, online=True)
        await life.wait(30)
        assert life.desk.readings > 0

    life.live(story())


def test_readings_come_again_over_a_new_line_on_which_the_platform_says_nothing(life):
    async def story():
        life.desk.forgets = lambda: False
        await life.wait(10)
        says(life, online=True, readings=False)
        for n in range(6):
            life.door(is_open=n % 2 == 0)
            await life.wait(120)
        assert life.desk.readings == 0
        life.plug(False)
        await life.wait(5)
        life.plug(True)
        await life.wait(60)
        assert life.desk.readings > 0

    life.live(story())


def test_it_goes_away_in_the_middle_of_the_wait(life):
    async def story():
        await life.wait(10)
        life.press()
        pressed = life.now
        await life.wait(12)
        assert not life.called("family")
        says(life)
        await life.wait(2)
        assert life.called("family")[0].at - pressed == pytest.approx(12, abs=1)

    life.live(story())


@pytest.mark.parametrize("how", ["receipt", "line", "restart"])
def test_a_receipt_proves_that_it_is_there_and_a_new_line_knows_nothing(life, how):
    async def story():
        await life.wait(10)
        says(life)
        await life.wait(5)
        assert life.daemon.presence.away_since is not None
        facts = life.daemon.upkeep.report((0, 0))
        assert facts.uplink.platform_away_s == pytest.approx(5, abs=1)
        assert "平台报告自己离线" in status.told(facts)
        says(life)
        await life.wait(60)
        assert life.daemon.upkeep.report((0, 0)).uplink.platform_away_s == pytest.approx(65, abs=2), "since when it was said first"
        if how == "receipt":
            life.desk.forgets = lambda: False
            life.moves()
            await life.tell("test")
        elif how == "line":
            life.plug(False)
            await life.wait(5)
            life.plug(True)
        else:
            await life.restart()
        await life.wait(10)
        assert life.daemon.presence.away_since is None
        assert life.daemon.upkeep.report((0, 0)).uplink.platform_away_s is None
        assert "平台报告自己离线" not in status.told(life.daemon.upkeep.report((0, 0)))

    life.live(story())


def test_what_is_no_such_message_is_said_and_a_flood_costs_nothing(life):
    async def story():
        await life.wait(10)
        for n in range(10_000):
            says(life, online=bool(n % 2))
        says(life, payload=b"x" * (wire.LARGEST + 1))
        await life.wait(5)
        told = [m["detail"]["message"] for m in life.journal() if m["type"] == "fault" and m["kind"] == "gateway.bad_message"]
        assert told == ["platform"]
        assert life.daemon.presence.away_since is None

    life.live(story())


def test_a_word_that_changes_all_the_time_is_taken_and_counted_and_fills_no_log(life, caplog):
    async def story():
        await life.wait(60)
        caplog.clear()
        began = life.now
        for n in range(2000):
            says(life, online=bool(n % 2), reason="x" * 390)
            await life.wait(0.05)
        says(life, online=False)
        await life.wait(1)
        said = [r for r in caplog.records if "platform's application" in r.getMessage()]
        assert 1 <= len(said) <= Of.WORD.value.at_once + 1 + (life.now - began) / 60
        assert life.daemon.presence.away_since is not None, "the newest word counts, said or not"
        (begun,) = [m for m in life.journal() if m.get("kind") == kind.TOO_MANY_ORDERS]
        assert begun["turn"] == "raised"
        await life.wait(2 * WAITS.refusals_over)
        *_, over = [m for m in life.journal() if m.get("kind") == kind.TOO_MANY_ORDERS]
        assert over["turn"] == "cleared"
        assert over["detail"]["refused"] > 1900

    life.live(story())
