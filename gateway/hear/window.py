"""The hearing window: at most four minutes in which strangers are remembered, not only counted.

Outside a window nothing of a stranger is kept. Inside it `Window` is told every advertisement and
telegram: by `devices` on the command line, or by `hearing` while a sensor is added on the page.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from msgspec import Struct, field

from gateway.hear.enrolled import driver_of
from gateway.hear.makes import OTHERS, address_kind, guess, maker
from gateway.hear.waits import WAITS
from gateway.home.devices import Device
from gateway.home.nearby import AT_MOST, Nearby, NearDevice, NearSignal
from gateway.home.waits import WAITS as HOME
from gateway.words.driver import (
    NOT_MINE,
    Advertisement,
    Behind,
    BleAdvert,
    Driver,
    Enrol,
    GattService,
    Inputs,
    Model,
    Refusal,
    Report,
    Teachable,
    Telegram,
    only,
)
from gateway.words.reading import FORMS, Form, Kind, Value

# signals behind receivers, and of each address that is taught; the one not heard for longest is
# forgotten first
SIGNALS_AT_MOST = 50
TOLD_AT_MOST = 16  # kinds of events and states kept for each address, the first ones
VALUES_AT_MOST = 4  # values kept of each of them, the latest ones

LOG = logging.getLogger("eldercare")
# that tell no make
_EVERYBODYS = frozenset({Kind.BATTERY, Kind.BATTERY_LOW, Kind.TAMPER, Kind.HEARTBEAT})
_TEACH_IN = Refusal("teach_in")


class Neighbour(Struct):
    """One address heard in the window. Part of `Window`, on the event loop.

    `told` is what it said, by kind, as far as its make is known and its key is not missing.
    """

    address: str
    address_kind: str
    enrolled: Device | None
    name: str = ""
    model: Model | None = None
    maker: str = ""
    packets: int = 0
    rssi: int = 0
    best: int = -127
    at: float = 0.0
    told: dict[str, list[Value]] = field(default_factory=dict)
    refused: str = ""
    # when somebody last did something with it: pressed, opened, walked by
    acted: float | None = None
    driver: Driver | None = None
    last: Advertisement | None = None
    signals: dict[str, Signal] = field(default_factory=dict)  # where its signals are taught

    @property
    def needs_key(self) -> bool:
        """True where it encrypts and no key is known."""
        return self.refused == "bindkey_required"

    @property
    def enrollable(self) -> bool:
        """True unless its address is one that changes: then it is a phone or a watch."""
        return self.address_kind != "private"

    def facts(self, now: float) -> NearDevice:
        """Return it as the page is told."""
        return NearDevice(
            address=self.address,
            address_kind=self.address_kind,
            enrollable=self.enrollable,
            name=self.name,
            model=self.model.name if self.model else "",
            title=list(self.model.title) if self.model else ["", ""],
            maker=self.maker,
            enrolled=self.enrolled.id if self.enrolled else "",
            needs_key=self.needs_key,
            refused=self.refused,
            told=self.told,
            packets=self.packets,
            rssi=self.rssi,
            best=self.best,
            silent_s=round(now - self.at, 1),
            acted_s=None if self.acted is None else round(now - self.acted, 1),
            signals=[signal.facts(now) for signal in reversed(self.signals.values())],
        )


class Signal(Struct):
    """What can be taught, or is enrolled by its name. Part of `Window`, on the event loop.

    It is a radio code, a sender's number, an input, a Zigbee name, a beacon's signal.
    """

    source: str
    receiver: str = ""
    enrolled: Device | None = None
    times: int = 0
    rssi: int = 0
    at: float = 0.0
    acted: float | None = None
    model: Model | None = None  # its make, where what it said tells
    introduced: bool = False  # it has named its profile itself
    told: dict[str, list[Value]] = field(default_factory=dict)
    data: bytes | None = None

    def facts(self, now: float) -> NearSignal:
        """Return it as the page is told."""
        return NearSignal(
            receiver=self.receiver,
            signal=self.source,
            times=self.times,
            rssi=self.rssi,
            enrolled=self.enrolled.id if self.enrolled else "",
            model=self.model.name if self.model else "",
            told=self.told,
            silent_s=round(now - self.at, 1),
            acted_s=None if self.acted is None else round(now - self.acted, 1),
        )


class Window:
    """A time in which everything heard is remembered, on the event loop.

    Bounds: AT_MOST addresses, and HOME.window seconds from when it was opened. `models` are all
    supported ones, `devices` the enrolled ones; times are monotonic seconds.
    """

    def __init__(
        self, models: Mapping[str, Model], devices: Iterable[Device], now: float, seconds: float
    ) -> None:
        self.opened = now
        self.until = now
        self.forgotten = 0  # addresses that were one too many
        self.neighbours: dict[str, Neighbour] = {}  # the one heard last stands last
        self.signals: dict[tuple[str, str], Signal] = {}  # by receiver and source
        self._models = models
        self.know(devices)
        self.extend(now, seconds)

    def know(self, devices: Iterable[Device]) -> None:
        """Learn who is enrolled, now and whenever that changes."""
        devices = list(devices)
        self._devices = {d.id: d for d in devices}
        self._enrolled = {
            d.at: d for d in devices if isinstance(d.model.listens, BleAdvert | GattService)
        }
        self._taught = {
            (d.via, source): d for d in devices if d.via for source in (d.codes.values() or (d.at,))
        }
        for one in self.neighbours.values():
            one.enrolled = self._enrolled.get(one.address)
        for key, signal in self.signals.items():
            signal.enrolled = self._taught.get(key)

    def extend(self, now: float, seconds: float) -> None:
        """Keep it open for `seconds` from now, as far as its bound allows; never shorten it."""
        self.until = min(self.opened + HOME.window, max(self.until, now + max(0.0, seconds)))

    def close(self, now: float) -> None:
        """End it."""
        self.until = now

    def is_open(self, now: float) -> bool:
        """Say whether it is still open."""
        return now < self.until

    def heard(self, advert: Advertisement, kind: str, now: float) -> None:
        """Take one advertisement; `kind` is the address type as bluetoothd names it."""
        if not self.is_open(now):
            return
        one = self.neighbours.pop(advert.address, None)
        if one is None:
            one = Neighbour(
                advert.address,
                address_kind(advert.address, kind),
                self._enrolled.get(advert.address),
            )
        self.neighbours[advert.address] = one
        if len(self.neighbours) > AT_MOST:
            del self.neighbours[next(iter(self.neighbours))]
            self.forgotten += 1
        one.packets += 1
        one.rssi, one.at = advert.rssi, now
        one.best = max(one.best, advert.rssi)
        one.name = advert.name or one.name
        try:
            self._understand(one, advert)
        except Exception:  # a driver that fails on a stranger must not end the hearing of all
            LOG.exception(
                "nearby %s: a driver failed on its packet: send us the output of `decode`",
                advert.address,
            )
            one.refused = "driver_failed"

    def behind(self, receiver: str, telegram: Telegram, now: float) -> None:
        """Take what a receiver heard from a device behind it."""
        if not self.is_open(now):
            return
        key = (receiver, telegram.source)
        one = self.signals.pop(key, None)
        before = one.data if one is not None else None
        if one is None:
            one = Signal(telegram.source, receiver, self._taught.get(key))
        _remember(self.signals, key, one)
        one.times += 1
        one.rssi, one.at, one.data = telegram.rssi or one.rssi, now, telegram.data
        host = self._devices.get(receiver)
        if host is None or telegram.retained:
            return
        # an input is told again and again: only its change is somebody's doing
        if isinstance(host.model.listens, Inputs):
            if before is not None and before != telegram.data:
                one.acted = now
            return
        try:
            self._recognise(one, host.model, telegram)
        except Exception:  # as with advertisements
            LOG.exception(
                "nearby %s behind %s: a driver failed on its telegram:"
                " send us the output of `decode`",
                telegram.source,
                receiver,
            )

    def _recognise(self, one: Signal, host: Model, telegram: Telegram) -> None:
        """Put down in `one` which make behind its receiver takes all that a telegram says.

        A code that must be taught is told as somebody's doing each time.
        """
        best = (0, 0)
        known = False
        introduced: list[Model] = []
        for model in self._models.values():
            if (
                not isinstance(model.listens, Behind)
                or host.name not in model.listens.receivers
                or model.enrol is Enrol.LEARN
            ):
                continue
            known = True
            heard = list(model.new(telegram.source, None, {}).feed(telegram))
            introduced += [model] if _TEACH_IN in heard and NOT_MINE not in heard else []
            said = only(Report, heard)
            fits = sum(r.kind in model.senses and r.kind not in _EVERYBODYS for r in said)
            # of two that take as much, the one that is for less else
            score = (fits, -len(model.senses))
            if fits and score > best and (not one.introduced or model is one.model):
                best = score
                one.model = model
                news = _tell(one.told, said)
                one.acted = one.at if news else one.acted
        if len(introduced) == 1:  # it has named its profile, and only one make has it
            one.model, one.acted, one.introduced = introduced[0], one.at, True
        if not known:
            one.acted = one.at

    def _understand(self, one: Neighbour, advert: Advertisement) -> None:
        """Guess the make and take what it says. A repeat of the same bytes costs little."""
        last, one.last = one.last, advert
        news = (
            last is None
            or (last.service_data, last.manufacturer_data)
            != (advert.service_data, advert.manufacturer_data)
            or (last.name, last.service_uuids) != (advert.name, advert.service_uuids)
        )
        if not news:
            return
        model = one.enrolled.model if one.enrolled is not None else guess(advert, self._models)
        one.maker = maker(advert) or one.maker
        if model is None:
            return
        if model is not one.model:
            one.model = model
            # It has heard nothing before, and what it finds fresh moves no counter.
            key, codes = (one.enrolled.key, one.enrolled.codes) if one.enrolled else (None, {})
            one.driver = driver_of(model, advert.address, key, codes, {})
        assert one.driver is not None  # made with the model
        heard = list(one.driver.feed(advert))
        for said in only(Refusal, heard):
            if said.reason not in OTHERS | {"repeated", "unproved"}:
                one.refused = said.reason
            if one.needs_key:  # what it says cannot be read; that it speaks anew is told
                one.acted = one.at
        said_now = [
            r
            for r in only(Report, heard)
            if FORMS[r.kind] in (Form.EVENT, Form.STATE) and r.kind is not Kind.REPLAYED
        ]
        if said_now:
            one.refused = ""
        if _tell(one.told, said_now):
            one.acted = one.at
        if model.enrol is Enrol.LEARN:
            self._signalled(one, cast("Teachable", one.driver).signal)

    def _signalled(self, one: Neighbour, source: str) -> None:
        """Remember a signal that may be taught.

        Another than the one before is somebody's doing, as is a first one after a while.
        """
        if not source:
            return
        last = next(reversed(one.signals), "")
        signal = one.signals.pop(source, None) or Signal(source)
        _remember(one.signals, source, signal)
        signal.times += 1
        signal.rssi, signal.at = one.rssi, one.at
        if source != last and (last or one.at - self.opened > WAITS.window_settled):
            one.acted = signal.acted = one.at

    def facts(self, now: float, radios: Sequence[str] = ()) -> Nearby:
        """Return everything remembered, strongest signal first.

        `radios` says what is wrong with each radio, "" = it hears. Signals that receivers heard are
        newest first: what can be taught, or enrolled by its name.
        """
        strongest = sorted(self.neighbours.values(), key=lambda n: (-n.best, n.address))
        return Nearby(
            opened=self.opened,
            written=now,
            until=self.until,
            open=self.is_open(now),
            radios=list(radios),
            forgotten=self.forgotten,
            signals=[signal.facts(now) for signal in reversed(self.signals.values())],
            heard=[one.facts(now) for one in strongest],
        )


def _remember(known: dict[Any, Signal], key: object, one: Signal) -> None:
    known[key] = one
    if len(known) > SIGNALS_AT_MOST:
        del known[next(iter(known))]


def _tell(told: dict[str, list[Value]], said: Iterable[Report]) -> bool:
    """Put down events and states; say whether there was an event, or a state that is another."""
    acted = False
    for report in said:
        form = FORMS[report.kind]
        if form not in (Form.EVENT, Form.STATE):
            continue
        key = report.label or report.kind.value
        values = told.setdefault(key, []) if key in told or len(told) < TOLD_AT_MOST else []
        if form is Form.EVENT or (values[-1] != report.value if values else report.value is True):
            acted = True
        if form is Form.EVENT or values[-1:] != [report.value]:
            values.append(report.value)
            del values[:-VALUES_AT_MOST]
    return acted
