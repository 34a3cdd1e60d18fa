"""The demonstration's MQTT broker: amqtt from PyPI, on a free port, for this machine only.

It speaks MQTT 3.1.1 and no 5, keeps nothing for those who are away, on disk or in a session, lets
everybody in who can reach 127.0.0.1, and says `listening PORT` on standard output. What MQTT 5 and
sessions do for a platform is not seen with it: use Mosquitto. It ends when told to, or when
standard input is closed: with whoever started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import warnings
from typing import Any

from gateway.demo.both import both

ATTEMPTS = 10  # between choosing a free port and listening there, another program may take it
HOST = "127.0.0.1"


def free_port() -> int:
    """Return a port of the loopback interface on which nobody listens just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


async def listening() -> tuple[Any, int]:
    """Return a running broker and its port. Raises BrokerError where no port could be had."""
    with warnings.catch_warnings():
        # what the package's own dependencies have to say is nobody's business here
        warnings.simplefilter("ignore")
        from amqtt.broker import Broker  # noqa: PLC0415  heavy, and only this process needs it
        from amqtt.errors import BrokerError  # noqa: PLC0415  the same
    for left in reversed(range(ATTEMPTS)):
        port = free_port()
        settings = {
            "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
            },
        }
        broker = Broker(settings)
        try:
            await broker.start()
        except BrokerError:
            if not left:
                raise
        else:
            return broker, port
    raise AssertionError  # the last attempt raised


async def serve() -> None:
    """Serve until told to stop or standard input ends."""
    broker, port = await listening()
    print(f"listening {port}", flush=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def starter_is_gone() -> None:
        if not os.read(0, 1024):
            stop.set()
            loop.remove_reader(0)

    with contextlib.suppress(OSError):  # /dev/null cannot be watched
        loop.add_reader(0, starter_is_gone)
    await stop.wait()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            await broker.shutdown()


if __name__ == "__main__":
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.CRITICAL)
    try:
        asyncio.run(serve())
    except ModuleNotFoundError as missing:
        sys.exit(both("show.no_broker", missing=missing))
