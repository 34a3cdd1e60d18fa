"""Who is out with the pendant, and who is told."""

import pytest

from tests.stories import life as lives
from tests.stories.life import HOUR, MINUTE, PENDANT, Life


@pytest.mark.parametrize("agreed", [True, False])
def test_that_somebody_is_out_leaves_the_home_only_where_activity_was_agreed_to(tmp_path, monkeypatch, agreed):
    if not agreed:
        monkeypatch.setattr(lives, "GATEWAY", lives.GATEWAY.replace("activity = true", "activity = false"))

    async def story():
        life.moves()
        life.door(False)
        life.air(PENDANT, "4000{n}0164")
        await life.wait(MINUTE)
        life.door(True)
        await life.wait(5)
        life.door(False)
        await life.wait(5 * HOUR)
        told = [kind for _, kind, device, _, _ in life.desk.faults if device == "pendant"]
        assert told == (["person.out"] if agreed else [])
        assert ("person.out" in str(life.journal())) is agreed
        await life.restart()
        await life.wait(10 * HOUR)
        assert "device.missing" in [kind for _, kind, device, _, _ in life.desk.faults if device == "pendant"]
        assert ("person.out" in str(life.journal())) is agreed

    with Life(tmp_path, look_every=60) as life:
        life.live(story())
