"""What the platform is told of the home: all that a desk needs, nobody's name, in time, and no more often than it must."""

import asyncio
import json
import sqlite3

import pytest
from gateway.contract import wire
from gateway.tell import inventory
from gateway.tell.waits import WAITS
from gateway.words.instruction import Change, Do, Door, Instruction, What
from msgspec.structs import replace

from tests.kit.brokers import validator
from tests.stories.life import HALL, LADDER, PENDANT, RADAR, Life

LABEL, NUMBER = "王奶奶的挂件", "13800001111"


@pytest.fixture
def life(tmp_path):
    ladder = LADDER.replace('program = ["/people/family"]', f'program = ["/people/family", "{NUMBER}"]')
    with Life(tmp_path, ladder=ladder) as made:
        yield made


def newest(life):
    return life.desk.homes[-1][1]


def device(life, name):
    return next(d for d in newest(life)["devices"] if d["device"] == name)


def test_it_is_told_on_connecting_and_says_what_is_there_and_nobodys_name(life):
    async def story():
        await life.wait(20)
        home = newest(life)
        validator("home").validate(home)
        config = life.daemon.home.config
        assert [d["device"] for d in home["devices"]] == [d.id for d in config.devices]
        assert (device(life, "pendant")["means"], device(life, "cancel")["means"]) == (["sos"], ["cancel"])
        assert "fall" in device(life, "radar")["means"]
        assert "bed" in device(life, "bed")["means"]
        assert device(life, "smoke")["supervised"] == "unsupervised"
        assert device(life, "pendant")["supervised"] == "supervised"
        assert [r["role"] for r in home["ladder"]] == ["person", "person"]
        assert (home["timezone"], home["revision"], home["alarms"], home["shelved"], home["away_left_s"]) == ("Asia/Shanghai", 0, [], [], 0)
        assert home["journal"] == life.daemon.store.journal
        assert home["generation"] == life.daemon.store.generation
        text = json.dumps(home, ensure_ascii=False)
        for hidden in ("family", "neighbour", NUMBER, PENDANT, RADAR, "/people", "07A410", "231d39"):
            assert hidden not in text, hidden

    life.live(story())


def test_what_changes_is_told_soon_and_once(life):
    async def story():
        await life.wait(60)
        before = len(life.desk.homes)
        life.press()
        await life.wait(15)
        (alarm,) = newest(life)["alarms"]
        assert (alarm["alarm"], alarm["state"], alarm["priority"], alarm["silenced"]) == (life.open[0].id, "raised", 1, False)
        await life.tell("silence", alarm=alarm["alarm"])
        await life.tell("shelve", device="radar", seconds=3600.0, reason="Wang is ill", local=False)
        await life.tell("away", seconds=7200.0)
        await life.wait(15)
        home = newest(life)
        assert home["alarms"][0]["silenced"]
        assert [(s["device"], 3500 < s["left_s"] <= 3600) for s in home["shelved"]] == [("radar", True)]
        assert 7000 < home["away_left_s"] <= 7200
        assert "Wang" not in json.dumps(home)
        assert len(life.desk.homes) - before <= 6, "what happens in one go is one message"
        await life.tell("close", alarm=alarm["alarm"], outcome="helped")
        await life.wait(15)
        assert newest(life)["alarms"] == []
        assert newest(life)["last_number"] <= life.daemon.pipeline.last
        await life.wait(3600 + 2 * WAITS.home_masked)
        assert newest(life)["shelved"] == [], "also what ends by itself"

    life.live(story())


def test_what_is_not_on_the_disk_yet_is_told_to_nobody(life):
    async def story():
        await life.wait(120)
        store = life.daemon.store
        commit, before = store.commit, len(life.desk.homes)

        async def slow(turn):
            await asyncio.sleep(8)
            return await commit(turn)

        store.commit = slow
        life.press()
        await life.wait(1)
        on_disk = store.head.number
        assert life.daemon.pipeline.last > on_disk, "judged, and being written"
        life.daemon.inventory.linked()
        await life.wait(3)
        assert store.head.number == on_disk, "still being written"
        assert [h for _, h in life.desk.homes[before:] if h["alarms"] or h["last_number"] > on_disk] == []
        await life.wait(30)
        assert [a["alarm"] for a in newest(life)["alarms"]] == [life.open[0].id], "and told once it is there"
        assert newest(life)["last_number"] <= store.head.number

    life.live(story())


