"""Ending is strict, and the wall clock may be wrong by years: old orders, an absence, a time server that lies."""

from datetime import timedelta

import pytest

from tests.stories.life import DAY, HALL, HOUR, MINUTE, Life

SHELVE = {"do": "shelve", "device": "radar", "seconds": 2 * HOUR, "reason": "fan in the bath"}


def falls(life):
    return [a for a in life.open if a.kind == "person.fall"]


@pytest.mark.parametrize(("up_for", "word"), [(4 * HOUR, "expired"), (60.0, "undecided")])
def test_a_shelf_that_expired_days_ago_hides_no_fall_after_the_power_cut(tmp_path, up_for, word):
    """Story 15. The box was up when the order expired, and knows it; or it was dark already, and nobody can know."""

    async def story():
        await life.wait(MINUTE)
        life.plug(False)
        expires = (life.wall() + timedelta(minutes=10)).isoformat()
        await life.wait(up_for)
        await life.power_cut(dark=3 * DAY, clock_stands=True, sure_after=HOUR)
        life.plug(True)
        life.desk.instruct(after=4.0, **SHELVE, expires=expires)
        await life.wait(10)
        assert life.desk.results[-1]["refused"] == word
        life.fall()
        await life.wait(40)
        assert [a.state for a in falls(life)] == ["raised"]
        life.desk.instruct(**SHELVE, boot=life.daemon.boot)
        await life.wait(10)
        assert life.desk.results[-1]["accepted"], "a desk that has seen this power-up gives it now"

    with Life(tmp_path) as life:
        life.live(story())


def test_a_shelf_without_a_time_that_a_broker_kept_for_days_hides_no_fall(tmp_path):
    async def story():
        await life.wait(MINUTE)
        life.plug(False)
        life.desk.instruct(**SHELVE, issued="", after=MINUTE)
        await life.wait(3 * DAY)
        life.plug(True)
        await life.wait(2 * MINUTE)
        assert [(r["refused"], "issued" in r["en"]) for r in life.desk.results] == [("missing_field", True)]
        life.fall()
        await life.wait(40)
        assert [a.state for a in falls(life)] == ["raised"]

    with Life(tmp_path) as life:
        life.live(story())


def test_an_open_alarm_is_not_closed_by_an_order_from_before_the_power_cut(tmp_path):
    async def story():
        life.press()
        await life.wait(MINUTE)
        alarm = life.open[0].id
        life.plug(False)
        await life.power_cut(dark=3 * DAY, clock_stands=True, sure_after=5 * MINUTE)
        life.plug(True)
        life.desk.instruct(do="close", alarm=alarm, outcome="false_alarm", issued=life.begins.isoformat(), after=4.0)
        await life.wait(20)
        assert life.desk.results[-1]["refused"] == "undecided"
        assert [a.id for a in life.open] == [alarm]
        await life.wait(6 * MINUTE)
        life.desk.instruct(do="close", alarm=alarm, outcome="false_alarm", issued=life.begins.isoformat())
        await life.wait(20)
        assert life.desk.results[-1]["refused"] == "expired", "the time server has answered: it is days old"
        life.desk.instruct(do="close", alarm=alarm, outcome="rescued", issued=life.wall().isoformat())
        await life.wait(20)
        assert not life.open

    with Life(tmp_path) as life:
        life.live(story())


async def come_back(life):
    """The door, then the hall, the bathroom and the bed, for half an hour."""
    life.door(True)
    await life.wait(5)
    life.door(False)
    for minute in range(30):
        life.moves(HALL)
        life.radar_lives(minute % 3 == 0)
        await life.wait(MINUTE)


def said(life, kind):
    return [(turn, detail) for _, k, _, turn, detail in life.desk.faults if k == kind]


def test_away_until_sunday_and_back_on_friday(tmp_path):
    """Story 16, over a power cut with an unsure clock."""

    async def story():
        await life.wait(MINUTE)
        await life.tell("away", seconds=6 * DAY, reason="at her daughter's")
        await life.wait(DAY)
        life.in_bed(False)
        await life.power_cut(dark=HOUR, clock_stands=True, sure_after=10 * MINUTE)
        assert life.daemon.pipeline.away.lasts(life.daemon.clock.now()), "an absence outlives the power"
        await life.wait(3 * DAY)
        assert [turn for turn, _ in said(life, "service.away")] == ["raised"]
        await come_back(life)
        assert [(turn, detail.get("why")) for turn, detail in said(life, "service.away")][1:] == [("cleared", "home")]
        assert [turn for turn, _ in said(life, "service.back_home")] == ["noted"], "said on the page and to the platform"
        while not 15 <= life.wall().hour < 16:  # 23:00 in the home
            await life.wait(10 * MINUTE)
        life.in_bed(True)
        await life.wait(HOUR)
        life.in_bed(False)
        await life.wait(30 * MINUTE)
        assert [a.kind for a in life.open] == ["person.bed_exit"]

    with Life(tmp_path, look_every=60.0) as life:
        life.live(story())


