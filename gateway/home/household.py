"""What a technician sets on the page: the home as it is kept in `household.json`, and the changes that make it another.

A section that stands in the household takes the place of the same section of gateway.toml. The page changes it by the
instruction `configure` at the local door, one change at a time:

    {"v": 1, "gateway": "gw-7c3e91", "id": "page-0007", "do": "configure", "by": "Li", "revision": 7,
     "change": {"what": "put_device", "value": {...}}, "secrets": "page-0007"}

`revision` is that of the household the technician saw (0 = there was none yet); with another one the change is refused as
`changed_meanwhile`. The values:

    put_device      a [[device]]: {"id": "bath-button", "model": "shelly-blu-button", "room": "bath", "address": "AA:BB:CC:DD:EE:FF",
                    "buttons": {"1": "sos", "1-long": "help"}}; also label, port, via, codes, bed, left_open, missing_after. Adds it,
                    or changes the one with this id
    retire_device   {"id": "bath-button"}: its faults end, its open alarms stay open
    replace_device  {"id": "bath-button", "address": "AA:BB:CC:DD:EE:00"}: other hardware under the same id; also model, port, via,
                    codes. Its counters begin anew. Without a new key the old one is forgotten
    set_rooms       {"rooms": ["bath", "bedroom"]}: every device's room must be one of them
    set_household   {"number": "H-0451", "area": "", "cell": "", "residents": 1, "timezone": "Asia/Shanghai",
                    "night": ["22:00", "06:00"]}: what is left out stays
    set_platform    a [platform]: {"host": "...", "port": 8883, "tls": true, "username": "...", "version": "auto", "receipts":
                    "platform", "ca": "-----BEGIN ...", "certificate": "-----BEGIN ..."}; certificates are their PEM text, "" = none. With
                    an alarm of P1 or P2 open a change that cuts the link needs "although": true. What has not connected after
                    times.platform_trial is taken back by itself, and told as a `service.config_changed` with `taken_back` and `why`
    set_ladder      {"ladder": [{"responder": "Li", "channel": "platform", "wait": 120}]}: all rungs after the platform
    set_times       {"grace_fall": 20}: all times that differ from the defaults
    set_sound       {"pre_alarm": ["/path", "argument"], "alarm": []}
    set_dangers     {"off": ["door.left_open"]}: what is not judged in this home; a call, a fall, fire and gas always are
    set_rules       {"off": ["door.left_open"], "times": {"grace_fall": 20}}: both in one, whole or not at all
    set_consent     {"activity": true, "climate": true, "vital_signs": false, "history_days": 30, "journal_days": 730}: what is left
                    out stays

Keys and passwords never stand in an instruction. `secrets` names a file in the folder `handed` of the page's folder (mode 0640, the
page's user and the daemon's group), which the page deletes once the instruction is answered:

    put_device, replace_device   {"key": "hexadecimal digits"} and, for another program's broker, {"password": "..."}
    set_platform                 {"password": "...", "certificate_key": "-----BEGIN ..."}; what is left out stays, "" takes it away

The result has `accepted` and the new `revision`, or `refused`: changed_meanwhile (who and when), invalid (with `problems`, each with
section, item, field, zh and en), not_kept (the disk took nothing). A program of `set_sound` or of a rung must lie in the folder
`programs` of [gateway], or gateway.toml must name that very command (see `programs`): the page may choose what sounds, not what runs.

    {"do": "walk", "device": "bath-button", "seconds": 300}    under walk test for at most 300 s, or until it has shown what is
                                                               wanted of it and then 10 s; "seconds": 0 ends it
    {"do": "walk", "step": "mains", "seconds": 900}            the same for the whole home: the mains, or the "uplink", are pulled
    {"do": "window", "seconds": 240}                           the hearing window; 0 ends it
    {"do": "ask_port", "port": "/dev/serial/by-id/..."}        which wired device answers at a port that no enrolled device has
    {"do": "adjust", "device": "bath-radar", "settings": {"height": "250", "fall_on": "on"}}
                                                               sets a radar and reads back, its line let go of meanwhile; without
                                                               settings all are read. Values are as typed, see the model's settings
    {"do": "platform_test", "change": {"what": "set_platform", "value": {...}}, "secrets": "..."}   both may be left out

    {"do": "backup", "secrets": "page-0010"}       with {"passphrase": "..."}: the sealed file is left in the folder `sealed` of the
                                                   state folder under the instruction's id, and deleted after ten minutes
    {"do": "take_over", "secrets": "page-0011"}    with {"passphrase": "...", "backup": "base64 of the file"}: the gateway begins anew as
                                                   that home's; nobody answers but a refusal, for the journal is another by then

    {"do": "commissioned", "revision": 7, "secrets": "page-0009"}   a technician signs what guards this home and how it was tried

`commissioned` has its signature in the file of secrets, so that it stands in no journal and no inbox: {"signing": {"seen": "SHA-256 of
the facts that were seen", "signature": {"how": "drawn", "strokes": [[x, y, dx, dy, ...], ...]}, "push": false}}; or "how": "typed" with
the "name" one has signed in with. Where the facts are others by now it is refused as changed_meanwhile. The daemon makes the document
(see `certificate`), keeps it as `certificate-0001.json` in the state folder, and tells it.

Walk test, platform test and certificate tell how they went by a fault entry `service.visit` with `detail.what` "walk" (with `step` for
the whole home), "platform_test" or "commissioned"; while they run, by the parts `walk`, `step` and `platform_test` of the status file.
A port and a radar tell how they go by its part `fitting` (see `fitting`); how `adjust` ended stands in a `service.visit` "adjust".
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from gateway.box import generations
from gateway.home.config import Config, composed, mute_cancels, paper
from gateway.home.parts import (
    ConsentPart,
    DangersPart,
    DevicePart,
    HomePart,
    HomePlatform,
    Household,
    HouseholdSecrets,
    PlatformPart,
    Room,
    RungPart,
    Signing,
    SoundPart,
    Strict,
)
from gateway.home.source import ConfigError
from gateway.words.driver import Model
from gateway.words.instruction import Change, Problem, What
from gateway.words.say import Say

LARGEST = 512 * 1024  # bytes of a file with secrets; a backup may be among them
HANDED = "handed"  # folder in the page's
BEFORE = "platform-before.json"  # in the state folder: the platform's settings that held, while new ones are on trial
LEFT = 600.0  # s for which a file of secrets may wait for the instruction that names it
ROOMS = 40
DEVICES = 200
RUNGS = 20
KEYS = 30  # names of what was changed that are told
REPLACED = "replaced"  # last word of the key of a device whose hardware is another: its counters begin anew


class Rejected(Exception):
    """A change that would not make a configuration. Nothing has happened; `problems` say why, field by field."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(p.say.en for p in problems))
        self.problems = list(problems)


