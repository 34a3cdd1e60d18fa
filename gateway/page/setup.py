"""Set up: the way to everything that a technician sets in a home."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gateway.page.change import current
from gateway.page.visitor import Reader

router = APIRouter()


@router.get("/setup")
def setup(v: Reader) -> Response:
    """Show what can be set, to a supervisor what can be looked at."""
    current(v)
    return v.render("setup.html")
