"""One signed request to a webhook, and what its answer means.

Name, connection, TLS and answer together have one time: the request runs in a thread that is left
behind where it takes longer, since a resolver knows no time of ours. A redirect is not followed.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import socket
import ssl
import threading
import time
from typing import Final
from urllib.parse import SplitResult

from gateway.box.private import NotSetUp
from gateway.hook.answer import Answered, body_of, echoes, meant
from gateway.hook.route import cut_off
from gateway.hook.signed import signature
from gateway.hook.targets import Target, parts_of
from gateway.words.say import Say

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


def post(target: Target, name: str, body: bytes, seconds: float) -> Answered:
    """Send message `name` once; return what came of it within `seconds`. Raises NotSetUp."""
    context = _trust(target) if target.url.startswith("https:") else None
    found: list[Answered] = []

    def attempt() -> None:
        with contextlib.suppress(Exception):  # its words could hold a part of the address
            found.append(_attempt(target, name, body, seconds, context))

    thread = threading.Thread(target=attempt, name="webhook", daemon=True)
    thread.start()
    thread.join(seconds)
    if found:
        return found[0]
    return _late(seconds) if thread.is_alive() else Answered(why=Say("hook.no_http", why="?"))


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
    link = _link(parts, seconds, context)
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
            answer.status,
            body_of(answer, name),
            name,
            echo=echoes(body, headers["webhook-signature"]),
            retry_after=answer.getheader("retry-after", ""),
            date=answer.getheader("date", ""),
            at=time.time(),
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


def _link(
    parts: SplitResult, seconds: float, context: ssl.SSLContext | None
) -> http.client.HTTPConnection:
    """Return a connection that is not open yet. Its port is said: it would look for one itself.

    It would find it behind the last colon of an IPv6 address.
    """
    host = parts.hostname or ""
    if context is None:
        return http.client.HTTPConnection(
            host, parts.port or http.client.HTTP_PORT, timeout=seconds
        )
    port = parts.port or http.client.HTTPS_PORT
    return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)


def _no_network() -> Answered:
    return Answered(no_network=True, why=Say("hook.no_network"))


def _late(seconds: float) -> Answered:
    return Answered(why=Say("hook.silent", seconds=round(seconds, 1)))
