"""Dial a TCP port, with TLS that cannot be loosened: name, connection, handshake.

Each of these steps has its own timeout (`WAITS`) and its own words for what went wrong.

Everything runs on the event loop, so that being cancelled leaves neither a thread nor a socket
behind (the resolver's thread alone ends by itself, within its own time).

The policy for a clock that is wrong at boot: chain and host name are always checked. A certificate
that fails *only* by its dates is refused while our clock is good. While our own clock is known to
be unsure or wrong, the handshake is made once more with a context that checks everything but the
time, and a warning is logged: an alarm is never blocked by the date, and a stranger still needs a
certificate signed by our CA for this host name. What ended before the newest time that is proved is
refused all the same.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import logging
import re
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from gateway.box.waits import WAITS
from gateway.words.say import Failed, Say

ADDRESSES: Final = 4  # addresses tried of those that a name has: 20 s at most

_NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, for which the ssl module has no name
_DATES: Final = frozenset({9, 10})  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
# What the OpenSSL verifier, an alert of the other side, or the system says -> the code of its
# sentence.
_VERIFY: Final[dict[int, str]] = {
    2: "tls.unknown_ca",
    7: "tls.bad_signature",
    9: "tls.not_yet_valid",
    10: "tls.expired",
    18: "tls.self_signed",
    19: "tls.unknown_ca",
    20: "tls.unknown_ca",
    21: "tls.unknown_ca",
    23: "tls.revoked",
    24: "tls.no_ca",
    26: "tls.purpose",
    62: "tls.other_host",
    64: "tls.other_host",
    66: "tls.weak",
    67: "tls.weak",
    68: "tls.weak",
    79: "tls.no_ca",
}
_ALERTS: Final[dict[str, str]] = {  # the longer name first where one holds another
    "CERTIFICATE_REQUIRED": "tls.wants_certificate",
    "DID_NOT_RETURN_A_CERTIFICATE": "tls.wants_certificate",
    "UNKNOWN_CA": "tls.ours_unknown_ca",
    "CERTIFICATE_EXPIRED": "tls.ours_expired",
    "CERTIFICATE_REVOKED": "tls.ours_revoked",
    "UNSUPPORTED_CERTIFICATE": "tls.ours_purpose",
    "BAD_CERTIFICATE": "tls.ours_bad",
    "CERTIFICATE_UNKNOWN": "tls.ours_not_accepted",
    "DECRYPT_ERROR": "tls.ours_key",
    "ACCESS_DENIED": "tls.access_denied",
    "HANDSHAKE_FAILURE": "tls.nothing_in_common",
    "NO_SHARED_CIPHER": "tls.no_cipher",
    "NO_CIPHERS_AVAILABLE": "tls.no_cipher",
    "INSUFFICIENT_SECURITY": "tls.too_weak",
    "PROTOCOL_VERSION": "tls.old_version",
    "UNSUPPORTED_PROTOCOL": "tls.old_version",
    "UNRECOGNIZED_NAME": "tls.unknown_name",
    "WRONG_VERSION_NUMBER": "tls.no_tls",
    "RECORD_LAYER_FAILURE": "tls.no_tls",
    "HTTP_REQUEST": "tls.no_tls",
    "INTERNAL_ERROR": "tls.their_mistake",
    "UNEXPECTED_EOF": "tls.closed",
}
_CONNECT: Final[dict[int, str]] = {
    errno.ECONNREFUSED: "net.refused",
    errno.EHOSTUNREACH: "net.host_unreachable",
    errno.ENETUNREACH: "net.no_network",
    errno.ECONNRESET: "net.reset",
    errno.EACCES: "net.denied",
    errno.EPERM: "net.denied",
}

_PEM: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----"
)
_VERSION, _GENERALIZED = 0xA0, 0x18  # tags: [0], and a time with four digits of the year
_CENTURY: Final = 50  # RFC 5280: two digits from 50 on are of the last century

_log = logging.getLogger("eldercare")


class NotReached(Failed):
    """The port was not reached, or is not whom we want to talk to."""


class Tls(Struct, frozen=True, kw_only=True):
    """What TLS rests on: files of PEM text.

    `ca`: None for the system's store. `cert` and `key` are our own, the key not encrypted.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


