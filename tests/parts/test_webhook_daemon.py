"""The whole way of a webhook: a press, the real daemon and program, a real HTTPS server, and a platform that is dead."""

import asyncio
import json
import sqlite3

from gateway.home import hooks
from standardwebhooks import Webhook

from tests.kit.brokers import Authority
from tests.kit.fake_bluez import Child
from tests.kit.hook_server import HookServer, in_turn, installed, receipts, says
from tests.kit.household import Gateway
from tests.kit.wait import until

LADDER = '[[ladder]]\nresponder = "county"\nwait = 60\nchannel = "webhook"\nperson = "desk"\n'


async def test_a_press_is_told_by_webhook_though_the_platform_is_dead_and_nothing_of_the_address_is_written(tmp_path):
    installed()
    authority, key = Authority(tmp_path), hooks.fresh()
    own = authority.issue("127.0.0.1", hosts=("127.0.0.1",))
    with Child() as bluez, HookServer(in_turn(says(500), receipts), (own.cert, own.key)) as server:
        book = tmp_path / "hooks.toml"
        book.write_text(f'[hooks.desk]\nurl = "{server.url}?t0ken-Zq41"\nsecret = "{key}"\nca = "{authority.ca}"\n')
        book.chmod(0o600)
        with Gateway(tmp_path, bus=bluez, lines=LADDER, times="receipt = 10\n") as gateway:
            await asyncio.to_thread(bluez.wait_for_scan)
            gateway.press()
            await until(lambda: len(server.came) == 2)
            first, again = (Webhook(key).verify(came.body, came.headers) for came in server.came)
            assert first == again, "sent again, it is the same"
            assert (again["type"], again["data"]["kind"], again["data"]["test"]) == ("alarm.call", "person.sos", False)

            def called():
                with sqlite3.connect(f"file:{gateway.state / 'gateway.db'}?mode=ro", uri=True) as db:
                    return [json.loads(body) for (body,) in db.execute("SELECT body FROM journal")]

            await until(lambda: any('"accepted"' in json.dumps(e) for e in called() if e["type"] == "alarm"))
            entries = {e["id"]: e for e in called()}
            assert entries[again["data"]["entry"]]["alarm"] == again["data"]["alarm"]
            kept = [path.read_bytes() for path in gateway.state.rglob("*") if path.is_file()]
            run = [path.read_bytes() for path in gateway.runtime.rglob("*") if path.is_file()]
            for secret in (b"t0ken", key[6:].encode()):
                assert not any(secret in body for body in [*kept, *run, gateway.log().encode()])
            assert "Traceback" not in gateway.log()
