"""The recorded day: its form is refused line by line, its order and clock hold, and the shipped day means what it says."""

import asyncio
import json
import re
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from drivers import all_models
from gateway.demo import home
from gateway.hear import replay
from gateway.hear.intake import Intake
from gateway.hear.replay import BadDay, Replay
from gateway.hear.waits import WAITS
from gateway.home.config import load
from gateway.words.clock import Moment
from gateway.words.driver import Advertisement, Chunk
from gateway.words.reading import Kind

ROOT = Path(__file__).resolve().parents[2]
BLE = "ble B4:35:22:F5:3D:A4 -61 fcd2=40005201643a01"


def day(tmp_path, *lines):
    path = tmp_path / "day.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Replay(path)


# -- the form ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("06:12 say hello", "is not a time such as 06:12:30"),
        ("noon say hello", "is not a time such as 06:12:30"),
        ("-1:00:00 say hello", "is not a time such as 06:12:30"),
        ("06:61:00 say hello", "is not a time such as 06:12:30"),
        ("06:12:30", "something is missing at its end"),
        ("06:12:30 ring AA", "ble, serial, open, pace and say are known"),
        ("06:12:30 pace", "something is missing at its end"),
        ("06:12:30 pace 0", "a pace is above 0"),
        ("06:12:30 pace fast", "could not convert string to float: 'fast'"),
        ("06:12:30 serial /dev/x 5g", "non-hexadecimal number"),
        ("06:12:30 serial /dev/x", "something is missing at its end"),
        ("06:12:30 ble B4:35:22:F5:3D:A4 loud fcd2=40", "'loud'"),
        ("06:12:30 ble B4:35:22:F5:3D:A4 -61 40005201643a01", "is not name=..., fcd2=hex or company:0ba9=hex"),
        ("06:12:30 ble B4:35:22:F5:3D:A4 -61 fcd2=4", "non-hexadecimal number"),
        ("06:12:30 every 0 until 07:00:00 say x", "`every` needs seconds above 0"),
        ("06:12:30 every 60 to 07:00:00 say x", "`every 60 until 22:00:00` was expected"),
        ("06:12:30 every 60 until noon say x", "is not a time such as 06:12:30"),
        ("date yesterday", "Invalid isoformat string"),
        ("begins", "something is missing at its end"),
    ],
)
def test_a_wrong_line_is_named_with_file_line_and_what_was_expected(tmp_path, line, expected):
    with pytest.raises(BadDay) as refused:
        day(tmp_path, "# a comment", "", "05:30:00 say good morning", line)
    text = str(refused.value)
    assert text.startswith(f"{tmp_path / 'day.txt'}, line 4: ")
    assert line in text
    assert expected in text
    assert "gateway/hear/replay.py" in text


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    with pytest.raises(BadDay, match="none: No such file or directory: a recorded day was expected here"):
        Replay(tmp_path / "none")
    (tmp_path / "gbk").write_bytes("05:30:00 say 天亮了".encode("gbk"))
    with pytest.raises(BadDay, match="gbk: not UTF-8 text at byte 13: save it as UTF-8"):
        Replay(tmp_path / "gbk")
    monkeypatch.setattr(replay, "LARGEST", 10)
    with pytest.raises(BadDay, match="larger than 10 bytes"):
        day(tmp_path, "05:30:00 say good morning")


def test_a_packet_line_becomes_what_radio_and_line_deliver(tmp_path):
    found = [
        replay.packet(h)
        for h in day(
            tmp_path,
            "05:30:00 open /dev/x",
            "05:30:01 ble b4:35:22:f5:3d:a4 -61 fcd2=4000520164 company:0ba9=0102 name=SBBT-002C  # a comment",
            "05:30:02 serial /dev/x 5359",
        ).happenings
    ]
    assert found[0] == Chunk(port="/dev/x", data=b"", opened=True)
    assert found[1] == Advertisement(
        address="B4:35:22:F5:3D:A4",
        rssi=-61,
        name="SBBT-002C",
        service_data={"0000fcd2-0000-1000-8000-00805f9b34fb": bytes.fromhex("4000520164")},
        manufacturer_data={0x0BA9: b"\x01\x02"},
        adapter="replay",
    )
    assert found[2] == Chunk(port="/dev/x", data=b"SY")


