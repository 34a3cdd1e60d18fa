"""config/*.toml and what the page has set -> frozen dataclasses. A wrong value is refused with file, line, key and what was expected.

Secrets (bind keys, the broker's password) stand in a file of their own beside it, readable by its owner only. A section of
`household.json` in the state folder (see `household`) takes the place of the same section here.
"""

from __future__ import annotations

import difflib
import hashlib
import ipaddress
import math
import re
import stat
import tomllib
import zoneinfo
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import time
from pathlib import Path
from typing import Any, Self

import msgspec

from gateway.box import generations
from gateway.box.folders import page_of
from gateway.home import programs
from gateway.home.parts import (
    ConsentPart,
    DangersPart,
    DevicePart,
    GatewayPart,
    Household,
    HouseholdSecrets,
    PagePart,
    PlacePart,
    PlatformPart,
    RadioPart,
    ReplayPart,
    RungPart,
    SoundPart,
    Strict,
)
from gateway.judge.danger import CANCEL, PRESSES, ROLES, SOS, Watch
from gateway.judge.dispatch import PLATFORM, PROGRAM, Rung
from gateway.judge.faults.silence import LINE, Supervised
from gateway.words.driver import Behind, BleAdvert, GattService, Inputs, Model, MqttTopics, SerialLine, proves
from gateway.words.instruction import Problem
from gateway.words.reading import DeviceId, Kind
from gateway.words.say import Say, either
from gateway.words.times import Times

MISSING_MOST_VITAL, MISSING_MOST = 14400.0, 90000.0  # s: makers' 4 h signal; 25 h battery devices
WORN = 7200.0  # s after which somebody is told of a silent call button without a wire
WIRED_MOST = 180.0  # s: a make that is missing so soon is read all the time, as a contact on a wire is
PASSWORD_MOST = 4000  # characters: MQTT carries 65,535 bytes of one
CLEAR = "clear"  # the function of a taught sensor that says: it is over
VITAL = frozenset({Kind.FALL, Kind.SMOKE, Kind.GAS, Kind.CO})


class ConfigError(Exception):
    """The configuration cannot be used. `problems` has one sentence each: file, line, key, what was expected."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)
        self.fields = [p.problem for p in problems if isinstance(p, Said)]


class Said(str):
    """A sentence for who reads the file, that also knows its field, for who fills in a form."""

    __slots__ = ("problem",)

    def __new__(cls, where: str, problem: Problem) -> Self:
        """Put the place before the sentence."""
        said = super().__new__(cls, where + problem.say.en)
        said.problem = problem
        return said

    problem: Problem


class _File(Strict, frozen=True):
    gateway: GatewayPart = msgspec.field(default_factory=GatewayPart)
    household: PlacePart = msgspec.field(default_factory=PlacePart)
    platform: PlatformPart | None = None
    radio: RadioPart = msgspec.field(default_factory=RadioPart)
    device: list[DevicePart] = msgspec.field(default_factory=list)
    ladder: list[RungPart] = msgspec.field(default_factory=list)
    times: dict[str, float] = msgspec.field(default_factory=dict)
    sound: SoundPart = msgspec.field(default_factory=SoundPart)
    dangers: DangersPart = msgspec.field(default_factory=DangersPart)
    consent: ConsentPart = msgspec.field(default_factory=ConsentPart)
    replay: ReplayPart | None = None
    page: PagePart = msgspec.field(default_factory=PagePart)


class _Secrets(Strict, frozen=True):
    password: str = ""
    keys: dict[str, str] = msgspec.field(default_factory=dict)
    passwords: dict[str, str] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return "_Secrets()"


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
    label: str = ""  # what people call it

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
    sound_test: bool = False
    passwords: Mapping[str, str] = field(default_factory=dict)  # of other programs' brokers, by device
    page: PagePart = field(default_factory=PagePart)
    household: Household = field(default_factory=Household)
    secrets: HouseholdSecrets = field(default_factory=HouseholdSecrets)
    trouble: str = ""  # what is wrong with household.json, where an older one had to be taken
    parts: _File = field(default_factory=_File)  # what is in force, section by section, as it could stand in a file
    source: Source | None = None  # gateway.toml as it was read, to put another household on

    @property
    def place(self) -> PlacePart:
        """Where the home lies and how many live there: the page's household has been put in the place of the file's."""
        return self.parts.household

    def __repr__(self) -> str:
        return f"Config({self.path})"

    @property
    def state(self) -> Path:
        """Folder of the databases and the identity."""
        return self._beside(self.gateway.state)

    @property
    def page_folder(self) -> Path:
        """Where the technician's page keeps its own, and leaves what it tells the daemon."""
        return page_of(self.state)

    @property
    def runtime(self) -> Path:
        """Folder in memory: the status file, the wake-up socket, the stand-in of a broken store."""
        return self._beside(self.gateway.runtime)

    def _beside(self, name: str) -> Path:
        return (self.path.parent / name).resolve()

    def file(self, name: str) -> Path | None:
        """Return a configured file's path, relative ones beside the configuration; None for an empty name."""
        return self._beside(name) if name else None


