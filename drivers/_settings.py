"""What can be set in a radar: each one row of its make's table."""

from __future__ import annotations

from gateway.words.driver import Setting


def amount(
    name: str, label: str, bounds: tuple[float, float, str], title: tuple[str, str]
) -> Setting:
    """Return a setting that is a number: from, to, unit. `label` is that of its report."""
    low, high, unit = bounds
    return Setting(name=name, unit=unit, low=low, high=high, title=title, label=label)


def switch(name: str, label: str, title: tuple[str, str]) -> Setting:
    """Return a setting that is on or off."""
    words = (("off", 0.0), ("on", 1.0))
    return Setting(name=name, unit="", low=0, high=1, title=title, label=label, words=words)
