"""Home and sensors: what each form leaves for the daemon, what is said when it is refused, and what the hearing window shows."""

import asyncio
import contextlib
import io
import json
import re
import threading
import time
import zipfile
from types import SimpleNamespace

import pytest
from gateway.contract import inward, wire
from gateway.home import inbox
from gateway.home.handed import handed
from gateway.home.status import DeviceStatus, Status
from gateway.page import change, confirm, device_form
from gateway.page.en import EN
from gateway.page.words import printed
from gateway.words.instruction import Refused
from gateway.words.say import Say
from msgspec.structs import replace

from tests.page.conftest import form_key
from tests.page.household import DEVICES

pytestmark = pytest.mark.usefixtures("kept_secrets")
KEY = "231d39c1d7cc1ab1aee224cd096db932"
ADDRESS = "A4:C1:38:00:53:09"


def one(address=ADDRESS, **changed):
    """One address as the hearing window tells of it."""
    return {
        "address": address,
        "address_kind": "public",
        "enrollable": True,
        "name": "SBBT-002C",
        "model": "shelly-blu-button",
        "title": ["", ""],
        "maker": "BTHome",
        "enrolled": "",
        "needs_key": False,
        "refused": "",
        "told": {"button": ["press"]},
        "packets": 7,
        "rssi": -60,
        "best": -58,
        "silent_s": 1.0,
        "acted_s": None,
    } | changed


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
    before = len(inbox.read(box.example.config.page_folder, 0))
    answer = await browser.post(to, data={"key": await form_key(browser, page)} | said)
    found = inbox.read(box.example.config.page_folder, 0)
    if len(found) == before:
        return answer, None
    return answer, inward.decode_instruction(found[-1][1], "example-home", box.example.day.clock.now())[0]


def value(instruction):
    return instruction.change.what.value, dict(instruction.change.value)


# -- home ----------------------------------------------------------------------------------------------------------------


async def test_home_leaves_each_change_with_the_revision_that_was_seen(home):
    browser = await home.technician()
    answer, left = await sent(home, browser, "/home", "/home/household", number=" H-0451 ", revision="4")
    assert (answer.status_code, left.revision, left.by) == (303, 4, "T-07 (192.168.1.50)")
    assert value(left) == ("set_household", {"number": "H-0451"})
    place = {"area": " 桥头村 ", "cell": "460-00-1", "residents": "2"}
    answer, left = await sent(home, browser, "/home", "/home/household", number="H-0451", revision="4", **place)
    assert value(left) == ("set_household", {"number": "H-0451", "area": "桥头村", "cell": "460-00-1", "residents": 2})
    answer, left = await sent(home, browser, "/home", "/home/household", number="H-0451", revision="4", residents="")
    assert value(left) == ("set_household", {"number": "H-0451", "residents": 0}), "blank: nobody has said"
    chosen = {"room-1": "卧室", "room-3": "浴室"}
    answer, left = await sent(home, browser, "/home", "/home/rooms", revision="0", more="阁楼, 浴室、车库", **chosen)
    assert value(left) == ("set_rooms", {"rooms": ["卧室", "浴室", "阁楼", "车库"]})
    said = {"activity": "1", "history_days": "60", "journal_days": "800", "who": "resident", "name": "Li"}
    answer, left = await sent(home, browser, "/home", "/home/consent", revision="0", **said)
    expected = {"activity": True, "climate": False, "vital_signs": False, "family": False, "history_days": 60.0, "journal_days": 800.0}
    assert value(left) == ("set_consent", expected)


async def test_a_signature_that_was_not_kept_is_asked_for_and_never_taken_for_paper(home):
    browser = await home.technician()
    drawn = {
        "climate": "1",
        "who": "representative",
        "name": "Li",
        "strokes": json.dumps([[80, 150, 60, -90, 40, 80]]),
        "revision": "0",
        "journal_days": "800",
    }
    answer, left = await sent(home, browser, "/home", "/home/consent?lang=en", **drawn | {"history_days": "0"})
    assert (answer.status_code, left) == (422, None)
    assert EN["wrong.sign_again"] in answer.text
    assert 'name="drawn" value="1"' in answer.text
    again = drawn | {"strokes": "", "history_days": "30"}
    answer, left = await sent(home, browser, "/home", "/home/consent?lang=en", **again | {"drawn": "1"})
    assert (answer.status_code, left) == (422, None), "nobody has said that he signed on paper"
    assert EN["wrong.sign_again"] in answer.text
    assert 'name="drawn"' not in answer.text
    answer, left = await sent(home, browser, "/home", "/home/consent?lang=en", **again)
    assert left is not None, "told so, he goes on without"


