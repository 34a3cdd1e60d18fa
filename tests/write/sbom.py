"""The bill of what runs in a home: `make sbom` writes CycloneDX 1.6 from config/lock/run.txt, the lock that a box is installed from.

Names, versions and hashes are the lock's own: every file that pip may install is named by its SHA-256. Licences and who needs whom
come from the packages as they are installed here. The same lock gives the same file, byte by byte: nothing of the time or machine.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "config" / "lock" / "run.txt"
OUT = ROOT / "build" / "sbom.cdx.json"
ITSELF = "eldercare-gateway"
_SPACE = uuid.UUID("8f2f6d0e-6f0e-5a52-9d54-3a5d2b7c1e90")  # ours; serial numbers are made from it and the lock


def locked(text: str) -> dict[str, tuple[str, str, list[str]]]:
    """Return {name: (version, marker or "", SHA-256 of each file it may be installed from)}."""
    out = {}
    for part in re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n", "", text)):
        found = re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)(?:\s*;\s*([^\\\n]+?))?\s*(?:\\|$)", part)
        if found:
            hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", part)
            out[_plain(found[1])] = (found[2], (found[3] or "").strip(), hashes)
    return out


def bill(text: str) -> dict[str, Any]:
    """Return the bill of materials of a lock."""
    parts = locked(text)
    ref = {name: f"pkg:pypi/{name}@{version}" for name, (version, _, _) in parts.items()}
    version = re.search(r'__version__ = "([^"]+)"', (ROOT / "gateway" / "__init__.py").read_text(encoding="utf-8"))
    assert version
    ours = {"type": "application", "bom-ref": ITSELF, "name": ITSELF, "version": version[1], "licenses": [{"license": {"id": "MIT"}}]}
    components = []
    for name, (its, marker, hashes) in sorted(parts.items()):
        one: dict[str, Any] = {
            "type": "library",
            "bom-ref": ref[name],
            "name": name,
            "version": its,
            "purl": ref[name],
            "hashes": [{"alg": "SHA-256", "content": content} for content in sorted(hashes)],
        }
        if licence := _licence(name):
            one["licenses"] = [licence]
        if marker:
            one["properties"] = [{"name": "python:marker", "value": marker}]
        components.append(one)
    needs = [{"ref": ITSELF, "dependsOn": sorted(ref[n] for n in _needs(ITSELF) if n in ref)}]
    needs += [{"ref": ref[name], "dependsOn": sorted(ref[n] for n in _needs(name) if n in ref)} for name in sorted(parts)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, version[1] + text)}",
        "version": 1,
        "metadata": {"component": ours, "properties": [{"name": "lock", "value": LOCK.relative_to(ROOT).as_posix()}]},
        "components": components,
        "dependencies": needs,
    }


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _licence(name: str) -> dict[str, Any] | None:
    try:
        about = cast(Message, metadata.metadata(name))  # it is one; the stubs of 3.11 do not say so
    except metadata.PackageNotFoundError:
        return None  # of another Python or machine
    if expression := about.get("License-Expression"):
        return {"expression": expression}
    words = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or () if c.startswith("License ::")]
    words += [line for line in [(about.get("License") or "").strip()] if line and "\n" not in line]
    return {"license": {"name": words[0]}} if words else None


def _needs(name: str) -> set[str]:
    try:
        wanted = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return set()
    return {_plain(re.split(r"[\s;<>=!~\[(]", line, maxsplit=1)[0]) for line in wanted if "extra ==" not in line}


def main() -> int:
    """Write the bill into build/ and say how much stands in it."""
    made = bill(LOCK.read_text(encoding="utf-8"))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    files = sum(len(c["hashes"]) for c in made["components"])
    print(f"{OUT.relative_to(ROOT)}: {len(made['components'])} packages, {files} files by hash")
    return 0


if __name__ == "__main__":
    sys.exit(main())
