"""A light or a siren is switched by an output: a pin of the board, or a coil of a Modbus module.

`switch.py` is the program that the daemon runs for it, as it runs any other program of an alarm;
`outputs.py` knows the two kinds of output. Their libraries are loaded in that program alone.
"""
