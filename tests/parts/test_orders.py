"""What comes in at the doors: each order once and by its content, a flood bounded, counted, and never before what is heard in the home."""

import json
from datetime import UTC, datetime

import pytest
from gateway.contract import inward, wire
from gateway.judge import allowance
from gateway.judge.allowance import Allowance, Allowances, Lot, Of
from gateway.judge.faults.fact import Turn
from gateway.judge.waits import WAITS
from gateway.tell.receipts import A_COMMIT
from gateway.tend import mailbox
from gateway.words import kind
from gateway.words.instruction import Door
from gateway.words.ranges import merged, within

from tests.kit.dated import dated
from tests.kit.hand import Day
from tests.kit.simulated import Lapse

DIGEST = "746bec6190671a926f7703a6"  # as the version before `resend` reckoned it
PENDANT = "A4:C1:38:00:00:01"
BEGINS = datetime(2027, 3, 1, tzinfo=UTC)
CONFIG = f"""
[sound]
voice = false
[gateway]
id = "gw-year"
state = "state"
runtime = "run"
mains = ""
[platform]
host = "127.0.0.1"
port = 1
tls = false
[radio]
adapters = []
[[device]]
id = "pendant"
model = "shelly-blu-button"
room = "hall"
address = "{PENDANT}"
"""


def order(id_, wall=BEGINS, **fields):
    fields = {"do": "test"} | fields
    return json.dumps({"v": 1, "gateway": "gw-year", "id": id_, "by": "desk"} | dated(fields["do"], fields, wall)).encode()


@pytest.fixture
def lapse(tmp_path):
    with Lapse(tmp_path, CONFIG, begins=BEGINS) as made:
        yield made


def live(lapse, story):
    async def whole():
        await lapse.start()
        await wait(5)
        await story()
        await lapse.stop()

    lapse.run(whole())


async def wait(seconds):
    from asyncio import sleep

    await sleep(seconds)


def told(lapse, id_):
    return [m for m in lapse.desk.results if m["instruction"] == id_]


# -- how many --------------------------------------------------------------------------------------------------------------


def test_so_many_at_once_and_then_one_now_and_then():
    lot = Allowance(Lot(3, 10.0, ""))
    assert [lot.spare(0.0) for _ in range(4)] == [True, True, True, False]
    assert [lot.spare(9.9), lot.spare(10.1), lot.spare(10.2)] == [False, True, False]
    assert [lot.spare(10_000.0) for _ in range(4)] == [True, True, True, False]


def test_each_alarm_has_answers_of_its_own_and_they_are_bounded():
    all_of = Allowances(0.0)
    for n in range(allowance.ALARMS + 50):
        assert all_of.spare(Door.PLATFORM, Of.ANSWER, 0.0, f"a{n}")
    assert len(all_of._answers) == allowance.ALARMS
    for _ in range(500):
        all_of.spare(Door.PLATFORM, Of.ORDER, 0.0)
    assert all_of.spare(Door.LOCAL, Of.LOCAL, 0.0)
    assert all_of.spare(Door.PLATFORM, Of.ANSWER, 0.0, "a249")


# -- what is no order ------------------------------------------------------------------------------------------------------


def test_a_refused_message_names_its_id_where_one_can_be_read(lapse):
    async def story():
        say = lapse.daemon.mailbox.from_platform
        for payload in (order("odd", speed=3), order("other", gateway="gw-2"), b'{"id": "torn"', b"\xff", order("x" * 81), b'{"id": 7}'):
            say("instruction", payload)
            await wait(5)
        ids = [d.get("id") for _, k, _, _, d in lapse.desk.faults if k == kind.BAD_MESSAGE]
        assert ids == ["odd", "other", None, None, None, None]

    live(lapse, story)


