"""What supervision gathers: how long each way of hearing is silent, whether the platform answers, what the store has mended."""

from math import inf
from types import SimpleNamespace

import pytest
from gateway.judge.faults.forged import MANY
from gateway.judge.faults.untold import Untold
from gateway.tend.attacks import Attacks
from gateway.tend.supervision import Supervision
from gateway.words import kind

from tests.kit.hand import HOME_ZONE
from tests.unit.tell.fakes import Clock, Link, Pipeline, home, platform


@pytest.fixture
def made():
    out = SimpleNamespace(clock=Clock(), pipeline=Pipeline(), asked=[], since=None, aired=[])
    out.pipeline.badges = SimpleNamespace(hears=out.aired.append)
    out.clock.why = {"ntp": "no"}
    out.way = SimpleNamespace(link=Link(), connected=True)
    out.way.link.taken_over = False
    out.mended = [""]
    out.store = SimpleNamespace(take_mended=lambda: out.mended.pop() if out.mended else "")
    out.radio = SimpleNamespace(adapter="hci0", heard_at=42.0)
    out.refused = {}
    out.supervision = Supervision(
        home=home(platform=platform()),
        clock=out.clock,
        pipeline=out.pipeline,
        storage=SimpleNamespace(store=out.store),
        ears=SimpleNamespace(radios=[out.radio, SimpleNamespace(adapter="hci1", heard_at=None)], cut=set),
        intake=SimpleNamespace(aired=7.0, devices={"lock": SimpleNamespace(refused=out.refused)}),
        attacks=Attacks(out.pipeline.faults),
        untold=Untold(HOME_ZONE),
        callers=SimpleNamespace(),
        push=SimpleNamespace(unanswered_since=lambda: out.since),
        way=out.way,
        asks=(lambda: out.asked.append("inbox"), lambda: out.asked.append("slips")),
    )
    return out


def test_silence_is_taken_of_radios_that_have_heard_and_the_doors_are_looked_at(made):
    assert made.supervision.hearing(made.clock.now()) == []
    assert made.pipeline.faults.radios == {"hci0": 42.0}
    assert made.asked == ["inbox", "slips"]
    assert made.pipeline.faults._clock_why == {"ntp": "no"}


def test_a_badge_is_away_only_while_each_radio_hears(made):
    for radios in ([41.0, 42.0], [42.0, None], []):
        made.supervision.ears.radios = [SimpleNamespace(adapter=f"hci{n}", heard_at=at) for n, at in enumerate(radios)]
        made.supervision.hearing(made.clock.now())
    assert made.aired == [41.0, -inf, 7.0]


def test_a_platform_that_takes_all_and_answers_nothing_counts_as_away(made):
    now = made.clock.now()
    made.supervision.link(now)
    made.since = now.mono - 10_000
    made.supervision.link(now)
    made.way.connected, made.since = False, None
    made.supervision.link(now)
    assert made.pipeline.told == [("linked", True), ("linked", False), ("linked", False)]


def test_another_box_with_our_id_is_told_and_without_a_platform_nothing_is(made):
    now = made.clock.now()
    made.way.link.taken_over = True
    (entry,) = made.supervision.link(now)
    assert entry.fact.kind == kind.IDENTITY_CONFLICT
    made.supervision.home.replace(home().config)
    assert made.supervision.link(now) == []


def test_what_the_store_has_mended_is_told_once(made):
    made.mended.append("pages were salvaged")
    (entry,) = made.supervision.store(made.clock.now())
    assert entry.fact.detail["why"] == "pages were salvaged"
    assert made.supervision.store(made.clock.now()) == []


def test_refused_frames_of_a_device_become_one_fault(made):
    made.supervision.refused(made.clock.now())
    made.refused["decrypt_failed"] = MANY
    told = made.supervision.refused(made.clock.now())
    assert [(entry.fact.kind, entry.fact.device) for entry in told] == [(kind.ATTACKED, "lock")]
