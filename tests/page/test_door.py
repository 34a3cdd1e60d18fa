"""Who gets in, and who does not: first visit, passwords, locks, sessions, forms, hosts."""

import asyncio
import sqlite3
import stat

import pytest
from argon2 import Type, extract_parameters
from gateway.page import accounts, guard, label, papers
from gateway.page.accounts import Accounts, Refusal, Role
from gateway.page.tries import LOCK_AT
from gateway.page.visitor import FIELDS
from gateway.page.waits import WAITS

from tests.page.conftest import LAN, form_key, post
from tests.page.household import PASSWORD


async def test_nothing_works_before_the_first_visit(box):
    browser = box.browser()
    for path in ("/", "/alarms", "/alarms/1", "/alarms.csv", "/journal", "/test", "/box", "/diagnostics.zip", "/live"):
        answer = await browser.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/first"), path
    assert (await browser.get("/sign-in")).headers["location"] == "/first"
    for path in ("/do/test", "/box/accounts", "/box/papers", "/sign-out"):
        assert (await browser.post(path, data={})).status_code == 303, path
    assert box.page.accounts.visits() == []


def test_the_code_is_made_once_and_only_its_owner_reads_it(tmp_path):
    made = label.made(tmp_path)
    assert label.made(tmp_path) == made == label.shown(tmp_path)
    assert stat.S_IMODE((tmp_path / label.FILE).stat().st_mode) == 0o600
    assert len(label.plain(made)) == 10
    assert label.renewed(tmp_path) != made
    assert [p.name for p in tmp_path.iterdir()] == [label.FILE]


def test_no_two_boxes_have_the_same_code(tmp_path):
    codes = set()
    for n in range(50):
        (tmp_path / str(n)).mkdir()
        codes.add(label.made(tmp_path / str(n)))
    assert len(codes) == 50


async def test_the_first_visit_wants_the_code_and_takes_it_as_people_type_it(box):
    _, answer = await box.first(code="AAAAA-AAAAA")
    assert answer.status_code == 422
    assert "代码不对" in answer.text
    assert "T-07" in answer.text, "what was typed is kept"
    assert PASSWORD not in answer.text, "but never a password"
    browser, answer = await box.first(code=f" {box.code.lower().replace('-', ' ')} ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (await browser.get("/")).status_code == 200


async def test_the_code_works_once(box):
    await box.technician()
    browser = box.browser("192.168.1.66")
    assert (await browser.get("/first")).headers["location"] == "/sign-in"
    answer = await browser.post("/first", data={"key": await form_key(browser, "/sign-in"), "code": box.code, "name": "x"})
    assert answer.status_code == 409
    assert box.page.accounts.all() == [("T-07", "technician")]


async def test_of_two_first_visits_at_once_one_wins(box):
    browsers = [box.browser(f"192.168.1.{60 + n}") for n in range(6)]
    keys = [await form_key(b, "/first") for b in browsers]
    said = {"code": box.code, "password": PASSWORD, "again": PASSWORD}
    answers = await asyncio.gather(
        *(b.post("/first", data=said | {"key": k, "name": f"T-{n}"}) for n, (b, k) in enumerate(zip(browsers, keys, strict=True)))
    )
    assert sorted(a.status_code for a in answers) == [303, 409, 409, 409, 409, 409]
    assert len(box.page.accounts.all()) == 1
    inside = [(await b.get("/")).status_code for b in browsers]
    assert sorted(inside) == [200, 303, 303, 303, 303, 303]


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"password": "short", "again": "short"}, "至少 10 个字符"),
        ({"password": "password1234", "again": "password1234"}, "太容易猜到"),
        ({"password": "aaaaaaaaaaaa", "again": "aaaaaaaaaaaa"}, "太容易猜到"),
        ({"again": "another long sentence"}, "两次输入不一样"),
        ({"name": "<script>"}, "只用文字"),
        ({"name": ""}, "只用文字"),
    ],
)
async def test_a_weak_password_or_a_strange_name_is_refused_beside_its_field(box, changed, word):
    _, answer = await box.first(**changed)
    assert answer.status_code == 422
    assert word in answer.text
    assert "<script>" not in answer.text
    assert not box.page.accounts.claimed()


