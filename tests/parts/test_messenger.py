"""Messengers and mail through the real apprise in a process of its own: to its own JSON target and to a mail server on loopback."""

import asyncio
import json
import os
import re
import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from gateway.sms.text import Told, composed

from tests.kit.fake_bluez import Child
from tests.kit.hook_server import HookServer, in_turn, installed, says
from tests.kit.household import Gateway
from tests.kit.ports import free_port
from tests.kit.wait import PATIENCE, until

ROOT = Path(__file__).parents[2]
TAKES = says(200, b"{}")
ALARM = {
    "ELDERCARE_ALARM": "j-a1",
    "ELDERCARE_KIND": "person.sos",
    "ELDERCARE_ROOM": "卧室",
    "ELDERCARE_STATE": "raised",
    "ELDERCARE_REASON": "no_receipt",
    "ELDERCARE_TEST": "0",
    "ELDERCARE_HOME": "012 幸福村",
    "ELDERCARE_SINCE": "02:13",
}
TEXT = composed(Told(kind="person.sos", reason="no_receipt", home="012 幸福村", room="卧室", since="02:13"), "", "zh")


class Informs:
    """The program as the daemon runs it, but for a line of Python before it."""

    def __init__(self, folder):
        self.folder = folder

    def book(self, url, language="zh"):
        path = self.folder / "messengers.toml"
        path.write_text(f'[messengers.family]\nurl = "{url}"\nlanguage = "{language}"\n', encoding="utf-8")
        path.chmod(0o600)

    def run(self, *words, before="", **more):
        begin = f"import sys; {before}\nfrom gateway.messenger.send import main; sys.exit(main())"
        files = ("--messengers", str(self.folder / "messengers.toml"), "--state", str(self.folder))
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **ALARM, **more}
        return subprocess.run(
            [sys.executable, "-c", begin, "--to", "family", *files, *words],
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture
def program(tmp_path):
    return Informs(tmp_path)


@pytest.fixture
def server():
    with HookServer(TAKES) as server:
        yield server


def address(server):
    return server.url.replace("http", "json", 1) + "/t0ken-Zq41"


SOON = "from gateway.messenger.waits import WAITS; WAITS.again, WAITS.whole, WAITS.attempt = {again}, {whole}, {attempt};"


def test_who_is_informed_reads_what_an_sms_says_and_is_asked_nothing(program, server):
    program.book(address(server))
    done = program.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (came,) = server.came
    body = json.loads(came.body)
    assert (body["title"], body["message"]) == ("", TEXT)
    assert "回复" not in TEXT, "nobody answers by it"
    said = came.body.decode() + json.dumps(came.headers)
    assert not re.search(r"\+?\d{11}|/home|root", said), "no number, nothing of this box"
    program.book(address(server), "en")
    assert program.run(ELDERCARE_TEST="1", ELDERCARE_REASON="recalled").returncode == 0
    assert json.loads(server.came[1].body)["message"].startswith("[DRILL]") or "DRILL" in json.loads(server.came[1].body)["message"]


async def test_mail_has_the_alarm_in_its_subject(program):
    got, seen = [], {}

    async def talks(reader, writer):
        writer.write(b"220 here\r\n")
        data = False
        while line := await reader.readline():
            if data:
                data = line != b".\r\n"
                got.append(line)
                writer.write(b"" if data else b"250 taken\r\n")
            elif line.upper().startswith(b"DATA"):
                data = True
                writer.write(b"354 go on\r\n")
            elif line.upper().startswith(b"QUIT"):
                writer.write(b"221 bye\r\n")
                break
            else:
                seen[line.split(b":")[0].strip().upper()] = line
                writer.write(b"250 well\r\n")
        writer.close()

    mail = await asyncio.start_server(talks, "127.0.0.1", 0)
    async with mail:
        port = mail.sockets[0].getsockname()[1]
        program.book(f"mailto://localhost:{port}?to=her@example.org&from=box@example.org")
        done = await asyncio.to_thread(program.run)
    assert (done.returncode, done.stderr) == (0, "")
    message = message_from_bytes(b"".join(got[:-1]), policy=policy.default)
    assert message["subject"].startswith("【求救】012 幸福村 卧室 02:13")
    assert message["to"] == "her@example.org"
    assert TEXT in message.get_body(("plain", "html")).get_content()


@pytest.mark.parametrize(
    ("answers", "code", "words", "times"),
    [
        (says(403), 14, "refused by the service (code 403)", 1),
        (says(302, location="http://127.0.0.1:1/"), 14, "refused by the service (code 302)", 1),
        (in_turn(says(500), says(429), TAKES), 0, "", 3),
        (says(503), 1, "cannot accept anything now (code 503)", 1),
    ],
)
def test_what_the_service_answers(program, server, answers, code, words, times):
    server.does = answers
    program.book(address(server))
    done = program.run(before=SOON.format(again=0.1 if times > 1 else 1000.0, whole=900.0, attempt=300.0))
    assert done.returncode == code
    assert words in done.stderr
    assert len(server.came) == times
    assert "t0ken" not in done.stderr


def test_a_robot_that_says_200_and_refuses_has_refused(program):
    program.book("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=t0ken-Zq41")
    answers = "import types, requests; requests.Session.request = lambda *a, **k: types.SimpleNamespace(status_code=200, content=b'', json=lambda: {'errcode': 93000});"
    done = program.run(before=answers)
    assert done.returncode == 14
    assert "refused by the service (code 93000)" in done.stderr
    assert program.run(before=answers.replace("93000", "0")).returncode == 0


def test_a_service_that_never_answers_is_given_up_in_time(program, server):
    server.does = lambda _: None
    program.book(address(server))
    done = program.run(before=SOON.format(again=0.5, whole=2.0, attempt=1.0))
    assert done.returncode == 1
    assert "no answer in time" in done.stderr or "no connection" in done.stderr


def test_without_network_it_says_so(program, tmp_path):
    routes = tmp_path / "route"
    routes.write_text("")
    program.book(f"json://127.0.0.1:{free_port()}/t0ken-Zq41")
    away = f"from pathlib import Path; from gateway.hook import route; route.V4 = Path('{routes}'); route.V6 = Path('/none'); {SOON.format(again=1000.0, whole=300.0, attempt=300.0)}"
    done = program.run(before=away)
    assert done.returncode == 12
    assert "no network" in done.stderr


def test_without_apprise_it_says_what_to_install(program, server):
    program.book(address(server))
    for words in ((), ("test",)):
        done = program.run(*words, before="sys.modules['apprise'] = None")
        assert done.returncode == 14
        assert "没有安装 apprise" in done.stderr
        assert "eldercare-gateway[messenger]" in done.stderr
        assert "Traceback" not in done.stderr
    assert server.came == []


def test_a_daily_test_sends_nothing_and_one_that_is_watched_sends_a_drill(program, server):
    program.book(address(server))
    assert program.run("test", ELDERCARE_TEST="1").returncode == 0
    assert server.came == []
    done = program.run("test", ELDERCARE_TEST="1", ELDERCARE_SAYS="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "【演练】" in json.loads(server.came[0].body)["message"]
    program.book(f"json://127.0.0.1:{free_port()}/x")
    assert program.run("test", before=SOON.format(again=1000.0, whole=300.0, attempt=300.0)).returncode == 1


def test_the_daemon_never_loads_it():
    look = "import sys, gateway.tend.daemon, gateway.tend.composition, gateway.page.app; assert not {'apprise', 'requests'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", look], cwd=ROOT, check=True)


