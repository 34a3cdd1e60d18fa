"""What is really played: through ALSA, with a device that writes to a file. Phrases are told apart by their own samples."""

import array
import os
import subprocess
import sys
import wave
from types import SimpleNamespace

import pytest
from gateway.tell.sounder import BROKEN, HEARD
from gateway.voice import play, recordings, render, tones
from gateway.voice.play import CLIPS

FALL = {"ELDERCARE_KIND": "person.fall", "ELDERCARE_ROOM": "bath", "ELDERCARE_CANCEL": "button", "ELDERCARE_STATE": "raised"}


@pytest.fixture(scope="module")
def phrases():
    render.written(CLIPS)
    return CLIPS / "zh"


class Card:
    """A sound device that writes what it plays into a file."""

    def __init__(self, folder):
        self.file = folder / "played.raw"
        self.settings = folder / "asound.conf"
        self.settings.write_text(f'pcm.card {{ type file slave.pcm null file "{self.file}" format raw }}\npcm.null {{ type null }}\n')

    def run(self, reason, *arguments, device="card", **facts):
        environment = {**os.environ, "ALSA_CONFIG_PATH": str(self.settings), "ELDERCARE_REASON": reason, **FALL, **facts}
        command = [sys.executable, "-m", "gateway.voice.play", f"--device={device}", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)

    @property
    def played(self):
        return array.array("h", self.file.read_bytes())


@pytest.fixture
def card(tmp_path):
    return Card(tmp_path)


def clip(folder, name):
    with wave.open(str(folder / f"{name}.wav")) as file:
        return array.array("h", file.readframes(file.getnframes()))


