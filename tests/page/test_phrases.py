"""A phrase of the voice in a relative's own words: recorded with the phone, heard before it is kept, played in the home, taken back."""

import base64
import html
import re
import stat
import sys
import wave
from array import array
from pathlib import Path

import pytest
from gateway.box import generations
from gateway.home import handed
from gateway.page.en import EN
from gateway.voice import recordings, render
from gateway.voice.play import CLIPS
from gateway.voice.tones import RATE
from gateway.words.en import EN as GATEWAY
from gateway.words.instruction import What
from playwright.async_api import expect

from tests.page.conftest import form_key
from tests.page.served import becomes, chromium, in_a_browser
from tests.page.test_attacks import BOUNDARY, multipart
from tests.page.test_browser import Home
from tests.page.test_people_browser import without_platform
from tests.page.test_setting import left, yes
from tests.page.test_walk_browser import claimed, fit, pictured
from tests.unit.voice.test_recordings import HOSTILE, voice, wav

HERE = "/rules/phrases?phrase=raised.fall&lang=en"
MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


async def sent(browser, data, where=HERE, **more):
    key = more.get("key") or await form_key(browser, HERE)
    parts = [(b"key", key.encode()), (b"once", b"0123456789abcdef01234567"), (b"revision", b"0"), (b"file", data)]
    return await browser.post(where, content=multipart(parts), headers=BOUNDARY)


async def test_every_phrase_that_can_be_recorded_is_listed_and_the_microphone_is_this_pages_alone(box):
    browser = await box.technician()
    assert 'href="/rules/phrases"' in (await browser.get("/rules")).text
    answer = await browser.get("/rules/phrases?lang=en")
    assert set(re.findall(r"phrases\?phrase=([\w.]+)#", answer.text)) == recordings.RECORDABLE
    assert EN["phrases.privacy"] in html.unescape(answer.text)
    assert "microphone=(self)" in answer.headers["permissions-policy"]
    assert answer.headers["content-security-policy"].endswith("; media-src blob:")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
    for other in ("/rules", "/"):
        headers = (await browser.get(other)).headers
        assert "microphone=()" in headers["permissions-policy"]
        assert "media-src" not in headers["content-security-policy"]
    assert (await browser.get("/rules/phrases?phrase=siren")).status_code == 404
    assert (await browser.get("/rules/phrases?phrase=../../x")).status_code == 404


async def test_what_is_kept_is_handed_to_the_daemon_as_loud_as_the_shipped_phrase(box, kept_secrets):
    browser = await box.technician()
    yes(box)
    render.written(CLIPS)
    answer = await sent(browser, wav(voice(2.0, loud=500, still=1.0)))
    assert (answer.status_code, answer.headers["location"]) == (303, "/rules/phrases?phrase=raised.fall&did=kept#record")
    order = left(box)
    assert (order.change.what, order.change.value) == (What.SET_PHRASE, {"phrase": "raised.fall"})
    folder = box.example.config.page_folder
    given = base64.b64decode(handed.handed(folder, order.secrets).sound)
    with wave.open(str(CLIPS / "zh" / "raised.fall.wav")) as file:
        shipped = array("h", file.readframes(file.getnframes()))
    assert recordings.level(recordings.opened(given).samples) == pytest.approx(recordings.level(shipped), rel=0.05)
    assert recordings.checked(given) == given
    for to, said in (("hear", {}), ("shipped", {"shipped": True})):
        key = await form_key(browser, HERE)
        data = {"key": key, "phrase": "raised.fall", "revision": "0"}
        assert (await browser.post(f"/rules/phrases/{to}", data=data)).status_code == 303
        order = left(box)
        assert (order.step or order.change.value) == ("raised.fall" if to == "hear" else {"phrase": "raised.fall"} | said)


async def test_what_is_not_taken_is_said_beside_the_field_and_nothing_is_left(box):
    browser = await box.technician()
    for name, (data, word) in HOSTILE.items():
        answer = await sent(browser, data)
        told = EN["wrong.missing"] if not data else GATEWAY[f"recording.{word}"].split("{")[0].split(":")[0]
        say = answer.text.partition('id="record-say"')[2].partition("</p>")[0]
        assert (answer.status_code in {413, 422}, told in html.unescape(say)) == (True, True), name
    longer = await browser.post(HERE, content=b"x", headers=BOUNDARY | {"content-length": str(200 * 1024 * 1024)})
    assert (longer.status_code, GATEWAY["recording.large"].format(size=2) in longer.text) == (413, True), "200 MB: none of it is read"
    assert (await sent(browser, wav(voice()), "/rules/phrases?phrase=room.bath", key=await form_key(browser, HERE))).status_code == 404
    assert (await sent(browser, wav(voice()), key="0" * 64)).status_code == 403
    assert left(box) is None
    supervisor = await box.supervisor(browser)
    assert (await supervisor.get("/rules/phrases")).status_code == 403


