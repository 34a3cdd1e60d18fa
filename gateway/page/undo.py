"""Taking the last change back, while the page offers it."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.page.change import configure, current
from gateway.page.offer import PAGES
from gateway.page.visitor import Fields, Stop, Technician, checked
from gateway.words.instruction import What

router = APIRouter()


@router.post("/undo")
async def undo(v: Technician, said: Fields) -> Response:
    """Take back what was shown, if nothing was changed since."""
    checked(v, said)
    if said.get("what") not in PAGES:
        raise Stop(404)
    await run_in_threadpool(current, v)
    answer = await configure(v, said, What.UNDO, {})
    if answer.accepted:
        return RedirectResponse(f"{PAGES[said['what']]}?undone=1", 303)
    return await run_in_threadpool(v.render, "error.html", 409, sentence=answer.sentence)
