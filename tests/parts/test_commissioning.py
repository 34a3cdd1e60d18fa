"""The certificate: what counts for it, what is missing, the signature's bounds; and on the real daemon kept once, whatever is cut."""

import hashlib
import itertools
import json
import random
import stat
import time

import msgspec
import pytest
from drivers import all_models
from gateway import __version__
from gateway.contract import encoding, wire
from gateway.home import backup, certificates, commissioning, handed, inbox, signatures, takeover
from gateway.home.config import load
from gateway.home.handed import Handed
from gateway.home.parts import Signature, Signing
from gateway.home.waits import WAITS
from gateway.words import kind
from gateway.words.clock import When, stamp
from gateway.words.instruction import Door
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.kit.brokers import Mosquitto, Platform
from tests.kit.hand import Day
from tests.kit.household import Gateway
from tests.kit.wait import until_now as until

MODELS = all_models()
CONFIG = """
[sound]
voice = false
[gateway]
id = "gw-test"
state = "state"
runtime = "run"
[platform]
host = "platform.invalid"
[[device]]
id = "button"
model = "shelly-blu-button"
room = "hall"
address = "A4:C1:38:00:53:01"
[[device]]
id = "door"
model = "shelly-blu-door"
room = "hall"
address = "A4:C1:38:00:53:02"
[[ladder]]
responder = "grid worker"
"""
STROKES = ((80, 150, 60, -90, 40, 80), (300, 100, 50, 0))
DRAWN = Signature(how="drawn", strokes=STROKES)
TYPED = Signature(how="typed", name="Li")


def configured(tmp_path, text=CONFIG):
    (tmp_path / "gateway.toml").write_text(text, encoding="utf-8")
    return load(tmp_path / "gateway.toml", MODELS)


@pytest.fixture
def day():
    return Day()


def found(day):
    messages = [encoding.decode_entry(body) for body in day.bodies][::-1]
    newest = {m.alarm_number: m for m in messages[::-1] if isinstance(m, wire.AlarmMessage)}
    tests = [m for _, m in sorted(newest.items(), reverse=True) if m.kind == kind.TEST]
    return commissioning.seen(messages, tests, stamp(day.clock.boot, day.clock.now()))


def facts(config, seen, *, mains=True, clock="synchronised", faults=()):
    return commissioning.facts(config, seen, gateway="gw-test", journal="j1", software="1", mains=mains, clock=clock, faults=faults)


def lacking(what):
    return {(m["of"], m["id"]): m["needs"] for m in what["missing"]}


def walked(day, device="button"):
    day.tell("walk", device=device, seconds=300.0, door=Door.LOCAL)
    for _ in range(3):
        day.press(device=device)
        day.clock.move(2)
        day.receipt()
    day.tell("walk", device=device, seconds=0.0, door=Door.LOCAL)


def changed(day, keys):
    now = day.clock.now()
    day.take(day.pipeline.noticed([day.pipeline.faults.note(kind.CONFIG_CHANGED, now, by="Li", revision=1, keys=keys)], now))


# -- what counts ---------------------------------------------------------------------------------------------------------


def test_everything_is_missing_at_first_and_a_walk_takes_its_device_off_the_list(tmp_path, day):
    config = configured(tmp_path)
    assert lacking(facts(config, found(day))) == {
        ("device", "button"): ["walk"],
        ("device", "door"): ["walk"],
        ("step", "mains"): ["step"],
        ("step", "uplink"): ["step"],
        ("platform", ""): ["test"],
    }
    walked(day)
    what = facts(config, found(day))
    assert ("device", "button") not in lacking(what)
    (button,) = [d for d in what["devices"] if d["id"] == "button"]
    assert (button["walk"]["presses"], button["walk"]["receipt_s"], button["address"]) == (3, 2.0, "53:01")
    assert not what["passed"]


def test_it_says_that_a_fall_has_no_grace_where_nothing_takes_it_back(tmp_path, day):
    assert facts(configured(tmp_path), found(day))["no_cancel"] is False, "nobody falls here"
    radar = CONFIG + '\n[[device]]\nid = "radar"\nmodel = "radar-5359"\nroom = "bath"\nport = "/dev/serial/by-id/none"\n'
    what = facts(configured(tmp_path, radar), found(day))
    assert what["no_cancel"] is True
    assert what["passed"] == facts(configured(tmp_path), found(day))["passed"], "it is a remark, no lack"


