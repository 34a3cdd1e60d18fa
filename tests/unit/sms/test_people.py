"""Who can be told by SMS, from two files: the household's own, and one that somebody has written."""

import pytest
from gateway.box.private import NotSetUp
from gateway.sms import people
from gateway.sms.people import OWN_FILE


@pytest.fixture
def files(tmp_path):
    def write(own=None, book=None):
        for path, text in ((tmp_path / OWN_FILE, own), (tmp_path / "phones.toml", book)):
            if text is not None:
                path.touch(0o600)
                path.write_text(text, encoding="utf-8")
        return people.all_of(tmp_path / "phones.toml", tmp_path)

    return write


OWN = '[people."p1"]\nnumber = "13800000001"\nlanguage = "zh"\n'
BOOK = 'home = "H-0451"\n[people."neighbour"]\nnumber = "13800000002"\n'


def test_both_files_are_known_and_the_households_own_goes_before(files):
    both = files(OWN, BOOK + '[people."p1"]\nnumber = "13800000003"\n')
    assert (both.one("p1").number, both.one("neighbour").number, both.home) == ("13800000001", "13800000002", "H-0451")


@pytest.mark.parametrize("broken", ["this is no toml [", 'home = 3\n[people]\n"p" = 7\n', "people = []\n"])
def test_who_stands_in_a_good_file_is_told_though_the_other_is_wrong(files, broken):
    for own, book, name in ((OWN, broken, "p1"), (broken, BOOK, "neighbour")):
        known = files(own, book)
        assert known.one(name).number
        with pytest.raises(NotSetUp, match=OWN_FILE if own is broken else "phones.toml"):
            known.one("somebody else")


def test_where_neither_can_be_read_it_is_said_of_which(files, tmp_path):
    with pytest.raises(NotSetUp, match="nobody has a number"):
        files()
    with pytest.raises(NotSetUp, match="no TOML"):
        files(book="[")


def test_a_number_with_two_names_can_be_called_by_both_and_answers_as_the_households(files):
    known = files(OWN, '[people."lin"]\nnumber = "+8613800000001"\n')
    assert known.one("lin").number.endswith("13800000001")
    assert known.who("+8613800000001").id == "p1"
