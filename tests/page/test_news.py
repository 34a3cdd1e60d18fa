"""The page is told that something is new, whichever of the two is restarted; where nothing is told it looks by itself."""

import asyncio
import contextlib

import pytest
from gateway.home import inbox, news
from gateway.page import live
from gateway.page.news import News, until
from gateway.page.waits import WAITS
from gateway.tend.inbound import woken_by

from tests.kit import wait
from tests.kit.wait import NEVER


class Daemon:
    """The daemon's end, as it listens and tells."""

    def __init__(self, runtime):
        self.news, self.asked = news.News(), 0
        self._end = contextlib.ExitStack()
        self._end.enter_context(woken_by(runtime / "wake", self._woken))

    def _woken(self, datagram):
        assert isinstance(datagram, inbox.WantsNews)
        self.asked += 1
        self.news.want(datagram.address)

    def close(self):
        self._end.close()


@pytest.fixture
async def daemon(tmp_path):
    made = Daemon(tmp_path)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def looks_never(monkeypatch):
    monkeypatch.setattr(WAITS, "look", NEVER)
    monkeypatch.setattr(WAITS, "together", 0.0)


async def test_what_the_daemon_does_is_seen_when_it_is_told(tmp_path, daemon):
    looked = []

    def found():
        looked.append(1)
        return "done" if done else None

    done = False
    waits = asyncio.create_task(until(tmp_path, found, NEVER))
    await wait.until(lambda: daemon.asked == 2)
    daemon.news.tell()
    await wait.until(lambda: len(looked) == 2)
    done = True
    daemon.news.tell()
    assert await waits == "done"
    daemon.news.tell()
    assert not daemon.news._asked, "who has gone is forgotten"


async def test_what_came_between_two_looks_is_not_lost(tmp_path, daemon):
    with contextlib.closing(News(tmp_path)) as line:
        await wait.until(lambda: daemon.asked)
        for _ in range(200):  # more than the kernel keeps
            daemon.news.tell()
        await line.come()
        assert daemon.news._asked, "who is busy stays"


async def test_without_a_word_it_looks_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(WAITS, "look", 0.001)
    answers = iter([None, None, 7])
    assert await until(tmp_path, lambda: next(answers), NEVER) == 7
    assert await until(tmp_path, lambda: None, 0.01) is None


async def test_a_daemon_that_begins_anew_is_asked_again(tmp_path, daemon, monkeypatch):
    monkeypatch.setattr(WAITS, "look", 0.01)
    waits = asyncio.create_task(until(tmp_path, lambda: None, NEVER))
    await wait.until(lambda: daemon.asked)
    daemon.close()
    again = Daemon(tmp_path)
    await wait.until(lambda: again.asked)
    again.close()
    waits.cancel()
    await asyncio.gather(waits, return_exceptions=True)


async def test_one_without_a_descriptor_looks_now_and_then(tmp_path, monkeypatch):
    def none():
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(news, "listening", none)
    monkeypatch.setattr(WAITS, "look", 0.001)
    answers = iter([None, 7])
    assert await until(tmp_path, lambda: next(answers), NEVER) == 7


async def test_who_asks_no_more_is_told_no_more_and_few_are_remembered(monkeypatch):
    told = news.News()
    for n in range(3 * news.AT_MOST):
        told.want(f"{n:05x}")
    assert len(told._asked) == news.AT_MOST
    with contextlib.closing(news.listening()) as line:
        address = line.getsockname()[1:].decode()
        told.want(address)
        told.tell()
        assert line.recv(16) == b"new"
        assert list(told._asked) == [address], "nobody listens at the others"
        real = news.time.monotonic
        monkeypatch.setattr(news.time, "monotonic", lambda: real() + 3600)
        told.tell()
        assert not told._asked


@pytest.mark.parametrize("address", ["", "0001", "0001g", "00012\\n", "../xy"])
def test_only_addresses_of_the_kernels_making_are_told(address):
    assert inbox.said(f'{{"type":"news","address":"{address}"}}'.encode()) == inbox.Left()
    assert inbox.said(b'{"type":"news","address":"0001a"}') == inbox.WantsNews("0001a")


async def test_an_entry_wakes_the_streams(tmp_path, daemon):
    newest = [1]
    watch = live.Watch(lambda: newest[0], tmp_path, lambda: NEVER)
    watch.enter("one")
    events = watch.events(lambda: True)
    await anext(events)
    await wait.until(lambda: daemon.asked == 2)
    newest[0] = 7
    daemon.news.tell()
    assert "data: 7" in await anext(events)
    await events.aclose()
    watch.leave("one")


async def test_what_came_while_the_stream_was_sending_is_told_next(tmp_path, daemon):
    """A press while the one before is still on its way to the page: without it the page stays one press behind."""
    newest = [1]
    watch = live.Watch(lambda: newest[0], tmp_path, lambda: NEVER)
    watch.enter("one")
    events = watch.events(lambda: True, 1)
    await anext(events)
    for number in (7, 8):
        newest[0] = number
        daemon.news.tell()
        await wait.until(lambda number=number: watch._number == number)
    assert "data: 8" in await anext(events)
    newest[0] = 9
    daemon.news.tell()
    await wait.until(lambda: watch._number == 9)
    assert "data: 9" in await anext(events)
    await events.aclose()
    watch.leave("one")


async def test_a_page_is_told_of_what_came_between_its_drawing_and_its_stream(tmp_path, daemon):
    watch = live.Watch(lambda: 9, tmp_path, lambda: NEVER)
    watch.enter("one")
    behind, even = watch.events(lambda: True, 8), watch.events(lambda: True, 9)
    await anext(behind)
    assert "event: changed\nid: 9" in await anext(behind)
    await anext(even)
    waits = asyncio.create_task(anext(even))
    await wait.until(lambda: watch._number == 9)
    assert not waits.done()
    waits.cancel()
    await asyncio.gather(waits, return_exceptions=True)
    watch.leave("one")


@pytest.mark.parametrize(("told", "changed"), [(9, False), (8, True), (-1, True)])
async def test_who_finds_no_place_is_told_the_number_and_asks_again(tmp_path, daemon, told, changed):
    watch = live.Watch(lambda: 9, tmp_path, lambda: NEVER)
    watch.enter("one")
    await wait.until(lambda: watch._number == 9)
    text = "".join([event async for event in watch.once(told)])
    assert text.startswith("retry: 2000\nid: 9\nevent: brief\n")
    assert ("event: changed" in text) is changed
    assert watch.streams == 1, "it takes no place"
    watch.leave("one")
