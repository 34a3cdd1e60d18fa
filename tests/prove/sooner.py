"""The gateway with shorter waits of its own upkeep: python -m tests.prove.sooner tend.try_disk=1 -- run --config FILE.

What is shortened is a constant of a module of the gateway, found by its name; all else is `python -m gateway`.
"""

from __future__ import annotations

import sys

from gateway.__main__ import main

from tests.kit.waits import change


def shorten(name: str, seconds: float) -> None:
    """Change `room.wait` of a table, or a constant that still stands in a module."""
    room, dot, wait = name.partition(".")
    if dot:
        change(room, **{wait: seconds})
        return
    found = [module for path, module in sys.modules.items() if path.startswith("gateway") and hasattr(module, name)]
    assert found, f"no module of the gateway has {name}"
    for module in found:
        setattr(module, name, seconds)


if __name__ == "__main__":
    import gateway.tend.composition  # noqa: F401  all that runs is loaded by it

    words = sys.argv[1 : sys.argv.index("gateway")]
    for word in words:
        if "=" in word:
            shorten(word.partition("=")[0], float(word.partition("=")[2]))
    sys.argv = sys.argv[sys.argv.index("gateway") :]
    raise SystemExit(main())
