"""Things die quietly: a stolen pendant, an empty battery, a receiver that somebody unplugged, a broker that is gone."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from gateway.words.driver import Advertisement, Published, uuid16
from gateway.words.kind import Priority

from tests.stories.life import DAY, HOUR, MINUTE, RECEIVER, Life

KEY = "231d39c1d7cc1ab1aee224cd096db932"
PENDANT, SMOKE = "A4:C1:38:00:00:21", "54:EF:44:E3:9C:BC"
MISSING = "device.missing"


def missing(life: Life, device: str) -> list[float]:
    return life.desk.said(MISSING, "raised", device)


# -- a stolen pendant -----------------------------------------------------------------------------------------------------

STOLEN = f"""
[[device]]
id = "pendant"
model = "shelly-blu-button"
room = "hall"
address = "{PENDANT}"
missing_after = 14400
"""


def test_a_keyed_pendant_is_missed_although_one_frame_of_it_is_played_every_hour(tmp_path):
    async def story():
        for _ in range(3):
            recorded = life.sealed(PENDANT, "0164")  # its beacon: battery 100 %
            await life.wait(20 * MINUTE)
        called = life.sealed(PENDANT, "3a01")  # and a press
        stolen = life.now
        await life.wait(10 * MINUTE)
        for n in range(8):
            life.air(PENDANT, called if n % 2 else recorded)
            await life.wait(HOUR, at_ease=False)
        (told,) = missing(life, "pendant")
        assert stolen + 4 * HOUR <= told <= stolen + 4 * HOUR + MINUTE
        assert life.daemon.faults.on[MISSING, "pendant"].priority is Priority.P2
        assert not life.desk.said(MISSING, "cleared", "pendant"), "and no recording brings it back"
        assert len(life.open) == 1, "nor calls a second time"

    with Life(tmp_path, devices=STOLEN, secrets=f'[keys]\npendant = "{KEY}"\n', look_every=60.0) as life:
        life.live(story())


# -- a detector that checks in once a day -------------------------------------------------------------------------------------

DAILY = f"""
[[device]]
id = "smoke"
model = "xiaomi-jtyjgd03mi"
room = "kitchen"
address = "{SMOKE}"
"""


def check_in(life: Life, count: int) -> None:
    """Let the smoke detector say what it says once a day: its battery, sealed."""
    if life._task is None:
        return
    backwards, counted = bytes.fromhex(SMOKE.replace(":", ""))[::-1], bytes((count,))
    head = bytes.fromhex("58589709") + counted
    nonce = backwards + head[2:5] + bytes(3)
    box = AESCCM(bytes.fromhex(KEY), tag_length=4).encrypt(nonce, bytes.fromhex("03480164"), b"\x11")
    data = head + backwards + box[:-4] + bytes(3) + box[-4:]
    life.daemon.intake.advert(Advertisement(address=SMOKE, rssi=-70, service_data={uuid16(0xFE95): data}))
    assert life.daemon.intake.devices["smoke"].refused == {}


async def nights(life: Life, last_check_in: datetime, days: int) -> None:
    """Live some days. The power fails from two to five each night, and at each start the clock is unsure for ten minutes."""
    for day in range(1, days + 1):
        at = datetime(2027, 3, day, 3, 40, tzinfo=UTC)  # 11:40 in the home
        if at <= last_check_in:
            await life.until(at)
            check_in(life, day)
        await life.until(datetime(2027, 3, day, 18, 0, tzinfo=UTC))
        await life.power_cut(dark=3 * HOUR, sure_after=10 * MINUTE, clock_stands=True)


def test_a_smoke_detector_without_battery_since_monday_noon_is_told_by_tuesday_evening(tmp_path):
    async def story():
        await nights(life, datetime(2027, 3, 1, 4, 0, tzinfo=UTC), 4)
        (told,) = missing(life, "smoke")
        assert told <= DAY + 12 * HOUR, "the home's day began at 08:00 on Monday: this is Tuesday at 20:00"
        assert life.daemon.faults.on[MISSING, "smoke"].priority is Priority.P2

    with Life(tmp_path, devices=DAILY, secrets=f'[keys]\nsmoke = "{KEY}"\n', look_every=60.0) as life:
        life.live(story())


def test_one_that_checks_in_each_day_is_never_told(tmp_path):
    async def story():
        await nights(life, datetime(2027, 3, 20, tzinfo=UTC), 8)
        assert missing(life, "smoke") == []
        assert life.daemon.faults.silences.of("smoke", life.daemon.clock.now()) < 16 * HOUR

    with Life(tmp_path, devices=DAILY, secrets=f'[keys]\nsmoke = "{KEY}"\n', look_every=60.0) as life:
        life.live(story())


# -- receivers ---------------------------------------------------------------------------------------------------------------

RADIO = f"""
[[device]]
id = "rflink"
model = "rflink"
room = "hall"
port = "{RECEIVER}"
[[device]]
id = "cord"
model = "ev1527-sos"
room = "bath"
via = "rflink"
codes = {{ press = "EV1527;ID=07A410;SWITCH=01;CMD=ON" }}
[[device]]
id = "window"
model = "ev1527-door"
room = "kitchen"
via = "rflink"
codes = {{ open = "EV1527;ID=07A411;SWITCH=01;CMD=ON" }}
"""


async def answers(life: Life, minutes: int) -> None:
    for n in range(minutes):
        life.line(RECEIVER, f"20;{n % 256:02X};PONG;\r\n".encode())
        await life.wait(MINUTE)


def test_an_unplugged_receiver_with_an_sos_behind_it_is_a_p2_within_three_minutes(tmp_path):
    async def story():
        await answers(life, 60)
        unplugged = life.now - MINUTE  # it still answered then
        await life.wait(30 * MINUTE)
        (told,) = missing(life, "rflink")
        assert told - unplugged <= 3 * MINUTE
        fault = life.daemon.faults.on[MISSING, "rflink"]
        assert (fault.priority, fault.detail["behind"]) == (Priority.P2, "cord, window")
        await answers(life, 2)
        assert life.desk.said(MISSING, "cleared", "rflink")
        assert [d for _, k, d, *_ in life.desk.faults if k == MISSING] == ["rflink", "rflink"]

    with Life(tmp_path, devices=RADIO, secrets="") as life:
        life.live(story())


NAMES = [f"room{n}" for n in range(11)]
ZIGBEE = (
    '[[device]]\nid = "z2m"\nmodel = "zigbee2mqtt"\nport = "mqtt://127.0.0.1:1/zigbee2mqtt"\n'
    '[[device]]\nid = "cord"\nmodel = "zigbee-sos"\nroom = "bath"\nvia = "z2m"\naddress = "cord"\n'
) + "".join(f'[[device]]\nid = "{n}"\nmodel = "zigbee-motion"\nroom = "{n}"\nvia = "z2m"\naddress = "{n}"\n' for n in NAMES)


def test_a_broker_that_is_gone_is_one_fault_and_not_twelve(tmp_path):
    def speak():
        for name in ("cord", *NAMES):
            life.daemon.intake.published("z2m", Published(topic=name, payload=b'{"battery":90}'))

    async def story():
        broker = life.daemon.ears._brokers["z2m"] = SimpleNamespace(connected=True)
        for _ in range(6):
            speak()
            await life.wait(30 * MINUTE)
        broker.connected, gone = False, life.now
        await life.wait(HOUR, at_ease=False)
        await life.wait(2 * DAY)
        ((told, _, device, _, detail),) = [row for row in life.desk.faults if row[1] == MISSING]
        assert (device, detail["behind"].split(", ")) == ("z2m", ["cord", *NAMES])
        assert told - gone <= 3 * MINUTE
        assert life.daemon.faults.on[MISSING, "z2m"].priority is Priority.P2
        broker.connected = True
        for _ in range(10):
            speak()
            await life.wait(30 * MINUTE)
        assert [(d, turn) for _, k, d, turn, _ in life.desk.faults if k == MISSING] == [("z2m", "raised"), ("z2m", "cleared")]

    with Life(tmp_path, devices=ZIGBEE, secrets="", look_every=30.0) as life:
        life.live(story())


# -- words ----------------------------------------------------------------------------------------------------------------------

FALLS = (
    '[[device]]\nid = "z2m"\nmodel = "zigbee2mqtt"\nport = "mqtt://127.0.0.1:1/zigbee2mqtt"\n'
    '[[device]]\nid = "radar"\nmodel = "zigbee-fall-radar"\nroom = "bath"\nvia = "z2m"\naddress = "radar"\n'
    '[[device]]\nid = "smoke"\nmodel = "zigbee-smoke"\nroom = "kitchen"\nvia = "z2m"\naddress = "smoke"\n'
)


def test_a_fall_in_another_makes_words_is_an_alarm_and_a_word_that_nobody_knows_is_no_silence(tmp_path):
    def says(name: str, text: str) -> None:
        life.daemon.intake.published("z2m", Published(topic=name, payload=text.encode()))

    def untold() -> dict[str, list[str]]:
        return {d.device: d.untold for d in life.daemon.upkeep.report((0, 0)).devices if d.untold}

    async def story():
        says("smoke", '{"battery":80,"smoke":null}')
        assert untold() == {"radar": ["fall"], "smoke": ["co", "smoke"]}, "it lives, and has never told what it is there for"
        says("smoke", '{"battery":80,"smoke":"fire"}')
        await life.wait(5)
        ((_, _, device, turn, detail),) = [row for row in life.desk.faults if row[1] == "device.not_understood"]
        assert (device, turn, detail["words"]) == ("smoke", "raised", "smoke: fire")
        assert life.daemon.faults.on["device.not_understood", "smoke"].priority is Priority.P2
        says("radar", '{"status":"falling"}')
        await life.wait(60)
        assert [a.kind for a in life.open] == ["person.fall"]
        assert untold() == {"smoke": ["co", "smoke"]}
        await life.power_cut()
        assert untold() == {"smoke": ["co", "smoke"]}, "and that is known after a restart too"

    with Life(tmp_path, devices=FALLS, secrets="") as life:
        life.live(story())
