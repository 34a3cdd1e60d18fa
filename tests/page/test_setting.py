"""Platform, rules and ladder, walk test: every field, refusal and role, with a daemon's answers made by hand."""

import json
import re
from html import unescape
from types import SimpleNamespace

import pytest
from drivers import all_models
from gateway.contract import inward, wire
from gateway.home import changes, household, inbox
from gateway.home.handed import Handed
from gateway.home.household import shown
from gateway.hook import targets
from gateway.judge.watch import OPTIONAL
from gateway.page import platform, presets, rules, walk
from gateway.page.en import EN
from gateway.page.roles import SETUP
from gateway.page.words import printed
from gateway.page.zh import ZH
from gateway.tell.platform_test import STEPS as ATTEMPTED
from gateway.words import kind
from gateway.words.clock import When
from gateway.words.instruction import Change, Refused, What
from gateway.words.times import Times

from tests.page.conftest import form_key, post

pytestmark = pytest.mark.usefixtures("kept_secrets")
PAGES = ("/platform", "/walk")
CHANGES = ("/platform", "/rules/judging", "/rules/ladder", "/rules/call", "/rules/voice", "/rules/asking", "/walk")


def yes(box, **more):
    answer = {"accepted": True, "problems": [], "zh": "", "en": "", "refused": Refused.NONE} | more
    box.page.known.result = lambda _: SimpleNamespace(**answer)


def left(box):
    """Return the newest instruction that was left, None where there is none."""
    rows = inbox.read(box.example.config.page_folder, 0)
    return inward.decode_instruction(rows[-1][1], "example-home", None)[0] if rows else None


def handed(box):
    folder = box.example.config.page_folder / "handed"
    return {p.name: p.read_text() for p in folder.iterdir()} if folder.exists() else {}


async def test_only_a_technician_gets_there(box):
    technician = await box.technician()
    supervisor = await box.supervisor(technician)
    stranger = box.browser("192.168.1.90")
    key = await form_key(supervisor, "/box")
    for path in PAGES:
        assert (await stranger.get(path)).status_code in {303, 401}, path
        assert (await supervisor.get(path)).status_code == 403, path
        assert (await technician.get(path)).status_code == 200, path
    for path in CHANGES:
        assert (await supervisor.post(path, data={"key": key})).status_code == 403, path
        assert (await stranger.post(path, data={"key": key})).status_code == 401, path
        assert (await technician.post(path, data={"key": "0" * 64})).status_code == 403, path
    assert left(box) is None
    text = (await technician.get("/setup")).text
    for _, where in SETUP:
        assert f'href="{where}"' in text, where
    for path in ("/setup", "/home", "/sensors", "/rules"):
        assert (await supervisor.get(path)).status_code == 403, path


async def test_pages_are_small_whole_and_in_both_languages(box):
    browser = await box.technician()
    for path in PAGES:
        for lang in ("en", "zh"):
            answer = await browser.get(path, params={"lang": lang})
            assert len(answer.content) < 100_000
            assert not re.search(r"style=|<script(?![^>]*src=)|\son\w+=", answer.text), path
            main = answer.text.partition("<main")[2]
            assert not re.search(r">\s*(?:why|time|rules|platform|walk|step|unit)\.\w", main), path


def test_every_time_that_is_shown_has_its_words_and_presets_are_allowed():
    for name in presets.SHOWN:
        for group in ("time", "why"):
            assert f"{group}.{name}" in ZH
            assert f"{group}.{name}" in EN
    together = [k for group in presets.GROUPS for k in (*group.always, *group.optional)]
    assert len(together) == len(set(together))
    assert set(OPTIONAL) <= set(together)
    assert not {k for group in presets.GROUPS for k in group.always} & set(OPTIONAL)
    assert len({(p.off, *sorted(p.times.items())) for p in presets.PRESETS.values()}) == len(presets.PRESETS), "each is another"
    for name, preset in presets.PRESETS.items():
        assert set(preset.times) <= set(presets.SHOWN)
        assert not Times(**preset.times).refuse(), name
        assert set(preset.off) <= set(OPTIONAL)
        assert {f"rules.{name}", f"rules.{name}_why"} <= set(ZH), name
    assert platform.STEPS == ATTEMPTED
    for words in (ZH, EN):
        assert {f"step.{s}" for s in platform.STEPS} <= set(words)
        assert {f"walk.do.{name}" for name in walk.HELPS} <= set(words)
        assert {f"walk.help.{name}" for name in walk.HELPS} <= set(words)
        assert {f"walk.say.{name}" for name in walk.SAYS} <= set(words)
        assert {f"sheet.did.{name}" for name in (*walk.COUNTS, "readings", "packets")} <= set(words)
        assert {f"setup.{name}" for name, _ in SETUP} | {f"nav.{name}" for name, _ in SETUP} <= set(words)


