"""The home speaks: the chime, the siren and the phrases of an alarm, played through ALSA.

`words.py` decides what is said; `play.py` is the program that the daemon runs for it, as it runs
any other program of an alarm; `tones.py` makes the two noises; `recordings.py` reads what a
relative has recorded; `render.py` makes the phrases with a speech synthesiser at build time, so
that no model and no foreign code runs in the box.
"""