async def test_a_form_with_secrets_that_is_sent_twice_at_once_acts_once(home, monkeypatch):
    browser = await home.technician()
    real, both, met = change.handed.hand, threading.Barrier(2), []

    def hand(*given):
        with contextlib.suppress(threading.BrokenBarrierError):
            met.append(both.wait(timeout=0.5))
        real(*given)

    monkeypatch.setattr(change.handed, "hand", hand)
    key = await form_key(browser, "/home")
    said = {
        "key": key,
        "once": "a" * 32,
        "climate": "1",
        "who": "representative",
        "name": "Li",
        "history_days": "30",
        "journal_days": "800",
        "revision": "0",
    }
    await asyncio.gather(*(browser.post("/home/consent", data=said) for _ in range(2)))
    assert not met, "one deleted the secrets that the other had just left"


async def test_where_the_home_lies_and_how_many_live_there_is_shown(home):
    path = home.example.path
    path.write_text('[household]\narea = "Qiaotou"\nresidents = 2\n' + path.read_text(encoding="utf-8"), encoding="utf-8")
    text = (await (await home.technician()).get("/home")).text
    for name, holds in (("area", "Qiaotou"), ("cell", ""), ("residents", "2")):
        assert re.search(rf'id="household-{name}" name="{name}" type="text" value="{holds}"', text)


@pytest.mark.parametrize("typed", ["two", "-1", "2.5", "21"])
async def test_a_number_of_residents_that_is_none_is_told_beside_its_field(home, typed):
    browser = await home.technician()
    answer, left = await sent(home, browser, "/home", "/home/household", number="H-7", revision="0", residents=typed)
    assert (answer.status_code, left) == (422, None), "what the gateway would not understand is not left for it"
    assert re.search(r'id="household-residents-say"><strong>', answer.text)
    assert f'name="residents" type="text" value="{typed}"' in answer.text


async def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(home):
    browser = await home.technician()
    refuse(home, Refused.INVALID, wire.Trouble("consent", "", "history_days", "应在 1 到 400 之间", "1 to 400"))
    said = {"climate": "1", "history_days": "399", "journal_days": "800", "revision": "0", "who": "resident", "name": "Li"}
    answer, _ = await sent(home, browser, "/home", "/home/consent", **said)
    assert answer.status_code == 422
    assert 'id="consent-history_days-say"><strong>应在 1 到 400 之间' in answer.text
    assert 'value="399"' in answer.text
    assert re.search(r'name="climate" value="1" checked', answer.text)
    assert not re.search(r'name="activity" value="1" checked', answer.text)
    answer, left = await sent(home, browser, "/home", "/home/consent", **said | {"history_days": "soon"})
    assert (answer.status_code, left) == (422, None)
    assert "请填写整数天数" in answer.text
    refuse(home, Refused.INVALID, wire.Trouble("device", "pendant", "room", "房间 '随身' 不在房间列表中", "not in the list of rooms"))
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


async def test_a_form_of_another_browser_changes_nothing(home):
    browser = await home.technician()
    for to in ("/home/household", "/home/rooms", "/home/consent", "/sensors/put", "/sensors/replace", "/sensors/retire", "/sensors/window"):
        assert (await browser.post(to, data={"key": "0" * 64, "number": "x"})).status_code == 403, to
    assert not inbox.read(home.example.config.page_folder, 0)


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
    assert '<option value="rule" selected>' in text, "a door is watched as the rules say, unless somebody chooses otherwise"
    assert 'name="role"' not in text
    assert 'name="bed"' in await form("linptech-ps1bb")
    notes = change.models()["bthome-v2"].device_notes
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
    assert handed(home.example.config.page_folder, left.secrets).key == KEY
    assert oct((home.example.config.page_folder / "handed" / left.secrets).stat().st_mode & 0o777) == "0o640"
    refuse(home, Refused.INVALID, wire.Trouble("device", "bath-button", "key", "密钥应为 32 位", "32 digits"))
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
        ({"id": "pendant"}, "已有这个编号"),
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
    assert handed(home.example.config.page_folder, left.secrets).key == KEY
    answer, left = await sent(home, browser, "/sensors", "/sensors/retire", device="pendant", revision="1")
    assert (answer.status_code, left) == (422, None)
    assert "请先勾选" in answer.text
    assert answer.text.count('name="revision" value="1"') == 1, "the ticked form rests on what was seen"
    answer, left = await sent(home, browser, "/sensors", "/sensors/retire", device="pendant", revision="1", sure="1")
    assert answer.status_code == 303
    assert value(left) == ("retire_device", {"id": "pendant"})
    refuse(home, Refused.CHANGED_MEANWHILE)
    answer, _ = await sent(home, browser, "/sensors", "/sensors/retire", device="pendant", revision="1", sure="1")
    assert (answer.status_code, "不行" in answer.text) == (409, True)


