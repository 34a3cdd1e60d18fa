"""Persons are told by SMS while the platform is dead: who, what, how often, and what an empty SIM card does."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from gateway.sms import codes
from gateway.sms.inbox import Came
from gateway.sms.send import told
from gateway.sms.text import composed
from gateway.tell.answers import REPLIES_MOST, Answers
from gateway.tell.waits import WAITS

from tests.stories.life import DAY, HOME, MINUTE, SMOKE, Call, Life

CODES = [SMOKE.replace("07A410", f"07A41{n}") for n in range(8)]
NIGHT = datetime(2027, 3, 1, 18, 10, tzinfo=UTC)  # 02:10 in the home
PLACE = '[household]\narea = "幸福村"\n'
PENDANT = """
[[device]]
id = "pendant"
model = "shelly-blu-button"
room = "卧室"
address = "A4:C1:38:00:00:01"
"""
FIRE = """
[[device]]
id = "rflink"
model = "rflink"
room = "hall"
port = "/dev/serial/by-id/usb-rflink"
""" + "".join(
    f'[[device]]\nid = "smoke{n}"\nmodel = "ev1527-smoke"\nroom = "kitchen"\nvia = "rflink"\ncodes = {{ alarm = "{code}" }}\n'
    for n, code in enumerate(CODES)
)


def sms(person: str) -> str:
    words = f'program = ["/people/eldercare-sms", "--to", "{person}"]'
    return f'[[ladder]]\nresponder = "{person}"\nwait = 60\nchannel = "program"\n{words}\ntest = true\n'


class Phones:
    """The people's telephones, behind one modem."""

    def __init__(self) -> None:
        self.came: list[tuple[float, str, str]] = []
        self.exit, self.asked = 0, 0

    async def __call__(self, call: Call) -> int:
        if call.arguments[-1] == "test":
            self.asked += 1
        elif self.exit == 0:
            self.came.append((call.at, call.arguments[1], composed(told(call.environment, ""), "4711", "zh")))
        return self.exit

    def of(self, person: str) -> list[str]:
        return [text for _, who, text in self.came if who == person]


def test_with_the_platform_dead_a_person_reads_of_the_call_for_help_within_a_minute(tmp_path):
    phones = Phones()

    async def story():
        life.plug(False)
        await life.wait(5)
        life.press()
        pressed = life.now
        await life.wait(MINUTE)
        assert life.called("siren")[0].at - pressed <= 2
        ((at, who, text), *_) = phones.came
        assert at - pressed <= MINUTE
        assert who == "daughter"
        assert text == "【求救】幸福村 卧室 08:00。回复 4711 1 15=15分钟到\uff0c4711 2=去不了\uff0c4711 3=误报"
        await life.wait(MINUTE)
        assert len(phones.of("neighbour")) == 1, "nobody has answered: the next one is told"

    with Life(tmp_path, devices=PENDANT, ladder=sms("daughter") + sms("neighbour"), more=PLACE, secrets="") as life:
        life.people["eldercare-sms"] = phones
        life.live(story())


def test_an_empty_sim_card_is_found_by_the_daily_test_and_by_no_emergency(tmp_path):
    phones = Phones()

    async def story():
        await life.wait(WAITS.settle + MINUTE)
        assert phones.asked == 2, "for each person, one after another"
        phones.exit, empty = 11, life.now
        await life.wait(DAY + MINUTE)
        ((at, turn, why),) = [(at, t, detail.get("why")) for at, k, _, t, detail in life.desk.faults if k == "gateway.call_failed"]
        assert (turn, why) == ("raised", "no_credit")
        assert at - empty <= DAY
        assert phones.came == []
        assert not life.open

    with Life(tmp_path, devices=PENDANT, ladder=sms("daughter") + sms("neighbour"), sound="", secrets="") as life:
        life.people["eldercare-sms"] = phones
        life.live(story())


def test_eight_detectors_in_one_fire_are_one_sms_for_each_person(tmp_path):
    phones = Phones()

    async def story():
        life.plug(False)
        began = life.now
        for code in CODES:
            life.smoke(code)
            await life.wait(3)
        await life.wait(3 * MINUTE)
        assert len(life.open) == 8
        assert [who for _, who, _ in phones.came] == ["daughter", "neighbour"]
        assert phones.came[0][0] - began < MINUTE
        assert phones.of("daughter")[0].startswith("【烟雾】")

    with Life(tmp_path, devices=FIRE, ladder=sms("daughter") + sms("neighbour"), secrets="") as life:
        life.people["eldercare-sms"] = phones
        life.live(story())