@pytest.mark.parametrize("field", ["expires", "issued"])
@pytest.mark.parametrize("text", ["soon", "2027-03-01T00:00:00", "2027-13-01T00:00:00Z", "1772323200"])
def test_a_time_that_is_none_is_malformed_and_not_expired(lapse, field, text):
    async def story():
        lapse.daemon.mailbox.from_platform("instruction", order("o1", **{field: text}))
        await wait(10)
        (no,) = told(lapse, "o1")
        assert no["refused"] == "bad_message"
        assert field in no["en"]
        lapse.daemon.mailbox.from_platform("instruction", order("o1"))
        await wait(10)
        assert told(lapse, "o1")[-1]["accepted"], "it was no order: its id is not used up"

    live(lapse, story)


def test_the_digest_of_an_order_is_what_earlier_versions_wrote_of_it():
    """An order that comes again after an update is the same order."""
    now = Day().clock.now()
    assert inward.decode_instruction(order("o1", device="pendant"), "gw-year", now)[0].digest == DIGEST


@pytest.mark.parametrize("field", ["by", "responder"])
@pytest.mark.parametrize("text", ["Li\nWang", "\x1b[2J", "a\x00", "\u202egnaW", "x\u2028y"])
def test_a_name_that_breaks_a_line_or_turns_it_is_refused_and_others_are_taken(field, text):
    now = Day().clock.now()
    with pytest.raises(wire.BadMessage, match=field):
        inward.decode_instruction(order("o", **{field: text}), "gw-year", now)
    for good in ("王 医生", "O'Neill (2)", "é́", "👩\u200d⚕️"):
        assert getattr(inward.decode_instruction(order("o", **{field: good}), "gw-year", now)[0], field) == good


# -- one id, one order -----------------------------------------------------------------------------------------------------


def test_the_digest_is_of_what_is_wanted_and_not_of_how_or_when_it_was_written():
    now = Day().clock.now()

    def digest(**more):
        return inward.decode_instruction(order("o", **more), "gw-year", now)[0].digest

    again = b'{ "by":"desk","do":"test", "id":"o", "gateway":"gw-year", "v":1, "expires":"2030-01-01T00:00:00Z", "boot":"b2" }'
    assert inward.decode_instruction(again, "gw-year", now)[0].digest == digest()
    for other in ({"by": "Li"}, {"device": "pendant"}, {"do": "away"}, {"seconds": 1}, {"reason": "x"}):
        assert digest(**other) != digest()


@pytest.mark.parametrize("end", ["none", "stop", "cut"])
def test_the_same_order_again_gets_its_stored_result_and_another_one_is_refused_as_that(lapse, end):
    desk = lapse.desk

    async def story():
        say = lapse.daemon.mailbox.from_platform
        say("instruction", order("o1", device="pendant"))
        await wait(20)
        (first,) = told(lapse, "o1")
        assert first["accepted"]
        if end != "none":
            await (lapse.stop if end == "stop" else lapse.cut)()
            await lapse.start()
            await wait(20)
        say = lapse.daemon.mailbox.from_platform
        before, entries = desk.repeats, lapse.daemon.pipeline.last
        say("instruction", order("o1", device="pendant", issued="2027-03-01T00:00:00Z"))
        await wait(20)
        assert desk.repeats == before + 1, "the very entry, once more"
        assert lapse.daemon.pipeline.last == entries
        say("instruction", order("o1", do="away", seconds=60))
        await wait(20)
        *_, other = told(lapse, "o1")
        assert (other["refused"], other["do"], other["accepted"]) == ("id_reused", "away", False)
        assert lapse.daemon.pipeline.last == entries + 1
        say("instruction", order("o1", device="pendant"))
        await wait(20)
        assert desk.repeats == before + 2, "and the answer to the first order is still its own"
        assert desk.doubled == 0

    live(lapse, story)


def test_of_an_order_from_before_the_content_was_kept_nothing_is_known_and_it_is_not_done_twice(lapse):
    async def story():
        lapse.daemon.mailbox.from_platform("instruction", order("o1"))
        await wait(20)
        lapse.daemon.store._db.execute("UPDATE instructions SET digest = NULL, result = NULL")
        await lapse.stop()
        await lapse.start()
        lapse.daemon.mailbox.from_platform("instruction", order("o1"))
        await wait(20)
        assert [m["refused"] for m in told(lapse, "o1")] == ["", "answer_lost"]

    live(lapse, story)


