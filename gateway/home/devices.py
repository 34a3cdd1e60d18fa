"""The enrolled devices: what a [[device]] and its make say together, checked."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from msgspec import Struct

from gateway.home.parts import DevicePart, File, Secrets
from gateway.home.source import Findings, Said, alike
from gateway.home.waits import WAITS
from gateway.judge.badges import Badge
from gateway.judge.faults.silence import Supervised
from gateway.judge.waits import WAITS as JUDGING
from gateway.judge.watch import NOTHING, PRESSES, ROLES, SOS, Watch
from gateway.words.driver import (
    Behind,
    BleAdvert,
    GattService,
    Inputs,
    Model,
    MqttTopics,
    SerialLine,
    proves,
)
from gateway.words.instruction import Problem
from gateway.words.reading import DeviceId, Kind
from gateway.words.say import Say, either
from gateway.words.times import Times

CLEAR = "clear"  # the function of a taught sensor that says: it is over
# by bus: the form of a port, and an example of one
_POLLED = {
    "gpio": (r"gpio:([0-9]|1[0-9]|2[0-7])(,([0-9]|1[0-9]|2[0-7]))*", '"gpio:17,27"'),
    "modbus": (
        r"/[^?]+(\?\w+=\d+(&\w+=\d+)*)?",
        '"/dev/serial/by-id/...?unit=1&inputs=8&baud=9600"',
    ),
}
Wrong = Callable[[str, Say], None]  # adds what is wrong with a key of one device
VITAL = frozenset({Kind.FALL, Kind.SMOKE, Kind.GAS, Kind.CO})


class Device(Struct, frozen=True, kw_only=True):
    """One enrolled device as configured. `key` never appears in a text."""

    id: DeviceId
    model: Model
    at: str  # BLE address, serial port, URL, or its name behind the receiver `via`
    room: str
    key: bytes | None
    via: str
    codes: Mapping[str, str]
    watch: Watch
    supervised: Supervised
    label: str = ""  # what people call it
    badge: Badge | None = None  # it says who is here, and nothing of the home

    def __repr__(self) -> str:
        return f"Device({self.id}, {self.model.name}, {self.at})"


def enrolled(
    part: File,
    models: Mapping[str, Model],
    secrets: Secrets,
    times: Times,
    found: Findings,
    *,
    keys_known: bool,
) -> list[Device]:
    """Return the devices; what is wrong with one is added to `found`.

    `keys_known`: secrets.toml has been read, so that a key that is missing is a problem.
    """
    out: list[Device] = []
    seen: dict[str, str] = {}
    # who may not see the keys takes a device that can have one to have it
    may_have = not keys_known
    for n, d in enumerate(part.device):
        wrong = partial(found.add, "device", n)
        model = models.get(d.model)
        if model is None:
            close = alike(d.model, models)
            known = close or ", ".join(sorted(models))
            code = "config.model_close" if close else "config.no_model"
            wrong("model", Say(code, model=d.model, known=known))
            continue
        at = _address(d, model, wrong)
        for name, what in ((d.id, "id"), ("" if d.via else at, "address" if d.address else "port")):
            if name in seen:
                wrong(what, Say("config.twice", name=name, other=seen[name]))
            elif name:
                seen[name] = d.id
        buttons, presses = _buttons(d, wrong)
        key = _key(d, model, secrets, found)
        if d.badge:
            out.append(_badge(d, model, at, key, wrong))
            continue
        left_open = times.door_left_open if d.left_open is True else float(d.left_open)
        # Whoever wants to hear sooner than after ten minutes wants that by day too.
        by_day = d.left_open is True and left_open >= Times().door_left_open
        watch = Watch(
            device=d.id,
            room=d.room,
            buttons=buttons,
            presses=presses,
            unnamed=model.presses,
            bed=d.bed,
            left_open=left_open,
            left_open_day=times.door_left_open_day if by_day else 0.0,
            off=frozenset(part.dangers.off),
            # the levels of which this device never says that they are over
            endless=model.endless if CLEAR not in d.codes else frozenset(),
            unproved=not proves(model, keyed=key is not None or may_have),
        )
        # A button not named has the make's role, an SOS for all but detectors.
        vital = is_vital(model, watch.roles) and not _is_plain(d, model, watch.roles)
        missing_after = _missing_after(d, model, wrong, vital=vital)
        slow = vital and (missing_after or 0.0) > WAITS.missing_vital
        out.append(
            Device(
                id=d.id,
                model=model,
                at=at,
                room=d.room,
                key=key,
                via=d.via,
                codes=d.codes,
                label=d.label,
                watch=watch,
                supervised=Supervised(
                    device=d.id,
                    room=d.room,
                    missing_after=missing_after,
                    vital=vital,
                    slow=slow,
                    via=d.via,
                    told_after=_told_after(d, model, missing_after, vital=vital),
                    radio=isinstance(model.listens, BleAdvert | GattService),
                    worn=_worn(model, watch.roles),
                    shared=part.household.residents > 1,
                ),
            )
        )
    _receivers(out, part, found)
    return out


def can_be_badge(model: Model) -> bool:
    """Say whether somebody may carry such a device as a badge: it is a beacon of any maker."""
    return isinstance(model.listens, BleAdvert) and model.general


def _badge(d: DevicePart, model: Model, at: str, key: bytes | None, wrong: Wrong) -> Device:
    """Return a badge: nobody misses it, and what it says of the home is not judged."""
    if not can_be_badge(model):
        wrong("badge", Say("config.no_badge", model=d.model))
    if not d.badge.isprintable() or not d.badge.strip():
        wrong("badge", Say("config.unprintable"))
    if d.codes or d.buttons or d.bed or d.left_open or d.missing_after is not None:
        wrong("badge", Say("config.badge_alone"))
    return Device(
        id=d.id,
        model=model,
        at=at,
        room=d.room,
        key=key,
        via=d.via,
        codes={},
        label=d.label,
        watch=Watch(device=d.id, room=d.room, buttons={1: NOTHING}, unnamed=NOTHING),
        supervised=Supervised(device=d.id, room=d.room),
        badge=Badge(" ".join(d.badge.split()), proved=key is not None),
    )


def _address(d: DevicePart, model: Model, wrong: Wrong) -> str:
    """Return where a device is heard; a wrong place is told to `wrong`.

    It is a BLE address, a port, the URL of another broker, or its name behind its receiver.
    """
    key = "port"
    fits: object  # whether the place has the form that this link wants
    match model.listens:
        case BleAdvert() | GattService():
            key, at = "address", d.address.upper()
            fits = re.fullmatch(r"([0-9A-F]{2}:){5}[0-9A-F]{2}", at) and not d.port
            say = Say("config.radio", model=d.model)
        case Behind(receivers=receivers):
            key, at = "via", d.address
            fits = d.via and not d.port and bool(d.address) != bool(d.codes)
            say = Say("config.behind", model=d.model, receivers=either(receivers))
        case MqttTopics():
            at = d.port
            other = broker_at(at)
            fits = other and is_host(other.host) and 0 < other.port < 65536
            say = Say("config.other_broker", model=d.model)
        case Inputs(bus=bus):
            at = d.port
            form, wanted = _POLLED[bus]
            fits = re.fullmatch(form, at) and not d.address
            say = Say("config.polled", model=d.model, wanted=wanted)
        case _:
            at = d.port
            fits = at.startswith("/") and not d.address
            say = Say("config.wired", model=d.model)
    if not fits:
        wrong(key, say)
    if not at.isprintable():
        wrong("port" if d.port else "address", Say("config.unprintable"))
    unknown = sorted(set(d.codes) - set(model.functions))
    if unknown:
        known = ", ".join(model.functions) or Say("config.not_taught")
        say = Say("config.no_function", model=d.model, function=unknown[0], known=known)
        wrong("codes", say)
    return at


class BrokerAt(NamedTuple):
    """Where another program's broker is, and below which topic."""

    user: str
    host: str
    port: int
    base: str


