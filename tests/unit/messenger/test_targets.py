"""Addresses of messengers: which may be used, which not and why; the file of them."""

import pytest
from gateway.box.private import NotSetUp
from gateway.messenger import targets
from gateway.messenger.targets import Target, plain, scheme_of, wrong

KEY = "693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa"
WECOM = f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}"


@pytest.mark.parametrize(
    ("url", "scheme", "as_apprise"),
    [
        (WECOM, "wecombot", f"wecombot://{KEY}"),
        (f"https://oapi.dingtalk.com/robot/send?access_token={'a1' * 32}", "dingtalk", f"dingtalk://{'a1' * 32}"),
        (f"dingtalk://{'b2' * 20}@{'a1' * 32}", "dingtalk", None),
        (f"https://open.feishu.cn/open-apis/bot/v2/hook/{KEY}", "feishu", f"feishu://{KEY}"),
        (f"https://open.larksuite.com/open-apis/bot/v2/hook/{KEY}", "lark", f"lark://{KEY}"),
        (f"pushplus://{'c3' * 16}", "pushplus", None),
        ("mailtos://user:word@example.com?to=her@example.org", "mailtos", None),
        ("mailtos://user:word@example.com?to=her@example.org&smtp=smtp.example.com&mode=starttls", "mailtos", None),
        ("jsons://county.example/alarms", "jsons", None),
        ("json://127.0.0.1:8080/alarms", "json", None),
        ("mailto://localhost:2525?to=her@example.org&from=box@example.org", "mailto", None),
    ],
)
def test_what_may_be_used(url, scheme, as_apprise):
    assert wrong(url) is None
    assert scheme_of(url) == scheme
    assert plain(url) == (as_apprise or url)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "unknown"),
        ("https://example.com/hook", "unknown"),
        (WECOM.replace("https", "http"), "unknown"),
        (f"{WECOM}&verify=no", "unknown"),
        ("syslog://", "unknown"),
        ("windows://", "unknown"),
        ("dbus://", "unknown"),
        ("wecombot://", "token"),
        (f"wecombot://{KEY}?verify=no", "token"),
        (f"wecombot://{KEY}/more", "token"),
        ("pushplus://a", "token"),
        ("mailtos://user:word@example.com", "form"),
        ("mailtos://user:word@example.com?to=a@b.c&verify=no", "form"),
        ("mailtos://user:word@example.com?to=a@b.c&mode=insecure", "form"),
        ("mailto://user:word@example.com?to=a@b.c", "open"),
        ("json://county.example/alarms", "open"),
        ("jsons://county.example/alarms?verify=no", "form"),
        ("jsons://user:word@county.example/alarms", "form"),
        ("jsons://county.example/alarms#x", "form"),
        ("jsons://[bad/alarms", "form"),
        ("jsons://192.168.1.2/alarms", "inside"),
        ("jsons://nas.local/alarms", "inside"),
        ("mailtos://user:word@example.com?to=a@b.c&smtp=nas.local", "inside"),
        ("mailtos://user name:word@example.com?to=a@b.c", "letters"),
        ("pushplus://令牌令牌令牌令牌", "letters"),
        (f"pushplus://{'c' * 2000}", "url_long"),
    ],
)
def test_what_may_not_says_what_to_do_and_quotes_nothing(url, code):
    why = wrong(url)
    assert why is not None
    assert why.code.partition(".")[2] == code
    for word in (KEY, "word@", "county"):
        assert word not in why.zh + why.en


def written(path, text, mode=0o600):
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_one_is_found_in_the_homes_own_file_first_and_a_bad_one_takes_no_other_along(tmp_path):
    own = written(tmp_path / "own.toml", f'[messengers.family]\nurl = "{WECOM}"\nlanguage = "en"\n')
    hand = written(
        tmp_path / "hand.toml",
        f'[messengers.family]\nurl = "pushplus://{"c3" * 16}"\n[messengers.desk]\nurl = "{WECOM}"\n[messengers.bad]\nurl = "ftp://x"\n',
    )
    assert targets.one("family", own, hand) == Target("family", WECOM, "en")
    assert targets.one("desk", own, hand).language == "zh"
    assert set(targets.read(hand)) == {"family", "desk"}
    with pytest.raises(NotSetUp, match=r"messengers\.bad: url: .*not a known messenger"):
        targets.one("bad", own, hand)
    with pytest.raises(NotSetUp, match="no messenger is called 'nobody'"):
        targets.one("nobody", own, hand)
    assert KEY not in repr(targets.one("family", own, hand))


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (f'[messengers.family]\nurl = "{WECOM}"\n', 0o640, "chmod 600"),
        ("no toml", 0o600, "no TOML"),
        ('other = "x"\n', 0o600, "a part for each target"),
        ('[messengers."A B"]\nurl = "x"\n', 0o600, "lower-case letters"),
        (f'[messengers.family]\nurl = "{WECOM}"\nmore = 1\n', 0o600, "url and language are known"),
        (f'[messengers.family]\nurl = "{WECOM}"\nlanguage = "fr"\n', 0o600, "zh or en"),
        ("[messengers.family]\nurl = 7\n", 0o600, "not a known messenger"),
    ],
)
def test_a_bad_file_says_what_and_where(tmp_path, text, mode, words):
    file = written(tmp_path / "messengers.toml", text, mode)
    with pytest.raises(NotSetUp) as why:
        targets.one("A B" if "A B" in text else "family", file)
    assert words in str(why.value)
    assert KEY not in str(why.value)
