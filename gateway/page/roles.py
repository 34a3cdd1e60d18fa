"""Which places each role has: a technician all, a supervisor figures and records, family one."""

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
FAMILY: Final = "/family"  # the one page of a relative, who has no navigation


def places(role: Role | None) -> tuple[tuple[str, str], ...]:
    """Return what the navigation has for a role."""
    return _PLACES.get(role, ()) if role is not None else ()


def first(role: Role | None) -> str:
    """Return the page that a role comes to."""
    return next((where for _, where in places(role)), FAMILY)
