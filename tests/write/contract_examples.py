"""Writes config/contract/examples from a day told to the real pipeline: `PYTHONPATH=. python tests/write/contract_examples.py` after the contract changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.contract import chain, encoding, wire
from gateway.home import certificates
from gateway.home.parts import Signature, Signing
from gateway.judge.alarm import State
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.waits import WAITS
from gateway.judge.walk_record import Goal
from gateway.words import kind
from gateway.words.clock import Moment, Quality, When, stamp
from gateway.words.instruction import Do, Door, Instruction, Refused, ResultFact
from gateway.words.kind import Priority
from gateway.words.reading import Kind, Reading

from tests.kit.hand import JOURNAL, NIGHT, Day, HandClock, Home

FOLDER = Path(__file__).parents[2] / "config" / "contract" / "examples"
GATEWAY = "gw-7c3e91"
HEAD = chain.hashed(b"entry 1042")
NEXT = "j2"  # the journal after JOURNAL
NAMES = {JOURNAL: "8f21c4d0b7a95e13", NEXT: "c3d90a6e51f2874b", "boot-1": "5b0e77a91c34", "boot-2": "c81d20f6ab57"}


def alarms(day: Day) -> Iterator[tuple[str, Entry]]:
    """One SOS from the press to the close, seen at each step."""
    day.press()
    yield "alarm-sos-raised", day.entries[-1]
    day.clock.move(0.8)
    day.receipt()
    yield "alarm-sos-pushed", day.entries[-1]
    alarm = day.alarm.id
    day.clock.move(21)
    day.tell(Do.ACKNOWLEDGE, by="desk 3", alarm=alarm)
    yield "alarm-sos-acknowledged", day.entries[-2]
    yield "result-accepted", day.entries[-1]
    day.clock.move(35)
    day.tell(Do.DISPATCH, by="desk 3", alarm=alarm, responder="grid worker 12", seconds=600.0)
    yield "alarm-sos-dispatched", day.entries[-2]
    day.clock.move(410)
    day.tell(Do.ARRIVE, by="desk 3", alarm=alarm)
    yield "alarm-sos-arrived", day.entries[-2]
    day.clock.move(900)
    day.tell(Do.CLOSE, by="desk 3", alarm=alarm, outcome="helped", reason="helped back into the chair")
    yield "alarm-sos-closed", day.entries[-2]
    day.tell(Do.ACKNOWLEDGE, by="desk 3", alarm=alarm)
    yield "result-refused-alarm-ended", day.entries[-1]
    day.tell(Do.ACKNOWLEDGE, by="desk 3", alarm="0a1b2c3d4e5f6071-a7")
    yield "result-refused-unknown-alarm", day.entries[-1]
    done = Instruction(id="desk-20260504-0020", do=Do.RESEND, by="desk 3", journal=JOURNAL, first=1, last=1000)
    day.take(day.pipeline.answered(ResultFact(done, Refused.NONE, sent=1000), (), day.clock.now()))
    yield "result-resend", day.entries[-1]


def falls(day: Day) -> Iterator[tuple[str, Entry]]:
    day.fall()
    yield "alarm-fall-pre-alarm", day.entries[-1]
    day.clock.move(12)
    day.cancel()
    yield "alarm-fall-cancelled", newest(day, lambda f: isinstance(f, AlarmFact) and f.move == "cancel")
    day.fall(value=False)
    day.fall()
    day.wait(30)
    yield "alarm-fall-raised", newest(day, lambda f: isinstance(f, AlarmFact) and f.move == "expire")
    alarm = day.alarm.id
    day.wait(30)
    yield "alarm-fall-no-receipt-next-rung", newest(day, lambda f: isinstance(f, AlarmFact) and f.move == "call")
    day.tell(Do.ARRIVE, by="family", alarm=alarm)
    day.tell(Do.DECLINE, by="family", alarm=alarm)
    yield "result-refused-not-allowed", day.entries[-1]
    day.tell(Do.CLOSE, by="family", alarm=alarm, outcome="rescued")
    day.tell(Do.TEST, by="technician", device="button")
    yield "alarm-test", newest(day, lambda f: isinstance(f, AlarmFact) and f.alarm.test)
    day.tell(Do.SHELVE, by="technician", device="pendant", seconds=90000.0, reason="new battery is ordered")
    yield "result-refused-too-long", day.entries[-1]


def faults(day: Day) -> Iterator[tuple[str, Entry]]:
    day.hear("pendant", Kind.BATTERY, 9)
    yield "fault-battery-raised", day.entries[-1]
    day.clock.move(3600)
    day.hear("pendant", Kind.BATTERY, 100)
    yield "fault-battery-cleared", day.entries[-1]
    faults = day.pipeline.faults
    day.take(day.pipeline.noticed([faults.note(kind.RESTARTED, day.clock.now(), why="start")], day.clock.now()))
    yield "fault-gateway-restarted", day.entries[-1]
    day.take(day.pipeline.noticed([faults.note(kind.FORGOTTEN, day.clock.now(), batches=3)], day.clock.now()))
    yield "fault-readings-forgotten", day.entries[-1]
    listed = {
        "lines": 3,
        "device.low_battery": "front-door, pendant",
        "gateway.restarted": 3,
        "door.left_open": "front-door x2",
        "each_night": True,
    }
    day.take(day.pipeline.noticed([faults.note(kind.TODAY, day.clock.now(), **listed)], day.clock.now()))
    yield "fault-todays-list", day.entries[-1]
    why = "instruction breaks the contract: Object missing required field `by`"
    day.take(day.pipeline.noticed([faults.note(kind.BAD_MESSAGE, day.clock.now(), why=why)], day.clock.now()))
    yield "fault-bad-message", day.entries[-1]
    day.take(day.pipeline.noticed([faults.note(kind.REQUEST, day.clock.now(), "button")], day.clock.now()))
    yield "fault-service-request", day.entries[-1]


def visit(day: Day) -> Iterator[tuple[str, Entry]]:
    """A button walked, and the certificate signed."""
    day.pipeline.walk_test.wants({"button": Goal({"presses": 3}, receipted=True)}, platform=True)
    day.tell(Do.WALK, by="Li", device="button", seconds=300.0, door=Door.LOCAL)
    for rssi in (-71, -80, -77):
        day.pipeline.walk_test.walk.signal(rssi, day.clock.mono)
        day.press()
        day.clock.move(0.4)
        day.receipt()
        day.clock.move(3)
    day.wait(WAITS.walk_settles)
    yield "fault-walk-passed", newest(day, lambda f: getattr(f, "kind", "") == kind.VISIT)
    device = {"id": "button", "room": "hall", "model": "shelly-blu-button", "address": "53:01", "lacks": [], "walk": {"presses": 3}}
    what = {"form": 1, "gateway": GATEWAY, "household": "H-0451", "devices": [device], "passed": True, "missing": [], "revision": 7}
    signing = Signing(seen=certificates.fingerprint(what), signature=Signature(how="drawn", strokes=((80, 150, 60, -90, 40, 80),)))
    now = day.clock.now()
    made = certificates.signed(what, 1, by="Li", at=stamp("5b0e77a91c34", now), signing=signing, instruction="page-15")
    day.take(day.pipeline.noticed([day.pipeline.faults.note(kind.VISIT, now, **certificates.told(made))], now))
    yield "fault-commissioned", day.entries[-1]


def missing(day: Day) -> Iterator[tuple[str, Entry]]:
    day.wait(14500)
    yield "fault-device-missing", newest(day, lambda f: getattr(f, "kind", "") == kind.MISSING and f.device == "pendant")


def mended(day: Day) -> Iterator[tuple[str, Entry]]:
    """A power-up with a clock that is years late, an SOS in it, and the clock put right."""
    day.wait(30)
    yield "fault-clock-wrong", newest(day, lambda f: getattr(f, "kind", "") == kind.CLOCK_UNSURE)
    day.press()
    yield "alarm-sos-clock-wrong", day.entries[-1]
    day.clock.wall, day.clock.quality = NIGHT, Quality.SYNCHRONISED
    day.wait(30)
    yield "fault-clock-mended", newest(day, lambda f: getattr(f, "kind", "") == kind.CLOCK_UNSURE)


def newest(day: Day, wanted: Callable[[Any], bool]) -> Entry:
    return next(e for e in reversed(day.entries) if wanted(e.fact))


def entries() -> dict[str, Any]:
    out: dict[str, Any] = {}
    late = HandClock(datetime(2026, 1, 1, tzinfo=UTC), mono=41.0, boot="boot-2", quality=Quality.WRONG)
    for story, day in (
        (alarms, Day()),
        (falls, Day()),
        (faults, Day()),
        (visit, Day()),
        (missing, Day(Home(missing_after=14400.0))),
        (mended, Day(clock=late)),
    ):
        out |= chained(list(story(day)), day.entries, JOURNAL, 1)
    day = Day()
    restored = list(renumbered(day))
    return out | chained(restored, [entry for _, entry in restored], NEXT, 2)


def renumbered(day: Day) -> Iterator[tuple[str, Entry]]:
    """An SOS that is open while another journal begins: told there as it stands, under its own id."""
    day.press()
    day.clock.move(21)
    day.tell(Do.ACKNOWLEDGE, by="desk 3", alarm=day.alarm.id)
    day.clock.move(3600)
    (entry,) = day.pipeline.renumber(NEXT, [], day.clock.now())
    yield "alarm-restored", entry


def chained(wanted: list[tuple[str, Entry]], written: list[Entry], journal: str, generation: int) -> dict[str, Any]:
    """Return the wanted ones of a journal's entries, each with the hash of the one before."""
    bodies: dict[int, tuple[str, bytes]] = {}
    previous = ""
    for entry in written:
        message, body = encoding.encode_entry(GATEWAY, journal, entry, generation, previous)
        bodies[entry.number] = message, named(body.decode()).encode()
        previous = chain.hashed(bodies[entry.number][1])
    for name, entry in wanted:
        assert name.startswith(bodies[entry.number][0]), name
    return {name: json.loads(bodies[entry.number][1]) for name, entry in wanted}