# -- platform ------------------------------------------------------------------------------------------------------------

TYPED = {"host": "new.example.org", "port": "8884", "tls": "1", "username": "box", "version": "auto", "receipts": "platform"}


async def test_a_platform_is_saved_with_its_secrets_apart(box):
    browser = await box.technician()
    yes(box)
    answer = await post(browser, "/platform", "/platform", **TYPED, password="hush hush", go="save", once="ab" * 12, revision="0")
    assert answer.status_code == 303
    order = left(box)
    assert (order.do, order.change.what, order.secrets) == ("configure", "set_platform", "page-" + "ab" * 12)
    assert order.change.value == TYPED | {"port": 8884, "tls": True}
    assert order.by == "T-07 (192.168.1.50)"
    assert "hush hush" in handed(box)[order.secrets]
    assert (box.example.config.page_folder / "handed" / order.secrets).stat().st_mode & 0o777 == 0o640
    assert "hush" not in str(answer.headers["location"])


async def test_what_was_tried_is_saved_without_typing_the_password_again(box):
    browser = await box.technician()
    yes(box)
    answer = await post(browser, "/platform", "/platform", **TYPED, password="hush hush", go="try")
    assert answer.status_code == 303
    assert left(box).do == "platform_test"
    text = (await browser.get(answer.headers["location"])).text
    assert 'value="new.example.org"' in text
    assert "hush" not in text
    tried = re.search(r'name="tried" value="([\w-]+)"', text)[1]
    await post(browser, "/platform", "/platform", **TYPED, go="save", tried=tried, once="cd" * 12)
    assert "hush hush" in handed(box)["page-" + "cd" * 12]
    other = await box.supervisor(browser)
    assert (await other.get(answer.headers["location"])).status_code == 403


async def test_a_green_answer_is_saved_with_one_tap_that_goes_on(box):
    browser = await box.technician()
    yes(box)
    answer = await post(browser, "/platform", "/platform", **TYPED, go="try")
    where = answer.headers["location"].partition("#")[0]
    button = 'form="p-form" name="go" value="on"'
    assert button not in (await browser.get(where)).text, "not before it has got through"
    step = {"step": "receipt", "ok": True, "seconds": 0.1, "zh": "", "en": ""}
    box.example.say(platform_test={"instruction": where.partition("try=")[2], "over": True, "where": "new:8884", "steps": [step]})
    assert button in (await browser.get(where)).text
    answer = await post(browser, "/platform", "/platform", **TYPED, go="on", once="ef" * 12)
    assert left(box).change.what == "set_platform"
    assert answer.headers["location"] == "/platform?saved=1", "a home whose certificate is signed is not led on"


async def test_each_step_of_a_try_is_shown_with_its_time_and_what_to_do(box):
    browser = await box.technician()
    yes(box)
    answer = await post(browser, "/platform", "/platform", **TYPED, go="try")
    where = answer.headers["location"].partition("#")[0]
    told = where.partition("try=")[2]
    assert "data-running" in (await browser.get(where)).text
    steps = [
        {"step": "resolve", "ok": True, "seconds": 0.012, "zh": "", "en": ""},
        {"step": "connect", "ok": False, "seconds": 1.5, "zh": "连接被拒绝", "en": "refused the connection"},
    ]
    box.example.say(platform_test={"instruction": told, "over": True, "where": "new:8884", "steps": steps})
    text = (await browser.get(where + "&lang=en")).text
    for word in ("0.01 s", "1.50 s", "refused the connection", "What to do", "not reached", "It does not work: Connect"):
        assert word in text, word
    assert "data-running" not in text
    assert "连接被拒绝" in (await browser.get(where + "&part=1&lang=zh")).text


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"host": " "}, "请填写"),
        ({"port": "70000"}, "1 到 65535"),
        ({"port": "x"}, "1 到 65535"),
        ({"port": ""}, "1 到 65535"),
        ({"ca": "x" * 30_001}, "最多 30 000"),
    ],
)
async def test_a_wrong_platform_is_told_beside_its_field(box, said, word):
    browser = await box.technician()
    answer = await post(browser, "/platform", "/platform", **(TYPED | said), password="hush hush", go="save")
    assert answer.status_code == 422
    assert word in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert 'value="box"' in answer.text
    assert "hush" not in answer.text
    assert left(box) is None


