"""An example household for the page: a day and a half of a resident who lives alone, judged by the real pipeline and written by the
real store. Nobody lives here; every name in it is made up, and some are there only to be looked for where they must not be."""

import asyncio
import json
import random
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drivers import all_models
from gateway import __version__
from gateway.hear.intake import STATES
from gateway.home import certificates, commissioning
from gateway.home.config import load
from gateway.home.parts import Signature, Signing
from gateway.judge.dispatch import Rung
from gateway.judge.signals import HOUR, Row
from gateway.judge.watch import CANCEL, NOTHING, Watch
from gateway.keep.journal import Writing
from gateway.keep.store import Store
from gateway.words.clock import stamp
from gateway.words.reading import Kind, Reading

from tests.kit.hand import Day, HandClock, Home
from tests.kit.waits import changed

SECRET_NAME = "王秀英"  # an example of a name that somebody typed where it does not belong
SECRET_WORD = "sentinel-broker-password"
SECRET_KEY = "feedfacecafebeef0011223344556677"
PASSWORD = "mountain tea at seven"
ROOMS = {
    "pendant": "随身",
    "bathroom-button": "浴室",
    "front-door": "入户门",
    "hall-motion": "过道",
    "bedroom-radar": "卧室",
    "bedroom-climate": "卧室",
    "kitchen-smoke": "厨房",
}
MODELS = {
    "pendant": "shelly-blu-button",
    "bathroom-button": "shelly-blu-button",
    "front-door": "shelly-blu-door",
    "hall-motion": "shelly-blu-motion",
    "bedroom-radar": "radar-5359",
    "bedroom-climate": "shelly-blu-ht",
    "kitchen-smoke": "bthome-v2",
}
WATCHES = tuple(
    Watch(
        device=name,
        room=room,
        buttons={"pendant": {2: CANCEL}, "front-door": {1: NOTHING}, "hall-motion": {1: NOTHING}}.get(name, {}),
        left_open=600 if name == "front-door" else 0,
    )
    for name, room in ROOMS.items()
)
LADDER = (Rung("网格员", "platform", 120.0), Rung("护理站", "platform", 120.0))
GATEWAY = "example-home"
DEVICES = """
[[device]]
id = "pendant"
model = "shelly-blu-button"
room = "随身"
address = "A4:C1:38:00:53:01"
[[device]]
id = "front-door"
model = "shelly-blu-door"
room = "入户门"
address = "A4:C1:38:00:53:02"
"""
STEP = 600.0
CONFIG = """
[consent]
activity = true
climate = true
vital_signs = true
[sound]
voice = false
[gateway]
id = "example-home"
state = "state"
runtime = "run"
timezone = "Asia/Shanghai"
[platform]
host = "mqtt.example.org"
username = "sentinel-user"
[page]
port = {port}
http_port = {http}
address = "127.0.0.1"
[[ladder]]
responder = "网格员"
[[ladder]]
responder = "护理站"
"""


def configured(folder: Path, *, port: int = 8443, http: int = 8080) -> Path:
    """Write the household's configuration and its secrets."""
    path = folder / "gateway.toml"
    path.write_text(CONFIG.format(port=port, http=http), encoding="utf-8")
    (folder / "state").mkdir(exist_ok=True)
    (folder / "run").mkdir(exist_ok=True)
    secrets = folder / "secrets.toml"
    secrets.touch(mode=0o600)
    secrets.write_text(f'password = "{SECRET_WORD}"\n[keys]\npendant = "{SECRET_KEY}"\n', encoding="utf-8")
    return path