def named(text: str) -> str:
    """Return it with names as they look in life."""
    for short, long in NAMES.items():
        text = text.replace(f'"{short}"', f'"{long}"').replace(f'"{short}-', f'"{long}-')
    return text


def others() -> dict[str, Any]:
    clock = HandClock()
    now = clock.now()
    readings = [
        Reading(device="bedroom-climate", kind=Kind.TEMPERATURE, value=21.6, at=now),
        Reading(device="bedroom-climate", kind=Kind.HUMIDITY, value=48.0, at=now),
        Reading(device="door", kind=Kind.CONTACT_OPEN, value=True, at=Moment(now.mono + 12.4, now.wall, now.quality)),
        Reading(device="radar", kind=Kind.OTHER_MEASURE, value=37, at=now, label="body_movement"),
    ]
    at = stamp(clock.boot, now)
    return {
        "readings-batch": json.loads(encoding.encode_batch(GATEWAY, "h-31ab09", 212, clock.boot, readings)),
        "status-online": plain(wire.Status(1, GATEWAY, True, "connected", "1.0.0", clock.boot, JOURNAL, at, 1)),
        "status-lost": plain(wire.Status(1, GATEWAY, False, "lost", "1.0.0", clock.boot, JOURNAL, at, 1)),
        "status-stopped": plain(wire.Status(1, GATEWAY, False, "stopped", "1.0.0", clock.boot, JOURNAL, at, 1)),
        "heartbeat": plain(
            wire.Heartbeat(1, GATEWAY, JOURNAL, at, 60.0, 1042, 2, 0, 1, ["device.low_battery:pendant"], "platform", 1, HEAD)
        ),
        "home": plain(home(at)),
        "platform-online": plain(wire.PlatformMessage(1, True, "", "2026-05-04T03:00:00Z")),
        "platform-no-readings": plain(wire.PlatformMessage(1, True, "", "2026-05-04T03:00:00Z", readings=False)),
        "platform-away": plain(wire.PlatformMessage(1, False, "its process ended", "2026-05-04T03:00:00Z")),
        "receipt-one-entry": plain(wire.Receipt(1, GATEWAY, JOURNAL, [(1042, 1042)], head=wire.Head(JOURNAL, 1, 1042, HEAD))),
        "receipt-ranges": plain(wire.Receipt(1, GATEWAY, JOURNAL, [(1, 1040), (1042, 1044)], "h-31ab09", [(200, 212)])),
        "receipt-conflict": plain(wire.Receipt(1, GATEWAY, JOURNAL, head=wire.Head(JOURNAL, 1, 977, HEAD[::-1]))),
    }