def test_a_first_word_is_one_since_then():
    facts = Status(written=time.time() + 60, mono=100.0)
    lately, before = DeviceStatus(device="x", heard_s=2.0), DeviceStatus(device="x", heard_s=4.0)
    assert confirm._first(lately, facts, 97.0) == "heard"
    assert confirm._first(before, facts, 97.0) == "waiting"
    assert confirm._first(replace(before, unread_s=1.0), facts, 97.0) == "key"
    assert confirm._first(replace(before, unread_s=9.0), facts, 97.0) == "waiting", "it was another key then"
    assert confirm._first(lately, replace(facts, written=1.0), 97.0) == "waiting"
    assert confirm._first(lately, facts, None) == "waiting"
    assert confirm._first(None, facts, 1.0) == "waiting"


async def test_confirm_says_so_once_it_is_heard(home):
    browser = await home.technician()
    home.answers = None
    home.example.say()
    assert "现在按就是真的求救" in (await browser.get("/sensors/confirm?device=pendant&told=page-x")).text
    home.example.say(first_presses={"pendant": 580.0})
    text = (await browser.get("/sensors/confirm?device=pendant&told=page-x")).text
    assert "现在按它一次" in text
    assert "10 分钟内的第一次按键只算测试" in text
    assert (await browser.get("/sensors/confirm?device=nobody")).status_code == 404


# -- receivers, what is taught, and other wishes -------------------------------------------------------------------------

RECEIVERS = """
[[device]]
id = "bridge"
model = "sonoff-rfbridge"
port = "/dev/serial/by-id/usb-433"
[[device]]
id = "zigbee"
model = "zigbee2mqtt"
port = "mqtt://127.0.0.1:1883/zigbee2mqtt"
[[device]]
id = "pins"
model = "gpio-inputs"
port = "gpio:17,27"
[[device]]
id = "bed-radar"
model = "micradar-r60afd1"
room = "卧室"
port = "/dev/serial/by-id/usb-radar"
"""


def signal(source, receiver="bridge", **changed):
    return {
        "receiver": receiver,
        "signal": source,
        "times": 2,
        "rssi": 0,
        "enrolled": "",
        "model": "",
        "told": {},
        "silent_s": 1.0,
        "acted_s": None,
    } | changed


@pytest.fixture
def wired(home):
    path = home.example.path
    path.write_text(path.read_text(encoding="utf-8") + RECEIVERS, encoding="utf-8")
    return home


async def test_what_receivers_hear_stands_in_the_same_list_the_pressed_one_first(wired):
    browser = await wired.technician()
    cord = signal("cord", "zigbee", model="zigbee-sos", told={"button": ["press"]})
    hear(wired, one(best=-40), signals=[signal("12F70A", acted_s=0.5), cord, signal("17", "pins"), signal("X", "gone")])
    text = (await browser.get("/sensors/add?part=1")).text
    places = [text.index(word) for word in ("12F70A", ADDRESS, "cord", ">17<")]
    assert places[0] == min(places)
    assert "via=bridge&amp;signal=12F70A" in text
    assert "via=zigbee&amp;address=cord&amp;model=zigbee-sos" in text
    assert "via=pins&amp;signal=17&amp;model=dry-contact" in text
    assert "尾号 12F70A" in text
    assert ">X<" not in text


async def test_a_code_is_asked_what_it_is_then_taught_function_by_function(wired):
    browser = await wired.technician()
    hear(wired, signals=[signal("12F70A", acted_s=0.5), signal("12F70E"), signal("BBBBBB", enrolled="other")])
    text = (await browser.get("/sensors/new?via=bridge&signal=12F70A")).text
    assert text.count('name="model"') == 6
    text = (await browser.get("/sensors/new?via=bridge&signal=12F70A&model=ev1527-door")).text
    assert 'value="12F70A" selected' in text
    assert 'value="12F70E"' in text
    assert "BBBBBB" not in text
    found = (await browser.get("/sensors/heard?via=bridge")).json()
    assert [(s["signal"], s["acted_s"] is not None) for s in found["signals"]] == [("12F70A", True), ("12F70E", False)]
    said = {"id": "front", "model": "ev1527-door", "via": "bridge", "room": "入户门", "revision": "0", "code-open": "12F70A"}
    answer, left = await sent(wired, browser, "/sensors", "/sensors/put", **said, **{"code-closed": "12F70E", "code-tamper": ""})
    assert answer.status_code == 303
    expected = {"id": "front", "model": "ev1527-door", "via": "bridge", "room": "入户门", "codes": {"open": "12F70A", "closed": "12F70E"}}
    assert value(left) == ("put_device", expected)
    for codes, word in (({"code-open": ""}, "请至少学习一个信号"), ({"code-closed": "12F70A"}, "同一个信号不能表示两件事")):
        answer, left = await sent(wired, browser, "/sensors", "/sensors/put", **said | codes)
        assert (answer.status_code, left, word in answer.text) == (422, None, True)