# -- order and clock --------------------------------------------------------------------------------------------------


def test_things_come_in_order_and_again_and_again(tmp_path):
    said = [
        (h.at, *h.rest)
        for h in day(
            tmp_path,
            "00:00:30 say c",
            "00:00:00 every 10 until 00:00:20 say a",
            "00:00:10 say b",
            "00:00:10 every 20 until 00:00:29 say d",
        ).in_order()
    ]
    assert said == [(0.0, "a"), (10.0, "a"), (10.0, "b"), (10.0, "d"), (20.0, "a"), (30.0, "c")]


def test_a_day_can_be_asked_for_its_order_twice(tmp_path):
    one = day(tmp_path, "00:00:00 every 10 until 00:00:20 say a")
    assert list(one.in_order()) == list(one.in_order())


class Hand:
    """The machine's clock, moved by hand: also when the player sleeps."""

    def __init__(self, monkeypatch):
        self.mono = 1000.0
        self.slept = []
        monkeypatch.setattr(replay, "time", SimpleNamespace(monotonic=lambda: self.mono))
        monkeypatch.setattr(replay, "asyncio", SimpleNamespace(sleep=self.sleep, Event=asyncio.Event))

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.mono += max(seconds, 1e-6)  # no sleep is shorter


async def played(one, clock, heard):
    """Play the day to its end; return what was heard and when."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await one.run(clock, heard, heard)


async def test_the_clock_runs_at_the_days_pace_and_begins_where_the_recording_does(tmp_path, monkeypatch):
    hand = Hand(monkeypatch)
    one = day(
        tmp_path,
        "date 2026-03-02T00:00:00+08:00",
        "begins 05:30:00",
        "05:30:00 pace 100",
        f"05:31:40 {BLE}",
        "05:31:40 pace 10",
        f"05:33:20 {BLE}",
    )
    clock = one.clock("boot")
    assert clock.now() == Moment(1000.0, datetime(2026, 3, 1, 21, 30, tzinfo=UTC))
    heard = []
    await played(one, clock, lambda _: heard.append((hand.mono, clock.now())))
    assert [real for real, _ in heard] == pytest.approx([1001.0, 1011.0], abs=1e-3)  # 100 s at pace 100, then 100 s at pace 10
    assert [at.mono for _, at in heard] == [1100.0, 1200.0]
    assert [at.wall for _, at in heard] == [datetime(2026, 3, 1, 21, 31, 40, tzinfo=UTC), datetime(2026, 3, 1, 21, 33, 20, tzinfo=UTC)]
    assert max(hand.slept) <= WAITS.replay_look
    hand.mono += 5
    assert clock.now().mono == pytest.approx(1205.0)  # the day is over: as life does


async def test_the_clock_never_passes_what_was_not_played(tmp_path, monkeypatch):
    """A machine that was busy for two seconds at pace 2000 must not find that its sensors were silent for an hour."""
    hand = Hand(monkeypatch)
    one = day(tmp_path, "00:00:00 pace 2000", f"00:00:00 every 60 until 00:10:00 {BLE}")
    clock = one.clock("boot")
    heard = []

    def hear(_):
        heard.append(clock.now().mono - 1000.0)
        hand.mono += 2.0  # busy

    await played(one, clock, hear)
    assert heard == pytest.approx([60.0 * n for n in range(11)])


async def test_the_clock_never_goes_back(tmp_path, monkeypatch):
    """Also where the first line is before the recording's beginning."""
    Hand(monkeypatch)
    one = day(tmp_path, "begins 06:00:00", f"05:00:00 {BLE}", "06:00:10 pace 3", f"06:00:20 {BLE}")
    clock = one.clock("boot")
    heard = [clock.now().mono]
    await played(one, clock, lambda _: heard.append(clock.now().mono))
    assert heard == pytest.approx([1000.0, 1000.0, 1020.0])


