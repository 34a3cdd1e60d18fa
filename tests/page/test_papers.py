"""Certificates of one's own: taken only if the page can be reached by them, and left for the box's where it cannot any more."""

import contextlib
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from drivers import all_models
from gateway.home.config import load
from gateway.page import papers
from gateway.page.server import Papers
from gateway.page.words import Words
from markupsafe import escape

from tests.page.conftest import post

USAGE = dict.fromkeys(
    ("content_commitment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False
)
P256, P384, P521 = ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()


def pair(key, *extensions, names=("box.example",), digest=None):
    """Return (certificate, key) in PEM, signed by itself."""
    signs = digest or (None if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "box.example")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    certificate = builder.sign(key, signs).public_bytes(serialization.Encoding.PEM)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.decode(), key.private_bytes(*form).decode()


def patched(before, after):
    """Return a pair whose certificate is not what any library makes."""
    other = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.18"), b"\x30\x00")
    certificate, key = pair(ec.generate_private_key(P256), other)
    der = ssl.PEM_cert_to_DER_cert(certificate)
    assert before in der
    return ssl.DER_cert_to_PEM_cert(der.replace(before, after, 1)), key


def usage(*, digital_signature, key_encipherment):
    return x509.KeyUsage(digital_signature=digital_signature, key_encipherment=key_encipherment, **USAGE)


def made(kind):
    return {
        "rsa-1024": lambda: pair(rsa.generate_private_key(65537, 1024)),
        "ed25519": lambda: pair(ed25519.Ed25519PrivateKey.generate()),
        "ed448": lambda: pair(ed448.Ed448PrivateKey.generate()),
        "p-521": lambda: pair(ec.generate_private_key(P521)),
        "brainpool": lambda: pair(ec.generate_private_key(ec.BrainpoolP256R1())),
        "for clients": lambda: pair(ec.generate_private_key(P256), x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])),
        "not to sign": lambda: pair(ec.generate_private_key(P256), usage(digital_signature=False, key_encipherment=True)),
        "version 9": lambda: patched(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09"),
        "an extension twice": lambda: patched(b"\x06\x03\x55\x1d\x12", b"\x06\x03\x55\x1d\x11"),
        "a name with NUL": lambda: pair(ec.generate_private_key(P256), names=("\0box",)),
        "rsa-2048": lambda: pair(rsa.generate_private_key(65537, 2048), usage(digital_signature=True, key_encipherment=True)),
        "p-256": lambda: pair(ec.generate_private_key(P256), x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])),
        "p-384": lambda: pair(ec.generate_private_key(P384), names=("*.home.example",)),
        "no names": lambda: pair(ec.generate_private_key(P256), names=()),
    }[kind]()


BAD = {
    "rsa-1024": "papers_weak",
    "ed25519": "papers_kind",
    "ed448": "papers_kind",
    "p-521": "papers_kind",
    "brainpool": "papers_kind",
    "for clients": "papers_use",
    "not to sign": "papers_use",
    "version 9": "papers_no_certificate",
    "an extension twice": "papers_no_certificate",
    "a name with NUL": "papers_no_certificate",
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_certificate_that_would_shut_the_page_is_refused_beside_its_field(box, kind):
    box.page.papers = Papers(box.example.config, ["box.local"])
    before = papers.fingerprint(box.page.papers.certificate)
    browser = await box.technician()
    certificate, key = made(kind)
    for lang in ("zh", "en"):
        words = Words(lang, UTC)
        await browser.get("/box", params={"lang": lang})
        answer = await post(browser, "/box", "/box/papers", certificate=certificate, private=key)
        assert answer.status_code == 422
        assert f'<p class="say" id="p-c-say"><strong>{escape(words(BAD[kind]))}' in answer.text
        assert certificate.splitlines()[1] in answer.text, "what was typed is kept"
        assert key.splitlines()[1] not in answer.text, "but never a key"
    folder = box.example.config.page_folder / papers.FOLDER
    assert sorted(p.name for p in folder.iterdir()) == ["box.key", "box.pem"], "nothing of it was kept"
    assert papers.fingerprint(Papers(box.example.config, ["box.local"]).certificate) == before


@pytest.mark.parametrize("kind", ["rsa-2048", "p-256", "p-384", "no names"])
async def test_a_certificate_that_browsers_take_is_served_at_once(box, kind):
    box.page.papers = Papers(box.example.config, ["box.local"])
    browser = await box.technician()
    certificate, key = made(kind)
    assert (await post(browser, "/box", "/box/papers", certificate=certificate, private=key)).status_code == 303
    assert box.page.papers.origin == "own"
    assert not box.page.papers.trouble
    assert shaken(box.page.papers.context) == ssl.PEM_cert_to_DER_cert(certificate)


def shaken(context):
    """Return the certificate that a context shows."""
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(back, there), context.wrap_bio(there, back, server_side=True)]
    for _ in range(6):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[0].getpeercert(binary_form=True)


