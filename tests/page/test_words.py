"""How sentences are printed: Chinese with the marks of Chinese print, and nothing else changed."""

from zoneinfo import ZoneInfo

import pytest
from gateway.page.words import Words
from gateway.page.zh import ZH
from gateway.words.wide import printed


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("断网太久,部分读数没有保留;警报没有丢失。", "断网太久\uff0c部分读数没有保留\uff1b警报没有丢失。"),
        ("第 7 版, 请重新查看", "第 7 版\uff0c请重新查看"),
        ("忘记密码?运行 eldercare-gateway code --new,再进入", "忘记密码\uff1f运行 eldercare-gateway code --new\uff0c再进入"),
        ("已登录:T-07(技术员)", "已登录\uff1aT-07\uff08技术员\uff09"),
        ("CA 证书 (PEM)", "CA 证书\uff08PEM\uff09"),
        ("预计 3 分 20 秒, 到 12:30:05", "预计 3 分 20 秒\uff0c到 12:30:05"),
        ("A4:C1:38:00:53:01", "A4:C1:38:00:53:01"),
        ("不要带 mqtt:// 或端口", "不要带 mqtt:// 或端口"),
        ("hello, world: (yes); no?", "hello, world: (yes); no?"),
        ("", ""),
    ],
)
def test_marks_follow_the_letters_around_them(typed, shown):
    assert printed(typed) == shown
    assert printed(shown) == shown


def test_english_is_left_as_it_is_and_no_chinese_sentence_has_a_half_width_mark():
    zone = ZoneInfo("Asia/Shanghai")
    assert Words("en", zone).pair("好,的", "fine, yes") == "fine, yes"
    t = Words("zh", zone)
    for key, text in ZH.items():
        shown = printed(text)
        assert not any(f"{han}{mark}" in shown for mark in ",;?!" for han in "的了是好请看"), key
    assert t.pair("好的,走", "x") == "好的\uff0c走"


def test_what_has_just_been_is_not_zero_seconds_ago():
    for lang, just, later in (("zh", "刚刚有信号", "17秒前有信号"), ("en", "heard just now", "heard 17 s ago")):
        words = Words(lang, ZoneInfo("Asia/Shanghai"))
        assert words.ago("device.heard", 0.2) == just
        assert words.ago("device.heard", 17.0).replace(" ", "") == later.replace(" ", "")
    assert words.ago("device.heard", 125.0) == "heard 2 min ago"
