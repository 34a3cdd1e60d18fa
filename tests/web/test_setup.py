"""Home and sensors: what each form leaves for the daemon, what is said when it is refused, and what the hearing window shows."""

import json
import re
import time
from types import SimpleNamespace

import pytest

from gateway import inbox, wire
from gateway.household import handed
from gateway.instruction import Problem, Refused
from gateway.web import sensors
from gateway.web.words import printed
from tests.web.conftest import form_key

KEY = "231d39c1d7cc1ab1aee224cd096db932"
ADDRESS = "A4:C1:38:00:53:09"
DEVICES = """
[[device]]
id = "pendant"
model = "shelly-blu-button"
room = "随身"
address = "A4:C1:38:00:53:01"
[[device]]
id = "front-door"
model = "shelly-blu-door"
room = "入户门"
address = "A4:C1:38:00:53:02"
"""


def one(address=ADDRESS, **changed):
    """One address as the hearing window tells of it."""
    return {
        "address": address, "address_kind": "public", "enrollable": True, "name": "SBBT-002C", "model": "shelly-blu-button",
        "title": ["", ""], "maker": "BTHome", "enrolled": "", "needs_key": False, "refused": "", "told": {"button": ["press"]}, "packets": 7,
        "rssi": -60, "best": -58, "silent_s": 1.0, "acted_s": None,
    } | changed  # fmt: skip


def hear(box, *heard, left=200.0, **changed):
    now = time.monotonic()
    facts = {
        "opened": now - 30,
        "written": now,
        "until": now + left,
        "open": left > 0,
        "radios": [""],
        "forgotten": 0,
        "heard": list(heard),
    }
    (box.example.config.runtime / "nearby.json").write_text(json.dumps(facts | changed))


@pytest.fixture
def home(box):
    """A household with two devices, and a daemon that says yes."""
    path = box.example.path
    path.write_text(path.read_text(encoding="utf-8") + DEVICES, encoding="utf-8")
    box.answers = SimpleNamespace(accepted=True, refused=Refused.NONE, zh="", en="", problems=[], at=SimpleNamespace(mono=5.0), revision=1)
    box.page.known.result = lambda _: box.answers
    return box


def refuse(box, refused, *problems):
    box.answers = SimpleNamespace(accepted=False, refused=refused, zh="不行", en="No", problems=problems, at=None, revision=3)


async def sent(box, browser, page, to, **said):
    """Send a form; return (answer, the instruction left or None, its secrets)."""
    before = len(inbox.read(box.example.config.state, 0))
    answer = await browser.post(to, data={"key": await form_key(browser, page)} | said)
    found = inbox.read(box.example.config.state, 0)
    if len(found) == before:
        return answer, None
    return answer, wire.decode_instruction(found[-1][1], "example-home", None)[0]


def value(instruction):
    return instruction.change.what.value, dict(instruction.change.value)


# -- home ----------------------------------------------------------------------------------------------------------------


async def test_home_leaves_each_change_with_the_revision_that_was_seen(home):
    browser = await home.technician()
    answer, left = await sent(home, browser, "/home", "/home/household", number=" H-0451 ", revision="4")
    assert (answer.status_code, left.revision, left.by) == (303, 4, "T-07 (192.168.1.50)")
    assert value(left) == ("set_household", {"number": "H-0451"})
    chosen = {"room-1": "卧室", "room-3": "浴室"}
    answer, left = await sent(home, browser, "/home", "/home/rooms", revision="0", more="阁楼, 浴室、车库", **chosen)
    assert value(left) == ("set_rooms", {"rooms": ["卧室", "浴室", "阁楼", "车库"]})
    said = {"activity": "1", "history_days": "60", "journal_days": "800"}
    answer, left = await sent(home, browser, "/home", "/home/consent", revision="0", **said)
    expected = {"activity": True, "climate": False, "vital_signs": False, "history_days": 60.0, "journal_days": 800.0}
    assert value(left) == ("set_consent", expected)


