"""AES-128-CCM with a tag of 4 bytes, as BTHome and MiBeacon seal; counter mode for old MiBeacon.

The cipher library is loaded when the first key is met: a home whose sensors speak in clear does not
carry its 8 MiB.
"""

from __future__ import annotations

from collections.abc import Callable

Unseal = Callable[[bytes, bytes, bytes | None], bytes | None]


def ccm(key: bytes) -> Unseal:
    """Return what opens (nonce, ciphertext + tag, associated data); None: the tag is wrong."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM

    decrypt = AESCCM(key, tag_length=4).decrypt

    def unseal(nonce: bytes, sealed: bytes, associated: bytes | None) -> bytes | None:
        try:
            return decrypt(nonce, sealed, associated)
        except InvalidTag:
            return None

    return unseal


def counter_mode(key: bytes, first: bytes, data: bytes) -> bytes:
    """Return `data` opened in counter mode from block `first` on; nothing is proved by it."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    return Cipher(algorithms.AES(key), modes.CTR(first)).decryptor().update(data)
