"""What sounds and calls dies quietly too: a modem out of credit, a speaker that somebody unplugged, a program that is not there."""

from __future__ import annotations

import asyncio

from gateway.tell.waits import WAITS

from tests.stories.life import DAY, HOUR, MINUTE, Call, Life

FAILED = "gateway.call_failed"
PENDANT = """
[[device]]
id = "pendant"
model = "shelly-blu-button"
room = "hall"
address = "A4:C1:38:00:00:01"
"""


def rung(responder: str, *command: str, more: str = "") -> str:
    words = ", ".join(f'"{w}"' for w in command)
    return f'[[ladder]]\nresponder = "{responder}"\nwait = 60\nchannel = "program"\nprogram = [{words}]\n{more}\n'


SMS = rung("daughter", "/people/sms", "138", more="test = true")
CALLED = rung("neighbour", "/people/neighbour")


class Modem:
    """Has credit, or not: then no message leaves it, and whoever asks is told."""

    def __init__(self, code: int) -> None:
        self.works, self.code, self.asked = True, code, 0

    async def __call__(self, call: object) -> int:
        self.asked += call.environment["ELDERCARE_REASON"] == "self_test"
        return 0 if self.works else self.code


def told(life: Life, program: str) -> list[tuple[float, str, object]]:
    return [(at, turn, detail.get("why")) for at, k, d, turn, detail in life.desk.faults if (k, d) == (FAILED, program)]


def calls(life: Life, who: str, since: float) -> list[float]:
    return [c.at - since for c in life.called(who, since=since) if c.environment["ELDERCARE_REASON"] != "self_test"]


def test_a_modem_out_of_credit_is_found_by_the_daily_test_and_the_ladder_skips_it_and_says_so(tmp_path):
    modem = Modem(11)

    async def story():
        await life.wait(WAITS.settle + MINUTE)
        assert modem.asked == 1, "it is asked once the box has settled"
        modem.works, empty = False, life.now
        await life.wait(DAY + MINUTE)
        ((at, turn, why),) = told(life, "/people/sms")
        assert (turn, why) == ("raised", "no_credit")
        assert at - empty <= DAY
        assert not life.open, "the first emergency is not what finds it"
        await life.wait(2 * HOUR)
        life.plug(there=False)
        life.press()
        pressed = life.now
        await life.wait(40)
        assert calls(life, "sms", pressed) == []
        (first,) = calls(life, "neighbour", pressed)
        assert first <= 31, "nobody waits for a modem that is known not to work"
        (alarm,) = life.open
        daughter, neighbour = alarm.calls[1:3]
        assert (daughter.responder, daughter.delivery.value) == ("daughter", "failed")
        assert (neighbour.responder, neighbour.reason) == ("neighbour", "call_failed")
        assert "channel_down" in {m["reason"] for m in life.journal() if m["type"] == "alarm" and m["move"] == "call"}
        modem.works = True  # topped up in the middle of it
        await life.wait(7 * MINUTE)
        assert calls(life, "sms", pressed), "asked again while somebody calls, it is back in the next round"
        assert not [key for key in life.daemon.faults.on if key[0] == FAILED]

    with Life(tmp_path, devices=PENDANT, ladder=SMS + CALLED, sound="", secrets="") as life:
        life.people["sms"] = modem
        life.live(story())


def test_where_nothing_else_calls_a_broken_modem_is_tried_all_the_same(tmp_path):
    modem = Modem(12)

    async def story():
        modem.works = False
        await life.wait(WAITS.settle + MINUTE)
        assert [turn for _, turn, _ in told(life, "/people/sms")] == ["raised"]
        life.press()
        pressed = life.now
        await life.wait(5 * MINUTE)
        assert calls(life, "sms", pressed)
        modem.works = True
        await life.wait(WAITS.ask_again + MINUTE)
        assert [turn for _, turn, _ in told(life, "/people/sms")] == ["raised", "cleared"]

    with Life(tmp_path, devices=PENDANT, ladder=SMS, sound="", secrets="") as life:
        life.people["sms"] = modem
        life.live(story())


def test_an_unplugged_speaker_is_told_within_a_day_and_relay_and_sms_go_on(tmp_path):
    speaker = Modem(10)

    async def story():
        await life.wait(HOUR)
        speaker.works, unplugged = False, life.now
        await life.wait(DAY)
        ((at, turn, why),) = told(life, "/people/siren")
        assert (turn, why) == ("raised", "unplugged")
        assert at - unplugged <= DAY
        (facts,) = [c for c in life.daemon.upkeep.report((0, 0)).channels if c.program == "/people/siren"]
        assert facts.why == "unplugged"
        life.plug(there=False)
        life.press()
        pressed = life.now
        await life.wait(2 * MINUTE)
        assert calls(life, "siren", pressed), "it is tried all the same"
        assert calls(life, "relay", pressed)[0] <= 31
        assert calls(life, "sms", pressed)[0] <= 100
        assert len(told(life, "/people/siren")) == 1

    sound = '[sound]\nalarm = ["/people/siren"]\ntest = true\n'
    ladder = rung("relay", "/people/relay", more="sounds = true") + SMS
    with Life(tmp_path, devices=PENDANT, ladder=ladder, sound=sound, secrets="") as life:
        life.people["siren"] = speaker
        life.live(story())


