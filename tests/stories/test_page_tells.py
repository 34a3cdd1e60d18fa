"""What the page is told by a daemon that lives: nothing before it is heard, and a call before its batch is written (simulated time)."""

from gateway.home import status
from gateway.page.known import Known
from gateway.page.strip import strips

from tests.stories.life import MINUTE, Life


def test_the_daemon_says_what_it_has_heard_itself(tmp_path):
    def said():
        return {d.device: d for d in life.daemon.upkeep.report((0, 0)).devices}

    async def story():
        assert not any(d.heard for d in said().values())
        life.door(False)
        life.radar_lives()
        await life.wait(1)
        assert (said()["door"].heard, said()["door"].states) == (True, {"contact_open": False})
        assert said()["radar"].states == {"presence": True}
        assert not said()["pendant"].heard
        await life.restart(same_boot=True)
        assert not any(d.heard or d.states for d in said().values()), "what was heard before it says nothing of now"
        assert "启动后还没有信号" in status.told(life.daemon.upkeep.report((0, 0)))
        life.door(True)
        await life.wait(1)
        assert (said()["door"].heard, said()["door"].states) == (True, {"contact_open": True})

    with Life(tmp_path) as life:
        life.live(story())


def test_a_call_of_some_seconds_ago_stands_in_the_day_before_its_batch_is_written(tmp_path):
    async def story():
        life.press()
        await life.wait(17)
        known = Known(life.daemon.home.config)
        now = life.daemon.clock.now().wall.timestamp()

        def pressed():
            return strips(known.day(now + 300), [("pendant", 1800.0)], now + 300)["pendant"].pressed

        assert pressed() == 1
        await life.wait(10 * MINUTE)
        assert pressed() == 1, "and it is one press when the history has it too"

    with Life(tmp_path) as life:
        life.live(story())
