"""The journal's chain: what was changed, cut out, cut off, moved or put in is found, and where it honestly begins anew is said."""

import contextlib
import json
import sqlite3
from datetime import datetime
from math import inf
from pathlib import Path

import pytest
from gateway.contract import chain, encoding, wire
from gateway.keep.journal import DOUBT, Writing
from gateway.keep.recovery import opened
from gateway.tend import check_journal
from gateway.words.clock import Moment

from tests.golden import make
from tests.kit.hand import GATEWAY, Home
from tests.parts.test_store import Box


@pytest.fixture
def box(tmp_path):
    box = Box(tmp_path)
    box.sos()
    box.fall()
    for _ in range(6):
        box.note()
    yield box
    with contextlib.suppress(sqlite3.ProgrammingError):
        box.stop()


def verdict(box: Box, young: float = inf) -> chain.Verdict:
    """Hold the journal against itself, as `check --journal` does."""
    marks = dict(box.rows("SELECT name, value FROM marks"))
    return chain.proved(
        box.rows("SELECT number, body FROM journal WHERE number > 0 ORDER BY number"),
        marks["journal"],
        chain.head_of(marks["head"]) if "head" in marks else None,
        chain.head_of(marks.get("anchor", "")),
        chain.begun_of(marks["begun"]),
        young,
    )


def body(box: Box, number: int) -> dict:
    return json.loads(box.rows("SELECT body FROM journal WHERE number = ?", number)[0][0])


def first(found: chain.Verdict) -> int:
    return found.troubles[0].number


def test_each_entry_carries_the_hash_of_the_bytes_that_were_pushed_before(box):
    box.restart()
    box.sos()
    previous = ""
    for told in box.told:
        message = encoding.decode_entry(told.payload)
        assert (message.previous, message.generation) == (previous, 1)
        assert box.rows("SELECT body FROM journal WHERE number = ?", told.number) == [(told.payload,)]
        previous = chain.hashed(told.payload)
    assert box.store.head == (len(box.told), previous)
    assert box.store.entries.recent[3] == chain.hashed(box.told[2].payload)
    found = verdict(box)
    assert (found.count, found.proved, found.head) == (0, len(box.told), box.store.head)


def test_a_changed_entry_is_found_by_the_next_one(box):
    was = body(box, 4)
    box.rows(
        "UPDATE journal SET body = ? WHERE number = 4", wire.encode(encoding.decode_entry(json.dumps(was | {"room": "attic"}).encode()))
    )
    found = verdict(box)
    assert (first(found), found.count) == (4, 1)
    assert chain.hashed(box.told[3].payload) in found.troubles[0].say.en, "what it should be is said"


def test_an_entry_that_was_changed_and_linked_anew_is_found_by_the_head(box):
    """Whoever computes all hashes after his change anew is found by the head, here and at the platform."""
    previous = ""
    for number in range(1, box.store.head.number + 1):
        changed = body(box, number) | {"previous": previous} | ({"room": "attic"} if number == 4 else {})
        written = wire.encode(encoding.decode_entry(json.dumps(changed).encode()))
        previous = chain.hashed(written)
        box.rows("UPDATE journal SET body = ? WHERE number = ?", written, number)
    assert (first(verdict(box)), verdict(box).count) == (box.store.head.number, 1)


@pytest.mark.parametrize(("gone", "number"), [((4,), 4), ((4, 5), 4), ((1,), 1), ((1, 2, 3), 1)])
def test_entries_that_were_cut_out_are_found(box, gone, number):
    for each in gone:
        box.rows("DELETE FROM journal WHERE number = ?", each)
    assert first(verdict(box)) == number
    assert "missing" in verdict(box).troubles[0].say.en


def test_the_newest_cut_off_is_found(box):
    last = box.store.head.number
    box.rows("DELETE FROM journal WHERE number >= ?", last - 1)
    assert (first(verdict(box)), verdict(box).count) == (last - 1, 1)


