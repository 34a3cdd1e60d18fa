"""What an answer by telephone does where somebody else, or nobody, is on the way: who is called, when, and what is read."""

from __future__ import annotations

import asyncio
import re

import pytest
from gateway.sms import codes

from tests.stories.life import BUTTON, HOME, HOUR, MINUTE, Call, Life
from tests.stories.test_cards import Image, conflicts
from tests.stories.test_ring import Ringing, ring
from tests.stories.test_sms import Answering, sms, state

HELP = f'{HOME}[[device]]\nid="help"\nmodel="shelly-blu-button"\nroom="hall"\naddress="{BUTTON}"\nbuttons={{ 1 = "help" }}\n'
WAYS = pytest.mark.parametrize(("rung", "phones"), [(sms, Answering), (ring, Ringing)], ids=["sms", "ring"])


def sends_nobody(told: dict) -> list:
    """A platform that sends somebody by itself at each alarm, who never comes."""
    dispatch = {"do": "dispatch", "alarm": told["alarm"], "responder": "grid worker", "seconds": 900}
    return [(0.5, dispatch)] if told["state"] == "raised" and told["kind"] == "person.sos" else []


async def takes(phones: Answering, person: str) -> str:
    """Let a person take the alarm by the way he was called; return his code."""
    if isinstance(phones, Ringing):
        reply = await phones.calls_back(person)
    else:
        reply = await phones.says(person, f"{phones.newest(person)} 1 15")
    assert "您在路上" in reply
    return re.findall(r"[0-9]{4}", reply)[0]


@WAYS
def test_who_was_called_takes_the_alarm_for_which_the_platform_sent_somebody_once_more(tmp_path, rung, phones):
    async def story():
        people = phones(life)
        life.desk.answers = sends_nobody
        life.press()
        await life.wait(17 * MINUTE, at_ease=False)
        assert (state(life), life.open[0].lapsed) == (("dispatched", "grid worker"), True)
        assert people.came, "nobody came: the ladder is called, whatever the platform says"
        await takes(people, "daughter")
        assert state(life) == ("dispatched", "daughter")
        taken = life.now
        await life.wait(10 * MINUTE, at_ease=False)
        assert not [who for at, who, _ in people.came if at > taken]
        assert state(life) == ("dispatched", "daughter")

    with Life(tmp_path, ladder=rung("daughter") + rung("neighbour")) as life:
        life.live(story())


@pytest.mark.parametrize("frame", ["", "4400{n}3a01"], ids=["sos", "help"])
@WAYS
def test_who_took_it_and_cannot_come_after_all_is_followed_by_the_next_at_once(tmp_path, rung, phones, frame):
    async def story():
        people = phones(life)
        life.plug(False)
        if frame:
            life.air(BUTTON, frame)
            await life.wait(6 * MINUTE)
        else:
            life.press()
            await life.wait(45)
        code = await takes(people, "daughter")
        await life.wait(MINUTE)
        cannot = life.now
        assert "叫下一位" in await people.says("daughter", f"{code} 2")
        await life.wait(5)
        assert [who for at, who, _ in people.came if at >= cannot] == ["neighbour"]
        assert state(life)[0] == "raised"
        if rung is sms:
            assert "还没有人去" in people.of("neighbour")[-1]

    with Life(tmp_path, devices=HELP, ladder=rung("daughter") + rung("neighbour")) as life:
        life.live(story())


def test_what_is_read_by_who_cannot_come_is_true(tmp_path):
    async def story():
        phones = Answering(life)
        life.plug(False)
        life.press()
        await life.wait(2 * MINUTE)
        daughter, neighbour = phones.newest("daughter"), phones.newest("neighbour")
        await phones.says("neighbour", f"{neighbour} 1 15")
        assert "neighbour在路上" in (await phones.says("daughter", f"{daughter} 2")).replace(" ", ""), "nobody is called"
        assert state(life) == ("dispatched", "neighbour")
        before = life.now
        assert "叫下一位" in await phones.says("neighbour", f"{neighbour} 2")
        await life.wait(5)
        assert [who for at, who, _ in phones.came if at >= before] == ["daughter"]
        await phones.says("daughter", f"{daughter} 3")
        assert state(life)[0] == "acknowledged"
        before = life.now
        assert "叫下一位" in await phones.says("daughter", f"{daughter} 2 sorry")
        await life.wait(5)
        assert [who for at, who, _ in phones.came if at >= before] == ["neighbour"]

    with Life(tmp_path, ladder=sms("daughter") + sms("neighbour")) as life:
        life.live(story())


