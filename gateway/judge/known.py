"""What the store remembers of one household across a restart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from gateway.judge.alarm import Alarm
from gateway.judge.faults.fact import FaultFact
from gateway.judge.masks import NOT_MASKED, End, Shelf
from gateway.judge.pending import Pending
from gateway.words.clock import When
from gateway.words.instruction import Done
from gateway.words.ranges import Range
from gateway.words.reading import DeviceId


class Known(Struct, frozen=True, kw_only=True):
    """What a start takes over. Times are on this boot's monotonic clock, as far as known."""

    journal: str
    last: int = 0
    last_alarm: int = 0
    own: Sequence[Range] = ()  # numbers of alarms that have an id of this journal and are kept
    # (alarm, its monotonic times are of this boot): every open one, and ended ones whose condition
    # was still on
    alarms: Sequence[tuple[Alarm, bool]] = ()
    # numbers of alarms that were written in this boot and journal
    carried: Collection[int] = ()
    # alarm number -> what makes its times those of this boot, see clock.bridged
    shift: Mapping[int, float] = {}
    # alarm number -> its last entry, where that has no receipt yet
    raised_in: Mapping[int, int] = {}
    # (kind, device) -> id of its last ended alarm
    closed: Mapping[tuple[str, DeviceId], str] = {}
    # s since its end, as far as is known
    closed_for: Mapping[tuple[str, DeviceId], float] = {}
    # when the resident was quicker, the oldest first, on this boot's clock
    cancels: Iterable[When] = ()
    faults: Mapping[tuple[str, str], FaultFact] = {}
    # seconds since each of them was said last
    said_for: Mapping[tuple[str, str], float] = {}
    # seconds of silence that had been counted
    silent_for: Mapping[DeviceId, float] = {}
    # seconds since each was heard, by the wall clock
    heard_ago: Mapping[DeviceId, float] = {}
    done: Mapping[str, Done] = {}
    endings: Iterable[str] = ()
    shelves: Mapping[DeviceId, Shelf] = {}
    away: End = NOT_MASKED
    pending: Pending = Pending(same_boot=False)
