"""Another journal, the next generation: when it is begun, what goes along, and that a cut in the middle loses nothing."""

import asyncio
import contextlib
import json
import os
import sqlite3
from pathlib import Path

import pytest
from gateway.box import machine
from gateway.contract import chain, encoding, inward, wire
from gateway.demo.desk import Desk
from gateway.keep import database, store, succession
from gateway.keep.database import new_name
from gateway.keep.history import Outgoing
from gateway.keep.journal import Journal, Writing
from gateway.keep.recovery import opened
from gateway.keep.stand_in import stand_in
from gateway.tend.lineage import Conflict, judged
from gateway.words.both import BOTH
from gateway.words.clock import Quality
from gateway.words.instruction import Do
from gateway.words.kind import IDENTITY_CONFLICT
from gateway.words.reading import Kind

from tests.kit.hand import GATEWAY, HandClock
from tests.parts.test_store import Box
from tests.stories.life import HOUR, MINUTE, Life

HASH, OTHER = "0" * 32, "f" * 32


def head(number: int, found: str = HASH, journal: str = "j", generation: int = 3) -> wire.Head:
    return wire.Head(journal, generation, number, found)


@pytest.fixture
def box(tmp_path):
    box = Box(tmp_path)
    yield box
    with contextlib.suppress(sqlite3.ProgrammingError, RuntimeError):
        box.stop()


# -- what the platform has, against what we have ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (head(9), 9),
        (head(10), 10),
        (head(4), 0),  # older than what is at hand: nothing is known
        (head(9, OTHER), Conflict("other_bytes", 3)),
        (head(11), Conflict("put_back", 3)),
        (head(11, journal="k", generation=2), 0),  # the one before ours: a receipt that comes late
        (head(1, journal="k", generation=3), Conflict("older", 3)),
        (head(1, journal="k", generation=7), Conflict("older", 7)),
    ],
)
def test_what_the_platform_has_is_held_against_what_we_have(said, found):
    assert judged(said, "j", 3, 10, {8: HASH, 9: HASH, 10: HASH}) == found


# -- another journal ----------------------------------------------------------------------------------------------------


def renewed(box: Box, floor: int) -> list[Outgoing]:
    """Begin another journal as the daemon does; both sides have the same up to `floor`."""
    journal = new_name()
    beyond = succession.beyond(box.store.entries, floor, journal)
    entries = box.pipeline.renumber(journal, [], box.clock.now(), last=len(beyond.again), shared=beyond.shared, why="conflict")
    turn = Writing(entries=entries, again=beyond.again, waiting=beyond.waiting, shared=beyond.shared)
    return box.store.begin_anew(journal, "conflict", turn)


def lived(box: Box) -> None:
    """An SOS that both sides know, and behind that: a fault told once, a fall that ended, one that is open, a counter, an order."""
    box.sos()  # entry 2
    box.write(memory={"pendant": '{"counter":7}'})
    box.note()
    box.fall()
    box.hear("button", Kind.BUTTON, "press")
    box.clock.move(1)
    box.tell(Do.TEST, "o1")


def test_what_lies_behind_what_both_sides_know_is_told_again_and_what_waits_before_it_goes_along_as_it_is(box):
    lived(box)
    before, old = {m.number: m.payload for m in box.told}, box.store.journal
    names = {a.number: a.id for a in box.pipeline.alarms.values()}
    out = renewed(box, 2)
    new = box.store.journal
    told = [encoding.decode_entry(m.payload) for m in out]
    assert [m.number for m in told] == list(range(1, len(told) + 1))
    assert {(m.journal, m.generation) for m in told} == {(new, 2)}
    assert [m.previous for m in told] == ["", *(chain.hashed(m.payload) for m in out[:-1])]
    # the fault is told again with the time it had; so is the order's result
    assert [type(m).__name__ for m in told[:2]] == ["FaultMessage", "ResultMessage"]
    assert told[0].at == encoding.decode_entry(before[3]).at
    # what is open: the SOS under its own id, what began behind it under new ones
    after = {a.number: a.id for a in box.pipeline.alarms.values()}
    assert after == {1: names[1], 2: f"{new}-a2", 3: f"{new}-a3", 4: f"{new}-a4"}
    assert told[1].alarm == after[4], "the result names what it opened by its new id"
    assert {m.alarm for m in told if isinstance(m, wire.AlarmMessage)} == set(after.values())
    # what waits up to there: as it was, under its own journal
    earlier = [body for (body,) in box.rows("SELECT body FROM journal WHERE number < 0 ORDER BY number")]
    assert earlier == [before[1], before[2]]
    assert box.store.entries.receipted(old, [(1, 2)]) != []
    assert box.store.memories() == {"pendant": {"counter": 7}}
    box.stop()
    box.start()
    assert {a.id for a in box.pipeline.alarms.values()} == set(after.values())
    assert "o1" in box.pipeline.orders.done
    assert (box.store.journal, box.store.generation) == (new, 2)
    assert chain.begun_of(box.store.marked("begun")) == [(1, "conflict")]


