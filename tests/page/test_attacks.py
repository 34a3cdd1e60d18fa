"""What a hostile visitor, form, address or text can do to the page: nothing. Signed in as technician, as supervisor, and not at all.

The page's OpenAPI says which addresses there are; what a form may hold stands in the forms themselves, so the fields are read from
them. Hypothesis fills them in: with what is offered, with what is nearly right, and with what nobody would type.
"""

import asyncio
import contextlib
import html
import inspect
import io
import json
import re
import sqlite3
import ssl
import warnings
import zipfile
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import httpx
import pytest
from gateway.contract import wire
from gateway.home import backup, inbox
from gateway.page import accounts, guard, tries, turns
from gateway.page.past import _line
from gateway.page.server import Papers
from gateway.page.visitor import HERE
from gateway.page.waits import WAITS
from gateway.words.clock import Quality, When
from gateway.words.instruction import Do, Refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.ports import free_port
from tests.kit.wait import PATIENCE
from tests.page import markup
from tests.page.conftest import Box, form_key, post
from tests.page.household import DEVICES, PASSWORD, SECRET_KEY, SECRET_WORD
from tests.page.served import Page
from tests.page.test_page import DOORS, OPEN, READS, SET_UP, routes

EXAMPLES = 120  # of each role, by three roles, and as many queries: with the rest about twenty seconds on two slow cores
MARK = "<img src=x onerror=alert(7)>"
ODD = (
    "",
    " ",
    "\0",
    "\r\nset-cookie: planted=1",
    MARK,
    f'">{MARK}',
    f"'{MARK}",
    f"</textarea>{MARK}",
    "{{7*7}}${7*7}",
    "%0d%0aset-cookie:x=1",
    "²",
    "①",
    "٣",
    "-1",
    "0",
    "1e400",
    "nan",
    "inf",
    "9" * 40,
    "0x10",
    "True",
    "../../../../etc/passwd",
    "..%2f..%2f",
    "/etc/shadow",
    "//evil.example",
    "https://evil.example/",
    "javascript:alert(7)",
    "' OR 1=1 --",
    "'; DROP TABLE accounts; --",
    "\ud7ff",
    "\ufffd",
    "\u202e",
    "a" * 300,
    "字" * 120,
    "[" * 4000,
    "{" * 2000,
    "null",
    "[]",
    "{}",
    '["/bin/sh", "-c", "id"]',
    "pendant",
    "front-door",
    "T-07",
    "S-01",
    "technician",
    "raised",
    "page-x",
    "=1+1",
    "@SUM(1)",
    "0001-01-01T00:00",
    "9999-12-31T23:59",
    "AA:BB:CC:DD:EE:FF",
    "/dev/serial/by-id/x",
    "-----BEGIN CERTIFICATE-----\nAA==\n",
)
STRANGER = {
    "address": "A4:C1:38:00:53:09",
    "address_kind": "public",
    "enrollable": True,
    "name": MARK,
    "model": "shelly-blu-button",
    "title": ["", ""],
    "maker": MARK,
    "enrolled": "",
    "needs_key": True,
    "refused": MARK,
    "told": {MARK: ["press"], "button": [MARK]},
    "packets": 7,
    "rssi": -60,
    "best": -58,
    "silent_s": 1.0,
    "acted_s": 1.0,
}
ANSWER = wire.ResultMessage(
    v=1,
    gateway="example-home",
    journal="j1",
    number=1,
    id="j1-1",
    at=When("b", 1.0, "2026-05-04T00:00:00Z", Quality.SYNCHRONISED),
    instruction="page-x",
    do=Do.CONFIGURE,
    by="x",
    accepted=False,
    refused=Refused.INVALID,
    zh="不行",
    en="No",
    alarm="",
    state="",
    problems=[wire.Trouble("device", "x", "id", "不行", "no")],
    revision=3,
)


def handlers(of):
    """Yield (address, source) of each handler of a form: its own lines if they ask for words, else its whole file."""
    for route in of:
        inner = getattr(route, "original_router", None)
        yield from handlers(inner.routes) if inner is not None else ()
        if "POST" in (getattr(route, "methods", None) or ()):
            own = inspect.getsource(route.endpoint)
            yield (
                route.path,
                own
                if "said" in own.replace("said: Fields", "").replace("(v, said)", "")
                else inspect.getsource(inspect.getmodule(route.endpoint)),
            )