class Handed(Strict, frozen=True):
    """The secrets of one change. None = left as they are, "" = taken away."""

    key: str | None = None
    password: str | None = None
    certificate_key: str | None = None
    signing: Signing | None = None  # commissioned
    passphrase: str | None = None  # backup, take_over
    backup: str | None = None  # take_over: the sealed file, as base64

    def __repr__(self) -> str:
        return "Handed()"


# -- secrets on their way ----------------------------------------------------------------------------------------------


def hand(page: Path, name: str, given: Handed) -> None:
    """Leave secrets for the daemon as file `name`, before the instruction that names it. For the page. Raises OSError."""
    folder = page / HANDED
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    body = {k: msgspec.to_builtins(v) for k, v in asdict(given).items() if v is not None}
    generations.durable(folder / f".{name}", json.dumps(body).encode(), 0o640)
    (folder / f".{name}").replace(folder / name)
    generations.sync(folder)


def handed(page: Path, name: str) -> Handed:
    """Return the secrets left as file `name`. Raises Rejected where it is not there, not the page's alone, or not what it should be."""
    if not name:
        return Handed()
    try:
        descriptor = os.open(page / HANDED / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            alone = facts.st_mode & 0o027 == 0 and facts.st_uid == page.stat().st_uid
            if not stat.S_ISREG(facts.st_mode) or not alone or facts.st_size > LARGEST:
                raise Rejected([_unread(Say("house.secrets_file"))])
            given = json.loads(file.read(LARGEST))
            json.dumps(given, ensure_ascii=False).encode()  # half a character, a lone surrogate, is none: a ValueError
        return msgspec.convert(given, Handed)
    except OSError as error:
        raise Rejected([_unread(error.strerror or "")]) from None
    except (ValueError, RecursionError):  # without its text: that might hold a piece of a secret
        raise Rejected([_unread(Say("house.secrets_form"))]) from None


def _unread(why: Say | str) -> Problem:
    return Problem("secrets", "", "", Say("house.secrets_unread", why=why))


def forget(page: Path, name: str) -> None:
    """Delete a file of secrets; where there is none, nothing happens. For the page."""
    if name:
        with contextlib.suppress(OSError):
            (page / HANDED / name).unlink()


def forget_old(page: Path, waiting: frozenset[str], answered: frozenset[str], now: float) -> None:
    """Delete secrets whose instruction is answered, and those that no instruction named in time. For the page."""
    with contextlib.suppress(OSError):
        for path in (page / HANDED).iterdir():
            if path.name not in waiting and (path.name in answered or now - path.stat().st_mtime > LEFT):
                forget(page, path.name)


def named(body: bytes) -> str:
    """Return the name of the file of secrets that an instruction speaks of, "" where it speaks of none."""
    text = body.decode(errors="replace")
    _, found, rest = text.partition('"secrets"')
    return rest.partition('"')[2].partition('"')[0] if found else ""


# -- changes -----------------------------------------------------------------------------------------------------------


def changed(
    config: Config, change: Change, given: Handed, models: Mapping[str, Model], *, instruction: str = "", by: str = "", at: str = ""
) -> Config:
    """Return the configuration after one change; the same where nothing is another. Raises Rejected. Nothing is written."""
    home, own = _MAKES[change.what](config, dict(change.value), given)
    if (home, own) == (config.household, config.secrets):
        return config
    revision = config.household.revision + 1
    token = config.household.token
    if own != config.secrets or not token:
        token = secrets.token_hex(8)
        own = replace(own, revision=revision, token=token)
    names = tuple(_names(config, home, own, change))[:KEYS]
    home = replace(home, revision=revision, token=token, instruction=instruction, by=by, at=at, changed=names)
    try:
        after = composed(config.source, models, home, own)
    except ConfigError as error:
        plain = [Problem("", "", "", Say("config.as_is", what=str(p))) for p in error.problems]
        raise Rejected(error.fields or plain) from None
    if mute := _mute(config, after, change):
        raise Rejected(mute)
    return after


def _mute(before: Config, after: Config, change: Change) -> list[Problem]:
    """Return the cancel buttons that would cancel nothing. One from before this was refused is told by `check` and the page alone."""
    known = {d.id for d in mute_cancels(before)} - {str(change.value.get("id", ""))}
    return [Problem("device", d.id, "buttons", Say("house.no_cancel")) for d in mute_cancels(after) if d.id not in known]


def keep_before(before: Config, after: Config) -> None:
    """Leave the platform's settings that held beside the new ones, until these have connected. Raises OSError."""
    kept = {
        "revision": after.household.revision,
        "platform": msgspec.to_builtins(before.household.platform),
        "password": before.secrets.password,
        "certificate_key": before.secrets.certificate_key,
    }
    path = before.state / BEFORE
    generations.durable(new := path.with_suffix(".new"), json.dumps(kept).encode(), 0o600)
    new.replace(path)
    generations.sync(before.state)


def before(config: Config, models: Mapping[str, Model]) -> Config | None:
    """Return the configuration by the settings that held, where the present ones have never connected."""
    try:
        kept = json.loads((config.state / BEFORE).read_bytes())
        if kept["revision"] != config.household.revision:
            return None
        platform = msgspec.convert(kept["platform"], HomePlatform | None)
        own = replace(config.secrets, password=kept["password"], certificate_key=kept["certificate_key"])
        return composed(config.source, models, replace(config.household, platform=platform), own)
    except (OSError, ValueError, LookupError, TypeError, ConfigError):
        return None


def forget_before(config: Config) -> None:
    """Delete them: the present settings have connected, or have been taken back."""
    with contextlib.suppress(OSError):
        (config.state / BEFORE).unlink()


def taken_back(config: Config, before: Config, models: Mapping[str, Model], at: str) -> Config:
    """Return the configuration with the platform as it was before. Nothing is written."""
    own, token, revision = config.secrets, secrets.token_hex(8), config.household.revision + 1
    own = replace(own, password=before.secrets.password, certificate_key=before.secrets.certificate_key, revision=revision, token=token)
    home = replace(
        config.household, platform=before.household.platform, revision=revision, token=token, instruction="", by="rule", at=at,
        changed=("platform.taken_back",),
    )  # fmt: skip
    return composed(config.source, models, home, own)


def keep(config: Config, before: Config) -> None:
    """Put a changed household on the disk. Raises OSError; then the one before holds. The rename of household.json is the moment."""
    furnish(config)
    if config.household.token != before.household.token:
        generations.write(config.state / "household-secrets.json", msgspec.to_builtins(config.secrets))
    generations.write(config.state / "household.json", msgspec.to_builtins(config.household), 0o640)


def furnish(config: Config) -> None:
    """See that the certificates in the household stand as files, and no others. Raises OSError."""
    home, folder = config.household.platform, config.state / "papers"
    wanted = {}
    if home is not None:
        wanted = {paper(config.state, text): text for text in (home.ca, home.certificate, config.secrets.certificate_key) if text}
    for path, text in wanted.items():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            generations.durable(new := path.with_suffix(".new"), text.encode())
            new.replace(path)
            generations.sync(folder)


def tidy(config: Config) -> None:
    """Delete certificates that no generation speaks of."""
    texts = {config.secrets.certificate_key} | (
        {config.household.platform.ca, config.household.platform.certificate} if config.household.platform else set()
    )
    with contextlib.suppress(OSError):
        for path in (config.state / "papers").iterdir():
            if path not in {paper(config.state, text) for text in texts}:
                path.unlink()


def shown(config: Config) -> dict[str, Any]:
    """Return what is in force as a form shows it, section by section, with the revision; no secrets."""
    home, parts = config.household, config.parts
    number = home.household.number if home.household else ""
    platform = parts.platform
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
        "rooms": list(home.rooms) if home.rooms is not None else sorted({d.room for d in parts.device if d.room}),
        "consent": {
            **asdict(parts.consent),
            "history_days": parts.gateway.history_days,
            "journal_days": parts.gateway.journal_days,
        },
        "platform": {
            **{n: getattr(platform, n) for n in ("host", "port", "tls", "username", "version", "receipts")},
            "ca": bool(platform.ca),
            "certificate": bool(platform.certificate),
        }
        if platform
        else None,
        "device": [msgspec.to_builtins(d) for d in parts.device],
        "ladder": [msgspec.to_builtins(r) for r in parts.ladder],
        "times": dict(parts.times),
        "sound": msgspec.to_builtins(parts.sound),
        "dangers": {"off": list(parts.dangers.off)},
    }


