"""Two technicians, one form: what holds now is shown beside what was typed, and the second decides.

The words of fields and choices are read off the form as it was drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import NamedTuple

LONGEST = 200  # characters of one value


class Row(NamedTuple):
    """One field that differs."""

    label: str
    now: str
    mine: str


class _Read(HTMLParser):
    """Reads what the fields of a page are called: by name, and their choices by (name, value)."""

    def __init__(self) -> None:
        super().__init__()
        self.called: dict[str, str] = {}
        self.choices: dict[tuple[str, str], str] = {}
        self._labels: dict[str, str] = {}  # id of a field -> what its label says
        self._ids: dict[str, str] = {}  # name of a field -> its id
        self._text: list[str] | None = None  # of the label, legend or option that is being read
        self._of = ""
        self._inside: list[
            tuple[str, str, str]
        ] = []  # (name, value, type) of the fields inside a label
        self._legend = self._select = self._value = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag in {"label", "legend", "option"}:
            self._text, self._of, self._inside, self._value = (
                [],
                has.get("for", ""),
                [],
                has.get("value", ""),
            )
        elif tag == "select":
            self._select = has.get("name", "")
        elif tag == "fieldset":
            self._legend = ""
        if tag in {"input", "select", "textarea"} and has.get("type") != "hidden":
            name = has.get("name", "")
            self._ids.setdefault(name, has.get("id", ""))
            self._inside.append((name, has.get("value", ""), has.get("type", "")))
            if has.get("type") == "radio":
                self.called.setdefault(name, self._legend)

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"label", "legend", "option"} or self._text is None:
            return
        said, self._text = " ".join("".join(self._text).split()), None
        if tag == "legend":
            self._legend = said
        elif tag == "option":
            self.choices[self._select, self._value or said] = said
        elif self._of:
            self._labels[self._of] = said
        for name, value, kind in self._inside if tag == "label" else ():
            self.choices[name, value] = said
            if kind == "checkbox":
                self.called[name] = said

    def label(self, name: str) -> str:
        """Return what a field is called, its own name where nobody says."""
        return self.called.get(name) or self._labels.get(self._ids.get(name, ""), "") or name


def rows(
    page: str, differs: Mapping[str, tuple[object, object]], yes: Callable[[bool], str]
) -> list[Row]:
    """Return what differs, {field: (typed, what holds)}, in the words of the drawn page."""
    read = _Read()
    read.feed(page)

    def told(name: str, value: object) -> str:
        if isinstance(value, bool):
            return yes(value)
        return (read.choices.get((name, str(value)), str(value)) or "\u2013")[:LONGEST]

    return [
        Row(read.label(name), told(name, now), told(name, mine))
        for name, (mine, now) in differs.items()
    ]
