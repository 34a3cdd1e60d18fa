"""The serial line on a pseudo-terminal with an emulated radar; the line is kept running by the real supervision."""

import asyncio
import contextlib
import errno
from pathlib import Path

import pytest
import serial
from gateway.box.supervise import keep
from gateway.hear import serial_port
from gateway.hear.serial_port import Line

from tests.kit.radar_emulator import FALL, PRESENCE, Radar, frame
from tests.kit.wait import PATIENCE, until

QUERY_PRESENCE = frame(0x80, 0x81)
A_FALL = frame(*FALL, b"\x01")


class Ear:
    """A running Line with all it heard."""

    def __init__(self, port, answer=None, **options):
        self.chunks = []
        self.answer = answer or (lambda chunk: None)
        self.line = Line(port, 115200, self._sink, **options)

    def _sink(self, chunk):
        self.chunks.append(chunk)
        return self.answer(chunk)

    @property
    def data(self):
        return b"".join(c.data for c in self.chunks)

    @property
    def openings(self):
        return sum(c.opened for c in self.chunks)

    def _run(self):
        return self.line.run()

    async def __aenter__(self):
        self.task = asyncio.create_task(self._run())
        await until(lambda: self.chunks or self.task.done())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await self.task
        assert not self.line.open


class KeptEar(Ear):
    def __init__(self, port, **options):
        super().__init__(port, **options)
        self.said = []

    def _run(self):
        return keep(
            "radar",
            self.line.run,
            expected=(OSError,),
            said=lambda name, works, why: self.said.append((works, why)),
            sleep=lambda seconds: asyncio.sleep(seconds / 50),
        )


@pytest.fixture
def radar(tmp_path):
    with Radar(tmp_path / "usb-radar-if00") as radar:
        yield radar


@pytest.fixture(autouse=True)
async def nothing_left_behind():
    """No task and no descriptor survives a line."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


async def test_first_an_empty_chunk_that_says_opened(radar):
    async with Ear(radar.port) as ear:
        assert ear.line.open
        assert ear.chunks[0].opened
        assert ear.chunks[0].data == b""
        assert ear.chunks[0].port == radar.port
        radar.fall()
        await until(lambda: ear.data == A_FALL)
        assert not any(c.opened for c in ear.chunks[1:])
        assert ear.line.received == len(A_FALL)


async def test_question_when_opened_is_answered(radar):
    radar.presence()
    async with Ear(radar.port, lambda chunk: QUERY_PRESENCE if chunk.opened else None) as ear:
        await until(lambda: frame(0x80, 0x81, b"\x01") in ear.data)
        assert radar.asked == [(0x80, 0x81)]


async def test_polls_at_intervals(radar):
    async with Ear(radar.port, ask=QUERY_PRESENCE, ask_every=0.05):
        await until(lambda: len(radar.asked) >= 4)
        assert radar.received == QUERY_PRESENCE * len(radar.asked)


async def test_no_poll_without_an_interval(radar):
    async with Ear(radar.port, ask=QUERY_PRESENCE):
        await asyncio.sleep(0.15)
        assert radar.asked == []


async def test_split_byte_by_byte_nothing_is_lost(radar):
    sent = b"".join(frame(*FALL, bytes((n % 2,))) for n in range(5))
    async with Ear(radar.port) as ear:
        for n in range(len(sent)):  # each byte once the one before was read, so that no two come together however busy the machine is
            await asyncio.to_thread(radar.send, sent[n : n + 1])
            await until(lambda n=n: len(ear.data) > n)
        assert ear.data == sent
        assert len(ear.chunks) > len(sent)


async def test_noise_and_broken_frames_pass_as_they_are(radar):
    """Judging bytes is the driver's work."""
    async with Ear(radar.port) as ear:
        radar.noise()
        radar.corrupt()
        radar.repeat = 3
        radar.fall()
        await until(lambda: ear.data.count(A_FALL) == 3)
        assert ear.data.startswith(b"\x00\x53\x59\xff\x53\x53\x59\x83\x01\x00\x01\x01\x33")


async def test_every_byte_value_passes(radar):
    """Nothing on the way eats control characters or translates line ends."""
    everything = bytes(range(256))
    async with Ear(radar.port, lambda chunk: everything if chunk.opened else None) as ear:
        await until(lambda: radar.received == everything)
        radar.send(everything)
        await until(lambda: ear.data == everything)