def test_times_that_are_none_are_malformed_and_not_late(lapse):
    async def story():
        lapse.daemon.mailbox.from_platform("instruction", order("o1", expires="tomorrow"))
        await wait(20)
        (no,) = told(lapse, "o1")
        assert no["refused"] == "bad_message"
        assert "RFC 3339" in no["en"]
        lapse.daemon.mailbox.from_platform("instruction", order("o1"))
        await wait(20)
        assert [m["accepted"] for m in told(lapse, "o1")] == [False, True], "put right, the order is the first of its id"

    live(lapse, story)


# -- a flood ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind_of", ["tests", "unknown alarms", "away", "no JSON", "one id", "ids used before"])
def test_a_flood_makes_few_entries_and_one_fault_with_its_number(lapse, kind_of):
    """20,000 orders in 13 s left 8,099 open tests; refused ones went into the journal at 2.8 MB/s."""
    flood = {
        "tests": lambda n: order(f"x{n}"),
        "unknown alarms": lambda n: order(f"x{n}", do="close", alarm=f"other-a{n}", outcome="helped"),
        "away": lambda n: order(f"x{n}", do="away", seconds=60 * (n % 2)),
        "no JSON": lambda n: b"x%d" % n,
        "one id": lambda n: order("x", seconds=1.0),
        "ids used before": lambda n: order("x", seconds=float(n)),
    }[kind_of]

    async def story():
        daemon = lapse.daemon
        before = daemon.pipeline.last
        for n in range(3000):
            daemon.mailbox.from_platform("instruction", flood(n))
            if n % 50 == 49:
                await wait(0.01)
        await wait(30)
        made = daemon.pipeline.last - before
        assert made <= 2 * (Of.ORDER.value.at_once + Of.REFUSAL.value.at_once) + 40, made
        assert sum(a.kind == kind.TEST for a in daemon.pipeline.alarms.values()) <= 1
        assert len(lapse.desk.said(kind.TOO_MANY_ORDERS, Turn.RAISED)) == 1
        await wait(WAITS.refusals_over + 30)
        assert len(lapse.desk.said(kind.TOO_MANY_ORDERS, Turn.CLEARED)) == 1
        (over,) = [detail for _, k, _, turn, detail in lapse.desk.faults if k == kind.TOO_MANY_ORDERS and turn == Turn.CLEARED]
        assert over["refused"] >= 2500
        lapse.daemon.mailbox.from_platform("instruction", order("later", lapse.wall(), do="away", seconds=60))
        await wait(20)
        assert told(lapse, "later")[0]["accepted"], "afterwards the desk is heard as ever"

    live(lapse, story)


def test_what_waits_at_the_door_is_bounded_in_number_and_in_bytes(lapse):
    async def story():
        door = lapse.daemon.mailbox
        for n in range(2000):
            door.from_platform("instruction", order(f"x{n}", reason="y" * 300))
            door.from_platform("receipt", b" " * wire.LARGEST)
        assert len(door._orders) == mailbox.ORDERS
        assert len(door._receipts) == mailbox.RECEIPTS
        for _ in range(100):
            door.from_platform("instruction", b" " * wire.LARGEST)
        assert door._bytes == sum(len(one) for one in door._orders) <= mailbox.BYTES
        await wait(5)
        assert (len(door._orders), door._bytes) == (0, 0)

    live(lapse, story)


