"""Every page and every act, signed out, as a supervisor and as a technician."""

import csv
import io
import json
import re
import string
import zipfile
from types import SimpleNamespace
from urllib.parse import parse_qsl

import msgspec
import pytest
from drivers import all_models
from gateway.contract import inward
from gateway.home import inbox
from gateway.home.parts import HomePart
from gateway.judge.alarm import MOVES, Outcome, State
from gateway.page import acts, assets, live
from gateway.page.en import EN
from gateway.page.known import Filter
from gateway.page.names import Names
from gateway.page.roles import OVERSEEN, PLACES, SETUP
from gateway.page.visitor import HERE
from gateway.page.words import Words, printed
from gateway.page.zh import ZH
from gateway.words import kind

from tests.page.conftest import form_key, post
from tests.page.household import DEVICES, PASSWORD, ROOMS, SECRET_KEY, SECRET_NAME, SECRET_WORD
from tests.write.screenshots import set_up

READS = (
    "/",
    "/?part=1",
    "/alarms",
    "/alarms/1",
    "/alarms/4",
    "/alarms.csv",
    "/journal",
    "/journal?what=visits",
    "/figures",
    "/figures?month=2026-01&sort=arrival",
    "/test",
    "/test?part=1",
    "/box",
    "/home",
    "/sensors",
    "/setup",
    "/rules",
    "/devices/pendant",
    "/certificate",
    "/certificate/1",
    "/certificate/1.json",
)
RECORDS = frozenset(
    p for p in READS if p.startswith(("/alarms", "/journal", "/figures", "/box", "/certificate"))
)  # of them: what a supervisor may read
STREAMS = ("/live", "/walk/live", "/sensors/live")
SET_UP = (
    "/rules/phrases",
    "/rules/phrases?phrase=raised.fall",
    "/sensors/add",
    "/sensors/new",
    "/sensors/confirm?device=pendant",
    "/sensors/change?device=pendant",
    "/sensors/heard?via=bridge",
    "/sensors/port?port=/dev/serial/by-id/usb",
    "/sensors/radar?device=bedroom-radar",
    "/platform",
    "/walk",
    "/drill",
    "/drill?part=1",
    "/moving",
)  # a technician's only
CHANGES = (
    *(f"/do/{do}" for do in sorted(acts.DOES)),
    *(f"/home/{part}" for part in ("household", "rooms", "consent")),
    *(f"/sensors/{part}" for part in ("window", "put", "replace", "retire", "change", "port", "radar", "photo", "photo/remove")),
    "/box/accounts",
    "/box/accounts/remove",
    "/box/invite",
    "/box/phone",
    "/box/phone/end",
    "/box/phone/test",
    "/box/papers",
    "/box/backup",
    "/moving/look",
    "/moving/take",
    "/undo",
    *("/rules/phrases", "/rules/phrases/hear", "/rules/phrases/shipped"),
    *("/platform", "/rules/judging", "/rules/ladder", "/rules/call", "/rules/voice", "/rules/asking", "/walk", "/drill", "/certificate"),
)
FETCHED = ("/box/backup/none", "/devices/pendant/photo.jpg")  # a technician's, for as long as it is there
OWN = ("/box/password", "/sign-out")  # of whoever is signed in
DOORS = {"/first", "/sign-in", "/join"}
RELATIVES = ("/family", "/family/password")  # tests/page/test_family.py
OPEN = {
    "/help",
    "/sw.js",
    "/app.webmanifest",
    "/opening",
    "/offline",
    "/static/{name}",
    "/static/{version}/{name}",
}  # nothing of a home is in there


def routes(box):
    """Return (method, path) of everything there is."""
    found, waiting = set(), list(box.app._app.routes)
    while waiting:
        route = waiting.pop()
        inner = getattr(route, "original_router", None)
        waiting += inner.routes if inner is not None else []
        found |= {(method, route.path) for method in getattr(route, "methods", None) or ()}
    return found


