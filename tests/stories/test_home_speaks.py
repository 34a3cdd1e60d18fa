"""A home as it is shipped speaks: each stage is told in the room, a secret call is not, and a loudspeaker that is gone is a fault."""

from gateway.home import audible

from tests.stories.life import CANCEL, HOME, MINUTE, PENDANT, Life, rung

SAYS = (40.0, 0)  # a run of the voice that nobody ends


def told(life, since=0.0):
    """Return what was told, in order: (what happened, how the alarm stood)."""
    return [(c.environment["ELDERCARE_REASON"], c.environment["ELDERCARE_STATE"]) for c in voiced(life, since)]


def voiced(life, since=0.0):
    """Return the runs of the voice, but for those in which it is asked whether its loudspeaker is there."""
    return [c for c in life.called("eldercare-voice", since=since) if c.environment["ELDERCARE_REASON"] != "self_test"]


def spoken(life):
    return [reason for reason, _ in told(life)]


def test_a_fall_is_told_from_the_question_to_its_end(tmp_path):
    async def story():
        await life.wait(MINUTE)
        began = life.now
        life.fall()
        await life.wait(5)
        question = voiced(life)[0]
        assert question.at - began <= 2
        assert (question.environment["ELDERCARE_REASON"], question.environment["ELDERCARE_CANCEL"]) == ("pre_alarm", "button")
        await life.wait(40)
        assert told(life)[1][0] == "raised"
        assert question.killed, "the question makes room for the siren"
        assert ("receipt", "raised") in told(life)
        alarm = life.open[0].id
        await life.tell("acknowledge", by="desk", local=False, alarm=alarm)
        await life.tell("dispatch", by="desk", local=False, alarm=alarm, responder="Li", seconds=12 * MINUTE)
        await life.wait(50)
        sent = voiced(life)[-1]
        assert (sent.environment["ELDERCARE_REASON"], sent.environment["ELDERCARE_MINUTES"]) == ("dispatched", "12")
        await life.tell("arrive", by="Li", alarm=alarm)
        await life.wait(50)
        await life.tell("close", by="Li", alarm=alarm, outcome="helped")
        await life.wait(50)
        assert [s for s in spoken(life) if s in {"acknowledged", "dispatched", "on_site", "closed"}] == [
            "acknowledged",
            "dispatched",
            "on_site",
            "closed",
        ]
        assert not [c for c in voiced(life) if c.code is None], "and then it is quiet"

    with Life(tmp_path, sound="", ladder=rung("desk", program="platform")) as life:
        life.people["eldercare-voice"] = SAYS
        life.live(story())


def test_who_cancels_hears_that_nobody_was_called(tmp_path):
    async def story():
        await life.wait(MINUTE)
        life.fall()
        await life.wait(10)
        life.press(CANCEL)
        await life.wait(60)
        assert spoken(life) == ["pre_alarm", "cancelled"]

    with Life(tmp_path, sound="") as life:
        life.people["eldercare-voice"] = SAYS
        life.live(story())


def test_a_fall_that_nobody_can_take_back_is_called_at_once(tmp_path):
    async def story():
        await life.wait(MINUTE)
        began = life.now
        life.fall()
        await life.wait(10)
        assert spoken(life)[:1] == ["raised"], "no question that nobody could answer"
        assert voiced(life)[0].at - began <= 2

    mute = HOME.replace('buttons = { 1 = "cancel" }\n', 'buttons = { 1 = "nothing" }\n')
    with Life(tmp_path, sound="", devices=mute) as life:
        life.people["eldercare-voice"] = SAYS
        life.live(story())


def test_nothing_is_said_of_who_is_passed_over_and_why_the_next_is_called_is_said_once(tmp_path):
    async def story():
        life.press()
        await life.wait(75)
        assert [(c.responder, c.delivery.value) for c in life.open[0].calls[1:]] == [("neighbour", "failed"), ("family", "accepted")]
        assert [what for what in spoken(life) if what in {"raised_again", "calling"}] == ["raised_again"]

    night = rung("neighbour").rstrip() + '\nhours = ["22:00", "06:00"]\n'
    with Life(tmp_path, sound="", ladder=night + rung("family")) as life:
        life.people["eldercare-voice"] = SAYS
        life.live(story())


def test_a_secret_call_for_help_makes_no_sound_and_calls_all_the_same(tmp_path):
    async def story():
        life.plug(False)
        await life.wait(5)
        life.press()
        await life.wait(90)
        assert [a.kind for a in life.open] == ["person.sos"]
        assert not voiced(life)
        assert life.reached()

    with Life(tmp_path, sound="[sound]\nquiet_sos = true\n") as life:
        life.people["eldercare-voice"] = SAYS
        life.live(story())


def test_silence_ends_the_siren_and_not_the_news(tmp_path):
    async def story():
        life.plug(False)
        await life.wait(5)
        life.press()
        await life.wait(20)
        await life.tell("silence", by="Li", alarm=life.open[0].id)
        quiet = life.now
        await life.wait(5)
        assert not [c for c in voiced(life) if c.code is None]
        await life.wait(2 * MINUTE)
        news = voiced(life, quiet)
        assert news
        assert all(c.environment["ELDERCARE_QUIET"] == "1" for c in news), "what is told meanwhile has no siren in it"

    with Life(tmp_path, sound="") as life:
        life.people["eldercare-voice"] = SAYS
        life.live(story())


def test_a_wish_is_told_to_the_desk_confirmed_aloud_and_calls_nobody(tmp_path):
    async def story():
        await life.wait(MINUTE)
        life.press(action="04")  # held down
        await life.wait(10)
        assert life.desk.said("service.request", "noted")
        assert spoken(life) == ["wish"]
        await life.wait(20 * MINUTE)
        assert not life.open
        assert not life.reached()
        life.press()
        await life.wait(5)
        assert [a.kind for a in life.open] == ["person.sos"], "pressed once it is a call for help as before"

    wish = HOME.replace(f'address = "{PENDANT}"\n', f'address = "{PENDANT}"\nbuttons = {{ 1-long = "request" }}\n')
    with Life(tmp_path, sound="", devices=wish) as life:
        life.people["eldercare-voice"] = SAYS
        life.live(story())


def test_a_loudspeaker_that_is_gone_is_a_fault_with_what_to_do(tmp_path):
    async def story():
        life.press()
        await life.wait(30)
        failed = [f for f in life.desk.faults if f[1] == "gateway.call_failed"]
        assert failed
        assert failed[0][4]["why"] == "unplugged"
        assert audible.lacks(life.daemon.home.config) == (), "it is set up to be heard"
        broken = {name for what, name in life.daemon.pipeline.faults.on if what == "gateway.call_failed"}
        assert audible.lacks(life.daemon.home.config, broken) == ("silent",), "and that it is not is said in large letters"

    with Life(tmp_path, sound="") as life:
        life.people["eldercare-voice"] = (0.2, 10)
        life.live(story())