class Site:
    """The whole page of a home with devices, and one browser of each role that keeps its session whatever is sent."""

    def __init__(self, folder, lived):
        example = lived.copy(folder)
        example.path.write_text(example.path.read_text(encoding="utf-8") + DEVICES, encoding="utf-8")
        self.box = Box(example)
        self.box.page.known.result = lambda _: ANSWER  # no daemon here that would answer
        self.state = example.config.state
        nearby = {"opened": 0, "written": 1e12, "until": 1e12, "open": True, "radios": [MARK], "forgotten": 0, "heard": [STRANGER]}
        (example.config.runtime / "nearby.json").write_text(json.dumps(nearby))
        self.loop = asyncio.new_event_loop()
        self.app = self.box.app._app
        technician = self.do(self.box.technician())
        self.browsers = {
            "technician": technician,
            "supervisor": self.do(self.box.supervisor(technician)),
            "nobody": self.box.browser("192.168.1.66"),
        }
        self.keys = {role: self.do(form_key(b, "/sign-in" if role == "nobody" else "/box")) for role, b in self.browsers.items()}
        self.forms = self.do(self.read_forms())
        self.posts = sorted(p for p, methods in self.app.openapi()["paths"].items() if "post" in methods)
        self.gets = sorted(p for p, methods in self.app.openapi()["paths"].items() if "get" in methods and not p.endswith("/live"))

    def do(self, work):
        return self.loop.run_until_complete(work)

    async def read_forms(self):
        """Return {address: {field: values that are offered}} of every form that a technician sees."""
        found = {"/first": {n: [] for n in ("code", "name", "password", "again")}, "/sign-in": {"name": [], "password": []}}
        for path in (*READS, *SET_UP, "/sensors/new?model=shelly-blu-door", "/sensors/new?model=shelly-blu-button&replace=pendant"):
            text = (await self.browsers["technician"].get(path)).text
            for action, body in re.findall(r'<form method="post" action="([^"]+)"(.*?)</form>', text, re.DOTALL):
                fields = found.setdefault(html.unescape(action).partition("#")[0], {})
                for tag, name in re.findall(r'<((?:input|select|textarea|button)\b[^>]*\bname="([^"]+)"[^>]*)>', body):
                    value = re.search(r'\bvalue="([^"]*)"', tag)
                    fields.setdefault(html.unescape(name), []).extend([html.unescape(value[1])] if value else [])
                for options in re.findall(r"<select[^>]*name=\"([^\"]+)\"[^>]*>(.*?)</select>", body, re.DOTALL):
                    fields[options[0]] += re.findall(r'<option[^>]*value="([^"]*)"', options[1])
        # A form that is drawn only in some state is known by the words its handler asks for, or others of its file.
        for path, source in handlers(self.app.routes):
            if "{" not in path and path not in found:
                found[path] = {n: [] for n in re.findall(r'said(?:\.get\(|\[)"(\w+)"', source)}
        return found

    def holds(self):
        """Return everything on the disk that a visitor could change, but for the book of visits, tries and sessions."""
        out = {
            str(path.relative_to(self.state)): path.read_bytes()
            for path in sorted(self.state.rglob("*"))
            if path.is_file() and not path.name.startswith(("page.db", "inbox.db"))
        }
        with sqlite3.connect(f"file:{self.state / 'page' / accounts.FILE}?mode=ro", uri=True) as db:
            out["accounts"] = db.execute("SELECT name, role, hash FROM accounts ORDER BY name").fetchall()
        out["left"] = len(inbox.read(self.state / "page", 0, 100_000))
        return out


@pytest.fixture
def site(lived, tmp_path, monkeypatch, alone):
    monkeypatch.setattr(guard, "RATE", 1e9)  # the flood and the locks have tests of their own
    monkeypatch.setattr(guard, "BURST", 1e9)
    monkeypatch.setattr(turns, "AT_ONCE", 10**9)
    monkeypatch.setattr(tries, "LOCK_AT", 10**9)
    monkeypatch.setattr(tries, "FREE", 10**9)
    monkeypatch.setattr(WAITS, "window", 0.0)
    made = Site(tmp_path, lived)
    yield made
    for browser in made.box.browsers:
        made.do(browser.aclose())
    made.loop.close()


def texts(offered):
    near = st.sampled_from(offered) if offered else st.nothing()
    return st.one_of(near, near, st.sampled_from(ODD), st.text(max_size=40))


