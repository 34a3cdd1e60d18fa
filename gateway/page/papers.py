"""The page's certificate: made on the box at first start, replaced by one's own where there is one.

A box in a stranger's flat has no public name, so nobody can sign for it: the browser warns once,
and the technician compares the fingerprint with the one on the label (`eldercare-gateway code`
prints both). The key stays when the certificate is made anew.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.home.config import Config

# no clock earlier than this is right; the certificate counts from here at the latest
MADE = datetime(2026, 11, 22, tzinfo=UTC)
LASTS = timedelta(days=800)  # phones refuse more than 825
RENEW = timedelta(days=60)
FOLDER = "page-papers"
LARGEST = 16 * 1024  # characters of a certificate or key that is pasted
# bits: OpenSSL serves with no less; with more a connection takes a small board a second
RSA_LEAST, RSA_MOST = 2048, 4096
CURVES: Final = frozenset({"secp256r1", "secp384r1"})
# X509_V_FLAG_NO_CHECK_TIME: the box's clock may be unsure, and dates are looked at elsewhere
_NO_CHECK_TIME = 0x200000


Context = ssl.SSLContext  # made here alone
# What the library says of a text that is no certificate, or one that it does not read. Two of these
# are no ValueError.
NO_CERTIFICATE: Final = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
T = TypeVar("T", bound=x509.ExtensionType)


class BadPapers(Exception):
    """A certificate or key that cannot be used.

    `word` is a key of the catalogue, `field` the field of the form beside which it stands.
    """

    def __init__(self, word: str, field: str) -> None:
        super().__init__(word)
        self.word, self.field = word, field


def in_use(state: Path, names: list[str]) -> tuple[Path, Path]:
    """Return (certificate, key) to serve with: one's own where it was installed, else the box's."""
    own = state / FOLDER / "own.pem", state / FOLDER / "own.key"
    return own if all(path.exists() for path in own) else of_box(state, names)


def of_box(state: Path, names: list[str]) -> tuple[Path, Path]:
    """Return the paths of the box's own (certificate, key).

    They are made where they are missing, damaged or run out, as a failing card may leave them.
    """
    folder = state / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    certificate, key = folder / "box.pem", folder / "box.key"
    private = _of_box(key)
    if private is None:
        private = ec.generate_private_key(ec.SECP256R1())
        _write(key, _pem(private))
    if _ends(certificate, private) - datetime.now(UTC) < RENEW:
        _write(certificate, _made(private, names))
    return certificate, key


def shown(config: Config) -> Path | None:
    """Return the certificate that the page serves, or will; None before its first start."""
    folder, page = config.page_folder / FOLDER, config.page
    given = config.file(page.certificate), config.file(page.certificate_key)
    for certificate, key in (given, (folder / "own.pem", folder / "own.key")):
        if certificate is not None and key is not None:
            with contextlib.suppress(BadPapers):
                context(certificate, key)
                return certificate
    own = folder / "box.pem"
    return own if own.exists() else None


def context(certificate: Path, key: Path) -> Context:
    """Return a TLS context by which browsers can come in, tried by a handshake in memory.

    OpenSSL loads what it then cannot serve with, and serves what no browser takes: either way
    nobody could open the page any more to put it right. Raises BadPapers.
    """
    try:
        leaf = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
        _taken_by_browsers(leaf)
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.load_cert_chain(certificate, key, lambda: b"")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            _greeted(made, leaf, version)
    except ssl.SSLError as error:
        raise BadPapers("papers_refused", "certificate") from error
    except OSError as error:
        raise BadPapers("papers_unread", "certificate") from error
    except NO_CERTIFICATE as error:
        raise BadPapers("papers_no_certificate", "certificate") from error
    return made


def _taken_by_browsers(leaf: x509.Certificate) -> None:
    """Refuse what Chromium, Firefox or Safari takes from no server, even where OpenSSL does.

    Raises BadPapers.
    """
    key = leaf.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < RSA_LEAST:
            raise BadPapers("papers_weak", "certificate")
        fits = key.key_size <= RSA_MOST
    else:
        fits = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES
    if not fits:
        raise BadPapers("papers_kind", "certificate")
    usage = _extension(leaf, x509.KeyUsage)
    purposes = _extension(leaf, x509.ExtendedKeyUsage)
    wanted = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if (usage is not None and not usage.digital_signature) or (
        purposes is not None and wanted.isdisjoint(purposes)
    ):
        raise BadPapers("papers_use", "certificate")


def _extension(leaf: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return leaf.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _greeted(server: Context, leaf: x509.Certificate, version: ssl.TLSVersion) -> None:
    """Do a whole handshake in memory, as a browser that trusts this very certificate.

    Raises ssl.SSLError.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.minimum_version = client.maximum_version = version
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    client.load_verify_locations(cadata=leaf.public_bytes(serialization.Encoding.DER))
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(back, there, server_hostname=_a_name(leaf)),
        server.wrap_bio(there, back, server_side=True),
    ]
    for _ in range(10):  # flights; four are needed
        for end in list(ends):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
                ends.remove(end)
        if not ends:
            return
    raise ssl.SSLError("the handshake does not end")


