"""What a relative sees, and that nobody gets more by an address, a form, a stream, a code, or by looking again and again."""

import asyncio
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from drivers import all_models
from gateway.home.changes import changed
from gateway.home.config import load
from gateway.home.handed import Handed
from gateway.home.household import keep
from gateway.home.parts import Agreed
from gateway.home.status import DeviceStatus, LineStatus, RadioStatus, Status
from gateway.judge.alarm import State
from gateway.page import family, relatives
from gateway.page.accounts import Accounts, Role
from gateway.page.en import EN
from gateway.page.known import Heard
from gateway.page.relatives import MOST
from gateway.page.words import printed
from gateway.page.zh import ZH
from gateway.words.instruction import Change, What

from tests.page.conftest import form_key, post
from tests.page.household import GATEWAY, MODELS, PASSWORD, ROOMS
from tests.page.test_page import CHANGES, FETCHED, OPEN, READS, SET_UP, STREAMS, routes

SHANGHAI, KABUL = ZoneInfo("Asia/Shanghai"), ZoneInfo("Asia/Kabul")
WORD = "quiet river under stars"
RELATIVE = "192.168.1.60"
BY = SimpleNamespace(name="T-07")


def consent(box, *, may, at="2026-05-04T08:00:00Z", agreed=True):
    """What the daemon writes when the resident has said whether relatives may look."""
    before = load(box.example.path, all_models(), with_secrets=False)
    given = Handed(agreed=Agreed(who="resident", name="", strokes=((80, 150, 60, -90, 40, 80),)) if agreed else None)
    change = Change(What.SET_CONSENT, {"family": may})
    after = changed(before, change, given, all_models(), instruction=f"page-{at}", by="T-07", at=at)
    keep(after, before)


async def invited(box, technician, name="daughter"):
    """Return the code that a technician gets for a relative."""
    answer = await post(technician, "/box", "/box/invite", name=name)
    assert answer.status_code == 200, answer.text
    return re.search(r'<code class="invitation">([^<]+)</code>', answer.text)[1]


async def joined(box, code, source=RELATIVE, password=WORD):
    browser = box.browser(source)
    return browser, await post(browser, "/join", "/join", code=code, password=password, again=password)


async def looking(box):
    """A technician, and a relative who may look."""
    technician = await box.technician()
    consent(box, may=True)
    browser, answer = await joined(box, await invited(box, technician))
    assert (answer.status_code, answer.headers["location"]) == (303, "/family")
    return technician, browser


# -- what is seen ----------------------------------------------------------------------------------------------------------


def an_alarm(state=State.RAISED, priority=1, *, test=False):
    return SimpleNamespace(state=state, priority=priority, test=test)


WELL = Status(written=4e9, devices=[DeviceStatus(device="a")], radio=[RadioStatus(adapter="hci0", hearing=True)])


@pytest.mark.parametrize(
    ("alarms", "said"),
    [
        ((), "well"),
        ((an_alarm(),), "called"),
        ((an_alarm(State.PRE_ALARM),), "well"),
        ((an_alarm(State.ACKNOWLEDGED),), "looked_after"),
        ((an_alarm(State.DISPATCHED), an_alarm(State.ON_SITE)), "looked_after"),
        ((an_alarm(State.ON_SITE), an_alarm(priority=2)), "called"),
        ((an_alarm(priority=3),), "well"),
        ((an_alarm(test=True),), "well"),
    ],
)
def test_an_alarm_is_told_as_what_is_done_about_it_and_no_more(alarms, said):
    assert family.state(alarms, WELL) == said


@pytest.mark.parametrize(
    "changed",
    [
        {"written": 0.0},
        {"radio": [RadioStatus(adapter="hci0", hearing=False)]},
        {"devices": [DeviceStatus(device="a", heard=False)]},
        {"devices": [DeviceStatus(device="a", heard_s=99.0, missing_after=60.0)]},
        {"devices": []},
        {"devices": [DeviceStatus(device="a"), DeviceStatus(device="pendant", heard=False, missing_after=4 * 3600.0)]},
        {"radio": [RadioStatus(adapter="hci0", hearing=True), RadioStatus(adapter="hci1", hearing=False)]},
        {"lines": [LineStatus(port="/dev/ttyUSB0")]},
    ],
)
def test_what_cannot_be_known_is_not_called_well(changed):
    facts = WELL.__class__(**{n: getattr(WELL, n) for n in WELL.__struct_fields__} | changed)
    assert family.state((), facts) == "unknown"


