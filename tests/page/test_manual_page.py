"""Help on the box: for who cannot sign in too, without a word of the home; and each make shows how it is hung."""

import pytest
from drivers import all_models
from gateway.page.en import EN
from gateway.page.manual import HOW, KINDS, LIGHTS, LOST, SAYS, hung
from gateway.page.zh import ZH
from gateway.voice import en, zh

from tests.page.household import DEVICES, GATEWAY, ROOMS, SECRET_NAME


@pytest.mark.parametrize(("lang", "words"), [("zh", ZH), ("en", EN)])
async def test_help_is_for_whoever_asks_and_tells_nothing_of_the_home(box, lang, words):
    answer = await box.browser().get(f"/help?lang={lang}")
    assert answer.status_code == 200
    assert answer.text.count('<svg class="mount"') == len(KINDS)
    assert answer.text.count("<dt>") == len(LOST) + len(LIGHTS) + len(SAYS)
    assert all(f'href="{to}"' in answer.text for to in HOW.values())
    assert words["help.lost.label"] in answer.text
    assert not any(name in answer.text for name in (GATEWAY, SECRET_NAME, *(d for d in ROOMS if "-" in d)))
    assert int(answer.headers["content-length"]) < 30_000, "compressed, the style in it"


async def test_who_cannot_sign_in_is_led_to_it(box):
    await box.technician()
    assert 'href="/help#lost"' in (await box.browser("192.168.1.77").get("/sign-in")).text


async def test_a_new_device_shows_how_it_is_hung(box):
    box.example.path.write_text(box.example.path.read_text(encoding="utf-8") + DEVICES, encoding="utf-8")
    browser = await box.technician()
    text = (await browser.get("/sensors/new?address=A4:C1:38:00:53:09&model=shelly-blu-door&lang=en")).text
    assert EN["mount.door.2"] in text
    assert EN["mount.door.2"] in (await browser.get("/sensors/confirm?device=front-door&lang=en")).text


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        ("altbeacon", "pendant"),
        ("shelly-blu-button", "button"),
        ("enocean-ptm-cord", "cord"),
        ("dry-contact", ""),
        ("rflink", ""),
        ("bthome-v2", ""),
        ("zigbee-pad", "bed"),
        ("linptech-es3", "motion"),
        ("dfrobot-c1001", "radar"),
        ("zigbee-gas", "smoke"),
        ("switchbot-leak", "water"),
        ("gatt-scale", ""),
    ],
)
def test_a_make_is_hung_as_what_it_is(make, kind):
    assert hung(all_models()[make]) == kind


def test_each_drawing_has_three_steps_and_no_make_asks_for_another():
    for words in (ZH, EN):
        for kind in KINDS:
            assert [f"mount.{kind}.{n}" in words for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert {hung(m) for m in all_models().values()} <= {*KINDS, ""}


def test_the_phrases_are_those_that_the_home_says():
    for words, said in ((ZH, zh.PHRASES), (EN, en.PHRASES)):
        phrases = {phrase.replace(", ", ",") for phrase in said.values()}
        assert {words[f"help.said.{name}"].replace(", ", ",") for name in SAYS} <= phrases