def test_a_fault_that_somebody_must_see_soon_lets_nothing_pass_and_all_others_stand_on_it(tmp_path, day):
    config = configured(tmp_path)
    missing, low = commissioning.OpenFault(2, kind.MISSING, "button"), commissioning.OpenFault(3, kind.LOW_BATTERY, "door")
    what = facts(config, found(day), clock="unsure", faults=[low, missing])
    assert lacking(what)["fault", kind.MISSING] == ["button"]
    assert ("fault", kind.LOW_BATTERY) not in lacking(what)
    assert [f["kind"] for f in what["faults"]] == [kind.MISSING, kind.LOW_BATTERY]
    assert what["clock"] == "unsure"
    assert not facts(config, found(day))["faults"]


def test_a_line_in_clear_passes_to_a_broker_of_the_box_only(tmp_path, day):
    plain = CONFIG.replace('host = "platform.invalid"\n', 'host = "platform.invalid"\ntls = false\n')
    assert "tls" in lacking(facts(configured(tmp_path, plain), found(day)))["platform", ""]
    here = plain.replace("platform.invalid", "127.0.0.1")
    assert "tls" not in lacking(facts(configured(tmp_path, here), found(day)))["platform", ""]


def test_what_does_not_apply_is_not_missing_and_says_so(tmp_path, day):
    config = configured(tmp_path)
    what = facts(config, found(day), mains=False)
    assert ("step", "mains") not in lacking(what)
    assert what["steps"][0] == {"step": "mains", "applies": False, "lacks": [], "walk": None}
    alone = configured(tmp_path, CONFIG.replace('[platform]\nhost = "platform.invalid"\n', ""))
    assert lacking(facts(alone, found(day), mains=False))["platform", ""] == ["platform"]
    assert ("step", "uplink") not in lacking(facts(alone, found(day), mains=False))


@pytest.mark.parametrize(
    ("keys", "counts"),
    [
        ("device.button.replaced, device.button.address", False),
        ("device.button.room", False),
        ("device.button", False),
        ("device.button.codes", False),
        ("device.button.missing_after", True),
        ("device.button.label", True),
        ("device.door.room", True),
        ("times.grace_fall", True),
    ],
)
def test_a_walk_before_a_change_of_the_device_does_not_count(tmp_path, day, keys, counts):
    walked(day)
    changed(day, keys)
    assert (("device", "button") not in lacking(facts(configured(tmp_path), found(day)))) is counts


def test_a_walk_of_another_day_does_not_count(tmp_path, day):
    walked(day)
    day.clock.move(WAITS.visit - 10)
    assert "button" in found(day).walks
    day.clock.move(20)
    assert "button" not in found(day).walks


def test_across_power_ups_the_wall_clock_says_how_old_a_walk_is(day):
    walked(day)
    day.clock.reboot("boot-2", after=3600)
    assert "button" in found(day).walks
    day.clock.wall = day.clock.wall.replace(year=2024)  # a clock without battery
    assert "button" not in found(day).walks


def test_the_platform_counts_by_a_receipted_test_alarm_that_no_step_held_back(tmp_path, day):
    config = configured(tmp_path)
    day.tell("test")
    assert lacking(facts(config, found(day)))["platform", ""] == ["test"]
    day.clock.move(0.4)
    day.receipt()
    what = facts(config, found(day))
    assert ("platform", "") not in lacking(what)
    assert what["platform"]["alarm"]["receipt_s"] == 0.4
    changed(day, "platform.host")
    assert lacking(facts(config, found(day)))["platform", ""] == ["test"]
    day.tell("walk", step="uplink", seconds=900.0, door=Door.LOCAL)
    day.take(day.pipeline.linked(False, day.clock.now()))
    day.clock.move(60)
    day.take(day.pipeline.linked(True, day.clock.now()))
    day.receipt()
    seen = found(day)
    assert seen.alarm is None, "the one that was held back on purpose says nothing of the way's time"
    assert ("step", "uplink") not in lacking(facts(config, seen))


