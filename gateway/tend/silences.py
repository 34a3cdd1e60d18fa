"""What the rules of silence are told of a home, and what they say of it for status and page."""

from __future__ import annotations

from math import inf

from msgspec.structs import replace

from gateway.home.config import Config
from gateway.home.silence import QuestionStatus, SilenceStatus, places, wishes
from gateway.judge.pipeline import Pipeline
from gateway.judge.silence import inactive
from gateway.judge.silence.holds import holds
from gateway.judge.silence.now import Now
from gateway.judge.silence.watch import Silence
from gateway.words.clock import Moment


def arrange(pipeline: Pipeline, config: Config) -> None:
    """Tell the rules of silence how the home is by now."""
    pipeline.silence.arrange(wishes(config), places(config), config.zone)


def told(silence: Silence, now: Moment) -> SilenceStatus:
    """Return how silent the home is, and what of it is borne."""
    state, look, why = silence.state, silence.present(now), silence.why
    if silence.wishes.limits is None:
        return SilenceStatus()
    since, question = state.scene.since, state.question
    rule, rests = holds(look) if look is not None else ("", {})
    return SilenceStatus(
        preset=silence.wishes.preset,
        why=why[0],
        device=why[1],
        days=silence.line.days,
        shadow=silence.wishes.shadow,
        shadowed=state.shadowed,
        silent_s=None if since == -inf else round(now.mono - since, 1),
        sure=state.scene.whole,
        rule=rule,
        rests=rests,
        lines=[] if look is None else _lines(look),
        question=QuestionStatus(
            about=question.kind,
            device=question.device,
            times=question.times,
            since_s=round(now.mono - question.asked, 1),
        )
        if question is not None
        else None,
    )


def _lines(look: Now) -> list[int]:
    """Return how many minutes are borne at each hour of the day; -1 where nobody is asked."""
    local = look.local
    if local is None:
        return []
    hours = (replace(look, local=local.replace(hour=hour)) for hour in range(24))
    return [round(inactive.line(hour)[0]) if hour.by_day else -1 for hour in hours]