@pytest.mark.parametrize("cut", [1, -1])
async def test_a_key_with_a_letter_too_few_is_refused_beside_its_field(box, cut):
    browser = await box.technician()
    certificate, key = made("p-256")
    lines = key.splitlines()
    lines[1] = lines[1][1:] if cut > 0 else lines[1][:-1]
    answer = await post(browser, "/box", "/box/papers", certificate=certificate, private="\n".join(lines))
    assert answer.status_code == 422
    assert f'id="p-k-say"><strong>{Words("zh", UTC)("papers_no_key")}' in answer.text
    assert not list((box.example.config.page_folder).glob(f"{papers.FOLDER}/own*"))


@pytest.mark.parametrize("kind", BAD)
def test_one_that_was_kept_all_the_same_is_left_for_the_boxs_own_at_the_start(example, kind):
    """Kept by an earlier version, or put there by hand: the page must come up, and say what is wrong."""
    folder = example.config.page_folder / papers.FOLDER
    own = papers.fingerprint(papers.of_box(example.config.page_folder, ["box.local"])[0])
    certificate, key = made(kind)
    (folder / "own.pem").write_text(certificate)
    (folder / "own.key").write_text(key)
    mine = Papers(example.config, ["box.local"])
    assert (mine.origin, mine.trouble) == ("box", BAD[kind])
    assert papers.fingerprint(mine.certificate) == own
    assert papers.shown(example.config) == mine.certificate
    good = made("p-256")
    papers.install(example.config.page_folder, *good)
    mine.take_up()
    assert (mine.origin, mine.trouble) == ("own", "")
    assert papers.shown(example.config) == mine.certificate


async def test_the_page_says_that_the_boxs_own_is_served_instead(box):
    folder = box.example.config.page_folder / papers.FOLDER
    papers.of_box(box.example.config.page_folder, ["box.local"])
    for name, text in zip(("own.pem", "own.key"), made("rsa-1024"), strict=True):
        (folder / name).write_text(text)
    box.page.papers = Papers(box.example.config, ["box.local"])
    browser = await box.technician()
    for lang in ("zh", "en"):
        words = Words(lang, UTC)
        text = (await browser.get("/box", params={"lang": lang})).text
        assert escape(words("self.papers_trouble", why=words("papers_weak"))) in text
        assert escape(words("self.papers_remove")) in text
    assert (await post(browser, "/box", "/box/papers", remove="1")).status_code == 303
    assert Words("zh", UTC)("papers_weak") not in (await browser.get("/box", params={"lang": "zh"})).text


def test_a_file_named_in_the_configuration_that_is_no_good_shuts_nobody_out(example):
    text = example.path.read_text(encoding="utf-8")
    given = 'address = "127.0.0.1"\ncertificate = "there.pem"\ncertificate_key = "there.key"'
    example.path.write_text(text.replace('address = "127.0.0.1"', given), encoding="utf-8")
    for word, certificate, key in (
        ("papers_unread", None, None),
        ("papers_no_certificate", "torn", "torn"),
        ("papers_weak", *made("rsa-1024")),
        ("", *made("p-256")),
    ):
        for name, content in (("there.pem", certificate), ("there.key", key)):
            if content is not None:
                (example.path.parent / name).write_text(content)
        mine = Papers(load(example.path, all_models(), with_secrets=False), ["box.local"])
        assert mine.trouble == word
        assert mine.origin == ("box" if word else "config")


@pytest.mark.parametrize("torn", ["box.key", "box.pem"])
def test_a_damaged_pair_of_the_boxs_own_is_made_anew(tmp_path, torn):
    certificate, key = papers.of_box(tmp_path, ["box.local"])
    (certificate.parent / torn).write_bytes(b"")
    papers.context(*papers.of_box(tmp_path, ["box.local"]))
    other = papers.of_box(tmp_path / "other", ["x"])
    key.write_bytes(other[1].read_bytes())
    papers.context(*papers.of_box(tmp_path, ["box.local"]))
