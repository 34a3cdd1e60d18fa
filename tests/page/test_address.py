"""The address of a broker is read for what it says, or refused beside its field with what to type."""

import pytest
from gateway.page.address import Address, Unreadable, read
from gateway.page.words import printed
from gateway.page.zh import ZH

from tests.page.conftest import post
from tests.page.test_setting import handed, left, yes

pytestmark = pytest.mark.usefixtures("kept_secrets")
PLATFORM = {"port": "8883", "username": "", "version": "auto", "receipts": "platform", "go": "save"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (" mqtt.example.org ", Address("mqtt.example.org")),
        ("mqtt.example.org:8884", Address("mqtt.example.org", 8884)),
        ("mqtts://mqtt.example.org", Address("mqtt.example.org", 0, True)),
        ("SSL://mqtt.example.org:8883/", Address("mqtt.example.org", 8883, True)),
        ("tcp://10.0.0.7:1883", Address("10.0.0.7", 1883, False)),
        ("mqtt://box:p%40ss@hub.lan:1884/zigbee2mqtt", Address("hub.lan", 1884, False, "box", "p@ss", "zigbee2mqtt")),
        ("[fe80::1]:1883", Address("fe80::1", 1883)),
        ("fe80::1", Address("fe80::1")),
    ],
)
def test_what_an_address_says(text, says):
    assert read(text) == says


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("https://mqtt.example.org", "wrong.scheme"),
        ("ws://mqtt.example.org/mqtt", "wrong.scheme"),
        ("mqtt://", "wrong.url"),
        ("mqtt://x:99999", "wrong.url"),
        ("mqtt.example.org:0", "wrong.port"),
        ("mqtts://x?y=1", "wrong.url"),
    ],
)
def test_what_is_none_says_what_to_type(text, word):
    with pytest.raises(Unreadable) as no:
        read(text)
    assert no.value.word == word


async def test_a_pasted_platform_is_saved_as_what_it_says(box):
    browser = await box.technician()
    yes(box)
    said = PLATFORM | {"host": "mqtts://box:its%20word@mqtt.county.example:8884"}
    assert (await post(browser, "/platform", "/platform", **said)).status_code == 303
    value = left(box).change.value
    assert (value["host"], value["port"], value["tls"], value["username"]) == ("mqtt.county.example", 8884, True, "box")
    (secrets,) = handed(box).values()
    assert "its word" in secrets


@pytest.mark.parametrize(
    ("host", "word"),
    [
        ("mqtt://mqtt.county.example:1883", "wrong.plain"),
        ("wss://u:hidden-word@mqtt.county.example/mqtt", "wrong.scheme"),
        ("mqtts://u:hidden-word@mqtt.county.example/mqtt", "wrong.path"),
    ],
)
async def test_a_pasted_platform_that_it_cannot_be_is_refused_beside_its_field(box, host, word):
    browser = await box.technician()
    yes(box)
    answer = await post(browser, "/platform", "/platform", **PLATFORM, host=host, tls="1")
    assert answer.status_code == 422
    assert left(box) is None
    assert printed(ZH[word].partition("{")[0])[:12] in answer.text
    assert "hidden-word" not in answer.text
    assert 'id="p-host"' in answer.text.partition('aria-invalid="true"')[0].rpartition("<input")[2]


async def test_without_the_tick_plain_is_plain(box):
    browser = await box.technician()
    yes(box)
    await post(browser, "/platform", "/platform", **PLATFORM | {"host": "tcp://10.0.0.7:1883"})
    value = left(box).change.value
    assert (value["host"], value["port"], value["tls"]) == ("10.0.0.7", 1883, False)


KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLUw="


async def test_a_platform_that_takes_https_is_its_address_and_its_key(box):
    browser = await box.technician()
    yes(box)
    said = PLATFORM | {"host": " https://desk.county.example:8443/eldercare ", "port": "", "password": KEY}
    assert (await post(browser, "/platform", "/platform", **said)).status_code == 303
    assert left(box).change.value == {"url": "https://desk.county.example:8443/eldercare"}
    (secrets,) = handed(box).values()
    assert KEY in secrets


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("http://desk.county.example/", "http://"),
        ("https://box:hidden-word@desk.county.example/", "用户名和密码"),
        ("https://desk.county.example/?token=hidden-word", "?"),
        ("HTTPS://10.1/", "四段"),
    ],
)
async def test_an_address_that_messages_cannot_be_posted_to_is_refused_beside_its_field(box, typed, words):
    browser = await box.technician()
    answer = await post(browser, "/platform", "/platform", **PLATFORM | {"host": typed, "password": KEY, "go": "try"})
    assert answer.status_code == 422
    said = answer.text[answer.text.index('id="p-host-say"') :].partition("</p>")[0]
    assert words in said
    assert ":hidden-word@" not in answer.text
    assert KEY not in answer.text
    assert not handed(box)