@dataclass(frozen=True, slots=True)
class Source:
    """gateway.toml and secrets.toml as they were read."""

    path: Path
    text: str
    part: _File
    secrets: _Secrets
    with_secrets: bool

    def __repr__(self) -> str:
        return f"Source({self.path})"


def load(path: Path, models: Mapping[str, Model], *, with_secrets: bool = True, instead: tuple[Path, Path] | None = None) -> Config:
    """Read and check the configuration, its secrets and the household. Raises ConfigError with every problem found.

    Without secrets: for the page, which has no business with keys and passwords and may not be able to read them. `instead`: a state
    and a runtime folder to take in the place of those that the file names, for a start that is only tried.
    """
    text = _read(path)
    part = _decode(text, path, _File)
    if instead is not None:
        state, runtime = map(str, instead)
        part = msgspec.structs.replace(part, gateway=msgspec.structs.replace(part.gateway, state=state, runtime=runtime))
    secrets_path = path.with_name("secrets.toml")
    secrets = _Secrets()
    if with_secrets and secrets_path.exists():
        _refuse_readable(secrets_path)
        secrets = _decode(_read(secrets_path), secrets_path, _Secrets)
    found = kept((path.parent / part.gateway.state).resolve(), with_secrets=with_secrets)
    source = Source(path, text, part, secrets, with_secrets)
    home, left_out = _runnable(rights(source), found[0])
    return composed(source, models, home, found[1], "; ".join(filter(None, (found[2], *left_out))))


def rights(source: Source) -> programs.Rights:
    """Return which programs this box lets run."""
    part = source.part
    return programs.rights(source.path, part.gateway.programs, (part.sound.pre_alarm, part.sound.alarm, *(r.program for r in part.ladder)))


def _runnable(allowed: programs.Rights, home: Household) -> tuple[Household, list[str]]:
    """Return a household without the programs that may not run here, and why: a home goes on being guarded without them.

    The rung of such a program is left to the platform: nobody is skipped.
    """
    out: list[str] = []

    def kept(where: str, command: programs.Command) -> programs.Command:
        why = allowed.why_not(command)
        out.extend([f"household.json: {where}: {why.en}"] if why else [])
        return () if why else command

    sound, ladder = home.sound, home.ladder
    if sound is not None:
        runs = {n: kept(f"sound.{n}", getattr(sound, n)) for n in ("pre_alarm", "alarm")}
        sound = msgspec.structs.replace(sound, **runs)
    if ladder is not None:
        rungs = [(r, kept(f"ladder.{n}", r.program)) for n, r in enumerate(ladder, 1)]
        ladder = tuple(
            msgspec.structs.replace(r, channel="platform", program=(), sounds=False, test=False, faults=False) if r.program and not p else r
            for r, p in rungs
        )
    return (msgspec.structs.replace(home, sound=sound, ladder=ladder) if out else home), out


