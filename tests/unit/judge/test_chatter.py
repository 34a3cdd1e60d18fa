"""What chatters is counted in memory, written now and then, and told once; an SOS is written at each press."""

from gateway.judge.chatter import FREE, MOST, Chatter, Counting
from gateway.judge.waits import WAITS
from gateway.words.instruction import Door
from gateway.words.reading import Kind
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.hand import Day, story


def flip(day, times, device="smoke", what=Kind.SMOKE, every=1.0):
    """Let a device change its word `times` times, and return the entries."""
    out = []
    for n in range(times):
        out += day.hear(device, what, n % 2 == 0) + day.wait(every)
    return out


def about(entries, move):
    return [e for e in entries if getattr(e.fact, "move", "") == move and e.fact.alarm.kind == "env.smoke"]


def test_a_level_that_flips_each_second_for_an_hour_writes_a_few_entries_and_is_told_once():
    day = Day()
    entries = flip(day, 3600)
    told = about(entries, "count") + about(entries, "clear")
    assert len(about(entries, "raise")) == 1
    assert FREE <= len(told) < 30, "3600 before"
    (alarm,) = [a for a in day.open if a.kind == "env.smoke"]
    assert alarm.count == 1800, "all are counted"
    assert max(e.fact.alarm.count for e in told) > 1400, "and told now and then"
    assert [line for line in story(entries) if line.startswith("device.chatters")] == ["device.chatters raised"]
    entries = day.wait(WAITS.count_longest + 1)
    stands = [e.fact.alarm for e in entries if getattr(getattr(e.fact, "alarm", None), "kind", "") == "env.smoke"]
    assert any((a.count, a.condition_active) == (1800, False) for a in stands), (
        "how it stands in the end is written, with a call or by itself"
    )
    assert not alarm.condition_active
    assert not about(day.wait(WAITS.count_longest), "clear"), "and then nothing more"


def test_an_sos_is_written_at_each_press_however_often_it_comes():
    day = Day()
    entries = []
    for _ in range(300):
        entries += day.press() + day.wait(1)
    said = [e for e in entries if getattr(e.fact, "move", "") in {"raise", "count"}]
    assert [e.fact.alarm.count for e in said] == list(range(1, 301))
    assert all(e.raises for e in said)
    assert not [line for line in story(entries) if line.startswith("device.chatters")]


def test_any_other_entry_about_the_alarm_has_the_count_too_and_so_has_the_end_of_the_process():
    day = Day()
    flip(day, 20)
    entries = day.tell("acknowledge", alarm=day.open[0].id)
    assert entries[0].fact.alarm.count == 10
    assert not about(day.wait(5), "clear"), "it has been told"
    flip(day, 3)
    (last,) = day.pipeline.last_counts(day.clock.now())
    assert (last.fact.move, last.fact.alarm.count) == ("count", 12)
    assert day.pipeline.last_counts(day.clock.now()) == []


def test_a_level_that_comes_and_goes_as_fire_does_is_told_at_once():
    day = Day()
    for n in range(4):
        assert len(about(day.hear("smoke", Kind.SMOKE, True), "count" if n else "raise")) == 1
        day.wait(1500)
        assert len(about(day.hear("smoke", Kind.SMOKE, False), "clear")) == 1
        day.wait(1500)


def test_a_chattering_level_of_a_shelved_device_fills_no_journal_either():
    day = Day()
    day.tell("shelve", device="smoke", seconds=3600.0, reason="dust", door=Door.PLATFORM)
    entries = flip(day, 1000)
    assert FREE <= sum(line.startswith("device.shelved_danger") for line in story(entries)) < 30


def test_a_chattering_contact_is_a_fault_until_it_has_rested_for_an_hour_also_over_a_restart():
    day = Day()
    assert "device.chatters raised" in story(flip(day, MOST + 20, "door", Kind.CONTACT_OPEN, every=2.0))
    assert ("device.chatters", "door") in day.pipeline.faults.on
    assert "device.chatters cleared" not in story(day.wait(WAITS.chatter_over - 200))
    assert "device.chatters cleared" in story(day.wait(400))
    assert not [line for line in story(flip(day, 200, "door", Kind.CONTACT_OPEN, every=30.0)) if line.startswith("device.chatters")]


def test_somebody_who_moves_about_chatters_not():
    day = Day()
    entries = []
    for n in range(300):
        entries += day.hear("radar", Kind.MOTION, n % 2 == 0) + day.wait(2)
    assert not [line for line in story(entries) if line.startswith("device.chatters")]


@given(st.lists(st.floats(0.0, 2 * WAITS.count_longest), min_size=1, max_size=60))
def test_a_count_is_written_at_once_or_falls_due_soon_and_never_both(pauses):
    counting, mono, waits = Counting(), 0.0, False
    for pause in pauses:
        mono += pause
        if counting.due() <= mono:
            assert waits
            assert counting.take(mono) == [1]
            waits = False
        at_once = counting.at_once(1, mono)
        waits = waits or not at_once
        if at_once:
            counting.written(1)
            waits = False
        assert (counting.due() <= mono + WAITS.count_longest) is waits
    assert counting.take_all() == [1] * waits


def test_the_window_is_ten_minutes_and_what_is_counted_is_bounded():
    chatter = Chatter()
    assert not any(chatter.changed("slow", n * WAITS.chatter_window / MOST) for n in range(500))
    assert [chatter.changed("fast", 0.0) for _ in range(MOST + 2)][-2:] == [MOST + 1, MOST + 2]
    assert chatter.goes_on("fast", WAITS.chatter_over - 1)
    assert not chatter.goes_on("fast", WAITS.chatter_over)
    for n in range(5000):
        chatter.changed(n, 1.0)
    assert len(chatter._counts) <= 1000
    assert len(chatter._last) <= 1000