def test_who_is_alone_in_the_ladder_and_cannot_come_is_called_again_in_his_turn_and_not_at_once(tmp_path):
    async def story():
        phones = Answering(life)
        life.plug(False)
        life.press()
        await life.wait(4 * MINUTE)
        code = phones.newest("daughter")
        await phones.says("daughter", f"{code} 1 15")
        before = life.now
        await phones.says("daughter", f"{code} 2")
        await life.wait(4 * MINUTE)
        assert not [at for at, _, _ in phones.came if at >= before]
        await life.wait(MINUTE + 5)
        assert [who for at, who, _ in phones.came if at >= before] == ["daughter"]

    with Life(tmp_path, ladder=sms("daughter")) as life:
        life.live(story())


def test_one_telephone_under_two_names_answers_for_the_name_that_was_called(tmp_path):
    both = sms("daughter").replace('responder = "daughter"', 'responder = "mother"')
    father = both.replace("mother", "father")

    async def story():
        phones = Answering(life)
        life.plug(False)
        life.press()
        await life.wait(100)
        assert [call.responder for call in life.open[0].calls][1:] == ["father", "mother"]
        code, before = phones.newest("daughter"), life.now
        assert "叫下一位" in await phones.says("daughter", f"{code} 2")
        await life.wait(5)
        assert [who for at, who, _ in phones.came if at >= before] == ["neighbour"]
        await phones.says("daughter", f"{code} 1 15")
        assert state(life) == ("dispatched", "mother")
        before = life.now
        await phones.says("daughter", f"{code} 2 after all")
        await life.wait(5)
        assert [who for at, who, _ in phones.came if at >= before] == ["neighbour"]

    with Life(tmp_path, ladder=father + both + sms("neighbour")) as life:
        life.live(story())


def test_who_says_by_mistake_that_he_is_there_takes_it_back_and_the_next_is_called_at_once(tmp_path):
    async def story():
        phones = Answering(life)
        life.plug(False)
        await life.wait(MINUTE)
        life.fall()
        await life.wait(2 * MINUTE)
        code = phones.newest("daughter")
        assert f"按错了请回复 {code} 2" in await phones.says("daughter", f"{code} 0")
        assert state(life) == ("on_site", "daughter")
        back = life.now
        assert "叫下一位" in await phones.says("daughter", f"{code} 2")
        assert life.open[0].state.value == "raised"
        await life.wait(5, at_ease=False)
        assert [who for at, who, _ in phones.came if at >= back][:1] == ["neighbour"]
        await phones.says("daughter", f"{code} 1 15")
        assert state(life) == ("dispatched", "daughter"), "and may come all the same"

    with Life(tmp_path, ladder=sms("daughter") + sms("neighbour")) as life:
        life.live(story())


def test_who_says_by_mistake_that_he_is_there_and_does_not_notice_the_persons_are_reminded(tmp_path):
    async def story():
        phones = Answering(life)
        life.plug(False)
        await life.wait(MINUTE)
        life.fall()
        await life.wait(2 * MINUTE)
        code = phones.newest("daughter")
        await phones.says("daughter", f"{code} 0")
        there = life.now
        await life.wait(HOUR + 2 * MINUTE, at_ease=False)
        reminded = [(round((at - there) / MINUTE), who) for at, who, _ in phones.came if at > there]
        assert [who for _, who in reminded] == ["daughter", "neighbour"]
        assert "请核实后告诉呼叫台" in phones.of("neighbour")[-1]
        assert "回复" not in phones.of("neighbour")[-1], "two SMS are no proof of more than one"
        again = life.now
        await life.wait(31 * MINUTE, at_ease=False)
        assert sorted(who for at, who, _ in phones.came if at > again) == ["daughter", "neighbour"]
        life.plug(True)
        await life.wait(MINUTE, at_ease=False)
        heard = life.now
        await life.wait(HOUR, at_ease=False)
        assert not [at for at, _, _ in phones.came if at > heard], "the desk has it"

    with Life(tmp_path, ladder=sms("daughter") + sms("neighbour")) as life:
        life.live(story())