def broker_at(url: str) -> BrokerAt | None:
    """Take `mqtt://user@host:port/base` apart; None where it is none."""
    found = re.fullmatch(r"mqtt://(?:([\w.-]+)@)?([\w.-]+)(?::([0-9]{1,5}))?/([\w/-]+)", url)
    if found is None:
        return None
    return BrokerAt(found[1] or "", found[2], int(found[3] or 1883), found[4].strip("/"))


def is_host(host: str) -> bool:
    """Say whether a text can be a host name or address.

    With one that cannot, the resolver raises UnicodeError instead of OSError.
    """
    try:
        named = bool(host.encode("idna")) and host.isprintable() and not set(host) & set(" /@?#")
        return named and (":" not in host or bool(ipaddress.ip_address(host.partition("%")[0])))
    except (UnicodeError, ValueError):
        return False


def _receivers(devices: Sequence[Device], part: File, found: Findings) -> None:
    """Add to `found` each device behind a receiver that is not there or does not carry it.

    One signal that is taught to two devices is a problem, too.
    """
    models = {d.id: d.model for d in devices}
    taught: dict[tuple[str, str], str] = {}
    numbers = {d.id: n for n, d in enumerate(part.device)}
    for d in devices:
        if not isinstance(d.model.listens, Behind):
            continue
        receiver = models.get(d.via)
        if receiver is None or receiver.name not in d.model.listens.receivers:
            say = Say("config.receiver", via=d.via, receivers=either(d.model.listens.receivers))
            found.add("device", numbers[d.id], "via", say)
        for source in d.codes.values() or (d.at,):
            other = taught.setdefault((d.via, source), d.id)
            if other != d.id:
                say = Say("config.signal_taken", source=source, other=other)
                found.add("device", numbers[d.id], "codes", say)