class TlsSocket(ssl.SSLSocket):
    """An SSL socket that remembers its last error.

    In TLS 1.3 a refused client certificate is reported only while reading.
    """

    trouble: OSError | None = None

    def recv(self, *args: Any) -> bytes:
        """Read, and remember what went wrong."""
        try:
            return super().recv(*args)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError as error:
            self.trouble = error
            raise


def ends(pem: bytes) -> list[float]:
    """Return when each certificate of a PEM file ends, as wall seconds, in their order.

    Raises ValueError where one is damaged.
    """
    return [_ends(base64.b64decode(found)) for found in _PEM.findall(pem)]


def peer_dates(sock: socket.socket) -> tuple[float | None, float | None]:
    """Return begin and end of the peer's certificate in wall seconds; two None without TLS."""
    shown = (sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None) or {}
    begins, ends = (
        float(ssl.cert_time_to_seconds(str(shown[at]))) if at in shown else None
        for at in ("notBefore", "notAfter")
    )
    return begins, ends


def _ends(der: bytes) -> float:
    """Return the second time of a certificate's validity (DER) as a wall second.

    RFC 5280, 4.1: version?, serial, algorithm, issuer, then the validity.
    """
    body, _ = _within(der, 0)
    at, _ = _within(der, body)
    if der[at] == _VERSION:
        at = _within(der, at)[1]
    for _ in range(3):
        at = _within(der, at)[1]
    first, _ = _within(der, at)
    second = _within(der, first)[1]
    begin, end = _within(der, second)
    text = der[begin:end].decode("ascii")
    year = "" if der[second] == _GENERALIZED else "19" if int(text[:2]) >= _CENTURY else "20"
    return datetime.strptime(f"{year}{text}", "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _within(der: bytes, at: int) -> tuple[int, int]:
    """Return where the content of the DER element at `at` begins and ends."""
    try:
        size, begin = der[at + 1], at + 2
    except IndexError:
        raise ValueError("a certificate is cut off") from None
    if size & 0x80:
        begin += size & 0x7F
        size = int.from_bytes(der[at + 2 : begin])
    if begin + size > len(der):
        raise ValueError("a certificate is cut off")
    return begin, begin + size


async def dial(
    host: str, port: int, tls: Tls | None, *, proved: Callable[[], float | None] = lambda: None
) -> socket.socket:
    """Return a connected, non-blocking socket, with TLS where `tls` is given. Raises NotReached.

    `proved()` is None while our clock is good, else the wall second that is certainly over.
    """
    where = f"{host}:{port}"
    if tls is None:
        return await connect(host, port)
    # reads files: a slow card must not hold up an alarm
    context = await asyncio.to_thread(context_of, tls)
    try:
        return await _handshake(await connect(host, port), context, host, where)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code not in _DATES or (over := proved()) is None:
            raise NotReached(explain_tls(error, where)) from error
        _log.warning(
            "%s: the certificate's dates do not fit this box's clock, which is not sure: "
            "taken by chain and host name alone",
            where,
        )
    context.verify_flags |= _NO_CHECK_TIME  # this context is made anew for each connection
    try:
        sock = await _handshake(await connect(host, port), context, host, where)
    except ssl.SSLCertVerificationError as error:
        raise NotReached(explain_tls(error, where)) from error
    ends = peer_dates(sock)[1]
    if ends is not None and ends < over:
        sock.close()
        day = f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d}"
        raise NotReached(Say("tls.over", where=where, day=day))
    return sock


def context_of(tls: Tls) -> ssl.SSLContext:
    """Return a context that checks chain and host name, TLS 1.2 at least.

    Raises NotReached where a file is not what it should be.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca)
    except OSError as error:  # SSLError is one
        raise NotReached(Say("tls.ca_file", path=tls.ca, why=_short(error))) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = TlsSocket
    if tls.cert is not None:
        try:
            # without it an encrypted key would ask at a terminal
            context.load_cert_chain(tls.cert, tls.key, password=lambda: b"")
        except (OSError, ValueError) as error:
            say = Say("tls.own_files", cert=tls.cert, key=tls.key or tls.cert, why=_short(error))
            raise NotReached(say) from error
    return context


def explain_tls(error: OSError, where: str) -> Say:
    """Say what went wrong with TLS and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        code = _VERIFY.get(error.verify_code, "tls.not_accepted")
        return Say(code, where=where, why=error.verify_message)
    reason = getattr(error, "reason", None) or ""
    code = next((code for name, code in _ALERTS.items() if name in reason), "tls.failed")
    return Say(code, where=where, why=_short(error))


