"""The demonstration from end to end: real broker, desk and gateway as processes, and the proof that notices what is missing."""

import contextlib
import copy
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gateway.demo import home, proof
from gateway.demo.both import both
from gateway.demo.desk import Desk
from gateway.words.wide import columns

from tests.kit.wait import PATIENCE, until_now

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 900  # s; the whole day takes about 90 on a machine that has nothing else to do


def environment(tmp_path):
    return os.environ | {"TMPDIR": str(tmp_path), "PYTHONIOENCODING": "utf-8"}


def demo(tmp_path, *options):
    """Play the day; return exit code and what was shown."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway.demo", "--once", *options],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        encoding="utf-8",
        timeout=LONGEST,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    print(done.stdout, done.stderr)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def short(tmp_path_factory):
    """Return a temporary folder with a short name: a socket's path is bounded."""
    folder = Path(f"/tmp/demo-{os.getpid()}-{time.monotonic_ns() % 10**6}")
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == [], "the demonstration leaves nothing behind"
    folder.rmdir()


def in_order(text, *words):
    """Assert that these stand in the text, one after the other."""
    at = 0
    for word in words:
        found = text.find(word, at)
        assert found >= 0, f"{word!r} does not come after {text[max(0, at - 80) : at]!r}"
        at = found + len(word)


def test_the_whole_day_reaches_every_stage_of_every_alarm(short):
    code, out, err = demo(short)
    assert (code, err) == (0, "")
    # an SOS, from the press to the outcome
    in_order(
        out,
        "gateway started",
        "读数 readings",
        "27.8°C",
        "presses the encrypted pendant",
        "07:40:00  #1 1+2 危险警报 alarm",
        "#1 3 数据推送",
        "#1 4 有人应答",
        "#1 5 派人救助",
        "网格员 grid worker",
        "#1 6 到达现场",
        "#1 7 警报结束",
        "helped",
    )
    # a fall that is cancelled, a fault that wakes nobody, a door that closes by rule
    in_order(
        out,
        "10:15:00  #2 1 出现危险",
        "chime",
        "10:15:18  #2   老人撤警 cancelled",
        "11:30:00     技术故障",
        "battery low",
        "9 %",
        "12:30:0",
        "#3",
        "door left open",
        "#3 7 警报结束",
        "nobody was woken",
    )
    # the network fails: the home sounds, the neighbour is told by SMS, answers, comes with her badge and ends it; delivered later
    in_order(
        out,
        "network cut",
        "network lost",
        "15:02:00  #4 1+2",
        "siren",
        "Help is being called",
        "15:02:30  #4   呼叫第1级",
        "the neighbour reads: 【求救】",
        "the neighbour answers: ",
        " 1 10",
        "#4 4 有人应答 answered     邻居 neighbour",
        "#4 5 派人救助",
        "her badge",
        "#4 6 到达现场",
        "the neighbour answers: ",
        " 4\n",
        "#4 7 警报结束",
        "network back",
    )
    assert "siren" not in (ROOT / "gateway" / "demo" / "home.py").read_text(), "what sounds is the product's own voice"
    # a fall that nobody cancels
    in_order(out, "18:20:00  #5 1 出现危险", "18:20:30  #5 2 发出警报", "#5 3", "#5 4", "护理站 care station", "#5 6", "#5 7", "rescued")
    # the summary
    table = out[out.index("小结 summary") :]
    assert len(re.findall(r"^\d .* \d\d:\d\d:\d\d ", table, re.MULTILINE)) == 5
    assert "缺" not in table.split("已核对")[0]
    assert re.search(r"丢失 lost 0;", table)
    assert "3 条有人到场" in table
    assert [line for line in out.splitlines() if columns(line) > 100] == []
    assert "\033" not in out, "colour only on a terminal"


def test_a_desk_that_hears_nothing_is_noticed(short):
    code, out, _ = demo(short, "--until", "07:43", "--desk-deaf")
    assert code == 1
    in_order(
        out,
        "07:40:00  #1 1+2",
        "siren",
        "07:40:30  #1   呼叫第1级",
        "no receipt",
        "呼叫第2级 rung 2",
        "网格员",
        "NOT everything was reached",
    )
    said = out[out.index("未通过") :]
    assert "没有到达 never reached: 平台回执 receipt, 应答 answered, 派人 dispatch, 到场 arrival, 结束 closed" in said
    assert "the desk never received" in said
    assert "entries still have no receipt" in said
    assert "expected closed, it is raised" in said


def test_it_says_what_it_cannot_play(short, tmp_path):
    (tmp_path / "day.txt").write_text("05:30:00 whistle\n")
    code, _, err = demo(short, "--day", str(tmp_path / "day.txt"))
    assert code == 1
    assert "line 1: '05:30:00 whistle'" in err
    assert "Traceback" not in err


