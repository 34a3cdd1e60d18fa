"""A webhook without a line: signature, what an answer means, which addresses and secrets are none."""

import base64
import errno
import html
import http.client
import json
import socket
import time
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import quote

import pytest
from gateway.box.private import NotSetUp
from gateway.hook import route, targets
from gateway.hook.answer import ANSWER_MOST, Answered, echoes, meant
from gateway.hook.post import post, signature
from gateway.hook.send import message
from gateway.hook.targets import Target, key_of, parts_of
from gateway.words.say import Say
from standardwebhooks import Webhook, WebhookVerificationError

KEY = bytes(range(24))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
NAME, BODY = "5b0e77a91c34f021-17", '{"kind": "person.sos", "room": "卧室"}'.encode()
SOS = {"ELDERCARE_ALARM": "j-a3", "ELDERCARE_KIND": "person.sos", "ELDERCARE_REASON": "no_receipt", "ELDERCARE_ENTRY": NAME}


def test_the_library_of_the_specification_reads_our_signature_and_we_sign_as_it_does():
    at = int(time.time())
    headers = {"webhook-id": NAME, "webhook-timestamp": str(at), "webhook-signature": signature(KEY, NAME, at, BODY)}
    assert Webhook(SECRET).verify(BODY, headers) == json.loads(BODY)
    assert Webhook(SECRET).sign(NAME, datetime.fromtimestamp(at, UTC), BODY.decode()) == headers["webhook-signature"]
    for name, other in (("webhook-id", NAME + "8"), ("webhook-timestamp", str(at + 1)), ("webhook-signature", "v1,AAAA")):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(BODY, headers | {name: other})
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY + b" ", headers)


@pytest.mark.parametrize(
    ("status", "body", "after", "expected"),
    [
        (200, b'{"entry": "%s"}' % NAME.encode(), "", Answered(receipt=True)),
        (202, NAME.encode(), "", Answered(receipt=True)),
        (200, b"", "", Answered(why=Say("hook.unnamed", status=200))),
        (200, b"<html>please log in</html>", "", Answered(why=Say("hook.unnamed", status=200))),
        (301, NAME.encode(), "", Answered(wrong=True, again=False, why=Say("hook.redirect", status=301))),
        (401, NAME.encode(), "", Answered(wrong=True, again=False, why=Say("hook.refused", status=401))),
        (404, b"", "", Answered(wrong=True, again=False, why=Say("hook.not_there", status=404))),
        (400, b"", "", Answered(again=False, why=Say("hook.odd", status=400))),
        (429, b"", "7", Answered(after=7.0, why=Say("hook.later", status=429))),
        (429, b"", "Wed, 21 Oct 2026 07:28:30 GMT", Answered(after=30.0, why=Say("hook.later", status=429))),
        (503, b"", "Wed, 21 Oct 2026 07:27:00 GMT", Answered(why=Say("hook.later", status=503))),
        (503, b"", "Fri, 31 Dec 2100 23:59:59 GMT", Answered(after=3600.0, why=Say("hook.later", status=503))),
        (503, b"", "Wed, 99 Xyz 99999 99:99:99 +9999999", Answered(why=Say("hook.later", status=503))),
        (503, b"", "x" * 60000, Answered(why=Say("hook.later", status=503))),
        (503, b"", "9" * 400, Answered(after=3600.0, why=Say("hook.later", status=503))),
        (500, NAME.encode(), "-1", Answered(why=Say("hook.later", status=500))),
    ],
)
def test_only_a_2xx_that_names_the_entry_is_a_receipt(status, body, after, expected):
    theirs = "Wed, 21 Oct 2026 07:28:00 GMT"
    now = parsedate_to_datetime(theirs).timestamp()
    assert meant(status, body, NAME, retry_after=after, date=theirs, at=now - 200) == expected
    assert meant(status, body, NAME, retry_after=after, date="no hour", at=now) == expected
    assert len(body) <= ANSWER_MOST


