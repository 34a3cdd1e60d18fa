"""A supervisor's figures: what is counted, in which order, and what of it the page says."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from gateway.contract import wire
from gateway.home.parts import PlacePart
from gateway.judge.alarm import Outcome
from gateway.page import counted
from gateway.page.en import EN
from gateway.page.figures import SORTS
from gateway.page.known import Filter
from gateway.page.words import printed
from gateway.page.zh import ZH
from gateway.words import kind
from gateway.words.clock import When
from msgspec.structs import replace

from tests.page.household import ROOMS

SHANGHAI = ZoneInfo("Asia/Shanghai")
MAY = date(2026, 5, 1)


def when(at, boot="b1", mono=0.0):
    return When(wall=f"{at:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0"), boot=boot, mono=mono, clock="synchronised")


def alarm(kind="person.sos", at=datetime(2026, 5, 10, 8, tzinfo=UTC), *, test=False, outcome=None, **after):
    """One alarm whose stages came so many seconds after its danger."""
    stages = {"danger": when(at)} | {name: when(at + timedelta(seconds=s), mono=s) for name, s in after.items()}

    class Alarm:
        pass

    found = Alarm()
    found.kind, found.test, found.outcome, found.stages = kind, test, outcome, stages
    return found


def test_every_real_alarm_is_counted_once_by_how_it_ended():
    alarms = [
        alarm(outcome=Outcome.HELPED, push=1.5, answered=40.0, arrival=600.0, closed=900.0),
        alarm(outcome=Outcome.RESCUED, push=2.5, answered=80.0),
        alarm(outcome=Outcome.FALSE_ALARM, push=3.5),
        alarm(outcome=Outcome.UNKNOWN),
        alarm(),
        alarm(outcome=None, cancelled=12.0),
        alarm("env.smoke", outcome=Outcome.DEVICE_FAULT),
        alarm(test=True, outcome=Outcome.TEST, push=1.0),
        alarm(test=True),
    ]
    month = counted.counted(alarms, MAY, SHANGHAI)
    sos, total = month.kinds["person.sos"], month.total
    assert (sos.count, sos.helped, sos.needless, sos.cancelled, sos.unsaid) == (6, 2, 1, 1, 2)
    assert (total.count, total.helped, total.needless, total.cancelled, total.unsaid) == (7, 2, 2, 1, 2)
    assert (month.tests, month.pushed) == (2, 1), "a test is none of them"
    assert sum(month.days) == 7
    assert sos.usual("push") == 2.5
    assert sos.usual("answered") == 60.0
    assert month.kinds["env.smoke"].usual("arrival") is None


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        (datetime(2026, 4, 30, 15, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 4, 30, 16, 0, 0, tzinfo=UTC), True),
        (datetime(2026, 5, 31, 15, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 5, 31, 16, 0, 0, tzinfo=UTC), False),
        (datetime(1, 1, 1, tzinfo=UTC), False),
        (datetime(9999, 12, 31, 23, 59, tzinfo=UTC), False),
    ],
)
def test_a_month_is_that_of_the_home_s_own_clock(at, counts):
    assert counted.counted([alarm(at=at)], MAY, SHANGHAI).total.count == counts


def test_an_alarm_without_a_danger_and_a_clock_that_went_back_do_no_harm():
    odd = alarm()
    odd.stages = {}
    assert counted.counted([odd], MAY, SHANGHAI).total.count == 0
    back = alarm(answered=-50.0)
    assert counted.counted([back], MAY, SHANGHAI).total.times["answered"] == [0.0]


def test_times_fall_into_their_columns_and_none_is_lost():
    times = [0.0, 10.0, 10.1, 59.9, 60.0, 60.1, 900.0, 1800.0, 1800.1, 1e9]
    counts = counted.spread(times)
    assert sum(counts) == len(times)
    assert counts == [2, 1, 2, 1, 0, 1, 1, 2]
    assert counted.columns(counts).count("M") == 7
    assert counted.columns([0, 0]) == ""


@pytest.mark.parametrize("by", SORTS)
def test_kinds_stand_in_the_order_that_was_asked_for(by):
    alarms = [alarm("person.sos", push=9.0, answered=9.0, arrival=9.0, outcome=Outcome.HELPED)] * 3
    alarms += [alarm("env.smoke", push=5.0, answered=5.0, arrival=5.0, outcome=Outcome.AWAY)] * 2
    alarms += [alarm("person.fall", cancelled=3.0)]
    kinds = [row.kind for row in counted.ordered(counted.counted(alarms, MAY, SHANGHAI), by)]
    first = {"kind": "env.smoke", "needless": "env.smoke", "cancelled": "person.fall"}.get(by, "person.sos")
    assert kinds[0] == first
    assert sorted(kinds) == ["env.smoke", "person.fall", "person.sos"]
    if by in counted.STEPS:
        assert kinds[-1] == "person.fall", "what has no time stands last"


def test_a_month_that_is_none_or_is_to_come_is_this_one():
    today = date(2026, 11, 30)
    assert counted.asked("2026-05", today) == MAY
    for text in ("", "2026-13", "2027-01", "1999-01", "2026-5", "x" * 10000, "2026-05-01", "²026-05", "2026-05\n"):
        assert counted.asked(text, today) == date(2026, 11, 1), text
    assert counted.after(date(2026, 12, 1)) == date(2027, 1, 1)


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_page_says_what_the_records_say(box, lang):
    browser = await box.supervisor(await box.technician())
    text = (await browser.get("/figures", params={"lang": lang})).text
    words = ZH if lang == "zh" else EN
    now = datetime.fromisoformat(box.page.known.status().wall).astimezone(SHANGHAI)
    month = counted.counted(box.page.known.past(Filter(), limit=500), now.date().replace(day=1), SHANGHAI)
    assert month.total.count > 0
    tile = re.search(rf"{words['figures.alarms']}</span><b>(\d+)</b>", text)
    assert int(tile[1]) == month.total.count
    for name in month.kinds:
        assert f'href="/alarms?kind={name}&amp;test=no"' in text
    for room in set(ROOMS.values()):
        assert room in text, "each sensor has its line"
    assert words["figures.is.missing"] in text
    for reading in ("°C", "dBm", "presence", "motion"):
        assert reading not in text, "figures, no readings"
    assert 'action="/' not in text, "and nothing to press"


async def test_an_earlier_month_without_an_alarm_says_so_and_leads_back(box):
    browser = await box.supervisor(await box.technician())
    text = (await browser.get("/figures?month=2021-02")).text
    assert ZH["figures.none"] in text
    assert 'href="/figures?month=2021-01"' in text
    assert 'href="/figures?month=2021-03"' in text
    for odd in ("month=²026-01", "month=2026-99", "sort=__class__", "sort=times", "month=" + "9" * 4000):
        assert (await browser.get(f"/figures?{odd}")).status_code == 200, odd


async def test_the_newest_walk_test_is_told_with_how_many_passed(box, monkeypatch):
    browser = await box.supervisor(await box.technician())
    assert ZH["figures.walked_none"] in (await browser.get("/figures")).text
    told = [walked("pendant", 9, passed=False), walked("front-door", 8, passed=True), walked("pendant", 7, passed=True)]
    told += [walked("hall-motion", 1, passed=True, days=3)]
    monkeypatch.setattr(type(box.page.known), "journal", lambda *_, **__: told)
    text = (await browser.get("/figures")).text
    assert printed(ZH["figures.walked_said"].format(time="2026-05-10", passed=1, count=2, who="T-07")) in text, "of this visit alone"


async def test_the_visits_of_the_month_are_told_by_who_came_and_how_many_are_wanted(box, monkeypatch):
    browser = await box.supervisor(await box.technician())
    assert ZH["figures.visits"] not in (await browser.get("/figures")).text, "nobody counts on any"
    stays = [("网格员", {}), ("网格员", {"left": "10:20", "minutes": 20}), ("邻居", {}), ("网格员", {})]
    told = [visited(9 - n, {"what": "badge", "who": who, "came": "10:00"} | more) for n, (who, more) in enumerate(stays)]
    told += [visited(2, {"what": "badge", "who": "网格员"}, days=40), walked("pendant", 1, passed=True)]
    monkeypatch.setattr(type(box.page.known), "journal", lambda *_, **__: told)
    text = (await browser.get("/figures?month=2026-05")).text
    assert f"<dt>{printed(ZH['figures.visits'])}</dt><dd>3 次 · 网格员 2 · 邻居 1</dd>" in text
    monkeypatch.setattr(box.page, "config", replace(box.page.config, parts=replace(box.page.config.parts, household=PlacePart(visits=4))))
    assert "3 次,应有 4 次" in (await browser.get("/figures?month=2026-05")).text.replace("\uff0c", ",")


def visited(number, detail, *, days=0):
    note = walked("badge-1", number, passed=True, days=days)
    return replace(note, detail=detail)


def walked(device, number, *, passed, days=0):
    """What the journal has of a walk test."""
    at = when(datetime(2026, 5, 10, 8, number, tzinfo=UTC) - timedelta(days=days), mono=number - 86400.0 * days)
    detail = {"what": "walk", "by": "T-07", "passed": passed}
    entry = {"v": 1, "gateway": "example-home", "journal": "j1", "number": number, "id": f"j1-{number}", "at": at}
    note = {"kind": kind.VISIT, "priority": 4, "codes": None, "turn": "noted", "device": device, "room": "", "detail": detail}
    return wire.FaultMessage(**entry, **note, evidence=())
