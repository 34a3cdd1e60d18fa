"""Danger that is a silence: the home asks first, and only an unanswered question is an alarm.

Theory of operation. `life` says what of all that is heard is a sign of life. `scene` is what
follows from the signs: since when nothing moved, whether somebody went out by the door, is up
today, is in the bath. `line` learns how long this home is silent at each hour, `hearing` says
whether its sensors are proved alive. Each kind of danger is a file of its own that says whether the
home asks now and what that rests on. `question` is the life of what was asked. `watch` puts them
together:

    reading ─▶ life ─▶ scene ─▶ answer to what was asked
    time ─▶ hearing ─▶ line learns ─▶ rules ─▶ question ─▶ asked again ─▶ Danger
"""