async def test_a_change_that_cuts_the_link_in_an_alarm_is_asked_about_and_then_made(box):
    browser = await box.technician()
    yes(
        box,
        accepted=False,
        refused=Refused.INVALID,
        zh="有未结束的警报",
        en="an alarm is open",
        problems=[SimpleNamespace(field="although", section="x", item="", zh="有未结束的警报", en="an alarm is open")],
    )
    assert 'name="although"' not in (await browser.get("/platform")).text
    answer = await post(browser, "/platform", "/platform", **TYPED, go="save")
    assert answer.status_code == 422
    assert "有未结束的警报" in answer.text
    assert 'name="although"' in answer.text
    yes(box)
    assert (await post(browser, "/platform", "/platform", **TYPED, go="save", although="1")).status_code == 303
    assert left(box).change.value == TYPED | {"port": 8884, "tls": True, "although": True}


async def test_the_daemons_problems_and_a_quicker_colleague_are_told(box):
    browser = await box.technician()
    yes(
        box,
        accepted=False,
        refused=Refused.INVALID,
        zh="不是证书",
        en="no certificate",
        problems=[SimpleNamespace(field="ca", section="x", item="", zh="不是证书", en="no certificate")],
    )
    answer = await post(browser, "/platform", "/platform", **TYPED, ca="nonsense", go="save")
    assert answer.status_code == 422
    assert "nonsense</textarea>" in answer.text
    assert "<strong>不是证书" in answer.text
    yes(box, accepted=False, refused=Refused.CHANGED_MEANWHILE, zh="配置已由 Li 于 09:10 修改", en="Li has changed it")
    answer = await post(browser, "/platform", "/platform", **TYPED, go="save")
    assert answer.status_code == 409
    assert "Li 于 09:10" in answer.text
    assert 'value="new.example.org"' in answer.text


# -- rules ---------------------------------------------------------------------------------------------------------------


def as_typed(text, form):
    """Return what a form of the page would send."""
    part = text.partition(f'id="{form}"')[2].partition("</form>")[0]
    return dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*?value="([^"]*)"', part))


async def test_rungs_are_added_moved_and_removed_without_script_and_saved(box):
    browser = await box.technician()
    said = as_typed((await browser.get("/rules")).text, "ladder")
    assert (said["responder-1"], said["responder-2"]) == ("网格员", "护理站")
    text = (await browser.post("/rules/ladder", data=said | {"go": "add"})).text
    assert "还没有保存" in text
    said = as_typed(text, "ladder") | {"responder-3": "daughter", "wait-3": "60"}
    said = as_typed((await browser.post("/rules/ladder", data=said | {"go": "up-3"})).text, "ladder")
    assert said["responder-2"] == "daughter"
    said = as_typed((await browser.post("/rules/ladder", data=said | {"go": "down-1"})).text, "ladder")
    said = as_typed((await browser.post("/rules/ladder", data=said | {"go": "remove-2"})).text, "ladder")
    assert left(box) is None
    yes(box)
    assert (await browser.post("/rules/ladder", data=said | {"go": "save"})).status_code == 303
    value = left(box).change.value["ladder"]
    assert [(r["responder"], r["wait"]) for r in value] == [("daughter", 60.0), ("护理站", 120.0)]


async def test_how_the_home_speaks_is_set_and_programs_of_its_own_stay(box):
    path = box.example.path
    path.write_text(path.read_text(encoding="utf-8").replace("voice = false", 'alarm = ["/bin/true"]'), encoding="utf-8")
    browser = await box.technician()
    said = as_typed((await browser.get("/rules")).text, "voice")
    assert "voice" not in said or 'name="voice" value="1" checked' not in (await browser.get("/rules")).text
    yes(box)
    typed = {n: said[n] for n in ("key", "once", "revision")}
    typed |= {"go": "save", "voice": "1", "language": "en", "volume": "80", "night_volume": "40", "quiet_sos": "1"}
    assert (await browser.post("/rules/voice", data=typed)).status_code == 303
    value = left(box).change.value
    assert {n: value[n] for n in ("voice", "language", "volume", "night_volume", "quiet_sos")} == {
        "voice": True,
        "language": "en",
        "volume": 80.0,
        "night_volume": 40.0,
        "quiet_sos": True,
    }
    assert value["alarm"] == ["/bin/true"]