Made = tuple[Household, HouseholdSecrets]


def _put_device(config: Config, value: dict[str, Any], given: Handed) -> Made:
    device = _read("device", str(value.get("id", "")), value, DevicePart)
    devices = list(config.parts.device)
    ids = [d.id for d in devices]
    if device.id in ids:
        devices[ids.index(device.id)] = device
    else:
        devices.append(device)
    _same_broker(config, device, given)
    return _with_devices(config, devices), _with_keys(config.secrets, device.id, given)


def _retire_device(config: Config, value: dict[str, Any], given: Handed) -> Made:  # noqa: ARG001
    device = _known(config, value)
    own = config.secrets
    rest = [d for d in config.parts.device if d.id != device.id]
    keys, words = ({d: k for d, k in kept.items() if d != device.id} for kept in (own.keys, own.passwords))
    return _with_devices(config, rest), replace(own, keys=keys, passwords=words)


def _replace_device(config: Config, value: dict[str, Any], given: Handed) -> Made:
    old = _known(config, value)
    new = _read("device", old.id, msgspec.to_builtins(old) | value, DevicePart)
    devices = [new if d.id == old.id else d for d in config.parts.device]
    _same_broker(config, new, given)
    own = replace(config.secrets, keys={**config.secrets.keys, old.id: ""})  # other hardware has another key, or none
    return _with_devices(config, devices), _with_keys(own, old.id, given)