async def test_the_lists_below_leave_nothing_out(box):
    listed = {("GET", p.partition("?")[0]) for p in (*READS, *SET_UP, *FETCHED, *STREAMS, "/diagnostics.zip", *DOORS, *OPEN, RELATIVES[0])}
    listed |= {("POST", p) for p in (*CHANGES, *OWN, *DOORS, RELATIVES[1])}
    pattern = {
        (m, p.replace("{number}", "1").replace("{do}", "test").replace("{device}", "pendant").replace("{order}", "none"))
        for m, p in routes(box)
        if m != "HEAD"
    }
    assert pattern
    assert pattern <= listed


async def test_signed_out_nobody_sees_or_does_anything(box):
    await box.technician()
    browser = box.browser("192.168.1.90")
    key = await form_key(browser, "/sign-in")
    for path in (*READS, *SET_UP, *FETCHED, "/diagnostics.zip", *STREAMS, RELATIVES[0]):
        answer = await browser.get(path)
        assert answer.status_code in {303, 401}, path
        assert "浴室" not in answer.text, path
    for path in (*CHANGES, *OWN, RELATIVES[1]):
        assert (await browser.post(path, data={"key": key})).status_code == 401, path
    assert not (box.example.config.page_folder / "inbox.db").exists()


async def test_a_supervisor_reads_figures_and_records_and_changes_nothing(box):
    technician = await box.technician()
    browser = await box.supervisor(technician)
    for path in READS:
        asked = await browser.get(path)
        assert asked.status_code == (200 if path in RECORDS else 303 if path.partition("?")[0] == "/" else 403), path
        assert path in RECORDS or "卧室" not in asked.text, path
    assert (await browser.get("/")).headers["location"] == "/figures"
    for path in (*SET_UP, *FETCHED, *STREAMS, "/diagnostics.zip"):
        assert (await browser.get(path)).status_code == 403, path
    key = await form_key(browser, "/box")
    for path in CHANGES:
        answer = await browser.post(path, data={"key": key, "name": "T-07", "role": "technician"})
        assert answer.status_code == 403, path
        assert "您的账号不能" in answer.text
    assert not (box.example.config.page_folder / "inbox.db").exists()
    for path in sorted(RECORDS):
        text = (await browser.get(path)).text
        assert 'action="/do/' not in text, "no button that would be refused"
        leads = {at.partition("?")[0].partition("#")[0] for at in re.findall(r'href="(/[^"]*)"', text) if "/static/" not in at}
        for at in leads:
            assert (await browser.get(at)).status_code in {200, 303}, (path, at, "no link that would be refused")
    assert len(box.page.accounts.all()) == 2
    bar = (await browser.get("/figures")).text.partition("<nav ")[2].partition("</nav>")[0]
    assert re.findall(r'href="([^"]+)"', bar) == [where for _, where in OVERSEEN]


async def test_a_technician_sees_every_page_in_both_languages(box):
    browser = await box.technician()
    for path in READS:
        for lang, tag in (("en", "en"), ("zh", "zh-CN")):
            answer = await browser.get(path, params={"lang": lang} | dict([p.split("=") for p in path.partition("?")[2].split("&") if p]))
            assert answer.status_code == 200, path
            parts = re.findall(r'(?:src|href)="/static/([^"]+)"', answer.text)
            assert set(parts) <= {f"{assets.VERSION}/{name}" for name in assets.FILES}, path
            if not any(word in path for word in ("part", "csv", "json")):
                assert f'<html lang="{tag}"' in answer.text
                assert "style=" not in answer.text, "the policy forbids it"
                assert not re.search(r"<script(?![^>]*src=)|\son\w+=", answer.text)


