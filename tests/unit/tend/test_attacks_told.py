"""Attacks that were refused become one fault each, with a number; and what the page may say of itself to the daemon."""

import socket

import pytest
from gateway.home import inbox
from gateway.home.inbox import Left, PageWord
from gateway.home.inbox import said as said_by
from gateway.judge.faults.fact import Turn
from gateway.judge.faults.fault import Faults
from gateway.tend.attacks import TELL_AT, Attacks
from gateway.tend.waits import WAITS
from gateway.words import kind
from gateway.words.times import Times

from tests.kit.hand import HandClock


class Box:
    def __init__(self):
        self.clock = HandClock()
        self.faults = Faults({}, Times())
        self.faults.start(self.clock.now(), {}, {})
        self.attacks = Attacks(self.faults)

    def page(self, run, wrong, *, unusable=False):
        self.attacks.page_says(PageWord(run, wrong, unusable))
        return self.attacks.look(self.clock.now())

    def refused(self, what, tries=1):
        return self.attacks.counted(what, self.clock.now(), tries)


@pytest.fixture
def box():
    return Box()


def said(facts):
    return [(f.kind, f.device, f.turn, f.detail.get("count")) for f in facts]


def test_a_few_mistyped_passwords_are_nobodys_business(box):
    out = []
    for _ in range(30):
        out += box.refused("passwords", TELL_AT // 4)
        box.clock.move(WAITS.attack_over + 1)
        out += box.attacks.look(box.clock.now())
    assert out == []


def test_thousands_of_wrong_passwords_are_one_fault_with_their_number(box):
    facts = []
    for n in range(5001):
        facts += box.page("00c0ffee", n)
        box.clock.move(2)
    assert said(facts) == [
        (kind.ATTACKED, "passwords", Turn.RAISED, 20),
        (kind.ATTACKED, "passwords", Turn.REPEATED, 200),
        (kind.ATTACKED, "passwords", Turn.REPEATED, 2000),
    ]
    assert {f.detail["what"] for f in facts} == {"passwords"}
    assert {int(f.priority) for f in facts} == {3}
    box.clock.move(WAITS.attack_over)
    assert said(box.attacks.look(box.clock.now())) == [(kind.ATTACKED, "passwords", Turn.CLEARED, 5000)]
    assert box.attacks.look(box.clock.now()) == []


def test_each_sort_is_a_fault_of_its_own(box):
    assert said(box.refused("passwords", 300)) == [(kind.ATTACKED, "passwords", Turn.RAISED, 300)]
    assert said(box.refused("frames", 40)) == [(kind.ATTACKED, "frames", Turn.RAISED, 40)]
    box.clock.move(WAITS.attack_over / 2)
    assert box.refused("frames") == []
    box.clock.move(WAITS.attack_over / 2)
    assert said(box.attacks.look(box.clock.now())) == [(kind.ATTACKED, "passwords", Turn.CLEARED, 300)]


def test_a_page_that_starts_anew_counts_from_nought_and_nothing_is_counted_twice(box):
    assert box.page("00000001", 700) == [], "told before the daemon's own start"
    assert box.page("00000001", 715) == []
    assert box.page("00000001", 715) == []
    assert said(box.page("00000002", 6)) == [(kind.ATTACKED, "passwords", Turn.RAISED, 21)]


def test_an_attack_over_a_restart_goes_on_with_its_number(box):
    box.refused("passwords", 300)
    after = Box()
    after.faults.start(after.clock.now(), dict(box.faults.on), {})
    assert after.attacks.look(after.clock.now()) == []
    assert after.page("00000001", 300) == []
    assert said(after.page("00000001", 3000)) == [(kind.ATTACKED, "passwords", Turn.REPEATED, 3000)]
    after.clock.move(WAITS.attack_over)
    assert said(after.attacks.look(after.clock.now())) == [(kind.ATTACKED, "passwords", Turn.CLEARED, 3000)]


def test_a_certificate_that_the_page_cannot_use_is_a_fault_until_it_can(box):
    assert said(box.page("00000001", 0, unusable=True)) == [(kind.PAGE_CERTIFICATE, "", Turn.RAISED, None)]
    assert box.page("00000001", 1, unusable=True) == []
    assert said(box.page("00000001", 1)) == [(kind.PAGE_CERTIFICATE, "", Turn.CLEARED, None)]


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"inbox",
        b"page 00000001 1 0",
        b'{"type":"page"}',
        b'{"type":"page","run":"00000001","wrong":-1,"unusable":false}',
        b'{"type":"page","run":"00000001","wrong":1,"unusable":0}',
        b'{"type":"page","run":"0000000g","wrong":1,"unusable":false}',
        b'{"type":"page","run":"00000001\\n","wrong":1,"unusable":false}',
        b'{"type":"page","run":"00000001","wrong":1,"unusable":false',
        b'{"type":"window","seconds":240}',
        b"\xff\x00",
        b"[" * 200,
    ],
)
def test_what_is_no_word_of_the_page_asks_for_no_more_than_a_look(datagram):
    assert said_by(datagram) == Left()


def test_a_word_of_the_page_fits_what_the_daemon_reads(tmp_path):
    word = PageWord("ffffffff", 10**12, unusable=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "wake"))
        inbox.say(tmp_path, word)
        assert said_by(line.recv(inbox.DATAGRAM)) == word
