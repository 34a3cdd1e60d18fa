"""Listening where no gateway runs that would own the radio, as before a home is set up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from gateway.hear import ble
from gateway.hear.window import Window
from gateway.home.config import Config
from gateway.home.nearby import Nearby
from gateway.words.driver import Model


async def heard_alone(config: Config | None, models: Mapping[str, Model], seconds: float) -> Nearby:
    """Listen with each adapter for so long; return the facts of a hearing window."""
    window = Window(models, config.devices if config else (), time.monotonic(), seconds)
    adapters = config.adapters if config else ("hci0",)
    radios = [
        ble.Radio(adapter, lambda _: None, lambda *_: None, wanted=lambda _: False)
        for adapter in adapters
    ]
    for radio in radios:
        radio.overhear(lambda advert, kind: window.heard(advert, kind, time.monotonic()))
    tasks = [asyncio.create_task(radio.run()) for radio in radios]
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
    found = window.facts(time.monotonic(), [radio.trouble for radio in radios])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return found
