"""`check`: each thing that is not fit has a line that names it and says what to do; the exit code is 0 only when nothing has to be done."""

import asyncio
import os
import sqlite3

import pytest
from gateway import __version__
from gateway.__main__ import main
from gateway.home.status import ChannelStatus, DeviceStatus, Status
from gateway.tend import check

from tests.kit.brokers import Mosquitto
from tests.kit.fake_bluez import Bluetoothd, PrivateBus
from tests.kit.household import KEY, PASSWORD, Gateway, radar
from tests.kit.ports import free_port
from tests.kit.radar_emulator import Radar
from tests.kit.wait import until

BUTTON = '[[device]]\nid = "pendant"\nmodel = "shelly-blu-button"\naddress = "A4:C1:38:00:00:01"\n'


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    """A container has no time server; whether the clock is fit is a test of its own."""
    monkeypatch.setattr(check, "kernel_synchronised", lambda: True)


@pytest.fixture(scope="module")
def broker():
    with Mosquitto() as broker:
        yield broker


async def findings(capsys, gateway):
    """Return (exit code, the lines that are fit, not fit, weaker)."""
    gateway.systemd.close()
    code = await check.checked(gateway.config)
    lines = capsys.readouterr().out.splitlines()
    return code, *("\n".join(line for line in lines if line.startswith(mark)) for mark in "✓✗!")


async def test_a_fit_box(tmp_path, capsys, broker):
    with PrivateBus() as bus, Radar(tmp_path / "usb-radar") as room:
        async with Bluetoothd(bus):
            gateway = Gateway(tmp_path, broker=broker, bus=bus, devices=BUTTON + radar(room.port))
            code, fit, unfit, weaker = await findings(capsys, gateway)
    assert unfit == ""
    assert code == 0
    for words in ("2 台设备", "a time server agrees", "MiB 可用 free", "hci0 可用 is there and on", "usb-radar 可用", "accepts us, MQTT 5"):
        assert words in fit
    assert "pendant" in weaker
    assert "not encrypted: a neighbour could forge it" in weaker


async def test_an_id_that_not_every_broker_takes_is_told_and_goes_on(tmp_path, capsys, monkeypatch):
    gateway = Gateway(tmp_path, bus=object(), devices="", name="gw.old")
    gateway.state.mkdir(exist_ok=True)
    (gateway.state / "gateway.db").touch()
    monkeypatch.setattr(check, "_running", lambda _: None)
    _, _, _, weaker = await findings(capsys, gateway)
    assert "gw.old" in weaker
    assert "NATS" in weaker


async def test_what_is_noticed_late_and_what_was_never_told_is_said(tmp_path, capsys, monkeypatch):
    smoke = '[[device]]\nid = "smoke"\nmodel = "xiaomi-jtyjgd03mi"\naddress = "A4:C1:38:00:00:02"\n'
    running = Status(written=0.0, pid=1, devices=[DeviceStatus(device="smoke", untold=["smoke"]), DeviceStatus(device="x")])
    monkeypatch.setattr(check, "_running", lambda _: running)
    _, _, _, weaker = await findings(capsys, Gateway(tmp_path, bus=object(), devices=smoke))
    assert "smoke: 报到慢, 失联 25 小时后才知道, 每月人工测试 slow: going missing is noticed after 25 h: test it each month" in weaker
    assert "smoke: 从未报过 smoke, 请用测试键试一次 has never reported smoke" in weaker
    assert "x:" not in weaker


async def test_a_configuration_that_cannot_be_used(tmp_path, capsys):
    code, _, unfit, _ = await findings(capsys, Gateway(tmp_path, devices='[[device]]\nid = "x"\nmodel = "none"\n'))
    assert code == 2
    assert "there is no driver for model 'none'" in unfit


async def test_a_cancel_button_without_a_key_cancels_nothing_and_that_is_said(tmp_path, capsys):
    gateway = Gateway(tmp_path, devices=BUTTON + 'buttons = { 1 = "cancel" }\n')
    code, _, unfit, _ = await findings(capsys, gateway)
    assert code == 1
    assert "pendant: 不能证明是新按的" in unfit
    assert "its cancel button has no effect" in unfit


@pytest.mark.parametrize("keyed", [False, True])
async def test_a_home_in_which_nobody_can_end_a_grace_is_told_so(tmp_path, capsys, keyed):
    secrets = f'[keys]\npendant = "{KEY}"\n' if keyed else ""
    gateway = Gateway(tmp_path, devices=BUTTON + 'buttons = { 1 = "cancel" }\n' + radar("/dev/serial/by-id/none"), secrets=secrets)
    _, _, _, weaker = await findings(capsys, gateway)
    assert ("no button here can cancel" in weaker) is not keyed


