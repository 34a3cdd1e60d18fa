"""A changed configuration alone: only what the change is about begins anew, and everybody judges by the new one."""

from types import SimpleNamespace

import pytest
from drivers import all_models
from gateway.home.config import load
from gateway.home.home import Home
from gateway.judge.badges import Badges
from gateway.judge.faults.fault import Faults
from gateway.judge.faults.untold import Untold
from gateway.judge.visits import Visits
from gateway.keep.historian import Historian
from gateway.tend.rearrange import Rearrange, tells_out, withheld
from gateway.words.times import Times
from msgspec.structs import replace

from tests.kit.hand import HandClock

MODELS = all_models()
HOUSEHOLD = """[gateway]
id = "gw-1"
state = "state"
runtime = "run"

[consent]
activity = true
climate = true
vital_signs = true

[[device]]
id = "pendant"
model = "shelly-blu-button"
room = "hall"
address = "a4:c1:38:00:00:01"

[[device]]
id = "radar"
model = "radar-5359"
port = "/dev/serial/by-id/radar"
"""
PLATFORM = '[platform]\nhost = "127.0.0.1"\nport = 1883\ntls = false\n\n'


class Hears:
    """Intake and ears in one: who is enrolled with which memory, and what was let go of and listened to."""

    def __init__(self, config):
        self.devices, self.changed, self.told = {}, set(), []
        self.firsts = SimpleNamespace(forget=lambda name: self.told.append(("forget", name)))
        for d in config.devices:
            self.enrol(d.id, d.model, d.at, d.key, {"counter": 7})
        self.told.clear()

    def enrol(self, name, _model, _at, _key, memory, **_more):
        self.devices[name] = SimpleNamespace(driver=SimpleNamespace(memory=memory))
        self.told.append(("enrol", name, memory))

    def retire(self, name):
        del self.devices[name]

    def let_go_of(self, name):
        self.told.append(("let go", name))

    def listen_to(self, device):
        self.told.append(("listen", device.id))


@pytest.fixture
def made(tmp_path):
    def loaded(text=HOUSEHOLD, changed=()):
        path = tmp_path / "gateway.toml"
        path.write_text(text, encoding="utf-8")
        config = load(path, MODELS)
        return replace(config, household=SimpleNamespace(changed=changed))

    config = loaded()
    out = SimpleNamespace(loaded=loaded, config=config, home=Home(config, "gw-1"), clock=HandClock(), hears=Hears(config), told=[])

    def said(name):
        return lambda *args, **_more: out.told.append((name, *args))

    out.faults = Faults({d.id: d.supervised for d in config.devices}, Times())
    out.historian = Historian(60.0, withheld(config))
    out.withheld = []
    out.rearrange = Rearrange(
        home=out.home,
        intake=out.hears,
        ears=out.hears,
        judge=SimpleNamespace(rewatch=said("rewatch")),
        faults=out.faults,
        untold=Untold(config.zone),
        pipeline=SimpleNamespace(
            rearrange=lambda **_: ["entry"],
            walk_test=SimpleNamespace(wants=lambda *_a, **_k: None),
            badges=Badges("b1"),
            visits=Visits(),
            silence=SimpleNamespace(arrange=lambda *_: None),
        ),
        historian=out.historian,
        storage=SimpleNamespace(store=SimpleNamespace(readings=SimpleNamespace(withhold=out.withheld.append))),
        uplink=SimpleNamespace(change=said("change"), restored=said("restored")),
        withdraw=said("withdraw"),
    )
    return out


def names(made):
    return [name for name, *_ in made.told]


def test_what_the_change_is_not_about_is_heard_on(made):
    after = made.loaded(HOUSEHOLD.replace('room = "hall"', 'room = "bath"'))
    assert made.rearrange(after, made.clock.now()) == ["entry"]
    assert made.home.config is after
    assert made.hears.told == []
    assert names(made) == ["rewatch"]


def test_a_device_at_another_address_begins_anew_and_the_others_go_on(made):
    made.rearrange(made.loaded(HOUSEHOLD.replace("00:00:01", "00:00:02")), made.clock.now())
    assert made.hears.told == [("let go", "pendant"), ("enrol", "pendant", {}), ("listen", "pendant")]
    assert made.hears.changed == {"pendant"}


def test_a_device_with_another_key_keeps_its_counter(made):
    after = made.loaded()
    after = replace(after, devices=tuple(replace(d, key=bytes(16)) if d.id == "pendant" else d for d in after.devices))
    made.rearrange(after, made.clock.now())
    assert made.hears.told == [("let go", "pendant"), ("enrol", "pendant", {"counter": 7}), ("listen", "pendant")]


def test_replaced_hardware_forgets_its_counter_though_nothing_else_is_another(made):
    after = made.loaded(changed=("device.pendant.replaced",))
    made.rearrange(after, made.clock.now())
    assert ("forget", "pendant") in made.hears.told
    assert ("enrol", "pendant", {}) in made.hears.told


def test_a_device_that_is_gone_is_let_go_of(made):
    made.rearrange(made.loaded(HOUSEHOLD[: HOUSEHOLD.index('[[device]]\nid = "radar"')]), made.clock.now())
    assert made.hears.told == [("let go", "radar"), ("forget", "radar")]
    assert set(made.hears.devices) == {"pendant"}


def test_consent_that_is_taken_back_counts_at_once(made):
    after = made.loaded(HOUSEHOLD.replace("activity = true", "activity = false"))
    made.rearrange(after, made.clock.now())
    assert made.withheld == [frozenset({"activity"})] == [made.historian.withheld]
    assert "withdraw" in names(made)
    assert not made.faults.tells_out
    assert not tells_out(after)
    made.told.clear()
    made.rearrange(made.loaded(), made.clock.now())
    assert "withdraw" not in names(made), "to be asked for more deletes nothing"
    assert made.faults.tells_out


def test_another_platform_gets_another_link_and_one_that_held_before_its_own(made):
    made.rearrange(made.loaded(PLATFORM + HOUSEHOLD), made.clock.now())
    assert made.told[-1] == ("change", made.config)
    made.rearrange(made.loaded(PLATFORM + HOUSEHOLD), made.clock.now())
    assert names(made)[-1] == "rewatch", "the same platform: its link is not touched"
    made.rearrange(made.loaded(), made.clock.now(), taken_back=True)
    assert names(made)[-1] == "restored"