async def test_the_home_is_heard_from_the_page_and_why_not_is_said(box):
    browser = await box.technician()
    said = as_typed((await browser.get("/rules")).text, "voice")
    typed = {n: said[n] for n in ("key", "once", "revision")} | {"go": "hear"}
    yes(box)
    answer = await browser.post("/rules/voice", data=typed)
    assert answer.headers["location"] == "/rules?heard=1#voice"
    assert left(box).do == "sound_test"
    assert "喇叭响了" in (await browser.get("/rules?heard=1")).text
    yes(box, accepted=False, refused=Refused.NOT_ALLOWED, zh="没有找到喇叭", en="no loudspeaker")
    said = as_typed((await browser.get("/rules")).text, "voice")
    answer = await browser.post("/rules/voice", data={n: said[n] for n in ("key", "once", "revision")} | {"go": "hear"})
    assert answer.status_code == 422
    assert "没有找到喇叭" in answer.text


CALLER = '[[ladder]]\nresponder = "caller"\nchannel = "program"\nprogram = ["/bin/true"]\n'


async def test_who_is_told_of_faults_is_ticked_where_a_program_calls_and_kept(box):
    path = box.example.path
    path.write_text(path.read_text(encoding="utf-8") + CALLER, encoding="utf-8")
    browser = await box.technician()
    text = (await browser.get("/rules")).text
    assert re.findall(r'name="faults-(\d)" value="1"( checked)?', text) == [("3", "")], "who is called by the platform is told by it"
    typed = {n: unescape(w) for n, w in as_typed(text, "ladder").items() if n != "faults-3"}
    moved = (await browser.post("/rules/ladder", data=typed | {"faults-3": "1", "go": "up-3"})).text
    assert re.findall(r'name="faults-(\d)" value="1"( checked)?', moved) == [("2", " checked")]
    yes(box)
    assert (await browser.post("/rules/ladder", data=typed | {"faults-3": "1", "go": "save"})).status_code == 303
    assert [r.get("faults", False) for r in left(box).change.value["ladder"]] == [False, False, True]
    assert (await browser.post("/rules/ladder", data=typed | {"go": "save"})).status_code == 303
    assert [r.get("faults", False) for r in left(box).change.value["ladder"]] == [False] * 3


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"responder-2": ""}, "请填写"),
        ({"wait-1": "soon"}, "请填数字"),
        ({"wait-1": "10"}, "30 到 600 秒之间"),
        ({"wait-1": "nan"}, "30 到 600 秒之间"),
        ({"channel-1": "program", "program-1": '["/bin/sh"]'}, "不允许运行"),
    ],
)
async def test_a_wrong_ladder_is_told_beside_its_rung(box, said, word):
    browser = await box.technician()
    typed = as_typed((await browser.get("/rules")).text, "ladder")
    for go in ("try", "save"):
        answer = await browser.post("/rules/ladder", data=typed | said | {"go": go})
        assert answer.status_code == 422
        assert word in answer.text
    assert left(box) is None


async def test_times_are_checked_and_saved_with_what_is_judged_in_one(box):
    browser = await box.technician()
    typed = as_typed((await browser.get("/rules")).text, "judging")
    assert typed["t-grace_fall"] == "30"
    assert typed["t-door_left_open"] == "10"
    for bad, word in (("5", "15 到 60 秒之间"), ("x", "请填数字"), ("nan", "15 到 60 秒之间")):
        answer = await browser.post("/rules/judging", data=typed | {"t-grace_fall": bad, "go": "save"})
        assert answer.status_code == 422
        assert word in answer.text
        assert f'value="{bad}"' in answer.text
    yes(box)
    said = {n: w for n, w in typed.items() if n != "on-env.water"} | {"t-grace_fall": "20", "t-bed_left": "30", "go": "save"}
    assert (await browser.post("/rules/judging", data=said)).status_code == 303
    assert left(box).change.value == {"off": ["env.water"], "times": {"grace_fall": 20.0, "bed_left": 1800.0}}


