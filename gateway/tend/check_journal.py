"""`eldercare-gateway check --journal`: the journal held against itself."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

from drivers import all_models
from gateway.contract import chain
from gateway.home.config import load
from gateway.home.source import ConfigError
from gateway.keep.database import SET_ASIDE, aside, size
from gateway.tend.finding import Finding, found
from gateway.tend.waits import WAITS
from gateway.words.say import both

# days, where the configuration of a file is not at hand: no home may keep its journal for less
SHORTEST_KEPT = 30.0
# why a chain begins where it does
BEGUN = {
    "new": both("check.new_journal"),
    "earlier": both("check.before_chains"),
    "damaged": both("check.database_damaged"),
    "stand_in": both("check.card_took_nothing"),
    "backup": both("check.taken_over_from"),
    "conflict": both("check.other_entries"),
    "moved": both("check.another_box"),
    "cut": both("check.newest_gone"),
}


def journal(path: Path, file: Path | None) -> int:
    """Check `file`, or the journal of this configuration; print what is found.

    Returns the exit code. 0: all of it fits. 1: something does not. 2: it cannot be read. 3: what
    is there fits, but some of it nothing here proves.
    """
    days = SHORTEST_KEPT
    try:
        with contextlib.suppress(ConfigError) if file is not None else contextlib.nullcontext():
            config = load(path, all_models())
            file, days = file or config.state / "gateway.db", config.gateway.journal_days
        assert file is not None  # named, or that of the configuration
        with contextlib.closing(
            sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=WAITS.check_journal)
        ) as db:
            db.execute("BEGIN")  # entries and marks of one moment, whatever is written meanwhile
            marks = {str(n): str(v) for n, v in db.execute("SELECT name, value FROM marks")}
            begun, head = (
                chain.begun_of(marks.get("begun", "")),
                chain.head_of(marks["head"]) if "head" in marks else None,
            )
            newest = db.execute(
                "SELECT wall FROM journal WHERE number > 0 ORDER BY number DESC LIMIT 1"
            ).fetchone()
            young = max(time.time(), newest[0] if newest else 0.0) - days * 86400
            anchor = chain.head_of(marks.get("anchor", ""))
            rows = db.execute("SELECT number, body FROM journal WHERE number > 0 ORDER BY number")
            verdict = chain.proved(
                ((n, bytes(body)) for n, body in rows),
                marks.get("journal", ""),
                head,
                anchor,
                begun,
                young,
            )
    except ConfigError as error:
        for problem in error.problems:
            print(Finding(False, "check.configuration", problem))
        return 2
    except (sqlite3.Error, ValueError, TypeError) as error:
        print(found(False, "check.journal", "check.cannot_read", file=file, error=error))
        return 2
    for finding in (*_chain(marks, begun, anchor, verdict), *set_aside(file)):
        print(finding)
    return 1 if verdict.count else 3 if verdict.alone else 0


def set_aside(file: Path) -> list[Finding]:
    """Name the databases that were set aside beside this one."""
    kept = aside(file)
    full = len(kept) >= SET_ASIDE
    more = both("check.full") if full else ""
    return [
        Finding(not full and None, "check.set_aside", f"{one.name}, {size(one) // 1024} KiB{more}")
        for one in kept
    ]


def _chain(
    marks: dict[str, str], begun: list[chain.Begun], anchor: chain.Head, verdict: chain.Verdict
) -> list[Finding]:
    """Return in words what holding a journal against itself has shown."""
    name, last = "check.journal", verdict.head
    out = [
        Finding(
            True,
            name,
            both(
                "check.generation",
                journal=marks.get("journal", "?"),
                generation=marks.get("generation", "?"),
            ),
        )
    ]
    out += [Finding(None, "check.begins", f"{b.number}: {BEGUN.get(b.why, b.why)}") for b in begun]
    if anchor.number:
        out.append(
            found(
                None,
                "check.retention",
                "check.deleted_as_agreed",
                number=anchor.number,
                hash=anchor.hash,
            )
        )
    if verdict.before:
        out.append(Finding(None, name, both("check.earlier_software", before=verdict.before)))
    if verdict.alone:
        out.append(Finding(None, name, both("check.kept_without_neighbour", alone=verdict.alone)))
    out += [Finding(False, "check.chain", f"{t.say.zh} {t.say.en}") for t in verdict.troubles]
    if more := verdict.count - len(verdict.troubles):
        out.append(found(False, "check.chain", "check.more", more=more))
    if not verdict.count:
        out.append(found(True, "check.chain", "check.entries_fit", proved=verdict.proved))
    same = both("check.compare_head")
    return [*out, Finding(True, "check.head", f"{last.number} {last.hash}: {same}")]
