"""The real kernel, systemd, bluetoothd and units in a virtual machine, with a memory card, a radio and a serial line that do what a test wants.

image.sh    makes the disk, once          machine.py   boots, resumes, cuts the power, runs commands
card.py     the card: forgets in a cut what was not flushed, fails on request
air.py      the Bluetooth controller and who advertises near it
home.py     a household with its gateway installed in the machine, as the manual tells an operator
"""
