"""Recordings of the voice: the daemon's alone, bounded, in no backup, gone at once when taken back, and with the home that moves out."""

import base64
import stat

import pytest
from drivers import all_models
from gateway.box import generations
from gateway.home import backup, phrases, takeover, undo, values
from gateway.home.config import load
from gateway.home.handed import LARGEST, Handed, Rejected
from gateway.home.household import keep, shown
from gateway.voice import recordings
from gateway.words.instruction import What
from msgspec.structs import replace

from tests.kit.household import Gateway
from tests.parts.test_household import after, problems, saved
from tests.unit.voice.test_recordings import HOSTILE, voice, wav

WORDS = "three blind mice run"


@pytest.fixture
def home(tmp_path):
    gateway = Gateway(tmp_path / "home", name="gw-1")
    gateway.systemd.close()
    return load(gateway.config, all_models())


def given(data=None):
    return Handed(sound=base64.b64encode(recordings.fitted(wav(voice())) if data is None else data).decode())


def recorded(home, phrase="raised.fall", **more):
    sound, value = given(), {"phrase": phrase, **more}
    now = after(home, "set_phrase", value, sound)
    phrases.put(home.state, values.read(What.SET_PHRASE, value), sound)
    return saved(now, home)


def test_a_recording_is_a_file_of_the_daemon_alone_and_a_line_in_the_household(home):
    now = recorded(home)
    file = home.state / "voice" / "raised.fall.wav"
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    assert (now.household.changed, now.household.recordings["raised.fall"].seconds > 1) == (("recordings.raised.fall",), True)
    assert f"--recordings={file.parent}" in after(now, "set_sound", {"voice": True}).sound_words
    assert recordings.read(file)
    assert "recordings" not in shown(now), "a certificate and the platform need not know"
    assert undo.kept(home, now, What.SET_PHRASE, 0.0, {}) is None, "what is deleted is gone"
    back = recorded(now, shipped=True)
    assert (back.household.recordings, file.exists()) == ({}, False)
    assert after(back, "set_phrase", {"phrase": "raised.fall", "shipped": True}) is back, "there is nothing to take back"


def test_all_of_them_together_are_bounded_and_each_passes_through_the_folder_of_secrets():
    longest = recordings.fitted(wav(voice(7.9)))
    assert len(base64.b64encode(longest)) < LARGEST
    assert len(recordings.RECORDABLE) * recordings.KEPT_MOST < 10 * 1024 * 1024


@pytest.mark.parametrize("name", [n for n, (_, word) in HOSTILE.items() if word != "clipped"])
def test_the_daemon_believes_no_page(home, name):
    sound = given(HOSTILE[name][0])
    value = {"phrase": "raised.fall"}
    assert problems(home, "set_phrase", value, sound) == [("recordings", "raised.fall", "sound")]
    with pytest.raises(Rejected):
        phrases.put(home.state, values.read(What.SET_PHRASE, value), sound)
    assert not (home.state / "voice").exists()


@pytest.mark.parametrize("phrase", ["room.bath", "7", "siren", "../secrets", "raised.fall/../../x", "x" * 40])
def test_only_a_phrase_of_the_list_is_taken(home, phrase):
    for more in ({}, {"shipped": True}):
        assert problems(home, "set_phrase", {"phrase": phrase, **more}, given()) == [("recordings", phrase, "sound")]


def test_what_is_not_base64_is_refused(home):
    assert problems(home, "set_phrase", {"phrase": "calm"}, Handed(sound="§§")) == [("recordings", "calm", "sound")]
    assert problems(home, "set_phrase", {"phrase": "calm"}, Handed()) == [("recordings", "calm", "sound")]


def test_they_are_in_no_backup_and_whoever_moves_in_hears_nobody_of_before(home, tmp_path):
    now = recorded(home)
    kept = backup.opened(backup.made(now, "gw-1", WORDS, "1", "2026-11-22T00:00:00+00:00"), WORDS)
    assert kept.household.recordings == {}
    other = Gateway(tmp_path / "other", name="gw-1")
    other.systemd.close()
    there = recorded(load(other.config, all_models()), "calm")
    assert takeover.prepared(there, replace(kept, household=now.household), all_models()).household.recordings == {}
    takeover.arrive(there.state)
    assert (there.state / "voice").exists(), "until it is this home's"
    generations.finished(there.state)
    assert not (there.state / "voice").exists()
    assert load(other.config, all_models()).household.recordings == {}


def test_a_file_that_is_damaged_is_written_anew_by_the_same_recording(home):
    now = recorded(home)
    file = home.state / "voice" / "raised.fall.wav"
    file.write_bytes(b"torn")
    keep(now, home)
    recorded(now)
    assert recordings.read(file)
