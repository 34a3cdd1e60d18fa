"""The Debian packages as they are shipped: real wheels of the lock, both architectures, run by Debian's own Python. Deep run only.

Arm is run by QEMU on this machine, with Debian's arm64 Python beside it; nothing of the package is changed for that.
"""

from __future__ import annotations

import platform
import re
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.demo.home import DAY, DEVICES
from gateway.voice.render import written

from tests.kit.ports import free_port
from tests.prove.table import Row
from tests.write.deb.package import contents, packed
from tests.write.deb.wheels import PYTHONS, ROOT, fetched

MACHINES = {"amd64": 62, "arm64": 183}  # of an ELF header
OF_DEBIAN = {
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
}
LONGEST = 600.0  # s, for what an emulated processor does
# an encrypted thermometer of bthome-ble's test suite: 25.06 degrees
SEALED = next(
    line for line in (ROOT / "tests/unit/drivers/vectors_bthome.jsonl").read_text(encoding="utf-8").splitlines() if "bthome-009" in line
)


def built_twice(short: bool, folder: Path, seed: int) -> list[Row]:
    """both packages built twice from the lock: the same bytes, only libraries of their machine, none of Debian's undeclared"""
    del seed
    if short:
        return []
    files = 0
    for architecture, machine in MACHINES.items():
        first, second = (_built(architecture, folder / name) for name in ("one", "two"))
        assert first.read_bytes() == second.read_bytes(), architecture
        tree = folder / architecture
        subprocess.run(["dpkg-deb", "-x", str(first), str(tree)], check=True)
        for path in (path for path in tree.rglob("*") if path.is_file()):
            head = path.read_bytes()[:20]
            if not head.startswith(b"\x7fELF"):
                continue
            assert int.from_bytes(head[18:20], "little") == machine, path
            said = subprocess.run(["objdump", "-p", str(path)], check=True, capture_output=True, text=True).stdout
            needs = set(re.findall(r"NEEDED +(\S+)", said))
            assert needs <= OF_DEBIAN, (path, needs - OF_DEBIAN)
            files += 1
        for python in PYTHONS:
            assert list((tree / f"usr/lib/eldercare-gateway/python{python}").glob("msgspec")), python
    return [Row(promises=(11,), done="both packages built twice from the lock", times=2, note=f"{files} libraries looked at")]