def _set_rooms(config: Config, value: dict[str, Any], given: Handed) -> Made:  # noqa: ARG001
    _only(value, "rooms", {"rooms"})
    rooms = _read("rooms", "", value.get("rooms"), tuple[Room, ...])
    if len(set(rooms)) < len(rooms) or not 0 < len(rooms) <= ROOMS:
        raise Rejected([Problem("rooms", "", "rooms", Say("house.rooms", most=ROOMS))])
    return replace(config.household, rooms=rooms), config.secrets


def _set_household(config: Config, value: dict[str, Any], given: Handed) -> Made:  # noqa: ARG001
    before = msgspec.to_builtins(config.household.household or HomePart())
    return replace(config.household, household=_read("household", "", before | value, HomePart)), config.secrets


def _set_consent(config: Config, value: dict[str, Any], given: Handed) -> Made:  # noqa: ARG001
    before = msgspec.to_builtins(config.parts.consent)
    return replace(config.household, consent=_read("consent", "", before | value, ConsentPart)), config.secrets


def _set_dangers(config: Config, value: dict[str, Any], given: Handed) -> Made:  # noqa: ARG001
    dangers = _read("dangers", "", value, DangersPart)
    return replace(config.household, dangers=replace(dangers, off=tuple(dict.fromkeys(dangers.off)))), config.secrets


