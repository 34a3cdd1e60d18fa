"""A call of the ladder goes to a webhook: the real program, against a real HTTPS server that behaves well and badly."""

import asyncio
import base64
import json
import os
import re
import socket
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from gateway.hook import targets
from gateway.hook.post import signature
from gateway.tell import sounder
from standardwebhooks import Webhook

from tests.kit.brokers import Authority
from tests.kit.hook_server import HookServer, in_turn, receipts, says
from tests.kit.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
ENTRY = "5b0e77a91c34f021-17"
SOS = {
    "ELDERCARE_ALARM": "5b0e77a91c34f021-a3",
    "ELDERCARE_KIND": "person.sos",
    "ELDERCARE_ROOM": "卧室",
    "ELDERCARE_STATE": "raised",
    "ELDERCARE_REASON": "no_receipt",
    "ELDERCARE_HOME": "H-0451 幸福村",
    "ELDERCARE_TEST": "0",
    "ELDERCARE_ENTRY": ENTRY,
}
# the program's own waits: a process of its own, so they are set where it begins. An attempt has far more than it needs
SHORT = {"again": 0.05, "attempt": 60.0, "whole": 100.0}
BEGIN = "import sys; from gateway.hook.waits import WAITS; {}; from gateway.hook.send import main; raise SystemExit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("papers")
    authority = Authority(folder)
    return authority, authority.issue("127.0.0.1", hosts=("127.0.0.1",))


@pytest.fixture
def server(papers):
    _, own = papers
    with HookServer(certificate=(own.cert, own.key)) as server:
        yield server


class Box:
    """A box with a file of webhooks."""

    def __init__(self, folder, url, ca=""):
        self.folder, self.heard = folder, ""
        self.hooks = folder / "hooks.toml"
        trust = f'ca = "{ca}"\n' if ca else ""
        self.hooks.write_text(f'[hooks.desk]\nurl = "{url}"\nsecret = "{SECRET}"\n{trust}')
        self.hooks.chmod(0o600)

    async def tells(self, who="desk", *words, waits=None, **more):
        """Run the program as the daemon does, with this environment alone; return its exit code."""
        begin = BEGIN.format("; ".join(f"WAITS.{name} = {value}" for name, value in (SHORT | (waits or {})).items()))
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            begin,
            *("--to", who, "--hooks", str(self.hooks), "--state", str(self.folder), *words),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **SOS, **more},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await child.communicate()
        self.heard = (out + error).decode()
        assert SECRET not in self.heard
        assert "/alarms" not in self.heard, "an address may hold a token"
        return child.returncode


@pytest.fixture
def box(tmp_path, server, papers):
    return Box(tmp_path, server.url, papers[0].ca)


async def test_a_call_is_signed_and_its_receipt_ends_it(box, server):
    assert await box.tells() == 0, box.heard
    (came,) = server.came
    said = Webhook(SECRET).verify(came.body, came.headers)
    assert came.headers["webhook-id"] == ENTRY == said["data"]["entry"]
    assert (said["type"], said["data"]["kind"], said["data"]["room"], said["data"]["home"]) == (
        "alarm.call",
        "person.sos",
        "卧室",
        "H-0451 幸福村",
    )
    assert (came.path, came.headers["content-type"]) == ("/alarms", "application/json")


@pytest.mark.parametrize(
    "bad",
    [
        says(500),
        says(503, b"later", retry_after="0"),
        says(429, retry_after="1"),
        says(200),
        says(200, b"<html>please log in</html>", content_type="text/html"),
        says(200, b'{"recorded": "another-entry"}'),
        says(204),
    ],
)
async def test_what_is_no_receipt_is_sent_again_under_the_same_id_and_nothing_is_lost(box, server, bad):
    server.does = in_turn(bad, bad, receipts)
    assert await box.tells() == 0, box.heard
    assert [came.headers["webhook-id"] for came in server.came] == [ENTRY] * 3
    for came in server.came:
        Webhook(SECRET).verify(came.body, came.headers)


