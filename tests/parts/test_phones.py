"""Telephone numbers: by one door into the daemon's secrets, in nothing else, and into the backup."""

import json

import pytest
from drivers import all_models
from gateway.home import backup, household
from gateway.home.config import load
from gateway.home.handed import Handed
from gateway.home.household import shown
from gateway.judge.dispatch import entries
from gateway.sms import people

from tests.kit.household import DEVICES, Gateway
from tests.parts.test_household import PLATFORM, after, problems, saved

NUMBER, OTHER = "+8613800005821", "+8613700001234"


@pytest.fixture
def home(tmp_path):
    gateway = Gateway(tmp_path, devices=DEVICES, lines=PLATFORM)
    gateway.systemd.close()
    return load(gateway.config, all_models())


def sms(who="daughter", **more):
    return {"responder": who, "channel": "sms", "person": "new"} | more


def ladder(*rungs):
    return {"ladder": list(rungs)}


def given(**numbers):
    return Handed(numbers={n.removeprefix("n"): number for n, number in numbers.items()})


def test_a_number_that_was_typed_stands_in_the_secrets_and_in_the_file_of_the_program_alone(home):
    made = saved(after(home, "set_ladder", ladder(sms(), sms("neighbour")), given(n1="+86 138-0000 5821", n2=OTHER)), home)
    assert [(r.person, r.tail) for r in made.parts.ladder] == [("p1", "821"), ("p2", "234")]
    assert made.ladder[0].program[1:3] == ("--to", "p1")
    book = people.all_of(home.path.with_name("phones.toml"), home.state)
    assert {p.id: p.number for p in book.known.values()} == {"p1": NUMBER, "p2": OTHER}
    holders = {p.name for p in home.state.rglob("*") if p.is_file() and b"0000582" in p.read_bytes()}
    assert holders == {"household-secrets.json", people.OWN_FILE}
    assert {(home.state / name).stat().st_mode & 0o077 for name in holders} == {0}
    assert "0000582" not in json.dumps(shown(made))
    assert "0000582" not in repr(made.secrets)
    assert made.household.changed == ("ladder", "ladder.phones")


@pytest.mark.parametrize(("channel", "program", "how"), [("ring", "eldercare-ring", ()), ("sms_ring", "eldercare-ring", ("--sms",))])
def test_who_is_rung_has_a_number_by_the_same_door(home, channel, program, how):
    made = saved(after(home, "set_ladder", ladder(sms() | {"channel": channel}), given(n1=NUMBER)), home)
    ((rung, part),) = zip(made.ladder, made.parts.ladder, strict=True)
    assert (part.person, part.tail, rung.person, rung.test) == ("p1", "821", "p1", True)
    assert (rung.program[0].rpartition("/")[2], rung.program[1:3], rung.program[7:]) == (program, ("--to", "p1"), how)
    holders = {p.name for p in home.state.rglob("*") if p.is_file() and b"0000582" in p.read_bytes()}
    assert holders == {"household-secrets.json", people.OWN_FILE}
    again = saved(after(made, "set_ladder", ladder(sms(person="p1"))), made)
    assert [(r.channel, r.person, r.tail) for r in again.parts.ladder] == [("sms", "p1", "821")], "by another way the same number"


def test_a_number_is_kept_while_its_person_is_on_the_ladder_and_goes_with_the_person(home):
    made = saved(after(home, "set_ladder", ladder(sms()), given(n1=NUMBER)), home)
    own = {"person": "p1"}
    made = saved(after(made, "set_ladder", ladder(sms("care"), sms(**own)), given(n1=OTHER)), made)
    assert [(r.responder, r.person, r.tail) for r in made.parts.ladder] == [("care", "p2", "234"), ("daughter", "p1", "821")]
    made = saved(after(made, "set_ladder", ladder(sms(**own), sms("again")), given(n2="138 0000 5821")), made)
    assert [r.person for r in made.parts.ladder] == ["p1", "p1"], "the same number is the same person"
    assert list(made.secrets.phones) == ["p1"]
    made = saved(after(made, "set_ladder", ladder()), made)
    assert made.secrets.phones == {}
    assert not (home.state / people.OWN_FILE).exists()


def numbers(made):
    return [(r.responder, made.secrets.phones[r.person].number) for r in made.parts.ladder]


def test_rows_that_are_typed_over_give_nobody_the_number_of_another(home):
    third = "+8613900000003"
    made = saved(after(home, "set_ladder", ladder(sms(), sms("son")), given(n1=NUMBER, n2=OTHER)), home)
    over = ladder(sms("son", person="p1"), sms("neighbour", person="p2"))
    made = saved(after(made, "set_ladder", over, given(n1=OTHER, n2=third)), made)
    assert numbers(made) == [("son", OTHER), ("neighbour", third)]


