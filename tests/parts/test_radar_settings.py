"""Commissioning: one setting after the other, on radars that lose echoes, are silent, hang, and take something else than asked."""

import asyncio

import pytest
import serial
from drivers import all_models
from gateway.__main__ import main
from gateway.hear.radar_settings import BadSetting, Commissioning, Result, Verdict, commission, table, wanted_of
from gateway.words.driver import Chunk, Report

from tests.kit.line_emulators import FallRadar, TinyRadar
from tests.kit.wait import PATIENCE
from tests.kit.waits import changed

MODELS = all_models()
RADAR, C1001, TINY = MODELS["micradar-r60afd1"], MODELS["dfrobot-c1001"], MODELS["seeed-mr60fda2"]
ADJUSTABLE = [model for model in MODELS.values() if model.settings]


@pytest.fixture(autouse=True)
def _impatient():
    with changed("hear", radar_echo=0.15, radar_pause=0.12, radar_wake=1.5, radar_hang=2.0, radar_ask_again=0.15, radar_restart=0.3):
        yield


async def on(radar, model, **wanted):
    async with asyncio.timeout(PATIENCE):
        return {one.setting.name: one for one in await commission(radar.port, model, wanted)}


def verdicts(results):
    return {name: one.verdict for name, one in results.items()}


async def test_each_setting_is_set_echoed_and_read_back(tmp_path):
    with FallRadar(tmp_path / "r") as radar:
        results = await on(radar, RADAR, height=250, sensitivity=2, fall_duration=15, still_after=600, still_on=1)
        assert set(verdicts(results).values()) == {Verdict.OK}
        assert all(one.echoed for one in results.values())
        assert results["height"].read == 250
        # in the model's order, one at a time
        assert [one for one, _ in radar.taken] == [(0x06, 0x02), (0x83, 0x0D), (0x83, 0x0C), (0x83, 0x0B), (0x83, 0x0A)]
        assert radar.values[0x83, 0x0C] == (15).to_bytes(4, "big")


async def test_without_wishes_all_settings_are_read_and_none_is_set(tmp_path):
    with FallRadar(tmp_path / "r") as radar:
        results = await on(radar, C1001)
        assert set(verdicts(results).values()) == {Verdict.READ}
        assert len(results) == len(C1001.settings)
        assert results["height"].read == 280
        assert results["work_mode"].read == 2
        assert not radar.taken
        assert not radar.restarts


@pytest.mark.parametrize("lost", [1, 2, 5])
async def test_lost_echoes_are_repeated_and_what_is_read_back_decides(tmp_path, lost):
    with FallRadar(tmp_path / "r") as radar:
        radar.lose_echoes = lost
        results = await on(radar, RADAR, height=250)
        assert verdicts(results) == {"height": Verdict.OK}
        assert results["height"].echoed == (lost < 3)
        assert len(radar.taken) == min(lost + 1, 3)


async def test_lost_values_are_asked_for_again(tmp_path):
    with FallRadar(tmp_path / "r") as radar:
        radar.lose_values = 3
        assert verdicts(await on(radar, RADAR, height=250)) == {"height": Verdict.OK}


async def test_a_value_the_radar_does_not_take_is_said(tmp_path):
    with FallRadar(tmp_path / "r") as radar:
        radar.clamp[0x06, 0x02] = (300).to_bytes(2, "big")
        results = await on(radar, RADAR, height=320, sensitivity=1)
        assert verdicts(results) == {"height": Verdict.DIFFERS, "sensitivity": Verdict.OK}
        assert results["height"].read == 300


async def test_a_radar_that_is_still_starting_is_waited_for(tmp_path):
    with FallRadar(tmp_path / "r") as radar:
        radar.dumb(0.8)
        assert verdicts(await on(radar, RADAR, height=250)) == {"height": Verdict.OK}


async def test_noise_on_the_line_changes_nothing(tmp_path):
    with FallRadar(tmp_path / "r") as radar:
        radar.noisy = True
        radar.split = True
        assert set(verdicts(await on(radar, RADAR, height=250, sensitivity=1)).values()) == {Verdict.OK}


