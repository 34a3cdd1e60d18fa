"""What receivers have in common: a port of their own, and no reports but telegrams."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.words.driver import Driver, Enrol, Listens, Model
from gateway.words.reading import Kind


def receiver(
    name: str,
    title: tuple[str, str],
    listens: Listens,
    new: Callable[[str, bytes | None, Mapping[str, int | str]], Driver],
    notes: tuple[str, str],
    *,
    missing_after: float = 150.0,  # s; what is asked or told once a minute, two times missed
) -> Model:
    """Return the model of one receiver."""
    return Model(
        name=name,
        title=title,
        listens=listens,
        senses=frozenset({Kind.HEARTBEAT}),
        missing_after=missing_after,
        new=new,
        enrol=Enrol.PORT,
        receiver=True,
        device_notes=notes,
    )
