"""Every page in both languages, light and dark, on a phone and a desktop: python -m tests.write.screenshots [--docs] [FOLDER].

The household is the example of the tests. With --docs only the manual's pictures are made, into docs/.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.kit.ports import free_port
from tests.page import style
from tests.page.conftest import Box
from tests.page.household import MODELS, PASSWORD, ROOMS, Example
from tests.page.served import ROOT, Page, chromium

PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 860}
NEW = "/sensors/new?address=A4:C1:38:5E:53:07&model=shelly-blu-button"
TAUGHT = "/sensors/new?via=bridge&signal=12F70A&model=ev1527-door"
PAGES = (
    "/",
    "/alarms",
    "/alarms/2",
    "/journal",
    "/journal?what=visits",
    "/test",
    "/box",
    "/home",
    "/sensors",
    "/sensors/add",
    NEW,
    "/sensors/confirm?device=pendant&told=x",
    TAUGHT,
    "/sensors/change?device=pendant",
    "/sensors/radar?device=bedroom-radar",
    "/sensors/port?port=/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0",
    "/setup",
    "/platform",
    "/rules",
    "/walk",
    "/certificate",
    "/certificate/1",
    "/devices/front-door",
    "/moving",
)


class Shown(NamedTuple):
    """One picture of the manual: which page it shows, and whether the home is calm then or has open alarms.

    `part` is what ends above the bar at the foot; "" = the page as it opens.
    """

    path: str
    lang: str = "zh"
    theme: str = "light"
    calm: bool = False
    part: str = ""


# The pictures of README.md and docs/, by the names of their files there: each as a phone shows it first.
SHOWN = {
    "page-today-zh": Shown("/"),
    "page-today-en": Shown("/", "en", "dark"),
    "page-alarm-zh": Shown("/alarms/2"),
    "page-first-zh": Shown("/first"),
    "page-setup-zh": Shown("/setup", calm=True),
    "page-found-zh": Shown("/sensors/add"),
    "page-platform-zh": Shown("/platform"),
    "page-voice-zh": Shown("/rules", part="#voice"),
    "page-walk-zh": Shown("/walk", calm=True, part=".walk.running"),
    "page-certificate-zh": Shown("/certificate", calm=True),
    "page-backup-zh": Shown("/moving", calm=True),
}
WALKED = {"device": "pendant", "left_s": 262.0, "packets": 6, "readings": 2, "presses": 2, "receipts": 2}
WALKED |= {"worst_dbm": -68, "signals_dbm": "-64 -68", "receipt_s": 0.82}


def named(path):
    return {"/": "today", "/alarms/2": "alarm", "/journal?what=visits": "visits", NEW: "sensor-new", TAUGHT: "sensor-taught"}.get(
        path, path.partition("?")[0].strip("/").replace("/", "-")
    )


DEVICE = """
[[device]]
id = "{id}"
model = "{model}"
room = "{room}"
address = "A4:C1:38:00:53:{n:02X}"
"""


WIRED = """
[[device]]
id = "bedroom-radar"
model = "micradar-r60afd1"
room = "卧室"
port = "/dev/serial/by-id/usb-radar"
[[device]]
id = "bridge"
model = "sonoff-rfbridge"
room = "客厅"
port = "/dev/serial/by-id/usb-433"
"""


def adjusted():
    """Return a radar that was just set, and took one thing otherwise and one not at all."""
    rows = [
        ("height", 250.0, 250.0, "ok"),
        ("fall_on", 1.0, 1.0, "ok"),
        ("sensitivity", 3.0, 2.0, "differs"),
        ("fall_duration", 20.0, None, "no_answer"),
    ]
    shown = [dict(zip(("name", "wanted", "read", "verdict"), row, strict=True)) for row in rows]
    return {"instruction": "x", "device": "bedroom-radar", "port": "", "over": True, "trouble": "", "rows": shown}


def set_up(example):
    """Enrol the example's devices in its configuration, and let its radio hear some strangers."""
    radio = {d: m for d, m in MODELS.items() if m != "radar-5359"}
    text = "".join(DEVICE.format(id=d, model=m, room=ROOMS[d], n=n) for n, (d, m) in enumerate(radio.items(), 1)) + WIRED
    example.path.write_text(example.path.read_text(encoding="utf-8") + text, encoding="utf-8")
    example.say(ports=["/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0"], fitting=adjusted())
    now = time.monotonic()
    told = {
        "enrollable": True,
        "address_kind": "public",
        "title": ["", ""],
        "refused": "",
        "told": {},
        "silent_s": 2.4,
        "acted_s": None,
        "enrolled": "",
    }
    heard = [
        told
        | {
            "address": "A4:C1:38:5E:53:07",
            "name": "SBBT-002C",
            "model": "shelly-blu-button",
            "maker": "BTHome",
            "needs_key": True,
            "packets": 14,
            "rssi": -71,
            "best": -68,
            "silent_s": 0.6,
            "acted_s": 0.6,
        },
        told
        | {
            "address": "A4:C1:38:5E:53:11",
            "name": "SBDW-002C",
            "model": "shelly-blu-door",
            "maker": "BTHome",
            "needs_key": False,
            "packets": 41,
            "rssi": -55,
            "best": -52,
            "told": {"contact_open": [False]},
        },
        told
        | {
            "address": "58:2D:34:10:20:30",
            "name": "",
            "model": "qingping",
            "maker": "Qingping",
            "needs_key": False,
            "packets": 8,
            "rssi": -92,
            "best": -90,
        },
        told
        | {
            "address": "A4:C1:38:00:53:01",
            "name": "",
            "model": "shelly-blu-button",
            "maker": "BTHome",
            "needs_key": False,
            "packets": 3,
            "rssi": -64,
            "best": -60,
            "enrolled": "pendant",
        },
        told
        | {
            "address": "5B:2D:34:10:20:30",
            "name": "",
            "model": "",
            "maker": "Apple",
            "needs_key": False,
            "packets": 90,
            "rssi": -80,
            "best": -78,
            "enrollable": False,
        },
    ]
    # Written as if in an hour: the pictures take their time, and all of them show the same moment.
    facts = {
        "opened": now - 25,
        "written": now + 3600,
        "until": now + 3600 + 215,
        "open": True,
        "radios": [""],
        "forgotten": 0,
        "heard": heard,
        "signals": [
            {
                "receiver": "bridge",
                "signal": code,
                "times": 3,
                "rssi": 0,
                "enrolled": "",
                "model": "",
                "told": {},
                "silent_s": s,
                "acted_s": s,
            }
            for code, s in (("12F70A", 1.2), ("12F70E", 40.0))
        ],
    }
    (example.config.runtime / "nearby.json").write_text(json.dumps(facts), encoding="utf-8")


