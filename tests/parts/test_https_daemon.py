"""The whole gateway with a platform that takes HTTPS and no broker: presses, receipts, orders by poll, outages, kill -9, another address."""

import asyncio
import http.server
import json
import queue
import re
import threading
from pathlib import Path

import pytest
from drivers import all_models
from gateway.home import hooks
from gateway.home.config import load
from gateway.home.handed import Handed
from gateway.home.source import ConfigError

from tests.kit.brokers import Authority, breaches
from tests.kit.fake_bluez import Child
from tests.kit.household import KEY, Gateway
from tests.kit.http_platform import HttpPlatform
from tests.kit.ports import free_port
from tests.kit.wait import PATIENCE, until
from tests.parts.test_technician import change, steps, tell

NAME = "gw-http"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def bluez():
    with Child() as running:
        yield running


def gateway_of(tmp_path, bluez, platform, **more):
    return Gateway(tmp_path, bus=bluez, name=NAME, lines=platform.toml, secrets=f'{platform.secrets}[keys]\nsealed = "{KEY}"\n', **more)


async def waiting(gateway):
    """Wait until the platform has given a receipt for everything, and that is written down."""
    await until(lambda: gateway.rows("SELECT count(*) FROM outbox") == [(0,)])


def sos(m):
    return m["type"] == "alarm" and m["kind"] == "person.sos" and m["move"] in {"danger", "raise"}


async def test_a_press_is_at_the_platform_with_its_receipt_and_orders_come_by_poll_and_act_once(tmp_path, bluez, authority):
    with HttpPlatform(authority, NAME) as platform, gateway_of(tmp_path, bluez, platform) as gateway:
        await asyncio.to_thread(bluez.wait_for_scan)
        await platform.heard_one(lambda m: m["type"] == "status")
        gateway.press()
        alarm = await platform.heard_one(sos)
        await platform.heard_one(lambda m: m.get("alarm") == alarm["alarm"] and m.get("move") == "receipt")
        order = platform.instruct("acknowledge", alarm=alarm["alarm"])
        done = await platform.result(order)
        assert (done["accepted"], done["state"]) == (True, "acknowledged")
        for often in (2, 3):
            await waiting(gateway)
            platform.give(platform.given[order])
            await until(lambda often=often: sum(m["type"] == "result" for m in platform.heard) >= often)
        acknowledged = [m for m in gateway.journal().values() if m["type"] == "alarm" and m["move"] == "acknowledge"]
        results = [m for m in gateway.journal().values() if m["type"] == "result"]
        assert (len(acknowledged), len(results)) == (1, 1), "obeyed once, written once, told as often as it was asked"
        unknown = platform.instruct("acknowledge", alarm="0123456789abcdef-a1")
        assert (await platform.result(unknown))["refused"] == "unknown_alarm"
        late = platform.instruct("silence", alarm=alarm["alarm"], expires="2020-01-01T00:00:00Z")
        assert (await platform.result(late))["refused"] == "expired"
        platform.give({"v": 2, "gateway": NAME, "id": "bad", "do": "dance", "by": "desk"})
        await platform.heard_one(lambda m: m.get("kind") == "gateway.bad_message")
        platform.instruct("close", alarm=alarm["alarm"], outcome="helped")
        await platform.heard_one(lambda m: m.get("alarm") == alarm["alarm"] and m.get("state") == "closed")
        await waiting(gateway)
        uplink = gateway.status()["uplink"]
        assert (uplink["connected"], uplink["version"], uplink["where"]) == (True, "HTTP", platform.url.split("/")[2])
        said = (await asyncio.to_thread(gateway.command, "status")).stdout
        assert " HTTP" in said
        assert "MQTT" not in said
        assert sorted(set(platform.numbers())) == [*range(1, max(platform.numbers()) + 1)], "numbers without a gap"
        gateway.stop()
        assert platform.named("status")[-1]["reason"] == "stopped"
        kept = [path.read_bytes() for folder in (gateway.state, gateway.runtime) for path in folder.rglob("*") if path.is_file()]
        assert not any(platform.key[6:].encode() in body for body in [*kept, gateway.log().encode()]), "the key is in no file but its own"
        assert "Traceback" not in gateway.log()


async def test_killed_between_the_answer_and_its_commit_nothing_is_lost(tmp_path, bluez, authority):
    late = ("tend.accept=600",)  # a receipt is written down so late here that it was not when the box is killed
    with HttpPlatform(authority, NAME) as platform, gateway_of(tmp_path, bluez, platform, sooner=late) as gateway:
        await asyncio.to_thread(bluez.wait_for_scan)
        await platform.heard_one(lambda m: m["type"] == "status")
        gateway.press()
        first = await platform.heard_one(sos)
        gateway.press()  # what comes next was sent after the answer had come
        await platform.heard_one(lambda m: m.get("alarm") == first["alarm"] and m["number"] > first["number"])
        gateway.kill()
        recorded = {m["number"] for m in platform.heard if "number" in m}
        owed = recorded & {number for (number,) in gateway.rows("SELECT number FROM outbox")}
        assert owed, "the platform has it, and that is not on the disk"
        gateway.sooner = ()
        gateway.start()
        await until(lambda: all(platform.numbers().count(number) > 1 for number in owed))
        for number in owed:
            assert len({json.dumps(m) for m in platform.heard if m.get("number") == number}) == 1, "the same under the same id"
        await waiting(gateway)