def _built(architecture: str, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    clips = folder / "clips"
    written(clips)
    wheels = {python: fetched(architecture, python, ROOT / "build" / "wheels" / f"{architecture}-{python}") for python in PYTHONS}
    return packed(architecture, contents(wheels, clips), folder, epoch=1_700_000_000)


def run_as_shipped(short: bool, folder: Path, seed: int) -> list[Row]:
    """both packages unpacked and run by Debian's Python: version, check, a sealed frame, a recorded day, the page"""
    del seed
    if short:
        return []
    rows = []
    for architecture in MACHINES:
        tree = folder / architecture
        subprocess.run(["dpkg-deb", "-x", str(_built(architecture, folder / "built")), str(tree)], check=True)
        runs = _python(architecture, folder)
        began = time.monotonic()
        rows.append(_lives(tree, runs, folder / f"home-{architecture}", architecture))
        rows[-1].more["seconds"] = time.monotonic() - began
    return rows


def _python(architecture: str, folder: Path) -> list[str]:
    """Return the command that runs Debian's Python of an architecture."""
    if architecture == {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine()):
        return ["/usr/bin/python3", "-I"]
    for tool in ("qemu-aarch64-static", "mmdebstrap"):
        assert shutil.which(tool), f"{tool} is not installed: apt-get install qemu-user-static mmdebstrap"
    root = folder / f"debian-{architecture}"
    line = ["apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)", "Origin: Debian", "Identifier: Packages"]
    sources = "\n".join(sorted(set(subprocess.run(line, check=True, capture_output=True, text=True).stdout.splitlines())))
    suite = re.search(r"VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(encoding="utf-8"))
    assert suite
    make = ["mmdebstrap", f"--architectures={architecture}", "--variant=extract", "--include=python3,libgcc-s1"]
    make += ["--keyring=/usr/share/keyrings/debian-archive-keyring.gpg", suite[1], str(root), "-"]
    subprocess.run(make, input=sources, text=True, check=True, capture_output=True, timeout=LONGEST)
    return ["qemu-aarch64-static", "-L", str(root), str(next((root / "usr/bin").glob("python3.1[0-9]"))), "-I"]


def _lives(tree: Path, runs: list[str], home: Path, architecture: str) -> Row:
    home.mkdir()
    port = free_port()
    day = home / "day.txt"
    day.write_text("\n".join(line for line in DAY.read_text(encoding="utf-8").splitlines() if " say @" not in line), encoding="utf-8")
    config = home / "gateway.toml"
    config.write_text(
        f'[gateway]\nid = "packed"\nstate = "state"\nruntime = "run"\n[radio]\nadapters = []\n[replay]\nfile = "day.txt"\n'
        f'[page]\naddress = "127.0.0.1"\nport = {port}\nhttp_port = 0\n[sound]\nvoice = false\n{DEVICES.read_text(encoding="utf-8")}',
        encoding="utf-8",
    )
    gateway = [*runs, str(tree / "usr/bin/eldercare-gateway")]

    def told(*words: str, given: str = "", fit: bool = True) -> str:
        done = subprocess.run([*gateway, *words], input=given, capture_output=True, text=True, timeout=LONGEST, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == 0 or not fit, (words, done.stderr)
        return done.stdout

    assert told("--version") == f"eldercare-gateway {__version__}\n"
    assert "run" in told("--help")
    assert told("check", "--config", str(config), fit=False)
    assert "25.06" in told("decode", given=SEALED), "AES-CCM does not open it"
    alarms = _day(gateway, config, home)
    _page(gateway, config, port)
    return Row(
        promises=(8,), done=f"the {architecture} package run as it lies", times=1, note=f"{alarms} moves of alarms in a recorded day"
    )


def _day(gateway: list[str], config: Path, home: Path) -> int:
    """Play the recorded day through the daemon; return how many moves of alarms it logged."""
    log = home / "log"
    with log.open("wb") as out, subprocess.Popen([*gateway, "run", "--config", str(config)], stderr=out, stdout=out) as daemon:
        try:
            _until(lambda: "{raised}" in log.read_text(encoding="utf-8"), daemon, log)
            _until(lambda: log.read_text(encoding="utf-8").count("{raised}") >= 3, daemon, log)
        finally:
            daemon.terminate()
            code = daemon.wait(60)
    text = log.read_text(encoding="utf-8")
    assert code == 0, text[-2000:]
    assert "Traceback" not in text, text
    assert (home / "state" / "gateway.db").exists()
    return len(re.findall(r"(?m)alarm \S+ \{", text))


def _page(gateway: list[str], config: Path, port: int) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    log = config.with_name("page.log")
    with log.open("wb") as out, subprocess.Popen([*gateway, "page", "--config", str(config)], stderr=out, stdout=out) as page:
        try:

            def answers() -> bool:
                try:
                    with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain) as line:
                        line.settimeout(60)
                        line.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                        return line.recv(4096).startswith(b"HTTP/1.1 ")
                except OSError:
                    return False

            _until(answers, page, log)
        finally:
            page.terminate()
            page.wait(60)


def _until(seen: Any, process: subprocess.Popen[bytes], log: Path) -> None:
    began = time.monotonic()
    while not seen():
        assert process.poll() is None, log.read_text(encoding="utf-8")[-2000:]
        assert time.monotonic() - began < LONGEST, log.read_text(encoding="utf-8")[-2000:]
        time.sleep(0.2)


PROOFS = [built_twice, run_as_shipped]
