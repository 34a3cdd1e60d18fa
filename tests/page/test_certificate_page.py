"""The certificate on the page: what is missing stands there, a signature is handed on and never shown, a reprint is the same."""

import json
import re
import string
from pathlib import Path
from types import SimpleNamespace

import pytest
from drivers import all_models
from gateway.home import certificates, commissioning, handed, inbox
from gateway.home.config import load
from gateway.page.certificate import on_paper, stands
from gateway.page.en import EN
from gateway.page.known import Filter
from gateway.page.words import Words
from gateway.page.zh import ZH
from gateway.words import kind
from gateway.words.clock import When
from gateway.words.instruction import Do, Refused

from tests.page.conftest import form_key, post
from tests.page.test_setting import equipped, yes

pytestmark = pytest.mark.usefixtures("kept_secrets")
STROKES = [[80, 150, 60, -90, 40, 80], [300, 100, 50, 0]]
__all__ = ["equipped"]  # a fixture of theirs that is used here
UNTRANSLATED = re.compile(r">\s*(?:cert|sheet|walk|pull|test)\.[a-z]")


@pytest.fixture
def home(equipped):
    equipped.example.say(mains=None)
    return equipped


def left(box):
    """Return (instruction, what was handed with it) of the newest that was left."""
    rows = inbox.read(box.example.config.page_folder, 0)
    if not rows:
        return None, None
    order = json.loads(rows[-1][1])
    return order, handed.handed(box.example.config.page_folder, order["secrets"])


async def drawn(browser):
    text = (await browser.get("/certificate")).text
    return {name: re.search(rf'name="{name}" value="([0-9a-f]+)"', text)[1] for name in ("key", "once", "revision", "seen")}


async def test_what_is_missing_stands_there_with_the_way_to_it(home):
    browser = await home.technician()
    text = (await browser.get("/certificate?lang=zh")).text
    assert "还没有通过" in text
    for words in ("随身", "还没有测试", 'href="/walk#device-pendant"', "网关无法得知市电"):
        assert words in text, words
    assert not UNTRANSLATED.search(text)
    english = (await browser.get("/certificate?lang=en")).text
    assert "Not passed yet" in english
    assert not UNTRANSLATED.search(english)
    for page in (text, english):
        assert not re.search(r"style=|<script(?![^>]*src=)|\son\w+=", page)
        assert len(page.encode()) < 100_000


async def test_a_signature_is_handed_on_in_a_file_and_stands_in_no_instruction(home):
    browser = await home.technician()
    fields = await drawn(browser)
    yes(home)
    answer = await browser.post("/certificate", data=fields | {"strokes": json.dumps(STROKES), "typed": ""})
    assert answer.status_code == 303
    order, given = left(home)
    assert (order["do"], order["by"], order["revision"]) == (Do.COMMISSIONED, "T-07 (192.168.1.50)", 0)
    assert "strokes" not in json.dumps(order)
    assert [list(s) for s in given.signing.signature.strokes] == STROKES
    assert (given.signing.seen, given.signing.push) == (fields["seen"], False)
    path = home.example.config.page_folder / "handed" / order["secrets"]
    assert path.stat().st_mode & 0o777 == 0o640


async def test_the_seen_facts_are_those_the_daemon_makes(home):
    browser = await home.technician()
    seen = (await drawn(browser))["seen"]
    facts = home.page.known.status()
    config = load(home.example.path, all_models())  # as the daemon reads it: with its secrets
    at = When(facts.boot, facts.mono, facts.wall[:19] + "Z", facts.clock)
    known = home.page.known
    found = commissioning.seen(known.journal(name="fault", limit=600), known.past(Filter(kind=kind.TEST), limit=20), at)
    what = commissioning.facts(
        config,
        found,
        gateway=facts.gateway,
        journal=facts.journal,
        software=facts.software,
        mains=False,
        clock=facts.clock,
        faults=[commissioning.OpenFault(int(f.priority), f.kind, f.device) for f in known.faults() if not f.test],
    )
    assert certificates.fingerprint(what) == seen


async def test_faults_clock_tls_and_empty_rooms_stand_before_the_signature_and_on_the_sheet(home):
    browser = await home.technician()
    path = home.example.path
    path.write_text(path.read_text().replace('host = "mqtt.example.org"', 'host = "mqtt.example.org"\ntls = false'))
    home.example.say(clock="unsure")
    on = [
        SimpleNamespace(priority=2, kind="device.missing", device="pendant", test=False),
        SimpleNamespace(priority=3, kind="device.low_battery", device="front-door", test=False),
        SimpleNamespace(priority=3, kind="gateway.mains_lost", device="", test=True),
    ]
    home.page.known.faults = lambda: on
    text = (await browser.get("/certificate?lang=en")).text
    before, _, sheet = text.partition('<article class="sheet"')
    for part in (before, sheet):
        assert "Fault: Device missing (随身" in part
        assert "the connection to the platform is not encrypted" in part
        assert "clock not confirmed: the times on this certificate may be wrong" in part
        assert "Fault: Battery low (入户门" in part
        assert "ains lost" not in part, "what a step of the walk test began is none"
    assert 'href="/platform">Platform' in before


