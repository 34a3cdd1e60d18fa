"""`/style`: the page's design system on one page, made of the page's own style, macros and words.

The shipped page has no such address: tests and screenshots mount it on theirs.
"""

import re
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import Response
from gateway.page import acts, assets, today
from gateway.page.visitor import Technician
from jinja2 import ChoiceLoader, FileSystemLoader

HERE = Path(__file__).parent
TOKENS = dict(re.findall(r"--([\w-]+):\s*([^;]+);", assets.STYLE.partition('[data-theme="dark"]')[0]))
ICONS = re.findall(r'^"([\w-]+)": "M', (assets.FOLDER.parent / "templates" / "_icons.html").read_text(encoding="utf-8"), re.MULTILINE)
LIGHTS = ("paper", "card", "sunk", "ink", "soft", "line", "field", "main", "on-main", "link", "tint")
STATUS = ("red", "red-card", "alarm", "amber", "amber-card", "green", "green-card", "blue", "blue-card")
CHART = ("there", "moves", "open", "press", "danger", "heard", "hour", "night")


def px(token):
    """A size of the scale in pixels of the page's own text."""
    value, base = TOKENS[token], 16 * float(TOKENS["base"].removesuffix("%")) / 100
    return float(value.removesuffix("rem")) * base if value.endswith("rem") else float(value.removesuffix("px"))


def mounted(guard, page):
    """Let an application show it; `guard` and `page` are what the page's `made` returns."""
    page.environment.loader = ChoiceLoader([page.environment.loader, FileSystemLoader(HERE / "templates")])
    guard._app.add_api_route("/style", style)


def style(v: Technician) -> Response:
    """Show the design system, with the values of the home that is served."""
    values = today.home(v) | {"wrong": acts.Wrong(""), "once": acts.once}
    colours = (("neutral", LIGHTS), ("status", STATUS), ("chart", CHART))
    spaces = [(f"s{n}", px(f"s{n}")) for n in range(1, 9)]
    return v.render("style.html", icons=ICONS, colours=colours, spaces=spaces, types=[(n, px(f"t{n}")) for n in range(1, 9)], **values)


async def laid(context, client):
    """Let a browser find it beside the pages of a home that is served; `client` asks an application that has it mounted."""

    async def answer(route):
        made = await client.get(f"/style?{urlsplit(route.request.url).query}")
        kept = {name: made.headers[name] for name in ("content-type", "content-security-policy")}
        await route.fulfill(status=made.status_code, body=made.text, headers=kept)

    await context.route(re.compile(r"/style(\?|$)"), answer)
