"""A drill in a home that lives: the first person is called by the real way, marked as a drill, and nobody else; a real press goes before."""

from tests.stories.life import BUTTON, HOME, MINUTE, Life

SECOND = f"""
[[device]]
id = "button"
model = "shelly-blu-button"
room = "bath"
address = "{BUTTON}"
"""


def drills(life):
    return [e for e in life.journal() if e.get("kind") == "service.visit" and e["detail"].get("what") == "drill"]


def test_the_first_person_is_called_marked_as_a_drill_answers_and_need_not_come(tmp_path):
    async def story():
        await life.tell("walk", device="pendant", step="drill", seconds=5 * MINUTE)
        life.press()
        await life.wait(12)
        (call,) = life.calls
        told = {name: call.environment[f"ELDERCARE_{name}"] for name in ("TEST", "KIND", "REASON", "STATE")}
        assert (call.who, told) == ("family", {"TEST": "1", "KIND": "person.sos", "REASON": "drill", "STATE": "raised"})
        (alarm,) = life.open
        await life.tell("acknowledge", alarm=alarm.id, by="family")
        await life.tell("dispatch", alarm=alarm.id, by="family", responder="family", seconds=15 * MINUTE)
        await life.wait(MINUTE)
        (result,) = drills(life)
        assert (result["test"], result["detail"]["passed"], result["detail"]["lacks"]) == (True, True, "")
        assert (result["detail"]["called"], result["detail"]["by"]) == ("family", "Wang")
        assert life.open == []
        await life.wait(30 * MINUTE)
        assert [c.who for c in life.calls] == ["family"], "no siren, no neighbour, no call back"
        assert {m["test"] for _, m in life.told_platform()} == {True}
        life.press()
        await life.wait(5)
        assert [a.test for a in life.open] == [False], "the next press is real"

    with Life(tmp_path) as life:
        life.live(story())


def test_a_real_press_meanwhile_is_real_and_a_power_cut_ends_the_drill(tmp_path):
    async def story():
        await life.tell("walk", device="pendant", step="drill", seconds=5 * MINUTE)
        life.press()
        await life.wait(2)
        life.press(BUTTON)
        await life.wait(3 * MINUTE)
        real = [c for c in life.calls if c.environment["ELDERCARE_TEST"] == "0" and c.who != "siren"]
        assert {c.who for c in real} == {"family", "neighbour"}
        assert [c.who for c in life.calls if c.environment["ELDERCARE_TEST"] == "1"] == ["family"]
        await life.power_cut()
        await life.wait(MINUTE)
        assert [a.test for a in life.open] == [False]
        await life.tell("walk", device="pendant", step="drill", seconds=5 * MINUTE)
        refused = [e for e in life.journal() if e.get("do") == "walk" and not e["accepted"]]
        assert [e["refused"] for e in refused] == ["not_allowed"], "not while somebody calls"

    with Life(tmp_path, devices=HOME + SECOND) as life:
        life.live(story())
