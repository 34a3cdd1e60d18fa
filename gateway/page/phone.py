"""What a phone keeps of the page: an icon on its home screen, and a word when the box is away.

A service worker shows `/opening` at once where the page is opened anew, and `/offline` or the help
where the box cannot be reached. It keeps our own files and these three pages, nothing of the home,
and answers no form. It shows what the box sends to a phone on duty (`notify.py`). Browsers allow
one only where they trust the certificate; elsewhere the page is the same without.
"""

from __future__ import annotations

import json
from typing import Final

from fastapi import APIRouter, Response

from gateway.page import assets
from gateway.page.visitor import Anyone
from gateway.page.words import LANGUAGES

router = APIRouter()
PAGES: Final = ("/opening", "/offline", "/help")
ICONS: Final = (("icon-192.png", "192x192", "any"), ("icon-512.png", "512x512", "any maskable"))
COLOUR: Final = "#0b6b5d"  # of the icon's ground


@router.get("/sw.js")
def worker() -> Response:
    """Return the worker, with what it keeps: its text changes with every file of the page."""
    kept = [f"/static/{assets.VERSION}/{name}" for name in assets.FILES]
    kept += [f"{path}?lang={language}" for path in PAGES for language in LANGUAGES]
    names = {language: words["app"] for language, words in LANGUAGES.items()}
    head = "".join(
        f"const {name} = {json.dumps(value, ensure_ascii=False)};\n"
        for name, value in (("VERSION", assets.VERSION), ("KEPT", kept), ("NAMES", names))
    )
    return Response(
        head + assets.FILES["worker.js"].plain.decode(),
        media_type="text/javascript; charset=utf-8",
        headers={"cache-control": "no-cache"},
    )


@router.get("/app.webmanifest")
def manifest(v: Anyone) -> Response:
    """Return the name and the icons of the home screen; with the home's number for who is in it."""
    name = v.words("app")
    made = {
        "name": f"{name} · {v.which}" if v.which else name,
        "short_name": v.which or v.words("app.short"),
        "lang": v.words.tag,
        "id": "/",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": COLOUR,
        "theme_color": COLOUR,
        "icons": [
            {
                "src": f"/static/{assets.VERSION}/{file}",
                "sizes": sizes,
                "type": "image/png",
                "purpose": purpose,
            }
            for file, sizes, purpose in ICONS
        ],
    }
    return Response(
        json.dumps(made, ensure_ascii=False),
        media_type="application/manifest+json",
        headers={"cache-control": "no-cache", "vary": "Cookie"},
    )


@router.get("/opening")
def opening(v: Anyone) -> Response:
    """Say that the page is on its way."""
    return v.render("kept.html", what="opening")


@router.get("/offline")
def offline(v: Anyone) -> Response:
    """Say that the box cannot be reached, what goes on nevertheless, and what to look at."""
    return v.render("kept.html", what="offline")
