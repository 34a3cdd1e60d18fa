"""A card that fails and is well again: nothing is lost, and the home is back on it within a minute, platform or none."""

import os

import pytest
from gateway.keep import database
from gateway.words import kind

from tests.stories.life import DAY, HOUR, MINUTE, PLATFORM, Life


class Shut:
    """Makes the card read-only, as Linux does it under open files."""

    def __init__(self, life, monkeypatch):
        self.life, self.on = life, False
        real = os.statvfs

        def seen(path):
            facts = real(path)
            shut = self.on and str(path).startswith(str(life.state))
            return os.statvfs_result((*facts[:8], facts.f_flag | os.ST_RDONLY, facts.f_namemax)) if shut else facts

        monkeypatch.setattr(database.os, "statvfs", seen)


@pytest.mark.parametrize("platform", ["", PLATFORM], ids=["no platform", "platform away"])
def test_a_card_that_is_read_only_for_a_week_loses_nothing(tmp_path, monkeypatch, platform):
    async def story():
        life.plug(there=False)
        await life.wait(HOUR)
        life.fall()
        await life.wait(MINUTE)
        before = life.open[0].id
        card.on = True
        life.press()
        await life.wait(5)
        assert life.daemon.store.degraded
        assert len(life.open) == 2
        await life.tell("arrive", alarm=before)  # somebody is there, and never closes
        sos = next(a.id for a in life.open if a.kind == "person.sos")
        await life.tell("arrive", alarm=sos)
        await life.wait(7 * DAY)
        life.smoke()
        await life.wait(5 * MINUTE)
        assert {a.kind for a in life.open} == {"person.fall", "person.sos", "env.smoke"}
        await life.tell("close", alarm=sos, outcome="helped")
        numbers = life.daemon.store.journal, life.daemon.pipeline.last
        card.on = False
        await life.wait(2 * MINUTE + 5)
        assert life._task.done(), "it ends, to begin anew on the card"
        await life.start()
        assert life.daemon.store.folder == life.state
        assert life.daemon.store.degraded == ""
        assert {a.kind for a in life.open} == {"person.fall", "env.smoke"}
        assert before in {a.id for a in life.open}
        earlier = {(m["journal"], m["number"]) for m in life.journal()}
        assert {(numbers[0], n) for n in range(1, numbers[1] + 1)} <= earlier, "what was written in memory is on the card"
        life.press()
        await life.wait(5)
        await life.power_cut()
        assert {a.kind for a in life.open} == {"person.fall", "env.smoke", "person.sos"}
        life.plug(there=True)
        await life.wait(HOUR)

    with Life(tmp_path, platform=platform, look_every=300.0) as life:
        card = Shut(life, monkeypatch)
        life.live(story())
        if platform:
            assert life.desk.said(kind.STORAGE_DEGRADED, "raised")
            assert life.desk.said(kind.STORAGE_DEGRADED, "cleared")
            assert {m[-1][1]["kind"] for m in life.desk.alarms.values()} >= {"person.fall", "person.sos", "env.smoke"}
            assert life.desk.doubled == 0
