"""Backup and replacement: a new box takes over without pairing anything again, and nothing is half done whatever is wrong with the file."""

import base64
import contextlib
import json
import sqlite3
import time

import pytest
from drivers import all_models
from gateway.box import generations
from gateway.home import backup, takeover
from gateway.home.backup import BackupError, Kept
from gateway.home.config import load
from gateway.home.handed import Handed
from gateway.home.parts import Household

from tests.kit.backups import kept
from tests.kit.brokers import Mosquitto
from tests.kit.household import KEY, OTHER_KEY, SEALED, Gateway, Sealed
from tests.kit.wait import until_now as until
from tests.parts.test_store import Box, degraded
from tests.parts.test_technician import BUTTON, NEW, alarms, change, result, tell, told_changes

WORDS = "three blind mice run"


@pytest.fixture
def home(tmp_path):
    """A configuration without a daemon."""
    gateway = Gateway(tmp_path / "home", name="gw-1")
    gateway.systemd.close()
    return load(gateway.config, all_models())


def sealed_file(home):
    return backup.made(home, "gw-1", WORDS, "1", "2026-11-22T00:00:00+00:00")


def test_a_backup_made_while_the_disk_has_failed_has_what_is_open_in_memory(home):
    box = Box(home.state.parent)
    assert (box.folder, box.runtime) == (home.state, home.runtime)
    box.sos()
    degraded(box)
    box.fall()
    wanted = [a.id for a in box.pipeline.alarms.values()]
    kept_there = backup.opened(sealed_file(home), WORDS)
    box.stop()
    assert [json.loads(body)["alarm"] for body in kept_there.alarms] == wanted
    assert len(wanted) == 2


def test_a_new_box_takes_over_and_knows_every_sensor_and_its_counter(tmp_path, bluez):
    file, word = tmp_path / "home.backup", tmp_path / "word"
    word.write_text(WORDS + "\n")
    with Mosquitto() as broker:
        with Gateway(tmp_path / "old", bus=bluez, name="gw-7", broker=broker) as old:
            bluez.wait_for_scan()
            assert change(old, "put_device", BUTTON, 0, given=Handed(key=OTHER_KEY))["accepted"]
            assert change(old, "set_times", {"grace_fall": 20}, 1)["accepted"]
            sealed, new = Sealed(SEALED, KEY), Sealed(NEW, OTHER_KEY)
            recorded = sealed.press()
            old.air(SEALED, recorded)
            old.air(NEW, new.press())
            until(lambda: alarms(old, "sealed") and alarms(old, "new"))
            done = old.command("backup", str(file), "--passphrase-file", str(word))
            assert done.returncode == 0, done.stderr
            journal = old.status()["journal"]
            until(lambda: len(old.status()["alarms"]) == 2)
            open_there = {(a["alarm"], a["number"]) for a in old.status()["alarms"]}
            no = old.command("restore", str(file), "--passphrase-file", str(word))
            assert no.returncode == 1
            assert "stop the gateway" in no.stderr
        assert KEY.encode() not in file.read_bytes()
        assert OTHER_KEY.encode() not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0
        with_nothing = Gateway(tmp_path / "new", bus=bluez, name="", devices="")
        done = with_nothing.command("restore", str(file), "--passphrase-file", str(word))
        assert done.returncode == 0, done.stderr
        assert "gw-7" in done.stdout
        with with_nothing as box:
            bluez.wait_for_scan()
            until(lambda: box.status()["uplink"]["connected"])
            assert box.status()["gateway"] == "gw-7"
            assert box.status()["journal"] != journal
            assert told_changes(box)[0]["keys"] == "restored"
            assert {d["device"] for d in box.status()["devices"]} == {"pendant", "cancel", "sealed", "new"}
            assert {(a["alarm"], a["number"]) for a in box.status()["alarms"]} == open_there, "what is open is open here"
            box.air(SEALED, recorded)  # recorded at the old box: old for the new one too
            box.air(SEALED, sealed.press())
            box.air(NEW, new.press())
            until(lambda: {alarms(box, d)[-1]["count"] for d in ("sealed", "new")} == {2})
            numbers = [e["number"] for e in box.journal().values()]  # read once: it goes on writing
            assert numbers == list(range(1, len(numbers) + 1))
            assert {e["journal"] for e in box.journal().values()} == {box.status()["journal"]} != {journal}
            box.press()
            until(lambda: alarms(box, "pendant"))
            assert alarms(box, "pendant")[0]["alarm_number"] == 3, "numbers that people say go on"
            box.name = "gw-7"
            revision = box.status()["household"]["revision"]
            assert change(box, "set_times", {"grace_fall": 25}, revision)["accepted"]


