"""Small stand-ins for what the parts of `tell` are built of."""

from datetime import UTC, datetime
from types import SimpleNamespace

from gateway.home.home import Home
from gateway.judge.faults.fault import Faults
from gateway.judge.notes import Notes
from gateway.tell.outbox import Lost
from gateway.words.clock import Moment, Quality
from gateway.words.times import Times

JOURNAL = "j1"


class Clock:
    """A clock that stands until it is moved; what waits by it waits no time."""

    boot = "boot-1"

    def __init__(self):
        self.mono, self.quality, self.seen = 100.0, Quality.SYNCHRONISED, []

    def now(self):
        return Moment(self.mono, datetime.fromtimestamp(1_800_000_000 + self.mono, UTC), self.quality)

    def proved(self, now):
        return now

    def shown(self, begins, ends):
        self.seen.append((begins, ends))

    def real(self, _seconds):
        return 0.0


class Pipeline:
    """Judges nothing, and remembers what it was told."""

    def __init__(self):
        self.faults, self.alarms, self.down, self.last, self.told = Faults({}, Times()), {}, frozenset(), 0, []

    def noticed(self, facts, _now):
        return [SimpleNamespace(fact=fact, number=7) for fact in facts]

    def know_down(self, programs):
        self.down = frozenset(programs)

    def linked(self, up, _now):
        self.told.append(("linked", up))
        return []

    def receipted(self, numbers, _now):
        self.told.append(("receipted", [*numbers]))
        return []

    def platform(self, *, away):
        self.told.append(("away", away))
        return []

    def answered(self, result, facts, _now):
        self.told.append(("answered", result.instruction.id, result.sent, [*facts]))
        return []


class Push:
    """Remembers what it was asked for. `waits`: something urgent does."""

    def __init__(self):
        self.asked, self.waits, self.pressed = [], False, False

    def urgent(self, _seconds):
        return self.waits

    def trust(self, accepted):
        self.asked.append(("trust", accepted is not None))

    def readings(self, *, wanted):
        self.asked.append(("readings", wanted))

    def up(self):
        self.asked.append("up")

    def down(self):
        self.asked.append("down")


class Link:
    """A link that is up, or not, and keeps what is sent on it."""

    certificate_begins, certificate_ends, version, turned_away, pause = 1.0, 2.0, "5", False, 0.0

    def __init__(self):
        self.connected, self.sent = True, []

    async def publish(self, topic, payload, *, retain=False):
        if not self.connected:
            raise Lost
        self.sent.append((topic, payload, retain))

    async def say_now(self, topic, payload, _seconds):
        await self.publish(topic, payload)


def home(**config):
    """Return a home of a few keys."""
    return Home(Plain(**{"times": Times(), "platform": None, "devices": (), "ladder": (), "informed": (), **config}), "gw-1")


class Plain(SimpleNamespace):
    """A configuration of a few keys."""

    @property
    def everybody(self):
        return (*self.ladder, *self.informed)


def platform(host="first", receipts="platform"):
    return SimpleNamespace(host=host, port=8883, receipts=receipts)


def notes(pipeline):
    return Notes(pipeline.faults, pipeline.noticed, lambda: None)


def turn(notes, clock):
    """Let everything that waits be written down; return what was told."""
    told = []
    while notes:
        told += [entry.fact for note in notes.take() for entry in note(clock.now())]
    return told