@pytest.mark.parametrize("gone", [1, 100])
def test_a_chain_without_the_mark_of_its_head_is_no_whole_one(box, gone):
    """Whoever takes the newest entry away takes the mark along; whoever takes all of them, too."""
    box.rows("DELETE FROM journal WHERE number > ?", box.store.head.number - gone)
    box.rows("DELETE FROM marks WHERE name = 'head'")
    assert verdict(box).count == 1
    assert "head" in verdict(box).troubles[0].say.en
    assert check_journal.journal(Path("unused"), box.folder / "gateway.db") == 1


def test_an_anchor_beyond_an_entry_that_retention_keeps_is_not_believed(box):
    """Some are deleted by hand, one that is left is changed, and a mark says that retention did it."""
    now = box.clock.now().wall.timestamp()
    box.rows("UPDATE journal SET body = ? WHERE number = 5", json.dumps(body(box, 5) | {"room": "attic"}).encode())
    anchor = chain.Head(7, body(box, 8)["previous"])
    box.rows("DELETE FROM journal WHERE number IN (4, 6, 7)")
    box.rows("INSERT OR REPLACE INTO marks VALUES ('anchor', ?)", chain.text_of(anchor))
    assert verdict(box).count == 0, "by the chain alone nobody can say"
    found = verdict(box, now - 30 * 86400)
    assert (found.count, first(found)) == (1, 1)
    assert "anchor 7" in found.troubles[0].say.en


def test_entries_that_changed_places_are_found(box):
    for one, other in ((4, -4), (5, 4), (-4, 5)):
        box.rows("UPDATE journal SET number = ? WHERE number = ?", other, one)
    found = verdict(box)
    assert first(found) == 4
    assert "there is 5" in found.troubles[0].say.en


def test_an_entry_of_another_journal_and_one_without_a_hash_are_found(box):
    last = box.store.head.number
    foreign = body(box, last) | {"journal": "another", "number": last + 1}
    bare = body(box, last) | {"number": last + 2, "previous": ""}
    for number, made in ((last + 1, foreign), (last + 2, bare)):
        box.rows("INSERT INTO journal VALUES (?, 'fault', NULL, 0, ?)", number, json.dumps(made).encode())
    assert [t.number for t in verdict(box).troubles] == [last + 1, last + 2]


def test_an_unreadable_entry_is_found_and_many_are_counted(box):
    for _ in range(chain.TOLD + 5):
        box.note()
    box.rows("UPDATE journal SET body = x'00' WHERE number > 2")
    found = verdict(box)
    assert first(found) == 3
    assert len(found.troubles) == chain.TOLD < found.count


def test_retention_keeps_the_place_from_which_the_chain_goes_on(box):
    """What is open stays, without its neighbours: it is said to stand alone. What is after the anchor is proved from it."""
    box.write(accepted=[(1, 9)])
    box.clock.move(100 * 86400)
    for _ in range(3):
        box.note()
    assert sum(gone.rows for gone in box.store.retention(box.clock.now(), 10))
    left = box.journal()
    anchor = chain.head_of(box.store.marked("anchor"))
    assert (anchor.number, anchor.hash) == (9, chain.hashed(box.told[8].payload))
    assert left == [2, 3, 10, 11, 12], "the SOS and the fall are open"
    found = verdict(box)
    assert found.count == 0
    assert (found.alone, found.proved) == (1, 4), "3 has lost its neighbour, 3 vouches for 2"
    assert verdict(box, box.clock.now().wall.timestamp() - 30 * 86400).count == 0
    assert check_journal.journal(Path("unused"), box.folder / "gateway.db") == 3, "what nothing here proves is not all well"
    box.rows("DELETE FROM journal WHERE number = 10")
    assert first(verdict(box)) == 10, "what is cut out after it is found"


