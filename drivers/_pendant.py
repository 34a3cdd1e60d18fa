"""Pendants that call by which beacon signal they send: iBeacon, AltBeacon, Eddystone UID.

None of them has a counter. How they call differs, and the technician's teaching says which it is. A
taught code is a whole signal or its beginning up to a slash (`uuid/major` takes every minor); the
longest that fits decides.

    only on press     Silent until pressed, then one signal for some seconds. Teach `press` alone.
                      Each sighting calls: the intake takes equal packets within 5 s as one, a
                      longer burst calls again and joins the open alarm. It cannot be supervised.
    changes on press  Sends one signal always and another (minor, major or uuid) for a while after
                      the press. Teach `press` and `idle`: a burst calls once. The silence of the
                      idle signal can be noticed, if the household sets missing_after for it.
    alternates        Sends the idle and the calling signal by turns while pressed. The same: one
                      call, until the calling signal was away for two other packets in a row. The
                      intake takes equal packets within 5 s as one, so these are at least 5 s of
                      quiet. Where other data changes in between, it is sooner, never later.

A call whose quiet was never heard stands (`Standing`): heard again long after, it is a new one,
which the gateway's clock decides. `memory` holds `pressed`, the call that has not been followed by
quiet. The first sighting after a restart of a call that stands there may be the receiver's cache or
a new press: it calls, flagged. Nothing proves that a signal is not a copy: whoever is near can
record and send it. Where that matters, use a sealed button.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from drivers._broadcast import LONGEST
from drivers._refusals import WRONG_LENGTH
from gateway.words.driver import (
    NOT_MINE,
    REPEATED,
    Advertisement,
    BleAdvert,
    Enrol,
    Heard,
    Model,
    Packet,
    Report,
    Standing,
)
from gateway.words.reading import Kind

IDLE = "idle"
CALLS = ("press", "double_press", "long_press")
FUNCTIONS = (*CALLS, IDLE)
NOTES = (
    (
        "登记时按一次,学习按下时的信号 (press);若平时也发信号,再学习平时的 (idle)。"
        "信号可能被复制;只在按下时发信号的无法监测在线,每月须试按。"
    ),
    (
        "Teach the signal it sends when pressed as press, and what it sends at other times, "
        "if anything, as idle. Signals can be copied; "
        "one that is silent until pressed cannot be supervised: press it by hand once a month."
    ),
)

_QUIET = 2  # other packets in a row after which a call counts as over
_KNOWN = 8  # frames whose reading is kept; all are forgotten when a ninth comes
_NOT_MINE = (NOT_MINE,)

# the signal ("" = this frame has none), and what else the frame says
Signed = tuple[str, "Sequence[Report]"]


def beacon(frame: bytes, protocol: str) -> Signed:
    """Return the signal of iBeacon's and AltBeacon's form: uuid, major, minor from byte 3 on."""
    raw, major, minor, power = struct.unpack_from(">16sHHb", frame, 2)
    uuid = raw.hex()
    about: dict[str, int | str] = {
        "protocol": protocol,
        "uuid": uuid,
        "major": major,
        "minor": minor,
        "tx_power": power,
    }
    return f"{uuid}/{major}/{minor}", (Report(Kind.HEARTBEAT, True, extra=about),)


class Pendant:
    """One pendant. Without codes it says which signals it hears: a technician teaches from them."""

    def __init__(
        self,
        pick: Callable[[Advertisement], bytes | None],
        read: Callable[[bytes], Signed | None],
        codes: Mapping[str, str],
        memory: Mapping[str, int | str],
    ) -> None:
        self.memory: dict[str, int | str] = dict(memory)
        self._pick = pick
        self._read = read
        taught = ((code.lower().replace("-", ""), function) for function, code in codes.items())
        self._codes = sorted(taught, key=lambda one: -len(one[0]))
        self._known: dict[bytes, Signed] = {}
        self._others = IDLE in codes  # it has other signals too, so quiet can be heard
        self._quiet = 0
        self._fresh = True  # no call heard since the start
        self.signal = ""

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode one advertisement."""
        frame = self._pick(packet) if isinstance(packet, Advertisement) else None
        if frame is None:
            return _NOT_MINE
        if len(frame) > LONGEST:
            return (WRONG_LENGTH,)
        signed = self._known.get(frame)
        if signed is None:
            signed = self._read(frame)
            if signed is None:
                return _NOT_MINE
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[frame] = signed
        signal, reports = signed
        self.signal = signal or self.signal
        function = self._function(signal)
        if function in CALLS:
            return self._called(function)
        return self._other(reports)

    def _function(self, signal: str) -> str:
        for code, function in self._codes:
            if signal == code or (signal.startswith(code) and signal[len(code)] == "/"):
                return function
        return IDLE

    def _other(self, reports: Sequence[Report]) -> Iterable[Heard]:
        self._others = True
        self._quiet += 1
        if self._quiet == _QUIET and "pressed" in self.memory:
            self.memory = {key: value for key, value in self.memory.items() if key != "pressed"}
        return reports

    def _called(self, action: str) -> Iterable[Heard]:
        same = self.memory.get("pressed") == action
        fresh, self._fresh, self._quiet = self._fresh, False, 0
        if same and not fresh and self._others:
            return (REPEATED, Standing("repeated", Report(Kind.BUTTON, action)))
        if not same:
            self.memory = {**self.memory, "pressed": action}
        return (Report(Kind.BUTTON, action, flagged=same and fresh),)


def pendant(
    name: str,
    title: tuple[str, str],
    listens: BleAdvert,
    pick: Callable[[Advertisement], bytes | None],
    read: Callable[[bytes], Signed | None],
    *further: Kind,
) -> Model:
    """Return the model of pendants of any maker. One that was taught nothing says what it hears."""
    return Model(
        name=name,
        title=title,
        listens=listens,
        senses=frozenset({Kind.BUTTON, *further}),
        general=True,
        missing_after=None,
        new=lambda _address, _key, memory: Pendant(pick, read, {}, memory),
        enrol=Enrol.LEARN,
        learned=partial(Pendant, pick, read),
        functions=FUNCTIONS,
        device_notes=NOTES,
    )
