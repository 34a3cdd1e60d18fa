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
HTTPS_PORT, HTTP_PORT = 443, 80
# what stands in an address by RFC 3986
_LETTERS: Final = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*\Z")
# names of a home's network, and those by which routers answer in it
_HOME: Final = (".local", ".localdomain", ".lan", ".home", ".internal", ".home.arpa")
_ROUTERS: Final = (".fritz.box", ".tplogin.cn", ".melogin.cn", ".miwifi.com", ".tplinkwifi.net")
# what libraries take for a part of an IPv4 address, each in its own way
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
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


def place_of(url: str) -> tuple[str, int, bool]:
    """Return host, port and whether TLS is spoken; an empty host for what is no usable address."""
    parts = parts_of(url)
    if parts is None:
        return "", HTTPS_PORT, True
    sealed = parts.scheme == "https"
    return parts.hostname or "", parts.port or (HTTPS_PORT if sealed else HTTP_PORT), sealed


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
    if _is_odd(host):
        return Say("hook.url_number")
    return Say("hook.url_plain") if parts.scheme == "http" and not is_here(host) else None


def inside(url: str) -> bool:
    """Say whether a usable address is by its own words in the home's network, not on this box."""
    host = urlsplit(url).hostname or ""
    try:
        at = ipaddress.ip_address(host)
    except ValueError:
        plain = host.rstrip(".")
        named = "." not in plain or f".{plain}".endswith(_HOME + _ROUTERS)
        return host != "localhost" and named
    return not at.is_global and not at.is_loopback


def _is_odd(host: str) -> bool:
    """Say whether a host is a number in a form that is no full dotted quad: 10.1 is 10.0.0.1."""
    if not _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2].lower()):
        return False
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return True
    return False


def is_here(host: str) -> bool:
    """Say whether a host is this very box."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def one(name: str, *files: Path) -> Target:
    """Return a target of those of these files that are there; the first goes before.

    One of them may be wrong, or another entry: this one is told all the same. Raises NotSetUp.
    """
    trouble, found = list[str](), False
    for path in files:
        try:
            there = entries(path) if path.exists() else {}
        except NotSetUp as wrong:
            trouble.append(str(wrong))
            continue
        wanted = there.get(name)
        if isinstance(wanted, Target):
            return wanted
        others = [str(one) for one in there.values() if isinstance(one, NotSetUp)]
        trouble = [str(wanted), *trouble] if wanted is not None else [*trouble, *others]
        found = found or bool(there)
    if trouble:
        raise NotSetUp(trouble[0])
    raise NotSetUp(
        f"no webhook is called {name!r}" if found else f"{files[-1]}: no webhook stands there"
    )


def read(path: Path) -> Mapping[str, Target]:
    """Return what can be used of one file. Raises NotSetUp as `entries` does."""
    return {name: one for name, one in entries(path).items() if isinstance(one, Target)}


def entries(path: Path) -> Mapping[str, Target | NotSetUp]:
    """Read one file: each target, or what is wrong with it.

    Raises NotSetUp where the file is none, or others may read it.
    """
    found = toml_of(path)
    listed = found.get("hooks", {})
    if found.keys() - {"hooks"} or not isinstance(listed, dict) or len(listed) > MOST:
        raise NotSetUp(f"{path}: hooks: a part for each target, at most {MOST}")
    out: dict[str, Target | NotSetUp] = {}
    for name, facts in listed.items():
        try:
            out[name] = _target(path, name, facts)
        except NotSetUp as wrong:
            out[name] = wrong
    return out


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
