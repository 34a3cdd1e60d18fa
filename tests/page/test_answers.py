"""What a form is answered: sent on to a page of its own, the focus on what is wrong, what somebody else has set beside what was typed."""

import re

import pytest
from drivers import all_models
from gateway.home import changes, handed, household
from gateway.page import answers
from gateway.page.answers import Answers, pointed
from gateway.words.instruction import Change, Refused, What

from tests.page.conftest import form_key, post
from tests.page.test_setting import TYPED, left, yes

pytestmark = pytest.mark.usefixtures("kept_secrets")
HTML = {"accept": "text/html,application/xhtml+xml"}


async def sent(browser, page, to, **said):
    """Send a form as a browser does; return (where it is sent on to, the page that is there)."""
    answer = await browser.post(to, data={"key": await form_key(browser, page)} | said, headers=HTML)
    assert answer.status_code == 303, answer.text
    at = answer.headers["location"]
    return at, (await browser.get(at.partition("#")[0], headers=HTML))


@pytest.mark.parametrize(
    ("page", "to", "said", "field"),
    [
        ("/home", "/home/consent", {"history_days": "soon", "journal_days": "730"}, "history_days"),
        ("/platform", "/platform", {"host": "", "port": "x", "password": "hidden-word", "go": "save"}, "host"),
        ("/rules", "/rules/judging", {"t-grace_fall": "5", "go": "save"}, "t-grace_fall"),
        ("/box", "/box/accounts", {"name": "S-02", "role": "supervisor", "password": "hidden-word", "again": "other"}, "again"),
        ("/sensors/new?model=shelly-blu-button", "/sensors/put", {"model": "shelly-blu-button", "id": "?", "secret": "hidden-word"}, ""),
    ],
)
async def test_a_refused_form_has_an_address_and_the_focus_on_what_is_wrong(box, page, to, said, field):
    browser = await box.technician()
    at, answer = await sent(browser, page, to, **said)
    assert at.startswith(page.partition("?")[0] + "?said=")
    assert answer.status_code == 200
    (focus,) = re.findall(r"<(?:input|select|textarea)\b[^>]*?autofocus", answer.text + "", re.DOTALL) or [""]
    assert f'name="{field}"' in answer.text.partition(" autofocus")[2].partition(">")[0] + focus if field else " autofocus" in answer.text
    assert "hidden-word" not in answer.text
    assert (await browser.get(at.partition("#")[0])).text == answer.text, "loaded again it is the same"
    other = box.browser("192.168.1.77")
    assert (await other.get(at.partition("#")[0])).status_code == 303, "for nobody else"


async def test_a_program_gets_its_answer_at_once(box):
    browser = await box.technician()
    assert (await post(browser, "/home", "/home/consent", history_days="soon", journal_days="1")).status_code == 422


async def test_a_wrong_password_at_the_door_has_an_address_too(box):
    await box.technician()
    browser = box.browser("192.168.1.70")
    at, answer = await sent(browser, "/sign-in", "/sign-in", name="T-07", password="hidden-word")
    assert at.startswith("/sign-in?said=")
    assert 'value="T-07"' in answer.text
    assert "hidden-word" not in answer.text


def test_answers_are_bounded_and_nobodys_push_out_nobodys(monkeypatch):
    kept = Answers()
    mine = [kept.keep("one", f"page {n}", 5.0) for n in range(answers.EACH + 1)]
    assert [kept.kept("one", n) for n in mine] == [None, *(f"page {n}" for n in range(1, answers.EACH + 1))]
    assert kept.kept("other", mine[-1]) is None
    for n in range(answers.MOST * 2):
        kept.keep(f"browser {n}", "x", 5.0)
    assert len(kept._kept) == answers.MOST
    assert kept.keep("one", "x" * (answers.LARGEST + 1), 5.0) == ""
    brief = kept.keep("one", "x", 5.0)
    now = answers.time.monotonic()
    monkeypatch.setattr(answers.time, "monotonic", lambda: now + 6)
    assert kept.kept("one", brief) is None


def test_without_a_field_the_sentence_has_the_focus():
    assert pointed('<p class="notice bad" role="alert">no</p><div role="alert" hidden>') == (
        '<p tabindex="-1" autofocus class="notice bad" role="alert">no</p><div role="alert" hidden>'
    )
    assert pointed("<p>well</p>") == "<p>well</p>"