async def test_one_touch_fills_in_a_preset_and_what_differs_from_it_is_said(box):
    browser = await box.technician()

    def near(text):
        return text.partition('id="preset"')[2].partition("</div>")[0]

    text = (await browser.get("/rules")).text
    assert "和“独居”完全一样" in near(text)
    assert text.count('aria-pressed="true"') == 1
    typed = as_typed(text, "judging")
    text = (await browser.post("/rules/judging", data=typed | {"go": "together"})).text
    assert "和“有人同住”完全一样" in near(text)
    assert "还没有保存" in text
    filled = as_typed(text, "judging")
    assert (filled["t-grace_fall"], filled["t-grace_water"]) == ("45", "120")
    form = text.partition('id="judging"')[2].partition("</form>")[0]
    ticked = re.findall(r'name="on-([\w.]+)" value="1" checked', form)
    assert ticked == ["env.water"]
    assert left(box) is None, "a touch saves nothing"
    said = {n: w for n, w in filled.items() if not n.startswith("on-")} | {
        "on-env.water": "1",
        "on-door.left_open": "1",
        "t-grace_fall": "40",
    }
    text = (await browser.post("/rules/judging?lang=en", data=said | {"go": "try"})).text
    for word in ("Closest to “Lives with others”, but:", "Door left open: monitored", "After a fall 40 s instead of 45 s"):
        assert word in near(text), near(text)
    assert 'id="tried"' in text, "tried before it is saved"
    for name, preset in presets.PRESETS.items():
        text = (await browser.post("/rules/judging?lang=en", data=typed | {"go": name})).text
        assert f"Exactly “{EN[f'rules.{name}']}”" in near(text)
        said = as_typed(text, "judging")
        said = {n: w for n, w in said.items() if not n.startswith("on-") or n.removeprefix("on-") not in preset.off}
        yes(box)
        assert (await browser.post("/rules/judging", data=said | {"go": "save"})).status_code == 303
        assert left(box).change.value == {"off": [n for n in OPTIONAL if n in preset.off], "times": preset.times}


async def test_beside_each_danger_stands_which_devices_find_it(equipped):
    browser = await equipped.technician()
    text = (await browser.get("/rules")).text
    assert "没有门磁能发现" in text
    assert "这个家没有能发现它的雷达" in text
    assert "这个家没有水浸传感器" not in text, "one of the makes may be anything"
    assert printed("门未关:没有设备能发现") in text, "also where the group is folded"
    path = equipped.example.path
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole + 'left_open = 1200\nlabel = "前门"\n', encoding="utf-8")
    assert printed("能发现它的:入户门 · 前门(自己的 20 分钟)。") in (await browser.get("/rules")).text
    path.write_text(whole + "left_open = true\n[times]\ndoor_left_open = 240\n", encoding="utf-8")
    assert printed("能发现它的:入户门。") in (await browser.get("/rules")).text


async def test_a_preset_of_somebody_who_was_overtaken_overwrites_nothing(box):
    """What is drawn again keeps the revision that was seen: only who has been told of a newer one may save over it."""
    browser = await box.technician()
    typed = {form: as_typed((await browser.get("/rules")).text, form) for form in ("judging", "ladder")}
    config = box.page.config
    household.keep(changes.changed(config, Change(What.SET_ROOMS, {"rooms": ["浴室"]}), Handed(), all_models(), by="Li"), config)
    assert (await browser.get("/home")).text.count('name="revision" value="1"') == 3
    for form, go in (("judging", "unsteady"), ("judging", "try"), ("ladder", "add")):
        text = (await browser.post(f"/rules/{form}", data=typed[form] | {"go": go})).text
        assert as_typed(text, form)["revision"] == "0", go
    days = await browser.post("/home/consent", data=typed["judging"] | {"history_days": "soon"})
    assert (days.status_code, as_typed(days.text, "consent")["revision"]) == (422, "0")
    yes(box, accepted=False, refused=Refused.CHANGED_MEANWHILE, zh="配置已由 Li 修改", en="Li has changed it")
    answer = await browser.post("/rules/judging", data=typed["judging"] | {"go": "save"})
    assert (answer.status_code, "配置已由 Li 修改" in answer.text) == (409, True)
    assert as_typed(answer.text, "judging")["revision"] == "0", "only who says so saves over it"
    assert '<button name="over" value="1">' in answer.text


