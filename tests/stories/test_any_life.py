"""Lives that nobody wrote down: what happens is drawn by lot, and what must never fail is looked at all the time.

Held in every one of them: an SOS sounds and calls somebody at once, however often it was pressed before and whatever was answered; a
call for help that nobody has answered calls a person again and again; an answer that leads to nothing lapses; nothing that is open is
lost by a restart; nothing ends but by a cancel in its grace or a close with outcome and name.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.stories.life import CANCEL, HOUR, NO_ANSWER, PENDANT, TAKES_NOTE, Life

PEOPLE = ("family", "neighbour")
AT_ONCE = 15.0  # s within which a press again has a person called
FIRST = 70.0  # s within which the first press has: the platform's receipt and answer are waited for
SOUNDS = 3.0
AGAIN = 330.0 + 130.0  # s: the round begins again every 5 min at the latest, no person twice in 2 min by one channel
UNDER_WAY = 1100.0  # s in which a person is called anew, whoever acknowledges meanwhile and sends nobody
ANSWERED = {"acknowledged": 180.0, "dispatched": 900.0, "on_site": 3600.0}  # s after which an answer that leads to nothing is told


class Watched:
    """One life drawn by lot, with what must hold in it."""

    def __init__(self, life: Life, lot: random.Random) -> None:
        self.life, self.lot = life, lot
        self.wrong: list[str] = []
        self.did: list[str] = []
        self.states: dict[str, tuple[str, float]] = {}  # alarm -> (state, since when)
        self.nobody_sent: dict[str, float] = {}  # alarm -> since when nobody is on the way or there
        self.answered_at_once = False
        self.up = 0.0  # when the gateway began last

    def say(self, what: str) -> None:
        self.did.append(f"{self.life.now:9.1f} {what}")

    async def live(self, hours: float) -> None:
        end = self.life.now + hours * HOUR
        while self.life.now < end:
            await self.lot.choices(*zip(*self.acts(), strict=True))[0]()
            await self.quiet(self.lot.choice((0.3, 2, 11, 40, 130, 500, 1500)))

    def acts(self):
        return [
            (self.press, 6),
            (self.fall, 3),
            (self.smoke, 2),
            (self.answer, 8),
            (self.cancel, 2),
            (self.silence, 2),
            (self.power, 2),
            (self.restart, 1),
            (self.network, 2),
            (self.people, 3),
            (self.desk, 1),
            (self.door_and_bed, 3),
            (self.masks, 1),
        ]

    async def quiet(self, seconds: float) -> None:
        """Wait, and look at each open alarm every few seconds."""
        until = self.life.now + seconds
        while self.life.now < until:
            await self.life.wait(min(5.0, until - self.life.now))
            self.look()

    def look(self) -> None:
        life = self.life
        assert life._task is not None
        if life._task.done():
            raise AssertionError(f"the daemon ended: {life._task.exception()!r}")
        now = {a.id: str(a.state) for a in life.open if a.priority <= 1 and not a.test}
        for alarm, state in now.items():
            if self.states.get(alarm, ("", 0.0))[0] != state:
                self.states[alarm] = (state, life.now)
            since = max(self.states[alarm][1], self.up)
            if state == "raised" and life.now - since > AGAIN and not self.begun(life.now - AGAIN, *PEOPLE) and not self.running(*PEOPLE):
                self.wrong.append(f"{life.now:.1f}: {alarm} is {state}, and nobody is called")
            if state in {"dispatched", "on_site"}:
                self.nobody_sent.pop(alarm, None)
            sent = max(self.nobody_sent.setdefault(alarm, life.now), self.up)
            if life.now - sent > UNDER_WAY and not self.begun(life.now - UNDER_WAY, *PEOPLE) and not self.running(*PEOPLE):
                self.wrong.append(f"{life.now:.1f}: {alarm} is answered again and again, and nobody is called or sent")
            if not self.answered_at_once and state in {"acknowledged", "dispatched"} and life.now - since > ANSWERED[state] + 60.0:
                self.wrong.append(f"{life.now:.1f}: {alarm} is {state} for ever")
        for known in (self.states, self.nobody_sent):
            for gone in set(known) - set(now):
                del known[gone]

    def begun(self, since: float, *who: str):
        return [c for c in self.life.calls if c.who in who and c.at >= since]

    def running(self, *who: str):
        return [c for c in self.life.calls if c.who in who and c.code is None]

    async def press(self) -> None:
        life = self.life
        at, sounding, calling = life.now, self.running("siren"), self.running(*PEOPLE)
        fresh = not [a for a in life.open if a.device == "pendant" and a.state == "raised"]
        self.say(f"press; open {[(a.id, str(a.state)) for a in life.open]}")
        life.press(PENDANT)
        await life.wait(SOUNDS)
        if not self.begun(at, "siren") and not [c for c in sounding if c.code is None]:
            self.wrong.append(f"{at:.1f}: pressed, and no siren")
        await life.wait((FIRST if fresh else AT_ONCE) - SOUNDS)
        excused = calling or (fresh and self.answered_at_once)  # a line that is being rung is not rung twice at once
        if not excused and not self.begun(at, *PEOPLE):
            self.wrong.append(f"{at:.1f}: pressed, and nobody called")

    async def fall(self) -> None:
        self.say("fall")
        self.life.fall()
        if self.lot.random() < 0.5:
            await self.life.wait(self.lot.choice((5, 60)))
            self.life.fall(False)

    async def smoke(self) -> None:
        self.say("smoke")
        at = self.life.now
        fresh = not [a for a in self.life.open if a.device == "smoke"]
        self.life.smoke()
        await self.life.wait(SOUNDS)
        if fresh and not self.begun(at, "siren") and not self.running("siren"):
            self.wrong.append(f"{at:.1f}: smoke, and no siren")

    async def answer(self) -> None:
        if not self.life.open:
            return
        alarm = self.lot.choice(self.life.open)
        do = self.lot.choice(("acknowledge", "dispatch", "arrive", "close", "close"))
        more = {"dispatch": {"responder": "Li"}, "close": {"outcome": self.lot.choice(("rescued", "false_alarm", "no_help_needed"))}}
        self.say(f"{do} {alarm.id} {alarm.state}")
        await self.life.tell(do, alarm=alarm.id, local=self.lot.random() < 0.5, **more.get(do, {}))

    async def cancel(self) -> None:
        self.say("cancel")
        self.life.press(CANCEL)

    async def silence(self) -> None:
        if self.life.open:
            self.say("silence")
            await self.life.tell("silence", alarm=self.lot.choice(self.life.open).id)

    async def power(self) -> None:
        await self._over(
            "power cut", lambda: self.life.power_cut(dark=self.lot.choice((5, 60, 1800)), sure_after=self.lot.choice((0, 200)))
        )

    async def restart(self) -> None:
        await self._over("restart", lambda: self.life.restart(same_boot=self.lot.random() < 0.5))

    async def _over(self, what: str, how) -> None:
        before = {a.id: a.state for a in self.life.open}
        self.say(f"{what}; open {before}")
        await how()
        self.up = self.life.now
        after = {a.id for a in self.life.open}
        if lost := set(before) - after:
            self.wrong.append(f"{self.life.now:.1f}: {what} lost {[(n, str(before[n])) for n in lost]}")

    async def network(self) -> None:
        there = self.lot.random() < 0.5
        self.say(f"network {there}")
        self.life.plug(there)

    async def desk(self) -> None:
        """A platform that acknowledges every alarm by itself, or dispatches somebody, or looks on."""
        orders = self.lot.choice(((), ({"do": "acknowledge"},), ({"do": "dispatch", "responder": "Li"},)))
        self.say(f"desk {orders}")
        self.states.clear()
        self.answered_at_once = bool(orders)  # believed once: only what lapses then calls

        def answers(message):
            return [(1.0, {**order, "alarm": message["alarm"]}) for order in orders if message["move"] in {"raise", "expire", "lapse"}]

        self.life.desk.answers = answers

    async def door_and_bed(self) -> None:
        act = self.lot.choice(("door", "bed", "move"))
        self.say(act)
        if act == "move":
            self.life.moves()
        else:
            (self.life.door if act == "door" else self.life.in_bed)(self.lot.random() < 0.5)

    async def masks(self) -> None:
        """Away and a shelf mask what they may, and never a call for help."""
        what = self.lot.choice(("away", "home", "shelve"))
        self.say(what)
        if what == "shelve":
            await self.life.tell("shelve", device=self.lot.choice(("radar", "door")), seconds=3600.0, reason="dust")
        elif what == "away":
            await self.life.tell("away", seconds=7200.0)
        else:
            await self.life.tell("away", seconds=0.0)

    async def people(self) -> None:
        for who in PEOPLE:
            self.life.people[who] = self.lot.choice((TAKES_NOTE, TAKES_NOTE, NO_ANSWER, (400.0, 0)))
        self.say(f"people {self.life.people}")


@pytest.mark.parametrize("seed", range(int(os.environ.get("LIVES", "4"))))
def test_any_life(tmp_path, seed):
    """More of them: LIVES=100."""
    with Life(tmp_path, look_every=20.0) as life:
        watched = Watched(life, random.Random(seed))
        life.live(watched.live(4))
        assert all(entry["by"] for entry in life.journal() if entry.get("move") == "close")
        assert not watched.wrong, "\n".join([*watched.did[-80:], *watched.wrong])
