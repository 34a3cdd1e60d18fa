"""The waiting times of judgement, supervision and the walk test that no household changes."""

from __future__ import annotations

from gateway.words.waits import Waits, wait

_HOUR, _DAY = 3600.0, 86400.0


class _Judge(Waits):
    """What is judged first, then alarms, marks, faults and the walk test."""

    # -- what is judged
    rising: float = wait(45.0, 10.0, 120.0, "ours: movement that is the leaving of the bed itself")
    dusk: float = wait(60.0, 10.0, 600.0, "ours: a door stands open; has it become night?")
    lived_in: float = wait(
        3 * _HOUR, _HOUR, 6 * _HOUR, "ours: longer than a carer's visit, shorter than an evening"
    )
    left_again: float = wait(
        2 * _HOUR, _HOUR, 6 * _HOUR, "ours: without any sign a visitor has left"
    )
    chatter_window: float = wait(600.0, 60.0, _HOUR, "ours: in which changes are counted")
    chatter_over: float = wait(_HOUR, 600.0, _DAY, "ours: a contact that chatters pauses, too")
    count_first: float = wait(10.0, 1.0, 60.0, "ours: between two entries that only count")
    count_longest: float = wait(600.0, 60.0, _HOUR, "ours: the same after doubling")

    # -- alarms
    linked: float = wait(
        _DAY, _HOUR, 7 * _DAY, "ours: for a day an ended alarm is the one before of its next"
    )
    well_again: float = wait(
        60.0, 10.0, 600.0, "ours: the resident's same word is not written again"
    )
    wish_again: float = wait(
        60.0, 10.0, 600.0, "ours: a service that is asked for again at once is the same wish"
    )
    badge_stay: float = wait(
        120.0, 60.0, 300.0, "ours: who passes the door is gone by then; frames of a badge span it"
    )
    badge_pause: float = wait(
        120.0, 30.0, 600.0, "ours: between two frames of one who comes; a slow badge sends each min"
    )
    badge_gone: float = wait(
        600.0, 120.0, _HOUR, "ours: a badge not near for so long has left, or was never here"
    )
    badge_fresh: float = wait(
        120.0, 60.0, 300.0, "ours: who was near so long ago is taken to be here; see badge_pause"
    )
    visits_kept: float = wait(
        _HOUR, 300.0, _DAY, "ours: of the time that was listened for visits; a cut may cost it"
    )
    visits_hole: float = wait(
        6 * _HOUR,
        _HOUR,
        _DAY,
        "ours: of a month that nobody heard, in which one visit may have been",
    )
    visit_least: float = wait(300.0, 60.0, _HOUR, "ours: shorter is no visit to a resident")
    flicker: float = wait(
        600.0, 60.0, _HOUR, "ours: two graces that ended by themselves leave the next none"
    )
    first_press: float = wait(600.0, 60.0, 1800.0, "ours: a press that confirms an enrolment")
    refusals_over: float = wait(600.0, 60.0, _HOUR, "ours: a flood of orders is over, and told")
    desk_ahead: float = wait(
        600.0, 60.0, 3600.0, "ours: a desk's clock may be as far ahead of a confirmed one"
    )
    order_ahead: float = wait(
        5.0, 1.0, 60.0, "ours: an order may be ahead of its clock by a time server's correction"
    )

    # -- marks that outlive a power cut
    mark_soonest: float = wait(5.0, 1.0, 30.0, "ours: so much of a wait a power cut may cost")
    mark_latest: float = wait(
        30.0, 5.0, 120.0, "ours: people are called: 12 marks in two minutes, not 4"
    )
    mark_latest_quiet: float = wait(
        300.0, 30.0, 900.0, "ours: nobody is called: 22 marks for a bed left for 20 min"
    )
    save_every: float = wait(30.0, 5.0, 300.0, "ours: a sensor that flaps must not wear the card")
    begun_every: float = wait(10.0, 1.0, 60.0, "ours: the same for a judgement that begins")
    masks_marked: float = wait(
        600.0, 60.0, _HOUR, "ours: between two marks of what is masked; a cut costs one"
    )
    shelf_most: float = wait(_DAY, _HOUR, _DAY, "longest shelf: no mark lasts longer")
    away_most: float = wait(31 * _DAY, _DAY, 31 * _DAY, "longest absence: no mark lasts longer")
    grace_most: float = wait(600.0, 60.0, 600.0, "longest grace: no mark has a longer one")
    silence_most: float = wait(
        3660 * _DAY, _DAY, 3660 * _DAY, "ours: ten years; a mark with more is damaged"
    )

    # -- faults
    look_every: float = wait(5.0, 1.0, 60.0, "ours: between two looks at the silences")
    clock_stepped: float = wait(
        2.0, 0.5, 60.0, "ours: the wall clock has jumped against the monotonic one"
    )
    hear_first: float = wait(
        1800.0, 300.0, 4 * _HOUR, "ours: after a start a device has as long to be heard"
    )
    line_silent: float = wait(900.0, 60.0, _HOUR, "ours: a plug is pulled for a hoover")
    line_cut: float = wait(150.0, 60.0, 900.0, "ours: two attempts to open it have failed, not one")
    deaf_unwatched: float = wait(
        _HOUR, 900.0, _DAY, "ours: no device that calls for help is heard by this radio"
    )
    deaf_beacons: float = wait(
        _HOUR, 600.0, _DAY, "ours: a device that is missing this soon speaks by itself, often"
    )
    deaf_longest: float = wait(4 * _HOUR, _HOUR, _DAY, "makers' 4 h signal")
    deaf_learns: float = wait(60.0, 10.0, 600.0, "ours: shorter silences teach nothing")
    flapping_window: float = wait(_DAY, _HOUR, 7 * _DAY, "ours: unstable is four times in a day")
    flapping_lasts: float = wait(_HOUR, 600.0, _DAY, "ours: a fault that was only counted stays on")
    forged_window: float = wait(
        600.0, 60.0, _HOUR, "ours: in it so many frames are somebody, not the air"
    )
    out_about: float = wait(
        300.0, 60.0, 900.0, "ours: between a pendant's last word and the door, either way"
    )
    out_apart: float = wait(60.0, 10.0, 300.0, "ours: less is one press heard twice")
    out_latest: float = wait(_HOUR, 300.0, 4 * _HOUR, "ours: the last word is older at most")
    out_never_shut: float = wait(
        _HOUR, 300.0, _DAY, 'ours: a sensor that only says "open" has opened once more'
    )
    out_shortest: float = wait(
        1200.0, 300.0, 2 * _HOUR, "ours: nobody moved for so long: that was an outing"
    )
    list_without_clock: float = wait(_DAY, _DAY, _DAY, "today's list is one a day")
    lists_apart: float = wait(
        _DAY / 2, _HOUR, _DAY, "ours: half a day between two lists, whatever the clock does"
    )
    list_kept: float = wait(
        300.0, 60.0, _HOUR, "ours: running time that a cut may cost without a clock"
    )
    untold_after: float = wait(1800.0, 300.0, 2 * _HOUR, "ours: 97 % of outages are over by then")
    untold_again: float = wait(_DAY, _HOUR, 7 * _DAY, "ours: told once a day, while nobody has it")
    untold_retry: float = wait(_HOUR, 600.0, _DAY, "ours: nobody was reached")
    untold_save: float = wait(300.0, 60.0, 900.0, "ours: so much of its wait a power cut may cost")
    untold_no_hour: float = wait(
        _DAY / 2, _HOUR, _DAY, "ours: the clock is wrong; half a day later it may be day"
    )

    # -- silence, of which the home asks first
    silence_look: float = wait(60.0, 10.0, 300.0, "ours: between two looks at the silence")
    silence_hole: float = wait(
        600.0, 120.0, _HOUR, "ours: who was not heard for longer may have moved meanwhile"
    )
    silence_helped: float = wait(
        _HOUR, 600.0, _DAY, "ours: who was answered so lately is looked after"
    )
    ask_again: float = wait(120.0, 30.0, 600.0, "ours: time to get up and be seen to move")
    ask_ends: float = wait(120.0, 30.0, 600.0, "ours: the same after it was asked louder")
    life_stuck: float = wait(_HOUR, 600.0, 4 * _HOUR, "ours: nobody moves for so long unpaused")
    life_heard: float = wait(
        900.0, 300.0, 2 * _HOUR, "ours: a sensor that speaks often and is silent so long"
    )
    life_speaks: float = wait(
        1800.0, 600.0, 4 * _HOUR, "ours: the longest usual pause of a sensor that speaks by itself"
    )
    life_low: float = wait(
        _HOUR, 600.0, 4 * _HOUR, "ours: a battery that was low may be empty by now"
    )
    carer_before: float = wait(60.0, 0.0, 300.0, "ours: the door opens before a badge is heard")
    out_after: float = wait(
        600.0, 120.0, _HOUR, "ours: nobody moves inside for so long after the door: out"
    )
    out_shuts: float = wait(120.0, 10.0, 600.0, "ours: who comes home shuts the door by then")
    night_exit: float = wait(180.0, 60.0, 900.0, "ours: the door at night, and nobody inside")
    up_lasts: float = wait(1200.0, 300.0, _HOUR, "ours: signs go on for so long: is up")
    up_broken: float = wait(
        5400.0, 1800.0, 4 * _HOUR, "ours: who rests so long after a sign lay down again"
    )
    up_margin: float = wait(2400.0, 600.0, 4 * _HOUR, "ours: later than usual by less is usual")
    longest_night: float = wait(
        14 * _HOUR, 10 * _HOUR, _DAY, "ours: no hour is known, so it may be night"
    )

    # -- the walk test
    walk_longest: float = wait(
        300.0, 60.0, 900.0, "ours: a device that is forgotten under test is unprotected"
    )
    walk_step: float = wait(
        900.0, 300.0, _HOUR, "ours: pulling a plug leaves nobody unprotected: time to walk"
    )
    walk_settles: float = wait(
        10.0, 3.0, 60.0, "ours: after the last thing that was wanted the device is real again"
    )
    walk_sounds: float = wait(
        60.0, 10.0, 300.0, "ours: a test key held down, or smoke out of a can, goes on as long"
    )
    walk_repeat: float = wait(3.0, 0.5, 10.0, "ours: a device repeats what it has said once")


WAITS = _Judge()