def test_one_telephone_in_both_phone_books_answers_by_the_name_that_was_called(tmp_path):
    async def story():
        phones = Ringing(life)
        typed = life.state / "household-phones.toml"
        typed.write_text('[people.p1]\nnumber = "13800000000"\n', encoding="utf-8")
        typed.chmod(0o600)
        life.plug(False)
        life.press()
        await life.wait(50)
        reply = await phones.calls_back("daughter", "8613800000000")
        assert "您在路上" in reply, "some modems tell who calls without the +"
        assert state(life) == ("dispatched", "daughter")
        code = re.findall(r"请回复 ?([0-9]{4})", reply)[0]
        assert "您已到" in await phones.says("daughter", f"{code} 0")
        assert state(life) == ("on_site", "daughter")

    with Life(tmp_path, ladder=ring("daughter") + ring("neighbour")) as life:
        life.live(story())


class Slow(Ringing):
    """The line is taken by a call for a minute, as it is by an SMS, the connecting and half a minute of ringing."""

    async def rung(self, call: Call) -> int:
        code = await super().rung(call)
        if call.environment["ELDERCARE_REASON"] != "self_test":
            await asyncio.sleep(MINUTE)
        return code


def test_who_cannot_come_while_it_rings_is_rung_no_more_and_the_next_is_rung_at_once(tmp_path):
    async def story():
        phones = Slow(life)
        life.plug(False)
        life.press()
        await life.wait(40)
        assert [who for _, who, _ in phones.came] == ["daughter"]
        code, cannot = codes.give(life.state, "daughter", life.open[0].id), life.now
        assert "叫下一位" in await phones.says("daughter", f"{code} 2")
        await life.wait(5)
        assert [who for at, who, _ in phones.came if at >= cannot] == ["neighbour"]
        assert life.called("eldercare-ring")[0].killed
        await life.wait(20)
        await phones.calls_back("neighbour")
        assert state(life) == ("dispatched", "neighbour")

    with Life(tmp_path, ladder=ring("daughter") + ring("neighbour")) as life:
        life.live(story())


@WAYS
def test_an_alarm_that_gets_another_id_meanwhile_is_taken_by_the_answer_to_the_old_one(tmp_path, rung, phones):
    """Yesterday's card was put back: the platform knows other alarms by these ids, so the new one gets another."""

    async def story():
        people = phones(life)
        await life.wait(10 * MINUTE)
        image = Image(life)
        for _ in range(2):
            life.press()
            await life.wait(30)
            alarm = life.open[0].id
            for move in ("acknowledge", "arrive"):
                await life.tell(move, alarm=alarm)
            await life.tell("close", alarm=alarm, outcome="helped")
        await life.wait(HOUR)
        life.plug(False)
        await image.put_back()
        await life.wait(2 * MINUTE)
        life.press()
        await life.wait(50)
        called, before = people.newest("daughter") if rung is sms else "", life.open[0].id
        life.plug(True)
        await life.wait(10)
        assert conflicts(life)
        assert life.open[0].id != before
        if rung is sms:
            assert "您在路上" in await people.says("daughter", f"{called} 1 15")
        else:
            assert "您在路上" in await people.calls_back("daughter")
        assert state(life) == ("dispatched", "daughter")

    with Life(tmp_path, ladder=rung("daughter") + rung("neighbour")) as life:
        life.live(story())


def test_a_code_of_which_nobody_knows_the_alarm_is_not_told_to_be_over(tmp_path):
    async def story():
        phones = Answering(life)
        life.plug(False)
        code = codes.give(life.state, "daughter", "another-a7")
        assert "查不到" in await phones.says("daughter", f"{code} 1 15")
        life.press()
        await life.wait(45)
        await phones.says("daughter", f"{code} 1 15")
        assert state(life)[0] == "raised"
        old = codes.give(life.state, "daughter", f"another-a{life.open[0].number}")
        assert f"回复 {phones.newest('daughter')} 1 15" in await phones.says("daughter", f"{old} 1 15"), "it has a code of its own"
        assert state(life)[0] == "raised"

    with Life(tmp_path, ladder=sms("daughter") + sms("neighbour")) as life:
        life.live(story())