@pytest.mark.parametrize(
    ("status", "apart", "code", "wrong"),
    [
        (401, 241, "hook.clock", False),
        (401, -86400 * 365 * 30, "hook.clock", False),
        (403, -301, "hook.clock", False),
        (400, 301, "hook.clock", False),
        (401, 200, "hook.refused", True),
        (401, None, "hook.refused", True),
        (400, 0, "hook.odd", False),
        (404, 9999, "hook.not_there", True),
        (401, 253_402_300_799 - 1_792_000_000, "hook.clock", False),
        (500, 9999, "hook.later", False),
    ],
)
def test_where_the_clocks_differ_a_refusal_names_this_gateways_clock(status, apart, code, wrong):
    now = 1_792_000_000.0
    date = "" if apart is None else format_datetime(datetime.fromtimestamp(now + apart, UTC), usegmt=True)
    answer = meant(status, b"", NAME, date=date, at=now)
    assert (answer.why.code, answer.wrong, answer.receipt) == (code, wrong, False)
    if code == "hook.clock":
        assert not answer.again
        assert "2026-10-14" in answer.why.zh
        assert "clock of this gateway is the likely cause" in answer.why.en


@pytest.mark.parametrize("escaped", [lambda b: b, html.escape, json.dumps, quote, lambda b: "".join(b.split())])
def test_an_answer_that_repeats_what_was_sent_is_no_receipt(escaped):
    name, body = message(SOS, test=False, at=datetime(2027, 1, 1, tzinfo=UTC))
    signed = signature(KEY, name, 1, body)
    echo = echoes(body, signed)
    assert len(echo) == 2
    whole = f"<h1>Log in</h1> you asked for {escaped(body.decode())}".encode()
    headers = f"webhook-id: {name} webhook-timestamp: 1 webhook-signature: {escaped(signed)}".encode()
    for answer in (whole, headers, whole + headers):
        assert name.encode() in answer
        assert meant(200, answer, name, echo=echo, at=1.0) == Answered(why=Say("hook.echo", status=200))
    assert meant(200, name.encode(), name, echo=echo, at=1.0).receipt
    assert message(SOS, test=False, at=datetime(2027, 1, 1, tzinfo=UTC))[1] != body, "each has a word of its own"


def test_what_is_sent_has_the_entrys_id_and_no_number_of_anybody():
    name, body = message(SOS, test=False, at=datetime(2027, 1, 1, tzinfo=UTC))
    said = json.loads(body)
    assert name == NAME == said["data"]["entry"]
    assert (said["type"], said["data"]["alarm"], said["data"]["test"]) == ("alarm.call", "j-a3", False)
    assert said["data"]["text"]["zh"].startswith("【求救】")
    drill = json.loads(message(SOS | {"ELDERCARE_TEST": "1"}, test=False, at=datetime.now(UTC))[1])["data"]
    assert drill["test"] is True
    assert drill["text"]["zh"].startswith("【演练】【求救】")
    assert drill["text"]["en"].startswith("DRILL ")
    own = json.loads(message({}, test=True, at=datetime.now(UTC))[1])
    assert (own["type"], own["data"]["test"]) == ("gateway.test", True)
    assert "演练" in own["data"]["text"]["zh"]


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://county.example/alarms?x=1", True),
        ("https://county.example:8443", True),
        ("http://127.0.0.1:8080/x", True),
        ("http://[::1]/x", True),
        ("http://localhost/x", True),
        ("http://county.example/alarms", False),
        ("http://127.0.0.1.county.example/", False),
        ("https://me:word@county.example/", False),
        ("https://county.example/\r\nx: y", False),
        ("https://county.example:99999/", False),
        ("https://county.example/#part", False),
        ("https:///x", False),
        ("https://[::1", False),
        ("ftp://county.example/", False),
        ("https://county.example/" + "x" * 1000, False),
        ("https://县.example/", False),
        ("", False),
        ("https://203.0.113.5/x", True),
        ("https://county.example1/x", True),
        ("https://1.2.3.4.example/x", True),
        ("https://192.168.257/", False),
        ("https://10.1/", False),
        ("https://2130706433/", False),
        ("https://0x7f.1/", False),
        ("https://0x7f000001/", False),
        ("https://county.example.0X1/", False),
        ("https://0300.0250.0001.0001/", False),
        ("https://203.0.113.5./x", False),
        ("https://203.0.113.256/x", False),
        ("http://127.1/x", False),
    ],
)
def test_an_address_is_https_or_on_this_box(url, fits):
    assert (parts_of(url) is not None) is fits


@pytest.mark.parametrize(("secret", "fits"), [(SECRET, True), (SECRET[6:], True), ("whsec_AAAA", False), ("whsec_!!", False), ("", False)])
def test_a_secret_is_a_key_of_the_specification(secret, fits):
    assert (key_of(secret) is not None) is fits