async def test_a_press_informs_and_the_address_is_written_nowhere(tmp_path):
    installed("eldercare-messenger", "gateway.messenger.send")
    ladder = '[[ladder]]\nresponder = "family"\nwait = 60\nchannel = "messenger"\nperson = "family"\n'
    with Child() as bluez, HookServer(in_turn(says(403), TAKES)) as server:
        Informs(tmp_path).book(address(server))
        with Gateway(tmp_path, bus=bluez, lines=ladder, times="receipt = 10\n") as gateway:
            await asyncio.to_thread(bluez.wait_for_scan)
            gateway.press()
            await until(lambda: "gateway.call_failed" in json.dumps(list(gateway.journal().values())))
            assert '"not_set_up"' in json.dumps(list(gateway.journal().values())), "it was refused, and is told as that"
            gateway.press()
            await until(lambda: len(server.came) == 2)
            await until(lambda: any('"accepted"' in json.dumps(e) for e in gateway.journal().values() if e["type"] == "alarm"))
            alarms = [e for e in gateway.journal().values() if e["type"] == "alarm"]
            assert {e["state"] for e in alarms} == {"raised"}, "who is informed has answered nothing"
            command = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
            kept = [path.read_bytes() for folder in (gateway.state, gateway.runtime) for path in folder.rglob("*") if path.is_file()]
            assert not any(b"t0ken" in body for body in [*kept, *command, gateway.log().encode()])
            assert "Traceback" not in gateway.log()
