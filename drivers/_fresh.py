"""Which sealed frame is new: the rules of drivers/bthome_v2.py, for every counter under a tag.

`memory` holds `counter` (newest ever accepted) and `calls` (tags of the last calls for help, 8 hex
digits each). For the minutes after a technician has looked at the device it holds `confirmed` (the
gateway puts it there and takes it away) and `rising` (the last older counter heard since then).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.words.driver import REPEATED, Heard, Report, changed
from gateway.words.reading import NOT_A_CALL, Kind

CALLS = 128  # remembered calls; the oldest is forgotten first (1 KiB of memory, years of presses)
ADAPTERS = 8  # radios whose last frame is kept; all are forgotten when a ninth speaks
_TAG_DIGITS = 8
_BUTTON = Kind.BUTTON  # looked up once: this is asked of every report
_WRAP, _HALF = 2**32, 2**31  # a counter is newer when it is less than half a turn ahead

Memory = dict[str, int | str]


def judged(
    before: Memory, counter: int, tag: bytes, reports: Sequence[Report]
) -> tuple[Memory, Sequence[Heard]]:
    """Return the memory after a frame with a valid tag, and what of it may be believed.

    An older counter is a recording, or a device that counts from the start again: calls come once,
    flagged, and nothing else. While `confirmed` stands, the second of two older counters that rise
    is believed, and its count is the good one from then on.
    """
    memory, last = before, before.get("counter")
    if counter == last:
        return before, (REPEATED,)
    calls = [
        report for report in reports if report.kind is _BUTTON and report.value not in NOT_A_CALL
    ]
    known = bool(calls) and _remembers(memory, tag)
    if calls and not known:
        memory = {
            **memory,
            "calls": (str(memory.get("calls", "")) + tag.hex())[-CALLS * _TAG_DIGITS :],
        }
    newer = not isinstance(last, int) or (counter - last) % _WRAP < _HALF
    if newer and not known:
        return unarmed(memory) | {"counter": counter}, reports
    if known and "confirmed" in memory:
        # a receiver's cache: no reason to doubt the device anew, and no proof
        return memory, (REPEATED,)
    believed = () if known else tuple(changed(call, flagged=True) for call in calls)
    if "confirmed" in memory and not known:
        rising = memory.get("rising")
        if rising is None:
            return {**memory, "rising": counter}, believed
        if isinstance(rising, int) and 0 < (counter - rising) % _WRAP < _HALF:
            return unarmed(memory) | {"counter": counter}, reports
    return memory, (*believed, Report(Kind.REPLAYED, counter))


def unarmed(memory: Mapping[str, int | str]) -> Memory:
    """Return the memory without what stands there for the minutes after a technician's word."""
    return {
        name: value
        for name, value in memory.items()
        if name not in {"confirmed", "rising", "doubted"}
    }


def _remembers(memory: Mapping[str, int | str], tag: bytes) -> bool:
    calls, wanted = str(memory.get("calls", "")), tag.hex()
    return any(calls.startswith(wanted, at) for at in range(0, len(calls), _TAG_DIGITS))


class LastHeard:
    """What each radio delivered last. A receiver's cache repeats it when name or RSSI change."""

    __slots__ = ("_frames",)

    def __init__(self) -> None:
        self._frames: dict[str, object] = {}

    def again(self, adapter: str, frame: object) -> bool:
        """Say whether this radio delivered the very same frame last."""
        return self._frames.get(adapter) == frame

    def remember(self, adapter: str, frame: object) -> None:
        """Keep what this radio has delivered."""
        if len(self._frames) >= ADAPTERS and adapter not in self._frames:
            self._frames.clear()
        self._frames[adapter] = frame
