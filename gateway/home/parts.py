"""What may stand in the configuration, part by part: types and bounds.

gateway.toml and the page's household are made of these parts.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=40,
        pattern=r"^[a-z0-9][a-z0-9._-]*\Z",
        description="lower-case letters, digits, . _ -",
    ),
]
Port = Annotated[int, Meta(ge=1, le=65535)]
HistoryDays = Annotated[float, Meta(ge=1, le=400)]
JournalDays = Annotated[float, Meta(ge=30, le=4000)]
Place = Annotated[str, Meta(max_length=40)]
Room = Annotated[str, Meta(min_length=1, max_length=40)]
Residents = Annotated[int, Meta(ge=0, le=20)]
Host = Annotated[str, Meta(max_length=253)]
Address = Annotated[str, Meta(max_length=1000)]  # instead of a host: https://...
Pem = Annotated[str, Meta(max_length=30000)]
Login = Annotated[str, Meta(max_length=200)]
Version = Literal["auto", "5", "3.1.1"]
Receipts = Literal["platform", "broker"]
Visits = Annotated[int, Meta(ge=0, le=31)]
# dangers that a home may do without
Optional = Literal["person.stay_too_long", "person.bed_exit", "door.left_open", "env.water"]


class Strict(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part in which every unknown key is a mistake."""


class PlacePart(Strict, frozen=True):
    """[household]: where the home lies, in the county's own words, and how many live there.

    Trouble of three homes of a place is one event.
    """

    area: Place = ""  # such as a village: what one mains cut takes
    cell: Place = ""  # such as a cell of the mobile network: what takes the line of several homes
    # 0: nobody has said; from two on, movement does not say that a pendant is back home
    residents: Residents = 0
    # visits by a badge that are wanted each month, 0: nobody counts on them
    visits: Visits = 0


class GatewayPart(Strict, frozen=True):
    """[gateway]: who this box is and where it keeps what it knows."""

    id: Annotated[str, Meta(max_length=40, pattern=r"^[A-Za-z0-9._-]*\Z")] = ""
    state: str = "/var/lib/eldercare-gateway"
    runtime: str = "/run/eldercare-gateway"
    timezone: str = "Asia/Shanghai"
    night: tuple[str, str] = ("22:00", "06:00")
    history_days: HistoryDays = 30.0
    journal_days: JournalDays = 730.0
    programs: str = "/usr/local/lib/eldercare-gateway"
    mains: Annotated[
        str,
        Meta(pattern=r"^(|auto|/.*)\Z", description='"auto", "" or the absolute path of a file'),
    ] = "auto"


class PlatformPart(Strict, frozen=True):
    """[platform]: its broker, or the address to which messages are posted."""

    host: str = ""
    url: Address = ""
    port: Port = 8883
    tls: bool = True
    ca: str = ""
    certificate: str = ""
    certificate_key: str = ""
    username: str = ""
    version: Version = "auto"
    receipts: Receipts = "platform"


class RadioPart(Strict, frozen=True):
    """[radio]: the Bluetooth adapters to listen with; none = no radio."""

    adapters: tuple[Annotated[str, Meta(pattern=r"^hci[0-9]+\Z")], ...] = ("hci0",)


class DevicePart(Strict, frozen=True):
    """[[device]]: one enrolled sensor."""

    id: Name
    model: str
    room: Annotated[str, Meta(max_length=40)] = ""
    label: Annotated[str, Meta(max_length=40)] = (
        ""  # what people call it: on the page and on paper, in no log and no topic
    )
    address: str = ""
    port: str = ""
    via: str = ""
    codes: dict[str, str] = {}
    buttons: dict[str, str] = {}
    bed: bool = False
    # whose badge it is, as that person stands in the ladder: it says who is here, nothing else
    badge: Annotated[str, Meta(max_length=40)] = ""
    left_open: bool | Annotated[float, Meta(ge=60, le=3600)] = False
    missing_after: Annotated[float, Meta(ge=60, le=604800)] | None = None


class Rung(Strict, frozen=True):
    """One rung of the ladder, without whether its program only sounds."""

    responder: Annotated[str, Meta(min_length=1, max_length=80)]
    channel: Literal[
        "platform", "program", "sms", "ring", "sms_ring", "webhook", "messenger", "relay"
    ] = "platform"
    wait: Annotated[float, Meta(ge=30, le=600)] = 120.0
    program: tuple[str, ...] = ()
    faults: bool = False  # told of a P2 fault that the platform does not receipt, by day
    test: bool = False  # it can be asked daily whether it could, by the last argument "test"
    person: Annotated[str, Meta(max_length=40, pattern=r"^([a-z0-9][a-z0-9._-]*|)\Z")] = ""
    # of the number, or of the address's host, to show
    tail: Annotated[str, Meta(max_length=16, pattern=r"^[0-9a-z.:-]*\Z")] = ""
    output: Annotated[str, Meta(max_length=200)] = ""  # what a relay switches, see `gateway.relay`
    hours: tuple[str, str] | None = None  # when this person can be called; None: always
    days: Annotated[str, Meta(max_length=7, pattern=r"^1?2?3?4?5?6?7?\Z")] = ""  # 1 is Monday
    least: Literal["P1", "P2"] = "P2"  # called for what is as urgent, or more
    together: bool = False  # called at once with the one before
    informed: bool = False  # a relative who is told, and never asked to come