class Answering(Phones):
    """The same, and the home's own box of codes: what is sent can be answered."""

    def __init__(self, life: Life) -> None:
        super().__init__()
        self._life, self._sent, self._of = life, 0, None
        self._book = book = life.folder / "phones.toml"
        book.write_text(BOOK, encoding="utf-8")
        book.chmod(0o600)
        life.people["eldercare-sms"] = self

    async def __call__(self, call: Call) -> int:
        if call.arguments[-1] == "test":
            return 0
        person = call.arguments[1]
        code = codes.give(self._life.state, person, call.environment["ELDERCARE_ALARM"])
        self.came.append((call.at, person, composed(told(call.environment, ""), code, "zh")))
        return 0

    def newest(self, person: str) -> str:
        """Return the code in the newest SMS of a person."""
        return next(re.findall(r"[0-9]{4}", text)[0] for _, who, text in reversed(self.came) if who == person)

    async def says(self, person: str, text: str, *, number: str = "", stamp: str = "") -> str | None:
        """Let an SMS of a person come in; return what he gets back."""
        self._sent += 1
        came = Came(number or NUMBERS[person], text, stamp or f"{self._life.wall():%Y-%m-%dT%H:%M:%S}+00:00")
        waits = self._life.daemon.answering
        if self._of is not waits:  # another process, which has not heard anybody
            self._of, self._answers = waits, Answers(waits.home, waits.boot, waits.pipeline, waits.in_turn, self._book)
        return await self._answers.take(came)


NUMBERS = {"daughter": "+8613800000000", "neighbour": "+8613700000000"}
BOOK = "".join(f'[people.{who}]\nnumber = "{number}"\n' for who, number in NUMBERS.items())
TWO = sms("daughter") + sms("neighbour")


def state(life: Life) -> tuple[str, str]:
    (alarm,) = life.open
    return alarm.state.value, alarm.responder


def pressed(life: Life, phones: Answering) -> None:
    life.plug(False)
    life.press()


def test_one_answer_takes_the_alarm_and_who_does_not_come_is_followed_by_the_next(tmp_path):
    async def story():
        pressed(life, phones := Answering(life))
        await life.wait(50)
        reply = await phones.says("daughter", f"{phones.newest('daughter')} 1 15")
        assert reply.startswith("记下了\uff0c您在路上")
        assert state(life) == ("dispatched", "daughter")
        assert life.open[0].expected == 15 * MINUTE
        assert {"answered", "dispatch"} <= life.open[0].stages.keys()
        assert life.called("siren")[-1].code is not None
        taken = life.now
        await life.wait(14 * MINUTE)
        assert not [at for at, _, _ in phones.came if at > taken]
        await life.wait(2 * MINUTE)
        assert life.open[0].state.value == "raised"
        assert sorted(who for at, who, _ in phones.came if at > taken) == ["daughter", "neighbour"]
        assert phones.of("neighbour")[0].endswith("误报")
        assert "在路上的人没有到" in phones.of("neighbour")[0]
        assert "您还没有到" in phones.of("daughter")[-1], "who did not come is asked once"

    with Life(tmp_path, devices=PENDANT, ladder=TWO, secrets="") as life:
        life.live(story())


def test_who_cannot_come_lets_the_next_be_told_at_once_and_for_ever(tmp_path):
    async def story():
        pressed(life, phones := Answering(life))
        await life.wait(45)
        assert [who for _, who, _ in phones.came] == ["daughter"]
        assert "叫下一位" in await phones.says("daughter", f"{phones.newest('daughter')} 2")
        await life.wait(2)
        assert [who for _, who, _ in phones.came] == ["daughter", "neighbour"], "at once"
        assert "叫下一位" in await phones.says("neighbour", f"{phones.newest('neighbour')} 2")
        both = life.now
        await life.wait(5 * MINUTE + 10)
        assert [who for at, who, _ in phones.came if at > both][:1] == ["daughter"], "the first again"
        assert state(life)[0] == "raised"
        assert not [m for m in life.journal() if m["type"] == "alarm" and m.get("state") == "dispatched"]
        # on the way, and then after all not
        await phones.says("daughter", f"{phones.newest('daughter')} 1")
        await phones.says("daughter", f"{phones.newest('daughter')} 2")
        assert state(life)[0] == "raised", "the next is called at once"

    with Life(tmp_path, devices=PENDANT, ladder=TWO, secrets="") as life:
        life.live(story())


