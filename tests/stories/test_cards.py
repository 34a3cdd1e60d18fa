"""Stories of the card: a broken one replaced, an old image put back, a clone in a second box. What is pressed then reaches the desk as new."""

import json
import shutil
import sqlite3

from gateway.box import machine
from gateway.contract import encoding
from gateway.demo.desk import Desk
from gateway.demo.desk import Home as DesksHome
from gateway.tend.check_journal import journal as check_journal
from gateway.words.kind import IDENTITY_CONFLICT

from tests.stories.life import HOUR, MINUTE, Life


class Image:
    """What lies on the card at one instant, to be put back later."""

    def __init__(self, life: Life, name: str = "image") -> None:
        self.life, self.kept = life, life.folder / name
        shutil.copytree(life.state, self.kept, ignore=shutil.ignore_patterns("*-shm"))

    async def put_back(self) -> None:
        await self.life.stop()
        shutil.rmtree(self.life.state)
        shutil.copytree(self.kept, self.life.state)
        await self.life.start()


def conflicts(life: Life) -> list[tuple[float, str]]:
    return [(at, detail["why"]) for at, kind, _, _, detail in life.desk.faults if kind == IDENTITY_CONFLICT]


def generations(life: Life) -> dict[str, int]:
    """Return how many entries the desk has of each journal that it knows."""
    return {journal: len(seen) for journal, seen in life.desk.entries.items()}


def as_it_stands(life: Life, alarm: str) -> dict:
    """Return how an alarm stands at the desk: its highest (generation, number)."""
    return max((m for _, m in life.desk.alarms[alarm]), key=lambda m: (m["generation"], m["number"]))


async def a_day(life: Life) -> str:
    """Live a day with a fire to which somebody has come, and which nobody has closed; return its id."""
    life.smoke()
    await life.wait(MINUTE)
    first = life.open[0].id
    await life.tell("acknowledge", alarm=first)
    await life.tell("arrive", alarm=first)
    await life.wait(20)
    return first


# -- 42: yesterday's card image is put back --------------------------------------------------------------------------


def test_42_an_sos_after_an_old_image_was_put_back_reaches_the_desk_as_new(tmp_path):
    async def story():
        open_before = await a_day(life)
        image = Image(life)
        old = life.daemon.store.journal
        await life.tell("close", alarm=open_before, outcome="helped")
        for _ in range(5):  # today: more than the image has, other alarms under its next numbers among it
            life.press()
            await life.wait(MINUTE)
            await life.tell("close", alarm=life.open[-1].id, outcome="no_help_needed")
        await life.wait(HOUR)
        life.plug(False)
        await image.put_back()  # the line is down: nobody can say that these numbers are known
        life.press()
        await life.wait(5)
        pressed = life.open[-1]
        assert pressed.id in life.desk.alarms, "its name is one that the desk knows, of an alarm that is closed"
        life.plug(True)
        at = life.now
        await life.wait(MINUTE)
        pressed = life.daemon.pipeline.alarms[pressed.number]
        assert life.daemon.store.journal != old
        assert life.daemon.store.generation == 2
        (told, why) = conflicts(life)[-1]
        assert (told - at < MINUTE, why) == (True, "other_bytes")
        come = [(second, m) for second, m in life.desk.alarms[pressed.id] if m["generation"] == 2]
        assert come[0][0] - at < MINUTE
        assert (come[0][1]["kind"], come[0][1]["state"]) == ("person.sos", "raised")
        assert pressed.id.startswith(life.daemon.store.journal), "under a name of its own"
        assert as_it_stands(life, open_before)["state"] == "on_site", "what the image has open is told anew"
        assert as_it_stands(life, open_before)["generation"] == 2
        await life.wait(MINUTE)
        assert await life.daemon.store.counts() == (0, 0), "all of it has its receipt"
        # From here on it is a journal as any other.
        await life.power_cut()
        assert {a.id for a in life.open} == {pressed.id, open_before}
        life.press()
        await life.wait(MINUTE)
        assert as_it_stands(life, pressed.id)["count"] == 2
        assert len(conflicts(life)) == 1
        assert check_journal(life.path, life.state / "gateway.db") == 0
        assert check_journal(life.path, life.state / "gateway.db.broken") == 0, "what the image held is kept aside, whole"

    with Life(tmp_path) as life:
        life.live(story())


def test_42_on_line_the_first_word_after_the_start_is_enough(tmp_path):
    async def story():
        open_before = await a_day(life)
        image = Image(life)
        for _ in range(3):
            life.press()
            await life.wait(MINUTE)
        await image.put_back()
        await life.wait(MINUTE)
        assert conflicts(life), "the word that it has started has a number that was given before"
        at = life.now
        life.press()
        await life.wait(5)
        assert as_it_stands(life, open_before)["generation"] == 2
        assert as_it_stands(life, life.open[-1].id)["state"] == "raised"
        assert [1 for second, m in life.told_platform("person.sos") if second > at and m["generation"] == 2]

    with Life(tmp_path) as life:
        life.live(story())


def test_42_a_platform_that_says_no_head_is_not_needed_where_the_card_is_another(tmp_path, monkeypatch):
    """An image is put back onto a new card: known at the start, before a single word is told."""

    async def story():
        life.desk.says_head = False
        open_before = await a_day(life)
        image = Image(life)
        life.press()
        await life.wait(MINUTE)
        monkeypatch.setattr(machine, "here", lambda _folder: {"box": "b1", "card": "c2"})
        await image.put_back()
        assert life.daemon.store.generation == 2
        await life.wait(MINUTE)
        assert [why for _, why in conflicts(life)] == ["moved"]
        assert life.desk.doubled == 0
        assert as_it_stands(life, open_before)["generation"] == 2
        await life.restart()
        await life.wait(MINUTE)
        assert life.daemon.store.generation == 2, "it is at home there from now on"
        assert len(conflicts(life)) == 1

    monkeypatch.setattr(machine, "here", lambda _folder: {"box": "b1", "card": "c1"})
    with Life(tmp_path) as life:
        life.live(story())


