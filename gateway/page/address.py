"""The address of a message broker as people type or paste it: a host name, `host:port`, or a whole `mqtts://user@host:port`.

It is read for what it says. What it cannot mean here is refused with what to type, as a key of the
catalogue.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

PLAIN: Final = frozenset({"mqtt", "tcp"})
SEALED: Final = frozenset({"mqtts", "ssl", "tls"})
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_PORT: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:/@\s]+):([0-9]{1,5})/?")


class Unreadable(Exception):
    """No usable address; `word` is the key of the catalogue that says what to type."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Address(NamedTuple):
    """What was typed. `port` is 0, `tls` None and the words "" where nothing is said of them."""

    host: str
    port: int = 0
    tls: bool | None = None
    user: str = ""
    password: str = ""
    path: str = ""


def read(text: str) -> Address:
    """Return what an address says. Raises Unreadable."""
    text = text.strip()
    if (scheme := _SCHEME.match(text)) is None:
        found = _PORT.fullmatch(text)
        return (
            Address(found[1].strip("[]"), _port(int(found[2])))
            if found
            else Address(text.strip("[]"))
        )
    name = scheme[1].lower()
    if name not in PLAIN | SEALED:
        raise Unreadable("wrong.scheme")
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError as error:
        raise Unreadable("wrong.url") from error
    if not host or parts.query or parts.fragment:
        raise Unreadable("wrong.url")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Address(
        host,
        0 if port is None else _port(port),
        name in SEALED,
        user,
        password,
        parts.path.strip("/"),
    )


def _port(number: int) -> int:
    if not 1 <= number <= 65535:
        raise Unreadable("wrong.port")
    return number
