"""On a technician's phone, with the real daemon: a drill from the button to its result, a beacon that is somebody's badge, a light on a relay.

Set PICTURES to a folder to look at what the phone shows.
"""

from tests.page.served import IN_A_BROWSER, chromium
from tests.page.test_answers_browser import signed_in
from tests.page.test_browser import CONFIG, Home, is_accessible, is_fit_for_a_finger
from tests.page.test_walk_browser import pictured

pytestmark = IN_A_BROWSER
CALLS = '[[ladder]]\nresponder = "daughter"\nchannel = "program"\nprogram = ["/bin/true"]\n'
BADGE = "/sensors/new?model=ibeacon&address=A4:C1:38:00:53:77"


async def is_good(page, name):
    await is_accessible(page)
    await is_fit_for_a_finger(page)
    await pictured(page, name)


async def test_a_drill_goes_from_the_button_to_its_result_and_a_badge_and_a_light_are_set_up(tmp_path):
    with Home(tmp_path, config=CONFIG + CALLS) as home:
        async with chromium() as browser:
            context = await browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
            page = await signed_in(context, home)
            broken = []
            page.on("pageerror", lambda e: broken.append(str(e)))
            await drilled(page, home)
            await badge_and_light(page, home)
            assert broken == []


async def drilled(page, home):
    await page.goto(f"{home.page.address}/test")
    async with page.expect_navigation():
        await page.get_by_role("link", name="Drill").click()
    await is_good(page, "drill-en-360")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Begin the drill").click()
    await page.wait_for_selector(".needs li.open")
    home.press()
    await page.wait_for_selector(".needs li:not(.open):has-text('daughter was told')")
    await is_good(page, "drill-runs-en-360")
    await page.goto(home.page.address)
    async with page.expect_navigation():
        await page.get_by_role("button", name="I will take it").click()
    await page.goto(f"{home.page.address}/drill?lang=zh")
    await page.wait_for_selector(".needs li:not(.open):has-text('daughter应答了')")
    async with page.expect_navigation():
        await page.get_by_role("button", name="结束演练").click()
    await page.wait_for_selector("h2:has-text('上一次演练')")
    await is_good(page, "drill-over-zh-360")


async def badge_and_light(page, home):
    await page.goto(home.page.address + BADGE)
    await page.locator("details.badge summary").click()
    await page.fill("#d-badge", "daughter")
    await is_good(page, "badge-zh-360")
    async with page.expect_navigation():
        await page.locator("#device button.main").click()
    await page.wait_for_selector(".banner:has-text('让工牌靠近网关')")
    await is_good(page, "badge-confirm-zh-360")
    await page.goto(f"{home.page.address}/sensors?lang=en")
    assert "Badge: daughter" in await page.inner_text("main")
    await pictured(page, "sensors-badge-en-360")

    await page.emulate_media(color_scheme="dark")
    await page.goto(f"{home.page.address}/rules#ladder")
    await page.get_by_role("button", name="Add a rung").click()
    await page.wait_for_selector("[name=channel-3]")
    await page.select_option("[name=channel-3]", "relay")
    await page.fill("[name=responder-3]", "light")
    await page.fill("[name=output-3]", "gpio:17")
    await is_good(page, "relay-en-360-dark")
    async with page.expect_navigation():
        await page.locator("#ladder button.main").last.click()
    await page.goto(f"{home.page.address}/rules#calls")
    await page.wait_for_selector("#calls :text('light or siren')")
    await pictured(page, "relay-saved-en-360-dark")
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.goto(f"{home.page.address}/drill?lang=zh")
    await pictured(page, "drill-zh-wide-dark")
