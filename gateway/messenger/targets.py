"""Whom a messenger informs: `messengers.toml`, a secret file its owner alone may read.

    [messengers.family]
    url = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=..."   # a group's robot
    language = "zh"                                                    # or "en"

A target has an id everywhere else: an address holds a token, or a mailbox's password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit

from msgspec import Struct

from gateway.box.private import NotSetUp, toml_of
from gateway.hook.targets import ID, inside, is_here
from gateway.words.say import Say

Language = Literal["zh", "en"]
MOST: Final = 20  # targets
FILE: Final = "messengers.toml"  # beside gateway.toml, written by hand
OWN_FILE: Final = "household-messengers.toml"  # in the state folder: what was typed on the page
URL_MOST: Final = 1000
# by what one writes -> where it is; their addresses have a token and nothing else
SERVICES: Final[Mapping[str, str]] = {
    "wecombot": "qyapi.weixin.qq.com",
    "dingtalk": "oapi.dingtalk.com",
    "feishu": "open.feishu.cn",
    "lark": "open.larksuite.com",
    "pushplus": "www.pushplus.plus",
    "schan": "sctapi.ftqq.com",
}
MAIL: Final = frozenset({"mailtos", "mailto"})
JSON: Final = frozenset({"jsons", "json"})
_OPEN: Final = frozenset({"mailto", "json"})  # not encrypted: to this very box alone
_MAIL_WORDS: Final = frozenset({"to", "from", "smtp", "user", "pass", "name", "mode"})
_MODES: Final = frozenset({"", "ssl", "starttls"})
_LETTERS: Final = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*\Z")
_TOKEN: Final = re.compile(r"(?:[A-Za-z0-9_-]{8,128}@)?[A-Za-z0-9_-]{6,128}\Z")
# what a group's robot shows -> what it is
_ROBOTS: Final = (
    (
        re.compile(r"https://qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=([\w-]+)\Z"),
        "wecombot",
    ),
    (re.compile(r"https://oapi\.dingtalk\.com/robot/send\?access_token=([\w-]+)\Z"), "dingtalk"),
    (re.compile(r"https://open\.feishu\.cn/open-apis/bot/v2/hook/([\w-]+)/?\Z"), "feishu"),
    (re.compile(r"https://open\.larksuite\.com/open-apis/bot/v2/hook/([\w-]+)/?\Z"), "lark"),
)


class Target(Struct, frozen=True):
    """One address. Its text form has no secret."""

    name: str
    url: str
    language: Language = "zh"

    def __repr__(self) -> str:
        return f"Target({self.name})"


def plain(url: str) -> str:
    """Return an address as apprise has it; that of a group's robot is taken as it is shown."""
    for shown, scheme in _ROBOTS:
        if found := shown.match(url):
            return f"{scheme}://{found[1]}"
    return url


def scheme_of(url: str) -> str:
    """Return by which service an address goes, "" for none that is known."""
    scheme = plain(url).partition("://")[0].lower()
    return scheme if scheme in SERVICES or scheme in MAIL | JSON else ""


def wrong(url: str) -> Say | None:
    """Return what is wrong with an address, and what to do; None for one that may be used.

    The sentence has no word of it.
    """
    if len(url) > URL_MOST:
        return Say("hook.url_long", most=URL_MOST)
    if not _LETTERS.match(url):
        return Say("messenger.letters")
    scheme = scheme_of(url)
    if not scheme:
        return Say("messenger.unknown")
    if scheme in SERVICES:
        return None if _TOKEN.match(plain(url).partition("://")[2]) else Say("messenger.token")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return Say("messenger.form")
    if not host or port == 0 or "#" in url:
        return Say("messenger.form")
    if scheme in _OPEN:
        return None if is_here(host) and _fits(parts) else Say("messenger.open")
    if not _fits(parts):
        return Say("messenger.form")
    smtp = dict(parse_qsl(parts.query)).get("smtp", host)
    return Say("messenger.inside") if inside(f"https://{smtp}/") or inside(url) else None


def _fits(parts: SplitResult) -> bool:
    """Say whether an address has no more than is known: nothing switches a check of TLS off."""
    said = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme in JSON:
        return not said and "@" not in parts.netloc
    return said.keys() <= _MAIL_WORDS and "to" in said and said.get("mode", "") in _MODES


def one(name: str, *files: Path) -> Target:
    """Return a target of those of these files that are there; the first goes before.

    Raises NotSetUp.
    """
    trouble = ""
    for path in files:
        try:
            there = entries(path) if path.exists() else {}
        except NotSetUp as why:
            trouble = str(why)
            continue
        wanted = there.get(name)
        if isinstance(wanted, Target):
            return wanted
        trouble = str(wanted) if wanted is not None else trouble
    raise NotSetUp(trouble or f"no messenger is called {name!r}")


def read(path: Path) -> Mapping[str, Target]:
    """Return what can be used of one file. Raises NotSetUp as `entries` does."""
    return {name: one for name, one in entries(path).items() if isinstance(one, Target)}


def entries(path: Path) -> Mapping[str, Target | NotSetUp]:
    """Read one file: each target, or what is wrong with it.

    Raises NotSetUp where the file is none, or others may read it.
    """
    found = toml_of(path)
    listed = found.get("messengers", {})
    if found.keys() - {"messengers"} or not isinstance(listed, dict) or len(listed) > MOST:
        raise NotSetUp(f"{path}: messengers: a part for each target, at most {MOST}")
    out: dict[str, Target | NotSetUp] = {}
    for name, facts in listed.items():
        try:
            out[name] = _target(f"{path}: messengers.{name}", name, facts)
        except NotSetUp as why:
            out[name] = why
    return out


def _target(where: str, name: str, facts: Any) -> Target:
    if not ID.match(name):
        raise NotSetUp(f"{where}: lower-case letters, digits, . _ -")
    if not isinstance(facts, dict) or facts.keys() - {"url", "language"}:
        raise NotSetUp(f"{where}: url and language are known")
    url, language = facts.get("url", ""), facts.get("language", "zh")
    why = wrong(url) if isinstance(url, str) else Say("messenger.unknown")
    if why is not None:
        raise NotSetUp(f"{where}: url: {why.zh} {why.en}")
    if language not in ("zh", "en"):
        raise NotSetUp(f"{where}: language: zh or en")
    return Target(name, url, language)