def home(at: When) -> wire.HomeMessage:
    devices = [
        wire.HomeDevice("pendant", "shelly-blu-button", "hall", ["sos"], "supervised", 9.0, True, False, "2026-05-04T03:00:00Z"),
        wire.HomeDevice(
            "bedroom-radar",
            "radar-5359",
            "bedroom",
            ["activity", "fall", "presence", "stay_still"],
            "supervised",
            None,
            False,
            False,
            "2026-05-04T04:00:00Z",
        ),
        wire.HomeDevice("kitchen-smoke", "ev1527-smoke", "kitchen", ["smoke"], "unsupervised", None, False, False, ""),
    ]
    return wire.HomeMessage(
        1,
        GATEWAY,
        JOURNAL,
        1,
        at,
        "H-0451",
        "area-12",
        "cell-3",
        "1.0.0",
        7,
        1042,
        "Asia/Shanghai",
        devices,
        [wire.HomeRung("sounds", 60.0), wire.HomeRung("person", 120.0), wire.HomeRung("platform", 0.0)],
        0.0,
        [wire.HomeShelf("kitchen-smoke", 1800.0)],
        [wire.HomeAlarm(f"{JOURNAL}-a7", kind.SOS, Priority.P1, State.ACKNOWLEDGED, False, False)],
        0,
    )