async def test_a_pendants_signals_are_those_of_its_address(wired):
    browser = await wired.technician()
    hear(wired, one(model="ibeacon", signals=[signal("ab/100/1", ""), signal("ab/100/0", "")]))
    text = (await browser.get("/sensors/new", params={"address": ADDRESS, "model": "ibeacon"})).text
    assert 'value="ab/100/1" selected' in text
    said = {
        "id": "p",
        "model": "ibeacon",
        "address": ADDRESS,
        "room": "随身",
        "code-press": "ab/100/1",
        "code-idle": "ab/100/0",
        "role": "sos",
    }
    _, left = await sent(wired, browser, "/sensors", "/sensors/put", revision="0", **said)
    expected = {"id": "p", "model": "ibeacon", "address": ADDRESS, "room": "随身", "buttons": {"1": "sos"}}
    assert value(left) == ("put_device", expected | {"codes": {"press": "ab/100/1", "idle": "ab/100/0"}})


async def test_a_beacon_is_a_badge_of_who_comes_and_is_asked_nothing_else(wired):
    browser = await wired.technician()
    hear(wired, one(model="ibeacon", signals=[signal("ab/100/1", "")]))
    text = (await browser.get("/sensors/new", params={"address": ADDRESS, "model": "ibeacon"})).text
    assert 'name="badge"' in text
    assert '<option value="网格员"></option>' in text
    assert 'name="badge"' not in (await browser.get("/sensors/new", params={"address": ADDRESS, "model": "shelly-blu-door"})).text
    said = {"id": "badge-1", "model": "ibeacon", "address": ADDRESS, "code-press": "ab/100/1", "role": "sos", "badge": " 网格员 "}
    _, left = await sent(wired, browser, "/sensors", "/sensors/put", revision="0", **said)
    expected = {"id": "badge-1", "model": "ibeacon", "address": ADDRESS, "badge": "网格员", "label": "网格员"}
    assert value(left) == ("put_device", expected)
    answer, _ = await sent(wired, browser, "/sensors", "/sensors/put", revision="0", **said | {"badge": "长" * 41})
    assert (answer.status_code, '<p class="say" id="d-badge-say"><strong>' in answer.text) == (422, True)
    path = wired.example.path
    path.write_text(
        path.read_text(encoding="utf-8") + f'[[device]]\nid = "badge-1"\nmodel = "ibeacon"\naddress = "{ADDRESS}"\nbadge = "邻居"\n',
        encoding="utf-8",
    )
    text = (await browser.get("/sensors/change?device=badge-1")).text
    assert re.search(r'<details class="badge" open>.*name="badge"[^>]*value="邻居"', text, re.DOTALL)
    said = {"device": "badge-1", "badge": "网格员", "label": "蓝牌", "revision": "4"}
    _, left = await sent(wired, browser, "/sensors", "/sensors/change", **said)
    kept = {"id": "badge-1", "model": "ibeacon", "address": ADDRESS, "port": "", "via": "", "room": "", "codes": {}}
    assert value(left) == ("put_device", kept | {"badge": "网格员", "label": "蓝牌"})
    answer, _ = await sent(wired, browser, "/sensors", "/sensors/change", **said | {"badge": ""})
    assert (answer.status_code, "请选择房间" in answer.text) == (422, True), "without it, it is a pendant of a room"
    said = {"replace": "badge-1", "model": "ibeacon", "address": "A4:C1:38:00:53:AA", "badge": "邻居", "revision": "1"}
    text = (await browser.get("/sensors/new", params={"replace": "badge-1", "address": ADDRESS})).text
    assert ('name="badge" value="邻居"' in text, "code-press" in text) == (True, False)
    _, left = await sent(wired, browser, "/sensors", "/sensors/replace", **said)
    assert value(left) == ("replace_device", {"id": "badge-1", "model": "ibeacon", "address": "A4:C1:38:00:53:AA"})
    for page, there in (("/sensors", True), ("/walk", False), ("/figures", False)):
        assert ("badge-1" in (await browser.get(page)).text) is there, page
    assert "邻居的工牌" in (await browser.get("/sensors")).text


