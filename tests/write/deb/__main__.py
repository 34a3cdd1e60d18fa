"""`python -m deb [ARCHITECTURE ...]`: build the packages into build/."""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from pathlib import Path

from gateway.voice.render import written

from tests.write.deb.package import contents, epoch_of, packed
from tests.write.deb.wheels import MACHINES, PYTHONS, ROOT, fetched

OUT = ROOT / "build"


def main() -> int:
    """Fetch, render, pack; print each package with its size and sum."""
    parser = argparse.ArgumentParser(prog="python -m deb", description=__doc__)
    parser.add_argument("architectures", nargs="*", help="amd64, arm64; both")
    asked = parser.parse_args()
    if unknown := set(asked.architectures) - set(MACHINES):
        parser.error(f"no such architecture: {', '.join(unknown)}")
    OUT.mkdir(exist_ok=True)
    epoch = epoch_of()
    with tempfile.TemporaryDirectory() as scratch:
        clips = Path(scratch)
        written(clips)
        for architecture in asked.architectures or MACHINES:
            wheels = {python: fetched(architecture, python, OUT / "wheels" / f"{architecture}-{python}") for python in PYTHONS}
            made = packed(architecture, contents(wheels, clips), OUT, epoch=epoch)
            content = made.read_bytes()
            said = f"{len(content) / 1e6:.1f} MB, SHA-256 {hashlib.sha256(content).hexdigest()}"
            print(f"{made.relative_to(ROOT)}: {said}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
