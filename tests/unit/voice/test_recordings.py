"""A recording from outside: what is no sound phrase is refused with its reason, what is kept is as loud as the phrase it replaces."""

import math
import struct
from array import array

import pytest
from gateway.voice import recordings, zh
from gateway.voice.recordings import LOUD, Unfit, checked, fitted, level, opened, read
from gateway.voice.tones import PEAK, RATE
from gateway.words.en import EN


def voice(seconds=2.0, loud=4000, rate=RATE, still=0.0):
    """Return what sounds a little like speech: syllables of a tone, pauses between them."""
    count = int(seconds * rate)
    said = (loud * max(0.0, math.sin(2 * math.pi * 3 * n / rate)) * math.sin(2 * math.pi * 220 * n / rate) for n in range(count))
    quiet = array("h", bytes(2 * int(still * rate)))
    return quiet + array("h", map(int, said)) + quiet


def wav(samples, rate=RATE, channels=1, bits=16, code=1, extra=b"", data=None):
    body = samples.tobytes() if data is None else data
    fmt = struct.pack("<HHIIHH", code, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits) + extra
    parts = (
        struct.pack("<4sI", b"fmt ", len(fmt)) + fmt + b"LIST" + struct.pack("<I", 3) + b"who\0" + struct.pack("<4sI", b"data", len(body))
    )
    return struct.pack("<4sI4s", b"RIFF", 4 + len(parts) + len(body), b"WAVE") + parts + body


def seconds(data):
    return len(opened(data).samples) / RATE


@pytest.mark.parametrize("loud", [700, 2000, 8000, 30000])
def test_however_softly_it_was_spoken_it_is_as_loud_as_the_shipped_phrase(loud):
    kept = opened(fitted(wav(voice(loud=loud)))).samples
    assert level(kept) == pytest.approx(LOUD, rel=0.03)
    assert max(map(abs, kept)) <= PEAK


def test_one_loud_tap_does_not_make_the_voice_behind_it_quiet():
    tapped = voice(3.0, loud=600)
    for n in range(200, 230):
        tapped[n] = 28000
    kept = opened(fitted(wav(tapped))).samples
    assert level(kept[RATE:]) > LOUD / 2, "what is loud is pressed, the voice is raised"
    assert max(map(abs, kept)) <= PEAK


def test_silence_before_and_behind_is_cut_off():
    assert 1.9 < seconds(fitted(wav(voice(2.0, still=3.0)))) < 2.4


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 32000, 44100, 48000])
def test_other_rates_and_two_channels_are_taken(rate):
    both = array("h", (s for one in voice(1.5, rate=rate) for s in (one, one)))
    kept = opened(fitted(wav(both, rate, 2)))
    assert kept.rate == RATE
    assert len(kept.samples) / RATE == pytest.approx(1.5, abs=0.25)
    guid = struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14)
    assert fitted(wav(voice(1.5, rate=rate), rate, code=0xFFFE, extra=guid)), "as some phones write it"


CUT = array("h", (max(-32768, min(32767, 20 * s)) for s in voice(loud=8000)))
HOSTILE = {
    "nothing": (b"", "not_wav"),
    "a song": (b"ID3\x04" + bytes(4000), "not_wav"),
    "a page": (b"<!doctype html>", "not_wav"),
    "a film": (b"RIFF\x10\0\0\0AVI LIST", "not_wav"),
    "a head alone": (wav(array("h"))[:40], "damaged"),
    "cut off": (wav(voice())[:-1000], "damaged"),
    "no form": (b"RIFF\x10\0\0\0WAVEdata\x02\0\0\0\0\0", "damaged"),
    "parts without end": (b"RIFF\x10\0\0\0WAVE" + b"junk\0\0\0\0" * 60_000, "damaged"),
    "compressed": (wav(voice(), code=6), "form"),
    "eight bits": (wav(voice(), bits=8), "form"),
    "six channels": (wav(voice(), channels=6), "form"),
    "a rate of nothing": (wav(voice(), rate=0), "form"),
    "a rate of bats": (wav(voice(), rate=192_000), "form"),
    "silence": (wav(array("h", bytes(64_000))), "silent"),
    "hiss": (wav(array("h", [20, -20] * RATE)), "silent"),
    "a whisper far away": (wav(voice(loud=300)), "quiet"),
    "too loud for the phone": (wav(CUT), "clipped"),
    "a click": (wav(voice(0.25)), "short"),
    "a speech": (wav(voice(9.0)), "long"),
    "large": (wav(voice()) + bytes(recordings.LARGEST), "large"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_heard_as_a_phrase_is_refused_with_a_reason(name):
    data, word = HOSTILE[name]
    with pytest.raises(Unfit) as no:
        fitted(data)
    assert no.value.word == f"recording.{word}"
    assert EN[no.value.word].format(**no.value.values)
    if word != "clipped":  # what is cut off at its tops is heard all the same
        with pytest.raises(Unfit):
            checked(data)


def test_who_hands_it_over_is_not_believed():
    fit = fitted(wav(voice()))
    assert checked(fit) == fit
    for other in (wav(voice(), 8000), wav(voice(loud=500)), wav(voice(9.0, loud=12000)), wav(array("h", bytes(64_000)))):
        with pytest.raises(Unfit):
            checked(other)
    more = checked(wav(voice(loud=12000), extra=b"") + b"and who said it, and where")
    assert b"where" not in more, "nothing but the samples is kept"


def test_a_flipped_bit_is_known_and_a_file_put_there_by_hand_is_heard(tmp_path):
    file = tmp_path / "calm.wav"
    assert read(file) is None
    fit = fitted(wav(voice(0.6)))
    for at in range(0, len(fit), 997):
        file.write_bytes(fit[:at] + bytes((fit[at] ^ 4,)) + fit[at + 1 :])
        try:
            found = read(file)
        except Unfit:
            continue
        assert found == opened(fit).samples, f"byte {at} is not one of the samples"
    file.write_bytes(wav(voice()))
    assert read(file) == voice()
    file.write_bytes(wav(voice(), 44100))
    with pytest.raises(Unfit):
        read(file)


def test_whole_sentences_can_be_recorded_and_pieces_cannot():
    pieces = {n for n in zh.PHRASES if n.isdecimal() or n.startswith("room.")} | {"about", "minutes", "test"}
    assert set(zh.PHRASES) - pieces == recordings.RECORDABLE
    assert len(fitted(wav(voice(7.9)))) <= recordings.KEPT_MOST
