"""Webhooks of a home: by one door into the daemon's secrets, in nothing else, and into the backup and out of it."""

import json

import pytest
from drivers import all_models
from gateway.home import backup, hooks, household
from gateway.home.config import load
from gateway.home.handed import Handed, Hook
from gateway.home.household import shown
from gateway.home.parts import HookPart, HouseholdSecrets
from gateway.home.takeover import restore
from gateway.hook import targets

from tests.kit.backups import kept
from tests.kit.brokers import Authority
from tests.kit.household import DEVICES, OTHER_KEY, Gateway
from tests.parts.test_household import PLATFORM, after, problems, saved

URL, OTHER = "https://desk.county.example/t0ken-Zq41", "https://bridge.example/t0ken-Zq42"
MARK, WORDS = b"t0ken-Zq", "a long passphrase 7"


def box(folder):
    gateway = Gateway(folder, devices=DEVICES, lines=PLATFORM)
    gateway.systemd.close()
    return load(gateway.config, all_models())


@pytest.fixture
def home(tmp_path):
    return box(tmp_path)


def hook(who="county", **more):
    return {"responder": who, "channel": "webhook", "person": "new"} | more


def ladder(*rungs):
    return {"ladder": list(rungs)}


def given(**typed):
    """Return what was typed, by rung: an address, or (address, key)."""
    each = {n.removeprefix("n"): (one if isinstance(one, tuple) else (one, hooks.fresh())) for n, one in typed.items()}
    return Handed(hooks={n: Hook(url=url, secret=secret) for n, (url, secret) in each.items()})


def of(made):
    return [(r.responder, r.person, made.secrets.hooks[r.person].url) for r in made.parts.ladder]


def holders(home):
    return {p.name for p in home.state.rglob("*") if p.is_file() and MARK in p.read_bytes()}


def test_an_address_that_was_typed_stands_in_the_secrets_and_in_the_file_of_the_program_alone(home):
    key, other = hooks.fresh(), hooks.fresh()
    typed = given(n1=(URL, key), n2=(OTHER, other))
    made = saved(after(home, "set_ladder", ladder(hook(), hook("family")), typed), home)
    assert [(r.person, r.tail) for r in made.parts.ladder] == [("w1", "k.county.example"), ("w2", "bridge.example")]
    rung = made.ladder[0]
    assert (rung.program[1:3], rung.test, rung.online) == (("--to", "w1"), True, True)
    file = home.state / targets.OWN_FILE
    assert {t.name: (t.url, t.key) for t in targets.read(file).values()} == {
        "w1": (URL, targets.key_of(key)),
        "w2": (OTHER, targets.key_of(other)),
    }
    assert holders(home) == {"household-secrets.json", targets.OWN_FILE}
    assert {(home.state / name).stat().st_mode & 0o077 for name in holders(home)} == {0}
    for text in (json.dumps(shown(made)), repr(made.secrets), repr(made.secrets.hooks), repr(typed.hooks), str(made.household)):
        assert "t0ken" not in text
        assert key[6:] not in text
    assert made.household.changed == ("ladder", "ladder.hooks")


def test_an_address_is_kept_while_it_is_on_the_ladder_and_goes_with_its_rung(home):
    key = hooks.fresh()
    made = saved(after(home, "set_ladder", ladder(hook()), given(n1=(URL, key))), home)
    made = saved(after(made, "set_ladder", ladder(hook("care"), hook(person="w1")), given(n1=OTHER)), made)
    assert of(made) == [("care", "w2", OTHER), ("county", "w1", URL)]
    assert made.secrets.hooks["w1"].secret == key
    made = saved(after(made, "set_ladder", ladder(hook(person="w1"), hook("again")), given(n2=URL)), made)
    assert [r.person for r in made.parts.ladder] == ["w1", "w1"], "the same address is the same webhook"
    assert list(made.secrets.hooks) == ["w1"]
    made = saved(after(made, "set_ladder", ladder()), made)
    assert made.secrets.hooks == {}
    assert not (home.state / targets.OWN_FILE).exists()
    assert holders(home) == set(), "nor in an earlier generation"
    (home.state / "household.json").write_text("torn")
    assert [r.responder for r in load(home.path, all_models()).parts.ladder] == ["county", "again"], "which still is one"


