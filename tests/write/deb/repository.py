"""`python -m deb.repository DIR --key KEY`: a signed apt repository of the packages in build/.

The folder is plain files, for any web server or a stick. What was published stays in its pool: a
box can go back. `InRelease` is written last, so that a run cut short leaves the old one in force.
The key lives in GnuPG, outside this tree; its public half lies in the repository.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tests.write.deb.package import NAME
from tests.write.deb.wheels import MACHINES, ROOT

SUITE: Final = "stable"
PART: Final = "main"
DAYS: Final = 90  # how long a signature is believed: an old copy cannot keep boxes on an old version
KEYRING: Final = f"{NAME}.gpg"


class Refused(Exception):
    """The repository is not written; the text says why and what to do."""


def _told(*command: str, folder: Path | None = None) -> bytes:
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip()
        raise Refused(f"{command[0]}: {why}")
    return done.stdout


def published(
    folder: Path,
    packages: Sequence[Path],
    key: str,
    *,
    days: int = DAYS,
    now: datetime | None = None,
) -> Path:
    """Add packages to the repository in `folder`, sign it, and return its `InRelease`."""
    keys = Path(os.environ.get("GNUPGHOME") or Path.home() / ".gnupg").resolve()
    for tree in (ROOT, folder.resolve()):
        if keys.is_relative_to(tree):
            raise Refused(f"keys lie in {keys}: keep them outside {tree}")
    public = _told("gpg", "--batch", "--export", key)
    if not public or not _told("gpg", "--batch", "--list-secret-keys", key):
        raise Refused(f"gpg has no key {key} in {keys}: gpg --list-secret-keys")
    _pooled(folder, packages)
    dist = folder / "dists" / SUITE
    for architecture in MACHINES:
        place = dist / PART / f"binary-{architecture}"
        place.mkdir(parents=True, exist_ok=True)
        index = _told("apt-ftparchive", "--arch", architecture, "packages", "pool", folder=folder)
        _put(place / "Packages", index)
        _put(place / "Packages.gz", gzip.compress(index, mtime=0))
    for old in ("Release", "Release.gpg"):
        (dist / old).unlink(missing_ok=True)
    begun = now or datetime.now(UTC)
    told = {
        "Origin": NAME,
        "Label": NAME,
        "Suite": SUITE,
        "Codename": SUITE,
        "Architectures": " ".join(sorted(MACHINES)),
        "Components": PART,
        "Date": f"{begun:%a, %d %b %Y %H:%M:%S} UTC",
    }
    options = [f"-oAPT::FTPArchive::Release::{name}={value}" for name, value in told.items()]
    index = _told("apt-ftparchive", *options, "release", str(dist.relative_to(folder)), folder=folder)
    # which apt-ftparchive makes of the present alone
    until = f"Valid-Until: {begun + timedelta(days=days):%a, %d %b %Y %H:%M:%S} UTC\n"
    release = folder / ".Release"
    release.write_bytes(until.encode() + index)
    try:
        signed = _told("gpg", "--batch", "--local-user", key, "--clearsign", "--output", "-", str(release))
    finally:
        release.unlink()
    _put(folder / KEYRING, public)
    _put(dist / "InRelease", signed)
    return dist / "InRelease"


def _pooled(folder: Path, packages: Sequence[Path]) -> None:
    pool = folder / "pool"
    pool.mkdir(parents=True, exist_ok=True)
    for package in packages:
        there = pool / package.name
        if not there.exists():
            shutil.copyfile(package, there.with_suffix(".new"))
            there.with_suffix(".new").replace(there)
        elif there.read_bytes() != package.read_bytes():
            raise Refused(f"{there} is published with other bytes: raise the version")


def _put(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(content)
    new.chmod(0o644)
    new.replace(path)


def main() -> int:
    """Publish what lies in build/."""
    parser = argparse.ArgumentParser(prog="python -m deb.repository", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--key", required=True, help="fingerprint or address, as gpg knows it")
    parser.add_argument("--days", type=int, default=DAYS, help="how long the signature is believed")
    asked = parser.parse_args()
    packages = sorted((ROOT / "build").glob(f"{NAME}_*.deb"))
    try:
        made = published(asked.folder, packages, asked.key, days=asked.days)
    except (Refused, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{made}: {len(packages)} packages added, signed for {asked.days} days")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