async def test_the_bar_at_the_foot_says_where_one_is_on_each_page(box):
    browser = await box.technician()
    path = box.example.path
    device = '[[device]]\nid = "{}"\nmodel = "{}"\nroom = "卧室"\n'
    more = device.format("pendant", "shelly-blu-button") + 'address = "A4:C1:38:00:53:01"\n'
    more += device.format("bedroom-radar", "micradar-r60afd1") + 'port = "/dev/serial/by-id/usb"\n'
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    places = {
        "/": "今天",
        "/devices/front-door": "今天",
        "/alarms": "警报",
        "/alarms/1": "警报",
        "/journal": "记录",
        "/journal?what=visits": "记录",
        "/test": "测试",
        "/box": "网关",
        "/setup": "设置",
        **{where: "设置" for _, where in SETUP},
        "/certificate/1": "设置",
        **{p: "设置" for p in SET_UP if "heard" not in p and "confirm" not in p and "drill" not in p},
        "/drill": "测试",
        "/nowhere": "",
    }
    for where, place in places.items():
        answer = await browser.get(where)
        assert answer.status_code == (404 if where == "/nowhere" else 200), where
        bar = answer.text.partition("<nav ")[2].partition("</nav>")[0]
        marked = re.findall(r'<a href="[^"]+" aria-current="(page|true)">.*?<span>([^<]+)</span></a>', bar)
        assert [word for _, word in marked] == ([place] if place else []), where
        assert not marked or (marked[0][0] == "page") is (where.partition("?")[0] in dict(PLACES).values()), where
    key = await form_key(browser, "/box")
    for where, place in (("/sensors/put", "设置"), ("/rules/judging", "设置"), ("/box/backup", "设置"), ("/do/close", "今天")):
        bar = (await browser.post(where, data={"key": key})).text.partition("<nav ")[2].partition("</nav>")[0]
        assert re.findall(r'aria-current="true">.*?<span>([^<]+)</span>', bar) == [place], where


async def test_every_link_leads_somewhere(box):
    browser = await box.technician()
    seen = set()
    for path in READS[:-1]:
        found = set(re.findall(r'href="(/[^"#]*)', (await browser.get(path)).text))
        for target in sorted(found - seen):
            seen.add(target)
            answer = await browser.get(target.replace("&amp;", "&"))
            assert answer.status_code == 200, (path, target)


async def test_errors_have_a_page_of_their_own(box):
    browser = await box.technician()
    for path, status in (("/nope", 404), ("/alarms/999", 404), ("/alarms/x", 404), ("/alarms/99999999999999999999999", 404)):
        answer = await browser.get(path)
        assert answer.status_code == status, path
        assert "<main" in answer.text
    for do in ("explode", "configure", "window"):  # the last two are instructions, and not for these forms
        assert (await post(browser, "/", f"/do/{do}")).status_code == 404
    assert (await browser.get("/journal?before=-1&what=../..")).status_code == 200


async def test_a_shelf_is_taken_back_for_no_longer_than_it_may_last_and_a_life_hangs_on_no_undo(box):
    with box.example.path.open("a", encoding="utf-8") as config:
        config.write(DEVICES)
    browser = await box.technician()
    known, times = box.page.known, box.page.config.times

    def left(seconds):
        at = known.now(known.status()) + seconds
        until = Words("en", known.zone).local(at, "%Y-%m-%dT%H:%M")
        return until, acts.instruction({"do": "shelve", "device": "front-door", "until": until}, "T-07", known, times)

    _, made = left(3600)
    assert 3500 < made.seconds <= 3601
    assert made.reason == f"{ZH['undo.reason']} {EN['undo.reason']}"
    for seconds in (-3600, 0, acts.SHELVED_MOST + 120):
        assert left(seconds)[1].fields == {"hours": ("wrong.hours", {})}
    for odd in ("²", "2026-05-04", "x" * 90, "9999-12-31T23:59"):
        assert acts.instruction({"do": "shelve", "device": "front-door", "until": odd}, "T-07", known, times).fields
    until, _ = left(3600)
    door, pendant = [(await browser.get(f"/devices/{name}", params={"was": until})).text for name in ("front-door", "pendant")]
    assert f'name="until" value="{until}"' in door
    assert 'name="until"' not in pendant, "only the platform shelves what calls for help"
    assert 'action="/do/shelve"' in door
    assert 'action="/do/shelve"' not in pendant
    assert ZH["device.desk_shelves"] in pendant or printed(ZH["device.desk_shelves"]) in pendant
    assert 'name="until"' not in (await browser.get("/devices/front-door", params={"was": "x"})).text


