"""The configuration in force: config/*.toml and what the page has set, checked together.

Secrets (bind keys, the broker's password) stand in a file of their own beside it, readable by its
owner only. A section of `household.json` in the state folder (see `household`) takes the place of
the same section here.
"""

from __future__ import annotations

import hashlib
import sys
import zoneinfo
from collections.abc import Iterable, Mapping
from datetime import time
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import asdict, replace

from gateway.box import generations
from gateway.box.folders import page_of
from gateway.home import ladder, programs, reached
from gateway.home.cancels import cancel_by
from gateway.home.devices import Device, enrolled
from gateway.home.parts import (
    File,
    GatewayPart,
    Household,
    HouseholdSecrets,
    PagePart,
    PlacePart,
    PlatformPart,
    Secrets,
    SoundPart,
)
from gateway.home.source import ConfigError, Findings, Source, alike, read
from gateway.judge.dispatch import Rung
from gateway.words.driver import Model
from gateway.words.say import Say
from gateway.words.times import Times

PASSWORD_MOST = 4000  # characters: MQTT carries 65,535 bytes of one


class Config(Struct, frozen=True, kw_only=True):
    """All of it, checked."""

    path: Path
    state: Path  # folder of the databases and the identity
    # folder in memory: the status file, the wake-up socket, the stand-in of a broken store
    runtime: Path
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
    informed: tuple[Rung, ...] = ()  # relatives who are told, and never asked to come
    sound_pre_alarm: tuple[str, ...] = ()
    sound_alarm: tuple[str, ...] = ()
    sound_test: bool = False
    sound_words: tuple[str, ...] = ()  # tells how an alarm goes on
    quiet_sos: bool = False  # a call for help makes no sound
    night_volume: float = 100.0  # percent, of what is no alarm
    cancel_by: str = ""  # how the resident cancels: button, press, double, triple, long
    # of other programs' brokers, by device
    passwords: Mapping[str, str] = field(default_factory=dict)
    page: PagePart = field(default_factory=PagePart)
    household: Household = field(default_factory=Household)
    secrets: HouseholdSecrets = field(default_factory=HouseholdSecrets)
    trouble: str = ""  # what is wrong with household.json, where an older one had to be taken
    parts: File  # what is in force, section by section, as it could stand in a file
    source: Source  # gateway.toml as it was read, to put another household on

    @property
    def place(self) -> PlacePart:
        """Where the home lies and how many live there: the page's household before the file's."""
        return self.parts.household

    @property
    def everybody(self) -> tuple[Rung, ...]:
        """The ladder, and behind it who is only told; in the order of `parts.ladder`."""
        return self.ladder + self.informed

    def __repr__(self) -> str:
        return f"Config({self.path})"

    @property
    def page_folder(self) -> Path:
        """Where the technician's page keeps its own, and leaves what it tells the daemon."""
        return page_of(self.state)

    def file(self, name: str) -> Path | None:
        """Return the path of a configured file, None for an empty name.

        A relative name is relative to the folder of gateway.toml.
        """
        return self.source.beside(name) if name else None


def load(
    path: Path,
    models: Mapping[str, Model],
    *,
    with_secrets: bool = True,
    instead: tuple[Path, Path] | None = None,
) -> Config:
    """Read and check the configuration, its secrets and the household.

    Without `with_secrets` keys and passwords are not read: the page has no business with them and
    may not be able to read them. `instead`: (state, runtime), folders that take the place of those
    that the file names, for a start that is only tried. Raises ConfigError with every problem
    found.
    """
    source = read(path, with_secrets=with_secrets, instead=instead)
    found = kept(source.beside(source.part.gateway.state), with_secrets=with_secrets)
    home, left_out = _runnable(rights(source), found[0])
    return composed(source, models, home, found[1], "; ".join(filter(None, (found[2], *left_out))))


def rights(source: Source) -> programs.Rights:
    """Return which programs this box lets run."""
    part = source.part
    return programs.rights(
        source.path,
        part.gateway.programs,
        (part.sound.pre_alarm, part.sound.alarm, *(r.program for r in part.ladder)),
        part.sound.device,
    )


def _runnable(allowed: programs.Rights, home: Household) -> tuple[Household, list[str]]:
    """Return a household without the programs that may not run here, and why they may not.

    The home is guarded all the same: the rung of such a program is left to the platform, so that
    nobody on the ladder is skipped.
    """
    out: list[str] = []

    def kept(where: str, command: programs.Command) -> programs.Command:
        why = allowed.why_not(command)
        out.extend([f"household.json: {where}: {why.en}"] if why else [])
        return () if why else command

    sound, rungs = home.sound, home.ladder
    if sound is not None:
        runs = {n: kept(f"sound.{n}", getattr(sound, n)) for n in ("pre_alarm", "alarm")}
        sound = replace(sound, **runs)
        if (why := allowed.no_device(sound.device)) is not None:
            out.append(f"household.json: sound.device: {why.en}")
            sound = replace(sound, device="default")
    if rungs is not None:
        each = [(r, kept(f"ladder.{n}", r.program)) for n, r in enumerate(rungs, 1)]
        rungs = tuple(
            replace(r, channel="platform", program=(), sounds=False, test=False, faults=False)
            if r.program and not p
            else r
            for r, p in each
        )
    return (replace(home, sound=sound, ladder=rungs) if out else home), out