@st.composite
def filled(draw, site):
    """One form: mostly as it is drawn, a field changed, left out, doubled, or unknown."""
    path = draw(st.sampled_from(site.posts))
    address = path.replace(
        "{do}", draw(st.sampled_from(["acknowledge", "dispatch", "close", "shelve", "away", "test", "configure", "x" * 50, "²"]))
    )
    same = [a for a in site.forms if a == address or (path == "/do/{do}" and a.startswith("/do/"))]
    known = site.forms[draw(st.sampled_from(same))] if same else {}
    fields = []
    for name, offered in known.items():
        if name != "key" and draw(st.integers(0, 9)):
            fields.append((name, draw(texts(offered))))
    if draw(st.booleans()):
        fields.append((draw(st.sampled_from([*known, "back", "go", "once", "told", "replace", "must", "over"])), draw(texts([]))))
    return address, fields


def checked_answer(answer, asked):
    """What holds for every answer to anything."""
    assert answer.status_code < 500 or answer.status_code == 503, (asked, answer.status_code, answer.text[:300])
    for name, value in answer.headers.multi_items():
        assert not re.search(r"[\r\n\0]", name + value), (asked, name, value)
    assert "planted" not in str(answer.headers.get_list("set-cookie")), asked
    to = answer.headers.get("location")
    if to is not None:
        assert urlsplit(to).netloc == "", (asked, to)
        assert to.startswith("/"), (asked, to)
        assert not to.startswith("//"), (asked, to)
    if "html" in answer.headers.get("content-type", ""):
        assert "<img" not in answer.text, asked
        assert "49$" not in answer.text, asked
        assert not (wrong := markup.faults(answer.text, whole="<html" in answer.text)), (asked, wrong[:5])
    for secret in (SECRET_WORD, SECRET_KEY, PASSWORD, "$argon2", "BEGIN PRIVATE", "BEGIN EC PRIVATE", "Traceback"):
        assert secret not in answer.text, (asked, secret)


NASTY = ("²", "[" * 4000)
START = {"hours": "4", "reason": "x", "minutes": "10", "responder": "x", "outcome": "helped", "until": "2030-01-01T00:00", "go": "save"}


def test_each_field_alone_may_hold_what_breaks_parsers(site):
    """All other fields are as they are drawn, so that no earlier refusal hides what is behind it."""
    browser, alarm = site.browsers["technician"], site.box.page.known.open_alarms()[0]
    tried, at = 0, set()
    for address, known in sorted(site.forms.items()):
        if address in {"/sign-out", "/sign-in", "/first", "/box/accounts/remove"}:
            continue
        plain = START | {name: offered[0] for name, offered in known.items() if offered and offered[0]}
        plain |= {"alarm": alarm.alarm, "seen": alarm.state.value, "key": site.keys["technician"]}
        for name in [*known, "revision", "back", "once", "program-1", "channel-1"]:
            for value in NASTY if not known.get(name) or not known[name][0][:1].isdigit() else (*NASTY, "nan"):
                said = plain | {"channel-1": "program"} | {name: value}
                said["key"] = site.keys["technician"]
                answer = site.do(browser.post(address, data=said))
                assert answer.status_code < 500, (address, name, value[:20])
                tried += 1
                at.add(re.sub("^/do/.*", "/do/{do}", address))
    assert tried > 250
    assert set(site.posts) - at == {"/sign-out", "/sign-in", "/first", "/box/accounts/remove"}


MANY = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("role", ["technician", "supervisor", "nobody"])
def test_whatever_stands_in_a_form_is_answered_and_only_a_technician_changes_anything(site, role):
    before = site.holds()
    browser = site.browsers[role]

    @MANY
    @given(st.data())
    def sent(data):
        address, fields = data.draw(filled(site))
        if role != "nobody" and address in {"/sign-out", "/sign-in", "/first", "/join"}:
            return  # ends, or changes, the session that the other examples need
        body = urlencode([("key", site.keys[role]), *fields], errors="surrogatepass")
        answer = site.do(browser.post(quote(address), content=body, headers={"content-type": "application/x-www-form-urlencoded"}))
        checked_answer(answer, (role, address, fields))
        if role == "supervisor" and address != "/box/password":
            assert answer.status_code in {403, 404}, (address, fields, answer.status_code)
        if role == "nobody" and address not in {"/first", "/sign-in", "/join"}:
            assert answer.status_code in {401, 404}, (address, fields, answer.status_code)

    sent()
    if role == "technician":
        assert len(inbox.read(site.state / "page", 0, 100_000)) > 10, "some of it was good enough to be left for the daemon"
        assert site.do(browser.get("/box")).status_code == 200, "and the session is what it was"
    else:
        assert site.holds() == before


