"""What is read on the phone, who has which number, and which code stands for what."""

import json
import os
import re

import pytest
from gateway.box import private
from gateway.sms import codes, people
from gateway.sms.answer import Does, understood
from gateway.sms.text import PHRASES, Told, composed
from gateway.words.kind import KINDS


def test_both_languages_know_the_same_phrases_with_the_same_places():
    assert PHRASES["zh"].keys() == PHRASES["en"].keys()
    for name in PHRASES["zh"]:
        assert set(re.findall(r"{\w+}", PHRASES["zh"][name])) == set(re.findall(r"{\w+}", PHRASES["en"][name])), name


def test_a_call_says_where_what_since_when_and_how_to_answer():
    told = Told(kind="person.fall", reason="no_receipt", home="012 幸福村", room="浴室", since="02:13")
    assert composed(told, "4711", "zh") == "【跌倒】012 幸福村 浴室 02:13。回复 4711 1 15=15分钟到\uff0c4711 2=去不了\uff0c4711 3=误报"
    assert composed(told, "4711", "en") == (
        "fall: 012 幸福村, 浴室, 02:13. Reply 4711 1 15 = there in 15 min, 4711 2 = cannot, 4711 3 = false alarm"
    )


def test_a_drill_is_marked_first_and_who_need_not_come_is_asked_nothing():
    drill = composed(Told(kind="person.sos", room="hall", test=True), "4711", "zh")
    assert drill.startswith("【演练】")
    assert composed(Told(kind="person.sos", test=True), "", "en").startswith("DRILL")
    assert "回复" not in composed(Told(kind="person.sos", reason="recalled"), "4711", "zh")
    assert "Reply" not in composed(Told(kind="device.missing", reason="fault"), "4711", "en")
    assert "4711 4" in composed(Told(kind="person.sos", reason="not_closed", on_site=True), "4711", "en")
    assert "没有到" in composed(Told(kind="person.sos", reason="not_arrived"), "4711", "zh")
    there = composed(Told(kind="person.sos", reason="pressed_again", on_site=True, closes=False), "4711", "zh")
    assert there == "【求救】-。又求救了。", "by telephone it is not to be closed: nothing is asked"


@pytest.mark.parametrize("kind", [k for k in KINDS if k.startswith(("person.", "env."))])
def test_an_sms_of_a_usual_home_is_two_parts_at_most(kind):
    told = Told(kind=kind, reason="not_arrived", home="0012 幸福村 3 栋 201", room="卧室", since="02:13")
    assert len(composed(told, "4711", "zh")) <= 134
    long = Told(kind=kind, home="x" * 500, room="y" * 500, since="02:13")
    assert len(composed(long, "4711", "zh")) < 250


BOOK = """
home = "012 幸福村"
own = "+86 139-0000-0000"
[people.daughter]
number = "138 0000 0000"
[people.neighbour]
number = "+8613700000000"
language = "en"
"""


def book(tmp_path, body=BOOK, mode=0o600):
    path = tmp_path / "phones.toml"
    path.write_text(body, encoding="utf-8")
    path.chmod(mode)
    return path