async def test_a_contact_is_what_the_technician_says_and_is_asked_no_more(wired):
    browser = await wired.technician()
    hear(wired, signals=[signal("17", "pins", acted_s=1.0)])
    text = (await browser.get("/sensors/new?via=pins&signal=17&model=dry-contact")).text
    assert "烟感" in text
    assert 'name="signal" value="17"' in text
    said = {
        "id": "smoke",
        "model": "dry-contact",
        "via": "pins",
        "signal": "17",
        "room": "厨房",
        "revision": "0",
        "role": "sos",
        "left_open": "10",
    }
    _, left = await sent(wired, browser, "/sensors", "/sensors/put", **said, function="smoke", opens="1")
    expected = {"id": "smoke", "model": "dry-contact", "via": "pins", "room": "厨房", "codes": {"smoke_opens": "17"}}
    assert value(left) == ("put_device", expected)
    _, left = await sent(wired, browser, "/sensors", "/sensors/put", **said, function="contact_open")
    assert (value(left)[1]["codes"], value(left)[1]["left_open"]) == ({"contact_open": "17"}, 600.0)
    answer, left = await sent(wired, browser, "/sensors", "/sensors/put", **said)
    assert (left, "请选择接的是什么" in answer.text) == (None, True)


@pytest.mark.parametrize(
    ("model", "said", "port"),
    [
        ("zigbee2mqtt", {"host": "127.0.0.1", "topic": "zigbee2mqtt", "number": "1883", "user": ""}, "mqtt://127.0.0.1:1883/zigbee2mqtt"),
        ("zigbee2mqtt", {"host": "hub.lan", "topic": "z2m", "number": "8883", "user": "gw"}, "mqtt://gw@hub.lan:8883/z2m"),
        ("gpio-inputs", {"pins": "17, 27，22"}, "gpio:17,27,22"),  # noqa: RUF001  as it is typed in Chinese
        (
            "modbus-inputs",
            {"port": "/dev/serial/by-id/usb-485", "unit": "3", "inputs": "4"},
            "/dev/serial/by-id/usb-485?unit=3&inputs=4&baud=9600",
        ),
    ],
)
async def test_a_receiver_is_told_where_it_is(wired, model, said, port):
    browser = await wired.technician()
    query = {"model": model} | ({"port": said["port"]} if "port" in said else {})
    assert (await browser.get("/sensors/new", params=query)).status_code == 200
    whole = {"id": "new", "model": model, "room": "客厅", "revision": "0"} | said
    _, left = await sent(wired, browser, "/sensors", "/sensors/put", secret="word" if "host" in said else "", **whole)
    assert value(left) == ("put_device", {"id": "new", "model": model, "room": "客厅", "port": port})
    assert (handed(wired.example.config.page_folder, left.secrets).password == "word") is ("host" in said)
    wrong = {"host": "mqtt://x", "topic": "a b", "number": "0", "user": "a:b", "pins": "99", "unit": "0"}
    answer, left = await sent(wired, browser, "/sensors", "/sensors/put", **whole | {n: wrong[n] for n in said if n in wrong})
    assert (answer.status_code, left) == (422, None)
    assert "aria-invalid" in answer.text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (KEY, (KEY, 32)),
        (KEY.upper(), (KEY.upper(), 32)),
        (" ".join(KEY[n : n + 2] for n in range(0, 32, 2)), (KEY, 32)),
        (f'{{"mac": "A4:C1:38:00:53:09", "key": "{KEY}"}}', (KEY, 32)),
        (f"ble://bind?key={KEY}&mac=A4C138005309", (KEY, 32)),
        (KEY[:-1], ("", 31)),
        (f"{KEY} or {KEY[::-1]}", ("", -2)),
        (f"{KEY}\n{KEY.upper()}\nname", (KEY.upper(), 32)),
        ("hello", ("", 0)),
    ],
)
def test_a_key_is_found_in_what_is_pasted(text, found):
    assert device_form.key_of(text, 32) == found


async def test_a_key_of_a_wrong_form_is_said_at_once_and_one_out_of_a_qr_code_is_taken(home):
    browser = await home.technician()
    said = {"id": "new", "model": "shelly-blu-button", "address": ADDRESS, "room": "浴室", "revision": "0"}
    for text, word in ((KEY[:-1], "这里有 31 位"), ("hello", "里面找不到密钥"), (f"{KEY} {KEY[::-1]}x {KEY[::-1]}", "有 2 个可能的密钥")):
        answer, left = await sent(home, browser, "/sensors", "/sensors/put", **said, secret=text)
        assert (answer.status_code, left, printed(word) in answer.text) == (422, None, True)
        assert text not in answer.text
    _, left = await sent(home, browser, "/sensors", "/sensors/put", **said, secret=f"KEY:{KEY};")
    assert handed(home.example.config.page_folder, left.secrets).key == KEY