# -- what is seen --------------------------------------------------------------------------------------------------------


async def test_today_shows_the_open_alarm_first_with_what_can_be_done(box):
    text = (await (await box.technician()).get("/")).text
    assert text.index("求救") < text.index("故障和怎么办") < text.index('id="h-devices"')
    assert "等待应答" in text
    for do in ("acknowledge", "dispatch", "arrive", "close", "silence"):
        assert f'action="/do/{do}"' in text, do
    assert printed(ZH["advice.device.low_battery"]) in text
    assert text.count('class="strip"') == 7


async def test_each_device_tells_its_day_in_words_too(box):
    text = (await (await box.technician()).get("/?lang=en")).text
    labels = re.findall(r'class="strip" role="img" aria-label="Last 24 hours: ([^"]+)"', text)
    assert len(labels) == 7
    assert any("opened" in x for x in labels)
    assert any("not heard" in x for x in labels)
    assert any("activity in" in x for x in labels)


async def test_without_the_daemon_the_page_says_so_first(box):
    browser = await box.technician()
    (box.example.config.runtime / "status.json").unlink()
    assert "监测程序没有运行" in (await browser.get("/")).text
    box.example.say(written=1.0)
    assert "监测程序没有运行" in (await browser.get("/")).text
    for name in ("gateway.db", "history.db"):
        (box.example.config.state / name).write_bytes(b"not a database")
    for path in READS:
        assert (await browser.get(path)).status_code in {200, 404}, path


@pytest.mark.parametrize(
    ("connected", "away", "words"),
    [(True, None, 0), (True, 240.0, 1), (False, 240.0, 0)],
)
async def test_a_platform_that_says_that_it_is_away_is_told_with_since_when(box, connected, away, words):
    uplink = {"configured": True, "connected": connected, "version": "5", "where": "mqtt.example.org:8883", "platform_away_s": away}
    box.example.say(uplink=uplink)
    browser = await box.technician()
    for path, said, span in (
        ("/", "平台报告自己离线", "4分"),
        ("/?lang=en", "the platform has reported itself offline for", "4 min"),
        ("/box?lang=en", "the platform has reported itself offline for", "4 min"),
    ):
        text = (await browser.get(path)).text
        assert text.count(said) == words, path
        assert len(re.findall(f"{said}[ ,]*{span}", text)) == words


async def test_an_alarm_tells_its_stages_calls_and_who_did_what(box):
    text = (await (await box.technician()).get("/alarms/2?lang=en")).text
    for word in (
        "Danger",
        "Platform has it",
        "Answered",
        "Dispatch",
        "Arrival",
        "+21.0 s",
        "+38.0 s",
        "呼叫台 desk 2",
        "No help needed",
    ):
        assert word in text, word


async def test_an_alarm_says_in_words_who_and_what_it_rests_on(box):
    browser = await box.technician()
    for language, words in (("zh", ("<strong>浴室</strong> 按下", "平台")), ("en", ("<strong>浴室</strong> pressed", "platform"))):
        text = (await browser.get(f"/alarms/2?lang={language}")).text
        shown = re.sub(r"<time.*?</time>", "", text[text.index("<main") :])
        for word in words:
            assert word in shown, word
        assert "bathroom-button" not in shown
        assert ">platform" not in shown or language == "en"
    assert "bathroom-button" not in (await browser.get("/journal?what=alarm&lang=zh")).text


async def test_past_alarms_are_filtered(box):
    browser = await box.technician()

    async def numbers(**query):
        return re.findall(r'<a href="/alarms/(\d+)"', (await browser.get("/alarms", params=query)).text)

    assert await numbers() == ["4", "3", "2", "1"] or len(await numbers()) >= 4
    assert await numbers(test="only") == ["3"]
    assert await numbers(outcome="helped") == ["1"]
    assert "3" not in await numbers(test="no")
    assert await numbers(kind="env.gas") == []