def installed():
    """Put the voice's program where the daemon runs it from; an environment that has it is left as it is."""
    path = Path(sys.prefix, "bin", "eldercare-voice")
    if not path.exists():
        generations.put(path, f"#!{sys.executable}\nimport sys\nfrom gateway.voice.play import main\nsys.exit(main())\n".encode(), 0o755)


def spoken(file):
    """Write what the browser's microphone hears: a shipped sentence, softly, at the rate of a phone."""
    with wave.open(str(CLIPS / "zh" / "closed.wav")) as clip:
        samples = array("h", clip.readframes(clip.getnframes()))
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(48000)
        out.writeframes(array("h", (s // 3 for one in samples for s in (one, one, one))).tobytes())
    return len(samples) / RATE


async def recorded(page, seconds):
    """Record what the microphone hears, listen to it, and keep it."""
    assert not await page.is_visible("#record-end")
    await page.click("#record-begin")
    await expect(page.locator("#record-end")).to_be_focused()
    await becomes(page, "seconds => document.querySelector('#record-long').value > seconds", seconds)
    await page.click("#record-end")
    await expect(page.locator("#record-new")).to_be_visible()
    await becomes(page, "() => document.querySelector('#record-new').duration > 1")
    await becomes(page, "() => document.querySelector('#record-new').play().then(() => true)")
    await fit(page)
    await pictured(page, "phrases-recorded-zh-360")
    async with page.expect_navigation():
        await page.click("#record-form button.main")
    await expect(page.locator("#record .notice.good")).to_be_visible()


@in_a_browser
async def test_a_phone_records_a_phrase_and_the_home_speaks_it_until_it_is_taken_back(tmp_path):
    installed()
    render.written(CLIPS)
    seconds = spoken(tmp_path / "says.wav")
    heard = tmp_path / "heard"
    config = without_platform().replace("voice = false", f'device = "file:{heard}"')
    home = Home(tmp_path, config=config)
    file = tmp_path / "state" / "voice" / "raised.fall.wav"

    async def played(page):
        (heard / "try-try.wav").unlink(missing_ok=True)
        async with page.expect_navigation():
            await page.click("#record form[action*=hear] button")
        with wave.open(str(heard / "try-try.wav")) as sound:
            return sound.readframes(sound.getnframes())

    with home:
        async with chromium(*MICROPHONE, f"--use-file-for-fake-audio-capture={tmp_path / 'says.wav'}") as browser:
            context, page = await claimed(browser, home, "zh")
            await page.goto(f"{home.page.address}/rules#voice")
            await page.click("#voice a[href='/rules/phrases']")
            await page.click("#raised a >> nth=1")
            await expect(page.locator("#record h2")).to_contain_text("有人跌倒")
            await fit(page)
            await pictured(page, "phrases-zh-360")
            await recorded(page, seconds)
            own = recordings.read(file)
            assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
            assert own[RATE // 4 : RATE].tobytes() in await played(page), "what is played is the recording"
            await page.emulate_media(color_scheme="dark")
            await page.set_viewport_size({"width": 1200, "height": 900})
            await page.goto(f"{home.page.address}/rules/phrases?phrase=raised.fall&lang=en")
            await pictured(page, "phrases-own-en-wide-dark")
            whole = file.read_bytes()
            file.write_bytes(whole[:-999])
            assert own[RATE // 4 : RATE].tobytes() not in await played(page)
            assert "damaged" in await page.inner_text("#record .notice.bad"), "the shipped phrase was heard, and it is said"
            async with page.expect_navigation():
                await page.click("#record form[action*=shipped] button")
            assert not file.exists()
            assert EN["phrases.as_shipped"] in await page.inner_text("#record")
            assert not await page.locator("#record form[action*=shipped]").count()
            await context.close()
        voices = [p for p in tmp_path.rglob("*") if p.is_file() and whole[400:900] in p.read_bytes()]
        assert voices == [], "nothing of it is left anywhere"
