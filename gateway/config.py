"""config/*.toml -> frozen dataclasses. A wrong value is refused with file, line, key and what was expected.

Secrets (bind keys, the broker's password) stand in a file of their own beside it, readable by its owner only.
"""

from __future__ import annotations

import difflib
import re
import stat
import tomllib
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.danger import ROLES, Watch
from gateway.dispatch import PLATFORM, PROGRAM, Rung
from gateway.driver import Behind, BleAdvert, Enrol, GattService, Model, MqttTopics, SerialLine
from gateway.fault import Supervised
from gateway.reading import DeviceId, Kind
from gateway.times import Times

Name = Annotated[str, Meta(min_length=1, max_length=40, pattern="^[a-z0-9][a-z0-9._-]*$", description="lower-case letters, digits, . _ -")]
Port = Annotated[int, Meta(ge=1, le=65535)]
MISSING_MOST_VITAL, MISSING_MOST = 14400.0, 90000.0  # s: makers' 4 h signal; 25 h battery devices
VITAL = frozenset({Kind.FALL, Kind.SMOKE, Kind.GAS, Kind.CO})


class ConfigError(Exception):
    """The configuration cannot be used. `problems` has one sentence each: file, line, key, what was expected."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class _Strict(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class GatewayPart(_Strict, frozen=True):
    """[gateway]: who this box is and where it keeps what it knows."""

    id: Annotated[str, Meta(max_length=40, pattern="^[A-Za-z0-9._-]*$")] = ""
    state: str = "/var/lib/eldercare-gateway"
    runtime: str = "/run/eldercare-gateway"
    timezone: str = "Asia/Shanghai"
    night: tuple[str, str] = ("22:00", "06:00")
    history_days: Annotated[float, Meta(ge=1, le=400)] = 30.0
    journal_days: Annotated[float, Meta(ge=30, le=4000)] = 730.0


class PlatformPart(_Strict, frozen=True):
    """[platform]: the broker of the platform."""

    host: Annotated[str, Meta(min_length=1)]
    port: Port = 8883
    tls: bool = True
    ca: str = ""
    certificate: str = ""
    certificate_key: str = ""
    username: str = ""
    version: Literal["auto", "5", "3.1.1"] = "auto"
    receipts: Literal["platform", "broker"] = "platform"


class RadioPart(_Strict, frozen=True):
    """[radio]: the Bluetooth adapters to listen with; none = no radio."""

    adapters: tuple[Annotated[str, Meta(pattern="^hci[0-9]+$")], ...] = ("hci0",)


class DevicePart(_Strict, frozen=True):
    """[[device]]: one enrolled sensor."""

    id: Name
    model: str
    room: Annotated[str, Meta(max_length=40)] = ""
    address: str = ""
    port: str = ""
    via: str = ""
    codes: dict[str, str] = {}
    buttons: dict[str, str] = {}
    bed: bool = False
    left_open: bool | Annotated[float, Meta(ge=60, le=3600)] = False
    missing_after: Annotated[float, Meta(ge=60, le=604800)] | None = None


class RungPart(_Strict, frozen=True):
    """[[ladder]]: who is called after the platform, in this order."""

    responder: Annotated[str, Meta(min_length=1, max_length=80)]
    channel: Literal["platform", "program"] = "platform"
    wait: Annotated[float, Meta(ge=30, le=600)] = 120.0
    program: tuple[str, ...] = ()


class SoundPart(_Strict, frozen=True):
    """[sound]: programs that sound in the home at once: in the grace, and when an alarm of P1 or P2 is raised."""

    pre_alarm: tuple[str, ...] = ()
    alarm: tuple[str, ...] = ()


class ReplayPart(_Strict, frozen=True):
    """[replay]: play a recorded day instead of listening to radios and lines."""

    file: str


class _File(_Strict, frozen=True):
    gateway: GatewayPart = msgspec.field(default_factory=GatewayPart)
    platform: PlatformPart | None = None
    radio: RadioPart = msgspec.field(default_factory=RadioPart)
    device: list[DevicePart] = []
    ladder: list[RungPart] = []
    times: dict[str, float] = {}
    sound: SoundPart = msgspec.field(default_factory=SoundPart)
    replay: ReplayPart | None = None


class _Secrets(_Strict, frozen=True):
    password: str = ""
    keys: dict[str, str] = {}
    passwords: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
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

    def __repr__(self) -> str:
        return f"Device({self.id}, {self.model.name}, {self.at})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All of it, checked."""

    path: Path
    gateway: GatewayPart
    platform: PlatformPart | None
    password: str
    adapters: tuple[str, ...]
    devices: tuple[Device, ...]
    ladder: tuple[Rung, ...]
    times: Times
    zone: zoneinfo.ZoneInfo
    night: tuple[time, time]
    replay: Path | None
    sound_pre_alarm: tuple[str, ...] = ()
    sound_alarm: tuple[str, ...] = ()
    passwords: Mapping[str, str] = field(default_factory=dict)  # of other programs' brokers, by device

    def __repr__(self) -> str:
        return f"Config({self.path})"

    @property
    def state(self) -> Path:
        """Folder of the databases and the identity."""
        return self._beside(self.gateway.state)

    @property
    def runtime(self) -> Path:
        """Folder in memory: the status file, the wake-up socket, the stand-in of a broken store."""
        return self._beside(self.gateway.runtime)

    def _beside(self, name: str) -> Path:
        return (self.path.parent / name).resolve()

    def file(self, name: str) -> Path | None:
        """Return a configured file's path, relative ones beside the configuration; None for an empty name."""
        return self._beside(name) if name else None


