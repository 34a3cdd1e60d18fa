"""The icons of a phone's home screen, drawn from icon.svg: python -m tests.write.icons."""

import asyncio

from gateway.page.assets import FOLDER

from tests.page.served import chromium

SIZES = (192, 512)


async def main():
    drawn = (FOLDER / "icon.svg").read_text(encoding="utf-8")
    full = drawn.replace(' rx="14"', "")  # a phone cuts its own corners
    async with chromium() as browser:
        for size in SIZES:
            page = await browser.new_page(viewport={"width": size, "height": size})
            await page.set_content(f"<style>body{{margin:0}}svg{{display:block;width:{size}px}}</style>{full}")
            await page.screenshot(path=FOLDER / f"icon-{size}.png")


if __name__ == "__main__":
    asyncio.run(main())
