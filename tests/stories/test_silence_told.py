"""How silent the home is, which line holds and why not, stands in the daemon's status."""

from tests.stories.life import HOUR, MINUTE
from tests.stories.test_asks_first import BEDROOM, asks, gets_up


def told(life):
    return life.daemon.upkeep.report((0, 0)).silence


def test_the_line_that_holds_and_the_open_question_are_told(tmp_path):
    async def story():
        await gets_up(life)
        await life.wait(2 * MINUTE)
        now = told(life)
        assert (now.preset, now.why, now.rule, now.sure) == ("usual", "", "person.inactive", True)
        assert (now.rests["line_min"], now.rests["basis"]) == (180, "preset")
        assert [(hour, line) for hour, line in enumerate(now.lines) if line < 0] == [(h, -1) for h in (*range(7), 22, 23)]
        assert 6 * MINUTE <= now.silent_s <= 8 * MINUTE
        assert now.question is None
        await life.wait(3 * HOUR - 6 * MINUTE, at_ease=False)
        question = told(life).question
        assert (question.about, question.times) == ("person.inactive", 1)
        life.moves(BEDROOM)
        await life.wait(1)
        assert (told(life).question, told(life).silent_s) == (None, 1.0)

    with asks(tmp_path) as life:
        life.live(story())


def test_why_nothing_is_judged_is_told(tmp_path):
    async def story():
        await life.wait(2 * MINUTE)
        now = told(life)
        assert (now.why, now.rule, now.lines) == ("no_voice", "", [])

    with asks(tmp_path, sound="[sound]\nvoice = false\n") as life:
        life.live(story())