def test_a_wait_is_never_long_because_the_pace_may_change(tmp_path):
    clock = day(tmp_path, "00:00:00 pace 10").clock("boot")
    clock.run_at(10)
    assert clock.real(0.1) == pytest.approx(0.01)
    assert clock.real(3600) == WAITS.replay_look


# -- the shipped day --------------------------------------------------------------------------------------------------


@pytest.fixture
def household(tmp_path):
    """Return the demonstration's household and the shipped day."""
    config = load(home.furnish(tmp_path, 1883, home.DAY, None), all_models())
    return config, Replay(config.replay)


def test_every_packet_of_the_shipped_day_is_understood(household):
    config, one = household
    readings, now = [], [0.0]
    intake = Intake(lambda: Moment(now[0], datetime.now(UTC)), {}, readings.append)
    for d in config.devices:
        intake.enrol(d.id, d.model, d.at, d.key, {})
    for happening in one.in_order():
        now[0] = happening.at
        if happening.what in {"ble", "serial", "open"}:
            found = replay.packet(happening)
            intake.advert(found) if isinstance(found, Advertisement) else intake.chunk(found)
    refused = {device: set(e.refused) - {"repeated"} for device, e in intake.devices.items()}
    assert refused.pop("bedroom-radar") == {"noise", "bad_checksum"}  # on purpose: see the day's lines
    assert set().union(*refused.values()) == set()
    assert intake.strangers > 50
    assert intake.repeats > 100
    heard = Counter((r.device, r.kind) for r in readings)
    assert heard["pendant", Kind.BUTTON] == heard["bathroom-button", Kind.BUTTON] == heard["cancel-button", Kind.BUTTON] == 1
    assert heard["bedroom-radar", Kind.FALL] == 4
    assert not [r for r in readings if r.flagged or r.kind is Kind.REPLAYED]
    assert min(r.value for r in readings if r.kind is Kind.BATTERY) == 9
    assert all(15 < r.value < 35 for r in readings if r.kind is Kind.TEMPERATURE)


def test_no_sensor_of_the_shipped_day_is_silent_for_too_long(household):
    config, one = household
    ends = max(h.at for h in one.in_order())
    for d in config.devices:
        times = [one.first, *(h.at for h in one.in_order() if h.what in {"ble", "serial"} and h.rest[0].upper() == d.at.upper()), ends]
        assert max(b - a for a, b in pairwise(times)) < d.supervised.missing_after, d.id


def test_what_the_shipped_day_calls_captured_is_the_vectors_bytes():
    vectors = {}
    for file in ("vectors_bthome.jsonl", "vectors_radar_5359.jsonl"):
        for line in (ROOT / "tests" / "unit" / "drivers" / file).read_text(encoding="utf-8").splitlines():
            vector = json.loads(line)
            vectors[vector["id"]] = [*vector.get("service_data", {}).values(), vector.get("frame", ""), vector.get("stream", "")]
    named = 0
    for line in home.DAY.read_text(encoding="utf-8").splitlines():
        found = re.search(r"# .*\bvector ((?:bthome|radar_5359)-\d+)", line)
        if found is None or line.startswith("#"):
            continue
        named += 1
        words = line.split("#")[0].split()
        data = words[-1] if "serial" in words else re.search(r"fcd2=([0-9a-f]+)", line)[1]
        whole = "serial" not in words
        assert any(data == v if whole else data in v for v in vectors[found[1]]), line
    assert named >= 15


def test_the_shipped_day_can_be_cut_short():
    text = home.shortened(home.DAY.read_text(encoding="utf-8"), home.seconds("07:46"))
    times = [home.seconds(line.split()[0]) for line in text.splitlines() if re.match(r"\d\d:", line)]
    assert max(times) < home.seconds("07:46")
    assert not [u for u in re.findall(r"until (\S+)", text) if home.seconds(u) > home.seconds("07:46")]
    assert "@expect person.sos pendant closed" in text
    assert "person.fall" not in text
