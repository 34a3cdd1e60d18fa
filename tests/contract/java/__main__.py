"""`make java`: Java classes of the contract, compiled. Modelina makes them, javac compiles them; neither needs a Java library.

Apart from the tests, for its tools of npm are three hundred packages. It also shows that it can fail: with a default on an
array, which Java has no words for, nothing compiles.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from gateway.contract import schemas

HERE = Path(__file__).parent
CONTRACT = HERE.parents[2] / "config" / "contract" / "asyncapi.json"
TOOLS = Path(sys.prefix) / "contract-java"


def main() -> None:
    api = json.loads(CONTRACT.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        names, said = _compiled(api, Path(folder) / "good")
        if said:
            raise SystemExit(said)
        wanted = {schema["title"] for schema in schemas.closed().values()}
        if lacks := sorted(wanted - names):
            raise SystemExit(f"no class of these messages: {', '.join(lacks)}")
        bad = copy.deepcopy(api)
        fields = bad["components"]["schemas"]["AlarmMessage"]["properties"]
        next(field for field in fields.values() if field.get("type") == "array")["default"] = []
        _, said = _compiled(bad, Path(folder) / "bad")
        if "AlarmMessage.java" not in said:
            raise SystemExit("javac took a default on an array: this shows nothing any more")
    version = subprocess.run(["javac", "-version"], check=True, capture_output=True, text=True).stdout.strip()
    print(f"{version}: {len(names)} classes compile, {len(wanted)} messages among them; with a default on an array they do not")


def _compiled(api: dict[str, Any], folder: Path) -> tuple[set[str], str]:
    """Return (names of the classes, what javac says: nothing where all compile)."""
    folder.mkdir()
    (folder / "asyncapi.json").write_text(json.dumps(api), encoding="utf-8")
    script = TOOLS / "classes.mjs"
    script.write_bytes((HERE / "classes.mjs").read_bytes())
    subprocess.run(["node", script, folder / "asyncapi.json", folder / "made"], check=True, cwd=TOOLS, stdout=subprocess.DEVNULL)
    made = sorted((folder / "made").glob("*.java"))
    done = subprocess.run(["javac", "-d", folder / "classes", *made], check=False, capture_output=True, text=True)
    return {path.stem for path in made}, done.stdout + done.stderr if done.returncode else ""


if __name__ == "__main__":
    main()
