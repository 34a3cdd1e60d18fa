"""The eight steps of an installation: which are done, what the others lack, and the way from each page to the next open one."""

import re

import msgspec
import pytest
from drivers import all_models
from gateway.home import certificates
from gateway.home.config import load
from gateway.page import app as application
from gateway.page.steps import STEPS, Installation, installation, of, steps
from gateway.page.words import printed
from gateway.page.zh import ZH
from msgspec.structs import replace

from tests.page.conftest import Box, form_key

BARE = '[gateway]\nid = "g"\nstate = "state"\nruntime = "run"\n[page]\nport = 8443\nhttp_port = 8080\n'
PARTS = {
    "platform": '[platform]\nhost = "mqtt.example.org"\n',
    "sensors": '[[device]]\nid = "door"\nmodel = "bthome-v2"\nroom = "hall"\naddress = "A4:C1:38:00:53:02"\n',
    "people": '[[ladder]]\nresponder = "grid worker"\n',
}
CHOSEN = (*PARTS, "rules")
WALK = {"of": "device", "id": "door", "needs": ["walk"]}


def made(folder, *parts):
    """Return the configuration of a home that has these parts; its rules are chosen on the page."""
    (folder / "run").mkdir(exist_ok=True)
    path = folder / "gateway.toml"
    path.write_text(BARE + "".join(PARTS[p] for p in parts if p in PARTS), encoding="utf-8")
    config = load(path, all_models(), with_secrets=False)
    return replace(config, household=msgspec.structs.replace(config.household, times={})) if "rules" in parts else config


def done(found):
    return [s.name for s in found if s.done]


def test_a_box_that_was_only_opened_lacks_all_but_its_code(tmp_path):
    found = steps(made(tmp_path), [], signed=False)
    assert [s.name for s in found] == list(STEPS)
    assert done(found) == ["code"]
    lacks = {s.name: s.lacks for s in found}
    assert lacks["home"] == ("number", "consent")
    assert lacks["walk"] == ("walk",), "nothing to walk is not walked"


@pytest.mark.parametrize("part", CHOSEN)
def test_each_step_is_done_by_its_own_part_of_the_home(tmp_path, part):
    assert part in done(steps(made(tmp_path, part), [WALK], signed=False))
    others = [p for p in CHOSEN if p != part]
    assert part not in done(steps(made(tmp_path, *others), [WALK], signed=False))


@pytest.mark.parametrize(
    ("missing", "name", "lacks"),
    [
        ([WALK], "walk", ("walk",)),
        ([{"of": "step", "id": "uplink", "needs": ["step"]}], "walk", ("pulled",)),
        ([{"of": "platform", "id": "", "needs": ["test"]}], "walk", ("alarm",)),
        ([{"of": "platform", "id": "", "needs": ["tls"]}], "platform", ("tls",)),
        ([], "walk", ()),
        ([], "platform", ()),
    ],
)
def test_what_a_certificate_would_miss_is_missing_in_its_step(tmp_path, missing, name, lacks):
    config = made(tmp_path, *CHOSEN)
    assert next(s for s in steps(config, missing, signed=False) if s.name == name).lacks == lacks


def test_next_is_the_next_open_step_and_then_the_first_that_was_left_out(tmp_path):
    found = steps(made(tmp_path, "rules"), [], signed=False)
    to = {at: Installation(found, at).next.name for at in STEPS}
    assert to == {
        "code": "home",
        "home": "platform",
        "platform": "sensors",
        "sensors": "people",
        "rules": "people",
        "people": "walk",
        "walk": "certificate",
        "certificate": "home",
    }
    assert Installation(found).next.name == "home"
    assert Installation(steps(made(tmp_path, *CHOSEN), [], signed=True), "home").next is None, "nothing else is open"


def test_rules_and_people_share_a_page():
    assert of("rules.html", "") == of("rules.html", "judging") == "rules"
    assert of("rules.html", "people") == of("rules.html", "ladder") == "people"
    assert of("box.html", "") is None
    assert of("setup.html", "") == ""


def test_with_a_certificate_nothing_is_said_of_an_installation(tmp_path, monkeypatch):
    config = made(tmp_path)
    page = application.made(config)[1]
    assert installation(config, page.known, "home").done == 1
    monkeypatch.setattr(certificates, "numbers", lambda _: [1])
    assert installation(config, page.known, "home") is None


class New(Box):
    """The page of a box that nobody has set up."""

    def __init__(self, config):
        self.app, self.page = application.made(config)
        self.example = type("Bare", (), {"config": config})
        self.browsers = []


def shown(answer):
    """Return (heading of the step, where "next" leads) of a page."""
    text = answer.text
    at = re.search(r'class="install-at"><strong>([^<]*)', text)
    onward = re.search(r'class="onward"><a class="[^"]*" href="([^"]*)"', text)
    return (at[1] if at else "", onward[1] if onward else "")


async def test_every_page_of_a_step_says_where_one_is_and_leads_on(tmp_path):
    box = New(made(tmp_path))
    stranger = box.browser()
    assert shown(await stranger.get("/first")) == (said("install.at", n=1, step=ZH["install.code"]), "")
    browser = await box.technician()
    wanted = {
        "/home": ("home", "/platform"),
        "/platform": ("platform", "/sensors"),
        "/sensors": ("sensors", "/rules"),
        "/sensors/add": ("sensors", "/rules"),
        "/rules": ("rules", STEPS["people"]),
        "/rules?step=people": ("people", "/walk"),
        "/walk": ("walk", "/certificate"),
        "/test": ("walk", "/certificate"),
        "/certificate": ("certificate", "/home"),
    }
    for path, (step, onward) in wanted.items():
        n = 1 + list(STEPS).index(step)
        assert shown(await browser.get(path)) == (said("install.at", n=n, step=ZH[f"install.{step}"]), onward), path
    for path in ("/box", "/alarms", "/journal"):
        assert shown(await browser.get(path)) == ("", ""), path
    for path in ("/", "/setup"):
        text = (await browser.get(path)).text
        assert said("install.open", done=1, all=8) in text
    assert f'href="/home">{said("install.go", step=ZH["install.home"])}' in text
    # What was refused is shown at its own address with the way on.
    answer = await browser.post("/home/household", data={"key": await form_key(browser, "/home"), "number": "x" * 60})
    assert answer.status_code == 422
    assert shown(answer)[1] == "/platform"
    other = await box.supervisor(browser)
    for path in ("/figures", "/box", "/certificate"):
        text = (await other.get(path)).text
        assert "install" not in text, "who cannot go on is not led"
    for one in box.browsers:
        await one.aclose()


def said(key, **values):
    return printed(ZH[key].format(**values))