async def test_the_code_is_no_password(box):
    _, answer = await box.first(password=box.code, again=box.code)
    assert "不能用标签上的代码" in answer.text


# -- locks ---------------------------------------------------------------------------------------------------------------


class Hand:
    def __init__(self):
        self.at = 1000.0

    def __call__(self):
        return self.at


REAL = accounts._hasher, accounts._NOBODY  # before a test has its own


@pytest.fixture
def hand():
    return Hand()


@pytest.fixture
def book(tmp_path, hand):
    label.made(tmp_path)
    made = Accounts(tmp_path, "boot-1", hand)
    made.claim(label.shown(tmp_path), "T-07", PASSWORD, LAN)
    return made


def refused(book, source=LAN, password="no such password"):
    with pytest.raises(Refusal) as caught:
        book.sign_in("T-07", password, source)
    return caught.value


def test_each_wrong_password_makes_the_next_try_wait_longer(book, hand):
    waits = []
    for _ in range(LOCK_AT - 1):
        refused(book)
        no = refused(book)
        if no.wait:
            waits.append(no.wait)
            hand.at += no.wait
        elif len(waits) == 0:
            continue
    assert waits == sorted(waits)
    assert waits[0] == 1.0


def test_many_wrong_passwords_lock_the_source_even_for_the_right_one_and_no_other_source(book, hand):
    for _ in range(40):
        no = refused(book)
        if no.word == "locked":
            break
        hand.at += no.wait
    assert no.word == "locked"
    assert no.wait == pytest.approx(WAITS.lock)
    assert refused(book, password=PASSWORD).word == "locked"
    assert book.sign_in("T-07", PASSWORD, "192.168.1.99")
    hand.at += WAITS.lock + 1
    assert book.sign_in("T-07", PASSWORD, LAN)
    assert "locked_out" in [v.what for v in book.visits()]


def test_a_power_cut_does_not_end_a_lock(book, hand, tmp_path):
    while refused(book).word != "locked":
        hand.at += 200
    after = Accounts(tmp_path, "boot-2", lambda: 5.0)
    assert refused(after, password=PASSWORD).word == "locked"


def test_tries_at_once_gain_nothing(book):
    words = [refused(book).word for _ in range(12)]
    assert words.count("wrong_password") == 3, "the third failure begins the waiting, whatever comes beside it"


async def test_a_wrong_code_is_counted_as_well(box):
    for _ in range(4):
        _, answer = await box.first(code="AAAAA-AAAAA")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    _, answer = await box.first()
    assert answer.status_code == 429, "also with the right code"


async def test_an_unknown_name_looks_like_a_wrong_password(box):
    await box.technician()
    one = await post(box.browser("192.168.1.61"), "/sign-in", "/sign-in", name="T-07", password="wrong wrong wrong")
    other = await post(box.browser("192.168.1.62"), "/sign-in", "/sign-in", name="nobody", password="wrong wrong wrong")
    assert (one.status_code, other.status_code) == (422, 422)
    plain = [a.text.replace("T-07", "").replace("nobody", "") for a in (one, other)]
    assert [len(p) for p in plain] == [len(plain[0])] * 2


# -- sessions ------------------------------------------------------------------------------------------------------------


def test_a_session_ends_when_nobody_touches_the_page(book, hand):
    key = book.sign_in("T-07", PASSWORD, LAN)
    hand.at += WAITS.idle - 1
    assert book.session(key).role is Role.TECHNICIAN
    hand.at += WAITS.idle - 1
    assert book.session(key, touch=False), "touched in between"
    hand.at += WAITS.idle
    assert book.session(key) is None


