"""Every make that has a key, against who does not have it: in clear, forged, replayed, altered, from another address, by another way.

All of it goes through the intake, as in the home: what counts is that no reading comes of it, and that it is no sign of life either -
a stranger's packet must not keep a dead button from being missed.
"""

import json
import random

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from gateway.hear.enrolled import GUARDED
from gateway.hear.intake import Intake
from gateway.hear.waits import WAITS
from gateway.words.driver import Advertisement, BleAdvert
from gateway.words.reading import NOT_A_CALL, Kind

from tests.kit.hand import HandClock
from tests.unit.drivers.driver_vectors import GOLDEN, MODELS, VECTORS, flips, packet

KEYED = sorted(name for name, model in MODELS.items() if model.key_bytes)
EVERY = pytest.mark.parametrize("name", KEYED)
OWN_KEY = bytes(range(16))
# Its cipher has no tag, whatever the sender: it is not among the makes that may call for help (it senses a knob and a dimmer).
UNSEALED = {"mibeacon-legacy"}
OTHER_ADDRESS = "A4:C1:38:99:99:99"


class Ear:
    """An intake with one device of this make and key. `said` are (kind, value) since last asked."""

    def __init__(self, name, address, key, memory=None):
        self.clock, self.heard_at, self.readings = HandClock(), {}, []
        self.intake = Intake(self.clock.now, self.heard_at, self.readings.append)
        self.intake.enrol("it", MODELS[name], address, key, memory or {})
        self.driver = self.intake.devices["it"].driver

    def hear(self, advert):
        self.clock.move(WAITS.same + 1)  # no burst: a packet of its own
        self.readings.clear()
        self.intake.advert(advert)
        return [(r.kind, r.value) for r in self.readings]

    def nothing_of(self, advert, about):
        before = dict(self.heard_at)
        memory = json.dumps(self.intake.devices["it"].driver.memory)
        assert self.hear(advert) == [], about
        assert self.heard_at == before, ("a sign of life", about)
        assert json.dumps(self.intake.devices["it"].driver.memory) == memory, ("it is remembered", about)


def genuine(name):
    """Yield (address, key, service, bytes) of sealed frames from which this make says something."""
    found = [g for g in GOLDEN[name] if g[1] is not None and Ear(name, *g[:2]).hear(packet(MODELS[name], g[2], g[3], g[0]))]
    if not found:  # none was ever recorded sealed: its frame in clear, sealed here
        address, _, service, data = next(g for g in GOLDEN[name] if g[3][0] in (0x40, 0x44))
        count = (7).to_bytes(4, "little")
        nonce = bytes.fromhex(address.replace(":", "")) + b"\xd2\xfc\x45" + count
        box = AESCCM(OWN_KEY, tag_length=4).encrypt(nonce, data[1:], None)
        found = [(address, OWN_KEY, service, b"\x45" + box[:-4] + count + box[-4:])]
        assert Ear(name, address, OWN_KEY).hear(packet(MODELS[name], service, found[0][3], address))
    return found


def in_clear():
    """Return every frame without a key that any make on the air has: what a stranger could send from an address he has overheard."""
    return [
        (service, data)
        for name, model in MODELS.items()
        if isinstance(model.listens, BleAdvert)
        for _, key, service, data in GOLDEN[name]
        if key is None
    ]


CLEAR = in_clear()


@EVERY
def test_in_clear_nobody_speaks_for_a_device_whose_key_is_known(name):
    address, key, service, data = genuine(name)[0]
    ear = Ear(name, address, key)
    for where, words in CLEAR:
        ear.nothing_of(packet(MODELS[name], where, words, address), (where, words.hex()))
    assert len(CLEAR) > 80
    # An SOS in the make's own words and in the general ones; the bit that says "sealed" is not set.
    for words in ("4000013a01", "44000201643a01", "40003a01", "403a01", "443a01"):
        ear.nothing_of(packet(MODELS[name], "0000fcd2-0000-1000-8000-00805f9b34fb", bytes.fromhex(words), address), words)
    for words in ("5020aa01da" + "".join(reversed(address.lower().split(":"))) + "0110030100 00".replace(" ", ""),):
        ear.nothing_of(packet(MODELS[name], "0000fe95-0000-1000-8000-00805f9b34fb", bytes.fromhex(words), address), words)
    assert ear.hear(packet(MODELS[name], service, data, address)), "and the device itself is still heard"


@EVERY
def test_forged_with_another_key_or_from_another_address_it_says_nothing(name):
    dice = random.Random(5)
    for address, key, service, data in genuine(name):
        advert = packet(MODELS[name], service, data, address)
        for other in (
            bytes(len(key)),
            dice.randbytes(len(key)),
            key[::-1] if key[::-1] != key else key[1:] + key[:1],
            bytes([key[0] ^ 1]) + key[1:],
        ):
            Ear(name, address, other).nothing_of(advert, other.hex())
        # The same bytes from somebody else's address: of a device with the same key, as a lazy maker ships them.
        ear = Ear(name, OTHER_ADDRESS, key)
        said = ear.hear(packet(MODELS[name], service, data, OTHER_ADDRESS))
        assert said == [], (address, said)
        assert ear.heard_at == {}