def kept(state: Path, *, with_secrets: bool = True) -> tuple[Household, HouseholdSecrets, str]:
    """Return the newest household that is whole, with the secrets that belong to it, and what is wrong with newer ones."""
    troubles: list[str] = []
    for found in generations.newest_first(state / "household.json"):
        try:
            household = msgspec.convert(found.body(), Household)
            return household, _secrets_of(state, household) if with_secrets else HouseholdSecrets(), "; ".join(troubles)
        except (generations.Torn, msgspec.ValidationError) as torn:
            troubles.append(f"{found.path}: {torn}")
    if troubles:
        troubles.append("none of them can be used: what gateway.toml says holds")
    return Household(), HouseholdSecrets(), "; ".join(troubles)


def _secrets_of(state: Path, household: Household) -> HouseholdSecrets:
    """Return the secrets that belong to a household. Raises Torn: without a key a sensor would be believed in plain text."""
    if not household.token:
        return HouseholdSecrets()
    for found in generations.newest_first(state / "household-secrets.json"):
        try:
            secrets = msgspec.convert(found.body(), HouseholdSecrets)
        except (generations.Torn, msgspec.ValidationError):
            continue
        if secrets.token == household.token:
            return secrets
    raise generations.Torn("the secrets that belong to it are not there")


def paper(state: Path, text: str) -> Path:
    """Return where a certificate or key that stands in the household is kept as a file, for those who read files only."""
    return state / "papers" / f"{hashlib.sha256(text.encode()).hexdigest()[:20]}.pem"


_SECTIONS = ("ladder", "times", "sound", "dangers", "consent", "device")  # of the household, each in the place of the file's


def _merged(source: Source, home: Household, own: HouseholdSecrets) -> tuple[_File, _Secrets]:
    """Put the household's sections in the place of the file's."""
    part, secrets = source.part, source.secrets
    state = (source.path.parent / part.gateway.state).resolve()
    changes: dict[str, Any] = {name: value for name in _SECTIONS if (value := getattr(home, name)) is not None}
    for name in ("device", "ladder"):
        if name in changes:
            changes[name] = list(changes[name])
    agreed = home.consent or part.consent
    days = {n: v for n in ("history_days", "journal_days") if (v := getattr(agreed, n)) is not None}
    night = {n: v for n in ("timezone", "night") if home.household and (v := getattr(home.household, n))}
    changes["gateway"] = msgspec.structs.replace(part.gateway, **days, **night)
    place = {n: v for n in PlacePart.__struct_fields__ if home.household and (v := getattr(home.household, n))}
    changes["household"] = msgspec.structs.replace(part.household, **place)
    if (p := home.platform) is not None:
        papers: dict[str, Any] = {n: str(paper(state, text)) if text else "" for n, text in (("ca", p.ca), ("certificate", p.certificate))}
        papers["certificate_key"] = str(paper(state, own.certificate_key)) if own.certificate_key else ""
        plain: dict[str, Any] = {n: getattr(p, n) for n in ("host", "port", "tls", "username", "version", "receipts")}
        changes["platform"] = PlatformPart(**plain, **papers)
    known = {d.id for d in changes.get("device", part.device)}
    own_keys, own_words = own.keys, own.passwords
    return msgspec.structs.replace(part, **changes), _Secrets(
        password=secrets.password if own.password is None else own.password,
        # A device that the page has retired may still stand in secrets.toml: that is no mistake of anybody's.
        keys={d: k for d, k in {**secrets.keys, **own_keys}.items() if k and (home.device is None or d in known)},
        passwords={d: w for d, w in {**secrets.passwords, **own_words}.items() if w and (home.device is None or d in known)},
    )


def _is_new(state: Path) -> bool:
    """Say whether no home was ever guarded under this configuration. Whoever may not look takes it that one was."""
    try:
        return not (state / "gateway.db").exists()
    except OSError:
        return False


