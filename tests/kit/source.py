"""The project's own source, for tests that read it. Each worker of a test run collects every file: nothing is parsed before it is asked for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

Name = TypeVar("Name")


class Trees(Mapping[Name, ast.Module]):
    """The syntax trees of modules: name -> tree."""

    def __init__(self, paths: Mapping[Name, Path]) -> None:
        self.paths = paths
        self._parsed: dict[Name, ast.Module] = {}

    def __getitem__(self, name: Name) -> ast.Module:
        if name not in self._parsed:
            self._parsed[name] = ast.parse(self.paths[name].read_text(encoding="utf-8"))
        return self._parsed[name]

    def __iter__(self) -> Iterator[Name]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)