class Cut(Exception):
    """The power goes."""


@pytest.mark.parametrize("where", ["set_aside", "sync", "database", "write"])
def test_power_cut_while_another_journal_is_begun_loses_nothing_open(tmp_path, monkeypatch, where):
    box = Box(tmp_path)
    lived(box)
    names = sorted(a.kind for a in box.pipeline.alarms.values())
    owner = Journal if where == "write" else store
    real = getattr(owner, where)

    def cut(*args, **more):
        if where in {"set_aside", "sync"}:
            real(*args, **more)
        raise Cut

    monkeypatch.setattr(owner, where, cut)
    with pytest.raises(Cut):
        renewed(box, 2)
    monkeypatch.undo()
    with contextlib.suppress(sqlite3.Error):
        box.store.drop()
    again, known, memories = opened(box.folder, box.runtime, GATEWAY, box.clock.now(), box.clock.boot)
    assert sorted(a.kind for a, _ in known.alarms) == names
    assert again.folder == box.folder
    assert memories == {"pendant": {"counter": 7}}
    assert (again.generation, known.last) == (2, 0)
    again.close_now()


def test_a_disk_that_refuses_the_other_journal_is_left_and_memory_has_all_that_is_open(tmp_path, monkeypatch):
    async def story():
        life.press()
        await life.wait(MINUTE)
        real = store.database

        def full(path: Path, *rest):
            if path.parent == life.state and path.name == "gateway.db":
                raise store.StoreProblem(f"{path} cannot grow")
            return real(path, *rest)

        monkeypatch.setattr(store, "database", full)
        life.daemon.lineage.conflict = Conflict("put_back", 1)
        life.daemon.wake.set()
        await life.wait(5)
        assert life.daemon.store.folder != life.state
        assert [a.kind for a in life.open] == ["person.sos"]
        monkeypatch.setattr(store, "database", real)
        await life.wait(3 * MINUTE)
        if life._task is not None and life._task.done():
            await life.start()
        await life.wait(MINUTE)
        assert [a.kind for a in life.open] == ["person.sos"]
        newest = max((m for _, m in life.told_platform("person.sos")), key=lambda m: (m["generation"], m["number"]))
        assert newest["journal"] == life.daemon.store.journal

    with Life(tmp_path) as life:
        life.live(story())


# -- generations --------------------------------------------------------------------------------------------------------


def test_a_fresh_card_of_a_known_gateway_is_lifted_above_what_the_platform_knows(tmp_path):
    async def story():
        life.desk.newest = {"journal": "gone", "generation": 5, "number": 800, "hash": OTHER}
        life.press()
        await life.wait(MINUTE)
        assert life.daemon.store.generation == 6
        newest = max((m for _, m in life.told_platform("person.sos")), key=lambda m: (m["generation"], m["number"]))
        assert (newest["generation"], newest["journal"]) == (6, life.daemon.store.journal)
        assert [f[4]["why"] for f in life.desk.faults if f[1] == IDENTITY_CONFLICT] == ["older"]
        await life.restart()
        assert life.daemon.store.generation == 6, "it is written down"
        await life.wait(HOUR)
        assert len([f for f in life.desk.faults if f[1] == IDENTITY_CONFLICT]) == 1

    with Life(tmp_path) as life:
        life.live(story())


