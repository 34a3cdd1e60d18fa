"""Pendants taught by their signal, and the makes that broadcast their state without a counter."""

from datetime import UTC, datetime
from itertools import chain

import pytest
from gateway.hear.intake import Intake
from gateway.hear.waits import WAITS
from gateway.words.clock import Moment
from gateway.words.driver import NOT_MINE, REPEATED, Advertisement, Enrol, Refusal, Report, uuid16
from gateway.words.reading import FORMS, Form, Kind
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.drivers.driver_vectors import MODELS

ADDRESS = "C6:B5:45:F6:F1:8E"
UUID = "e2c56db5dffb48d2b060d0f5a71096e0"
IDLE, PRESS, LONG = "/100/0", "/100/1", "/100/2"


def ibeacon(tail, uuid=UUID):
    major, minor = (int(part) for part in tail.strip("/").split("/"))
    return b"\x02\x15" + bytes.fromhex(uuid) + major.to_bytes(2, "big") + minor.to_bytes(2, "big") + b"\xc5"


def advert(data=b"", company=0x004C, **more):
    return Advertisement(address=ADDRESS, manufacturer_data={company: data} if data else {}, **more)


def taught(codes, memory=None):
    return MODELS["ibeacon"].learned({name: UUID + tail for name, tail in codes.items()}, memory or {})


def calls(device, *tails):
    return [
        [(r.value, r.flagged) for r in device.feed(advert(ibeacon(tail))) if isinstance(r, Report) and r.kind is Kind.BUTTON]
        for tail in tails
    ]


CALL, NONE = [("press", False)], []


# ---- pendants ----------------------------------------------------------------------------------------------------------------


def test_an_untaught_pendant_says_who_it_is_and_never_calls():
    (report,) = MODELS["ibeacon"].new(ADDRESS, None, {}).feed(advert(ibeacon(PRESS)))
    assert report.kind is Kind.HEARTBEAT
    assert report.extra == {"protocol": "ibeacon", "uuid": UUID, "major": 100, "minor": 1, "tx_power": -59}


def test_silent_until_pressed_calls_at_each_sighting():
    device = taught({"press": PRESS})
    assert calls(device, PRESS, PRESS, PRESS) == [CALL, CALL, CALL]


def test_a_signal_that_changes_calls_once_in_a_burst_and_again_after_quiet():
    device = taught({"press": PRESS, "idle": IDLE})
    assert calls(device, IDLE, PRESS, PRESS, PRESS, IDLE, IDLE, PRESS) == [NONE, CALL, NONE, NONE, NONE, NONE, CALL]


def test_signals_by_turns_are_one_call():
    device = taught({"press": PRESS, "idle": IDLE})
    assert [*chain(*calls(device, *[IDLE, PRESS] * 20))] == CALL
    device = taught({"press": PRESS})  # the idle signal was not taught, and is heard all the same
    assert [*chain(*calls(device, IDLE, *[PRESS, IDLE] * 20))] == CALL


def test_the_first_sighting_after_a_restart_calls_marked_and_once():
    for codes in ({"press": PRESS}, {"press": PRESS, "idle": IDLE}):
        device = taught(codes)
        assert calls(device, PRESS) == [CALL]
        again = taught(codes, device.memory)
        assert calls(again, PRESS) == [[("press", True)]]
        assert calls(taught(codes, device.memory), IDLE, IDLE, PRESS) == [NONE, NONE, CALL]


def test_a_code_may_be_the_beginning_of_a_signal_and_the_longest_decides():
    device = taught({"press": "/100", "long_press": LONG, "idle": IDLE})
    assert calls(device, IDLE, "/100/77", IDLE, IDLE, LONG) == [NONE, CALL, NONE, NONE, [("long_press", False)]]
    assert calls(taught({"press": "/10"}), "/100/0") == [NONE]  # a part of a number is no beginning
    dashed = MODELS["ibeacon"].learned({"press": "E2C56DB5-DFFB-48D2-B060-D0F5A71096E0/100/1"}, {})
    assert calls(dashed, PRESS) == [CALL]


def test_another_pendant_under_the_same_address_never_calls():
    device = taught({"press": PRESS})
    (told,) = device.feed(advert(ibeacon(PRESS, uuid="00" * 16)))
    assert told.kind is Kind.HEARTBEAT
    assert list(device.feed(advert(b"\x10\x05" + bytes(8)))) == [NOT_MINE]


