"""A technician has looked at a device whose count went back: what is heard live at the box counts, a recording does not."""

from tests.stories.life import CANCEL, HOUR, MINUTE, Life

PRESS = "3a01"


def test_after_confirm_a_recording_cancels_no_fall_and_two_presses_at_the_box_do(tmp_path):
    async def fall_and(press):
        life.fall()
        await life.wait(5)
        press()
        await life.wait(60)
        still = [a for a in life.open if a.kind == "person.fall"]
        for alarm in still:
            await life.tell("close", alarm=alarm.id, outcome="helped")
        life.fall(False)
        await life.wait(10 * MINUTE)
        return "raised" if still else "cancelled"

    async def story():
        life.sealed(CANCEL, PRESS, counter=5000)
        await life.wait(MINUTE)
        for counter in (900, 901):  # a neighbour plays two that he has recorded where the gateway did not hear them
            life.sealed(CANCEL, PRESS, counter=counter)
            await life.wait(10)
        assert ("device.replayed", "cancel") in life.daemon.faults.on
        await life.tell("confirm", device="cancel", local=False)
        assert ("device.replayed", "cancel") in life.daemon.faults.on, "the desk does not stand at the device"
        await life.tell("confirm", device="cancel")
        await life.wait(5 * MINUTE)  # the technician has left
        for counter in (902, 903):
            assert await fall_and(lambda n=counter: life.sealed(CANCEL, PRESS, counter=n)) == "raised"
        await life.tell("confirm", device="cancel")
        for counter in (3, 4):  # the battery is new: he presses twice
            await life.wait(20)
            life.sealed(CANCEL, PRESS, counter=counter)
        await life.wait(HOUR)
        assert ("device.replayed", "cancel") not in life.daemon.faults.on
        assert await fall_and(lambda: life.sealed(CANCEL, PRESS, counter=5)) == "cancelled"

    with Life(tmp_path) as life:
        life.live(story())
