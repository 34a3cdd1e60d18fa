"""`eldercare-gateway replay`: recorded days through changed rules, as a table and a picture a day; the same input gives the same bytes."""

import xml.etree.ElementTree as ET

import pytest
from drivers import all_models
from gateway.__main__ import main
from gateway.home.config import load
from gateway.judge.known import Known
from gateway.judge.watch import SOS, Watch
from gateway.keep.journal import Writing
from gateway.keep.store import Store
from gateway.words.instruction import Do, Instruction

from tests.kit.hand import Home
from tests.kit.household import DEVICES, Gateway
from tests.parts.test_trial import DAY, DOOR, LADDER, RADAR, at, record

RULES = "[times]\ngrace_fall = 20\ndoor_left_open_day = 3600\n"


@pytest.fixture
def home(tmp_path):
    gateway = Gateway(tmp_path, devices=DEVICES + RADAR + DOOR, lines=LADDER)
    gateway.systemd.close()
    config = load(gateway.config, all_models(), with_secrets=False)
    config.state.mkdir()
    return config


def replay(home, folder, *words):
    return main(["replay", "--config", str(home.path), "--pictures", str(folder), *words])


def figures(out, line="all"):
    """Return the numbers of a line of the table, by the columns' English names."""
    rows = [row.split() for row in out.splitlines()]
    head = next(row for row in rows if "signs" in row)
    found = next(row for row in rows if line in row[:2])
    names = head[1::2]
    numbers = [int(word) for word in found if word.isdigit()]
    return dict(zip(names[1:], numbers, strict=True))


def test_changed_rules_are_compared_with_those_in_force(home, tmp_path, capsys):
    record(home)
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    assert replay(home, tmp_path / "a", "--from", "2026-11-16", "--to", "2026-11-17", "--rules", str(rules)) == 0
    out = capsys.readouterr().out
    assert figures(out) == {
        "readings": 8, "signs": 2, "asked": 0, "answered": 0, "cancelled": 0, "raised": 3, "called": 0, "was": 0, "missed": 0, "more": 1, "fewer": 1,
    }  # fmt: skip
    assert "more: 2026-11-16 12:00 person.fall bath radar" in out
    assert "fewer: 2026-11-16 13:30 door.left_open hall door" in out
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["2026-11-16.svg", "2026-11-17.svg"]


def test_what_was_raised_and_helped_is_missed_where_it_is_not_raised_now(home, tmp_path, capsys):
    record(home)
    store = Store(home.state, "gw")
    store.open()
    pipeline = Home(watches=(), ladder=home.ladder).pipeline("boot-1")
    entries = pipeline.restart(at(0), Known(journal=store.journal), why="start")
    pipeline._judge.rewatch({"pendant": Watch(device="pendant", buttons={1: SOS})}, home.times, home.zone, home.night, set())
    entries += pipeline.heard(DAY[5])
    alarm = next(iter(pipeline.alarms.values()))
    entries += pipeline.told(Instruction(id="1", do=Do.ACKNOWLEDGE, by="desk", alarm=alarm.id), at(7200 + 100))
    entries += pipeline.told(Instruction(id="2", do=Do.CLOSE, by="desk", alarm=alarm.id, outcome="helped"), at(7200 + 700))
    store.write(Writing(entries=entries))
    store.close_now()
    rules = tmp_path / "rules.toml"
    rules.write_text('[[device]]\nid = "door"\nmodel = "shelly-blu-door"\nroom = "hall"\naddress = "3C:2E:F5:AA:BB:CC"\n')
    assert replay(home, tmp_path / "a", "--from", "2026-11-16", "--rules", str(rules)) == 0
    out = capsys.readouterr().out
    assert (figures(out)["was"], figures(out)["missed"]) == (1, 1)
    assert "missed: 2026-11-16 14:00 person.sos pendant" in out
    assert replay(home, tmp_path / "b", "--from", "2026-11-16") == 0
    assert figures(capsys.readouterr().out)["missed"] == 0
    picture = (tmp_path / "a/2026-11-16.svg").read_text()
    assert 'class="x"' in picture
    assert 'class="x"' not in (tmp_path / "b/2026-11-16.svg").read_text()


def test_the_same_recording_and_rules_give_the_same_bytes(home, tmp_path, capsys):
    record(home)
    found = []
    for name in ("a", "b"):
        assert replay(home, tmp_path / name, "--from", "2026-11-15", "--to", "2026-11-18") == 0
        pictures = [p.read_bytes() for p in sorted((tmp_path / name).iterdir())]
        assert len(pictures) == 4
        found.append((capsys.readouterr().out.replace(str(tmp_path / name), ""), pictures))
    assert found[0] == found[1]
    for picture in found[0][1]:
        assert ET.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"


