"""How things stand, in a log line for each move and in plain words for the technician: everything that matters, no names of people."""

import asyncio
import json
import shutil
import sqlite3
import time

import pytest
from drivers import all_models
from gateway.box.card import CARD_BUDGET, Card
from gateway.hear.window import Window
from gateway.home import audible, nearby, status
from gateway.home.config import load
from gateway.home.waits import WAITS
from gateway.keep import store
from gateway.keep.database import suspect
from gateway.tend import logged
from gateway.tend.composition import build
from gateway.words import kind
from gateway.words.driver import Advertisement
from gateway.words.instruction import Do
from gateway.words.reading import Kind
from msgspec.structs import replace

from tests.kit.hand import Day
from tests.kit.wait import until

CONFIG = """
[sound]
voice = false
[gateway]
id = "gw-1"
state = "state"
runtime = "run"
[platform]
host = "127.0.0.1"
port = 1
tls = false
receipts = "broker"
[radio]
adapters = []
[[device]]
id = "pendant"
model = "shelly-blu-button"
room = "hall"
address = "A4:C1:38:00:00:01"
[[device]]
id = "never"
model = "bthome-v2"
room = "attic"
address = "A4:C1:38:00:00:02"
"""


@pytest.fixture
async def daemon(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG)
    daemon = build(load(path, all_models()), all_models())
    task = asyncio.create_task(daemon.run())
    await asyncio.sleep(0.2)
    yield daemon
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def press(daemon, packet):
    data = {"0000fcd2-0000-1000-8000-00805f9b34fb": bytes.fromhex(f"4400{packet:02x}01093a01")}
    daemon.intake.advert(Advertisement(address="A4:C1:38:00:00:01", rssi=-70, service_data=data))


async def test_status_tells_alarms_faults_devices_outbox_and_uplink(daemon):
    press(daemon, 1)
    daemon.intake.knows("C2:00:00:00:00:01")
    await asyncio.sleep(0.2)
    daemon.upkeep.write_status(await daemon.store.counts())
    text = status.told(status.read(daemon.home.config.runtime))
    for words in (
        "gw-1",
        "断开 NOT CONNECTED 127.0.0.1:1",
        'receipts = "broker"',
        "P1 #1 求救 SOS, hall: raised",
        "电量低 battery low pendant",
        "1 包 packets counted and forgotten",
        "-70",
    ):
        assert words in text, text
    assert ("市电 mains" in text) is (daemon.faults.mains is not None)
    assert f"{daemon.pipeline.last} 条记录 entries" in text
    assert [line for line in text.splitlines() if "!!" in line] == audible.told(audible.lacks(daemon.home.config)), (
        "nothing can be heard in this home"
    )
    known = json.loads((daemon.home.config.runtime / "status.json").read_text())
    assert known["alarms"][0]["alarm"] == next(iter(daemon.pipeline.alarms.values())).id
    assert not list(daemon.home.config.runtime.glob("*.new"))


async def test_what_weakens_the_protection_is_said(daemon):
    known = daemon.upkeep.report((0, 0))
    first, second = known.devices
    second = replace(second, silent_s=10.0**6)
    known = replace(
        known,
        written=time.time() - 60,
        degraded="the disk is full",
        away=True,
        radio=[status.RadioStatus(adapter="hci0", adverts=3, restarts=2)],
        lines=[status.LineStatus(port="/dev/x", received=9)],
        devices=[replace(first, shelved=True, refused={"decrypt_failed": 4, "repeated": 9}), second],
    )
    text = status.told(known)
    for words in (
        "for 60 s: systemctl status",
        "!! 存储 storage: the disk is full",
        "dangers by absence are not judged",
        "收不到信号 NOT RECEIVING (silent), 上次 last 从未 never",
        "/dev/x 未打开 NOT OPEN",
        "shelved: not judged",
        "decrypt_failed x4",
    ):
        assert words in text, text
    assert "repeated" not in text
    assert ("失联 MISSING" in text) is (second.missing_after is not None)


async def test_the_mains_are_told_where_they_are_known(daemon):
    known = daemon.upkeep.report((0, 0))
    for there, words in ((True, "市电 mains       有 there"), (False, "市电 mains       !! 停电"), (None, "")):
        text = status.told(replace(known, mains=there))
        assert (words in text, "市电" in text) == (True, there is not None)


