"""One file for each make of sensor; a file put here is known to the gateway at its next start, no list has to be edited."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.driver import Model


def by_name(found: Iterable[tuple[str, Model]]) -> dict[str, Model]:
    """Return the models by name, from (file, model) pairs; two files with one name would decode each other's devices."""
    models: dict[str, Model] = {}
    files: dict[str, str] = {}
    for file, model in found:
        if model.name in models:
            raise ValueError(
                f"drivers/{file}.py and drivers/{files[model.name]}.py both call their MODEL {model.name!r}: give one of them another name"
            )
        models[model.name] = model
        files[model.name] = file
    return models


def all_models() -> dict[str, Model]:
    """Import every driver (files beginning with an underscore are none) and return their models by name."""
    files = sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
    found = []
    for file in files:
        model = getattr(import_module(f"{__name__}.{file}"), "MODEL", None)
        if model is None:
            raise ValueError(f"drivers/{file}.py has no MODEL: see drivers/_template.py, or begin its name with an underscore")
        found.append((file, model))
    return by_name(found)
