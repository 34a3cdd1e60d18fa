"""KKM K6P and K9 sensor beacons. Service data FEAA, first byte 21 (not one of Eddystone's own).

    21 | 01 | 0f | 0e5b | efbb | 42d1 | ffc2 0000 0407    mask, then fields as its bits say (BE):

    bit 0 voltage u16 mV; 1 temperature s8.8; 2 humidity s8.8; 3 acceleration 3 x s16 mg

Documents: Theengs and ble_monitor. How long the fields of other bits are is not known: reading
stops there. Which field the buttons of the K series use is not known either: it cannot call for
help. The voltage is not turned into a percentage.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers._announced import Field, announced
from drivers._broadcast import broadcast
from drivers._reports import measure
from gateway.words.driver import BleAdvert, Heard, Report, uuid16
from gateway.words.reading import Kind

UUID = uuid16(0xFEAA)
_AXES = ("acc_x_mg", "acc_y_mg", "acc_z_mg")


_FIELDS: tuple[Field, ...] = (
    (0x01, ">H", lambda millivolts: (measure("voltage_v", millivolts / 1000),)),
    (0x02, ">h", lambda warmth: (Report(Kind.TEMPERATURE, round(warmth / 256, 2)),)),
    (0x04, ">h", lambda damp: (Report(Kind.HUMIDITY, round(damp / 256, 2)),)),
    (0x08, ">hhh", lambda *mg: map(measure, _AXES, mg)),
)


def read(frame: bytes, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means, as far as it is whole."""
    return announced(frame[2], frame[3:], _FIELDS)[0]


MODEL = broadcast(
    "kkm-k6p",
    ("KKM K6P、K9 传感信标", "KKM K6P and K9 sensor beacon"),
    BleAdvert(services=(UUID,)),
    {Kind.TEMPERATURE, Kind.HUMIDITY},
    read,
    (
        "在厂家应用中打开传感器广播;其按键格式未公开,不能用于呼救。",
        (
            "Switch the sensor broadcast on in the maker's app. "
            "The format of its button is not published: it cannot call for help."
        ),
    ),
    begins=b"\x21\x01",
    least=5,
    missing_after=900.0,  # s; it speaks every few seconds
)
