"""Shims of ours, in C, that answer a program's system calls otherwise than the machine would: compiled once, into a folder of their own."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path


@functools.cache
def _folder() -> Path:
    made = Path(tempfile.mkdtemp(prefix="prove-shims-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@functools.cache
def shim(name: str) -> Path:
    """Return the shared object of `name`.c beside this file, for LD_PRELOAD."""
    out = _folder() / f"{name}.so"
    source = Path(__file__).with_name(f"{name}.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(out), str(source), "-ldl"], check=True)
    return out