def load(path: Path, models: Mapping[str, Model]) -> Config:
    """Read and check the configuration and its secrets. Raises ConfigError with every problem found."""
    text = _read(path)
    part = _decode(text, path, _File)
    secrets_path = path.with_name("secrets.toml")
    secrets = _Secrets()
    if secrets_path.exists():
        _refuse_readable(secrets_path)
        secrets = _decode(_read(secrets_path), secrets_path, _Secrets)
    problems: list[str] = []
    where = _Where(text, path)
    times = _times(part.times, where, problems)
    zone, night = _zone(part.gateway, where, problems), _night(part.gateway, where, problems)
    devices = _devices(part, models, secrets, where, problems)
    for n, rung in enumerate(part.ladder):
        if (rung.channel == PROGRAM) != bool(rung.program):
            problems.append(where("ladder", n, "program") + 'channel "program" needs program = ["/path", "argument"], and only it has one')
        elif rung.program and not Path(rung.program[0]).is_absolute():
            problems.append(where("ladder", n, "program") + f"{rung.program[0]!r} must be an absolute path")
    for name in ("pre_alarm", "alarm"):
        program = getattr(part.sound, name)
        if program and not Path(program[0]).is_absolute():
            problems.append(where("sound", None, name) + f"{program[0]!r} must be an absolute path")
    unknown = (set(secrets.keys) | set(secrets.passwords)) - {d.id for d in part.device}
    problems += [f"{secrets_path}: {name}: no device has this id" for name in sorted(unknown)]
    if part.platform is not None and part.platform.certificate and not part.platform.certificate_key:
        problems.append(where("platform", None, "certificate") + "a client certificate needs certificate_key beside it")
    if problems or zone is None:
        raise ConfigError(problems)
    ladder = tuple(Rung(r.responder, PROGRAM if r.channel == PROGRAM else PLATFORM, r.wait, r.program) for r in part.ladder)
    return Config(
        path=path, gateway=part.gateway, platform=part.platform, password=secrets.password, adapters=part.radio.adapters,
        devices=tuple(devices), ladder=ladder, times=times, zone=zone, night=night,
        replay=(path.parent / part.replay.file).resolve() if part.replay else None,
        sound_pre_alarm=part.sound.pre_alarm, sound_alarm=part.sound.alarm, passwords=secrets.passwords,
    )  # fmt: skip


class _Where:
    """Finds the line a key stands on, for people."""

    def __init__(self, text: str, path: Path) -> None:
        self._lines = text.splitlines()
        self._path = path

    def __call__(self, table: str, nth: int | None, key: str) -> str:
        header = f"[{table}]" if nth is None else f"[[{table}]]"
        left = (nth or 0) + 1
        start = 0
        for number, line in enumerate(self._lines, 1):
            if line.split("#")[0].strip() == header:
                left -= 1
                if left == 0:
                    start = number
                    break
        for number in range(start, len(self._lines)):
            line = self._lines[number].strip()
            if re.match(rf"{re.escape(key)}\s*[=.]", line):
                return f"{self._path}, line {number + 1}: {table}.{key}: "
            if line.startswith("[") and start:
                break
        return f"{self._path}, line {max(start, 1)}: {table}.{key}: "


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}: give the path with --config, or copy config/gateway.toml there"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not UTF-8 text at byte {error.start}: save it as UTF-8"]) from error


def _decode(text: str, path: Path, kind: Any) -> Any:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: not TOML: {error}"]) from error
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise ConfigError([_explained(str(error), text, path)]) from error


