"""Reports -> what `decode` prints, in the form of the vectors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.words.driver import Report
from gateway.words.reading import FORMS, Form, Kind, is_plausible

_IMPLAUSIBLE = (
    "no thing of a home can have such a value: a fault of the measurement, and no reading"
)


class Told:
    """What a driver has said so far, in the form the vectors use. Pure."""

    def __init__(self, reports: Iterable[Report]) -> None:
        self.events: list[dict[str, Any]] = []
        self.states: dict[str, Any] = {}
        self.measures: dict[str, Any] = {}
        # numbers that no thing of a home can have: no readings
        self.implausible: dict[str, Any] = {}
        self.about: dict[str, Any] = {}  # who a beacon says it is: what a technician teaches from
        for report in reports:
            self.add(report)

    def add(self, report: Report) -> None:
        """Take one report."""
        form = FORMS[report.kind]
        if report.kind is Kind.REPLAYED:
            return
        if form is Form.EVENT:
            extra = dict(report.extra or {})
            event: dict[str, Any] = {"type": report.kind.value, "action": report.value}
            if extra.pop("of", 1) != 1:  # the source has several of these: which one
                event["index"] = report.index
            self.events.append(event | extra | ({"flagged": True} if report.flagged else {}))
        elif form in (Form.STATE, Form.MEASURE):
            name = report.label or report.kind.value
            told_as = (report.extra or {}).get("name")
            table = self.states if form is Form.STATE else self.measures
            if not is_plausible(report.kind, report.value, report.label):
                table = self.implausible
            table[
                str(told_as) if told_as else name if report.index == 1 else f"{name}_{report.index}"
            ] = report.value
        elif report.extra and "protocol" in report.extra:
            self.about |= {
                str(report.extra["protocol"]): {
                    key: v for key, v in report.extra.items() if key != "protocol"
                }
            }

    @property
    def strange(self) -> dict[str, Any]:
        """What the driver could not read and will not take for silence."""
        name = Kind.NOT_UNDERSTOOD.value
        return {name: self.states[name]} if name in self.states else {}

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return (
            {"events": self.events, "states": self.states, "measures": self.measures}
            | self.about
            | ({"implausible": self.implausible, "error": _IMPLAUSIBLE} if self.implausible else {})
        )
