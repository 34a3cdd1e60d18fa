"""A home whose silence is judged, on the hand-moved clock: the real pipeline without the daemon around it."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.judge.book import AlarmFact
from gateway.judge.danger import Judge
from gateway.judge.faults.fault import Faults
from gateway.judge.faults.silence import Supervised
from gateway.judge.known import Known
from gateway.judge.masks import End
from gateway.judge.pipeline import Pipeline
from gateway.judge.silence.kept import LINE, MARK
from gateway.judge.silence.life import Place
from gateway.judge.silence.line import CELLS, Day
from gateway.judge.silence.wishes import Wishes
from gateway.judge.watch import NOTHING, Watch
from gateway.words import kind as kinds
from gateway.words.clock import Moment, Quality
from gateway.words.reading import Kind, Reading
from gateway.words.times import Times

ZONE = ZoneInfo("Asia/Shanghai")
BEGAN = datetime(2027, 3, 1, 7, 0, tzinfo=ZONE).astimezone(UTC)  # a Monday
PLACES = {
    "hall": Place(room="hall"),
    "bedroom": Place(room="bedroom", sleeps=True),
    "bath": Place(room="bath", bath=True),
    "door": Place(room="hall", entrance=True),
    "button": Place(room="hall"),
}


class Home:
    """One home. `asked`, `answered` and `raised` are what its entries have said so far."""

    def __init__(self, *, learnt=60, began=BEGAN, **wishes):
        self.mono, self.began, self.boots = 100.0, began, 0
        self.quality = Quality.SYNCHRONISED
        self.wishes = Wishes(preset="usual", shadow=0, **wishes)
        self.asked, self.answered, self.raised = [], [], []
        self.marks = {}
        self._begin("first")
        if learnt:
            line = self.silence.line
            line.kept.days = [Day(f"2027-01-{n + 1:02}", False, [learnt] * CELLS, 6 * 60 + 30, 5, 0) for n in range(28)]
            line.kept.trips = [60] * 20

    def _begin(self, boot):
        faults = Faults({d: Supervised(device=d) for d in PLACES}, Times())
        judge = Judge({d: Watch(device=d, room=p.room, unnamed=NOTHING) for d, p in PLACES.items()}, Times(), ZONE, (time(22), time(6)))
        rooms = {d: p.room for d, p in PLACES.items()}
        self.pipeline = Pipeline(boot=boot, devices=rooms, judge=judge, faults=faults, ladder=(), times=Times())
        self.silence = self.pipeline.silence
        self.silence.arrange(self.wishes, PLACES, ZONE)
        self.silence.restored(self.marks.get(MARK, ""), self.marks.get(LINE, ""))
        alarms = [(alarm, True) for alarm in getattr(self, "open", ())]
        known = Known(journal="j", last=1000 * self.boots, last_alarm=100 * self.boots, alarms=alarms)
        self._take(self.pipeline.restart(self.now, known, why="start"))

    @property
    def now(self):
        return Moment(self.mono, self.began + timedelta(seconds=self.mono - 100.0), self.quality)

    @property
    def local(self):
        return self.now.wall.astimezone(ZONE)

    def restart(self):
        """End the process in good order and start it again, under the same boot."""
        self.marks |= self.silence.marks(self.now, anew=True)
        self.open = list(self.pipeline.alarms.values())
        self.boots += 1
        self._begin("first")

    def _take(self, entries):
        for entry in entries:
            fact = entry.fact
            if isinstance(fact, AlarmFact):
                self.raised += [(fact.alarm.kind, self.mono)] if fact.before is None else []
            elif fact.kind == kinds.ASKED:
                self.asked.append((fact.detail["about"], fact.detail["times"], self.mono, self.local, self.quality is Quality.SYNCHRONISED))
            elif fact.kind == kinds.ANSWER:
                self.answered.append(fact.detail["about"])

    def hear(self, device, kind=Kind.MOTION, value=True):
        self._take(self.pipeline.heard(Reading(device=device, kind=kind, value=value, at=self.now)))

    def moves(self, device="hall"):
        self.hear(device, value=True)
        self.hear(device, value=False)

    def door(self):
        for value in (True, False):
            self.hear("door", Kind.CONTACT_OPEN, value)

    def away(self, seconds):
        self.pipeline.away.begun(End(self.mono + seconds), self.now, "Wang")

    def wait(self, minutes):
        """Let time pass, look by look."""
        end = self.mono + 60 * minutes
        while self.mono < end:
            due = self.silence.due()
            self.mono = min(end, due if due > self.mono else self.mono + 1.0)
            self._take(self.pipeline.tick(self.now))

    def about(self, minutes, rooms=("hall", "bedroom")):
        for n in range(minutes // 5):
            self.moves(rooms[n % len(rooms)])
            self.wait(5)

    def gets_up(self):
        self.hear("door", Kind.CONTACT_OPEN, value=False)
        self.door()
        self.about(30)
        return self
