"""What is masked outlives a power cut, never lasts longer than it was asked for, and is never immortal."""

import json
from datetime import timedelta

import pytest
from gateway.judge.masks import NOT_MASKED, End, Shelf, masked, unmasked
from gateway.judge.waits import WAITS
from gateway.tend.waits import WAITS as TENDING
from gateway.words.clock import Moment, Quality

from tests.kit.hand import NOON, HandClock

HOUR = 3600.0
YEARS = timedelta(days=3650)


def made(clock, seconds=2 * HOUR, *, away=0.0):
    return {"radar": Shelf(clock.mono + seconds, "desk", "paint")}, End(clock.mono + away) if away else NOT_MASKED


def cut(clock, mark, *, dark, quality, wall=None):
    """Cut the power for `dark` seconds; return what the next boot takes over."""
    clock.reboot(f"{clock.boot}x", after=dark)
    clock.quality = quality
    if wall is not None:
        clock.wall = wall
    shelves, away = unmasked(mark, clock.now(), clock.boot)
    return shelves, away


def left(shelves, clock):
    return shelves["radar"].until - clock.mono


def test_the_marks_are_as_close_as_is_counted():
    assert TENDING.flush <= WAITS.masks_marked


@pytest.mark.parametrize("away", [0.0, 5 * 86400.0])
def test_a_process_restart_changes_nothing_whatever_the_clock(away):
    clock = HandClock(quality=Quality.WRONG)
    shelves, gone = made(clock, away=away)
    mark = masked(shelves, gone, clock.now(), clock.boot)
    clock.move(600)
    clock.wall += YEARS
    after, back = unmasked(mark, clock.now(), clock.boot)
    assert left(after, clock) == pytest.approx(2 * HOUR - 600)
    assert back.until == (pytest.approx(gone.until) if away else NOT_MASKED.until)


def test_with_a_confirmed_clock_the_time_in_the_dark_counts():
    clock = HandClock()
    mark = masked(*made(clock, away=86400.0), clock.now(), clock.boot)
    shelves, away = cut(clock, mark, dark=HOUR, quality=Quality.SYNCHRONISED)
    assert left(shelves, clock) == pytest.approx(HOUR)
    assert away.until - clock.mono == pytest.approx(86400 - HOUR)
    shelves, away = cut(clock, mark, dark=86400.0, quality=Quality.SYNCHRONISED)
    assert left(shelves, clock) <= 0
    assert away == NOT_MASKED


def test_with_an_unsure_clock_it_goes_on_from_what_remained_and_is_mended_later():
    clock = HandClock()
    mark = masked(*made(clock, away=86400.0), clock.now(), clock.boot)
    shelves, away = cut(clock, mark, dark=HOUR, quality=Quality.UNSURE)
    assert left(shelves, clock) == pytest.approx(2 * HOUR - WAITS.masks_marked)
    clock.move(60)
    clock.quality = Quality.SYNCHRONISED
    now = clock.now()
    assert shelves["radar"].settled(now).until - clock.mono == pytest.approx(HOUR - 60), "the wall clock knows the hour in the dark"
    assert away.settled(now).until - clock.mono == pytest.approx(86400 - HOUR - 60)


@pytest.mark.parametrize("wrong", [YEARS, -YEARS])
@pytest.mark.parametrize("quality", [Quality.UNSURE, Quality.WRONG])
def test_a_shelf_made_under_a_wrong_clock_ends_in_its_time(wrong, quality):
    clock = HandClock(NOON + wrong, quality=quality)
    shelves, away = made(clock, away=86400.0)
    mark = masked(shelves, away, clock.now(), clock.boot)
    after, gone = cut(clock, mark, dark=30.0, quality=Quality.SYNCHRONISED, wall=NOON)
    assert 0 < left(after, clock) <= 2 * HOUR
    assert 0 < gone.until - clock.mono <= 86400
    sure = Moment(2000.0, NOON, Quality.SYNCHRONISED)
    assert shelves["radar"].settled(sure).until == shelves["radar"].until, "and in the same boot, when a time server answers at last"