@EVERY
def test_every_altered_bit_and_every_cut_of_a_sealed_frame_says_nothing(name):
    """Some makes leave bits of the head without a seal: then it is the same frame, which says the same, and once only."""
    for address, key, service, data in genuine(name):
        true = Ear(name, address, key).hear(packet(MODELS[name], service, data, address))
        heard = Ear(name, address, key)
        heard.hear(packet(MODELS[name], service, data, address))
        for altered in [*flips(data), *(data[:end] for end in range(len(data))), data + b"\0", data + data, b"\0" + data]:
            advert = packet(MODELS[name], service, altered, address)
            said = Ear(name, address, key).hear(advert)
            if name in UNSEALED:
                said, again = ([s for s in told if s[0] in GUARDED] for told in (said, heard.hear(advert)))
                assert said == again == [], altered.hex()
                continue
            assert said in ([], true), altered.hex()
            assert not judged(heard.hear(advert)), ("a recording, a little altered", altered.hex())


@EVERY
def test_a_recording_raises_nothing_again_not_after_hours_and_not_after_a_restart(name):
    address, key, service, data = genuine(name)[0]
    advert = packet(MODELS[name], service, data, address)
    ear = Ear(name, address, key)
    first = ear.hear(advert)
    assert first
    for _ in range(3):
        ear.clock.move(7200)
        assert not judged(ear.hear(advert)), "hours later"
    again = Ear(name, address, key, memory=json.loads(json.dumps(ear.intake.devices["it"].driver.memory)))
    for adapter in ("hci0", "hci1"):
        said = again.hear(Advertisement(address=address, service_data={service: data}, adapter=adapter))
        assert not judged(said), ("after a restart", said)


@EVERY
def test_a_recording_is_no_sign_of_life_after_a_burst_nor_after_a_restart(name):
    """A dead or stolen button is missed, however often somebody plays what it has said."""
    if name in UNSEALED:
        return  # its frames have no counter that anybody could check; nothing of it is supervised
    frames = [g for g in genuine(name) if g[:2] == genuine(name)[0][:2]]
    address, key = frames[0][:2]
    ear = Ear(name, address, key)
    for _, _, service, data in frames:
        ear.hear(packet(MODELS[name], service, data, address))
    last = dict(ear.heard_at)
    assert last
    ear.clock.move(WAITS.burst)
    for n in range(3 * len(frames)):
        _, _, service, data = frames[n % len(frames)]
        ear.hear(packet(MODELS[name], service, data, address))
        ear.clock.move(3600 * (n % 2))
        assert ear.heard_at == last, n
    again = Ear(name, address, key, memory=json.loads(json.dumps(ear.intake.devices["it"].driver.memory)))
    for _, _, service, data in frames:
        again.hear(packet(MODELS[name], service, data, address))
        assert again.heard_at == {}


@EVERY
def test_recordings_in_another_order_raise_nothing_they_have_raised_before(name):
    """An old counter with a valid tag: what was heard of it once is never heard again; of what was never heard only a call is."""
    frames = [g for g in genuine(name) if g[:2] == genuine(name)[0][:2]]
    address, key = frames[0][:2]
    ear = Ear(name, address, key)
    for _, _, service, data in frames:
        ear.hear(packet(MODELS[name], service, data, address))
    for seed in range(4):
        for _, _, service, data in random.Random(seed).sample(frames, len(frames)):
            said = ear.hear(packet(MODELS[name], service, data, address))
            assert not judged(said), (data.hex(), said)


@EVERY
def test_an_older_frame_that_was_never_heard_is_a_call_once_and_no_state(name):
    """The decision of the manual: help that somebody recorded and held back sounds once, flagged; a door is not opened by a recording."""
    frames = genuine(name)
    address, key, service, data = frames[0]
    ear = Ear(name, address, key)
    driver = ear.intake.devices["it"].driver
    ear.hear(packet(MODELS[name], service, data, address))
    newest = {**driver.memory, "counter": (int(driver.memory.get("counter", 0)) + 1000) % 2**32, "calls": ""}
    late = Ear(name, address, key, memory=newest)
    said = late.hear(packet(MODELS[name], service, data, address))
    calls = [(kind, value) for kind, value in said if kind is Kind.BUTTON and value not in NOT_A_CALL]
    assert [s for s in judged(said) if s not in calls] == [], said
    assert all(r.flagged for r in late.readings if r.kind is Kind.BUTTON), "a doubted call says so"
    assert not judged(late.hear(packet(MODELS[name], service, data, address))), "and once only"


def judged(said):
    """Return what of it could raise an alarm or move a state; that something was replayed is the driver's own word."""
    return [(kind, value) for kind, value in said if kind is not Kind.REPLAYED]


def test_every_keyed_make_is_here():
    assert len(KEYED) >= 18
    assert all(genuine(name) for name in KEYED)
    assert not any(MODELS[name].senses & GUARDED for name in UNSEALED)
    assert len(VECTORS) > 150
