"""`python -m tests.vm`: make the virtual machine's disk where it is not there yet, and say where it is, or why there can be none."""

from tests.vm.machine import Missing, made

try:
    print(made())
except Missing as why:
    print(why)
