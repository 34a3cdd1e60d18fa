"""The command line. Each subcommand loads what it needs, not more.

Exit codes: 0 well, 1 something is wrong that the text names, 2 the command or configuration cannot
be used.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import gc
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
from typing import TYPE_CHECKING, Any

from gateway import __version__
from gateway.arguments import DEFAULT, parser
from gateway.home.source import ConfigError
from gateway.words.say import both

if TYPE_CHECKING:
    from gateway.contract.wire import InstructionMessage
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
    except ConfigError as error:
        print(both("command.configuration"), file=sys.stderr)
        for line in str(error).splitlines():
            print(f"  {line}", file=sys.stderr)
        return 2


def _no(code: str, status: int = 1, /, **values: object) -> int:
    """Say what is wrong; return the exit code."""
    print(both(code, **values), file=sys.stderr)
    return status


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
    gc.disable()  # what is loaded now stays: the daemon freezes it and collects from then on
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
            return _no("command.cannot_start", 2, error=error)
        await daemon.run()
        return AGAIN if daemon.again else 0

    done = AGAIN
    while done == AGAIN:  # another home has moved in by its backup
        config = _load(args)
        if generations.finished(config.state):  # a restore was cut off after its moment
            config = _load(args)
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

    config = _load(args)
    try:
        known = status.read(config.runtime)
    except (OSError, ValueError) as error:
        return _no("command.not_running", error=error)
    print(status.as_json(known) if args.json else "\n".join([status.told(known), *_pages(config)]))
    return 1 if known.degraded else 0


def _tell(args: argparse.Namespace) -> int:
    from gateway.contract import inward, wire
    from gateway.home import inbox, status

    config = _load(args)
    try:
        known = status.read(config.runtime)
        alarm = next((a.alarm for a in known.alarms if str(a.number) == args.alarm), args.alarm)
        message = _message(known.gateway, **vars(args) | {"alarm": alarm})
        inward.read_instruction(wire.encode(message))
        left = _left(config, message)
    except wire.BadMessage as bad:
        return _no("command.bad_order", 2, why=bad)
    except (OSError, ValueError, sqlite3.Error) as error:
        return _no("command.not_left", error=error)
    if not inbox.listens(config.runtime):
        return _no("command.left_unread", left=left, id=message.id)
    print(both("command.left", left=left, id=message.id))
    return 0


def _message(gateway: str, **given: Any) -> InstructionMessage:
    """Return an instruction of somebody at this box; of `given` what an instruction has."""
    from gateway.contract import wire
    from gateway.words.clock import boot_name

    has = set(wire.InstructionMessage.__struct_fields__)
    fields = {name: value for name, value in given.items() if name in has}
    made = f"local-{secrets.token_hex(8)}"
    return wire.InstructionMessage(v=1, gateway=gateway, id=made, boot=boot_name(), **fields)


def _left(config: Config, message: InstructionMessage) -> str:
    """Leave an instruction by the door of whoever runs this. Raises OSError, sqlite3.Error."""
    from gateway.box import folders
    from gateway.contract import wire
    from gateway.home import inbox, slips

    if slips.are_for_us(config.state):
        left = slips.leave(config.state, wire.encode(message))
        inbox.say(config.runtime, inbox.Left())
        return left
    with folders.as_page(config.state) as page:
        return str(inbox.leave(page, config.runtime, wire.encode(message)))


def _devices(args: argparse.Namespace) -> int:
    import msgspec

    from drivers import all_models
    from gateway.hear.alone import heard_alone
    from gateway.home import inbox, nearby
    from gateway.home.identity import identity
    from gateway.home.waits import WAITS
    from gateway.words.instruction import Do

    models = all_models()
    seconds = min(max(args.seconds, 0.1), WAITS.window)
    # before anything is configured a technician wants to look around
    config = _load(args) if args.config.exists() or args.config != DEFAULT else None
    if config is not None and inbox.listens(config.runtime):
        since, by = time.monotonic(), f"devices, user {os.getuid()}"
        try:
            _left(config, _message(identity(config), do=Do.WINDOW, by=by, seconds=seconds))
        except (OSError, sqlite3.Error) as error:
            return _no("command.not_left", error=error)
        if (found := nearby.answer(config.runtime, since, seconds)) is None:
            return _no("command.no_answer")
    else:
        found = asyncio.run(heard_alone(config, models, seconds))
    if args.json:
        known = {"supported": nearby.supported(models)} | msgspec.to_builtins(found)
        print(json.dumps(known, ensure_ascii=False))
    else:
        print(nearby.told(models, found))
    return 1 if all(found.radios) else 0


def _commission(args: argparse.Namespace) -> int:
    from gateway.hear.radar_settings import BadSetting, Verdict, commission, table, wanted_of

    config = _load(args)
    device = next((d for d in config.devices if d.id == args.device), None)
    if device is None:
        known = ", ".join(d.id for d in config.devices if d.model.settings) or "none"
        return _no("command.no_device", 2, device=repr(args.device), known=known)
    try:
        wanted = wanted_of(device.model, dict(word.partition("=")[::2] for word in args.settings))
        results = asyncio.run(
            commission(
                device.at,
                device.model,
                wanted,
                said=lambda one: print(f"  {one.setting.name} ...", file=sys.stderr),
            )
        )
    except BadSetting as error:
        return _no("command.bad_setting", 2, error=error)
    except OSError as error:
        return _no("command.port_held", why=error.strerror or error)
    except KeyboardInterrupt:
        return _no("command.interrupted")
    print(table(results))
    return 0 if all(one.verdict in (Verdict.OK, Verdict.READ) for one in results) else 1


def _page(args: argparse.Namespace) -> int:
    from gateway.box.supervise import log_to_stderr

    log_to_stderr(logging.INFO)
    # it warns of each bad question: whoever asks may not fill the log
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    config = _load(args, with_secrets=False)
    from gateway.page.server import serve

    try:
        asyncio.run(serve(config))
    except (OSError, sqlite3.Error) as error:
        return _no("command.page_failed", error=error)
    return 0


def _pages(config: Config) -> list[str]:
    """Return a line for each address of the page: by name as people type it, then as it answers."""
    from gateway.page import papers

    page, names = config.page, papers.host_names()
    port = "" if page.port == 443 else f":{page.port}"
    plain = "" if page.http_port == 80 else f":{page.http_port}"
    where = [page.address] if page.address else [names[0], *papers.addresses()]
    typed = [f"http://{where[0]}{plain}/"] if page.http_port else []
    secure = [f"https://{f'[{n}]' if ':' in n else n}{port}/" for n in where]
    return [both("command.page", a=a) for a in typed + secure]


def _code(args: argparse.Namespace) -> int:
    from gateway.box import folders
    from gateway.page import accounts, label, papers

    config = _load(args, with_secrets=False)
    try:
        with folders.as_page(config.state) as page:
            code = label.renewed(page) if args.new else label.made(page)
            if args.new:
                accounts.forgotten(page)
    except (OSError, sqlite3.Error) as error:
        return _no("command.code_unread", error=error)
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

    config = _load(args)
    try:
        words = _passphrase(args)
        sealed = strength.SEALED, [config.gateway.id]
        if len(words) >= backup.SHORTEST and strength.weak(words, *sealed):
            return _no("command.guessable", offered=strength.offered())
        at = datetime.now(UTC).isoformat(timespec="seconds")
        backup.write(args.file, backup.made(config, identity(config), words, __version__, at))
    except (backup.BackupError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(both("command.backup_written", file=args.file))
    return 0


def _restore(args: argparse.Namespace) -> int:
    from drivers import all_models
    from gateway.box import folders
    from gateway.home import backup, takeover

    config = _load(args)
    if takeover.runs(config.runtime):
        return _no("command.stop_first")
    try:
        kept = backup.opened(backup.read(args.file), _passphrase(args))
        with folders.as_owner(config.state):
            after = takeover.restore(config, kept, all_models())
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


def _passphrase(args: argparse.Namespace) -> str:
    """Return the first line of the file, or what is typed; end where nobody can type."""
    if args.passphrase_file is not None:
        try:
            text = args.passphrase_file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise SystemExit(_no("command.no_text", 2, file=args.passphrase_file)) from None
        return next(iter(text.splitlines()), "")
    from getpass import getpass

    try:
        return getpass(both("command.passphrase"))
    except EOFError:
        raise SystemExit(_no("command.nobody_types", 2)) from None


def _rehearse(args: argparse.Namespace) -> int:
    from gateway.home.takeover import REHEARSED
    from gateway.tend.rehearsal import NotFit, rehearsed

    if args.folder.name != REHEARSED:
        return _no("command.rehearse", 2, folder=args.folder, name=REHEARSED)
    try:
        rehearsed(args.config, args.folder)
    except NotFit as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _decode(args: argparse.Namespace) -> int:
    from gateway.hear.decode import decode

    try:
        # 0: standard input
        source = 0 if args.file is None else args.file
        with open(source, encoding="utf-8", errors="replace", closefd=bool(source)) as lines:
            for line in decode(lines):
                print(line)
    except OSError as error:
        print(f"{args.file}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


def _replay(args: argparse.Namespace) -> int:
    from drivers import all_models
    from gateway.tend.replayed import replayed

    there = args.config.exists() or args.config != DEFAULT or args.recording is None
    return replayed(args, _load(args, with_secrets=False) if there else None, all_models())


def _contract(args: argparse.Namespace) -> int:
    from gateway.contract import schemas

    try:
        if others := schemas.others(args.folder):
            return _no("command.other_things", 2, folder=args.folder, others=", ".join(others[:5]))
        schemas.write(args.folder)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    except ImportError as missing:
        print(
            f"{missing}: asyncapi.json is made of {args.folder}/asyncapi.yaml by PyYAML: "
            "pip install pyyaml",
            file=sys.stderr,
        )
        return 2
    return 0


def _load(args: argparse.Namespace, *, with_secrets: bool = True) -> Config:
    from drivers import all_models
    from gateway.home.config import load

    return load(args.config, all_models(), with_secrets=with_secrets)


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
    "replay": _replay,
    "contract": _contract,
}

if __name__ == "__main__":
    raise SystemExit(main())
