"""A household in the virtual machine: the gateway installed as the manual tells an operator, its platform and whoever presses buttons outside.

    with House(folder) as house:           # resumed with everything installed; nothing runs yet
        house.start()                      # the units; returns when the gateway hears
        house.press()
        house.desk.wait(lambda m: m.get("move") == "raise")
        house.cut(dice); house.boot()      # power gone, card kept; cold start

What must outlive the machine stands on this side: the broker, the platform's record (`desk`), what sounded in the home (`siren`).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import random
import re
import select
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.kit.brokers import Mosquitto, Platform
from tests.kit.household import DEVICES, PENDANT
from tests.kit.household import radar as radar_part
from tests.kit.radar_emulator import Radar
from tests.prove.pace import BARE
from tests.vm.air import Air
from tests.vm.card import Card
from tests.vm.machine import REPO, Machine, Saved, key, locked, made, warm

NAME = "gw-vm"
STATE = "/var/lib/eldercare-gateway"
HERE = "10.0.2.2"  # this host, as the machine sees it
DAEMON, PAGE = "eldercare-gateway.service", "eldercare-gateway-page.service"
SIREN = '#!/bin/bash\nexec 3>"/dev/udp/10.0.2.2/$1" && echo "$ELDERCARE_ALARM $ELDERCARE_KIND $ELDERCARE_STATE" >&3\n'
SHIPPED = ("gateway", "drivers", "config", "systemd", "pyproject.toml", "README.md", "LICENSE")  # what a clone has and an operator uses
FROM_SOURCE = (
    "pip install --no-deps --no-build-isolation ."  # the wheel that this line builds is built on this side: emulated it takes a minute
)
DONE_BY_IMAGE = ("apt-get install", "git clone", "python3 -m venv", "--require-hashes")  # lines of the manual's installation


def manual() -> list[str]:
    """Return the commands with which the manual installs a gateway, but for those that the image has carried out."""
    block = re.search(r"## Install by hand\n\n[^`]*```sh\n(.*?)```", (REPO / "docs" / "operator.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None, "the manual's installation is not where it was"
    return [line for line in block[1].splitlines() if not any(part in line for part in DONE_BY_IMAGE)]


def installed(scratch: Path) -> Saved:
    """Return the machine saved with the present code installed, nothing running. Raises machine.Missing."""
    image = made()
    shipped = _shipped()
    scratch.mkdir(parents=True, exist_ok=True)
    with locked(image / "lock"):
        before = warm(image, scratch / "warm")
        guest = [path.read_bytes() for path in sorted((REPO / "tests/vm/guest").glob("*radio*"))]
        saved = Saved(image / f"installed-{key(before.folder.name, shipped, *guest, Path(__file__).read_bytes())}")
        if saved.memory.exists():
            return saved
        for old in sorted(image.glob("installed-*"), key=lambda path: path.stat().st_mtime)[:-1]:
            shutil.rmtree(old)
        card = Card(scratch)
        try:
            machine = Machine(scratch, card=card, saved=before, air=Air())
            with machine:
                notes = _install(machine, shipped, _wheel(shipped, scratch))
                return machine.save(saved.folder, **notes)
        finally:
            card.close()


def _shipped() -> bytes:
    """Return what an operator clones as a tar, the same bytes for the same content."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name in SHIPPED:
            for path in sorted([REPO / name, *(REPO / name).rglob("*")]):
                if path.is_file() and "__pycache__" not in path.parts:
                    info = tarfile.TarInfo(str(path.relative_to(REPO)))
                    info.size = path.stat().st_size
                    with path.open("rb") as file:
                        tar.addfile(info, file)
    return whole.getvalue()


def _wheel(shipped: bytes, scratch: Path) -> Path:
    """Build what the manual's installation builds, out of what is shipped and nothing else."""
    source = scratch / "source"
    with tarfile.open(fileobj=io.BytesIO(shipped)) as tar:
        tar.extractall(source, filter="data")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        scratch,
        ".",
    ]
    subprocess.run(command, cwd=source, check=True, timeout=300)
    return next(scratch.glob("*.whl"))