class PhonePart(Strict, frozen=True):
    """A person's telephone number, among the secrets."""

    number: Annotated[str, Meta(max_length=20)]
    language: Literal["zh", "en"] = "zh"

    def __repr__(self) -> str:
        return "PhonePart()"


class HookPart(Strict, frozen=True):
    """A webhook among the secrets: where it is, what signs, and the authority's PEM if it has one.

    What an address and a key have to be is asked where they are typed (`hooks`).
    """

    url: Annotated[str, Meta(max_length=1000)]
    secret: Annotated[str, Meta(max_length=100)]
    ca: Pem = ""

    def __repr__(self) -> str:
        return "HookPart()"


class MessengerPart(Strict, frozen=True):
    """A messenger among the secrets. What an address has to be is asked where it is typed."""

    url: Annotated[str, Meta(max_length=1000)]
    language: Literal["zh", "en"] = "zh"

    def __repr__(self) -> str:
        return "MessengerPart()"


class RungPart(Rung, frozen=True):
    """[[ladder]]: who is called after the platform, in this order."""

    sounds: bool = False  # it makes a noise and reaches nobody; so does what stands in [sound]
    # how often this person was given another number or address: each is another call
    anew: Annotated[int, Meta(ge=0, le=9999)] = 0


class SoundPart(Strict, frozen=True):
    """[sound]: what sounds in the home at once, in the grace and when a P1 or P2 is raised.

    Without a program (`pre_alarm`, `alarm`) it is the gateway's own voice. Volumes are percent;
    `device` is a name of ALSA; with `quiet_sos` an SOS or a call for help makes no sound.
    """

    voice: bool | None = None  # None: where neither program is named
    language: Literal["zh", "en"] = "zh"
    device: str = "default"
    volume: Annotated[float, Meta(ge=5, le=100)] = 100.0
    night_volume: Annotated[float, Meta(ge=5, le=100)] = 60.0  # of questions and words
    quiet_sos: bool = False
    pre_alarm: tuple[str, ...] = ()
    alarm: tuple[str, ...] = ()
    test: bool = False  # both can be asked daily whether they could, by the last argument "test"


class DangersPart(Strict, frozen=True):
    """[dangers]: what is not judged in this home. Calls, falls, fire and gas cannot be left out."""

    off: tuple[Optional, ...] = ()


class SilencePart(Strict, frozen=True):
    """[silence]: the home asks where it is silent for too long; what nobody answers is an alarm.

    `preset` says how closely, "off" not at all. For `shadow_days` it learns and nobody is asked.
    `entrance` are the sensors of the door by which people leave, `bath` the rooms where nobody is
    silent for long; where neither is named they are known by their rooms' names. `at_home`: nobody
    here goes out alone, so that no entrance is wanted. `wandering`: who leaves at night is looked
    for at once. `back_by`: when who is out is to be back, "" for no hour.
    """

    preset: Literal["off", "quiet", "usual", "close"] = "off"
    shadow_days: Annotated[int, Meta(ge=0, le=28)] = 14
    entrance: Annotated[tuple[Name, ...], Meta(max_length=8)] = ()
    bath: Annotated[tuple[Room, ...], Meta(max_length=8)] = ()
    at_home: bool = False
    wandering: bool = False
    back_by: Annotated[str, Meta(pattern=r"^(|([01][0-9]|2[0-3]):[0-5][0-9])\Z")] = ""


class ReplayPart(Strict, frozen=True):
    """[replay]: play a recorded day instead of listening to radios and lines."""

    file: str


class PagePart(Strict, frozen=True):
    """[page]: the technician's page, a process of its own."""

    address: str = ""
    port: Port = 443
    http_port: Annotated[int, Meta(ge=0, le=65535)] = 80
    names: tuple[Annotated[str, Meta(max_length=200, pattern=r"^[a-z0-9.-]+\Z")], ...] = ()
    certificate: str = ""
    certificate_key: str = ""
    # who runs the gateway, as the push services of browsers are told; Apple's asks for it
    contact: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=r"^(|(mailto:[^\s@]+@|https://)[A-Za-z0-9.-]+\.[A-Za-z]{2,}(/[!-~]*)?)\Z",
            description='"", mailto:name@host or https://host',
        ),
    ] = ""


class ConsentPart(Strict, frozen=True):
    """Which routine readings the resident lets us keep and push, and for how many days.

    What needs help is always told. All of it is no until somebody was asked.
    """

    activity: bool = False  # motion, presence, doors, presses
    climate: bool = False
    vital_signs: bool = False
    family: bool = False  # relatives may see whether all is well: no readings
    history_days: HistoryDays | None = None
    journal_days: JournalDays | None = None


