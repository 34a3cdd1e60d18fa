"""A door left open by day is for today's list. Does the night find it open, it is told at once, whatever the power did meanwhile."""

import pytest

from tests.stories.life import HOUR, MINUTE, Life


@pytest.mark.parametrize("between", ["nothing", "restart", "restart of another boot", "power cut"])
@pytest.mark.parametrize("shut", [False, True], ids=["open", "shut before dusk"])
def test_the_night_tells_a_door_that_the_day_put_on_the_list(tmp_path, between, shut):
    async def story():
        life.door(False)
        await life.wait(MINUTE)
        life.door(True)
        await life.wait(2 * HOUR)
        assert [(a.kind, a.listed) for a in life.open] == [("door.left_open", True)]
        if between == "power cut":
            await life.power_cut(dark=30)
        elif between != "nothing":
            await life.restart(same_boot=between == "restart")
        for _ in range(26):  # until 23:00
            life.door(not shut)
            await life.wait(30 * MINUTE)
        if shut:
            assert not life.open
        else:
            assert [(a.kind, a.listed) for a in life.open] == [("door.left_open", False)]
        night = [at for at, m in life.told_platform("door.left_open") if m["move"] == "count" and not m["listed"]]
        assert len(night) == (0 if shut else 1), "once, at dusk"
        assert all(14 * HOUR <= at < 14 * HOUR + 10 * MINUTE for at in night)

    with Life(tmp_path, look_every=30) as life:
        life.live(story())
