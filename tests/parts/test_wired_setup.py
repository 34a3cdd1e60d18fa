"""Wired devices fitted while the gateway is at work: which one answers at a port, a radar's settings read back, its falls heard again."""

import asyncio
import contextlib
import json
import sys

import pytest
from drivers import all_models
from gateway.hear import serial_port, wired_setup
from gateway.home import inbox

from tests.kit.household import Gateway
from tests.kit.line_emulators import EnOceanStick, FallRadar, ModbusModule, RfBridge, TinyRadar
from tests.kit.wait import NEVER, PATIENCE
from tests.kit.wait import until_now as until

# The daemon in a process of its own, with the folder of serial ports in the place of /dev/serial.
WITH_PORTS = (
    "import sys, pathlib; from gateway.hear import serial_port as s; s.BY_ID = pathlib.Path(sys.argv[1]); s.BY_PATH = s.BY_ID / 'none';"
    "from gateway.__main__ import main; sys.exit(main(sys.argv[sys.argv.index('gateway') + 1 :]))"
)


class Fitted(Gateway):
    """A gateway whose ports are those of a folder."""

    def __init__(self, folder, devices=""):
        self.ports = folder / "by-id"
        self.ports.mkdir()
        self.told = 0
        super().__init__(folder / "home", devices=devices, prefix=(sys.executable, "-c", WITH_PORTS, str(self.ports)))

    def tell(self, do, **fields):
        """Leave an instruction and return its result."""
        self.told += 1
        name = f"page-{self.told}"
        body = {"v": 1, "gateway": self.name, "id": name, "do": do, "by": "T-07", **fields}
        inbox.leave(self.page, self.runtime, json.dumps(body).encode())
        until(lambda: self.result(name))
        return self.result(name)

    def result(self, name):
        return next((m for m in self.journal().values() if m["type"] == "result" and m["instruction"] == name), None)

    def fitted(self):
        def over():
            with contextlib.suppress(FileNotFoundError):
                found = self.status().get("fitting")
                return found and found["over"] and found["instruction"] == f"page-{self.told}"
            return False

        until(over)
        return self.status()["fitting"]

    def ask(self, port):
        return self.tell("ask_port", port=str(port)), self.fitted()


@pytest.mark.parametrize(
    ("device", "first", "baud"),
    [
        (FallRadar, "radar-5359", 115200),
        (TinyRadar, "hilink-ld6002c", 115200),
        (EnOceanStick, "enocean-esp3", 57600),
        (RfBridge, "sonoff-rfbridge", 19200),
    ],
)
def test_a_port_is_asked_which_device_is_plugged_in(tmp_path, device, first, baud):
    with Fitted(tmp_path) as gateway, device(gateway.ports / "usb-1") as line:
        result, found = gateway.ask(line.port)
        assert result["accepted"]
        assert (found["found"][0], found["baud"], found["trouble"]) == (first, baud, "")


def test_a_modbus_module_is_found_with_its_inputs(tmp_path):
    with Fitted(tmp_path) as gateway, ModbusModule(gateway.ports / "usb-1", inputs=4) as line:
        _, found = gateway.ask(line.port)
        assert (found["found"], found["contacts"]) == (["modbus-inputs"], 4)


def test_a_silent_port_is_said_and_what_is_not_plugged_in_is_not_opened(tmp_path):
    with Fitted(tmp_path) as gateway, FallRadar(gateway.ports / "usb-1") as line:
        line.silent = True
        _, found = gateway.ask(line.port)
        assert (found["found"], found["trouble"]) == ([], "silent")
        result = gateway.tell("ask_port", port=str(tmp_path / "gateway.toml"))
        assert (result["accepted"], "没有插着" in result["zh"]) == (False, True)


RADAR = '\n[[device]]\nid = "bath-radar"\nmodel = "micradar-r60afd1"\nroom = "bath"\nport = "{port}"\n'