def test_equal_facts_have_one_fingerprint_and_no_moment_in_them(tmp_path, day):
    config = configured(tmp_path)
    walked(day)
    first = certificates.fingerprint(facts(config, found(day)))
    day.clock.move(100)
    assert certificates.fingerprint(facts(config, found(day))) == first
    other = replace(config, times=replace(config.times, grace_fall=20))
    assert certificates.fingerprint(facts(other, found(day))) != first


# -- signatures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "strokes",
    [
        (),
        ((10, 10),),
        ((10, 10, 5, 5),),
        ((10, 10, 5),),
        ((1,),),
        ((), (10, 10, 200, 0)),
        ((-5, 10, 200, 0),),
        ((500, 10, 200, 0),),
        ((10, 150, 100, 90),),
        ((10, 10, *(1, 0) * 2600),),
    ],
)
def test_what_is_no_signature_is_refused(strokes):
    assert signatures.unsigned(Signature(how="drawn", strokes=strokes), "Li (192.168.1.20)").field == "strokes"


def test_a_typed_name_is_that_of_who_signed_in():
    assert signatures.unsigned(TYPED, "Li (192.168.1.20)") is None
    for name in ("", "Wang", "Li (192.168.1.20)"):
        assert signatures.unsigned(Signature(how="typed", name=name), "Li (192.168.1.20)").field == "typed"


def test_a_drawn_one_becomes_a_path_of_whole_numbers():
    assert signatures.unsigned(DRAWN, "Li") is None
    assert signatures.drawn(STROKES) == "M80 150l60 -90 40 80M300 100l50 0"
    assert signatures.drawn([(5, 6)]) == "M5 6l0 0"


@given(st.lists(st.lists(st.integers(-700, 700), max_size=40), max_size=8))
def test_whatever_is_drawn_is_refused_or_stays_in_the_field(strokes):
    signature = Signature(how="drawn", strokes=tuple(map(tuple, strokes)))
    if signatures.unsigned(signature, "Li") is None:
        for path in signatures.drawn(signature.strokes).split("M")[1:]:
            x, y = map(int, path.partition("l")[0].split())
            for dx, dy in itertools.batched(map(int, path.partition("l")[2].split()), 2) if hasattr(itertools, "batched") else ():
                x, y = x + dx, y + dy
                assert 0 <= x <= signatures.WIDE
                assert 0 <= y <= signatures.HIGH


# -- kept ----------------------------------------------------------------------------------------------------------------


def made(tmp_path, number=1, signature=DRAWN, *, push=False):
    config = configured(tmp_path)
    what = facts(config, commissioning.Seen())
    at = When("boot-1", 12.0, "2026-05-04T04:00:00Z", "unsure")
    signing = Signing(seen=certificates.fingerprint(what), signature=signature, push=push)
    return certificates.signed(what, number, by="Li (192.168.1.20)", at=at, signing=signing, instruction=f"page-{number}")


def test_it_comes_back_byte_for_byte_and_a_damaged_one_not_at_all(tmp_path):
    one = made(tmp_path)
    certificates.keep(tmp_path, one)
    assert certificates.kept(tmp_path, 1) == one
    path = tmp_path / "certificate-0001.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640, "the page prints it, and is of our group"
    path.write_bytes(path.read_bytes().replace(b"hall", b"halls"))
    assert certificates.kept(tmp_path, 1) is None
    assert certificates.kept(tmp_path, 2) is None


def test_of_very_many_the_oldest_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(certificates, "KEPT", 3)
    for number in range(1, 6):
        certificates.keep(tmp_path, made(tmp_path, number))
    assert certificates.numbers(tmp_path) == [5, 4, 3]


def test_what_leaves_the_home_is_the_document_and_its_hash_and_handwriting_only_if_wanted(tmp_path):
    detail = certificates.told(made(tmp_path))
    assert detail["sha256"] == hashlib.sha256(detail["document"].encode()).hexdigest()
    assert "signature" not in detail
    assert "strokes" not in json.loads(detail["document"])
    assert json.loads(certificates.told(made(tmp_path, push=True))["signature"]) == [list(s) for s in STROKES]
    assert "signature" not in certificates.told(made(tmp_path, signature=TYPED, push=True))


