"""Somebody with a badge comes: by night, without a platform, over a power cut; and a badge that lies in a drawer is nobody."""

from datetime import timedelta

import pytest

from tests.kit.simulated import KEY
from tests.stories.life import HOME, HOUR, MINUTE, MORNING, SECRETS, Life

NEIGHBOUR, DRAWER = "A4:C1:38:00:00:77", "A4:C1:38:00:00:78"
BADGES = f"""
[[device]]
id = "badge-1"
model = "bthome-v2"
address = "{NEIGHBOUR}"
badge = "neighbour"
[[device]]
id = "badge-2"
model = "bthome-v2"
address = "{DRAWER}"
badge = "grid worker"
"""
NIGHT = MORNING + timedelta(hours=18, minutes=5)  # 02:05 in the home


def home(folder, **more):
    return Life(folder, devices=HOME + BADGES, secrets=f'{SECRETS}badge-1 = "{KEY}"\n', **more)


async def near(life, seconds, address=NEIGHBOUR):
    """Let a badge be heard every ten seconds: the neighbour's seals what it says, the other one does not."""
    end = life.now + seconds
    while life.now < end:
        life.sealed(address, "0164") if address == NEIGHBOUR else life.air(address, "4000{n}0164")
        await life.wait(10)


async def apart(life, seconds):
    """Let strangers be heard by radio, and no badge."""
    end = life.now + seconds
    while life.now < end:
        life.air("A4:C1:38:00:00:FF", "4000{n}0164")
        await life.wait(30)


def visits(life):
    return [e["detail"] for e in life.journal() if e.get("kind") == "service.visit"]


def test_a_power_cut_by_night_an_answer_and_the_neighbour_at_the_door_each_with_its_time(tmp_path):
    async def story():
        await life.wait(5 * MINUTE)
        await life.power_cut(dark=MINUTE)  # 02:10
        life.press()
        await life.wait(3 * MINUTE)
        assert {c.who for c in life.reached()} == {"family", "neighbour"}
        (alarm,) = life.open
        await life.tell("dispatch", alarm=alarm.id, by="neighbour", responder="neighbour", seconds=15 * MINUTE)  # 02:14
        await apart(life, 12 * MINUTE)
        came = life.now  # 02:26
        await near(life, 150)
        assert (life.open[0].state, life.open[0].responder, life.open[0].reason) == ("on_site", "neighbour", "badge")
        await near(life, 11 * MINUTE)
        await life.tell("close", alarm=alarm.id, by="neighbour", outcome="helped")  # 02:40
        assert life.reached(since=came) == [], "nobody else is called out of bed"
        await apart(life, 2 * HOUR)
        life.plug(True)
        await life.wait(10 * MINUTE)
        told = life.told_platform("person.sos")[-1][1]
        stages = {name: at["mono"] for name, at in told["stages"].items()}
        assert (told["state"], told["outcome"]) == ("closed", "helped")
        assert 120 <= stages["arrival"] - stages["dispatch"] - 12 * MINUTE <= 150, "and the two minutes that it takes to be sure"
        stays = [detail for _, kind, _, _, detail in life.desk.faults if kind == "service.visit"]
        assert [(s["who"], s["proved"], s.get("minutes")) for s in stays] == [("neighbour", True, None), ("neighbour", True, 13)]

    with home(tmp_path, begins=NIGHT) as life:
        life.plug(False)
        life.live(story())


def test_a_badge_in_a_drawer_ends_no_ladder_not_after_a_power_cut_either(tmp_path):
    async def story():
        await near(life, 11 * MINUTE, DRAWER)
        life.press()
        await near(life, 8 * MINUTE, DRAWER)
        await life.tell("acknowledge", alarm=life.open[0].id, by="desk")
        await near(life, 2 * MINUTE, DRAWER)
        assert life.open[0].state == "acknowledged"
        await life.wait(15 * MINUTE)  # the radio is deaf
        await near(life, 3 * MINUTE, DRAWER)
        assert life.open[0].state != "on_site"
        await life.power_cut()
        await near(life, 20 * MINUTE, DRAWER)
        assert life.open[0].state == "raised", "nobody came of it, and people are called on"
        assert visits(life) == []
        await apart(life, 11 * MINUTE)
        await near(life, 3 * MINUTE, DRAWER)
        assert life.open[0].state == "on_site", "it was carried away and has come"

    with home(tmp_path) as life:
        life.live(story())


@pytest.mark.parametrize("same_boot", [True, False])
def test_who_came_just_before_a_restart_has_arrived_after_it_and_stopped_no_call_before_somebody_had_it(tmp_path, same_boot):
    async def story():
        await apart(life, 15 * MINUTE)
        life.press()
        await apart(life, 3 * MINUTE)
        await near(life, 40)
        if same_boot:
            await life.restart(same_boot=True)
        else:
            await life.power_cut(dark=5)
        begin = life.now
        await near(life, 10 * MINUTE)
        assert life.open[0].state == "raised", "nobody has ever answered"
        assert life.reached(since=begin) != []
        assert [v["who"] for v in visits(life)] == ["neighbour"], "that he came is told"
        await life.tell("acknowledge", alarm=life.open[0].id, by="desk")
        await near(life, 20)
        assert (life.open[0].state, life.open[0].responder) == ("on_site", "neighbour")

    with home(tmp_path) as life:
        life.plug(False)
        life.live(story())


def test_a_badge_that_the_desk_has_shelved_arrives_nowhere(tmp_path):
    async def story():
        await apart(life, 15 * MINUTE)
        await life.tell("shelve", local=False, device="badge-1", seconds=20 * HOUR, reason="lost", by="desk")
        life.press()
        await life.wait(30)
        await life.tell("acknowledge", alarm=life.open[0].id, by="desk")
        await near(life, 4 * MINUTE)
        assert life.open[0].state != "on_site"

    with home(tmp_path) as life:
        life.live(story())