def test_a_false_alarm_by_telephone_ends_nothing(tmp_path):
    async def story():
        pressed(life, phones := Answering(life))
        await life.wait(45)
        assert "记下了" in await phones.says("daughter", f"{phones.newest('daughter')} 3")
        assert state(life)[0] == "acknowledged"
        assert life.open[0].reason == "false_alarm?"
        assert "已接到" in await phones.says("daughter", f"{phones.newest('daughter')} 4"), "nobody is there: it cannot be closed"
        await life.wait(4 * MINUTE)
        assert state(life)[0] == "raised"
        assert phones.of("neighbour"), "nobody has looked: the next is told"
        await life.tell("arrive", by="neighbour", alarm=life.open[0].id)
        alarm = life.open[0]
        assert "已结束" in await phones.says("neighbour", f"{phones.newest('neighbour')} 4")
        assert not life.open
        closed = [m for m in life.journal() if m["type"] == "alarm" and m["alarm"] == alarm.id][-1]
        assert (closed["state"], closed["outcome"], closed["by"]) == ("closed", "helped", "neighbour")
        assert "已经结束" in await phones.says("daughter", f"{phones.newest('daughter')} 1 10"), "late: what has become of it"
        assert not life.open

    with Life(tmp_path, devices=PENDANT, ladder=TWO, secrets="") as life:
        life.live(story())


def test_who_took_it_says_from_the_doorstep_that_he_is_there_and_cannot_close_it_by_that(tmp_path):
    async def story():
        pressed(life, phones := Answering(life))
        await life.wait(45)
        code = phones.newest("daughter")
        assert f"到了请回复 {code} 0" in await phones.says("daughter", f"{code} 1 15")
        assert f"回复 {code} 1 15" in await phones.says("daughter", f"{code} 5"), "in five minutes, or there?"
        assert state(life)[0] == "dispatched"
        await life.wait(5 * MINUTE)
        assert await phones.says("", f"{code} 0", number="+8613900000000") == ""
        assert await phones.says("neighbour", f"{code} 0") == "", "a code that is not his"
        assert state(life)[0] == "dispatched"
        assert "您已到" in await phones.says("daughter", f"{code} 到了")
        assert state(life) == ("on_site", "daughter")
        assert (life.open[0].reason, "arrival" in life.open[0].stages) == ("by_sms", True)
        assert "您已到" in await phones.says("daughter", f"{code} 0"), "said twice it is the same"
        assert "已到" in await phones.says("daughter", f"{code} 4")
        assert state(life)[0] == "on_site", "two SMS are no proof of more than one: the desk or the page ends it"
        life.press()
        await life.wait(15)
        assert "又求救了" in phones.of("neighbour")[-1], "a new press calls whoever says to be there"
        assert "回复" not in phones.of("neighbour")[-1]
        number = life.open[0].id
        await life.tell("close", alarm=number, outcome="helped")
        assert "已经结束" in await phones.says("daughter", f"{code} 0"), "late: what has become of it"

    with Life(tmp_path, devices=PENDANT, ladder=TWO, secrets="") as life:
        life.live(story())


def test_who_was_told_and_says_nothing_but_that_he_is_there_is_there_in_every_room_of_the_fire(tmp_path):
    async def story():
        life.plug(False)
        phones = Answering(life)
        for code in CODES[:3]:
            life.smoke(code)
            await life.wait(3)
        await life.wait(MINUTE)
        await phones.says("daughter", f"{phones.newest('daughter')} 0")
        assert {(a.state.value, a.responder) for a in life.open} == {("on_site", "daughter")}

    with Life(tmp_path, devices=FIRE, ladder=TWO, secrets="") as life:
        life.live(story())


def test_strangers_wrong_codes_and_old_sms_are_not_obeyed(tmp_path):
    async def story():
        pressed(life, phones := Answering(life))
        await life.wait(45)
        code = phones.newest("daughter")
        assert await phones.says("", f"{code} 1 15", number="+8613900000000") == ""
        assert await phones.says("neighbour", f"{code} 1 15") == "", "the code is another's, and nobody has asked him yet"
        wrong = "1234" if code != "1234" else "1235"
        for text in ("1 15", f"{wrong} 1 15", "I am coming", code, f"{code} 9"):
            reply = await phones.says("daughter", text)
            assert "还没有人去" in reply
            assert f"回复 {code} 1 15" in reply, "how to answer it"
        assert state(life)[0] == "raised"
        answers = await phones.says("daughter", f"{code} 1 15"), await phones.says("neighbour", "x")
        assert state(life) == ("dispatched", "daughter")
        assert answers[1] == ""
        text = "\n".join(path.read_text(errors="replace") for path in life.state.rglob("*") if path.is_file())
        assert "13800000000" not in text
        assert "13700000000" not in text

    with Life(tmp_path, devices=PENDANT, ladder=TWO, secrets="") as life:
        life.live(story())


