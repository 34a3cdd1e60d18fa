"""The catalogue: every code has its own sentence in both languages, and what the code says is what the catalogue has."""

import ast
import re
import ssl
import string
from pathlib import Path

import pytest
from gateway.box import dial
from gateway.page.en import EN as PAGE
from gateway.tell import connection
from gateway.words.both import BOTH
from gateway.words.en import EN
from gateway.words.say import Failed, Say
from gateway.words.zh import ZH
from paho.mqtt.client import convert_connack_rc_to_reason_code
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from tests.kit.source import Trees

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = {ROOT / "gateway" / "words" / f"{language}.py" for language in ("zh", "en", "both")}
ALL = EN | BOTH
FAMILY = re.compile(rf"({'|'.join(sorted({code.partition('.')[0] for code in ALL}))})\.(?!(?:json|toml|html|db)$)[a-z0-9_]+")
FAMILY_DOT = re.compile(FAMILY.pattern.partition(")")[0] + r")\.")


@pytest.fixture(scope="module")
def nodes():
    """Every node of the gateway's syntax trees, but of the catalogue's."""
    paths = [p for p in sorted(ROOT.joinpath("gateway").rglob("*.py")) if p not in CATALOGUE]
    return [node for tree in Trees({p: p for p in paths}).values() for node in ast.walk(tree)]


@pytest.fixture(scope="module")
def words(nodes):
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


HAN = re.compile("[\u4e00-\u9fff]")
# Tables of which each row has its words beside its figures, and the page's part of the catalogue.
TABLES = {
    "words/kind.py",
    "words/times.py",
    "contract/fields.py",
    "contract/portable.py",
    "page/zh.py",
    "page/sheets.py",
    "page/en.py",
    "demo/both.py",
    "voice/zh.py",
    "sms/zh.py",
}


def values(sentence):
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_both_languages_have_every_code_in_one_order():
    assert list(ZH) == list(EN)


@pytest.mark.parametrize("code", EN)
def test_a_code_has_a_sentence_and_the_same_values_in_both_languages(code):
    assert ZH[code].strip()
    assert EN[code].strip()
    assert values(ZH[code]) == values(EN[code])


@pytest.mark.parametrize("code", BOTH)
def test_a_line_of_the_command_line_has_both_languages(code):
    assert re.search("[\u4e00-\u9fff].*[A-Za-z]|[A-Za-z].*[\u4e00-\u9fff]", BOTH[code].replace("\n", " "))


def test_every_code_that_is_said_exists(words):
    said = {word for word in words if FAMILY.fullmatch(word)} - PAGE.keys()
    assert said <= ALL.keys()
    assert not ALL.keys() & PAGE.keys()
    assert not EN.keys() & BOTH.keys()


def test_every_code_is_said_somewhere(nodes, words):
    made = {
        node.values[0].value
        for node in nodes
        if isinstance(node, ast.JoinedStr) and FAMILY_DOT.fullmatch(str(getattr(node.values[0], "value", "")))
    }
    assert {code for code in ALL if code not in words and not code.startswith(tuple(made))} == set()


SAYS = {"Say": 0, "both": 0, "_no": 0, "found": -1, "no": -1, "refusal": -1, "No": -1}  # who takes a code, and at which place


def test_a_code_is_given_the_values_that_its_sentence_names(nodes):
    seen = 0
    for node in nodes:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SAYS and node.args):
            continue
        given = {word.arg for word in node.keywords}
        codes = [n.value for n in ast.walk(node.args[SAYS[node.func.id]]) if isinstance(n, ast.Constant) and n.value in ALL]
        for code in codes if None not in given else ():
            assert values(ALL[code]) == given, code
            seen += 1
    assert seen > 20


def test_a_sentence_in_a_sentence_is_in_its_language():
    say = Say("link.unconfirmed", where="h:1", what=Say("link.message"), seconds=10.0)
    assert say.en == str(say) == str(Failed(say)) == "h:1 has not confirmed a message within 10 s: the line or the broker is down"
    assert say.zh == "h:1 在 10 秒内没有确认消息: 线路或服务器已断"
    assert say == Say("link.unconfirmed", where="h:1", what=Say("link.message"), seconds=10.0) != Say("link.message")


def test_what_the_catalogue_lacks_takes_no_answer_away():
    assert Say("no.such_code", device="bath").zh == "no.such_code bath"
    assert "link.limit" in Say("link.limit", where="h:1").en


def reasons():
    """Return each reason code from 0x80 on that MQTT 5 has for the packets that a broker answers with."""
    wanted = {PacketTypes.CONNACK, PacketTypes.PUBACK, PacketTypes.SUBACK, PacketTypes.DISCONNECT}
    names = ReasonCode(PacketTypes.CONNACK).names
    return sorted(code for code, of in names.items() if code >= 0x80 and wanted & {packet for each in of.values() for packet in each})


def test_every_mqtt_reason_has_its_own_sentence():
    assert len(reasons()) > 30
    assert {0x86, 0x87, 0x8C, 0xA2} <= set(reasons())
    told = [connection.reason("h:1", code) for code in (*reasons(), 0xEE)]
    for language in ("zh", "en"):
        sentences = [getattr(say, language) for say in told]
        assert len(set(sentences)) == len(sentences)
        assert all(sentence.startswith("h:1 ") and "(MQTT 0x" in sentence for sentence in sentences)
    assert {say.code for say in told[:-1]} == {f"mqtt.{code:02x}" for code in reasons()}
    assert told[-1].code == "mqtt.other"


def test_every_refusal_of_mqtt_3_1_1_is_one_of_them():
    assert {convert_connack_rc_to_reason_code(n).value for n in range(1, 6)} <= set(reasons())


def test_another_method_of_authentication_is_no_bad_certificate():
    zh = connection.reason("h:1", 0x8C).zh
    assert "认证方式" in zh
    assert "不被接受" not in zh


ALERTS = (
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "TLSV1_ALERT_UNKNOWN_CA",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "SSLV3_ALERT_CERTIFICATE_REVOKED",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    "TLSV1_ALERT_DECRYPT_ERROR",
    "TLSV1_ALERT_ACCESS_DENIED",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "NO_SHARED_CIPHER",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "TLSV1_UNRECOGNIZED_NAME",
    "WRONG_VERSION_NUMBER",
    "TLSV1_ALERT_INTERNAL_ERROR",
    "UNEXPECTED_EOF_WHILE_READING",
    "WHATEVER_ELSE",
)


def test_every_alert_of_the_other_side_has_its_own_sentence():
    told = []
    for name in ALERTS:
        error = ssl.SSLError(1, name)
        error.reason = name
        told.append(dial.explain_tls(error, "h:1"))
    assert len({say.code for say in told}) == len({say.zh for say in told}) == len({say.en for say in told}) == len(ALERTS)
    assert {say.code for say in told} == set(dial._ALERTS.values()) | {"tls.failed"}


@pytest.mark.parametrize("code", [*dial._VERIFY, 1])
def test_every_fault_of_a_certificate_is_told_with_its_address(code):
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_code, error.verify_message = code, "whatever else"
    say = dial.explain_tls(error, "h:1")
    assert say.code == dial._VERIFY.get(code, "tls.not_accepted")
    assert "h:1" in say.zh
    assert "h:1" in say.en


def test_no_chinese_stands_outside_the_catalogue():
    room = ROOT / "gateway"
    found = {p.relative_to(room).as_posix() for p in room.rglob("*.py") if p not in CATALOGUE and HAN.search(p.read_text("utf-8"))}
    assert found == TABLES