def test_relatives_who_are_only_told_stand_behind_all_who_are_called_and_are_no_rung(home):
    typed = Handed(numbers={"1": "+8613800005821", "2": "+8613700000000"})
    son = {"responder": "son", "channel": "sms", "person": "new", "informed": True}
    made = saved(after(home, "set_ladder", ladder(son, {"responder": "Li", "channel": "sms", "person": "new"}), typed), home)
    assert [(r.responder, r.person, r.informed) for r in made.parts.ladder] == [("Li", "p2", False), ("son", "p1", True)]
    assert [r.responder for r in made.ladder] == ["Li"]
    assert [r.responder for r in made.informed] == ["son"]
    assert made.everybody == (*made.ladder, *made.informed)
    assert made.secrets.phones["p1"].number == "+8613800005821"
    for channel in ("ring", "sms_ring", "platform"):
        wrong = son | {"channel": channel} | ({"person": ""} if channel == "platform" else {})
        assert ("ladder", "1", "informed") in problems(home, "set_ladder", ladder(wrong), typed), channel


def test_a_number_or_key_that_was_given_up_stands_nowhere_any_more_and_a_sensors_key_stays(home):
    typed = Handed(numbers={"1": "+8613800005821"}, hooks={"2": Hook(url=URL, secret=hooks.fresh())})
    rungs = ladder({"responder": "daughter", "channel": "sms", "person": "new"}, hook())
    made = saved(after(home, "set_ladder", rungs, typed), home)
    voided, number = made.secrets.hooks["w1"].secret.encode(), b"3800005821"
    sealed = {"id": "sealed", "model": "shelly-blu-button", "room": "attic", "address": "A4:C1:38:00:00:03"}
    made = saved(after(made, "put_device", sealed, Handed(key=OTHER_KEY)), made)
    new = Handed(hooks={"2": Hook(secret=hooks.fresh())})
    rungs["ladder"][0]["person"], rungs["ladder"][1]["person"] = made.parts.ladder[0].person, "w1"
    made = saved(after(made, "set_ladder", rungs, new), made)

    def stands(secret):
        return {p.name for p in home.state.rglob("*") if p.is_file() and secret in p.read_bytes()}

    assert stands(voided) == set(), "a key that was made anew is void everywhere"
    assert "household-secrets.json.1" in stands(number), "while it is on the ladder"
    made = saved(after(made, "set_ladder", ladder()), made)
    assert stands(number) == set()
    assert "household-secrets.json.2" in stands(OTHER_KEY.encode()), "an earlier household needs it"
    assert {p.stat().st_mode & 0o777 for p in home.state.glob("household-secrets.json*")} == {0o600}


def test_a_new_key_is_another_key_for_the_same_address(home):
    made = saved(after(home, "set_ladder", ladder(hook()), given(n1=URL)), home)
    new = hooks.fresh()
    made = saved(after(made, "set_ladder", ladder(hook(person="w1")), given(n1=("", new))), made)
    assert (made.secrets.hooks["w1"].url, made.secrets.hooks["w1"].secret) == (URL, new)
    assert made.household.changed == ("ladder.hooks",)
    nobody = given(n1=("", new))
    assert problems(made, "set_ladder", ladder(hook(person="w7")), nobody) == [("ladder", "1", "address")]


