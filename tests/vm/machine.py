"""One virtual machine: boots, resumes from a saved state, loses its power, runs what it is asked.

    image = made()                                   # the disk, made once (tests/vm/image.sh); Missing where there is no QEMU
    with Machine(folder, card=card, air=air, saved=warm(image)) as machine:      # resumed in a second or two
        machine.sh("systemctl start bluetooth")
        machine.cut()                                # the process is killed; the card forgets what it had not written
        machine.start()                              # cold: kernel, systemd, everything

The machine has 512 MB as the smallest Pi, two processors, a network of its own in which only this host answers (10.0.2.2), a serial line (/dev/ttyS1)
and no way out. Emulated where KVM is not to be had: then everything takes some ten times as long, and limits are met all the more honestly.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import queue
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.kit.brokers import mortal
from tests.kit.ports import free_port
from tests.vm.air import Air
from tests.vm.card import Card

REPO = Path(__file__).parents[2]
QEMU = "qemu-system-x86_64"
MEMORY = 512  # MB
BOOT_WAIT, RESUME_WAIT = 300.0, 90.0  # s, on a machine that has other work too


class Missing(Exception):
    """There can be no virtual machine here; the text says why and what to do."""


class PowerGone(Exception):
    """The machine ended while something was asked of it."""


@dataclass(frozen=True)
class Saved:
    """A machine that ran and was saved: its disk, its memory, and what was noted of it."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.qcow2"

    @property
    def memory(self) -> Path:
        return self.folder / "memory"

    def notes(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "notes.json").read_text())
        return found


