"""The value of each change that the page hands to the daemon: one Struct for each, read by both.

The page reads what was typed into it before anything is left, the daemon reads what was left. Their
forms stand in docs/integrator.md, their schema in config/local.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.home.handed import Rejected
from gateway.home.parts import (
    Address,
    DangersPart,
    DevicePart,
    HistoryDays,
    Host,
    JournalDays,
    Login,
    Optional,
    Pem,
    Place,
    Port,
    Receipts,
    Residents,
    Room,
    Rung,
    SilencePart,
    SoundPart,
    Strict,
    Version,
    Visits,
)
from gateway.words.instruction import Problem, What
from gateway.words.say import Say


class RetireDevice(Strict, frozen=True):
    """The device that goes."""

    id: str = ""


class ReplaceDevice(Strict, frozen=True):
    """Other hardware under the same id; what is left out is as it was."""

    id: str = ""
    model: str | UnsetType = UNSET
    address: str | UnsetType = UNSET
    port: str | UnsetType = UNSET
    via: str | UnsetType = UNSET
    codes: dict[str, str] | UnsetType = UNSET


class SetRooms(Strict, frozen=True):
    """All rooms of the home."""

    rooms: tuple[Room, ...] = ()


class SetHousehold(Strict, frozen=True):
    """What the household is called, and its night; what is left out is as it was."""

    number: Place | UnsetType = UNSET
    area: Place | UnsetType = UNSET
    cell: Place | UnsetType = UNSET
    residents: Residents | UnsetType = UNSET
    visits: Visits | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    night: tuple[str, str] | UnsetType | None = UNSET


class SetPlatform(Strict, frozen=True):
    """The platform; papers that are left out are as they were.

    `although`: the link may be cut while an alarm is open.
    """

    host: Host = ""
    url: Address = ""
    port: Port = 8883
    tls: bool = True
    username: Login = ""
    version: Version = "auto"
    receipts: Receipts = "platform"
    ca: Pem | UnsetType = UNSET
    certificate: Pem | UnsetType = UNSET
    although: bool = False


class GivenRung(Rung, frozen=True):
    """A rung; whoever does not say whether its program only sounds (the page) leaves that."""

    sounds: bool | UnsetType = UNSET


class SetLadder(Strict, frozen=True):
    """All rungs after the platform."""

    ladder: tuple[GivenRung, ...] = ()


class SetTimes(Strict, frozen=True):
    """All times that differ from the defaults, in seconds. As a message its `times` alone."""

    times: Mapping[str, float] = msgspec.field(default_factory=dict)


class SetRules(SetTimes, frozen=True):
    """Dangers that are not judged, and times: both or nothing."""

    off: tuple[Optional, ...] = ()


class SetPhrase(Strict, frozen=True):
    """A phrase of the voice is recorded (the sound is handed over), or as it was shipped again."""

    phrase: Annotated[str, Meta(min_length=1, max_length=40)]
    shipped: bool = False


class SetConsent(Strict, frozen=True):
    """What the resident lets us keep; what is left out is as it was."""

    activity: bool | UnsetType = UNSET
    climate: bool | UnsetType = UNSET
    vital_signs: bool | UnsetType = UNSET
    family: bool | UnsetType = UNSET
    history_days: HistoryDays | UnsetType | None = UNSET
    journal_days: JournalDays | UnsetType | None = UNSET


class Undo(Strict, frozen=True):
    """The last change is taken back; the revision says which."""


class Form(NamedTuple):
    """The Struct of a change, and the section of the configuration that it is about."""

    section: str
    struct: type[Struct]


FORMS: Final[Mapping[What, Form]] = {
    What.PUT_DEVICE: Form("device", DevicePart),
    What.RETIRE_DEVICE: Form("device", RetireDevice),
    What.REPLACE_DEVICE: Form("device", ReplaceDevice),
    What.SET_ROOMS: Form("rooms", SetRooms),
    What.SET_HOUSEHOLD: Form("household", SetHousehold),
    What.SET_PLATFORM: Form("platform", SetPlatform),
    What.SET_LADDER: Form("ladder", SetLadder),
    What.SET_TIMES: Form("times", SetTimes),
    What.SET_SOUND: Form("sound", SoundPart),
    What.SET_PHRASE: Form("recordings", SetPhrase),
    What.SET_SILENCE: Form("silence", SilencePart),
    What.SET_CONSENT: Form("consent", SetConsent),
    What.SET_DANGERS: Form("dangers", DangersPart),
    What.SET_RULES: Form("rules", SetRules),
    What.UNDO: Form("undo", Undo),
}


def read(what: What, value: Mapping[str, Any]) -> Any:
    """Return the value of a change as its Struct. Raises Rejected with the wrong field."""
    section, struct = FORMS[what]
    given = {"times": value} if what is What.SET_TIMES else value
    times = given.get("times") if issubclass(struct, SetTimes) else None
    for name, seconds in times.items() if isinstance(times, Mapping) else ():
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise Rejected([Problem("times", "", str(name)[:40], Say("house.seconds"))])
    try:
        return msgspec.convert(given, struct)
    except msgspec.ValidationError as error:
        said, _, at = str(error).partition(" - at ")
        path = re.findall(r"\.(\w+)", at)
        rung = re.search(r"\.ladder\[(\d+)\]", at)
        named = re.search(r"field `(\w+)`", said)
        field = named[1] if named else path[-1] if rung else path[0] if path else section
        item = str(int(rung[1]) + 1) if rung else str(value.get("id", ""))[:40]
        if what is What.SET_RULES:
            section = {"off": "dangers", "times": "times"}.get(field, section)
        raise Rejected([Problem(section, item, field, _misfit(said))]) from None


def plain(what: What, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of a change as it is left: read, and of it what was given.

    Raises Rejected with the wrong field.
    """
    fit = msgspec.to_builtins(read(what, value))
    fit = fit["times"] if what is What.SET_TIMES else fit
    return {name: fit[name] for name in value}


def given(value: Struct) -> dict[str, Any]:
    """Return the fields of a value that were not left out."""
    found = {name: getattr(value, name) for name in value.__struct_fields__}
    return {name: one for name, one in found.items() if one is not UNSET}


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
