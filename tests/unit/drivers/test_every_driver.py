"""The contract, over every MODEL in drivers/: whatever comes, a right report or a refusal, bounded, and never an exception."""

import ast
import json
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path

import drivers
import pytest
from gateway.hear.decode import decode_line
from gateway.hear.enrolled import GUARDED
from gateway.words.consent import LABELS
from gateway.words.driver import (
    NOT_MINE,
    Advertisement,
    BleAdvert,
    Chunk,
    GattService,
    Picture,
    Pictured,
    Refusal,
    Reply,
    Report,
    SerialLine,
    Telegram,
)
from gateway.words.reading import FORMS, Form

from tests.unit.drivers.driver_vectors import GOLDEN, MODELS, VECTORS, fed, flips, packet, same

EVERY = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
WIRED = [model for model in MODELS.values() if isinstance(model.listens, SerialLine)]
SERVICE = "0000fcd2-0000-1000-8000-00805f9b34fb"


def services(model):
    if isinstance(model.listens, GattService):
        return model.listens.characteristics
    return (*model.listens.services, *model.listens.companies) or (0xFFFF,) if isinstance(model.listens, BleAdvert) else (None,)


def well_formed(heard):
    for one in heard:
        if isinstance(one, Report):
            form = FORMS[one.kind]
            assert isinstance(one.value, str if form is Form.EVENT and one.kind != "replayed" else bool | int | float | str)
            assert one.index >= 1
            assert bool(one.label) == (one.kind in {"state", "measure"})
        else:
            assert isinstance(one, Refusal | Reply | Telegram)
    return heard


def drawn(model, heard):
    driver = model.new("", None, {})
    pictures = list(driver.pictures(heard)) if isinstance(driver, Pictured) else []
    assert json.dumps([one.fields for one in pictures if isinstance(one, Picture)])
    return pictures


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_a_recorded_frame_means_what_its_source_says(vector):
    told = decode_line(json.dumps(vector))
    for key, expected in vector["expect"].items():
        assert same(expected, told[key]), (key, told)
    if "reject" in vector["expect"]:
        assert [told["events"], told["states"], told["measures"]] == [[], {}, {}]
        assert told["error"]


@EVERY
def test_whatever_a_make_tells_has_its_class_in_the_table_of_consents(model):
    heard = [one for frame in GOLDEN[model.name] for one in fed(model, *frame) if isinstance(one, Report)]
    assert not {one.label for one in heard if one.label} - set(LABELS), "say in gateway/words/consent.py which consent it needs"


@EVERY
def test_every_model_is_complete_and_has_golden_frames(model):
    assert GOLDEN[model.name], f"put a recorded frame of {model.name} into tests/unit/drivers/vectors_*.jsonl"
    assert model.senses
    assert all(model.title)
    assert all(model.device_notes)
    driver = model.new("A4:C1:38:8D:18:B2", bytes(model.key_bytes) if model.key_bytes else None, {})
    assert driver.memory == {}


@EVERY
def test_every_model_names_all_that_its_golden_frames_could_raise_an_alarm_by(model):
    for address, key, service, data in GOLDEN[model.name]:
        said = {one.kind for one in fed(model, address, key, service, data) if isinstance(one, Report)}
        assert said & GUARDED <= model.senses  # the intake drops all else


@EVERY
def test_a_cut_frame_never_says_more_than_the_whole(model):
    for address, key, service, data in GOLDEN[model.name]:
        whole = well_formed(fed(model, address, key, service, data))
        said = {(one.kind, one.label, one.index): one.value for one in whole if isinstance(one, Report)}
        for end in range(len(data)):
            for one in well_formed(fed(model, address, key, service, data[:end])):
                if isinstance(one, Report):
                    assert said[one.kind, one.label, one.index] == one.value


@EVERY
def test_a_flipped_bit_raises_nothing(model):
    for address, key, service, data in GOLDEN[model.name]:
        for flipped in flips(data):
            well_formed(fed(model, address, key, service, flipped))
            drawn(model, packet(model, service, flipped))


@EVERY
def test_a_picture_says_the_same_each_time_and_nothing_of_it_is_kept(model):
    for address, key, service, data in GOLDEN[model.name]:
        heard = packet(model, service, data, address)
        driver, other = model.new(address, key, {}), model.new(address, key, {})
        if isinstance(driver, Pictured):
            assert list(driver.pictures(heard)) == list(driver.pictures(heard))
            assert list(driver.feed(heard)) == list(other.feed(heard))
            assert driver.memory == other.memory


