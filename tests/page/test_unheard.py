"""Today and the certificate say in the largest letters that nothing in this home can be heard, and that no rung goes without network."""

import html
import re

import pytest
from gateway.home import audible
from gateway.page.certificate import on_paper
from gateway.page.words import Words

from tests.kit.ports import free_port
from tests.page.household import CONFIG, PASSWORD
from tests.page.served import Page, chromium, in_a_browser

HEARD = (
    CONFIG.replace("voice = false", 'alarm = ["/bin/true"]')
    + '[[ladder]]\nresponder = "family"\nchannel = "program"\nprogram = ["/bin/cat"]\n'
)
PAGES = ("/", "/certificate")


def both(text):
    return all(html.escape(zh) in text and en in text for zh, en in audible.WORDS.values())


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_a_silent_home_says_so_in_both_languages(box, lang):
    technician = await box.technician()
    supervisor = await box.supervisor(technician)
    for browser, paths in ((technician, PAGES), (supervisor, PAGES[1:])):
        for path in paths:
            assert both((await browser.get(path, params={"lang": lang})).text), path
    box.example.path.write_text(HEARD.format(port=1, http=0))
    for path in PAGES:
        text = (await technician.get(path, params={"lang": lang})).text
        assert not any(en in text for _, en in audible.WORDS.values()), path


def test_an_older_document_and_a_newer_word_are_printed_too():
    what = {
        "passed": True,
        "household": "",
        "gateway": "g",
        "software": "1",
        "timezone": "Asia/Shanghai",
        "revision": 1,
        "steps": [],
        "configuration": "c" * 64,
        "devices": [],
        "missing": [],
        "times": {},
        "ladder": [],
        "platform": {"where": ""},
    }
    assert on_paper(Words("zh", None), what).get("lacks") is None
    assert on_paper(Words("en", None), what | {"form": 4, "lacks": ["silent", "of the future"]})["lacks"] == [
        audible.WORDS[audible.Lack.SILENT]
    ]


@in_a_browser
async def test_on_a_phone_no_letters_are_larger(lived, tmp_path):
    """What is said of a silent home is as large as what is said of an alarm, stands on the first screen of a calm one, and fits it."""
    example, http = lived.copy(tmp_path), free_port()
    example.path.write_text(CONFIG.format(port=free_port(), http=http))
    with Page(example.path, http, tmp_path / "log") as served:
        code = (example.config.page_folder / "page-code").read_text().strip()
        async with chromium() as browser:
            context = await browser.new_context(viewport={"width": 360, "height": 740})
            page = await context.new_page()
            await page.goto(f"{served.address}/first?lang=zh")
            for name, text in (("code", code), ("name", "T-07"), ("password", PASSWORD)):
                await page.fill(f"[name={name}]", text)
            await page.click("main button.main")
            for lang in ("zh", "en"):
                await page.goto(f"{served.address}/?lang={lang}")
                sizes = await page.eval_on_selector_all(
                    "main *", "all => all.filter(e => e.innerText).map(e => parseFloat(getComputedStyle(e).fontSize))"
                )
                said = page.locator(".unheard strong")
                assert await said.count() == 2
                own = [await said.nth(n).evaluate("e => parseFloat(getComputedStyle(e).fontSize)") for n in range(2)]
                assert min(own) >= max(sizes)
                assert await page.evaluate("document.documentElement.scrollWidth") <= 360
                assert re.search("听不到|heard", await said.first.inner_text())