def _missing_after(d: DevicePart, model: Model, wrong: Wrong, *, vital: bool) -> float | None:
    """Return the seconds of silence that count as missing: the household's, else the make's own.

    None: its silence says nothing. More than `longest_silence` is told to `wrong`.
    """
    most = longest_silence(model, vital=vital)
    if d.missing_after is not None and d.missing_after > most:
        say = Say("config.silence_vital" if vital else "config.silence", most=most)
        wrong("missing_after", say)
    return model.missing_after if d.missing_after is None else d.missing_after


def _told_after(
    d: DevicePart, model: Model, missing_after: float | None, *, vital: bool
) -> float | None:
    """Return the seconds of silence after which somebody is told, None for never.

    What the household says holds. Else it is the waiting time for such a device (`WAITS`), or the
    make's own where that is longer.
    """
    if missing_after is None or d.missing_after is not None:
        return missing_after
    wired = (
        isinstance(model.listens, SerialLine | Inputs | MqttTopics) or missing_after <= WAITS.wired
    )
    line = (
        JUDGING.line_silent
        if wired
        else WAITS.missing
        if not vital
        else WAITS.worn
        if Kind.BUTTON in model.senses
        else WAITS.missing_vital
    )
    return max(line, missing_after)


def _is_plain(d: DevicePart, model: Model, roles: Collection[str]) -> bool:
    """Say whether a radio sensor that could be anything only watches a bed or a door here.

    The household has said so: it watches its bed or its door, and no button of it means SOS.
    """
    return (
        model.general
        and isinstance(model.listens, BleAdvert)
        and bool(d.bed or d.left_open)
        and SOS not in roles
    )


def _worn(model: Model, roles: Collection[str]) -> bool:
    """Say whether a device is a call button without a wire, which its wearer may take along."""
    return _calls(model, roles) and isinstance(model.listens, BleAdvert | Behind)


def _calls(model: Model, roles: Collection[str]) -> bool:
    """Say whether a device has a button that calls for help."""
    return Kind.BUTTON in model.senses and SOS in (roles or {model.presses})


def is_vital(model: Model, roles: frozenset[str] = frozenset()) -> bool:
    """Say whether a make senses a danger to life, or has a button that calls for help.

    `roles`: what its buttons mean in this home; without any, what the make presses by itself.
    """
    return bool(model.senses & VITAL) or _calls(model, roles)


def longest_silence(model: Model, *, vital: bool) -> float:
    """Return the longest silence that a household may allow, in seconds.

    A vital device has four hours, unless its make checks in less often: then it has what all others
    have, 25 hours.
    """
    slow = model.rarely or (model.missing_after or 0.0) > WAITS.missing_vital
    return WAITS.missing if slow or not vital else WAITS.missing_vital


def is_slow(model: Model) -> bool:
    """Say whether the silence of such a make is noticed the next day only, although it is vital."""
    return is_vital(model) and (model.missing_after or 0.0) > WAITS.missing_vital


def _buttons(d: DevicePart, wrong: Wrong) -> tuple[dict[int, str], dict[tuple[int, str], str]]:
    """Return the roles by button, and those by kind of press: 1 = "sos", 1-double = "help"."""
    out: dict[int, str] = {}
    presses: dict[tuple[int, str], str] = {}
    kinds = tuple(dict.fromkeys(PRESSES.values()))
    for name, role in d.buttons.items():
        index, dash, press = name.partition("-")
        if (
            role not in ROLES
            or not re.fullmatch(r"[1-9][0-9]{0,2}", index)
            or (dash and press not in kinds)
        ):
            ways, roles = ", ".join(f"1-{kind}" for kind in kinds), ", ".join(ROLES)
            say = Say("config.button", name=name, role=role, ways=ways, roles=roles)
            wrong("buttons", say)
        elif dash:
            presses[int(index), press] = role
        else:
            out[int(index)] = role
    return out, presses


def _key(d: DevicePart, model: Model, secrets: Secrets, found: Findings) -> bytes | None:
    text = secrets.keys.get(d.id)
    if text is None:
        return None
    if not model.key_bytes:
        say = Say("config.no_key", model=d.model)
    elif not re.fullmatch(rf"[0-9a-fA-F]{{{2 * model.key_bytes}}}", text):
        say = Say("config.key", digits=2 * model.key_bytes, found=len(text))
    else:
        return bytes.fromhex(text)
    problem = Problem("device", d.id, "key", say)
    found.sentences.append(Said(f"secrets.toml: [keys] {d.id}: ", problem))
    return None


def speed(model: Model) -> SerialLine | None:
    """Return how the serial line of a model is set, None for one that is not heard by a line."""
    return model.listens if isinstance(model.listens, SerialLine) else None
