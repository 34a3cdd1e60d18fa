"""A new box takes over a home from its backup.

All of it is written beside, synced, and started once with a copy of it in a process of its own
(`prepared`, `rehearsal`). Then one folder is renamed (`arrive`). Before that nothing has happened;
after it `generations.finished` moves the rest, however often it is cut off.

The page asks the daemon for it by the instruction `take_over` at the local door; the passphrase and
the backup lie in the file of secrets.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from gateway.box import generations
from gateway.box.folders import as_root, reader
from gateway.contract import chain, encoding, wire
from gateway.home import certificates, status
from gateway.home.backup import CARRIED, LAST_NUMBER, BackupError, Kept
from gateway.home.config import Config, composed
from gateway.home.source import ConfigError
from gateway.home.waits import WAITS
from gateway.keep.database import StoreProblem
from gateway.keep.store import Store
from gateway.words.driver import Model
from gateway.words.say import Say

PREPARED = "restore.new"  # folder in the state folder
REHEARSED = "restore.dry"  # a copy of it, for a start that is only tried
HERE = Path(__file__).resolve().parents[2]


def restore(config: Config, kept: Kept, models: Mapping[str, Model]) -> Config:
    """Make this box the home's gateway; return the configuration from now on.

    The moment of it is `arrive`. Raises BackupError, and then nothing has happened.
    """
    after = prepared(config, kept, models)
    try:
        arrive(config.state)
        generations.finished(config.state)
    except OSError as error:
        raise BackupError(Say("backup.unwritten", path=config.state, why=error)) from error
    return after


def arrive(state: Path) -> None:
    """Let what was prepared be this box's, by one rename: the moment of a take-over.

    The rest is moved at the next start. Raises OSError.
    """
    (state / PREPARED).replace(state / generations.ARRIVING)
    generations.sync(state)


def prepared(config: Config, kept: Kept, models: Mapping[str, Model]) -> Config:
    """Put all of a backup beside, on the disk; return the configuration it will be.

    It is started once with a copy, so that it may take `WAITS.rehearsal` seconds. Raises
    BackupError, and then nothing has happened.
    """
    state = config.state
    if config.gateway.id not in {"", kept.gateway}:
        values = {"path": config.path, "id": config.gateway.id, "other": kept.gateway}
        raise BackupError(Say("backup.other_id", **values))
    if (state / "gateway.db").exists() and _entries(state):
        raise BackupError(Say("backup.home_there", path=state))
    token = secrets.token_hex(8)
    home = replace(
        kept.household,
        revision=kept.household.revision + 1,
        token=token,
        changed=("restored",),
        recordings={},
    )
    own = replace(kept.secrets, token=token, revision=home.revision)
    try:
        after = composed(config.source, models, home, own)
    except ConfigError as error:
        zh = "; ".join(p.say.zh for p in error.fields)[:400]
        why = (zh, "; ".join(error.problems)[:400])
        raise BackupError(Say("backup.not_here", why=why)) from error
    beside = state / PREPARED
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(mode=0o700, parents=True)
        generations.write(beside / "household-secrets.json", msgspec.to_builtins(own))
        generations.write(beside / "household.json", msgspec.to_builtins(home), 0o640)
        generations.durable(beside / "identity", f"{kept.gateway}\n".encode(), 0o640)
        certificates.brought(beside, kept.certificates)
        _journal(beside, kept)
        _rehearsed(config.path, beside)
        generations.durable(beside / generations.FRESH, b"")
        generations.sync(beside)
    except (
        OSError,
        ValueError,
        OverflowError,
        sqlite3.Error,
        StoreProblem,
        wire.BadMessage,
    ) as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise BackupError(Say("backup.unwritten", path=state, why=error)) from error
    except BackupError:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return after


def _rehearsed(path: Path, beside: Path) -> None:
    """Start once with a copy of what was prepared, by the very code of a start.

    That is in a process of its own. Raises BackupError.
    """
    copy = beside.with_name(REHEARSED)
    shutil.rmtree(copy, ignore_errors=True)
    command = [
        sys.executable,
        "-P",
        "-m",
        "gateway",
        "rehearse",
        "--config",
        str(path.resolve()),
        str(copy),
    ]
    environment = {
        n: v for n, v in os.environ.items() if n not in {"NOTIFY_SOCKET", "WATCHDOG_USEC"}
    }
    # a package's launcher adds folders that no environment names
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(HERE), *sys.path)))
    try:
        shutil.copytree(beside, copy)
        try:
            done = _run(command, environment)
        # this Python lies where only root may look: then the copy is tried, and thrown away, by
        # root
        except PermissionError:
            with as_root():
                done = _run(command, environment)
    except subprocess.TimeoutExpired:
        raise BackupError(
            Say("backup.not_started", why=Say("backup.hangs", seconds=WAITS.rehearsal))
        ) from None
    finally:
        with as_root():
            shutil.rmtree(copy, ignore_errors=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1][:300] if said else f"exit code {done.returncode}"
        raise BackupError(Say("backup.not_started", why=why))


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603  our own program
        command,
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=WAITS.rehearsal,
        check=False,
    )


def _entries(state: Path) -> int:
    try:
        with reader(state / "gateway.db", WAITS.lock) as db:
            return int(
                db.execute("SELECT count(*) FROM journal WHERE name = 'alarm'").fetchone()[0]
            )
    except sqlite3.Error:
        return 1  # what cannot be read may be precious


def _journal(folder: Path, kept: Kept) -> None:
    """Begin a journal of this box's own, with a new name.

    It has the marks, the open alarms and what the sensors' drivers must not forget.
    """
    store = Store(
        folder,
        kept.gateway,
        generation=min(int(kept.marks.get("generation", "1")) + 1, LAST_NUMBER),
        why="backup",
    )
    store.open()
    store.close_now()
    with contextlib.closing(sqlite3.connect(folder / "gateway.db")) as db, db:
        db.executemany(
            "INSERT INTO devices (device, memory) VALUES (?, ?)",
            [(d, json.dumps(m, separators=(",", ":"))) for d, m in kept.memories.items()],
        )
        # What is open is the first that this journal knows, and is told to the platform under the
        # number it has here.
        head = chain.Head()
        for number, body in enumerate(kept.alarms, 1):
            message = encoding.decode_entry(body.encode())
            if not isinstance(message, wire.AlarmMessage) or message.alarm_number > LAST_NUMBER:
                raise StoreProblem("an alarm of the backup is none")
            message = replace(message, gateway=kept.gateway)
            written = encoding.told_again(
                message, store.journal, store.generation, number, head.hash
            )
            head = chain.Head(number, chain.hashed(written))
            row = (number, "alarm", message.alarm_number, _seconds(message.at.wall), written)
            db.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", row)
            db.execute("INSERT INTO outbox VALUES (?, ?)", (int(message.priority), number))
            db.execute(
                "INSERT INTO alarms VALUES (?, ?, ?, ?, ?, 1, ?)",
                (
                    message.alarm_number,
                    message.alarm,
                    message.kind,
                    message.device,
                    number,
                    int(message.condition == "active"),
                ),
            )
        known = {n: v for n, v in kept.marks.items() if n in CARRIED and n != "generation"} | {
            "head": chain.text_of(head)
        }
        # two boxes with one id are told apart by it
        now = datetime.now(UTC).isoformat(timespec="seconds")
        known |= {"predecessor": kept.journal, "taken_over": now}
        db.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?)", list(known.items()))
        if kept.last_alarm:
            # Numbers people say on the telephone go on; the row itself is over and stands for no
            # entry.
            last = kept.last_alarm, f"{kept.journal}-a{kept.last_alarm}"
            db.execute("INSERT OR IGNORE INTO alarms VALUES (?, ?, '', '', 0, 0, 0)", last)
    for part in folder.glob("history.db*"):  # bulk readings are this box's own
        part.unlink()


def _seconds(wall: str) -> float:
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(wall).replace(tzinfo=UTC).timestamp()
    return 0.0


def runs(runtime: Path) -> bool:
    """Say whether a gateway runs on this configuration.

    It must be stopped before another home moves in.
    """
    with contextlib.suppress(OSError, ValueError):
        known = status.read(runtime)
        if known.age <= WAITS.at_work:
            os.kill(known.pid, 0)
            return b"gateway" in Path(f"/proc/{known.pid}/cmdline").read_bytes()
    return False
