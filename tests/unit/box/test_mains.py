"""Whether there are mains, as the kernel or a file says it."""

import pytest
from gateway.box import mains


def supplies(folder, **given):
    for name, facts in given.items():
        (folder / name).mkdir()
        for key, value in facts.items():
            (folder / name / key).write_text(f"{value}\n")
    return folder


AC = {"type": "Mains", "online": 1}
BATTERY = {"type": "Battery", "present": 1, "status": "Charging"}


@pytest.mark.parametrize(
    ("given", "there"),
    [
        ({}, None),
        ({"ac": AC}, None),  # without a battery nobody is left to say that it has gone
        ({"ac": AC, "bat": BATTERY}, True),
        ({"ac": AC | {"online": 0}, "bat": BATTERY | {"status": "Discharging"}}, False),
        ({"usb": {"type": "USB", "online": 1}, "ac": AC | {"online": 0}, "ups": {"type": "UPS"}}, True),
        ({"bat": BATTERY}, True),
        ({"bat": BATTERY | {"status": "Discharging"}}, False),
        ({"bat": BATTERY | {"status": "Unknown"}}, None),
        ({"bat": BATTERY | {"present": 0}, "ac": AC}, None),
        ({"mouse": BATTERY | {"scope": "Device"}, "ac": AC}, None),
    ],
)
def test_what_the_kernel_says(tmp_path, given, there):
    assert mains.read("auto", supplies(tmp_path, **given)) is there


@pytest.mark.parametrize(
    ("text", "there"), [("1\n", True), ("0", False), ("OL CHRG", True), ("OB DISCHRG", False), ("on", True), ("", None), ("perhaps", None)]
)
def test_what_a_file_says(tmp_path, text, there):
    (tmp_path / "mains").write_text(text)
    assert mains.read(str(tmp_path / "mains")) is there


def test_where_nobody_says_anything_nobody_knows(tmp_path):
    assert mains.read("") is None
    assert mains.read(str(tmp_path / "nothing")) is None
    assert mains.read("auto", tmp_path / "nothing") is None