def test_a_half_minute_of_pressing_through_the_intake():
    """What the household hears: a burst every 0.1 s for 30 s, with and without an idle signal."""
    for codes, most in (({"press": UUID + PRESS}, 30 / WAITS.same + 1), ({"press": UUID + PRESS, "idle": UUID + IDLE}, 1)):
        now, heard = [1000.0], []
        intake = Intake(lambda now=now: Moment(now[0], datetime(2026, 5, 4, tzinfo=UTC)), {}, heard.append)
        intake.enrol("pendant", MODELS["ibeacon"], ADDRESS, None, {}, codes=codes)
        for step in range(300):
            now[0] += 0.1
            intake.advert(advert(ibeacon(PRESS if "idle" not in codes or step % 2 else IDLE)))
        assert 1 <= len(heard) <= most
        assert intake.memory()
        now[0] += 3600
        if "idle" in codes:
            for _ in range(2):
                intake.advert(advert(ibeacon(IDLE)))
                now[0] += WAITS.same
        before = len(heard)
        intake.advert(advert(ibeacon(PRESS)))
        assert [(r.value, r.flagged) for r in heard[before:]] == CALL


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([IDLE, PRESS, "restart"]), max_size=20))
def test_a_press_after_quiet_always_calls(story):
    device, quiet = taught({"press": PRESS, "idle": IDLE}), 2
    for step in story:
        if step == "restart":
            device = taught({"press": PRESS, "idle": IDLE}, device.memory)
            continue
        told = calls(device, step)[0]
        if step == PRESS and quiet >= 2:
            assert told
        assert not told or step == PRESS
        quiet = quiet + 1 if step == IDLE else 0
        if step == IDLE and device.memory:
            quiet = min(quiet, 1)  # a restart in between begins the quiet anew


def test_eddystone_calls_by_its_uid_and_measures_by_tlm():
    model = MODELS["eddystone"]
    uid = bytes.fromhex("00c500112233445566778899aabbccddeeff")
    device = model.learned({"press": "00112233445566778899/aabbccddeeff"}, {})

    def hear(data):
        return list(device.feed(Advertisement(address=ADDRESS, service_data={uuid16(0xFEAA): data})))

    assert [r.value for r in hear(uid)] == ["press"]
    assert [r.label for r in hear(bytes.fromhex("20000bb88000000003e800002710"))] == ["advert_count", "uptime_s", "voltage_v"]
    assert hear(bytes.fromhex("20010bb88000000003e800002710")) == hear(b"\x10\xeb\x00") == []
    assert hear(uid[:-1]) == hear(b"\x21\x01\x00") == hear(b"\x40") == [NOT_MINE]


def test_altbeacon_is_heard_under_any_company_id():
    frame = bytes.fromhex("beacd3162f5af3ee494799db09756062d0fc005a0005c400")
    device = MODELS["altbeacon"].learned({"press": "d3162f5af3ee494799db09756062d0fc/90/5"}, {})
    assert [r.value for r in device.feed(advert(frame, 0x0118))] == ["press"]


def test_pendants_are_taught_and_never_supervised_by_themselves():
    for name in ("ibeacon", "altbeacon", "eddystone"):
        assert (MODELS[name].enrol, MODELS[name].missing_after) == (Enrol.LEARN, None)
        assert set(MODELS[name].functions) == {"press", "double_press", "long_press", "idle"}


# ---- polarity and single meanings, make by make ------------------------------------------------------------------------------


def said(model, data, address=ADDRESS):
    listens = MODELS[model].listens
    packet = (
        Advertisement(address=address, service_data={listens.services[0]: bytes.fromhex(data)})
        if listens.services
        else Advertisement(address=address, manufacturer_data={listens.companies[0]: bytes.fromhex(data)})
    )
    return list(MODELS[model].new(address, None, {}).feed(packet))


def states(model, data, address=""):
    return {
        r.label or r.kind.value: r.value for r in said(model, data, address) if isinstance(r, Report) and FORMS[r.kind] is not Form.MEASURE
    }


@pytest.mark.parametrize(
    ("model", "data", "opened"),
    [
        ("qingping", "4804751060342d58040100", True),
        ("qingping", "4804751060342d58040101", False),
        ("qingping", "4804751060342d58040102", None),
        ("ela-pmag", "2400", True),
        ("ela-pmag", "2500", False),
        ("beewi-bsdoo", "080c010664", True),
        ("beewi-bsdoo", "080c000664", False),
    ],
)
def test_open_and_closed(model, data, opened):
    assert states(model, data).get("contact_open") is opened


@pytest.mark.parametrize(
    ("model", "data"),
    [
        ("qingping", "0804751060342d580201640f01020f0100"),
        ("minew-mse01", "51012345ff0100efb598c3b498c0b63cbed37ebd0398bd"),
        ("minew-s4", "a40163010001ff6745233123ac1234"),
        ("moko-p1", "0215ff00f15427e0304f16031e0d3a190e0a00000000b0"),
        ("mikrotik-tgbt5", "010010a90000fdff0100a1196be866003f62"),
    ],
)
def test_what_is_weakly_documented_or_no_fall_is_shown_and_not_judged(model, data):
    reports = [r for r in said(model, data, "") if FORMS[r.kind] is not Form.MEASURE]
    assert reports
    assert {r.kind for r in reports} == {Kind.OTHER_STATE}
    assert any(r.value is True for r in reports)