NAMES = sorted(
    {n for path in HERE.glob("*.py") for n in re.findall(r'query_params(?:\.get\(|\[)"(\w+)"', path.read_text())}
    | {"part", "before", "saved"}
)


@pytest.mark.parametrize("role", ["technician", "supervisor", "nobody"])
def test_whatever_stands_in_an_address_is_answered_and_changes_nothing(site, role):
    before = site.holds()

    @MANY
    @given(st.data())
    def asked(data):
        path = data.draw(st.sampled_from(site.gets))
        path = path.replace("{number}", quote(data.draw(st.sampled_from(["1", "4", *ODD])), safe=""))
        query = data.draw(st.lists(st.tuples(st.sampled_from(NAMES), texts(["1", "pendant", "visits", "en", "dark"])), max_size=4))
        answer = site.do(site.browsers[role].get(f"{path}?{urlencode(query, errors='surrogatepass')}"))
        checked_answer(answer, (role, path, query))
        if role == "nobody" and path not in DOORS | OPEN:
            assert answer.status_code in {303, 401, 404}, (path, query)

    asked()
    assert site.holds() == before


# -- who may what --------------------------------------------------------------------------------------------------------


def test_every_address_that_takes_a_form_refuses_who_may_not(site):
    """The list is the router's own: a new form is refused here from its first day, or this fails."""
    posts = {path.replace("{do}", "test") for method, path in routes(site.box) if method == "POST"}
    assert posts == {p.replace("{do}", "test") for p in site.posts}, "nothing is hidden from the OpenAPI"
    assert not {m for m, _ in routes(site.box)} - {"GET", "HEAD", "POST"}
    before = site.holds()
    for path in sorted(posts - {"/first", "/sign-in", "/join"}):
        for role, allowed in (("nobody", {401}), ("supervisor", {403})):
            if role == "supervisor" and path in {"/box/password", "/sign-out"}:
                continue  # of whoever is signed in
            answer = site.do(site.browsers[role].post(path, data={"key": site.keys[role]}))
            assert answer.status_code in allowed, (role, path, answer.status_code)
        for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}):
            answer = site.do(site.browsers["technician"].post(path, data={"key": site.keys["technician"]}, headers=headers))
            assert answer.status_code == 403, (path, headers)
        for key in ("", site.keys["supervisor"], site.keys["nobody"], site.keys["technician"][:-1]):
            assert site.do(site.browsers["technician"].post(path, data={"key": key})).status_code == 403, (path, key)
    assert site.holds() == before


def test_a_get_never_does_what_a_form_does(site):
    before = site.holds()
    for path in (p.replace("{do}", "test") for p in site.posts):
        answer = site.do(site.browsers["technician"].get(path, params={"key": site.keys["technician"], "name": "x", "sure": "1"}))
        assert answer.status_code in {200, 303, 404, 405}, path
    assert site.holds() == before


async def test_an_unknown_name_costs_as_much_as_a_wrong_password(box, monkeypatch):
    await box.technician()
    hashed = []
    genuine = accounts._hasher

    class Counting:
        def verify(self, *pair):
            hashed.append(pair[0].rsplit("$", 2)[0])  # the parameters, which are what it costs
            return genuine.verify(*pair)

    monkeypatch.setattr(accounts, "_hasher", Counting())
    for n, name in enumerate(("T-07", "nobody", "", "x" * 200)):
        browser = box.browser(f"192.168.1.{100 + n}")
        assert (await post(browser, "/sign-in", "/sign-in", name=name, password="wrong wrong wrong")).status_code == 422
    assert len(hashed) == 4
    assert len(set(hashed)) == 1


async def test_a_forwarded_address_is_not_believed(box, monkeypatch):
    """There is no proxy before the page: who writes himself another source stays the one he is."""
    monkeypatch.setattr(guard, "RATE", 0.0)  # nothing grows back, however slow the machine
    browser = box.browser("192.168.1.90")
    statuses = []
    for n in range(260):
        forged = {"x-forwarded-for": f"10.0.0.{n % 250}", "x-real-ip": f"10.0.1.{n % 250}", "forwarded": f"for=10.0.2.{n % 250}"}
        statuses.append((await browser.get("/static/icon.svg", headers=forged)).status_code)
    assert 429 in statuses