def _explained(message: str, text: str, path: Path) -> str:
    """Turn msgspec's `... - at `$.device[1].port`` into file, line, key, and a guess where a key is unknown."""
    what, _, at = message.partition(" - at ")
    found = re.fullmatch(r"`?\$\.?(\w*)(?:\[(\d+)\])?\.?(\w*)[^`]*`?", at)
    table, nth, key = found.groups() if found else ("", None, "")
    unknown = re.search(r"unknown field `(\w+)`", what)
    known: list[str] = []
    if unknown:
        key = unknown[1]
        part: Any = {
            "gateway": GatewayPart,
            "platform": PlatformPart,
            "radio": RadioPart,
            "device": DevicePart,
            "ladder": RungPart,
            "sound": SoundPart,
        }.get(table, _File)
        known = [f.name for f in msgspec.structs.fields(part)]
        close = difflib.get_close_matches(key, known, 1)
        what += f"; did you mean `{close[0]}`?" if close else f"; known here: {', '.join(known)}"
    if not table:
        return f"{path}, line {_line_of(text, key)}: {what}"
    missing = re.search(r"missing required field `(\w+)`", what)
    where = _Where(text, path)(table, int(nth) if nth is not None else None, missing[1] if missing else key)
    return where + what


def _line_of(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\[*{re.escape(key)}\b", line.strip()):
            return number
    return 1


def _refuse_readable(path: Path) -> None:
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError([f"{path}: others can read it (mode {stat.S_IMODE(mode):04o}): run chmod 600 {path}"])


def _times(given: Mapping[str, float], where: _Where, problems: list[str]) -> Times:
    known = {f.name for f in fields(Times)}
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            problems.append(where("times", None, name) + "no such time" + (f"; did you mean `{close[0]}`?" if close else ""))
    times = Times(**{name: float(value) for name, value in given.items() if name in known})
    problems += [where("times", None, sentence.split()[0]) + sentence for sentence in times.refuse()]
    return times


def _zone(part: GatewayPart, where: _Where, problems: list[str]) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(part.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        problems.append(
            where("gateway", None, "timezone") + f'{part.timezone!r} is not known here: a name such as "Asia/Shanghai" was expected'
        )
        return None


def _night(part: GatewayPart, where: _Where, problems: list[str]) -> tuple[time, time]:
    try:
        return time.fromisoformat(part.night[0]), time.fromisoformat(part.night[1])
    except ValueError as error:
        problems.append(where("gateway", None, "night") + f'["22:00", "06:00"] was expected: {error}')
        return time(22), time(6)


def _devices(part: _File, models: Mapping[str, Model], secrets: _Secrets, where: _Where, problems: list[str]) -> list[Device]:
    out: list[Device] = []
    seen: dict[str, str] = {}
    for n, d in enumerate(part.device):
        model = models.get(d.model)
        if model is None:
            close = difflib.get_close_matches(d.model, models, 1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(models))}"
            problems.append(where("device", n, "model") + f"no driver is called {d.model!r}{hint}")
            continue
        at = _address(d, model, n, where, problems)
        for name, what in ((d.id, "id"), ("" if d.via else at, "address" if d.address else "port")):
            if name and name in seen:
                problems.append(where("device", n, what) + f"{name!r} is enrolled twice: also as device {seen[name]}: remove one of them")
            elif name:
                seen[name] = d.id
        buttons = _buttons(d, n, where, problems)
        left_open = part.times.get("door_left_open", Times().door_left_open) if d.left_open is True else float(d.left_open)
        # A button not named is an SOS, so a device is vital unless every role it was given is another one.
        vital = bool(model.senses & VITAL) or (Kind.BUTTON in model.senses and (not buttons or "sos" in buttons.values()))
        missing_after = _missing_after(d, model, n, where, problems, vital=vital)
        key = _key(d, model, secrets, problems)
        out.append(
            Device(
                id=d.id, model=model, at=at, room=d.room, key=key, via=d.via, codes=d.codes,
                watch=Watch(device=d.id, room=d.room, buttons=buttons, bed=d.bed, left_open=left_open),
                supervised=Supervised(device=d.id, room=d.room, missing_after=missing_after, vital=vital),
            )
        )  # fmt: skip
    _receivers(out, part, where, problems)
    return out


def _address(d: DevicePart, model: Model, n: int, where: _Where, problems: list[str]) -> str:
    """Return where a device is heard: BLE address, port, URL of another broker, or its name behind its receiver."""
    match model.listens:
        case BleAdvert() if model.enrol is Enrol.LEARN and d.codes:
            at = d.address.upper()
        case BleAdvert() | GattService():
            at = d.address.upper()
            if not re.fullmatch(r"([0-9A-F]{2}:){5}[0-9A-F]{2}", at) or d.port:
                wanted = 'address = "AA:BB:CC:DD:EE:FF" was expected, no port'
                problems.append(where("device", n, "address") + f"{d.model} is heard by radio: {wanted}")
        case Behind(receivers=receivers):
            at = d.address
            if not d.via or d.port or bool(d.address) == bool(d.codes):
                wanted = f'via = "id of a {" or ".join(receivers)}" and either address or codes were expected, no port'
                problems.append(where("device", n, "via") + f"{d.model} is heard through a receiver: {wanted}")
        case MqttTopics():
            at = d.port
            if not re.fullmatch(r"mqtt://([\w.-]+@)?[\w.-]+(:\d+)?/[\w/-]+", at):
                wanted = 'port = "mqtt://127.0.0.1:1883/zigbee2mqtt" was expected'
                problems.append(where("device", n, "port") + f"{d.model} is heard from another broker: {wanted}")
        case _:
            at = d.port
            if not at.startswith(("/", "gpio:")) or d.address:
                wanted = 'port = "/dev/serial/by-id/..." was expected, no address'
                problems.append(where("device", n, "port") + f"{d.model} is wired: {wanted}")
    unknown = sorted(set(d.codes) - set(model.functions))
    if unknown:
        known = ", ".join(model.functions) or "none: it is not taught"
        problems.append(where("device", n, "codes") + f"{d.model} has no function {unknown[0]!r}; known: {known}")
    return at


def _receivers(devices: Sequence[Device], part: _File, where: _Where, problems: list[str]) -> None:
    """Refuse a device behind something that is not there or does not carry it, and one signal taught to two devices."""
    models = {d.id: d.model for d in devices}
    taught: dict[tuple[str, str], str] = {}
    numbers = {d.id: n for n, d in enumerate(part.device)}
    for d in devices:
        if not isinstance(d.model.listens, Behind):
            continue
        receiver = models.get(d.via)
        if receiver is None or receiver.name not in d.model.listens.receivers:
            wanted = " or ".join(d.model.listens.receivers)
            problems.append(
                where("device", numbers[d.id], "via") + f"{d.via!r} is not a device of model {wanted}: enrol the receiver as a device"
            )
        for source in d.codes.values() or (d.at,):
            other = taught.setdefault((d.via, source), d.id)
            if other != d.id:
                problems.append(where("device", numbers[d.id], "codes") + f"signal {source} is already that of device {other}")


def _missing_after(d: DevicePart, model: Model, n: int, where: _Where, problems: list[str], *, vital: bool) -> float | None:
    """Return the silence that counts as missing. A make that checks in less often than wanted cannot be supervised, and is shown so."""
    most = MISSING_MOST_VITAL if vital else MISSING_MOST
    if d.missing_after is not None and d.missing_after > most:
        problems.append(
            where("device", n, "missing_after") + f"at most {most:g} s for {'an SOS, fall, smoke or gas' if vital else 'such a'} device"
        )
    if d.missing_after is not None:
        return d.missing_after
    return model.missing_after if model.missing_after is not None and model.missing_after <= most else None


def _buttons(d: DevicePart, n: int, where: _Where, problems: list[str]) -> dict[int, str]:
    out: dict[int, str] = {}
    for index, role in d.buttons.items():
        if role not in ROLES or not index.isdigit() or int(index) < 1:
            problems.append(
                where("device", n, "buttons") + f'{index} = "{role}": a number from 1 and one of {", ".join(ROLES)} was expected'
            )
        else:
            out[int(index)] = role
    return out


def _key(d: DevicePart, model: Model, secrets: _Secrets, problems: list[str]) -> bytes | None:
    text = secrets.keys.get(d.id)
    if text is None:
        return None
    if not model.key_bytes:
        problems.append(f"secrets.toml: [keys] {d.id}: {d.model} has no key: remove the line")
    elif not re.fullmatch(rf"[0-9a-fA-F]{{{2 * model.key_bytes}}}", text):
        problems.append(
            f"secrets.toml: [keys] {d.id}: {2 * model.key_bytes} hexadecimal digits were expected, found {len(text)} characters"
        )
    else:
        return bytes.fromhex(text)
    return None


def speed(model: Model) -> SerialLine | None:
    """Return how a model's line is set, None for a model heard by radio."""
    return model.listens if isinstance(model.listens, SerialLine) else None
