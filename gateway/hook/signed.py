"""How a message is signed, by the Standard Webhooks specification."""

from __future__ import annotations

import base64
import hashlib
import hmac


def signature(key: bytes, name: str, at: int, body: bytes) -> str:
    """Return the signature of a message, as the header has it."""
    signed = f"{name}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