@EVERY
def test_nothing_noise_and_strangers(model):
    noise = random.Random(7).randbytes(2**20)
    for service in services(model):
        well_formed(fed(model, "A4:C1:38:8D:18:B2", None, service, b""))
        tracemalloc.start()
        driver = model.new("A4:C1:38:8D:18:B2", None, {})
        well_formed(list(driver.feed(packet(model, service, noise))))
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert kept < 64 * 1024
        for start in range(0, 20_000, 20):
            well_formed(list(driver.feed(packet(model, service, noise[start : start + 20]))))
        assert len(json.dumps(driver.memory)) < 4096
    other = Advertisement(address="", service_data={"0000fd3d-0000-1000-8000-00805f9b34fb": b"\x40\x3a\x01"})
    if model in WIRED:
        assert list(model.new("", None, {}).feed(other)) == [NOT_MINE]
    else:
        driver = model.new("", None, {})
        assert list(driver.feed(other)) == list(driver.feed(Chunk(port="", data=b"@:\x01"))) == [NOT_MINE]


@pytest.mark.parametrize("model", WIRED, ids=[model.name for model in WIRED])
def test_one_byte_at_a_time_is_all_at_once(model):
    noise = random.Random(3)
    often = max(5, 100 // len(GOLDEN[model.name]))
    stream = b"".join(data + noise.randbytes(noise.randrange(12)) + data[: noise.randrange(8)] for *_, data in often * GOLDEN[model.name])
    whole = fed(model, "", None, None, stream)
    driver = model.new("", None, {})
    assert [one for at in range(len(stream)) for one in driver.feed(Chunk(port="", data=stream[at : at + 1]))] == whole
    assert sum(isinstance(one, Report | Telegram) for one in whole) > 20


def copied(folder, name, **changed):
    """Put the template there under a maker's name, with some words changed: all that a new make needs."""
    text = Path(drivers.__path__[0], "_template.py").read_text("utf-8").replace("maker-model", name.replace("_", "-"))
    for old, new in changed.values():
        assert old in text
        text = text.replace(old, new)
    folder.joinpath(f"{name}.py").write_text(text, "utf-8")


def decoded(uuid, data, **more):
    return decode_line(json.dumps({"service_data": {uuid: data}, **more}), models=drivers.all_models())


def test_a_new_make_is_one_file(tmp_path, monkeypatch):
    """As docs/CONTRIBUTING.md tells a stranger: copy the template, change its bytes, run decode on a frame."""
    copied(tmp_path, "acme_door", uuid=("uuid16(0x0000)", "uuid16(0xFACE)"), title=('"English name"', '"Acme door"'))
    monkeypatch.setattr("drivers.__path__", [str(tmp_path), *drivers.__path__])
    model = drivers.all_models()["acme-door"]
    assert (model.title[1], model.senses) == ("Acme door", {"contact_open", "battery_pct"})
    told = decoded("face", "aa64010f")
    assert (told["model"], told["states"], told["measures"]) == ("acme-door", {"contact_open": True}, {"battery_pct": 100})
    assert decoded("face", "aa64020e")["reject"] == "bad_checksum"
    assert decoded("face", "aa6401", model="acme-door")["reject"] == "wrong_length"
    assert decoded("face", "aa640210", model="acme-door")["states"] == {"not_understood": "contact: 2"}
    for flipped in flips(bytes.fromhex("aa64010f")):
        well_formed(fed(model, "", None, model.listens.services[0], flipped))


def test_a_make_with_a_reason_of_its_own_says_what_to_do(tmp_path, monkeypatch):
    why = 'Refusal("asleep", advice="press its button once")'
    copied(
        tmp_path,
        "acme_bell",
        uuid=("uuid16(0x0000)", "uuid16(0xFACE)"),
        refusal=("        return (NOT_MINE,)", f"        return ({why},)"),
        imports=("import NOT_MINE,", "import Refusal,"),
    )
    monkeypatch.setattr("drivers.__path__", [str(tmp_path), *drivers.__path__])
    told = decoded("face", "0064010f")
    assert (told["model"], told["reject"], told["error"]) == ("acme-bell", "asleep", "press its button once")


def test_a_model_is_called_as_its_file_and_imported_only_when_looked_at(tmp_path, monkeypatch):
    (tmp_path / "wrong_name.py").write_text("from drivers.bthome_v2 import MODEL\n", encoding="utf-8")
    (tmp_path / "empty_one.py").write_text("", encoding="utf-8")
    monkeypatch.setattr("drivers.__path__", [str(tmp_path), *drivers.__path__])
    shelf = drivers.all_models()
    assert "wrong-name" in shelf
    with pytest.raises(ValueError, match=r"drivers/wrong_name\.py calls its MODEL 'bthome-v2': call it 'wrong-name'"):
        shelf["wrong-name"]
    with pytest.raises(ValueError, match=r"drivers/empty_one\.py has no MODEL"):
        shelf["empty-one"]
    loaded = "import sys, drivers; drivers.all_models()['bthome-v2']; print([m for m in sys.modules if m.startswith('drivers.') or 'cryptography' in m])"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    assert [m for m in ast.literal_eval(done.stdout) if not m.startswith("drivers._")] == ["drivers.bthome_v2"]
