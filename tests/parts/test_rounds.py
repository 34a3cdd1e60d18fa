"""What the gateway does by itself, in simulated time: the real daemon, with a platform that receipts what it gets."""

import asyncio
import shutil
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from gateway.box import dial
from gateway.keep.database import mark
from gateway.tend import rounds
from gateway.tend.waits import WAITS
from gateway.words import kind
from gateway.words.instruction import Do, Door, Instruction

from tests.kit.simulated import Lapse

DAY, HOUR = 86400.0, 3600.0
EVERY = 300.0  # s between two looks of this home: its days are long, and nothing here is about minutes
BEGINS = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
PENDANT = "A4:C1:38:00:00:01"
CONFIG = """
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
tls = true
{platform}
[radio]
adapters = []
[times]
test_due = 864000
heartbeat = 300
[[device]]
id = "pendant"
model = "shelly-blu-button"
room = "hall"
address = "A4:C1:38:00:00:01"
[[device]]
id = "thermometer"
model = "bthome-v2"
room = "hall"
address = "A4:C1:38:00:00:02"
"""


def lapse(tmp_path, platform=""):
    return Lapse(tmp_path / "home", CONFIG.format(platform=platform), begins=BEGINS, look_every=EVERY)


def self_tests(home):
    """Return the messages of each self-test, and at which second it was raised."""
    return [(moves[0][0], [m for _, m in moves]) for moves in home.desk.alarms.values() if moves[0][1]["kind"] == kind.TEST]


def test_every_day_at_its_own_hour_a_test_alarm_goes_to_the_platform_and_its_receipt_closes_it(tmp_path):
    async def story():
        await home.start()
        await asyncio.sleep(4 * DAY)
        await home.stop()

    with lapse(tmp_path) as home:
        home.run(story())
        tests = self_tests(home)
        assert len(tests) in {4, 5}
        first = tests[0][0]
        assert all(abs(at - first - n * DAY) <= EVERY for n, (at, _) in enumerate(tests))
        for _, (*_, last) in tests:
            assert (last["state"], last["outcome"], last["reason"], last["test"]) == ("closed", "test", "self_test_passed", True)
            assert all(call["rung"] == 0 for call in last["calls"]), "nobody is called"


