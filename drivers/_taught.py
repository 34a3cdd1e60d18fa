"""Radio codes that were taught, one function after the other: EV1527 and PT2262 sensors.

    12f70 | a    20 bits of address, 4 of data: what the data means differs from maker to maker,
                 so each function is taught

Nobody acknowledges, counts or encrypts: a code can be recorded and played again, a neighbour may
own the same, and a dead sensor is as silent as a well one. The receiver's telegram names the code
as its source; the gateway makes a burst of equal codes one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from gateway.words.driver import (
    NOT_MINE,
    Behind,
    Enrol,
    Heard,
    Model,
    Packet,
    Picture,
    Refusal,
    Report,
    Telegram,
)
from gateway.words.reading import Kind

# s: codes come 10 to 30 times, some 50 ms apart; a second press after 3 s must be a second press
BURST = 1.5
BEHIND = Behind(receivers=("sonoff-rfbridge", "rflink"), same_within=BURST)
_LONGEST = 256  # bytes of a telegram's data that are looked at

TAMPER = Report(Kind.TAMPER, True)
LOW_BATTERY = Report(Kind.BATTERY_LOW, True)


# What owners of a make have published about its four data bits. A device that is enrolled is
# taught, whatever stands here.
_PUBLISHED = {"GS-WDS07": {"a": "open", "e": "closed", "4": "tamper"}}
_CODE = re.compile(r"[0-9A-F]{6}")


def pictures(packet: Packet) -> Iterable[Picture | Refusal]:
    """Draw a radio code of 24 bits."""
    if not isinstance(packet, Telegram) or not _CODE.fullmatch(packet.source):
        return (NOT_MINE,)
    code = packet.source.lower()
    said = {"kind": "code", "code": code, "address": code[:5], "data_nibble": code[5]}
    known = {make: words[code[5]] for make, words in _PUBLISHED.items() if code[5] in words}
    return (Picture(said | ({"as_published": known} if known else {})),)


class Taught:
    """One sensor: `codes` are its taught {function: signal}; `says` is what each function means."""

    def __init__(
        self, says: Mapping[str, Report], codes: Mapping[str, str], memory: Mapping[str, int | str]
    ) -> None:
        self.memory: dict[str, int | str] = dict(memory)
        self._says = {
            signal: says[function] for function, signal in codes.items() if function in says
        }

    pictures = staticmethod(pictures)

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Say what the code was taught as, and what the receiver adds about the battery."""
        if not isinstance(packet, Telegram):
            return (NOT_MINE,)
        report = self._says.get(packet.source)
        if report is None:
            return (NOT_MINE,)
        more = packet.data[:_LONGEST].split(b";")
        if b"BAT=LOW" in more:
            return (report, LOW_BATTERY)
        return (report, Report(Kind.BATTERY_LOW, False)) if b"BAT=OK" in more else (report,)


def taught(
    name: str,
    title: tuple[str, str],
    says: Mapping[str, Report],
    notes: tuple[str, str],
    *,
    endless: frozenset[Kind] = frozenset(),
) -> Model:
    """Return the model of a sensor whose functions mean `says`.

    `endless`: of what it says no end where `clear` is not taught.
    """
    says = {**says, "tamper": TAMPER, "low_battery": LOW_BATTERY}
    return Model(
        name=name,
        title=title,
        listens=BEHIND,
        senses=frozenset(report.kind for report in says.values()),
        missing_after=None,  # it speaks only when something happens
        new=lambda _address, _key, memory: Taught(says, {}, memory),
        learned=lambda codes, memory: Taught(says, codes, memory),
        enrol=Enrol.LEARN,
        functions=tuple(says),
        endless=endless,
        device_notes=(
            notes[0]
            + "逐项学习每个功能的信号,装好后和每月各实测一次:没电、损坏或被干扰时网关不会知道。",
            notes[1] + " Teach each function's signal; try it when mounted and every month: "
            "a flat, broken or jammed one is not noticed.",
        ),
    )
