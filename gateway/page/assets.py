"""The page's own files: read and compressed once, at an address that changes when one of them does.

A browser keeps them for good. Who comes for the first time gets the style inside the page: on a
slow line a second request would cost two seconds of a white screen. A cookie says that the file
has come too; the policy allows the style by its digest.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response

FOLDER: Final = Path(__file__).parent / "static"
KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
FOR_GOOD: Final = "public, max-age=31536000, immutable"
AN_HOUR: Final = "public, max-age=3600"  # under an address that does not change
COOKIE: Final = "style"


@dataclass(frozen=True, slots=True)
class File:
    """One file, as it is and as it is sent."""

    kind: str
    plain: bytes
    packed: bytes


class _Style:
    """The style as it stands inside a page: ours, so not to be escaped."""

    def __html__(self) -> str:
        return STYLE


def _read() -> dict[str, File]:
    return {
        path.name: File(KINDS[path.suffix], plain := path.read_bytes(), gzip.compress(plain, 9))
        for path in sorted(FOLDER.iterdir())
        if path.suffix in KINDS
    }


FILES: Final = _read()
VERSION: Final = hashlib.sha256(
    b"".join(name.encode() + b"\0" + file.plain for name, file in FILES.items())
).hexdigest()[:12]
STYLE: Final = next(f.plain for name, f in FILES.items() if name.endswith(".css")).decode()
STYLE_DIGEST: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# What every template knows.
GLOBALS: Final = {"style": _Style(), "asset": lambda name: f"/static/{VERSION}/{name}"}

router = APIRouter()


@router.api_route("/static/{name}", methods=["GET", "HEAD"], include_in_schema=False)
async def file(request: Request, name: str) -> Response:
    """Return a file under its plain address."""
    return _answer(request, name, AN_HOUR)


@router.api_route("/static/{version}/{name}", methods=["GET", "HEAD"], include_in_schema=False)
async def versioned(request: Request, version: str, name: str) -> Response:
    """Return a file for good; to a page from before an update, what there is now."""
    return _answer(request, name, FOR_GOOD if version == VERSION else "no-cache")


def _answer(request: Request, name: str, keep: str) -> Response:
    found = FILES.get(name)
    if found is None:
        raise HTTPException(404)
    headers = {"cache-control": keep, "vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(found.plain, media_type=found.kind, headers=headers)
    headers["content-encoding"] = "gzip"
    return Response(found.packed, media_type=found.kind, headers=headers)
