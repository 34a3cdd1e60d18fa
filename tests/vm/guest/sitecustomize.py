"""Lets a test hang parts of the running gateway; only in the virtual machine, through a drop-in of its unit that names this folder.

SIGUSR1 hangs the event loop, SIGUSR2 the thread that writes; SIGALRM cuts the scanner's connection to D-Bus, of which it says nothing to anybody.
"""

import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

AN_HOUR = 3600.0

if "run" in sys.argv[1:2] or "eldercare-gateway" in " ".join(sys.orig_argv):
    hung = threading.Event()
    submit = ThreadPoolExecutor.submit

    def hanging(pool, work, /, *arguments, **named):
        if hung.is_set() and pool._thread_name_prefix == "store":
            return submit(pool, time.sleep, AN_HOUR)
        return submit(pool, work, *arguments, **named)

    ThreadPoolExecutor.submit = hanging

    def cut_off(*_):
        from bleak.backends.bluezdbus import manager

        for scanner in manager._global_instances.values():
            if scanner._bus is not None:
                scanner._bus.disconnect()

    signal.signal(signal.SIGALRM, cut_off)
    signal.signal(signal.SIGUSR1, lambda *_: time.sleep(AN_HOUR))
    signal.signal(signal.SIGUSR2, lambda *_: hung.set())