def composed(source: Source, models: Mapping[str, Model], home: Household, own: HouseholdSecrets, trouble: str = "") -> Config:
    """Return the configuration that file and household make together. Raises ConfigError with every problem found."""
    path = source.path
    part, secrets = _merged(source, home, own)
    problems: list[str] = []
    where = _Where(source, home, part)
    times = _times(part.times, where, problems)
    zone, night = _zone(part.gateway, where, problems), _night(part.gateway, where, problems)
    if "." in part.gateway.id and _is_new(path.parent / part.gateway.state):
        problems.append(where("gateway", None, "id", Say("config.dotted_id")))
    problems.extend(
        where("household", None, name, Say("config.unprintable"))
        for name, text in (("area", part.household.area), ("cell", part.household.cell))
        if not text.isprintable()
    )
    devices = _devices(part, models, secrets, where, problems, keys_known=source.with_secrets)
    may_run = rights(source)
    for n, rung in enumerate(part.ladder):
        if (rung.channel == PROGRAM) != bool(rung.program):
            problems.append(where("ladder", n, "program", Say("config.rung_program")))
        elif (why := may_run.why_not(rung.program)) is not None:
            problems.append(where("ladder", n, "program", why))
    sounds = ((name, may_run.why_not(getattr(part.sound, name))) for name in ("pre_alarm", "alarm"))
    problems += [where("sound", None, name, why) for name, why in sounds if why is not None]
    if part.platform is not None and not _named(part.platform.host):
        problems.append(where("platform", None, "host", Say("config.host")))
    if any(len(word) > PASSWORD_MOST for word in (secrets.password, *secrets.passwords.values())):
        problems.append(where("platform", None, "password", Say("config.password_long", most=PASSWORD_MOST)))
    unknown = (set(secrets.keys) | set(secrets.passwords)) - {d.id for d in part.device}
    problems += [f"{path.with_name('secrets.toml')}: {name}: no device has this id" for name in sorted(unknown)]
    if source.with_secrets and part.platform is not None and part.platform.certificate and not part.platform.certificate_key:
        problems.append(where("platform", None, "certificate", Say("config.no_certificate_key")))
    for n, d in enumerate(part.device if home.rooms is not None else ()):
        if d.room not in (home.rooms or ()):
            say = Say("config.room", room=d.room, rooms=", ".join(home.rooms or ()))
            problems.append(where("device", n, "room", say))
    if problems or zone is None:
        raise ConfigError(problems)
    noises = {program[:1] for program in (part.sound.pre_alarm, part.sound.alarm) if program}
    ladder = tuple(
        Rung(
            r.responder,
            PROGRAM if r.channel == PROGRAM else PLATFORM,
            r.wait,
            r.program,
            r.sounds or r.program[:1] in noises,
            r.test,
            r.faults,
        )
        for r in part.ladder
    )
    return Config(
        path=path, gateway=part.gateway, platform=part.platform, password=secrets.password, adapters=part.radio.adapters,
        devices=tuple(devices), ladder=ladder, times=times, zone=zone, night=night,
        replay=(path.parent / part.replay.file).resolve() if part.replay else None,
        sound_pre_alarm=part.sound.pre_alarm, sound_alarm=part.sound.alarm, sound_test=part.sound.test,
        passwords=secrets.passwords, page=part.page,
        household=home, secrets=own, trouble=trouble, parts=part, source=source,
    )  # fmt: skip


def _named(host: str) -> bool:
    """Say whether a text can be a host at all: with one that cannot, the resolver raises what no network does."""
    try:
        named = bool(host.encode("idna")) and host.isprintable() and not set(host) & set(" /@?#")
        return named and (":" not in host or bool(ipaddress.ip_address(host.partition("%")[0])))
    except (UnicodeError, ValueError):
        return False


