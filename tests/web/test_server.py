"""HTTPS, the way to it, the unit, and a new certificate without a restart."""

import configparser
import ssl

import httpx
import pytest

from gateway.web import papers
from gateway.web.server import Papers, Signpost
from tests.brokers import free_port
from tests.web.served import ROOT, Page


@pytest.fixture
def page(example):
    port, http = free_port(), free_port()
    text = example.path.read_text().replace("port = 8443", f"port = {port}").replace("http_port = 8080", f"http_port = {http}")
    example.path.write_text(text)
    with Page(example.path, http, example.folder / "page.log") as served:
        served.secure = f"https://127.0.0.1:{port}"
        yield served


def test_https_with_the_certificate_of_the_box(page, example):
    context = ssl.create_default_context(cafile=example.config.state / papers.FOLDER / "box.pem")
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
        assert "name=" not in answer.text.replace('name="viewport"', "").replace('name="color-scheme"', ""), "no field to type a code into"
        assert "set-cookie" not in answer.headers
        assert "content-security-policy" in answer.headers
    assert (await asked("192.168.1.77", host="evil.example")).status_code == 421
    assert 'name="code"' in (await asked("127.0.0.1")).text


def test_a_certificate_is_taken_up_without_a_restart(example):
    mine = Papers(example.config, ["box.local"])
    assert mine.origin == "box"
    own = papers.in_use(example.folder / "other", ["own.example"])
    papers.install(example.config.state, own[0].read_text(), own[1].read_text())
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
    assert page["User"] == daemon["User"], "WAL: only the owner can read what the daemon writes"
    assert int(page["OOMScoreAdjust"]) > 0 > int(daemon["OOMScoreAdjust"])
    assert page["MemoryMax"]
    assert int(page["Nice"]) > 0
    assert "secrets.toml" in page["InaccessiblePaths"]
    assert page["CapabilityBoundingSet"] == "CAP_NET_BIND_SERVICE"
