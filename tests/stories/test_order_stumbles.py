"""An order or a receipt that trips over a mistake of ours: it is told as a message that was refused, and takes nobody's call along."""

import asyncio
import contextlib
import errno
import itertools
import json

import pytest
from gateway.home import inbox, slips
from gateway.tend.waits import WAITS
from gateway.words import kind

from tests.stories.life import PENDANT, Life

ORDER = {"v": 1, "do": "acknowledge", "by": "desk", "alarm": "a-1"}


def order(life, name, **more):
    return json.dumps({**ORDER, "gateway": life.daemon.home.gateway, "id": name, **more}).encode()


def stumbles(part, monkeypatch, name):
    def mistaken(*_args, **_more):
        raise ZeroDivisionError

    monkeypatch.setattr(part, name, mistaken)


def refused(life):
    return [m["detail"] for m in life.journal() if m["type"] == "fault" and m["kind"] == "gateway.bad_message"]


def calls(life):
    return [m for m in life.journal() if m["type"] == "alarm" and m["kind"] == "person.sos" and m["move"] == "raise"]


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("field", ["expires", "issued"])
@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_a_time_that_there_is_not_is_a_bad_message_at_either_door(tmp_path, local, field, text):
    async def story():
        payload = order(life, "far", **{field: text})
        if local:
            inbox.leave(life.daemon.home.config.page_folder, life.daemon.home.config.runtime, payload)
        else:
            life.daemon.mailbox.from_platform("instruction", payload)
        life.press()
        await life.wait(60)
        answers = [m["refused"] for m in life.journal() if m["type"] == "result"]
        assert answers == ["bad_message"]
        assert len(calls(life)) == 1
        await life.restart()
        life.daemon.mailbox.from_platform("instruction", payload)
        await life.wait(5)
        assert life.daemon.inbound.place.after == int(local)

    with Life(tmp_path) as life:
        life.live(story())


@pytest.mark.parametrize("local", [False, True])
def test_a_mistake_over_an_order_is_told_and_the_press_of_its_turn_is_too(tmp_path, monkeypatch, caplog, local):
    async def story():
        stumbles(life.daemon.pipeline.orders, monkeypatch, "repeats")
        if local:
            inbox.leave(life.daemon.home.config.page_folder, life.daemon.home.config.runtime, order(life, "x1"))
        else:
            life.daemon.mailbox.from_platform("instruction", order(life, "x1"))
        life.press()
        await life.wait(60)
        (said,) = refused(life)
        assert said["message"] == ("inbox" if local else "instruction")
        assert "a mistake of ours (ZeroDivisionError)" in said["why"]
        assert "could not be carried out" in caplog.text
        assert len(calls(life)) == 1
        assert life.daemon.inbound.place.after == int(local)
        await life.restart()  # the mistake is still there: it is not read again
        stumbles(life.daemon.pipeline.orders, monkeypatch, "repeats")
        await life.wait(60)
        assert len(refused(life)) == 1

    with Life(tmp_path) as life:
        life.live(story())


def test_a_mistake_over_a_receipt_ends_nothing(tmp_path, monkeypatch):
    async def story():
        stumbles(life.daemon.lineage, monkeypatch, "heard")
        receipt = {"v": 1, "gateway": life.daemon.home.gateway, "journal": life.daemon.store.journal}
        life.daemon.mailbox.from_platform("receipt", json.dumps(receipt).encode())
        life.press(PENDANT)
        await life.wait(5)
        assert {one["message"] for one in refused(life)} == {"receipt"}
        assert len(calls(life)) == 1

    with Life(tmp_path) as life:
        life.live(story())


def test_a_mistake_of_the_turn_ends_the_process_and_loses_no_press(tmp_path):
    async def story():
        def mistaken(_at):
            raise ZeroDivisionError

        life.press()
        life.daemon.notes.later(mistaken)
        with contextlib.suppress(BaseExceptionGroup):
            await asyncio.wait_for(life._task, 60)
        assert len(calls(life)) == 1

    with Life(tmp_path) as life:

        async def whole():
            await life.start()
            await story()

        life.run(whole())


def test_a_slip_that_cannot_be_deleted_is_carried_out_once_and_told_once(tmp_path, monkeypatch):
    async def story():
        tries = []
        unlink = slips.Path.unlink

        def read_only(path, **more):
            if path.parent.name == slips.FOLDER and not path.name.startswith("."):
                tries.append(life.now)
                raise OSError(errno.EROFS, "Read-only file system")
            unlink(path, **more)

        monkeypatch.setattr(slips.Path, "unlink", read_only)
        life.press()
        await life.wait(5)
        (alarm,) = life.open
        for n in range(2):
            slips.leave(life.state, order(life, f"modem-{n}", alarm=alarm.id, by="neighbour"))
        await life.wait(3 * 3600)
        answers = [m["instruction"] for m in life.desk.results]
        assert sorted(answers) == ["modem-0", "modem-1"]
        assert life.desk.repeats == 0
        assert len(tries) < 50, "less and less often"
        assert max(after - before for before, after in itertools.pairwise(tries)) >= WAITS.delete_slip / 2
        stays = [m for m in life.journal() if m["type"] == "fault" and (m["kind"], m["device"]) == (kind.STORAGE_DEGRADED, slips.FOLDER)]
        assert [m["turn"] for m in stays] == ["raised"]
        assert "Read-only" in stays[0]["detail"]["why"]
        monkeypatch.setattr(slips.Path, "unlink", unlink)
        await life.wait(2 * WAITS.delete_slip)
        assert not list((life.state / slips.FOLDER).iterdir())
        assert (kind.STORAGE_DEGRADED, slips.FOLDER) not in life.daemon.faults.on
        slips.leave(life.state, order(life, "modem-2", alarm=alarm.id, by="neighbour"))
        await life.wait(10)
        assert life.desk.results[-1]["instruction"] == "modem-2"

    with Life(tmp_path) as life:
        life.live(story())