async def test_a_change_is_tried_on_the_recorded_days(box):
    browser = await box.technician()
    typed = as_typed((await browser.get("/rules?lang=en")).text, "judging")
    answer = await browser.post("/rules/judging?lang=en", data=typed | {"t-acknowledge_p1": "20", "t-receipt": "10", "go": "try"})
    assert answer.status_code == 200
    assert "The last 7 days" in answer.text
    assert as_typed(answer.text, "judging")["t-receipt"] == "10"
    same = await browser.post("/rules/judging?lang=en", data=typed | {"go": "try"})
    assert "No difference" in same.text
    assert left(box) is None
    with rules._trying:
        assert (await browser.post("/rules/judging", data=typed | {"go": "try"})).status_code == 503


# -- walk test -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def equipped(box):
    path = box.example.path
    more = """[[device]]
id = "pendant"
model = "bthome-v2"
room = "随身"
address = "A4:C1:38:00:53:01"
buttons = {1 = "sos"}
[[device]]
id = "front-door"
model = "shelly-blu-door"
room = "入户门"
address = "A4:C1:38:00:53:02"
"""
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    return box


async def test_a_device_is_walked_and_its_counts_are_shown(equipped):
    box = equipped
    browser = await box.technician()
    yes(box)
    assert (await post(browser, "/walk", "/walk", device="pendant", go="begin")).status_code == 303
    order = left(box)
    assert (order.do, order.device, order.seconds) == ("walk", "pendant", 300.0)
    assert (await post(browser, "/walk", "/walk", device="nobody", go="begin")).status_code == 404
    box.example.say(
        walk={
            "device": "pendant",
            "left_s": 250.0,
            "readings": 2,
            "presses": 2,
            "receipts": 2,
            "without_receipt": 0,
            "receipt_s": 0.21,
            "worst_dbm": -92,
        }
    )
    text = (await browser.get("/walk?part=1&lang=en")).text
    for word in (
        "2 of 3",
        "weakest \u221292 dBm",
        "Move the gateway nearer",
        "slowest 0.21 s",
        "marked as a test",
        "Real alarm, not a test!",
        "4 min 10 s",
    ):
        assert word in text, word
    assert text.index("Real alarm, not a test!") < text.index("2 of 3")
    assert text.count('name="go"') == 1, "one device at a time"
    assert (await post(browser, "/walk", "/walk", device="pendant", go="end")).status_code == 303
    assert left(box).seconds == 0.0


@pytest.mark.parametrize(
    ("counted", "word"),
    [
        ({"presses": 3, "receipts": 3, "receipt_s": 0.3, "worst_dbm": -70}, "通过"),
        ({"presses": 2, "receipts": 2, "receipt_s": 0.3}, "按三次"),
        ({"presses": 3, "receipts": 0}, "还没有回执"),
        ({"presses": 3, "receipts": 1, "receipt_s": 40.0}, "超过 30 秒"),
        ({"presses": 3, "receipts": 3, "receipt_s": 0.3, "worst_dbm": -95}, "最弱 \u221295"),
    ],
)
async def test_an_ended_walk_says_pass_or_what_is_missing(equipped, counted, word):
    box = equipped
    browser = await box.technician()
    facts = box.page.known.status()
    at = When(facts.boot, facts.mono - 60, facts.wall[:19] + "Z", facts.clock)
    note = wire.FaultMessage(
        v=1,
        gateway="example-home",
        journal="j1",
        number=1,
        id="j1-1",
        at=at,
        kind=kind.VISIT,
        priority=4,
        codes=None,
        turn="noted",
        device="pendant",
        room="",
        detail={"what": "walk", "by": "T-07", "readings": 3, **counted},
        evidence=[],
    )
    box.page.known.journal = lambda **_: [note]
    text = (await browser.get("/walk")).text.partition('id="device-pendant"')[2].partition("</section>")[0]
    assert word in text
    assert ("缺" in text) is (word != "通过")


async def test_a_refused_walk_says_why(equipped):
    box = equipped
    browser = await box.technician()
    yes(box, accepted=False, refused=Refused.NOT_ALLOWED, zh="设备 x 正在测试", en="device x is under test")
    answer = await post(browser, "/walk", "/walk", device="pendant", go="begin")
    assert answer.status_code == 422
    assert "设备 x 正在测试" in answer.text


async def test_what_is_in_force_is_shown(box):
    browser = await box.technician()
    assert shown(box.example.config)["platform"]["host"] in (await browser.get("/platform")).text


