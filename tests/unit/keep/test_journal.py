"""The journal alone, in a database in memory: numbers, hashes, entries of earlier journals, what is taken back."""

import contextlib
import json
import sqlite3

import pytest
from gateway.contract import chain
from gateway.keep import known, retention, schema, succession
from gateway.keep.database import mark, marked
from gateway.keep.journal import DOUBT, EARLIER, RECENT, Journal, Writing
from gateway.words import kind
from gateway.words.instruction import Do, Instruction
from gateway.words.reading import Kind, Reading

from tests.kit.hand import GATEWAY, HandClock, Home


class Kept:
    """A journal and the pipeline that writes into it."""

    def __init__(self, db=None):
        self.db = db or sqlite3.connect(":memory:", isolation_level=None)
        schema.gateway.apply(self.db)
        self.clock = HandClock()
        self.journal = Journal(self.db, GATEWAY)
        self.journal.begin(1, "new")
        self.pipeline = Home().pipeline(self.clock.boot)
        now = self.clock.now()
        entries = self.pipeline.restart(now, known.load(self.db, self.journal.name, now, self.clock.boot), why="start")
        self.write(entries)

    def write(self, entries=(), **more):
        return self.journal.write(Writing(entries=entries, **more))

    def sos(self):
        return self.write(self.pipeline.heard(Reading(device="pendant", kind=Kind.BUTTON, value="press", at=self.clock.now())))

    def note(self):
        fact = self.pipeline.faults.note(kind.BAD_MESSAGE, self.clock.now())
        return self.write(self.pipeline.noticed([fact], self.clock.now()))

    def close(self):
        (alarm,) = self.pipeline.alarms.values()
        order = Instruction(id="close", do=Do.CLOSE, by="desk", alarm=alarm.id, outcome="helped")
        return self.write(self.pipeline.told(order, self.clock.now()))

    def numbers(self, table="journal"):
        return [n for (n,) in self.db.execute(f"SELECT number FROM {table} ORDER BY number")]


@pytest.fixture
def kept():
    kept = Kept()
    yield kept
    kept.db.close()


def test_each_entry_names_the_one_before_and_the_head_is_the_newest(kept):
    out = kept.sos() + kept.note()
    assert [json.loads(one.payload)["previous"] for one in out[1:]] == [chain.hashed(one.payload) for one in out[:-1]]
    assert kept.journal.head == (out[-1].number, chain.hashed(out[-1].payload))
    assert chain.head_of(marked(kept.db, "head")) == kept.journal.head
    assert kept.numbers() == kept.numbers("outbox") == [*range(1, out[-1].number + 1)]


