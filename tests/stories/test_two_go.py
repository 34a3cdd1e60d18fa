"""Two who must go are both told by one modem, also where the first has answered before the second's turn."""

from tests.stories.life import Life

SMS = """
[[ladder]]
responder = "{who}"
wait = 60
channel = "program"
program = ["/people/eldercare-sms", "--to", "{who}"]
"""


def told(life):
    return [call.arguments[1] for call in life.called("eldercare-sms")]


def test_the_second_is_told_though_the_first_has_answered(tmp_path):
    async def answered():
        life.people["eldercare-sms"] = (22.0, 0)  # it waits for the delivery report
        life.press()
        while not told(life):
            await life.wait(1)
        await life.wait(12)
        await life.tell("dispatch", alarm=life.open[0].id, by="a", responder="a", seconds=900)
        await life.wait(60)
        assert told(life) == ["a", "b"]

    ladder = SMS.format(who="a") + SMS.format(who="b") + "together = true\n" + SMS.format(who="c")
    with Life(tmp_path, ladder=ladder) as life:
        life.plug(False)
        life.live(answered())
