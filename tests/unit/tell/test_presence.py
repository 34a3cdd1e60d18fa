"""A platform that says that it is away gets no readings, and its receipt is not waited for as long."""

import logging

import pytest
from gateway.contract.wire import PlatformMessage
from gateway.tell.presence import Presence

from tests.unit.tell.fakes import Clock, Pipeline, Push


@pytest.fixture
def desk():
    pipeline, push, clock = Pipeline(), Push(), Clock()
    return Presence(push, pipeline, lambda _now: True), pipeline, push, clock


def word(online, *, readings=True):
    return PlatformMessage(v=1, online=online, readings=readings)


def test_away_and_back(desk, caplog):
    caplog.set_level(logging.INFO)
    presence, pipeline, push, clock = desk
    presence.says(word(online=False), clock.now())
    clock.mono += 60
    presence.says(word(online=False), clock.now())
    assert presence.away_since == 100.0, "since it was said first"
    presence.says(word(online=True), clock.now())
    assert (presence.away_since, pipeline.told) == (None, [("away", True), ("away", True), ("away", False)])
    assert push.asked[0] == ("readings", False)
    assert push.asked[-1] == ("readings", True)
    assert len(caplog.records) == 2, "once when it goes, once when it comes"


def test_a_receipt_proves_that_it_is_there_and_gives_it_what_it_wanted(desk):
    presence, pipeline, push, clock = desk
    presence.says(word(online=False, readings=False), clock.now())
    presence.proved(clock.now())
    assert (presence.away_since, push.asked[-1]) == (None, ("readings", False)), "it wants none also when it is there"
    assert presence.proved(clock.now()) == []
    assert pipeline.told == [("away", True), ("away", False)], "told once"


def test_a_new_line_begins_with_readings(desk):
    presence, _, push, clock = desk
    presence.says(word(online=False, readings=False), clock.now())
    presence.unheard()
    presence.proved(clock.now())
    assert push.asked[-1] == ("readings", True)


def test_a_flood_of_words_is_not_logged():
    quiet = Presence(Push(), Pipeline(), lambda _now: False)
    assert quiet.says(word(online=False), Clock().now()) == []