def at(played, part):
    """Return where a phrase begins in what was played, in seconds; -1 where it was not played."""
    found = played.tobytes().find(part[: tones.RATE // 2].tobytes())
    return found / 2 / tones.RATE if found >= 0 else -1


def peak(played):
    return max(map(abs, played))


def test_a_question_is_heard_with_the_press_that_ends_it_and_no_siren(card, phrases):
    assert card.run("pre_alarm").returncode == 0
    played = card.played
    assert at(played, tones.chime()) == 0
    assert (
        0 < at(played, clip(phrases, "ask.fall")) < at(played, clip(phrases, "room.bath")) < at(played, clip(phrases, "cancel.button")) < 12
    )
    assert at(played, tones.siren()) == -1


def test_an_alarm_is_heard_at_once_and_as_loud_by_night_and_in_its_test(card, phrases):
    loud = []
    for more in ({}, {"ELDERCARE_NIGHT_VOLUME": "20"}, {"ELDERCARE_TEST": "1"}):
        card.file.unlink(missing_ok=True)
        assert card.run("raised", **more).returncode == 0
        assert at(card.played, tones.siren()) == 0
        assert at(card.played, clip(phrases, "raised.fall")) > 0
        loud.append(peak(card.played))
    assert len(set(loud)) == 1
    assert loud[0] > 30000


def test_words_by_night_are_quieter(card, phrases):
    assert card.run("acknowledged", ELDERCARE_STATE="acknowledged").returncode == 0
    day = peak(card.played)
    card.file.unlink()
    assert card.run("acknowledged", ELDERCARE_STATE="acknowledged", ELDERCARE_NIGHT_VOLUME="50").returncode == 0
    assert peak(card.played) == pytest.approx(day / 2, rel=0.02)


def test_a_recording_of_the_family_is_heard_in_the_place_of_the_phrase(card, phrases, tmp_path):
    own = array.array("h", [(n * 7919) % 20000 - 10000 for n in range(tones.RATE)])
    folder = tmp_path / "voice"
    folder.mkdir()
    with wave.open(str(folder / "acknowledged.wav"), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(tones.RATE)
        out.writeframes(own.tobytes())
    assert card.run("acknowledged", f"--recordings={folder}", ELDERCARE_STATE="acknowledged").returncode == 0
    assert at(card.played, own) > 0
    assert at(card.played, clip(phrases, "acknowledged")) == -1


def test_in_the_place_of_a_damaged_recording_the_shipped_phrase_is_heard_and_it_is_said(card, phrases, tmp_path):
    folder = tmp_path / "voice"
    folder.mkdir()
    whole = recordings.fitted(recordings.made(clip(phrases, "calm")))
    for damaged in (b"no sound at all", whole[:-500], whole[:900] + b"\x55" + whole[901:]):
        (folder / "on_site.wav").write_bytes(damaged)
        card.file.unlink(missing_ok=True)
        ran = card.run("on_site", f"--recordings={folder}", ELDERCARE_STATE="on_site")
        assert (ran.returncode, "on_site" in ran.stderr) == (play.DAMAGED, True)
        assert BROKEN[play.DAMAGED] == HEARD
        assert at(card.played, clip(phrases, "on_site")) > 0
    tested = card.run("raised", f"--recordings={folder}", "test")
    assert tested.returncode == play.DAMAGED, "its test looks at each, and makes no sound"
    assert card.run("raised", f"--recordings={folder}", ELDERCARE_STATE="raised").returncode == 0, "one that is not played harms nothing"
    assert card.run("raised", f"--recordings={folder}", "test", device="hw:7").returncode == play.UNPLUGGED, "no sound at all is worse"


def test_a_voice_recorded_softly_is_as_loud_as_the_phrase_it_replaces_and_can_be_tried_alone(card, phrases, tmp_path):
    folder, shipped = tmp_path / "voice", clip(phrases, "raised.fall")
    folder.mkdir()
    softly = array.array("h", (sample // 12 for sample in clip(phrases, "closed")))
    fit = recordings.fitted(recordings.made(softly), recordings.level(shipped))
    (folder / "raised.fall.wav").write_bytes(fit)
    own = recordings.opened(fit).samples
    assert recordings.level(own) == pytest.approx(recordings.level(shipped), rel=0.05)
    where = f"--recordings={folder}"
    assert card.run("raised", where).returncode == 0
    assert at(card.played, own) > 0
    assert at(card.played, shipped) == -1
    assert at(card.played, tones.siren()) == 0, "the siren is nobody's to replace"
    card.file.unlink()
    assert card.run("try", where, ELDERCARE_PHRASE="raised.fall", ELDERCARE_STATE="raised").returncode == 0
    assert (at(card.played, own) > 0, at(card.played, tones.siren())) == (True, -1)
    card.file.unlink()
    (folder / "raised.fall.wav").unlink()
    assert card.run("try", where, ELDERCARE_PHRASE="raised.fall").returncode == 0
    assert at(card.played, shipped) > 0, "without it the shipped one is heard again"


def test_without_any_phrase_the_tones_still_sound(card, monkeypatch, tmp_path):
    monkeypatch.setattr(play, "CLIPS", tmp_path / "nothing")
    samples = play.composed(["siren", "raised.sos", "chime"], [tmp_path / "nothing"], 1.0)
    assert at(array.array("h", samples), tones.siren()) == 0
    assert at(array.array("h", samples), tones.chime()) > 2


def test_a_device_that_is_not_there_is_said_and_asked_without_a_sound(card):
    gone = card.run("raised", device="hw:7")
    assert (gone.returncode, bool(gone.stderr)) == (10, True)
    assert card.run("raised", "test", device="hw:7").returncode == 10
    assert card.run("raised", "test").returncode == 0
    assert peak(card.played) == 0


def test_one_run_is_bounded(phrases):
    samples = play.composed(["siren"] * 1000, [phrases], 1.0)
    assert len(samples) / 2 / tones.RATE <= 110, "the daemon ends it after two minutes"


def test_without_a_card_it_can_be_written_down_what_was_said(card, phrases, tmp_path):
    place = tmp_path / "said"
    assert card.run("pre_alarm", device=f"file:{place}", ELDERCARE_ALARM="j-a7").returncode == 0
    assert card.run("dispatched", device=f"file:{place}", ELDERCARE_ALARM="j-a7", ELDERCARE_MINUTES="25").returncode == 0
    with wave.open(str(place / "j-a7-pre_alarm.wav")) as file:
        assert at(array.array("h", file.readframes(file.getnframes())), clip(phrases, "ask.fall")) > 0
    assert (place / "sounds.log").read_text().splitlines() == [
        "chime person.fall pre_alarm j-a7 ask.fall,room.bath,cancel.button",
        "chime person.fall dispatched j-a7 dispatched,about,2,10,5,minutes",
    ]
    (tmp_path / "file").write_text("")
    assert card.run("raised", device=f"file:{tmp_path}/file/under").returncode == 1


def test_a_sentence_that_has_changed_is_spoken_anew(tmp_path, monkeypatch):
    catalogue = tmp_path / "catalogue.py"
    catalogue.write_text("")
    said = SimpleNamespace(__file__=str(catalogue), PHRASES={"calm": "old", "test": "this stays"})
    monkeypatch.setattr(render, "VOICES", {"en": ("en-gb", said, "150")})
    os.utime(catalogue, (1, 1))
    assert render.written(tmp_path) == 2
    before = {p.name: p.read_bytes() for p in (tmp_path / "en").iterdir()}
    said.PHRASES["calm"] = "Press the button twice, now."
    assert render.written(tmp_path) == 2
    assert {p.name: p.read_bytes() for p in (tmp_path / "en").iterdir()} == before, "nothing is rendered twice"
    os.utime(catalogue)
    os.utime(tmp_path / "en" / "calm.wav", (2, 2))
    render.written(tmp_path)
    assert (tmp_path / "en" / "calm.wav").read_bytes() != before["calm.wav"]
