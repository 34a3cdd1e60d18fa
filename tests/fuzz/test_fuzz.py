"""Every target is fuzzed for a bounded number of inputs, the same ones each time; what broke one once is tried again by name."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import targets
from tests.fuzz.fuzz_drivers import figures

RUNS = 800  # new inputs for each target; `make fuzz` goes on from there
FOUND = [json.loads(line) for line in Path(__file__).with_name("found.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("found", FOUND, ids=[one["what"] for one in FOUND])
def test_what_once_broke_a_promise_keeps_it_now(found):
    targets.TARGETS[found["target"]].run(bytes.fromhex(found["input"]))


@pytest.mark.parametrize("name", targets.TARGETS)
def test_the_seeds_themselves_break_nothing(name):
    seeds = list(targets.TARGETS[name].seeds())
    assert seeds
    for data in seeds:
        targets.TARGETS[name].run(data)


def test_every_target_takes_what_a_fuzzer_makes_up():
    command = [sys.executable, "-m", "tests.fuzz.fuzz_drivers", "--runs", str(RUNS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, cwd=targets.ROOT)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert done.stdout.count(" inputs ") == len(targets.TARGETS) + 1
    assert figures("stat::number_of_executed_units: 7\n#9 DONE cov: 12 ft: 3") == (7, 12)


@pytest.mark.parametrize("name", targets.DRIVERS)
def test_lines_of_python_grow_with_the_bytes_and_no_faster(name):
    """The worst that the makes' own bytes can be turned into: heads without ends, the same again and again, all at once."""
    target = targets.DRIVERS[name]
    for sort, data in [(0, b"\x00"), *target.golden[:6]]:
        for pattern in (data[:1], data[:2], data[:8], data[:-1], data):
            if not pattern:
                continue
            for size in (1024, 8192):
                whole = (pattern * (size // len(pattern) + 1))[:size]
                driver = target.new(target.sorts[sort], {})
                packed = target.packet(target.sorts[sort], targets.FEED, whole)
                _, lines = targets.counted(lambda driver=driver, packed=packed: list(driver.feed(packed)))
                assert lines <= targets.LINES + targets.LINES_A_BYTE * size, (pattern.hex(), size, lines)
