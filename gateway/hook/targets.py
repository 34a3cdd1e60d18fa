"""Where a webhook is and how it is signed: `hooks.toml`, a secret file its owner alone may read.

    [hooks.desk]
    url = "https://county.example/alarms"
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLUw="
    ca = "/etc/ssl/county.pem"           # only where no authority of the system signed it

A target has an id everywhere else: an address may hold a token.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from gateway.box.private import NotSetUp, toml_of
from gateway.words.say import Say

MOST: Final = 20  # targets
FILE: Final = "hooks.toml"  # beside gateway.toml, written by hand
OWN_FILE: Final = "household-hooks.toml"  # in the state folder: what was typed on the page
PREFIX: Final = "whsec_"
SECRET: Final = range(24, 65)  # bytes of a key, by the specification
URL_MOST: Final = 1000
# what stands in an address by RFC 3986
_LETTERS: Final = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*\Z")
_HOME: Final = (".local", ".lan", ".home", ".internal", ".home.arpa")  # names of a home's network
ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}\Z")


class Target(Struct, frozen=True):
    """One address. Its text form has no secret."""

    name: str
    url: str
    key: bytes
    ca: str = ""

    def __repr__(self) -> str:
        return f"Target({self.name})"


def key_of(secret: str) -> bytes | None:
    """Return the key of a secret as it is handed out, None where it is none."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) in SECRET else None


def parts_of(url: str) -> SplitResult | None:
    """Return the parts of an address, None where it is none that may be used."""
    return urlsplit(url) if wrong(url) is None else None


def wrong(url: str) -> Say | None:
    """Return what is wrong with an address, and what to do; None for one that may be used.

    https, or http to this very box; no user, no password, nothing that is no letter of an address.
    The sentence has no word of it.
    """
    if len(url) > URL_MOST:
        return Say("hook.url_long", most=URL_MOST)
    if not _LETTERS.match(url):
        return Say("hook.url_letters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return Say("hook.url_form")
    if "@" in parts.netloc:
        return Say("hook.url_password")
    if not host or "#" in url or port == 0 or parts.scheme not in {"https", "http"}:
        return Say("hook.url_form")
    return Say("hook.url_plain") if parts.scheme == "http" and not _is_here(host) else None


def inside(url: str) -> bool:
    """Say whether a usable address is by its own words in the home's network, not on this box."""
    host = urlsplit(url).hostname or ""
    try:
        at = ipaddress.ip_address(host)
    except ValueError:
        return host != "localhost" and ("." not in host.rstrip(".") or host.endswith(_HOME))
    return not at.is_global and not at.is_loopback


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def one(name: str, *files: Path) -> Target:
    """Return a target of those of these files that are there; the first goes before.

    One of them may be wrong: what stands in another is told all the same. Raises NotSetUp.
    """
    trouble, found = "", False
    for path in files:
        try:
            known = read(path) if path.exists() else {}
        except NotSetUp as wrong:
            trouble = str(wrong)
            continue
        if name in known:
            return known[name]
        found = found or bool(known)
    raise NotSetUp(
        trouble
        or (f"no webhook is called {name!r}" if found else f"{files[-1]}: no webhook stands there")
    )


def read(path: Path) -> Mapping[str, Target]:
    """Read one file. Raises NotSetUp where it is wrong, or others may read it."""
    found = toml_of(path)
    listed = found.get("hooks", {})
    if found.keys() - {"hooks"} or not isinstance(listed, dict) or len(listed) > MOST:
        raise NotSetUp(f"{path}: hooks: a part for each target, at most {MOST}")
    return {name: _target(path, name, facts) for name, facts in listed.items()}


def _target(path: Path, name: str, facts: Any) -> Target:
    if not ID.match(name):
        raise NotSetUp(f"{path}: hooks: {name!r}: lower-case letters, digits, . _ -")
    if not isinstance(facts, dict) or facts.keys() - {"url", "secret", "ca"}:
        raise NotSetUp(f"{path}: hooks.{name}: url, secret and ca are known")
    url, secret, ca = (facts.get(word, "") for word in ("url", "secret", "ca"))
    why = wrong(url) if isinstance(url, str) else Say("hook.url_form")
    if why is not None:
        raise NotSetUp(f"{path}: hooks.{name}: url: {why.zh} {why.en}")
    key = key_of(secret) if isinstance(secret, str) else None
    if key is None:
        raise NotSetUp(f"{path}: hooks.{name}: secret: whsec_ and 24 to 64 bytes as base64")
    if not isinstance(ca, str):
        raise NotSetUp(f"{path}: hooks.{name}: ca: the path of a file")
    return Target(name, url, key, ca)