class _Where:
    """Finds where a key stands, for people: the line of the file, or the section of the household."""

    def __init__(self, source: Source, home: Household, part: _File) -> None:
        self._lines = source.text.splitlines()
        self._path = source.path
        self._home = home
        self._ids = [d.id for d in part.device]

    def __call__(self, table: str, nth: int | None, key: str, say: Say) -> str:
        item = "" if nth is None else self._ids[nth] if table == "device" else str(nth + 1)
        theirs = {"gateway": "household"}.get(table, table)
        if getattr(self._home, theirs, None) is not None:
            place = ".".join(filter(None, (theirs, item, key)))
            return Said(f"household.json: {place}: ", Problem(theirs, item, key, say))
        line = _line_in(self._lines, self._path, table, nth, key)
        return Said(line, Problem(table, item, key, say))


def _line_in(lines: Sequence[str], path: Path, table: str, nth: int | None, key: str) -> str:
    header = f"[{table}]" if nth is None else f"[[{table}]]"
    left = (nth or 0) + 1
    start = 0
    for number, line in enumerate(lines, 1):
        if line.split("#")[0].strip() == header:
            left -= 1
            if left == 0:
                start = number
                break
    for number in range(start, len(lines)):
        line = lines[number].strip()
        if re.match(rf"{re.escape(key)}\s*[=.]", line):
            return f"{path}, line {number + 1}: {table}.{key}: "
        if line.startswith("[") and start:
            break
    return f"{path}, line {max(start, 1)}: {table}.{key}: "


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
    if endless := _not_finite(raw):
        key = endless[-1]
        raise ConfigError([f"{path}, line {_line_of(text, key)}: {'.'.join(endless)}: a number was expected, not nan or inf"])
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise ConfigError([_explained(str(error), text, path, kind, raw)]) from error


