"""How the middle is made for one home, and what those around it ask it and tell it."""

from __future__ import annotations

import zlib

from gateway.home.home import Home
from gateway.judge.alarm import State
from gateway.judge.danger import Judge
from gateway.judge.faults.fault import Faults
from gateway.judge.faults.untold import Untold
from gateway.judge.notes import Notes
from gateway.judge.pipeline import Pipeline
from gateway.tend import rearrange, silences
from gateway.tend.waits import WAITS
from gateway.words.clock import Clock, Quality
from gateway.words.kind import Priority


def middle_of(
    home: Home,
    boot: str,
    daily: str,
    visits: str = "",
    badges: str = "",
    silence: tuple[str, str] = ("", ""),
) -> tuple[Faults, Judge, Pipeline]:
    """Return the middle of one home; the strings are marks: of day, month, badges, silence."""
    config, devices = home.config, home.config.devices
    # what this home does a little later than another
    share = zlib.crc32(home.gateway.encode()) / 2**32
    faults = Faults(
        {d.id: d.supervised for d in devices},
        config.times,
        tells_out=rearrange.tells_out(config),
        mains_jitter=WAITS.mains_jitter * share,
    )
    judge = Judge({d.id: d.watch for d in devices}, config.times, config.zone, config.night)
    rooms = {d.id: d.room for d in devices}
    pipeline = Pipeline(
        boot=boot,
        devices=rooms,
        judge=judge,
        faults=faults,
        ladder=config.ladder,
        times=config.times,
    )
    rearrange.walk_by(pipeline, config)
    rearrange.badges_by(pipeline, config)
    silences.arrange(pipeline, config)
    pipeline.silence.restored(*silence)
    faults.daily.keep(config.zone, share)
    faults.restored(daily)
    pipeline.visits.restored(visits)
    pipeline.badges.restored(badges)
    return faults, judge, pipeline


def is_fresh(pipeline: Pipeline) -> bool:
    """Say whether somebody may need help whom nobody has answered: then the radio only hears."""
    return any(
        a.state in {State.PRE_ALARM, State.RAISED} and a.priority <= Priority.P2
        for a in pipeline.alarms.values()
    )


def is_night(home: Home, clock: Clock) -> bool:
    """Say whether it is night in the home for certain; with an unsure clock it is not."""
    now = clock.now()
    if now.quality is not Quality.SYNCHRONISED:
        return False
    begins, ends = home.config.night
    at = now.wall.astimezone(home.config.zone).time()
    return begins <= at or at < ends if begins > ends else begins <= at < ends


def called(
    pipeline: Pipeline, notes: Notes, waits: Untold, number: int, index: int, ok: bool, detail: str
) -> None:
    """Take how a program ended that called for entry `number`.

    Below 0 it told of the fault with number -1 - `number`.
    """
    if number < 0:  # it told of a fault
        waits.called(-number - 1, ok=ok)
        return
    notes.later(lambda at: pipeline.called_back(number, index, at, ok=ok, detail=detail))


def radio_begins(faults: Faults, clock: Clock, adapter: str) -> None:
    """Count an adapter's silence from now on, unless it is counted already."""
    if adapter not in faults.radios:
        faults.radio_heard(adapter, clock.now().mono)
