"""The virtual machine's memory card and Bluetooth, from this side: the wire that QEMU and Linux speak to them. The machine itself: tests/prove/vm."""

import errno
import random
import re
import socket
import struct
import subprocess
import threading

import pytest

from tests.kit.radar_emulator import Radar
from tests.kit.wait import PATIENCE
from tests.prove.vm import power as vm
from tests.vm import home
from tests.vm.air import MEMORY, NONCONNECTABLE, TAKEN, Air, report
from tests.vm.card import DEVICE, SECTOR, Card
from tests.vm.home import Wire
from tests.vm.machine import Missing

READ, WRITE, _, FLUSH = range(4)
FUA = 1


class Kernel:
    """What QEMU says to the card for the guest's kernel."""

    def __init__(self, card):
        self.wire = socket.socket(socket.AF_UNIX)
        self.wire.connect(card.address)
        self.stream = self.wire.makefile("rb")
        assert self.stream.read(18)[:16] == b"NBDMAGICIHAVEOPT"
        self.wire.sendall(struct.pack(">I", 1) + b"IHAVEOPT" + struct.pack(">II", 1, 0))
        self.size = struct.unpack(">Q", self.stream.read(134)[:8])[0]

    def ask(self, kind, offset=0, data=b"", length=None, flags=0):
        """Return (error, what was read)."""
        size = len(data) if length is None else length
        self.wire.sendall(struct.pack(">IHHQQI", 0x25609513, flags, kind, 7, offset, size) + data)
        magic, error, handle = struct.unpack(">IIQ", self.stream.read(16))
        assert (magic, handle) == (0x67446698, 7)
        return error, self.stream.read(size) if kind == READ and not error else b""

    def close(self):
        self.stream.close()
        self.wire.close()


@pytest.fixture
def card(tmp_path):
    card = Card(tmp_path, megabytes=8)
    yield card
    card.close()


@pytest.fixture
def kernel(card):
    kernel = Kernel(card)
    yield kernel
    kernel.close()


class Always(random.Random):
    """Dice of which every side says the same."""

    def __init__(self, word):
        super().__init__(0)
        self.word = word

    def choice(self, _):
        return self.word


@pytest.mark.parametrize("how", ["nothing", "all"])
def test_a_cut_takes_what_was_not_flushed_and_nothing_else(card, kernel, how):
    flushed, loose, at_once = b"f" * 2 * SECTOR, b"l" * 2 * SECTOR, b"u" * SECTOR
    kernel.ask(WRITE, 4096, flushed)
    kernel.ask(FLUSH)
    kernel.ask(WRITE, 4096 + SECTOR, loose)  # half over what was flushed
    kernel.ask(WRITE, 16384, at_once, flags=FUA)
    assert kernel.ask(READ, 4096, length=3 * SECTOR) == (0, flushed[:SECTOR] + loose), "read as written before any flush"
    assert card.cut(Always(how)) == f"{how} of 2 sectors"
    after = flushed[:SECTOR] + (loose if how == "all" else flushed[SECTOR:] + bytes(SECTOR))
    assert kernel.ask(READ, 4096, length=3 * SECTOR) == (0, after)
    assert kernel.ask(READ, 16384, length=SECTOR) == (0, at_once)
    assert card.lost == (0 if how == "all" else 2)


def test_a_card_that_lies_loses_what_it_said_it_had(card, kernel):
    card.lies = True
    kernel.ask(WRITE, 0, b"x" * SECTOR)
    assert kernel.ask(FLUSH) == (0, b"")
    card.cut(Always("nothing"))
    assert kernel.ask(READ, 0, length=SECTOR) == (0, bytes(SECTOR))


@pytest.mark.parametrize(("name", "kind"), [("read", READ), ("write", WRITE), ("flush", FLUSH)])
def test_a_card_fails_on_request(card, kernel, name, kind):
    card.broken[name] = errno.EIO
    assert kernel.ask(kind, data=b"x" * SECTOR if kind == WRITE else b"", length=None if kind == WRITE else 0)[0] == errno.EIO
    card.broken.clear()
    assert kernel.ask(kind, data=b"x" * SECTOR if kind == WRITE else b"", length=None if kind == WRITE else 0)[0] == 0


def test_the_card_is_formatted(card, kernel):
    assert kernel.size == DEVICE
    assert kernel.ask(READ, 1024 + 0x38, length=2)[1] == b"\x53\xef", "the magic of ext4"


class Linux:
    """The other end of the radio's port."""

    def __init__(self, air, folder):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / "radio"))
        listener.listen()
        air.plug(str(folder / "radio"))
        self.wire, _ = listener.accept()
        listener.close()
        self.wire.settimeout(PATIENCE)
        self.stream = self.wire.makefile("rb")

    def command(self, code, values=b""):
        self.wire.sendall(b"\x01" + struct.pack("<HB", code, len(values)) + values)
        head = self.event()
        assert head[0] == 0x0E
        assert struct.unpack("<H", head[3:5])[0] == code
        return head[5:]

    def event(self):
        kind, code, length = self.stream.read(3)
        assert kind == 4
        return bytes((code, length)) + self.stream.read(length)

    def close(self):
        self.stream.close()
        self.wire.close()


