"""What a technician takes away or leaves behind, clicked on a phone: silence, shelf, absence, table, bundle, a certificate of one's own."""

import csv
import io
import json
import re
import ssl
import urllib.request
import zipfile
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.page.papers import fingerprint
from playwright.async_api import expect

from tests.kit.brokers import Authority
from tests.kit.wait import PATIENCE
from tests.page.household import PASSWORD
from tests.page.served import IN_A_BROWSER, chromium
from tests.page.test_browser import CONFIG, GATEWAY, Home
from tests.page.test_journey import PHONE, Said, fit, opened

pytestmark = IN_A_BROWSER

HOME = ZoneInfo("Asia/Shanghai")
DOOR = CONFIG.replace('id = "front-door"\nmodel = "bthome-v2"', 'id = "front-door"\nmodel = "shelly-blu-door"')  # no life hangs on it


async def test_silence_shelf_absence_table_bundle_and_a_certificate_of_ones_own(tmp_path):  # noqa: PLR0915  one visit
    t = Said("zh")
    with Home(tmp_path, config=DOOR) as home:
        async with chromium() as browser:
            page, trouble = await opened(browser, home, "zh")
            home.press()
            card = page.locator(".alarm")
            await card.wait_for()

            # silence stops the noise, and nothing else
            await card.get_by_role("button", name=t("do.silence")).click()
            await expect(card.locator(".tag", has_text=t("alarm.silenced"))).to_be_visible()
            await expect(card.locator(".state")).to_have_text(t("state.raised"))

            # a device is shelved until a time, with a reason; a button that calls is not
            await page.goto(home.page.address)
            await page.get_by_role("link", name="hall").first.click()
            await page.locator("summary", has_text=t("do.shelve")).click()
            shelve = page.get_by_role("button", name=t("do.shelve"))
            async with page.expect_navigation():
                await shelve.click()
            await expect(page.locator("[name=reason]")).to_have_attribute("aria-invalid", "true")
            await page.locator("[name=hours]").select_option("4")
            await page.locator("[name=reason]").fill("painters in the hall")
            async with page.expect_navigation():
                await shelve.click()
            ends = datetime.now(HOME) + timedelta(hours=4)
            shelved = page.locator(".tag.shelved")
            await expect(shelved).to_have_text(re.compile(rf"{(ends - timedelta(minutes=1)):%H:%M}|{ends:%H:%M}"))
            await fit(page)
            async with page.expect_navigation():
                await page.get_by_role("button", name=t("do.unshelve")).click()
            await expect(shelved).to_have_count(0)
            await page.goto(f"{home.page.address}/devices/pendant")
            await expect(page.get_by_text(t("device.desk_shelves"))).to_be_visible()
            await expect(page.locator("summary", has_text=t("do.shelve"))).to_have_count(0)
            await page.goto(home.page.address)

            # away until a time that is still to come
            until = datetime.now(HOME).replace(second=0, microsecond=0)
            await page.fill("[name=until]", f"{until - timedelta(hours=2):%Y-%m-%dT%H:%M}")
            await page.get_by_role("button", name=t("do.away")).click()
            await expect(page.locator("#away-until")).to_have_attribute("aria-invalid", "true")
            await page.fill("[name=until]", f"{until + timedelta(hours=3):%Y-%m-%dT%H:%M}")
            await page.get_by_role("button", name=t("do.away")).click()
            await expect(page.locator(".banner .tag")).to_contain_text(f"{until + timedelta(hours=3):%H:%M}")
            await page.get_by_role("button", name=t("do.home")).click()
            await expect(page.locator(".banner .tag")).to_have_count(0)

            # what people call a device: on the page at once, in no log
            await page.goto(f"{home.page.address}/sensors")
            await page.locator(".device", has=page.locator("#d-pendant")).get_by_role("link", name=t("sensor.change")).click()
            await page.fill("[name=label]", "床头按钮")
            await page.locator(".choice", has_text="卧室").click()
            await page.locator("main button.main").click()
            await expect(page.locator(".notice.good")).to_be_visible()
            await expect(page.locator("#d-pendant")).to_contain_text("卧室 · 床头按钮")
            await page.goto(home.page.address)
            await expect(card.locator(".where")).to_contain_text("床头按钮")
            await expect(page.locator(".devices .day-row", has_text="床头按钮")).to_have_count(1)
            for at in ("/walk", "/certificate", "/journal", "/devices/pendant"):
                await page.goto(home.page.address + at)
                await expect(page.locator("main")).to_contain_text("床头按钮")

            # the table of alarms
            await page.goto(f"{home.page.address}/alarms")
            async with page.expect_download() as waiting:
                await page.get_by_role("link", name=t("alarms.csv")).click()
            text = (await (await waiting.value).path()).read_bytes().decode("utf-8-sig")
            (row,) = csv.DictReader(io.StringIO(text))
            assert (row["kind"], row["种类"], row["device"], row["state"], row["test"]) == ("person.sos", "求救", "pendant", "raised", "")
            assert datetime.fromisoformat(row["alarm_utc"]).tzinfo is not None
            assert float(row["alarm_s"]) < 2

            # the bundle for a fault that is looked for from afar
            await page.goto(f"{home.page.address}/box")
            async with page.expect_download() as waiting:
                await page.get_by_role("link", name=t("self.diagnostics_go")).click()
            with zipfile.ZipFile(await (await waiting.value).path()) as files:
                inside = {name: files.read(name).decode() for name in files.namelist()}
            assert set(inside) == {"README.txt", "status.json", "journal.jsonl", "readings.json", "versions.json"}
            assert [json.loads(line) for line in inside["journal.jsonl"].splitlines()]
            assert json.loads(inside["status.json"])["gateway"] == GATEWAY
            for name in ("T-07", PASSWORD, home.code(), "bedroom", "hall", "卧室", "床头", "grid worker", "painters", "too loud"):
                assert not [file for file, text in inside.items() if name and name in text], name

            await own_certificate(page, home, t, tmp_path, browser)
            assert not trouble, trouble
        logs = (tmp_path / "daemon.log").read_text() + (tmp_path / "page.log").read_text() + (tmp_path / "run" / "status.json").read_text()
        assert "床头" not in logs


