"""The waiting times of a household: of what page and daemon share, of its devices, of its trial."""

from __future__ import annotations

from gateway.words.waits import Waits, wait


class _Home(Waits):
    """Waits between page and daemon, then ages, then bounds of supervision, then of trials."""

    lock: float = wait(
        5.0, 1.0, 30.0, "ours: for another's transaction on the database that is read"
    )
    inbox_lock: float = wait(2.0, 0.5, 10.0, "ours: the same by the daemon, which has more to do")
    news: float = wait(5.0, 2.0, 60.0, "ours: an open page asks each second to be told of news")
    window: float = wait(240.0, 30.0, 600.0, "ours: a window nobody closed closes itself")
    window_file: float = wait(60.0, 5.0, 600.0, "ours: what was heard can still be read so long")
    window_answer: float = wait(10.0, 2.0, 60.0, "ours: a busy gateway answers the command late")
    window_look: float = wait(0.1, 0.01, 1.0, "ours: the command's look at the file; it is small")
    stale: float = wait(20.0, 10.0, 120.0, "ours: a status so old: the daemon hangs or is stopped")
    inbox_kept: float = wait(
        604800.0, 86400.0, 2678400.0, "ours: instructions left are deleted then"
    )
    secrets_left: float = wait(
        600.0, 60.0, 3600.0, "ours: secrets no instruction names are deleted"
    )
    sealed: float = wait(
        600.0, 60.0, 3600.0, "ours: a backup made for the page can be fetched so long"
    )
    undo: float = wait(600.0, 60.0, 3600.0, "ours: what a slip of the thumb was is seen by then")
    rehearsal: float = wait(180.0, 30.0, 600.0, "measured: the smallest board starts in some ten")
    visit: float = wait(86400.0, 3600.0, 604800.0, "ours: a walk of another visit proves nothing")
    at_work: float = wait(60.0, 20.0, 600.0, "ours: an older status is that of a gateway gone")
    missing_vital: float = wait(14400.0, 3600.0, 86400.0, "makers: detectors check in every 4 h")
    missing: float = wait(
        90000.0, 86400.0, 604800.0, "makers: battery devices check in daily; 25 h"
    )
    worn: float = wait(7200.0, 600.0, 14400.0, "ours: a call button goes out with its wearer")
    wired: float = wait(180.0, 30.0, 600.0, "ours: a make missed so soon is read all the time")
    trial_work: float = wait(20.0, 2.0, 60.0, "ours: a technician waits for both runs on the page")
    trial_same: float = wait(5.0, 1.0, 60.0, "ours: dangers so near are one, judged otherwise")
    trial_answered: float = wait(60.0, 1.0, 3600.0, "ours: where no alarm tells who answers when")
    trial_closed: float = wait(600.0, 1.0, 86400.0, "ours: from the answer, where no alarm tells")
    trial_after: float = wait(
        3600.0, 600.0, 86400.0, "ours: by then what is open at the end has ended"
    )
    trial_silence: float = wait(
        14400.0, 600.0, 86400.0, "ours: two rules say the same silence at other hours"
    )
    trial_asked: float = wait(60.0, 5.0, 600.0, "ours: who hears a question presses by then")
    trial_receipt: float = wait(
        1.0, 0.1, 30.0, "ours: a platform at hand takes an entry in a second"
    )


WAITS = _Home()
