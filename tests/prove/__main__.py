"""`python -m tests.prove [--short] [--seed N] [NAME ...]`: run the proofs whose names contain NAME, print the table, fail if one fails."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import inspect
import pkgutil
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the stand-ins of the tests

from tests import prove
from tests.prove import table


def proofs() -> dict[str, Any]:
    """Return all proofs by name, in the order of their modules and of their lists."""
    out = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(prove.__path__)):
        if module != "__main__":
            for proof in getattr(importlib.import_module(f"tests.prove.{module}"), "PROOFS", ()):
                out[f"{module}.{proof.__name__}"] = proof
    return out


def run(proof: Any, short: bool, seed: int) -> list[table.Row | str]:
    with tempfile.TemporaryDirectory(prefix="prove-") as folder:
        given = short, Path(folder), seed
        found = asyncio.run(proof(*given)) if inspect.iscoroutinefunction(proof) else proof(*given)
    return found if isinstance(found, list) else [found]


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.prove", description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    seed = random.randrange(2**32) if asked.seed is None else asked.seed
    print(f"seed {seed}; the same again with --seed {seed}", flush=True)
    rows: list[tuple[str, table.Row | str]] = []
    for name, proof in proofs().items():
        if asked.names and not any(part in name for part in asked.names):
            continue
        began = time.monotonic()
        shown: list[table.Row | str]
        try:
            shown = [*run(proof, asked.short, seed)]
        except Exception as error:  # noqa: BLE001  the other promises are still to be shown
            traceback.print_exc()
            shown = [f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"]
        rows += [(name, row) for row in shown]
        held = all(isinstance(row, table.Row) and not row.lost and not row.doubled for row in shown)
        print(
            f"{('held' if shown else 'deep run only') if held else 'DOES NOT HOLD':13} {name:58} {time.monotonic() - began:6.1f} s",
            flush=True,
        )
    print()
    print("\n".join(table.lines(rows)))
    failed = sum(not isinstance(row, table.Row) or bool(row.lost or row.doubled) for _, row in rows)
    print(f"\n{len(rows) - failed} passed, {failed} failed")
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    raise SystemExit(main())