def instructions() -> dict[str, Any]:
    alarm = f"{JOURNAL}-a7"
    radar = {"id": "bedroom-radar", "model": "radar-5359", "room": "bedroom", "port": "/dev/serial/by-id/radar"}
    given: dict[Do, dict[str, Any]] = {
        Do.ACKNOWLEDGE: {"alarm": alarm, "expires": "2026-05-04T04:10:00Z"},
        Do.DISPATCH: {"alarm": alarm, "responder": "grid worker 12", "seconds": 600.0},
        Do.DECLINE: {"alarm": alarm, "reason": "road is closed"},
        Do.ARRIVE: {"alarm": alarm},
        Do.CLOSE: {
            "alarm": alarm,
            "outcome": "helped",
            "reason": "helped back into the chair",
            "issued": "2026-05-04T04:20:00Z",
            "expires": "2026-05-04T10:20:00Z",
            "boot": "boot-1",
        },
        Do.SILENCE: {"alarm": alarm, "issued": "2026-05-04T04:02:00Z"},
        Do.SHELVE: {"device": "pendant", "seconds": 3600.0, "reason": "battery is being changed", "issued": "2026-05-04T04:02:00Z"},
        Do.TEST: {"device": "pendant"},
        Do.AWAY: {"seconds": 172800.0, "reason": "in hospital for two days", "issued": "2026-05-04T04:02:00Z"},
        Do.CONFIRM: {"device": "pendant", "reason": "seal renewed"},
        Do.CONFIGURE: {"revision": 7, "change": {"what": "put_device", "value": radar}},
        Do.WALK: {"device": "pendant", "seconds": 300.0},
        Do.WINDOW: {"seconds": 240.0},
        Do.ASK_PORT: {"port": "/dev/serial/by-id/radar"},
        Do.ADJUST: {"device": "bedroom-radar", "settings": {"height": "250", "sensitivity": "2"}},
        Do.PLATFORM_TEST: {"change": {"what": "set_platform", "value": {"host": "platform.invalid"}}, "secrets": "page-14"},
        Do.COMMISSIONED: {"revision": 7, "secrets": "page-15"},
        Do.BACKUP: {"secrets": "page-16"},
        Do.TAKE_OVER: {"secrets": "page-17"},
        Do.SOUND_TEST: {},
        Do.RESEND: {"journal": JOURNAL, "from": 1, "to": 1000},
        Do.RECALL: {"alarm": alarm, "reason": "the family is there", "issued": "2026-05-04T04:02:00Z"},
        Do.CALL_TEST: {"step": "2", "revision": 7},
    }
    assert set(given) == set(Do)
    out = {}
    for number, (do, fields) in enumerate(given.items(), 1):
        body = {"v": 1, "gateway": GATEWAY, "id": f"desk-20260504-{number:04d}", "do": do.value, "by": "desk 3", **fields}
        out[f"instruction-{do.value}"] = body
    return out


def plain(message: Any) -> Any:
    return json.loads(wire.encode(message))


def examples() -> dict[str, str]:
    """Return {file name: text} of all examples."""
    out = {}
    for name, body in sorted((entries() | others() | instructions()).items()):
        out[f"{name}.json"] = named(json.dumps(body, ensure_ascii=False, indent=2) + "\n")
    return out


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, text in examples().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(name)
