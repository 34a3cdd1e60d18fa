"""Which proofs there are, and one of them carried out."""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import inspect
import pkgutil
import signal
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from tests import prove
from tests.prove import table


def mortal() -> None:
    """Let this process end when whoever began it does, however that ended: a proof must not go on alone."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def proofs() -> dict[str, Any]:
    """Return all proofs by name, in the order of their modules and of their lists."""
    out = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(prove.__path__)):
        if module != "__main__":
            for proof in getattr(importlib.import_module(f"tests.prove.{module}"), "PROOFS", ()):
                out[f"{module}.{proof.__name__}"] = proof
    return out


def out(name: str, short: bool, seed: int) -> tuple[list[table.Row | str], str, float]:
    """Return the rows of one proof, or why it failed; what there is to read about that; and the seconds it took."""
    began = time.monotonic()
    proof, why = proofs()[name], ""
    rows: list[table.Row | str]
    try:
        with tempfile.TemporaryDirectory(prefix="prove-") as folder:
            given = short, Path(folder), seed
            found = asyncio.run(proof(*given)) if inspect.iscoroutinefunction(proof) else proof(*given)
        rows = found if isinstance(found, list) else [found]
    except Exception as error:  # noqa: BLE001  the other promises are still to be shown
        why = traceback.format_exc()
        rows = [f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"]
    return rows, why, time.monotonic() - began
