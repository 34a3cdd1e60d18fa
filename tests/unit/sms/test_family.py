"""What relatives read who are informed: marked as no alarm, short, and without any reading."""

import pytest
from gateway.sms import family
from gateway.sms.family import ALARM, OVER, TAKEN, WEEK

HOME = {"home": "3-201", "since": "02:10", "is_open": False, "days": ""}


def plain(said):
    """Return a text with the marks of the keyboard: what is sent has full-width ones."""
    return said.translate({0xFF0C: ",", 0xFF1A: ":"})


def text(reason, language="zh", **more):
    return plain(family.composed(reason=reason, language=language, **HOME | more))


@pytest.mark.parametrize("reason", [ALARM, TAKEN, OVER, WEEK])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_each_says_that_it_needs_no_answer_and_names_the_home(reason, language):
    said = text(reason, language, days="1y2y3y4y5y6y7y")
    assert said.startswith("【告知家属】" if language == "zh" and reason != WEEK else {"zh": "【每周告知】", "en": ""}[language])
    assert said.endswith("只是告知,不用回复。" if language == "zh" else "For information, no answer needed.")
    assert "3-201" in said
    assert len(said) <= (70 if language == "zh" else 160)


def test_a_week_says_which_days_had_signs_and_never_well_where_one_had_none():
    assert text(WEEK, days="1y2y3y4y5y6y7y") == "【每周告知】3-201:一切正常。有活动:每天。只是告知,不用回复。"
    mixed = text(WEEK, days="1y2n3?4a5y6y7y")
    assert (
        mixed
        == "【每周告知】3-201:有活动:周一、周五、周六、周日。外出:周四。看不清:周三。没有感应到活动:周二,不放心请打个电话。只是告知,不用回复。"
    )
    assert "All is well. Signs of life: Mon, Tue. Out: Wed." in text(WEEK, "en", days="1y2y3a")
    assert "well" not in text(WEEK, "en", days="1a2a3a"), "nobody was there to be well"
    blind = text(WEEK, "en", days="1?2?")
    assert "Could not see: every day." in blind
    assert "well" not in blind
    assert "No sign of life: every day; call if you are worried." in text(WEEK, "en", days="1n2n")
    still = text(WEEK, "en", days="1y2y", is_open=True)
    assert ("An alarm is not over yet." in still, "well" in still) == (True, False)
    assert "No movements are kept" in text(WEEK, "en")


def test_an_alarm_is_told_by_its_home_and_hour_and_not_by_what_it_is_or_its_room():
    facts = {"ELDERCARE_REASON": ALARM, "ELDERCARE_KIND": "person.fall", "ELDERCARE_ROOM": "bath", "ELDERCARE_SINCE": "02:10"}
    said = family.of(facts, "3-201", "en")
    assert said == "For the family, 3-201, 02:10: an alarm, people are being called. For information, no answer needed."