def made() -> Path:
    """Return the folder with the machine's disk and kernel; make them where they are not there yet. Raises Missing."""
    done = subprocess.run(
        [str(REPO / ".ci/need"), f"{QEMU}=qemu-system-x86", "qemu-img=qemu-utils", "mmdebstrap=mmdebstrap", "mke2fs=e2fsprogs"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Missing(f"no virtual machine here: {done.stderr.strip()}")
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eldercare-gateway" / "vm"
    root.mkdir(parents=True, exist_ok=True)
    with locked(root / "lock"):
        done = subprocess.run(["sh", REPO / "tests/vm/image.sh", sys.executable], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Missing("no virtual machine here: its disk could not be made; why stands above")
    return Path(done.stdout.strip())


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def accelerator(image: Path) -> tuple[str, ...]:
    """Return how the machine's processor is made: KVM where the image's kernel really speaks under it, else emulated. Tried once for an image."""
    kvm, emulated = ("-accel", "kvm", "-cpu", "host"), ("-accel", "tcg,thread=multi", "-cpu", "max")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return emulated
    tried = image / "kvm"
    if not tried.exists():
        probe = [QEMU, "-machine", "q35", *kvm, "-m", "256", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"]
        probe += ["-kernel", f"{image}/vmlinuz", "-append", "console=ttyS0 panic=-1"]  # without a disk it panics, and that is the end
        try:
            said = subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False).stdout
        except subprocess.TimeoutExpired as error:
            said = error.stdout or b""
        tried.write_text("works" if b"Linux version" in said else "does not work here")
    return kvm if tried.read_text() == "works" else emulated


def _disk(path: Path, over: Path) -> None:
    over_format = "raw" if over.suffix == ".img" else "qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", over, "-F", over_format, path], check=True, timeout=60)


class Machine:
    """See the module. `image` for a cold start of a new disk, or `saved` to resume; `clock` is what its clock shows at a cold start (ISO, UTC)."""

    def __init__(self, folder: Path, *, card: Card, air: Air | None = None, image: Path | None = None, saved: Saved | None = None) -> None:
        self.folder, self.card, self.air, self._saved = folder, card, air, saved
        self.image = image or (saved.folder.parent if saved else None)
        self.disk = folder / "disk.qcow2"
        self.clock = ""
        self.doors = {443: free_port()}  # ports of the machine, and as which of this host's they can be reached
        self.console = folder / "console"
        self.process: subprocess.Popen[bytes] | None = None
        self._answers: dict[int, queue.SimpleQueue[dict[str, Any] | None]] = {}
        self._number = 0
        self._lock = threading.Lock()
        self._wire: socket.socket | None = None
        self._waits: list[tuple[float, float]] = []  # (moment, s that its processors had waited by then)

    # -- life

    def start(self) -> Self:
        """Resume the saved state the first time, where there is one; boot otherwise. Returns when commands can be run."""
        assert self.image is not None
        resumed, self._saved = self._saved, None
        if not self.disk.exists():
            _disk(self.disk, resumed.disk if resumed else self.image / "root.img")
        for name in ("control", "radio", "line", "qmp"):
            (self.folder / name).unlink(missing_ok=True)
        self.process = subprocess.Popen(mortal(self._command(resumed)), stdin=subprocess.DEVNULL, stderr=(self.folder / "qemu").open("ab"))
        threading.Thread(target=self._watch, args=(self.process,), name="watch", daemon=True).start()
        self.qmp = _Qmp(self._join("qmp"))
        if resumed:
            while self.qmp("query-status")["status"] in {"inmigrate", "paused"}:
                self._alive()
                time.sleep(0.02)
        self._wire = self._join("control")
        threading.Thread(target=self._listen, args=(self._wire,), name="control", daemon=True).start()
        if self.air is not None:
            self.air.plug(str(self.folder / "radio"))
        self.python("result = 1", timeout=RESUME_WAIT if resumed else BOOT_WAIT)
        if resumed:
            self.python("import time; time.clock_settime(time.CLOCK_REALTIME, now)", now=time.time())
        return self

    def cut(self, dice: random.Random | None = None, *, reset: bool = False) -> str:
        """Take its power away (`reset`: let its own kernel reset it, without a word to anybody); say what the card lost of it."""
        assert self.process is not None
        if reset:
            with contextlib.suppress(PowerGone, TimeoutError):
                self.python("open('/proc/sysrq-trigger', 'w').write('b')", timeout=20)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        self._end()
        return self.card.cut(dice or random.Random())

    def save(self, into: Path, **notes: Any) -> Saved:
        """Save disk and memory, and end. The card's file system must not be mounted: what is on the card is not saved."""
        new = into.with_name(into.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        self.sh("sync")
        if self.air is not None:
            self.air.unplug()
        self.qmp("migrate-set-parameters", **{"max-bandwidth": 1 << 34})
        self.qmp("migrate", uri=f"exec:cat > {new}/memory")
        while (found := self.qmp("query-migrate"))["status"] not in {"completed", "failed", "cancelled"}:
            time.sleep(0.05)
        if found["status"] != "completed":
            raise RuntimeError(f"the machine could not be saved: {found}")
        self.qmp("quit")
        assert self.process is not None
        self.process.wait(30)
        self._end()
        shutil.move(self.disk, new / "disk.qcow2")
        (new / "notes.json").write_text(json.dumps(notes, ensure_ascii=False, indent=1))
        shutil.rmtree(into, ignore_errors=True)
        new.rename(into)
        return Saved(into)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        if self.air is not None:
            self.air.unplug()
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()
        with self._lock:
            for waiting in self._answers.values():
                waiting.put(None)

    def _command(self, resumed: Saved | None) -> list[str]:
        assert self.image is not None
        # fmt: off
        words = [
            QEMU, "-machine", "q35,usb=off", *accelerator(self.image), "-name", "eldercare-vm,debug-threads=on", "-smp", "2", "-m", str(MEMORY), "-nodefaults", "-display", "none", "-no-reboot",
            "-kernel", f"{self.image}/vmlinuz", "-initrd", f"{self.image}/initrd", "-append",
            "console=ttyS0 root=/dev/vda quiet loglevel=4 mitigations=off nokaslr net.ifnames=0 systemd.show_status=0 panic=-1 random.trust_cpu=on no_timer_check",
            "-serial", f"file:{self.console}", "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off", "-device", "virtio-rng-pci",
            "-drive", f"if=none,id=disk,file={self.disk},format=qcow2,cache=unsafe", "-device", "virtio-blk-pci,drive=disk",
            "-blockdev", f"driver=nbd,node-name=card,server.type=unix,server.path={self.card.address}",
            "-device", "virtio-blk-pci,drive=card,werror=report,rerror=report",
            "-device", "virtio-serial-pci",
            "-netdev", "user,id=net,ipv6=off" + "".join(f",hostfwd=tcp:127.0.0.1:{ours}-10.0.2.15:{port}" for port, ours in self.doors.items()),
            "-device", "virtio-net-pci,netdev=net,romfile=",
        ]
        for name in ("control", "radio", "line"):
            words += ["-chardev", f"socket,id={name},path={self.folder}/{name},server=on,wait=off"]
        words += ["-device", "virtserialport,chardev=control,name=control", "-device", "virtserialport,chardev=radio,name=radio"]
        words += ["-device", "pci-serial,chardev=line"]
        # fmt: on
        if self.clock:
            words += ["-rtc", f"base={self.clock}"]
        if resumed:
            words += ["-incoming", f"exec:cat {resumed.memory}"]
        return words

    def _join(self, name: str) -> socket.socket:
        wire = socket.socket(socket.AF_UNIX)
        limit = time.monotonic() + 30
        while True:
            try:
                wire.connect(f"{self.folder}/{name}")
            except OSError:
                self._alive()
                if time.monotonic() > limit:
                    raise
                time.sleep(0.02)
            else:
                return wire

    def _alive(self) -> None:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"QEMU ended: {(self.folder / 'qemu').read_text(errors='replace')[-1500:]}")

    # -- what it is asked

    def python(self, source: str, /, timeout: float = 60.0, **names: Any) -> Any:
        """Run Python in the agent there; `names` are known in it, `result` is returned."""
        return self._ask({"python": source, "names": names}, timeout)

    def run(self, command: str, timeout: float = 60.0) -> tuple[int, str]:
        """Run a shell command; return its exit code and all it wrote."""
        code, said = self._ask({"sh": command, "timeout": timeout}, timeout + 10)
        return code, said

    def sh(self, command: str, timeout: float = 60.0) -> str:
        """Run a shell command that must succeed; return what it wrote."""
        code, said = self.run(command, timeout)
        if code:
            raise AssertionError(f"in the machine, `{command}` ended with {code}: {said[-3000:]}")
        return said

    def put(self, path: str, content: bytes | str, mode: int = 0o644) -> None:
        data = base64.b64encode(content.encode() if isinstance(content, str) else content).decode()
        source = "import base64, os\nopen(path, 'wb').write(base64.b64decode(data))\nos.chmod(path, mode)"
        self.python(source, path=path, data=data, mode=mode)

    def unit(self, name: str, *properties: str) -> dict[str, str]:
        """Return what systemd says of a unit."""
        return dict(line.split("=", 1) for line in self.sh(f"systemctl show {name} -p {','.join(properties)}").splitlines() if "=" in line)

    def _ask(self, request: dict[str, Any], timeout: float) -> Any:
        with self._lock:
            self._number += 1
            number = self._number
            waiting = self._answers[number] = queue.SimpleQueue()
            if self._wire is None:
                raise PowerGone
            try:
                self._wire.sendall(json.dumps({"id": number, **request}).encode() + b"\n")
            except OSError as error:
                raise PowerGone from error
        try:
            answer = waiting.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"the machine did not answer within {timeout:g} s; its console: {self.last_words()}") from None
        finally:
            del self._answers[number]
        if answer is None:
            raise PowerGone
        if "error" in answer:
            raise AssertionError(f"in the machine: {answer['error']}")
        return answer["ok"]

    def _listen(self, wire: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), wire.makefile("rb") as stream:
            for line in stream:
                answer = json.loads(line)
                with self._lock:
                    if (waiting := self._answers.get(answer["id"])) is not None:
                        waiting.put(answer)
        with self._lock:  # its power is gone
            for waiting in self._answers.values():
                waiting.put(None)

    def stolen(self, since: float, until: float) -> float:
        """Return for how many seconds between two moments (monotonic) its processors would have worked and this host's were busy otherwise."""
        before = max((was for at, was in self._waits if at <= since), default=0.0)
        after = min((was for at, was in self._waits if at >= until), default=self._waits[-1][1] if self._waits else 0.0)
        return min(max(0.0, after - before), until - since)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Note four times a second how long its processors have waited for one of this host's."""
        self._waits = [(time.monotonic(), 0.0)]
        while process.poll() is None:
            waited = 0.0
            for task in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError):
                    if "CPU" in task.with_name("comm").read_text():
                        waited = max(waited, int(task.read_text().split()[1]) / 1e9)
            self._waits.append((time.monotonic(), waited))
            time.sleep(0.25)

    def last_words(self) -> str:
        return self.console.read_text(errors="replace")[-1500:] if self.console.exists() else ""