async def test_the_c1001_is_told_to_start_anew_and_read_after_its_silence(tmp_path):
    with FallRadar(tmp_path / "r", applies=True) as radar:
        results = await on(radar, C1001, height=250, sensitivity=1)
        assert set(verdicts(results).values()) == {Verdict.OK}
        assert radar.restarts == 1


async def test_a_radar_that_hangs_after_settings_in_a_row_is_set_one_by_one(tmp_path):
    with FallRadar(tmp_path / "r") as radar:
        radar.hang_after, radar.hangs = 1, 30.0
        wanted = {"height": 250, "sensitivity": 1, "fall_duration": 20, "still_after": 120, "seated_limit": 200, "moving_limit": 250}
        assert set(verdicts(await on(radar, RADAR, **wanted)).values()) == {Verdict.OK}


async def test_one_that_hangs_all_the_same_is_waited_for_and_set_once_more(tmp_path):
    with FallRadar(tmp_path / "r") as radar:
        radar.hang_after, radar.row, radar.hangs = 2, 5.0, 1.2
        results = await on(radar, RADAR, height=250, sensitivity=1, fall_duration=20, still_after=120)
        assert set(verdicts(results).values()) == {Verdict.OK}


async def test_a_dead_radar_ends_with_no_answer_for_each(tmp_path):
    with FallRadar(tmp_path / "r") as radar:
        radar.silent = True
        results = await on(radar, RADAR, height=250, sensitivity=1)
        assert set(verdicts(results).values()) == {Verdict.NO_ANSWER}
        assert "无应答 no answer" in table(tuple(results.values()))


async def test_tinyframe_settings_keep_the_other_sides_of_the_area(tmp_path):
    with TinyRadar(tmp_path / "r") as radar:
        radar.area = [0.5, 0.6, 0.7, 0.8]
        results = await on(radar, TINY, height=270, threshold=75, sensitivity=12, area_left=150, area_back=120)
        assert set(verdicts(results).values()) == {Verdict.OK}
        assert [round(metres, 2) for metres in radar.area] == [1.5, 0.6, 0.7, 1.2]
        assert round(radar.height, 2) == 2.7
        assert radar.sensitivity == 12


@pytest.mark.parametrize("trouble", [{"lose_echoes": 2}, {"lose_values": 2}, {"noisy": True}, {"split": True}])
async def test_tinyframe_radars_misbehave_too(tmp_path, trouble):
    with TinyRadar(tmp_path / "r") as radar:
        for name, value in trouble.items():
            setattr(radar, name, value)
        assert set(verdicts(await on(radar, TINY, height=300, area_front=90)).values()) == {Verdict.OK}


async def test_unplugged_in_the_middle_or_held_by_another_is_said(tmp_path):
    with FallRadar(tmp_path / "r") as radar:
        radar.silent = True
        asyncio.get_running_loop().call_later(0.2, radar.unplug)
        with pytest.raises(OSError, match="unplugged"):
            await on(radar, RADAR, height=250)
    with pytest.raises(OSError, match="not there"):
        await commission(str(tmp_path / "none"), RADAR, {})
    with FallRadar(tmp_path / "s") as radar:
        one = asyncio.create_task(commission(radar.port, RADAR, {}))
        await asyncio.sleep(0.1)
        with pytest.raises(OSError, match="in use"):
            await commission(radar.port, RADAR, {})
        await one


@pytest.mark.parametrize(
    ("model", "words", "says"),
    [
        (RADAR, {"hight": "250"}, "no setting 'hight'; available: height"),
        (RADAR, {"height": "2.5m"}, "must be a number"),
        (RADAR, {"height": "1000"}, "must be 150 to 400 cm"),
        (RADAR, {"height": "nan"}, "150 to 400 cm"),
        (C1001, {"work_mode": "fail"}, "fall or sleep"),
        (MODELS["hilink-ld2410"], {}, "no settings"),
    ],
)
def test_a_wrong_wish_is_refused_before_anything_is_sent(model, words, says):
    with pytest.raises(BadSetting, match=says):
        wanted_of(model, words)


