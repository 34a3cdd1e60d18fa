"""The words of the command line: each subcommand with its options."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from gateway import __version__
from gateway.words.instruction import Do

DEFAULT = Path("/etc/eldercare-gateway/gateway.toml")
DESCRIPTION = (
    "The command line: run, page, code, check, status, devices, commission, backup, restore, "
    "decode, replay, tell, contract."
)


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    found = argparse.ArgumentParser(prog="eldercare-gateway", description=DESCRIPTION)
    found.add_argument("--version", action="version", version=f"eldercare-gateway {__version__}")
    commands = found.add_subparsers(dest="command", required=True)

    def command(name: str, what: str) -> argparse.ArgumentParser:
        """Begin a command that reads the configuration."""
        made = commands.add_parser(name, help=what)
        made.add_argument("--config", type=Path, default=DEFAULT)
        return made

    run = command("run", "guard the home: hear, judge, alarm, push")
    run.add_argument("--debug", action="store_true", help="log more")
    check = command(
        "check",
        "say whether configuration, adapter, ports, broker and clock are fit, and what to do",
    )
    check.add_argument(
        "--journal",
        nargs="?",
        type=Path,
        const=Path(),
        metavar="FILE",
        help="hold the journal against itself: was an entry changed, cut out, moved?",
    )
    status = command("status", "show alarms, faults, devices, outbox, radio and uplink")
    tell = command("tell", "leave an instruction for the running gateway")
    tell.add_argument(
        "do",
        choices=[*map(str, Do)],
        metavar="do",
        help="acknowledge, dispatch, decline, recall, arrive, close, silence, shelve, "
        "test, away or confirm",
    )
    tell.add_argument("--by", required=True, help="who gives the instruction")
    tell.add_argument(
        "--alarm", default="", help="the alarm's id, as status --json shows it, or its number"
    )
    for word in ("device", "reason", "outcome", "responder"):
        tell.add_argument(f"--{word}", default="")
    tell.add_argument("--seconds", type=_seconds, default=0.0)
    command("page", "serve the technician's page")
    code = command(
        "code",
        "show the code for the first visit, the page's address and the fingerprint of its "
        "certificate",
    )
    code.add_argument(
        "--new",
        action="store_true",
        help="password lost: forget the page's accounts and make another code",
    )
    for sealed in (
        command(
            "backup",
            "write everything that makes this box the home's gateway into one encrypted file",
        ),
        command(
            "restore",
            "let this box take over from the one whose backup it is; "
            "the gateway must not be running",
        ),
    ):
        sealed.add_argument("file", type=Path)
        sealed.add_argument(
            "--passphrase-file",
            type=Path,
            help="a file whose first line is the passphrase, /dev/stdin for one that is piped in; "
            "default: asked for",
        )
    devices = command(
        "devices", "list the supported models, and what this radio hears now with signal strength"
    )
    devices.add_argument(
        "--seconds",
        type=_seconds,
        default=10.0,
        help="how long to listen, at most 240; default: 10",
    )
    for told in (status, devices):
        told.add_argument("--json", action="store_true", help="the facts as JSON")
    commission = command(
        "commission",
        "set a radar's height, sensitivity and so on, one by one, and read them back",
    )
    commission.add_argument(
        "device", help="the device's id in the configuration; the gateway must not be running"
    )
    commission.add_argument(
        "settings",
        nargs="*",
        metavar="NAME=VALUE",
        help="for instance height=250; none: read all of them",
    )
    decode = commands.add_parser(
        "decode", help="say what recorded packets mean: JSON lines in, JSON lines out"
    )
    decode.add_argument("file", nargs="?", type=Path, help="default: standard input")
    _replay(command("replay", "judge recorded days once more, by other rules or of another home"))
    # asked by `restore` and by the page's take-over, never by people
    rehearse = commands.add_parser("rehearse")
    rehearse.add_argument("--config", type=Path, default=DEFAULT)
    contract = commands.add_parser(
        "contract", help="write the platform's contract as JSON Schemas and one document"
    )
    for writes in (rehearse, contract):
        writes.add_argument("folder", type=Path)
    return found


def _replay(found: argparse.ArgumentParser) -> None:
    """Add the options of a replay."""
    found.add_argument("--from", dest="first", metavar="DAY", help="the first day: 2026-03-01")
    found.add_argument("--to", dest="last", metavar="DAY", help="the last day; default: the first")
    found.add_argument(
        "--rules",
        type=Path,
        metavar="FILE",
        help="sections of gateway.toml that take the place of those in force: "
        "times, dangers, silence, ladder, device",
    )
    found.add_argument(
        "--import",
        dest="recording",
        nargs=2,
        metavar=("FORMAT", "FILE"),
        help="a recording of another home: kasteren, placelab, uci-adl, casas or casas-csv; "
        "without --from all of it",
    )
    found.add_argument(
        "--door",
        action="append",
        default=[],
        metavar="NAME",
        help="of a recording: the device by whose door the home is left; may be given again",
    )
    found.add_argument(
        "--pictures",
        type=Path,
        default=Path("replay"),
        metavar="FOLDER",
        help="where one SVG a day is written; default: replay",
    )


def _seconds(text: str) -> float:
    """Return a number of seconds. Raises ArgumentTypeError for what is none."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds
