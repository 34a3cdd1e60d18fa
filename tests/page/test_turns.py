"""Guessing from many addresses: it is slowed, it shuts nobody out, and it pushes nothing out."""

import asyncio
import contextlib

import pytest
from gateway.page import accounts, label, live, turns
from gateway.page.accounts import OF_ONE, REFUSED_LINES, SESSIONS, VISITS, Accounts, Refusal
from gateway.page.stream import _Stream
from gateway.page.tries import LOCK_AT, Tries
from gateway.page.turns import AT_ONCE, LINE, Turns
from gateway.page.waits import WAITS

from tests.kit.simulated import Loop
from tests.page.conftest import LAN, form_key, post
from tests.page.household import PASSWORD
from tests.page.test_door import Hand

WRONG = "no such password"


@pytest.fixture
def hand():
    return Hand()


@pytest.fixture
def book(tmp_path, hand, monkeypatch):
    label.made(tmp_path)
    made = Accounts(tmp_path, "boot-1", hand)
    made.claim(label.shown(tmp_path), "T-07", PASSWORD, LAN)

    class Quick:
        """Knows the password without the work: what is counted here are tries."""

        def verify(self, hashed, password):
            if password != PASSWORD:
                raise accounts.VerificationError
            return True

        def hash(self, password):
            return f"${password}"

    monkeypatch.setattr(accounts, "_hasher", Quick())
    return made


def simulated(story):
    loop = Loop()
    try:
        return loop.run_until_complete(story)
    finally:
        loop.close()


# -- turns, in simulated seconds -----------------------------------------------------------------------------------------


