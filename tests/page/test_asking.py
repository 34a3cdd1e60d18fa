"""Ask first: how it is set, what each choice means, and how it stands today."""

import re
from html import unescape

import pytest
from gateway.home import status
from gateway.judge.silence.wishes import PRESETS
from gateway.page.words import printed

from tests.page.conftest import post
from tests.page.test_setting import as_typed, left, yes

MOVES = """
[[device]]
id = "hall-motion"
model = "shelly-blu-motion"
room = "过道"
address = "A4:C1:38:00:53:04"
"""


async def card(browser, lang="zh"):
    text = (await browser.get("/rules", params={"lang": lang})).text
    return unescape(text.partition('id="asking"')[2].partition("</form>")[0])


def configured(box, more):
    path = box.example.path
    path.write_text(path.read_text(encoding="utf-8") + DEVICES + more, encoding="utf-8")


DEVICES = """
[[device]]
id = "front-door"
model = "shelly-blu-door"
room = "入户门"
address = "A4:C1:38:00:53:02"
"""


async def test_a_choice_is_saved_and_what_the_form_does_not_have_stays(box):
    configured(box, '[silence]\npreset = "quiet"\nbath = ["浴室"]\nback_by = "20:15"\n')
    browser = await box.technician()
    said = as_typed((await browser.get("/rules")).text, "asking")
    yes(box)
    typed = {n: said[n] for n in ("key", "once", "revision")}
    typed |= {"go": "save", "preset": "close", "wandering": "1", "back_by": "21:00", "shadow_days": "7", "door-front-door": "1"}
    answer = await browser.post("/rules/asking", data=typed)
    assert (answer.status_code, answer.headers["location"]) == (303, "/rules?saved=1#asking")
    change = left(box).change
    assert (change.what, change.value) == (
        "set_silence",
        {
            "preset": "close",
            "shadow_days": 7,
            "entrance": ["front-door"],
            "bath": ["浴室"],
            "at_home": False,
            "wandering": True,
            "back_by": "21:00",
        },
    )


async def test_a_door_that_is_known_by_its_room_is_not_named(box):
    configured(box, DEVICES.replace("front-door", "hall-door").replace("入户门", "门厅").replace(":02", ":09"))
    browser = await box.technician()
    yes(box)
    assert 'name="door-hall-door" value="1" checked' in await card(browser)
    assert 'name="door-front-door" value="1"> ' not in await card(browser)
    for ticked, named in ((("hall-door",), []), (("hall-door", "front-door"), ["front-door", "hall-door"])):
        doors = {f"door-{d}": "1" for d in ticked}
        await post(
            browser, "/rules", "/rules/asking", go="save", once=("ab" if named else "cd") * 12, revision="0", preset="usual", **doors
        )
        assert left(box).change.value["entrance"] == named


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_each_choice_says_its_numbers(box, lang):
    browser = await box.technician()
    said = await card(browser, lang)
    for name, preset in PRESETS.items():
        line = re.search(rf'id="ask-{name}">([^<]*)<', said)[1]
        assert f"{preset.questions:g}" in line
        assert f"{preset.up // 60:02}:{preset.up % 60:02}" in line
        assert "{" not in line
    assert not re.search(r"asking\.\w", said)


async def test_a_choice_that_does_not_exist_is_refused(box):
    browser = await box.technician()
    answer = await post(browser, "/rules", "/rules/asking", go="save", once="ab" * 12, revision="0", preset="often", back_by="25:00")
    assert answer.status_code == 422
    assert left(box) is None


STANDS = [
    ({"why": "off"}, "正在生效", ""),
    ({"days": 3, "shadow": 14, "shadowed": 5}, "第 4 天,共 14 天", ""),
    ({"days": 15, "shadow": 14}, "正在判断,已学习 15 天", ""),
    ({"why": "no_entrance"}, "大门没有传感器", "/sensors/add"),
    ({"why": "no_voice"}, "没有能出声的东西", "#voice"),
    ({"why": "no_sensor"}, "没有能看出动静", "/sensors/add"),
    ({"why": "silent", "device": "front-door"}, "入户门 比平时久没有信号", "/devices/front-door"),
    ({"why": "missing", "device": "front-door"}, "入户门 失联", "/devices/front-door"),
    ({"why": "deaf", "device": "hci0"}, "无线接收失效", "/box"),
    ({"why": "away"}, "已登记离家", "/#h-away"),
    ({"why": "of a later version"}, "原因不明", ""),
]


async def test_how_it_stands_and_what_to_do_is_said(box):
    configured(box, '[silence]\npreset = "usual"\n')
    browser = await box.technician()
    for silence, says, to in STANDS:
        box.example.say(silence={"preset": "usual"} | silence)
        stands = (await card(browser)).partition('id="asking-stands"')[2].partition("</div>")[0]
        assert printed(says) in stands, silence
        assert (f'href="{to}"' in stands) if to else ("href" not in stands), silence
        assert not re.search(r"asking\.\w", stands)
    box.example.say(silence={"preset": "quiet"})
    assert "正在生效" in await card(browser), "the daemon goes by what was saved before"
    box.page.known.status = lambda: status.Status(written=0.0)
    assert "asking-stands" not in await card(browser), "a daemon that is dead says nothing"