async def own_certificate(page, home, t, folder, browser):
    """Install a certificate with a key of another, then one that fits: it is served from then on, and can be taken away."""
    authority = Authority(folder)
    mine, other = authority.issue("box", hosts=("127.0.0.1", "localhost")), authority.issue("other")
    port = int(re.search(r"\[page\].*?\nport = (\d+)", home.path.read_text(), re.DOTALL)[1])

    def served():
        return ssl.get_server_certificate(("127.0.0.1", port), timeout=PATIENCE).strip()

    before = served()
    await page.goto(f"{home.page.address}/box")
    papers = page.locator("#papers")
    await papers.locator("summary").click()
    for key, well in ((other.key, False), (mine.key, True)):
        await papers.locator("[name=certificate]").fill(mine.cert.read_text())
        await papers.locator("[name=private]").fill(key.read_text())
        await papers.get_by_role("button", name=t("save")).click()
        if well:
            await expect(papers).to_contain_text(t("self.papers_own"))
        else:
            await expect(papers.locator("[name=private]")).to_have_attribute("aria-invalid", "true")
            assert "PRIVATE KEY" not in await page.content(), "a key is never sent back"
            assert served() == before
    await expect(papers).to_contain_text(fingerprint(mine.cert)[:20])
    await fit(page)
    assert served() == mine.cert.read_text().strip()
    trust = ssl.create_default_context(cafile=str(authority.ca))
    with urllib.request.urlopen(f"https://127.0.0.1:{port}/static/icon.svg", context=trust, timeout=PATIENCE) as answer:
        assert answer.status == 200, "trusted by who trusts its authority"
    context = await browser.new_context(viewport=PHONE, ignore_https_errors=True)
    secure = await context.new_page()
    await secure.goto(f"https://127.0.0.1:{port}/sign-in")
    await secure.fill("[name=name]", "T-07")
    await secure.fill("[name=password]", PASSWORD)
    await secure.click("main button.main")
    await expect(secure.locator(".banner").first).to_be_visible()
    await context.close()
    await page.get_by_role("button", name=t("self.papers_remove")).click()
    await expect(papers).to_contain_text(t("self.papers_box"))
    assert served() == before