async def test_the_table_is_safe_to_open(box):
    browser = await box.technician()
    answer = await browser.get("/alarms.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [r["number"] for r in rows] == [str(n) for n in range(len(rows), 0, -1)]
    assert float(rows[-1]["answered_s"]) > 30
    from gateway.page.past import _line

    for bad in ("=1+1", "+1", "-1", "@x", "\t=1", " =cmd|' /C calc'!A0", "|x"):
        assert next(csv.reader(io.StringIO(_line((bad,)))))[0].startswith("'")


async def test_nothing_that_opens_something_is_on_any_page(box):
    browser = await box.technician()
    for path in (*READS, "/sign-in", "/journal?what=result"):
        text = (await browser.get(path)).text
        for secret in (SECRET_WORD, SECRET_KEY, "sentinel-user", PASSWORD, box.code, "$argon2", "BEGIN PRIVATE"):
            assert secret not in text, (path, secret)


async def test_the_bundle_has_no_secret_and_no_name(box):
    answer = await (await box.technician()).get("/diagnostics.zip")
    file = zipfile.ZipFile(io.BytesIO(answer.content))
    text = "".join(file.read(name).decode() for name in file.namelist())
    assert {"status.json", "journal.jsonl", "versions.json", "README.txt"} <= set(file.namelist())
    for never in (
        SECRET_WORD,
        SECRET_KEY,
        SECRET_NAME,
        "sentinel-user",
        PASSWORD,
        box.code,
        "浴室",
        "卧室",
        "desk 2",
        "T-07",
        "192.168",
        "mqtt.example.org",
        str(box.example.folder),
    ):
        assert never not in text, never
    lines = [json.loads(line) for line in file.read("journal.jsonl").decode().splitlines()]
    assert [x["number"] for x in lines] == list(range(1, len(lines) + 1))


# -- what is done --------------------------------------------------------------------------------------------------------


async def acted(box, browser, do, **said):
    """Send a form and return (answer, the instruction left or None)."""
    box.page.known.result = lambda _: SimpleNamespace(accepted=True)  # no daemon here that would answer
    answer = await post(browser, "/", f"/do/{do}", **said)
    left = inbox.read(box.example.config.page_folder, 0)
    return answer, inward.decode_instruction(left[-1][1], "example-home", None)[0] if left else None


def sos(box):
    return box.page.known.open_alarms()[0]


async def test_each_act_leaves_its_instruction_with_who_and_from_where(box):
    browser = await box.technician()
    alarm = sos(box)
    about = {"alarm": alarm.alarm, "seen": alarm.state.value}
    acts: tuple[tuple[str, dict, dict], ...] = (
        ("acknowledge", about, {}),
        ("dispatch", about | {"responder": " 网格员 ", "minutes": "12"}, {"responder": "网格员", "seconds": 720.0}),
        ("dispatch", about | {"responder": "\u202d王\t姐\u202c\u200b", "minutes": "12"}, {"responder": "王 姐", "seconds": 720.0}),
        ("close", about | {"outcome": "helped", "reason": "ok"}, {"outcome": "helped", "reason": "ok"}),
        ("arrive", about, {}),
        ("silence", about, {}),
        (
            "shelve",
            {"device": "hall-motion", "hours": "4", "reason": "装修"},
            {"device": "hall-motion", "seconds": 14400.0, "reason": "装修"},
        ),
        ("shelve", {"device": "hall-motion", "hours": "0"}, {"device": "hall-motion", "seconds": 0.0}),
        ("confirm", {"device": "kitchen-smoke"}, {"device": "kitchen-smoke"}),
        ("away", {"until": "0"}, {"seconds": 0.0}),
        ("test", {}, {}),
    )
    for do, said, expected in acts:
        answer, left = await acted(box, browser, do, **said)
        assert answer.status_code == 303, (do, answer.text[:3000])
        assert left.do == do
        assert left.by == "T-07 (192.168.1.50)"
        for name, value in expected.items():
            assert getattr(left, name) == value, (do, name)
    visits = [v for v in box.page.accounts.visits() if v.what == "instruction"]
    assert len(visits) == len(acts)
    assert {(v.who, v.source) for v in visits} == {("T-07", "192.168.1.50")}


async def test_a_double_tap_acts_once(box):
    browser = await box.technician()
    ids = [(await acted(box, browser, "test", once="ab" * 12))[1].id for _ in range(2)]
    assert ids == ["page-" + "ab" * 12] * 2, "the daemon acts once for one id"


@pytest.mark.parametrize(
    ("do", "said", "word"),
    [
        ("dispatch", {"responder": "", "minutes": "10"}, "请填写"),
        ("dispatch", {"responder": "x", "minutes": "soon"}, "1 到 120 之间的整数"),
        ("dispatch", {"responder": "x", "minutes": "121"}, "1 到 120 之间的整数"),
        ("dispatch", {"responder": "x" * 81, "minutes": "1"}, "最多 80 个字"),
        ("close", {}, "请选择一个结果"),
        ("close", {"outcome": "test"}, "请选择一个结果"),
        ("close", {"outcome": "helped", "reason": "y" * 300}, "最多 200 个字"),
        ("shelve", {"device": "hall-motion", "back": "device", "hours": "4", "reason": " "}, "请填写"),
        ("shelve", {"device": "hall-motion", "back": "device", "hours": "99", "reason": "r"}, "请选择时间"),
        ("away", {"until": "2001-01-01T00:00"}, "请选一个将来的时间"),
        ("away", {"until": "tomorrow"}, "请选一个将来的时间"),
    ],
)
async def test_a_wrong_form_is_answered_beside_its_field_and_keeps_what_was_typed(box, do, said, word):
    browser = await box.technician()
    alarm = sos(box)
    about = {"alarm": alarm.alarm, "seen": alarm.state.value} if do in {"dispatch", "close"} else {}
    answer, left = await acted(box, browser, do, **about, **said)
    assert (answer.status_code, left) == (422, None)
    assert word in answer.text
    if said.get("responder"):
        assert f'value="{said["responder"]}"' in answer.text
    assert re.search(r"<details[^>]* open", answer.text) or do == "away"


async def test_who_comes_second_is_told_and_nothing_is_overwritten(box):
    browser = await box.technician()
    answer, left = await acted(box, browser, "acknowledge", alarm=sos(box).alarm, seen="dispatched")
    assert (answer.status_code, left) == (422, None)
    assert "没有执行" in answer.text
    answer, left = await acted(box, browser, "acknowledge", alarm="j1-a99", seen="raised")
    assert left is None


async def test_the_daemons_refusal_is_shown_in_its_words(box):
    browser = await box.technician()
    told = box.page.known.results(box.page.known.alarm(1).alarm)
    assert told, "the example has answered instructions"
    text = (await browser.get("/", params={"told": told[0].instruction, "did": "acknowledge"})).text
    assert printed("完成:我来处理") in text
    assert "网关还没有回答" in (await browser.get("/", params={"told": "page-x", "did": "close"})).text


# -- streams, words ------------------------------------------------------------------------------------------------------


async def test_streams_are_bounded_and_end_with_the_session(box, tmp_path):
    watch = live.Watch(lambda: 1, tmp_path, lambda: 0.02)
    for n in range(live.EACH):
        watch.enter("one")
        assert watch.streams == n + 1
    with pytest.raises(live.Full):
        watch.enter("one")
    for n in range(live.MOST - live.EACH):
        watch.enter(f"other-{n}")
    with pytest.raises(live.Full):
        watch.enter("late")
    told = [event async for event in watch.events(lambda: False)]
    assert [e.split("event: ")[1].split("\n")[0] for e in told] == ["hello", "over"]
    for n in range(live.MOST - live.EACH):
        watch.leave(f"other-{n}")
    for _ in range(live.EACH):
        watch.leave("one")
    assert watch.streams == 0
    assert watch._task is None, "nobody looks while nobody reads"


def test_both_catalogues_say_the_same_things():
    assert list(ZH) == list(EN)
    for key, zh in ZH.items():
        fields = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (zh, EN[key])]
        assert fields[0] == fields[1], key
        assert zh.strip(), key
        assert EN[key].strip(), key
        assert not re.search("[一-鿿]", EN[key]) or key == "language.other", key