def _set_ladder(config: Config, value: dict[str, Any], given: Handed) -> Made:  # noqa: ARG001
    _only(value, "ladder", {"ladder"})
    given_rungs = _read("ladder", "", value.get("ladder"), list[dict[str, Any]])
    if len(given_rungs) > RUNGS:
        raise Rejected([Problem("ladder", "", "ladder", Say("house.rungs", most=RUNGS))])
    # Whoever does not say whether a program only sounds (the page) leaves that as it is.
    sounds = {rung.program: rung.sounds for rung in config.parts.ladder if rung.program}
    rungs = tuple(_read("ladder", str(n), rung, RungPart) for n, rung in enumerate(given_rungs, 1))
    rungs = tuple(
        rung if "sounds" in given_rung else replace(rung, sounds=sounds.get(rung.program, False))
        for rung, given_rung in zip(rungs, given_rungs, strict=True)
    )
    return replace(config.household, ladder=rungs), config.secrets


def _set_times(config: Config, value: dict[str, Any], given: Handed) -> Made:  # noqa: ARG001
    for name, seconds in value.items():
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise Rejected([Problem("times", "", name[:40], Say("house.seconds"))])
    return replace(config.household, times={name: float(seconds) for name, seconds in value.items()}), config.secrets


def _set_rules(config: Config, value: dict[str, Any], given: Handed) -> Made:
    _only(value, "rules", {"off", "times"})
    dangers, own = _set_dangers(config, {"off": value.get("off", [])}, given)
    times, _ = _set_times(config, _read("times", "", value.get("times", {}), dict[str, Any]), given)
    return replace(times, dangers=dangers.dangers), own


def _set_sound(config: Config, value: dict[str, Any], given: Handed) -> Made:  # noqa: ARG001
    sound = _read("sound", "", value, SoundPart)
    return replace(config.household, sound=sound), config.secrets