def kept(state: Path, *, with_secrets: bool = True) -> tuple[Household, HouseholdSecrets, str]:
    """Return the newest household that is whole, the secrets that belong to it, and what is wrong.

    What is wrong is a text about newer generations, "" where there are none. Without any that is
    whole the household is empty, and gateway.toml holds.
    """
    troubles: list[str] = []
    for found in generations.newest_first(state / "household.json"):
        try:
            household = msgspec.convert(found.body(), Household)
            return (
                household,
                _secrets_of(state, household) if with_secrets else HouseholdSecrets(),
                "; ".join(troubles),
            )
        except (generations.Torn, msgspec.ValidationError) as torn:
            troubles.append(f"{found.path}: {torn}")
    if troubles:
        troubles.append("none of them can be used: what gateway.toml says holds")
    return Household(), HouseholdSecrets(), "; ".join(troubles)


def _secrets_of(state: Path, household: Household) -> HouseholdSecrets:
    """Return the secrets that belong to a household. Raises Torn where they are not there.

    Without its key a sensor would be believed in plain text.
    """
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
    """Return the path of the file that holds a certificate or key of the household.

    TLS reads files only. Its name comes from `text`; `household.furnish` writes it.
    """
    return state / "papers" / f"{hashlib.sha256(text.encode()).hexdigest()[:20]}.pem"


# of the household, each in the place of the file's
_SECTIONS = ("ladder", "times", "sound", "dangers", "silence", "consent", "device")


def _merged(source: Source, home: Household, own: HouseholdSecrets) -> tuple[File, Secrets]:
    """Put the household's sections in the place of the file's."""
    part, secrets = source.part, source.secrets
    changes = _said_in(home, _SECTIONS)
    for name in ("device", "ladder"):
        if getattr(home, name) is not None:
            changes[name] = list(getattr(home, name))
    changes["gateway"] = replace(
        part.gateway,
        **_said_in(home.consent or part.consent, ("history_days", "journal_days")),
        **_said_in(home.household, ("timezone", "night")),
    )
    place = _said_in(home.household, PlacePart.__struct_fields__)
    changes["household"] = replace(part.household, **place)
    if (p := home.platform) is not None:
        state = source.beside(part.gateway.state)
        papers = {
            "ca": p.ca,
            "certificate": p.certificate,
            "certificate_key": own.certificate_key,
        }
        files = {n: str(paper(state, text)) if text else "" for n, text in papers.items()}
        changes["platform"] = PlatformPart(**asdict(p) | files)
    known = None if home.device is None else {d.id for d in home.device}

    def joined(file: Mapping[str, str], page: Mapping[str, str]) -> dict[str, str]:
        # A device that the page has retired may still stand in secrets.toml: that is no mistake of
        # anybody's.
        both = {**file, **page}
        return {d: word for d, word in both.items() if word and (known is None or d in known)}

    return replace(part, **changes), Secrets(
        password=secrets.password if own.password is None else own.password,
        keys=joined(secrets.keys, own.keys),
        passwords=joined(secrets.passwords, own.passwords),
    )


def _said_in(part: Struct | None, names: Iterable[str]) -> dict[str, Any]:
    """Return those fields of a part that say something; an empty list of devices or rungs does."""
    said = {n: getattr(part, n) for n in names if part is not None}
    return {n: value for n, value in said.items() if value not in (None, "", 0)}


def _is_new(state: Path) -> bool:
    """Say whether no home was ever guarded under this configuration.

    False also where the folder may not be looked at.
    """
    try:
        return not (state / "gateway.db").exists()
    except OSError:
        return False