async def test_a_telephone_number_goes_to_the_daemon_beside_the_instruction_and_is_never_shown_again(box):
    browser = await box.technician()
    typed = as_typed((await browser.get("/rules")).text, "ladder")
    asked = await browser.post("/rules/ladder", data=typed | {"channel-1": "sms", "go": "save"})
    assert asked.status_code == 422
    assert "请填写" in asked.text
    assert left(box) is None
    yes(box)
    sms = {"channel-1": "sms", "number-1": "+86 138 0000 5821", "when-1": "night", "least-1": "P1", "together-2": "1", "go": "save"}
    box.page.known.result = lambda _: None  # the daemon has not answered yet: what was handed lies there
    await browser.post("/rules/ladder", data=typed | sms)
    value = left(box).change.value["ladder"][0]
    assert (value["channel"], value["person"], value["hours"], value["least"]) == ("sms", "new", ["18:00", "08:00"], "P1")
    assert left(box).change.value["ladder"][1]["together"]
    assert "5821" not in str(left(box))
    assert [name for name, body in handed(box).items() if "5821" in body] == [left(box).secrets]


@pytest.mark.parametrize("channel", ["ring", "sms_ring"])
async def test_who_is_rung_has_a_number_too(box, channel):
    browser = await box.technician()
    typed = as_typed((await browser.get("/rules")).text, "ladder")
    asked = await browser.post("/rules/ladder", data=typed | {"channel-1": channel, "go": "save"})
    assert (asked.status_code, left(box)) == (422, None)
    yes(box)
    box.page.known.result = lambda _: None
    await browser.post(
        "/rules/ladder", data=typed | {"channel-1": channel, "number-1": "13800005821", "address-1": "https://x.example", "go": "save"}
    )
    value = left(box).change.value["ladder"][0]
    assert (value["channel"], value["person"]) == (channel, "new")
    assert [name for name, body in handed(box).items() if "5821" in body] == [left(box).secrets]
    assert not [body for body in handed(box).values() if "x.example" in body]


async def test_an_address_goes_to_the_daemon_with_a_key_made_here_that_is_shown_once(box):
    browser = await box.technician()
    typed = as_typed((await browser.get("/rules")).text, "ladder")
    asked = await browser.post("/rules/ladder", data=typed | {"channel-1": "webhook", "number-1": "1380000", "go": "save"})
    assert asked.status_code == 422
    assert "请填写" in asked.text
    wrong = await browser.post("/rules/ladder", data=typed | {"channel-1": "webhook", "address-1": "http://a.example/t0ken", "go": "save"})
    assert "不能用 http://" in wrong.text
    assert left(box) is None
    hook = {"channel-1": "webhook", "address-1": " https://desk.example/t0ken-5821 ", "go": "save"}
    box.page.known.result = lambda _: None
    await browser.post("/rules/ladder", data=typed | hook)
    assert (left(box).change.value["ladder"][0]["channel"], left(box).change.value["ladder"][0]["person"]) == ("webhook", "new")
    assert "t0ken" not in str(left(box))
    (given,) = (json.loads(body)["hooks"]["1"] for body in handed(box).values())
    assert given["url"] == "https://desk.example/t0ken-5821"
    assert targets.key_of(given["secret"])
    before = left(box).id

    def result(name):  # the daemon accepts it
        yes = SimpleNamespace(accepted=True, problems=[], zh="", en="", refused=Refused.NONE)
        return yes if left(box).id == name != before else None

    box.page.known.result = result
    again = as_typed((await browser.get("/rules")).text, "ladder") | hook
    shown_once = await browser.post("/rules/ladder", data=again, headers={"accept": "text/html"})
    assert shown_once.status_code == 200
    assert shown_once.headers["cache-control"] == "no-store"
    (key,) = re.findall(r"whsec_[A-Za-z0-9+/=]{44}", shown_once.text)
    assert targets.key_of(key)
    assert (await browser.post("/rules/ladder", data=again, headers={"accept": "text/html"})).status_code == 303, "loaded again: not again"
    assert "whsec_" not in (await browser.get("/rules")).text