def _set_platform(config: Config, value: dict[str, Any], given: Handed) -> Made:
    home, own, file = config.household.platform, config.secrets, config.parts.platform
    before = {
        "ca": home.ca if home else _text_of(config, file.ca if file else ""),
        "certificate": home.certificate if home else _text_of(config, file.certificate if file else ""),
    }
    key = own.certificate_key if home else _text_of(config, file.certificate_key if file else "")
    platform = _read("platform", "", before | value, HomePlatform)
    key = "" if not platform.certificate else key if given.certificate_key is None else given.certificate_key
    if problems := _wrong_papers(platform, key, with_secrets=config.source.with_secrets):
        raise Rejected(problems)
    if config.password and given.password is None and file is not None and _others_could_read(file, before["ca"], platform):
        raise Rejected([Problem("platform", "", "password", Say("house.password_again"))])
    password = own.password if given.password is None else given.password
    return replace(config.household, platform=platform), replace(own, password=password, certificate_key=key)


def _same_broker(config: Config, device: DevicePart, given: Handed) -> None:
    """Refuse to send the kept password of another program's broker to a host that it was not typed for. Raises Rejected.

    One that stands in secrets.toml was typed for what stands in gateway.toml, whatever the page has made of that device meanwhile.
    """
    source = config.source
    word = config.secrets.passwords.get(device.id, source.secrets.passwords.get(device.id))
    before = next((d.port for d in (*config.parts.device, *source.part.device) if d.id == device.id), "")
    if word and given.password is None and _broker_at(before) != _broker_at(device.port):
        raise Rejected([Problem("device", device.id, "password", Say("house.broker_password_again"))])


def _broker_at(url: str) -> str:
    """Return host and port of `mqtt://user@host:port/base`."""
    return url.removeprefix("mqtt://").partition("/")[0].rpartition("@")[2].lower().removesuffix(":1883")


def _others_could_read(before: PlatformPart, ca: str, platform: HomePlatform) -> bool:
    """Say whether the kept password would go to whom it was not typed for: who may set the platform may not thereby learn it."""
    return (platform.host, platform.ca) != (before.host, ca) or (before.tls and not platform.tls)


_MAKES: Mapping[What, Callable[[Config, dict[str, Any], Handed], Made]] = {
    What.PUT_DEVICE: _put_device,
    What.RETIRE_DEVICE: _retire_device,
    What.REPLACE_DEVICE: _replace_device,
    What.SET_ROOMS: _set_rooms,
    What.SET_HOUSEHOLD: _set_household,
    What.SET_PLATFORM: _set_platform,
    What.SET_LADDER: _set_ladder,
    What.SET_TIMES: _set_times,
    What.SET_SOUND: _set_sound,
    What.SET_CONSENT: _set_consent,
    What.SET_DANGERS: _set_dangers,
    What.SET_RULES: _set_rules,
}


# -- small things ------------------------------------------------------------------------------------------------------


def _known(config: Config, value: dict[str, Any]) -> DevicePart:
    found = next((d for d in config.parts.device if d.id == value.get("id")), None)
    if found is None:
        name = str(value.get("id", ""))[:40]
        say = Say("order.no_device", device=name or Say("word.empty"))
        raise Rejected([Problem("device", name, "id", say)])
    return found


def _with_devices(config: Config, devices: list[DevicePart]) -> Household:
    if len(devices) > DEVICES:
        raise Rejected([Problem("device", "", "id", Say("house.devices", most=DEVICES))])
    if devices == config.parts.device:
        return config.household
    return replace(config.household, device=tuple(devices))


def _with_keys(own: HouseholdSecrets, device: str, given: Handed) -> HouseholdSecrets:
    keys = own.keys if given.key is None else {**own.keys, device: given.key.strip()}
    words = own.passwords if given.password is None else {**own.passwords, device: given.password}
    return replace(own, keys=keys, passwords=words)


def _text_of(config: Config, name: str) -> str:
    path = config.file(name)
    try:
        return path.read_text(encoding="utf-8") if path else ""
    except (OSError, ValueError):
        return ""