def _not_finite(raw: Any, at: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return where a nan or inf stands, () where none does: it would slip through every bound."""
    if isinstance(raw, float):
        return () if math.isfinite(raw) else at
    inside: list[tuple[tuple[str, ...], Any]] = []
    if isinstance(raw, dict):
        inside = [((*at, str(key)), value) for key, value in raw.items()]
    elif isinstance(raw, list):
        inside = [(at, value) for value in raw]
    return next((found for where, value in inside if (found := _not_finite(value, where))), ())


def _explained(message: str, text: str, path: Path, kind: Any, raw: Mapping[str, Any]) -> str:
    """Turn msgspec's `... - at `$.device[1].port`` into file, line, key, and a guess where a key is unknown."""
    what, _, at = message.partition(" - at ")
    found = re.match(r"`?\$\.?(\w*)(?:\[(\d+)\])?\.?(\w*)", at)
    table, nth, key = found.groups() if found else ("", None, "")
    if table and at.endswith(f"{table}[...]`"):  # a table of free names: the one whose value is of the wrong type
        wanted = (int, float) if table == "times" else (str,)
        key = next((name for name, value in raw[table].items() if type(value) not in wanted), "")
    unknown = re.search(r"unknown field `(\w+)`", what)
    known: list[str] = []
    if unknown:
        key = unknown[1]
        part: Any = {
            "gateway": GatewayPart,
            "household": PlacePart,
            "platform": PlatformPart,
            "radio": RadioPart,
            "device": DevicePart,
            "ladder": RungPart,
            "sound": SoundPart,
        }.get(table, kind)
        known = [f.name for f in msgspec.structs.fields(part)]
        close = difflib.get_close_matches(key, known, 1)
        what += f"; did you mean `{close[0]}`?" if close else f"; known here: {', '.join(known)}"
    if not table:
        return f"{path}, line {_line_of(text, key)}: {what}"
    missing = re.search(r"missing required field `(\w+)`", what)
    return _line_in(text.splitlines(), path, table, int(nth) if nth is not None else None, missing[1] if missing else key) + what


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
            say = Say("config.time_close", close=close[0]) if close else Say("config.no_time")
            problems.append(where("times", None, name, say))
    # Until now the last rung might wait for up to 10 min; a home that was set up so goes on, with the most that is allowed.
    given = {name: 300.0 if name == "repeat" and 300 < value <= 600 else value for name, value in given.items()}
    # Until now the line was told lost from one minute on: a home that was set up so goes on with three.
    given = {name: 180.0 if name == "uplink_lost" and 60 <= value < 180 else value for name, value in given.items()}
    times = Times(**{name: float(value) for name, value in given.items() if name in known})
    problems += [where("times", None, name, say) for name, say in times.refuse().items()]
    return times


def _zone(part: GatewayPart, where: _Where, problems: list[str]) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(part.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        say = Say("config.timezone", timezone=part.timezone)
        problems.append(where("gateway", None, "timezone", say))
        return None


def _night(part: GatewayPart, where: _Where, problems: list[str]) -> tuple[time, time]:
    try:
        return _local_time(part.night[0]), _local_time(part.night[1])
    except ValueError as error:
        problems.append(where("gateway", None, "night", Say("config.night", why=error)))
        return time(22), time(6)


def _local_time(text: str) -> time:
    """Return a time of the home's own clock. Raises ValueError, also where an offset makes it another clock's."""
    at = time.fromisoformat(text)
    if at.tzinfo is not None:
        raise ValueError("a time without an offset")
    return at


def _devices(
    part: _File, models: Mapping[str, Model], secrets: _Secrets, where: _Where, problems: list[str], *, keys_known: bool
) -> list[Device]:
    out: list[Device] = []
    seen: dict[str, str] = {}
    may_have = not keys_known  # who may not see the keys takes a device that can have one to have it
    for n, d in enumerate(part.device):
        model = models.get(d.model)
        if model is None:
            close = difflib.get_close_matches(d.model, models, 1)
            known = close[0] if close else ", ".join(sorted(models))
            code = "config.model_close" if close else "config.no_model"
            problems.append(where("device", n, "model", Say(code, model=d.model, known=known)))
            continue
        at = _address(d, model, n, where, problems)
        for name, what in ((d.id, "id"), ("" if d.via else at, "address" if d.address else "port")):
            if name and name in seen:
                say = Say("config.twice", name=name, other=seen[name])
                problems.append(where("device", n, what, say))
            elif name:
                seen[name] = d.id
        buttons, presses = _buttons(d, n, where, problems)
        left_open = part.times.get("door_left_open", Times().door_left_open) if d.left_open is True else float(d.left_open)
        # Whoever wants to hear sooner than after ten minutes wants that by day too.
        by_day = d.left_open is True and left_open >= Times().door_left_open
        key = _key(d, model, n, secrets, where, problems)
        watch = Watch(
            device=d.id, room=d.room, buttons=buttons, presses=presses, unnamed=model.presses, bed=d.bed, left_open=left_open,
            left_open_day=part.times.get("door_left_open_day", Times().door_left_open_day) if by_day else 0.0,
            off=frozenset(part.dangers.off), endless=_endless(d, model), unproved=not proves(model, keyed=key is not None or may_have),
        )  # fmt: skip
        # A button not named has the make's role, an SOS for all but detectors.
        vital = is_vital(model, watch.roles) and not _is_plain(d, model, watch.roles)
        missing_after = _missing_after(d, model, n, where, problems, vital=vital)
        slow = vital and (missing_after or 0.0) > MISSING_MOST_VITAL
        out.append(
            Device(
                id=d.id, model=model, at=at, room=d.room, key=key, via=d.via, codes=d.codes, label=d.label, watch=watch,
                supervised=Supervised(
                    device=d.id, room=d.room, missing_after=missing_after, vital=vital, slow=slow, via=d.via,
                    told_after=_told_after(d, model, missing_after, vital=vital),
                    radio=isinstance(model.listens, BleAdvert | GattService), worn=_worn(model, watch.roles),
                    shared=part.household.residents > 1,
                ),
            )
        )  # fmt: skip
    _receivers(out, part, where, problems)
    return out


def _endless(d: DevicePart, model: Model) -> frozenset[Kind]:
    """Return the levels of which this device never says that they are over."""
    return model.endless if CLEAR not in d.codes else frozenset()


def _address(d: DevicePart, model: Model, n: int, where: _Where, problems: list[str]) -> str:
    """Return where a device is heard: BLE address, port, URL of another broker, or its name behind its receiver."""
    match model.listens:
        case BleAdvert() | GattService():
            at = d.address.upper()
            if not re.fullmatch(r"([0-9A-F]{2}:){5}[0-9A-F]{2}", at) or d.port:
                say = Say("config.radio", model=d.model)
                problems.append(where("device", n, "address", say))
        case Behind(receivers=receivers):
            at = d.address
            if not d.via or d.port or bool(d.address) == bool(d.codes):
                say = Say("config.behind", model=d.model, receivers=either(receivers))
                problems.append(where("device", n, "via", say))
        case MqttTopics():
            at = d.port
            url = re.fullmatch(r"mqtt://([\w.-]+@)?([\w.-]+)(:[0-9]{1,5})?/[\w/-]+", at)
            if not url or not _named(url[2]) or not 0 < int((url[3] or ":1883")[1:]) < 65536:
                problems.append(where("device", n, "port", Say("config.other_broker", model=d.model)))
        case Inputs(bus=bus):
            at = d.port
            form = r"gpio:([0-9]|1[0-9]|2[0-7])(,([0-9]|1[0-9]|2[0-7]))*" if bus == "gpio" else r"/[^?]+(\?\w+=\d+(&\w+=\d+)*)?"
            if not re.fullmatch(form, at) or d.address:
                wanted = '"gpio:17,27"' if bus == "gpio" else '"/dev/serial/by-id/...?unit=1&inputs=8&baud=9600"'
                say = Say("config.polled", model=d.model, wanted=wanted)
                problems.append(where("device", n, "port", say))
        case _:
            at = d.port
            if not at.startswith("/") or d.address:
                problems.append(where("device", n, "port", Say("config.wired", model=d.model)))
    if not at.isprintable():
        key = "port" if d.port else "address"
        problems.append(where("device", n, key, Say("config.unprintable")))
    unknown = sorted(set(d.codes) - set(model.functions))
    if unknown:
        known = ", ".join(model.functions) or Say("config.not_taught")
        say = Say("config.no_function", model=d.model, function=unknown[0], known=known)
        problems.append(where("device", n, "codes", say))
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
            say = Say("config.receiver", via=d.via, receivers=either(d.model.listens.receivers))
            problems.append(where("device", numbers[d.id], "via", say))
        for source in d.codes.values() or (d.at,):
            other = taught.setdefault((d.via, source), d.id)
            if other != d.id:
                say = Say("config.signal_taken", source=source, other=other)
                problems.append(where("device", numbers[d.id], "codes", say))


def _missing_after(d: DevicePart, model: Model, n: int, where: _Where, problems: list[str], *, vital: bool) -> float | None:
    """Return the silence that counts as missing: what the household says, or the make's own."""
    most = longest_silence(model, vital=vital)
    if d.missing_after is not None and d.missing_after > most:
        say = Say("config.silence_vital" if vital else "config.silence", most=most)
        problems.append(where("device", n, "missing_after", say))
    return model.missing_after if d.missing_after is None else d.missing_after


def _told_after(d: DevicePart, model: Model, missing_after: float | None, *, vital: bool) -> float | None:
    """Return the silence that somebody is told of: what the household says, else the line for such a device, or the make's if longer."""
    if missing_after is None or d.missing_after is not None:
        return missing_after
    wired = isinstance(model.listens, SerialLine | Inputs | MqttTopics) or missing_after <= WIRED_MOST
    line = LINE if wired else MISSING_MOST if not vital else WORN if Kind.BUTTON in model.senses else MISSING_MOST_VITAL
    return max(line, missing_after)


def _is_plain(d: DevicePart, model: Model, roles: Collection[str]) -> bool:
    """Say whether a household has said of a radio sensor that could be anything that it is a bed or a door, and no button that calls."""
    return model.general and isinstance(model.listens, BleAdvert) and bool(d.bed or d.left_open) and SOS not in roles


def _worn(model: Model, roles: Collection[str]) -> bool:
    """Say whether a device is a call button without a wire, which its wearer may take along."""
    return SOS in (roles or {model.presses}) and Kind.BUTTON in model.senses and isinstance(model.listens, BleAdvert | Behind)


def is_vital(model: Model, roles: frozenset[str] = frozenset()) -> bool:
    """Say whether a make senses a danger to life, or has a button that calls for help; `roles` are what its buttons mean."""
    return bool(model.senses & VITAL) or (Kind.BUTTON in model.senses and "sos" in (roles or {model.presses}))


def longest_silence(model: Model, *, vital: bool) -> float:
    """Return the longest silence a household may allow. A vital device has four hours, unless its make checks in less often."""
    slow = model.rarely or (model.missing_after or 0.0) > MISSING_MOST_VITAL
    return MISSING_MOST if slow or not vital else MISSING_MOST_VITAL


def is_slow(model: Model) -> bool:
    """Say whether the silence of such a make is noticed the next day only, although a life may hang on it."""
    return is_vital(model) and (model.missing_after or 0.0) > MISSING_MOST_VITAL


def _buttons(d: DevicePart, n: int, where: _Where, problems: list[str]) -> tuple[dict[int, str], dict[tuple[int, str], str]]:
    """Return the roles by button, and those by kind of press: 1 = "sos", 1-double = "help"."""
    out: dict[int, str] = {}
    presses: dict[tuple[int, str], str] = {}
    kinds = tuple(dict.fromkeys(PRESSES.values()))
    for name, role in d.buttons.items():
        index, dash, press = name.partition("-")
        if role not in ROLES or not re.fullmatch(r"[1-9][0-9]{0,2}", index) or (dash and press not in kinds):
            ways, roles = ", ".join(f"1-{kind}" for kind in kinds), ", ".join(ROLES)
            say = Say("config.button", name=name, role=role, ways=ways, roles=roles)
            problems.append(where("device", n, "buttons", say))
        elif dash:
            presses[int(index), press] = role
        else:
            out[int(index)] = role
    return out, presses


def _key(d: DevicePart, model: Model, n: int, secrets: _Secrets, where: _Where, problems: list[str]) -> bytes | None:
    text = secrets.keys.get(d.id)
    if text is None:
        return None
    if not model.key_bytes:
        say = Say("config.no_key", model=d.model)
    elif not re.fullmatch(rf"[0-9a-fA-F]{{{2 * model.key_bytes}}}", text):
        say = Say("config.key", digits=2 * model.key_bytes, found=len(text))
    else:
        return bytes.fromhex(text)
    said = where("device", n, "key", say)
    problem = said.problem if isinstance(said, Said) else Problem("device", d.id, "key", say)
    problems.append(Said(f"secrets.toml: [keys] {d.id}: ", problem))
    return None


def nobody_cancels(config: Config) -> bool:
    """Say whether a fall, a stay or a bed left has a grace here that the resident cannot end."""
    asks = any(d.model.senses & {Kind.FALL, Kind.STAY_STILL} or d.watch.bed for d in config.devices)
    return asks and not any(CANCEL in d.watch.roles and not d.watch.unproved for d in config.devices)


def mute_cancels(config: Config) -> list[Device]:
    """Return the devices whose cancel button cancels nothing: nobody could tell a press from a recording of it."""
    return [d for d in config.devices if d.watch.unproved and CANCEL in d.watch.roles]


def speed(model: Model) -> SerialLine | None:
    """Return how a model's line is set, None for a model heard by radio."""
    return model.listens if isinstance(model.listens, SerialLine) else None
