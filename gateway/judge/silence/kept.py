"""What of the silence outlives a restart, as marks of the journal. Times are monotonic seconds.

Within one boot all goes on as if nothing had happened. After a power cut a question goes on by what
had passed of it: it is neither forgotten nor asked anew. The silence before a cut counts where the
clocks say that it was short; else it begins anew, for nobody heard what was meanwhile.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from math import inf

import msgspec
from msgspec import Struct, field

from gateway.judge.silence.question import Budget, Question
from gateway.judge.silence.scene import SIGNS, Scene
from gateway.judge.waits import WAITS
from gateway.words.clock import Moment, Quality
from gateway.words.reading import DeviceId, Kind, Reading, Value

MARK, LINE = "silence", "line"
OUTCOMES = 20  # answers that are remembered: 1 for an answer, 0 for none


class State(Struct):
    """What is going on."""

    scene: Scene = field(default_factory=Scene)
    question: Question | None = None
    budget: Budget = field(default_factory=Budget)
    raised: list[str] = []  # dangers that nobody has answered yet
    done: int = -1  # what was asked about last: of one silence once
    outcomes: str = ""
    # sensors that have shown movement by themselves, and whether it is a door
    watching: dict[DeviceId, bool] = {}
    shadowed: int = 0  # questions that were not asked, while the technician alone was told


class _Sign(Struct, array_like=True):
    device: str
    kind: Kind
    value: Value
    mono: float
    wall: float
    quality: Quality


class Mark(Struct):
    """The mark `silence`."""

    boot: str
    mono: float
    wall: float
    sure: bool
    since: float | None = None
    whole: bool = False
    sign: _Sign | None = None
    door: bool = False
    away: bool = False
    left_at: float | None = None
    by_night: bool = False
    bath: float | None = None
    rises: float | None = None
    up: bool = False
    rests: bool = False
    question: Question | None = None
    left: float = 0.0
    raised: list[str] = []
    done: int = -1
    outcomes: str = ""
    shadowed: int = 0
    watching: dict[DeviceId, bool] = {}


def text(state: State, now: Moment, boot: str) -> str:
    """Return it as the mark has it."""
    scene = state.scene
    last = scene.last
    sign = None
    if last is not None:
        at = last.at
        sign = _Sign(last.device, last.kind, last.value, at.mono, at.wall.timestamp(), at.quality)
    mark = Mark(
        boot,
        now.mono,
        now.wall.timestamp(),
        now.quality is Quality.SYNCHRONISED,
        _finite(scene.since),
        scene.whole,
        sign,
        scene.door,
        scene.away,
        _finite(scene.left),
        scene.by_night,
        _finite(scene.bath),
        _finite(scene.rises),
        scene.up,
        scene.rests,
        state.question,
        state.budget.left,
        state.raised,
        state.done,
        state.outcomes,
        state.shadowed,
        state.watching,
    )
    return msgspec.json.encode(mark).decode()


def read(mark: str) -> Mark | None:
    """Return a mark; None of one that is damaged, or not there."""
    try:
        return msgspec.json.decode(mark, type=Mark) if mark else None
    except (ValueError, RecursionError):
        return None


def of(mark: Mark | None, now: Moment, boot: str) -> State:
    """Return what a mark says, by this boot's clock."""
    if mark is None:
        return State(budget=Budget(at=now.mono))
    same, off = mark.boot == boot, 0.0
    if not same and mark.sure and now.quality is Quality.SYNCHRONISED:
        off = max(0.0, now.wall.timestamp() - mark.wall)
    known = same or (0.0 < off <= WAITS.silence_hole)
    shift = 0.0 if same else now.mono - off - mark.mono

    def here(mono: float | None) -> float:
        return -inf if mono is None else min(mono + shift, now.mono)

    scene = Scene(
        since=here(mark.since) if known else now.mono,
        whole=False,
        signs=deque(_signs(mark, shift), maxlen=SIGNS),
        door=mark.door and known,
        away=mark.away and known,
        left=here(mark.left_at) if known else now.mono,
        by_night=mark.by_night and known,
        bath=here(mark.bath) if known else -inf,
        rises=here(mark.rises),
        up=mark.up,
        rests=mark.rests,
    )
    question = mark.question
    if question is not None:
        question.asked, question.since = here(question.asked), here(question.since)
        # what had passed of the wait has passed, whatever the power did
        question.due = min(question.due + (0.0 if same else now.mono - mark.mono), inf)
    return State(
        scene=scene,
        question=question,
        budget=Budget(min(mark.left, 3.0), now.mono),
        raised=mark.raised,
        done=mark.done,
        outcomes=mark.outcomes[-OUTCOMES:],
        shadowed=mark.shadowed,
        watching=mark.watching,
    )


def _signs(mark: Mark, shift: float) -> list[Reading]:
    sign = mark.sign
    if sign is None:
        return []
    try:
        wall = datetime.fromtimestamp(sign.wall, UTC)
    except (ValueError, OSError, OverflowError):
        return []
    at = Moment(sign.mono + shift, wall, sign.quality)
    return [Reading(device=sign.device, kind=sign.kind, value=sign.value, at=at)]


def _finite(mono: float) -> float | None:
    return mono if mono > -inf else None