def test_telephone_and_webhook_stand_beside_each_other(home):
    rungs = ladder(hook(), {"responder": "daughter", "channel": "sms", "person": "new"})
    both = Handed(hooks=given(n1=URL).hooks, numbers={"2": "+8613800005821"})
    made = saved(after(home, "set_ladder", rungs, both), home)
    assert [(r.channel, r.person, r.tail) for r in made.parts.ladder] == [("webhook", "w1", "k.county.example"), ("sms", "p1", "821")]
    assert [r.person for r in made.ladder] == ["", "p1"], "who answers by SMS is nobody's webhook"
    turned = ladder({"responder": "county", "channel": "platform", "person": "w1"}, hook("daughter", person="p1"))
    made = saved(after(made, "set_ladder", turned, given(n2=OTHER)), made)
    assert [(r.channel, r.person) for r in made.parts.ladder] == [("platform", ""), ("webhook", "w2")]
    assert (list(made.secrets.hooks), made.secrets.phones) == (["w2"], {})


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("http://county.example/alarms", "http:// is not allowed"),
        ("https://me:word@county.example/", "no user name"),
        ("https://county.example/" + "x" * 1000, "too long"),
        ("https://县.example/", "xn--"),
        ("county.example/alarms", "https://name/path"),
        ("https://county.example/a b", "no space"),
        ("https://192.168.1.20/alarms", "home's own network"),
        ("https://[fd00::1]/alarms", "home's own network"),
        ("https://169.254.169.254/latest", "home's own network"),
        ("https://nas.local/alarms", "home's own network"),
        ("https://nas/alarms", "home's own network"),
        ("https://nas.local./alarms", "home's own network"),
        ("https://router.localdomain/", "home's own network"),
        ("https://fritz.box/", "home's own network"),
        ("https://nas.fritz.box/alarms", "home's own network"),
        ("https://10.1/", "all its four numbers"),
    ],
)
def test_what_is_no_address_is_refused_beside_its_rung_and_not_repeated(home, url, what):
    typed = given(n1=URL, n2=url)
    assert problems(home, "set_ladder", ladder(hook(), hook("two")), typed) == [("ladder", "2", "address")]
    why = hooks._refused(load_rung(), typed.hooks["2"], {}, {})
    assert what in why.en
    assert "county.example" not in why.en
    assert why.zh != why.en


def load_rung():
    return hooks.RungPart(responder="two", channel="webhook", person="new")


@pytest.mark.parametrize("rung", [hook(person=""), hook(person="nobody")])
def test_a_rung_without_an_address_and_one_without_a_key_are_told(home, rung):
    assert problems(home, "set_ladder", ladder(rung), Handed()) == [("ladder", "1", "address")]
    assert problems(home, "set_ladder", ladder(hook()), given(n1=(URL, "whsec_AAAA"))) == [("ladder", "1", "address")]


def test_what_stands_in_a_file_written_by_hand_goes_into_the_backup_with_its_authority_and_onto_the_new_box(home, tmp_path):
    county = Authority(tmp_path)
    book = home.path.with_name(targets.FILE)
    key = hooks.fresh()
    book.write_text(f'[hooks.desk]\nurl = "{OTHER}"\nsecret = "{key}"\nca = "{county.ca}"\n')
    book.chmod(0o600)
    made = saved(after(home, "set_ladder", ladder(hook("desk", person="desk"), hook()), given(n2=URL)), home)
    assert [(r.person, r.tail) for r in made.parts.ladder] == [("desk", ""), ("w1", "k.county.example")]
    out = backup.opened(backup.made(made, "gw-e2e", WORDS, "1", "2027-01-01T00:00:00+00:00"), WORDS)
    assert {n: hook.url for n, hook in out.secrets.hooks.items()} == {"desk": OTHER, "w1": URL}
    (tmp_path / "new").mkdir()
    restored = restore(box(tmp_path / "new"), out, all_models())
    household.furnish(restored)  # as its start does
    found = targets.read(restored.state / targets.OWN_FILE)
    assert {n: (t.url, t.key) for n, t in found.items()} == {
        "desk": (OTHER, targets.key_of(key)),
        "w1": (URL, targets.key_of(made.secrets.hooks["w1"].secret)),
    }
    assert (restored.state / found["desk"].ca).read_text() == county.ca.read_text()
    household.tidy(restored)
    assert (restored.state / found["desk"].ca).exists(), "an authority of a webhook is in use"


def test_the_file_of_the_program_is_made_anew_where_it_was_lost(home):
    made = saved(after(home, "set_ladder", ladder(hook()), given(n1=URL)), home)
    (home.state / targets.OWN_FILE).unlink()
    household.furnish(made)
    assert targets.read(home.state / targets.OWN_FILE)["w1"].url == URL


def test_what_a_strangers_backup_would_write_into_the_file_of_the_program_is_left_out(home):
    good = HookPart(url=URL, secret=hooks.fresh())
    bad = {
        "w2": HookPart(url='https://a.example/"\nca = "/etc/passwd', secret=hooks.fresh()),
        "w3": HookPart(url=OTHER, secret='"\nx = "1'),
        'w4"]\n[x': HookPart(url=OTHER, secret=hooks.fresh()),
    }
    after = restore(home, kept(gateway="gw-e2e", secrets=HouseholdSecrets(hooks={"w1": good, **bad})), all_models())
    household.furnish(after)
    assert list(targets.read(home.state / targets.OWN_FILE)) == ["w1"]