def test_a_document_too_long_to_push_is_told_by_its_hash(tmp_path, monkeypatch):
    monkeypatch.setattr(certificates, "LONGEST", 10)
    detail = certificates.told(made(tmp_path))
    assert "document" not in detail
    assert len(detail["sha256"]) == 64


def test_a_new_box_has_the_certificates_of_the_home_and_tells_none_of_them_again(tmp_path):
    (tmp_path / "old").mkdir()
    old = configured(tmp_path / "old")
    old.state.mkdir()
    certificates.keep(old.state, one := made(tmp_path / "old"))
    file = backup.made(old, "gw-test", "three blind mice run", "1", "2026-11-22T00:00:00+00:00")
    (tmp_path / "new").mkdir()
    new = configured(tmp_path / "new")
    takeover.restore(new, backup.opened(file, "three blind mice run"), MODELS)
    assert certificates.kept(new.state, 1) == one
    assert "certificate" in backup.CARRIED, "the mark that says which have been told goes with them"
    broken = msgspec.structs.replace(backup.opened(file, "three blind mice run"), certificates=({"number": "x"},))
    (tmp_path / "other").mkdir()
    with pytest.raises(backup.BackupError, match="certificate"):
        takeover.restore(configured(tmp_path / "other"), broken, MODELS)


# -- on the real daemon --------------------------------------------------------------------------------------------------

_told = itertools.count(1)


def fingerprint(gateway):
    """Return what the page would show, as its fingerprint."""
    config = load(gateway.config, MODELS, with_secrets=False)
    status = gateway.status()
    rows = [encoding.decode_entry(body) for (body,) in gateway.rows("SELECT body FROM journal ORDER BY number DESC")]
    at = When(status["boot"], status["mono"], status["wall"][:19] + "Z", status["clock"])
    what = commissioning.facts(
        config,
        commissioning.seen(rows, [], at),
        gateway=gateway.name,
        journal=status["journal"],
        software=__version__,
        mains=status["mains"] is not None,
        clock=status["clock"],
        faults=[
            commissioning.OpenFault(int(kind.of(f["kind"]).priority), f["kind"], f["device"]) for f in status["faults"] if not f["test"]
        ],
    )
    return certificates.fingerprint(what)


def sign(gateway, *, by="Li (10.0.0.7)", signature=DRAWN, seen=None, push=False, revision=0, order=""):
    order = order or f"page-{next(_told)}"
    signing = Signing(seen=fingerprint(gateway) if seen is None else seen, signature=signature, push=push)
    handed.hand(gateway.page, order, Handed(signing=signing))
    body = {"v": 1, "gateway": gateway.name, "id": order, "do": "commissioned", "by": by, "revision": revision, "secrets": order}
    inbox.leave(gateway.page, gateway.runtime, json.dumps(body).encode())
    return order


def results(gateway, order):
    return [m for m in gateway.journal().values() if m["type"] == "result" and m["instruction"] == order]


def answer(gateway, order):
    until(lambda: results(gateway, order))
    (one,) = results(gateway, order)
    return one


def commissioned(gateway):
    return [m["detail"] for m in gateway.journal().values() if m.get("kind") == "service.visit" and m["detail"]["what"] == "commissioned"]


def test_signed_it_is_kept_told_once_and_its_signature_is_nowhere_else(tmp_path):
    with Gateway(tmp_path) as gateway:
        assert answer(gateway, sign(gateway))["accepted"]
        (told,) = commissioned(gateway)
        kept = certificates.kept(gateway.state, 1)
        assert (told["certificate"], told["document"], told["sha256"]) == (1, kept.text, kept.sha256)
        assert kept.signature == DRAWN
        assert gateway.sweep() == []
        needle = json.dumps(STROKES[0], separators=(",", ":")).encode()
        for path in (*gateway.state.glob("*.db*"), gateway.log_file, gateway.runtime / "status.json"):
            assert needle not in path.read_bytes(), path
        assert "document" not in gateway.log()
        gateway.kill()
        gateway.start()
        assert len(commissioned(gateway)) == 1
        assert answer(gateway, sign(gateway, signature=TYPED))["accepted"]
        assert [c["certificate"] for c in commissioned(gateway)] == [1, 2]
        assert certificates.kept(gateway.state, 2).document["signed"]["how"] == "typed"


