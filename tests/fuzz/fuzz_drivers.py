"""Coverage-guided fuzzing of every driver, and of the other doors bytes come in by: `make fuzz`, or `python -m tests.fuzz.fuzz_drivers`.

    --runs 1000        so many new inputs for each target, the same ones each time (what the test suite does)
    --seconds 600      so many seconds in all, at least one each and what loading takes; goes on from what earlier runs found in .fuzz/
    --only a,b         these targets

One process loads and instruments the code; each target runs in a fork of it. With atheris the fuzzer sees which branches an input
took and keeps those that took new ones. Where atheris cannot be installed (no wheel for the machine or the Python) the same targets
get mutated golden frames, and the last line says that nothing guided them. A crash ends with the input in hex; put it into
tests/fuzz/found.jsonl once its cause is mended.
"""

import argparse
import contextlib
import hashlib
import io
import os
import random
import re
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None

if atheris is None:
    from tests.fuzz import targets
else:
    with (
        contextlib.redirect_stderr(io.StringIO()),
        atheris.instrument_imports(include=["drivers", "gateway"], enable_loader_override=False),
    ):
        from tests.fuzz import targets

KEPT = Path(__file__).resolve().parents[2] / ".fuzz"
LONGEST = 4096  # bytes of an input
SEED = 20261122
HANGS = 60  # s after which libFuzzer calls one input endless; the bound that counts is that of lines
MEGABYTES = 2048
FEWER = {
    "config": 4,
    "decode-line": 2,
    "day": 2,
    "household": 8,
    "change": 8,
    "inbox": 8,
    "backup": 8,
    "papers": 4,
}  # a file is written, or much is decoded, for each input: so many times fewer runs


def guided(target, folder, corpus, runs, seconds):
    """Let libFuzzer run in this process, which ends with it."""

    limits = [f"-runs={runs}"] if runs else [f"-max_total_time={seconds}"]
    if target.words:
        words = Path(folder, "words")
        words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in word.encode()) + '"\n' for word in target.words))
        limits.append(f"-dict={words}")
    options = [
        *limits,
        f"-seed={SEED}",
        f"-max_len={LONGEST}",
        f"-timeout={HANGS}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda data: attempted(target, data, folder))
    atheris.Fuzz()


def unguided(target, folder, runs, seconds):
    """Mutate the seeds blindly."""
    dice, seeds = random.Random(SEED), list(target.seeds())
    until = time.monotonic() + seconds
    done = 0
    for data in seeds:
        attempted(target, data, folder)
    while done < runs if runs else time.monotonic() < until:
        attempted(target, mutated(dice, seeds), folder)
        done += 1
    print(f"stat::number_of_executed_units: {done + len(seeds)}", flush=True)


def attempted(target, data, folder):
    try:
        target.run(data)
    except BaseException:  # noqa: BLE001 - whatever it is, the input is kept
        Path(folder, "crash-" + hashlib.sha1(data).hexdigest()).write_bytes(data)
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(77)


def mutated(dice, seeds):
    data = bytearray(dice.choice(seeds))
    for _ in range(dice.randint(1, 5)):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(6):
            case 0 if data:
                data[at % len(data)] ^= 1 << dice.randrange(8)
            case 1 if data:
                data[at % len(data)] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
            case 2:
                data[at:at] = dice.randbytes(dice.randint(1, 8))
            case 3:
                del data[at : at + dice.randint(1, 8)]
            case 4:
                other = dice.choice(seeds)
                begin = dice.randrange(len(other) + 1)
                data[at:at] = other[begin : begin + dice.randint(1, 64)]
            case _:
                data[at:at] = data[at : at + dice.randint(1, 32)]
    return bytes(data[:LONGEST])


def fuzzed(name, runs, seconds, kept):
    """Fuzz one target in a fork. Return (what libFuzzer said, [inputs that broke something], status)."""
    target = targets.TARGETS[name]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        corpus = kept / name if kept else Path(folder, "corpus")
        corpus.mkdir(parents=True, exist_ok=True)
        for data in target.seeds():
            (corpus / hashlib.sha1(data).hexdigest()).write_bytes(data)
        said = Path(folder, "said")
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            with said.open("wb") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            # -runs counts the corpus as well
            more = runs + len(list(corpus.iterdir())) if runs else 0
            status = 70
            try:
                if atheris is None:
                    unguided(target, folder, runs, seconds)
                else:
                    guided(target, folder, corpus, more, max(1, round(seconds)))
                status = 0
            except BaseException:  # noqa: BLE001 - SystemExit too is told by the status
                traceback.print_exc()
            finally:  # nothing of the parent's may be tidied up here
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        _, status = os.waitpid(child, 0)
        broken = [path.read_bytes() for path in sorted(Path(folder).glob("*-*"))]  # crash-..., timeout-..., oom-...
        return said.read_text("utf-8", "replace"), broken, os.waitstatus_to_exitcode(status)


def figures(said):
    """Return (inputs run, edges covered)."""
    units = re.findall(r"stat::number_of_executed_units:\s*(\d+)", said)
    edges = re.findall(r"\bcov: (\d+)", said)
    return int(units[-1]) if units else 0, int(edges[-1]) if edges else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=0, help="new inputs for each target")
    parser.add_argument("--seconds", type=float, default=60.0, help="in all, where no runs are given")
    parser.add_argument("--only", help="targets, with commas")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(targets.TARGETS)
    kept = None if options.runs else KEPT
    each = options.seconds / len(names)
    begin, inputs, failed = time.monotonic(), 0, []
    for name in names:
        runs = max(1, options.runs // FEWER.get(name, 1)) if options.runs else 0
        said, broken, status = fuzzed(name, runs, each, kept)
        units, edges = figures(said)
        inputs += units
        print(f"{name:22} {units:>8} inputs {edges:>6} edges{'' if status == 0 else '  BROKEN'}", flush=True)
        if status or broken:
            failed.append(name)
            print("\n".join(line for line in said.splitlines() if not line.startswith(("INFO:", "#", "stat::")))[-6000:])
            for data in broken:
                print(f'{{"target": "{name}", "input": "{data.hex()}"}}')
    how = (
        "guided by coverage"
        if atheris is not None
        else "WITHOUT GUIDANCE: atheris is not installed here, golden frames were mutated blindly"
    )
    print(f"{inputs} inputs for {len(names)} targets in {time.monotonic() - begin:.0f} s, {how}; broken: {', '.join(failed) or 'none'}")
    with contextlib.suppress(OSError):
        shutil.rmtree(targets._folder.name)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