def test_every_word_a_page_asks_for_is_there():
    asked = set()
    for path in [*HERE.glob("templates/*.html"), *HERE.glob("*.py")]:
        text = path.read_text(encoding="utf-8")
        asked |= set(re.findall(r"""\bt\(\s*["']([\w.]+)["']\s*[,)]""", text)) | set(
            re.findall(r'(?:words|Refusal|BadPapers)\(\s*"([\w.]+)"', text)
        )
    assert len(asked) > 100
    assert not {a for a in asked if a not in ZH}
    for group, values in (
        ("state", State),
        ("outcome", Outcome),
        ("class", kind.FaultClass),
        ("do", acts.DOES),
        ("move", {m for moves in MOVES.values() for m in moves}),
    ):
        assert not {v for v in values if f"{group}.{v}" not in ZH}, group


def test_every_fault_has_its_advice():
    wanted = {k for k in kind.KINDS if k.startswith(("device.", "gateway."))} | {kind.OFTEN_CANCELLED}
    assert not {f"advice.{name}" for name in wanted} - set(ZH)
    assert max(len(en) for code, en in EN.items() if code.startswith("advice.")) < 160


async def test_a_test_that_was_ended_is_told_in_the_order_in_which_it_went(box):
    browser = await box.technician()
    alarm = next(a for a in box.page.known.past(Filter(kind="alarm.test"), limit=1))
    box.page.known.result = lambda _: SimpleNamespace(alarm=alarm.alarm, accepted=True)
    told = "page-" + "ab" * 12
    inbox.leave(box.example.config.page_folder, box.example.config.runtime, b'{"id": "%s"}' % told.encode())
    text = (await browser.get("/test", params={"told": told, "did": "close"})).text
    strip = text.partition('class="way-strip"')[2].partition("</ol>")[0]
    times = re.findall(r"<time>([^<]+)</time>", strip)
    assert len(times) >= 3
    assert times[0] == times[1], "it was not begun by who ended it"


