"""One file for each make of sensor: the gateway knows a file put here at its next start.

No list has to be edited. A model is called as its file, with `-` for `_`. A home loads the drivers
of its own sensors and no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

from gateway.words.driver import Model


class Shelf(Mapping[str, "Model"]):
    """All models by name; each file is imported when its model is first looked at.

    Files that begin with an underscore are none.
    """

    def __init__(self) -> None:
        names = (file.stem for folder in __path__ for file in Path(folder).glob("[!_]*.py"))
        self._files = {name.replace("_", "-"): name for name in sorted(names)}

    def __getitem__(self, name: str) -> Model:
        return _model(self._files[name])

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _model(file: str) -> Model:
    """Return the MODEL of one file. ValueError says what a new driver's file lacks."""
    model: Model | None = getattr(import_module(f"{__name__}.{file}"), "MODEL", None)
    if model is None:
        raise ValueError(
            f"drivers/{file}.py has no MODEL:"
            " see drivers/_template.py, or begin its name with an underscore"
        )
    if model.name != file.replace("_", "-"):
        raise ValueError(
            f"drivers/{file}.py calls its MODEL {model.name!r}:"
            f" call it {file.replace('_', '-')!r}, as its file"
        )
    return model


def all_models() -> Mapping[str, Model]:
    """Return the shelf: every model by name, imported as they are looked at."""
    return Shelf()
