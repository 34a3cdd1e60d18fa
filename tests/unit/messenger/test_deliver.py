"""What the answer of a group's robot means: 200 to everything, and the truth in its body."""

import pytest
from gateway.messenger.deliver import TAKEN, _Notes
from gateway.messenger.send import words
from gateway.sms import family


@pytest.mark.parametrize(
    ("service", "status", "body", "ok", "wrong", "again"),
    [
        ("wecombot", 200, {"errcode": 0, "errmsg": "ok"}, True, False, True),
        ("wecombot", 200, {"errcode": 93000, "errmsg": "invalid webhook url"}, False, True, False),
        ("wecombot", 200, {"errcode": 45009, "errmsg": "api freq out of limit"}, False, False, True),
        ("wecombot", 200, None, False, False, False),
        ("wecombot", 200, ["errcode"], False, False, False),
        ("wecombot", 200, {"errcode": "0"}, False, False, False),
        ("dingtalk", 200, {"errcode": 310000, "errmsg": "keywords not in content"}, False, True, False),
        ("feishu", 200, {"code": 19001, "msg": "param invalid"}, False, True, False),
        ("feishu", 200, {"code": 0}, True, False, True),
        ("json", 302, None, False, True, False),
        ("json", 404, None, False, True, False),
        ("json", 429, None, False, False, True),
        ("json", 503, {"errcode": 0}, False, False, True),
    ],
)
def test_an_answer_is_read(service, status, body, ok, wrong, again):
    notes = _Notes(TAKEN.get(service, ""))
    notes.take(status, body)
    assert (notes.said.ok, notes.said.wrong, notes.said.again) == (ok, wrong, again)


def test_of_a_service_that_only_has_a_status_apprise_decides():
    notes = _Notes("")
    notes.take(204, None)
    assert notes.said is None


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_relative_who_is_informed_reads_neither_what_nor_where(language):
    told = {
        "ELDERCARE_REASON": family.ALARM,
        "ELDERCARE_KIND": "person.fall",
        "ELDERCARE_ROOM": "bath",
        "ELDERCARE_HOME": "012",
        "ELDERCARE_SINCE": "08:00",
    }
    title, text = words(told, language)
    assert text == family.of(told, "", language)
    assert text.startswith(title)
    assert not any(word in text for word in ("bath", "跌倒", "Fall"))
    title, text = words(told | {"ELDERCARE_REASON": "no_receipt"}, language)
    assert "bath" in text
    assert text.startswith(title)
