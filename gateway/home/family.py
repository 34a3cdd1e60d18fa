"""What relatives would read who are informed: for the page, before anybody is."""

from __future__ import annotations

from gateway.home.config import Config
from gateway.sms import family
from gateway.sms.people import Language

_WEEK = "1y2y3y4?5y6y7y"


def samples(config: Config) -> list[tuple[str, str]]:
    """Return (zh, en) of an alarm, that somebody has it, that it is over, and of a week."""
    home = config.household.household
    name = (home.number if home else "") or config.place.area
    days = _WEEK if config.parts.consent.activity else ""

    def said(reason: str, language: Language) -> str:
        return family.composed(
            reason=reason,
            home=name,
            since="02:10",
            days=days,
            is_open=False,
            language=language,
        )

    each = (family.ALARM, family.TAKEN, family.OVER, family.WEEK)
    return [(said(reason, "zh"), said(reason, "en")) for reason in each]
