"""The secrets of a change, from page to daemon: in files, so that no instruction holds one.

Their forms stand in docs/integrator.md. Files have mode 0640, the page's user and the daemon's
group.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway.box import generations
from gateway.home.parts import Agreed, Signing, Strict
from gateway.home.waits import WAITS
from gateway.words.instruction import Problem
from gateway.words.say import Say

LARGEST = 512 * 1024  # bytes of a file with secrets; a backup may be among them
HANDED = "handed"  # folder in the page's


class Rejected(Exception):
    """A change that would not make a configuration; `problems` say why, field by field.

    Nothing has happened.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(p.say.en for p in problems))
        self.problems = list(problems)


class Hook(Strict, frozen=True, omit_defaults=True):
    """A webhook that was typed: its address, or "" where only its key is another."""

    url: str = ""
    secret: str = ""

    def __repr__(self) -> str:
        return "Hook()"


class Handed(Strict, frozen=True, omit_defaults=True):
    """The secrets of one change. None = left as they are, "" = taken away."""

    key: str | None = None
    password: str | None = None
    certificate_key: str | None = None
    signing: Signing | None = None  # commissioned
    agreed: Agreed | None = None  # set_consent
    passphrase: str | None = None  # backup, take_over
    backup: str | None = None  # take_over: the sealed file, as base64
    numbers: dict[str, str] | None = None  # set_ladder: telephone numbers, by rung from "1"
    sound: str | None = None  # set_phrase: the recording, as base64
    hooks: dict[str, Hook] | None = None  # set_ladder: webhooks, by rung from "1"
    messengers: dict[str, str] | None = None  # set_ladder: addresses, by rung from "1"

    def __repr__(self) -> str:
        return "Handed()"


def hand(page: Path, name: str, given: Handed) -> None:
    """Leave secrets for the daemon as file `name`, before the instruction that names it.

    Called by the page. Raises OSError.
    """
    folder = page / HANDED
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    generations.put(folder / name, json.dumps(msgspec.to_builtins(given)).encode(), 0o640)


def handed(page: Path, name: str) -> Handed:
    """Return the secrets left as file `name`; none of them where `name` is "".

    Called by the daemon. Raises Rejected where the file is not there, not the page's alone, or not
    what it should be.
    """
    if not name:
        return Handed()
    try:
        text, facts = generations.ordinary(page / HANDED / name, LARGEST)
        alone = facts.st_mode & 0o027 == 0 and facts.st_uid == page.stat().st_uid
        if not alone or facts.st_size > LARGEST:
            raise Rejected([_unread(Say("house.secrets_file"))])
        given = json.loads(text)
        # half a character, a lone surrogate, is none: a ValueError
        json.dumps(given, ensure_ascii=False).encode()
        return msgspec.convert(given, Handed)
    except OSError as error:
        raise Rejected([_unread(error.strerror or "")]) from None
    except (ValueError, RecursionError):  # without its text: that might hold a piece of a secret
        raise Rejected([_unread(Say("house.secrets_form"))]) from None


def _unread(why: Say | str) -> Problem:
    return Problem("secrets", "", "", Say("house.secrets_unread", why=why))


def forget(page: Path, name: str) -> None:
    """Delete a file of secrets; where there is none, nothing happens. Called by the page."""
    if name:
        with contextlib.suppress(OSError):
            (page / HANDED / name).unlink()


def forget_old(page: Path, waiting: frozenset[str], answered: frozenset[str], now: float) -> None:
    """Delete secrets whose instruction is answered, and those that no instruction named in time.

    `waiting` and `answered` are names of files; `now` is a wall second. Called by the page.
    """
    with contextlib.suppress(OSError):
        for path in (page / HANDED).iterdir():
            if path.name not in waiting and (
                path.name in answered or now - path.stat().st_mtime > WAITS.secrets_left
            ):
                forget(page, path.name)


def named(body: bytes) -> str:
    """Return the name of the file of secrets that an instruction names, "" without one."""
    text = body.decode(errors="replace")
    _, found, rest = text.partition('"secrets"')
    return rest.partition('"')[2].partition('"')[0] if found else ""
