"""The locked wheels of one architecture, for each Python that Debian 12 and 13 have.

pip evaluates markers for the machine it runs on, so they are evaluated here for the box: what is
asked of pip is one plain list of names, versions and hashes, and wheels alone. Nothing is compiled.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from packaging.markers import Marker

ROOT: Final = Path(__file__).resolve().parents[3]
LOCKS: Final = ("run", "modbus", "gpio")
PYTHONS: Final = ("3.11", "3.13")  # of Debian 12 and 13
MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
# newest first; Debian 12 has 2.36, and control.in asks for the first of these
GLIBC: Final = ("2_34", "2_31", "2_28", "2_27", "2_24", "2_17", "2_12", "2_5")
# They install packages, nothing imports them in a home.
INSTALLERS: Final = frozenset({"pip", "setuptools"})
# Has no wheel for this Python; Debian 13 has it as python3-lgpio, which control.in recommends.
NO_WHEEL: Final = {"3.13": frozenset({"lgpio"})}


def wanted(text: str, architecture: str, python: str) -> dict[str, str]:
    """Return {name: its line of a lock without the marker} for one box."""
    box = {
        "implementation_name": "cpython",
        "platform_machine": MACHINES[architecture],
        "platform_python_implementation": "CPython",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    found = {}
    for part in re.split(r"\n(?=\S)", text.replace("\\\n", " ")):
        head, *hashes = part.split("--hash=")
        pin, _, marker = (word.strip() for word in head.partition(";"))
        name = pin.partition("==")[0]
        if not hashes or name in INSTALLERS or name in NO_WHEEL.get(python, ()):
            continue
        if not marker or Marker(marker).evaluate({**box, "extra": ""}):
            found[name] = " ".join((pin, *(f"--hash={one.strip()}" for one in hashes)))
    return found


def fetched(architecture: str, python: str, folder: Path) -> list[Path]:
    """Return the wheels of one box, fetched into `folder` where they are not there yet."""
    lines: dict[str, str] = {}
    for lock in LOCKS:
        text = (ROOT / "config" / "lock" / f"{lock}.txt").read_text(encoding="utf-8")
        for name, line in wanted(text, architecture, python).items():
            if lines.setdefault(name, line) != line:
                raise ValueError(f"{name} is locked twice, and not the same: make lock")
    folder.mkdir(parents=True, exist_ok=True)
    asked = folder / "wanted.txt"
    text = "".join(f"{line}\n" for _, line in sorted(lines.items()))
    if not asked.exists() or asked.read_text(encoding="utf-8") != text:
        for old in (*folder.glob("*.whl"), asked):
            old.unlink(missing_ok=True)
        new = folder / "asked.txt"
        new.write_text(text, encoding="utf-8")
        _download(MACHINES[architecture], python, new, folder)
        new.replace(asked)
    wheels = sorted(folder.glob("*.whl"))
    hashes = {one for line in lines.values() for one in re.findall(r"sha256:(\w+)", line)}
    changed = [w.name for w in wheels if hashlib.sha256(w.read_bytes()).hexdigest() not in hashes]
    if changed or len(wheels) != len(lines):
        what = ", ".join(changed) or f"{len(wheels)} wheels for {len(lines)} packages"
        raise ValueError(f"{folder} is not what is locked: {what}; delete it and begin again")
    return wheels


def _download(machine: str, python: str, asked: Path, folder: Path) -> None:
    platforms = [f"manylinux_{glibc}_{machine}" for glibc in GLIBC]
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(asked)]
    command += ["--implementation", "cp", "--python-version", python, "-d", str(folder)]
    for platform in (*platforms, f"manylinux2014_{machine}", "any"):
        command += ["--platform", platform]
    for abi in (f"cp{python.replace('.', '')}", "abi3", "none"):
        command += ["--abi", abi]
    subprocess.run(command, check=True)
