"""Persons are told by SMS while the platform is dead: who, what, how often, and what an empty SIM card does."""

from __future__ import annotations

from gateway.sms.send import told
from gateway.sms.text import composed
from gateway.tell.waits import WAITS

from tests.stories.life import DAY, MINUTE, SMOKE, Call, Life

CODES = [SMOKE.replace("07A410", f"07A41{n}") for n in range(8)]
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
        self.code, self.asked = 0, 0

    async def __call__(self, call: Call) -> int:
        if call.arguments[-1] == "test":
            self.asked += 1
        elif self.code == 0:
            self.came.append((call.at, call.arguments[1], composed(told(call.environment, ""), "4711", "zh")))
        return self.code

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
        assert text == "【求救】幸福村 卧室 08:00。回复 4711 1 15=15分钟到, 4711 2=去不了, 4711 3=误报"
        await life.wait(MINUTE)
        assert len(phones.of("neighbour")) == 1, "nobody has answered: the next one is told"

    with Life(tmp_path, devices=PENDANT, ladder=sms("daughter") + sms("neighbour"), more=PLACE, secrets="") as life:
        life.people["eldercare-sms"] = phones
        life.live(story())


def test_an_empty_sim_card_is_found_by_the_daily_test_and_by_no_emergency(tmp_path):
    phones = Phones()

    async def story():
        await life.wait(WAITS.settle + MINUTE)
        assert phones.asked == 1
        phones.code, empty = 11, life.now
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