def test_trouble_that_somebody_must_see_soon_is_not_called_well():
    faults = [SimpleNamespace(priority=p, test=t) for p, t in ((3, False), (2, True))]
    assert family.state((), WELL, faults) == "well"
    assert family.state((), WELL, [*faults, SimpleNamespace(priority=2, test=False)]) == "unknown"


async def test_an_sos_whose_record_cannot_be_read_is_told_all_the_same(box):
    """A card that gives back something else than it was given: what the gateway itself says is open stands."""
    technician, relative = await looking(box)
    sos = {"number": 9, "alarm": "j-a9", "kind": "person.sos", "priority": 1, "state": "raised", "room": "卧室", "device": "pendant"}
    for name in ("gateway.db", "gateway.db-wal", "gateway.db-shm"):
        path = box.example.config.state / name
        if path.exists():
            path.write_bytes(os.urandom(path.stat().st_size))
    box.example.say(alarms=[], faults=[])
    assert printed(ZH["family.unknown"]) in (await relative.get("/family")).text
    text = (await technician.get("/")).text
    assert printed(ZH["today.blind"]) in text
    assert f"<strong>{ZH['today.well']}" not in text
    box.example.say(alarms=[sos], faults=[])
    assert printed(ZH["family.called"]) in (await relative.get("/family")).text
    text = (await technician.get("/")).text
    assert printed(ZH["today.unread"]) in text
    assert "求救 · 卧室" in text


def moved(*walls, device="a", kind="motion", value=True):
    return [Heard(device, kind, value, wall) for wall in walls]