async def test_a_button_that_may_not_cancel_says_so_beside_its_meaning(home):
    browser = await home.technician()
    refuse(home, Refused.INVALID, wire.Trouble("device", "new", "buttons", Say("house.no_cancel").zh, Say("house.no_cancel").en))
    said = {"id": "new", "model": "shelly-blu-button", "address": ADDRESS, "room": "浴室", "revision": "0", "role": "cancel"}
    answer, left = await sent(home, browser, "/sensors", "/sensors/put", **said)
    assert value(left)[1]["buttons"] == {"1": "cancel"}
    assert answer.status_code == 422
    assert '<fieldset class="field is-wrong"><legend>按下表示' in answer.text
    assert "这个按钮无法证明是新按的" in answer.text
    assert "须是填了密钥的加密按钮" in answer.text, "and which may"


async def test_each_button_of_a_make_with_several_has_a_meaning_of_its_own(home):
    browser = await home.technician()
    text = (await browser.get("/sensors/new", params={"address": ADDRESS, "model": "shelly-blu-remote"})).text
    assert "第 2 个键按下表示" in text
    said = {
        "id": "new",
        "model": "shelly-blu-remote",
        "address": ADDRESS,
        "room": "浴室",
        "revision": "0",
        "role": "sos",
        "role-2": "cancel",
    }
    _, left = await sent(home, browser, "/sensors", "/sensors/put", **said)
    assert value(left)[1]["buttons"] == {"1": "sos", "2": "cancel"}


async def test_a_device_is_changed_and_what_is_not_asked_stays(home):
    browser = await home.technician()
    text = (await browser.get("/sensors/change?device=front-door")).text
    assert 'name="left_open"' in text
    assert 'name="address"' not in text
    said = {"device": "front-door", "room": "客厅", "left_open": "20", "missing": "12", "revision": "4"}
    answer, left = await sent(home, browser, "/sensors", "/sensors/change", **said)
    assert (answer.status_code, answer.headers["location"], left.secrets) == (303, "/sensors?done=changed", "")
    kept = {"id": "front-door", "model": "shelly-blu-door", "address": "A4:C1:38:00:53:02", "port": "", "via": "", "codes": {}}
    assert value(left) == ("put_device", kept | {"room": "客厅", "left_open": 1200.0, "missing_after": 43200.0})
    said = {"device": "pendant", "room": "随身", "role": "help", "secret": KEY, "revision": "4"}
    answer, left = await sent(home, browser, "/sensors", "/sensors/change", **said)
    assert answer.headers["location"].startswith("/sensors/confirm?device=pendant&told=")
    assert handed(home.example.config.page_folder, left.secrets).key == KEY
    refuse(home, Refused.CHANGED_MEANWHILE)
    answer, _ = await sent(home, browser, "/sensors", "/sensors/change", **said)
    assert (answer.status_code, "不行" in answer.text, 'value="help" checked' in answer.text) == (409, True, True)
    assert (await browser.get("/sensors/change?device=nobody")).status_code == 404


async def test_kinds_of_press_have_meanings_of_their_own_and_those_not_asked_for_stay(home):
    browser = await home.technician()
    text = (await browser.get("/sensors/change?device=pendant")).text
    assert re.findall(r'<select id="d-press-[a-z]+" name="(press-[a-z]+)"><option value="">', text) == ["press-double", "press-long"]
    assert "selected" not in text.partition("d-press-double")[2].partition("</details>")[0], "nothing but what the button means"
    said = {"device": "pendant", "room": "随身", "role": "sos", "press-double": "help", "press-long": "", "revision": "4"}
    _, left = await sent(home, browser, "/sensors", "/sensors/change", **said)
    assert value(left)[1]["buttons"] == {"1": "sos", "1-double": "help"}
    path = home.example.path
    config = path.read_text(encoding="utf-8")
    path.write_text(
        config.replace('id = "pendant"', 'id = "pendant"\nbuttons = { 1 = "sos", 1-double = "help", 2-long = "nothing" }'), encoding="utf-8"
    )
    text = (await browser.get("/sensors/change?device=pendant")).text
    assert 'value="help" selected' in text.partition("d-press-double")[2].partition("</select>")[0]
    _, left = await sent(home, browser, "/sensors", "/sensors/change", **said | {"press-double": ""})
    assert value(left)[1]["buttons"] == {"1": "sos", "2-long": "nothing"}
    _, left = await sent(home, browser, "/sensors", "/sensors/change", device="pendant", room="随身", role="sos", revision="4")
    assert value(left)[1]["buttons"] == {"1": "sos", "1-double": "help", "2-long": "nothing"}, "a form that does not ask changes none of it"


