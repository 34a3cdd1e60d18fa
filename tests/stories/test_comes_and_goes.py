"""A danger that comes and goes within its grace is there: people are called, once."""

import pytest

from tests.kit.radar_emulator import STAY_STILL, frame
from tests.stories.life import HOME, HOUR, MINUTE, RADAR, Life

LEAK = "A4:C1:38:00:00:77"
WET = HOME + f'[[device]]\nid = "leak"\nmodel = "bthome-v2"\nroom = "bath"\naddress = "{LEAK}"\n'


@pytest.mark.parametrize("restart", [False, True], ids=["", "restart"])
@pytest.mark.parametrize(("kind", "on", "off"), [("env.water", 50, 8), ("person.stay_too_long", 170, 10)])
def test_people_are_called_for_what_comes_and_goes(tmp_path, kind, on, off, restart):
    async def story():
        def say(there):
            if kind == "env.water":
                life.air(LEAK, f"4000{{n}}20{int(there):02x}")
            else:
                life.line(RADAR, frame(*STAY_STILL, bytes((there,))))

        async def flicker(seconds):
            end = life.now + seconds
            while life.now < end:
                say(True)
                await life.wait(on)
                say(False)
                await life.wait(off)

        if restart:
            await flicker(on + off)
            await life.restart(same_boot=True)
        began = life.now
        await flicker(HOUR)
        told = [(at, m) for at, m in life.told_platform(kind) if m["move"] == "raise"]
        assert len(told) == 1, "it is open until a person closes it"
        assert told[0][0] - began <= 10 * MINUTE
        assert {c.who for c in life.reached(since=began)} == {"family", "neighbour"}

    with Life(tmp_path, devices=WET, look_every=30) as life:
        life.live(story())
