"""The page's words in both languages, zh-CN first, and how times and spans are told."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from gateway.page.en import EN
from gateway.page.waits import WAITS
from gateway.page.zh import ZH
from gateway.words import kind
from gateway.words.say import Say
from gateway.words.wide import printed

LANGUAGES: Final[Mapping[str, Mapping[str, str]]] = {"zh": ZH, "en": EN}
TAGS: Final = {"zh": "zh-CN", "en": "en"}
FIRST: Final = "zh"


class Words:
    """One language. `instead` are the words of what was printed long ago, by language."""

    def __init__(
        self,
        language: str,
        zone: zoneinfo.ZoneInfo,
        instead: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.language = language if language in LANGUAGES else FIRST
        self.tag = TAGS[self.language]
        self.other = "en" if self.language == "zh" else "zh"
        own = LANGUAGES[self.language]
        self._catalogue = {**own, **instead[self.language]} if instead else own
        self._zone = zone

    def __call__(self, key: str, **values: object) -> str:
        """Return the sentence of a key; a missing key is shown as it is, and the page stays."""
        text = self._catalogue.get(key, key)
        text = text.format(**values) if values else text
        return printed(text) if self.language == "zh" else text

    def named(self, group: str, value: str) -> str:
        """Return the word of a value such as a state; one that nobody knows shows its own name."""
        text = self._catalogue.get(f"{group}.{value}", value)
        return printed(text) if self.language == "zh" else text

    def kind(self, name: str) -> str:
        """Return what can be reported in words."""
        row = kind.of(name)
        word = self._catalogue.get(f"kind.{name}", row.zh if self.language == "zh" else row.en)
        return word if self.language == "zh" else word[:1].upper() + word[1:]

    def told(self, say: Say) -> str:
        """Return what the gateway itself says, in this language."""
        return self.pair(say.zh, say.en)

    def pair(self, zh: str, en: str) -> str:
        """Return one of two sentences."""
        return printed(zh) if self.language == "zh" else en

    def clock(self, wall: str | float, now: float, *, exact: bool = True) -> str:
        """Return a time as people of the home read it: the date only where it is another day."""
        at = _local(wall, self._zone)
        if at is None:
            return "?"
        text = at.strftime("%H:%M:%S" if exact else "%H:%M")
        today = datetime.fromtimestamp(now, UTC).astimezone(self._zone).date()
        if at.date() == today:
            return text
        key = "clock.day" if at.year == today.year else "clock.day_year"
        month = at.month if self.language == "zh" else f"{at:%b}"
        return f"{self._catalogue[key].format(day=at.day, month=month, year=at.year)} {text}"

    def local(self, wall: float, form: str) -> str:
        """Return a time of the home in a form of strftime."""
        at = _local(wall, self._zone)
        return at.strftime(form) if at else ""

    def span(self, seconds: float) -> str:
        """Return a span of time, exact to the second below an hour."""
        whole = round(abs(seconds))
        days, hours, minutes, rest = (
            whole // 86400,
            whole // 3600 % 24,
            whole // 60 % 60,
            whole % 60,
        )
        d, h, m, s = self._catalogue["span.units"].split(",")
        if days:
            parts = [f"{days}{d}", f"{hours}{h}" if hours else ""]
        elif hours:
            parts = [f"{hours}{h}", f"{minutes}{m}" if minutes else ""]
        elif minutes:
            parts = [f"{minutes}{m}", f"{rest}{s}" if rest else ""]
        else:
            parts = [f"{rest}{s}"]
        return " ".join(p for p in parts if p)

    def coarse(self, seconds: float) -> str:
        """Return a span of time, from one minute on without its seconds."""
        return self.span(seconds if seconds < 60 else seconds // 60 * 60)

    def ago(self, key: str, seconds: float, **values: object) -> str:
        """Return a sentence of how long ago something was; `<key>_now` is for just now."""
        return (
            self(f"{key}_now", **values)
            if seconds < WAITS.now
            else self(key, span=self.coarse(seconds), **values)
        )

    def size(self, count: int) -> str:
        """Return bytes for people."""
        return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _local(wall: str | float, zone: zoneinfo.ZoneInfo) -> datetime | None:
    try:
        at = (
            datetime.fromisoformat(wall)
            if isinstance(wall, str)
            else datetime.fromtimestamp(wall, UTC)
        )
        return at.astimezone(zone)
    except (ValueError, OverflowError, OSError):
        return None
