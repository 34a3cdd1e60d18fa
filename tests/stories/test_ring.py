"""Telephones are rung while the platform is dead, and whoever calls back takes the alarm: who is believed, for how long, and who is not."""

from __future__ import annotations

import re

import pytest
from gateway.ring import made
from gateway.ring.waits import WAITS
from gateway.sms import codes

from tests.kit.waits import changed
from tests.stories.life import HOME, MINUTE, Call, Life
from tests.stories.test_sms import NUMBERS, Answering, state

PHONE = "eldercare-ring"


def ring(person: str, wait: int = 60) -> str:
    words = f'program = ["/people/{PHONE}", "--to", "{person}"]'
    return f'[[ladder]]\nresponder = "{person}"\nwait = {wait}\nchannel = "program"\n{words}\ntest = true\n'


TWO = ring("daughter") + ring("neighbour")


class Ringing(Answering):
    """Telephones that ring, and the home's own file of whom it rang."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self.exit = 0
        life.people[PHONE] = self.rung

    async def rung(self, call: Call) -> int:
        reason = call.environment["ELDERCARE_REASON"]
        if reason not in {"self_test", "recalled"}:
            made.note(self._life.state, call.arguments[1], call.environment["ELDERCARE_ALARM"])
        if reason != "self_test":
            self.came.append((call.at, call.arguments[1], reason))
        return self.exit

    async def calls_back(self, person: str, number: str = "") -> str:
        await self.says(person, "", number="10086")  # the answers of the process that lives now
        return await self._answers.called(number or NUMBERS[person])


@pytest.fixture
def life(tmp_path):
    with Life(tmp_path, ladder=TWO) as life:
        life.plug(False)
        yield life


def told(life: Life, story) -> None:
    life.live(story(life))


def rung(phones: Ringing) -> list[str]:
    return [who for _, who, _ in phones.came]


def test_who_calls_back_takes_the_alarm_and_nobody_else_is_rung(life):
    async def story(life):
        phones = Ringing(life)
        life.press()
        await life.wait(40)
        assert rung(phones) == ["daughter"]
        reply = await phones.calls_back("daughter")
        assert reply.startswith("【求救】hall 08:00。记下了\uff0c您在路上"), "he need not know which home it was"
        assert "请回复" in reply, "by its code he says that he is there, or cannot come after all"
        assert state(life) == ("dispatched", "daughter")
        assert {"answered", "dispatch"} <= life.open[0].stages.keys()
        await life.wait(5 * MINUTE)
        assert rung(phones) == ["daughter"]
        assert [m["by"] for m in life.journal() if m["type"] == "alarm" and m["move"] == "dispatch"] == ["daughter"]
        assert await phones.calls_back("daughter") == reply, "said twice it is the same"
        code = re.findall(r"[0-9]{4}", reply)[0]
        assert "您已到" in await phones.says("daughter", f"{code} 0")
        assert state(life)[0] == "on_site"

    told(life, story)


def test_who_was_not_rung_and_who_is_not_known_takes_nothing_and_hears_nothing(life):
    async def story(life):
        phones = Ringing(life)
        assert await phones.calls_back("daughter") == "", "nothing is open"
        life.press()
        await life.wait(40)
        assert await phones.calls_back("neighbour") == "", "his turn has not come: why he calls nobody knows"
        assert await phones.calls_back("", "+8613900000009") == ""
        assert await phones.calls_back("daughter", "13800000001") == ""
        assert state(life)[0] == "raised"

    told(life, story)


def test_a_busy_telephone_that_calls_back_later_counts_and_meanwhile_the_next_is_rung(life):
    async def story(life):
        phones = Ringing(life)
        phones.exit = 1
        life.press()
        await life.wait(40)
        assert rung(phones) == ["daughter", "neighbour"], "at once"
        await phones.calls_back("daughter")
        assert state(life) == ("dispatched", "daughter")

    told(life, story)


def test_after_some_minutes_a_call_is_no_answer_any_more_and_is_told_what_has_become_of_it(life):
    async def story(life):
        phones = Ringing(life)
        life.press()
        await life.wait(60)
        with changed("ring", back=120.0):
            await life.wait(130)
            assert "还没有人去" in await phones.calls_back("daughter")
            assert state(life)[0] == "raised"
            assert await phones.calls_back("daughter") == "", "the same is said once"
            await life.wait(4 * MINUTE)
            assert rung(phones).count("daughter") == 2
            await phones.calls_back("daughter")
            assert state(life) == ("dispatched", "daughter"), "he was rung anew"

    told(life, story)


def test_what_another_has_or_what_is_over_is_told_and_stays(life):
    async def story(life):
        phones = Ringing(life)
        life.press()
        await life.wait(110)
        assert rung(phones) == ["daughter", "neighbour"]
        await phones.calls_back("neighbour")
        assert "neighbour在路上" in (await phones.calls_back("daughter")).replace(" ", "")
        assert state(life) == ("dispatched", "neighbour")
        await life.tell("arrive", by="neighbour", alarm=life.open[0].id)
        await life.tell("close", by="desk", alarm=life.open[0].id, outcome="helped")
        assert "已经结束" in await phones.calls_back("daughter")

    told(life, story)


def test_one_call_takes_all_for_which_it_rang(life):
    async def story(life):
        phones = Ringing(life)
        life.press()
        life.fall()
        await life.wait(3 * MINUTE)
        assert {a.kind for a in life.open} == {"person.sos", "person.fall"}
        asked = {one.alarm for one in made.made(life.state) if one.person == "daughter"}
        assert asked == {a.id for a in life.open}
        await phones.calls_back("daughter")
        assert {(a.state.value, a.responder) for a in life.open} == {("dispatched", "daughter")}

    told(life, story)


def test_whoever_was_told_not_to_come_takes_nothing_by_asking_why(life):
    async def story(life):
        phones = Ringing(life)
        life.press()
        await life.wait(40)
        await phones.calls_back("daughter")
        await life.tell("recall", by="desk", alarm=life.open[0].id)
        await life.wait(10)
        assert phones.came[-1][2] == "recalled"
        await phones.calls_back("daughter")
        assert state(life)[0] == "acknowledged"

    told(life, story)


def test_after_a_power_cut_calling_back_is_understood(life):
    async def story(life):
        phones = Ringing(life)
        life.press()
        await life.wait(40)
        await life.power_cut(dark=30)
        await life.wait(5)
        await phones.calls_back("daughter")
        assert state(life) == ("dispatched", "daughter")

    told(life, story)


def test_a_phone_that_calls_again_and_again_is_heard_and_answered_only_so_often(life):
    async def story(life):
        phones = Ringing(life)
        life.press()
        await life.wait(40)
        await phones.calls_back("daughter")
        before = len(life.journal())
        replies = [await phones.calls_back("daughter") for _ in range(40)]
        assert sum(bool(reply) for reply in replies) < 10
        assert len(life.journal()) - before < 5
        assert WAITS.back >= MINUTE

    told(life, story)


def test_one_who_gets_an_sms_and_a_ring_may_answer_by_either(tmp_path):
    async def story(life):
        phones = Ringing(life)
        life.press()
        await life.wait(40)
        alarm = life.open[0].id
        code = codes.give(life.state, "daughter", alarm)  # as the program does for its SMS
        assert "叫下一位" in await phones.says("daughter", f"{code} 2")
        await life.wait(2)
        assert rung(phones)[-1] == "neighbour"
        await phones.calls_back("daughter")
        assert state(life) == ("dispatched", "daughter"), "after all he comes"

    both = TWO.replace('"daughter"]', '"daughter", "--sms"]')
    with Life(tmp_path, ladder=both, devices=HOME) as life:
        life.plug(False)
        told(life, story)