def test_a_session_ends_after_a_working_day_and_with_the_power(book, hand, tmp_path):
    key = book.sign_in("T-07", PASSWORD, LAN)
    end = hand.at + WAITS.session
    while hand.at < end:
        assert book.session(key)
        hand.at += WAITS.idle - 60
    assert book.session(key) is None
    other = book.sign_in("T-07", PASSWORD, LAN)
    assert Accounts(tmp_path, "boot-1", hand).session(other), "a restart of the page alone ends nothing"
    assert Accounts(tmp_path, "boot-2", hand).session(other) is None


async def test_what_the_browser_brought_is_worth_nothing_after_signing_in(box):
    await box.technician()
    browser = box.browser("192.168.1.70")
    browser.cookies.set("__Host-session", "planted-by-somebody-else", domain="localhost.local")
    answer = await post(browser, "/sign-in", "/sign-in", name="T-07", password=PASSWORD)
    given = answer.headers.get_list("set-cookie")
    session = next(c for c in given if c.startswith("__Host-session="))
    assert "planted" not in session
    for flag in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert flag in session
    assert box.page.accounts.session("planted-by-somebody-else") is None


async def test_signing_out_ends_the_session_on_the_box_too(box):
    browser = await box.technician()
    key = next(v for k, v in browser.cookies.items() if k == "__Host-session")
    assert (await post(browser, "/box", "/sign-out")).status_code == 303
    assert box.page.accounts.session(key) is None


async def test_a_changed_password_ends_the_other_sessions(box):
    browser = await box.technician()
    other = box.browser("192.168.1.71")
    await post(other, "/sign-in", "/sign-in", name="T-07", password=PASSWORD)
    new = "another mountain at dawn"
    wrong = await post(browser, "/box", "/box/password", old="not it not it", password=new, again=new)
    assert wrong.status_code == 422
    assert (await post(browser, "/box", "/box/password", old=PASSWORD, password=new, again=new)).status_code == 303
    assert (await browser.get("/")).status_code == 200
    assert (await other.get("/")).status_code == 303


def test_no_password_and_no_session_key_stands_in_the_file(book, tmp_path):
    key = book.sign_in("T-07", PASSWORD, LAN)
    data = b"".join(p.read_bytes() for p in tmp_path.glob(f"{accounts.FILE}*"))
    assert PASSWORD.encode() not in data
    assert key.encode() not in data
    assert b"$argon2id$" in data
    assert stat.S_IMODE((tmp_path / accounts.FILE).stat().st_mode) == 0o600


def test_a_guess_costs_what_owasp_asks_at_least_also_at_a_name_that_nobody_has(monkeypatch, hand, tmp_path):
    hasher, nobody = REAL
    monkeypatch.setattr(accounts, "_hasher", hasher)
    label.made(tmp_path)
    book = Accounts(tmp_path, "boot-1", hand)
    book.claim(label.shown(tmp_path), "T-07", PASSWORD, LAN)
    with sqlite3.connect(tmp_path / accounts.FILE) as db:
        [(kept,)] = db.execute("SELECT hash FROM accounts")
    for hashed in (kept, nobody):
        cost = extract_parameters(hashed)
        assert (cost.type, cost.time_cost, cost.memory_cost) == (Type.ID, 2, 19456)
    assert book.sign_in("T-07", PASSWORD, LAN)
    assert refused(book).word == "wrong_password"


def test_a_lost_password_is_mended_on_the_box_alone(book, tmp_path):
    accounts.forgotten(tmp_path)
    code = label.renewed(tmp_path)
    assert not book.claimed()
    assert book.claim(code, "T-08", PASSWORD, LAN)


# -- forms, hosts, headers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "0" * 40, "é", None])
async def test_a_form_without_its_key_does_nothing(box, key):
    browser = await box.technician()
    newest = box.page.known.newest()
    for path in ("/do/test", "/do/acknowledge", "/box/accounts", "/box/accounts/remove", "/box/papers", "/box/password", "/sign-out"):
        answer = await browser.post(path, data={} if key is None else {"key": key})
        assert answer.status_code == 403, path
    assert box.page.known.newest() == newest
    assert not (box.example.config.page_folder / "inbox.db").exists()
    assert (await browser.get("/")).status_code == 200