async def test_a_device_is_called_what_people_call_it_everywhere_on_the_page(home):
    browser = await home.technician()
    said = {"device": "front-door", "room": "客厅", "label": " 阳台  门 ", "left_open": "rule", "revision": "4"}
    _, left = await sent(home, browser, "/sensors", "/sensors/change", **said)
    assert (value(left)[1]["label"], value(left)[1]["left_open"]) == ("阳台 门", True)
    long = said | {"label": "长" * 41}
    answer, _ = await sent(home, browser, "/sensors", "/sensors/change", **long)
    assert (answer.status_code, 'name="label" maxlength="40" autocomplete="off" value="长长' in answer.text) == (422, True)
    assert re.search("<strong>太长.*最多 40 个字符</strong>", answer.text)
    path = home.example.path
    path.write_text(path.read_text(encoding="utf-8") + 'label = "老门"\n', encoding="utf-8")
    for page in (
        "/",
        "/sensors",
        "/alarms",
        "/journal",
        "/walk",
        "/certificate",
        "/devices/front-door",
        "/sensors/change?device=front-door",
        "/sensors/add?replace=front-door",
        "/sensors/new?replace=front-door",
        "/sensors/confirm?device=front-door",
    ):
        text = (await browser.get(page)).text
        assert ("老门" in text) is (page not in {"/alarms", "/journal"}), page  # this door has never raised an alarm
    path.write_text(path.read_text(encoding="utf-8").replace('room = "随身"', 'room = "随身"\nlabel = "红按钮"'), encoding="utf-8")
    sos = next(a for a in home.page.known.open_alarms() if a.device == "pendant")
    for page in ("/", "/alarms", f"/alarms/{sos.alarm_number}", "/journal"):
        assert "随身 · 红按钮" in (await browser.get(page)).text, page
    assert '<span class="where">随身 · 红按钮</span></h3>' in (await browser.get("/")).text
    supervisor = await home.supervisor(browser)
    for page in ("/figures", "/alarms"):
        assert "随身 · 红按钮" in (await supervisor.get(page)).text, page
    for secret in ("红按钮", "老门"):
        bundle = await browser.get("/diagnostics.zip")
        with zipfile.ZipFile(io.BytesIO(bundle.content)) as files:
            assert not [n for n in files.namelist() if secret in files.read(n).decode()]


async def test_one_function_is_taught_anew_and_the_others_stay(wired):
    path = wired.example.path
    taught = '[[device]]\nid = "front-433"\nmodel = "ev1527-door"\nroom = "入户门"\nvia = "bridge"\n'
    path.write_text(path.read_text(encoding="utf-8") + taught + 'codes = {open = "12F70A", closed = "12F70E"}\n', encoding="utf-8")
    browser = await wired.technician()
    hear(wired, left=0)
    page = "/sensors/change?device=front-433"
    text = (await browser.get(page)).text
    assert 'name="listen"' in text
    assert 'data-learn="code-' not in text, "nothing can be taught while nobody listens"
    assert 'value="12F70E" selected' in text
    said = {"device": "front-433", "room": "入户门", "revision": "2", "code-open": "12F70A", "code-closed": "12F70E", "code-tamper": ""}
    hear(wired, signals=[signal("12F70C"), signal("12F70A", enrolled="front-433"), signal("BBBBBB", enrolled="other")])
    answer, left = await sent(wired, browser, "/sensors", "/sensors/change", **said | {"room": "客厅"}, listen="1")
    assert (answer.status_code, left) == (200, None), "it hears already"
    assert 'value="客厅" checked' in answer.text
    assert 'name="revision" value="2"' in answer.text
    for whose, heard in (("", ["12F70C"]), ("&replace=front-433", ["12F70C", "12F70A"])):
        found = (await browser.get(f"/sensors/heard?via=bridge{whose}")).json()["signals"]
        assert [s["signal"] for s in found] == heard, "its own signals may be given another meaning"
    options = answer.text.partition('id="code-closed"')[2].partition("</select>")[0]
    assert [w in options for w in ("12F70A", "12F70C", "12F70E", "BBBBBB")] == [True, True, True, False]
    assert answer.text.count('data-learn="code-') == 4
    answer, left = await sent(wired, browser, "/sensors", "/sensors/change", **said | {"code-closed": "12F70C"})
    assert answer.headers["location"].startswith("/sensors/confirm?device=front-433")
    assert (value(left)[0], value(left)[1]["codes"]) == ("put_device", {"open": "12F70A", "closed": "12F70C"})
    answer, left = await sent(wired, browser, "/sensors", "/sensors/change", **said)
    assert answer.headers["location"] == "/sensors?done=changed", "nothing was taught: nothing has to be shown"
    for codes, word in (
        ({"code-open": "", "code-closed": ""}, "请至少学习一个信号"),
        ({"code-closed": "12F70A"}, "同一个信号不能表示两件事"),
    ):
        answer, left = await sent(wired, browser, "/sensors", "/sensors/change", **said | codes)
        assert (answer.status_code, left, word in answer.text) == (422, None, True)
    hear(wired, left=0)
    wired.answers.accepted, wired.answers.zh = False, "搜索不行"
    answer, left = await sent(wired, browser, "/sensors", "/sensors/change", **said, listen="1")
    assert (answer.status_code, left.do.value, "搜索不行" in answer.text) == (422, "window", True)