@pytest.mark.parametrize(
    ("bad", "code"),
    [(says(404), 14), (says(401), 14), (says(410), 14), (says(400), 1), (says(422), 1)],
)
async def test_what_makes_no_sense_to_repeat_is_not_repeated_and_the_next_person_is_called(box, server, bad, code):
    server.does = bad
    assert await box.tells() == code
    assert len(server.came) == 1


async def test_a_redirect_is_not_followed(box, server):
    with HookServer() as other:
        server.does = says(307, location=other.url)
        assert await box.tells() == 14
        assert "which is not followed" in box.heard
        assert not other.came
    assert len(server.came) == 1


async def test_one_that_never_gives_a_receipt_ends_in_its_time(box, server):
    server.does = says(500)
    assert await box.tells(waits={"whole": 0.5}) == 1
    assert server.came
    assert "HTTP 500" in box.heard
    server.does = says(429, retry_after="3000")
    assert await box.tells() == 1, "who wants more time than there is does not get it: on to the next"


async def test_one_that_answers_nothing_and_one_that_is_half_open_are_left_behind(box, server, tmp_path):
    server.does = lambda _: None
    assert await box.tells(waits={"attempt": 1.0, "whole": 2.0}) == 1
    with socket.socket() as mute:  # takes the connection and says nothing, not even a certificate
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        other = Box(tmp_path, f"https://127.0.0.1:{mute.getsockname()[1]}/alarms")
        assert await other.tells(waits={"attempt": 1.0, "whole": 2.0}) == 1
        assert "no answer within" in other.heard


async def test_one_that_drips_for_ever_is_left_behind_and_a_huge_answer_is_not_read(box, server, tmp_path):
    server.does = says(200, b"x" * 200_000_000 + ENTRY.encode())
    assert await box.tells(waits={"whole": 0.1}) == 1

    async def drip(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"x: y\r\n")
            try:
                await writer.drain()
            except OSError:
                break
            await asyncio.sleep(0.2)
        writer.close()

    slow = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with slow:
        other = Box(tmp_path, f"http://127.0.0.1:{slow.sockets[0].getsockname()[1]}/alarms")
        assert await other.tells(waits={"attempt": 1.0, "whole": 1.5}) == 1


NAMED = b'{"recorded": "' + ENTRY.encode() + b'"}'