@pytest.fixture
def air():
    air = Air()
    yield air
    air.unplug()


@pytest.fixture
def linux(air, tmp_path):
    linux = Linux(air, tmp_path)
    yield linux
    linux.close()


def scan(linux, air, on=1):
    assert linux.command(0x200C, bytes((on, 0))) == b"\x00"
    if on:
        assert air.scanning.wait(5)


def test_nobody_is_heard_before_the_kernel_scans(air, linux):
    assert not air.advertise("A4:C1:38:00:00:01", service_data={"fcd2": "44"})
    scan(linux, air)
    assert air.advertise("A4:C1:38:00:00:01", service_data={"fcd2": "4400013a01"}, rssi=-71)
    data = bytes.fromhex("0816d2fc4400013a01")
    told = bytes((3, 0)) + bytes.fromhex("0100003 8c1a4".replace(" ", "")) + bytes((len(data),)) + data + struct.pack("b", -71)
    assert linux.event()[2:] == bytes((0x02, 1)) + told
    assert linux.command(0x0C03) == b"\x00"
    assert not air.advertise("A4:C1:38:00:00:01"), "a reset ends the scan"


def test_many_reports_go_as_few_events_that_each_fit(air, linux):
    scan(linux, air)
    air.send([report("A4:C1:38:00:00:01", bytes(31), kind=NONCONNECTABLE)] * 12)
    counts = []
    while sum(counts) < 12:
        event = linux.event()
        assert event[1] <= 255
        counts.append(event[3])
    assert counts == [6, 6]


def test_a_slow_kernel_misses_advertisements_and_never_an_answer(air, linux):
    scan(linux, air)
    sent = 0
    while air.advertise("A4:C1:38:00:00:01"):
        sent += 1
    assert sent == MEMORY - 1, "the answer to the scan counts too"
    assert air.forgotten == 1
    for _ in range(sent):
        linux.event()
    assert linux.command(0x2003)[:1] == b"\x00"
    linux.wire.sendall(bytes((TAKEN, 40)))
    assert linux.command(0x2003)[:1] == b"\x00", "and behind it the other has been read"
    assert air.advertise("A4:C1:38:00:00:01")


@pytest.mark.parametrize("wrong", ["silent", "dead"])
def test_a_radio_that_hears_nobody(air, linux, wrong):
    scan(linux, air)
    setattr(air, wrong, True)
    assert not air.advertise("A4:C1:38:00:00:01")


def test_an_unknown_command_is_refused_and_noted(air, linux):
    assert linux.command(0x2041) == b"\x01"
    assert air.unknown == {0x2041}


def test_the_serial_line_carries_both_ways(tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "line"))
    listener.listen()
    with Radar(tmp_path / "radar") as radar:
        wire = Wire(radar.port, tmp_path / "line")
        machine, _ = listener.accept()
        machine.settimeout(PATIENCE)
        radar.fall()
        assert machine.recv(100) == bytes.fromhex("53598301000101325443")
        machine.sendall(bytes.fromhex("535983810001 0f c0 5443".replace(" ", "")))
        assert machine.recv(100)[:4] == bytes.fromhex("53598381")
        machine.close()
        wire.close()
    listener.close()


def test_the_manuals_installation_is_what_the_machine_carries_out():
    lines = home.manual()
    assert [line for line in lines if "enable --now eldercare-gateway" in line]
    assert not [line for line in lines if re.search(r"git clone|apt-get", line)]
    assert [line for line in lines if home.FROM_SOURCE in line]
    assert len(lines) >= 9


def test_what_is_shipped_is_the_same_for_the_same_content():
    assert home._shipped() == home._shipped()


def test_the_image_is_a_script_that_shells_understand():
    for shell in ("sh", "bash"):
        done = subprocess.run([shell, "-n", home.REPO / "tests/vm/image.sh"], capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr


def test_where_there_can_be_no_machine_it_is_said_and_fails_only_where_ci_is_set(monkeypatch, tmp_path, capsys):
    def no_machine(*_, **__):
        raise Missing("no virtual machine here: qemu is not installed")

    monkeypatch.setattr(vm, "House", no_machine)
    monkeypatch.delenv("CI", raising=False)
    row = vm.power_cut_at_random(True, tmp_path, 1)
    assert "NOT DONE" in row.done
    assert not row.promises, "nothing is shown by it"
    assert "qemu is not installed" in capsys.readouterr().out
    monkeypatch.setenv("CI", "1")
    with pytest.raises(Missing, match="qemu is not installed"):
        vm.power_cut_at_random(True, tmp_path, 1)


def test_threads_of_the_air_end(air, linux):
    stop = threading.Event()
    offered = []
    noise = threading.Thread(target=lambda: offered.append(air.strangers(stop, rate=500)))
    noise.start()
    stop.set()
    noise.join(5)
    assert not noise.is_alive()
