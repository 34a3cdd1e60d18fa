"""Power that comes for seconds at a time: what has passed of a wait outlasts each cut, and what has begun to be judged is not forgotten."""

from datetime import timedelta
from itertools import pairwise

import pytest
from gateway.judge.waits import WAITS

from tests.stories.life import HOUR, MINUTE, MORNING, Life

NOISES = ("siren", "chime")


def people(life, since=0.0):
    return [c for c in life.called(since=since) if c.who not in NOISES]


async def stutter(life, every, seconds, dark=5.0, over=lambda: False):
    """Let the power come for `every` s at a time, `seconds` long or until it is over; nobody ever confirms the clock."""
    for _ in range(int(seconds // every)):
        await life.wait(every - dark)
        await life.power_cut(dark=dark, clock_stands=True, sure_after=1e6)
        if over():
            return


async def leaves_bed(life):
    await life.until(MORNING + timedelta(hours=15))
    life.in_bed(True)
    await life.wait(5)
    life.in_bed(False)


def raised(life):
    return [a.kind for a in life.open if a.state == "raised"]


@pytest.mark.parametrize("every", [12, 20, 30, 40])
def test_people_are_called_although_the_power_comes_for_seconds_only(tmp_path, every):
    async def story():
        life.press()
        await life.wait(1)
        await stutter(life, every, 12 * MINUTE)
        assert {c.who for c in people(life)} == {"family", "neighbour"}
        by_name = {}
        for call in people(life):
            by_name.setdefault(call.who, []).append(call)
        for calls in by_name.values():
            apart = [b.at - a.at for a, b in pairwise(calls) if not a.killed]
            assert all(seconds >= 120 for seconds in apart), apart

    with Life(tmp_path, look_every=20) as life:
        life.plug(False)
        life.live(story())


@pytest.mark.parametrize("do", ["acknowledge", "dispatch", "arrive"])
def test_an_answer_that_nothing_comes_of_ends_although_the_power_comes_and_goes(tmp_path, do):
    async def story():
        life.press()
        await life.wait(5)
        await life.tell(do, alarm=life.open[0].id, by="Li", responder="Li", seconds=600)
        at = life.now

        def noticed():
            if do == "arrive":
                return "not_closed" in [c.reason for c in life.open[0].calls]
            return {c.who for c in people(life, at)} == {"family", "neighbour"}

        await stutter(life, 40, 1.5 * HOUR, over=noticed)
        assert noticed()

    with Life(tmp_path, look_every=20) as life:
        life.plug(False)
        life.live(story())


@pytest.mark.parametrize("every", [40, 240])
def test_a_bed_left_is_judged_although_the_power_comes_and_goes(tmp_path, every):
    async def story():
        await leaves_bed(life)
        await stutter(life, every, HOUR)
        assert raised(life) == ["person.bed_exit"]

    with Life(tmp_path, look_every=20) as life:
        life.live(story())


@pytest.mark.parametrize("what", ["bed", "door", "shelved smoke"])
def test_what_begins_a_second_before_a_power_cut_is_judged_after_it(tmp_path, what):
    async def story():
        if what == "bed":
            await leaves_bed(life)
        elif what == "door":
            life.door(True)
        else:
            await life.tell("shelve", device="smoke", seconds=1200.0, reason="x")
            await life.wait(1)
            life.smoke()
        await life.wait(0.5)
        await life.power_cut(dark=10)
        if what == "door":
            life.door(True)
            assert life.daemon.pipeline.pending().doors["door"][0].at.mono < 2.1, "12 at the start: open since before the cut"
        await life.wait(HOUR)
        assert {"bed": "person.bed_exit", "door": "door.left_open", "shelved smoke": "env.smoke"}[what] in raised(life)

    with Life(tmp_path) as life:
        life.live(story())


def test_a_bed_that_flaps_does_not_wear_the_card_out(tmp_path):
    async def story():
        await leaves_bed(life)
        await life.wait(10)
        written = count_marks(life)
        for n in range(300):
            life.in_bed(bool(n % 2 == 0))
            await life.wait(1)
        assert 29 <= len(written) <= 36, "one in 10 s, and the few of the first minute"

    with Life(tmp_path) as life:
        life.live(story())


def test_an_open_alarm_costs_the_card_few_marks(tmp_path):
    async def story():
        life.press()
        await life.wait(1)
        await life.tell("acknowledge", alarm=life.open[0].id, by="Li")
        await life.tell("dispatch", alarm=life.open[0].id, by="Li", responder="Li", seconds=1800)
        written, at = count_marks(life), life.now
        for _ in range(15):
            life.radar_lives(False)  # or its silence would be written down in between
            await life.wait(100)
        early = [one for one in written if one - at < 120]
        assert len(early) <= 13, "no more than in the first two minutes after a step"
        late = [one for one in written if one - at > 180]
        assert min(b - a for a, b in pairwise(late)) >= WAITS.mark_latest - 0.01

    with Life(tmp_path) as life:
        life.plug(False)
        life.live(story())


def count_marks(life):
    """Return the seconds at which the marks are written from now on, a list that grows."""
    seen: list[float] = []
    before = life.daemon.pump.keeping.written

    def written(mono, entries, pipeline):
        seen.append(life.now)
        before(mono, entries, pipeline)

    life.daemon.pump.keeping.written = written
    return seen