def test_the_homes_message_goes_on_in_memory_and_after_a_start(life):
    async def story():
        await life.wait(60)
        life.press()
        await life.wait(40)
        await life.restart()
        before = len(life.desk.homes)
        await life.wait(WAITS.home_again + 60, at_ease=False)
        assert len(life.desk.homes) > before, "with nothing to write it is told all the same"
        refused = life.daemon.store

        async def full(_turn):
            raise sqlite3.OperationalError("database or disk is full")

        refused.commit = full
        await life.tell("silence", alarm=life.open[0].id)
        await life.wait(40)
        assert life.daemon.store is not refused
        assert life.daemon.store.head.number == life.daemon.pipeline.last
        assert newest(life)["journal"] == life.daemon.store.journal
        assert newest(life)["alarms"][0]["silenced"]

    life.live(story())


def test_readings_alone_change_nothing_and_it_comes_every_six_hours_all_the_same(life):
    async def story():
        await life.wait(3600)
        before = len(life.desk.homes)
        for _ in range(600):
            life.moves(HALL)
            life.radar_lives()
            await life.wait(10)
        assert len(life.desk.homes) - before <= 3, "the daily faults of silent devices aside"
        seen = life.desk.homes[-1][0]
        await life.wait(WAITS.home_again + 60)
        assert life.desk.homes[-1][0] > seen
        heard = device(life, "hall")["heard"]
        assert heard.endswith(":00:00Z"), "to the hour"

    life.live(story())


def test_a_line_that_comes_and_goes_does_not_bring_the_same_again(life):
    async def story():
        await life.wait(2000)
        before = len(life.desk.homes)
        for _ in range(10):
            life.plug(False)
            await life.wait(5)
            life.plug(True)
            await life.wait(25)
        assert len(life.desk.homes) - before <= 2
        flapped = life.now
        await life.wait(WAITS.home_same)
        assert life.desk.homes[-1][0] > flapped, "but ten minutes later it is brought: the broker may have lost it"

    life.live(story())


def test_a_change_of_the_household_is_told_with_its_revision(life):
    async def story():
        await life.wait(20)
        value = {"id": "pendant", "model": "shelly-blu-button", "room": "porch", "address": PENDANT, "label": LABEL}
        change = Change(What.PUT_DEVICE, value)
        told = Instruction(id="c1", do=Do.CONFIGURE, by="Li", door=Door.LOCAL, change=change)
        life.daemon.ears.by_radio = lambda: None  # there is no radio here
        life.at_the_box(told)
        await life.wait(30)
        assert newest(life)["revision"] == life.daemon.home.config.household.revision == 1
        assert device(life, "pendant")["room"] == "porch"
        assert LABEL not in json.dumps(newest(life), ensure_ascii=False)

    life.live(story())


def test_a_home_that_does_not_fit_leaves_its_last_devices_out_and_counts_them(life):
    async def story():
        await life.wait(20)
        home = life.daemon.inventory.of(life.daemon.clock.now())
        one = home.devices[0]
        many = [replace(one, device=f"d{n}", room="r" * 40) for n in range(500)]
        body = inventory.fitted(replace(home, devices=many, left_out=2))
        assert len(body) <= inventory.LARGEST < wire.LARGEST
        told = json.loads(body)
        validator("home").validate(told)
        assert told["left_out"] == 2 + 500 - len(told["devices"])
        assert [d["device"] for d in told["devices"]] == [f"d{n}" for n in range(len(told["devices"]))]
        assert len(told["devices"]) > 50
        assert json.loads(inventory.fitted(home))["left_out"] == 0

    life.live(story())
