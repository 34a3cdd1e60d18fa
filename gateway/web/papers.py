"""The page's certificate: made on the box at first start, replaced by one's own where there is one.

A box in a stranger's flat has no public name, so nobody can sign for it: the browser warns once, and the technician compares the
fingerprint with the one on the label (`eldercare-gateway code` prints both). The key stays when the certificate is made anew.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MADE = datetime(2026, 11, 22, tzinfo=UTC)  # no clock earlier than this is right; the certificate counts from here at the latest
LASTS = timedelta(days=800)  # phones refuse more than 825
RENEW = timedelta(days=60)
FOLDER = "page-papers"
LARGEST = 16 * 1024  # characters of a certificate or key that is pasted


class BadPapers(Exception):
    """A certificate or key that cannot be used; `word` is a key of the catalogue, `field` where it stands."""

    def __init__(self, word: str, field: str) -> None:
        super().__init__(word)
        self.word, self.field = word, field


def in_use(state: Path, names: list[str]) -> tuple[Path, Path]:
    """Return (certificate, key) to serve with: one's own where it was installed, else the box's, made now if it must be."""
    folder = state / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = folder / "own.pem", folder / "own.key"
    if all(path.exists() for path in own):
        return own
    certificate, key = folder / "box.pem", folder / "box.key"
    if not key.exists():
        _write(key, _pem(ec.generate_private_key(ec.SECP256R1())))
    if not certificate.exists() or _ends(certificate) - datetime.now(UTC) < RENEW:
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)  # ours
        _write(certificate, _made(private, names))
    return certificate, key


def install(state: Path, certificate: str, key: str) -> tuple[Path, Path]:
    """Check and keep one's own certificate (with its chain) and key; return their paths. Raises BadPapers, and nothing has changed."""
    if len(certificate) > LARGEST or len(key) > LARGEST:
        raise BadPapers("papers_large", "certificate")
    try:
        chain = x509.load_pem_x509_certificates(certificate.encode())
    except ValueError as error:
        raise BadPapers("papers_no_certificate", "certificate") from error
    try:
        private = serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError) as error:  # TypeError: it wants a password
        raise BadPapers("papers_no_key", "key") from error
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != chain[0].public_key().public_bytes(*form):
        raise BadPapers("papers_differ", "key")
    if chain[0].not_valid_after_utc < max(datetime.now(UTC), MADE):
        raise BadPapers("papers_over", "certificate")
    folder = state / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "own.pem").unlink(missing_ok=True)  # without it the box's own is served: a power cut in between leaves a pair
    _write(folder / "own.key", key.strip().encode() + b"\n")
    _write(folder / "own.pem", certificate.strip().encode() + b"\n")
    return folder / "own.pem", folder / "own.key"


def uninstall(state: Path) -> None:
    """Go back to the certificate made on the box."""
    for name in ("own.pem", "own.key"):
        (state / FOLDER / name).unlink(missing_ok=True)


def fingerprint(certificate: Path) -> str:
    """Return the SHA-256 fingerprint as browsers show it."""
    digest = x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256()).hex().upper()
    return ":".join(digest[n : n + 2] for n in range(0, len(digest), 2))


def until(certificate: Path) -> datetime:
    """Return when the certificate ends."""
    return _ends(certificate)


def host_names() -> list[str]:
    """Return the names this box answers to."""
    name = socket.gethostname().split(".")[0].lower() or "localhost"
    return [f"{name}.local", name, "localhost"]


def addresses() -> list[str]:
    """Return the addresses the box has towards its network; nothing is sent. Loopback alone where there is no network."""
    found: list[str] = []
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as line:
            line.connect((far, 9))  # of a range for documentation: it only asks which address would be used
            found.append(str(line.getsockname()[0]))
    return found


def _ends(path: Path) -> datetime:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _made(key: ec.EllipticCurvePrivateKey, names: list[str]) -> bytes:
    begin = min(datetime.now(UTC), MADE) - timedelta(days=1)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:60])])
    alternatives: list[x509.GeneralName] = [x509.DNSName(n) for n in dict.fromkeys(names)]
    alternatives += [x509.IPAddress(ipaddress.ip_address(a)) for a in ["127.0.0.1", *addresses()]]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(max(datetime.now(UTC), MADE) + LASTS)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write(path: Path, data: bytes) -> None:
    """Write whole or not at all, 0600."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