def test_a_home_whose_power_goes_every_night_is_tested_every_day_too_and_at_its_hour(tmp_path):
    """Also where the clock stands still while the power is off, until a time server answers."""

    async def story():
        await home.start()
        for _ in range(10):
            await asyncio.sleep(20 * HOUR)
            await home.cut()
            await asyncio.sleep(4 * HOUR)
            await home.start(behind=4 * HOUR, sure_after=90)
        await home.stop()

    with lapse(tmp_path) as home:
        home.run(story())
        tests = [at for at, _ in self_tests(home)]
        assert len(tests) >= 9
        hour = zlib.crc32(b"gw-year") / 2**32 * DAY
        late = [(at - hour + 5) % DAY for at in tests]
        assert all(s < 4 * HOUR + WAITS.settle + 2 * EVERY + 10 for s in late), late
        assert len({(at - hour + 5) // DAY for at in tests}) == len(tests), "once a day"


def test_without_a_receipt_the_self_test_ends_by_its_time_and_the_line_is_said_to_be_down(tmp_path):
    async def story():
        home.plug(there=False)
        await home.start()
        await asyncio.sleep(1.5 * DAY)
        home.plug(there=True)
        await asyncio.sleep(HOUR)
        await home.stop()

    with lapse(tmp_path) as home:
        home.run(story())
        assert {m[-1]["reason"] for _, m in self_tests(home)} == {"test_over"}
        assert home.desk.said(kind.UPLINK_LOST, "raised")


def test_a_button_that_nobody_tried_is_asked_for_until_its_call_has_a_receipt(tmp_path):
    async def story():
        await home.start()
        await asyncio.sleep(4 * DAY)
        await home.cut()
        await asyncio.sleep(2 * DAY)
        await home.start(behind=2 * DAY, sure_after=60)
        await asyncio.sleep(5 * DAY)
        assert home.desk.said(kind.TEST_DUE, "raised", "pendant"), "ten days, two of them without power"
        home.plug(there=False)
        home.air(PENDANT, "4400{n}01643a01")
        await asyncio.sleep(HOUR)
        assert (kind.TEST_DUE, "pendant") in home.daemon.faults.on, "heard, but nobody has it"
        home.plug(there=True)
        await asyncio.sleep(HOUR)
        assert (kind.TEST_DUE, "pendant") not in home.daemon.faults.on
        await home.stop()

    with lapse(tmp_path) as home:
        home.run(story())
        (raised,) = home.desk.said(kind.TEST_DUE, "raised", "pendant")
        assert not home.desk.said(kind.TEST_DUE, "raised", "thermometer"), "what calls nobody is not asked for"
        assert 10 * DAY <= raised <= 10 * DAY + HOUR + 2 * EVERY


@pytest.mark.parametrize("how", ["checked", "walked"])
def test_a_device_that_was_tried_at_the_box_is_not_asked_for_until_its_month_is_over(tmp_path, how):
    async def story():
        def told(do, **more):
            order = Instruction(id=f"page-{do}", do=do, by="Li", door=Door.LOCAL, device="pendant", **more)
            home.daemon.notes.later(lambda at: home.daemon.pipeline.told(order, at))

        await home.start()
        await asyncio.sleep(11 * DAY)
        assert (kind.TEST_DUE, "pendant") in home.daemon.faults.on
        told(Do.CONFIRM) if how == "checked" else told(Do.WALK, seconds=300.0)
        await asyncio.sleep(60)
        home.air(PENDANT, "4400{n}01643a01") if how == "walked" else None
        await asyncio.sleep(HOUR)
        assert (kind.TEST_DUE, "pendant") not in home.daemon.faults.on
        assert not home.daemon.pipeline.alarms, "nothing of it is real"
        await asyncio.sleep(9 * DAY)
        await home.cut()
        await home.start()
        assert (kind.TEST_DUE, "pendant") not in home.daemon.faults.on
        await asyncio.sleep(2 * DAY)
        assert (kind.TEST_DUE, "pendant") in home.daemon.faults.on
        await home.stop()

    with lapse(tmp_path) as home:
        home.run(story())


def test_a_detector_of_a_general_make_is_asked_for_once_it_has_shown_what_it_is(tmp_path):
    """A BTHome thermometer is nobody's smoke detector; one that has told of smoke is, also after a restart."""

    async def story():
        await home.start()
        home.air("A4:C1:38:00:00:02", "4000{n}2900")
        await asyncio.sleep(5 * DAY)
        await home.cut()
        await home.start()
        await asyncio.sleep(6 * DAY)
        assert home.desk.said(kind.TEST_DUE, "raised", "thermometer")
        await home.stop()

    with lapse(tmp_path) as home:
        home.run(story())


def test_a_clock_ahead_by_ten_years_that_nobody_confirms_asks_for_no_test(tmp_path):
    async def story():
        await home.start()
        await asyncio.sleep(DAY)
        await home.cut()
        await home.start(behind=-3650 * DAY, sure_after=60 * DAY)
        await asyncio.sleep(2 * DAY)
        assert not home.desk.said(kind.TEST_DUE, "raised", "pendant")
        await asyncio.sleep(9 * DAY)
        assert home.desk.said(kind.TEST_DUE, "raised", "pendant"), "what this start has seen pass counts all the same"
        await home.stop()

    with lapse(tmp_path) as home:
        home.run(story())


def certificate(ends, begins=BEGINS - timedelta(days=400)):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = builder.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends).sign(key, hashes.SHA256())
    plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return made.public_bytes(serialization.Encoding.PEM), key.private_bytes(*plain)


@pytest.mark.parametrize("which", ["broker", "ca", "certificate"])
def test_a_certificate_that_ends_within_thirty_days_is_a_fault_until_it_is_renewed(tmp_path, which):
    platform = {"broker": "", "ca": 'ca = "ca.pem"', "certificate": 'certificate = "own.pem"\ncertificate_key = "own.key"'}[which]

    def renew(ends):
        if which == "broker":
            home.broker_ends = ends.timestamp()
        elif which == "ca":
            (home.folder / "ca.pem").write_bytes(certificate(BEGINS)[0] + certificate(ends)[0])  # the old one lies there still
        else:
            pem, key = certificate(ends)
            (home.folder / "own.pem").write_bytes(pem + certificate(BEGINS)[0])  # the chain behind it
            (home.folder / "own.key").write_bytes(key)
            (home.folder / "own.key").chmod(0o600)

    async def story():
        renew(BEGINS + timedelta(days=33))
        await home.start()
        await asyncio.sleep(6 * DAY)
        assert (kind.CERTIFICATE_ENDS, which) in home.daemon.faults.on
        renew(BEGINS + timedelta(days=400))
        await asyncio.sleep(1.1 * DAY)
        assert (kind.CERTIFICATE_ENDS, which) not in home.daemon.faults.on
        await home.stop()

    with lapse(tmp_path, platform) as home:
        home.run(story())
        (raised,) = home.desk.said(kind.CERTIFICATE_ENDS, "raised", which)
        assert 3 * DAY <= raised <= 4 * DAY + 2 * EVERY
        (detail,) = [d for _, k, _, turn, d in home.desk.faults if k == kind.CERTIFICATE_ENDS and turn == "raised"]
        assert detail == {"ends": (BEGINS + timedelta(days=33)).date().isoformat(), "left_d": detail["left_d"]}
        assert detail["left_d"] in {29, 30}


def test_the_end_of_a_certificate_is_read_as_the_library_reads_it(tmp_path):
    for ends in (
        datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2050, 1, 1, tzinfo=UTC),
        datetime(2199, 7, 5, 1, 2, 3, tzinfo=UTC),
    ):
        pem, _ = certificate(ends)
        assert dial.ends(b"a comment\n" + pem + pem) == [ends.timestamp()] * 2
    whole, _ = certificate(BEGINS)
    for broken in (
        b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    ):
        with pytest.raises(ValueError, match="cut off"):
            dial.ends(broken)
    assert dial.ends(b"no certificate at all") == []
    assert dial.ends(whole[: len(whole) // 2]) == []


@pytest.mark.parametrize(
    "text", ['{"self_test": "x", "tried": [1], "clock": 3}', '{"self_test": NaN}', '{"self_test": 1e999}', '{"self_test": 1e300}']
)
def test_what_is_no_mark_of_ours_does_no_harm(tmp_path, text):
    async def story():
        await home.start()
        mark(home.daemon.store._db, rounds.MARK, text)
        await home.cut()
        await home.start()
        await asyncio.sleep(DAY)
        assert self_tests(home)
        await home.stop()

    with lapse(tmp_path) as home:
        home.run(story())


@pytest.fixture(autouse=True)
def in_memory(tmp_path):
    yield
    shutil.rmtree(Path(tmp_path) / "home", ignore_errors=True)