async def test_a_key_of_another_browser_is_no_key(box):
    technician = await box.technician()
    supervisor = await box.supervisor(technician)
    stolen = await form_key(supervisor, "/box")
    assert (await technician.post("/do/test", data={"key": stolen})).status_code == 403


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}])
async def test_a_form_from_elsewhere_is_refused_at_the_door(box, headers):
    browser = await box.technician()
    answer = await browser.post("/do/test", data={"key": await form_key(browser, "/box")}, headers=headers)
    assert answer.status_code == 403


async def test_only_plain_forms_are_read(box):
    browser = await box.technician()
    key = await form_key(browser, "/box")
    assert (await browser.post("/do/test", json={"key": key})).status_code == 403
    assert (await browser.post("/do/test", files={"key": key.encode()})).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.evil.example", "[evil]"])
async def test_another_host_name_is_refused(box, host):
    answer = await box.browser().get("/sign-in", headers={"host": host})
    assert answer.status_code == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:8443", "192.168.1.20", "[fd00::2]:443", "LOCALHOST."])
async def test_its_own_names_and_any_address_are_taken(box, host):
    assert (await box.browser().get("/first", headers={"host": host})).status_code == 200


async def test_every_answer_carries_the_headers(box):
    browser = await box.technician()
    for path in ("/", "/nope", "/static/page.css", "/alarms.csv", "/diagnostics.zip", "/sign-in"):
        headers = (await browser.get(path)).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert ("no-store" in headers["cache-control"]) is not path.startswith("/static")
        assert "strict-transport-security" not in headers


async def test_large_and_strange_requests_are_refused(box):
    browser = box.browser()
    assert (await browser.post("/first", content=b"x" * 50_000)).status_code == 413

    async def pieces():
        for _ in range(60):
            yield b"y" * 1000

    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await browser.post("/first", content=pieces(), headers=form)).status_code == 413
    assert (await browser.request("PUT", "/first")).status_code == 405
    assert (await browser.request("TRACE", "/first")).status_code == 405
    many = "&".join(f"a{n}=1" for n in range(FIELDS + 1))
    assert (await browser.post("/first", content=many, headers=form)).status_code == 413


async def test_a_flood_of_one_source_is_slowed_and_no_other(box, monkeypatch):
    monkeypatch.setattr(guard, "RATE", 0.0)  # nothing grows back, however slow the machine
    flood, other = box.browser("192.168.1.80"), box.browser("192.168.1.81")
    answers = [(await flood.get("/static/icon.svg")).status_code for _ in range(260)]
    assert answers[:100] == [200] * 100
    assert 429 in answers
    assert (await other.get("/static/icon.svg")).status_code == 200


# -- certificate ---------------------------------------------------------------------------------------------------------


def test_the_box_makes_its_certificate_once_and_keeps_the_key_to_itself(tmp_path):
    certificate, key = papers.in_use(tmp_path, ["box.local"])
    first = papers.fingerprint(certificate)
    assert papers.in_use(tmp_path, ["box.local"]) == (certificate, key)
    assert papers.fingerprint(certificate) == first
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700


def test_ones_own_certificate_is_taken_and_given_back(tmp_path):
    other = tmp_path / "other"
    certificate, key = (path.read_text() for path in papers.in_use(other, ["own.example"]))
    papers.install(tmp_path, certificate, key)
    assert papers.in_use(tmp_path, ["box.local"])[0].name == "own.pem"
    papers.uninstall(tmp_path)
    assert papers.in_use(tmp_path, ["box.local"])[0].name == "box.pem"
    _, wrong = (path.read_text() for path in papers.in_use(tmp_path / "third", ["x"]))
    for pair, field in (
        ((certificate, wrong), "key"),
        (("no", key), "certificate"),
        ((certificate, "no"), "key"),
        (("x" * 20000, key), "certificate"),
    ):
        with pytest.raises(papers.BadPapers) as bad:
            papers.install(tmp_path, *pair)
        assert bad.value.field == field
    assert papers.in_use(tmp_path, ["box.local"])[0].name == "box.pem"
