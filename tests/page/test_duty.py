"""A technician's phone gets alarms: set on the page, sent to a real HTTPS push service that opens them with the browser's key."""

import asyncio
import contextlib
import io
import re
import socket
import sqlite3
import zipfile
from types import SimpleNamespace

import pytest
from gateway.contract import wire
from gateway.home.status import Status
from gateway.judge.alarm import State
from gateway.page import accounts, label, notify, subscriptions
from gateway.page.deliver import Reach, is_outside, meant
from gateway.page.en import EN
from gateway.page.notify import Stand
from gateway.page.subscriptions import MOST, OF_ONE, Subscriptions, understood
from gateway.page.zh import ZH
from msgspec import structs

from tests.kit.brokers import Authority
from tests.kit.browser_push import Subscriber, claims, raw
from tests.kit.hook_server import HookServer, in_turn, says
from tests.kit.ports import free_port
from tests.kit.wait import NEVER, until
from tests.kit.waits import changed
from tests.page.conftest import form_key, post
from tests.page.household import GATEWAY, MODELS, PASSWORD, ROOMS, SECRET_NAME

created = says(201)
WORD = "quiet river under stars"
OLD = 86400.0  # the example home has lived since the first test began


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("papers"))
    return authority, authority.issue("127.0.0.1", hosts=("127.0.0.1",))


@pytest.fixture
def service(papers):
    _, own = papers
    with HookServer(created, certificate=(own.cert, own.key)) as server:
        yield server


@pytest.fixture
def near(box, papers):
    """A page that may reach a push service on this machine."""
    box.page.notifier.reach = Reach(lambda *_: True, papers[0].ca)
    return box


async def set_up(browser, phone, endpoint):
    return await post(browser, "/box", "/box/phone", **phone.form(endpoint))


async def answer_of(browser):
    number = re.search(r'name="phone" value="(\d+)"', (await browser.get("/box")).text)
    answer = await post(browser, "/box", "/box/phone/test", phone=number[1] if number else "1")
    assert answer.status_code == 303
    return answer.headers["location"].partition("duty=")[2].partition("#")[0]


# -- set, tried, ended ---------------------------------------------------------------------------------------------------------


async def test_a_phone_is_set_on_the_page_and_the_test_reaches_it(near, service):
    technician, phone = await near.technician(), Subscriber()
    before = (await technician.get("/box")).text
    assert 'action="/box/phone"' in before
    assert "/box/phone/test" not in before, "off until somebody turns it on"
    answer = await set_up(technician, phone, f"{service.url}/secret-of-the-phone")
    assert answer.headers["location"] == "/box?duty=set#duty"
    shown = (await technician.get("/box?duty=set")).text
    assert "127.0.0.1" in shown, "by way of which service"
    assert "secret-of-the-phone" not in shown, "whoever knows the address can send to the phone"
    assert await answer_of(technician) == "sent"
    (came,) = service.came
    assert phone.read(came.body)["zh"] == {
        "title": f"{ZH['duty.title_test']} · {GATEWAY}",
        "body": ZH["duty.body.test"].replace(",", "\uff0c"),
    }
    assert came.path == "/alarms/secret-of-the-phone"
    wanted = {"content-encoding": "aes128gcm", "urgency": "high", "ttl": "600", "host": service.url.split("/")[2]}
    assert wanted.items() <= came.headers.items()
    assert re.fullmatch("[A-Za-z0-9_-]{32}", came.headers["topic"])
    said = claims(came.headers["authorization"])
    assert said["aud"] == service.url.removesuffix("/alarms")
    key = re.search('data-key="([^"]+)"', before)[1]
    assert said["key"] == raw(key), "the key that the browser was given"
    assert ZH["duty.said.sent"].split("。")[0] in (await technician.get("/box")).text
    ended = await post(technician, "/box", "/box/phone/end", phone="1")
    assert ended.headers["location"] == "/box?duty=ended#duty"
    assert await answer_of(technician) == "gone"
    assert len(service.came) == 1
    told = [visit.what for visit in near.page.accounts.visits()]
    assert {"phone_set", "phone_ended"} <= set(told)
    assert "secret-of-the-phone" not in str(near.page.accounts.visits())


BAD = [
    (says(404), "gone"),
    (says(410), "gone"),
    (says(401), "refused"),
    (says(403, b'{"reason":"BadJwtToken"}'), "refused"),
    (says(400), "refused"),
    (says(413), "odd"),
    (says(429, retry_after="1"), "later"),
    (says(500), "later"),
    (says(503, b"x" * 300_000), "later"),
    (says(200, b"<html>sign in to the hotel's Wi-Fi</html>"), "sent"),
]


