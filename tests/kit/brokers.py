"""Real brokers for the tests: Mosquitto as an ordinary user, the embedded one in a child process, and a platform that listens.

Everything stands on a free port of the loopback interface. A child dies with the test run, also when that is killed.

    with Mosquitto() as broker:
        async with Platform(broker, "gw-1") as platform:
            ...
            alarm = await platform.wait(lambda m: m["type"] == "alarm" and m["state"] == "raised")
            await platform.instruct("acknowledge", by="desk", alarm=alarm["alarm"])

Every message of a gateway that a Platform hears is checked against the JSON Schemas of config/contract; a breach fails the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import ipaddress
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiomqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from jsonschema import Draft202012Validator

from tests.kit.dated import FOR_A_WHILE, dated
from tests.kit.ports import free_port
from tests.kit.wait import PATIENCE

CONTRACT = Path(__file__).parents[2] / "config" / "contract"
ROOT = "eldercare/v1"
FROM_GATEWAY = ("alarm", "fault", "result", "readings", "status", "heartbeat")
ENTRIES = ("alarm", "fault", "result")
NOBODY = 65534


# -- certificates -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Papers:
    """Paths of a certificate and its key."""

    cert: Path
    key: Path


class Authority:
    """A certificate authority made on the fly, in `folder`."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        now = dt.datetime.now(dt.UTC)
        self._cert = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=3650))
            .not_valid_after(now + dt.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(_usage(sign_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.ca = folder / f"{name.replace(' ', '-')}.pem"
        self.ca.write_bytes(self._cert.public_bytes(serialization.Encoding.PEM))
        self.ca.chmod(0o644)

    def issue(
        self,
        name: str,
        *,
        hosts: tuple[str, ...] = (),
        valid_from: dt.timedelta = -dt.timedelta(days=1),
        valid_to: dt.timedelta = dt.timedelta(days=1),
    ) -> Papers:
        """Sign a certificate for a server with these `hosts` (names or addresses), or for a client without any."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + valid_from)
            .not_valid_after(now + valid_to)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(_usage(), critical=True)
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([_host(h) for h in hosts]), critical=False)
        papers = Papers(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        papers.cert.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        papers.key.write_bytes(pem)
        papers.key.chmod(0o600)
        return papers

    def revoked(self, *gone: Papers) -> Path:
        """Return a list of certificates that are not good any more, as a broker reads it."""
        now = dt.datetime.now(dt.UTC)
        made = x509.CertificateRevocationListBuilder().issuer_name(self._name).last_update(now).next_update(now + dt.timedelta(days=1))
        for papers in gone:
            number = x509.load_pem_x509_certificate(papers.cert.read_bytes()).serial_number
            made = made.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now).build())
        path = self.folder / "gateways.crl"
        path.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, sign_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


# -- brokers ------------------------------------------------------------------------------------------------------------


def mortal(command: list[str]) -> list[str]:
    """Let a child end when the thread that starts it ends, however the test run ends."""
    wrapper = shutil.which("setpriv")
    return [wrapper, "--pdeathsig", "KILL", *command] if wrapper else command


class Process:
    """A broker in a child process. Every signal goes to its own process id. Start it from the main thread."""

    host = "127.0.0.1"
    port: int
    tls_ca: Path | None = None

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def options(self) -> dict[str, Any]:
        return {}

    def start(self) -> None:
        """Start it and wait until it listens."""
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(mortal(self.command()), stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.options())
        limit = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 1):
                return
            if self.process.poll() is not None or time.monotonic() > limit:
                self.stop()
                raise RuntimeError(f"broker did not start: {self.log()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it from answering; its connections stay open."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run again."""
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(how)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    @property
    def log_file(self) -> Path:
        return self.folder / "log"

    folder: Path

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Mosquitto(Process):
    """A real Mosquitto, as an ordinary user. MQTT 5 and 3.1.1.

    `tls` is the server's certificate, `ca` that of clients' certificates (with it, a client must have one).
    `passwords` are users and their passwords; without any, everybody is let in. `acl` is the text of an access list.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        tls: Papers | None = None,
        ca: Path | None = None,
        passwords: dict[str, str] | None = None,
        acl: str = "",
        extra: str = "",
        crl: Path | None = None,
    ) -> None:
        super().__init__()
        self.program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if self.program is None:
            pytest.fail("there is no mosquitto here: apt-get install mosquitto")
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="mosquitto-"))  # pytest's own folder is closed to other users
        self.passwords = passwords or {}
        lines = [f"listener {self.port} 127.0.0.1", f"allow_anonymous {'false' if passwords else 'true'}", "log_type all", extra]
        if tls is not None:
            lines += [f"certfile {self._own(tls.cert)}", f"keyfile {self._own(tls.key)}"]
        if ca is not None:
            lines += [f"cafile {self._own(ca)}", "require_certificate true"]
        if crl is not None:
            lines.append(f"crlfile {self._own(crl)}")
        if passwords:
            lines.append(f"password_file {self.folder / 'passwords'}")
            self._write_passwords()
        if acl:
            (self.folder / "acl").write_text(acl)
            lines.append(f"acl_file {self.folder / 'acl'}")
        (self.folder / "conf").write_text("\n".join(lines) + "\n")
        if os.geteuid() == 0:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, NOBODY, NOBODY)

    def _own(self, path: Path) -> Path:
        return Path(shutil.copy(path, self.folder / path.name))

    def _write_passwords(self) -> None:
        file = self.folder / "passwords"
        file.write_text("".join(f"{user}:{word}\n" for user, word in self.passwords.items()))
        tool = shutil.which("mosquitto_passwd") or "mosquitto_passwd"
        subprocess.run([tool, "-U", str(file)], check=True, capture_output=True, timeout=PATIENCE)

    def command(self) -> list[str]:
        return [str(self.program), "-c", str(self.folder / "conf")]

    def options(self) -> dict[str, Any]:
        return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


class Embedded(Process):
    """The broker from PyPI (amqtt) in a child process. It speaks MQTT 3.1.1 only, and ignores a CONNECT of MQTT 5."""

    def __init__(self, *, port: int = 0) -> None:
        super().__init__()
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="embedded-"))

    def command(self) -> list[str]:
        return [sys.executable, "-W", "ignore", "-m", "tests.kit.brokers", str(self.port)]

    def options(self) -> dict[str, Any]:
        return {"cwd": CONTRACT.parents[1]}  # of this checkout, in which `tests` is found


async def _embedded(port: int) -> None:
    from amqtt.broker import Broker

    settings = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    broker = Broker(settings)
    await broker.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await broker.shutdown()


# -- the platform -------------------------------------------------------------------------------------------------------


@functools.cache
def validator(name: str) -> Draft202012Validator:
    """Return the checker of one message of the contract, from the committed file."""
    schema = json.loads((CONTRACT / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def breaches(name: str, body: object) -> list[str]:
    """Return what in a message breaks the contract, one sentence each."""
    return [f"{name}: {e.message} at {e.json_path}" for e in validator(name).iter_errors(body)]


@dataclass(frozen=True)
class Heard:
    """One message as it came: `at` is the event loop's time in seconds."""

    name: str
    body: dict[str, Any]
    at: float
    retain: bool
    qos: int


@dataclass
class _Pending:
    """Numbers without receipt yet, per journal or history."""

    entries: dict[str, set[int]] = field(default_factory=dict)
    batches: dict[str, set[int]] = field(default_factory=dict)


class Platform:
    """A small platform: records what one gateway sends, checks it, gives receipts if wanted, sends instructions.

    `receipts` may be switched at any time; what came while it was off is covered by `catch_up()`. It comes back by itself when the
    broker restarts. `heard` has all messages in the order in which they came; `messages` their bodies.
    """

    def __init__(
        self,
        broker: Process,
        gateway: str,
        *,
        receipts: bool = True,
        check: bool = True,
        username: str | None = None,
        password: str | None = None,
        tls_context: Any = None,
    ) -> None:
        self.broker = broker
        self.gateway = gateway
        self.receipts = receipts
        self.check = check
        self.heard: list[Heard] = []
        self.breaches: list[str] = []
        self._options = {"username": username, "password": password, "tls_context": tls_context}
        self._client: aiomqtt.Client | None = None
        self._up = asyncio.Event()
        self._more = asyncio.Condition()
        self._pending = _Pending()
        self._seen = 0
        self._given: dict[tuple[str, str], dict[str, Any]] = {}

    # -- what it has heard

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [h.body for h in self.heard]

    def named(self, name: str) -> list[dict[str, Any]]:
        """Return all messages called `name` (alarm, fault, ...)."""
        return [h.body for h in self.heard if h.name == name]

    def numbers(self, journal: str | None = None) -> list[int]:
        """Return the entry numbers heard, in order of arrival, repeats included."""
        return [h.body["number"] for h in self.heard if h.name in ENTRIES and journal in {None, h.body["journal"]}]

    async def wait(self, wanted: Callable[[dict[str, Any]], bool], timeout: float = PATIENCE, *, after: int = 0) -> dict[str, Any]:
        """Return the first message, from number `after` of the list on, that `wanted` says yes to; also one heard before."""
        return (await self.wait_heard(lambda h: wanted(h.body), timeout, after=after)).body

    async def wait_heard(self, wanted: Callable[[Heard], bool], timeout: float = PATIENCE, *, after: int = 0) -> Heard:
        """Like `wait`, with name, time, retain and QoS."""
        seen = after
        try:
            async with asyncio.timeout(max(timeout, PATIENCE)), self._more:
                while True:
                    while seen < len(self.heard):
                        if wanted(self.heard[seen]):
                            return self.heard[seen]
                        seen += 1
                    assert not self.breaches, self.breaches
                    await self._more.wait()
        except TimeoutError:
            last = [(h.name, h.body.get("number"), h.body.get("state") or h.body.get("kind")) for h in self.heard[-8:]]
            raise AssertionError(f"not heard within {timeout} s; {len(self.heard)} messages, the last: {last}") from None

    # -- what it says

    async def send(self, name: str, body: dict[str, Any] | bytes, *, check: bool = True, qos: int = 1, retain: bool = False) -> None:
        """Send a receipt or an instruction. Bytes go as they are; a body is checked first unless `check` is false."""
        if isinstance(body, dict):
            assert not check or not breaches(name, body), breaches(name, body)
            body = json.dumps(body, ensure_ascii=False).encode()
        await self._up.wait()
        assert self._client
        await self._client.publish(f"{ROOT}/{self.gateway}/{name}", body, qos=qos, retain=retain)

    async def settle(self) -> None:
        """Return when the broker has passed on all that had reached it: it answers two messages of ours that came later."""
        await self._up.wait()
        for _ in range(2):
            assert self._client
            await self._client.publish("settle", b"", qos=1)

    async def instruct(self, do: str, *, by: str = "desk", id: str | None = None, **fields: Any) -> str:  # noqa: A002
        """Send an instruction, which may lack what it needs, and return its id."""
        self._seen += 1
        name = id or f"i-{time.monotonic_ns():x}-{self._seen}"
        now = dt.datetime.now(dt.UTC)
        # An alarm here is young and its orders need no time: the gateway's clock may be another one than ours.
        given = dated(do, fields, now, FOR_A_WHILE)
        fields = self._given.setdefault((name, do), given) if id else given
        await self.send("instruction", {"v": 1, "gateway": self.gateway, "id": name, "do": do, "by": by, **fields}, check=False)
        return name

    async def result(self, id: str, timeout: float = PATIENCE) -> dict[str, Any]:  # noqa: A002
        """Wait for what came of an instruction."""
        return await self.wait(lambda m: m.get("type") == "result" and m["instruction"] == id, timeout)

    async def receipt(self, journal: str, entries: list[tuple[int, int]], history: str = "", batches: list[tuple[int, int]] = []) -> None:  # noqa: B006
        """Send one receipt by hand."""
        body = {"v": 1, "gateway": self.gateway, "journal": journal, "entries": [list(r) for r in entries]}
        if history:
            body |= {"history": history, "batches": [list(r) for r in batches]}
        await self.send("receipt", body)

    async def catch_up(self) -> None:
        """Send receipts for all that was heard and has none."""
        entries, self._pending.entries = self._pending.entries, {}
        batches, self._pending.batches = self._pending.batches, {}
        for journal, numbers in entries.items():
            for part in _parts(ranges(numbers)):
                await self.receipt(journal, part)
        for history, numbers in batches.items():
            for part in _parts(ranges(numbers)):
                await self.receipt(next(iter(entries), "j-none"), [], history, part)

    # -- how it runs

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        self._confirms = asyncio.create_task(self._confirm())
        up = asyncio.create_task(self._up.wait())
        await asyncio.wait((up, self._task), timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if not self._up.is_set():
            self._task.cancel()
            self._confirms.cancel()
            raise AssertionError(f"the platform cannot reach the broker: {self.broker.log()[-500:]}")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for task in (self._task, self._confirms):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if kind is None:
            assert not self.breaches, self.breaches

    async def _run(self) -> None:
        while True:
            try:
                client = aiomqtt.Client(self.broker.host, self.broker.port, timeout=10, **self._options)
                async with client:
                    await client.subscribe([(f"{ROOT}/{self.gateway}/{name}", 1) for name in FROM_GATEWAY])
                    self._client = client
                    self._up.set()
                    async for message in client.messages:
                        await self._take(message)
            except aiomqtt.MqttError:
                self._up.clear()
                await asyncio.sleep(0.05)

    async def _take(self, message: aiomqtt.Message) -> None:
        name = message.topic.value.rsplit("/", 1)[-1]
        try:
            body = json.loads(message.payload)
        except ValueError as error:
            self.breaches.append(f"{name} is not JSON: {error}")
            body = {}
        if self.check:
            self.breaches += breaches(name, body)
            if body.get("type") != name or body.get("gateway") != self.gateway:
                self.breaches.append(f"{message.topic.value} carries {body.get('type')} of {body.get('gateway')}")
        async with self._more:
            self.heard.append(Heard(name, body, asyncio.get_running_loop().time(), bool(message.retain), message.qos))
            if name in ENTRIES and "number" in body:
                self._pending.entries.setdefault(body["journal"], set()).add(body["number"])
            elif name == "readings" and "batch" in body:
                self._pending.batches.setdefault(body["history"], set()).add(body["batch"])
            self._more.notify_all()

    async def _confirm(self) -> None:
        """Give receipts for what has come; what comes meanwhile goes into the next one."""
        while True:
            async with self._more:
                await self._more.wait_for(lambda: self.receipts and (self._pending.entries or self._pending.batches))
            with contextlib.suppress(aiomqtt.MqttError):  # the broker went: the gateway sends again
                await self.catch_up()


def ranges(numbers: set[int]) -> list[tuple[int, int]]:
    """Return inclusive ranges that hold exactly these numbers."""
    out: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if out and out[-1][1] == number - 1:
            out[-1] = (out[-1][0], number)
        else:
            out.append((number, number))
    return out


def _parts(all_ranges: list[tuple[int, int]], most: int = 500) -> list[list[tuple[int, int]]]:
    return [all_ranges[i : i + most] for i in range(0, len(all_ranges), most)]


if __name__ == "__main__":
    asyncio.run(_embedded(int(sys.argv[1])))