def test_a_radar_is_set_read_back_told_and_heard_again(tmp_path):
    port = tmp_path / "by-id" / "usb-1"
    with Fitted(tmp_path, RADAR.format(port=port)) as gateway, FallRadar(port) as radar:
        radar.clamp[0x83, 0x0D] = b"\x02"
        until(lambda: any(line["open"] for line in gateway.status()["lines"]))
        result = gateway.tell("adjust", device="bath-radar", settings={"height": "250", "fall_on": "on", "sensitivity": "3"})
        assert result["accepted"]
        rows = {row["name"]: (row["wanted"], row["read"], row["verdict"]) for row in gateway.fitted()["rows"]}
        assert rows == {"height": (250.0, 250.0, "ok"), "fall_on": (1.0, 1.0, "ok"), "sensitivity": (3.0, 2.0, "differs")}

        def visits():
            return [m["detail"] for m in gateway.journal().values() if m["type"] == "fault" and m["detail"].get("what") == "adjust"]

        until(visits)  # the pump's next turn writes it
        (visit,) = visits()
        assert (visit["by"], visit["well"], visit["wanted_height"], visit["read_sensitivity"]) == ("T-07", False, 250.0, 2.0)
        until(lambda: any(line["open"] for line in gateway.status()["lines"]))
        radar.fall()
        until(lambda: any(m.get("kind") == "person.fall" for m in gateway.journal().values()))
        refused = gateway.tell("adjust", device="bath-radar", settings={"height": "250"})
        assert (refused["accepted"], "请先处理警报" in refused["zh"]) == (False, True)


def test_a_radar_that_says_nothing_or_is_gone_is_said_and_heard_again_once_it_is_back(tmp_path):
    port = tmp_path / "by-id" / "usb-1"
    with Fitted(tmp_path, RADAR.format(port=port)) as gateway, FallRadar(port) as radar:
        until(lambda: any(line["open"] for line in gateway.status()["lines"]))
        radar.unplug()
        gateway.tell("adjust", device="bath-radar")
        assert gateway.fitted()["trouble"] == "gone"
        radar.plug()
        until(lambda: any(line["open"] for line in gateway.status()["lines"]))


def test_wrong_wishes_are_refused_field_by_field(tmp_path):
    with Fitted(tmp_path, RADAR.format(port=tmp_path / "none")) as gateway:
        result = gateway.tell("adjust", device="bath-radar", settings={"height": "25", "fall_on": "maybe", "colour": "1"})
        assert [(p["field"], p["zh"]) for p in result["problems"]] == [
            ("height", "安装高度 = 25: 应为 150 到 400 cm"),
            ("fall_on", "跌倒检测 = maybe: 应为 off 或 on"),
            (
                "colour",
                (
                    "micradar-r60afd1 没有设置 'colour'; 可用: height, presence_on, fall_on, sensitivity, "
                    "fall_duration, break_height, still_on, still_after, seated_limit, moving_limit, nobody_after"
                ),
            ),
        ]
        assert gateway.tell("adjust", device="nobody")["refused"] == "unknown_device"


def test_twins_without_a_name_of_their_own_are_named_by_their_socket(tmp_path, monkeypatch):
    names, sockets, real = tmp_path / "by-id", tmp_path / "by-path", tmp_path / "tty"
    for folder in (names, sockets, real):
        folder.mkdir()
    for n in (0, 1):
        (real / f"ttyUSB{n}").touch()
        (sockets / f"socket-{n}").symlink_to(real / f"ttyUSB{n}")
    (names / "usb-radar").symlink_to(real / "ttyUSB1")
    monkeypatch.setattr(serial_port, "BY_ID", names)
    monkeypatch.setattr(serial_port, "BY_PATH", sockets)
    assert serial_port.present() == [str(names / "usb-radar"), str(sockets / "socket-0")]


async def test_a_device_that_says_its_name_comes_before_its_kin():
    models = [all_models()[n] for n in ("radar-5359", "micradar-r60afd1", "dfrobot-c1001")]
    ear = wired_setup.Ear("/dev/x", models)
    from drivers.radar_5359 import framed
    from gateway.words.driver import Chunk

    ear.chunk(Chunk(port="/dev/x", data=framed(0x80, 0x01, b"\x01")))
    assert ear.understood()[0] == "radar-5359"
    ear.chunk(Chunk(port="/dev/x", data=framed(0x02, 0xA1, b"R60AFD1")))
    assert (ear.understood()[0], ear.said) == ("micradar-r60afd1", "R60AFD1")
    never = asyncio.create_task(asyncio.sleep(NEVER))
    async with asyncio.timeout(PATIENCE):
        await ear.within(NEVER, never)
    never.cancel()
