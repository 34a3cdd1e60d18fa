"""`make month SEED=7`: run it and print the table."""

from __future__ import annotations

import argparse
import sys
import time

from tests.month import table
from tests.month.desk import Month
from tests.month.homes import RATES, drawn
from tests.month.run import month


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--homes", type=int, default=45)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--true", type=float, default=1.0, help="so many times as many true emergencies")
    parser.add_argument("--only", default="", help="live only these homes of the county, by number: 3,24")
    parser.add_argument("--repeats", action="store_true", help="doors say their state with each sign of life too")
    parser.add_argument("--rates", action="store_true", help="print the rates and their grounds as docs/truth.md has them, and no more")
    given = parser.parse_args()
    if given.rates:
        print("\n".join(rate.row for rate in RATES.values()))
        return
    began = time.process_time()
    only = {int(n) for n in given.only.split(",") if n}
    homes = [home for home in drawn(given.homes, given.seed) if not only or home.n in only]
    for home in homes:
        home.repeats = given.repeats

    def told(done: Month) -> None:
        print(f"\r{homes.index(done.home) + 1} of {len(homes)} homes", end="", file=sys.stderr, flush=True)

    months = month(homes, given.days, given.seed, more=given.true, told=told)
    print(f", {time.process_time() - began:.0f} s of work", file=sys.stderr)
    print(table.text(months, given.days), end="")


if __name__ == "__main__":
    main()