def test_42_siren_and_calls_of_an_open_alarm_go_on_while_the_journal_changes(tmp_path):
    async def story():
        life.people["siren"] = (HOUR, 0)
        life.plug(False)
        image = Image(life)
        life.plug(True)
        life.press()
        await life.wait(MINUTE)
        await life.tell("close", alarm=life.open[0].id, outcome="helped")
        life.plug(False)
        await image.put_back()
        life.press()
        await life.wait(2)
        siren = life.called("siren")[-1]
        life.plug(True)
        await life.wait(20)
        assert conflicts(life)
        assert siren.code is None, "it sounds on"
        assert len([c for c in life.called("siren") if c.at >= siren.at]) == 1

    with Life(tmp_path) as life:
        life.live(story())


def test_42_twins_that_both_live_cost_two_journals_an_hour_and_no_alarm(tmp_path):
    """A clone speaks to the same platform all the time: whatever ours says is a conflict again, and is acted upon now and then."""

    async def story():
        await life.wait(MINUTE)
        twin = 0

        async def clone():
            nonlocal twin
            while True:
                twin += 1
                store = life.daemon.store
                head = {"journal": store.journal, "generation": store.generation, "number": store.head.number + 9, "hash": "0" * 32}
                life.desk.newest = head
                await life.wait(10)

        task = life.loop.create_task(clone())
        for _ in range(6):
            life.press()
            await life.wait(10 * MINUTE)
            await life.tell("close", alarm=life.open[-1].id, outcome="helped")
        task.cancel()
        assert 1 <= life.daemon.store.generation - 1 <= 3, "in an hour and a minute"
        pressed = [m for _, m in life.told_platform("person.sos") if m["move"] == "raise"]
        assert len({m["id"] for m in pressed}) >= 6

    with Life(tmp_path) as life:
        life.live(story())


# -- 38: a new journal after a broken card ----------------------------------------------------------------------------


def test_38_after_a_broken_card_the_desk_shows_the_restored_sos_as_open_with_its_stages(tmp_path):
    """The demonstration's desk reads what the gateway tells, as an integrator's would."""

    async def story():
        life.press()
        await life.wait(MINUTE)
        alarm = life.open[0].id
        await life.tell("acknowledge", alarm=alarm)
        await life.tell("dispatch", alarm=alarm, responder="grid worker", seconds=600.0)
        for _ in range(30):  # numbers of the old journal run far ahead of the new one's
            await life.tell("silence", alarm=alarm)
        before = as_it_stands(life, alarm)
        await life.stop()
        card = life.state / "gateway.db"
        card.write_bytes(b"\0" * 100 + card.read_bytes()[100:])
        await life.wait(MINUTE)
        await life.start()
        await life.wait(MINUTE)
        after = as_it_stands(life, alarm)
        assert (after["generation"], after["journal"]) == (before["generation"] + 1, life.daemon.store.journal)
        assert after["number"] < before["number"]
        desk, home = Desk(), DesksHome()
        desk.look = lambda *_: None
        for _, message in life.desk.alarms[alarm]:
            payload = json.dumps(message).encode()
            desk.homes.setdefault(message["gateway"], home)
            desk.take("alarm", payload)
        shown = home.alarms[alarm]
        assert (shown["state"], shown["journal"]) == ("dispatched", life.daemon.store.journal)
        assert {"danger", "alarm", "answered", "dispatch"} <= set(shown["stages"])
        assert shown["stages"]["danger"] == before["stages"]["danger"]
        await life.tell("arrive", alarm=alarm)
        await life.tell("close", alarm=alarm, outcome="rescued")
        await life.wait(MINUTE)
        assert as_it_stands(life, alarm)["state"] == "closed"
        assert encoding.decode_entry(json.dumps(as_it_stands(life, alarm)).encode()).alarm == alarm

    with Life(tmp_path) as life:
        life.live(story())


def test_38_working_from_memory_and_back_each_is_newer_than_what_was_before(tmp_path, monkeypatch):
    """The card takes nothing for a while: the stand-in's words are newer than the card's, and what is told after the return newer still."""

    async def story():
        old = life.daemon.store.journal
        real = life.daemon.store

        def refuses(_turn):
            raise sqlite3.OperationalError("disk I/O error")

        real.write = refuses
        life.press()
        await life.wait(MINUTE)
        assert life.daemon.store.journal != old
        assert life.daemon.store.generation == 2
        alarm = life.open[0].id
        await life.tell("acknowledge", alarm=alarm)
        await life.tell("close", alarm=alarm, outcome="helped")
        await life.wait(10 * MINUTE)
        assert life._task is None or life._task.done(), "the disk is back: it begins anew there"
        await life.start()
        assert (life.daemon.store.journal, life.daemon.store.generation) == (old, 3)
        life.press()
        await life.wait(MINUTE)
        said = [(m["generation"], m["number"], m["journal"]) for _, m in life.told_platform("person.sos")]
        assert max(said)[2] == old
        assert check_journal(life.path, life.state / "gateway.db") == 0

    with Life(tmp_path) as life:
        life.live(story())
