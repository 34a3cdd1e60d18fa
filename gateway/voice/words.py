"""What the home says of an alarm: pure, from its kind, what happened and what answers, to phrases.

The clips of a phrase are files of these names, `siren` and `chime` are tones. What is said first
wakes, then says what it is and where, then what the resident can do, then what others do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from gateway.voice import en, zh
from gateway.words import kind as kinds

Language = Literal["zh", "en"]
SIREN: Final = "siren"
CHIME: Final = "chime"
PAUSE: Final = "pause"
ROUNDS: Final = 4  # times that a question or an alarm is said in one run of the program

_ASKS: Final = {
    kinds.FALL: "ask.fall",
    kinds.STAY_TOO_LONG: "ask.stay",
    kinds.BED_EXIT: "ask.bed",
    kinds.WATER: "ask.water",
}
# Of these the home asks before there is an alarm: any sign of life answers.
_QUESTIONS: Final = {
    kinds.INACTIVE: "asks.well",
    kinds.NOT_UP: "asks.up",
    kinds.STAY_TOO_LONG: "ask.stay",
    kinds.NO_RETURN: "asks.home",
    kinds.NIGHT_EXIT: "asks.home",
}
_RAISED: Final = {
    kinds.SOS: "raised.sos",
    kinds.HELP: "raised.sos",
    kinds.FALL: "raised.fall",
    kinds.SMOKE: "raised.smoke",
    kinds.GAS: "raised.gas",
    kinds.CO: "raised.co",
    kinds.WATER: "raised.water",
    **dict.fromkeys(_QUESTIONS, "raised.unanswered"),
}
_LEAVE: Final = frozenset({kinds.SMOKE, kinds.GAS, kinds.CO})  # nobody is told to keep calm
# Names of rooms that technicians type, in lower case, and the clip that says them.
_ROOMS: Final = {
    name: clip for rooms in (zh.ROOMS, en.ROOMS) for clip, names in rooms.items() for name in names
}
# What happened -> the phrases that tell it, once the alarm needs no more noise.
_STAGES: Final = {
    "acknowledged": ("acknowledged",),
    "on_site": ("on_site",),
    "closed": ("closed",),
    "cancelled": ("cancelled",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is to be told.

    `reason` is what happened: asked, pre_alarm, raised, receipt, calling, a state.
    `cancel` is how the resident cancels: button, press, double, triple, long; "" = there is no way.
    `minutes` until somebody is expected, 0 = not known. `noisy`: nobody has answered yet.
    """

    reason: str
    kind: str
    room: str = ""
    cancel: str = ""
    minutes: int = 0
    test: bool = False
    noisy: bool = False
    phrase: str = ""  # which one is tried


def said(told: Told, language: Language) -> list[str]:
    """Return the names of the clips to play, in order; empty where nothing is said."""
    test = ["test"] if told.test else []
    if told.reason == "try":
        return [CHIME, told.phrase if told.phrase in zh.PHRASES else "try"]
    if told.reason == "wish":
        return [CHIME, "wish"]
    if told.reason in {"asked", "asked_again"}:
        asks = _QUESTIONS.get(told.kind, "asks.well")
        rounds = ROUNDS if told.reason == "asked_again" else 2
        return [CHIME, *test, asks, "asks.answer", PAUSE] * rounds
    if told.reason == "pre_alarm":
        asks = _ASKS.get(told.kind, "ask.other")
        round_ = [CHIME, *test, asks, *_room(told), _way(told), PAUSE]
        return round_ * ROUNDS
    if told.reason in _STAGES or told.reason == "dispatched":
        due = _minutes(told.minutes, language) if told.reason == "dispatched" else []
        return [CHIME, *test, *_STAGES.get(told.reason, ("dispatched",)), *due]
    news = [told.reason] if told.reason in {"receipt", "calling", "raised_again"} else []
    if news and not told.noisy:
        return [CHIME, *test, *news]
    calm = [] if told.kind in _LEAVE else ["calm"]
    alarm = [SIREN, *test, _RAISED.get(told.kind, "raised.other"), *_room(told), *calm, PAUSE]
    return [*([CHIME, *test] if news else []), *news, *(alarm * ROUNDS)]


def number(value: int, language: Language) -> list[str]:
    """Return the clips of a number from 0 to 99."""
    value = max(0, min(value, 99))
    tens, ones = divmod(value, 10)
    if language == "zh":
        if value <= 10:
            return [str(value)]
        return [*([str(tens)] if tens > 1 else []), "10", *([str(ones)] if ones else [])]
    if value <= 20:
        return [str(value)]
    return [str(tens * 10), *([str(ones)] if ones else [])]


def _way(told: Told) -> str:
    """Return the phrase that says how the resident ends the grace, or that nothing does.

    No button wipes up water; who moves, or lies down again, needs none.
    """
    if told.kind == kinds.WATER:
        return "cancel.wipe"
    if told.cancel:
        return f"cancel.{told.cancel}"
    own = {kinds.STAY_TOO_LONG: "cancel.move", kinds.BED_EXIT: "cancel.bed"}
    return own.get(told.kind, "cancel.none")


def _minutes(minutes: int, language: Language) -> list[str]:
    return ["about", *number(minutes, language), "minutes"] if minutes > 0 else []


def _room(told: Told) -> list[str]:
    clip = _ROOMS.get(told.room.strip().lower())
    return [clip] if clip else []
