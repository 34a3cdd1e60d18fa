"""One enrolled device: its driver, and what is known of it since it was taken in."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from gateway.hear.waits import WAITS
from gateway.judge import danger
from gateway.judge.faults import fault
from gateway.words.clock import Moment
from gateway.words.driver import REPEATED, Driver, Heard, Model, Packet, Refusal, Report, only
from gateway.words.reading import DeviceId, Kind, is_plausible

LOG = logging.getLogger("eldercare")
# What may raise an alarm or a fault is believed only of a make that senses it: in a plain frame
# anybody can make a door say smoke. A replay, and a word that is not understood, is no sensor's
# word but the driver's own.
GUARDED = (danger.JUDGED | fault.JUDGED) - {Kind.REPLAYED, Kind.NOT_UNDERSTOOD}
ARMED = "confirmed"  # in a driver's memory: see drivers/_fresh.py

_NOT_SENSED = Refusal("not_sensed")
_IMPLAUSIBLE = Refusal("implausible")


class Enrolled(Struct):
    """One enrolled device: its driver and what is needed to make it anew. On the event loop."""

    device: DeviceId
    model: Model
    address: str  # BLE address, or serial port
    key: bytes | None
    driver: Driver
    payload: Mapping[str, bytes] | None = None
    makers: Mapping[int, bytes] | None = None
    fed: float = 0.0
    refused: dict[str, int] = field(default_factory=dict)
    rssi: int = 0
    codes: Mapping[str, str] = field(default_factory=dict)
    armed: float | None = None  # monotonic second until which its counter may begin anew
    alive: bool = False  # the last packet proved that the device lives
    # when a counter that was never heard before came, of a device that has a key
    proved: float = -math.inf
    replayed: float = -math.inf  # when a recording of it was last told
    # per source of its telegrams: the last data, and when
    told: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    # per button: when a call of it was heard last, also one that stands
    called: dict[int, float] = field(default_factory=dict)
    since: float = 0.0  # when it was taken in: what stands from before is the same call
    # what may be a danger and is on, as it was said last
    levels: dict[tuple[Kind, int], Report] = field(default_factory=dict)
    said: float = 0.0  # when it was
    # when it last proved that it lives, since it was taken in: before that nothing of it is known
    lived: float | None = None
    unread: float | None = None  # when it was last heard and could not be read with the key it has
    # what holds until it says otherwise, as it said since then
    states: dict[tuple[Kind, int], bool] = field(default_factory=dict)
    badge: bool = False  # it says who is here, and nothing of the home

    def __repr__(self) -> str:
        return f"Enrolled({self.device}, {self.model.name}, {self.address})"

    def arm(self, until: float) -> None:
        """Let it prove live, until this monotonic second, that its counter begins anew."""
        self.driver.memory = {**unarmed(self.driver.memory), ARMED: 1}
        self.armed = until

    def disarm(self, now: Moment) -> bool:
        """Take that back when its time is over; say whether it was."""
        if self.armed is None or now.mono < self.armed:
            return False
        self.armed, self.driver.memory = None, unarmed(self.driver.memory)
        return True

    def has_proved(self) -> bool:
        """Say whether it has just proved itself live, as it was armed to."""
        if self.armed is None or ARMED in self.driver.memory:
            return False
        self.armed = None
        return True

    def hear(self, packet: Packet) -> list[Heard]:
        """Return what its driver makes of a packet, and refuse what no such device can say."""
        try:
            heard: list[Heard] = list(self.driver.feed(packet))
        except Exception:  # one sensor's decoder must not end the hearing of all others
            LOG.exception(
                "device %s: driver %s failed on a packet: send us the output of `decode`",
                self.device,
                self.model.name,
            )
            return [Refusal("driver_failed")]
        return [self._believed(item) if isinstance(item, Report) else item for item in heard]

    def _believed(self, report: Report) -> Report | Refusal:
        if not is_plausible(report.kind, report.value, report.label):
            return _IMPLAUSIBLE
        if report.kind in GUARDED and report.kind not in self.model.senses:
            return _NOT_SENSED
        return report

    def proves_life(self, heard: Sequence[Heard], now: Moment) -> bool:
        """Say whether what a packet said proves that the device lives now."""
        says = [one for one in only(Report, heard) if one.kind is not Kind.REPLAYED]
        if self.key is None:
            return not heard or bool(says) or REPEATED in heard
        # a flagged call comes under an old counter
        if not heard or any(not item.flagged for item in says):
            self.proved = now.mono
            return True
        return REPEATED in heard and now.mono - self.proved < WAITS.burst


def unarmed(memory: Mapping[str, int | str]) -> dict[str, int | str]:
    """Return a driver's memory without a technician's word, which ends with the process."""
    return {name: value for name, value in memory.items() if name not in {ARMED, "rising"}}


def driver_of(
    model: Model,
    address: str,
    key: bytes | None,
    codes: Mapping[str, str],
    memory: Mapping[str, int | str],
) -> Driver:
    """Return a new driver with this memory, for a device of its own address or of taught codes."""
    if codes and model.learned is not None:
        return model.learned(codes, memory)
    return model.new(address, key, memory)
