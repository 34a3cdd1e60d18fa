"""What the parts of the gateway are made of."""

from __future__ import annotations

from msgspec import Struct


class Part(Struct, eq=False, dict=True):
    """A part: gets what it uses in its constructor, and is equal to nothing but itself.

    What a part keeps besides, its `__post_init__` sets. A Struct as all values are: a dataclass
    writes and compiles its methods at each start of the gateway, which took a tenth of it.
    """
