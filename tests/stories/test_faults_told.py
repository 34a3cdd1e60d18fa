"""A dead fall radar in a home without the platform: whoever is marked for faults is told of it, whatever the power does (simulated time)."""

import pytest

from tests.stories.life import HOUR, MINUTE, NO_ANSWER, Life, rung

LADDER = rung("family") + "faults = true\n" + rung("neighbour")


@pytest.fixture
def life(tmp_path):
    with Life(tmp_path, ladder=LADDER, look_every=30.0) as life:
        yield life


def told(life):
    return [
        c for c in life.called("family") if (c.environment["ELDERCARE_KIND"], c.environment["ELDERCARE_ROOM"]) == ("device.missing", "bath")
    ]


@pytest.mark.parametrize("every", [9, 25, 45])
def test_power_that_comes_and_goes_neither_keeps_it_untold_nor_tells_it_at_each_start(life, every):
    async def story():
        life.radar_lives()
        life.plug(False)
        await life.wait(20 * MINUTE)
        for _ in range(4 * 60 // every):
            await life.wait(every * MINUTE)
            await life.power_cut(dark=30)
        assert [c.environment["ELDERCARE_REASON"] for c in told(life)] == ["fault"]

    life.live(story())


def test_whoever_does_not_pick_up_is_called_again_before_tomorrow(life):
    async def story():
        life.people["family"] = NO_ANSWER
        life.radar_lives()
        life.plug(False)
        await life.wait(3 * HOUR)
        assert len(told(life)) >= 2
        del life.people["family"]
        await life.wait(2 * HOUR)
        assert [c.code for c in told(life)].count(0) == 1

    life.live(story())