def test_a_platform_that_reckons_hashes_wrongly_is_told_so_and_costs_one_journal(tmp_path):
    """It hashes what it has written anew, not the bytes that came: the gateway does not begin journals for ever."""

    async def story():
        life.press()
        await life.wait(1)
        for _ in range(30):
            s = life.daemon.store
            life.desk.newest = {"journal": s.journal, "generation": s.generation, "number": s.head.number, "hash": OTHER}
            body = {"v": 1, "gateway": "gw-year", "journal": s.journal, "entries": [[1, s.head.number]], "head": life.desk.newest}
            life.daemon.mailbox.from_platform("receipt", json.dumps(body).encode())
            await life.wait(10 * MINUTE)
        assert life.daemon.store.generation == 2
        assert any("reckoned over the bytes" in f[4].get("why", "") for f in life.desk.faults if f[1] == "gateway.bad_message")

    with Life(tmp_path) as life:
        life.desk.says_head = False
        life.live(story())


def test_numbers_of_entries_that_are_gone_are_not_given_again(box):
    """The newest entries are gone from the card, the mark of the head is not: another journal begins."""
    box.sos()
    box.fall()
    last = box.store.head.number
    box.rows("DELETE FROM journal WHERE number = ?", last)
    box.rows("DELETE FROM outbox WHERE number = ?", last)
    box.rows("DELETE FROM alarms WHERE entry = ?", last)
    old = box.store.journal
    box.restart()
    assert box.store.journal != old
    assert (box.store.anew, box.store.generation) == ("cut", 2)
    assert [a.kind for a in box.pipeline.alarms.values()] == ["person.sos"]


def test_each_road_to_another_journal_counts_on(tmp_path):
    """A damaged database, a stand-in and the way back."""
    box = Box(tmp_path, clock=HandClock())
    box.sos()
    box.stop()
    path = box.folder / "gateway.db"
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])
    box.start()
    assert (box.store.generation, chain.begun_of(box.store.marked("begun"))) == (2, [(1, "damaged")])
    instead = stand_in(box.runtime, GATEWAY, "full", 3)
    assert (instead.generation, chain.begun_of(instead.marked("begun"))) == (3, [(1, "stand_in")])
    instead.close_now()
    box.restart()
    assert box.store.generation == 4, "gone back to after what was told from memory"
    box.restart()
    assert box.store.generation == 4
    box.stop()


# -- what one receipt may do --------------------------------------------------------------------------------------------


def receipt(life: Life, entries: list[list[int]], **head) -> None:
    """Let a receipt come in; without a head where none is given."""
    body = {"v": 1, "gateway": "gw-year", "journal": life.daemon.store.journal, "entries": entries} | ({"head": head} if head else {})
    life.daemon.mailbox.from_platform("receipt", json.dumps(body).encode())


def ours(life: Life) -> dict:
    """Return the newest entry as a platform that has it names it."""
    s = life.daemon.store
    return {"journal": s.journal, "generation": s.generation, "number": s.head.number, "hash": s.head.hash}


def bad(life: Life) -> list[str]:
    return [f[4].get("why", "") for f in life.desk.faults if f[1] == "gateway.bad_message"]


@pytest.mark.parametrize(
    "head",
    [
        {"journal": "other", "generation": 1_000_000_000, "number": 1, "hash": HASH},
        {"journal": "other", "generation": 1 << 60, "number": 1, "hash": HASH},
        {"journal": "other", "generation": 7, "number": 1, "hash": "none"},
        {"generation": "seven"},
    ],
)
def test_a_head_that_cannot_be_is_passed_over_and_the_receipt_holds(tmp_path, head):
    async def story():
        life.desk.forgets = lambda: True
        life.press()
        await life.wait(MINUTE)
        last = life.daemon.store.head.number
        receipt(life, [[1, last]], **head)
        await life.wait(5)
        rows = life.daemon.store._db.execute("SELECT number FROM outbox WHERE number <= ?", (last,)).fetchall()
        assert (life.daemon.store.generation, rows) == (1, [])
        assert any("generation" in why or "head" in why for why in bad(life))

    with Life(tmp_path) as life:
        life.desk.says_head = False
        life.live(story())


