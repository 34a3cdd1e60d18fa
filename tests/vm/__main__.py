"""`python -m tests.vm`: make the virtual machine's disk where it is not there yet, and say where it is, or why there can be none."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the stand-ins of the tests

from tests.vm.machine import Missing, made

try:
    print(made())
except Missing as why:
    print(why)
