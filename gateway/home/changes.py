"""One change by a technician at a time: household and change -> another household, checked whole.

The form of each value stands in docs/integrator.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.home import hooks, ladder, messengers, phrases, reached, values
from gateway.home.cancels import mute_cancels
from gateway.home.config import Config, composed
from gateway.home.devices import broker_at
from gateway.home.handed import Handed, Rejected
from gateway.home.parts import (
    ConsentPart,
    DangersPart,
    DevicePart,
    HomePart,
    HomePlatform,
    Household,
    HouseholdSecrets,
    PlatformPart,
    RungPart,
    SilencePart,
    SoundPart,
)
from gateway.home.signatures import unagreed
from gateway.home.source import ConfigError
from gateway.home.values import (
    ReplaceDevice,
    RetireDevice,
    SetConsent,
    SetHousehold,
    SetLadder,
    SetPlatform,
    SetRooms,
    SetRules,
    SetTimes,
)
from gateway.hook import targets
from gateway.messenger import targets as messages
from gateway.words.consent import ASKED
from gateway.words.driver import Model
from gateway.words.instruction import Change, Problem, What
from gateway.words.say import Say

ROOMS = 40
DEVICES = 200
RUNGS = 20
KEYS = 30  # names of what was changed that are told
# last word of the key of a device whose hardware is another: its counters begin anew
REPLACED = "replaced"

_SECTIONS = (
    "household",
    "rooms",
    "consent",
    "agreed",
    "platform",
    "ladder",
    "times",
    "sound",
    "dangers",
    "recordings",
    "silence",
)

Made = tuple[Household, HouseholdSecrets]


def changed(
    config: Config,
    change: Change,
    given: Handed,
    models: Mapping[str, Model],
    *,
    instruction: str = "",
    by: str = "",
    at: str = "",
) -> Config:
    """Return the configuration after one change; the same where nothing is another.

    Nothing is written. Raises Rejected with what is wrong, field by field.
    """
    value, own = values.read(change.what, change.value), config.secrets
    if change.what in _SETS:
        home = replace(config.household, **_SETS[change.what](config, value))
    else:
        home, own = _MAKES[change.what](config, value, given)
    if (home, own) == (config.household, config.secrets):
        return config
    revision = config.household.revision + 1
    token = config.household.token
    if own != config.secrets or not token:
        token = secrets.token_hex(8)
        own = replace(own, revision=revision, token=token)
    if home.agreed is not None and home.agreed != config.household.agreed:
        home = replace(home, agreed=replace(home.agreed, at=at))
    home = replace(home, family_since=_since(config, home, at))
    names = tuple(_names(config, home, own, change))[:KEYS]
    home = replace(
        home, revision=revision, token=token, instruction=instruction, by=by, at=at, changed=names
    )
    try:
        after = composed(config.source, models, home, own)
    except ConfigError as error:
        plain = [Problem("", "", "", Say("config.as_is", what=str(p))) for p in error.problems]
        raise Rejected(error.fields or plain) from None
    if mute := _mute(config, after, change):
        raise Rejected(mute)
    return after


def _mute(before: Config, after: Config, change: Change) -> list[Problem]:
    """Return a problem for each cancel button that this change would make without effect.

    One that was there before is no reason to refuse: `check` and the page tell of it.
    """
    known = {d.id for d in mute_cancels(before.devices)} - {str(change.value.get("id", ""))}
    return [
        Problem("device", d.id, "buttons", Say("house.no_cancel"))
        for d in mute_cancels(after.devices)
        if d.id not in known
    ]


def _put_device(config: Config, device: DevicePart, given: Handed) -> Made:
    devices = list(config.parts.device)
    ids = [d.id for d in devices]
    if device.id in ids:
        devices[ids.index(device.id)] = device
    else:
        devices.append(device)
    _same_broker(config, device, given)
    return _with_devices(config, devices), _with_keys(config.secrets, device.id, given)


def _retire_device(config: Config, value: RetireDevice, _given: Handed) -> Made:
    device = _known(config, value.id)
    own = config.secrets
    rest = [d for d in config.parts.device if d.id != device.id]
    keys, words = (
        {d: k for d, k in kept.items() if d != device.id} for kept in (own.keys, own.passwords)
    )
    return _with_devices(config, rest), replace(own, keys=keys, passwords=words)


def _replace_device(config: Config, value: ReplaceDevice, given: Handed) -> Made:
    old = _known(config, value.id)
    new = replace(old, **values.given(value))
    devices = [new if d.id == old.id else d for d in config.parts.device]
    _same_broker(config, new, given)
    # other hardware has another key, or none
    own = replace(config.secrets, keys={**config.secrets.keys, old.id: ""})
    return _with_devices(config, devices), _with_keys(own, old.id, given)


def _rooms(_config: Config, value: SetRooms) -> dict[str, Any]:
    rooms = value.rooms
    if len(set(rooms)) < len(rooms) or not 0 < len(rooms) <= ROOMS:
        raise Rejected([Problem("rooms", "", "rooms", Say("house.rooms", most=ROOMS))])
    return {"rooms": rooms}


def _household(config: Config, value: SetHousehold) -> dict[str, Any]:
    before = config.household.household or HomePart()
    made: dict[str, Any] = {"household": replace(before, **values.given(value))}
    # A home that is set up on the page learns from its first day on, and asks after a fortnight.
    if config.household.revision == 0 and not config.devices:
        made["silence"] = replace(config.parts.silence, preset="usual")
    return made


def _consent(config: Config, value: SetConsent, given: Handed) -> Made:
    consent, agreed = replace(config.parts.consent, **values.given(value)), given.agreed
    if agreed is not None and (problem := unagreed(agreed)):
        raise Rejected([problem])
    if agreed is None and not _more(config, consent):  # what is left of it was agreed to
        agreed = config.household.agreed
    return replace(config.household, consent=consent, agreed=agreed), config.secrets


def _more(config: Config, consent: ConsentPart) -> bool:
    """Say whether more is to be kept, or seen, than somebody has agreed to."""
    was, days = config.parts.consent, config.parts.gateway
    return any(getattr(consent, name) and not getattr(was, name) for name in ASKED) or any(
        (getattr(consent, name) or 0) > getattr(days, name)
        for name in ("history_days", "journal_days")
    )


def _since(config: Config, home: Household, at: str) -> str:
    """Return since when relatives may look, "" where they may not, or as `gateway.toml` says."""
    was = config.parts.consent.family
    may = was if home.consent is None else home.consent.family
    return "" if not may else config.household.family_since if was else at


def _dangers(_config: Config, value: DangersPart) -> dict[str, Any]:
    return {"dangers": replace(value, off=tuple(dict.fromkeys(value.off)))}


def _ladder(config: Config, value: SetLadder, given: Handed) -> Made:
    if len(value.ladder) > RUNGS:
        raise Rejected([Problem("ladder", "", "ladder", Say("house.rungs", most=RUNGS))])
    # Whoever does not say whether a program only sounds (the page) leaves that as it is.
    sounds = {rung.program: rung.sounds for rung in config.parts.ladder if rung.program}
    book = config.path.with_name(ladder.FILE) if config.source.with_secrets else None
    rungs, own = ladder.numbered(
        [
            RungPart(**{"sounds": sounds.get(rung.program, False)} | values.given(rung))
            for rung in value.ladder
        ],
        config.parts.ladder,
        config.secrets,
        given,
        language=config.parts.sound.language,
        by_hand=ladder.by_hand(book) if book is not None else None,
    )
    file = book.with_name(targets.FILE) if book is not None else None
    rungs, own = hooks.addressed(
        rungs, config.parts.ladder, own, given, hooks.by_hand(file) if file is not None else None
    )
    file = book.with_name(messages.FILE) if book is not None else None
    rungs, own = messengers.addressed(
        rungs,
        config.parts.ladder,
        own,
        given,
        language=config.parts.sound.language,
        by_hand=messengers.by_hand(file) if file is not None else None,
    )
    rungs = ladder.counted(rungs, config.parts.ladder, config.secrets, own)
    rungs = tuple(sorted(rungs, key=lambda rung: rung.informed))  # they stand behind all others
    return replace(config.household, ladder=rungs), own


def _times(_config: Config, value: SetTimes) -> dict[str, Any]:
    return {"times": value.times}


def _rules(config: Config, value: SetRules) -> dict[str, Any]:
    return _dangers(config, DangersPart(off=value.off)) | _times(config, value)


def _sound(_config: Config, value: SoundPart) -> dict[str, Any]:
    return {"sound": value}


def _silence(config: Config, value: SilencePart) -> dict[str, Any]:
    here = {d.id for d in config.devices}
    if unknown := next((name for name in value.entrance if name not in here), None):
        say = Say("order.no_device", device=unknown[:40])
        raise Rejected([Problem("silence", "", "entrance", say)])
    return {"silence": value}


def _platform(config: Config, value: SetPlatform, given: Handed) -> Made:
    home, own, file = config.household.platform, config.secrets, config.parts.platform
    before = {
        "ca": home.ca if home else _text_of(config, file.ca if file else ""),
        "certificate": home.certificate
        if home
        else _text_of(config, file.certificate if file else ""),
    }
    key = own.certificate_key if home else _text_of(config, file.certificate_key if file else "")
    wanted = values.given(value)
    del wanted["although"]
    platform = HomePlatform(**before | wanted)
    if reached.inside(platform):
        raise Rejected([Problem("platform", "", "url", Say("config.url_inside"))])
    key = (
        ""
        if not platform.certificate
        else key
        if given.certificate_key is None
        else given.certificate_key
    )
    if problems := _wrong_papers(platform, key, with_secrets=config.source.with_secrets):
        raise Rejected(problems)
    if (
        config.password
        and given.password is None
        and file is not None
        and _others_could_read(file, before["ca"], platform)
    ):
        raise Rejected([Problem("platform", "", "password", Say("house.password_again"))])
    password = own.password if given.password is None else given.password
    return replace(config.household, platform=platform), replace(
        own, password=password, certificate_key=key
    )


def _same_broker(config: Config, device: DevicePart, given: Handed) -> None:
    """Refuse to send the kept password of another program's broker to another host.

    A password is for the host that it was typed for. One that stands in secrets.toml was typed for
    what stands in gateway.toml, whatever the page has made of that device meanwhile. Raises
    Rejected.
    """
    source = config.source
    word = config.secrets.passwords.get(device.id, source.secrets.passwords.get(device.id))
    before = next(
        (d.port for d in (*config.parts.device, *source.part.device) if d.id == device.id), ""
    )
    if word and given.password is None and _host(before) != _host(device.port):
        raise Rejected(
            [Problem("device", device.id, "password", Say("house.broker_password_again"))]
        )


def _host(url: str) -> tuple[str, int] | None:
    at = broker_at(url)
    return (at.host.lower(), at.port) if at else None


def _others_could_read(before: PlatformPart, ca: str, platform: HomePlatform) -> bool:
    """Say whether the kept password could be read by others than it was typed for.

    It could where host or CA is another, or TLS is given up. Who may set the platform, but does not
    know its password, must not learn it by that.
    """
    return (platform.host, platform.ca) != (before.host, ca) or (before.tls and not platform.tls)


# of the household with its secrets
_MAKES: Mapping[What, Callable[[Config, Any, Handed], Made]] = {
    What.PUT_DEVICE: _put_device,
    What.RETIRE_DEVICE: _retire_device,
    What.REPLACE_DEVICE: _replace_device,
    What.SET_PLATFORM: _platform,
    What.SET_LADDER: _ladder,
    What.SET_CONSENT: _consent,
    What.SET_PHRASE: phrases.changed,
}
# of sections of the household
_SETS: Mapping[What, Callable[[Config, Any], dict[str, Any]]] = {
    What.SET_ROOMS: _rooms,
    What.SET_HOUSEHOLD: _household,
    What.SET_TIMES: _times,
    What.SET_SOUND: _sound,
    What.SET_SILENCE: _silence,
    What.SET_DANGERS: _dangers,
    What.SET_RULES: _rules,
}


# -- small things ----------------------------------------------------------------------------------


def _known(config: Config, device: str) -> DevicePart:
    found = next((d for d in config.parts.device if d.id == device), None)
    if found is None:
        say = Say("order.no_device", device=device[:40] or Say("word.empty"))
        raise Rejected([Problem("device", device[:40], "id", say)])
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
    from cryptography import x509  # noqa: PLC0415  8 MiB, a tenth of a second
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  likewise

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
    old = {d.id: msgspec.to_builtins(d) for d in config.parts.device}
    new = old if home.device is None else {d.id: msgspec.to_builtins(d) for d in home.device}
    out = []
    if change.what is What.REPLACE_DEVICE:
        out.append(f"device.{change.value['id']}.{REPLACED}")
    for device in {**new, **old}:
        if device in new and device in old:
            out += [f"device.{device}.{name}" for name in _differ(old[device], new[device])]
        else:
            out.append(f"device.{device}")
    for section in _SECTIONS:
        one, other = (msgspec.to_builtins(getattr(h, section)) for h in (config.household, home))
        if isinstance(one, dict) and isinstance(other, dict):
            out += [f"{section}.{name}" for name in sorted(_differ(one, other))]
        elif one != other:
            out.append(section)
    for name in ("keys", "passwords"):
        differ = _differ(getattr(config.secrets, name), getattr(own, name))
        out += [f"device.{d}.{name[:-1]}" for d in sorted(differ) if d in new]
    if config.secrets.phones != own.phones:
        out.append("ladder.phones")
    if config.secrets.hooks != own.hooks:
        out.append("ladder.hooks")
    if config.secrets.messengers != own.messengers:
        out.append("ladder.messengers")
    return out + [
        f"platform.{name}"
        for name in ("password", "certificate_key")
        if getattr(config.secrets, name) != getattr(own, name)
    ]


def _differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return [name for name in {**one, **other} if one.get(name) != other.get(name)]
