"""A browser's side of Web Push, written from the RFCs apart from the product: keys, and what opens a message or checks who sent it."""

from __future__ import annotations

import base64
import json
import os
import re
from typing import Any

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def raw(text: str) -> bytes:
    """Return the bytes of base64url, with or without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def coded(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def private(secret: str) -> ec.EllipticCurvePrivateKey:
    """Return a private key of the RFCs' examples."""
    return ec.derive_private_key(int.from_bytes(raw(secret), "big"), ec.SECP256R1())


def public(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return its public half, uncompressed."""
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _mac(key: bytes, data: bytes) -> bytes:
    made = hmac.HMAC(key, hashes.SHA256())
    made.update(data)
    return made.finalize()


def decoded(body: bytes, key: bytes) -> bytes:
    """Return what stands in a body of aes128gcm, record by record (RFC 8188, section 2)."""
    salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    rest, out, n = body[21 + length :], b"", 0
    prk = _mac(salt, key)
    cipher = AESGCM(_mac(prk, b"Content-Encoding: aes128gcm\0\1")[:16])
    nonce = _mac(prk, b"Content-Encoding: nonce\0\1")[:12]
    while rest:
        record, rest = rest[:size], rest[size:]
        counted = (int.from_bytes(nonce, "big") ^ n).to_bytes(12, "big")
        plain = cipher.decrypt(counted, record, None).rstrip(b"\0")
        assert plain.endswith(b"\1" if rest else b"\2"), "the last record, and it alone, says that it is the last"
        out, n = out + plain[:-1], n + 1
    return out


class Subscriber:
    """A browser that has subscribed: its keys, and what it makes of a message."""

    def __init__(self, key: ec.EllipticCurvePrivateKey | None = None, auth: bytes = b"") -> None:
        self._key = key or ec.generate_private_key(ec.SECP256R1())
        self.auth = auth or os.urandom(16)

    def form(self, endpoint: str) -> dict[str, str]:
        """Return what its page's script fills in."""
        return {"endpoint": endpoint, "p256dh": coded(public(self._key)), "auth": coded(self.auth)}

    def opened(self, body: bytes) -> bytes:
        """Return the message in a body (RFC 8291, section 3.4)."""
        theirs = body[21 : 21 + body[20]]
        shared = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
        key = _mac(_mac(self.auth, shared), b"WebPush: info\0" + public(self._key) + theirs + b"\1")
        return decoded(body, key)

    def read(self, body: bytes) -> Any:
        """Return a message of ours."""
        return json.loads(self.opened(body))


def claims(authorization: str) -> dict[str, Any]:
    """Return what a VAPID header claims (RFC 8292); the signature is checked with the key in it."""
    found = re.fullmatch(r"vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), ?k=([\w-]+)", authorization)
    assert found, authorization
    head, body, signature, key = found.groups()
    signed = raw(signature)
    der = encode_dss_signature(int.from_bytes(signed[:32], "big"), int.from_bytes(signed[32:], "big"))
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw(key))
    point.verify(der, f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    assert json.loads(raw(head)) == {"typ": "JWT", "alg": "ES256"}
    return {**json.loads(raw(body)), "key": raw(key)}