async def test_no_platform_no_bus_no_port(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    gateway = Gateway(tmp_path, bus=object(), devices=BUTTON + radar("/dev/serial/by-id/none"))
    code, _, unfit, _ = await findings(capsys, gateway)
    assert code == 1
    assert "no D-Bus at" in unfit
    assert "systemctl start dbus" in unfit
    assert "radar: serial port /dev/serial/by-id/none is not there; plug it in" in unfit
    assert "alarms stay in this home" in unfit


async def test_an_adapter_that_is_absent_or_off(tmp_path, capsys):
    with PrivateBus() as bus:
        async with Bluetoothd(bus) as air:
            air.power(False)
            gateway = Gateway(tmp_path, bus=bus, devices=BUTTON, lines='[radio]\nadapters = ["hci0", "hci7"]\n')
            _, _, unfit, _ = await findings(capsys, gateway)
    assert "hci0 已关闭 is off: rfkill unblock bluetooth" in unfit
    assert "hci7 不存在 is missing (found: hci0): 请插好或改 [radio] adapters plug it in, or name another there" in unfit


async def test_a_port_that_another_program_uses(tmp_path, capsys):
    import serial

    with Radar(tmp_path / "usb-radar") as room, serial.Serial(room.port, 115200, exclusive=True):
        _, _, unfit, _ = await findings(capsys, Gateway(tmp_path, devices=radar(room.port)))
    assert "is in use by another program" in unfit
    assert "fuser" in unfit


async def test_brokers_that_do_not_take_us(tmp_path, capsys):
    class Nobody:
        host, port = "127.0.0.1", free_port()

    _, _, unfit, _ = await findings(capsys, Gateway(tmp_path / "1", broker=Nobody, devices=""))
    assert f"127.0.0.1:{Nobody.port}" in unfit
    with Mosquitto(passwords={"gw": PASSWORD}) as strict:
        gateway = Gateway(tmp_path / "2", broker=strict, devices="", platform='username = "gw"', secrets=f'password = "{PASSWORD}x"\n')
        _, _, unfit, _ = await findings(capsys, gateway)
        assert "check both here and at the broker" in unfit or "check user name, password" in unfit
        assert PASSWORD not in unfit
    with Mosquitto() as plain:
        gateway = Gateway(tmp_path / "3", broker=plain, devices="")
        gateway.config.write_text(gateway.config.read_text().replace("tls = false", "tls = true"))
        _, _, unfit, _ = await findings(capsys, gateway)
        assert f"127.0.0.1:{plain.port}" in unfit


async def test_the_weaker_promise_is_said(tmp_path, capsys, broker):
    code, _, unfit, weaker = await findings(capsys, Gateway(tmp_path, broker=broker, devices="", platform='receipts = "broker"'))
    assert (code, unfit) == (0, "")
    assert "may not have been seen by anybody" in weaker


async def test_a_disk_that_is_full_not_writable_or_damaged(tmp_path, capsys, broker, monkeypatch):
    gateway = Gateway(tmp_path, broker=broker, devices="")
    with monkeypatch.context() as patch:
        patch.setattr(check, "ROOM_WANTED", 2**60)
        _, _, unfit, _ = await findings(capsys, gateway)
        assert " MiB needed" in unfit
    with monkeypatch.context() as patch:
        patch.setattr(check.os, "access", lambda *_: False)  # as root nothing is refused by its mode
        _, _, unfit, _ = await findings(capsys, gateway)
        assert "remount it read-write" in unfit
    gateway.state.mkdir(exist_ok=True)
    database = gateway.state / "gateway.db"
    database.write_bytes(b"no database" * 500)
    _, _, unfit, _ = await findings(capsys, gateway)
    assert "is damaged" in unfit
    database.unlink()
    db = sqlite3.connect(database)
    db.execute("CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at TEXT)")
    db.execute("INSERT INTO _sqlite_migrations VALUES (1, 'gateway', '0099_future', 'x')")
    db.commit()
    db.close()
    before = database.read_bytes()
    _, _, unfit, _ = await findings(capsys, gateway)
    assert "newer software (it has 0099_future): install that version" in unfit
    assert database.read_bytes() == before, "a question changes nothing"


async def test_a_clock_that_nobody_confirms(tmp_path, capsys, broker, monkeypatch):
    monkeypatch.setattr(check, "kernel_synchronised", lambda: False)
    code, _, unfit, _ = await findings(capsys, Gateway(tmp_path, broker=broker, devices=""))
    assert code == 1
    assert "alarms are not affected" in unfit


@pytest.mark.parametrize(("said", "fit"), [("OL", True), ("OB", False), ("perhaps", None)])
async def test_the_mains_are_looked_at_where_somebody_knows(tmp_path, capsys, broker, said, fit):
    (tmp_path / "mains").write_text(said)
    gateway = Gateway(tmp_path, broker=broker, devices="")
    text = gateway.config.read_text(encoding="utf-8")
    gateway.config.write_text(text.replace("[gateway]\n", f'[gateway]\nmains = "{tmp_path}/mains"\n', 1), encoding="utf-8")
    _, well, unfit, _ = await findings(capsys, gateway)
    assert ("市电 mains" in well, "check the socket and the fuse box" in unfit) == (fit is True, fit is False)


async def test_beside_a_running_gateway_it_asks_the_gateway_and_disturbs_nothing(tmp_path, capsys, broker):
    with Radar(tmp_path / "usb-radar") as room, Gateway(tmp_path, broker=broker, devices=radar(room.port)) as gateway:
        await until((gateway.runtime / "status.json").exists)
        await until(lambda: gateway.status()["uplink"]["connected"])
        code = await check.checked(gateway.config)
        out = capsys.readouterr().out
        assert f"pid {gateway.pid}" in out
        assert "已连接 connected, MQTT 5" in out
        assert f"{room.port} 打开 open" in out
        assert code == 0
        await asyncio.sleep(0.5)
        assert "down" not in gateway.log()
        room.unplug()
        await until(lambda: not gateway.status()["lines"][0]["open"])
        assert await check.checked(gateway.config) == 1
        assert "未打开 not open: is it plugged in?" in capsys.readouterr().out
        assert os.getpid() != gateway.pid


async def test_a_program_that_cannot_run_or_that_others_may_change_is_said(tmp_path, capsys):
    loose = tmp_path / "siren"
    loose.write_text("#!/bin/sh\n")
    loose.chmod(0o777)
    lines = f'[sound]\npre_alarm = ["/nowhere/chime"]\nalarm = ["{loose}", "3"]\n'
    code, _, unfit, _ = await findings(capsys, Gateway(tmp_path / "home", devices="", lines=lines))
    assert code == 1
    assert "/nowhere/chime: 不存在或不可执行" in unfit
    assert f"{loose}: 其他用户可以修改" in unfit
    loose.chmod(0o755)
    _, _, unfit, _ = await findings(capsys, Gateway(tmp_path / "home", devices="", lines=lines))
    assert str(loose) not in unfit


@pytest.mark.parametrize(("code", "words"), [(0, ""), (11, "has no credit or is blocked: top it up"), (3, "failed: check power and wires")])
async def test_a_program_that_can_be_asked_is_asked_whether_it_could(tmp_path, capsys, code, words):
    modem = tmp_path / "sms"
    modem.write_text(f'#!/bin/sh\n[ "$*" = "138 test" ] && [ "$ELDERCARE_REASON" = self_test ] && exit {code}\nexit 99\n')
    modem.chmod(0o755)
    rung = f'[[ladder]]\nresponder = "daughter"\nchannel = "program"\nprogram = ["{modem}", "138"]\ntest = true\n'
    _, fit, unfit, _ = await findings(capsys, Gateway(tmp_path / "home", devices="", lines=rung))
    assert (f"{modem}: 自检通过" in fit) is not bool(words)
    assert (words in unfit) if words else (str(modem) not in unfit)


async def test_inputs_and_other_brokers_are_gone_to_all_the_way(tmp_path, capsys, broker):
    def other(port):
        return f'[[device]]\nid = "z2m"\nmodel = "zigbee2mqtt"\nport = "mqtt://127.0.0.1:{port}/zigbee2mqtt"\n'

    inputs = '[[device]]\nid = "cords"\nmodel = "modbus-inputs"\nport = "/dev/serial/by-id/none?unit=1&inputs=8"\n'
    closed = free_port()
    _, _, unfit, _ = await findings(capsys, Gateway(tmp_path / "1", devices=other(closed) + inputs))
    assert f"z2m: 127.0.0.1:{closed}" in unfit
    assert "cords: " in unfit
    _, fit, unfit, _ = await findings(capsys, Gateway(tmp_path / "2", devices=other(broker.port)))
    assert "z2m: mqtt://127.0.0.1" in fit
    assert "z2m" not in unfit


async def test_beside_a_running_gateway_its_word_on_programs_and_inputs_counts(tmp_path, capsys, monkeypatch):
    channels = [ChannelStatus(program="/x/sms", why="no_credit", test=True, tested_s=9.0), ChannelStatus(program="/x/y")]
    running = Status(written=0.0, pid=1, devices=[DeviceStatus(device="z2m")], channels=channels)
    monkeypatch.setattr(check, "_running", lambda _: running)
    _, _, unfit, _ = await findings(
        capsys, Gateway(tmp_path, devices='[[device]]\nid = "z2m"\nmodel = "zigbee2mqtt"\nport = "mqtt://127.0.0.1:1/z"\n')
    )
    assert "/x/sms: SIM 卡欠费或停用" in unfit
    assert "/x/y" not in unfit
    assert "z2m: mqtt://127.0.0.1:1/z 没有信号" in unfit


def test_the_program_says_which_version_it_is(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"eldercare-gateway {__version__}\n"
