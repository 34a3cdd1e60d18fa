"""Recordings in published text formats: each line is read, or named with its number and what is wrong with it. All lines are our own."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from gateway.home.recordings import recording
from gateway.home.recordings.formats import FORMATS
from gateway.home.recordings.recording import BadRecording

HOME = timezone(timedelta(hours=1))
GOOD = {
    "kasteren": "03-Mar-2031 06:10:00\t03-Mar-2031 06:10:04\t7\n03-Mar-2031 07:00:00\t03-Mar-2031 07:00:09\t9\t\r\n",
    "placelab": (
        "Making tea,3/3/2031,6:9:0,6:20:0\n7,9\nKettle,Larder\n6:10:0,6:12:30\n6:11:2,6:12:31\n"
        "Going to bed,3/3/2031,23:50:0,0:20:0\n9\nLarder\n0:10:0\n0:10:5\n"
    ),
    "uci-adl": (
        "Start time\tEnd time\tLocation\tType\tPlace\n2031-03-03 06:10:00  2031-03-03 06:30:00  Couch  Pressure  Lounge\n"
        "2031-03-03 07:00:00\t2031-03-03 07:00:20\tMaindoor\tMagnetic\tEntrance\n"
    ),
    "casas": (
        "2031-03-03 06:10:00.250000\tM004\tON\tMaking tea begin\n2031-03-03 06:11:00 M004 OFF\n"
        '2031-03-03 06:12:00 D002 OPEN\n2031-03-03 06:12:09 D002 CLOSE Making tea="end"\n2031-03-03 06:13:00 T001 21.5\n'
    ),
    "casas-csv": "date,time,room,value\n2031-03-03,06:10:00.5,Lounge,ON,Rest\n2031-03-03,06:12:00,FrontDoor,OPEN\n2031-03-03,06:12:09,FrontDoor,CLOSE\n",
}


def read(form, text, doors=()):
    return FORMATS[form](text.encode(), HOME, doors)


def said(made):
    return [(r.at.wall.strftime("%d %H:%M:%S"), r.device, r.kind.value, r.value) for r in made.readings]


def test_every_format_has_an_example():
    assert GOOD.keys() == FORMATS.keys()


def test_a_span_of_a_switch_is_two_movements_in_the_homes_own_time():
    made = read("kasteren", GOOD["kasteren"], doors=("9",))
    assert said(made) == [
        ("03 05:10:00", "7", "motion", True),
        ("03 05:10:04", "7", "motion", True),
        ("03 06:00:00", "9", "contact_open", True),
        ("03 06:00:09", "9", "contact_open", False),
    ]
    assert [s.id for s in made.sensors.values() if s.door] == ["9"]
    assert made.readings[0].at.mono == datetime(2031, 3, 3, 5, 10, tzinfo=UTC).timestamp()


def test_a_record_of_five_lines_goes_on_after_midnight():
    made = read("placelab", GOOD["placelab"])
    assert [(d, at) for at, d, *_ in said(made)] == [
        ("7", "03 05:10:00"),
        ("7", "03 05:11:02"),
        ("9", "03 05:12:30"),
        ("9", "03 05:12:31"),
        ("9", "03 23:10:00"),
        ("9", "03 23:10:05"),
    ]
    assert [(x.what, x.end - x.begin) for x in made.labels] == [("Making tea", 660.0), ("Going to bed", 1800.0)]
    assert made.sensors["7"].room == "Kettle"


def test_a_couch_is_a_place_and_the_door_a_door():
    made = read("uci-adl", GOOD["uci-adl"])
    assert [(k, v) for *_, k, v in said(made)] == [
        ("occupancy", True),
        ("occupancy", False),
        ("contact_open", True),
        ("contact_open", False),
    ]
    assert [(s.id, s.room, s.door) for s in made.sensors.values()] == [
        ("Couch Lounge", "Lounge", False),
        ("Maindoor Entrance", "Entrance", True),
    ]


def test_what_says_nothing_of_a_person_is_counted_and_labels_are_kept():
    made = read("casas", GOOD["casas"])
    assert [(d, k, v) for _, d, k, v in said(made)] == [
        ("M004", "motion", True),
        ("M004", "motion", False),
        ("D002", "contact_open", True),
        ("D002", "contact_open", False),
    ]
    assert (made.left_out, made.wrong) == (1, 0)
    assert [(x.what, x.end - x.begin) for x in made.labels] == [("Making tea", 128.75)]


def test_an_inner_door_is_moved_and_leads_nowhere():
    made = read("casas", GOOD["casas"], doors=("D009",))
    assert [(k, v) for _, d, k, v in said(made) if d == "D002"] == [("motion", True), ("motion", True)]


def test_rooms_of_the_newer_form():
    made = read("casas-csv", GOOD["casas-csv"])
    assert [(d, k, v) for _, d, k, v in said(made)] == [
        ("Lounge", "motion", True),
        ("FrontDoor", "contact_open", True),
        ("FrontDoor", "contact_open", False),
    ]


WRONG = [
    ("kasteren", "03-Mar-2031 06:10:00\t03-Mar-2031 06:10:04", "start TAB end TAB sensor was expected"),
    ("kasteren", "2031-03-03 06:10\t03-Mar-2031 06:10:04\t7", "2031-03-03 06:10 is not a time such as 25-Feb-2008 09:33:41"),
    ("kasteren", "03-Mar-2031 06:10:04\t03-Mar-2031 06:10:00\t7", "it ends before it begins"),
    ("kasteren", "03-Mar-2031 06:10:04\t03-Mar-2031 06:10:05\t\x07", "no name of a device"),
    ("uci-adl", "2031-03-03 06:10:00 2031-03-03 06:30:00 Couch", "start end location type place was expected"),
    ("casas", "2031-03-03 06:10:00 M004 OGRE", "'OGRE' of 'M004' is nothing that a device of this format says"),
    ("casas", "2031-13-03 06:10:00 M004 ON", "2031-13-03 06:10:00 is not a time"),
    ("casas-csv", "2031-03-03,06:10:00,Lounge", "date,time,room,value,label was expected"),
    ("casas", "2031-03-03 06:10:00 M004 ON " + "x" * 20_000, "longer than 20000 characters"),
    ("kasteren", "03-Mar-9999 06:10:04\t31-Dec-9999 23:59:59\t7", "is not a time"),
]


@pytest.mark.parametrize(("form", "line", "why"), WRONG)
def test_a_wrong_line_is_named_and_the_others_are_read(form, line, why):
    good = GOOD[form]
    made = read(form, good + line + "\n")
    assert made.wrong == 1
    (number, say) = made.named[0]
    assert number == good.count("\n") + 1
    assert why in say.en
    assert say.zh != say.en
    assert said(made) == said(read(form, good))


def test_a_wrong_line_of_a_record_leaves_that_record_out():
    text = GOOD["placelab"].replace("6:11:2,6:12:31", "6:11:2")
    made = read("placelab", text)
    assert [(n, say.en) for n, say in made.named] == [(5, "1 columns where the line of the devices has 2")]
    assert {r.device for r in made.readings} == {"9"}
    made = read("placelab", GOOD["placelab"] + "Rest,3/3/2031,6:9:0,6:20:0\n7\n")
    assert made.named[0][1].en == "a record has five lines, here are 2"


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_another_format_is_refused_with_its_first_wrong_line(form):
    for other in FORMATS.keys() - {form}:
        with pytest.raises(BadRecording) as refused:
            read(form, GOOD[other] * 2)
        assert "line" in str(refused.value)
    with pytest.raises(BadRecording):
        read(form, "")


def test_what_is_held_is_bounded(monkeypatch):
    monkeypatch.setattr(recording, "READINGS", 5)
    with pytest.raises(BadRecording, match="more than 5 readings"):
        read("casas", "".join(f"2031-03-03 06:10:{n:02} M004 ON\n" for n in range(6)))
    monkeypatch.setattr(recording, "SENSORS", 5)
    made = read("casas-csv", "".join(f"2031-03-03,06:10:{n % 5:02},room {n % 5},ON\n" for n in range(5)))
    assert len(made.sensors) == 5
    monkeypatch.setattr(recording, "READINGS", 50)
    made = read("casas-csv", "".join(f"2031-03-03,06:10:{n:02},room {n // 8},ON\n" for n in range(44)))
    assert (made.wrong, made.named[0][1].en) == (4, "more than 5 devices")
    monkeypatch.setattr(recording, "BYTES", 10)
    with pytest.raises(BadRecording, match="larger than"):
        read("casas", GOOD["casas"])


def test_lines_out_of_order_and_twice_are_put_in_order():
    lines = GOOD["kasteren"].splitlines()
    text = "\n".join([*lines[::-1], lines[0]])
    assert said(read("kasteren", text)) == said(read("kasteren", GOOD["kasteren"]))
