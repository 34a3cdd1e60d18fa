"""What the middle remembers over a restart, as marks of the journal."""

from __future__ import annotations

import json
from collections.abc import Mapping

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
        "alive": json.dumps(astuple(stamp(boot, now))),
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