def test_a_day_is_that_of_the_home_and_days_before_it_are_not_counted(home, tmp_path, capsys):
    record(home, [r.__class__(device=r.device, kind=r.kind, value=r.value, at=at(r.at.mono - 1000 + 13 * 3600)) for r in DAY])
    # 04:00 UTC and 13 h are 01:00 of the next day in the home
    assert replay(home, tmp_path / "a", "--from", "2026-11-16", "--to", "2026-11-17") == 0
    out = capsys.readouterr().out
    assert figures(out, "2026-11-16")["readings"] == 0
    assert figures(out, "2026-11-17")["readings"] == 8
    assert replay(home, tmp_path / "a", "--from", "2026-11-18") == 0
    assert figures(capsys.readouterr().out)["readings"] == 0


def test_a_recording_of_another_home_needs_no_home_here(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"2031-03-0{d} {h:02}:10:00 M004 ON" for d in (3, 4) for h in range(7, 22)]
    lines.insert(3, "2031-03-03 09:11:00 M004 OGRE")
    (tmp_path / "day.txt").write_text("\n".join(lines))
    monkeypatch.setattr("gateway.__main__.DEFAULT", tmp_path / "none.toml")
    monkeypatch.setattr("gateway.arguments.DEFAULT", tmp_path / "none.toml")
    assert main(["replay", "--import", "casas", "day.txt"]) == 0
    said = capsys.readouterr()
    assert figures(said.out)["readings"] == 30
    assert figures(said.out, "2031-03-04")["signs"] == 15
    assert "day.txt, 第 4 行 line 4:" in said.err
    assert "'OGRE' of 'M004'" in said.err
    assert len(list((tmp_path / "replay").iterdir())) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give the first day with --from"),
        (("--from", "yesterday"), "a day such as 2026-03-01"),
        (("--from", "2026-03-02", "--to", "2026-03-01"), "not before the first: 2026-03-01"),
        (("--from", "2020-01-01", "--to", "2026-03-01"), "at most 800 days"),
        (("--import", "prose", "x"), "no such"),
        (("--import", "casas", "x"), "cannot be read"),
        (("--from", "2026-03-02", "--rules", "platform.toml"), "only these may stand in it: times, dangers, silence, ladder, device"),
        (("--from", "2026-03-02", "--rules", "times.toml"), "times.toml: "),
    ],
)
def test_what_cannot_be_done_is_said(home, tmp_path, capsys, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "platform.toml").write_text('[platform]\nhost = "x"\n')
    (tmp_path / "times.toml").write_text("[times]\ngrace_fall = 1\n")
    assert replay(home, tmp_path / "a", *words) in (1, 2)
    assert said in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_nothing_of_the_home_is_changed(home, tmp_path, capsys):
    record(home)
    before = {p.name: p.read_bytes() for p in home.state.glob("*.db")}
    assert replay(home, tmp_path / "a", "--from", "2026-11-16") == 0
    assert {p.name: p.read_bytes() for p in home.state.glob("*.db")} == before


def test_silence_is_asked_about_answered_or_raised_and_drawn(tmp_path, capsys, monkeypatch):
    """Rules that the home does not have yet are tried on what was: a long silence, and a door by which nobody comes back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gateway.__main__.DEFAULT", tmp_path / "none.toml")
    monkeypatch.setattr("gateway.arguments.DEFAULT", tmp_path / "none.toml")
    lines = [f"2031-03-03 {m // 60:02}:{m % 60:02}:00 M004 {v}" for m in range(420, 660, 5) for v in ("ON", "OFF")]
    lines += [f"2031-03-03 {m // 60:02}:{m % 60:02}:00 M004 {v}" for m in range(900, 960, 5) for v in ("ON", "OFF")]
    lines += [f"2031-03-03 16:0{n}:00 D001 {v}" for n, v in enumerate(("OPEN", "CLOSE"))]
    (tmp_path / "day.txt").write_text("\n".join(["2031-03-03 06:59:00 D001 OPEN", "2031-03-03 06:59:10 D001 CLOSE", *lines]))
    (tmp_path / "rules.toml").write_text('[silence]\npreset = "usual"\nshadow_days = 0\n')
    words = ["replay", "--import", "casas", "day.txt", "--rules", "rules.toml", "--door", "D001"]
    assert main(words) == 0
    found = figures(capsys.readouterr().out)
    assert (found["asked"], found["answered"], found["raised"]) == (2, 1, 1), "three hours of silence; five hours out"
    picture = (tmp_path / "replay/2031-03-03.svg").read_text()
    assert [n for n in ("k", "n", "a", "l") if f'class="{n}"' in picture] == ["k", "n", "a", "l"]
    assert main(words[:4]) == 0
    assert figures(capsys.readouterr().out)["asked"] == 0
