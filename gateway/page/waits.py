"""The waiting times of the page."""

from __future__ import annotations

from gateway.words.waits import Waits, wait

HOUR, DAY = 3600.0, 86400.0


class _Page(Waits):
    """Waits of sign-in, connections, open pages, and of what the daemon answers."""

    # Accounts.
    idle: float = wait(
        900.0,
        60.0,
        HOUR,
        "ours: ends a session without a touch; a phone left on a stranger's table",
    )
    session: float = wait(10 * HOUR, HOUR, DAY, "ours: ends any session; a working day")
    fresh: float = wait(
        300.0, 60.0, 900.0, "ours: a typed password counts for what needs it once more"
    )
    touch: float = wait(20.0, 1.0, 300.0, "ours: between two writings of `seen`; the card wears")
    database: float = wait(5.0, 1.0, 30.0, "ours: for another writer of page.db to finish")
    reading: float = wait(2.0, 0.5, 10.0, "ours: for a database of the daemon; a page is not late")
    hashing: float = wait(10.0, 2.0, 60.0, "ours: for the one hash that runs at a time")
    invited: float = wait(
        3 * DAY, HOUR, 7 * DAY, "ours: a relative's invitation is good; they come by in days"
    )
    lock: float = wait(900.0, 60.0, DAY, "ours: a source is locked after eight wrong passwords")
    turn: float = wait(
        1.0, 0.5, 10.0, "ours: 86,400 tries a day, 4 % of what a Raspberry Pi 4 could hash"
    )
    patience: float = wait(4.0, 1.0, 10.0, "ours: for a turn; then whoever it is presses again")
    later: float = wait(2.0, 1.0, 60.0, "ours: before somebody who was sent away may press again")
    regular: float = wait(
        900.0, 60.0, DAY, "ours: a source is known by a session used there; as long as `idle`"
    )
    networks: float = wait(60.0, 5.0, HOUR, "ours: between two looks at the box's own networks")

    # Connections.
    handshake: float = wait(
        5.0, 1.0, 30.0, "ours: TLS; two round trips, also where two packets are lost"
    )
    head: float = wait(
        10.0, 2.0, 60.0, "ours: a request's head, from the connection or its first byte"
    )
    question: float = wait(20.0, 5.0, 120.0, "ours: a whole request, headers and body")
    keep: float = wait(15.0, 1.0, 120.0, "ours: an idle connection stays")
    parting: float = wait(2.0, 0.5, 10.0, "ours: for the other side to end TLS; then it is cut")
    stop: float = wait(2.0, 1.0, 10.0, "ours: for open answers when the page ends")
    listen_again: float = wait(0.1, 0.01, 5.0, "ours: after the system could accept no connection")

    # Open pages.
    look: float = wait(
        1.0, 0.05, 5.0, "ours: a look for something new where the daemon tells nothing"
    )
    together: float = wait(
        0.05, 0.0, 0.5, "ours: what the daemon does at once is told and looked at once"
    )
    quiet: float = wait(
        10.0, 2.0, 60.0, 'ours: a page renews itself without news; "heard 12 s ago" moves on'
    )
    brief: float = wait(
        2.0, 0.5, 10.0, "ours: a page that found no place for its stream asks again"
    )
    walk_quiet: float = wait(5.0, 1.0, 30.0, "ours: the time that is left of a walk test moves on")
    air_quiet: float = wait(5.0, 1.0, 30.0, "ours: the seconds in the list of devices move on")
    beat: float = wait(
        3.0, 1.0, 5.0, "live.js: a page without a sign of life for 10 s says it is not live"
    )

    # What the daemon answers. Afterwards the page says that it waits, and goes on.
    answer: float = wait(3.0, 1.0, 30.0, "measured: an instruction is answered in well below 1 s")
    change: float = wait(
        8.0, 2.0, 60.0, "measured: a change is checked, synced and applied by then"
    )
    window: float = wait(2.5, 0.5, 10.0, "ours: for the hearing window to stand in nearby.json")
    takeover: float = wait(
        60.0, 10.0, 600.0, "ours: for a box to try a start and begin anew as another's gateway"
    )

    # What is said of the home.
    now: float = wait(3.0, 1.0, 10.0, "ours: shown as no time ago; status.json is two seconds old")
    just: float = wait(12.0, 2.0, 60.0, "ours: what was just pressed or opened stands first")
    late: float = wait(10.0, 2.0, 120.0, "ours: a test alarm's push or receipt is said not to come")
    desk_late: float = wait(30.0, 10.0, 600.0, "ours: a test alarm's answer by a person, likewise")
    tried: float = wait(
        600.0, 60.0, HOUR, "ours: after the danger, ask whether the technician has pressed"
    )
    away_most: float = wait(
        31 * DAY, DAY, 92 * DAY, "ours: a household is away for a month at most"
    )
    joined: float = wait(
        1200.0, 300.0, DAY, "history: an unchanged measure is kept every 5 min; one line heard"
    )
    lost: float = wait(
        HOUR, 60.0, HOUR, "history: a power cut takes the minutes heard of the unwritten hour"
    )
    state: float = wait(6 * HOUR, HOUR, DAY, "ours: a state is believed without being said again")

    # What is kept, and looked after.
    kept: float = wait(900.0, 60.0, HOUR, "ours: the answer to a form, for a page loaded again")
    briefly: float = wait(
        60.0, 10.0, 900.0, "ours: likewise where alarms are shown; they stand otherwise by then"
    )
    draft: float = wait(900.0, 60.0, HOUR, "ours: platform settings that were tried, with secrets")
    platform_try: float = wait(150.0, 60.0, 600.0, "tell: the sum of all waits of a platform test")
    papers: float = wait(DAY, HOUR, 7 * DAY, "ours: between two looks at the certificate's date")
    tidy: float = wait(60.0, 5.0, HOUR, "ours: between two looks for secrets that were answered")
    report: float = wait(5.0, 1.0, 60.0, "ours: between two words to the daemon that differ")
    report_again: float = wait(60.0, 10.0, HOUR, "ours: between two words that say the same")

    # Alarms on the phones of technicians on duty.
    duty_look: float = wait(5.0, 0.5, 60.0, "ours: until a phone that was set is told of alarms")
    duty_attempt: float = wait(15.0, 1.0, 60.0, "ours: name, connection, TLS and answer of one try")
    duty_again: float = wait(4.0, 0.1, 60.0, "ours: before the second try, doubling")
    duty_whole: float = wait(120.0, 10.0, 600.0, "ours: all tries of one message to one phone")
    duty_life: float = wait(
        600.0, 60.0, HOUR, "ours: a push service keeps a message so long; later it is no news"
    )


WAITS = _Page()