def _wrong_papers(platform: HomePlatform, key: str, *, with_secrets: bool) -> list[Problem]:
    """Say which certificate or key cannot be used, before the link falls over it."""
    if not platform.ca and not platform.certificate:
        return []
    from cryptography import x509  # noqa: PLC0415  8 MiB and a tenth of a second that most starts do not need
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    out = []
    for name, text in (("ca", platform.ca), ("certificate", platform.certificate)):
        try:
            if text:
                x509.load_pem_x509_certificates(text.encode())
        except (ValueError, x509.InvalidVersion):
            out.append(Problem("platform", "", name, Say("house.no_pem")))
    if out or not platform.certificate or not with_secrets:
        return out
    try:
        mine = serialization.load_pem_private_key(key.encode(), None).public_key()
        theirs = x509.load_pem_x509_certificates(platform.certificate.encode())[0].public_key()
        form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        if mine.public_bytes(*form) == theirs.public_bytes(*form):
            return []
        say = Say("house.key_differs")
    except (ValueError, TypeError):
        say = Say("house.no_key")
    return [Problem("platform", "", "certificate_key", say)]


def _names(config: Config, home: Household, own: HouseholdSecrets, change: Change) -> list[str]:
    """Return the names of what is another than before; no values."""
    out: list[str] = []
    old = {d.id: msgspec.to_builtins(d) for d in config.parts.device}
    new = {d.id: msgspec.to_builtins(d) for d in home.device or ()} if home.device is not None else old
    for device in [*new, *(d for d in old if d not in new)]:
        one, other = old.get(device), new.get(device)
        if one is None or other is None:
            out.append(f"device.{device}")
        else:
            out += [f"device.{device}.{name}" for name in other if one.get(name) != other[name]]
    if change.what is What.REPLACE_DEVICE:
        out.insert(0, f"device.{change.value['id']}.{REPLACED}")
    for section in ("household", "rooms", "consent", "platform", "ladder", "times", "sound", "dangers"):
        one, other = (msgspec.to_builtins(getattr(h, section)) for h in (config.household, home))
        if one != other:
            both = isinstance(one, dict) and isinstance(other, dict)
            out += sorted(f"{section}.{n}" for n in {*one, *other} if one.get(n) != other.get(n)) if both else [section]
    for name in ("keys", "passwords"):
        a, b = getattr(config.secrets, name), getattr(own, name)
        out += [f"device.{d}.{name[:-1]}" for d in sorted({*a, *b}) if a.get(d) != b.get(d) and d in new]
    out += [f"platform.{n}" for n in ("password", "certificate_key") if getattr(config.secrets, n) != getattr(own, n)]
    return out


def _only(value: dict[str, Any], section: str, known: set[str]) -> None:
    for name in sorted(set(value) - known):
        say = Say("misfit.unknown_here", known=", ".join(sorted(known)))
        raise Rejected([Problem(section, "", str(name)[:40], say)])


def _read(section: str, item: str, value: object, kind: Any) -> Any:
    """Return a value as its part of the configuration. Raises Rejected with the field that is wrong."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, at = str(error).partition(" - at ")
        named = re.search(r"field `(\w+)`", what) or re.search(r"\$\.(\w+)", at) or re.search(r"\$\[(?:`|')?(\w+)", at)
        field = named[1] if named else section
        raise Rejected([Problem(section, item[:40], field, _misfit(what))]) from None


# What msgspec says of a value that does not fit -> the code of its sentence.
_MISFITS = (
    (r"missing required field `(.*)`", "misfit.missing"),
    (r"unknown field `(.*)`", "misfit.unknown"),
    (r"matching regex (.*)", "misfit.form"),
    (r"`array` of length <= (.*)", "misfit.many"),
    (r"length <= (.*)", "misfit.long"),
    (r"length >= (.*)", "misfit.short"),
    (r">=? (.*)", "misfit.small"),
    (r"<=? (.*)", "misfit.large"),
    (r"Invalid enum value (.*)", "misfit.choice"),
    (r"Expected (.*)", "misfit.type"),
)


def _misfit(what: str) -> Say:
    for said, code in _MISFITS:
        if found := re.search(said, what):
            return Say(code, what=found[1])
    return Say("misfit.other", what=what)
