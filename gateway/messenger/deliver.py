"""One message through apprise, and what the service made of it.

apprise is an optional extra, loaded when the first message goes, in this process alone. Robots of
groups answer 200 to everything and say in their answer whether they took it: it is read here,
behind apprise's back. All of one attempt has one time, in a thread that is left behind where it
takes longer.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from gateway.box.private import NotSetUp
from gateway.hook.route import cut_off
from gateway.messenger import targets
from gateway.words.say import Say

# by service, where its answer says whether a message was taken: 0 is yes
TAKEN: Final[Mapping[str, str]] = {
    "wecombot": "errcode",
    "dingtalk": "errcode",
    "feishu": "code",
    "lark": "code",
}
_TOO_MANY: Final = frozenset({45009, 130101, 9499, 11232})  # of those: later it is taken
_WRONG: Final = frozenset({400, 401, 403, 404, 405, 410})
_LATER: Final = frozenset({408, 425, 429})
ANSWER_MOST: Final = 64 * 1024


class Delivered(NamedTuple):
    """What came of it.

    `wrong`: it is set up wrongly, so that trying again makes no sense; `again`: whether it does.
    """

    ok: bool = False
    wrong: bool = False
    again: bool = True
    no_network: bool = False
    why: Say = Say("messenger.silent")  # no word of the address


class _Notes:
    """What was answered to apprise."""

    def __init__(self, field: str) -> None:
        self._field = field
        self.said: Delivered | None = None

    def take(self, status: int, body: object) -> None:
        """Take an answer: its status, and what its body is as JSON."""
        if not 200 <= status < 300:
            later = status in _LATER or status >= 500
            wrong = status in _WRONG or 300 <= status < 400
            why = Say("messenger.later" if later else "messenger.refused", code=status)
            self.said = Delivered(wrong=wrong, again=later, why=why)
        elif self._field:
            code = body.get(self._field) if isinstance(body, dict) else None
            if code == 0:
                self.said = Delivered(ok=True)
            elif isinstance(code, int):
                later = code in _TOO_MANY
                why = Say("messenger.later" if later else "messenger.refused", code=code)
                self.said = Delivered(wrong=not later, again=later, why=why)
            else:
                self.said = Delivered(again=False, why=Say("messenger.odd"))


def delivered(url: str, title: str, text: str, seconds: float) -> Delivered:
    """Send a message once within `seconds`; return what came of it. Raises NotSetUp."""
    return _within(seconds, lambda: _sent(url, title, text, seconds))


def reached(url: str, seconds: float) -> Delivered:
    """See whether the service of an address is there; nothing is sent. Raises NotSetUp."""
    return _within(seconds, lambda: _open(url, seconds))


def _within(seconds: float, attempt: Callable[[], Delivered]) -> Delivered:
    found: list[Delivered | NotSetUp] = []

    def work() -> None:
        with contextlib.suppress(Exception):  # its words could hold a part of the address
            try:
                found.append(attempt())
            except NotSetUp as why:
                found.append(why)

    thread = threading.Thread(target=work, name="messenger", daemon=True)
    thread.start()
    thread.join(seconds)
    odd = Delivered(again=False, why=Say("messenger.odd"))
    result = found[0] if found else Delivered() if thread.is_alive() else odd
    if isinstance(result, NotSetUp):
        raise result
    if not result.ok and result.again and cut_off():
        return result._replace(no_network=True, why=Say("hook.no_network"))
    return result


def _made(url: str, seconds: float) -> tuple[Any, Any]:
    """Return apprise, and its way to an address. Raises NotSetUp."""
    try:
        import apprise
    except ImportError:
        missing = Say("messenger.missing")
        raise NotSetUp(f"{missing.zh}\n{missing.en}") from None
    logging.getLogger("apprise").disabled = True  # it may quote what was sent, and where
    asset = apprise.AppriseAsset(app_id="eldercare-gateway", async_mode=False)
    asset.http_redirects = False
    way = apprise.Apprise(asset=asset)
    if not way.add(targets.plain(url)):
        unknown = Say("messenger.unknown")
        raise NotSetUp(f"{unknown.zh}\n{unknown.en}")
    for server in way:
        server.socket_connect_timeout = server.socket_read_timeout = seconds
    return apprise, way


def _sent(url: str, title: str, text: str, seconds: float) -> Delivered:
    apprise, way = _made(url, seconds)
    import requests

    session: Any = requests.Session
    notes, real = _Notes(TAKEN.get(targets.scheme_of(url), "")), session.request

    def request(*what: Any, **how: Any) -> Any:
        answer = real(*what, **how)
        body: object = None
        with contextlib.suppress(ValueError):
            body = answer.json() if len(answer.content) <= ANSWER_MOST else None
        notes.take(answer.status_code, body)
        return answer

    session.request = request
    try:
        ok = way.notify(body=text, title=title, notify_type=apprise.NotifyType.WARNING)
    finally:
        session.request = real
    if notes.said is not None and not notes.said.ok:
        return notes.said
    if ok:
        return Delivered(ok=True)
    mail = targets.scheme_of(url) in targets.MAIL
    return Delivered(why=Say("messenger.mail" if mail else "messenger.no_way"))


def _open(url: str, seconds: float) -> Delivered:
    _, way = _made(url, seconds)
    (server,) = way
    scheme = targets.scheme_of(url)
    host = targets.SERVICES.get(scheme) or getattr(server, "smtp_host", "") or server.host
    tls = scheme not in targets.MAIL and scheme != "json"
    port = getattr(server, "port", None) or (443 if tls else 25 if scheme == "mailto" else 80)
    try:
        with socket.create_connection((host, port), seconds) as line, contextlib.ExitStack() as own:
            if tls:
                context = ssl.create_default_context()
                own.enter_context(context.wrap_socket(line, server_hostname=host))
    except OSError:
        return Delivered(why=Say("messenger.no_way"))
    return Delivered(ok=True)
