"""A backup that somebody has crafted, at the page: what it would run is named, and refused beside the field."""

import json

import pytest
from gateway.home import backup
from gateway.home.parts import Household, RungPart, SoundPart

from tests.kit.backups import kept
from tests.page.conftest import form_key
from tests.page.household import CONFIG
from tests.page.test_attacks import BOUNDARY, multipart
from tests.parts.test_rehearsal import ALARM

WORDS = "open sesame please"
SHELL = ("/bin/sh", "-c", "touch /tmp/owned")


def sealed(**more):
    head = backup.MAGIC + b'{"v":1,"salt":"' + b"ab" * 16 + b'","nonce":"' + b"cd" * 12 + b'"}\n'
    body = backup.msgspec.json.encode(kept(**more))
    return head + backup._sealed(head, WORDS).encrypt(bytes.fromhex("cd" * 12), body, head)


async def looked(browser, data, lang="en"):
    key = (await form_key(browser, "/box")).encode()
    parts = [(b"key", key), (b"once", b"ab" * 12), (b"passphrase", WORDS.encode()), (b"file", data)]
    return await browser.post("/moving/look", params={"lang": lang}, content=multipart(parts), headers=BOUNDARY)


@pytest.fixture
def new_box(box, monkeypatch):
    """A box that is nobody's yet, whose owner lets one command run."""
    monkeypatch.setattr("gateway.page.moving.is_new", lambda _: True)
    text = CONFIG.format(port=1, http=0).replace("[sound]\n", '[sound]\nalarm = ["/opt/siren", "3"]\n')
    box.example.path.write_text(text, encoding="utf-8")
    return box


@pytest.mark.parametrize(
    "home",
    [
        Household(sound=SoundPart(alarm=SHELL)),
        Household(ladder=(RungPart(responder="family", channel="program", program=SHELL),)),
    ],
)
async def test_a_backup_that_names_a_program_is_refused_beside_the_field(new_box, home):
    browser = await new_box.technician()
    for lang, words in (("en", "may not be run"), ("zh", "不允许运行")):
        answer = await looked(browser, sealed(household=home), lang)
        assert answer.status_code == 422
        say = answer.text.partition('id="m-file-say"')[2].partition("</p>")[0]
        assert words in say
        assert "/bin/sh" in say
    handed = new_box.example.config.page_folder / "handed"
    assert not handed.exists() or not list(handed.iterdir()), "nothing of it waits to be confirmed"
    assert not (new_box.example.config.state / "household.json").exists()
    assert (await browser.get("/moving")).status_code == 200


async def test_what_it_may_run_is_shown_by_name_before_it_is_taken(new_box):
    browser = await new_box.technician()
    answer = await looked(browser, sealed(household=Household(sound=SoundPart(alarm=("/opt/siren", "3")))))
    assert answer.status_code == 200
    assert "<code>/opt/siren 3</code>" in answer.text


async def test_an_alarm_without_its_stages_does_not_take_the_page_away(new_box):
    browser = await new_box.technician()
    answer = await looked(browser, sealed(alarms=(json.dumps(ALARM | {"stages": {}}),)))
    assert answer.status_code == 200


async def test_what_is_shown_says_that_no_shelf_comes_along(new_box):
    browser = await new_box.technician()
    for lang, words in (("en", "every device is monitored"), ("zh", "搁置和离家不接替")):
        answer = await looked(browser, sealed(marks={"masks": '{"shelves":{"smoke":{"until":NaN}}}'}), lang)
        assert answer.status_code == 200
        assert words in answer.text
