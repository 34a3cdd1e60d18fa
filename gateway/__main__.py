"""The command line. Each subcommand loads what it needs, not more.

Exit codes: 0 well, 1 something is wrong that the text names, 2 the command or configuration cannot
be used.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import getpass
import json
import logging
import os
import resource
import secrets
import sqlite3
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gateway import __version__
from gateway.arguments import DEFAULT, parser
from gateway.home.source import ConfigError
from gateway.words.say import both

if TYPE_CHECKING:
    from gateway.home.config import Config

AGAIN = -1  # what serving ends with where it begins anew at once
_PR_SET_DUMPABLE = 4  # prctl(2)


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand and return its exit code."""
    args = parser().parse_args(argv)
    if argv is None:
        _keep_to_itself(serves=args.command != "contract")
    try:
        return _COMMANDS[args.command](args)
    except BrokenPipeError:
        return 0


def _keep_to_itself(*, serves: bool) -> None:
    """Keep keys and passwords out of core dumps and away from other processes of the same user.

    `serves`: what is written belongs to the gateway, and to no other user of this machine.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # the limit alone does not hold for cores that are piped to a program
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if serves:
        # the page's user is of the daemon's group; what is secret is 0600 by itself
        os.umask(0o027)


def _run(args: argparse.Namespace) -> int:
    from gateway.box import generations
    from gateway.box.supervise import log_to_stderr

    log_to_stderr(logging.DEBUG if args.debug else logging.INFO)
    # nobody reads them, each line pays for them
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for noisy in ("bleak", "dbus_fast", "asyncio", "mqtt"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    from drivers import all_models
    from gateway.hear.replay import BadDay
    from gateway.keep.database import StoreProblem
    from gateway.tend.composition import build

    async def serve(config: Config) -> int:
        try:
            daemon = build(config, all_models())
        except (BadDay, StoreProblem, OSError) as error:
            print(both("command.cannot_start", error=error), file=sys.stderr)
            return 2
        await daemon.run()
        return AGAIN if daemon.again else 0

    done = AGAIN
    while done == AGAIN:  # another home has moved in by its backup
        try:
            config = _load(args.config)
            if generations.finished(config.state):  # a restore was cut off after its moment
                config = _load(args.config)
        except ConfigError as error:
            return _refused(error)
        try:
            done = asyncio.run(serve(config))
        except asyncio.CancelledError:
            done = 0
    return done


def _check(args: argparse.Namespace) -> int:
    from gateway.tend.check import checked
    from gateway.tend.check_journal import journal

    if args.journal is not None:
        return journal(args.config, args.journal if args.journal.name else None)
    return asyncio.run(checked(args.config))


def _status(args: argparse.Namespace) -> int:
    from gateway.home import status

    try:
        config = _load(args.config)
        known = status.read(config.runtime)
    except ConfigError as error:
        return _refused(error)
    except (OSError, ValueError) as error:
        print(both("command.not_running", error=error), file=sys.stderr)
        return 1
    print(status.as_json(known) if args.json else "\n".join([status.told(known), *_pages(config)]))
    return 1 if known.degraded else 0


def _tell(args: argparse.Namespace) -> int:
    from gateway.box import folders
    from gateway.contract import wire
    from gateway.home import inbox, slips, status
    from gateway.words.clock import boot_name
    from gateway.words.instruction import Do

    try:
        config = _load(args.config)
        known = status.read(config.runtime)
        alarm = args.alarm
        if alarm.isdigit():
            alarm = next((a.alarm for a in known.alarms if a.number == int(alarm)), alarm)
        message = wire.InstructionMessage(
            v=1,
            gateway=known.gateway,
            id=f"local-{secrets.token_hex(8)}",
            do=Do(args.do),
            by=args.by,
            alarm=alarm,
            device=args.device,
            reason=args.reason,
            outcome=args.outcome,
            responder=args.responder,
            seconds=args.seconds,
            boot=boot_name(),
        )
        if slips.are_for_us(config.state):
            left = slips.leave(config.state, wire.encode(message))
            inbox.wake(config.runtime)
        else:
            with folders.as_page(config.state) as page:
                left = str(inbox.leave(page, config.runtime, wire.encode(message)))
    except ConfigError as error:
        return _refused(error)
    except ValueError as error:
        print(f"{error}; known: {', '.join(Do)}", file=sys.stderr)
        return 2
    except (OSError, sqlite3.Error) as error:
        print(both("command.not_left", error=error), file=sys.stderr)
        return 1
    print(both("command.left", left=left, id=message.id))
    return 0


def _devices(args: argparse.Namespace) -> int:
    import msgspec

    from drivers import all_models
    from gateway.hear.alone import heard_alone
    from gateway.home import nearby
    from gateway.home.waits import WAITS

    models = all_models()
    seconds = min(max(args.seconds, 0.1), WAITS.window)
    config = None
    try:
        # before anything is configured a technician wants to look around
        if args.config.exists() or args.config != DEFAULT:
            config = _load(args.config)
        since = time.monotonic()
        if config is not None and nearby.ask(config.runtime, seconds):
            found = nearby.answer(config.runtime, since, seconds)
            if found is None:
                print(both("command.no_answer"), file=sys.stderr)
                return 1
        else:
            found = asyncio.run(heard_alone(config, models, seconds))
    except ConfigError as error:
        return _refused(error)
    except OSError as error:
        print(both("command.not_root", strerror=error.strerror), file=sys.stderr)
        return 1
    if args.json:
        known = {"supported": nearby.supported(models)} | msgspec.to_builtins(found)
        print(json.dumps(known, ensure_ascii=False))
    else:
        print(nearby.told(models, found))
    return 1 if all(found.radios) else 0


def _commission(args: argparse.Namespace) -> int:
    from gateway.hear.radar_settings import BadSetting, Verdict, commission, table, wanted_of

    try:
        config = _load(args.config)
        device = next((d for d in config.devices if d.id == args.device), None)
        if device is None:
            known = ", ".join(d.id for d in config.devices if d.model.settings) or "none"
            print(both("command.no_device", device=repr(args.device), known=known), file=sys.stderr)
            return 2
        wishes = dict(word.partition("=")[::2] for word in args.settings)
        wanted = wanted_of(device.model, wishes)
        results = asyncio.run(
            commission(
                device.at,
                device.model,
                wanted,
                said=lambda one: print(f"  {one.setting.name} ...", file=sys.stderr),
            )
        )
    except ConfigError as error:
        return _refused(error)
    except BadSetting as error:
        print(both("command.bad_setting", error=error), file=sys.stderr)
        return 2
    except OSError as error:
        why = error.strerror or error
        print(both("command.port_held", why=why), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(both("command.interrupted"), file=sys.stderr)
        return 1
    print(table(results))
    return 0 if all(one.verdict in (Verdict.OK, Verdict.READ) for one in results) else 1


def _page(args: argparse.Namespace) -> int:
    from drivers import all_models
    from gateway.box.supervise import log_to_stderr
    from gateway.home.config import load

    log_to_stderr(logging.INFO)
    # it warns of each bad question: whoever asks may not fill the log
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    try:
        config = load(args.config, all_models(), with_secrets=False)
    except ConfigError as error:
        return _refused(error)
    from gateway.page.server import serve

    try:
        asyncio.run(serve(config))
    except (OSError, sqlite3.Error) as error:
        print(both("command.page_failed", error=error), file=sys.stderr)
        return 1
    return 0


def _pages(config: Config) -> list[str]:
    """Return a line for each address of the page: by name as people type it, then as it answers."""
    from gateway.page import papers

    page, names = config.page, papers.host_names()
    port = "" if page.port == 443 else f":{page.port}"
    plain = "" if page.http_port == 80 else f":{page.http_port}"
    typed = (
        [f"http://{names[0] if not page.address else page.address}{plain}/"]
        if page.http_port
        else []
    )
    where = [names[0], *papers.addresses()] if not page.address else [page.address]
    return [
        both("command.page", a=a)
        for a in [*typed, *(f"https://{f'[{n}]' if ':' in n else n}{port}/" for n in where)]
    ]


def _code(args: argparse.Namespace) -> int:
    from drivers import all_models
    from gateway.box import folders
    from gateway.home.config import load
    from gateway.page import accounts, label, papers

    try:
        config = load(args.config, all_models(), with_secrets=False)
        with folders.as_page(config.state) as page:
            code = label.renewed(page) if args.new else label.made(page)
            if args.new:
                accounts.forgotten(page)
    except ConfigError as error:
        return _refused(error)
    except (OSError, sqlite3.Error) as error:
        print(both("command.code_unread", error=error), file=sys.stderr)
        return 1
    print("\n".join([both("command.code", code=code), *_pages(config)]))
    certificate = papers.shown(config)
    with contextlib.suppress(OSError, ValueError):
        print(
            both("command.fingerprint", certificate=papers.fingerprint(certificate))
            if certificate
            else both("command.fingerprint_later")
        )
    return 0


def _backup(args: argparse.Namespace) -> int:
    from gateway.home import backup, strength
    from gateway.home.identity import identity

    try:
        config = _load(args.config)
        words = _passphrase(args)
        if len(words) >= backup.SHORTEST and strength.weak(
            words, strength.SEALED, [config.gateway.id]
        ):
            print(both("command.guessable", offered=strength.offered()), file=sys.stderr)
            return 1
        at = datetime.now(UTC).isoformat(timespec="seconds")
        backup.write(args.file, backup.made(config, identity(config), words, __version__, at))
    except ConfigError as error:
        return _refused(error)
    except (backup.BackupError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(both("command.backup_written", file=args.file))
    return 0


def _restore(args: argparse.Namespace) -> int:
    from drivers import all_models
    from gateway.box import folders
    from gateway.home import backup, takeover

    try:
        config = _load(args.config)
        if takeover.runs(config.runtime):
            print(both("command.stop_first"), file=sys.stderr)
            return 1
        kept = backup.opened(backup.read(args.file), _passphrase(args))
        with folders.as_owner(config.state):
            after = takeover.restore(config, kept, all_models())
    except ConfigError as error:
        return _refused(error)
    except (backup.BackupError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for command, _ in backup.programs(after, kept):
        print(both("command.program", command=command))
    print(
        both("command.backup_of", gateway=kept.gateway, devices=len(after.devices), made=kept.made)
    )
    print(both("command.not_carried"))
    print(both("command.old_box"))
    return 0


def _rehearse(args: argparse.Namespace) -> int:
    from gateway.tend.rehearsal import NotFit, rehearsed

    try:
        rehearsed(args.config, args.folder)
    except ConfigError as error:
        return _refused(error)
    except NotFit as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _passphrase(args: argparse.Namespace) -> str:
    if args.passphrase_file is not None:
        lines = args.passphrase_file.read_text(encoding="utf-8").splitlines()
        return str(lines[0]) if lines else ""
    return getpass.getpass(both("command.passphrase"))


def _decode(args: argparse.Namespace) -> int:
    from gateway.hear.decode import decode

    if args.file is None:
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]  # a text stream
    try:
        with (
            contextlib.nullcontext(sys.stdin)
            if args.file is None
            else args.file.open(encoding="utf-8", errors="replace") as lines
        ):
            for line in decode(lines):
                print(line)
    except OSError as error:
        print(f"{args.file}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


def _contract(args: argparse.Namespace) -> int:
    from gateway.contract import schemas

    try:
        schemas.write(args.folder)
    except ImportError as missing:
        print(
            f"{missing}: asyncapi.json is made of {args.folder}/asyncapi.yaml by PyYAML: "
            "pip install pyyaml",
            file=sys.stderr,
        )
        return 2
    return 0


def _load(path: Path) -> Config:
    from drivers import all_models
    from gateway.home.config import load

    return load(path, all_models())


def _refused(error: Exception) -> int:
    print(both("command.configuration"), file=sys.stderr)
    for line in str(error).splitlines():
        print(f"  {line}", file=sys.stderr)
    return 2


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "check": _check,
    "status": _status,
    "devices": _devices,
    "tell": _tell,
    "page": _page,
    "code": _code,
    "commission": _commission,
    "backup": _backup,
    "restore": _restore,
    "rehearse": _rehearse,
    "decode": _decode,
    "contract": _contract,
}

if __name__ == "__main__":
    raise SystemExit(main())