async def test_the_address_of_a_messenger_goes_to_the_daemon_and_nowhere_else(box, monkeypatch):
    browser = await box.technician()
    typed = as_typed((await browser.get("/rules")).text, "ladder") | {"channel-1": "messenger", "go": "save"}
    assert (await browser.post("/rules/ladder", data=typed)).status_code == 422
    bad = await browser.post("/rules/ladder", data=typed | {"messenger-1": "json://county.example/t0ken"})
    assert "没有加密" in bad.text
    assert left(box) is None
    box.page.known.result = lambda _: None
    url = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=t0ken-5821"
    await browser.post("/rules/ladder", data=typed | {"messenger-1": f" {url} ", "number-1": "13800000000"})
    assert [left(box).change.value["ladder"][0][word] for word in ("channel", "person")] == ["messenger", "new"]
    assert "t0ken" not in str(left(box))
    assert [json.loads(body)["messengers"] for body in handed(box).values()] == [{"1": url}]
    assert "没有安装" not in (await browser.get("/rules")).text
    monkeypatch.setattr(rules, "find_spec", lambda _: None)
    assert "没有安装所需的 apprise" in (await browser.get("/rules")).text


async def test_when_nobody_can_be_called_is_said(box):
    path = box.example.path
    rung = '[[ladder]]\nresponder = "day"\nchannel = "sms"\nperson = "day"\nhours = ["07:00", "22:00"]\n'
    path.write_text(path.read_text(encoding="utf-8") + rung, encoding="utf-8")
    browser = await box.technician()
    text = (await browser.get("/rules")).text
    assert "周一 00:00\u201307:00" in text
    assert "全都叫" in text
    assert 'name="when-3"' in text


async def test_where_no_button_takes_a_fall_back_no_line_promises_a_grace(box, monkeypatch):
    technician = await box.technician()
    summary = r'id="rule-fall".*?</summary>'
    monkeypatch.setattr(rules, "nobody_cancels", lambda _: True)
    text = (await technician.get("/rules?lang=en")).text
    assert 'id="no-cancel"' in text
    assert "After a fall 0 s" in re.search(summary, text, re.DOTALL)[0]
    assert 'name="t-grace_fall" inputmode="decimal" maxlength="8" value="30"' in text, (
        "what would hold with such a button stands in its field"
    )
    monkeypatch.setattr(rules, "nobody_cancels", lambda _: False)
    text = (await technician.get("/rules?lang=en")).text
    assert 'id="no-cancel"' not in text
    assert "After a fall 30 s" in re.search(summary, text, re.DOTALL)[0]


async def test_a_light_on_a_relay_is_a_rung_that_says_what_it_is_wired_to(box):
    browser = await box.technician()
    typed = as_typed((await browser.get("/rules")).text, "ladder") | {"channel-1": "relay", "go": "save"}
    asked = await browser.post("/rules/ladder", data=typed)
    assert (asked.status_code, "请填写" in asked.text, left(box)) == (422, True, None)
    wrong = await browser.post("/rules/ladder", data=typed | {"output-1": "GPIO 17"})
    assert (wrong.status_code, "继电器应写 gpio:17" in wrong.text, left(box)) == (422, True, None)
    assert (
        'name="output-1" maxlength="200" autocomplete="off" autocapitalize="off" spellcheck="false" placeholder="gpio:17" value="GPIO 17"'
        in wrong.text
    )
    yes(box)
    await browser.post("/rules/ladder", data=typed | {"output-1": " gpio:17?low=1 ", "when-1": "night"})
    value = left(box).change.value["ladder"][0]
    assert (value["channel"], value["output"], value["hours"], value["person"]) == ("relay", "gpio:17?low=1", None, "")


async def test_a_relative_who_is_only_told_is_ticked_and_the_words_are_shown_before(box):
    browser = await box.technician()
    text = (await browser.get("/rules")).text
    assert "老人还没有同意家属查看" in text.partition('id="family"')[2], "off until the resident has agreed"
    assert "【每周告知】" in text
    assert "【告知家属】" in text
    typed = {n: unescape(w) for n, w in as_typed(text, "ladder").items()}
    typed |= {"channel-1": "sms", "number-1": "+8613800005821", "informed-1": "1", "informed-2": "1"}
    shown = (await browser.post("/rules/ladder", data=typed | {"go": "add"})).text
    assert re.findall(r'name="informed-(\d)" value="1"( checked)?', shown)[:2] == [("1", " checked"), ("2", "")], "not by the platform"
    yes(box)
    assert (await browser.post("/rules/ladder", data=typed | {"go": "save"})).status_code == 303
    assert [r.get("informed", False) for r in left(box).change.value["ladder"]] == [True, False]
