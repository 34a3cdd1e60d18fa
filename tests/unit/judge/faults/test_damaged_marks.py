"""A mark of which a part is damaged: what can be read of it is kept, and nothing is raised."""

import json
from datetime import UTC, datetime

import pytest
from gateway.judge import pending
from gateway.judge.faults import firsts, silence, untold
from gateway.judge.faults.fault import Faults
from gateway.judge.faults.silence import Supervised
from gateway.keep import known
from gateway.words.clock import Moment
from gateway.words.reading import Kind
from gateway.words.times import Times

NOW = Moment(100.0, datetime(2027, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize("bad", ["-1", "null", '"x"', "[]", "{}"])
def test_one_bad_silence_costs_no_other(bad):
    assert silence.read(f'{{"a":5,"b":{bad},"c":7}}') == {"a": 5.0, "c": 7.0}


@pytest.mark.parametrize("bad", ['["smoke","a kind of later"]', '["smoke",5]'])
def test_one_unknown_kind_costs_no_other(bad):
    assert firsts.read(f'{{"x":{bad},"y":["fall"],"z":7}}') == {"x": {Kind.SMOKE}, "y": {Kind.FALL}}


def restored(**damaged):
    faults = Faults({"p": Supervised(device="p", vital=True, missing_after=1.0)}, Times())
    faults.daily.keep(UTC, 0.5)
    whole = {"day": "2027-02-28", "month": "2027-02", "air": 60, "low": {"p": [5, 6]}, "out": {"gaps": {"p": [100, 200]}}}
    faults.restored(json.dumps(whole | damaged))
    return json.loads(faults.mark(anew=True))


@pytest.mark.parametrize(("part", "bad"), [("air", None), ("low", {"p": "x"}), ("out", {"gaps": 5}), ("items", {"x": {"p": 1.5}})])
def test_one_damaged_part_of_the_day_costs_no_other(part, bad):
    whole, found = restored(), restored(**{part: bad})
    assert whole["air"] == 60
    assert whole["out"]["gaps"]["p"]
    others = {"air", "out"} - {part}
    assert {name: found[name] for name in others} == {name: whole[name] for name in others}


def test_a_time_without_a_zone_or_of_no_year_is_damage_and_no_end_of_the_start():
    with pytest.raises(ValueError, match="zone"):
        known.lived('["b1", 50.0, "2027-02-28T23:59:00", "synchronised"]')
    told = untold.Untold(UTC)
    told.start({}, NOW, '{"at":["b1",5.0,"2027-03-01T00:00:00","synchronised"],"waits":[]}', "b2")
    door = ["door", "contact_open", True, 1, "", False, [90.0, 1e17, "synchronised"]]
    mark = {
        "boot": "b1",
        "mono": 95.0,
        "wall": 1.0,
        "sure": True,
        "heard": [],
        "doors": [[door, 90.0]],
        "in_bed": {},
        "left_bed": [],
        "withheld": [],
    }
    assert pending.read(json.dumps(mark), NOW, "b1") == pending.Pending(same_boot=False)
