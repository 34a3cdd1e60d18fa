"""A household for tests of the whole gateway: its configuration, the real `python -m gateway run` as a child, and buttons to press.

    with Gateway(folder, broker=broker, bus=bluez) as gateway:      # started, and ready as systemd would see it
        gateway.press("pendant")
        gateway.kill(); gateway.start()

The child ends with the test run. What it says to systemd is heard on a socket of ours; what it logs is in `gateway.log()`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from drivers import all_models
from gateway.home.config import load
from gateway.page.change import tidied
from gateway.page.known import Known

from tests.kit import forked
from tests.kit.brokers import mortal
from tests.kit.wait import PATIENCE

REPO = Path(__file__).parents[2]
READY_WAIT = PATIENCE
KEY = "231d39c1d7cc1ab1aee224cd096db932"
OTHER_KEY = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
PASSWORD = "correct-horse-battery"

PENDANT, CANCEL, SEALED = "A4:C1:38:00:00:01", "A4:C1:38:00:00:02", "A4:C1:38:00:00:03"
DEVICES = f"""
[[device]]
id = "pendant"
model = "shelly-blu-button"
room = "hall"
address = "{PENDANT}"

[[device]]
id = "cancel"
model = "shelly-blu-button"
room = "bath"
address = "{CANCEL}"
buttons = {{ 1 = "cancel" }}

[[device]]
id = "sealed"
model = "shelly-blu-button"
room = "bedroom"
address = "{SEALED}"
"""


def radar(port: object) -> str:
    return f'\n[[device]]\nid = "radar"\nmodel = "radar-5359"\nroom = "bath"\nport = "{port}"\n'


SILENT = "[sound]\nvoice = false\n"  # of a home whose voice is not the matter


class Sealed:
    """A button that encrypts, as Shelly's do: the counter only ever grows."""

    def __init__(self, address: str, key: str = KEY) -> None:
        self.address = address
        self.key = bytes.fromhex(key)
        self.counter = 100

    def press(self) -> str:
        self.counter += 1
        counted = self.counter.to_bytes(4, "little")
        nonce = bytes.fromhex(self.address.replace(":", "")) + b"\xd2\xfc\x45" + counted
        whole = AESCCM(self.key, tag_length=4).encrypt(nonce, bytes.fromhex("01643a01"), None)
        return (b"\x45" + whole[:-4] + counted + whole[-4:]).hex()


