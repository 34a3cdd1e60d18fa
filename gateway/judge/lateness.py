"""Whether an order is still in time. Raising is generous, ending is strict.

An order that takes protection away (close, recall, silence, shelve, away, a walk test) must be in
time: an outage may have kept it for days. `floor`, the newest time that was ever confirmed, proves
an order late whatever the clock says. With a clock that nobody confirmed an order is in time only
where that can be proved without it: it names this power-up, or an alarm that began in it. All other
orders bring help, and help that comes late beats none: only a clock that is confirmed calls them
late.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from gateway.judge.waits import WAITS
from gateway.words.clock import Moment, Quality, When
from gateway.words.instruction import Do, Door, Instruction

_FOR_A_WHILE = frozenset({Do.SHELVE, Do.AWAY, Do.WALK})  # with 0 seconds they give protection back


def takes_away(i: Instruction) -> bool:
    """Say whether an order takes protection away."""
    return i.do in {Do.CLOSE, Do.SILENCE, Do.RECALL} or (i.do in _FOR_A_WHILE and i.seconds > 0)


def late(i: Instruction, now: Moment, floor: datetime, lives: float) -> str:
    """Say why an order is refused unread, "" where it is in time.

    It is too late, or its times are none. `lives`: seconds for which an order to close or silence
    is good that says when it was issued, but not when it expires.
    """
    if wrong := malformed(i):
        return wrong
    expires, issued = _time("expires", i.expires), _time("issued", i.issued)
    if expires is None and issued is None:
        return ""
    sure = now.quality is Quality.SYNCHRONISED
    if not takes_away(i):
        return (
            f"expired at {i.expires}" if expires is not None and sure and now.wall > expires else ""
        )
    newest = max(floor, now.wall) if sure else floor
    if sure and issued is not None and (issued - now.wall).total_seconds() > WAITS.desk_ahead:
        return f"issued at {i.issued}, ahead of the gateway's clock"
    if expires is not None and newest > expires:
        return f"expired at {i.expires}"
    if issued is not None:
        good = i.seconds if i.do in _FOR_A_WHILE else lives
        if (newest - issued).total_seconds() > good and (expires is None or i.do in _FOR_A_WHILE):
            return f"issued at {i.issued}, too long ago"
    return ""


def malformed(i: Instruction) -> str:
    """Say what is wrong with the times that an order gives, "" for nothing: this is no lateness."""
    try:
        _time("expires", i.expires)
        _time("issued", i.issued)
    except ValueError as wrong:
        return str(wrong)
    return ""


def undated(
    i: Instruction, now: Moment, boot: str, stages: Mapping[str, When], lives: float
) -> bool:
    """Say whether the platform's order names no time and could have waited for days.

    `stages`: those of the alarm that it names.

    An order about an alarm is not older than the alarm: for `lives` seconds after the danger it
    needs no time of its own.
    """
    if i.door is not Door.PLATFORM or i.issued or i.expires or not takes_away(i):
        return False
    began = stages.get("danger")
    if began is None:
        return True
    if began.boot == boot:
        return now.mono - began.mono > lives
    sure = began.clock == Quality.SYNCHRONISED and now.quality is Quality.SYNCHRONISED
    passed = (now.wall - datetime.fromisoformat(began.wall)).total_seconds()
    return not sure or not -WAITS.order_ahead <= passed <= lives


def undecided(i: Instruction, now: Moment, boot: str, stages: Mapping[str, When]) -> bool:
    """Say whether nobody can know if the platform's order is late.

    `stages`: those of the alarm that it names.
    """
    if i.door is not Door.PLATFORM or now.quality is Quality.SYNCHRONISED or not takes_away(i):
        return False
    began = stages.get("danger")
    return boot != i.boot and (began is None or began.boot != boot)


def of_another_life(i: Instruction, boot: str) -> bool:
    """Say whether an order was left in the home before a power cut and takes protection away."""
    return i.door is Door.LOCAL and takes_away(i) and bool(i.boot) and i.boot != boot


def left(i: Instruction, now: Moment) -> float:
    """Return for how many seconds a shelf or an absence still lasts.

    They count from when the order was issued, where that is known.
    """
    issued = _time("issued", i.issued)
    if issued is None or now.quality is not Quality.SYNCHRONISED:
        return i.seconds
    return min(i.seconds, max(0.0, i.seconds - (now.wall - issued).total_seconds()))


def age(i: Instruction, now: Moment, boot: str) -> float | None:
    """Return how many seconds ago an order was left in the home, or None.

    None: it may be of another power-up, or the clock has jumped.
    """
    issued = _time("issued", i.issued)
    passed = (
        (now.wall - issued).total_seconds()
        if issued is not None and i.boot == boot
        else -WAITS.order_ahead
    )
    return max(0.0, passed) if passed > -WAITS.order_ahead else None


def _time(name: str, text: str) -> datetime | None:
    """Return a time of RFC 3339, None where there is none. Raises ValueError with what is wrong."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"`{name}` is not a time of RFC 3339: {text!r}") from None
    if at.tzinfo is None:
        raise ValueError(f"`{name}` has no time zone: {text!r}")
    try:
        return at.astimezone(UTC)
    except OverflowError:  # an hour before the year 1, or after the year 9999, in UTC
        raise ValueError(f"`{name}` is a time that there is not: {text!r}") from None