def test_what_was_seen_must_still_be_so_and_a_bad_signature_changes_nothing(tmp_path):
    with Gateway(tmp_path) as gateway:
        for more, word in (
            ({"seen": "0" * 64}, "changed_meanwhile"),
            ({"revision": 5}, "changed_meanwhile"),
            ({"signature": Signature(how="drawn", strokes=((1, 1),))}, "invalid"),
            ({"signature": Signature(how="typed", name="Wang")}, "invalid"),
        ):
            no = answer(gateway, sign(gateway, **more))
            assert (no["accepted"], no["refused"]) == (False, word)
        assert not commissioned(gateway)
        assert certificates.numbers(gateway.state) == []
        order = f"page-{next(_told)}"
        body = {"v": 1, "gateway": gateway.name, "id": order, "do": "commissioned", "by": "Li"}
        inbox.leave(gateway.page, gateway.runtime, json.dumps(body).encode())
        assert answer(gateway, order)["refused"] == "missing_field"


def test_a_disk_that_takes_nothing_keeps_none_and_says_so(tmp_path):
    with Gateway(tmp_path) as gateway:
        (gateway.state / "certificate-0001.json.new").mkdir()
        no = answer(gateway, sign(gateway))
        assert no["refused"] == "not_kept"
        (gateway.state / "certificate-0001.json.new").rmdir()
        assert answer(gateway, sign(gateway))["accepted"]


async def test_the_platform_gets_it_and_only_the_home_may_sign(tmp_path):
    with Mosquitto() as broker:
        async with Platform(broker, "gw-e2e") as platform:
            with Gateway(tmp_path, broker=broker) as gateway:
                await platform.wait(lambda m: m["type"] == "status" and m["online"])  # before that it does not listen yet
                refused = await platform.result(await platform.instruct("commissioned"))
                assert refused["refused"] == "local_only"
                sign(gateway, push=True)
                told = await platform.wait(lambda m: m.get("detail", {}).get("what") == "commissioned")
                assert json.loads(told["detail"]["signature"]) == [list(s) for s in STROKES]
                assert told["detail"]["sha256"] == hashlib.sha256(told["detail"]["document"].encode()).hexdigest()


def test_killed_at_any_moment_there_is_a_whole_one_or_none_and_it_is_told_once(tmp_path):
    """Kill -9 between the signature and the answer, at moments spread over all it takes."""
    seed = random.randrange(1 << 30)
    rng = random.Random(seed)
    with Gateway(tmp_path) as gateway:
        began = time.monotonic()
        assert answer(gateway, sign(gateway))["accepted"]
        takes = time.monotonic() - began
        for n in range(2, 14):
            before = certificates.numbers(gateway.state)
            order = sign(gateway)
            time.sleep(rng.uniform(0, takes))
            gateway.kill()
            files = certificates.numbers(gateway.state)
            assert all(certificates.kept(gateway.state, number) for number in files), f"seed {seed}, round {n}: half a certificate"
            gateway.start()
            assert answer(gateway, order)["accepted"], f"seed {seed}, round {n}"
            after = certificates.numbers(gateway.state)
            assert after == [before[0] + 1, *before], f"seed {seed}, round {n}"
            told = [c["certificate"] for c in commissioned(gateway)]
            assert told == sorted(after), f"seed {seed}, round {n}: each told once"


def test_cut_off_between_the_file_and_the_journal_it_is_told_and_answered_at_the_next_start(tmp_path):
    with Gateway(tmp_path) as gateway:
        gateway.stop()
        before = (gateway.state / "gateway.db").read_bytes()
        gateway.start()
        order = sign(gateway, push=True)
        assert answer(gateway, order)["accepted"]
        gateway.kill()
        for part in gateway.state.glob("gateway.db*"):
            part.unlink()
        (gateway.state / "gateway.db").write_bytes(before)  # as if it had not come to be written down
        gateway.start()
        assert answer(gateway, order)["accepted"]
        (told,) = commissioned(gateway)
        assert (told["certificate"], told["after"]) == (1, "restart")
        assert told["signature"], "what was agreed to holds"
        assert certificates.numbers(gateway.state) == [1]