async def test_a_platform_that_was_away_gets_all_of_it_and_a_new_call_first(tmp_path, bluez, authority):
    port = free_port()
    away = HttpPlatform(authority, NAME, port=port)
    away.server._server.server_close()
    with gateway_of(tmp_path, bluez, away) as gateway:
        await asyncio.to_thread(bluez.wait_for_scan)
        for often in range(1, 26):
            gateway.press()
            await until(lambda often=often: sum(m["type"] == "alarm" for m in gateway.journal().values()) >= often)
        with HttpPlatform(authority, NAME, port=port, key=away.key) as platform:
            platform.ca = away.ca
            loop, gate, held = asyncio.get_running_loop(), asyncio.Event(), []

            def holds(came):
                body = json.loads(came.body)
                if body["type"] in {"alarm", "fault"}:
                    held.append(body)
                    if len(held) == 10:
                        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(PATIENCE)
                return platform.receipt(came)

            platform.does = holds
            await until(lambda: len(held) == 10)
            newest = max(gateway.journal())
            gateway.press()
            await until(lambda: any(m["type"] == "alarm" and m["number"] > newest for m in gateway.journal().values()))
            gate.set()
            await until(lambda: len(held) > 10)
            assert held[10]["number"] > newest, "it overtakes whatever waits"
            await waiting(gateway)
            assert set(platform.numbers()) >= set(gateway.journal()) - {max(gateway.journal())}


@pytest.mark.parametrize("there", [True, False])
async def test_the_address_is_changed_with_an_sos_at_that_moment(tmp_path, bluez, authority, there):
    with HttpPlatform(authority, NAME) as old, gateway_of(tmp_path, bluez, old, times="platform_trial = 30\n") as gateway:
        await asyncio.to_thread(bluez.wait_for_scan)
        await old.heard_one(lambda m: m["type"] == "status")
        with HttpPlatform(authority, NAME) as new:
            if not there:
                new.server.does = lambda _: (404, {}, b"<html>")
            value = {"url": new.url, "ca": new.ca.read_text(), "although": True}
            changing = asyncio.create_task(asyncio.to_thread(change, gateway, "set_platform", value, 0, given=Handed(password=new.key)))
            gateway.press()
            await until(lambda: any(sos(m) for m in [*old.heard, *new.heard]))
            assert (await changing)["accepted"]
            if there:
                await new.heard_one(lambda m: m["type"] == "status")
                await waiting(gateway)
                await until(lambda: gateway.status()["uplink"]["connected"])
            else:
                await until(lambda: any(m.get("detail", {}).get("taken_back") for m in gateway.journal().values()))
                (told,) = [m["detail"] for m in gateway.journal().values() if m.get("detail", {}).get("taken_back")]
                assert "404" in told["why"]
                await waiting(gateway)
                assert any(sos(m) for m in old.heard)


