"""What a relative reads who is informed, not asked: of an alarm, and once a week. Pure.

Each text says of itself that it is no alarm to be answered. It has no reading, no room, not what
the alarm is about, and no hour of anybody's movement: of each day only whether there was a sign of
life.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.sms import en, zh
from gateway.sms.people import Language
from gateway.words.wide import printed

PREFIX: Final = "family"
ALARM, TAKEN, OVER, WEEK = "family_alarm", "family_taken", "family_over", "family_week"
# of a day: a sign of life, none, nobody could see it, out
SEEN, NONE, BLIND, AWAY = "y", "n", "?", "a"
PHRASES: Final = {"zh": zh.PHRASES, "en": en.PHRASES}
_STATES: Final = (SEEN, AWAY, BLIND, NONE)


def of(environment: Mapping[str, str], home: str, language: Language) -> str:
    """Return the text that a program's environment asks for; `home`: how the home is called."""
    what = {
        name: environment.get(f"ELDERCARE_{name.upper()}", "")
        for name in ("reason", "since", "days", "open")
    }
    return composed(
        reason=what["reason"],
        home=home or environment.get("ELDERCARE_HOME", ""),
        since=what["since"],
        days=what["days"],
        is_open=what["open"] == "1",
        language=language,
    )


def composed(
    *, reason: str, home: str, since: str, days: str, is_open: bool, language: Language
) -> str:
    """Return a text; `days`: weekday and state of each, oldest first, "" where none is kept."""
    say = PHRASES[language]
    if reason == WEEK:
        text = say["family.week"].format(home=home.strip() or "-") + _week(days, is_open, language)
    else:
        place = (" " if language == "zh" else ", ").join(p for p in (home.strip(), since) if p)
        text = say["family.head"].format(place=place or "-") + say.get(reason, "")
    text += say["family.end"]
    return printed(text) if language == "zh" else text


def _week(days: str, is_open: bool, language: Language) -> str:
    say = PHRASES[language]
    each = [(days[n], days[n + 1]) for n in range(0, len(days) - 1, 2)]
    states = {state for _, state in each}
    out = say["family.open"] if is_open else ""
    if not each:
        return out + say["family.not_kept"]
    if states <= {SEEN, AWAY} and SEEN in states and not is_open:
        out += say["family.well"]
    for state in _STATES:
        named = [say[f"day.{day}"] for day, of_day in each if of_day == state]
        if named:
            listed = say["family.every"] if len(named) == len(each) else say["and"].join(named)
            out += say[f"family.days_{state}"].format(days=listed)
    return out
