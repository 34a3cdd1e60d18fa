"""Which places each role has: a technician all of them, a supervisor figures and records."""

from __future__ import annotations

from typing import Final

from gateway.page.accounts import Role

# What the navigation has. "setup" leads to the places of SETUP: what is new there is put in when it
# works.
PLACES: Final = (
    ("today", "/"),
    ("alarms", "/alarms"),
    ("journal", "/journal"),
    ("test", "/test"),
    ("setup", "/setup"),
    ("box", "/box"),
)
SETUP: Final[tuple[tuple[str, str], ...]] = (
    ("home", "/home"),
    ("sensors", "/sensors"),
    ("platform", "/platform"),
    ("rules", "/rules"),
    ("walk", "/walk"),
    ("certificate", "/certificate"),
    ("moving", "/moving"),
)
OVERSEEN: Final = (
    ("figures", "/figures"),
    ("alarms", "/alarms"),
    ("journal", "/journal"),
    ("certificate", "/certificate"),
    ("box", "/box"),
)
_PLACES: Final = {Role.TECHNICIAN: PLACES, Role.SUPERVISOR: OVERSEEN}


def places(role: Role | None) -> tuple[tuple[str, str], ...]:
    """Return what the navigation has for a role, the page it comes to first."""
    return _PLACES[role] if role is not None else ()
