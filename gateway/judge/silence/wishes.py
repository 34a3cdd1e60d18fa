"""What a household wants of these rules: a preset, and what only somebody who lives there knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Final

from msgspec import Struct


class Preset(Struct, frozen=True, kw_only=True):
    """One choice of how closely a home is watched. Times are minutes, `questions` is a day's mean.

    `still` holds where nothing is learnt yet; a learnt line lies between `least` and `most`.
    """

    questions: float
    still: int
    least: int
    most: int
    up: int  # minute of the day by which somebody is up, where nothing is learnt
    out: int  # how long somebody may be out, where nothing is learnt
    out_most: int
    bath: int


OFF: Final = "off"
PRESETS: Final[Mapping[str, Preset]] = {
    "quiet": Preset(
        questions=0.5, still=300, least=90, most=360, up=660, out=480, out_most=960, bath=40
    ),
    "usual": Preset(
        questions=1.0, still=180, least=45, most=240, up=600, out=300, out_most=840, bath=25
    ),
    "close": Preset(
        questions=1.0, still=120, least=30, most=180, up=540, out=240, out_most=600, bath=20
    ),
}


class Wishes(Struct, frozen=True, kw_only=True):
    """What this household wants. `preset` is a name of PRESETS, or OFF.

    `shadow`: days in which nobody is asked and only the technician is told. `at_home`: who lives
    here never goes out alone, so that no sensor at the entrance is wanted. `wandering`: who leaves
    at night is looked for at once. `back_by`: when somebody who is out is to be back.
    """

    preset: str = OFF
    shadow: int = 14
    at_home: bool = False
    wandering: bool = False
    back_by: time | None = None
    asks: bool = True  # there is something that can ask

    @property
    def limits(self) -> Preset | None:
        """The numbers of the preset; None where it is off."""
        return PRESETS.get(self.preset)