async def test_test_is_offered_as_the_end_of_a_real_alarm_only_where_its_device_was_being_installed(box):
    browser = await box.technician()
    alarm = next(a for a in box.page.known.open_alarms() if not a.test and MOVES[a.state].get(acts.Move.CLOSE))
    said = {"alarm": alarm.alarm, "seen": alarm.state.value, "outcome": "test"}
    assert (await post(browser, "/", "/do/close", **said)).status_code == 422
    box.example.say(alarms=[{"number": 1, "alarm": alarm.alarm, "kind": alarm.kind, "priority": 1, "state": "raised", "installing": True}])
    card = (await browser.get("/")).text.partition(f'data-key="close-{alarm.alarm}"')[2].partition("</details>")[0]
    assert 'value="test"' in card
    assert (await post(browser, "/", "/do/close", **said)).status_code == 303


def test_whoever_is_on_the_way_can_be_called_back():
    sent = SimpleNamespace(state=State.DISPATCHED, masking="none")
    assert next(do.value for do in acts.possible(sent)) == "arrive"
    assert "recall" in [do.value for do in acts.possible(sent)]
    assert "recall" not in [do.value for do in acts.possible(SimpleNamespace(state=State.ON_SITE, masking="none"))]


async def test_each_page_says_which_home_it_is_and_a_stranger_is_not_told(box):
    browser = await box.technician()
    for path in (
        "/",
        "/alarms",
        "/journal",
        "/test",
        "/box",
        "/home",
        "/sensors",
        "/setup",
        "/platform",
        "/rules",
        "/walk",
        "/certificate",
    ):
        text = (await browser.get(path)).text
        title = re.search("<title>(.*?)</title>", text)[1]
        assert title.endswith(" · example-home"), path
        assert '<small class="which">example-home</small>' in text, path
    home = box.page.config.household
    box.page.config = msgspec.structs.replace(box.page.config, household=msgspec.structs.replace(home, household=HomePart(number="H-0451")))
    text = (await browser.get("/alarms")).text
    assert '<small class="which">H-0451</small>' in text
    assert "· H-0451</title>" in text
    stranger = box.browser(source="192.168.1.77")
    assert "H-0451" not in (await stranger.get("/sign-in")).text