def children(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextlib.contextmanager
def serving(folder, *options):
    """The demonstration as a child that never outlasts its test, however that ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.demo", "--until", "05:31", *options],
        cwd=ROOT,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def until(process, words):
    """Read what it shows until these words come."""
    shown = ""
    for line in process.stdout:
        shown += line
        if words in line:
            return shown
    raise AssertionError(shown)


def gone(pids):
    until_now(lambda: not [p for p in pids if Path(f"/proc/{p}").exists()])


def test_it_goes_on_serving_until_it_is_told_to_end(short):
    with serving(short) as process:
        shown = until(process, "Ctrl-C")
        pids = children(process.pid)
        assert len(pids) == 5  # broker, desk, modem, gateway, and now the page
        config = re.search(r"-m gateway status --config (\S+)", shown)[1]
        ask = [sys.executable, "-m", "gateway"]
        status = subprocess.run([*ask, "status", "--config", config], cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout
        assert "已连接 connected" in status
        subprocess.run([*ask, "tell", "test", "--by", "technician", "--config", config], cwd=ROOT, capture_output=True, check=True)
        shown = until(process, "#1 7 警报结束 closed")
        assert "测试 TEST" in shown
        assert "dispatched" not in shown  # a drill is answered, never dispatched
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    gone(pids)


def test_its_parts_end_with_it_however_it_ends(tmp_path):
    (folder := tmp_path / ("long" * 25)).mkdir()  # no path of a socket may be as long
    with serving(folder) as process:
        until(process, "gateway started")
        pids = children(process.pid)
        assert len(pids) == 4
        pids += [bus for pid in pids for bus in children(pid) if "dbus-daemon" in Path(f"/proc/{bus}/cmdline").read_text()]
        assert len(pids) == 5
        process.kill()
        process.wait(PATIENCE)
    gone(pids)


def test_a_part_that_fails_is_shown_with_its_last_lines(short):
    with serving(short) as process:
        until(process, "gateway started")
        broker = next(p for p in children(process.pid) if "broker.py" in Path(f"/proc/{p}/cmdline").read_text())
        os.kill(broker, signal.SIGKILL)
        rest = process.stdout.read()
        assert process.wait(PATIENCE) == 1
    in_order(rest, "broker", "ended with code -9", "listening")


# -- the proof --------------------------------------------------------------------------------------------------------


def at(mono):
    return {"boot": "b", "mono": float(mono), "wall": f"2026-08-18T00:{mono // 60:02}:{mono % 60:02}.000Z", "clock": "synchronised"}


def good():
    """Return a small day on which all was well."""
    stages = {name: at(10 + n) for n, name in enumerate(proof.ANSWERED)}
    alarm = {
        "type": "alarm",
        "number": 1,
        "id": "j-1",
        "alarm": "j-a1",
        "alarm_number": 1,
        "kind": "person.sos",
        "device": "pendant",
        "test": False,
        "priority": 1,
        "state": "closed",
        "stages": stages,
        "outcome": "helped",
        "state_by": "desk",
    }
    hers = dict.fromkeys(("by", "responder", "state_by"), both("home.neighbour"))
    late = {name: at(30 + n) for n, name in enumerate(proof.BY_HER)}
    alone = {**alarm, **hers, "number": 7, "id": "j-7", "alarm": "j-a2", "alarm_number": 2, "device": "bathroom", "stages": late}
    fault = {
        "type": "fault",
        "number": 2,
        "id": "j-2",
        "kind": "device.low_battery",
        "device": "hall",
        "turn": "raised",
        "priority": 3,
    }
    results = [{"type": "result", "number": 3 + n, "id": f"j-{3 + n}", "instruction": f"i{n}"} for n in range(4)]
    desk = [{"did": "received", "name": "alarm", "number": e["number"], "id": e["id"], "again": False} for e in (alarm, fault, *results)]
    desk += [{"did": "received", "name": "readings", "batch": n, "again": False} for n in (1, 2)]
    desk += [{"did": "recorded", "kind": "device.low_battery", "device": "hall", "priority": 3}]
    desk += [{"did": "received", "name": "alarm", "number": 7, "id": "j-7", "again": False}]
    for n, do in enumerate(proof.DESK_DOES):
        desk += [
            {"did": "instruct", "id": f"i{n}", "do": do},
            {"did": "result", "do": do, "id": f"i{n}", "alarm": "j-a1", "accepted": True},
        ]
    return proof.Seen(
        journal=[alarm, fault, *results, alone],
        desk=desk,
        sounds=["siren person.sos raised j-a1", "siren person.sos raised j-a2"],
        waiting=0,
        batches=2,
        batches_waiting=0,
        expected=[proof.Expected("person.sos", "pendant", "closed"), proof.Expected("person.sos", "bathroom", "closed")],
        faults=[("device.low_battery", "hall")],
        cut=(at(25)["wall"], at(40)["wall"]),
        texts=["an SMS"],
    )


def test_nothing_is_missing_on_a_good_day():
    assert proof.missing(good()) == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        *((lambda s, n=n: s.journal[0]["stages"].pop(n), f"never reached: {both(f'stage.{n}')}") for n in proof.ANSWERED if n != "danger"),
        (lambda s: s.journal[0]["stages"].update(push=at(1)), "is before"),
        (lambda s: s.journal[0].update(outcome=None), "without outcome or name"),
        (lambda s: s.journal[0].update(state="raised"), "expected closed, it is raised"),
        (lambda s: s.expected.clear(), "it was not expected"),
        (lambda s: s.expected.append(s.expected[0]), "it is not in the journal"),
        (lambda s: s.journal.pop(3), "the journal's numbers have gaps"),
        (lambda s: s.desk.pop(2), "the desk never received 1 of 7 entries: 3"),
        (lambda s: s.desk[1].update(id="j-9"), "whose id differs on the two sides: 2"),
        (lambda s: s.desk.append({**s.desk[1], "number": 99}), "whose id differs on the two sides: 99"),
        (lambda s: setattr(s, "waiting", 1), "1 条记录仍待发"),
        (lambda s: s.desk.pop(7), "batches of readings the desk never received: 2"),
        (lambda s: setattr(s, "batches_waiting", 3), "3 批读数仍待发"),
        (lambda s: s.desk[-1].update(accepted=False), "no accepted result for: close"),
        (lambda s: s.journal[5].update(instruction="i2"), "2 个结果"),
        (lambda s: s.journal[1].update(turn="noted"), "expected fault: device.low_battery of hall"),
        (lambda s: s.journal[1].update(priority=2), "it should wake nobody"),
        (lambda s: s.desk.pop(8), "the desk has not recorded it"),
        (lambda s: s.sounds.pop(0), "did not sound in the home"),
        (lambda s: s.texts.pop(), "the neighbour was not told by SMS"),
        (lambda s: s.journal[6].update(state_by="desk"), "it was not the neighbour who answered"),
        (lambda s: s.journal[6]["stages"].update(push=at(33)), "a receipt from before the network returned"),
        (lambda s: setattr(s, "cut", (at(60)["wall"], at(70)["wall"])), "no alarm was raised while the network was away"),
    ],
)
def test_whatever_is_missing_is_said(spoil, said):
    seen = copy.deepcopy(good())
    spoil(seen)
    assert any(said in sentence for sentence in proof.missing(seen)), proof.missing(seen)


def test_the_desk_knows_the_contract_only():
    text = (ROOT / "gateway" / "demo" / "desk.py").read_text(encoding="utf-8")
    assert not re.search(r"^\s*(from|import) (gateway|drivers)", text, re.MULTILINE)
    assert json.dumps(home.GATEWAY) not in text


@pytest.mark.parametrize(("given", "note"), [("now", "work order"), ("list", "today's list"), ("figure", "counted"), ("", "work order")])
def test_the_desk_deals_with_a_fault_by_its_class(capsys, given, note):
    """One of earlier software has no class: it is for a person."""
    body = {"gateway": "g", "journal": "j", "number": 1, "id": "j-1", "kind": "gateway.restarted", "turn": "noted", "fault_class": given}
    Desk().take("fault", json.dumps(body).encode())
    (line,) = [one for one in map(json.loads, capsys.readouterr().out.splitlines()) if one["did"] == "recorded"]
    assert note in line["note"]


def test_an_alarm_that_nobody_answers_is_one_line_with_a_count(capsys):
    desk = Desk()
    desk.look = lambda *_: None
    for number, calls in enumerate((1, 2, 2, 3), 1):
        body = {"gateway": "g", "journal": "j", "number": number, "id": f"j-{number}", "kind": "person.help", "alarm": "j-a1", "calls": []}
        desk.take(
            "alarm", json.dumps(body | {"state": "raised", "move": "call", "calls_made": calls, "priority": 2, "test": False}).encode()
        )
    lines = [one for one in map(json.loads, capsys.readouterr().out.splitlines()) if one["did"] == "line"]
    assert [(one["alarm"], one["calls"]) for one in lines] == [("j-a1", 2), ("j-a1", 3)]
    over = {"number": 5, "id": "j-5", "state": "closed", "move": "close"}
    desk.take("alarm", json.dumps(body | over | {"calls_made": 3, "priority": 2, "test": False}).encode())
    assert desk.homes["g"].calls == {}