class Example:
    """One household on disk. `config` is what the page is made with."""

    def __init__(self, folder: Path, *, open_alarms: bool = True, calm: bool = False, **ports: int) -> None:
        self.path = configured(folder, **ports)
        self.config = load(self.path, all_models(), with_secrets=False)
        self.folder = folder
        self.day = None
        self.states: dict[str, dict[str, bool]] = {}  # what holds by the devices' own word
        self.calm = calm
        with changed("judge", look_every=60.0):  # what no deadline wakes it for is looked at once a minute of this day
            asyncio.run(self._live(open_alarms=open_alarms))

    async def _live(self, *, open_alarms: bool) -> None:
        hours = 30
        begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours)
        clock = HandClock(begin, boot="boot-example")
        day = self.day = Day(Home(watches=WATCHES, ladder=LADDER, missing_after=1800.0), clock)
        chance = random.Random(11)
        readings: list[Reading] = []

        def hear(device: str, kind: Kind, value: object, **more: object) -> None:
            readings.append(Reading(device=device, kind=kind, value=value, at=clock.now(), **more))
            if kind in STATES:
                self.states.setdefault(device, {})[kind.value] = bool(value)
            day.hear(device, kind, value, **more)

        steps = int(hours * 3600 / STEP)
        for n in range(steps):
            local = (clock.wall + timedelta(hours=8)).hour
            awake = 6 <= local < 22
            for device in ROOMS:
                if device == "bedroom-climate" and n > steps - 20 and not self.calm:
                    continue  # silent for three hours
                if device == "bedroom-radar":
                    continue  # on a wire
                hear(device, Kind.BATTERY, 12 if device == "pendant" and not self.calm and n > 40 else 88)
            hear("bedroom-radar", Kind.PRESENCE, not awake or chance.random() < 0.3)
            for _ in range(chance.randrange(4) if awake else chance.random() < 0.08):
                hear("hall-motion", Kind.MOTION, True)
            if awake and chance.random() < 0.12:
                hear("front-door", Kind.CONTACT_OPEN, True)
                day.wait(90)
                hear("front-door", Kind.CONTACT_OPEN, False)
            if n == 30:
                self._fall(day, hear)
            if n == 70:
                self._pressed(day, hear)
            if n == 90:
                self._tested(day)
            if n == 120 and not self.calm:
                hear("kitchen-smoke", Kind.TAMPER, True)
            day.at((n + 1) * STEP)
        day.receipt()
        if open_alarms:
            self._open(day, hear)
        await self._write(readings)
        self._certified()

    def _certified(self) -> None:
        """Keep a certificate of when the home was set up, before any device was enrolled."""
        at = stamp("boot-example", self.day.clock.now())
        what = commissioning.facts(
            self.config,
            commissioning.Seen(),
            gateway=GATEWAY,
            journal="j1",
            software=__version__,
            mains=False,
            clock="synchronised",
            faults=(),
        )
        signing = Signing(seen=certificates.fingerprint(what), signature=Signature(how="drawn", strokes=((80, 150, 60, -90, 40, 80),)))
        made = certificates.signed(what, 1, by="T-07 (192.168.1.20)", at=at, signing=signing, instruction="page-example")
        certificates.keep(self.config.state, made)

    def _fall(self, day: Day, hear: object) -> None:
        hear("bedroom-radar", Kind.FALL, True)
        day.wait(31)
        day.receipt()
        self._through(day, outcome="helped", reason=f"{SECRET_NAME}已扶起", minutes=8)

    def _pressed(self, day: Day, hear: object) -> None:
        hear("bathroom-button", Kind.BUTTON, "press")
        day.wait(1.4)
        day.receipt()
        self._through(day, outcome="no_help_needed", reason="", minutes=4)

    def _through(self, day: Day, *, outcome: str, reason: str, minutes: float) -> None:
        alarm = day.alarm.id
        day.wait(21)
        day.tell("acknowledge", by="呼叫台 desk 2", alarm=alarm)
        day.wait(38)
        day.tell("dispatch", by="呼叫台 desk 2", alarm=alarm, responder="网格员", seconds=600.0)
        day.wait(minutes * 60)
        day.tell("arrive", by="网格员", alarm=alarm)
        day.wait(400)
        day.tell("close", by="网格员", alarm=alarm, outcome=outcome, reason=reason)
        day.receipt()

    def _tested(self, day: Day) -> None:
        day.tell("test", by="T-07 (192.168.1.20)")
        day.wait(1.2)
        day.receipt()
        day.wait(4)
        day.tell("close", by="T-07 (192.168.1.20)", alarm=day.alarm.id, outcome="test")

    def _open(self, day: Day, hear: object) -> None:
        hear("bedroom-radar", Kind.FALL, False)
        hear("bedroom-radar", Kind.FALL, True)
        day.wait(31)
        day.receipt()
        day.wait(14)
        day.tell("acknowledge", by="呼叫台 desk 1", alarm=day.alarm.id)
        day.wait(25)
        hear("pendant", Kind.BUTTON, "press")
        day.wait(1.1)
        day.receipt()
        day.wait(6)

    async def _write(self, readings: list[Reading]) -> None:
        store = Store(self.config.state, GATEWAY)
        await store.run(store.open)
        await store.commit(Writing(entries=self.day.entries))
        for n in range(0, len(readings), 200):
            await store.readings.keep(readings[n : n + 200], "boot-example", () if n else self._weeks())
        await store.close()
        self.say()

    def _weeks(self) -> list[Row]:
        """Seven weeks of signals: the front door fades and is silent for three days, the pendant's battery runs down."""
        chance, out = random.Random(7), []
        hour = int(self.day.clock.now().wall.timestamp() // HOUR)
        for back in range(49 * 24, 0, -6):
            for device, strength in (
                ("pendant", -62),
                ("bathroom-button", -66),
                ("front-door", -70),
                ("hall-motion", -58),
                ("kitchen-smoke", -89),
            ):
                age = 49 - back // 24
                if device == "front-door" and 20 <= age < 23:
                    continue
                usual = strength - (age // 4 if device == "front-door" else 0) + chance.randrange(-3, 4)
                battery = 96 - age * 1.7 if device == "pendant" else 92.0
                out.append(Row(hour - back, device, 300, usual - chance.randrange(4, 14), usual, battery))
            out.append(Row(hour - back, "bedroom-radar", 3000, 0, 0, None))
        return out

    def say(self, **changed: object) -> None:
        """Write the status file as the daemon would."""
        day = self.day
        now = day.clock.now()
        facts = {
            "gateway": GATEWAY,
            "software": __version__,
            "pid": 1,
            "boot": "boot-example",
            "written": time.time() + 3600,
            "wall": now.wall.isoformat(),
            "mono": now.mono,
            "clock": "synchronised",
            "store": str(self.config.state),
            "degraded": "",
            "journal": "j1",
            "last": len(day.entries),
            "waiting": 2,
            "waiting_batches": 1,
            "receipts": "platform",
            "uplink": {"configured": True, "connected": True, "version": "5", "where": "mqtt.example.org:8883"},
            "radio": [{"adapter": "hci0", "hearing": True, "trouble": "", "adverts": 48211, "restarts": 0, "silent_s": 0.4}],
            "lines": [{"port": "/dev/serial/by-id/example", "open": True, "received": 90211}],
            "strangers": 3120,
            "repeats": 8120,
            "devices": [
                {
                    "device": d,
                    "model": MODELS[d],
                    "room": room,
                    "heard_s": round(now.mono - day.pipeline.faults.heard_at[d], 1),
                    "missing_after": 1800.0,
                    "rssi": 0 if d == "bedroom-radar" else {"kitchen-smoke": -91, "front-door": -82}.get(d, -64),
                    "refused": {"not_sensed": 3, "crc": 2} if d == "front-door" else {},
                    "shelved": False,
                    "heard": True,
                    "states": self.states.get(d, {}),
                }
                for d, room in ROOMS.items()
            ],
            "alarms": [],
            "card": {"written_mb": 11.2, "over_h": 24.0, "day_mb": 11.2, "budget_mb": 30.0},
            "faults": [{"kind": k, "device": d, "since_s": 9.0} for k, d in day.pipeline.faults.on],
            "away": False,
        }
        (self.config.runtime / "status.json").write_text(json.dumps(facts | changed, ensure_ascii=False), encoding="utf-8")

    def copy(self, folder: Path, **ports: int) -> "Example":
        """Return the same household in another folder, its page on other `ports`."""
        new = object.__new__(Example)
        shutil.copytree(self.folder, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("page*"))
        if ports:
            configured(folder, **ports)
        new.folder, new.path, new.day, new.calm, new.states = folder, folder / "gateway.toml", self.day, self.calm, self.states
        new.config = load(new.path, all_models(), with_secrets=False)
        new.say()
        return new