async def claimed(context, address, code, first):
    """Sign in for the first time; `first` looks at the page before."""
    page = await context.new_page()
    await first(page)
    for name, text in (("code", code), ("name", "T-07"), ("password", PASSWORD)):
        await page.fill(f"[name={name}]", text)
    await page.click("main button.main")
    await page.wait_for_selector(".banner")
    return await context.storage_state()


async def taken(browser, address, code, out, *, calm, styled):
    async def first(page):
        for lang in ("zh", "en"):
            await page.goto(f"{address}/first?lang={lang}")
            await page.screenshot(path=out / f"first-{lang}-light-phone.png", full_page=True)

    context = await browser.new_context(viewport=PHONE, device_scale_factor=2)
    state = await claimed(context, address, code, first)
    await context.close()
    for size, view in (("phone", PHONE), ("desk", DESK)):
        for lang in ("zh", "en"):
            for theme in ("light", "dark"):
                context = await browser.new_context(viewport=view, storage_state=state, device_scale_factor=1.5 if size == "phone" else 1)
                await style.laid(context, styled)
                page = await context.new_page()
                await page.goto(f"{address}/box?lang={lang}&theme={theme}")
                for path in ("/",) if calm else (*PAGES, f"/style?lang={lang}&theme={theme}"):
                    await page.goto(address + path)
                    await page.wait_for_timeout(300)
                    tall = await page.evaluate("document.documentElement.scrollHeight")
                    await page.set_viewport_size({**view, "height": max(view["height"], tall)})  # the bar stands at the foot
                    name = f"{'calm' if calm else named(path)}-{lang}-{theme}-{size}"
                    await page.screenshot(path=out / f"{name}.png")
                    await page.set_viewport_size(view)
                await context.close()


async def pictured(browser, address, code, out, *, calm):
    """Make the manual's pictures: small, of what is seen first."""

    async def shot(page, name):
        await page.wait_for_timeout(400)
        await page.screenshot(path=out / f"{name}.jpg", type="jpeg", quality=72)

    async def first(page):
        await page.goto(f"{address}/first?lang=zh")
        if not calm:
            await shot(page, "page-first-zh")

    context = await browser.new_context(viewport=PHONE)
    state = await claimed(context, address, code, first)
    await context.close()
    for name, shown in SHOWN.items():
        if shown.calm is not calm or shown.path == "/first":
            continue
        context = await browser.new_context(viewport=PHONE, storage_state=state)
        page = await context.new_page()
        await page.goto(f"{address}/box?lang={shown.lang}&theme={shown.theme}")
        await page.goto(address + shown.path)
        if shown.part:
            await page.locator(shown.part).evaluate("one => { one.scrollIntoView({block: 'end'}); scrollBy(0, -30) }")  # above the bar
        await shot(page, name)
        await context.close()


async def main(out, *, docs):
    out.mkdir(parents=True, exist_ok=True)
    for calm in (False, True):
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
            http = free_port()
            example = await asyncio.to_thread(Example, Path(folder), open_alarms=not calm, calm=calm, port=free_port(), http=http)
            set_up(example)
            if docs:  # a home as it is shipped, and somebody who walks through it
                example.path.write_text(example.path.read_text(encoding="utf-8").replace("voice = false\n", ""), encoding="utf-8")
                example.say(walk=WALKED if calm else None)
                for signed in example.config.state.glob("certificate-*.json") if calm else ():
                    signed.unlink()  # a home that is being installed
            beside = Box(await asyncio.to_thread(example.copy, Path(other)))  # shows what the shipped page has not
            style.mounted(beside.app, beside.page)
            with Page(example.path, http, Path(folder) / "page.log") as page:
                code = (example.config.page_folder / "page-code").read_text().strip()
                async with chromium() as browser, contextlib.aclosing(await beside.technician()) as styled:
                    if docs:
                        await pictured(browser, page.address, code, out, calm=calm)
                    else:
                        await taken(browser, page.address, code, out, calm=calm, styled=styled)
    made = [out / f"{name}.jpg" for name in SHOWN] if docs else [*out.glob("*.png")]
    print(f"{len(made)} pictures in {out}, {sum(file.stat().st_size for file in made) // 1000} kB")


if __name__ == "__main__":
    words = [w for w in sys.argv[1:] if not w.startswith("--")]
    for_docs = "--docs" in sys.argv
    folder = Path(words[0]) if words else ROOT / "docs" if for_docs else ROOT / "build" / "screenshots"
    asyncio.run(main(folder, docs=for_docs))
