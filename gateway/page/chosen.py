"""What may be chosen as the name and the password of an account."""

from __future__ import annotations

import re
from typing import Final

from gateway.home import strength
from gateway.page import label
from gateway.page.tries import Refusal

SHORTEST, LARGEST = 10, 200  # characters of a password
NAME: Final = re.compile(r"[\w.-][\w .-]{0,30}[\w.-]|[\w.-]")


def check_name(name: str) -> None:
    """Refuse what is no name."""
    if not NAME.fullmatch(name):
        raise Refusal("name_form", "name")


def check_password(password: str, name: str, code: str) -> None:
    """Refuse a password that is guessed too soon, or is the box's own code."""
    low = password.lower()
    if not SHORTEST <= len(password) <= LARGEST:
        raise Refusal("password_short" if len(password) < SHORTEST else "password_long", "password")
    if (len(name) > 3 and name.lower() in low) or strength.weak(
        password, strength.ACCOUNT, [name, "eldercare"]
    ):
        raise Refusal("password_common", "password")
    if code and label.plain(code) == label.plain(password):
        raise Refusal("password_is_code", "password")
