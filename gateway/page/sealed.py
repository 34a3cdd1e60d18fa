"""A message that only one browser can read, and what tells a push service who sends it.

RFC 8291 (Web Push) in the coding aes128gcm of RFC 8188, one record:

    salt 16 | record size 4 | length of key 1 | our key 65 | AES-128-GCM of (message 0x02 0x00...)

The key of this message comes from a key pair that is made for it alone, the browser's own key and
its secret. Every message is filled up to one length: a push service learns nothing by it. RFC 8292
(VAPID): a token for the service's own address, signed with the gateway's key.
"""

from __future__ import annotations

import base64
import json
import os
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

POINT: Final = 65  # bytes of a public key, uncompressed
SECRET: Final = 16  # bytes of a browser's secret, and of a salt
MESSAGE: Final = 1024  # bytes of a message, filled up
RECORD: Final = 4096  # what every push service takes
TOKEN_LASTS: Final = 12 * 3600  # seconds; at most 24 h by RFC 8292
_LAST: Final = b"\x02"  # ends the text of the last record


def made() -> ec.EllipticCurvePrivateKey:
    """Return a new key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def kept(key: ec.EllipticCurvePrivateKey) -> str:
    """Return a private key as it is kept."""
    return f"{key.private_numbers().private_value:064x}"


def from_kept(text: str) -> ec.EllipticCurvePrivateKey:
    """Return the private key that was kept."""
    return ec.derive_private_key(int(text, 16), ec.SECP256R1())


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the public half of a key, as browsers and services read it."""
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def is_point(key: bytes) -> bool:
    """Say whether this is a public key on P-256."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
    except ValueError:
        return False
    return len(key) == POINT


def text(data: bytes) -> str:
    """Return bytes in base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sealed(
    message: bytes,
    to: bytes,
    secret: bytes,
    *,
    own: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes = b"",
    length: int = MESSAGE,
) -> bytes:
    """Return a message for the browser with this public key and secret.

    `own` and `salt` are made anew for each message; only a test gives them.
    """
    own = own or made()
    mine = point(own)
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), to)
    shared = own.exchange(ec.ECDH(), theirs)
    key = _derived(secret, shared, b"WebPush: info\0" + to + mine, 32)
    return coded(message, key, mine, salt or os.urandom(SECRET), length)


def coded(message: bytes, key: bytes, name: bytes, salt: bytes, length: int) -> bytes:
    """Return a message as one record of aes128gcm, filled up to `length` bytes."""
    if len(message) > length or length + 17 > RECORD:
        raise ValueError(f"a message has at most {length} bytes, this one has {len(message)}")
    cipher = AESGCM(_derived(salt, key, b"Content-Encoding: aes128gcm\0", 16))
    nonce = _derived(salt, key, b"Content-Encoding: nonce\0", 12)
    head = salt + RECORD.to_bytes(4, "big") + bytes([len(name)]) + name
    filled = message + _LAST + bytes(length - len(message))
    return head + cipher.encrypt(nonce, filled, None)


def _derived(salt: bytes, key: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(key)


def vouched(key: ec.EllipticCurvePrivateKey, service: str, at: float, contact: str) -> str:
    """Return the `Authorization` of a request to a push service at wall second `at`.

    `service` is its origin, as `https://host`. `contact` says who runs this gateway, "" nobody.
    """
    claims: dict[str, object] = {"aud": service, "exp": int(at) + TOKEN_LASTS}
    if contact:
        claims["sub"] = contact
    parts = ({"typ": "JWT", "alg": "ES256"}, claims)
    signed = ".".join(text(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    signature = text(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return f"vapid t={signed}.{signature}, k={text(point(key))}"