@pytest.mark.parametrize("ranges", [[[7, 3]], [[1, 100_000]]])
def test_a_receipt_that_is_refused_has_moved_nothing_and_the_numbers_have_no_gap(tmp_path, ranges):
    """Its head would lift the generation; what is told of that is numbered, and never without being written."""

    async def story():
        life.press()
        await life.wait(MINUTE)
        receipt(life, ranges, journal="other", generation=7, number=1, hash=HASH)
        await life.wait(5)
        assert life.daemon.store.generation == 1
        assert bad(life)
        receipt(life, [], journal="other", generation=7, number=1, hash=HASH)
        await life.wait(5)
        assert life.daemon.store.generation == 8
        life.press()
        await life.wait(MINUTE)
        numbers = [n for (n,) in life.daemon.store._db.execute("SELECT number FROM journal WHERE number > 0 ORDER BY number")]
        assert numbers == [*range(1, life.daemon.store.head.number + 1)]

    with Life(tmp_path) as life:
        life.desk.says_head = False
        life.live(story())


@pytest.mark.parametrize("mark", [str(wire.GENERATIONS), "1000000001", "9" * 40, "-5"])
def test_no_generation_on_the_disk_is_one_that_a_receipt_cannot_name(box, mark):
    box.rows("UPDATE marks SET value = ? WHERE name = 'generation'", mark)
    box.restart()
    box.sos()
    told = encoding.decode_entry(box.told[-1].payload)
    head = {"journal": told.journal, "generation": told.generation, "number": told.number, "hash": HASH}
    body = {"v": 1, "gateway": GATEWAY, "journal": told.journal, "head": head}
    assert inward.decode_receipt(json.dumps(body).encode(), GATEWAY).head == wire.Head(**head)
    renewed(box, 1)
    assert told.generation <= box.store.generation <= wire.GENERATIONS


def test_conflicts_set_three_journals_aside_and_never_write_over_one(tmp_path):
    """A hostile platform names the newest entry right and then a higher one, again and again, and the box is started in between."""

    async def conflict() -> None:
        receipt(life, [], **ours(life))
        await life.wait(2)
        receipt(life, [], **ours(life) | {"number": life.daemon.store.head.number + 5000})
        await life.wait(5)

    def on_the_card() -> set[str]:
        found = set()
        for path in (life.state / "gateway.db", *database.aside(life.state / "gateway.db")):
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                found.add(db.execute("SELECT value FROM marks WHERE name = 'journal'").fetchone()[0])
        return found

    async def story():
        await life.wait(MINUTE)
        seen = [life.daemon.store.journal]
        for _ in range(database.SET_ASIDE):
            await conflict()
            assert life.daemon.store.journal not in seen
            seen.append(life.daemon.store.journal)
            await life.restart()
            await life.wait(5)
            await conflict()
            assert life.daemon.store.journal == seen[-1], "a restart does not begin the half hour anew"
            await life.wait(31 * MINUTE)
        for _ in range(2):
            await conflict()
            await life.wait(31 * MINUTE)
        assert life.daemon.store.journal == seen[-1]
        assert on_the_card() == set(seen)
        assert [f[4]["why"] for f in life.desk.faults if f[1] == IDENTITY_CONFLICT][-1] == "full"
        life.press()
        await life.wait(MINUTE)
        assert [a.kind for a in life.open] == ["person.sos"]

    with Life(tmp_path) as life:
        life.desk.says_head = False
        life.live(story())


def test_what_is_set_aside_is_bound_in_bytes_with_its_log(tmp_path, monkeypatch):
    path, now = tmp_path / "gateway.db", HandClock().now()
    for part in database.parts(path)[:2]:
        part.write_bytes(bytes(600))
    assert database.has_room(path, now, 30)
    database.set_aside(path, keep=True)
    monkeypatch.setattr(database, "ASIDE_BYTES", 1200)
    assert not database.has_room(path, now, 30)
    monkeypatch.setattr(database, "ASIDE_BYTES", 1201)
    assert database.has_room(path, now, 30)


