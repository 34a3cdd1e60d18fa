"""Who is out with the pendant, and who is told."""

import pytest

from tests.stories import life as lives
from tests.stories.life import DAY, HOUR, MINUTE, PENDANT, Life
from tests.stories.test_wrong_clock import come_back


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


@pytest.mark.parametrize("agreed", [True, False])
def test_by_which_rooms_somebody_is_back_leaves_the_home_only_where_activity_was_agreed_to(tmp_path, monkeypatch, agreed):
    if not agreed:
        monkeypatch.setattr(lives, "GATEWAY", lives.GATEWAY.replace("activity = true", "activity = false"))

    async def story():
        life.moves()
        life.door(False)
        await life.tell("away", seconds=6 * DAY)
        await life.wait(DAY)
        await come_back(life)
        ends = [e for e in life.journal() if e.get("kind") in {"service.away", "service.back_home"} and e["turn"] != "raised"]
        assert [(e["kind"], e["turn"]) for e in ends] == [("service.away", "cleared"), ("service.back_home", "noted")]
        assert all(bool(e.get("evidence")) is agreed for e in ends)
        assert ends[1]["detail"]["rooms"] == 2

    with Life(tmp_path, look_every=60) as life:
        life.live(story())