@pytest.mark.parametrize("zone", [SHANGHAI, KABUL])
def test_the_last_sign_of_life_is_told_to_the_hour_and_of_hours_that_are_over(zone):
    """Whoever asks each second of an hour learns nothing of the minutes in it."""
    begin = datetime(2026, 5, 10, 8, tzinfo=zone).timestamp()
    readings = moved(begin + 600, begin + 3600 + 1234)
    answers = {}
    for second in range(0, 3 * 3600, 7):
        now = begin + second
        heard = [r for r in readings if r.wall <= now]
        answers.setdefault(int(second // 3600), set()).add(family.last_sign(heard, WELL, now, zone))
    assert answers[0] == {None}, "the present hour is left out"
    assert answers[1] == {datetime(2026, 5, 10, 8, tzinfo=zone)}
    assert answers[2] == {datetime(2026, 5, 10, 9, tzinfo=zone)}


def test_somebody_who_is_there_is_a_sign_of_life_and_what_is_older_than_a_day_is_none():
    now = datetime(2026, 5, 10, 8, 20, tzinfo=SHANGHAI).timestamp()
    there = moved(*range(int(now) - 3 * 3600, int(now), 300), kind="presence")
    assert family.last_sign(there, WELL, now, SHANGHAI) == datetime(2026, 5, 10, 7, tzinfo=SHANGHAI)
    assert family.last_sign(moved(now - 24.9 * 3600), WELL, now, SHANGHAI) is None
    assert family.last_sign([], WELL, now, SHANGHAI) is None
    assert family.last_sign(moved(now + 50), WELL, now, SHANGHAI) is None
    climate = moved(now - 7200, kind="temperature_c", value=21.0)
    assert family.last_sign(climate, WELL, now, SHANGHAI) is None, "a thermometer lives without anybody"


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_page_says_one_sentence_and_names_nothing_of_the_home(box, lang):
    _, browser = await looking(box)
    words = ZH if lang == "zh" else EN
    for path in ("/family", "/family?part=1"):
        text = (await browser.get(path, params={"lang": lang} | ({"part": "1"} if "part" in path else {}))).text
        assert printed(words["family.called"]) in text if lang == "zh" else words["family.called"] in text
        shown = re.sub(r"<style>.*?</style>|<script.*?</script>", "", text, flags=re.DOTALL)
        for secret in (*ROOMS, *ROOMS.values(), *MODELS.values(), GATEWAY, "T-07", "网格员", "护理站", "SOS", "求救", "dBm", "°C", "mqtt."):
            assert secret not in shown, secret
        times = re.findall(r"\d\d:\d\d", shown)
        assert [at for at in times if not at.endswith(":00")] in ([], [times[-1]]), "to the hour, but for when the page was drawn"
    assert re.search(r"<strong>", text)


async def test_where_no_movements_are_kept_nobody_is_frightened_by_their_absence(box):
    _, browser = await looking(box)
    before = load(box.example.path, all_models(), with_secrets=False)
    change = Change(What.SET_CONSENT, {"activity": False})
    keep(changed(before, change, Handed(), all_models(), instruction="page-2", by="T-07", at="2026-05-04T09:00:00Z"), before)
    text = (await browser.get("/family")).text
    assert printed(ZH["family.not_kept"]) in text
    assert printed(ZH["family.no_sign"]) not in text


# -- what is not -------------------------------------------------------------------------------------------------------------


def without_links(text):
    """The page without where its links lead: that of the other language leads to what was asked for."""
    return re.sub(r'href="[^"]*"', "", text)


async def test_every_address_but_its_own_is_refused_to_a_relative(box):
    """The list is the router's own: a new address is refused from its first day."""
    _, browser = await looking(box)
    key = await form_key(browser, "/family")
    own = {
        ("GET", "/"): 303,
        ("GET", "/family"): 200,
        ("POST", "/family/password"): 422,
        ("GET", "/join"): 303,
        ("GET", "/sign-in"): 303,
        ("GET", "/first"): 303,
    } | {("GET", path): 200 for path in OPEN}
    tried = 0
    for method, path in sorted(routes(box)):
        if "/static/" in path or (method, path) in {("POST", "/sign-out"), ("POST", "/first"), ("POST", "/sign-in"), ("POST", "/join")}:
            continue
        at = path.replace("{number}", "1").replace("{do}", "test").replace("{device}", "pendant").replace("{order}", "none")
        answer = await (browser.post(at, data={"key": key}) if method == "POST" else browser.request(method, at))
        assert answer.status_code == own.get((method, path), 405 if method == "HEAD" else 403), (method, path)
        assert not re.search("卧室|example-home", without_links(answer.text)), path
        tried += 1
    assert tried > 50
    for path in (*READS, *SET_UP, *FETCHED, *STREAMS, "/diagnostics.zip", "/alarms.csv?kind=", "/?part=1", "/certificate/1.json"):
        answer = await browser.get(path)
        assert answer.status_code in {303, 403}, path
        assert not re.search("卧室|pendant|SOS", without_links(answer.text)), path
    for path in CHANGES:
        assert (await browser.post(path, data={"key": key, "name": "daughter", "role": "technician"})).status_code == 403, path
    assert not (box.example.config.page_folder / "inbox.db").exists()


async def test_error_pages_and_the_way_back_name_nothing(box):
    _, browser = await looking(box)
    for path in ("/alarms", "/devices/pendant", "/devices/none", "/nowhere", "/alarms/99999", "/static/none.css"):
        text = without_links((await browser.get(path)).text)
        assert not re.search("卧室|pendant|example-home|T-07", text), path
        assert "<nav" not in text
    assert (await browser.get("/devices/pendant")).text == (await browser.get("/devices/none")).text.replace("none", "pendant"), (
        "what there is cannot be told from what there is not"
    )


async def test_a_relative_is_shown_no_stream_and_no_number_that_moves_with_the_journal(box):
    _, browser = await looking(box)
    text = (await browser.get("/family")).text
    assert "data-live" not in text
    assert (await browser.get("/live")).status_code == 403
    before = (await browser.get("/family?part=1")).text
    box.page.known.newest = lambda: 10**6
    assert (await browser.get("/family?part=1")).text == before


async def test_a_relative_who_sends_too_much_is_refused_before_it_is_held(box):
    _, relative = await looking(box)

    async def pieces():
        for _ in range(60):
            yield b"y" * 1000

    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await relative.post("/family/password", content=pieces(), headers=form)).status_code == 413
    assert (await relative.get("/family")).status_code == 200


async def test_a_technician_and_a_supervisor_have_no_family_page(box):
    technician = await box.technician()
    for browser in (technician, await box.supervisor(technician)):
        assert (await browser.get("/family")).status_code == 403


# -- an invitation -----------------------------------------------------------------------------------------------------------


async def test_without_the_resident_s_consent_nobody_is_invited(box):
    technician = await box.technician()
    answer = await post(technician, "/box", "/box/invite", name="daughter")
    assert answer.status_code == 422
    assert printed(ZH["family_not_agreed"]) in answer.text
    assert not box.page.accounts.relatives.waiting()
    answer = await post(technician, "/box", "/box/accounts", name="son", role="family", password=WORD, again=WORD)
    assert answer.status_code == 422, "nor by the other form"
    assert len(box.page.accounts.all()) == 1


async def test_a_code_works_once_and_whoever_it_was_passed_on_to_is_seen_and_removed(box):
    technician = await box.technician()
    consent(box, may=True)
    code = await invited(box, technician)
    assert code not in (await technician.get("/box")).text, "shown once"
    stranger, answer = await joined(box, code.lower().replace("-", " "), "192.168.1.61")
    assert answer.status_code == 303
    late, answer = await joined(box, code)
    assert answer.status_code == 422
    assert printed(ZH["invitation_over"]) in answer.text
    assert (await late.get("/family")).status_code == 303
    text = (await technician.get("/journal?what=visits")).text
    assert ZH["visit.joined"] in text
    assert "192.168.1.61" in text
    assert code.replace("-", "") not in text.replace("-", "")
    assert (await post(technician, "/box", "/box/accounts/remove", name="daughter")).status_code == 303
    assert (await stranger.get("/family")).status_code == 303, "out at once"
    assert (await post(stranger, "/sign-in", "/sign-in", name="daughter", password=WORD)).status_code == 422


async def test_of_two_who_use_a_code_at_once_one_gets_the_account(box):
    technician = await box.technician()
    consent(box, may=True)
    code = await invited(box, technician)
    accounts = box.page.accounts
    found = await asyncio.gather(
        *(asyncio.to_thread(accounts.join, code, f"{WORD} {n}", f"192.168.1.{n}") for n in (70, 71, 72)), return_exceptions=True
    )
    assert sum(isinstance(one, str) for one in found) == 1
    assert {one.word for one in found if not isinstance(one, str)} == {"invitation_over"}
    assert [role for _, role in accounts.all()].count("family") == 1


async def test_a_code_that_is_over_taken_back_made_anew_or_guessed_opens_nothing(box, monkeypatch):
    technician = await box.technician()
    consent(box, may=True)
    first = await invited(box, technician)
    second = await invited(box, technician)
    back = await invited(box, technician, "son")
    assert (await post(technician, "/box", "/box/accounts/remove", name="son")).status_code == 303
    over = await invited(box, technician, "niece")
    for n, code in enumerate((first, back, "", "AAAAA-AAAAA", "x" * 5000, "' OR 1=1 --", "\N{GRINNING FACE}")):
        _, answer = await joined(box, code, f"192.168.2.{n}")
        assert answer.status_code == 422, code
    now = box.page.accounts.relatives._now
    monkeypatch.setattr(box.page.accounts.relatives, "_now", lambda: now() + relatives.WAITS.invited + 1)
    for code in (second, over):
        assert (await joined(box, code, "192.168.3.1"))[1].status_code == 422
    assert not box.page.accounts.relatives.waiting()
    assert len(box.page.accounts.all()) == 1


async def test_a_power_cut_ends_invitations_and_leaves_accounts(box):
    technician, _ = await looking(box)
    code = await invited(box, technician, "son")
    later = Accounts(box.example.config.page_folder, "another-boot")
    assert later.relatives.invited(code) is None
    assert ("daughter", "family") in later.all()
    assert later.sign_in("daughter", WORD, RELATIVE)


async def test_guesses_at_codes_are_counted_as_those_at_passwords(box):
    await box.technician()
    before = box.page.accounts.wrong
    browser = box.browser(RELATIVE)
    codes = []
    for n in range(6):
        answer = await post(browser, "/join", "/join", code=f"ABCDE-2345{n}", password=WORD, again=WORD)
        codes.append(answer.status_code)
    assert codes[-1] == 429, codes
    assert box.page.accounts.wrong > before


async def test_who_is_invited_has_a_name_of_their_own_and_there_are_few(box):
    technician = await box.technician()
    consent(box, may=True)
    for name in ("T-07", "", "x" * 40, "<b>"):
        answer = await post(technician, "/box", "/box/invite", name=name)
        assert answer.status_code == 422, name
    for n in range(MOST):
        await invited(box, technician, f"relative {n}")
    assert (await post(technician, "/box", "/box/invite", name="one more")).status_code == 422
    word = "another river under stars"
    answer = await post(technician, "/box", "/box/accounts", name="relative 0", role="supervisor", password=word, again=word)
    assert answer.status_code == 303, "an invitation holds no name"
    assert len(box.page.accounts.relatives.waiting()) == MOST


async def test_an_invitation_asks_for_the_password_once_more_and_for_a_form_of_ours(box):
    technician = await box.technician()
    consent(box, may=True)
    key = await form_key(technician, "/box")
    assert (await technician.post("/box/invite", data={"key": "0" * 40, "name": "x"})).status_code == 403
    box.page.accounts.session = stale(box.page.accounts.session)
    assert (await technician.post("/box/invite", data={"key": key, "name": "daughter"})).status_code == 422
    assert not box.page.accounts.relatives.waiting()
    answer = await technician.post("/box/invite", data={"key": key, "name": "daughter", "mine": PASSWORD})
    assert answer.status_code == 200


def stale(session):
    def found(*args, **how):
        one = session(*args, **how)
        return one and replace(one, fresh=False)

    return found


# -- consent that is taken back ----------------------------------------------------------------------------------------------


async def test_taken_back_while_the_page_is_open_the_account_is_gone_at_once(box):
    technician, browser = await looking(box)
    code = await invited(box, technician, "son")
    assert (await browser.get("/family?part=1")).status_code == 200
    consent(box, may=False)
    part = await browser.get("/family?part=1")
    assert (part.status_code, part.headers["location"]) == (303, "/sign-in?idle=1")
    assert box.page.accounts.all() == [("T-07", "technician")]
    assert (await post(browser, "/sign-in", "/sign-in", name="daughter", password=WORD)).status_code == 422
    assert (await joined(box, code, "192.168.1.62"))[1].status_code == 422, "what was not used yet is void too"
    assert (
        ZH["visit.consent_over"] in printed((await technician.get("/journal?what=visits")).text)
        or printed(ZH["visit.consent_over"]) in (await technician.get("/journal?what=visits")).text
    )


async def test_taken_back_and_given_anew_it_is_another_consent(box):
    """Nobody has asked the page meanwhile: the account of before ends all the same."""
    _, browser = await looking(box)
    consent(box, may=False)
    consent(box, may=True, at="2026-05-04T08:00:09Z")
    assert (await browser.get("/family")).status_code == 303
    assert box.page.accounts.all() == [("T-07", "technician")]


async def test_it_ends_without_anybody_s_looking(box):
    _, browser = await looking(box)
    session = next(v for k, v in browser.cookies.items() if k == "__Host-session")
    family.ended(box.page)
    assert box.page.accounts.session(session) is not None
    consent(box, may=False)
    family.ended(box.page)  # what the page does each minute, and when the form was saved
    assert box.page.accounts.session(session) is None


async def test_other_changes_of_consent_leave_the_account(box):
    _, browser = await looking(box)
    before = load(box.example.path, all_models(), with_secrets=False)
    change = Change(What.SET_CONSENT, {"climate": False, "history_days": 20})
    keep(changed(before, change, Handed(), all_models(), instruction="page-3", by="T-07", at="2026-05-05T08:00:00Z"), before)
    assert (await browser.get("/family")).status_code == 200


# -- an account of their own -------------------------------------------------------------------------------------------------


async def test_a_relative_changes_the_password_and_signs_out(box):
    _, browser = await looking(box)
    new = "seven lanterns by the lake"
    for said, status in (
        ({"old": WORD, "password": new, "again": "x"}, 422),
        ({"old": "wrong", "password": new, "again": new}, 422),
        ({"old": WORD, "password": new, "again": new}, 303),
    ):
        assert (await post(browser, "/family", "/family/password", **said)).status_code == status, said
    assert (await browser.get("/family?saved=1")).status_code == 200
    assert (await post(browser, "/family", "/sign-out")).status_code == 303
    assert (await browser.get("/family")).status_code == 303
    assert (await post(browser, "/sign-in", "/sign-in", name="daughter", password=new)).status_code == 303


async def test_relatives_push_nobody_out_who_works_here(box):
    technician, _ = await looking(box)
    accounts = box.page.accounts
    for name in ("son", "niece", "nephew"):
        assert (await joined(box, await invited(box, technician, name)))[1].status_code == 303
    keys = [accounts.sign_in(name, WORD, RELATIVE) for _ in range(8) for name in ("daughter", "son", "niece", "nephew")]
    assert (await technician.get("/")).status_code == 200
    assert sum(accounts.session(key) is not None for key in keys) == 4 * relatives.SESSIONS
    assert all(accounts.session(key).role is Role.FAMILY for key in keys[-4:])


def test_a_box_that_forgets_its_accounts_forgets_relatives_and_codes(box):
    accounts = box.page.accounts
    accounts.claim(box.code, "T-07", PASSWORD, RELATIVE)
    code = accounts.relatives.invite("daughter", "", "T-07")
    accounts.join(code, WORD, RELATIVE)
    code = accounts.relatives.invite("son", "", "T-07")
    from gateway.page.accounts import forgotten

    forgotten(box.example.config.page_folder)
    assert accounts.relatives.all() == {}
    assert accounts.relatives.invited(code) is None
    assert not accounts.claimed()


def test_hours_of_the_home_are_those_of_its_zone():
    at = datetime(2026, 5, 10, 8, 29, tzinfo=UTC).timestamp()
    assert family._hour(at, KABUL) == datetime(2026, 5, 10, 12, tzinfo=KABUL)
