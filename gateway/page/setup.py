"""Set up: the way to everything that a technician sets in a home."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gateway.page.change import current
from gateway.page.visitor import Technician

router = APIRouter()


@router.get("/setup")
def setup(v: Technician) -> Response:
    """Show what can be set."""
    current(v)
    return v.render("setup.html")
