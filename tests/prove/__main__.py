"""`python -m tests.prove [--short] [--seed N] [NAME ...]`: run the proofs whose names contain NAME, print the table, fail if one fails.

The short run has three lanes: the proofs in the virtual machine one after another, and two of the others at a time. Most of them wait.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from typing import Any

from tests.prove import carried, table


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.prove", description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    seed = random.randrange(2**32) if asked.seed is None else asked.seed
    print(f"seed {seed}; the same again with --seed {seed}", flush=True)
    names = [name for name in carried.proofs() if not asked.names or any(part in name for part in asked.names)]

    def tell(name: str, done: Future[Any]) -> None:
        shown, why, took = done.result()
        held = all(isinstance(row, table.Row) and not row.lost and not row.doubled for row in shown)
        word = ("held" if shown else "deep run only") if held else "DOES NOT HOLD"
        print(f"{why}{word:13} {name:58} {took:6.1f} s", flush=True)

    # A process for each lane: what a proof leaves behind in one does not reach the next lane.
    lanes = [ProcessPoolExecutor(n, multiprocessing.get_context("spawn"), carried.mortal) for n in ((2, 1) if asked.short else (1,))]
    done = {}
    for name in names:
        done[name] = lanes[-1 if name.startswith("vm.") else 0].submit(carried.out, name, asked.short, seed)
        done[name].add_done_callback(partial(tell, name))
    rows = [(name, row) for name in names for row in done[name].result()[0]]
    for lane in lanes:
        lane.shutdown()
    print()
    print("\n".join(table.lines(rows)))
    failed = sum(not isinstance(row, table.Row) or bool(row.lost or row.doubled) for _, row in rows)
    print(f"\n{len(rows) - failed} passed, {failed} failed")
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    raise SystemExit(main())