def _install(machine: Machine, shipped: bytes, wheel: Path) -> dict[str, Any]:
    """Install, start both units once, stop them and forget what they left; return what each command said and took."""
    source = "import base64, io, tarfile\ntarfile.open(fileobj=io.BytesIO(base64.b64decode(data))).extractall('/opt/eldercare-gateway')"
    machine.python(source, data=base64.b64encode(shipped).decode())
    for name in ("radio.py", "vm-radio.service"):
        where = f"/usr/local/lib/vm-{name}" if name.endswith(".py") else f"/etc/systemd/system/{name}"
        machine.put(where, (REPO / "tests/vm/guest" / name).read_bytes())
    machine.sh("systemctl daemon-reload && systemctl enable -q --now vm-radio.service")
    machine.put(f"/opt/eldercare-gateway/{wheel.name}", wheel.read_bytes())
    said = []
    for written in manual():
        line = written.replace(FROM_SOURCE, f"pip install --no-deps --no-index {wheel.name}")
        began = time.monotonic()
        code, words = machine.run(f"cd /opt/eldercare-gateway && {line}", timeout=300)
        said.append([line, code, round(time.monotonic() - began, 1), words[-2000:]])
        # the configuration that is shipped is of a demonstration: `check` finds no radar and no platform, and says so
        assert code == 0 or " check " in f"{line} ", said[-1]
    active = machine.sh(f"systemctl is-active {DAEMON} {PAGE}").split()
    assert active == ["active", "active"], machine.sh("journalctl -b --no-pager | tail -40")
    machine.sh(f"systemctl stop {DAEMON} {PAGE}")
    machine.sh(f"rm -rf {STATE}/* /run/eldercare-gateway")
    machine.sh(
        f"echo '/dev/vdb {STATE} ext4 noatime 0 0' >> /etc/fstab && systemctl daemon-reload && mkdir -p /usr/local/lib/eldercare-gateway"
    )
    machine.put("/usr/local/lib/eldercare-gateway/siren", SIREN, 0o755)
    machine.sh("systemctl stop vm-radio.service bluetooth.service && journalctl --rotate --vacuum-size=1K -q")
    return {"said": said}


class Siren:
    """What sounds in the home: (monotonic s, words) of each program that ran."""

    def __init__(self) -> None:
        self.sounded: list[tuple[float, str]] = []
        self._line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._line.bind(("127.0.0.1", 0))
        self.port: int = self._line.getsockname()[1]
        threading.Thread(target=self._listen, name="siren", daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._line.recv(1000):
                self.sounded.append((time.monotonic(), data.decode().strip()))

    def close(self) -> None:
        self._line.close()


class Desk:
    """The platform in a thread of its own: what it heard, and instructions to the gateway."""

    def __init__(self, broker: Mosquitto) -> None:
        self.platform = Platform(broker, NAME)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="desk", daemon=True)
        self._thread.start()
        self._in_loop(self.platform.__aenter__())

    @property
    def messages(self) -> list[dict[str, Any]]:
        return self.platform.messages

    def entries(self, journal: str) -> dict[int, dict[str, Any]]:
        """Return every entry of a journal that was told, by number; a number that came with two contents fails."""
        found: dict[int, dict[str, Any]] = {}
        for heard in list(self.platform.heard):
            if heard.name in {"alarm", "fault", "result"} and heard.body["journal"] == journal:
                before = found.setdefault(heard.body["number"], heard.body)
                assert before == heard.body, f"entry {heard.body['number']} came twice and not the same: {before} and {heard.body}"
        return found

    def wait(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 30.0, *, after: int = 0) -> dict[str, Any]:
        return self._in_loop(self.platform.wait(wanted, seconds, after=after))

    def settle(self) -> None:
        """Return when all that the broker has from the home has been told."""
        self._in_loop(self.platform.settle())

    def instruct(self, do: str, **fields: Any) -> str:
        return self._in_loop(self.platform.instruct(do, **fields))

    def close(self) -> None:
        self._in_loop(self.platform.__aexit__(Exception))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        assert not self.platform.breaches, self.platform.breaches

    def _in_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class Wire:
    """Joins the pseudo-terminal of an emulated device to the machine's serial line."""

    def __init__(self, port: str, line: Path) -> None:
        self._device = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._device)
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(str(line))
        self._over = False
        self._thread = threading.Thread(target=self._pump, name="wire", daemon=True)
        self._thread.start()

    def _pump(self) -> None:
        with contextlib.suppress(OSError):
            while not self._over:
                readable, _, _ = select.select([self._device, self._line], [], [], 0.1)
                if self._device in readable:
                    self._line.sendall(os.read(self._device, 4096))
                if self._line in readable:
                    data = self._line.recv(4096)
                    if not data:
                        return
                    os.write(self._device, data)

    def close(self) -> None:
        self._over = True
        self._thread.join(5)
        self._line.close()
        os.close(self._device)