async def test_the_way_is_tried_and_each_failure_has_its_own_words(tmp_path, bluez, authority):
    with (
        HttpPlatform(authority, NAME) as old,
        gateway_of(tmp_path, bluez, old, sooner=("tell.receipt_test=5", "tend.status=0.1")) as gateway,
    ):
        await old.heard_one(lambda m: m["type"] == "status")
        await until(lambda: gateway.status()["uplink"]["connected"])  # it has taken the answer too

        async def tried(new=None, **value):
            given = {"url": new.url, "ca": new.ca.read_text()} if new is not None else {}
            told = {"change": {"what": "set_platform", "value": given | value}, "given": Handed(password=new.key if new else old.key)}
            found = await asyncio.to_thread(steps, gateway, tell(gateway, "platform_test", **(told if given or value else {})))
            *_, last = found.values()
            return list(found), last["ok"], last["zh"] + last["en"]

        names, ok, _ = await tried()
        assert (names[-1], ok) == ("receipt", True), "the one in force, over the running link"
        with HttpPlatform(authority, NAME) as new:
            names, ok, _ = await tried(new)
            assert (names, ok) == (["resolve", "connect", "tls", "login", "publish", "receipt"], True)
            assert not new.numbers()[1:], "of what waits nothing went there"
            for answer, step, words in (
                ((401, {}, b""), "login", "签名密钥"),
                ((404, {}, b""), "login", "路径"),
                ((302, {"location": "https://b.example/"}, b""), "login", "不会跟着转"),
                ((200, {}, b"<html>"), "login", "网页"),
                ((500, {}, b""), "login", "500"),
                ((429, {}, b""), "login", "稍后"),
            ):
                new.server.does = lambda _, answer=answer: answer
                names, ok, said = await tried(new)
                assert (names[-1], ok) == (step, False)
                assert words in said
            new.server.does = new._answer
            other = {"v": 1, "receipt": {"v": 1, "gateway": NAME, "journal": "another", "entries": [[1, 9]]}}
            new.does = lambda _: (200, {}, json.dumps(other).encode())
            names, ok, said = await tried(new)
            assert (names[-1], ok) == ("receipt", False)
            assert "别的记录" in said
            names, ok, said = await tried(new, ca=Authority(tmp_path, "stranger").ca.read_text())
            assert (names[-1], ok) == ("tls", False)
            assert "CA" in said
        names, ok, said = await tried(url=f"https://127.0.0.1:{free_port()}/x")
        assert (names[-1], ok) == ("connect", False)
        names, ok, said = await tried(url="https://nobody.invalid/x")
        assert (names[-1], ok) == ("resolve", False)
        for wrong in (
            "https://192.168.1.5/x",
            "http://county.example/x",
            "https://county.example/x?token=1",
            "https://a:b@county.example/x",
        ):
            value = {"what": "set_platform", "value": {"url": wrong}}
            order = tell(gateway, "platform_test", change=value, given=Handed(password=old.key))
            no = await old.result(order)
            assert (no["refused"], no["problems"][0]["field"]) == ("invalid", "url"), wrong
        order = tell(
            gateway, "platform_test", change={"what": "set_platform", "value": {"url": "https://b.example/x"}}, given=Handed(password="x")
        )
        assert (await old.result(order))["problems"][0]["field"] == "password"
        assert [m["reason"] for m in old.named("status")] == ["connected"], "the running link was not cut"
        assert not (gateway.state / "household.json").exists()


def test_a_configuration_says_what_is_wrong_and_check_goes_the_whole_way(tmp_path, authority):
    with HttpPlatform(authority, NAME) as platform:
        gateway = Gateway(tmp_path, name=NAME, lines=platform.toml, secrets=f'{platform.secrets}[keys]\nsealed = "{KEY}"\n')
        gateway.systemd.close()
        said = gateway.command("check").stdout
        assert f"{platform.url.split('/')[2]} 可用 accepts us, HTTP" in said
        assert [m["reason"] for m in platform.named("status")] == ["check, connected", "check, stopped"]
        good = gateway.config.read_text()

        def wrong(line):
            gateway.config.write_text(good.replace(f'url = "{platform.url}"', line))
            with pytest.raises(ConfigError) as no:
                load(gateway.config, all_models())
            return "".join(no.value.problems)

        for line, words in (
            (f'url = "{platform.url}?t=1"', "platform.url"),
            ('url = "http://county.example/"', "https://"),
            (f'url = "{platform.url}"\nhost = "b.example"', "platform.url"),
            (f'url = "{platform.url}"\nreceipts = "broker"', "platform.receipts"),
            ("port = 1", "platform.host"),
        ):
            assert words in wrong(line), line
        (tmp_path / "secrets.toml").write_text('password = "short"\n')
        assert "whsec_" in wrong(f'url = "{platform.url}"')


async def test_the_platform_of_the_manual_records_what_is_told_and_is_obeyed(tmp_path, bluez):
    manual = (ROOT / "docs" / "integrator.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n((?:(?!```).)*?class Platform.*?)```", manual, re.DOTALL)
    theirs, key = {}, hooks.fresh()
    exec(lines, theirs)
    theirs["Platform"].log_message = lambda *_: None
    theirs["keys"][NAME], theirs["orders"][NAME] = key, queue.Queue()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), theirs["Platform"])
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    where = f'[platform]\nurl = "http://127.0.0.1:{server.server_address[1]}/eldercare"\n'

    def stored():
        return [*theirs["stored"].values()]

    with Gateway(tmp_path, bus=bluez, name=NAME, lines=where, secrets=f'password = "{key}"\n[keys]\nsealed = "{KEY}"\n') as gateway:
        await asyncio.to_thread(bluez.wait_for_scan)
        gateway.press()
        await until(lambda: any(sos(m) for m in stored()))
        alarm = next(m for m in stored() if sos(m))
        theirs["orders"][NAME].put({"v": 1, "gateway": NAME, "id": "o1", "do": "acknowledge", "by": "desk", "alarm": alarm["alarm"]})
        await until(lambda: any(m["type"] == "result" and m["accepted"] for m in stored()))
        await waiting(gateway)
        await until(lambda: {m["type"] for m in stored()} >= {"alarm", "fault", "result", "status", "heartbeat"})
        assert {m["number"] for m in stored() if "number" in m} == set(gateway.journal())
        for message in stored():
            assert not breaches(message["type"], message)
    server.shutdown()
    server.server_close()
