"""What lies in the Debian package, and `dpkg-deb` around it.

The same code, lock, phrases and `SOURCE_DATE_EPOCH` give the same bytes: every file has that time,
root's name and a mode of its own, and stands where its name sorts it.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from gateway import __version__

from tests.write.deb.wheels import ROOT

NAME: Final = "eldercare-gateway"
FILES: Final = Path(__file__).parent / "files"
LIBRARY: Final = f"usr/lib/{NAME}"
DOC: Final = f"usr/share/doc/{NAME}"
CONFFILES: Final = (f"/etc/{NAME}/gateway.toml",)
SCRIPTS: Final = ("preinst", "postinst", "prerm", "postrm")
COMMANDS: Final = {
    NAME: "gateway.__main__",
    "eldercare-voice": "gateway.voice.play",
    "eldercare-sms": "gateway.sms.send",
    "eldercare-ring": "gateway.ring.dial",
    "eldercare-webhook": "gateway.hook.send",
    "eldercare-relay": "gateway.relay.switch",
    "eldercare-messenger": "gateway.messenger.send",
}
MAINTAINER: Final = "The maintainers of eldercare-gateway <eldercare-gateway@localhost>"
# By hand it is installed in /opt; what the package says instead.
BY_HAND: Final = {
    f"/opt/{NAME}/.venv/bin/": "/usr/bin/",
    f"/opt/{NAME}/docs/": f"/{DOC}/",
}


class Item(NamedTuple):
    """One file of the package."""

    content: bytes
    mode: int = 0o644


def contents(wheels: Mapping[str, Iterable[Path]], clips: Path) -> dict[str, Item]:
    """Return every file of the package by its path: `wheels` by Python, the rendered phrases."""
    return {
        **libraries(wheels),
        **_code(clips),
        **{f"usr/bin/{command}": Item(filled("launcher", MODULE=module), 0o755) for command, module in COMMANDS.items()},
        **_system(),
        **_documents(),
    }


def libraries(wheels: Mapping[str, Iterable[Path]]) -> dict[str, Item]:
    """Return the unpacked wheels: what all Pythons share once, the rest for each of them."""
    known = {python: {path.name: path for path in paths} for python, paths in wheels.items()}
    names = [set(paths) for paths in known.values()]
    shared = set.intersection(*names) if len(names) > 1 else set[str]()
    found: dict[str, Item] = {}
    for python, paths in known.items():
        for name, path in sorted(paths.items()):
            where = f"{LIBRARY}/{'site' if name in shared else f'python{python}'}"
            for inside, content in _unpacked(path):
                item, target = Item(content), f"{where}/{inside}"
                if found.setdefault(target, item) != item:
                    raise ValueError(f"{target} comes from two wheels, and not the same")
    return found


def _unpacked(wheel: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(wheel) as whole:
        for name in sorted(whole.namelist()):
            parts = PurePosixPath(name)
            if parts.is_absolute() or ".." in parts.parts:
                raise ValueError(f"{wheel.name}: {name} would lie elsewhere")
            # scripts, headers and manuals: nothing that is imported
            if name.endswith("/") or parts.parts[0].endswith(".data"):
                continue
            yield name, whole.read(name)


def _code(clips: Path) -> dict[str, Item]:
    """Return our own modules with what they read, and the phrases."""
    site = f"{LIBRARY}/site"
    found = {}
    for room in ("gateway", "drivers"):
        for path in sorted((ROOT / room).rglob("*")):
            inside = path.relative_to(ROOT)
            hidden = any(part.startswith(".") for part in inside.parts)  # caches of tools
            left_out = {"__pycache__", "clips", "ruff.toml"} & set(inside.parts)
            if path.is_file() and not hidden and not left_out:
                found[f"{site}/{inside.as_posix()}"] = Item(path.read_bytes())
    for path in sorted(clips.rglob("*.wav")):
        inside = path.relative_to(clips)
        found[f"{site}/gateway/voice/clips/{inside.as_posix()}"] = Item(path.read_bytes())
    return found


def _system() -> dict[str, Item]:
    """Return units, users, udev's rule and the configuration."""
    found = {}
    for unit in sorted((ROOT / "systemd").glob("*.service")):
        text = unit.read_text(encoding="utf-8")
        for by_hand, packed in BY_HAND.items():
            text = text.replace(by_hand, packed)
        if "/opt/" in text:
            raise ValueError(f"{unit.name} names /opt, where the package has nothing")
        found[f"usr/lib/systemd/system/{unit.name}"] = Item(text.encode())
    for source, target, mode in (
        (f"systemd/{NAME}.sysusers", f"usr/lib/sysusers.d/{NAME}.conf", 0o644),
        (
            "config/99-eldercare-serial.rules",
            "usr/lib/udev/rules.d/99-eldercare-serial.rules",
            0o644,
        ),
        (
            "config/50-eldercare-modem.rules",
            "usr/share/polkit-1/rules.d/50-eldercare-modem.rules",
            0o644,
        ),
        ("config/gateway.toml", f"etc/{NAME}/gateway.toml", 0o640),
        ("tests/write/deb/files/rtupdate", f"usr/share/python3/runtime.d/{NAME}.rtupdate", 0o755),
    ):
        found[target] = Item((ROOT / source).read_bytes(), mode)
    return found