class File(Strict, frozen=True):
    """gateway.toml, section by section."""

    gateway: GatewayPart = GatewayPart()
    household: PlacePart = PlacePart()
    platform: PlatformPart | None = None
    radio: RadioPart = RadioPart()
    device: list[DevicePart] = []
    ladder: list[RungPart] = []
    times: dict[str, float] = {}
    sound: SoundPart = SoundPart()
    dangers: DangersPart = DangersPart()
    silence: SilencePart = SilencePart()
    consent: ConsentPart = ConsentPart()
    replay: ReplayPart | None = None
    page: PagePart = PagePart()


class Secrets(Strict, frozen=True):
    """secrets.toml: the password of the platform, keys and passwords by device."""

    password: str = ""
    keys: dict[str, str] = {}
    passwords: dict[str, str] = {}

    def __repr__(self) -> str:
        return "Secrets()"


class HomePart(Strict, frozen=True):
    """What the household is called at the platform, and when it is night there.

    A field that is None is as in [gateway].
    """

    number: Annotated[str, Meta(max_length=40)] = ""
    area: Place = ""
    cell: Place = ""
    residents: Residents = 0
    visits: Visits = 0
    timezone: str = ""
    night: tuple[str, str] | None = None


# Drawn with a finger: of a stroke x, y of its first place, then dx, dy of each step from there.
Strokes = Annotated[
    tuple[Annotated[tuple[int, ...], Meta(max_length=5000)], ...], Meta(max_length=200)
]


class Agreed(Strict, frozen=True):
    """Who agreed to what is kept and sent, and when. It stays in the box and on paper.

    Without strokes it was signed on paper, under the name.
    """

    who: Literal["resident", "representative"]
    name: Annotated[str, Meta(max_length=40)] = ""
    strokes: Strokes = ()
    at: str = ""

    def __repr__(self) -> str:
        return f"Agreed({self.who})"


class HomePlatform(Strict, frozen=True):
    """[platform] as the page sets it: certificates as their PEM text, the key among the secrets."""

    host: Host = ""
    url: Address = ""
    port: Port = 8883
    tls: bool = True
    ca: Pem = ""
    certificate: Pem = ""
    username: Login = ""
    version: Version = "auto"
    receipts: Receipts = "platform"


class Signature(Strict, frozen=True):
    """How a certificate was signed: by a name typed, or drawn with a finger."""

    how: Literal["drawn", "typed"]
    strokes: Strokes = ()
    name: Annotated[str, Meta(max_length=40)] = ""

    def __repr__(self) -> str:
        return f"Signature({self.how})"


class Signing(Strict, frozen=True):
    """What a technician signs: the fingerprint of the facts that were seen, and the signature.

    `push`: the signature may be sent to the platform.
    """

    seen: Annotated[str, Meta(max_length=64)]
    signature: Signature
    push: bool = False


class Recording(Strict, frozen=True):
    """A phrase in the voice of a relative: how long it is, and the beginning of its SHA-256."""

    seconds: float
    sum: str


class Household(Strict, frozen=True):
    """What the technician has set, and who changed it last.

    A section that is None is as in gateway.toml.
    """

    v: Literal[1] = 1
    revision: Annotated[int, Meta(ge=0)] = 0
    token: str = ""  # the secrets that belong to it carry the same one
    instruction: str = ""  # what made it this revision
    by: str = ""
    at: str = ""
    changed: tuple[str, ...] = ()
    household: HomePart | None = None
    rooms: tuple[Room, ...] | None = None
    consent: ConsentPart | None = None
    # since when relatives may look; an account of theirs that is older ends
    family_since: str = ""
    agreed: Agreed | None = None
    platform: HomePlatform | None = None
    device: tuple[DevicePart, ...] | None = None
    ladder: tuple[RungPart, ...] | None = None
    times: dict[str, float] | None = None
    sound: SoundPart | None = None
    dangers: DangersPart | None = None
    silence: SilencePart | None = None
    recordings: dict[str, Recording] = {}  # by the phrase they replace, see `phrases`


class HouseholdSecrets(Strict, frozen=True):
    """What of the household nobody else may read.

    A device in `keys` or `passwords` takes the place of the same in secrets.toml.
    """

    v: Literal[1] = 1
    revision: int = 0
    token: str = ""
    password: str | None = None
    certificate_key: str = ""
    keys: dict[str, str] = {}
    passwords: dict[str, str] = {}
    phones: dict[str, PhonePart] = {}  # who is told by telephone, by the person's id
    hooks: dict[str, HookPart] = {}  # whom a webhook tells, by the id that stands for them
    messengers: dict[str, MessengerPart] = {}  # whom a messenger informs, in the same way
    own_number: Annotated[str, Meta(max_length=20)] = ""  # of the SIM card
    called: Annotated[str, Meta(max_length=80)] = ""  # how an SMS names the home

    def __repr__(self) -> str:
        return f"HouseholdSecrets({self.revision})"