def test_two_who_shared_a_line_are_two_once_one_has_a_number_of_his_own(home):
    made = saved(after(home, "set_ladder", ladder(sms(), sms("son")), given(n1=NUMBER, n2=NUMBER)), home)
    over = ladder(sms(person="p1"), sms("son", person="p1"))
    made = saved(after(made, "set_ladder", over, given(n2=OTHER)), made)
    assert numbers(made) == [("daughter", NUMBER), ("son", OTHER)]


def test_two_rows_may_change_their_numbers_and_a_corrected_one_stays_its_person(home):
    made = saved(after(home, "set_ladder", ladder(sms(), sms("son")), given(n1=NUMBER, n2=OTHER)), home)
    rows = ladder(sms(person="p1"), sms("son", person="p2"))
    made = saved(after(made, "set_ladder", rows, given(n1=OTHER, n2=NUMBER)), made)
    assert numbers(made) == [("daughter", OTHER), ("son", NUMBER)]
    rows = ladder(*({"responder": r.responder, "channel": "sms", "person": r.person} for r in made.parts.ladder))
    made = saved(after(made, "set_ladder", rows, given(n1="+8613900000003")), made)
    assert numbers(made) == [("daughter", "+8613900000003"), ("son", NUMBER)]
    assert sorted(made.secrets.phones) == ["p1", "p2"]


def test_another_number_is_another_entry_of_the_ladder_and_the_same_one_is_not(home):
    made = saved(after(home, "set_ladder", ladder(sms(), sms("son")), given(n1=NUMBER, n2=OTHER)), home)
    first, rows = entries(made.ladder), ladder(sms(person="p1"), sms("son", person="p2"))
    made = saved(after(made, "set_ladder", rows), made)
    assert entries(made.ladder) == first
    made = saved(after(made, "set_ladder", rows, given(n1=NUMBER)), made)
    assert entries(made.ladder) == first, "typed once more it is no other"
    made = saved(after(made, "set_ladder", rows, given(n1="+8613900000003")), made)
    now = entries(made.ladder)
    assert (now[0] == first[0], now[1] == first[1]) == (False, True)
    assert "0000" not in " ".join(made.ladder[0].program)
    made = saved(after(made, "set_ladder", ladder(sms("son", person="p2"), sms(person="p1"))), made)
    assert entries(made.ladder) == (now[1], now[0]), "it is known by the person, not by the place"
    made = saved(after(made, "set_ladder", rows, given(n1=NUMBER)), made)
    assert entries(made.ladder)[0] not in {first[0], now[0]}, "whoever was reached at the first number may have gone since"


@pytest.mark.parametrize(
    "number", ["12", "call me", "+86 138 0000 5821 0000 99", "120", "+119", "138\n0000", "0120", "+86110", "86 120", "0086119"]
)
def test_what_is_no_number_is_refused_beside_its_rung(home, number):
    assert problems(home, "set_ladder", ladder(sms(), sms("two")), given(n1=NUMBER, n2=number)) == [("ladder", "2", "number")]


@pytest.mark.parametrize(
    ("rung", "field"),
    [
        (sms(person=""), "number"),
        (sms(person="nobody"), "number"),
        (sms(hours=["07:00", "25:00"]), "hours"),
        (sms(hours=["07:00", "07:00"]), "hours"),
        (sms(days="8"), "days"),
        ({"responder": "desk", "hours": ["07:00", "08:00"]}, "hours"),
    ],
)
def test_a_wrong_rung_is_told(home, rung, field):
    numbers = given(n1=NUMBER) if field in {"hours", "days"} else Handed()
    assert problems(home, "set_ladder", ladder(rung), numbers) == [("ladder", "1", field)]


def test_who_stands_in_a_file_written_by_hand_is_called_and_all_go_into_the_backup(home):
    book = home.path.with_name("phones.toml")
    book.write_text(f'own = "+8613900000000"\n[people.warden]\nnumber = "{OTHER}"\nlanguage = "en"\n')
    book.chmod(0o600)
    made = saved(after(home, "set_ladder", ladder(sms("warden", person="warden"), sms()), given(n2=NUMBER)), home)
    assert [(r.person, r.tail) for r in made.parts.ladder] == [("warden", ""), ("p1", "821")]
    known = people.all_of(book, home.state)
    assert (set(known.known), known.own) == ({"warden", "p1"}, "+8613900000000")
    kept = backup.opened(backup.made(made, "g", "a long passphrase 7", "1", "2027-01-01T00:00:00+00:00"), "a long passphrase 7")
    assert {n: p.number for n, p in kept.secrets.phones.items()} == {"warden": OTHER, "p1": NUMBER}
    assert (kept.secrets.own_number, kept.secrets.phones["warden"].language) == ("+8613900000000", "en")


def test_the_file_of_the_program_is_made_anew_where_it_was_lost(home):
    made = saved(after(home, "set_ladder", ladder(sms()), given(n1=NUMBER)), home)
    (home.state / people.OWN_FILE).unlink()
    household.furnish(made)
    assert people.read(home.state / people.OWN_FILE).known["p1"].number == NUMBER
