"""Devices on pseudo-terminals that misbehave on request: radars of both families, an RF bridge, an EnOcean stick, a Modbus module.

Each is a Radar in what a line is (split, silent, unplug, plug, noise); what it answers is its own.

    with FallRadar(folder / "radar") as radar:
        radar.boot_silence = 0.5; radar.plug()    # deaf and dumb for so long
        radar.lose_echoes = 1                     # that many echoes are lost on the way
        radar.hang_after = 3                      # settings within `row` seconds of each other, then nothing for `hangs` seconds
"""

from __future__ import annotations

import struct
import time
from typing import Any

from drivers import _tinyframe, enocean_esp3
from drivers.radar_5359 import Frames, framed

from tests.kit.radar_emulator import Radar


class _Adjustable(Radar):
    """What both radar families do wrong."""

    def __init__(self, port: object) -> None:
        self.boot_silence = 0.0  # s
        self.lose_echoes = 0
        self.lose_values = 0
        self.hang_after = 0  # 0 = never
        self.row = 0.1  # s
        self.hangs = 0.0  # s; what is sent meanwhile is not heard
        self.clamp: dict[Any, bytes] = {}  # setting -> the value it takes instead
        self.restart_silence = 0.3  # s, 10 in a real one
        self.restarts = 0
        self.taken: list[tuple[Any, bytes]] = []  # (setting, data) as they came
        self.noisy = False  # rubbish before every answer
        self._dumb_until = 0.0
        self._last_set = 0.0
        self._in_row = 0
        super().__init__(port)

    def plug(self) -> None:
        super().plug()
        self._dumb_until = time.monotonic() + self.boot_silence

    def dumb(self, seconds: float) -> None:
        self._dumb_until = time.monotonic() + seconds

    def send(self, data: bytes) -> None:
        if time.monotonic() < self._dumb_until:
            return
        super().send(b"\x53\x01\xff\x00" + data if self.noisy else data)

    def _hears(self) -> bool:
        return time.monotonic() >= self._dumb_until

    def _may_take(self, setting: object, data: bytes) -> bool:
        """Say whether a setting is taken and echoed; count those in a row."""
        now = time.monotonic()
        self._in_row = self._in_row + 1 if now - self._last_set < self.row else 1
        self._last_set = now
        if self.hang_after and self._in_row > self.hang_after:
            self.dumb(self.hangs)
            self._in_row = 0
            return False
        self.taken.append((setting, data))
        return True

    def _echo(self, data: bytes) -> None:
        if self.lose_echoes:
            self.lose_echoes -= 1
        else:
            self.send(data)

    def _value(self, data: bytes) -> None:
        if self.lose_values:
            self.lose_values -= 1
        else:
            self.send(data)


class FallRadar(_Adjustable):
    """53 59, with settings. `applies` is the C1001's way: what is set counts after 01 02."""

    def __init__(self, port: object, *, applies: bool = False) -> None:
        self.values = {
            (0x02, 0x08): b"\x02",
            (0x06, 0x02): (280).to_bytes(2, "big"),
            (0x83, 0x00): b"\x00",
            (0x83, 0x0D): b"\x03",
            (0x83, 0x0C): (60).to_bytes(4, "big"),
            (0x83, 0x11): (60).to_bytes(2, "big"),
            (0x83, 0x0B): b"\x00",
            (0x83, 0x0A): (300).to_bytes(4, "big"),
            (0x80, 0x00): b"\x01",
            (0x80, 0x0D): (150).to_bytes(2, "big"),
            (0x80, 0x0E): (150).to_bytes(2, "big"),
            (0x80, 0x12): (30).to_bytes(4, "big"),
        }
        self.applies = applies
        self._later: dict[tuple[int, int], bytes] = {}
        self._cutter = Frames()
        super().__init__(port)

    def _answer(self, data: bytes) -> None:
        if not self._hears():
            self._cutter = Frames()
            return
        for one in self._cutter.feed(data):
            if isinstance(one, bytes) and self._hears():
                self._take(one[2], one[3], one[6:-3])

    def _take(self, control: int, command: int, data: bytes) -> None:
        setting = (control, 0x08 if (control, command) == (0x02, 0xA8) else command & 0x7F)
        if (control, command) == (0x01, 0x02):
            self.send(framed(control, command, data))
            self.values |= self._later
            self._later = {}
            self.restarts += 1
            self.dumb(self.restart_silence)
        elif command & 0x80 and data == b"\x0f":
            self.asked.append((control, command))
            if setting in self.values:
                self._value(framed(control, command, self.values[setting]))
            else:
                super()._answer(framed(control, command, data))
        elif setting in self.values and self._may_take(setting, data):
            taken = self.clamp.get(setting, data)
            if self.applies:
                self._later[setting] = taken
            else:
                self.values[setting] = taken
            self._echo(framed(control, command, taken))


