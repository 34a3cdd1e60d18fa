"""What platform or technician tells the gateway, by broker or local file, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from msgspec import Struct

from gateway.words.say import Say

Json = dict[str, Any]


class Do(StrEnum):
    """The instructions there are."""

    ACKNOWLEDGE = "acknowledge"
    DISPATCH = "dispatch"
    DECLINE = "decline"
    RECALL = "recall"  # whoever is on the way need not come
    ARRIVE = "arrive"
    CLOSE = "close"
    SILENCE = "silence"
    SHELVE = "shelve"
    TEST = "test"
    AWAY = "away"
    # send entries `first` to `last` of `journal` once more: the platform alone, see
    # gateway/tell/resend.py
    RESEND = "resend"
    # a technician has looked at a device: its latched faults end, its counter may begin anew
    CONFIRM = "confirm"
    # one change of what a technician sets: see `What` and docs/integrator.md
    CONFIGURE = "configure"
    # what one device says for `seconds` is a test; or what one `step` for the whole home does
    WALK = "walk"
    # tell for `seconds` what the radio hears of strangers, so that a device can be found
    WINDOW = "window"
    # a technician signs that the home is guarded as it stands: a certificate is kept and told
    COMMISSIONED = "commissioned"
    # seal everything that makes this box the home's gateway, for the page to give away
    BACKUP = "backup"
    # become the gateway of another home by its backup: only a box that has judged nothing yet
    TAKE_OVER = "take_over"
    # which wired device is plugged in at a `port`: each make asks and listens
    ASK_PORT = "ask_port"
    ADJUST = "adjust"  # set a radar's `settings` and read them back; with none, all are read
    # go the whole way to the platform and back, with the settings in `change` or the present ones
    PLATFORM_TEST = "platform_test"
    # let the home be heard as loud as an alarm, without one
    SOUND_TEST = "sound_test"
    # ask the program of one rung whether it could reach anybody; `step` is the rung's number
    CALL_TEST = "call_test"


BY_SMS: Final = "by_sms"  # reason of an arrival of which only an SMS of the responder tells

# Whoever may do these changes how the home is guarded: only who has been let in by the technician's
# page, never the platform.
LOCAL_ONLY = frozenset(
    {
        Do.CONFIGURE,
        Do.WALK,
        Do.WINDOW,
        Do.ASK_PORT,
        Do.ADJUST,
        Do.COMMISSIONED,
        Do.BACKUP,
        Do.TAKE_OVER,
        Do.PLATFORM_TEST,
        Do.SOUND_TEST,
        Do.CALL_TEST,
    }
)


class What(StrEnum):
    """The changes that `configure` takes. The form of each value stands in docs/integrator.md."""

    PUT_DEVICE = "put_device"
    RETIRE_DEVICE = "retire_device"
    REPLACE_DEVICE = "replace_device"
    SET_ROOMS = "set_rooms"
    SET_HOUSEHOLD = "set_household"
    SET_PLATFORM = "set_platform"
    SET_LADDER = "set_ladder"
    SET_TIMES = "set_times"
    SET_SOUND = "set_sound"
    SET_PHRASE = "set_phrase"
    SET_SILENCE = "set_silence"
    SET_CONSENT = "set_consent"
    SET_DANGERS = "set_dangers"
    SET_RULES = "set_rules"
    UNDO = "undo"


class Change(Struct, frozen=True):
    """One change of the configuration: what, and its new value."""

    what: What
    value: Mapping[str, Any] = {}


class Door(StrEnum):
    """Where an instruction came in."""

    PLATFORM = "platform"
    LOCAL = "local"


class Instruction(Struct, frozen=True, kw_only=True):
    """One instruction.

    `id` is given by the sender and makes it take effect once; `by` names the person, or the desk.
    """

    id: str
    do: Do
    by: str
    door: Door = Door.PLATFORM
    alarm: str = ""
    device: str = ""
    # walk: what is pulled for the whole home, mains or uplink, in the place of a device, or drill;
    # call_test: which rung, from 1; sound_test: which phrase of the voice
    step: str = ""
    reason: str = ""
    outcome: str = ""
    responder: str = ""  # dispatch: who is sent; arrive: who is there
    # dispatch: until expected there; shelve, away, walk, window: for how long (0 ends it)
    seconds: float = 0.0
    issued: str = ""  # RFC 3339: when it was given; see gateway/judge/lateness.py
    expires: str = ""  # RFC 3339; later than this it is refused
    # the power-up of this gateway that the sender saw: proves that the order is not older
    boot: str = ""
    port: str = ""  # ask_port
    journal: str = ""  # resend
    first: int = 0  # resend: numbers of entries, both included
    last: int = 0
    settings: Mapping[str, str] = {}  # adjust: values as they were typed
    revision: int = 0  # configure, commissioned: the household's revision that the technician saw
    change: Change | None = None  # configure, platform_test
    # of what is wanted, whenever it was given: an id that comes again with another is another order
    digest: str = ""
    # configure, platform_test, commissioned: name of the file in the folder `handed` with what must
    # not stand here
    secrets: str = ""


class Refused(StrEnum):
    """Why an instruction was refused."""

    NONE = ""
    UNKNOWN_ALARM = "unknown_alarm"  # no alarm of this home
    ALARM_ENDED = "alarm_ended"
    UNKNOWN_JOURNAL = "unknown_journal"
    BUSY = "busy"
    UNKNOWN_DEVICE = "unknown_device"
    NOT_ALLOWED = "not_allowed"
    MISSING = "missing_field"
    TOO_LONG = "too_long"
    PLATFORM_ONLY = "platform_only"
    EXPIRED = "expired"
    UNDECIDED = "undecided"  # nobody can know whether it is late
    BAD_MESSAGE = "bad_message"
    LOCAL_ONLY = "local_only"
    CHANGED_MEANWHILE = "changed_meanwhile"
    INVALID = "invalid"
    NOT_KEPT = "not_kept"
    ID_REUSED = "id_reused"
    # this id has its answer, which is not kept any more: nothing is done a second time
    ANSWER_LOST = "answer_lost"


# such an answer says nothing about the order of this id
FORGOTTEN = frozenset({Refused.BAD_MESSAGE, Refused.ID_REUSED, Refused.ANSWER_LOST})


class Done(NamedTuple):
    """What is known of an instruction that has its answer."""

    digest: str  # "?" where it is not known any more: then nothing is the same
    entry: int  # number under which its result stands in the journal, 0 where it is not kept


class Problem(NamedTuple):
    """What is wrong with one field, so that a form can say it there.

    `section` and `field` are words of the configuration.
    """

    section: str
    item: str  # id of the device, or number of the rung from 1; "" where there is one only
    field: str
    say: Say


class ResultFact(Struct, frozen=True):
    """What came of an instruction: accepted, or refused.

    A refusal carries its reason as a fixed word and in both languages.
    """

    instruction: Instruction
    refused: Refused
    zh: str = ""
    en: str = ""
    alarm: str = ""
    state: str = ""
    problems: Sequence[Problem] = ()
    revision: int = 0  # configure: the household's revision from now on
    sent: int = 0  # resend: entries that the broker has taken


def no(i: Instruction, why: Refused, said: str | Say, /, **values: object) -> ResultFact:
    """Return the answer that refuses an instruction: a code with its values, or a sentence."""
    say = said if isinstance(said, Say) else Say(said, **values)
    return ResultFact(i, why, *say.pair, alarm=i.alarm)