def test_a_siren_that_fails_is_a_fault_at_once_a_person_who_does_not_answer_only_after_three_calls(tmp_path):
    async def story():
        life.people["siren"] = (1.0, 1)
        life.people["neighbour"] = (5.0, 1)
        life.press()
        await life.wait(MINUTE)
        assert [turn for _, turn, _ in told(life, "/people/siren")] == ["raised"]
        assert told(life, "/people/neighbour") == []
        await life.wait(20 * MINUTE)
        assert [turn for _, turn, _ in told(life, "/people/neighbour")] == ["raised"]
        life.people["neighbour"] = life.people["siren"] = (5.0, 0)
        await life.wait(10 * MINUTE)
        for who in ("siren", "neighbour"):
            assert [turn for _, turn, _ in told(life, f"/people/{who}")] == ["raised", "cleared"]

    with Life(tmp_path, devices=PENDANT, ladder=CALLED, sound='[sound]\nalarm = ["/people/siren"]\n', secrets="") as life:
        life.live(story())


def test_a_test_makes_room_for_an_alarm_and_is_known_over_a_restart(tmp_path):
    async def story():
        life.people["sms"] = (50.0, 0)  # a slow test
        await life.wait(WAITS.settle + 10)
        (asked,) = life.called("sms")
        assert asked.code is None
        life.plug(there=False)
        life.people["sms"] = (8.0, 0)
        life.press()
        await life.wait(40)
        assert asked.killed
        assert [c.environment["ELDERCARE_REASON"] for c in life.called("sms")][1:] == ["no_receipt"]
        life.plug(there=True)
        await life.tell("close", alarm=life.open[0].id, outcome="helped")
        life.people["sms"] = (2.0, 10)
        await life.wait(DAY + HOUR)
        assert (FAILED, "/people/sms") in life.daemon.faults.on
        await life.power_cut()
        await life.wait(MINUTE)
        assert life.daemon.pipeline._alarms.down == {"/people/sms"}
        assert not [e for e in life.journal() if e["type"] == "alarm" and e["test"] is False and e["kind"] == "alarm.test"]

    with Life(tmp_path, devices=PENDANT, ladder=SMS + CALLED, sound="", secrets="") as life:
        life.live(story())


THREE = "".join(rung(who, "/people/sms", "--to", who, more="test = true") for who in ("daughter", "neighbour", "son"))


class Book:
    """Calls everybody but those without a number."""

    def __init__(self, *without: str) -> None:
        self.without, self.asked, self.called = set(without), [], []

    async def __call__(self, call: Call) -> int:
        _, who, *test = call.arguments
        (self.asked if test else self.called).append(who)
        await asyncio.sleep(2)
        return 14 if who in self.without else 0


def test_a_person_without_a_number_takes_nobody_else_out_of_the_ladder(tmp_path):
    book = Book("daughter")

    async def story():
        life.plug(there=False)
        await life.wait(5)
        life.press()
        await life.wait(4 * MINUTE)
        assert book.called == ["daughter", "neighbour", "son"], "found by this very call"
        assert life.daemon.pipeline._alarms.down == {("/people/sms", "--to", "daughter")}
        (alarm,) = life.open
        assert [(c.responder, c.delivery.value) for c in alarm.calls[1:4]] == [
            ("daughter", "failed"),
            ("neighbour", "accepted"),
            ("son", "accepted"),
        ]
        life.plug(there=True)
        await life.wait(MINUTE)
        assert [(turn, why) for _, turn, why in told(life, "/people/sms (daughter)")] == [("raised", "not_set_up")]
        assert told(life, "/people/sms") == []

    with Life(tmp_path, devices=PENDANT, ladder=THREE + CALLED, sound="", secrets="") as life:
        life.people["sms"] = book
        life.live(story())


def test_each_person_is_asked_for_daily_and_who_has_no_number_is_found_before_anybody_needs_him(tmp_path):
    book = Book("son")

    async def story():
        await life.wait(WAITS.settle + MINUTE)
        assert book.asked == ["daughter", "neighbour", "son"], "one after another"
        assert [(turn, why) for _, turn, why in told(life, "/people/sms (son)")] == [("raised", "not_set_up")]
        rows = {c.program: (c.why, c.test) for c in life.daemon.upkeep.report((0, 0)).channels}
        assert rows["/people/sms (son)"] == ("not_set_up", True)
        assert rows["/people/sms (neighbour)"] == rows["/people/sms"] == ("", True)
        life.plug(there=False)
        life.press()
        await life.wait(4 * MINUTE)
        assert book.called == ["daughter", "neighbour"], "he alone is passed over"
        book.without = set()
        await life.wait(2 * MINUTE)
        assert life.daemon.pipeline._alarms.down == set(), "asked again while somebody calls"
        await life.wait(5 * MINUTE)
        assert "son" in book.called, "back in the next round"
        life.plug(there=True)
        await life.tell("close", alarm=life.open[0].id, outcome="helped")
        await life.wait(DAY + HOUR)
        assert [turn for _, turn, _ in told(life, "/people/sms (son)")] == ["raised", "cleared"]
        assert {who: book.asked.count(who) >= 2 for who in book.asked} == dict.fromkeys(("daughter", "neighbour", "son"), True)

    with Life(tmp_path, devices=PENDANT, ladder=THREE + CALLED, sound="", secrets="") as life:
        life.people["sms"] = book
        life.live(story())


def test_a_modem_that_is_gone_is_one_fault_for_all_whom_it_calls(tmp_path):
    modem = Modem(10)

    async def story():
        modem.works = False
        await life.wait(HOUR)
        assert [(turn, why) for _, turn, why in told(life, "/people/sms")] == [("raised", "unplugged")]
        modem.works = True
        await life.wait(WAITS.ask_again + MINUTE)
        assert [turn for _, turn, _ in told(life, "/people/sms")] == ["raised", "cleared"]
        assert {device for _, k, device, *_ in life.desk.faults if k == FAILED} == {"/people/sms"}

    with Life(tmp_path, devices=PENDANT, ladder=THREE + CALLED, sound="", secrets="") as life:
        life.people["sms"] = modem
        life.live(story())