def test_a_target_says_no_secret_and_its_file_is_its_owners_alone(tmp_path):
    file = tmp_path / "hooks.toml"
    file.write_text(f'[hooks.desk]\nurl = "https://county.example/t0ken"\nsecret = "{SECRET}"\n')
    file.chmod(0o600)
    assert targets.read(file) == {"desk": Target("desk", "https://county.example/t0ken", KEY)}
    assert "t0ken" not in repr(targets.read(file))
    assert targets.one("desk", tmp_path / "none.toml", file).key == KEY
    with pytest.raises(NotSetUp, match="no webhook is called 'other'"):
        targets.one("other", tmp_path / "none.toml", file)
    with pytest.raises(NotSetUp, match="no webhook stands there"):
        targets.one("desk", tmp_path / "none.toml")
    other = tmp_path / "other.toml"
    other.write_text(f'[hooks.bridge]\nurl = "https://bridge.example/"\nsecret = "{SECRET}"\n')
    other.chmod(0o600)
    file.chmod(0o644)
    with pytest.raises(NotSetUp, match="chmod 600"):
        targets.read(file)
    assert targets.one("bridge", file, other).key == KEY, "a mistake in one file silences nobody of the other"
    with pytest.raises(NotSetUp, match="chmod 600"):
        targets.one("desk", file, other)


def test_a_mistake_in_one_entry_silences_no_other_of_the_file(tmp_path):
    file, own = tmp_path / "hooks.toml", tmp_path / "own.toml"
    desk = f'[hooks.desk]\nurl = "https://county.example/t0ken"\nsecret = "{SECRET}"\n'
    typo = f'[hooks.typo]\nurl = "https://other.example/t0 ken"\nsecret = "{SECRET}"\n'
    for path, text in ((file, typo + desk), (own, typo.replace("t0 ken", "t0ken"))):
        path.write_text(text)
        path.chmod(0o600)
    assert targets.one("desk", file).url == "https://county.example/t0ken"
    assert list(targets.read(file)) == ["desk"]
    with pytest.raises(NotSetUp, match=r"hooks\.typo: url: .* no space"):
        targets.one("typo", file)
    with pytest.raises(NotSetUp, match=r"hooks\.typo"):
        targets.one("other", file)
    assert targets.one("typo", file, own).url == "https://other.example/t0ken", "the other file has it right"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("[hooks.desk", "no TOML"),
        ('x = "1"\n', "hooks: a part"),
        ("[hooks]\ndesk = 1\n", "url, secret and ca"),
        ('[hooks.desk]\nurl = "http://far.example/t0ken"\nsecret = "x"\n', "http:// is not allowed"),
        ('[hooks.desk]\nurl = "https://far.example/t0ken"\nsecret = "n0secret"\n', "secret: whsec_"),
        ('[hooks.Desk]\nurl = "https://far.example/t0ken"\n', "lower-case"),
        ("x" * 70000, "at most"),
    ],
)
def test_a_wrong_file_says_what_to_do_and_quotes_nothing_of_it(tmp_path, body, what):
    file = tmp_path / "hooks.toml"
    file.write_text(body)
    file.chmod(0o600)
    with pytest.raises(NotSetUp, match=what) as told:
        targets.one("desk", file)
    assert "t0ken" not in str(told.value)
    assert "n0secret" not in str(told.value)


@pytest.mark.parametrize(
    ("error", "no_route", "network", "code"),
    [
        (socket.gaierror(socket.EAI_AGAIN, ""), True, False, "hook.no_network"),
        (socket.gaierror(socket.EAI_AGAIN, ""), False, True, "hook.name_later"),
        (socket.gaierror(socket.EAI_NONAME, ""), True, True, "hook.no_name"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), True, False, "hook.no_network"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), False, True, "hook.no_way"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), True, True, "hook.no_way"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), True, True, "hook.no_way"),
        (TimeoutError(), True, True, "hook.silent"),
        (http.client.BadStatusLine("x"), True, True, "hook.no_http"),
        (UnicodeError("label too long"), True, True, "hook.no_http"),
    ],
)
def test_only_what_cuts_off_the_whole_box_is_told_as_no_network(monkeypatch, error, no_route, network, code):
    def fails(_self):
        raise error

    monkeypatch.setattr(http.client.HTTPConnection, "connect", fails)
    monkeypatch.setattr("gateway.hook.post.cut_off", lambda: no_route)
    answer = post(Target("desk", "http://127.0.0.1/t0ken", KEY), NAME, BODY, 60)
    assert (answer.no_network, answer.why.code, answer.again, answer.receipt) == (not network, code, True, False)
    assert "t0ken" not in answer.why.en