def test_a_phone_that_runs_wild_is_heard_and_answered_only_so_often(tmp_path):
    async def story():
        pressed(life, phones := Answering(life))
        await life.wait(45)
        replies = [await phones.says("daughter", f"hello {n}") for n in range(200)]
        assert sum(bool(reply) for reply in replies) == REPLIES_MOST
        entries = len(life.journal())
        await phones.says("neighbour", "hello")
        await life.wait(11 * MINUTE)
        assert (await phones.says("daughter", f"{phones.newest('daughter')} 1")).startswith("记下了"), "after a while again"
        assert len(life.journal()) > entries

    with Life(tmp_path, devices=PENDANT, ladder=TWO, secrets="") as life:
        life.live(story())


def test_an_answer_read_again_after_a_power_cut_acts_once(tmp_path):
    async def story():
        pressed(life, phones := Answering(life))
        await life.wait(45)
        text, stamp = f"{phones.newest('daughter')} 3", f"{life.wall():%Y-%m-%dT%H:%M:%S}+00:00"
        await phones.says("daughter", text, stamp=stamp)
        await life.power_cut(dark=20)
        assert state(life)[0] == "acknowledged", "it was on the disk before the SMS was deleted"
        told_once = len([m for m in life.journal() if m["type"] == "result"])
        await phones.says("daughter", text, stamp=stamp)
        assert len([m for m in life.journal() if m["type"] == "result"]) == told_once
        await life.wait(4 * MINUTE)
        assert state(life)[0] == "raised", "nobody was sent"
        assert "还没有人去" in await phones.says("daughter", text, stamp=stamp), "it is the same SMS still"
        assert state(life)[0] == "raised"
        assert "记下了" in await phones.says("daughter", text), "said again it is another"

    with Life(tmp_path, devices=PENDANT, ladder=TWO, secrets="") as life:
        life.live(story())


def test_one_answer_is_for_the_whole_fire(tmp_path):
    async def story():
        life.plug(False)
        phones = Answering(life)
        for code in CODES:
            life.smoke(code)
            await life.wait(3)
        await life.wait(MINUTE)
        await phones.says("daughter", f"{phones.newest('daughter')} 1 5")
        assert {(a.state.value, a.responder) for a in life.open} == {("dispatched", "daughter")}
        assert len(life.open) == 8

    with Life(tmp_path, devices=FIRE, ladder=TWO, secrets="") as life:
        life.live(story())


@pytest.mark.parametrize("said", ["我1小时后才到, {code} 2", "我在3号楼, 去不了 {code} 2", "3点前去不了, {code} 2"])
def test_a_number_before_the_code_does_not_turn_who_cannot_come_into_one_who_does(tmp_path, said):
    async def story():
        pressed(life, phones := Answering(life))
        await life.wait(50)
        assert "叫下一位" in await phones.says("daughter", said.format(code=phones.newest("daughter")))
        await life.wait(5)
        assert state(life)[0] == "raised"
        assert phones.of("neighbour"), "the next is told at once"

    with Life(tmp_path, devices=PENDANT, ladder=TWO, secrets="") as life:
        life.live(story())


@pytest.mark.parametrize("place", ["1号楼 2单元", "幸福村 3-201"])
def test_a_phone_that_sends_our_own_words_back_takes_nothing_and_is_asked_back_once(tmp_path, place):
    async def story():
        pressed(life, phones := Answering(life))
        await life.wait(50)
        automatic = "自动回复: 正在开车。"
        reply = await phones.says("daughter", automatic + phones.of("daughter")[-1])
        assert f"回复 {phones.newest('daughter')} 1 15" in reply
        assert await phones.says("daughter", automatic + reply) == "", "two machines do not talk for ever"
        replies = [await phones.says("daughter", automatic) for _ in range(3)]
        assert [bool(reply) for reply in replies] == [True, False, False]
        assert state(life)[0] == "raised"
        await life.wait(MINUTE)
        assert phones.of("neighbour"), "as if nothing had come"

    with Life(tmp_path, devices=PENDANT, ladder=TWO, secrets="", more=f'[household]\narea = "{place}"\n') as life:
        life.live(story())


