"""The home as it is now: whose gateway this is, and the configuration in force."""

from __future__ import annotations

from collections.abc import Callable

from gateway.home.config import Config

Changed = Callable[[Config], None]


class Home:
    """Everybody reads `config`; only `tend/rearrange` replaces it.

    `gateway` is this gateway's id. On the loop's thread.
    """

    def __init__(self, config: Config, gateway: str) -> None:
        self.gateway = gateway
        self._config = config
        self._told: list[Changed] = []

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._config

    def replace(self, config: Config) -> None:
        """Put another configuration in force, and tell of it."""
        before, self._config = self._config, config
        for changed in list(self._told):
            changed(before)

    def subscribe(self, changed: Changed) -> Callable[[], None]:
        """Call `changed` with the old configuration after each change; return what ends that."""
        self._told.append(changed)
        return lambda: self._told.remove(changed)
