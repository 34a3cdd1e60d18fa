"""A person is told by SMS: the text, who has which number, and the modem that sends it.

`send.py` is the program that the daemon runs for it, as it runs any other program of an alarm;
`modem.py` speaks D-Bus to ModemManager; `text.py` writes what is read on the phone; `people.py`
reads the file of telephone numbers; `codes.py` keeps which short code stands for which alarm.
`inbox.py` reads what comes in, a task of the daemon, and `answer.py` what it means.
"""
