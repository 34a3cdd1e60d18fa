"""The certificates of commissioning: each one document, byte by byte as it was signed.

Of a document nothing changes any more: its SHA-256 stands on paper and in the journal, and a
reprint is made from the very same bytes. Each is a file of its own; the rename is its moment.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from gateway.box import generations
from gateway.home.parts import Agreed, Signature, Signing
from gateway.words.clock import When

CARRIED: Final = 20  # of them, the newest, that go to a new box
LAST: Final = 1_000_000  # number that a certificate can have
KEPT: Final = 200  # certificates of one home; beyond it the oldest is forgotten
LONGEST: Final = 24 * 1024  # bytes of a document that is pushed whole; of a larger one its hash is
# What stands in every document, also of the first form.
_STANDS: Final = frozenset(
    {
        "form",
        "number",
        "gateway",
        "software",
        "household",
        "timezone",
        "revision",
        "devices",
        "steps",
        "platform",
        "times",
        "ladder",
        "passed",
        "missing",
        "signed",
    }
)


def canonical(body: object) -> bytes:
    """Return the one text that a body has, as bytes: JSON in UTF-8, keys sorted, no spaces."""
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def fingerprint(what: object) -> str:
    """Return the SHA-256 (hex) of a set of facts, by which two of them are told apart."""
    return hashlib.sha256(canonical(what)).hexdigest()


class Certificate(Struct, frozen=True):
    """One that is kept. `text` is the document, byte by byte as it was signed.

    `push`: who signed agrees that what was drawn goes to the platform too.
    """

    number: int
    text: str = field(name="document")
    instruction: str
    signature: Signature
    push: bool
    agreed: Agreed | None = None  # the resident's consent, for the print: sent to nobody

    @property
    def sha256(self) -> str:
        """Fingerprint of the document."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def document(self) -> dict[str, Any]:
        """What stands in it."""
        found: dict[str, Any] = json.loads(self.text)
        return found


def signed(
    what: Mapping[str, Any],
    number: int,
    *,
    by: str,
    at: When,
    signing: Signing,
    instruction: str,
    agreed: Agreed | None = None,
) -> Certificate:
    """Return the certificate over these facts."""
    signature = signing.signature
    strokes = fingerprint(signature.strokes) if signature.how == "drawn" else ""
    more = {
        "number": number,
        "signed": {
            "by": by,
            "at": msgspec.to_builtins(at),
            "how": signature.how,
            "strokes_sha256": strokes,
        },
    }
    text = canonical({**what, **more}).decode()
    return Certificate(number, text, instruction, signature, signing.push, agreed)


def keep(state: Path, made: Certificate) -> None:
    """Put a certificate on the disk. Raises OSError; then there is none.

    The rename of its file is the moment.
    """
    generations.write(_path(state, made.number), msgspec.to_builtins(made), 0o640)
    with contextlib.suppress(OSError):
        for old in _files(state)[KEPT:]:
            old.unlink()


def numbers(state: Path) -> list[int]:
    """Return the numbers of the certificates there are, newest first."""
    return [_number(path) for path in _files(state)]


def kept(state: Path, number: int) -> Certificate | None:
    """Return one certificate; None where there is none or it is not whole."""
    try:
        return msgspec.convert(generations.Generation(_path(state, number)).body(), Certificate)
    except (generations.Torn, msgspec.ValidationError):
        return None


def _files(state: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(
            (p for p in state.glob("certificate-*.json") if _number(p)), key=lambda p: -_number(p)
        )
    return []


def _path(state: Path, number: int) -> Path:
    return state / f"certificate-{number:04d}.json"


def _number(path: Path) -> int:
    digits = path.stem.removeprefix("certificate-")
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def carried(state: Path) -> tuple[dict[str, Any], ...]:
    """Return the newest certificates as they are kept, for a backup."""
    out = []
    for path in _files(state)[:CARRIED]:
        with contextlib.suppress(generations.Torn):
            out.append(generations.Generation(path).body())
    return tuple(out)


def brought(folder: Path, bodies: Iterable[Mapping[str, Any]]) -> None:
    """Put those of a backup into a folder. Raises OSError; ValueError where one is none."""
    for body in bodies:
        try:
            made = msgspec.convert(body, Certificate)
            wrong = not 0 < made.number <= LAST or not set(made.document) >= _STANDS
        except (TypeError, ValueError) as error:
            raise ValueError(f"a certificate of the backup is none ({error})") from error
        if wrong:
            raise ValueError(
                "a certificate of the backup is none: "
                "its number or its document is not what it should be"
            )
        keep(folder, made)


def told(made: Certificate) -> dict[str, bool | int | float | str]:
    """Return the plain values that go into the journal and to the platform: facts and hash.

    The document is with them up to LONGEST bytes. A signature drawn by hand is with them only where
    it may be pushed (`push`).
    """
    document = made.document
    detail: dict[str, bool | int | float | str] = {
        "what": "commissioned",
        "by": document["signed"]["by"],
        "certificate": made.number,
        "passed": document["passed"],
        "missing": len(document["missing"]),
        "revision": document["revision"],
        "sha256": made.sha256,
    }
    if len(made.text.encode()) <= LONGEST:
        detail["document"] = made.text
    if made.push and made.signature.how == "drawn":
        detail["signature"] = canonical(made.signature.strokes).decode()
    return detail
