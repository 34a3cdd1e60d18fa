"""A published recording, played through the same judge and pipeline as a simulated year: its residents are asked, and collapse in copies."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from gateway.home.recordings.formats import FORMATS
from gateway.words.reading import Kind

from tests.truth.gaps import Heard, merged, recorded
from tests.truth.residents import DAY, Doing, Home, Said, Sensor, Year, wall
from tests.truth.year import Life, Result, played

RECORDINGS = {
    # name: (format, file, door, activity of leaving, file of activities, names of sensors)
    "kasteren-a": ("kasteren", "kasteren-a/houseA-ss.txt", "12", "1", "kasteren-a/houseA-as.txt", "kasteren-a/tl_houseA.sensor_names"),
    "mit-1": ("placelab", "mit-1/activities_data.csv", "140", "Going out to work", "", "mit-1/sensors.csv"),
}
SHADOW = 7


class Recorded(Life):
    """What a recording says, on the days of the week on which it was. Absences are known from its labels; the rules do not know them."""

    def __init__(self, name: str, folder: Path) -> None:
        form, file, door, leaves, notes, names = RECORDINGS[name]
        made = FORMATS[form](folder.joinpath(file).read_bytes(), UTC, (door,))
        heard: Heard = recorded(form, folder / file, leaves, folder / notes if notes else None)
        first = made.readings[0].at.wall
        begins = datetime(first.year, first.month, first.day, tzinfo=UTC)
        self.first = begins.weekday()
        self.count = heard.days
        shift = self.first * DAY - begins.timestamp()
        self.said = [Said(r.at.mono + shift, r.device, r.kind, bool(r.value)) for r in made.readings]
        self.outs = merged([(a + self.first * DAY, b + self.first * DAY) for a, b in heard.out])
        rooms = dict(
            re.split(r"[\t,]", line.strip(), maxsplit=1) for line in folder.joinpath(names).read_text().splitlines() if line.strip()
        )
        self.home = Home(n=99, who=name, kit="")
        for s in made.sensors.values():
            room = rooms.get(s.id, "").lower()
            room = "bath" if "bath" in room or "toilet" in room else "bedroom" if "bed" in room else room[:20]
            kind = Kind.CONTACT_OPEN if s.door else Kind.MOTION
            self.home.sensors[s.id] = Sensor(s.id, kind, room, 0.1, door=s.door)
        self.year = Year(self.home, 0, 0)
        self._finish(random.Random(f"answers {name}"))

    def days(self) -> Iterator[list[tuple[float, Said]]]:
        n = 0
        for k in range(self.first + self.count):
            self.doing = [Doing(a, b, "out", "out") for a, b in self.outs if a < (k + 1) * DAY and b > k * DAY]
            words = []
            while n < len(self.said) and self.said[n].at < (k + 1) * DAY:
                words.append((wall(self.home, self.said[n].at), self.said[n]))
                n += 1
            yield words

    def where(self, at: float) -> Doing | None:
        """Return that somebody is at home, or out: more is not known of a recording."""
        out = next((d for d in self.doing if d.begin <= at < d.end), None)
        return out or Doing(at, at + 1, "home", "unknown")


def judged(folder: Path, *, every: int = 1) -> list[Result]:
    out = []
    for name in RECORDINGS:
        life = Recorded(name, folder)
        out.append(played(life, 1, life.count, every=every, shadow=SHADOW, first=life.first))
    return out