def test_a_press_in_a_flood_is_judged_before_the_orders_and_waits_for_one_turn_of_them(lapse):
    """Counted in turns and entries, for seconds depend on the machine."""

    async def story():
        daemon = lapse.daemon
        turns = []
        real = daemon.mailbox.entries

        def counted(now):
            made = real(now)
            turns.append(len(made))
            return made

        daemon.mailbox.entries = counted
        for n in range(mailbox.ORDERS):
            daemon.mailbox.from_platform("instruction", order(f"x{n}", do="away", seconds=60.0 * (n % 2)))
        lapse.air(PENDANT, "4400{n}3a01")
        pressed, first = daemon.pipeline.last, len(turns)
        for _ in range(1000):
            if daemon.pipeline.alarms:
                break
            await wait(0)
        assert len(turns) - first <= 1, "the turn that was on its way, at most"
        (alarm,) = daemon.pipeline.alarms.values()
        assert alarm.kind == kind.SOS
        await wait(30)
        rows = daemon.store._db.execute("SELECT number, name FROM journal WHERE number > ? ORDER BY number", (pressed,)).fetchall()
        ahead = next(n for n, (_, name) in enumerate(rows) if name == "alarm")
        assert ahead <= 2 * mailbox.ORDERS_A_TURN
        assert max(turns) <= 2 * mailbox.ORDERS_A_TURN + 1, "an order makes two entries at most"

    live(lapse, story)


def test_an_open_alarm_is_answered_through_a_flood_of_other_orders(lapse):
    async def story():
        daemon = lapse.daemon
        lapse.air(PENDANT, "4400{n}3a01")
        await wait(5)
        (alarm,) = daemon.pipeline.alarms.values()
        for n in range(1000):
            daemon.mailbox.from_platform("instruction", order(f"x{n}", do="away", seconds=60.0 * (n % 2)))
            if n % 50 == 49:
                await wait(0.01)
        daemon.mailbox.from_platform("instruction", order("answer", do="acknowledge", alarm=alarm.id))
        await wait(20)
        assert told(lapse, "answer")[0]["accepted"]

    live(lapse, story)


# -- receipts --------------------------------------------------------------------------------------------------------------


def test_ranges_are_put_together():
    assert merged([(1, 1)] * 500) == [(1, 1)]
    assert merged([(7, 9), (1, 2), (3, 5), (4, 4), (9, 3)]) == [(1, 5), (7, 9)]
    whole = merged([(2, 3), (7, 7)])
    assert [n for n in range(10) if within(n, whole)] == [2, 3, 7]
    assert not within(1, [])


def receipt(lapse, entries):
    return json.dumps({"v": 1, "gateway": "gw-year", "journal": lapse.daemon.store.journal, "entries": entries}).encode()


def test_a_flood_of_receipts_becomes_few_ranges_a_turn_and_the_rest_goes_into_the_next(lapse):
    put, turns = [], []

    async def story():
        daemon = lapse.daemon
        last = daemon.pipeline.last
        for _ in range(mailbox.RECEIPTS):
            daemon.mailbox.from_platform("receipt", receipt(lapse, [[1, 1], [last, last]] * 250))
        commit = daemon.store.commit

        async def counted(writing):
            put.append(len(writing.accepted))
            return await commit(writing)

        daemon.store.commit = counted
        before = len(daemon.mailbox._receipts)
        daemon.mailbox.entries(daemon.clock.now())
        turns.append(before - len(daemon.mailbox._receipts))
        assert len(daemon.receipts._entries) <= 2
        await wait(60)
        assert not daemon.mailbox._receipts
        assert sum(put) <= 2 * len(put)
        daemon.receipts.add(entries=[(-2 * n, -2 * n) for n in range(1, 3 * A_COMMIT)])
        daemon.mailbox.from_platform("receipt", receipt(lapse, [[1, 1]]))
        assert daemon.mailbox.entries(daemon.clock.now()) == []
        assert daemon.mailbox.waiting, "it waits until there is a place"
        put.clear()
        await wait(60)
        assert not daemon.receipts
        assert not daemon.mailbox._receipts
        assert 3 <= len([n for n in put if n]) <= 5
        assert max(put) <= A_COMMIT

    live(lapse, story)
    assert turns == [1]