async def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(home):
    browser = await home.technician()
    refuse(home, Refused.INVALID, Problem("consent", "", "history_days", "应在 1 到 400 之间", "1 to 400"))
    said = {"climate": "1", "history_days": "4000", "journal_days": "800", "revision": "0"}
    answer, _ = await sent(home, browser, "/home", "/home/consent", **said)
    assert answer.status_code == 422
    assert 'id="consent-history_days-say"><strong>应在 1 到 400 之间' in answer.text
    assert 'value="4000"' in answer.text
    assert re.search(r'name="climate" value="1" checked', answer.text)
    assert not re.search(r'name="activity" value="1" checked', answer.text)
    answer, left = await sent(home, browser, "/home", "/home/consent", **said | {"history_days": "soon"})
    assert (answer.status_code, left) == (422, None)
    assert "请填写整数天数" in answer.text
    refuse(home, Refused.INVALID, Problem("device", "pendant", "room", "房间 '随身' 不在房间列表中", "none of the rooms"))
    answer, _ = await sent(home, browser, "/home", "/home/rooms", revision="0", more="阁楼", **{"room-1": "书房"})
    assert "不行" in answer.text
    assert 'value="阁楼"' in answer.text
    assert re.search(r'value="书房" checked', answer.text)


async def test_changed_meanwhile_is_told_with_who_and_when(home):
    browser = await home.technician()
    refuse(home, Refused.CHANGED_MEANWHILE)
    home.answers.zh = "配置已由 Li 于 2026-05-04 08:00 UTC 修改"
    answer, _ = await sent(home, browser, "/home", "/home/household", number="H-7", revision="1")
    assert answer.status_code == 409
    assert "由 Li 于 2026-05-04 08:00" in answer.text
    assert 'value="H-7"' in answer.text


async def test_a_supervisor_reads_the_home_without_forms(home):
    browser = await home.supervisor(await home.technician())
    for page in ("/home", "/sensors"):
        text = (await browser.get(page)).text
        assert 'action="/home' not in text
        assert 'action="/sensors' not in text
        assert "/sensors/add" not in text


async def test_a_form_of_another_browser_changes_nothing(home):
    browser = await home.technician()
    for to in ("/home/household", "/home/rooms", "/home/consent", "/sensors/put", "/sensors/replace", "/sensors/retire", "/sensors/window"):
        assert (await browser.post(to, data={"key": "0" * 64, "number": "x"})).status_code == 403, to
    assert not inbox.read(home.example.config.state, 0)


# -- the window ----------------------------------------------------------------------------------------------------------


async def test_the_window_is_opened_for_four_minutes_and_closed(home):
    browser = await home.technician()
    hear(home)
    answer, left = await sent(home, browser, "/sensors/add", "/sensors/window", replace="pendant")
    assert (left.do.value, left.seconds) == ("window", 240.0)
    assert answer.headers["location"] == "/sensors/add?replace=pendant"
    _, left = await sent(home, browser, "/sensors/add", "/sensors/window", over="1")
    assert left.seconds == 0.0
    refuse(home, Refused.TOO_LONG)
    answer, _ = await sent(home, browser, "/sensors/add", "/sensors/window")
    assert (answer.status_code, "不行" in answer.text) == (422, True)


async def test_what_was_just_pressed_stands_first_and_is_marked(home):
    browser = await home.technician()
    near, far, phone, mine = "A4:C1:38:00:00:01", "A4:C1:38:00:00:02", "5A:C1:38:00:00:03", "A4:C1:38:00:53:01"
    others = (one(near, best=-40), one(mine, enrolled="pendant"), one(phone, enrollable=False, model=""))
    hear(home, *others, one(far, best=-90, acted_s=0.4, needs_key=True))
    text = (await browser.get("/sensors/add?part=1")).text
    places = [text.index(a) for a in (far, near, mine)]
    assert places == sorted(places)
    assert text.count("刚刚有动作</span>") == 1
    assert printed("加密,需要密钥") in text
    assert "7 个包" in text
    assert phone not in text
    assert "还有 1 台其他设备" in text
    assert "尾号 00:02" in text
    hear(home, *others, one(far, best=-90, acted_s=60.0))
    text = (await browser.get("/sensors/add?part=1")).text
    assert text.index(near) < text.index(far)
    assert "刚刚有动作</span>" not in text
    hear(home, left=-1.0)
    assert "再次搜索" in (await browser.get("/sensors/add")).text
    (home.example.config.runtime / "nearby.json").write_text("{")
    assert "开始搜索" in (await browser.get("/sensors/add")).text