def test_a_room_without_a_sensor_is_named():
    what = {"devices": [], "rooms_without": ["浴室", "厨房"], "faults": [], "clock": "synchronised"}
    assert stands(Words("en", None), what) == ["Rooms without a device: 浴室, 厨房"]
    assert stands(Words("zh", None), {"devices": []}) == [], "of an older document nothing is known"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"strokes": "", "typed": ""}, 422),
        ({"strokes": "[", "typed": ""}, 422),
        ({"strokes": '[["x"]]', "typed": ""}, 422),
        ({"strokes": "[" * 5000, "typed": ""}, 422),
        ({"strokes": '{"a": 1}', "typed": ""}, 422),
        ({"strokes": "", "typed": "T" * 41}, 422),
        ({"strokes": json.dumps([[1] * 5001]), "typed": ""}, 422),
    ],
)
async def test_what_is_no_signature_is_told_beside_the_field_and_leaves_nothing(home, said, status):
    browser = await home.technician()
    answer = await browser.post("/certificate", data=await drawn(browser) | said)
    assert answer.status_code == status
    assert "is-wrong" in answer.text
    assert left(home) == (None, None)


async def test_what_the_daemon_says_against_it_is_shown(home):
    browser = await home.technician()
    yes(home, accepted=False, refused=Refused.CHANGED_MEANWHILE, zh="已变化", en="changed")
    answer = await browser.post("/certificate", data=await drawn(browser) | {"typed": "T-07"})
    assert answer.status_code == 409
    assert "请再看一遍" in answer.text
    assert '<details class="preview" open' in answer.text


async def test_a_supervisor_reads_and_does_not_sign(home):
    technician = await home.technician()
    browser = await home.supervisor(technician)
    text = (await browser.get("/certificate")).text
    assert 'action="/certificate"' not in text
    assert (await browser.get("/certificate/1")).status_code == 200
    key = await form_key(browser, "/box")
    assert (await browser.post("/certificate", data={"key": key, "typed": "S-01"})).status_code == 403
    assert (await post(technician, "/box", "/certificate", typed="")).status_code == 422


async def test_a_reprint_is_the_same_whoever_asks_whenever(home):
    browser = await home.technician()
    kept = certificates.kept(home.example.config.state, 1)
    assert (await browser.get("/certificate/1.json")).content.decode() == kept.text

    def paper(text):
        return text[text.index('<article class="sheet"') : text.index("</article>")]

    first = paper((await browser.get("/certificate/1?new=1&lang=en")).text)
    home.example.say(software="9.9.9", household={"revision": 50, "at": ""}, mains=True)
    again = paper((await (await home.supervisor(browser)).get("/certificate/1?lang=en&theme=dark")).text)
    assert first == again
    assert kept.sha256 in first
    assert 'd="M80 150l60 -90 40 80"' in first
    for path in ("/certificate/2", "/certificate/0", "/certificate/-1", "/certificate/99999999999999999999", "/certificate/2.json"):
        assert (await browser.get(path)).status_code == 404, path


async def test_without_a_gateway_nothing_can_be_signed(home):
    browser = await home.technician()
    home.example.say(written=0)
    text = (await browser.get("/certificate")).text
    assert "现在不能签" in text
    assert 'name="strokes"' not in text


def test_the_sheet_of_form_one_says_what_it_always_said():
    """A certificate printed again after an update has the same words; whoever changes them makes another form."""
    document = json.loads(Path(__file__).with_name("certificate-form-1.json").read_text(encoding="utf-8"))
    for language, expected in document["sheets"].items():
        paper = on_paper(Words(language, None), document["document"], "M1 1l2 2", "0" * 64)
        assert paper == expected, f"{language}: the words of form 1 have changed"


def test_every_word_of_a_need_is_there():
    needs = {"lost", "held", "back", "delivered", "step"}
    assert {f"pull.{n}" for n in needs} | {f"pull.help.{n}" for n in needs} <= set(ZH)
    assert {f"pull.{p}.{n}" for p in ("mains", "uplink") for n in ("why", "1", "2", "not")} <= set(ZH)
    for catalogue in (ZH, EN):
        for key in (k for k in catalogue if k.startswith("sheet.did.")):
            assert {name for _, name, _, _ in string.Formatter().parse(catalogue[key]) if name} == {"n"}