@pytest.mark.parametrize(
    ("device", "language", "said"),
    [
        ({"room": "浴室", "label": ""}, "zh", "浴室 Shelly BLU 按钮"),
        ({"room": "浴室", "label": "床头"}, "en", "浴室 床头"),
        ({"room": "", "label": ""}, "en", "Shelly BLU button"),
    ],
)
def test_a_device_that_did_something_is_called_by_room_and_name(device, language, said):
    known = SimpleNamespace(id="b", model=all_models()["shelly-blu-button"], **device)
    names = Names([known], Words(language, None))
    assert names.who("b", "b", "old room") == said
    assert names.who("desk 2") == "desk 2"


def test_two_of_a_model_in_one_room_are_told_apart_by_what_stands_on_them():
    button, door = all_models()["shelly-blu-button"], all_models()["shelly-blu-door"]

    def device(n, at, room="卧室", label="", model=button):
        return SimpleNamespace(id=f"b{n}", model=model, room=room, label=label, at=at, codes={})

    ends = ("A4:C1:38:00:53:01", "A4:C1:38:00:53:02", "A4:C1:39:00:53:02")
    zh, en = (Names([device(n, at) for n, at in enumerate(ends)], Words(lang, None)) for lang in ("zh", "en"))
    assert zh.where("卧室", "b0") == "卧室 · 尾号 53:01"
    assert len({zh.where("卧室", f"b{n}") for n in range(3)}) == 3
    assert en.who("b0") == "卧室 Shelly BLU button, ending 53:01"
    others = [device(1, ends[0]), device(2, ends[1], room="浴室"), device(3, ends[2], label="床头"), device(4, "x", model=door)]
    names = Names(others, Words("en", None))
    assert [names.where(d.room, d.id) for d in others] == ["卧室", "浴室", "卧室 · 床头", "卧室"], "nothing is added where none is like it"
    taught = [SimpleNamespace(**{**vars(device(n, "")), "codes": {"open": code}}) for n, code in ((1, "12F70A"), (2, "12F70E"))]
    assert [Names(taught, Words("en", None)).where("卧室", d.id) for d in taught] == ["卧室 · ending 2F70A", "卧室 · ending 2F70E"]
    assert names.called("gone") == "gone"


IDS = [name for name in ROOMS if "-" in name]


async def test_no_page_but_a_device_s_own_shows_how_it_is_called_in_the_records(box):
    set_up(box.example)
    browser = await box.technician()
    paths = ("/", "/alarms", "/alarms/2", "/journal", "/figures", "/sensors", "/sensors/add", "/sensors/change?device=front-door", "/walk")
    for path in (*paths, "/help", "/drill", "/sensors/radar?device=bedroom-radar"):
        for language in ("zh", "en"):
            text = (await browser.get(path, params={"lang": language} | dict(parse_qsl(path.partition("?")[2])))).text
            shown = re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<(script|style).*?</\1>", "", text[text.index("<main") :]))
            found = [name for name in (*IDS, "not_heard") if name in shown]
            assert not found, (path, found)
    assert "front-door" in (await browser.get("/devices/front-door")).text, "for whoever compares it with the platform's"


def test_what_nobody_has_words_for_is_shown_as_it_stands():
    names = Names([], Words("zh", None))
    assert names.sensed("fall", True) == "发现跌倒"
    assert names.sensed("command", "x" * 70) == f"command = {'x' * 60}"