class Systemd:
    """What a service says to systemd, with the second at which it said it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sd-")
        self.path = f"{self._folder.name}/notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.setblocking(False)
        self._reading = threading.Lock()
        self.words: list[tuple[float, str]] = []
        self._over = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._over:
            select.select([self._socket], [], [], 0.1)
            self._take()

    def _take(self) -> None:
        with self._reading, contextlib.suppress(BlockingIOError):
            while True:
                text = self._socket.recv(4096).decode()
                self.words += [(time.monotonic(), word) for word in text.splitlines()]

    def said(self, word: str) -> list[float]:
        if not self._over:
            self._take()  # also what this thread is faster than the listening one to see
        return [at for at, said in self.words if said == word]

    def close(self) -> None:
        self._over = True
        self._thread.join(5)
        self._socket.close()
        self._folder.cleanup()


class Gateway:
    """One gateway in a folder of its own. `lines` are added to the configuration; `prefix` is a command that starts the child.

    `sooner` are waiting times of its own that are others, such as `tell.will_delay=1`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        broker: Any = None,
        bus: Any = None,
        name: str = "gw-e2e",
        devices: str = DEVICES,
        lines: str = "",
        platform: str = "",
        times: str = "",
        secrets: str = "",
        prefix: tuple[str, ...] = (),
        state: str = "state",
        sooner: tuple[str, ...] = (),
    ) -> None:
        self.folder, self.bus, self.name, self.prefix, self.sooner = folder, bus, name, prefix, sooner
        self.started = 0.0  # s that its last start took: what this machine has for it
        self.state, self.runtime = folder / state, folder / "run"
        self.page = self.state / "page"
        self.config = folder / "gateway.toml"
        self.log_file = folder / "log"
        self.process: subprocess.Popen[bytes] | forked.Forked | None = None
        self.systemd = Systemd()
        self.environment: dict[str, str] = {}
        where = f'[platform]\nhost = "{broker.host}"\nport = {broker.port}\ntls = false\n{platform}\n' if broker else ""
        radio = "" if bus else "[radio]\nadapters = []\n"
        text = f'[gateway]\nid = "{name}"\nstate = "{state}"\nruntime = "run"\n{where}{radio}[consent]\nactivity = true\nclimate = true\nvital_signs = true\n[times]\n{times}\n{devices}\n{lines}'
        text += "" if "[sound]" in text else SILENT
        folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(text, encoding="utf-8")
        file = folder / "secrets.toml"
        file.write_text(secrets or (f'[keys]\nsealed = "{KEY}"\n' if "sealed" in devices else ""))
        file.chmod(0o600)
        self._packet: dict[str, int] = {}

    # -- life

    def start(self, *, wait: bool = True) -> Self:
        before = len(self.systemd.said("READY=1"))
        environment = {**os.environ, "NOTIFY_SOCKET": self.systemd.path, "PYTHONUNBUFFERED": "1", **self.environment}
        if self.bus is not None:
            environment |= self.bus.environment if hasattr(self.bus, "environment") else {}
        program = ("tests.prove.sooner", *self.sooner, "gateway") if self.sooner else ("gateway",)
        words = [*program, "run", "--config", str(self.config)]
        began = time.monotonic()
        if forked.allowed and not self.prefix and not self.environment:  # these may be the interpreter's own
            self.process = forked.Forked(words, folder=REPO, log=self.log_file, environment=environment)
        else:
            command = mortal([*self.prefix, sys.executable, "-m", *words])
            with self.log_file.open("ab") as log:
                self.process = subprocess.Popen(command, cwd=REPO, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait:
            limit = time.monotonic() + READY_WAIT
            while len(self.systemd.said("READY=1")) == before:
                if self.process.poll() is not None or time.monotonic() > limit:
                    raise AssertionError(f"the gateway is not ready (exit code {self.process.poll()}): {self.log()[-3000:]}")
                time.sleep(0.01)
            self.started = time.monotonic() - began
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """End it as a power cut does, but for the files."""
        self._end(signal.SIGKILL)

    def stop(self) -> tuple[int, float]:
        """Ask it to end; return its exit code and how many seconds it took."""
        began = time.monotonic()
        return self._end(signal.SIGTERM), time.monotonic() - began

    def _end(self, how: signal.Signals) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(how)
        try:
            return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"it did not end: {self.log()[-3000:]}") from None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.systemd.close()

    def sweep(self) -> list[Path]:
        """Let the page delete the secrets that the daemon needs no more; return those that are left."""
        config = load(self.config, all_models(), with_secrets=False)
        tidied(config, Known(config))
        return list((self.page / "handed").iterdir())

    # -- what happens in the home

    def packet(self, device: str) -> int:
        """Return the next packet number of a button, 0 to 255 as on the air."""
        self._packet[device] = (self._packet.get(device, 0) + 1) % 256
        return self._packet[device]

    def air(self, address: str, data: str, times: int = 4) -> None:
        """One burst, as a real button sends it: the same bytes several times."""
        for _ in range(times):
            self.bus.advertise(address, service_data={"fcd2": data})

    def press(self, address: str = PENDANT, *, times: int = 4) -> str:
        data = f"4400{self.packet(address):02x}01643a01"
        self.air(address, data, times)
        return data

    # -- what came of it

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the journal of a gateway that runs or was killed."""
        with contextlib.closing(sqlite3.connect(f"file:{self.state / 'gateway.db'}?mode=ro", uri=True, timeout=5)) as db:
            return db.execute(query, values).fetchall()

    def journal(self) -> dict[int, dict[str, Any]]:
        return {number: json.loads(body) for number, body in self.rows("SELECT number, body FROM journal ORDER BY number")}

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.runtime / "status.json").read_text())
        return found

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another subcommand on this gateway's configuration."""
        environment = {**os.environ, **(self.bus.environment if self.bus is not None else {})}
        line = [sys.executable, "-m", "gateway", words[0], "--config", str(self.config), *words[1:]]
        return subprocess.run(line, cwd=REPO, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
