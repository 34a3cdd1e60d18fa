"""Passwords: what people here choose first is refused, what is offered stands for ever, and the estimator is not loaded for nothing."""

import math
import subprocess
import sys

import pytest
from gateway.home.strength import ACCOUNT, CHINESE, SEALED, SYLLABLES, TRADE, WORDS, digits, offered, weak

FIRST_CHOICES = (
    "1111111111",
    "5201314520",
    "woaini1314",
    "woaini5201314",
    "qq123456789",
    "zhang19800101",
    "1qaz2wsx3edc",
    "a123456789",
    "5845201314",
    "wang123456",
    "laoren123456",
    "eldercare2026",
    "Raspberry1!",
    "yanglao888",
    "password1234",
    "qwertyuiop",
    "beijing2008",
    "13800138000",
    "abcabcabcabc",
    "jishuyuan123",
    "wangguan2026",
)


@pytest.mark.parametrize("word", FIRST_CHOICES)
def test_what_people_choose_first_seals_no_backup(word):
    assert weak(word, SEALED)


@pytest.mark.parametrize("word", [w for w in FIRST_CHOICES if len(w) < 12 or w in {"woaini5201314", "1qaz2wsx3edc"}])
def test_and_is_no_password_of_an_account(word):
    assert weak(word, ACCOUNT)


@pytest.mark.parametrize(
    "word", ["three blind mice run", "mountain tea at seven", "quiet river under stars", "山间清茶早上七点喝两杯再出门"]
)
def test_what_takes_thought_is_taken(word):
    assert not weak(word, SEALED)


def test_what_the_guesser_knows_is_worth_little():
    assert digits("Xylophon-7Q2k") > digits("Xylophon-7Q2k", known=["xylophon"])


def test_six_words_stand_more_than_a_hundred_bits_and_are_never_the_same():
    assert len(SYLLABLES) == len(set(SYLLABLES))
    pairs = {a + b for a in SYLLABLES for b in SYLLABLES}
    assert WORDS * math.log2(len(pairs)) > 100, "also where two pairs are written alike"
    made = [offered() for _ in range(50)]
    assert len(set(made)) == 50
    for phrase in made:
        assert len(phrase.split(" ")) == WORDS
        assert phrase.isascii()
        assert not weak(phrase, SEALED)
    assert len("".join(made)) / 50 < 60, "short enough to write down"


def test_no_word_stands_twice_in_the_lists():
    for words in (CHINESE, TRADE):
        assert len(words) == len(set(words))


def test_a_long_text_is_estimated_and_costs_little():
    assert not weak("Wohlan, die Zeit ist kommen " * 40, ACCOUNT)
    assert weak("1" * 5000, ACCOUNT)


def test_neither_daemon_nor_page_loads_the_estimator_before_somebody_chooses_a_password():
    code = "import gateway.tend.composition, gateway.page.server, sys; sys.exit('zxcvbn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