def test_a_missing_or_foreign_status_file_is_an_answer(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        status.read(tmp_path)
    for text in ("", "{", "[]", "{}", "null"):
        (tmp_path / "status.json").write_text(text)
        with pytest.raises(ValueError, match=r"."):
            status.read(tmp_path)


def test_each_move_is_one_line_without_names():
    day = Day()
    day.press()
    alarm = day.alarm.id
    day.receipt()
    day.tell(Do.ACKNOWLEDGE, by="Wang Xiaoming", alarm=alarm, reason="I know her daughter")
    day.tell(Do.DISPATCH, by="Wang Xiaoming", alarm=alarm, responder="Li Lei", seconds=300)
    day.tell(Do.ARRIVE, by="Wang Xiaoming", alarm=alarm)
    day.tell(Do.CLOSE, by="Wang Xiaoming", alarm=alarm, outcome="helped")
    day.tell(Do.CLOSE, by="Wang Xiaoming", alarm=alarm, outcome="helped")
    day.hear("pendant", Kind.BATTERY, 5)
    day.fall()
    day.wait(200)
    note = day.pipeline.faults.note(kind.CONFIG_CHANGED, day.clock.now(), by="Wang Xiaoming (192.168.1.20)", keys="ladder")
    day.take(day.pipeline.noticed([note], day.clock.now()))
    lines = [logged.line(e) for e in day.entries]
    for wanted in (
        "fault service.config_changed noted (keys ladder)",
        "alarm 1 {new}: raise -> {raised} SOS, hall",
        "alarm 1 {raised}: acknowledge -> {acknowledged} SOS, hall",
        "alarm 1 {acknowledged}: dispatch -> {dispatched} SOS, hall",
        "alarm 1 {on_site}: close -> {closed} SOS, hall, helped",
        "instruction acknowledge accepted",
        "instruction close refused: alarm_ended",
        "alarm 2 {pre_alarm}: expire -> {raised} fall, bath",
        "fault device.low_battery raised pendant (battery_pct 5)",
    ):
        assert wanted in lines, lines
    assert any(line.startswith("alarm 2 {raised}: call fall, bath (rung 1, ") for line in lines)
    for line in lines:
        assert "\n" not in line
        for name in ("Wang", "Li Lei", "daughter", "family"):
            assert name not in line
    assert kind.SOS not in lines


def test_a_test_is_marked_in_its_line():
    day = Day()
    day.tell(Do.TEST)
    assert "alarm 1 {new}: raise -> {raised} test, , test" in [logged.line(e) for e in day.entries]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (60, "1.0 min"), (5400, "1.5 h"), (86400, "1.0 d"), (10**6, "11.6 d")]
)
def test_spans_of_time(seconds, text):
    assert status.ago(seconds) == text


def test_what_the_card_has_taken_is_told_by_the_day_and_held_against_the_budget(daemon, tmp_path):
    io = tmp_path / "io"

    def written(megabytes):
        io.write_text(f"rchar: 5\nwrite_bytes: {int(megabytes * 1e6)}\ncancelled_write_bytes: 7\n")

    written(1)
    card = Card(1000.0, io)
    written(1.5)
    assert card.facts(1060.0) == {"written_mb": 0.5, "over_h": 0.02, "budget_mb": CARD_BUDGET}, "a start says nothing about a day"
    for hour in range(1, 60):
        written(1 + 2 * hour)
        facts = card.facts(1000.0 + hour * 3600)
        assert facts["day_mb"] == 48
    assert (facts["over_h"], facts["written_mb"]) == (24, 48), "the last day, not the last week"
    spent = status.CardStatus(**facts)
    known = replace(daemon.upkeep.report((0, 0)), card=spent)
    assert "48 MB, 预算 budget 16 MB !! 超出 TOO MUCH" in status.told(known)
    assert "TOO MUCH" not in status.told(replace(known, card=replace(spent, day_mb=12.0)))
    io.unlink()
    assert card.facts(9e9) is None
    assert Card(0.0, io).facts(5.0) is None
    assert "card" not in status.told(replace(known, card=None))


def test_this_kernel_counts_what_we_write(daemon):
    assert daemon.upkeep.report((0, 0)).card is not None


# -- a question ends nothing -----------------------------------------------------------------------------------------


async def goes_on(daemon):
    """Say that the daemon hears, judges and writes after some rounds of the status file."""
    rounds, told = [], daemon.upkeep.write_status
    daemon.upkeep.write_status = lambda counts: (rounds.append(counts), told(counts))
    await until(lambda: len(rounds) >= 2)
    press(daemon, 9)
    await until(lambda: any(a.kind == kind.SOS for a in daemon.pipeline.alarms.values()))
    return rounds[-1]


@pytest.mark.parametrize("wrong", ["surrogate", "type", "mistake", "folder", "vanished"])
async def test_a_status_file_that_cannot_be_made_does_not_end_the_daemon(daemon, monkeypatch, wrong, caplog):
    run = daemon.home.config.runtime
    if wrong == "folder":
        (run / "status.new").mkdir()
    elif wrong == "vanished":
        shutil.rmtree(run)
    elif wrong == "mistake":
        monkeypatch.delitem(daemon.faults.heard_at, "never")
    else:
        daemon.ears.ports = lambda: ["/dev/tty\udcff"] if wrong == "surrogate" else [object()]
    await goes_on(daemon)
    assert caplog.text.count("cannot be made") == (wrong in {"mistake", "type"}), "said once"
    if wrong == "surrogate":
        assert status.read(run).ports == ["/dev/tty?"]


async def test_a_database_that_cannot_be_counted_does_not_end_the_daemon(daemon, monkeypatch):
    counted = store.single

    def damaged(db, query):
        if "count(*) FROM outbox" in query:
            raise sqlite3.DatabaseError("database disk image is malformed")
        return counted(db, query)

    monkeypatch.setattr(store, "single", damaged)
    await goes_on(daemon)
    assert suspect(daemon.home.config.state / "gateway.db").exists(), "the next start looks at all of it"


async def test_strangers_that_cannot_be_told_do_not_end_the_daemon(daemon, monkeypatch):
    seen = []

    def facts(_self, _now, _radios=()):
        seen.append(1)
        return {"name": "\udcff"} if len(seen) < 2 else {"name": object()}

    monkeypatch.setattr(Window, "facts", facts)
    daemon.ears.open_window(3.0)
    await until(lambda: len(seen) >= 2)
    await goes_on(daemon)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"written": "now"}',
        b'{"written": true}',
        b"[" * 100_000,
        b'{"written": 1' + b" " * 5_000_000 + b"}",
    ],
)
def test_a_status_file_that_is_none_is_refused_in_words(tmp_path, body):
    (tmp_path / "status.json").write_bytes(body)
    with pytest.raises(ValueError, match=r".+"):
        status.read(tmp_path)
    (tmp_path / nearby.FILE).write_bytes(body)
    assert nearby.answer(tmp_path, time.monotonic() - WAITS.window_answer + 0.2, 0.0) is None