@pytest.mark.parametrize(("does", "word"), BAD)
async def test_what_a_service_answers_is_said(near, service, does, word):
    technician, phone = await near.technician(), Subscriber()
    await set_up(technician, phone, service.url)
    service.does = does
    assert await answer_of(technician) == word
    text = (await technician.get(f"/box?duty={word}")).text
    assert ZH[f"duty.said.{word}"][:8] in text
    assert ("/box/phone/test" in text) is (word != "gone"), "one that is gone is forgotten"


async def test_a_redirect_is_not_followed_and_a_stranger_gets_nothing(near, service, tmp_path):
    technician, phone = await near.technician(), Subscriber()
    await set_up(technician, phone, service.url)
    with HookServer() as other:
        service.does = says(307, location=other.url)
        assert await answer_of(technician) == "redirect"
        assert not other.came
    near.page.notifier.reach = Reach(lambda *_: True, Authority(tmp_path, "another").ca)
    before = len(service.came)
    assert await answer_of(technician) == "paper"
    assert len(service.came) == before, "nothing is said before the certificate is believed"


async def test_a_service_that_never_answers_is_left_behind_and_so_is_one_that_is_none(near, service):
    technician, phone = await near.technician(), Subscriber()
    await set_up(technician, phone, service.url)
    service.does = lambda _: None
    with changed("page", duty_attempt=1.0):
        assert await answer_of(technician) == "silent"
    await set_up(technician, phone, f"https://127.0.0.1:{free_port()}/a")
    assert await answer_of(technician) == "no_way"
    with socket.create_server(("127.0.0.1", 0)) as plain:
        await set_up(technician, phone, f"https://127.0.0.1:{plain.getsockname()[1]}/a")

        def hang_up():
            with contextlib.closing(plain.accept()[0]) as line:
                line.recv(1)
                line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

        talk = asyncio.create_task(asyncio.to_thread(hang_up))
        assert await answer_of(technician) == "no_way"
        await talk


async def test_nothing_of_the_home_is_reached_by_an_address_that_a_browser_says(box, service):
    """As it is shipped: no test says that this machine may be reached."""
    technician, phone = await box.technician(), Subscriber()
    await set_up(technician, phone, service.url)
    assert await answer_of(technician) == "inside"
    await set_up(technician, phone, service.url.replace("127.0.0.1", "localhost"))
    assert await answer_of(technician) == "inside"
    assert not service.came


@pytest.mark.parametrize(
    ("address", "port", "outside"),
    [
        ("142.250.1.1", 443, True),
        ("142.250.1.1", 8883, False),
        ("2404:6800:4005::5f", 443, True),
        ("127.0.0.1", 443, False),
        ("10.0.0.1", 443, False),
        ("192.168.1.1", 443, False),
        ("169.254.1.1", 443, False),
        ("100.64.0.1", 443, False),
        ("224.0.0.1", 443, False),
        ("::1", 443, False),
        ("fe80::1%eth0", 443, False),
        ("fd00::1", 443, False),
        ("::ffff:10.0.0.1", 443, False),
        ("0.0.0.0", 443, False),
        ("not an address", 443, False),
    ],
)
def test_an_address_of_a_home_is_no_push_service(address, port, outside):
    assert is_outside(address, port) is outside