def test_what_is_wrong_with_a_file_is_said_plainly(home):
    good = sealed_file(home)
    assert backup.opened(good, WORDS).gateway == "gw-1"
    head, _, body = good.partition(b"\n")
    for data, word in (
        (b"", "not a backup"),
        (b"PK\3\4" + good, "not a backup"),
        (b"x" * (backup.LARGEST + 1), "at most"),
        (good[:-1], "incomplete"),
        (good[: len(head) + 5], "incomplete"),
        (head.replace(b'"v":1', b'"v":2') + b"\n" + body, "newer software"),
        (head[:-9] + b"\n" + body, "damaged"),
        (backup.MAGIC + b"[" * 300 + b"\n" + body, "damaged"),
        (head + b"\n" + body[:40] + bytes([body[40] ^ 1]) + body[41:], "the file is incomplete"),
    ):
        with pytest.raises(BackupError, match=word):
            backup.opened(data, WORDS)
    with pytest.raises(BackupError, match="passphrase is wrong"):
        backup.opened(good, WORDS + "x")
    with pytest.raises(BackupError, match="at least"):
        backup.made(home, "gw-1", "short", "1", "")


def test_a_bomb_of_brackets_inside_is_refused(home, monkeypatch):
    real = backup.msgspec.json.encode
    monkeypatch.setattr(backup.msgspec.json, "encode", lambda what: b'{"v":' + b"[" * 100_000 if isinstance(what, Kept) else real(what))
    bomb = sealed_file(home)
    monkeypatch.undo()
    with pytest.raises(BackupError, match="cannot be understood"):
        backup.opened(bomb, WORDS)


def test_a_home_is_not_overwritten_and_another_id_is_refused(home):
    with pytest.raises(BackupError, match="remove the line"):
        takeover.restore(home, kept(gateway="gw-2"), all_models())
    takeover.restore(home, kept(), all_models())
    import sqlite3

    with sqlite3.connect(home.state / "gateway.db") as db:
        db.execute("INSERT INTO journal VALUES (1, 'alarm', 1, 0, x'00')")
    with pytest.raises(BackupError, match="move that folder away"):
        takeover.restore(home, kept(), all_models())


def test_what_cannot_be_used_here_changes_nothing(home):
    from gateway.home.parts import DevicePart

    strange = kept(household=Household(device=(DevicePart(id="x", model="of-the-future"),)))
    with pytest.raises(BackupError, match="of-the-future"):
        takeover.restore(home, strange, all_models())
    assert not home.state.exists() or not list(home.state.iterdir())


@pytest.mark.parametrize("after", range(8))
def test_cut_off_at_any_step_it_is_finished_at_the_next_start(home, monkeypatch, after):
    """After the rename of the folder every further step may be the last one."""

    class Cut(BaseException):
        pass

    steps = 0

    def cutting(real):
        def step(self, *arguments, **words):
            nonlocal steps
            if (home.state / "restore").exists():
                steps += 1
                if steps > after:
                    raise Cut
            return real(self, *arguments, **words)

        return step

    home.state.mkdir(parents=True)
    (home.state / "household.json").write_text("of before")
    (home.state / "household.json.1").write_text("of before")
    with monkeypatch.context() as patch:
        for name in ("replace", "unlink", "rmdir"):
            patch.setattr(backup.Path, name, cutting(getattr(backup.Path, name)))
        with contextlib.suppress(Cut):
            takeover.restore(home, kept(household=Household(revision=7, times={"grace_fall": 20})), all_models())
    generations.finished(home.state)
    assert not (home.state / "restore").exists()
    again = load(home.path, all_models())
    assert (again.household.revision, again.times.grace_fall, again.trouble) == (8, 20, "")
    assert (home.state / "identity").read_text() == "gw-1\n"
    assert not (home.state / "household.json.1").exists()
    assert json.loads((home.state / "household.json").read_text())["body"]["revision"] == 8


def test_no_shelf_no_absence_and_no_proved_time_come_out_of_a_backup(home, monkeypatch):
    monkeypatch.setattr(takeover, "_rehearsed", lambda *_: None)
    shelf = '{"until":NaN,"left":NaN,"sure":false,"by":"rule","reason":"x"}'
    masks = f'{{"boot":"x","mono":0,"away":9e9,"away_left":9e5,"shelves":{{"smoke":{shelf}}}}}'
    takeover.restore(home, kept(marks={"masks": masks, "floor": "2055-01-01T00:00:00+00:00", "certificate": "1"}), all_models())
    with contextlib.closing(sqlite3.connect(home.state / "gateway.db")) as db:
        marks = dict(db.execute("SELECT name, value FROM marks"))
    assert marks["certificate"] == "1"
    assert "masks" not in marks
    assert "floor" not in marks
    assert not {"masks", "floor"} & {*backup.opened(sealed_file(home), WORDS).marks}, "nor does a backup of ours hold them"


