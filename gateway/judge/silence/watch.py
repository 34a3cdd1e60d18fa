"""The silence of one home: signs answer, time asks, and who does not answer is in danger. Pure.

It writes nothing itself: what it returns are facts to be told, dangers to be judged and conditions
that are over. A question is a note of the journal, `person.asked`; it is committed before it is
heard. What was asked outlives a restart in the mark `silence`, what was learnt in `line`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, tzinfo
from math import inf

from gateway.judge.alarm import State
from gateway.judge.away import Away
from gateway.judge.badges import Badges
from gateway.judge.danger import Cleared, Danger
from gateway.judge.faults.fact import FaultFact
from gateway.judge.faults.fault import Faults
from gateway.judge.open_alarms import OpenAlarms
from gateway.judge.silence import going_out, inactive, kept, not_up, stay
from gateway.judge.silence.hearing import Hearing
from gateway.judge.silence.life import LIVES, PRESSED, Life, Place, Sign
from gateway.judge.silence.line import Line
from gateway.judge.silence.now import ASKS, DAWN, Now
from gateway.judge.silence.question import Ask, asked
from gateway.judge.silence.wishes import Preset, Wishes
from gateway.judge.waits import WAITS
from gateway.words import kind as kinds
from gateway.words.clock import Moment, Quality
from gateway.words.reading import DeviceId, Reading, Value

OUTSIDE = frozenset({kinds.NO_RETURN, kinds.NIGHT_EXIT})
Said = FaultFact | Danger | Cleared


RULES: tuple[Callable[[Now], Ask | None], ...] = (
    going_out.judged,
    stay.judged,
    inactive.judged,
    not_up.judged,
)


class Silence:
    """Judges the silence of one home. Bound: that of its parts."""

    def __init__(
        self, boot: str, faults: Faults, away: Away, badges: Badges, alarms: OpenAlarms
    ) -> None:
        self._boot = boot
        self._faults, self._away, self._badges, self._alarms = faults, away, badges, alarms
        self._zone: tzinfo | None = None
        self.wishes = Wishes()
        self.life, self.line, self.hearing = Life(), Line(), Hearing()
        self.state = kept.State()
        self.why: tuple[str, DeviceId] = ("off", "")  # why nothing is judged
        self._looked = -inf
        self._known: kept.Mark | None = None

    # -- what is wanted, and a restart ------------------------------------------------------------

    def arrange(self, wishes: Wishes, places: Mapping[DeviceId, Place], zone: tzinfo) -> None:
        """Go on by other wishes."""
        self.wishes, self._zone = wishes, zone
        self.life.arrange(places)
        self.hearing.keep(self.life.watching)
        self.line.arranged()
        if wishes.limits is None:
            self.state.question, self.why = None, ("off", "")

    def restored(self, state: str, line: str) -> None:
        """Take what was known before a restart; nothing of a mark that is damaged."""
        self._known = kept.read(state)
        self.line.restored(line)

    def start(self, now: Moment) -> None:
        """Go on by what is `restored`."""
        self.state = kept.of(self._known, now, self._boot)
        self.life.watching |= self.state.watching
        self._known = None

    def marks(self, now: Moment, *, anew: bool = False) -> dict[str, str]:
        """Return what outlives a restart."""
        if self.wishes.limits is None:
            return {}
        self.state.watching = dict(self.life.watching)
        out = {kept.MARK: kept.text(self.state, now, self._boot)}
        if self.line.changed or anew:
            out[kept.LINE] = self.line.mark()
        return out

    def due(self) -> float:
        """Return the monotonic second at which `tick` is wanted."""
        if self.wishes.limits is None:
            return inf
        question = self.state.question
        return min(self._looked + WAITS.silence_look, question.due if question else inf)

    # -- what is heard ----------------------------------------------------------------------------

    def heard(self, reading: Reading) -> list[Said]:
        """Take one reading."""
        if reading.kind not in LIVES or self.wishes.limits is None:
            return []
        sign = self.life.sign(reading)
        if sign is Sign.NONE:
            return []
        place, scene, at = self.life.places[reading.device], self.state.scene, reading.at
        if reading.kind not in PRESSED and self._visited(at):
            return []
        out = self._answered(reading)
        was_up = scene.up
        trip = scene.take(reading, place, sign)
        if trip is not None and scene.whole and self._teaches(at, but=OUTSIDE):
            self.line.trip(trip / 60)
        if scene.left == at.mono:
            local = self._local(at)
            scene.by_night = local is not None and local.hour in going_out.NIGHT
        if scene.up and not was_up:
            self._rose(at)
        return out

    def _rose(self, at: Moment) -> None:
        local = self._local(at.later(self.state.scene.rises))
        if local is not None and self._teaches(at):
            self.line.rose(local.hour * 60 + local.minute)

    def _visited(self, now: Moment) -> bool:
        return bool(self._badges.there(now))

    def _answered(self, reading: Reading) -> list[Said]:
        out: list[Said] = []
        state, at = self.state, reading.at
        question, state.question = state.question, None
        if question is not None:
            after = round(at.mono - question.asked)
            told: dict[str, Value] = {
                "about": question.kind,
                "times": question.times,
                "after_s": after,
            }
            out.append(self._faults.note(kinds.ANSWER, at, reading.device, **told))
            state.outcomes = (state.outcomes + "1")[-kept.OUTCOMES :]
            local = self._local(at)
            if local is not None and question.kind == kinds.INACTIVE:
                cell = 2 * local.hour + state.scene.rests
                self.line.answered(cell, (at.mono - question.since) / 60)
        if state.raised:
            out += [Cleared(kind, "", at) for kind in state.raised]
            state.raised = []
        return out

    # -- what time brings -------------------------------------------------------------------------

    def tick(self, now: Moment) -> list[Said]:
        """Do what has become due."""
        if self.wishes.limits is None or now.mono < self.due():
            return []
        if out := self._asked_again(now):
            return out
        if now.mono >= self._looked + WAITS.silence_look:
            out = self._look(now)
            self._looked = now.mono
        return out

    def _look(self, now: Moment) -> list[Said]:
        state, scene, limits = self.state, self.state.scene, self.wishes.limits
        assert limits is not None
        if scene.since == -inf:
            scene.broken(now.mono)
        if self._looked > -inf and now.mono - self._looked > WAITS.silence_hole:
            scene.broken(now.mono)  # the box itself did not hear
        self.hearing.look(self.life.watching, self._faults.heard_at)
        self.why = self._cannot(now)
        self._undo_visits(now)
        state.budget.pass_(now.mono, limits.questions + 0.2)
        if self.why[0]:
            scene.broken(now.mono)
            return self._let_go(now)
        local = self._local(now)
        if local is not None:
            self._day(local)
        scene.leaves(now.mono)
        self._learn(now, local)
        if state.question is not None or self._somebody(now):
            return []
        if state.raised:  # their alarms are over, and nobody moved since
            state.raised = []
            if not scene.door:  # of one leaving it is asked once
                scene.broken(now.mono)
            return []
        return self._judge(self._now(now, limits), now)

    def _now(self, now: Moment, limits: Preset) -> Now:
        return Now(
            mono=now.mono,
            local=self._local(now),
            scene=self.state.scene,
            line=self.line,
            budget=self.state.budget,
            wishes=self.wishes,
            limits=limits,
        )

    def present(self, now: Moment) -> Now | None:
        """Return the home as a rule would be given it now; None where nothing is judged."""
        limits = self.wishes.limits
        return None if limits is None or self.why[0] else self._now(now, limits)

    def borne(self, now: Moment) -> float | None:
        """Return the seconds of silence that are borne by day; None where none is judged now."""
        look = self.present(now)
        if look is None:
            return None
        return inactive.line(look)[0] * 60 if look.by_day and not look.scene.door else None

    def _judge(self, look: Now, now: Moment) -> list[Said]:
        for rule in RULES:
            ask = rule(look)
            if ask is None or round(ask.since) == self.state.done:
                continue
            self.state.done = round(ask.since)
            if self.shadows:
                self.state.shadowed += 1
                return []
            if ask.at_once:
                return [self._danger(ask.kind, now)]
            self.state.budget.left -= 1
            self.state.question = asked(ask, now.mono)
            return [self._tell(now)]
        return []

    @property
    def shadows(self) -> bool:
        """Whether nobody is asked yet: the technician alone is told."""
        return self.line.days < self.wishes.shadow

    def _asked_again(self, now: Moment) -> list[Said]:
        question = self.state.question
        if question is None or now.mono < question.due:
            return []
        if not question.over:
            question.again(now.mono)
            return [self._tell(now)]
        self.state.question = None
        self.state.outcomes = (self.state.outcomes + "0")[-kept.OUTCOMES :]
        return [self._danger(question.kind, now)]

    def _tell(self, now: Moment) -> FaultFact:
        """Return the note by which the home asks."""
        question = self.state.question
        assert question is not None
        told: dict[str, Value] = {"about": question.kind, "times": question.times}
        rests = question.rests if self._faults.tells_out else {}
        return self._faults.note(kinds.ASKED, now, question.device, **told, **rests)

    def _danger(self, kind: str, now: Moment) -> Danger:
        self.state.raised = [*self.state.raised, kind]
        last = self.state.scene.last
        room = (
            self.life.places[last.device].room if last and last.device in self.life.places else ""
        )
        return Danger(kind, "", room, now, 0.0, () if last is None else (last,))

    def _let_go(self, now: Moment) -> list[Said]:
        """Take back a question that nobody can hear the answer of."""
        question, self.state.question = self.state.question, None
        if question is None:
            return []
        told: dict[str, Value] = {"about": question.kind, "why": self.why[0]}
        return [self._faults.note(kinds.ANSWER, now, "", **told)]

    # -- what is learnt ---------------------------------------------------------------------------

    def _day(self, local: datetime) -> None:
        date = local.date().isoformat() if local.hour >= DAWN else ""
        if date and self.line.begin(date, free=local.weekday() >= 5):
            self.state.scene.new_day()

    def _learn(self, now: Moment, local: datetime | None) -> None:
        scene = self.state.scene
        if local is None or not self._teaches(now):
            return
        silent = (now.mono - scene.since) / 60
        if scene.door or not scene.up:
            return
        if scene.whole:
            self.line.watch(2 * local.hour + scene.rests, silent)
            if local.hour * 60 + local.minute >= inactive.LAST and local.hour in ASKS:
                self.line.evening(0.0 if scene.rests else silent)
            if scene.bath > -inf:
                self.line.bathed(silent)

    def _teaches(self, now: Moment, but: Collection[str] = ()) -> bool:
        """Say whether this is an ordinary moment of the resident alone; `but`: see `_somebody`."""
        if now.quality is not Quality.SYNCHRONISED or self.why[0]:
            return False
        return not self._visited(now) and not self._somebody(now, but)

    def _somebody(self, now: Moment, but: Collection[str] = ()) -> bool:
        """Say whether somebody is in danger, or was helped within `helped`.

        `but`: kinds that are over: who is back was looked for.
        """
        return any(
            not a.test
            and a.kind.startswith("person.")
            and a.kind not in but
            and (
                a.calls_on
                or a.state is State.PRE_ALARM
                or now.mono - a.answered < WAITS.silence_helped
            )
            for a in self._alarms.open.values()
        )

    def _undo_visits(self, now: Moment) -> None:
        """Take back what a carer did before the badge was sure to be here."""
        for one in self._badges.there(now):
            self.state.scene.undo(one.since - WAITS.carer_before)

    def _cannot(self, now: Moment) -> tuple[str, DeviceId]:
        if self._away.lasts(now):
            return "away", ""
        if not self.wishes.asks:
            return "no_voice", ""
        if not self.life.has_entrance and not self.wishes.at_home:
            return "no_entrance", ""
        return self.hearing.why(self.life.over, self._faults, now.mono)

    def _local(self, now: Moment) -> datetime | None:
        """Return the home's own time; None where nobody confirms the clock."""
        if now.quality is not Quality.SYNCHRONISED or self._zone is None:
            return None
        return now.wall.astimezone(self._zone)
