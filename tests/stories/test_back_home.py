"""Away ends although no door was heard to open: no such sensor, the power was cut as she came in, nobody ever left."""

from datetime import timedelta

import pytest

from tests.stories.life import DAY, HOME, HOUR, MINUTE, MORNING, Life

_DOOR, _HALL = HOME.index('[[device]]\nid = "door"'), HOME.index('[[device]]\nid = "hall"')
NO_DOOR = HOME[:_DOOR] + HOME[_HALL:]
ONE_ROOM = HOME.replace('room = "bath"', 'room = "hall"').replace('room = "bedroom"', 'room = "hall"')


async def lives_at_home(life, hours):
    for _ in range(round(hours * 12)):
        for someone in (True, False):
            life.moves()
            life.radar_lives(someone)
            await life.wait(2.5 * MINUTE)


async def comes_in(life):
    life.door(True)
    await life.wait(5)
    life.door(False)
    life.moves()
    await life.wait(30)


def is_away(life):
    return life.daemon.pipeline.away.lasts(life.daemon.clock.now())


@pytest.mark.parametrize("how", ["no door", "power cut", "never left", "one room"])
def test_away_ends_for_whoever_plainly_lives_at_home(tmp_path, how):
    async def story():
        await life.tell("away", seconds=6 * DAY, local=False)
        if how == "never left":
            await lives_at_home(life, 5)
        else:
            life.door(False)
            await life.wait(DAY)
            if how != "no door":
                await comes_in(life)
            if how == "power cut":
                await life.power_cut(dark=30)
            await lives_at_home(life, 4)
        assert not is_away(life)

    devices = {"no door": NO_DOOR, "one room": ONE_ROOM}.get(how, HOME)
    with Life(tmp_path, devices=devices, look_every=60.0) as life:
        life.live(story())


def test_whoever_is_back_and_falls_beside_the_bed_that_night_is_looked_for(tmp_path):
    async def story():
        await life.tell("away", seconds=6 * DAY)
        life.door(False)
        await life.until(MORNING + timedelta(hours=32))  # 16:00
        await comes_in(life)
        await life.power_cut(dark=30)
        await lives_at_home(life, 4)
        await life.until(MORNING + timedelta(hours=39))
        life.in_bed(True)
        await life.until(MORNING + timedelta(hours=41))
        life.in_bed(False)
        left = life.now
        await life.wait(HOUR)
        assert [(a.kind, a.state) for a in life.open] == [("person.bed_exit", "raised")]
        assert life.reached(since=left)

    with Life(tmp_path, look_every=60.0) as life:
        life.live(story())