class TinyRadar(_Adjustable):
    """TinyFrame, with settings; as sold it watches 1 m by 1 m."""

    def __init__(self, port: object, *, empty_sum: bool = False) -> None:
        self.height, self.threshold, self.sensitivity, self.area = 2.5, 0.6, 10, [0.5, 0.5, 0.5, 0.5]
        self.empty_sum = empty_sum
        self._cutter = _tinyframe.Frames()
        super().__init__(port)

    def fall(self, fallen: bool = True) -> None:
        self.send(_tinyframe.framed(_tinyframe.FALL, bytes([fallen])))

    def presence(self, somebody: bool = True) -> None:
        self.send(_tinyframe.framed(_tinyframe.PRESENCE, bytes([somebody])))

    def _answer(self, data: bytes) -> None:
        if not self._hears():
            self._cutter = _tinyframe.Frames()
            return
        for one in self._cutter.feed(data):
            if isinstance(one, bytes) and self._hears():
                self._take(_tinyframe.kind_of(one), _tinyframe.data_of(one))

    def _take(self, kind: int, data: bytes) -> None:
        if kind == _tinyframe.SETTINGS:
            self.asked.append(kind)
            values = struct.pack("<ffIffff", self.height, self.threshold, self.sensitivity, *self.area)
            self._value(_tinyframe.framed(kind, values))
            return
        if kind not in (_tinyframe.HEIGHT, _tinyframe.THRESHOLD, _tinyframe.SENSITIVITY, _tinyframe.AREA) or not self._may_take(kind, data):
            return
        if kind == _tinyframe.HEIGHT:
            (self.height,) = struct.unpack("<f", self.clamp.get(kind, data))
        elif kind == _tinyframe.THRESHOLD:
            (self.threshold,) = struct.unpack("<f", data)
        elif kind == _tinyframe.SENSITIVITY:
            (self.sensitivity,) = struct.unpack("<I", data)
        else:
            self.area = list(struct.unpack("<ffff", data))
        self._echo(_tinyframe.framed(kind, b"\x01"))


class RfBridge(Radar):
    """Sends a code again and again until it is acknowledged, as the chip does; answers the question for its version."""

    def __init__(self, port: object) -> None:
        self.acknowledged = 0
        self.version = True  # the original firmware answers nothing
        super().__init__(port)

    def code(self, code: str, times: int = 1) -> None:
        for _ in range(times):
            self.send(bytes.fromhex("aaa426c0013603ca") + bytes.fromhex(code) + b"\x55")

    def _answer(self, data: bytes) -> None:
        self.acknowledged += data.count(b"\xaa\xa0\x55")
        if b"\xaa\xff\x55" in data and self.version:
            self.send(b"\xaa\x03\x55")


class EnOceanStick(Radar):
    """Passes on telegrams, each two or three times as the radio has it, and answers the question for its base id."""

    def telegram(self, data: str, sender: str = "01825DAB", status: int = 0, times: int = 3, gap: float = 0.01) -> None:
        whole = bytes.fromhex(data) + bytes.fromhex(sender) + bytes([status])
        for _ in range(times):
            self.send(enocean_esp3.framed(1, whole, bytes.fromhex("01ffffffff3600")))
            time.sleep(gap)

    def _answer(self, data: bytes) -> None:
        if enocean_esp3.framed(5, b"\x08") in data:
            self.asked.append("base id")
            self.send(enocean_esp3.framed(2, bytes.fromhex("00ff800000"), b"\x0a"))


class ModbusModule(Radar):
    """Eight inputs and coils of one unit. `silent` answers nothing, `wrong_sum` damages each answer, `refuses` is an exception code."""

    def __init__(self, port: object, *, unit: int = 1, inputs: int = 8) -> None:
        self.unit = unit
        self.coils = [False] * inputs
        self.switched: list[tuple[int, bool]] = []  # each change of a coil, in its order
        self.closed = [False] * inputs
        self.wrong_sum = False
        self.refuses = 0
        super().__init__(port)

    def _answer(self, data: bytes) -> None:
        from drivers._modbus_rtu import crc16

        self._half = (self._half + data)[-64:]
        while len(self._half) >= 8:
            ask, self._half = self._half[:8], self._half[8:]
            if crc16(ask[:6]) != int.from_bytes(ask[6:], "little"):
                self._half = b""  # out of step: a module waits for silence
                return
            first, count = struct.unpack(">HH", ask[2:6])
            if ask[0] == self.unit and ask[1] == 5:
                self._switch(ask, first, on=count == 0xFF00)
                continue
            if ask[0] != self.unit or ask[1] != 2:
                continue
            self.asked.append((first, count))
            if self.refuses or first + count > len(self.closed):
                body = bytes([self.unit, 0x82, self.refuses or 2])
            else:
                bits = sum(on << n for n, on in enumerate(self.closed[first : first + count]))
                size = (count + 7) // 8
                body = bytes([self.unit, 2, size]) + bits.to_bytes(size, "little")
            self.send(body + (crc16(body) ^ self.wrong_sum).to_bytes(2, "little"))

    def _switch(self, ask: bytes, coil: int, *, on: bool) -> None:
        from drivers._modbus_rtu import crc16

        if self.refuses or coil >= len(self.coils):
            body = bytes([self.unit, 0x85, self.refuses or 2])
            self.send(body + crc16(body).to_bytes(2, "little"))
            return
        if self.coils[coil] is not on:
            self.switched.append((coil, on))
        self.coils[coil] = on
        self.send(ask)
