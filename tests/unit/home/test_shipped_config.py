"""config/gateway.toml is the reference: it loads as shipped, and every key stands in it with its meaning and its default."""

import re
from pathlib import Path

import msgspec
import pytest
from drivers import all_models
from gateway.demo import home
from gateway.home import parts
from gateway.home.config import load
from gateway.home.parts import Secrets
from gateway.words.times import TABLE, Times

TEXT = home.SHIPPED.read_text(encoding="utf-8")
PARTS = {
    "gateway": parts.GatewayPart,
    "platform": parts.PlatformPart,
    "radio": parts.RadioPart,
    "[device]": parts.DevicePart,
    "[ladder]": parts.RungPart,
    "sound": parts.SoundPart,
    "dangers": parts.DangersPart,
    "page": parts.PagePart,
    "replay": parts.ReplayPart,
}
KEYS = [(table, f.name) for table, part in PARTS.items() for f in msgspec.structs.fields(part)] + [("times", name) for name in TABLE]


def section(table):
    """Return the lines of every part of this name, switched on or not, without the headers."""
    out, inside = [], False
    for line in TEXT.splitlines():
        if found := re.match(r"(?:# )?\[(.*?\]?)\]", line):
            inside = found[1] == table
        elif inside:
            out.append(line)
    return out


def switched_on():
    """Return the text with every default that is shown as a comment switched on."""
    return "\n".join(re.sub(r"^# (\[[\[a-z_\]]+\]|[a-z_0-9]+ = )", r"\1", line) for line in TEXT.splitlines())


def saved(tmp_path, text):
    path = tmp_path / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_it_loads_as_shipped():
    loaded = load(home.SHIPPED, all_models())
    assert loaded.replay is None, "a gateway that replays hears no real call: never the shipped state"
    assert loaded.platform is None
    assert loaded.devices == (), "a new box misses no device that it never had"
    assert loaded.times == Times()


@pytest.mark.parametrize(("table", "key"), KEYS)
def test_every_key_is_explained_where_it_stands_in_both_languages(table, key):
    lines = [line for line in section(table) if re.match(rf"(# )?{key} = ", line)]
    assert lines, f"[{table}] {key} is not in config/gateway.toml: say there what it means"
    comments = [line.removeprefix("# ").partition("#")[2] for line in lines]
    if key in {"port", "timezone"}:
        return  # the name says it
    assert any(re.search(r"[一-鿿]", c) and re.search("[a-zA-Z]{2}", c) for c in comments), lines


@pytest.mark.parametrize("table", [*PARTS, "times"])
def test_no_key_stands_there_that_means_nothing(table):
    known = {key for part, key in KEYS if part == table}
    found = {m[1] for line in section(table) if (m := re.match(r"(?:# )?([a-z_0-9]+) = ", line))}
    assert found <= known


@pytest.mark.parametrize("name", TABLE)
def test_every_time_is_shown_with_its_default_and_bounds(name):
    (line,) = [line for line in section("times") if re.match(rf"# {name} = ", line)]
    t = TABLE[name]
    assert re.match(rf"# {name} = {t.default} +# {t.low}-{t.high} s  {t.zh}: \w", line), line


def test_the_defaults_shown_are_the_defaults(tmp_path):
    text = switched_on().replace("../gateway/demo/day.txt", str(home.DAY))
    loaded, shipped = load(saved(tmp_path, text), all_models()), load(home.SHIPPED, all_models())
    assert loaded.times == Times()
    assert loaded.gateway == shipped.gateway
    assert loaded.platform == parts.PlatformPart(host="mqtt.example.org")
    assert loaded.platform.tls
    (device,) = loaded.devices
    plain = "\n".join(
        f'{key} = "{value}"'
        for key, value in (("id", device.id), ("model", device.model.name), ("room", device.room), ("address", device.at))
    )
    (shortest,) = load(saved(tmp_path, f"[gateway]\n[[device]]\n{plain}\n"), all_models()).devices
    assert device == msgspec.structs.replace(shortest, supervised=device.supervised)
    assert device.supervised.missing_after == 1800, "the one example that is no default"
    assert loaded.adapters == shipped.adapters
    assert loaded.sound_words == loaded.sound_alarm == loaded.sound_pre_alarm != (), "a home speaks as shipped"
    assert len(loaded.ladder) == len(shipped.ladder) + 5  # the rungs shown as examples: a light, a relay, a webhook, a messenger, an SMS
    assert loaded.replay == home.DAY


def test_the_recorded_day_it_points_to_is_there():
    assert re.search(r'^# file = "(.*)"', TEXT, re.MULTILINE)
    assert (home.SHIPPED.parent / re.search(r'^# file = "(.*?)"', TEXT, re.MULTILINE)[1]).resolve() == home.DAY.resolve()


def test_the_secrets_it_describes_are_those_that_are_read(tmp_path):
    head = TEXT[: TEXT.index("\n[gateway]")]
    for name in Secrets.__struct_fields__:
        assert re.search(rf"^#     (\[{name}\]|{name} = )", head, re.MULTILINE), name


def test_no_name_of_a_person_and_no_address_of_a_real_host_is_in_it():
    hosts = set(re.findall(r'host = "([^"]+)"', TEXT))
    assert hosts == {"mqtt.example.org"}  # reserved for documentation (RFC 2606)


@pytest.mark.parametrize(("table", "key"), [("nowhere", "id"), ("gateway", "colour"), ("radio", "host")])
def test_the_demonstration_changes_only_keys_that_stand_there(table, key):
    with pytest.raises(ValueError, match="is not in the configuration"):
        home.changed(TEXT, table, key, "1")


def test_the_demonstration_switches_a_commented_key_on():
    assert 'id = "x"  ' in home.changed(TEXT, "gateway", "id", '"x"')
    assert re.search(r'^\[replay\]\nfile = "x"', home.changed(TEXT, "replay", "file", '"x"'), re.MULTILINE)


def test_the_secrets_of_the_demonstration_are_for_its_owner_only(tmp_path):
    home.furnish(tmp_path, 1, home.DAY, None)
    assert (tmp_path / "secrets.toml").stat().st_mode & 0o077 == 0
    assert Path(home.DAY).is_file()