def test_an_old_code_is_told_the_code_of_the_call_that_is_open(tmp_path):
    async def story():
        pressed(life, phones := Answering(life))
        await life.wait(50)
        first = phones.newest("daughter")
        await life.tell("close", by="Li", alarm=life.open[0].id, outcome="helped")
        await life.wait(30)
        life.press()
        await life.wait(MINUTE)
        reply = await phones.says("daughter", f"{first} 1 15")
        assert phones.newest("daughter") != first
        assert f"回复 {phones.newest('daughter')} 1 15" in reply
        assert "结束" not in reply
        assert state(life)[0] == "raised", "an old code takes nothing"

    with Life(tmp_path, devices=PENDANT, ladder=TWO, secrets="") as life:
        life.live(story())


def test_where_the_networks_time_is_hours_wrong_an_answer_counts(tmp_path, monkeypatch):
    async def story():
        monkeypatch.setattr(codes.time, "time", lambda: life.wall().timestamp())

        def stamped() -> str:
            return f"{life.wall():%Y-%m-%dT%H:%M:%S}+08:00"

        pressed(life, phones := Answering(life))
        await life.wait(50)
        code = phones.newest("daughter")
        await phones.says("daughter", f"{code} 3", stamp=stamped())
        assert state(life)[0] == "acknowledged", "it cannot be older than its code"
        await life.wait(WAITS.sms_late + MINUTE)
        assert state(life)[0] == "raised"
        assert f"回复 {code} 1 15" in await phones.says("daughter", f"{code} 1 15", stamp=stamped()), "it may be old: asked back"
        await life.wait(WAITS.sms_again / 2)
        await phones.says("daughter", f"{code} 1 10", stamp=stamped())
        assert state(life)[0] == "raised", "one that was under way with it"
        await life.wait(WAITS.sms_again)
        assert "记下了" in await phones.says("daughter", f"{code} 1 15", stamp=stamped())
        assert state(life) == ("dispatched", "daughter")

    with Life(tmp_path, devices=PENDANT, ladder=TWO, secrets="") as life:
        life.live(story())


def test_a_night_without_network_is_lived_by_sms_and_told_once_afterwards(tmp_path):
    async def story():
        life.plug(False)
        phones = Answering(life)
        await life.until(NIGHT + timedelta(minutes=2))
        life.fall()
        await life.wait(65)
        ((at, who, text),) = phones.came
        assert (who, life.open[0].state.value) == ("daughter", "raised")
        assert text.startswith("【跌倒】浴室 02:12。"), "when it began, not when it was told"
        await life.wait(MINUTE)
        assert [who for _, who, _ in phones.came] == ["daughter", "neighbour"]
        await life.until(NIGHT + timedelta(minutes=6))
        assert "您在路上" in await phones.says("neighbour", f"{phones.newest('neighbour')} 1 10")
        await life.until(NIGHT + timedelta(minutes=16))
        alarm = life.open[0].id
        await life.tell("arrive", by="neighbour", alarm=alarm)
        await life.until(NIGHT + timedelta(minutes=30))
        assert "已结束" in await phones.says("neighbour", f"{phones.newest('neighbour')} 4")
        assert not life.open
        assert [m for _, m in life.told_platform("person.fall")] == []
        await life.until(NIGHT + timedelta(minutes=170))
        life.plug(True)
        await life.wait(2 * MINUTE)
        moves = sorted((m for _, m in life.told_platform("person.fall")), key=lambda m: m["number"])
        kept = [m["number"] for m in life.journal() if m["type"] == "alarm" and m["alarm"] == alarm]
        assert [m["number"] for m in moves] == kept, "everything, and once"
        (last,) = [m for m in moves if m["move"] == "close"]
        assert (last["state"], last["outcome"], last["by"]) == ("closed", "helped", "neighbour")
        stages = {name: datetime.fromisoformat(stamp["wall"]) - NIGHT for name, stamp in last["stages"].items()}
        assert [round(stages[name].total_seconds() / 60) for name in ("danger", "answered", "dispatch", "arrival")] == [2, 6, 6, 16]
        assert at > 0

    bath = HOME.replace('room = "bath"', 'room = "浴室"')
    with Life(tmp_path, devices=bath, ladder=TWO, begins=NIGHT) as life:
        life.live(story())
