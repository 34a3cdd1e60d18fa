"""The configuration in force: who listens is told of each change, after it is in force, until he ends that."""

from gateway.home.home import Home


def test_a_change_is_told_when_it_is_in_force_and_no_more_to_who_has_ended_that():
    home, told = Home("first", "gw-1"), []
    end = home.subscribe(lambda before: told.append((before, home.config)))
    home.replace("second")
    end()
    home.replace("third")
    assert (home.config, told) == ("third", [("first", "second")])