# -- texts from elsewhere ------------------------------------------------------------------------------------------------


def hostile(value, name=""):
    """Put the mark into every text of an entry that is free: what a desk, a resident's device or a household can write."""
    if isinstance(value, dict):
        return {k: hostile(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [hostile(v, name) for v in value]
    free = {
        "by",
        "reason",
        "room",
        "responder",
        "zh",
        "en",
        "state_by",
        "state_reason",
        "why",
        "message",
        "what",
        "software",
        "kind",
        "device",
    }
    return f"{MARK}{value}"[:80] if isinstance(value, str) and name in free else value


def poisoned(box):
    """Let everything that is shown have been written by somebody hostile."""
    state = box.example.config.state
    with sqlite3.connect(state / "gateway.db") as db:
        for number, body in db.execute("SELECT number, body FROM journal").fetchall():
            db.execute("UPDATE journal SET body = ? WHERE number = ?", (json.dumps(hostile(json.loads(body))).encode(), number))
        db.execute("UPDATE alarms SET kind = ?", (MARK,))
        masks = {"shelves": {MARK: {"until": 9e12, "by": MARK, "reason": MARK}}, "away": 0}
        db.execute("INSERT OR REPLACE INTO marks VALUES ('masks', ?)", (json.dumps(masks),))
    with sqlite3.connect(state / "history.db") as db:
        tables = [n for (n,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert tables
    facts = json.loads((box.example.config.runtime / "status.json").read_text())
    for device in facts["devices"]:
        device |= {"room": MARK, "refused": {MARK: 3}}
    facts |= {
        "degraded": MARK,
        "store": str(state),
        "clock": MARK,
        "software": MARK,
        "gateway": MARK,
        "boot": MARK,
        "ports": [MARK],
        "away": True,
    }
    facts["uplink"] |= {"where": MARK, "trouble": MARK}
    facts["radio"][0] |= {"trouble": MARK, "adapter": MARK, "hearing": False}
    facts["lines"] = [{"port": MARK, "open": False, "received": 1, "trouble": MARK}]
    (box.example.config.runtime / "status.json").write_text(json.dumps(facts))
    near = {"opened": 0, "written": 1e12, "until": 1e12, "open": True, "radios": [MARK], "forgotten": 0, "heard": [STRANGER]}
    (box.example.config.runtime / "nearby.json").write_text(json.dumps(near))


async def test_what_radio_platform_and_household_say_is_shown_and_never_obeyed(box):
    poisoned(box)
    browser = await box.technician()
    box.page.accounts.note(MARK, MARK, "signed_in", MARK)
    shown = 0
    for path in (*READS, *SET_UP, "/journal?what=fault", "/journal?what=result", "/journal?what=alarm"):
        for lang in ("zh", "en"):
            answer = await browser.get(path, params={"lang": lang} | dict([p.split("=") for p in path.partition("?")[2].split("&") if p]))
            assert answer.status_code in {200, 404}, (path, answer.status_code, answer.text[:200])
            if "html" in answer.headers["content-type"]:
                assert "<img" not in answer.text, path
                assert not (wrong := markup.faults(answer.text, whole="<html" in answer.text)), (path, wrong[:4])
                shown += answer.text.count(
                    html.escape(MARK, quote=False).replace("&", "&amp;").replace("&amp;lt;", "&lt;").replace("&amp;gt;", "&gt;")
                )
    assert shown > 50, "it is there, as text"
    table = (await browser.get("/alarms.csv")).text
    for line in table.splitlines():
        assert not re.search(r'(^|,)"?[=+@|]', line), line


@pytest.mark.parametrize("text", ["=cmd|'/c calc'!A1", "\r\n=1+1", 'x",=1+1', "@SUM(A1)", "\t+1", "-2+3"])
def test_a_table_keeps_every_text_in_its_cell(text):
    import csv

    rows = list(csv.reader(io.StringIO(_line(("a", text, "b")))))
    assert len(rows) == 1
    assert rows[0][0::2] == ["a", "b"]
    assert not rows[0][1].lstrip(' "').startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


async def test_names_of_files_are_ours_alone(box):
    browser = await box.technician()
    for path, name in (
        ("/diagnostics.zip", r'attachment; filename="eldercare-\d{8}-\d{4}\.zip"'),
        ("/alarms.csv", 'attachment; filename="alarms.csv"'),
    ):
        for query in ("", "?filename=../../x", "?kind=%0d%0ax-planted:1", "?lang=%0d%0ax:1"):
            answer = await browser.get(path + query)
            assert re.fullmatch(name, answer.headers["content-disposition"]), (path, query)
    file = zipfile.ZipFile(io.BytesIO((await browser.get("/diagnostics.zip")).content))
    assert all(re.fullmatch(r"[a-zA-Z]+\.(txt|json|jsonl)", n) for n in file.namelist())


# -- the frame -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_every_page_is_good_html_and_every_link_answers(box, lang):
    browser = await box.technician()
    stranger = box.browser("192.168.1.77")
    pages = [(browser, p) for p in (*READS, *SET_UP, "/nope", "/alarms/999", "/journal?what=fault")] + [(stranger, "/sign-in")]
    seen, links = 0, {}
    for who, path in pages:
        answer = await who.get(path, params={"lang": lang} | dict([p.split("=") for p in path.partition("?")[2].split("&") if p]))
        if "html" not in answer.headers["content-type"]:
            continue
        seen += 1
        assert not (wrong := markup.faults(answer.text, whole="part=" not in path)), (path, wrong[:5])
        ids = set(re.findall(r'\bid="([^"]+)"', answer.text))
        for target in re.findall(r'(?:href|src)="([^"]+)"', answer.text):
            at, _, part = html.unescape(target).partition("#")
            assert not at or at.startswith("/"), (path, target, "leads out of the box")
            assert at or part in ids or "part=" in path, (path, target)
            if at and answer.status_code == 200:  # the page of an error has the address that failed
                links.setdefault(at, (who, path))
    assert seen > 15
    for target, (who, path) in sorted(links.items(), key=lambda link: link[0]):
        assert (await who.get(target)).status_code == 200, (path, target)


def test_the_reader_of_html_finds_what_it_is_for():
    good = '<!doctype html>\n<html lang="en"><head><title>t</title></head><body><main><h1>a</h1>{}</main></body></html>'
    assert markup.faults(good.format("<p>x</p>")) == []
    for bad, word in (
        ("<p>", "never closed"),
        ("<div><b></div></b>", "closes"),
        ('<i id="a">x</i><i id="a">y</i>', "there twice"),
        ("<h3>x</h3>", "after <h1>"),
        ('<input name="x">', "no label"),
        ('<label for="q">x</label>', "refers to nothing"),
        ("<img src=x>", "without alt"),
        ("<button></button>", "says nothing"),
        ("<a href='/x'><button>y</button></a>", "inside <a>"),
        ("<p onclick='x'>y</p>", "forbids"),
        ("<svg></svg>", "neither"),
        ("<ul><p>x</p></ul>", "right inside"),
        ("<h1>b</h1>", "there are 2 <h1>"),
        ("<a>x</a>", "leads nowhere"),
        ("<p><div>x</div></p>", "inside <p>"),
        ('<form action="/x"><input type="password" aria-label="x" name="p"></form>', "posts"),
        ("<script>x</script>", "policy"),
    ):
        assert any(word in fault for fault in markup.faults(good.format(bad))), (bad, markup.faults(good.format(bad)))


async def test_no_address_leads_out_of_the_folder_of_files(box):
    browser = box.browser()
    for path in (
        "/static/../visitor.py",
        "/static/..%2fvisitor.py",
        "/static/%2e%2e/%2e%2e/config.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/..\\..\\x",
        "/static/....//visitor.py",
        "/static/%252e%252e/x",
        "/static/.",
        "/static/",
        "/..%2f..%2fetc/passwd",
        "/static/" + "a/" * 500,
    ):
        answer = await browser.get(path)
        assert answer.status_code in {303, 307, 404}, (path, answer.status_code)
        assert urlsplit(answer.headers.get("location", "")).netloc in {"", "localhost"}, path
        assert "import " not in answer.text


async def test_a_session_is_worth_nothing_in_another_role_browser_or_name(box):
    technician = await box.technician()
    supervisor = await box.supervisor(technician)
    key = next(v for k, v in supervisor.cookies.items() if k == "__Host-session")
    for forged in (key[:-1], key + "x", key.upper(), "", "' OR 1=1", accounts._digest(key)):
        browser = box.browser("192.168.1.91")
        answer = await browser.get("/box", headers={"cookie": f"__Host-session={forged}"})
        assert answer.status_code == 303, forged
    plain = await box.browser("192.168.1.92").get("/box", headers={"cookie": f"session={key}"})
    assert plain.status_code == 303, "over HTTPS only the name that a browser protects counts"


async def test_whoever_is_removed_is_out_at_once(box):
    technician = await box.technician()
    supervisor = await box.supervisor(technician)
    assert (await post(technician, "/box", "/box/accounts/remove", name="S-01")).status_code == 303
    assert (await supervisor.get("/")).status_code == 303
    assert (await post(supervisor, "/sign-in", "/sign-in", name="S-01", password="quiet river under stars")).status_code == 422


def test_every_file_of_the_page_is_one_we_wrote():
    assert {p.suffix for p in (HERE / "static").iterdir() if p.is_file()} <= {".css", ".js", ".svg", ".png", ".py"}
    for path in [*HERE.glob("templates/*.html"), *(p for p in HERE.glob("static/*") if p.suffix != ".png")]:
        text = Path(path).read_text(encoding="utf-8")
        assert not re.search(r"(?:src|href|url\()\s*=?\s*[\"'(]?(?:https?:)?//", text.replace("http://www.w3.org/2000/svg", "")), path
        assert "|safe" not in text.replace(" ", ""), path
        assert path.suffix != ".js" or not re.search(r"\beval\(|new Function|document\.write|insertAdjacentHTML", text), path


# -- files that are brought ----------------------------------------------------------------------------------------------


def hostile_backup(**changed):
    """A backup with a good seal whose inside somebody hostile has made up."""
    household = {
        "v": 1,
        "revision": 1,
        "token": "t",
        "household": {"number": MARK[:40]},
        "rooms": [MARK],
        "platform": {"host": MARK},
        "device": [{"id": "x", "model": MARK, "room": MARK, "label": MARK}],
        "ladder": [{"responder": MARK}],
    }
    kept = {
        "v": 1,
        "made": MARK,
        "software": MARK,
        "gateway": "gw-1",
        "journal": MARK,
        "household": household,
        "secrets": {"token": "t"},
        "memories": {MARK: {MARK: MARK}},
        "marks": {MARK: MARK},
        "alarms": [MARK, "{}", "[" * 3000],
    }
    head = backup.MAGIC + b'{"v":1,"salt":"' + b"ab" * 16 + b'","nonce":"' + b"cd" * 12 + b'"}\n'
    return head + backup._sealed(head, "open sesame please").encrypt(bytes.fromhex("cd" * 12), json.dumps(kept | changed).encode(), head)


def multipart(parts, boundary=b"--x"):
    body = b"".join(b"--" + boundary + b'\r\ncontent-disposition: form-data; name="' + n + b'"\r\n\r\n' + c + b"\r\n" for n, c in parts)
    return body + b"--" + boundary + b"--\r\n"


BOUNDARY = {"content-type": "multipart/form-data; boundary=--x"}


@pytest.mark.parametrize("made", [MARK, "0001-01-01", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", ""])
def test_a_hostile_backup_is_shown_as_text_or_refused(site, made):
    key = site.keys["technician"].encode()
    parts = [(b"key", key), (b"passphrase", b"open sesame please"), (b"file", hostile_backup(made=made))]
    answer = site.do(site.browsers["technician"].post("/moving/look", content=multipart(parts), headers=BOUNDARY))
    assert answer.status_code == 200, answer.text[:500]
    checked_answer(answer, made)
    assert "&lt;img src=x" in answer.text


def test_whatever_is_uploaded_is_answered_and_only_from_a_technician(site):
    before = site.holds()
    good = [(b"key", site.keys["technician"].encode()), (b"passphrase", b"wrong wrong wrong"), (b"file", b"eldercare-gateway backup {}\n")]
    whole = multipart(good)
    for role, status in (("nobody", 401), ("supervisor", 403)):
        assert site.do(site.browsers[role].post("/moving/look", content=whole, headers=BOUNDARY)).status_code == status
    odd = [
        b"",
        b"--",
        b"----x",
        whole[: len(whole) // 2],
        whole.replace(b"\r\n", b"\n"),
        whole * 20,
        multipart([(b"key", b"")]),
        multipart(good[:1]),
        multipart([*good[:1], (b"file", b"")]),
        multipart([*good, *good]),
        multipart([(b"file", b"\0" * 300_000), *good[:2]]),
        b"----x\r\n" * 5000,
        multipart([(b"key", site.keys["technician"].encode()), (b"file", b"\xff" * 99)]),
        multipart([(b"x" * 5000, b"y"), *good]),
        multipart([(b'a"; name="key', b"z"), *good[1:]]),
        multipart([*good[:2], (b"file", backup.MAGIC + b'{"v":2,"salt":"\xff"}\n')]),
        multipart([*good[:2], (b"file", backup.MAGIC + b"[" * 399)]),
    ]
    heads = [
        BOUNDARY,
        {"content-type": "multipart/form-data"},
        {"content-type": "multipart/form-data; boundary=" + "b" * 500},
        {"content-type": "x"},
    ]
    for body in odd:
        for head in heads:
            answer = site.do(site.browsers["technician"].post("/moving/look", content=body, headers=head))
            checked_answer(answer, (body[:60], head))
            assert answer.status_code in {403, 413, 422}, (answer.status_code, body[:60], head)
    big = site.do(site.browsers["technician"].post("/moving/look", content=multipart([(b"file", b"\0" * 2_000_000)]), headers=BOUNDARY))
    assert big.status_code == 413
    assert site.holds() == before, "nothing of it was kept"


# -- bytes at the door ---------------------------------------------------------------------------------------------------

RAW = {
    b"GET / HTTP/1.1\r\n\r\n": {400, 421},
    b"GET / HTTP/1.0\r\n\r\n": {400, 421},
    b"GET / HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n": {400, 421},
    b"GET http://evil.example/ HTTP/1.1\r\nhost: localhost\r\n\r\n": {303, 400, 404, 421},
    b"GET //evil.example/%2f.. HTTP/1.1\r\nhost: localhost\r\n\r\n": {400, 404},
    b"GET /static/../../../../etc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n": {400, 404},
    b"GET /static/..%c0%af..%c0%afetc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n": {400, 404},
    b"GET /\0 HTTP/1.1\r\nhost: localhost\r\n\r\n": {400, 404},
    b"GET /first?lang=%0d%0aset-cookie:%20planted=1 HTTP/1.1\r\nhost: localhost\r\n\r\n": {200},
    b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 70_000 + b"\r\n\r\n": {303, 400, 431},
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n": {400, 404, 414, 431},
    b"POST /first HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /box HTTP/1.1\r\n\r\n": {
        400,
        403,
    },
    b"POST /first HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef": {400},
    b"POST /first HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n": {400, 413},
    b"POST /first HTTP/1.1\r\nhost: localhost\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n": {400, 413},
    b"POST /first HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n": {None, 400, 413},
    b"POST /first HTTP/1.1\r\nhost: localhost\r\ncontent-length: 900000000\r\n\r\n": {413},
    b"TRACE / HTTP/1.1\r\nhost: localhost\r\n\r\n": {405},
    b"CONNECT evil.example:443 HTTP/1.1\r\nhost: localhost\r\n\r\n": {400, 404, 405},
    b"GET / HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\n\r\n": {303, 400, 426},
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": {400, 405, 421, 505},
    b"\x16\x03\x01\x00\x05hello": {400},
    b"\0" * 4000: {None, 400},
}


async def test_whatever_bytes_come_the_server_answers_and_lives(example):
    """The real process with its real server: what is not HTTP, is too much of it, or says two things at once."""
    port = free_port()
    text = (
        example.path.read_text(encoding="utf-8")
        .replace("port = 8443", f"port = {free_port()}")
        .replace("http_port = 8080", f"http_port = {port}")
    )
    example.path.write_text(text, encoding="utf-8")

    def serve():
        return Page(example.path, port, example.folder / "page.log")

    with await asyncio.to_thread(serve) as page:
        for sent, allowed in RAW.items():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            if None in allowed:  # it waits for the rest, which will not come
                writer.write_eof()
            async with asyncio.timeout(PATIENCE):
                line = await reader.readline()
            assert (int(line.split()[1]) if line else None) in allowed, (sent[:80], line)
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(0.05):
                    rest = await reader.read(100_000)
                    assert b"root:" not in rest
                    assert b"planted=1" not in rest.partition(b"\r\n\r\n")[0]
                    assert b"Traceback" not in rest
            writer.close()
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{page.address}/first")).status_code == 200
        assert page.process.poll() is None
        assert len(page.log.read_text().splitlines()) < 5, "who hangs up in the middle fills no log"


@pytest.mark.parametrize("most", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_the_page_speaks_no_tls_older_than_1_2(example, most):
    mine = Papers(example.config, ["box.local"])
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=mine.context)
    context = ssl.create_default_context(cafile=mine.certificate)
    context.check_hostname = False
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, most
    async with server:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1], ssl=context)