@pytest.mark.parametrize(
    ("url", "to"),
    [
        ("https://[2001:db8::1]/t0ken", ("2001:db8::1", 443)),
        ("https://[2001:db8::1]", ("2001:db8::1", 443)),
        ("https://[2001:db8::1]:/t0ken", ("2001:db8::1", 443)),
        ("https://[2001:db8::1]:8443/t0ken", ("2001:db8::1", 8443)),
        ("https://[2001:db8::dead:beef]/t0ken", ("2001:db8::dead:beef", 443)),
        ("http://[::1]/t0ken", ("::1", 80)),
        ("http://[::1]:8080/t0ken", ("::1", 8080)),
        ("http://localhost/t0ken", ("localhost", 80)),
        ("http://127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("https://198.51.100.7/t0ken", ("198.51.100.7", 443)),
        ("https://County.example:443/t0ken", ("county.example", 443)),
        ("https://county.example:/t0ken?a=b;c", ("county.example", 443)),
        ("https://county.example./t0ken", ("county.example.", 443)),
    ],
)
def test_each_form_of_an_address_goes_to_its_host_and_port(monkeypatch, url, to):
    gone = []

    def refused(address, *_):
        gone.append(address)
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", refused)
    assert post(Target("desk", url, KEY), NAME, BODY, 60).why.code == "hook.no_way"
    assert gone == [to]


@pytest.mark.parametrize("where", ["__init__", "connect", "getresponse"])
@pytest.mark.parametrize("error", [http.client.InvalidURL, ValueError, LookupError, TypeError, RuntimeError, MemoryError, RecursionError])
def test_whatever_is_raised_no_part_of_an_address_is_said(monkeypatch, capfd, where, error):
    def fails(*_args, **_more):
        raise error("nonnumeric port: 't0ken'")

    monkeypatch.setattr(http.client.HTTPConnection, "request", lambda *_: None)
    monkeypatch.setattr(http.client.HTTPConnection, "connect", lambda _: None)
    if where == "connect":
        monkeypatch.setattr(http.client.HTTPConnection, "request", fails)
    else:
        monkeypatch.setattr(http.client.HTTPConnection, where, fails)
    answer = post(Target("desk", "http://127.0.0.1/t0ken", KEY), NAME, BODY, 60)
    assert (answer.why.code, answer.again, answer.receipt) == ("hook.no_http", True, False)
    assert capfd.readouterr() == ("", "")


HEAD = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
LAN, NO_WAY_6 = "eth0 0001A8C0 00000000 0001 0 0 100 00FFFFFF 0 0 0\n", f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 1 0 00200200 lo\n"


@pytest.mark.parametrize(
    ("four", "six", "cut_off"),
    [
        (HEAD, "", True),
        (HEAD + LAN, NO_WAY_6, True),
        (HEAD, None, True),
        (HEAD + "eth0 00000000 0101A8C0 0003 0 0 100 00000000 0 0 0\n" + LAN, NO_WAY_6, False),
        (HEAD + "wwan0 00000000 00000000 0001 0 0 700 00000000 0 0 0\n", None, False),
        (HEAD + "eth0 00000000 0101A8C0 0002 0 0 100 00000000 0 0 0\n", "", True),
        (HEAD + LAN, f"{'0' * 32} 00 {'0' * 32} 00 fe80{'0' * 27}1 00000400 1 0 00000003 eth0\n", False),
        (HEAD + "eth0 00000000 0101A8C0 zz 0 0 100 00000000\nshort\n\n", "\xff " * 40, True),
        (None, "", False),
    ],
)
def test_a_box_is_cut_off_only_where_no_default_route_is_there(monkeypatch, tmp_path, four, six, cut_off):
    for name, text in (("V4", four), ("V6", six)):
        monkeypatch.setattr(route, name, tmp_path / name)
        if text is not None:
            (tmp_path / name).write_text(text, encoding="utf-8")
    assert route.cut_off() is cut_off
