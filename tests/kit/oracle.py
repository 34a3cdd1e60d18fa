"""An advertisement as the libraries take it that our decoders are compared with."""

from __future__ import annotations

from bleak.backends.device import BLEDevice
from habluetooth import BluetoothServiceInfoBleak


def advertised(address: str, service: str, data: bytes, name: str = "x") -> BluetoothServiceInfoBleak:
    """Return service data as a scanner of Home Assistant would hand it on."""
    return BluetoothServiceInfoBleak(
        name=name,
        address=address,
        rssi=-60,
        manufacturer_data={},
        service_data={service: data},
        service_uuids=[],
        source="",
        device=BLEDevice(address, name, None),
        advertisement=None,
        connectable=False,
        time=0.0,
        tx_power=None,
    )
