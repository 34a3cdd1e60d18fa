"""`make truth SEED=1`: live the homes' years and print the table."""

from __future__ import annotations

import argparse
import copy
import sys
import time
from pathlib import Path

from tests.truth import table
from tests.truth.recorded import judged
from tests.truth.residents import HOMES
from tests.truth.year import lived


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--only", default="", help="only these homes, by number: 3,10")
    parser.add_argument("--every", type=int, default=2, help="days between two collapses by day")
    parser.add_argument("--recordings", type=Path, help="play the two recordings of this folder instead")
    given = parser.parse_args()
    if given.recordings:
        print(table.text(judged(given.recordings)), end="")
        return
    only = {int(n) for n in given.only.split(",") if n}
    began, results = time.process_time(), []
    for home in HOMES:
        if not only or home.n in only:
            results.append(lived(copy.deepcopy(home), given.seed, given.days, every=given.every))
            print(f"\r{home.id}, {time.process_time() - began:.0f} s of work ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(table.text(results), end="")


if __name__ == "__main__":
    main()
