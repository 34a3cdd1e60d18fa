"""What the middle remembers over a restart, as marks of the journal."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import astuple

from gateway.judge.faults import untold
from gateway.judge.faults.firsts import Firsts
from gateway.judge.faults.untold import Untold
from gateway.judge.pipeline import Pipeline
from gateway.words.clock import Moment, stamp


def of_middle(
    pipeline: Pipeline, firsts: Firsts, unreceipted: Untold, boot: str, now: Moment, anew: bool
) -> Mapping[str, str]:
    """Return the marks of this turn; what has changed is taken as written. `anew`: all."""
    faults = pipeline.faults
    marks = {
        "alive": msgspec.json.encode(astuple(stamp(boot, now))).decode(),
        untold.MARK: unreceipted.mark(now, boot),
        **pipeline.marks(now, anew=anew),
    }
    if silent := faults.silences.mark(now, anew=anew):
        marks["silent"] = silent
    if told := firsts.mark(anew=anew):
        marks["told"] = told
    if daily := faults.mark(anew=anew):
        marks["daily"] = daily
    return marks