def install(state: Path, certificate: str, key: str) -> tuple[Path, Path]:
    """Check and keep one's own certificate (PEM, with its chain) and key; return their paths.

    Raises BadPapers, and then nothing has changed.
    """
    if len(certificate) > LARGEST or len(key) > LARGEST:
        raise BadPapers("papers_large", "certificate")
    try:
        chain = x509.load_pem_x509_certificates(certificate.encode())
    except NO_CERTIFICATE as error:
        raise BadPapers("papers_no_certificate", "certificate") from error
    try:
        private = serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: it wants a password
        raise BadPapers("papers_no_key", "key") from error
    try:
        public = chain[0].public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadPapers("papers_kind", "certificate") from error
    if _public(private.public_key()) != _public(public):
        raise BadPapers("papers_differ", "key")
    if chain[0].not_valid_after_utc < max(datetime.now(UTC), MADE):
        raise BadPapers("papers_over", "certificate")
    folder = state / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="try-", dir=folder) as room:  # 0700
        pair = Path(room, "own.pem"), Path(room, "own.key")
        _write(pair[0], certificate.strip().encode() + b"\n")
        _write(pair[1], key.strip().encode() + b"\n")
        context(*pair)
    (folder / "own.pem").unlink(
        missing_ok=True
    )  # without it the box's own is served: a power cut in between leaves a pair
    _write(folder / "own.key", key.strip().encode() + b"\n")
    _write(folder / "own.pem", certificate.strip().encode() + b"\n")
    return folder / "own.pem", folder / "own.key"


def uninstall(state: Path) -> None:
    """Go back to the certificate made on the box."""
    for name in ("own.pem", "own.key"):
        (state / FOLDER / name).unlink(missing_ok=True)


def fingerprint(certificate: Path) -> str:
    """Return the SHA-256 fingerprint as browsers show it."""
    digest = (
        x509.load_pem_x509_certificate(certificate.read_bytes())
        .fingerprint(hashes.SHA256())
        .hex()
        .upper()
    )
    return ":".join(digest[n : n + 2] for n in range(0, len(digest), 2))


def until(certificate: Path) -> datetime:
    """Return when the certificate ends, in UTC."""
    return _ends(certificate)


def host_names() -> list[str]:
    """Return the names this box answers to."""
    name = socket.gethostname().split(".")[0].lower() or "localhost"
    return [f"{name}.local", name, "localhost"]


def addresses() -> list[str]:
    """Return the addresses that the box has towards its network; nothing is sent to learn them.

    Without a network it is loopback alone.
    """
    found: list[str] = []
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as line:
            line.connect(
                (far, 9)
            )  # of a range for documentation: it only asks which address would be used
            found.append(str(line.getsockname()[0]))
    return found


def _ends(path: Path, private: ec.EllipticCurvePrivateKey | None = None) -> datetime:
    """Return when a certificate ends: long ago where it is none, or not that of the key."""
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        if private is None or _public(found.public_key()) == _public(private.public_key()):
            return found.not_valid_after_utc
    except (OSError, *NO_CERTIFICATE):
        pass
    return datetime.fromtimestamp(0, UTC)


def _public(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _of_box(key: Path) -> ec.EllipticCurvePrivateKey | None:
    """Return the box's own key, None where there is none that can be read as one."""
    try:
        found = serialization.load_pem_private_key(key.read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return found if isinstance(found, ec.EllipticCurvePrivateKey) else None


def _a_name(leaf: x509.Certificate) -> str:
    """Return a name that a certificate is for, as a browser asks for it.

    Raises ValueError where there is none.
    """
    found = _first_name(leaf)
    if "\0" in found:
        raise ValueError(found)
    return found


def _first_name(leaf: x509.Certificate) -> str:
    names = _extension(leaf, x509.SubjectAlternativeName)
    for name in names or ():
        if isinstance(name, x509.DNSName | x509.IPAddress):
            return str(name.value).replace("*", "box", 1)
    common = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else "localhost"


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
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes) -> None:
    """Write a file of mode 0600, whole or not at all. Raises OSError."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
