"""What the demonstration's home says is heard where there is a sound card; what is missing on this machine is said."""

import subprocess
import sys

from gateway.demo import speaker
from gateway.demo.speaker import Speaker

from tests.kit.wait import until_now


def on_a_machine(monkeypatch, tmp_path, cards):
    (tmp_path / "cards").write_text(cards)
    aplay = tmp_path / "aplay"
    aplay.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/played\nexec sleep 1000\n')
    aplay.chmod(0o755)
    monkeypatch.setattr(speaker, "CARDS", tmp_path / "cards")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return Speaker(tmp_path)


def test_the_newest_sentence_is_heard_and_makes_room(monkeypatch, tmp_path):
    one = on_a_machine(monkeypatch, tmp_path, " 0 [Headphones     ]: bcm2835_headpho\n                      bcm2835 Headphones\n")
    assert one.there
    played = tmp_path / "played"
    one.play("siren person.sos raised j-a1 raised.sos")
    until_now(lambda: played.exists() and "raised" in played.read_text())
    first = one._playing
    one.play("chime person.sos closed j-a1 closed")
    assert first.poll() is not None, "one sentence at a time"
    until_now(lambda: len(played.read_text().splitlines()) == 2)
    one.stop()
    assert [line.rpartition("/")[2] for line in played.read_text().splitlines()] == ["j-a1-raised.wav", "j-a1-closed.wav"]


def test_without_a_card_nothing_is_played(monkeypatch, tmp_path):
    one = on_a_machine(monkeypatch, tmp_path, "--- no soundcards ---\n")
    one.play("siren person.sos raised j-a1 raised.sos")
    assert (one.there, one._playing) == (False, None)


def test_without_a_message_bus_it_says_what_to_install(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "gateway.demo.phones", str(tmp_path)],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1
    assert "apt-get install dbus-daemon" in done.stderr
    assert "Traceback" not in done.stderr