def test_room_is_made_of_what_was_set_aside_longer_ago_than_the_journal_is_kept(tmp_path):
    path, now = tmp_path / "gateway.db", HandClock().now()
    for n in range(database.SET_ASIDE + 1):
        path.write_text(str(n))
        database.set_aside(path, keep=True)
    kept = {one.name: one.read_text() for one in database.aside(path)}
    assert kept == {"gateway.db.broken": "3", "gateway.db.broken-1": "0", "gateway.db.broken-2": "1"}, "damage takes the last place only"
    for one in database.aside(path):
        os.utime(one, (now.wall.timestamp() - 10 * 86400,) * 2)
    assert not database.has_room(path, now, 30)
    os.utime(path.with_name("gateway.db.broken-1"), (now.wall.timestamp() - 40 * 86400,) * 2)
    assert not database.has_room(path, now._replace(quality=Quality.UNSURE), 30)
    assert database.has_room(path, now, 30)
    assert len(database.aside(path)) == database.SET_ASIDE - 1


# -- the place ----------------------------------------------------------------------------------------------------------


def test_the_place_is_known_by_what_an_image_does_not_take_along(tmp_path, monkeypatch):
    board, block = tmp_path / "serial", tmp_path / "block"
    board.write_bytes(b"10000000abcdef01\0")
    device = (tmp_path).stat().st_dev
    disk = tmp_path / "devices" / "mmcblk0"
    (disk / "mmcblk0p2").mkdir(parents=True)
    (disk / "device").mkdir()
    (disk / "device" / "cid").write_text("1b534d3030303030100f8f7d6b013a00\n")
    block.mkdir()
    (block / f"{os.major(device)}:{os.minor(device)}").symlink_to(disk / "mmcblk0p2")
    monkeypatch.setattr(machine, "BOARD", (tmp_path / "none", board))
    monkeypatch.setattr(machine, "BLOCK", block)
    before = machine.here(tmp_path)
    assert set(before) == {"box", "card"}
    assert "abcdef01" not in json.dumps(before), "no serial number is kept, only its hash"
    assert machine.moved(machine.known(json.dumps(before)), before) == ""
    (disk / "device" / "cid").write_text("another")
    assert machine.moved(before, machine.here(tmp_path)) == "card"
    board.write_text("another")
    assert machine.moved(before, machine.here(tmp_path)) == "box and card"
    board.unlink()
    assert machine.moved(before, machine.here(tmp_path)) == "card", "what cannot be read says nothing"
    assert machine.known("no json") == machine.known("[1]") == machine.known("") == {}


def test_every_reason_is_said_in_both_languages():
    reasons = {"put_back", "other_bytes", "moved", "cut", "older", "full"}
    assert {code.removeprefix("lineage.") for code in BOTH if code.startswith("lineage.")} == reasons


# -- the demonstration's desk -------------------------------------------------------------------------------------------


async def test_the_demos_desk_takes_the_same_number_with_other_content_for_no_repeat():
    desk, sent = Desk(), []

    async def publish(_gateway, name, body):
        sent.append((name, body))
        desk.due.clear()
        return True

    desk.publish = publish
    desk.look = lambda *_: None
    one = {"gateway": "g", "journal": "j", "generation": 1, "number": 7, "id": "j-7", "kind": "gateway.restarted", "turn": "noted"}
    other = one | {"kind": "person.sos"}
    task = asyncio.create_task(desk.receipts())
    desk.take("fault", json.dumps(one).encode())
    while not sent:
        await asyncio.sleep(0.01)
    assert sent[-1][1]["entries"] == [[7, 7]]
    assert (sent[-1][1]["head"]["number"], sent[-1][1]["head"]["hash"]) == (7, chain.hashed(json.dumps(one).encode()))
    desk.take("fault", json.dumps(other).encode())
    while len(sent) < 2:
        await asyncio.sleep(0.01)
    assert "entries" not in sent[-1][1]
    assert sent[-1][1]["head"]["hash"] == chain.hashed(json.dumps(one).encode())
    old = {k: v for k, v in one.items() if k != "generation"} | {"gateway": "old"}
    desk.take("fault", json.dumps(old).encode())
    while len(sent) < 3:
        await asyncio.sleep(0.01)
    assert "head" not in sent[-1][1], "earlier software would refuse the whole receipt"
    task.cancel()
