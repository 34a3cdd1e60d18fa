"""The id of this gateway."""

from __future__ import annotations

import contextlib
import logging
import re
import secrets

from gateway.box import folders, generations
from gateway.home.config import Config

LOG = logging.getLogger("eldercare")


def identity(config: Config) -> str:
    """Return this gateway's id: configured, or made at first start and kept in its own file."""
    if config.gateway.id:
        if "." in config.gateway.id:  # of a home that was there before this was refused
            LOG.warning(
                "gateway id %s: some brokers refuse a dot in it (NATS) or read it as / (RabbitMQ)",
                config.gateway.id,
            )
        return config.gateway.id
    path = config.state / "identity"
    with contextlib.suppress(OSError, ValueError):
        if re.fullmatch(r"[A-Za-z0-9._-]{1,40}", known := path.read_text(encoding="ascii").strip()):
            return known
        LOG.error(
            "identity %s is damaged: a new one is made, the platform will see a new gateway", path
        )
    made = f"gw-{secrets.token_hex(6)}"
    try:
        config.state.mkdir(parents=True, exist_ok=True)
        # `sudo eldercare-gateway check`: the daemon must read it
        with folders.as_owner(config.state):
            generations.put(path, f"{made}\n".encode(), folders.SHARED)
    except OSError as error:
        LOG.error(  # noqa: TRY400  what it says is all there is to know
            "identity %s cannot be kept (%s): the platform will see a new gateway at each start",
            path,
            error.strerror,
        )
    return made
