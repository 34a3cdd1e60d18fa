"""Backup of a home: one encrypted file with everything that makes a gateway this home's.

The passphrase becomes a key by scrypt; AES-GCM seals the rest, the head included. Inside: the
gateway's id, the whole household (also what stood in gateway.toml), its secrets, what the sensors'
drivers remember (counters, packet numbers), so that nothing has to be paired again, and the alarms
that are open. Recordings of the voice stay behind: they are somebody's own, and large. So does the
journal: the new box begins one of its own, with a new name and in the next generation, as the
contract wants it; what is open is written there first, and alarms go on being numbered. Should the
old box come back, both have one id: the platform link tells it as an identity conflict.

A backup may have been handed over by a stranger: the programs that it names must be ones that this
box lets run (see `programs`).
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict, replace

from gateway.box import generations
from gateway.box.folders import reader
from gateway.home import certificates, hooks, ladder, messengers
from gateway.home.config import Config, rights
from gateway.home.parts import (
    HomePart,
    HomePlatform,
    HookPart,
    Household,
    HouseholdSecrets,
    PhonePart,
    SoundPart,
    Strict,
)
from gateway.home.programs import told
from gateway.home.waits import WAITS
from gateway.hook import targets
from gateway.judge import pending
from gateway.keep.stand_in import in_force
from gateway.messenger import targets as messages
from gateway.words.say import Failed, Say

MAGIC = b"eldercare-gateway backup "
LARGEST = 8 * 1024 * 1024  # bytes; a home's is some 20 kB
SEALED = "sealed"  # folder in the state folder with what the page may give away
LAST = "backup.json"  # when that was last done
LAST_NUMBER = 1_000_000_000  # of an alarm: no home has had more
# characters of a passphrase; page and command line also ask how many guesses it stands, see
# `strength`
SHORTEST = 10
# scrypt: 32 MiB and a fraction of a second on the smallest board; fixed, so that no file asks for
# more
_N, _R, _P = (2**15, 8, 1)
_ID = r"^[A-Za-z0-9._-]{1,40}\Z"
# Marks of the journal that go on: what is heard and not yet told among them. Shelves, away, and how
# late it is at least do not: a file that may be a stranger's lets no device go unjudged, and proves
# no time.
CARRIED = ("certificate", "generation", pending.MARK)


class BackupError(Failed):
    """A backup cannot be made or used; nothing has happened.

    Its text has both languages, zh-CN first, and says what to do.
    """

    def __str__(self) -> str:
        return f"{self.say.zh} {self.say.en}"


class Kept(Strict, frozen=True):
    """What is in a backup."""

    v: Literal[1]
    made: str
    software: str
    gateway: Annotated[str, Meta(pattern=_ID)]
    journal: str
    household: Household
    secrets: HouseholdSecrets
    memories: dict[str, dict[str, int | str]]
    marks: dict[str, str]
    last_alarm: Annotated[int, Meta(ge=0, le=LAST_NUMBER)] = 0
    certificates: tuple[dict[str, Any], ...] = ()  # of commissioning, the newest first
    alarms: tuple[str, ...] = ()  # those that are open, each as its newest entry in the journal


class _Cipher(Protocol):
    def encrypt(self, nonce: bytes, plain: bytes, head: bytes, /) -> bytes: ...

    def decrypt(self, nonce: bytes, sealed: bytes, head: bytes, /) -> bytes: ...


class _Head(Struct, frozen=True):
    v: int
    salt: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    nonce: Annotated[str, Meta(pattern=r"^[0-9a-f]{24}\Z")]


# -- making one ------------------------------------------------------------------------------------


def made(
    config: Config,
    gateway: str,
    passphrase: str,
    software: str,
    at: str,
    fresh: Mapping[str, Mapping[str, int | str]] | None = None,
) -> bytes:
    """Return the sealed backup of this home, from the store that is in force.

    `at`: when, in the gateway's wall time. `fresh`: by device what drivers remember by now, where
    the gateway runs. Raises BackupError.
    """
    if len(passphrase) < SHORTEST:
        raise BackupError(Say("backup.short_passphrase", least=SHORTEST))
    home, own = _whole(config)
    journal, memories, marks, last, alarms = _remembered(in_force(config.state, config.runtime))
    memories |= {d: dict(m) for d, m in (fresh or {}).items()}
    kept = Kept(
        v=1,
        made=at,
        software=software,
        gateway=gateway,
        journal=journal,
        household=home,
        secrets=own,
        memories={d: m for d, m in memories.items() if d in {d.id for d in config.devices}},
        marks=marks,
        last_alarm=last,
        alarms=alarms,
        certificates=certificates.carried(config.state),
    )
    head = (
        MAGIC + msgspec.json.encode(_Head(1, secrets.token_hex(16), secrets.token_hex(12))) + b"\n"
    )
    return head + _sealed(head, passphrase).encrypt(
        bytes.fromhex(_head(head).nonce), msgspec.json.encode(kept), head
    )


def _whole(config: Config) -> tuple[Household, HouseholdSecrets]:
    """Return the household with every section, also those that gateway.toml has on this box."""
    parts, home, own, file = config.parts, config.household, config.secrets, config.source.secrets
    platform, key = home.platform, own.certificate_key
    if platform is None and (p := parts.platform) is not None:
        papers = {n: _text(config, getattr(p, n)) for n in ("ca", "certificate")}
        plain = asdict(p) | papers
        del plain["certificate_key"]
        platform, key = HomePlatform(**plain), _text(config, p.certificate_key)
    named = home.household or HomePart()
    zone, night = parts.gateway.timezone, parts.gateway.night
    known = {d.id for d in parts.device}
    whole = replace(
        home,
        household=replace(named, timezone=zone, night=night),
        platform=platform,
        device=tuple(parts.device),
        ladder=tuple(parts.ladder),
        times=dict(parts.times),
        sound=parts.sound,
        dangers=parts.dangers,
        silence=parts.silence,
        recordings={},
    )
    return whole, replace(
        own,
        password=own.password if own.password is not None else file.password,
        certificate_key=key,
        keys={d: k for d, k in {**file.keys, **own.keys}.items() if d in known},
        passwords={d: w for d, w in {**file.passwords, **own.passwords}.items() if d in known},
        **_phones(config, own),
        hooks={**_hooks(config), **own.hooks},
        messengers={
            **messengers.carried(config.path.with_name(messages.FILE)),
            **own.messengers,
        },
    )


def _phones(config: Config, own: HouseholdSecrets) -> dict[str, Any]:
    """Return all telephone numbers, also those that somebody has written on this box."""
    book = ladder.by_hand(config.path.with_name(ladder.FILE))
    by_hand = {p.id: PhonePart(number=p.number, language=p.language) for p in book.known.values()}
    return {
        "phones": {**by_hand, **own.phones},
        "own_number": own.own_number or book.own,
        "called": own.called or book.home,
    }


def _hooks(config: Config) -> dict[str, HookPart]:
    """Return the webhooks that somebody has written on this box. Raises BackupError."""
    file = config.path.with_name(targets.FILE)
    try:
        return hooks.carried(file)
    except (OSError, ValueError) as error:
        raise BackupError(Say("backup.no_certificate", path=file, why=error)) from error


def _text(config: Config, name: str) -> str:
    path = config.file(name)
    try:
        return path.read_text(encoding="utf-8") if path else ""
    except (OSError, ValueError) as error:
        raise BackupError(Say("backup.no_certificate", path=path, why=error)) from error


def _remembered(
    state: Path,
) -> tuple[str, dict[str, dict[str, int | str]], dict[str, str], int, tuple[str, ...]]:
    """Read what drivers remember, the marks, and what is open.

    Return (journal, memories by device, marks that are carried, last alarm number, newest entry of
    each open alarm as JSON). A gateway may run meanwhile: what it learns later is not in it. Raises
    BackupError.
    """
    path = state / "gateway.db"
    if not path.exists():
        return "", {}, {}, 0, ()
    try:
        with reader(path, WAITS.lock) as db:
            memories = {
                str(d): json.loads(m) for d, m in db.execute("SELECT device, memory FROM devices")
            }
            marks = {str(n): str(v) for n, v in db.execute("SELECT name, value FROM marks")}
            (last,) = db.execute("SELECT coalesce(max(number), 0) FROM alarms").fetchone()
            still = db.execute(
                "SELECT j.body FROM alarms a JOIN journal j ON j.number = a.entry "
                "WHERE a.open ORDER BY a.number"
            )
            alarms = tuple(bytes(body).decode() for (body,) in still)
    except (sqlite3.Error, ValueError) as error:
        raise BackupError(Say("backup.no_journal", path=path, why=error)) from error
    return (
        marks.get("journal", ""),
        memories,
        {n: marks[n] for n in CARRIED if n in marks},
        int(last),
        alarms,
    )


def programs(config: Config, kept: Kept) -> list[tuple[str, Say | None]]:
    """Return the programs that a backup names, as commands.

    With each comes why it may not run on this box, None where it may.
    """
    home, allowed = kept.household, rights(config.source)
    sound = home.sound or SoundPart()
    named = dict.fromkeys(
        p for p in (sound.pre_alarm, sound.alarm, *(r.program for r in home.ladder or ())) if p
    )
    found = [(told(command), allowed.why_not(command)) for command in named]
    if (why := allowed.no_device(sound.device)) is not None:
        found.append((sound.device[:200], why))
    return found


# -- reading one -----------------------------------------------------------------------------------


def opened(data: bytes, passphrase: str) -> Kept:
    """Return what is in a backup. Raises BackupError: not one, newer, cut off, wrong passphrase."""
    if len(data) > LARGEST:
        raise BackupError(Say("backup.large", size=len(data), most=LARGEST))
    if not data.startswith(MAGIC) or b"\n" not in data[:400]:
        raise BackupError(Say("backup.none"))
    head = data[: data.index(b"\n") + 1]
    from cryptography.exceptions import InvalidTag

    told = _head(head)
    if told.v != 1:
        raise BackupError(Say("backup.newer", form=told.v))
    try:
        plain = _sealed(head, passphrase).decrypt(
            bytes.fromhex(told.nonce), data[len(head) :], head
        )
    except InvalidTag:
        raise BackupError(Say("backup.passphrase")) from None
    try:
        return msgspec.json.decode(plain, type=Kept)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BackupError(Say("backup.not_understood", why=error)) from None


def _head(head: bytes) -> _Head:
    try:
        return msgspec.json.decode(head[len(MAGIC) :], type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BackupError(Say("backup.head")) from None


def _sealed(head: bytes, passphrase: str) -> _Cipher:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    salt = bytes.fromhex(_head(head).salt)
    return AESGCM(Scrypt(salt=salt, length=32, n=_N, r=_R, p=_P).derive(passphrase.encode()))


# -- for the page ----------------------------------------------------------------------------------


def leave(state: Path, name: str, content: bytes, *, by: str, at: str) -> None:
    """Leave a sealed file for the page as `name`, and note who asked for it and when.

    Files that were left before are deleted. Raises OSError.
    """
    folder = state / SEALED
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    generations.durable(folder / name, content, 0o640)
    generations.write(state / LAST, {"by": by, "at": at}, 0o640)


def fetched(state: Path, name: str) -> bytes:
    """Return what was left as `name`. Raises OSError."""
    return (state / SEALED / name).read_bytes()


def forget_old(state: Path, now: float) -> None:
    """Delete what was left for the page and should be fetched by now."""
    with contextlib.suppress(OSError):
        for path in (state / SEALED).iterdir():
            if now - path.stat().st_mtime > WAITS.sealed:
                path.unlink()


def last(state: Path) -> tuple[str, str]:
    """Return (who asked, when) of the last backup that the page was given, ("", "") without one."""
    for found in generations.newest_first(state / LAST):
        with contextlib.suppress(generations.Torn):
            body = found.body()
            return str(body.get("by", "")), str(body.get("at", ""))
    return "", ""


# -- the command line ------------------------------------------------------------------------------


def write(path: Path, content: bytes) -> None:
    """Write a backup for its owner only, whole or not at all. Raises OSError, BackupError."""
    if path.is_symlink() or (path.exists() and not path.is_file()):  # /dev/stdout, a pipe, a folder
        raise BackupError(Say("backup.no_file", path=path))
    generations.put(path, content)


def read(path: Path) -> bytes:
    """Return a file's content. Raises BackupError."""
    try:
        if path.stat().st_size > LARGEST:
            raise BackupError(Say("backup.large_file", path=path, most=LARGEST))
        return path.read_bytes()
    except OSError as error:
        raise BackupError(Say("backup.unread", path=path, why=error.strerror)) from error