def fit(box, **changed):
    facts = {
        "instruction": "x",
        "device": "",
        "port": "",
        "over": True,
        "trouble": "",
        "baud": 0,
        "found": [],
        "said": "",
        "contacts": 0,
        "rows": [],
    }
    box.example.say(ports=["/dev/serial/by-id/usb-new"], fitting=facts | changed)


async def test_a_port_is_asked_and_its_answer_shown(wired):
    browser = await wired.technician()
    port = {"port": "/dev/serial/by-id/usb-new"}
    fit(wired)
    _, left = await sent(wired, browser, "/sensors", "/sensors/port", **port)
    assert (left.do.value, left.port) == ("ask_port", port["port"])
    fit(wired, **port, found=["radar-5359", "dfrobot-c1001"])
    text = (await browser.get("/sensors/port", params=port)).text
    assert "model=dfrobot-c1001" in text
    fit(wired, **port, trouble="silent")
    assert "检查供电" in (await browser.get("/sensors/port", params=port)).text
    refuse(wired, Refused.NOT_ALLOWED)
    answer, _ = await sent(wired, browser, "/sensors", "/sensors/port", **port)
    assert (answer.status_code, "不行" in answer.text) == (422, True)
    assert (await browser.get("/sensors/port?port=/etc/passwd")).status_code == 404


async def test_a_radars_form_says_what_is_wrong_and_shows_wanted_and_read(wired):
    browser = await wired.technician()
    said = {"device": "bed-radar", "go": "set", "set-height": "25", "set-fall_on": "on"}
    answer, left = await sent(wired, browser, "/sensors", "/sensors/radar", **said)
    assert (answer.status_code, left, "应为 150 到 400 cm" in answer.text, 'value="25"' in answer.text) == (422, None, True, True)
    answer, left = await sent(wired, browser, "/sensors", "/sensors/radar", device="bed-radar", go="set")
    assert (left, "请先填写" in answer.text) == (None, True)
    text = (await browser.get("/sensors/radar?device=bed-radar")).text
    assert 'name="set-fall_on" value="on" checked' in text, "what a fall radar is there for is chosen already"
    answer, left = await sent(wired, browser, "/sensors", "/sensors/radar", **said | {"set-height": " "})
    assert (answer.status_code, left, "请先量高度" in answer.text) == (422, None, True)
    _, left = await sent(wired, browser, "/sensors", "/sensors/radar", **said | {"set-height": "250"})
    assert (left.do.value, left.device, left.settings) == ("adjust", "bed-radar", {"height": "250", "fall_on": "on"})
    _, left = await sent(wired, browser, "/sensors", "/sensors/radar", device="bed-radar", go="read")
    assert left.settings == {}
    rows = [
        {"name": "height", "wanted": 250.0, "read": 280.0, "verdict": "differs"},
        {"name": "fall_on", "wanted": 1.0, "read": None, "verdict": "no_answer"},
    ]
    fit(wired, device="bed-radar", rows=rows)
    text = (await browser.get("/sensors/radar?device=bed-radar")).text
    assert "2 项没有生效" in text
    assert "250 cm</td><td>280 cm" in text
    assert 'name="set-height" inputmode="decimal" maxlength="12" value="280"' in text
    fit(wired, device="bed-radar", rows=rows, over=False)
    text = (await browser.get("/sensors/radar?device=bed-radar&part=1")).text
    assert ("第 2 项，共 2 项" in text, "data-running" in text) == (True, True)  # noqa: RUF001  as printed
    assert (await browser.get("/sensors/radar?device=pendant")).status_code == 404
