"""Which instruction is carried out, and by whom: once, within its allowance, and what takes longer by the technician's part."""

import json
from types import SimpleNamespace

import pytest
from gateway.judge.allowance import Of
from gateway.judge.known import Known
from gateway.judge.notes import Notes
from gateway.tend.admission import Admission
from gateway.tend.orders import Orders
from gateway.words import kind
from gateway.words.instruction import Do, Door

from tests.kit.hand import GATEWAY, HandClock, Home
from tests.unit.tell.fakes import home


@pytest.fixture
def made():
    clock, pipeline = HandClock(), Home().pipeline("boot-1")
    pipeline.restart(clock.now(), Known(journal="j1"), why="start")
    notes = Notes(pipeline.faults, pipeline.noticed, lambda: None)
    resend = SimpleNamespace(on=None, asked=[])
    resend.other_than = lambda i: resend.on is not None and resend.on.id == i.id and resend.on.digest != i.digest
    resend.is_on = lambda i: resend.on is not None and (resend.on.id, resend.on.digest) == (i.id, i.digest)
    resend.told = lambda i: resend.asked.append(i.id)
    out = SimpleNamespace(clock=clock, pipeline=pipeline, notes=notes, resend=resend)
    admission = Admission(pipeline.faults, notes, clock.now)
    in_home = home()
    in_home.gateway = GATEWAY
    out.orders = Orders(home=in_home, clock=clock, boot="boot-1", pipeline=pipeline, resend=resend, admission=admission)

    def said(door=Door.PLATFORM, *, program=False, id_="o1", **fields):
        body = {"v": 1, "gateway": GATEWAY, "id": id_, "do": "test", "by": "Wang", **fields}
        return out.orders.taken("instruction", json.dumps(body).encode(), door, clock.now(), program=program)

    out.said = said
    return out


def refused(taken):
    return [entry.fact.refused for entry in taken.entries if hasattr(entry.fact, "refused")]


def test_an_order_is_carried_out_once_and_its_result_sent_again(made):
    assert refused(made.said()) == [""]
    assert made.said().entries == []
    assert len(made.pipeline.orders.resent) == 1
    assert refused(made.said(by="Li")) == ["id_reused"]


def test_what_takes_longer_than_a_turn_is_handed_back_and_only_from_the_home(made):
    taken = made.said(Door.LOCAL, do="backup", secrets="s")
    assert (taken.entries, taken.longer.do, taken.longer.door) == ([], Do.BACKUP, Door.LOCAL)
    assert refused(made.said(id_="o2", do="backup", secrets="s")) == ["local_only"]
    assert refused(made.said(Door.LOCAL, program=True, id_="o3", do="backup", secrets="s")) == ["local_only"], "a program sets nothing up"


def test_what_cannot_be_read_is_told_and_a_mistake_of_ours_ends_nothing(made, monkeypatch):
    assert made.orders.taken("inbox", b"no", Door.LOCAL, made.clock.now()) == ([], None)

    def stumbles(_instruction):
        raise ZeroDivisionError

    monkeypatch.setattr(made.pipeline.orders, "repeats", stumbles)
    assert made.said() == ([], None)
    told = [entry.fact for note in made.notes.take() for entry in note(made.clock.now())]
    assert [fact.kind for fact in told] == [kind.BAD_MESSAGE] * 2
    assert told[1].detail["id"] == "o1"
    assert "a mistake of ours (ZeroDivisionError)" in told[1].detail["why"]


def test_an_order_to_send_again_is_answered_when_it_was_sent(made):
    assert made.said(do="resend", **{"journal": "j1", "from": 1, "to": 2}).entries == []
    assert made.resend.asked == ["o1"]


def test_beyond_the_allowance_nothing_is_answered(made):
    answered = sum(bool(made.said(id_=f"o{n}", do="away", seconds=60).entries) for n in range(Of.ORDER.value.at_once + 20))
    assert answered <= Of.ORDER.value.at_once
    assert (kind.TOO_MANY_ORDERS, "") not in made.pipeline.faults.on
    for note in made.notes.take():
        note(made.clock.now())
    assert (kind.TOO_MANY_ORDERS, "") in made.pipeline.faults.on
