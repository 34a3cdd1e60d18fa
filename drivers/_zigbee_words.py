"""The words that Zigbee makes use for what matters: a table, one row for each key and meaning.

    {"fall_status": "fall_alarm"}   {"status": "falling"}   {"channel_3_leak_detect_19": "Leak"}

Source: the exposes (property, type, values) of zigbee-herdsman-converters 26.112.0, the list that
zigbee2mqtt publishes as its supported devices. `makes` names some that use the key, as maker and
model stand there; "?" = of an earlier version of theirs. A word that stands in no row is never
taken for silence: the device has said something that nobody here understands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from drivers._reports import measure, state
from gateway.words.driver import Report, not_understood
from gateway.words.reading import Kind

Word = bool | str
_YES, _NO = (True,), (False,)


class Row(NamedTuple):
    """One key: the words for on and off, and those that are neither, by which nothing is judged.

    `sorts` are the sorts of sensor in which the key has this meaning; () = whatever says it. Words
    are compared in lower case.
    """

    key: str
    kind: Kind
    makes: str
    on: tuple[Word, ...] = _YES
    off: tuple[Word, ...] = _NO
    neither: tuple[Word, ...] = ()
    sorts: tuple[str, ...] = ()


_MOVES = (
    "presence",
    "move",
    "motion",
    "movement",
    "no_movement",
    "stationary",
    "active",
    "static",
    "peaceful",
    "small",
    "medium",
)
_THERE = (*_MOVES, "large", "near", "far", "small_movement", "large_movement")
_DRY = (
    "normal",
    "normal_state",
    "water_shortage",
    "water_shortage_channel_1",
    "water_shortage_channel_2",
)
_SAFE = ("fail_safe", "fail_safe_channel_1", "fail_safe_channel_2")
_RELAY = ("on", "off")  # of a switch with a radar in it
_UP = ("unoccupied", "occupied", "sitting", "on_the_bed")

ROWS: tuple[Row, ...] = (
    Row("smoke", Kind.SMOKE, "Bosch BSD-2, Heiman S1-TL, Develco SMSZB-120"),
    Row(
        "smoke_state",
        Kind.SMOKE,
        "Alecto SMART-SMOKE10, ONENUO 288WZ",
        ("alarm",),
        ("normal", "none"),
        ("detecting",),
    ),
    Row("smoke_alarm", Kind.SMOKE, "Sunricher SR-ZG9070A-SS"),
    Row(
        "alarm",
        Kind.SMOKE,
        "Ecolink FFZB1-SM-ECO",
        neither=("on", "off", "stop", "pre_alarm", "fire", "burglar"),
        sorts=("smoke",),
    ),
    Row("alarm_1", Kind.SMOKE, "MultIR MIR-SM100-E", sorts=("smoke",)),
    Row("alarm_2", Kind.SMOKE, "MultIR MIR-SM100-E", sorts=("smoke",)),
    Row("gas", Kind.GAS, "BYUN M415-5C, GS SGPHM-I1, Feibit SGA01ZB"),
    Row("gas_alarm", Kind.GAS, "IMOU ZGA1-EN, Sunricher SR-ZG9060A-GS"),
    Row("gas_sensor_state", Kind.GAS, "Lincukoo E04CF-Z10T", ("alarm",), ("normal",)),
    Row(
        "carbon_monoxide",
        Kind.CO,
        "FireAngel W2-Module, Climax CO-8ZBS, Tuya DCR-CO",
        (True, "on"),
        (False, "off"),
    ),
    Row("carbon_monoxide_alarm", Kind.CO, "Sunricher SR-ZG9060B-CS"),
    Row("co_state", Kind.CO, "Lincukoo E04CF-Z10T", ("alarm",), ("normal",)),
    Row("water_leak", Kind.MOISTURE, "Bosch BSEN-W, Candeo C-ZB-SEWA, SMaBiT AV2010/37"),
    Row("active_water_leak", Kind.MOISTURE, "CTM Lyng AX_Water_Sensor"),
    Row(
        "water_leak_alarm",
        Kind.MOISTURE,
        "ADEO 83633206, BlitzWolf BW-IS9, Sunricher SR-ZG9050C-WS",
    ),
    Row("water_leak_wire", Kind.MOISTURE, "Sprut.device Neptun.Smart"),
    Row("water_leak_zone", Kind.MOISTURE, "Sprut.device Neptun.Smart"),
    Row("water_leak_both_zones", Kind.MOISTURE, "Sprut.device Neptun.Smart"),
    Row("leak_detect", Kind.MOISTURE, "Ensystec Ensystec-Leak-Protect-Zigbee", ("leak",), ("dry",)),
    Row(
        "water_leakage_state",
        Kind.MOISTURE,
        "FrankEver FK-BV05",
        ("water_leakage_yes",),
        ("water_leakage_no",),
    ),
    Row("water_warning", Kind.MOISTURE, "HOBEIAN ZG-303Z, Arteco ZS-300Z", ("alarm",), ("none",)),
    Row("water_sensor", Kind.MOISTURE, "Namron 4512785"),
    Row("water_condition_alarm", Kind.MOISTURE, "Namron 4512785"),
    Row("current_device_status", Kind.MOISTURE, "SONOFF SWV", ("water_leakage",), _DRY),
    Row(
        "valve_abnormal_state",
        Kind.MOISTURE,
        "SONOFF SWV-ZFE, SONOFF SWV-ZF2",
        ("water_leakage",),
        (*_DRY, *_SAFE),
    ),
    Row("fall", Kind.FALL, "?"),
    Row("tumble", Kind.FALL, "?"),
    Row("fall_alarm", Kind.FALL, "?"),
    # The radar looks for some minutes more; it says "fall" when nobody has risen.
    Row("fall_down_status", Kind.FALL, "Tuya MIR-HE200-TY", ("fall",), ("none",), ("maybe_fall",)),
    Row(
        "fall_status",
        Kind.FALL,
        "Heiman HS2FD-EF1-3.0",
        ("fall_alarm",),
        ("normal",),
        ("fall_warning",),
    ),
    Row("status", Kind.FALL, "OWON FDS315", ("falling",), _UP, ("low_posture",), ("fall",)),
    Row(
        "status",
        Kind.PRESENCE,
        "OWON FDS315",
        (*_UP[1:], "low_posture", "falling"),
        _UP[:1],
        sorts=("fall",),
    ),
    Row(
        "static_dwell_alarm",
        Kind.STAY_STILL,
        "Tuya MIR-HE200-TY",
        (True, "on", "alarm"),
        (False, "off", "none"),
    ),
    Row("presence", Kind.PRESENCE, "Lincukoo SZLR08, Aqara PS-S04D, Iris 3450-L"),
    Row(
        "work_state",
        Kind.OCCUPANCY,
        "Tuya TS0601_bed_presence_sensor",
        ("presence", "presence_5min", "presence_30min"),
        ("none", "none_5min", "none_30min"),
        sorts=("pad",),
    ),
    Row(
        "presence_state",
        Kind.PRESENCE,
        "Tuya ZG-205Z, Tuya RD24G01, Excellux ZG-301A",
        _THERE,
        ("none",),
        sorts=("presence",),
    ),
    Row(
        "state",
        Kind.PRESENCE,
        "Tuya ZY-M100-24G, Merrytek MSA201Z",
        _THERE,
        ("none", "absence"),
        ("disabled", *_RELAY),
        ("presence",),
    ),
    Row(
        "human_motion_state",
        Kind.PRESENCE,
        "NEO NAS-PS10B2, MultIR HE300_ZB",
        _THERE,
        ("none",),
        sorts=("presence",),
    ),
    Row(
        "motion_state",
        Kind.PRESENCE,
        "Tuya ZG-204ZM, HOBEIAN ZG-204ZH, Tuya ZG-205Z/A",
        _THERE,
        ("none",),
        sorts=("presence",),
    ),
    Row(
        "movement",
        Kind.PRESENCE,
        "Aqara FP1E",
        _THERE,
        ("no_presence",),
        ("unknown_0", "unknown_1"),
        ("presence",),
    ),
    # true: the magnet is there
    Row("contact", Kind.CONTACT_OPEN, "Sonoff SNZB-04, Aqara MCCGQ11LM", _NO, _YES),
)
# its kind is the sort's
OCCUPANCY = Row("occupancy", Kind.OCCUPANCY, "Acova TAFFETAS2, Aqara RTCGQ11LM, Sonoff SNZB-03")
# true while it calls
RINGS = {"sos": "OWON PB206, Feibit SEB01ZB", "sos_alarm": "DAEWOO WKE502Z", "emergency": "?"}
ILL: Mapping[str, tuple[Word, ...]] = {  # the detector itself is not well
    "fault": _YES,
    "fault_alarm": _YES,
    "device_fault": _YES,
    "trouble": _YES,
    "self_test_result": ("failure",),
    "checking_result": ("check_failure",),
    "test_alarm_result": ("check_failure",),
}

# Keys of the same family that no row has: settings and limits are left alone, a word that alarms is
# not.
_FAMILY = re.compile(
    r"smoke|gas|carbon_monoxide|(^|_)co(_|$)|leak|flood|(^|_)fall(_|$)|falling|tumble|(^|_)sos(_|$)|emergency|panic"
)
_SETTING = re.compile(
    r"switch|enable|silence|mute|control|indicator|mode|test|sound|buzzer|beep|relay|siren|force|current"
)
_ALARMING = frozenset(
    {
        "alarm",
        "fire",
        "fall",
        "falling",
        "fallen",
        "leak",
        "wet",
        "detected",
        "emergency",
        "sos",
        "help",
        "danger",
    }
)
_ENDPOINT = re.compile(r"(?:channel|input)_\d{1,2}_(leak_detect)_\d{1,2}|(\w+?)_l?\d{1,2}")
_TOGETHER = re.compile(r"[,&]")  # some valves say several words at once


def table(sort: str, occupancy: Kind) -> Mapping[str, tuple[Row, ...]]:
    """Return the rows of one sort of sensor by key; `occupancy` is what it means by that word."""
    out: dict[str, tuple[Row, ...]] = {}
    for row in (*ROWS, OCCUPANCY._replace(kind=occupancy)):
        own = any(other.key == row.key and sort in other.sorts for other in ROWS)
        if sort in row.sorts or not (row.sorts or own):
            out[row.key] = (*out.get(row.key, ()), row)
    return out


def levels(
    value: Mapping[str, Any], rows: Mapping[str, tuple[Row, ...]], senses: frozenset[Kind]
) -> Iterator[Report]:
    """Yield what a message says of states: one word for each kind, on where any key says so."""
    said: dict[Kind, bool] = {}
    strange: list[str] = []
    for key, word in value.items():
        if word is None or word == "":  # nothing is known of it yet
            continue
        found = rows.get(key) or rows.get(_base(key), ())
        for row in found:
            meant = _meant(row, word)
            if meant is not None:
                said[row.kind] = said.get(row.kind, False) or meant
            elif isinstance(word, str) and word.lower() in row.neither:
                yield state(key, word)
            elif key == "gas" and _is_number(word):
                yield measure("gas_level", word)
            elif row.kind in senses:
                strange.append(f"{key}: {word}")
        if not found and _alarms(key, word):
            strange.append(f"{key}: {word}")
        if _one(word, ILL.get(key, ())):
            yield Report(Kind.PROBLEM, True)
    yield from (Report(kind, on) for kind, on in said.items())
    yield from (not_understood(words) for words in dict.fromkeys(strange))


def rings(value: Mapping[str, Any]) -> Iterator[tuple[str, bool | None]]:
    """Yield each key that may call, and whether it does; None = nobody understands its word."""
    for key in RINGS:
        word = value.get(key)
        if word is not None and word != "":
            yield key, word if isinstance(word, bool) else None


def _base(key: str) -> str:
    found = _ENDPOINT.fullmatch(key)
    return "" if found is None else found[1] or found[2]


def _meant(row: Row, word: object) -> bool | None:
    """Return whether a word means on or off, None where it is neither."""
    if _one(word, row.on):
        return True
    if _one(word, row.off):
        return False
    parts = [part.strip() for part in _TOGETHER.split(word)] if isinstance(word, str) else []
    known = [_meant(row, part) for part in parts] if len(parts) > 1 else []
    return any(known) if known and None not in known else None


def _one(word: object, of: Iterable[Word]) -> bool:
    """Say whether it is one of these words: a number is none."""
    if isinstance(word, bool):
        return any(word is known for known in of)
    return isinstance(word, str) and word.lower() in of


def _is_number(word: object) -> bool:
    return isinstance(word, int | float) and not isinstance(word, bool) and abs(word) < 1e6


def _alarms(key: str, word: object) -> bool:
    """Say whether a key that no row has sounds as if it told of something that matters."""
    if not _FAMILY.search(key) or _SETTING.search(key) or key in RINGS:
        return False
    return word is True or (isinstance(word, str) and word.lower() in _ALARMING)
