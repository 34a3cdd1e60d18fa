"""`python -m deb.release [--key KEY]`: everything of one version in build/release, with hashes.

Wheel and source archive are made of the commit alone, so the tree must be clean. The bill of
materials is that of the packages: the contacts' libraries too.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from gateway import __version__
from gateway.voice.render import written

from tests.write import sbom
from tests.write.deb.package import NAME, epoch_of
from tests.write.deb.wheels import LOCKS, ROOT

OUT: Final = ROOT / "build" / "release"
SUMS: Final = "SHA256SUMS"


def source() -> bytes:
    """Return the commit as git archives it: the same bytes wherever it is checked out."""
    command = ["git", "-C", str(ROOT), "archive", f"--prefix={NAME}-{__version__}/", "HEAD"]
    done = subprocess.run(command, check=True, capture_output=True)
    return done.stdout


def wheel(archive: bytes, folder: Path, *, clips: bool = True) -> Path:
    """Build the wheel of a source archive, with the phrases rendered into it."""
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(scratch, filter="data")
        tree = Path(scratch, f"{NAME}-{__version__}")
        if clips:
            written(tree / "gateway" / "voice" / "clips")
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check"]
        command += ["--no-deps", "--no-build-isolation", "-w", str(folder), str(tree)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch_of())}
        subprocess.run(command, check=True, env=environment)
    return next(folder.glob("*.whl"))


def bill() -> dict[str, Any]:
    """Return the bill of materials of the packages."""
    texts = [ROOT / "config" / "lock" / f"{lock}.txt" for lock in LOCKS]
    made = sbom.bill("\n".join(path.read_text(encoding="utf-8") for path in texts))
    names = ", ".join(path.relative_to(ROOT).as_posix() for path in texts)
    made["metadata"]["properties"] = [{"name": "lock", "value": names}]
    needed = {ref for one in made["dependencies"] for ref in one["dependsOn"]}
    extras = {"pymodbus", "gpiozero", "lgpio"}
    loose = [c["bom-ref"] for c in made["components"] if c["name"] in extras]
    ours = made["dependencies"][0]
    ours["dependsOn"] = sorted({*ours["dependsOn"], *(ref for ref in loose if ref not in needed)})
    return made


def released(folder: Path, packages: Sequence[Path], *, clips: bool = True) -> list[Path]:
    """Write everything of this version into `folder`, anew; return the files, the sums last."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    archive = source()
    wheel(archive, folder, clips=clips)
    compressed = gzip.compress(archive, mtime=0)
    (folder / f"{NAME}-{__version__}.tar.gz").write_bytes(compressed)
    text = json.dumps(bill(), indent=1, ensure_ascii=False)
    (folder / f"{NAME}-{__version__}.cdx.json").write_text(f"{text}\n", encoding="utf-8")
    for package in packages:
        shutil.copyfile(package, folder / package.name)
    files = sorted(folder.iterdir())
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    return [*files, folder / SUMS]


def signed(sums: Path, key: str) -> Path:
    """Sign the sums, and with them all files."""
    out = sums.with_name(f"{SUMS}.asc")
    command = ["gpg", "--batch", "--yes", "--local-user", key, "--armor", "--detach-sign"]
    subprocess.run([*command, "--output", str(out), str(sums)], check=True)
    return out


def main() -> int:
    """Release what is committed, with the packages that lie in build/."""
    parser = argparse.ArgumentParser(prog="python -m deb.release", description=__doc__)
    parser.add_argument("--key", default="", help="sign the sums with it, as gpg knows it")
    asked = parser.parse_args()
    command = ["git", "-C", str(ROOT), "status", "--porcelain"]
    if subprocess.run(command, check=True, capture_output=True).stdout:
        print("there are changes that are not committed: commit them first", file=sys.stderr)
        return 1
    packages = sorted((ROOT / "build").glob(f"{NAME}_{__version__}_*.deb"))
    made = released(OUT, packages)
    if asked.key:
        made.append(signed(made[-1], asked.key))
    for path in made:
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
