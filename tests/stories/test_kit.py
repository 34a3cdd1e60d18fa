"""The kit of the stories lives itself: a press is called for, a fall is cancelled, a power cut is got over."""

from tests.stories.life import CANCEL, MINUTE, NO_ANSWER, Life


def test_a_press_reaches_platform_siren_and_ladder(tmp_path):
    async def story():
        life.people["family"] = NO_ANSWER
        life.press()
        await life.wait(1)
        assert [a.kind for a in life.open] == ["person.sos"]
        assert [c.who for c in life.calls] == ["siren"]
        await life.wait(5 * MINUTE)
        assert life.called("family")[0].code == 1
        assert life.reached()[0].who == "neighbour"
        await life.tell("close", alarm=life.open[0].id, outcome="helped")
        assert not life.open

    with Life(tmp_path) as life:
        life.live(story())
        assert next(m["move"] for _, m in life.told_platform("person.sos")) == "raise"


def test_a_fall_is_cancelled_by_a_button_that_proves_itself_fresh(tmp_path):
    async def story():
        life.fall()
        await life.wait(10)
        assert life.called("chime")
        life.press(CANCEL)
        await life.wait(60)
        assert not life.open
        assert not life.called("siren")

    with Life(tmp_path) as life:
        life.live(story())


def test_smoke_before_a_power_cut_is_open_after_it(tmp_path):
    async def story():
        life.smoke()
        await life.wait(2)
        await life.power_cut(dark=40)
        assert [a.kind for a in life.open] == ["env.smoke"]

    with Life(tmp_path, platform="") as life:
        life.live(story())