class House:
    """The whole household around one machine. `megabytes` is the size of its card; `lines` are added to its configuration; `hooks` lets parts of the daemon be hung."""

    def __init__(self, folder: Path, *, megabytes: int = 128, lines: str = "", times: str = "", hooks: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.saved = installed(folder / "install")
        self.air = Air()
        self.card = Card(folder, megabytes=megabytes)
        self.siren = Siren()
        self.broker = Mosquitto()
        self.radar = Radar(folder / "radar")
        self.machine = Machine(folder, card=self.card, air=self.air, saved=self.saved)
        self._lines, self._times, self._hooks = lines, times, hooks
        self._packet = 0
        self._wire: Wire | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for part in (self.card, self.siren, self.radar):
                stack.callback(part.close)
            stack.callback(shutil.rmtree, self.broker.folder, ignore_errors=True)
            self.broker.start()
            stack.callback(self.broker.stop)
            self.desk = Desk(self.broker)
            stack.callback(self.desk.close)
            stack.callback(self.machine.__exit__)
            stack.callback(self._power_off)
            self.machine.start()
            self._wire = Wire(self.radar.port, self.folder / "line")
            self._settle()
            self._parts = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def _settle(self) -> None:
        """Write the configuration as an operator would, and put the card in its place."""
        siren = f'["/usr/local/lib/eldercare-gateway/siren", "{self.siren.port}"]'
        config = (
            f'[gateway]\nid = "{NAME}"\n[platform]\nhost = "{HERE}"\nport = {self.broker.port}\ntls = false\n'
            "[consent]\nactivity = true\nclimate = true\nvital_signs = true\n"
            f"[sound]\npre_alarm = {siren}\nalarm = {siren}\n[times]\nreceipt = 10\nradio_deaf = 120\n{self._times}\n{DEVICES}{radar_part('/dev/ttyS1')}{self._lines}"
        )
        self.machine.put("/etc/eldercare-gateway/gateway.toml", config, 0o640)
        self.machine.put(
            "/etc/eldercare-gateway/secrets.toml",
            '[keys]\nsealed = "231d39c1d7cc1ab1aee224cd096db932"\ncancel = "231d39c1d7cc1ab1aee224cd096db932"\n',
            0o600,
        )
        if self._hooks:
            self.machine.sh(f"mkdir -p /usr/local/lib/vm-hooks /etc/systemd/system/{DAEMON}.d")
            self.machine.put("/usr/local/lib/vm-hooks/sitecustomize.py", (REPO / "tests/vm/guest/sitecustomize.py").read_bytes())
            self.machine.put(f"/etc/systemd/system/{DAEMON}.d/hooks.conf", "[Service]\nEnvironment=PYTHONPATH=/usr/local/lib/vm-hooks\n")
            self.machine.sh("systemctl daemon-reload")
        self.machine.sh(
            "chgrp eldercare /etc/eldercare-gateway/gateway.toml && chown eldercare: /etc/eldercare-gateway/secrets.toml &&"
            f" blockdev --flushbufs /dev/vdb && mount {STATE} && install -d -m 750 -o eldercare -g eldercare {STATE} &&"
            f" install -d -m 750 -o eldercare-page -g eldercare {STATE}/page && sync"
        )

    # -- life

    def start(self, *, page: bool = False) -> float:
        """Start the radio and the units; return what `hears` does."""
        self.start_only(page=page)
        return self.hears()

    def start_only(self, *, page: bool = False) -> None:
        self.machine.sh("systemctl start vm-radio.service")
        self.machine.sh(f"systemctl start --no-block {DAEMON} {PAGE if page else ''}")

    def hears(self, seconds: float = 600.0, unit: str = DAEMON) -> float:
        """Wait until the guest's kernel scans for the unit; return the seconds of the machine since the daemon's process was started."""
        end = time.monotonic() + seconds
        while not self.air.scanning.wait(20):
            assert time.monotonic() < end, f"nobody scans: {self.log()[-3000:]}"
            # on a starved host the kernel may lose patience with our controller while it sets it up; nothing in the machine could help that
            if (
                "Opcode 0x0c03 failed" in self.machine.run("dmesg | grep 'hci0: Opcode' | tail -1")[1]
                and not self.machine.run("bluetoothctl list")[1]
            ):
                self.machine.sh("systemctl restart vm-radio.service")
        scans, started = time.monotonic(), self.started(unit)
        return scans - started - self.machine.stolen(started, scans)

    def paced(self) -> tuple[float, float]:
        """Stop the daemon and start it again; return the machine's seconds until it hears, and until a bare scanner does."""
        self.machine.sh(f"systemctl stop {DAEMON}")
        self.until(lambda: not self.air.scanning.is_set())
        self.machine.put("/run/bare.py", BARE)
        self.machine.sh("systemd-run -q --collect --unit=bare /opt/eldercare-gateway/.venv/bin/python -I /run/bare.py")
        floor = self.hears(unit="bare.service")
        self.machine.sh("systemctl stop bare")
        self.until(lambda: not self.air.scanning.is_set())
        self.machine.sh(f"systemctl start --no-block {DAEMON}")
        return self.hears(), floor

    def started(self, unit: str = DAEMON) -> float:
        """Return when a unit's process was started, in monotonic s of this host."""
        there = self.machine.python("import time; result = time.monotonic()")
        now = time.monotonic()
        at = int(self.machine.unit(unit, "ExecMainStartTimestampMonotonic")["ExecMainStartTimestampMonotonic"]) / 1e6
        return now - (there - at)

    def cut(self, dice: random.Random, *, reset: bool = False) -> str:
        self._power_off()
        return self.machine.cut(dice, reset=reset)

    def _power_off(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def boot(self) -> float:
        """Start cold after a cut; everything starts by itself. Return the seconds until commands could be run."""
        began = time.monotonic()
        self.machine.start()
        self._wire = Wire(self.radar.port, self.folder / "line")
        return time.monotonic() - began

    def resume(self) -> None:
        """After a cut: the card in a machine that was saved before anything ran on it. A start without the minute of the kernel's."""
        self.machine.disk.unlink()
        self.machine._saved = self.saved
        self.machine.start()
        self._wire = Wire(self.radar.port, self.folder / "line")
        self._settle()

    # -- what happens in the home

    def press(self, times: int = 4, address: str = PENDANT) -> bool:
        """Press a button, as many packets as asked; say whether the kernel scanned at the last one."""
        self._packet = self._packet % 255 + 1
        return self.press_again(times, address)

    def press_again(self, times: int = 1, address: str = PENDANT) -> bool:
        """Send the packet of the last press once more, as a button does while its press lasts."""
        heard = False
        for _ in range(times):
            heard = self.air.advertise(address, service_data={"fcd2": f"4400{self._packet:02x}01643a01"})
        return heard

    # -- what came of it

    def log(self, unit: str = DAEMON) -> str:
        """Return the last words of a unit, of bluetoothd and of the kernel."""
        which = f"_SYSTEMD_UNIT={unit} + UNIT={unit} + _SYSTEMD_UNIT=bluetooth.service + _TRANSPORT=kernel PRIORITY=0 PRIORITY=1 PRIORITY=2 PRIORITY=3 PRIORITY=4"
        return self.machine.run(f"journalctl -b --no-pager -o short-monotonic {which} | tail -40")[1]

    def status(self) -> dict[str, Any]:
        text = self.machine.python("result = open('/run/eldercare-gateway/status.json').read()")
        found: dict[str, Any] = json.loads(text)
        return found

    def journal(self) -> dict[int, dict[str, Any]]:
        """Return the journal as it stands in the database, by number."""
        rows = self.rows("SELECT number, CAST(body AS TEXT) FROM journal ORDER BY number")
        return {number: json.loads(body) for number, body in rows}

    def rows(self, query: str) -> list[list[Any]]:
        source = (
            "import contextlib, sqlite3\n"
            "with contextlib.closing(sqlite3.connect('file:' + path + '?mode=ro', uri=True, timeout=10)) as db:\n"
            "    result = db.execute(query).fetchall()"
        )
        found: list[list[Any]] = self.machine.python(source, path=f"{STATE}/gateway.db", query=query)
        return found

    def until(self, condition: Callable[[], Any], seconds: float = 300.0, every: float = 0.1) -> Any:
        """Wait for something that is true sooner or later, and return it."""
        limit = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > limit:
                raise AssertionError(f"not within {seconds:g} s; the gateway says: {self.log()[-3000:]}")
            time.sleep(every)
        return found
