"""The home as it is now: whose gateway this is, and the configuration in force."""

from __future__ import annotations

from collections.abc import Callable

from gateway.home.config import Config

Changed = Callable[[Config], None]


class Home:
    """The gateway's id (`gateway`) and the configuration in force, on the loop's thread.

    Everybody reads `config`; only `gateway.tend.rearrange` replaces it.
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
        """Put another configuration in force, and tell those who have subscribed."""
        before, self._config = self._config, config
        for changed in list(self._told):
            changed(before)

    def subscribe(self, changed: Changed) -> Callable[[], None]:
        """Have `changed` called after each change, with the configuration before it.

        Return what ends that.
        """
        self._told.append(changed)
        return lambda: self._told.remove(changed)
