"""A person's telephone is rung, without a word: whoever calls back takes the alarm.

`dial.py` is the program that the daemon runs for it, as it runs any other program of an alarm;
`line.py` speaks of telephone calls to ModemManager; `made.py` keeps who was rung for which alarm,
and whose the line is now. `back.py` takes the calls that come in, a task of the daemon.
"""