def test_power_that_comes_and_goes_makes_no_shelf_immortal():
    clock = HandClock()
    shelves, away = made(clock)
    mark = masked(shelves, away, clock.now(), clock.boot)
    for _ in range(int(2 * HOUR / WAITS.masks_marked) + 1):
        shelves, away = cut(clock, mark, dark=30.0, quality=Quality.UNSURE)
        mark = masked(shelves, away, clock.now(), clock.boot)
        clock.move(200)  # and off again before the next mark
    assert left(shelves, clock) <= 0


@pytest.mark.parametrize(("quality", "ends"), [(Quality.SYNCHRONISED, 540.0), (Quality.UNSURE, None)])
def test_the_mark_of_an_earlier_version_is_read(quality, ends):
    clock = HandClock(quality=quality)
    until = clock.wall.timestamp() + 540
    shelves, away = unmasked(json.dumps({"shelves": {"radar": {"until": until, "by": "d", "reason": "r"}}, "away": until}), clock.now())
    if ends is None:
        assert left(shelves, clock) < 0
        assert away == NOT_MASKED
    else:
        assert (left(shelves, clock), away.until - clock.mono) == (pytest.approx(ends), pytest.approx(ends))


def test_an_earlier_versions_mark_from_a_wrong_clock_lasts_no_ten_years():
    clock = HandClock()
    until = (clock.wall + YEARS).timestamp()
    shelves, away = unmasked(json.dumps({"shelves": {"radar": {"until": until, "by": "d", "reason": "r"}}, "away": until}), clock.now())
    assert left(shelves, clock) == WAITS.shelf_most
    assert away.until - clock.mono == WAITS.away_most


def test_the_page_finds_the_end_by_the_wall_clock():
    clock = HandClock()
    mark = json.loads(masked(*made(clock, away=HOUR), clock.now(), clock.boot))
    assert mark["shelves"]["radar"]["until"] == clock.wall.timestamp() + 2 * HOUR
    assert mark["away"] == clock.wall.timestamp() + HOUR


def test_a_confirmed_clock_never_makes_it_longer():
    now = Moment(100.0, NOON, Quality.SYNCHRONISED)
    end = End(200.0, NOON.timestamp() + 1e6)
    assert end.settled(now).until == 200.0
    assert end.settled(now._replace(quality=Quality.UNSURE)) == end
    later = now._replace(wall=NOON + YEARS)
    assert end.settled(now).settled(later).until == 200.0, "a clock that jumps in the same boot changes nothing"


ENDLESS = ["NaN", "Infinity", "-Infinity", "1e999", '"nan"']


@pytest.mark.parametrize("number", ENDLESS)
@pytest.mark.parametrize("where", ["left", "until", "mono"])
def test_a_mark_whose_end_is_no_number_masks_nothing(where, number):
    mark = json.loads(masked(*made(HandClock()), HandClock().now(), "b"))
    mark["shelves"]["radar"].pop(where, None)
    mark.pop(where, None)
    text = json.dumps(mark | ({"mono": "?"} if where == "mono" else {}))
    text = text.replace('"?"', number) if where == "mono" else text.replace('"radar": {', f'"radar": {{"{where}": {number}, ')
    with pytest.raises((ValueError, TypeError)):
        unmasked(text, HandClock().now(), "b")


@pytest.mark.parametrize("boot", ["b", "another"])
def test_no_mark_masks_for_longer_than_can_be_asked_for(boot):
    now = HandClock().now()
    mark = json.loads(masked({"radar": Shelf(now.mono + 1e11, "x", "x")}, End(now.mono + 1e11), now, "b")) | {"mono": 1e11}
    shelves, away = unmasked(json.dumps(mark), now, boot)
    assert shelves["radar"].until - now.mono <= WAITS.shelf_most
    assert away.until - now.mono <= WAITS.away_most
