"""SMS that answer somebody who wrote or rang: they wait for the modem, so many of them."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from gateway.sms.modem import ModemManager, Trouble

LOG = logging.getLogger("eldercare")
MOST: Final = 20  # answers that wait for the modem


class Replies:
    """The answers that wait. On the loop; `run` is a task beside what puts them there."""

    def __init__(self) -> None:
        self._wait: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue(MOST)

    def put(self, modem: str, number: str, text: str) -> None:
        """Let an answer be sent by the modem at which somebody was heard; one too many is not."""
        try:
            self._wait.put_nowait((modem, number, text))
        except asyncio.QueueFull:
            LOG.warning("sms: %d answers wait for the modem, one is left out", MOST)

    async def run(self, manager: ModemManager) -> None:
        """Send one after another."""
        while True:
            modem, number, text = await self._wait.get()
            try:
                message = await manager.create(modem, number, text, report=False)
                try:
                    await manager.send(message)
                finally:
                    await manager.delete(modem, message)
            except Trouble as trouble:
                LOG.warning("sms: an answer was not sent: %s", trouble.name or "no answer")
