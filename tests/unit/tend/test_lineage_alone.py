"""Lineage alone: what the platform says that it has, held against a store of a few names."""

from types import SimpleNamespace

import pytest
from gateway.contract import wire
from gateway.tend.lineage import STEP, Lineage, UnlikelyHead
from gateway.tend.waits import WAITS
from gateway.words import kind

from tests.kit.hand import HandClock
from tests.unit.tell.fakes import Pipeline, home


@pytest.fixture
def made(tmp_path):
    clock, lifted = HandClock(), []
    store = SimpleNamespace(
        journal="j1",
        generation=2,
        head=SimpleNamespace(number=9, hash="h9"),
        entries=SimpleNamespace(recent={8: "h8", 9: "h9"}, lift=lifted.append),
        marked=lambda _: "",
        anew="",
        folder=tmp_path,
    )
    in_home = home(state=tmp_path, gateway=SimpleNamespace(journal_days=30))
    pipeline = Pipeline()
    pipeline.tell_anew = lambda facts, _now, why: [(why, [fact.kind for fact in facts])]
    made = SimpleNamespace(clock=clock, lifted=lifted, store=store)
    made.lineage = Lineage(home=in_home, clock=clock, boot="boot-1", storage=SimpleNamespace(store=store), pipeline=pipeline)
    return made


def head(journal="j1", generation=2, number=9, hash_="h9"):
    return wire.Head(journal=journal, generation=generation, number=number, hash=hash_)


def test_what_both_sides_have_is_remembered(made):
    assert made.lineage.heard(head(number=8, hash_="h8"), made.clock.now()) == []
    assert made.lineage.marks(made.clock.now()) == {"confirmed": "8", "generation": "2"}
    assert not made.lineage.differs(head(number=8, hash_="h8"))


def test_entries_that_are_not_ours_are_a_conflict_acted_upon_once_in_a_while(made):
    assert made.lineage.differs(head(hash_="other"))
    made.lineage.heard(head(hash_="other"), made.clock.now())
    assert made.lineage.conflict is not None
    assert made.lineage.conflict.why == "other_bytes"
    made.lineage.conflict = None
    made.lineage.heard(head(number=20), made.clock.now())
    assert made.lineage.conflict is None, "too soon"
    made.clock.mono += WAITS.conflict_again
    made.lineage.heard(head(number=20), made.clock.now())
    assert made.lineage.conflict.why == "put_back"


def test_a_later_generation_lifts_ours_and_one_that_no_gateway_can_have_does_not(made):
    with pytest.raises(UnlikelyHead):
        made.lineage.heard(head("j0", generation=2 + STEP + 1), made.clock.now())
    assert made.lineage.heard(head("j0", generation=5), made.clock.now()) == [("generation", [kind.IDENTITY_CONFLICT])]
    assert made.lifted == [6]
