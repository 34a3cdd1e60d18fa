"""Who lives in the county's homes, with which sensors, and how often what happens to them.

Nobody has counted these homes. Each figure says what it stands on, and almost all say "guess": change one and run again.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.judge.alarm import State

HOUR, DAY = 3600.0, 86400.0
KEY = "5f0e3c2b7a6d49818c9d0e1f2a3b4c5d"  # of the cancel buttons: what is not sealed cancels nothing
RADAR, STICK = "/dev/serial/by-id/usb-radar", "/dev/serial/by-id/usb-rflink"
ZIGBEE = "mqtt://127.0.0.1:1883/zigbee2mqtt"
AREA = 12  # homes of one village, behind one transformer
OPEN = frozenset({State.RAISED, State.ACKNOWLEDGED, State.DISPATCHED, State.ON_SITE})


class Rate(NamedTuple):
    """How often, or how long: the figure, what it counts, and the ground it stands on."""

    value: float
    of: str
    ground: str

    @property
    def row(self) -> str:
        """Return it as a row of docs/truth.md."""
        return f"| {self.value:g} | {self.of} | {self.ground} |"


_G = "guess"
RATES: dict[str, Rate] = {
    # the residents
    "early": Rate(0.16, "share of homes whose resident gets up about 05:00", _G),
    "restless": Rate(0.16, "share of homes whose resident is up two to five times a night", _G),
    "couple": Rate(0.16, "share of homes with two residents, one of whom stays when the other goes out", _G),
    "visited": Rate(0.10, "share of homes with many visitors", _G),
    "confused": Rate(0.09, "share of homes whose resident presses, unplugs and forgets", _G),
    "bedridden": Rate(0.05, "share of homes whose resident is helped out of bed three times a day", _G),
    "up_at_night": Rate(1.0, "times up per night of all others", _G),
    "toilet_s": Rate(360, "s out of bed at night, median; log-normal, a twenty-fifth lasts over 20 min", _G),
    "seen_up": Rate(0.9, "share of mornings on which the movement sensor sees who got up within 10 min", _G),
    "out_per_day": Rate(1.0, "times out per day, 20 min to 5 h", _G),
    "takes_pendant": Rate(0.7, "share of times out with the pendant along", _G),
    "holiday": Rate(0.13, "share of homes empty for five to ten days, which nobody has told", _G),
    "airs": Rate(0.25, "share of homes aired through the door every morning, 10 to 40 min", _G),
    "forgets_door": Rate(0.01, "share of door openings left for 15 to 70 min", _G),
    # true emergencies, per home and month of 30 days
    "true_sos": Rate(0.08, "calls for help, by pendant or in the bath", _G),
    "true_fall": Rate(0.06, "falls before a radar", _G),
    "true_smoke": Rate(0.01, "fires", _G),
    "true_stay": Rate(0.02, "residents who lie still before a radar", _G),
    "true_night": Rate(0.03, "residents who do not come back to a bed with a sensor", _G),
    # alarms for nothing, per month
    "pocket_press": Rate(0.6, "presses by mistake, per pendant; five times that where somebody is confused", _G),
    "false_fall": Rate(1.5, "falls that were none, per radar; twice that with two in the home or visitors", _G),
    "cancels": Rate(0.5, "share of those that the resident cancels in time, where there is a button for it", _G),
    "false_stay": Rate(1.0, "residents who only sat still, per radar", _G),
    "cooking": Rate(0.15, "smoke from the stove, per detector", _G),
    "mopping": Rate(0.15, "wet floors, per leak sensor", _G),
    # sensors
    "battery_days": Rate(540, "days that a battery lasts, 360 to 720; all ages at the beginning", _G),
    "burst": Rate(4, "times of near-total radio loss per BLE sensor and month, 10 min in the median", _G),
    "loss": Rate(0.085, "share of packets lost, 0.02 to 0.15; an event is sent as a burst and lost by the square", _G),
    "hang": Rate(0.2, "hangs of the Bluetooth adapter per home and month, 3 to 40 min", _G),
    "unplug": Rate(0.5, "times that a radar is unplugged per month, 5 to 90 min; four times that where somebody is confused", _G),
    "usb": Rate(0.3, "times that a receiver's stick or zigbee2mqtt is away per month, 3 to 60 min", _G),
    "quiet_air": Rate(0.09, "share of homes with no neighbour's radio: gaps of minutes by day, of hours by night", _G),
    "no_beacon": Rate(
        0.07, "share of homes where the beacon mode of door and movement was forgotten: heard only when they have something to say", _G
    ),
    "chatters": Rate(0.05, "share of homes with a loose door contact: three times a day 20 to 60 changes within minutes", _G),
    "wet_contact": Rate(0.02, "share of homes with condensation on a leak sensor: on four days 10 to 40 changes in an hour", _G),
    "tested_by_press": Rate(
        0.5, "share of tests with the resident by a plain press, which is a real call; half of all others are left out", _G
    ),
    # power and network
    "cut": Rate(0.3, "power cuts per home and month, 5 min to 6 h", _G),
    "night_off": Rate(0.03, "share of homes that switch the box off each night", _G),
    "ups": Rate(0.25, "share of homes with a battery for three hours, which tells of the mains", _G),
    "late_time": Rate(0.12, "share of homes whose clock is confirmed only 10 to 25 min after power-up", _G),
    "mobile": Rate(0.4, "share of homes on a mobile line", _G),
    "mobile_drops": Rate(4, "drops of a mobile line per day, 10 s to 20 min", _G),
    "nightly": Rate(0.27, "share of homes whose router restarts each night", _G),
    "line": Rate(0.3, "outages of a fixed line per month, 30 min to 8 h", _G),
    "shared": Rate(1, "a month, each: a village without power for 70 min, a mobile cell away for 90, the platform away for 25", _G),
    # the desk
    "answer_p1_s": Rate(38, "s until a P1 is answered, median, log-normal", "guess; a comparable service promises 60"),
    "answer_p2_s": Rate(150, "s until a P2 is answered, median, log-normal", _G),
    "by_phone": Rate(0.75, "share of alarms for nothing that the desk closes by telephone; to all others somebody is sent", _G),
}


def rate(name: str) -> float:
    return RATES[name].value


# Makes per home: (share of homes, model); what is left has none. Where the air is quiet, or no Zigbee stick is there, see `drawn`.
MAKES: dict[str, tuple[tuple[float, str], ...]] = {
    "pendant": ((0.7, "shelly-blu-button"), (0.3, "zigbee-sos")),
    "bath": ((0.3, "ev1527-sos"), (0.3, "zigbee-sos"), (0.4, "shelly-blu-button")),
    "door": ((0.6, "shelly-blu-door"), (0.4, "zigbee-contact")),
    "motion": ((0.6, "shelly-blu-motion"), (0.4, "zigbee-motion")),
    "bed": ((0.75, "bthome-v2"),),
    "radar": ((0.6, "radar-5359"),),
    "cancel": ((0.25, "shelly-blu-button"),),
    "smoke": ((0.5, "ev1527-smoke"), (0.35, "zigbee-smoke")),
    "climate": ((0.45, "shelly-blu-ht"),),
    "leak": ((0.15, "zigbee-leak"),),
    "pressure": ((0.3, "gatt-blood-pressure"),),
}
ROOMS = {
    "pendant": "worn",
    "bath": "bath",
    "door": "hall",
    "motion": "living",
    "bed": "bedroom",
    "radar": "bath",
    "cancel": "bedroom",
    "smoke": "kitchen",
    "climate": "living",
    "leak": "bath",
    "pressure": "living",
}
MOST = 9  # sensors of a home


@dataclass(slots=True)
class Sensor:
    id: str
    model: str
    room: str
    at: str  # address, Zigbee name or taught signal; port of what has a line
    loss: float = 0.0

    @property
    def ble(self) -> bool:
        return self.model.startswith(("shelly", "bthome", "gatt"))

    @property
    def via(self) -> str:
        return "zigbee" if self.model.startswith("zigbee-") else "rf" if self.model.startswith("ev1527") else ""

    @property
    def stream(self) -> bool:
        """Whether it is heard every few seconds while all is well."""
        return self.model.startswith(("shelly", "radar", "zigbee2", "rflink"))


@dataclass(slots=True)
class Home:
    """One home. `air`: "" or "quiet"; `link`: mobile, nightly or line."""

    n: int
    who: str
    link: str
    village: int
    cell: int = 0
    quiet: bool = False
    no_beacon: bool = False
    chatters: bool = False
    wet_contact: bool = False
    night_off: bool = False
    ups: bool = False
    late_time: bool = False
    holiday: bool = False
    airs: bool = False
    repeats: bool = False  # its door says its state with each sign of life
    sensors: dict[str, Sensor] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"home-{self.n:03}"

    @property
    def mute(self) -> set[str]:
        """Sensors whose beacon mode was forgotten."""
        return {s.id for s in self.sensors.values() if s.id in ("door", "motion") and s.ble} if self.no_beacon else set()

    def config(self) -> str:
        """Return its gateway.toml."""
        out = [
            f'[gateway]\nid = "{self.id}"\nstate = "state"\nruntime = "run"\ntimezone = "Asia/Shanghai"\nmains = ""\n',
            "[consent]\nactivity = true\nclimate = true\nvital_signs = true\n",
            *(["[household]\nresidents = 2\n"] if self.who == "couple" else []),
            "[sound]\nvoice = false\n",
            '[platform]\nhost = "127.0.0.1"\nport = 1\ntls = false\n[radio]\nadapters = ["hci0"]\n',
        ]
        out += [f'[[ladder]]\nresponder = "{who}"\nwait = 120\n' for who in ("second desk", "family", "grid worker")]
        for s in self.sensors.values():
            out.append(f'[[device]]\nid = "{s.id}"\nmodel = "{s.model}"\nroom = "{s.room}"\n')
            if s.via == "rf":
                out.append(f'via = "rf"\ncodes = {{ {"alarm" if s.id == "smoke" else "press"} = "{s.at}" }}\n')
            elif s.via:
                out.append(f'via = "{s.via}"\naddress = "{s.at}"\n')
            else:
                out.append(f'{"address" if s.ble else "port"} = "{s.at}"\n')
            out += ["bed = true\n"] if s.id == "bed" else ["left_open = true\n"] if s.id == "door" else []
            out += ['buttons = { 1 = "cancel" }\n'] if s.id == "cancel" else []
        return "".join(out)


def drawn(homes: int, seed: int) -> list[Home]:
    """Return the homes of a county: the shares above as exact as whole homes allow, who has what by the die."""
    dice = random.Random(f"{seed} homes")
    whos = _shared(homes, ("early", "restless", "couple", "visited", "confused", "bedridden"), "alone", dice)
    links = _shared(homes, ("mobile", "nightly"), "line", dice)
    out = [Home(n, whos[n], links[n], n // AREA) for n in range(homes)]
    for name in ("quiet_air", "no_beacon", "chatters", "wet_contact", "night_off", "ups", "late_time", "holiday", "airs"):
        for home in dice.sample(out, round(homes * rate(name))):
            setattr(home, {"quiet_air": "quiet"}.get(name, name), True)
    for k, home in enumerate(h for h in out if h.link == "mobile"):
        home.cell = 1 + k // 9
    for home in out:
        home.sensors = _sensors(home, random.Random(f"{seed} sensors {home.n}"))
    return out


def _shared(homes: int, names: Sequence[str], rest: str, dice: random.Random) -> list[str]:
    out = [name for name in names for _ in range(round(homes * rate(name)))][:homes]
    out += [rest] * (homes - len(out))
    dice.shuffle(out)
    return out


def _sensors(home: Home, dice: random.Random) -> dict[str, Sensor]:
    out: dict[str, Sensor] = {}
    for k, (name, makes) in enumerate(MAKES.items()):
        chance = dice.random()
        if name == "bed" and home.who in ("bedridden", "restless", "couple", "confused"):
            chance = 0.0
        if (name == "cancel" and "radar" not in out) or len(out) >= MOST:
            continue
        model = ""
        for share, make in makes:
            if chance < share:
                model = make
                break
            chance -= share
        if home.quiet and model.startswith("shelly"):  # there the radio carries what speaks when it has something to say
            model = {"pendant": "zigbee-sos", "bath": "zigbee-sos", "door": "zigbee-contact", "motion": "zigbee-motion"}.get(name, "")
        if home.no_beacon and name == "door":
            model = "shelly-blu-door"
        model = "zigbee-leak" if name == "leak" and home.wet_contact else model
        if not model:
            continue
        at = {"zigbee": name, "radar-": RADAR}.get(model[:6], f"A4:C1:38:{home.n // 256:02X}:{home.n % 256:02X}:{k:02X}")
        at = f"EV1527;ID={home.n:05X}{k:X};SWITCH=01;CMD=ON" if model.startswith("ev1527") else at
        out[name] = Sensor(name, model, ROOMS[name], at, 0.0 if name == "radar" else dice.uniform(0.02, 0.15))
    if any(s.via == "zigbee" for s in out.values()):
        out["zigbee"] = Sensor("zigbee", "zigbee2mqtt", "", ZIGBEE)
    if any(s.via == "rf" for s in out.values()):
        out["rf"] = Sensor("rf", "rflink", "", STICK)
    return out
