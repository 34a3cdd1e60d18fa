"""What a broker may send us, judged by each packet's fixed header before its body is held.

paho reads whatever length a header names, keeps half-way QoS 2 messages without a bound and answers
into a queue without one: a broker that is broken or hostile could fill the memory until the kernel
ends the gateway. This stands between paho and the socket:

    1 byte   packet type (upper half), flags: in a PUBLISH the two bits of the QoS
    1-4      length of the rest, seven bits a byte, the lowest first
             (MQTT 3.1.1 and 5, section 2.1)

A PUBLISH that is too long is cut: what is handed on is `held` bytes of it, the rest is read and
forgotten; too long even for that ends the connection, as does anything that a broker has no reason
to send to a client that subscribes at QoS 1.
"""

from __future__ import annotations

import socket
from collections.abc import Sized
from typing import Any, Final

from paho.mqtt.client import Client

from gateway.words.say import Failed, Say

# bytes of any packet that is no PUBLISH: a CONNACK with its texts has a few hundred
CONTROL: Final = 16 * 1024
# packets that wait for a broker to read them; one that sends and does not read is left
ANSWERS: Final = 1000
LONGEST: Final = 268_435_455  # bytes that a header can name
CHUNK: Final = 64 * 1024  # bytes that are forgotten in one turn of the loop

_PUBLISH: Final = 3
_NAMES: Final = {
    2: "CONNACK",
    _PUBLISH: "PUBLISH",
    4: "PUBACK",
    9: "SUBACK",
    11: "UNSUBACK",
    13: "PINGRESP",
    14: "DISCONNECT",
}
_LENGTH_BYTES: Final = 4


class PacketRefused(Failed):
    """The broker sent what we neither want nor hold; `say` goes after its address."""


class Bounded:
    """The broker's socket for one paho client; all but reading goes to `sock` itself."""

    def __init__(self, sock: socket.socket, answers: Sized, *, held: int, forgotten: int) -> None:
        self._sock = sock
        self._answers = answers
        self._held = held
        self._forgotten = forgotten
        self._header = bytearray()  # of the next packet, until it is whole: 5 bytes at most
        self._ready = b""  # a header that was judged, and is to be handed on
        self._body = 0  # bytes of the packet that are still to be handed on ...
        self._rest = 0  # ... and then those to be forgotten

    def recv(self, size: int) -> bytes:
        """Read at most `size` bytes of what may be held, b"" at the end of the connection.

        Raises BlockingIOError where nothing is there to be handed on yet, PacketRefused, and what
        the socket raises.
        """
        while not self._ready:
            if self._body:
                data = self._sock.recv(min(size, self._body))
                self._body -= len(data)
                return data
            if self._rest:
                data = self._sock.recv(min(self._rest, CHUNK))
                self._rest -= len(data)
                if not data:
                    return data
                raise BlockingIOError  # the loop has other work too; it comes back here
            # no packet has less than two bytes; what is behind its header is not read yet
            some = self._sock.recv(max(1, 2 - len(self._header)))
            if not some:
                return some
            self._header += some
            if len(self._header) > 1 and not self._header[-1] & 0x80:
                self._judge()
            elif len(self._header) > _LENGTH_BYTES:
                raise PacketRefused(Say("packet.no_mqtt"))
        data, self._ready = self._ready[:size], self._ready[size:]
        return data

    def _judge(self) -> None:
        first, length = self._header[0], _length(self._header[1:])
        kind, qos = first >> 4, first >> 1 & 3
        if kind not in _NAMES:
            raise PacketRefused(Say("packet.type", kind=kind))
        if len(self._answers) > ANSWERS:
            raise PacketRefused(Say("packet.unread", count=len(self._answers)))
        most = self._forgotten if kind == _PUBLISH else CONTROL
        if length > most:
            raise PacketRefused(Say("packet.long", name=_NAMES[kind], length=length, most=most))
        if kind == _PUBLISH and qos > 1:
            raise PacketRefused(Say("packet.qos", qos=qos))
        self._body = min(length, self._held) if kind == _PUBLISH else length
        self._rest = length - self._body
        whole = self._rest == 0
        self._ready = bytes(self._header if whole else bytes([first]) + _written(self._body))
        self._header.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def guard(client: Client, sock: socket.socket, *, held: int, forgotten: int) -> None:
    """Let a client speak over this connected socket, and hear no more of it than may be held.

    `held`: bytes of a PUBLISH that are handed on; `forgotten`: its largest size, else the
    connection ends. The socket comes from us because one that paho makes by itself would block.
    """
    bounded = Bounded(sock, vars(client)["_out_packet"], held=held, forgotten=forgotten)
    client._create_socket = lambda: bounded  # type: ignore[method-assign]  # noqa: SLF001  paho has no hook


def shut(client: Client) -> None:
    """Close a client's socket, whatever it was doing.

    That stops its reader, its writer and its keep-alive too.
    """
    client._sock_close()  # noqa: SLF001  `disconnect` leaves it open


def _length(coded: bytes | bytearray) -> int:
    return sum((byte & 0x7F) << 7 * n for n, byte in enumerate(coded))


def _written(length: int) -> bytes:
    out = bytearray()
    while True:
        length, low = divmod(length, 128)
        out.append(low | (0x80 if length else 0))
        if not length:
            return bytes(out)