# -- by the page's instructions, through the running daemon --------------------------------------------------------------


def given_away(gateway, **given):
    """Ask the gateway for a backup as the page does; return its answer and the sealed file."""
    order = tell(gateway, "backup", given=Handed(**given))
    answer = result(gateway, order)
    return answer, backup.fetched(gateway.state, order) if answer["accepted"] else b""


def taken(box, data, words=WORDS):
    return tell(box, "take_over", given=Handed(passphrase=words, backup=base64.b64encode(data).decode()))


def test_the_running_gateway_seals_a_backup_and_a_new_one_becomes_it_without_being_started_again(tmp_path, bluez):
    with Mosquitto() as broker:
        with Gateway(tmp_path / "old", bus=bluez, name="gw-7", broker=broker) as old:
            bluez.wait_for_scan()
            assert change(old, "put_device", BUTTON, 0, given=Handed(key=OTHER_KEY))["accepted"]
            new = Sealed(NEW, OTHER_KEY)
            recorded = new.press()
            old.air(NEW, recorded)
            until(lambda: alarms(old, "new"))
            answer, _ = given_away(old, passphrase="short")
            assert answer["refused"] == "invalid"
            assert "at least 10" in answer["en"]
            assert "至少 10" in answer["zh"]
            answer, data = given_away(old, passphrase=WORDS)
            assert answer["accepted"]
            assert backup.last(old.state)[0] == answer["by"]
            (told,) = [e for e in old.journal().values() if e.get("kind") == "service.backup"]
            assert (told["type"], told["priority"], told["turn"], told["detail"]["by"]) == ("fault", 3, "noted", answer["by"])
            assert answer["by"] not in old.log(), "names of people stand in no log"
            until(lambda: old.status()["alarms"])
            there = {(a["alarm"], a["number"]) for a in old.status()["alarms"]}
            for part in (WORDS, OTHER_KEY):
                assert part not in old.log() + json.dumps(list(old.journal().values()))
            assert old.sweep() == []
        with Gateway(tmp_path / "new", bus=bluez, name="", devices="") as box:
            pid, first = box.pid, box.status()["gateway"]
            box.name = first
            for wrong, words, why in (
                (data[:-1], WORDS, "incomplete"),
                (data, WORDS + "x", "passphrase"),
                (b"hello", WORDS, "not a backup"),
            ):
                no = result(box, taken(box, wrong, words))
                assert no["refused"] == "invalid"
                assert why in no["en"]
                assert box.status()["gateway"] == first
            taken(box, data)
            until(lambda: box.status()["gateway"] == "gw-7" and box.status()["uplink"]["connected"])
            bluez.wait_for_scan()
            assert box.process.poll() is None
            assert box.status()["pid"] == pid
            assert not box.systemd.said("STOPPING=1")
            assert {(a["alarm"], a["number"]) for a in box.status()["alarms"]} == there
            box.air(NEW, recorded)
            box.air(NEW, new.press())
            until(lambda: alarms(box, "new")[-1]["count"] == 2)
            assert box.sweep() == []
            box.name = "gw-7"
            no = result(box, taken(box, data))
            assert "journal of another home" in no["en"]


@pytest.mark.parametrize("when", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4])
def test_killed_while_it_takes_over_it_is_the_one_or_the_other_and_never_half(tmp_path, bluez, when):
    with Gateway(tmp_path / "old", bus=bluez, name="gw-7") as old:
        bluez.wait_for_scan()
        assert change(old, "put_device", BUTTON, 0, given=Handed(key=OTHER_KEY))["accepted"]
        old.air(NEW, Sealed(NEW, OTHER_KEY).press())
        until(lambda: alarms(old, "new"))
        _, data = given_away(old, passphrase=WORDS)
    with Gateway(tmp_path / "new", bus=bluez, name="", devices="") as box:
        box.name = first = box.status()["gateway"]
        taken(box, data)
        until(lambda: (box.state / "restore.new").exists() or box.status()["gateway"] == "gw-7" or not when)
        time.sleep(when)  # a moment of its own for each run: whatever it is, what follows must hold
        box.kill()
        box.start()
        until(lambda: box.status()["gateway"] in {first, "gw-7"} and box.status()["pid"] == box.pid)
        until(lambda: box.status()["gateway"] == "gw-7")  # what was left in the inbox is carried out after the kill
        assert [d["device"] for d in box.status()["devices"]].count("new") == 1
        assert len(box.status()["alarms"]) == 1
        assert not (box.state / "restore").exists()
        numbers = [e["number"] for e in box.journal().values()]  # read once: it goes on writing
        assert numbers == list(range(1, len(numbers) + 1))