def _documents() -> dict[str, Item]:
    found = {
        f"{DOC}/{path.relative_to(ROOT / 'docs').as_posix()}": Item(path.read_bytes())
        for path in sorted((ROOT / "docs").rglob("*"))
        if path.is_file()
    }
    changes = gzip.compress((ROOT / "CHANGELOG.md").read_bytes(), mtime=0)
    found[f"{DOC}/changelog.gz"] = Item(changes)
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    others = f"The libraries in /{LIBRARY} keep their licences beside them, in *.dist-info.\n"
    found[f"{DOC}/copyright"] = Item(f"{licence}\n{others}".encode())
    return found


def filled(name: str, **words: str) -> bytes:
    """Return a file of `files/` with its words put in."""
    text = (FILES / name).read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text.encode()


def control(architecture: str, files: Mapping[str, Item]) -> dict[str, Item]:
    """Return what dpkg reads of the package: fields, scripts, sums, the question of a purge."""
    # as Debian counts: kibibytes of each file, rounded up
    size = sum(-(-len(item.content) // 1024) for item in files.values())
    fields = filled(
        "control.in",
        VERSION=__version__,
        ARCHITECTURE=architecture,
        SIZE=str(size),
        MAINTAINER=os.environ.get("MAINTAINER") or MAINTAINER,
    )
    sums = "".join(
        f"{hashlib.md5(item.content, usedforsecurity=False).hexdigest()}  {path}\n"
        for path, item in sorted(files.items())
        if f"/{path}" not in CONFFILES
    )
    return {
        "control": Item(fields),
        "conffiles": Item("".join(f"{path}\n" for path in CONFFILES).encode()),
        "md5sums": Item(sums.encode()),
        "templates": Item(filled("templates")),
        **{name: Item(filled(name), 0o755) for name in SCRIPTS},
    }


def packed(
    architecture: str,
    files: Mapping[str, Item],
    folder: Path,
    *,
    epoch: int,
    compressed: str = "xz",
) -> Path:
    """Write the package into `folder` and return it. `folder` may hold anything else."""
    tree = folder / f".{architecture}"
    shutil.rmtree(tree, ignore_errors=True)
    inside = {f"DEBIAN/{name}": item for name, item in control(architecture, files).items()}
    for path, item in sorted({**files, **inside}.items()):
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(item.content)
        target.chmod(item.mode)
    for place in (tree, *(path for path in tree.rglob("*") if path.is_dir())):
        place.chmod(0o755)
    (tree / "etc" / NAME).chmod(0o750)
    out = folder / f"{NAME}_{__version__}_{architecture}.deb"
    command = ["dpkg-deb", "--root-owner-group", "--threads-max=1", f"-Z{compressed}", "--build"]
    subprocess.run(
        [*command, str(tree), str(out)],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C"},
    )
    shutil.rmtree(tree)
    return out


def epoch_of(environment: Mapping[str, str] = os.environ) -> int:
    """Return the time that every file has: `SOURCE_DATE_EPOCH`, else that of the last commit."""
    given = environment.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        raise SystemExit("there is no git history here: set SOURCE_DATE_EPOCH") from None
    return int(done.stdout)