async def tried(line, kind, work=0.1):
    """Return after how many seconds a try was looked at, None where it was sent away."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    try:
        async with line.turn(kind):
            waited = loop.time() - begin
            await asyncio.sleep(work)
            return waited
    except Refusal:
        return None


def test_a_hundred_tries_are_looked_at_and_then_one_a_second():
    async def story():
        line = Turns()
        for _ in range(AT_ONCE):
            assert await tried(line, "near6", work=0) < WAITS.turn / 2
        loop = asyncio.get_running_loop()
        begin, looked = loop.time(), 0
        while loop.time() < begin + 600:
            looked += await tried(line, "near6", work=0) is not None
        assert looked == pytest.approx(600 / WAITS.turn, abs=2)

    simulated(story())


def test_a_flood_of_one_kind_of_sources_delays_no_other_kind():
    async def story():
        line = Turns()
        looked = []

        async def guesses():
            while True:
                waited = await tried(line, "near6")
                if waited is not None:
                    looked.append(waited)
                else:
                    await asyncio.sleep(0.05)

        flood = [asyncio.create_task(guesses()) for _ in range(60)]
        await asyncio.sleep(300)
        assert len(line._waiting["near6"]) <= LINE
        for kind in ("near4", "far", "here"):
            waited = await tried(line, kind)
            assert waited is not None
            assert waited <= 3 * WAITS.turn, kind
        assert len(looked) <= AT_ONCE + 305
        for task in flood:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)
        await asyncio.sleep(AT_ONCE * WAITS.turn)
        assert await tried(line, "near6") < WAITS.turn / 2, "and when it is over nothing is left of it"

    simulated(story())


def test_who_goes_away_while_waiting_or_at_work_keeps_nobody_waiting():
    async def story():
        line = Turns()
        at_work = asyncio.create_task(tried(line, "near4", work=3600))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(tried(line, "near4"))
        assert await tried(line, "near4") is None
        await asyncio.sleep(0)
        assert await waiting is None, f"nobody waits longer than {WAITS.patience:g} s"
        last = asyncio.create_task(tried(line, "near4"))
        await asyncio.sleep(1)
        at_work.cancel()
        assert await last == pytest.approx(1.0, abs=0.01)
        with contextlib.suppress(asyncio.CancelledError):
            await at_work

    simulated(story())


# -- devices that signed in before ---------------------------------------------------------------------------------------


def wrong(book, source, device=""):
    with pytest.raises(Refusal) as no:
        book.sign_in("T-07", WRONG, source, device)
    return no.value.word


def test_a_right_password_from_a_known_device_is_never_refused_for_others_sake(book, hand):
    known = book.device_key("T-07")
    while wrong(book, LAN) != "locked":
        hand.at += 200
    with pytest.raises(Refusal):
        book.sign_in("T-07", PASSWORD, LAN)
    assert book.sign_in("T-07", PASSWORD, LAN, known), "not even for those of its own address"


def test_who_is_signed_in_proves_himself_whatever_others_guess_from_his_address(book, hand):
    mine, other = (book.session(book.sign_in("T-07", PASSWORD, LAN)) for _ in range(2))
    while wrong(book, LAN) != "locked":
        hand.at += 200
    book.prove(mine, PASSWORD, LAN)
    words = []
    while "locked" not in words:
        with pytest.raises(Refusal) as no:
            book.prove(mine, WRONG, LAN)
        words.append(no.value.word)
        hand.at += 200
    assert words.count("wrong_password") == LOCK_AT
    book.prove(other, PASSWORD, LAN)


def test_what_a_known_device_guesses_is_counted_on_it_alone(book, hand):
    stolen, other = book.device_key("T-07"), book.device_key("T-07")
    words = []
    while "locked" not in words:
        words.append(wrong(book, f"192.168.1.{len(words)}", stolen))
        hand.at += 200
    assert words.count("wrong_password") == LOCK_AT
    assert book.sign_in("T-07", PASSWORD, LAN, other)
    assert book.sign_in("T-07", PASSWORD, LAN)
    hand.at += WAITS.lock
    assert book.sign_in("T-07", PASSWORD, LAN, stolen)


def test_a_device_is_known_to_one_account_and_until_its_password_is_another(book, tmp_path, monkeypatch):
    known = book.device_key("T-07")
    assert book.knows_device("T-07", known)
    assert book.device_key("T-07", known) == known, "one that signs in every day stays the same"
    for forged in ("", ".", known[:-1], known + "0", known.upper(), "x" * 16 + known[16:], "é.é", known.partition(".")[0]):
        assert not book.knows_device("T-07", forged), forged
    assert not book.knows_device("S-01", known)
    assert Accounts(tmp_path, "boot-2", lambda: 1.0).knows_device("T-07", known), "also after a power cut"
    monkeypatch.undo()
    session = book.session(book.sign_in("T-07", PASSWORD, LAN))
    book.change_password(session, PASSWORD, "another mountain at dawn", LAN)
    assert not book.knows_device("T-07", known)


async def test_a_browser_is_told_apart_by_a_cookie_that_nobody_else_reads(box):
    browser = await box.technician()
    key = next(v for k, v in browser.cookies.items() if k == "__Host-device")
    assert box.page.accounts.knows_device("T-07", key)
    assert (await post(browser, "/box", "/sign-out")).status_code == 303
    answer = await post(browser, "/sign-in", "/sign-in", name="T-07", password=PASSWORD)
    given = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("__Host-device="))
    assert given.startswith(f"__Host-device={key};")
    for flag in ("HttpOnly", "Secure", "SameSite=strict", "Path=/", "Max-Age=31536000"):
        assert flag in given


# -- on the page ---------------------------------------------------------------------------------------------------------


async def test_a_neighbour_who_guesses_over_ipv6_locks_himself_alone(box):
    await box.technician()
    neighbour = box.browser("fe80::666%wlan0")
    said = {"name": "T-07", "password": WRONG}
    assert 429 in [(await post(neighbour, "/sign-in", "/sign-in", **said)).status_code for _ in range(2 * LOCK_AT)]
    technician = box.browser("fe80::7%wlan0")
    assert (await post(technician, "/sign-in", "/sign-in", name="T-07", password=PASSWORD)).status_code == 303


async def test_guessing_from_ever_new_addresses_is_slowed_and_a_known_device_does_not_notice(box, monkeypatch):
    monkeypatch.setattr(turns, "AT_ONCE", 10)
    monkeypatch.setattr(WAITS, "turn", 1e6)
    monkeypatch.setattr(WAITS, "patience", 0.01)
    known = await box.technician()
    assert (await post(known, "/box", "/sign-out")).status_code == 303
    box.page.turns = Turns()
    statuses = []
    for n in range(30):
        stranger = box.browser(f"fe80::1:{n:x}")
        statuses.append((await post(stranger, "/sign-in", "/sign-in", name="T-07", password=WRONG)).status_code)
    assert statuses == [422] * 10 + [429] * 20
    assert box.page.accounts.wrong == 30
    assert len([v for v in box.page.accounts.visits() if v.what == "refused"]) == 10, "the others were not looked at"
    assert (await post(known, "/sign-in", "/sign-in", name="T-07", password=PASSWORD)).status_code == 303
    fresh = box.browser("fe80::1:7777")
    answer = await post(fresh, "/sign-in", "/sign-in", name="T-07", password=PASSWORD)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "2"
    assert "排队" in answer.text
    assert "锁定" not in answer.text


# -- nothing of many is all of one's ---------------------------------------------------------------------------------------


def test_guessing_pushes_nothing_out_of_the_book_of_visits_and_wears_no_card(book, hand):
    before = len(book.visits(limit=VISITS))
    for n in range(2000):
        wrong(book, f"fe80::{n:x}")
    visits = book.visits(limit=VISITS)
    assert len(visits) == before + REFUSED_LINES
    assert book.wrong == 2000
    with book._open() as db:
        assert db.execute("SELECT count(*) FROM tries").fetchone() == (0,), "only a lock is written down"
    hand.at += accounts.HOUR
    wrong(book, "fe80::1:1")
    newest = book.visits(limit=2)
    assert [(v.what, v.detail) for v in newest] == [("refused", ""), ("refused_more", str(2000 - REFUSED_LINES))]


def test_a_lock_outlasts_the_page_and_the_power_and_ends_when_the_password_was_known(book, hand, tmp_path):
    while wrong(book, LAN) != "locked":
        hand.at += 200
    again = Accounts(tmp_path, "boot-1", hand)
    assert wrong(again, LAN) == "locked"
    hand.at += WAITS.lock
    assert again.sign_in("T-07", PASSWORD, LAN)
    after = Tries(again._open, "boot-2", lambda: 1.0)
    after.waits(LAN)


def test_who_signs_in_again_and_again_signs_out_himself_alone(book):
    mine = book.sign_in("T-07", PASSWORD, LAN)
    book.add("S-01", "supervisor", "quiet river under stars", book.session(mine), LAN)
    theirs = [book.sign_in("S-01", PASSWORD, LAN) for _ in range(2 * SESSIONS)]
    assert book.session(mine)
    assert sum(book.session(key) is not None for key in theirs) == OF_ONE
    assert book.session(theirs[-1])


async def test_streams_are_shared_out_by_account_and_always_given_back(box, tmp_path):
    watch = live.Watch(lambda: 1, tmp_path)
    for _ in range(live.EACH):
        watch.enter("S-01")
    with pytest.raises(live.Full):
        watch.enter("S-01")
    watch.enter("T-07")

    async def gone():
        return {"type": "http.disconnect"}

    async def fails(_):
        raise OSError

    with contextlib.suppress(OSError, ExceptionGroup):
        await _Stream(watch, "T-07", watch.events(lambda: True))({"type": "http", "asgi": {"spec_version": "2.3"}}, gone, fails)
    assert watch.streams == live.EACH, "also where the visitor was gone before the first event"
    for _ in range(live.EACH):
        watch.leave("S-01")


async def test_the_form_of_a_refused_first_visit_keeps_what_was_typed(box, monkeypatch):
    monkeypatch.setattr(turns, "AT_ONCE", 0)
    monkeypatch.setattr(WAITS, "turn", 1e6)
    monkeypatch.setattr(WAITS, "patience", 0.01)
    box.page.turns = Turns()
    browser, answer = await box.first()
    assert answer.status_code == 429
    assert "T-07" in answer.text
    assert not box.page.accounts.claimed()
    assert await form_key(browser, "/first")