GOOD = {"endpoint": "https://push.example.net/wpush/v2/gAAAAA"} | Subscriber().form("")
WRONG = [
    {"endpoint": ""},
    {"endpoint": "http://push.example.net/1"},
    {"endpoint": "https://user:word@push.example.net/1"},
    {"endpoint": "https:///1"},
    {"endpoint": "https://push.example.net:0/1"},
    {"endpoint": "https://push.example.net:99999/1"},
    {"endpoint": "https://push.example.net/1#x"},
    {"endpoint": "https://push.example.net/\r\nx: y"},
    {"endpoint": "https://推送.example.net/1"},
    {"endpoint": "https://[::1/1"},
    {"endpoint": "https://push.example.net/" + "x" * 1000},
    {"endpoint": "file:///etc/shadow"},
    {"p256dh": ""},
    {"p256dh": "AAAA"},
    {"p256dh": "B" * 87},
    {"p256dh": "²" * 87},
    {"auth": ""},
    {"auth": "AAAA"},
    {"auth": "A" * 4000},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_subscription_is_refused(wrong):
    good = GOOD | {"endpoint": "https://push.example.net/wpush/v2/gAAAAA"}
    assert understood(good) is not None
    assert understood(good | wrong) is None


async def test_what_is_no_subscription_is_answered_and_leaves_nothing(box):
    technician = await box.technician()
    answer = await set_up(technician, Subscriber(), "http://192.168.1.1/router")
    assert answer.headers["location"] == "/box?duty=cannot#duty"
    assert box.page.phones.all() == []
    assert ZH["duty.said.cannot"][:8] in (await technician.get("/box?duty=cannot")).text
    for odd in ("nothing", "{x}", "title", "²"):
        assert (await technician.get("/box", params={"duty": odd})).status_code == 200


async def test_phones_are_counted_of_one_account_and_of_all(box):
    technician = await box.technician()
    name = box.page.accounts.all()[0][0]
    for n in range(OF_ONE):
        box.page.phones.add(name, f"device-{n}", f"https://push.example.net/{n}", b"k", b"s")
    answer = await set_up(technician, Subscriber(), "https://push.example.net/more")
    assert answer.headers["location"] == "/box?duty=full#duty"
    box.page.phones.add(name, "device-0", "https://push.example.net/new", b"k", b"s")
    assert [p.endpoint[-3:] for p in box.page.phones.of(name)] == ["new", "t/2", "t/1"], "a phone that is set anew is the same phone"
    by = SimpleNamespace(name=name)
    for n in range(3):
        box.page.accounts.add(f"T-1{n}", "technician", WORD + str(n), by, "test")
    for n in range(MOST - OF_ONE):
        box.page.phones.add(f"T-1{n % 3}", f"other-{n}", f"https://push.example.net/other/{n}", b"k", b"s")
    with pytest.raises(subscriptions.Full):
        box.page.phones.add("T-12", "one more", "https://push.example.net/one-more", b"k", b"s")
    assert len(box.page.phones.all()) == MOST


async def test_whoever_is_no_technician_sees_nothing_of_it_and_sets_nothing(box):
    technician = await box.technician()
    supervisor = await box.supervisor(technician)
    assert "/box/phone" not in (await supervisor.get("/box")).text
    key = await form_key(supervisor, "/box")
    form = Subscriber().form("https://push.example.net/1")
    for path in ("/box/phone", "/box/phone/end", "/box/phone/test"):
        assert (await supervisor.post(path, data={"key": key, "phone": "1"} | form)).status_code == 403
        assert (await technician.post(path, data={"key": "0" * 40, "phone": "1"} | form)).status_code == 403
    assert box.page.phones.all() == []


async def other_technician(box):
    by = SimpleNamespace(name="T-07")
    box.page.accounts.add("T-08", "technician", WORD, by, "test")
    browser = box.browser("192.168.1.52")
    assert (await post(browser, "/sign-in", "/sign-in", name="T-08", password=WORD)).status_code == 303
    return browser


async def test_another_technician_neither_sees_tries_nor_ends_my_phone(near, service):
    technician, other = await near.technician(), await other_technician(near)
    await set_up(technician, Subscriber(), service.url)
    assert "/box/phone/test" not in (await other.get("/box")).text
    key = await form_key(other, "/box")
    assert (await other.post("/box/phone/test", data={"key": key, "phone": "1"})).headers["location"] == "/box?duty=gone#duty"
    await other.post("/box/phone/end", data={"key": key, "phone": "1"})
    assert not service.came
    assert len(near.page.phones.all()) == 1


# -- how it ends ---------------------------------------------------------------------------------------------------------------


async def test_it_ends_with_signing_out_on_that_phone_and_with_no_other(box):
    technician = await box.technician()
    await set_up(technician, Subscriber(), "https://push.example.net/1")
    elsewhere = box.browser("192.168.1.53")
    await post(elsewhere, "/sign-in", "/sign-in", name="T-07", password=PASSWORD)
    await post(elsewhere, "/box", "/sign-out")
    assert len(box.page.phones.all()) == 1
    await post(technician, "/box", "/sign-out")
    assert box.page.phones.all() == []


async def test_it_outlives_a_session_that_ends_by_itself(box):
    technician = await box.technician()
    await set_up(technician, Subscriber(), "https://push.example.net/1")
    with sqlite3.connect(box.example.config.page_folder / "page.db") as db:
        db.execute("DELETE FROM sessions")
    assert len(box.page.phones.all()) == 1


async def test_it_ends_with_a_new_password_and_with_the_account(box):
    technician, other = await box.technician(), await other_technician(box)
    await set_up(technician, Subscriber(), "https://push.example.net/1")
    await set_up(other, Subscriber(), "https://push.example.net/2")
    answer = await post(other, "/box", "/box/password", old=WORD, password=PASSWORD + " x", again=PASSWORD + " x")
    assert answer.status_code == 303, answer.text
    assert [p.name for p in box.page.phones.all()] == ["T-07"]
    await set_up(other, Subscriber(), "https://push.example.net/2")
    assert (await post(technician, "/box", "/box/accounts/remove", name="T-08")).status_code == 303
    assert [p.name for p in box.page.phones.all()] == ["T-07"]
    accounts.forgotten(box.example.config.page_folder)
    with sqlite3.connect(box.example.config.page_folder / "page.db") as db:
        assert db.execute("SELECT count(*) FROM subscriptions").fetchone() == (0,), "a lost password ends all of them"


def test_an_account_that_comes_again_under_the_same_name_has_no_phone(tmp_path):
    made = accounts.Accounts(tmp_path, "boot")
    phones = Subscriptions(tmp_path)
    label.made(tmp_path)
    by = SimpleNamespace(name="T-07")
    made.add("T-07", "technician", WORD, by, "x")
    made.add("T-08", "technician", WORD, by, "x")
    phones.add("T-08", "d", "https://push.example.net/1", b"k", b"s")
    made.remove("T-08", by, "x")
    made.add("T-08", "technician", WORD, by, "x")
    assert phones.all() == []
    Subscriptions(tmp_path)  # opened again, as at every start
    assert Subscriptions(tmp_path).key() == phones.key()


async def test_keys_and_addresses_are_the_pages_alone(box):
    technician = await box.technician()
    await set_up(technician, Subscriber(), "https://push.example.net/secret-of-the-phone")
    box.page.phones.key()
    folder = box.example.config.page_folder
    assert (folder / "page.db").stat().st_mode & 0o777 == 0o600
    holds = [p for p in folder.parent.rglob("*") if p.is_file() and b"secret-of-the-phone" in p.read_bytes()]
    assert {p.name for p in holds} <= {"page.db", "page.db-journal"}
    with zipfile.ZipFile(io.BytesIO((await technician.get("/diagnostics.zip")).content)) as bundle:
        text = b"".join(map(bundle.read, bundle.namelist()))
    for secret in ("secret-of-the-phone", "push.example.net", box.page.phones.key()):
        assert secret.encode() not in text


# -- what is told ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def real(box):
    """An alarm as the journal has it, of now."""
    alarm = next(a for a in box.page.known.open_alarms() if not a.test and a.state is State.RAISED)
    return structs.replace(alarm, at=structs.replace(alarm.at, boot="b1", mono=100.0))


FACTS = Status(written=0.0, boot="b1", mono=105.0)


def said(told, alarms, ended=lambda _: None, facts=FACTS):
    return [(name, what.stand) for name, what in notify.news(told, {a.alarm: a for a in alarms}, ended, facts)]


def test_a_call_is_told_once_and_then_that_somebody_has_it_and_that_it_is_over(real):
    name = real.alarm
    assert said({}, [real]) == [(name, "raised")]
    told = {name: Stand(real.alarm_number, real.kind, "raised")}
    assert said(told, [real]) == []
    taken = structs.replace(real, state=State.ACKNOWLEDGED)
    assert said(told, [taken]) == [(name, "answered")]
    told = {name: Stand(real.alarm_number, real.kind, "answered")}
    for state in (State.DISPATCHED, State.ON_SITE):
        assert said(told, [structs.replace(real, state=state)]) == []
    assert said(told, [real]) == [(name, "raised")], "the answer came to nothing: it calls again"
    closed = structs.replace(real, state=State.CLOSED)
    assert said(told, [], {real.alarm_number: closed}.get) == [(name, "over")]


def test_what_cannot_be_read_is_not_called_over(real):
    told = {real.alarm: Stand(real.alarm_number, real.kind, "raised")}
    assert said(told, []) == [], "the database is away"
    assert said(told, [], lambda _: real) == [], "the list was away, the alarm is open"
    other = structs.replace(real, alarm="another-1", state=State.CLOSED)
    assert said(told, [], lambda _: other) == [], "another journal: its number is another alarm's"


@pytest.mark.parametrize(
    "changed",
    [
        {"test": True},
        {"priority": wire.Priority(3)},
        {"listed": True},
        {"masking": "shelved"},
        {"state": State.PRE_ALARM},
        {"state": State.ACKNOWLEDGED},
    ],
)
def test_what_calls_nobody_is_not_told(real, changed):
    assert said({}, [structs.replace(real, **changed)]) == []


def test_what_happened_long_before_the_page_was_started_is_no_news_and_a_clock_that_is_set_changes_nothing(real):
    assert said({}, [real], facts=structs.replace(FACTS, mono=100.0 + 601.0)) == []
    wild = structs.replace(real, at=structs.replace(real.at, wall="1970-01-01T00:00:00.000Z"))
    assert said({}, [wild]) == [(real.alarm, "raised")]
    assert said({}, [wild], facts=structs.replace(FACTS, boot="b2")) == [], "of another power-up the wall clock says how old it is"


def test_the_newest_call_comes_first(real):
    older = structs.replace(real, alarm="older", alarm_number=real.alarm_number - 1)
    told = {"gone": Stand(1, real.kind, "raised")}
    closed = structs.replace(real, alarm="gone", alarm_number=1, state=State.CLOSED)
    assert said(told, [older, real], lambda _: closed) == [(real.alarm, "raised"), ("older", "raised"), ("gone", "over")]


async def test_an_alarm_goes_to_every_phone_and_says_kind_and_home_number_alone(near, service):
    """From the journal of a home to the phone, as the page runs it."""
    technician, other = await near.technician(), await other_technician(near)
    mine, yours = Subscriber(), Subscriber()
    await set_up(technician, mine, f"{service.url}/mine")
    await set_up(other, yours, f"{service.url}/yours")
    with changed("page", duty_life=OLD, look=0.05):
        task = asyncio.create_task(near.page.notifier.run())
        calling = [a for a in near.page.known.open_alarms() if notify.calls(a, near.page.known.status())]
        assert calling
        await until(lambda: len(service.came) >= 2 * len(calling))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    messages = [mine.read(c.body) for c in service.came if c.path.endswith("/mine")]
    assert len(messages) == len(calling) == len([c for c in service.came if c.path.endswith("/yours")])
    assert {m["alarm"] for m in messages} == {a.alarm_number for a in calling}
    assert all(m["loud"] for m in messages)
    assert any(m["en"]["title"].endswith(f" · {GATEWAY}") and m["en"]["body"] == EN["duty.body.raised"] for m in messages)
    for text in map(str, messages):
        for name in (SECRET_NAME, *ROOMS, *ROOMS.values(), *MODELS.values(), "网格员", "护理站", "T-07"):
            assert name not in text, name
    assert len({len(c.body) for c in service.came}) == 1


async def test_one_service_that_is_slow_or_busy_keeps_no_other_phone_waiting_and_is_tried_again(near, service):
    technician, other = await near.technician(), await other_technician(near)
    slow = Subscriber()
    await set_up(technician, slow, f"{service.url}/slow")
    await set_up(other, Subscriber(), f"{service.url}/quick")
    tries = in_turn(says(503), says(429, retry_after="0"), created)
    service.does = lambda came: tries(came) if came.path.endswith("/slow") else created(came)
    with changed("page", duty_life=OLD, look=0.05, duty_again=0.05, duty_whole=NEVER):
        task = asyncio.create_task(near.page.notifier.run())
        calling = [a for a in near.page.known.open_alarms() if notify.calls(a, near.page.known.status())]
        await until(lambda: len(service.came) >= 2 * len(calling) + 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    opened = [slow.read(c.body)["alarm"] for c in service.came if c.path.endswith("/slow")]
    assert len(opened) == len(calling) + 2
    assert len(set(opened)) == len(calling)


async def test_a_phone_that_is_gone_is_forgotten_and_gets_nothing_more(near, service):
    technician = await near.technician()
    await set_up(technician, Subscriber(), service.url)
    service.does = says(410)
    with changed("page", duty_life=OLD, look=0.05):
        task = asyncio.create_task(near.page.notifier.run())
        await until(lambda: not near.page.phones.all())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(service.came) == 1


async def test_where_no_phone_is_set_nothing_is_looked_for(box, monkeypatch):
    monkeypatch.setattr(box.page.known, "newest", lambda: pytest.fail("somebody looked"))
    with changed("page", duty_look=0.01):
        task = asyncio.create_task(box.page.notifier.run())
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_every_word_that_may_come_back_has_its_sentence_in_both_languages():
    words = {meant(status).word for status in (*range(200, 600), 999)}
    words |= {"silent", "no_network", "no_name", "no_way", "paper", "inside", "odd", "set", "ended", "cannot", "full"}
    for catalogue in (ZH, EN):
        assert {key.removeprefix("duty.said.") for key in catalogue if key.startswith("duty.said.")} == words


def test_a_service_that_asks_for_a_year_is_not_waited_for():
    assert meant(429, "31536000").after > notify.WAITS.duty_whole
    assert meant(503, "99999999999999999999").after == 0.0
    assert meant(503, "Wed, 21 Oct 2015 07:28:00 GMT").after == 0.0
