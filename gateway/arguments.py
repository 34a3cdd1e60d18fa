"""The words of the command line: each subcommand with its options."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway import __version__

DEFAULT = Path("/etc/eldercare-gateway/gateway.toml")
DESCRIPTION = (
    "The command line: run, page, code, check, status, devices, commission, backup, restore, "
    "decode, tell, contract."
)


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    found = argparse.ArgumentParser(prog="eldercare-gateway", description=DESCRIPTION)
    found.add_argument("--version", action="version", version=f"eldercare-gateway {__version__}")
    commands = found.add_subparsers(dest="command", required=True)
    for name, what in (
        ("run", "guard the home: hear, judge, alarm, push"),
        (
            "check",
            "say whether configuration, adapter, ports, broker and clock are fit, and what to do",
        ),
        ("status", "show alarms, faults, devices, outbox, radio and uplink"),
        ("tell", "leave an instruction for the running gateway"),
        ("page", "serve the technician's page"),
        (
            "code",
            (
                "show the code for the first visit, the page's address and "
                "the fingerprint of its certificate"
            ),
        ),
    ):
        command = commands.add_parser(name, help=what)
        command.add_argument("--config", type=Path, default=DEFAULT)
        if name == "run":
            command.add_argument("--debug", action="store_true", help="log more")
        if name == "check":
            command.add_argument(
                "--journal",
                nargs="?",
                type=Path,
                const=Path(),
                metavar="FILE",
                help="hold the journal against itself: was an entry changed, cut out, moved?",
            )
        if name == "status":
            command.add_argument("--json", action="store_true", help="the facts as JSON")
        if name == "code":
            command.add_argument(
                "--new",
                action="store_true",
                help="password lost: forget the page's accounts and make another code",
            )
        if name == "tell":
            command.add_argument(
                "do",
                help="acknowledge, dispatch, decline, recall, arrive, close, silence, shelve, "
                "test, away or confirm",
            )
            command.add_argument("--by", required=True, help="who gives the instruction")
            command.add_argument(
                "--alarm",
                default="",
                help="the alarm's id, as status --json shows it, or its number",
            )
            for word in ("device", "reason", "outcome", "responder"):
                command.add_argument(f"--{word}", default="")
            command.add_argument("--seconds", type=float, default=0.0)
    for name, what in (
        (
            "backup",
            "write everything that makes this box the home's gateway into one encrypted file",
        ),
        (
            "restore",
            (
                "let this box take over from the one whose backup it is; "
                "the gateway must not be running"
            ),
        ),
    ):
        command = commands.add_parser(name, help=what)
        command.add_argument("--config", type=Path, default=DEFAULT)
        command.add_argument("file", type=Path)
        command.add_argument(
            "--passphrase-file",
            type=Path,
            help="a file whose first line is the passphrase; default: asked for",
        )
    devices = commands.add_parser(
        "devices",
        help="list the supported models, and what this radio hears now with signal strength",
    )
    devices.add_argument("--config", type=Path, default=DEFAULT)
    devices.add_argument(
        "--seconds", type=float, default=10.0, help="how long to listen, at most 240; default: 10"
    )
    devices.add_argument("--json", action="store_true", help="the facts as JSON")
    commission = commands.add_parser(
        "commission",
        help="set a radar's height, sensitivity and so on, one by one, and read them back",
    )
    commission.add_argument("--config", type=Path, default=DEFAULT)
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
    # asked by `restore` and by the page's take-over, never by people
    rehearse = commands.add_parser("rehearse")
    rehearse.add_argument("--config", type=Path, default=DEFAULT)
    rehearse.add_argument("folder", type=Path)
    contract = commands.add_parser(
        "contract", help="write the platform's contract as JSON Schemas and one document"
    )
    contract.add_argument("folder", type=Path)
    return found