def changed_by_li(box, what, value):
    config = changes.changed(box.page.config, Change(what, value), handed.Handed(), all_models(), by="Li")
    household.keep(config, box.page.config)


@pytest.mark.parametrize(
    ("page", "to", "said", "what", "value", "row"),
    [
        (
            "/home",
            "/home/household",
            {"number": "H-7", "timezone": "Asia/Shanghai", "night_from": "22:00", "night_to": "06:00"},
            What.SET_HOUSEHOLD,
            {"number": "H-0451"},
            ("住户编号", "H-0451", "H-7"),
        ),
        (
            "/home",
            "/home/rooms",
            {"room-1": "浴室", "more": ""},
            What.SET_ROOMS,
            {"rooms": ["卧室", "浴室"]},
            ("房间", "卧室、浴室", "浴室"),
        ),
        (
            "/home",
            "/home/consent",
            {"activity": "1", "climate": "1", "history_days": "30", "journal_days": "730"},
            What.SET_CONSENT,
            {"activity": True, "climate": True, "vital_signs": True},
            ("体征", "同意", "不同意"),
        ),
        (
            "/platform",
            "/platform",
            TYPED | {"go": "save"},
            What.SET_PLATFORM,
            {"host": "other.example.org", "port": 8883, "tls": True, "username": "", "version": "auto", "receipts": "broker"},
            ("地址", "other.example.org", "new.example.org"),
        ),
    ],
)
async def test_who_comes_second_sees_both_and_is_asked(box, page, to, said, what, value, row):
    browser = await box.technician()
    changed_by_li(box, what, value)
    yes(box, accepted=False, refused=Refused.CHANGED_MEANWHILE, zh="配置已由 Li 修改", en="Li has changed it")
    answer = await post(browser, page, to, **said, revision="0")
    assert answer.status_code == 409
    told = answer.text.partition('class="notice bad both"')[2].partition("</form>")[0]
    rows = re.findall(r'<th scope="row">([^<]*)</th><td>([^<]*)</td><td>([^<]*)</td>', told)
    assert any(row[0] in label and (now, mine) == row[1:] for label, now, mine in rows), rows
    assert '<button name="over" value="1">' in told
    assert 'name="revision" value="0"' in answer.text, "pressed again it is asked again"
    yes(box)
    await post(browser, page, to, **said, revision="0", over="1")
    assert left(box).revision == 1, "who has seen both may say so"


async def test_a_ladder_of_two_technicians_stands_side_by_side(box):
    browser = await box.technician()
    changed_by_li(box, What.SET_LADDER, {"ladder": [{"responder": "邻居", "channel": "platform", "wait": 60}]})
    yes(box, accepted=False, refused=Refused.CHANGED_MEANWHILE, zh="配置已由 Li 修改", en="Li has changed it")
    said = {"responder-1": "女儿", "wait-1": "90", "revision": "0"}
    answer = await post(browser, "/rules", "/rules/ladder", **said, go="save")
    assert answer.status_code == 409
    told = answer.text.partition('class="notice bad both"')[2].partition("</form>")[0]
    assert re.search("<td>邻居[^<]*60[^<]*</td><td>女儿[^<]*90[^<]*</td>", told)
    yes(box)
    await post(browser, "/rules", "/rules/ladder", **said, over="1")
    assert (left(box).revision, left(box).change.value["ladder"][0]["responder"]) == (1, "女儿")


async def test_a_siren_stays_a_siren_when_the_ladder_is_saved(box):
    browser = await box.technician()
    yes(box)
    path, siren = (
        box.example.path,
        '[[ladder]]\nresponder = "siren"\nchannel = "program"\nprogram = ["/bin/true"]\nsounds = true\ntest = true\n',
    )
    path.write_text(path.read_text(encoding="utf-8") + siren, encoding="utf-8")
    text = (await browser.get("/rules")).text
    form = text.partition('id="ladder"')[2].partition("</form>")[0]
    said = dict(re.findall(r'name="([a-z]+-[0-9]+)"[^>]*? value="([^"]*)"', form.replace("&#34;", "'"))) | {"program-3": '["/bin/true"]'}
    await post(browser, "/rules", "/rules/ladder", **said, revision="0", go="save")
    rung = {"responder": "siren", "channel": "program", "wait": 120.0, "program": ["/bin/true"], "sounds": True, "test": True}
    assert rung.items() <= left(box).change.value["ladder"][2].items()