def test_words_stand_for_values():
    assert wanted_of(C1001, {"work_mode": "fall", "still_on": "off", "height": "250"}) == {"work_mode": 1, "still_on": 0, "height": 250}


@pytest.mark.parametrize("model", ADJUSTABLE, ids=[model.name for model in ADJUSTABLE])
def test_every_setting_can_be_asked_set_at_its_bounds_and_comes_back_under_its_label(model):
    driver = model.new("", None, {})
    with pytest.raises(ValueError, match="no setting"):
        driver.set("colour", 1)
    for setting in model.settings:
        assert driver.ask(setting.name)
        assert setting.low < setting.high
        assert all(setting.title)
        for value in (setting.low, setting.high):
            frame = driver.set(setting.name, value)
            if frame and model.listens.baud and frame[:2] == b"\x53\x59":  # the radar's echo is the frame itself
                said = [one for one in model.new("", None, {}).feed(Chunk(port="", data=frame)) if isinstance(one, Report)]
                assert [one.label for one in said] == [setting.label or setting.name]


def test_with_real_times_a_dead_c1001_costs_a_minute_and_a_hung_one_is_told_to_start_anew(monkeypatch):
    monkeypatch.undo()
    work = Commissioning(C1001.settings, C1001.new("", None, {}), {}, 0.0)
    now, sent = 0.0, []
    while not work.done:
        now = max(now, work.due())
        sent.append(work.tick(now))
    assert now < 60
    assert len(work.results()) == len(C1001.settings)
    with pytest.raises(BadSetting):
        Commissioning(C1001.settings, C1001.new("", None, {}), {"colour": 1}, 0.0)
    work = Commissioning(C1001.settings, C1001.new("", None, {}), {"sensitivity": 1}, 0.0)
    assert work.tick(0.0)
    work.heard(Report("measure", 3, 1, "fall_sensitivity", extra={"reply_to": "query"}), 0.1)
    frames = []
    now = 0.1
    while not work.done:
        now = max(now, work.due())
        frames.append(work.tick(now))
    assert C1001.new("", None, {}).apply() in frames
    assert work.results()[0].verdict is Verdict.NO_ANSWER


def test_the_table_shows_both_languages_and_the_words_of_values():
    setting = C1001.settings[0]
    shown = table([Result(setting, 1.0, 2.0, True, Verdict.DIFFERS)])
    assert "工作模式 work mode" in shown
    assert "fall" in shown
    assert "sleep" in shown
    assert "不一致 differs" in shown


@pytest.fixture
def home(tmp_path):
    def configured(radar, model="micradar-r60afd1"):
        path = tmp_path / "gateway.toml"
        path.write_text(
            f'[gateway]\nstate = "{tmp_path}"\nruntime = "{tmp_path}"\n\n[[device]]\nid = "bath"\nmodel = "{model}"\nport = "{radar.port}"\n',
            encoding="utf-8",
        )
        return ["commission", "--config", str(path), "bath"]

    return configured


def test_the_command_sets_reads_back_and_shows_it(home, tmp_path, capsys):
    with FallRadar(tmp_path / "r") as radar:
        command = home(radar)
        assert main([*command, "height=250", "sensitivity=2"]) == 0
        shown = capsys.readouterr().out
        assert "250 cm" in shown
        assert "已生效 ok" in shown
        assert main(command) == 0
        assert len(capsys.readouterr().out.splitlines()) == 1 + len(RADAR.settings)
        radar.clamp[0x06, 0x02] = (300).to_bytes(2, "big")
        assert main([*command, "height=270"]) == 1
        assert "不一致 differs" in capsys.readouterr().out


def test_the_command_says_what_is_wrong(home, tmp_path, capsys):
    with FallRadar(tmp_path / "r") as radar:
        command = home(radar)
        assert main([*command, "height=25"]) == 2
        assert "150 to 400 cm" in capsys.readouterr().err
        assert main([*command[:-1], "kitchen"]) == 2
        assert "with settings: bath" in capsys.readouterr().err
        with serial.Serial(radar.port, 115200, exclusive=True):
            assert main(command) == 1
        assert "systemctl stop eldercare-gateway" in capsys.readouterr().err