async def test_a_flood_is_read_in_bounded_pieces(radar):
    async with Ear(radar.port) as ear:
        await asyncio.to_thread(radar.send, A_FALL * 20_000)
        await until(lambda: ear.line.received == len(A_FALL) * 20_000)
        assert max(len(c.data) for c in ear.chunks) <= 4096


async def test_unplugging_ends_it(radar):
    async with Ear(radar.port) as ear:
        radar.unplug()
        with pytest.raises(OSError, match="was unplugged") as loss:
            await asyncio.wait_for(ear.task, 2.0)
        assert loss.value.errno == errno.EIO
        assert radar.port in str(loss.value)
        assert not ear.line.write(b"x")


async def test_unplugged_and_plugged_in_again(radar):
    async with KeptEar(radar.port) as ear:
        radar.presence()
        await until(lambda: ear.data == frame(*PRESENCE, b"\x01"))
        for _ in range(3):
            openings = ear.openings
            radar.unplug()
            await until(lambda: not ear.line.open)
            await asyncio.sleep(0.05)
            radar.plug()
            await until(lambda before=openings: ear.openings == before + 1)
        radar.fall()
        await until(lambda: ear.data.endswith(A_FALL))
        assert [works for works, _ in ear.said] == [False, True] * 3
        assert ear.openings == 4, "each opening asks the device anew"


async def test_missing_port_names_what_is_there(tmp_path, monkeypatch):
    by_id = tmp_path / "by-id"
    monkeypatch.setattr(serial_port, "BY_ID", by_id)
    port = str(by_id / "usb-radar")
    with pytest.raises(OSError, match="nothing in") as loss:
        await Line(port, 115200, lambda chunk: None).run()
    assert loss.value.errno == errno.ENOENT
    by_id.mkdir()
    (by_id / "usb-1a86_USB_Serial-if00-port0").symlink_to("../ttyUSB0")
    with pytest.raises(OSError, match="usb-1a86_USB_Serial-if00-port0") as loss:
        await Line(port, 115200, lambda chunk: None).run()
    assert port in str(loss.value)


async def test_port_in_use(radar):
    other = serial.Serial(radar.port, exclusive=True)
    try:
        with pytest.raises(OSError, match="in use by another program"):
            await Line(radar.port, 115200, lambda chunk: None).run()
    finally:
        other.close()
    async with Ear(radar.port), Ear(radar.port) as second:
        with pytest.raises(OSError, match="in use by another program"):
            await second.task


async def test_no_permission_names_the_group(monkeypatch):
    """Tests may run as root, to whom nothing is forbidden, so pyserial's refusal is played."""

    def refuse(*_, **__):
        raise serial.SerialException(errno.EACCES, "could not open port")

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(OSError, match="group dialout"):
        await Line("/dev/ttyUSB0", 115200, lambda chunk: None).run()


async def test_a_file_is_no_serial_port(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="does not open as a serial port"):
        await Line(str(tmp_path / "file"), 115200, lambda chunk: None).run()


async def test_a_line_that_takes_nothing_blocks_nobody(radar):
    radar.deaf = True
    async with Ear(radar.port) as ear:
        taken = 0
        while ear.line.write(b"x" * 512):
            taken += 512
            assert taken < 1 << 20
        assert len(ear.line._unsent) <= 4096
        radar.deaf = False  # what was accepted arrives, in order and whole
        await until(lambda: len(radar.received) == taken)
        assert ear.line.write(b"y")
        await until(lambda: radar.received.endswith(b"xy"))


async def test_closing_does_not_wait_for_unsent_bytes(radar):
    radar.deaf = True  # and stays so: a close that waits for it hangs
    async with asyncio.timeout(PATIENCE), Ear(radar.port) as ear:
        while ear.line.write(b"x" * 512):
            pass


async def test_a_bug_behind_the_line_ends_it(radar):
    def sink(chunk):
        if chunk.data:
            raise ZeroDivisionError

    async with Ear(radar.port, sink) as ear:
        radar.fall()
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(asyncio.shield(ear.task), 2.0)
        with contextlib.suppress(ZeroDivisionError):
            await ear.task
        ear.task = asyncio.create_task(asyncio.sleep(0))


async def test_the_same_line_is_not_served_twice(radar):
    async with Ear(radar.port) as ear:
        with pytest.raises(RuntimeError, match="served already"):
            await ear.line.run()
