"""Programs: whatever the road into the configuration, only what this box lets run may stand there, and only that runs."""

import os

import pytest
from drivers import all_models
from gateway.box import generations
from gateway.home import programs
from gateway.home.config import load, rights
from gateway.home.source import ConfigError

from tests.kit.household import Gateway
from tests.parts.test_household import after, problems

SIREN = '[sound]\nalarm = ["/bin/sh", "/opt/siren.sh"]\n'
SHELL = ["/bin/sh", "-c", "touch /tmp/owned"]


@pytest.fixture
def folder(tmp_path):
    """The folder of programs that the page may choose from, with one in it."""
    made = tmp_path / "programs"
    made.mkdir(mode=0o755)
    (made / "siren").write_text("#!/bin/sh\n")
    (made / "siren").chmod(0o755)
    return made


@pytest.fixture
def home(tmp_path, folder):
    """A configuration whose owner lets one command run, and the folder's."""
    gateway = Gateway(tmp_path / "home", name="gw-1", lines=SIREN)
    gateway.systemd.close()
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace('runtime = "run"', f'runtime = "run"\nprograms = "{folder}"'))
    return load(gateway.config, all_models())


def test_a_command_of_the_file_is_its_owners_word_and_no_other_arguments_are(home):
    assert home.sound_alarm == ("/bin/sh", "/opt/siren.sh")
    same = {"alarm": ["/bin/sh", "/opt/siren.sh"]}
    assert after(home, "set_sound", same).sound_alarm == ("/bin/sh", "/opt/siren.sh")
    assert problems(home, "set_sound", {"alarm": SHELL}) == [("sound", "", "alarm")]
    assert problems(home, "set_sound", {"alarm": ["/bin/sh"]}) == [("sound", "", "alarm")]
    rung = {"responder": "x", "channel": "program", "program": SHELL}
    assert problems(home, "set_ladder", {"ladder": [rung]}) == [("ladder", "1", "program")]


@pytest.mark.parametrize("device", ["tee:null,'|touch /tmp/x',raw", "file:/tmp", "tee:x", "a b", "x" * 65, "hw:0'", ""])
def test_a_sound_device_that_could_be_a_command_is_refused_and_left_out(home, device):
    assert problems(home, "set_sound", {"device": device}) == [("sound", "", "device")]
    generations.write(home.state / "household.json", {"v": 1, "revision": 3, "sound": {"device": device}})
    found = load(home.path, all_models())
    assert "--device=default" in found.sound_alarm
    assert "sound.device" in found.trouble
    assert after(home, "set_sound", {"device": "plughw:1,0"}).parts.sound.device == "plughw:1,0"


def test_a_program_of_the_folder_may_be_chosen(home, folder):
    command = [str(folder / "siren"), "--loud", "138 0000"]
    assert after(home, "set_sound", {"alarm": command}).sound_alarm == tuple(command)


def test_what_others_could_change_may_not(home, folder, tmp_path):
    siren = folder / "siren"

    allowed = rights(home.source)

    def refused(*command):
        return allowed.why_not(tuple(map(str, command))) is not None

    (folder / "link").symlink_to("/bin/sh")
    (folder / "data").write_text("#!/bin/sh\n")
    (folder / "sub").mkdir()
    assert refused(folder / "link", "-c", "id")
    assert refused(folder / "data"), "nobody may execute it"
    assert refused(folder / "sub")
    assert refused(folder / "nobody")
    assert refused(folder)
    assert refused(f"{folder}/../programs/siren")
    assert refused(f"{folder}/./siren\0")
    assert refused(siren, "a\nb")
    assert refused(siren, *["x"] * programs.WORDS)
    assert not refused(siren)
    for path, mode in ((siren, 0o775), (siren, 0o757), (folder, 0o777), (folder, 0o775), (tmp_path, 0o777)):
        before = path.stat().st_mode
        path.chmod(mode)
        assert refused(siren), (path, oct(mode))
        path.chmod(before)
    assert not refused(siren)


def test_what_belongs_to_somebody_else_may_not(folder):
    command = (str(folder / "siren"),)
    mine, others = ({0, os.getuid()}, {os.getuid() + 1})
    assert programs.Rights(folder=folder, owners=frozenset(mine)).why_not(command) is None
    assert "users other than root can change" in programs.Rights(folder=folder, owners=frozenset(others)).why_not(command).en


def test_what_stands_in_a_household_all_the_same_is_left_out_and_said_and_the_home_is_guarded(home):
    ladder = [
        {"responder": "family", "channel": "program", "wait": 60, "program": SHELL},
        {"responder": "desk", "channel": "platform", "wait": 120, "program": []},
    ]
    body = {"v": 1, "revision": 3, "sound": {"alarm": SHELL, "pre_alarm": ["relative"]}, "ladder": ladder}
    generations.write(home.state / "household.json", body)
    found = load(home.path, all_models())
    assert found.sound_alarm == found.sound_pre_alarm == found.sound_words, "the home's own voice sounds in their place"
    assert [(r.responder, r.channel, r.program) for r in found.ladder] == [("family", "platform", ()), ("desk", "platform", ())]
    for place in ("sound.alarm", "sound.pre_alarm", "ladder.1"):
        assert f"household.json: {place}: " in found.trouble
    assert after(found, "set_times", {"grace_fall": 20}).times.grace_fall == 20, "and it can be changed"


@pytest.mark.parametrize("command", ['["/bin/x", "a\\u0000b"]', '["bin/x"]'])
def test_what_cannot_run_at_all_is_refused_in_the_file_too(home, command):
    home.path.write_text(home.path.read_text().replace('alarm = ["/bin/sh", "/opt/siren.sh"]', f"alarm = {command}"))
    with pytest.raises(ConfigError, match=r"sound\.alarm"):
        load(home.path, all_models())


def test_a_command_is_shown_as_people_read_it():
    assert programs.told(("/bin/sh", "-c", "rm -rf /", "")) == "/bin/sh -c 'rm -rf /' ''"
