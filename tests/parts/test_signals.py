"""How well devices are heard, hour by hour: counted in memory, written with the readings, merged after a restart, bounded."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from gateway.judge.signals import KEPT_DAYS, WAITING, Row, Signals
from gateway.keep.store import Store
from gateway.words.clock import Moment, Quality
from gateway.words.reading import Kind, Reading

BEGIN = datetime(2026, 11, 22, 7, 30, tzinfo=UTC)
HOUR = int(BEGIN.timestamp() // 3600)


def at(seconds):
    return Moment(1000.0 + seconds, BEGIN + timedelta(seconds=seconds), Quality.SYNCHRONISED)


def test_an_hour_becomes_a_row_when_it_is_over():
    signals = Signals()
    for n, strength in enumerate((-60, -62, -90, -61, -61)):
        signals.heard("pendant", strength, at(n))
    signals.heard("radar", 0, at(5))
    signals.battery("pendant", 81.0)
    assert signals.take(at(1799)) == []
    assert signals.take(at(1800)) == [Row(HOUR, "pendant", 5, -90, -61, 81.0, 1 << 30), Row(HOUR, "radar", 1, 0, 0, None, 1 << 30)]
    assert signals.take(at(1801)) == []
    signals.heard("pendant", -70, at(1802))
    assert signals.take(at(1803), unfinished=True) == [Row(HOUR + 1, "pendant", 1, -70, -70, 81.0, 1)]


def test_a_packet_of_the_next_hour_ends_the_one_before():
    signals = Signals()
    signals.heard("pendant", -60, at(0))
    signals.heard("pendant", -80, at(1801))
    assert signals.take(at(1802)) == [Row(HOUR, "pendant", 1, -60, -60, None, 1 << 30)]
    assert signals.take(at(1803), unfinished=True) == [Row(HOUR + 1, "pendant", 1, -80, -80, None, 1)]


def test_the_minutes_in_which_a_device_was_heard_are_kept_and_are_there_before_they_are_written():
    signals = Signals()
    for second in (0, 59, 60, 1799, 1800, 1800 + 3599):
        signals.heard("pendant", -60, at(second))
    assert signals.unwritten("pendant") == {HOUR: 0b11 << 30 | 1 << 59, HOUR + 1: 1 | 1 << 59}
    assert signals.unwritten("nobody") == {}
    (row,) = signals.take(at(1800 + 3599))
    assert row.minutes == 0b11 << 30 | 1 << 59
    assert signals.unwritten("pendant") == {HOUR + 1: 1 | 1 << 59}


def test_rows_that_nobody_takes_are_bounded():
    signals = Signals()
    for hour in range(WAITING + 5):
        signals.heard("pendant", -60, at(3600 * hour))
    assert len(signals.take(at(3600 * (WAITING + 6)))) == WAITING


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path, "gw")
    store.open()
    yield store
    store.close_now()


def written(folder):
    with sqlite3.connect(f"file:{folder}/history.db?mode=ro", uri=True) as db:
        return db.execute("SELECT * FROM signals ORDER BY hour, device").fetchall()


def test_rows_are_written_with_the_readings_and_halves_of_an_hour_become_one(store, tmp_path):
    reading = [Reading(device="pendant", kind=Kind.BATTERY, value=81, at=at(0))]
    assert store.readings._keep(reading, "boot", [Row(9, "pendant", 50, -88, -61, 81.0, 0b11), Row(9, "radar", 3, 0, 0, None)])
    assert store.readings._keep(reading, "boot", [Row(9, "pendant", 70, -80, -66, None, 0b110)])
    assert store.readings._keep(reading, "boot", [Row(9, "pendant", 2, -95, -95, 80.0)])
    assert written(tmp_path) == [(9, "pendant", 122, -95, -66, 80.0, 0b111), (9, "radar", 3, 0, 0, None, 0)]


def test_weeks_are_kept_and_no_more(store, tmp_path):
    days = [Row(HOUR - 24 * n, "pendant", 1, -60, -60, None) for n in range(KEPT_DAYS + 5)]
    assert store.readings._keep([Reading(device="pendant", kind=Kind.BATTERY, value=81, at=at(0))], "boot", days)
    assert not [*store.readings.retention(at(0), 30)], "no batch is old"
    assert len(written(tmp_path)) == KEPT_DAYS + 1
