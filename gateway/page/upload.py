"""A form with a file in it, as a browser sends it; its bound stands in the guard."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Depends, Request

from gateway.page.guard import TooLarge
from gateway.page.visitor import Stop

_BOUNDARY: Final = re.compile(
    r"multipart/form-data;\s*boundary=\"?([A-Za-z0-9'()+_,./:=?-]{1,70})\"?", re.IGNORECASE
)
_NAME: Final = re.compile(
    rb'^content-disposition:[^\r\n]*;\s*name="([a-z]{1,20})"', re.IGNORECASE | re.MULTILINE
)
PARTS = 10  # of one form


async def uploaded(request: Request) -> dict[str, bytes] | None:
    """Return the parts of a form with a file, None where it is too large."""
    kind = _BOUNDARY.fullmatch(request.headers.get("content-type", ""))
    try:
        body = await request.body()
    except TooLarge:
        return None
    if not kind:
        raise Stop(403, "form_old")
    out: dict[str, bytes] = {}
    for piece in (b"\r\n" + body).split(b"\r\n--" + kind[1].encode(), PARTS + 1)[1:]:
        head, found, content = piece.partition(b"\r\n\r\n")
        if piece.startswith(b"--") or not found:  # the end, or none
            break
        if name := _NAME.search(head):
            out[name[1].decode()] = content
    return out


def said_in(parts: Mapping[str, bytes]) -> dict[str, str]:
    """Return the fields beside the file, as a form without one would have them."""
    return {
        name: part.decode(errors="replace")
        for name, part in parts.items()
        if name != "file" and len(part) <= 400
    }


Upload = Annotated[dict[str, bytes] | None, Depends(uploaded)]