def test_the_phone_book_knows_people_by_id_and_by_number(tmp_path):
    known = people.read(book(tmp_path))
    assert known.one("daughter").language == "zh"
    assert known.own == "+8613900000000"
    for written in ("13800000000", "+8613800000000", "008613800000000", "8613800000000"):
        assert known.who(written) == known.one("daughter")
    for stranger in ("13800000001", "3800000000", "", "operator", "10086", "+8613800000000x", "+861380000000", "86138000000000"):
        assert known.who(stranger) is None
    assert "138" not in repr(known)
    assert "138" not in repr(known.one("daughter"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_phone_book_that_others_may_read_is_refused(tmp_path, mode):
    with pytest.raises(private.NotSetUp, match="chmod 600"):
        people.read(book(tmp_path, mode=mode))


@pytest.mark.parametrize(
    "body",
    [
        "[people.daughter",
        "[people.daughter]\nnumber = 13800000000",
        '[people.daughter]\nnumber = "1380000000000000"',
        '[people.daughter]\nnumber = "call 13800000000"',
        '[people.Daughter]\nnumber = "13800000000"',
        '[people.daughter]\nnumber = "13800000000"\nlanguage = "fr"',
        '[people.daughter]\nnumber = "13800000000"\nname = "Li"',
        '[people.a]\nnumber = "13800000000"\n[people.b]\nnumber = "+8613800000000"',
        'home = "two\\nlines"',
        'numbers = "13800000000"',
        'people = "13800000000"',
        "x" * (private.LARGEST + 1),
        '[people.daughter]\nnumber = "13800000000\n',
    ],
)
def test_a_wrong_phone_book_says_what_is_wrong_and_quotes_no_number(tmp_path, body):
    with pytest.raises(private.NotSetUp) as refused:
        people.read(book(tmp_path, body))
    assert "1380000000" not in str(refused.value)
    assert "phones.toml" in str(refused.value)


def test_a_phone_book_that_is_not_there_is_said(tmp_path):
    with pytest.raises(private.NotSetUp, match="No such file"):
        people.read(tmp_path / "phones.toml")
    with pytest.raises(private.NotSetUp, match="nobody is called 'son'"):
        people.read(book(tmp_path)).one("son")


def test_a_person_has_one_code_for_an_alarm_and_another_for_the_next(tmp_path):
    first = codes.give(tmp_path, "daughter", "a-1")
    assert codes.give(tmp_path, "daughter", "a-1") == first
    others = {codes.give(tmp_path, "neighbour", "a-1"), codes.give(tmp_path, "daughter", "a-2")}
    assert len({first, *others}) == 3
    assert re.fullmatch(r"[1-9][0-9]{3}", first)
    assert next(one.code for one in codes.given(tmp_path)) == first
    assert (tmp_path / codes.FILE).stat().st_mode & 0o077 == 0


def test_no_code_is_given_twice_within_thirty_days(tmp_path, monkeypatch):
    drawn = iter([111, 111, 222, 111, 333])
    monkeypatch.setattr(codes.secrets, "randbelow", lambda _: next(drawn))
    assert codes.give(tmp_path, "daughter", "a-1") == "1111"
    assert codes.give(tmp_path, "daughter", "a-2") == "1222", "1111 is in use"
    assert codes.give(tmp_path, "daughter", "a-3") == "1333"


def test_codes_are_forgotten_after_thirty_days_but_not_the_newest(tmp_path, monkeypatch):
    old = [codes.Given(str(1000 + n), "daughter", f"a-{n}", 0.0) for n in range(codes.AT_LEAST + 50)]
    (tmp_path / codes.FILE).write_text(json.dumps(old))
    codes.give(tmp_path, "daughter", "new")
    kept = {one.code for one in codes.given(tmp_path)}
    assert "1000" not in kept
    assert "1249" in kept
    assert len(kept) == codes.AT_LEAST + 1


@pytest.mark.parametrize("torn", ["", "{", "[[1]]", '{"a": 1}', "[1, 2]"])
def test_a_torn_file_of_codes_keeps_back_no_call(tmp_path, torn):
    (tmp_path / codes.FILE).write_text(torn)
    assert codes.given(tmp_path) == []
    assert len(codes.give(tmp_path, "daughter", "a-1")) == 4


def test_the_file_is_whole_or_as_before(tmp_path, monkeypatch):
    code = codes.give(tmp_path, "daughter", "a-1")

    def cut(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", cut)
    with pytest.raises(OSError, match="No space"):
        codes.give(tmp_path, "daughter", "a-2")
    assert [one.code for one in codes.given(tmp_path)] == [code]


WIDE = {n: n + 0xFEE0 for n in range(0x30, 0x3A)}  # full-width digits, as a Chinese keyboard types them


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("4711 1 15", ("4711", Does.COMING, 15)),
        ("Reply: 4711 1, 15 min.", ("4711", Does.COMING, 15)),
        ("1 15 4711", ("4711", None, 0)),
        ("4711 1 1.5", ("4711", None, 0)),
        ("4711 1小时后", ("4711", None, 0)),
        ("4711 1 I cannot", ("4711", None, 0)),
        ("我去不了 4711 1", ("4711", None, 0)),
        ("4711 2, I am abroad until the end of the month, and so is my wife: please call somebody else", ("4711", Does.CANNOT, 0)),
        ("4711 2=去不了", ("4711", Does.CANNOT, 0)),
        ("我1小时后才到, 4711 2", ("4711", Does.CANNOT, 0)),
        ("我在3号楼, 去不了 4711 2", ("4711", Does.CANNOT, 0)),
        ("x" * 40 + " 4711 2", ("4711", None, 0)),
        ("4711 20", ("4711", None, 0)),
        ("4711 1", ("4711", Does.COMING, 0)),
        ("4711 1 15".translate(WIDE) + "分钟", ("4711", Does.COMING, 15)),
        ("4711\uff0c2", ("4711", Does.CANNOT, 0)),
        ("  4711\n3 ", ("4711", Does.FALSE, 0)),
        ("4711 4", ("4711", Does.OVER, 0)),
        ("4711 0", ("4711", Does.HERE, 0)),
        ("4711 0".translate(WIDE), ("4711", Does.HERE, 0)),
        ("4711 0 15", ("4711", None, 0)),
        ("47110", ("", None, 0)),
        ("4711 5", ("4711", None, 0)),  # in five minutes, or there? asked back
        ("4711到了", ("4711", Does.HERE, 0)),
        ("回复4711 到", ("4711", Does.HERE, 0)),
        ("reply 4711, HERE.", ("4711", Does.HERE, 0)),
        ("4711 没到", ("4711", None, 0)),
        ("4711 没到不了", ("4711", None, 0)),
        ("到了 4711", ("4711", Does.HERE, 0)),
        ("4711 我到了。", ("4711", Does.HERE, 0)),
        ("4711 到门口了", ("4711", Does.HERE, 0)),
        ("Here 4711", ("4711", Does.HERE, 0)),
        ("I'm here, 4711!", ("4711", Does.HERE, 0)),
        ("4711 去不了", ("4711", Does.CANNOT, 0)),
        ("4711 到不了", ("4711", Does.CANNOT, 0)),
        ("我去不了 4711", ("4711", Does.CANNOT, 0)),
        ("4711 1 马上到", ("4711", Does.COMING, 0)),
        ("4711 1\uff0c马上到", ("4711", Does.COMING, 0)),
        ("4711 马上到", ("4711", None, 0)),
        ("4711 1 马上到不了", ("4711", None, 0)),
        ("4711 到了吗", ("4711", None, 0)),
        ("4711 5分钟到了", ("4711", None, 0)),
        ("4711 还没有人到了", ("4711", None, 0)),
        ("4711 4712 到了", ("4711", None, 0)),
        ("4711 not here", ("4711", None, 0)),
        ("到了", ("", None, 0)),
        ("4711 4 > 【求救】 02:13 4711 1 15", ("4711", None, 0)),
        ("4711 1 99999", ("4711", None, 0)),
        ("4711", ("4711", None, 0)),
        ("4711 15", ("4711", None, 0)),
        ("4711 7", ("4711", None, 0)),
        ("1 15", ("", None, 0)),
        ("ok, coming", ("", None, 0)),
        ("", ("", None, 0)),
        ("x" * 5000 + " 4711 1", ("", None, 0)),
        ("\u0664\u0667\u0661\u0661 \u0661", ("", None, 0)),
    ],
)
def test_an_answer_is_understood_as_people_type_it(text, means):
    assert tuple(understood(text)) == means


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("place", ["1号楼 2单元", "幸福村 3-201", ""])
@pytest.mark.parametrize("before", ["", "自动回复: 正在开车。", "4711 2 "])
def test_our_own_words_sent_back_are_no_answer(language, place, before):
    for told in (Told(kind="person.sos", home=place), Told(kind="person.sos", home=place, on_site=True)):
        assert understood(before + composed(told, "4711", language)).does is None
    for phrase in ("reply.coming", "reply.here"):
        assert understood(before + PHRASES[language][phrase].format(code="4711")).does is None
    assert understood(before + PHRASES[language]["answer"].format(code="4711")[6:]).does is None


def test_whatever_comes_is_understood_or_not_and_never_an_error():
    for n in range(2000):
        text = "".join(chr((n * 7919 + k * 104729) % 0x2FFF) for k in range(n % 50))
        assert understood(text).minutes < 1000
