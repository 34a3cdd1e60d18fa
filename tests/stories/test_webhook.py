"""A county's system is told by webhook while its platform is dead: of which entry, in whose words, and what comes where it does not take it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from gateway.hook.send import message

from tests.stories.life import MINUTE, Call, Life

PENDANT = """
[[device]]
id = "pendant"
model = "shelly-blu-button"
room = "卧室"
address = "A4:C1:38:00:00:01"
"""
PLACE = '[household]\narea = "幸福村"\n'
COUNTY = '[[ladder]]\nresponder = "county"\nwait = 60\nchannel = "webhook"\nperson = "desk"\n'
NEIGHBOUR = '[[ladder]]\nresponder = "neighbour"\nwait = 60\nchannel = "program"\nprogram = ["/people/neighbour"]\n'


class Desk:
    """The system behind the webhook: it takes what comes, or answers something else."""

    def __init__(self) -> None:
        self.came: list[tuple[float, str, dict]] = []
        self.exit = 0

    async def __call__(self, call: Call) -> int:
        if call.arguments[-1] != "test":
            name, body = message(call.environment, test=False, at=datetime.now(UTC))
            self.came.append((call.at, name, json.loads(body)["data"]))
        return self.exit


def test_with_the_platform_dead_the_countys_system_is_told_of_the_very_entry_within_a_minute(tmp_path):
    desk = Desk()

    async def story():
        life.plug(False)
        await life.wait(5)
        life.press()
        pressed = life.now
        await life.wait(MINUTE)
        ((at, name, said), *_) = desk.came
        assert at - pressed <= MINUTE
        (call,) = life.called("eldercare-webhook")
        assert call.arguments[:2] == ("--to", "desk")
        assert "http" not in " ".join((*call.arguments, *call.environment.values())), "no address stands where other processes look"
        entry = next(e for e in life.journal() if e["id"] == name)
        assert (entry["alarm"], entry["kind"]) == (said["alarm"], "person.sos"), "it is on the disk before it is told"
        assert said["text"]["zh"] == "【求救】幸福村 卧室 08:00。"
        assert not said["test"]
        await life.wait(2 * MINUTE)
        assert life.called("neighbour"), "a receipt is no answer: the next one is called"
        await life.tell("acknowledge", alarm=said["alarm"], by="county")
        began = life.now
        await life.wait(1)
        life.plug(True)
        await life.wait(MINUTE)
        pushed = [m for at, m in life.told_platform("person.sos") if at >= began]
        assert pushed, "the platform is told what was, once it is back"
        assert {m["alarm"] for m in pushed} == {said["alarm"]}, "under the same name: nobody takes it for a second alarm"

    with Life(tmp_path, devices=PENDANT, ladder=COUNTY + NEIGHBOUR, more=PLACE, secrets="") as life:
        life.people["eldercare-webhook"] = desk
        life.live(story())


def test_where_the_receiver_refuses_the_neighbour_is_called_at_once_and_the_fault_says_why(tmp_path):
    desk = Desk()

    async def story():
        life.plug(False)
        await life.wait(5)
        desk.exit = 14
        life.press()
        await life.wait(MINUTE)
        ((at, *_),) = desk.came
        assert life.called("neighbour")[0].at - at < 10, "nobody waits for one that refuses"
        await life.wait(MINUTE)
        life.plug(True)
        await life.wait(MINUTE)
        ((turn, why),) = [(t, detail.get("why")) for _, k, _, t, detail in life.desk.faults if k == "gateway.call_failed"]
        assert (turn, why) == ("raised", "not_set_up")

    with Life(tmp_path, devices=PENDANT, ladder=COUNTY + NEIGHBOUR, more=PLACE, secrets="") as life:
        life.people["eldercare-webhook"] = desk
        life.live(story())