def test_a_commit_that_the_disk_refused_moves_no_head(box):
    before = box.store.head
    box.rows("CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    with pytest.raises(sqlite3.Error, match="full"):
        box.note()
    assert box.store.head == before
    assert box.store.entries.recent[before.number] == before.hash
    box.rows("DROP TRIGGER full")


def test_what_a_stand_in_has_told_instead_is_taken_out_of_the_chain_too(box):
    last = box.store.head
    box.note()
    box.store.entries.take_back(f"other {box.store.journal} {last.number + 1}")
    assert box.store.head == last
    assert box.store.marked(DOUBT)
    assert verdict(box).count == 0


CHAINED = "5-chained"  # the first whose software wrote a chain


@pytest.mark.parametrize("name", [name for name in make.GENERATIONS if name < CHAINED])
def test_a_journal_of_earlier_software_begins_its_chain_with_the_first_new_entry(tmp_path, name):
    expected = make.state(name, tmp_path / "state")
    now = Moment(40.0, datetime.fromisoformat(expected["wall"]))
    store, known, _ = opened(tmp_path / "state", tmp_path / "run", GATEWAY, now, "boot-2")
    assert (store.journal, known.last, store.generation) == (expected["journal"], expected["last"], 1)
    box = Box.__new__(Box)
    box.store = store
    (old,) = box.rows("SELECT body FROM journal WHERE number = ?", known.last)[0]
    pipeline = Home().pipeline("boot-2")
    entries = pipeline.restart(now, known, why="start")
    out = store.write(Writing(entries=entries))
    assert encoding.decode_entry(out[0].payload).previous == chain.hashed(old), "the last one without a chain is vouched for as well"
    found = verdict(box)
    assert (found.count, found.before, found.proved) == (0, known.last - 1, len(out) + 1)
    assert chain.begun_of(store.marked("begun")) == [(known.last + 1, "earlier")]
    store.close_now()


def test_a_journal_of_the_first_software_with_a_chain_goes_on_in_it(tmp_path):
    expected = make.state(CHAINED, tmp_path / "state")
    now = Moment(40.0, datetime.fromisoformat(expected["wall"]))
    store, known, _ = opened(tmp_path / "state", tmp_path / "run", GATEWAY, now, "boot-2")
    assert (store.journal, known.last, store.generation, store.anew) == (expected["journal"], expected["last"], 1, "")
    out = store.write(Writing(entries=Home().pipeline("boot-2").restart(now, known, why="start")))
    box = Box.__new__(Box)
    box.store = store
    found = verdict(box)
    assert (found.count, found.before, found.proved) == (0, 0, known.last + len(out))
    store.close_now()


def test_entries_that_earlier_software_wrote_in_between_are_said(box):
    """An update was taken back for a while: what was written then has no chain, and is not taken for forged."""
    last = box.store.head.number
    for number in (last + 1, last + 2):
        plain = {k: v for k, v in body(box, last).items() if k not in ("previous", "generation")}
        box.rows("INSERT INTO journal VALUES (?, 'fault', NULL, 0, ?)", number, json.dumps(plain | {"number": number}).encode())
    box.restart()
    box.sos()
    found = verdict(box)
    assert (found.count, found.before) == (0, 2)
    assert chain.begun_of(box.store.marked("begun")) == [(1, "new"), (last + 3, "earlier")]


# -- the command --------------------------------------------------------------------------------------------------------


def test_the_command_says_what_was_changed_and_what_the_head_is(box, capsys):
    path = box.folder / "gateway.db"
    assert check_journal.journal(Path("unused"), path) == 0
    out = capsys.readouterr().out
    assert "1: 新的记录 a new journal" in out
    assert f"{box.store.head.number} {box.store.head.hash}" in out
    assert f"{box.store.head.number} 条记录前后相符" in out
    box.rows("UPDATE journal SET body = ? WHERE number = 2", json.dumps(body(box, 2)).encode())
    assert check_journal.journal(Path("unused"), path) == 1
    out = capsys.readouterr().out
    assert "✗" in out
    assert "entry 2: " in out
    (box.folder / "gateway.db.broken-1").write_bytes(bytes(2048))
    check_journal.journal(Path("unused"), path)
    assert "gateway.db.broken-1, 2 KiB" in capsys.readouterr().out
    assert check_journal.journal(Path("unused"), box.folder / "none.db") == 2
    (box.folder / "torn.db").write_bytes(b"no database" * 1000)
    assert check_journal.journal(Path("unused"), box.folder / "torn.db") == 2
