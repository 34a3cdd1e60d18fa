"""The bounds of what stands in a message: of its texts, names and numbers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Id = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9._:-]+\Z")]
Text = Annotated[str, Meta(max_length=400)]
Name = Annotated[str, Meta(max_length=80)]
Count = Annotated[int, Meta(ge=0)]
Number = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]