async def test_a_name_from_the_air_is_only_a_name(home):
    browser = await home.technician()
    hear(home, one(name="<script>alert(1)</script>"))
    assert "<script>alert" not in (await browser.get("/sensors/add")).text


async def test_ports_are_listed_with_who_has_them(home):
    browser = await home.technician()
    home.example.say(ports=["/dev/serial/by-id/usb-radar-if00"])
    text = (await browser.get("/sensors/add")).text
    assert "usb-radar-if00" in text
    text = (await browser.get("/sensors/new", params={"port": "/dev/serial/by-id/usb-radar-if00", "lang": "en"})).text
    assert 'value="radar-5359"' in text
    assert 'value="shelly-blu-button"' not in text
    answer, left = await sent(
        home,
        browser,
        "/sensors",
        "/sensors/put",
        id="radar",
        model="radar-5359",
        room="卧室",
        port="/dev/serial/by-id/usb-radar-if00",
        revision="0",
    )
    assert answer.status_code == 303
    assert value(left) == ("put_device", {"id": "radar", "model": "radar-5359", "port": "/dev/serial/by-id/usb-radar-if00", "room": "卧室"})


# -- a device ------------------------------------------------------------------------------------------------------------


async def test_the_form_asks_what_its_make_needs_in_the_pages_language(home):
    browser = await home.technician()
    hear(home, one(needs_key=True))

    async def form(model, lang="zh"):
        return (await browser.get("/sensors/new", params={"address": ADDRESS, "model": model, "lang": lang})).text

    text = await form("shelly-blu-button")
    assert 'name="role" value="sos" checked' in text
    assert 'name="must"' in text
    assert 'value="button-5309"' in text
    assert "left_open" not in text
    text = await form("shelly-blu-door")
    assert 'name="left_open"' in text
    assert 'name="role"' not in text
    assert 'name="bed"' in await form("linptech-ps1bb")
    notes = sensors.models()["bthome-v2"].device_notes
    assert printed(notes[0]) in await form("bthome-v2")
    assert notes[1] in await form("bthome-v2", "en")
    assert (await browser.get("/sensors/new", params={"address": ADDRESS, "model": "zigbee-sos"})).status_code == 404
    assert 'name="model"' in (await browser.get("/sensors/new?by=hand")).text


async def test_enrolled_with_its_key_handed_over_and_never_shown(home):
    browser = await home.technician()
    said = {"id": "bath-button", "model": "shelly-blu-button", "address": ADDRESS.lower(), "room": "浴室", "role": "help", "secret": KEY}
    answer, left = await sent(home, browser, "/sensors", "/sensors/put", revision="2", **said)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sensors/confirm?device=bath-button&told={left.id}"
    expected = {"id": "bath-button", "model": "shelly-blu-button", "address": ADDRESS, "room": "浴室", "buttons": {"1": "help"}}
    assert value(left) == ("put_device", expected)
    assert handed(home.example.config.state, left.secrets).key == KEY
    assert oct((home.example.config.state / "handed" / left.secrets).stat().st_mode & 0o777) == "0o600"
    refuse(home, Refused.INVALID, Problem("device", "bath-button", "key", "密钥应为 32 位", "32 digits"))
    answer, _ = await sent(home, browser, "/sensors", "/sensors/put", revision="2", **said | {"secret": "abcd1234"})
    assert answer.status_code == 422
    assert "密钥应为 32 位" in answer.text
    assert "abcd1234" not in answer.text
    assert 'value="浴室" checked' in answer.text
    assert 'name="role" value="help" checked' in answer.text


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"id": "Bad Name!"}, "1 到 40 个小写字母"),
        ({"id": "pendant"}, "已有这个名称"),
        ({"room": ""}, "请选择房间"),
        ({"address": "A4:C1"}, "应为 6 组两位"),
        ({"must": "1"}, "请填写密钥"),
    ],
)
async def test_a_wrong_device_form_says_so_and_leaves_nothing(home, said, word):
    browser = await home.technician()
    whole = {"id": "new", "model": "shelly-blu-button", "address": ADDRESS, "room": "浴室", "revision": "0"} | said
    answer, left = await sent(home, browser, "/sensors", "/sensors/put", **whole)
    assert (answer.status_code, left) == (422, None)
    assert word in answer.text


