"""One signed request to a webhook, and what its answer means.

Name, connection, TLS and answer together have one time: the request runs in a thread that is left
behind where it takes longer, since a resolver knows no time of ours. A redirect is not followed,
an answer is read up to a bound.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import hmac
import http.client
import socket
import ssl
import threading
import time
from typing import Final

from msgspec import Struct

from gateway.box.private import NotSetUp
from gateway.hook.route import cut_off
from gateway.hook.targets import Target, parts_of
from gateway.hook.waits import WAITS
from gateway.words.say import Say

ANSWER_MOST: Final = 64 * 1024  # bytes of an answer that are read
# refused for good: who signs wrongly or asks at a wrong place need not ask again
_WRONG: Final = frozenset({401, 403, 404, 405, 410})
_KEYS: Final = frozenset({401, 403})  # of these, where the signature is not taken
_LATER: Final = frozenset({408, 425, 429})
# what OpenSSL found wrong with a certificate; its own sentence would name the host
_PAPERS: Final = {
    9: "hook.paper_young",
    10: "hook.paper_old",
    18: "hook.paper_stranger",
    19: "hook.paper_stranger",
    20: "hook.paper_stranger",
    62: "hook.paper_name",
    64: "hook.paper_name",  # of an address without a name
}


# no way to this address: also of a box without any, but a home without IPv6 says the same
_CUT_OFF: Final = frozenset({errno.ENETUNREACH, errno.ENETDOWN})


class Answered(Struct, frozen=True):
    """What came of one attempt.

    `receipt`: the other side has the entry. `wrong`: it is set up wrongly, so that trying again
    makes no sense; `again`: whether it makes sense; `after`: seconds the other side asks for.
    """

    receipt: bool = False
    wrong: bool = False
    again: bool = True
    no_network: bool = False
    after: float = 0.0
    why: Say = Say("hook.receipt")  # no word of the address


def signature(key: bytes, name: str, at: int, body: bytes) -> str:
    """Return the signature of a message, as the header has it."""
    signed = f"{name}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def post(target: Target, name: str, body: bytes, seconds: float) -> Answered:
    """Send message `name` once; return what came of it within `seconds`. Raises NotSetUp."""
    context = _trust(target) if target.url.startswith("https:") else None
    found: list[Answered] = []

    def attempt() -> None:
        found.append(_attempt(target, name, body, seconds, context))

    thread = threading.Thread(target=attempt, name="webhook", daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else _late(seconds)


def _trust(target: Target) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=target.ca or None)
    except OSError as error:
        raise NotSetUp(f"{target.name}: ca: {error.strerror or error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _attempt(
    target: Target, name: str, body: bytes, seconds: float, context: ssl.SSLContext | None
) -> Answered:
    parts = parts_of(target.url)
    assert parts is not None  # it was checked when it was read
    assert parts.hostname is not None
    link = (
        http.client.HTTPSConnection(parts.hostname, parts.port, timeout=seconds, context=context)
        if context is not None
        else http.client.HTTPConnection(parts.hostname, parts.port, timeout=seconds)
    )
    at = int(time.time())
    headers = {
        "content-type": "application/json",
        "user-agent": "eldercare-gateway",
        "connection": "close",
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": signature(target.key, name, at, body),
    }
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        link.request("POST", path, body, headers)
        answer = link.getresponse()
        return meant(
            answer.status, answer.read(ANSWER_MOST), answer.getheader("retry-after", ""), name
        )
    except ssl.SSLCertVerificationError as error:
        return Answered(why=Say(_PAPERS.get(error.verify_code, "hook.paper_bad")))
    except ssl.SSLError as error:
        return Answered(why=Say("hook.tls", why=error.reason or "TLS"))
    except socket.gaierror as error:
        if error.errno != socket.EAI_AGAIN:
            return Answered(why=Say("hook.no_name"))
        return _no_network() if cut_off() else Answered(why=Say("hook.name_later"))
    except TimeoutError:
        return _late(seconds)
    except (http.client.HTTPException, UnicodeError) as error:
        return Answered(why=Say("hook.no_http", why=type(error).__name__))
    except OSError as error:
        if error.errno in _CUT_OFF and cut_off():
            return _no_network()
        return Answered(why=Say("hook.no_way", why=error.strerror or "OSError"))
    finally:
        link.close()


def _no_network() -> Answered:
    return Answered(no_network=True, why=Say("hook.no_network"))


def _late(seconds: float) -> Answered:
    return Answered(why=Say("hook.silent", seconds=round(seconds, 1)))


def meant(status: int, body: bytes, retry_after: str, name: str) -> Answered:
    """Return what an answer means. Only a 2xx whose body names the entry is a receipt."""
    if 200 <= status < 300:
        if name.encode() in body:
            return Answered(receipt=True)
        return Answered(why=Say("hook.unnamed", status=status))
    if 300 <= status < 400:
        return Answered(wrong=True, again=False, why=Say("hook.redirect", status=status))
    if status in _WRONG:
        name = "hook.refused" if status in _KEYS else "hook.not_there"
        return Answered(wrong=True, again=False, why=Say(name, status=status))
    again = status in _LATER or status >= 500
    name = "hook.later" if again else "hook.odd"
    return Answered(again=again, after=_seconds(retry_after), why=Say(name, status=status))


def _seconds(text: str) -> float:
    """Return the seconds of a Retry-After; 0 for a date, or for none."""
    text = text.strip()
    return min(float(text), WAITS.pause_most) if text.isascii() and text.isdecimal() else 0.0
