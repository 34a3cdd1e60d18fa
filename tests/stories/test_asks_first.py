"""Danger that is a silence: the home asks, and only a question that nobody answers is an alarm."""

from tests.stories.life import DOOR, HALL, HOUR, MINUTE, Life

BEDROOM, BATH = "A4:C1:38:00:00:21", "A4:C1:38:00:00:22"
ROOMS = f"""
[[device]]
id = "door"
model = "bthome-v2"
room = "hall"
address = "{DOOR}"
[[device]]
id = "hall"
model = "bthome-v2"
room = "hall"
address = "{HALL}"
[[device]]
id = "bedroom"
model = "bthome-v2"
room = "bedroom"
address = "{BEDROOM}"
[[device]]
id = "bath"
model = "bthome-v2"
room = "bath"
address = "{BATH}"
"""


def asks(folder, *, preset="usual", more="", **home):
    """A home that asks from its first day on, by the preset's lines."""
    return Life(
        folder, devices=ROOMS + home.pop("badges", ""), secrets="", more=f'[silence]\npreset = "{preset}"\nshadow_days = 0\n{more}', **home
    )


async def about(life, minutes, *, every=5, rooms=(HALL, BEDROOM)):
    """Let her move about for so long."""
    for n in range(int(minutes / every)):
        life.moves(rooms[n % len(rooms)])
        await life.wait(every * MINUTE)


async def gets_up(life):
    """Let the day begin: the door was heard, and she moves about for half an hour."""
    life.door(True)
    await life.wait(20)
    life.door(False)
    await about(life, 30)


def asked(life):
    return [(e["detail"]["about"], e["detail"]["times"]) for e in life.journal() if e.get("kind") == "person.asked"]


def answered(life):
    return [e["detail"]["about"] for e in life.journal() if e.get("kind") == "person.answered"]


def alarms(life):
    return [(a.kind, a.state) for a in life.open]


def test_a_silence_is_asked_about_and_a_movement_is_the_answer(tmp_path):
    async def story():
        await gets_up(life)
        await life.wait(3 * HOUR - 7 * MINUTE)
        assert asked(life) == []
        await life.wait(3 * MINUTE, at_ease=False)
        assert asked(life) == [("person.inactive", 1)]
        life.moves(BEDROOM)
        await life.wait(30 * MINUTE)
        assert (answered(life), alarms(life), life.reached()) == (["person.inactive"], [], [])

    with asks(tmp_path) as life:
        life.live(story())


def test_a_question_that_nobody_answers_calls_people(tmp_path):
    async def story():
        await gets_up(life)
        last = life.now - 5 * MINUTE
        await life.wait(3 * HOUR - 10 * MINUTE)
        await life.wait(20 * MINUTE)
        assert asked(life) == [("person.inactive", 1), ("person.inactive", 2)]
        assert alarms(life) == [("person.inactive", "raised")]
        chimes = [c.environment["ELDERCARE_REASON"] for c in life.called("chime")]
        assert chimes == ["asked", "asked_again"]
        await life.wait(5 * MINUTE)
        assert [c.who for c in life.reached(since=last)] != []
        life.moves(BEDROOM)
        await life.wait(1)
        assert life.open[0].condition_active is False

    with asks(tmp_path) as life:
        life.live(story())