async def test_a_door_and_a_bed(home):
    browser = await home.technician()
    said = {"id": "new", "address": ADDRESS, "room": "浴室", "revision": "0"}
    _, left = await sent(home, browser, "/sensors", "/sensors/put", model="shelly-blu-door", left_open="10", role="sos", **said)
    assert value(left)[1]["left_open"] == 600.0
    assert "buttons" not in value(left)[1]
    _, left = await sent(home, browser, "/sensors", "/sensors/put", model="linptech-ps1bb", bed="1", left_open="10", **said)
    assert value(left)[1]["bed"] is True
    assert "left_open" not in value(left)[1]


async def test_replaced_keeps_its_name_and_retired_needs_a_tick(home):
    browser = await home.technician()
    said = {"replace": "pendant", "model": "shelly-blu-button", "address": ADDRESS, "secret": KEY, "revision": "1"}
    text = (await browser.get("/sensors/new", params={"replace": "pendant", "address": ADDRESS})).text
    assert 'action="/sensors/replace"' in text
    assert 'name="room"' not in text
    answer, left = await sent(home, browser, "/sensors", "/sensors/replace", **said)
    assert value(left) == ("replace_device", {"id": "pendant", "model": "shelly-blu-button", "address": ADDRESS})
    assert handed(home.example.config.state, left.secrets).key == KEY
    answer, left = await sent(home, browser, "/sensors", "/sensors/retire", device="pendant", revision="1")
    assert (answer.status_code, left) == (422, None)
    assert "请先勾选" in answer.text
    answer, left = await sent(home, browser, "/sensors", "/sensors/retire", device="pendant", revision="1", sure="1")
    assert answer.status_code == 303
    assert value(left) == ("retire_device", {"id": "pendant"})
    refuse(home, Refused.CHANGED_MEANWHILE)
    answer, _ = await sent(home, browser, "/sensors", "/sensors/retire", device="pendant", revision="1", sure="1")
    assert (answer.status_code, "不行" in answer.text) == (409, True)


def test_a_first_word_is_one_since_then():
    facts = {"well": True, "mono": 100.0}
    assert sensors._first({"heard_s": 2.0}, facts, 97.0) == "heard"
    assert sensors._first({"heard_s": 4.0}, facts, 97.0) == "waiting"
    assert sensors._first({"heard_s": 4.0, "refused": {"decrypt_failed": 1}}, facts, 97.0) == "key"
    assert sensors._first({"heard_s": 2.0}, facts | {"well": False}, 97.0) == "waiting"
    assert sensors._first({"heard_s": 2.0}, facts, None) == "waiting"
    assert sensors._first(None, facts, 1.0) == "waiting"


async def test_confirm_says_so_once_it_is_heard(home):
    browser = await home.technician()
    home.answers = None
    assert "现在按它一次" in (await browser.get("/sensors/confirm?device=pendant&told=page-x")).text
    assert (await browser.get("/sensors/confirm?device=nobody")).status_code == 404