def test_drop_and_impact_of_a_tag_are_no_fall():
    assert states("mikrotik-tgbt5", "010010a90000fdff0100a1196be866000462") == {
        "reed": False,
        "tilt": False,
        "dropping": True,
        "impact": False,
    }
    assert states("mikrotik-tgbt5", "010010a90000fdff0100a1196be866001062")["impact"] is True
    assert said("mikrotik-tgbt5", "010110a90000fdff0100a1196be866000062") == [Refusal("wrong_version")]
    indoors = said("mikrotik-tgbt5", "010010a90000fdff010000806be866000062")
    assert Kind.TEMPERATURE not in {r.kind for r in indoors}


def test_buttons_and_vibration():
    assert said("holyiot-21014", "4164c6b545f6f18e0606060100") == [Report(Kind.BATTERY, 100), Report(Kind.BUTTON, "press")]
    assert said("holyiot-21014", "4164c6b545f6f18e0606060000") == [Report(Kind.BATTERY, 100)]
    assert said("holyiot-21014", "4164c6b545f6f18e0606040000")[1] == Report(Kind.VIBRATION, False)
    assert said("holyiot-21014", "4164c6b545f6f18f0606060100") == [Refusal("wrong_address")]
    head = "02599c37d90287a521520006635ab8"
    assert [said("nodon-niu", head + code)[1].value for code in ("01", "02", "03", "09", "04", "0a", "05", "07")] == [
        "press",
        "double_press",
        "long_press",
        "long_press",
        "release",
        "release",
        "triple_press",
        "unknown_07",
    ]
    assert [r.kind for r in said("nodon-niu", head + "00")] == [Kind.BATTERY]
    assert said("nodon-niu", "03" + head[2:] + "01") == [NOT_MINE]


def test_a_press_without_a_counter_is_told_each_time_and_a_state_once():
    device = MODELS["holyiot-21014"].new(ADDRESS, None, {})
    for data, told in (("4164c6b545f6f18e0606060100", Report), ("4164c6b545f6f18e0606040100", Refusal)):
        packet = Advertisement(address=ADDRESS, service_data={uuid16(0x5242): bytes.fromhex(data)})
        list(device.feed(packet))
        assert isinstance(next(iter(device.feed(packet))), told)
    assert list(device.feed(packet)) == [REPEATED]


def test_teltonika_reads_only_what_its_flags_announce_and_all_of_it():
    assert {r.label or r.kind.value: r.value for r in said("teltonika-eye", "010c")} == {"magnet": True}
    assert said("teltonika-eye", "0101ff9c") == [Report(Kind.TEMPERATURE, -1.0)]
    assert said("teltonika-eye", "0140") == [Report(Kind.BATTERY_LOW, True)]
    assert states("teltonika-eye", "011080ff") == {"moving": True}
    assert said("teltonika-eye", "01b708b4120ccb0bffc7") == [Refusal("too_short")]
    assert said("teltonika-eye", "02b7") == [Refusal("wrong_version")]


def test_kkm_stops_where_the_lengths_are_not_known():
    assert [r.value for r in said("kkm-k6p", "2101110e5bffff")] == [3.675]
    assert [r.kind for r in said("kkm-k6p", "210106efbb42d1")] == [Kind.TEMPERATURE, Kind.HUMIDITY]


def test_feasycom_on_mains_has_no_battery():
    assert said("feasycom", "27021992aabbccddeeff65", "") == [Report(Kind.OTHER_STATE, True, 1, "mains")]
    assert said("feasycom", "27021992aabbccddeeff64") == [Refusal("wrong_address")]
    assert said("feasycom", "77021992aabbccddeeff64", "") == [NOT_MINE]


def test_qingping_checks_its_address_and_steps_over_what_it_does_not_know():
    frame = "4804" + "8ef1f645b5c6" + "1101aa" + "040100" + "0104e7ff2e02" + "09040a000000"
    told = {r.kind: r.value for r in said("qingping", frame)}
    assert told == {Kind.CONTACT_OPEN: True, Kind.TEMPERATURE: -2.5, Kind.HUMIDITY: 55.8, Kind.ILLUMINANCE: 10}
    assert said("qingping", "4804" + "8ef1f645b5c7" + "040100") == [Refusal("wrong_address")]
    assert said("qingping", "48048ef1f645b5c60401") == [Refusal("too_short")]