def no_name(host: str, error: OSError | UnicodeError) -> Say:
    """Say why a name has no address, and what to do."""
    away = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
    code = "net.name_server" if away else "net.no_name"
    return Say(code, host=host, why=_short(error))


async def connect(
    host: str, port: int, *, may: Callable[[str], bool] = lambda _: True
) -> socket.socket:
    """Return a connection to the first address of the name that answers. Raises NotReached.

    `may` says whether an address may be spoken to; where none may, nothing is sent.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(WAITS.name):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise NotReached(Say("net.name_late", host=host, seconds=WAITS.name)) from None
    except (socket.gaierror, UnicodeError) as error:
        raise NotReached(no_name(host, error)) from error
    where = f"{host}:{port}"
    allowed = [one for one in found if may(str(one[4][0]))]
    trouble = Say("net.inside" if found and not allowed else "net.no_address", where=where)
    for family, kind, protocol, _, address in allowed[:ADDRESSES]:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            # an alarm is one small packet: it must not wait for a second
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(WAITS.connect):
                await loop.sock_connect(sock, address)
        except TimeoutError:
            sock.close()
            trouble = Say("net.late", where=where, seconds=WAITS.connect)
        except OSError as error:
            sock.close()
            code = _CONNECT.get(error.errno or 0, "net.failed")
            trouble = Say(code, where=where, why=_short(error))
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise NotReached(trouble)


async def _handshake(
    sock: socket.socket, context: ssl.SSLContext, host: str, where: str
) -> socket.socket:
    """Do the TLS handshake without blocking; return the socket that speaks TLS.

    Raises SSLCertVerificationError as it is, all else as NotReached; then `sock` is closed.
    """
    try:
        secure = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    except (OSError, ValueError) as error:
        sock.close()
        raise NotReached(Say("tls.no_start", where=where, why=_short(error))) from error
    done = False
    try:
        async with asyncio.timeout(WAITS.tls):
            while not done:
                try:
                    secure.do_handshake()
                    done = True
                except ssl.SSLWantReadError:
                    await able(secure, writable=False)
                except ssl.SSLWantWriteError:
                    await able(secure, writable=True)
    except ssl.SSLCertVerificationError:
        raise
    except TimeoutError:
        raise NotReached(Say("tls.late", where=where, seconds=WAITS.tls)) from None
    except OSError as error:
        raise NotReached(explain_tls(error, where)) from error
    finally:
        if not done:
            secure.close()
    return secure


async def send(sock: socket.socket, data: bytes) -> None:
    """Write all of it to a socket of `dial`. Raises OSError."""
    left = memoryview(data)
    while left:
        try:
            left = left[sock.send(left) :]
        except ssl.SSLWantReadError:
            await able(sock, writable=False)
        except (BlockingIOError, ssl.SSLWantWriteError):
            await able(sock, writable=True)


async def receive(sock: socket.socket, most: int) -> bytes:
    """Return the next bytes of a socket of `dial`, none at its end. Raises OSError."""
    while True:
        try:
            return sock.recv(most)
        except (BlockingIOError, ssl.SSLWantReadError):
            await able(sock, writable=False)
        except ssl.SSLWantWriteError:
            await able(sock, writable=True)
        except ssl.SSLZeroReturnError:
            return b""


async def able(sock: socket.socket, *, writable: bool) -> None:
    """Wait until a socket can be read from, or written to."""
    loop = asyncio.get_running_loop()
    able: asyncio.Future[None] = loop.create_future()
    add, remove = (
        (loop.add_writer, loop.remove_writer) if writable else (loop.add_reader, loop.remove_reader)
    )
    descriptor = sock.fileno()

    def now() -> None:
        if not able.done():
            able.set_result(None)

    add(descriptor, now)
    try:
        await able
    finally:
        remove(descriptor)


def _short(error: Exception) -> str:
    """Return the error's own words without its number and source line."""
    text = getattr(error, "strerror", None) or str(error)
    return text.split(" (_ssl.c")[0].strip() or type(error).__name__
