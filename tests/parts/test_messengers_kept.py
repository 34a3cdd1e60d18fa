"""Messengers of a home: by one door into the daemon's secrets, in nothing else, and into the backup and out of it."""

import json

import pytest
from drivers import all_models
from gateway.home import backup, hooks
from gateway.home.config import load
from gateway.home.handed import Handed, Rejected
from gateway.home.household import shown
from gateway.messenger import targets

from tests.parts.test_hooks_kept import box
from tests.parts.test_household import after, problems, saved

URL = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=t0ken-Zq41"
MAIL = "mailtos://box%40example.com:t0ken-Zq42@example.com?to=her@example.org"
MARK = b"t0ken-Zq"


@pytest.fixture
def home(tmp_path):
    return box(tmp_path)


def rung(who="family group", **more):
    return {"responder": who, "channel": "messenger", "person": "new"} | more


def ladder(*rungs):
    return {"ladder": list(rungs)}


def given(**typed):
    return Handed(messengers={n.removeprefix("n"): url for n, url in typed.items()})


def test_an_address_stands_in_the_secrets_and_in_the_file_of_the_program_alone_and_goes_with_its_rung(home):
    made = saved(after(home, "set_ladder", ladder(rung(), rung("daughter")), given(n1=URL, n2=MAIL)), home)
    assert [(r.person, r.tail) for r in made.parts.ladder] == [("m1", "wecombot"), ("m2", "mailtos")]
    first = made.ladder[0]
    assert (first.program[1:3], first.test, first.online, first.person) == (("--to", "m1"), True, True, "")
    file = home.state / targets.OWN_FILE
    assert {t.name: t.url for t in targets.read(file).values()} == {"m1": URL, "m2": MAIL}
    holders = {p.name for p in home.state.rglob("*") if p.is_file() and MARK in p.read_bytes()}
    assert holders == {"household-secrets.json", targets.OWN_FILE}
    assert {(home.state / name).stat().st_mode & 0o077 for name in holders} == {0}
    for text in (json.dumps(shown(made)), repr(made.secrets), repr(made.secrets.messengers), repr(given(n1=URL)), str(made.household)):
        assert "t0ken" not in text
    assert made.household.changed == ("ladder", "ladder.messengers")
    made = saved(after(made, "set_ladder", ladder(rung("daughter", person="m2")), Handed()), made)
    assert {n: m.url for n, m in made.secrets.messengers.items()} == {"m2": MAIL}
    made = saved(after(made, "set_ladder", ladder(rung("daughter", person="m2")), given(n1=URL)), made)
    assert (made.secrets.messengers["m2"].url, made.parts.ladder[0].anew) == (URL, 1), "another address is another call"
    made = saved(after(made, "set_ladder", ladder()), made)
    assert (made.secrets.messengers, file.exists()) == ({}, False)


def test_all_ways_to_a_person_stand_beside_each_other(home):
    hook, sms = {"responder": "county", "channel": "webhook", "person": "desk"}, {"responder": "son", "channel": "sms", "person": "new"}
    (home.path.with_name("hooks.toml")).write_text(f'[hooks.desk]\nurl = "https://county.example/"\nsecret = "{hooks.fresh()}"\n')
    (home.path.with_name("hooks.toml")).chmod(0o600)
    typed = Handed(messengers={"1": URL}, numbers={"3": "+8613800005821"})
    made = saved(after(home, "set_ladder", ladder(rung(), hook, sms), typed), home)
    assert [(r.channel, r.person) for r in made.parts.ladder] == [("messenger", "m1"), ("webhook", "desk"), ("sms", "p1")]


@pytest.mark.parametrize(
    ("url", "words"), [("ftp://x", "not a known messenger"), ("", "is missing"), ("json://county.example/t0ken", "not encrypted")]
)
def test_what_cannot_be_used_is_refused_beside_its_field(home, url, words):
    assert problems(home, "set_ladder", ladder(rung(person="m7" if not url else "new")), given(n1=url)) == [("ladder", "1", "messenger")]
    with pytest.raises(Rejected, match=words):
        after(home, "set_ladder", ladder(rung(person="m7" if not url else "new")), given(n1=url))


def test_the_sealed_backup_has_it_and_what_was_written_by_hand(home):
    hand = home.path.with_name(targets.FILE)
    hand.write_text(f'[messengers.desk]\nurl = "{URL}"\n')
    hand.chmod(0o600)
    made = saved(after(home, "set_ladder", ladder(rung("desk", person="desk"), rung()), given(n2=MAIL)), home)
    _, inside = backup._whole(made)
    assert {n: m.url for n, m in inside.messengers.items()} == {"desk": URL, "m1": MAIL}
    assert load(home.path, all_models()).secrets.messengers.keys() == {"m1"}
