"""A bed left at night: the movement of leaving it is no sign that she is well, and a movement of the night none of the morning."""

from datetime import timedelta

import pytest

from tests.stories.life import CANCEL, HOUR, MINUTE, MORNING, Life

MIDNIGHT = MORNING + timedelta(hours=16)


async def leaves_bed(life, minutes, *, seen_after=2.0):
    """Let her lie until so many minutes after midnight, leave the bed and be seen in that; return when."""
    await life.until(MIDNIGHT - timedelta(hours=1))
    life.in_bed(True)
    life.moves()
    await life.until(MIDNIGHT + timedelta(minutes=minutes))
    life.in_bed(False)
    left = life.now
    await life.wait(seen_after)
    life.moves()
    return left


def raised(life):
    return [(a.kind, a.state) for a in life.open]


@pytest.mark.parametrize(
    ("minutes", "seen_after"),
    [(225, 2.0), (235, 2.0), (250, 2.0), (235, 120.0)],
    ids=["03:45", "03:55", "04:10", "03:55 and seen before 04:00"],
)
def test_whoever_falls_beside_the_bed_before_the_morning_is_looked_for(tmp_path, minutes, seen_after):
    async def story():
        left = await leaves_bed(life, minutes, seen_after=seen_after)
        await life.wait(1.5 * HOUR)
        assert raised(life) == [("person.bed_exit", "raised")]
        assert life.reached(since=left)

    with Life(tmp_path, look_every=30) as life:
        life.live(story())


def test_whoever_moves_about_in_the_morning_has_got_up(tmp_path):
    async def story():
        left = await leaves_bed(life, 235)
        await life.wait(600)  # 04:05
        life.moves()
        await life.wait(3 * HOUR)
        assert (raised(life), life.reached(since=left)) == ([], [])

    with Life(tmp_path, look_every=30) as life:
        life.live(story())


def test_whoever_falls_beside_the_bed_in_a_forgotten_absence_is_looked_for_when_it_ends(tmp_path):
    async def story():
        await life.until(MIDNIGHT - timedelta(hours=1.5))
        await life.tell("away", seconds=4 * HOUR)  # until 02:30
        left = await leaves_bed(life, 120)
        await life.wait(HOUR)
        assert raised(life) == [("person.bed_exit", "raised")]
        assert life.reached(since=left)

    with Life(tmp_path, look_every=30) as life:
        life.live(story())


@pytest.mark.parametrize("how", ["cancel", "false_alarm"])
@pytest.mark.parametrize("then", ["empty", "seen up", "back in bed"])
def test_a_bed_that_stays_empty_after_a_mistaken_word_is_asked_about_again(tmp_path, how, then):
    async def story():
        await life.until(MIDNIGHT - timedelta(hours=1))
        life.in_bed(True)
        await life.until(MIDNIGHT + timedelta(hours=4))
        life.in_bed(False)
        await life.wait(20 * MINUTE + 30)
        assert raised(life) == [("person.bed_exit", "pre_alarm")]
        if how == "cancel":
            life.press(CANCEL)  # the spouse, half asleep
        else:
            await life.wait(3 * MINUTE)
            await life.tell("acknowledge", alarm=life.open[0].id, local=False)
            await life.tell("close", alarm=life.open[0].id, outcome="false_alarm", local=False)
        await life.wait(MINUTE)
        assert raised(life) == []
        since = life.now
        if then == "seen up":
            life.moves()
        elif then == "back in bed":
            life.in_bed(True)
        for _ in range(4):
            await life.wait(10 * MINUTE)
            life.in_bed(then == "back in bed")  # the pad says it again
        assert raised(life) == [("person.bed_exit", "raised")] * (then == "empty")
        assert bool(life.reached(since=since)) is (then == "empty")

    with Life(tmp_path, look_every=30) as life:
        life.live(story())
