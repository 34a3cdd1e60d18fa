"""HTTPS, the way to it, the unit, and a new certificate without a restart."""

import asyncio
import configparser
import re
import ssl
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from gateway.page import guard, papers
from gateway.page.server import Papers, Signpost
from gateway.page.waits import WAITS

from tests.kit.ports import free_port
from tests.kit.wait import until
from tests.page.served import ROOT, Page


@pytest.fixture
def page(example):
    port, http = free_port(), free_port()
    text = example.path.read_text().replace("port = 8443", f"port = {port}").replace("http_port = 8080", f"http_port = {http}")
    example.path.write_text(text)
    with Page(example.path, http, example.folder / "page.log") as served:
        served.secure = f"https://127.0.0.1:{port}"
        yield served


def test_https_with_the_certificate_of_the_box(page, example):
    context = ssl.create_default_context(cafile=example.config.page_folder / papers.FOLDER / "box.pem")
    with httpx.Client(verify=context) as client:
        answer = client.get(f"{page.secure}/first")
        assert answer.status_code == 200
        assert "__Host-form=" in answer.headers["set-cookie"]
        assert "Secure" in answer.headers["set-cookie"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(page.secure)
    assert "Traceback" not in page.log.read_text()


async def test_on_http_the_network_sees_the_way_and_this_box_everything(box):
    signpost = Signpost(box.app, box.page)

    async def asked(source, method="GET", path="/first", host="192.168.1.20"):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(signpost, client=(source, 4000)), base_url=f"http://{host}") as client:
            return await client.request(method, path)

    for method, path in (("GET", "/first"), ("POST", "/first"), ("GET", "/sign-in"), ("GET", "/"), ("POST", "/do/test")):
        answer = await asked("192.168.1.77", method, path)
        assert "https://192.168.1.20:8443/" in answer.text, (method, path)
        assert not re.search("<(input|select|textarea)", answer.text), "no field to type a code into"
        assert "set-cookie" not in answer.headers
        assert "content-security-policy" in answer.headers
    assert 'href="https://[fd00::2]:8443/?lang=zh"' in (await asked("fd00::9", host="[fd00::2]")).text
    assert 'href="https://[fd00::2]:8443/?lang=zh"' in (await asked("fd00::9", host="[fd00::2]:8080")).text
    assert (await asked("192.168.1.77", host="evil.example")).status_code == 421
    assert 'name="code"' in (await asked("127.0.0.1")).text


async def test_also_on_http_a_flood_of_one_source_is_slowed_and_no_other(box, monkeypatch):
    monkeypatch.setattr(guard, "RATE", 25.0)  # as shipped; the box of the tests asks without a limit
    signpost = Signpost(box.app, box.page)

    async def asked(source):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(signpost, client=(source, 4000)), base_url="http://localhost") as client:
            return (await client.get("/")).status_code

    answers = [await asked("192.168.1.80") for _ in range(260)]
    assert answers[:100] == [200] * 100
    assert 429 in answers
    assert await asked("192.168.1.81") == 200


async def test_a_page_that_runs_for_years_makes_its_certificate_anew_by_itself(example, monkeypatch):
    monkeypatch.setattr(WAITS, "papers", 0.01)
    monkeypatch.setattr(papers, "LASTS", papers.RENEW - timedelta(days=1))
    mine = Papers(example.config, ["box.local"])
    first, key = papers.fingerprint(mine.certificate), mine.certificate.with_suffix(".key").read_bytes()
    monkeypatch.setattr(papers, "LASTS", timedelta(days=800))
    task = asyncio.create_task(mine.keep_in_date())
    await until(lambda: papers.fingerprint(mine.certificate) != first)
    assert papers.until(mine.certificate) - datetime.now(UTC) > timedelta(days=700)
    assert mine.certificate.with_suffix(".key").read_bytes() == key
    mine.certificate.write_text("torn")
    await asyncio.sleep(0.1)
    assert not task.done(), "trouble with the file ends neither the page nor the looking"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_certificate_is_taken_up_without_a_restart(example):
    mine = Papers(example.config, ["box.local"])
    assert mine.origin == "box"
    own = papers.in_use(example.folder / "other", ["own.example"])
    papers.install(example.config.page_folder, own[0].read_text(), own[1].read_text())
    mine.take_up()
    assert mine.origin == "own"
    assert papers.fingerprint(mine.certificate) == papers.fingerprint(own[0])


def test_the_unit_gives_the_page_less_than_the_daemon():
    units = {}
    for name in ("eldercare-gateway", "eldercare-gateway-page"):
        parser = configparser.RawConfigParser(strict=False)
        parser.optionxform = str
        parser.read(ROOT / "systemd" / f"{name}.service")
        units[name] = parser["Service"]
    daemon, page = units.values()
    assert page["User"] != daemon["User"], "what is 0600 is the daemon's alone"
    assert page["Group"] == daemon["Group"], "what is 0640 can be shown"
    assert page["StateDirectory"].split()[0] != daemon["StateDirectory"], "systemd would give it the daemon's files"
    assert int(page["OOMScoreAdjust"]) > 0 > int(daemon["OOMScoreAdjust"])
    assert page["MemoryMax"]
    assert int(page["Nice"]) > 0
    assert "secrets.toml" in page["InaccessiblePaths"]
    assert "phones.toml" in page["InaccessiblePaths"]
    assert "hooks.toml" in page["InaccessiblePaths"]
    assert page["CapabilityBoundingSet"] == "CAP_NET_BIND_SERVICE"