@pytest.mark.parametrize(
    "answer",
    [
        b"\r\n" + NAMED,
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(NAMED) + NAMED + b"\r\n",
        b"Content-Length: 500\r\n\r\n" + NAMED,
        b"Content-Length: 200000000\r\n\r\n" + b" " * 60000 + NAMED,
    ],
    ids=["no length", "chunked", "length too long", "far behind"],
)
async def test_a_receipt_counts_as_soon_as_it_names_the_entry_though_the_answer_never_ends(tmp_path, answer):
    over, came = asyncio.Event(), []

    async def never_ends(reader, writer):
        came.append(await reader.readuntil(b"\r\n\r\n"))
        for at in range(0, len(answer), 20011):
            writer.write((b"" if at else b"HTTP/1.1 200 OK\r\n") + answer[at : at + 20011])
            await writer.drain()
        await over.wait()
        writer.close()

    async with await asyncio.start_server(never_ends, "127.0.0.1", 0) as server:
        box = Box(tmp_path, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/alarms")
        assert await box.tells() == 0, box.heard
        over.set()
    assert len(came) == 1


async def test_a_page_that_shows_what_it_was_asked_is_no_receipt(tmp_path):
    def portal(came):
        shown = came.body.decode() + "".join(f"{k}: {v}" for k, v in came.headers.items())
        return 200, {"content-type": "text/html"}, f"<html>please log in; you asked for {shown}</html>".encode()

    with HookServer(portal) as server:
        box = Box(tmp_path, server.url)
        assert await box.tells(waits={"whole": 0.3}) == 1
        assert "only repeats what was sent" in box.heard
        server.does = receipts
        assert await box.tells() == 0, box.heard


async def test_what_is_no_http_and_what_is_not_there_are_told(tmp_path):
    gone = Box(tmp_path, f"https://127.0.0.1:{free_port()}/alarms")
    assert await gone.tells(waits={"whole": 0.3}) == 1, "another webhook may well be there"
    assert "refused" in gone.heard

    async def babble(_, writer):
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    other = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with other:
        port = other.sockets[0].getsockname()[1]
        for scheme in ("http", "https"):
            assert await Box(tmp_path, f"{scheme}://127.0.0.1:{port}/alarms").tells(waits={"whole": 0.3}) == 1


async def test_a_server_that_nobody_vouches_for_gets_nothing(tmp_path, server):
    stranger = Box(tmp_path, server.url)
    assert await stranger.tells(waits={"whole": 0.3}) == 1
    assert "not issued by a known authority" in stranger.heard
    assert not server.came


async def test_its_daily_test_calls_nobody_and_says_what_is_not_set_up(box, server):
    assert await box.tells("desk", "test", ELDERCARE_REASON="self_test", ELDERCARE_ENTRY="") == 0, box.heard
    assert json.loads(server.came[0].body)["type"] == "gateway.test"
    assert await box.tells("nobody", "test") == 14
    box.hooks.chmod(0o644)
    assert await box.tells("desk", "test") == 14
    assert "chmod 600" in box.heard


async def test_whoever_waits_for_a_try_hears_what_the_program_says_and_no_more_than_a_bound():
    says = "import os, sys; sys.stderr.write(os.environ['ELDERCARE_SAYS'] + 'x' * 1_000_000); sys.exit(1)"
    ran = await sounder.ask(sounder.begin, (sys.executable, "-c", says), says=True)
    assert (ran.ok, ran.broken) == (False, "failed")
    assert ran.said == ("1" + "x" * (sounder.SAID - 1),)
    quiet = await sounder.ask(sounder.begin, (sys.executable, "-c", "import sys; sys.exit('why')"))
    assert quiet.said == (), "nobody listens to a daily test"


@pytest.mark.parametrize(
    ("hosts", "more", "why"),
    [
        (("county.example",), {}, "for another name"),
        (("127.0.0.1",), {"valid_from": timedelta(days=-9), "valid_to": timedelta(days=-2)}, "has expired"),
        (("127.0.0.1",), {"valid_from": timedelta(days=2), "valid_to": timedelta(days=9)}, "not valid yet"),
    ],
)
async def test_a_wrong_certificate_gets_nothing_and_is_told_by_what_is_wrong_with_it(tmp_path, papers, hosts, more, why):
    own = papers[0].issue(f"bad-{why[:3].strip()}", hosts=hosts, **more)
    with HookServer(certificate=(own.cert, own.key)) as server:
        box = Box(tmp_path, server.url, papers[0].ca)
        assert await box.tells(waits={"whole": 0.3}) == 1
        assert why in box.heard
        assert not server.came


async def test_the_lines_of_the_manual_take_what_we_send_and_refuse_what_others_do(box, server):
    manual = (ROOT / "docs" / "integrator.md").read_text(encoding="utf-8")
    (lines,) = [one for one in re.findall(r"```python\n(.*?)```", manual, re.DOTALL) if "def taken" in one]
    theirs = {}
    exec(lines, theirs)
    heard = []

    def does(came):
        status, answer, said = theirs["taken"](came.headers, came.body, SECRET)
        heard.append(said)
        return status, {}, answer.encode()

    server.does = does
    assert await box.tells() == 0, box.heard
    assert heard[0]["data"]["entry"] == ENTRY
    (came,) = server.came
    for headers, body in (
        (came.headers | {"webhook-signature": "v1,AAAA"}, came.body),
        (came.headers | {"webhook-id": "another"}, came.body),
        (came.headers | {"webhook-timestamp": str(int(came.headers["webhook-timestamp"]) + 1)}, came.body),
        (came.headers, came.body + b" "),
    ):
        assert theirs["taken"](headers, body, SECRET) == (401, "", None)
    past = int(came.headers["webhook-timestamp"]) - 1000
    old = came.headers | {"webhook-timestamp": str(past), "webhook-signature": signature(targets.key_of(SECRET), ENTRY, past, came.body)}
    assert theirs["taken"](old, came.body, SECRET) == (401, "", None), "a recording"