def composed(
    source: Source,
    models: Mapping[str, Model],
    home: Household,
    own: HouseholdSecrets,
    trouble: str = "",
) -> Config:
    """Return the configuration that file and household make together.

    `trouble`: what is wrong with newer households, see `kept`. Raises ConfigError with every
    problem found.
    """
    part, secrets = _merged(source, home, own)
    found = Findings(source, home, part)
    state = source.beside(part.gateway.state)
    times = _times(part.times, found)
    zone, night = _zone(part.gateway, found), _night(part.gateway, found)
    devices = enrolled(part, models, secrets, times, found, keys_known=source.with_secrets)
    _check(source, home, part, secrets, found)
    if found.sentences or zone is None:
        raise ConfigError(found.sentences)
    sound = part.sound
    programs_own = bool(sound.pre_alarm or sound.alarm)
    voice = (
        _voice(sound, state) if sound.voice or (sound.voice is None and not programs_own) else ()
    )
    noises = {
        program[:1] for program in (sound.pre_alarm or voice, sound.alarm or voice) if program
    }
    called = ladder.rungs(
        part.ladder,
        noises=noises,
        siren=part.sound.alarm,
        book=source.path.with_name(ladder.FILE),
        state=state,
        zone=zone,
    )
    return Config(
        path=source.path,
        state=state,
        runtime=source.beside(part.gateway.runtime),
        gateway=part.gateway,
        platform=reached.placed(part.platform),
        password=secrets.password,
        adapters=part.radio.adapters,
        devices=tuple(devices),
        ladder=tuple(r for r, p in zip(called, part.ladder, strict=True) if not p.informed),
        informed=tuple(r for r, p in zip(called, part.ladder, strict=True) if p.informed),
        times=times,
        zone=zone,
        night=night,
        replay=source.beside(part.replay.file) if part.replay else None,
        sound_pre_alarm=sound.pre_alarm or voice,
        sound_alarm=sound.alarm or voice,
        sound_test=sound.test or (bool(voice) and not programs_own),
        sound_words=voice,
        quiet_sos=sound.quiet_sos,
        night_volume=sound.night_volume,
        cancel_by=cancel_by(devices),
        passwords=secrets.passwords,
        page=part.page,
        household=home,
        secrets=own,
        trouble=trouble,
        parts=part,
        source=source,
    )


def _check(source: Source, home: Household, part: File, secrets: Secrets, found: Findings) -> None:
    """Add what is wrong in the sections that are only looked at."""
    if "." in part.gateway.id and _is_new(source.beside(part.gateway.state)):
        found.add("gateway", None, "id", Say("config.dotted_id"))
    for name in ("area", "cell"):
        if not getattr(part.household, name).isprintable():
            found.add("household", None, name, Say("config.unprintable"))
    may_run = rights(source)
    for n, name, say in ladder.wrong(part.ladder):
        found.add("ladder", n, name, say)
    for n, rung in enumerate(part.ladder):
        found.add("ladder", n, "program", may_run.why_not(rung.program))
    for name in ("pre_alarm", "alarm"):
        found.add("sound", None, name, may_run.why_not(getattr(part.sound, name)))
    found.add("sound", None, "device", may_run.no_device(part.sound.device))
    platform = part.platform
    for name, say in reached.wrong(platform, secrets.password if source.with_secrets else None):
        found.add("platform", None, name, say)
    if any(len(word) > PASSWORD_MOST for word in (secrets.password, *secrets.passwords.values())):
        say = Say("config.password_long", most=PASSWORD_MOST)
        found.add("platform", None, "password", say)
    unknown = (set(secrets.keys) | set(secrets.passwords)) - {d.id for d in part.device}
    found.sentences += [
        f"{source.path.with_name('secrets.toml')}: {name}: no device has this id"
        for name in sorted(unknown)
    ]
    certified = platform is not None and platform.certificate and not platform.certificate_key
    if source.with_secrets and certified:
        found.add("platform", None, "certificate", Say("config.no_certificate_key"))
    rooms = home.rooms
    for n, d in enumerate(part.device if rooms is not None else ()):
        if d.room not in (rooms or ()) and not (d.badge and not d.room):
            say = Say("config.room", room=d.room, rooms=", ".join(rooms or ()))
            found.add("device", n, "room", say)


def _times(given: Mapping[str, float], found: Findings) -> Times:
    known = Times.__struct_fields__
    for name in given:
        if name not in known:
            close = alike(name, known)
            say = Say("config.time_close", close=close) if close else Say("config.no_time")
            found.add("times", None, name, say)
    # A home that was set up by an earlier version goes on: there the last rung might wait for up to
    # 10 min, and the line was told lost from one minute on.
    given = dict(given)
    if 300 < given.get("repeat", 0.0) <= 600:
        given["repeat"] = 300.0
    if 60 <= given.get("uplink_lost", 0.0) < 180:
        given["uplink_lost"] = 180.0
    times = Times(**{name: float(value) for name, value in given.items() if name in known})
    for name, say in times.refuse().items():
        found.add("times", None, name, say)
    return times


def _zone(part: GatewayPart, found: Findings) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(part.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        found.add("gateway", None, "timezone", Say("config.timezone", timezone=part.timezone))
        return None


def _night(part: GatewayPart, found: Findings) -> tuple[time, time]:
    try:
        return _local_time(part.night[0]), _local_time(part.night[1])
    except ValueError as error:
        found.add("gateway", None, "night", Say("config.night", why=error))
        return time(22), time(6)


def _local_time(text: str) -> time:
    """Return a time of the home's own clock. Raises ValueError, also for one with an offset."""
    at = time.fromisoformat(text)
    if at.tzinfo is not None:
        raise ValueError("a time without an offset")
    return at


def _voice(sound: SoundPart, state: Path) -> tuple[str, ...]:
    """Return the command of the gateway's own voice: a program like any other of an alarm."""
    return (
        str(Path(sys.prefix, "bin", "eldercare-voice")),
        f"--language={sound.language}",
        f"--device={sound.device}",
        f"--volume={sound.volume:g}",
        f"--recordings={state / 'voice'}",
    )
