"""What the home says, from what happened: pure."""

import re

import pytest
from gateway.voice import en, zh
from gateway.voice.words import CHIME, PAUSE, SIREN, Told, number, said
from gateway.words import kind

TONES = {SIREN, CHIME, PAUSE}


def told(reason, what=kind.FALL, **more):
    return said(Told(reason=reason, kind=what, **more), "zh")


def test_both_languages_have_every_phrase_of_the_other_but_for_numbers():
    names = [{n for n in phrases if not n.isdecimal()} for phrases in (zh.PHRASES, en.PHRASES)]
    assert names[0] == names[1]
    assert len(names[0]) > 35
    assert set(zh.ROOMS) == set(en.ROOMS) <= names[0]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "reason",
    [
        "pre_alarm",
        "raised",
        "raised_again",
        "receipt",
        "calling",
        "acknowledged",
        "dispatched",
        "on_site",
        "closed",
        "cancelled",
        "wish",
        "try",
    ],
)
@pytest.mark.parametrize("what", [*kind.KINDS, "of.a.later.version"])
def test_whatever_is_told_is_a_phrase_that_there_is(language, reason, what):
    phrases = {"zh": zh, "en": en}[language].PHRASES
    for cancel in ("", "button", "press", "double", "long"):
        names = said(Told(reason=reason, kind=what, cancel=cancel, minutes=17, room="Bath", noisy=True, test=True), language)
        assert names
        assert set(names) - TONES <= phrases.keys()


def test_the_question_says_what_it_thinks_where_and_which_press_ends_it():
    names = told("pre_alarm", room="卫生间", cancel="double")
    assert names[:4] == [CHIME, "ask.fall", "room.bath", "cancel.double"]
    assert SIREN not in names
    assert told("pre_alarm")[2] == "cancel.none", "where nothing cancels nobody is told to press"
    assert told("pre_alarm", kind.STAY_TOO_LONG)[2] == "cancel.move", "what ends by moving says so"
    assert told("pre_alarm", kind.BED_EXIT)[2] == "cancel.bed"
    assert told("pre_alarm", kind.WATER, cancel="button")[2] == "cancel.wipe", "no button wipes up water"


def test_an_alarm_wakes_and_says_that_help_is_called():
    assert told("raised", kind.SOS)[:3] == [SIREN, "raised.sos", "calm"]
    assert "calm" not in told("raised", kind.SMOKE), "whoever must run is not told to keep calm"
    assert told("raised", kind.GAS).count("raised.gas") >= 3
    assert told("raised", kind.FALL, test=True)[:3] == [SIREN, "test", "raised.fall"]


@pytest.mark.parametrize("reason", ["receipt", "calling"])
def test_news_of_an_alarm_that_nobody_has_go_before_its_siren_and_alone_where_it_is_silenced(reason):
    assert told(reason, noisy=True)[:3] == [CHIME, reason, SIREN]
    assert told(reason) == [CHIME, reason]


@pytest.mark.parametrize(
    ("value", "chinese", "english"),
    [
        (0, ["0"], ["0"]),
        (9, ["9"], ["9"]),
        (10, ["10"], ["10"]),
        (11, ["10", "1"], ["11"]),
        (20, ["2", "10"], ["20"]),
        (45, ["4", "10", "5"], ["40", "5"]),
        (99, ["9", "10", "9"], ["90", "9"]),
        (300, ["9", "10", "9"], ["90", "9"]),
    ],
)
def test_numbers(value, chinese, english):
    assert number(value, "zh") == chinese
    assert number(value, "en") == english


def test_who_is_on_the_way_is_told_with_the_minutes():
    assert told("dispatched", minutes=12) == [CHIME, "dispatched", "about", "10", "2", "minutes"]
    assert told("dispatched") == [CHIME, "dispatched"]


def test_chinese_sentences_end_and_hold_no_latin():
    for name, text in zh.PHRASES.items():
        assert not re.search("[A-Za-z]", text), name
