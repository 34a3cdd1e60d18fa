"""The platform's door alone: what came is taken in its order and within bounds; a wrong receipt is refused whole."""

import json
from types import SimpleNamespace

import pytest
from gateway.tell.receipts import Receipts
from gateway.tend import mailbox
from gateway.tend.mailbox import Mailbox

from tests.kit.hand import HandClock
from tests.unit.tell.fakes import Pipeline, home


class Admission:
    """Counts what it refuses. `tells`: a mistake of ours is logged."""

    tells = False

    def __init__(self):
        self.refused, self.bad = [], []

    def refuse(self, why):
        self.refused.append(why)

    def bad_message(self, name, why, _id=""):
        self.bad.append((name, why))

    def flooded(self, _now):
        return []


@pytest.fixture
def made():
    out = SimpleNamespace(clock=HandClock(), pipeline=Pipeline(), admission=Admission(), receipts=Receipts(), taken=[], says=[], told=[])
    out.pipeline.last, out.pipeline.covered = 9, lambda ranges: [n for first, last in ranges for n in range(first, last + 1)]
    out.store = SimpleNamespace(
        entries=SimpleNamespace(receipted=lambda journal, ranges: [*ranges] if journal == "j1" else []),
        readings=SimpleNamespace(name="h1", newest=4),
    )
    out.lineage = SimpleNamespace(differs=lambda _: False, heard=lambda _head, _now: [], conflict=None)
    out.woken = 0

    def wake():
        out.woken += 1

    def taken(_name, payload, _door, _now):
        out.taken.append(payload)
        return SimpleNamespace(entries=["entry"])

    out.box = Mailbox(
        home=home(),
        orders=SimpleNamespace(taken=taken),
        admission=out.admission,
        pipeline=out.pipeline,
        storage=SimpleNamespace(store=out.store),
        lineage=out.lineage,
        presence=SimpleNamespace(says=lambda message, _now: out.says.append(message) or ["says"], proved=lambda _now: ["proved"]),
        receipts=out.receipts,
        push=SimpleNamespace(received=lambda ranges, *, batch: out.told.append((batch, [*ranges]))),
        untold=SimpleNamespace(receipted=lambda _ranges: None),
        wake=wake,
    )
    return out


def receipt(**fields):
    return json.dumps({"v": 1, "gateway": "gw-1", "journal": "j1", **fields}).encode()


def test_a_receipt_lets_its_outbox_rows_go_and_proves_that_the_platform_is_there(made):
    heard = []
    end = made.box.subscribe(heard.append)
    made.box.from_platform("receipt", receipt(entries=[[1, 3], [2, 4]], history="h1", batches=[[1, 2]]))
    assert made.box.waiting
    assert made.woken == 1
    assert made.box.entries(made.clock.now()) == ["proved"]
    assert [*map(tuple, made.receipts.take())] == [(1, 4)]
    assert [*map(tuple, made.receipts.take_batches())] == [(1, 2)]
    assert made.pipeline.told == [("receipted", [1, 2, 3, 4])]
    assert len(heard) == 1
    end()
    made.box.from_platform("receipt", receipt(entries=[[5, 5]]))
    made.box.entries(made.clock.now())
    assert len(heard) == 1
    assert not made.box.waiting


@pytest.mark.parametrize("fields", [{"entries": [[3, 10]]}, {"entries": [[4, 3]]}, {"history": "h1", "batches": [[1, 5]]}])
def test_a_receipt_for_what_was_never_written_is_refused_whole(made, fields):
    made.box.from_platform("receipt", receipt(**{"entries": [[1, 2]], **fields}))
    assert made.box.entries(made.clock.now()) == []
    assert len(made.admission.bad) == 1
    assert not made.receipts
    assert made.pipeline.told == []


def test_a_receipt_of_another_history_says_nothing_of_our_batches(made):
    made.box.from_platform("receipt", receipt(history="h0", batches=[[1, 400]]))
    assert made.box.entries(made.clock.now()) == []
    assert made.admission.bad == []
    assert made.receipts.take_batches() == []


def test_orders_beyond_the_bound_are_refused_and_counted_and_so_many_are_taken_in_a_turn(made):
    for n in range(mailbox.ORDERS + 3):
        made.box.from_platform("instruction", b"%d" % n)
    assert made.admission.refused == ["waiting"] * 3
    assert made.box.entries(made.clock.now()) == ["entry"] * mailbox.ORDERS_A_TURN
    assert made.taken == [b"%d" % n for n in range(mailbox.ORDERS_A_TURN)]
    assert made.box.last(made.clock.now()), "what came is carried out before the end"


def test_bytes_are_bounded_too(made):
    made.box.from_platform("instruction", b"x" * mailbox.BYTES)
    made.box.from_platform("instruction", b"x")
    assert made.admission.refused == ["waiting"]
    made.box.entries(made.clock.now())
    made.box.from_platform("instruction", b"x")
    assert made.admission.refused == ["waiting"], "there is room again"


def test_of_many_receipts_the_oldest_are_dropped_and_a_turn_takes_a_few(made):
    for n in range(mailbox.RECEIPTS + 5):
        made.box.from_platform("receipt", receipt(entries=[[1 + n % 9, 1 + n % 9]]))
    made.box.entries(made.clock.now())
    assert len(made.pipeline.told) == mailbox.RECEIPTS_A_TURN
    made.box.entries(made.clock.now())
    assert not made.box.waiting


def test_the_newest_word_of_the_platform_counts_and_a_broken_one_is_said(made):
    word = {"v": 1, "online": False, "reason": "moving"}
    made.box.from_platform("platform", b"{")
    made.box.from_platform("platform", json.dumps(word).encode())
    assert made.box.entries(made.clock.now()) == ["says"]
    assert [message.reason for message in made.says] == ["moving"]
    made.box.from_platform("platform", b"{")
    assert made.box.entries(made.clock.now()) == []
    assert [name for name, _ in made.admission.bad] == ["platform"]


def test_a_mistake_of_ours_ends_neither_the_turn_nor_the_receipts_behind_it(made):
    def trips(_receipt):
        raise ZeroDivisionError

    end = made.box.subscribe(trips)
    made.box.from_platform("receipt", receipt(entries=[[1, 1]]))
    assert made.box.entries(made.clock.now()) == []
    assert "ZeroDivisionError" in made.admission.bad[0][1]
    end()
    made.box.from_platform("receipt", receipt(entries=[[1, 1]]))
    assert made.box.entries(made.clock.now()) == ["proved"]