def test_what_could_not_be_written_leaves_head_and_hashes_as_they_were(kept):
    before = kept.journal.head, dict(kept.journal.recent), kept.numbers()
    kept.db.execute("CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(sqlite3.Error, match="full"):
        kept.sos()
    assert (kept.journal.head, kept.journal.recent, kept.numbers()) == before


def test_another_process_goes_on_with_the_same_chain(kept):
    kept.sos()
    again = Journal(kept.db, GATEWAY)
    again.begin(7, "new")
    assert (again.name, again.generation, again.head, again.recent, again.lost) == (
        kept.journal.name,
        1,
        kept.journal.head,
        kept.journal.recent,
        0,
    )


def test_entries_that_are_gone_are_noticed_for_their_numbers_were_given(kept):
    kept.sos()
    last = kept.journal.head.number
    kept.db.execute("DELETE FROM journal WHERE number = ?", (last,))
    again = Journal(kept.db, GATEWAY)
    again.begin(1, "new")
    assert again.lost == 1
    assert chain.head_of(marked(kept.db, "head")).number == last, "what was written stays said"


def test_hashes_are_at_hand_of_the_newest_only(kept):
    for _ in range(RECENT + 5):
        kept.note()
    assert len(kept.journal.recent) == RECENT
    assert max(kept.journal.recent) == kept.journal.head.number


def test_a_receipt_takes_entries_out_of_the_outbox_and_a_result_is_put_back_once(kept):
    kept.sos()
    result = next(one for one in kept.close() if one.name == "result")
    kept.write(accepted=[(1, 999)])
    assert kept.numbers("outbox") == []
    assert kept.write(resent=[result.number, 12345]) == [result]
    assert kept.write(resent=[result.number]) == [], "it waits there already"


def test_entries_of_an_earlier_journal_stand_below_0_and_keep_what_they_were_told_under(kept):
    other = Kept()
    other.sos()
    entries = other.journal.all_entries()
    kept.write(waiting=entries)
    kept.write(waiting=entries)  # twice is once
    last, name = other.journal.head.number, other.journal.name
    assert [n for n in kept.numbers() if n < 0] == [n - EARLIER for n in range(1, last + 1)]
    assert kept.journal.stands(name, last) == last - EARLIER
    assert (kept.journal.stands(name, 0), kept.journal.stands("another", 1)) == (0, 0)
    assert kept.journal.kept(name, 1, last, 99) == [(n, kind_, body) for n, (_, kind_, body) in enumerate(entries, 1)]
    assert kept.journal.kept("another", 1, 9, 99) == []
    assert kept.journal.receipted(name, [(1, last), (EARLIER, EARLIER + 1)]) == [(1 - EARLIER, last - EARLIER)]
    assert kept.journal.receipted(kept.journal.name, [(1, 2)]) == [(1, 2)]
    assert kept.journal.receipted("another", [(1, 2)]) == []
    kept.write(accepted=kept.journal.receipted(name, [(1, last)]))
    assert [n for n in kept.numbers("outbox") if n < 0] == []
    other.db.close()


def test_what_a_stand_in_told_instead_is_taken_back_once_and_an_alarm_stands_as_before(kept):
    kept.sos()
    before = kept.journal.head
    kept.close()
    doubt = f"instead {kept.journal.name} {before.number + 1}"
    for _ in range(2):
        kept.journal.take_back(doubt)
        assert kept.journal.head == before
        assert kept.db.execute("SELECT open FROM alarms").fetchall() == [(1,)]
    assert marked(kept.db, DOUBT) == doubt


@pytest.mark.parametrize("doubt", ["", "instead another 1"])
def test_doubt_about_another_journal_takes_nothing(kept, doubt):
    kept.sos()
    before = kept.numbers()
    kept.journal.take_back(doubt)
    assert kept.numbers() == before


@contextlib.contextmanager
def successor(old, floor):
    """Begin journal `next` after an old one, as the store does it."""
    beyond = succession.beyond(old, floor, "next")
    turn = Writing(again=beyond.again, waiting=beyond.waiting, shared=beyond.shared, done=succession.done(old), marks={"head": "wrong"})
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        schema.gateway.apply(db)
        new = Journal(db, GATEWAY)
        new.succeed("next", old.generation + 1, "conflict", succession.heritage(old, "next", beyond.shared), turn)
        yield new


def test_a_successor_tells_again_what_the_platform_may_not_have_and_carries_what_waits(kept):
    shared = kept.journal.head.number
    mark(kept.db, "rounds", "17")
    kept.sos()
    (old,) = kept.pipeline.alarms.values()
    kept.close()
    with successor(kept.journal, shared) as new:
        again = [json.loads(body) for _, _, body in new.all_entries() if json.loads(body)["journal"] == "next"]
        assert [m["number"] for m in again] == [*range(1, new.head.number + 1)]
        ended = next(m for m in again if m.get("alarm") and m.get("state") == "closed")
        assert ended["alarm"] != old.id, "the platform may know another alarm under that id"
        assert [n for (n,) in new.db.execute("SELECT number FROM outbox WHERE number < 0 ORDER BY number")] == [
            n - EARLIER for n in range(1, shared + 1)
        ]
        assert (new.name, new.generation, marked(new.db, "rounds")) == ("next", 2, "17")
        assert chain.head_of(marked(new.db, "head")) == new.head, "a mark of the old journal is not taken over"
        assert known.load(new.db, new.name, kept.clock.now(), "another").done.keys() == {"close"}


def test_retention_takes_what_is_over_and_leaves_what_is_open(kept):
    for _ in range(retention.ENTRIES_AT_ONCE + 20):
        kept.note()
    kept.sos()
    open_ = kept.journal.head.number
    kept.note()
    steps = [*retention.steps(kept.db, 1 << 62)]
    assert len(steps) > 1
    assert sum(gone.rows for gone in steps) == sum(gone.unsent for gone in steps) > retention.ENTRIES_AT_ONCE
    assert open_ in kept.numbers()
    assert kept.journal.head.number in kept.numbers(), "numbers go on from it"
    assert chain.head_of(marked(kept.db, "anchor")).number < open_
