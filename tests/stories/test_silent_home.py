"""A home set up on the page alone, the platform dead, a call for help: what the home has is called, and what it has not was said all along.

The page, the radio and the broker are real where the page is read; how soon somebody is called is told in simulated time.
"""

import asyncio
import html

import pytest
from gateway.home import audible

from tests.kit.brokers import Mosquitto, Platform
from tests.kit.fake_bluez import Child
from tests.kit.household import KEY, Gateway, Sealed
from tests.kit.ports import free_port
from tests.kit.wait import until_now as until
from tests.page.served import Page
from tests.parts.test_technician import alarms
from tests.stories.life import LADDER, SOUND, Life, rung
from tests.stories.test_technician_visits import THREE, Visit, enrolled

MUTE = "[sound]\nvoice = false\n"


@pytest.fixture(scope="module")
def bluez():
    with Child() as child:
        yield child


async def test_it_was_said_in_large_letters_since_the_home_was_set_up(tmp_path, bluez):
    http = free_port()
    lines = f'[page]\naddress = "127.0.0.1"\nport = {free_port()}\nhttp_port = {http}\n'
    with Mosquitto() as broker, Gateway(tmp_path / "home", bus=bluez, broker=broker, name="gw-h", devices="", lines=lines) as gateway:
        async with Platform(broker, gateway.name):
            with Page(gateway.config, http, tmp_path / "page.log") as page:
                await asyncio.to_thread(_set_up_and_alone, gateway, broker, Visit(page))


def said(visit):
    """Return whether Today and the certificate say both, in both languages, in the letters that are as large as an alarm's."""
    for path, place in (("/", '<section class="banner amber unheard"'), ("/certificate", '<p class="sheet-unheard">')):
        for lang in ("zh", "en"):
            text = visit.read(path, lang)
            assert place in text, (path, lang)
            assert all(html.escape(zh) in text and en in text for zh, en in audible.WORDS.values()), (path, lang)
    return True


def _set_up_and_alone(gateway, broker, visit):
    assert visit.first((gateway.page / "page-code").read_text().strip()).status_code == 303
    assert said(visit), "on the day it is set up, before there is a device"
    assert visit.post("/home", "/home/household", number="H-0451", revision=visit.revision()).status_code in {200, 303}
    button = Sealed(THREE["new0"])
    way = enrolled(visit, "new0", secret=KEY)
    gateway.bus.wait_for_scan()
    until(lambda: "The first press within" in visit.read(way))
    gateway.air(button.address, button.press())
    until(lambda: "This press was a test" in visit.read(way))
    assert said(visit)
    broker.kill()
    until(lambda: not gateway.status()["uplink"]["connected"])
    gateway.air(button.address, button.press())
    until(lambda: [a for a in alarms(gateway, "new0") if not a["test"]])
    real = [a for a in alarms(gateway, "new0") if not a["test"]][-1]
    assert (real["state"], real["priority"]) == ("raised", 1)
    text = visit.read("/")
    assert f'data-key="alarm-{real["alarm"]}"' in text, "Today says it at once"
    assert said(visit)
    assert "H-0451" in text


@pytest.mark.parametrize("fitted", [True, False])
def test_what_the_home_has_is_called_and_what_it_has_not_is_called_by_nobody(tmp_path, fitted):
    async def story():
        life.plug(False)
        await life.wait(5)
        pressed = life.now
        life.press()
        await life.wait(60)
        assert [a.kind for a in life.open] == ["person.sos"]
        assert bool(life.called("siren")) is fitted
        assert bool(life.reached()) is fitted, [(c.who, c.at - pressed, c.ended, c.code) for c in life.calls]
        if fitted:
            assert life.called("siren")[0].at - pressed <= 2
            assert life.called("family")[0].at - pressed <= 31, "the receipt was waited for, and no longer"
            assert life.reached()[0].ended - pressed <= 60
        lacks = audible.lacks(life.daemon.home.config)
        assert bool(lacks) is not fitted, "and exactly then it is said"

    with Life(tmp_path, ladder=LADDER if fitted else rung("desk", program="platform"), sound=SOUND if fitted else MUTE) as life:
        life.live(story())
