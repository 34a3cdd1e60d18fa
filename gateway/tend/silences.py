"""What the rules of silence are told of a home: its sensors, what is wanted, who can ask."""

from __future__ import annotations

from gateway.home.config import Config
from gateway.home.silence import places, wishes
from gateway.judge.pipeline import Pipeline


def arrange(pipeline: Pipeline, config: Config) -> None:
    """Tell the rules of silence how the home is by now."""
    pipeline.silence.arrange(wishes(config), places(config), config.zone)