class _Qmp:
    """QEMU's own control socket."""

    def __init__(self, wire: socket.socket) -> None:
        wire.settimeout(60)
        self._stream = wire.makefile("rwb")
        self._stream.readline()
        self("qmp_capabilities")

    def __call__(self, command: str, **arguments: Any) -> Any:
        self._stream.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        self._stream.flush()
        while True:
            answer = json.loads(self._stream.readline())
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']}")
            if "return" in answer:
                return answer["return"]


def key(*parts: bytes | str) -> str:
    """Return a name for what was made of these parts."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part if isinstance(part, bytes) else part.encode())
        whole.update(b"\0")
    return whole.hexdigest()[:16]


def warm(image: Path, scratch: Path) -> Saved:
    """Return the machine saved after its boot, with nothing installed; boot and save it where that is still to be done."""
    version = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True, timeout=20).stdout
    parts = [(REPO / "tests/vm" / name).read_bytes() for name in ("machine.py", "card.py")]
    saved = Saved(image / f"warm-{key(version, *accelerator(image), *parts)}")
    if not saved.memory.exists():
        for old in image.glob("warm-*"):
            shutil.rmtree(old)
        scratch.mkdir(parents=True, exist_ok=True)
        card = Card(scratch)
        try:
            with Machine(scratch, card=card, image=image) as machine:
                machine.run("systemctl is-system-running --wait", 200)
                machine.save(saved.folder)
        finally:
            card.close()
    return saved
