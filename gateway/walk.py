"""A walk test: for a few minutes what one device says is a test, from its danger to the platform's receipt. All others are real.

What is said meanwhile is counted, so that somebody can see whether the device works from where it will be used.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.danger import Danger
from gateway.reading import NOT_A_CALL, DeviceId, Kind, Reading, Value

LONGEST = 300.0  # s; a device that is forgotten under test would be unprotected: then it ends by itself
SENT = 200  # entries whose receipts are waited for; a press more is counted all the same

# What is counted, by the kind that says it: the name of the count.
_COUNTED = {
    Kind.BUTTON: "presses",
    Kind.CONTACT_OPEN: "openings",
    Kind.FALL: "falls",
    Kind.STAY_STILL: "stays",
    Kind.MOTION: "motions",
    Kind.PRESENCE: "presences",
    Kind.OCCUPANCY: "occupied",
    Kind.SMOKE: "smokes",
    Kind.GAS: "gases",
    Kind.CO: "gases",
    Kind.MOISTURE: "leaks",
}


@dataclass(slots=True)
class Walk:
    """The one walk test that runs. Times are monotonic seconds."""

    device: DeviceId
    by: str
    began: float
    until: float
    counts: dict[str, int] = field(default_factory=dict)
    readings: int = 0
    flagged: int = 0  # of them, calls whose freshness was not proved
    alarms: dict[str, int] = field(default_factory=dict)  # kind -> number of the alarm that this test has opened
    on: dict[str, Danger] = field(default_factory=dict)  # kind -> what began in the test and has not ended
    worst: int | None = None  # weakest signal of a packet, dBm
    receipts: int = 0
    slowest: float | None = None  # s from an entry of the test to its receipt
    _sent: dict[int, float] = field(default_factory=dict)

    def heard(self, reading: Reading) -> None:
        """Count what the device said."""
        self.readings += 1
        self.flagged += reading.flagged
        name = _COUNTED.get(reading.kind)
        if name and reading.value is not False and reading.value not in NOT_A_CALL:
            self.counts[name] = self.counts.get(name, 0) + 1

    def signal(self, rssi: int) -> None:
        """Take the strength of a packet; 0 means that nobody measured it."""
        if rssi:
            self.worst = min(rssi, self.worst or rssi)

    def told(self, number: int, mono: float) -> None:
        """Wait for the receipt of an entry."""
        if len(self._sent) < SENT:
            self._sent[number] = mono

    def receipted(self, number: int, mono: float) -> None:
        """Take the receipt of an entry, if it is one of ours."""
        if (since := self._sent.pop(number, None)) is not None:
            self.receipts += 1
            self.slowest = max(mono - since, self.slowest or 0.0)

    def facts(self) -> dict[str, Value]:
        """Return how it stands, in plain values: what is not there has not been seen."""
        out: dict[str, Value] = {"readings": self.readings, "receipts": self.receipts, "without_receipt": len(self._sent), **self.counts}
        if self.flagged:
            out["not_proved_fresh"] = self.flagged
        if self.worst is not None:
            out["worst_dbm"] = self.worst
        if self.slowest is not None:
            out["receipt_s"] = round(self.slowest, 3)
        return out
