"""The household as it is kept in `household.json`: what the page has set, and what held before.

A section that stands in it takes the place of the same section of gateway.toml. How it is changed:
see `changes`.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from gateway.box import generations
from gateway.home import hooks, ladder, messengers
from gateway.home.config import Config, composed, paper
from gateway.home.parts import HomePlatform, HouseholdSecrets
from gateway.home.source import ConfigError
from gateway.hook import targets
from gateway.messenger import targets as messages
from gateway.sms import people
from gateway.words.driver import Model

# in the state folder: the platform's settings that held, while new ones are on trial
BEFORE = "platform-before.json"


class _Kept(Struct, frozen=True):
    """What stands in BEFORE."""

    revision: int
    platform: HomePlatform | None
    password: str | None
    certificate_key: str


def keep_before(before: Config, after: Config) -> None:
    """Leave the platform's settings that held beside the new ones, until these have connected.

    They lie in BEFORE, with password and key, for the daemon's user only. Raises OSError.
    """
    own = before.secrets
    kept = _Kept(
        after.household.revision, before.household.platform, own.password, own.certificate_key
    )
    generations.put(before.state / BEFORE, json.dumps(msgspec.to_builtins(kept)).encode())


def before(config: Config, models: Mapping[str, Model]) -> Config | None:
    """Return the configuration by the settings that held before, to be taken back if need be.

    None where the present ones have connected, or what was left cannot be used.
    """
    try:
        kept = msgspec.json.decode((config.state / BEFORE).read_bytes(), type=_Kept)
        if kept.revision != config.household.revision:
            return None
        own = replace(config.secrets, password=kept.password, certificate_key=kept.certificate_key)
        home = replace(config.household, platform=kept.platform)
        return composed(config.source, models, home, own)
    except (OSError, ValueError, RecursionError, ConfigError):
        return None


def forget_before(config: Config) -> None:
    """Delete the settings that held before: the present ones have connected, or were taken back."""
    with contextlib.suppress(OSError):
        (config.state / BEFORE).unlink()


def taken_back(config: Config, before: Config, models: Mapping[str, Model], at: str) -> Config:
    """Return the configuration with the platform as it was before. Nothing is written."""
    own, token, revision = config.secrets, secrets.token_hex(8), config.household.revision + 1
    own = replace(
        own,
        password=before.secrets.password,
        certificate_key=before.secrets.certificate_key,
        revision=revision,
        token=token,
    )
    home = replace(
        config.household,
        platform=before.household.platform,
        revision=revision,
        token=token,
        instruction="",
        by="rule",
        at=at,
        changed=("platform.taken_back",),
    )
    return composed(config.source, models, home, own)


def keep(config: Config, before: Config) -> None:
    """Put a changed household on the disk. Raises OSError; then the one before holds.

    Certificates and secrets are written first; the rename of household.json is the moment.
    """
    furnish(config)
    if config.household.token != before.household.token:
        generations.write(
            config.state / "household-secrets.json", msgspec.to_builtins(config.secrets)
        )
    generations.write(config.state / "household.json", msgspec.to_builtins(config.household), 0o640)
    with contextlib.suppress(OSError):  # `tidy` tries again
        forget_removed(config)


def forget_removed(config: Config) -> None:
    """Take numbers and webhooks that are removed out of earlier generations too. Raises OSError.

    Else who asked not to be called any more would stand there until four further changes. Keys of
    sensors stay: a household that had to be taken from an earlier generation needs them.
    """
    own, path = config.secrets, config.state / "household-secrets.json"
    numbers = {own.own_number, *(p.number for p in own.phones.values())}
    for found in generations.newest_first(path):
        try:
            old = msgspec.convert(found.body(), HouseholdSecrets)
        except (generations.Torn, msgspec.ValidationError):
            continue
        left = replace(
            old,
            phones={n: p for n, p in old.phones.items() if p.number in numbers},
            hooks={n: h for n, h in old.hooks.items() if h in own.hooks.values()},
            own_number=old.own_number if old.own_number in numbers else "",
        )
        if left != old:
            generations.rewrite(found.path, msgspec.to_builtins(left))


def furnish(config: Config) -> None:
    """Write the household's certificates and key as files, where they are not yet. Raises OSError.

    Those that are not in use any more go by `tidy`.
    """
    home, folder = config.household.platform, config.state / "papers"
    wanted = {paper(config.state, text): text for text in hooks.authorities(config.secrets)}
    if home is not None:
        wanted |= {
            paper(config.state, text): text
            for text in (home.ca, home.certificate, config.secrets.certificate_key)
            if text
        }
    for path, text in wanted.items():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            generations.put(path, text.encode())
    _furnish_programs(config)


def _furnish_programs(config: Config) -> None:
    """Write numbers and addresses for the programs that tell somebody. Raises OSError."""
    own = config.secrets
    numbers = ladder.text(own) if own.phones or own.own_number else ""
    _furnish_file(config, people.OWN_FILE, numbers)
    papers = {text: paper(config.state, text) for text in hooks.authorities(own)}
    _furnish_file(config, targets.OWN_FILE, hooks.text(own, papers) if own.hooks else "")
    _furnish_file(config, messages.OWN_FILE, messengers.text(own) if own.messengers else "")


def _furnish_file(config: Config, name: str, text: str) -> None:
    path, body = config.state / name, text.encode()
    if not body:
        path.unlink(missing_ok=True)
        return
    if not path.exists() or path.read_bytes() != body:
        config.state.mkdir(mode=0o750, parents=True, exist_ok=True)
        generations.put(path, body)


def tidy(config: Config) -> None:
    """Delete what this configuration does not use: certificates, keys, numbers of before."""
    with contextlib.suppress(OSError):
        forget_removed(config)
    texts = {config.secrets.certificate_key, *hooks.authorities(config.secrets)} | (
        {config.household.platform.ca, config.household.platform.certificate}
        if config.household.platform
        else set()
    )
    with contextlib.suppress(OSError):
        for path in (config.state / "papers").iterdir():
            if path not in {paper(config.state, text) for text in texts}:
                path.unlink()


def shown(config: Config) -> dict[str, Any]:
    """Return what is in force as a form shows it, section by section; no secrets.

    The revision is with it.
    """
    home, parts = config.household, config.parts
    number = home.household.number if home.household else ""
    platform = asdict(parts.platform) if parts.platform else None
    if platform is not None:
        del platform["certificate_key"]
        platform |= {n: bool(platform[n]) for n in ("ca", "certificate")}
    return {
        "revision": home.revision,
        "by": home.by,
        "at": home.at,
        "household": {
            "number": number,
            **asdict(parts.household),
            "timezone": parts.gateway.timezone,
            "night": list(parts.gateway.night),
        },
        "rooms": list(home.rooms)
        if home.rooms is not None
        else sorted({d.room for d in parts.device if d.room}),
        "consent": {
            **asdict(parts.consent),
            "history_days": parts.gateway.history_days,
            "journal_days": parts.gateway.journal_days,
        },
        "platform": platform,
        **{
            n: msgspec.to_builtins(getattr(parts, n))
            for n in ("device", "ladder", "times", "sound", "silence")
        },
        "dangers": {"off": list(parts.dangers.off)},
    }
