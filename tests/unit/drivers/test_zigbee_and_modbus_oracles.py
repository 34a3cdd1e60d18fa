"""What we read in Zigbee and Modbus frames is what zigpy and pymodbus read in them, for frames that these libraries make."""

import zigpy.types as zt
from drivers import _modbus_rtu, _zigbee_ias
from gateway.words.driver import Refusal, Report
from gateway.words.reading import Kind
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadCoilsResponse, ReadDiscreteInputsRequest, ReadDiscreteInputsResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadHoldingRegistersResponse, ReadInputRegistersResponse
from zigpy.zcl import foundation
from zigpy.zcl.clusters.security import IasZone

from tests.unit.drivers.driver_vectors import VECTORS

# Our word for each bit, theirs.
BITS = {
    "alarm1": IasZone.ZoneStatus.Alarm_1,
    "alarm2": IasZone.ZoneStatus.Alarm_2,
    "tamper": IasZone.ZoneStatus.Tamper,
    "battery_low": IasZone.ZoneStatus.Battery,
    "supervision_reports": IasZone.ZoneStatus.Supervision_reports,
    "restore_reports": IasZone.ZoneStatus.Restore_reports,
    "trouble": IasZone.ZoneStatus.Trouble,
    "mains_fault": IasZone.ZoneStatus.AC_mains,
    "test": IasZone.ZoneStatus.Test,
    "battery_defect": IasZone.ZoneStatus.Battery_Defect,
}
STATUS = IasZone.ClientCommandDefs.status_change_notification
TYPES = (zt.Bool, zt.bitmap8, zt.uint8_t, zt.uint16_t, zt.int8s, zt.int16s, zt.enum8)
BYTE, WORD = st.integers(0, 255), st.integers(0, 65535)


def head(command, *, maker=None, cluster=True):
    return foundation.ZCLHeader(
        frame_control=foundation.FrameControl(
            frame_type=foundation.FrameType.CLUSTER_COMMAND if cluster else foundation.FrameType.GLOBAL_COMMAND,
            is_manufacturer_specific=maker is not None,
            direction=foundation.Direction.Server_to_Client,
            disable_default_response=0,
            reserved=0,
        ),
        manufacturer=maker,
        tsn=7,
        command_id=command,
    )


@given(WORD, BYTE, BYTE, WORD, st.none() | WORD)
def test_a_zone_status_is_zigpys(status, extended, zone, delay, maker):
    body = STATUS.schema(zone_status=IasZone.ZoneStatus(status), extended_status=zt.bitmap8(extended), zone_id=zone, delay=delay)
    said, reports = _zigbee_ias.meaning(_zigbee_ias.IAS_ZONE, head(STATUS.id, maker=maker).serialize() + body.serialize())
    assert (said["zone_status"], said["zone_id"], said["delay_qs"]) == (status, zone, delay)
    assert {name for name in BITS if said[name]} == {name for name, bit in BITS.items() if bit in body.zone_status}
    assert reports == [Report(Kind.TAMPER, said["tamper"]), Report(Kind.BATTERY_LOW, said["battery_low"])]


def test_every_recorded_zone_status_is_zigpys():
    recorded = [bytes.fromhex(v["frame"]) for v in VECTORS.values() if v.get("cluster", "").lower() == "0x0500"]
    compared = 0
    for frame in recorded:
        header, rest = foundation.ZCLHeader.deserialize(frame)
        if not header.frame_control.is_cluster or header.command_id != STATUS.id or len(rest) < 6:
            continue
        theirs, _ = STATUS.schema.deserialize(rest)
        said, _ = _zigbee_ias.meaning(_zigbee_ias.IAS_ZONE, frame)
        assert {name for name in BITS if said[name]} == {name for name, bit in BITS.items() if bit in theirs.zone_status}
        assert (said["zone_id"], said["delay_qs"]) == (theirs.zone_id, theirs.delay)
        compared += 1
    assert compared >= 2


@given(st.sampled_from(TYPES), WORD, BYTE, st.integers(-32768, 32767))
def test_a_reported_attribute_is_zigpys(kind, attribute, number, signed):
    value = kind({zt.Bool: number & 1, zt.int8s: signed % 256 - 128, zt.int16s: signed}.get(kind, number))
    kind_id = foundation.DataType.from_python_type(kind).type_id
    body = foundation.Attribute(attrid=attribute, value=foundation.TypeValue(kind_id, value))
    frame = head(foundation.GeneralCommand.Report_Attributes, cluster=False).serialize() + body.serialize()
    said, _ = _zigbee_ias.meaning(0x0402, frame)
    assert (said["attr"], said["value"]) == (attribute, value)


FRAMER = FramerRTU(DecodePDU(is_server=False))
ASKED = FramerRTU(DecodePDU(is_server=True))
ANSWERS = st.one_of(
    st.lists(st.booleans(), min_size=1, max_size=64).map(lambda bits: ReadDiscreteInputsResponse(dev_id=1, bits=bits)),
    st.lists(st.booleans(), min_size=1, max_size=64).map(lambda bits: ReadCoilsResponse(dev_id=1, bits=bits)),
    st.lists(WORD, min_size=1, max_size=60).map(lambda words: ReadHoldingRegistersResponse(dev_id=1, registers=words)),
    st.lists(WORD, min_size=1, max_size=60).map(lambda words: ReadInputRegistersResponse(dev_id=1, registers=words)),
    st.tuples(st.integers(1, 16), st.integers(1, 11)).map(lambda two: ExceptionResponse(two[0], two[1], device_id=1)),
)


@given(ANSWERS)
def test_an_answer_of_a_module_is_pymodbuss(answer):
    frame = FRAMER.buildFrame(answer)
    used, unit, _, pdu = FRAMER.decode(frame)
    theirs = FRAMER.decoder.decode(pdu)
    said = _modbus_rtu.meaning(frame)
    assert not isinstance(said, Refusal)
    assert used == len(frame)
    assert said["unit"] == unit
    if isinstance(theirs, ExceptionResponse):
        assert (said["function"], said["exception"]) == (theirs.function_code & 0x7F, theirs.exception_code)
    else:
        assert said["function"] == theirs.function_code
        assert said.get("bits", said.get("registers")) == (theirs.bits or theirs.registers)


@given(
    st.sampled_from((ReadCoilsRequest, ReadDiscreteInputsRequest, ReadHoldingRegistersRequest)),
    st.integers(0, 60000).filter(lambda address: address >> 8 != 3),  # there eight bytes may as well be an answer of three
    st.integers(1, 125),
    st.integers(1, 247),
)
def test_a_question_is_pymodbuss(kind, address, count, unit):
    frame = ASKED.buildFrame(kind(address=address, count=count, dev_id=unit))
    theirs = ASKED.decoder.decode(ASKED.decode(frame)[3])
    assert _modbus_rtu.meaning(frame) == {"unit": unit, "function": theirs.function_code, "address": theirs.address, "count": theirs.count}


@given(st.binary(max_size=64), BYTE, BYTE)
def test_what_pymodbus_calls_damaged_we_call_damaged(body, place, change):
    frame = bytearray(FRAMER.buildFrame(ReadHoldingRegistersResponse(dev_id=1, registers=[*body])) if body else b"\1\x83\2\xc0\xf1")
    frame[place % len(frame)] ^= change
    checked = len(frame) >= 4 and FramerRTU.check_CRC(bytes(frame[:-2]), int.from_bytes(frame[-2:], "big"))
    assert (_modbus_rtu.meaning(bytes(frame)) == Refusal("bad_checksum")) is not checked