def test_away_ends_on_its_day_whatever_the_power_did(tmp_path):
    async def story():
        await life.wait(MINUTE)
        ends = life.now + 2 * DAY
        await life.tell("away", seconds=2 * DAY)
        for _ in range(5):
            await life.wait(HOUR)
            await life.power_cut(dark=5 * HOUR, clock_stands=True, sure_after=MINUTE)
        await life.wait(2 * MINUTE)
        away = life.daemon.pipeline.away.end
        assert away.until - life.daemon.clock.now().mono == pytest.approx(ends - life.now, abs=5)
        await life.wait(ends - life.now + MINUTE)
        assert [(turn, detail.get("why")) for turn, detail in said(life, "service.away")][-1] == ("cleared", "time")

    with Life(tmp_path, look_every=60.0) as life:
        life.live(story())


def test_a_time_server_that_is_wrong_by_three_years_deletes_nothing_and_lets_nothing_expire(tmp_path):
    """Story 18, with a restart under the lie: retention is due ten minutes after it."""

    def rows():
        store = life.daemon.store
        assert store.readings._db is not None
        (journal,) = next(store._db.execute("SELECT count(*) FROM journal WHERE wall < ?", (before,)))
        (readings,) = next(store.readings._db.execute("SELECT count(*) FROM readings WHERE wall < ?", (before,)))
        return journal, readings

    async def story():
        nonlocal before
        for _ in range(3):
            life.press()
            life.moves()
            await life.wait(10)
            await life.tell("close", alarm=life.open[0].id, outcome="helped")
            await life.wait(10 * MINUTE)
        await life.tell("shelve", device="door", seconds=2 * HOUR, reason="paint", local=False)
        before = life.wall().timestamp()
        kept = rows()
        life.lies = 3 * 365 * DAY
        await life.wait(MINUTE)
        (turn, detail), *_ = said(life, "gateway.clock_unsure")
        assert (turn, detail["why"], detail["days"]) == ("raised", "leap", 1095)
        await life.power_cut(dark=30.0)
        await life.wait(HOUR)
        assert "door" in life.daemon.pipeline.shelves
        await life.wait(HOUR)
        assert "door" not in life.daemon.pipeline.shelves, "and in its time"
        await life.wait(13 * HOUR)
        assert rows() == kept, "retention went by what is proved"
        life.desk.instruct(
            do="shelve",
            device="hall",
            seconds=HOUR,
            reason="x",
            boot=life.daemon.boot,
            expires=(life.wall() + timedelta(minutes=5)).isoformat(),
        )
        await life.wait(10)
        assert life.desk.results[-1]["accepted"], "by the lie it would have expired three years ago"
        life.lies = 0.0
        await life.wait(MINUTE)
        assert said(life, "gateway.clock_unsure")[-1][0] == "cleared"
        await life.wait(10 * MINUTE)
        assert abs(life.daemon.clock.floor - life.wall()) < timedelta(minutes=2), "nothing is late for ever"

    before = 0.0
    with Life(tmp_path, look_every=60.0) as life:
        life.live(story())


NIGHTLY = """
[[device]]
id = "door"
model = "shelly-blu-door"
room = "hall"
address = "A4:C1:38:00:00:04"
left_open = true
[[device]]
id = "hall"
model = "shelly-blu-motion"
room = "hall"
address = "A4:C1:38:00:00:05"
"""


def test_a_dead_door_sensor_is_told_in_a_home_without_power_at_night_and_without_a_time_server(tmp_path):
    """The box has no clock battery: at each start the time stands where it stood, and nobody confirms it for twenty days."""

    async def story():
        life.door(False)
        for _ in range(20):
            for _ in range(16):
                life.moves()
                await life.wait(HOUR)
            await life.power_cut(dark=8 * HOUR, clock_stands=True, sure_after=1e9)
        (told,) = life.desk.said("device.missing", "raised", "door")
        assert told < 3 * DAY, "25 h in which it could have been heard, and none of the hours without power"
        assert life.daemon.faults.on["device.missing", "door"].fault_class == "list"
        assert not life.desk.said("device.missing", "raised", "hall")
        lists = [detail for _, kind, _, _, detail in life.desk.faults if kind == "service.today"]
        assert 12 <= len(lists) <= 20
        assert {detail.get("device.missing") for detail in lists[3:]} == {"door"}
        assert all(detail.get("each_night") for detail in lists[4:])

    with Life(tmp_path, devices=NIGHTLY, secrets="", look_every=60.0) as life:
        life.live(story())
