"""The technician who comes once a year, and the one who brings the wrong file: through the real gateway, the real page, real bytes."""

import asyncio
import re
import socket
import time

import httpx
import pytest
from gateway.home import backup
from gateway.home.parts import Household, SoundPart

from tests.kit.backups import kept
from tests.kit.brokers import Mosquitto, Platform
from tests.kit.fake_bluez import Child
from tests.kit.household import KEY, OTHER_KEY, PENDANT, Gateway, Sealed
from tests.kit.ports import free_port
from tests.kit.wait import PATIENCE
from tests.kit.wait import until_now as until
from tests.page.served import Page
from tests.parts.test_technician import alarms
from tests.stories.life import MINUTE, NO_ANSWER, Life

PASSWORD = "mountain tea at seven"
WORDS = "open sesame please"
BUTTON = f'[[device]]\nid = "pendant"\nmodel = "shelly-blu-button"\nroom = "hall"\naddress = "{PENDANT}"\n'


@pytest.fixture(scope="module")
def bluez():
    with Child() as child:
        yield child


class Visit:
    """A technician at the page of a gateway."""

    def __init__(self, page):
        self.page = page
        self.browser = httpx.Client(base_url=page.address, timeout=PATIENCE, limits=httpx.Limits(max_keepalive_connections=0))

    def first(self, code):
        said = {"code": code, "name": "T-07", "password": PASSWORD, "again": PASSWORD}
        return self.post("/first", "/first", **said)

    def again(self):
        return self.post("/sign-in", "/sign-in", name="T-07", password=PASSWORD)

    def read(self, path, lang="en"):
        answer = self.browser.get(f"{path}{'&' if '?' in path else '?'}lang={lang}")
        assert answer.status_code == 200, answer.text[:500]
        return answer.text

    def key(self, path):
        return re.search(r'name="key" value="([0-9a-f]+)"', self.read(path))[1]

    def revision(self):
        return re.search(r'name="revision" value="(\d+)"', self.read("/home"))[1]

    def post(self, page, to, **said):
        return self.browser.post(to, data={"key": self.key(page), "once": f"{time.monotonic_ns():024x}"} | said)


@pytest.fixture
def home(tmp_path, bluez):
    """A gateway with one pendant, its page, and the technician who has signed in there."""
    http = free_port()
    lines = f'{BUTTON}[page]\naddress = "127.0.0.1"\nport = {free_port()}\nhttp_port = {http}\n'
    with Gateway(tmp_path / "home", bus=bluez, name="gw-7", devices=lines) as gateway:
        bluez.wait_for_scan()
        with Page(gateway.config, http, tmp_path / "page.log") as page:
            visit = Visit(page)
            assert visit.first((gateway.page / "page-code").read_text().strip()).status_code == 303
            yield gateway, visit


def of(gateway):
    return alarms(gateway, "pendant")


# -- the year's second technician ----------------------------------------------------------------------------------------


def test_who_presses_to_see_is_asked_and_ends_it_under_his_name_and_it_stays_real(home):
    gateway, visit = home
    assert "About to press a device? Start its walk test first" in visit.read("/")
    gateway.press()
    until(lambda: of(gateway))
    text = visit.read("/")
    assert "Was it you, testing the device?" in text
    assert "是您在试设备吗" in visit.read("/", "zh")
    form = {
        n: re.search(rf'class="tried".*?action="/do/close".*?name="{n}" value="([^"]*)"', text, re.DOTALL)[1] for n in ("alarm", "seen")
    }
    no = visit.post("/", "/do/close", **form, tried="1")
    assert no.status_code == 422
    assert of(gateway)[-1]["state"] == "raised", "a tap alone ends nothing"
    assert visit.post("/", "/do/close", **form, tried="1", sure="1", outcome="test").status_code == 303
    until(lambda: of(gateway)[-1]["state"] == "closed")
    closed = of(gateway)[-1]
    assert (closed["outcome"], closed["test"]) == ("no_help_needed", False), "a real alarm is never made a test"
    assert closed["by"].startswith("T-07 (")
    assert "to test the device" in closed["reason"]
    gateway.press()
    until(lambda: of(gateway)[-1]["state"] == "raised")
    assert of(gateway)[-1]["alarm"] != closed["alarm"], "the next press is the next call for help"


def test_who_begins_the_walk_test_first_calls_nobody(home):
    gateway, visit = home
    assert visit.post("/walk", "/walk", device="pendant", go="begin").status_code == 303
    until(lambda: (gateway.status().get("walk") or {}).get("device") == "pendant")
    gateway.press()
    until(lambda: of(gateway))
    assert of(gateway)[-1]["test"]
    assert "Was it you, testing the device?" not in visit.read("/")


def test_without_an_answer_it_is_real(tmp_path):
    async def story():
        life.people["family"] = NO_ANSWER
        life.press()
        await life.wait(5 * MINUTE)
        assert life.called("family")
        assert life.reached(), "the ladder goes on until somebody is reached"
        (alarm,) = life.open
        assert not alarm.test

    with Life(tmp_path) as life:
        life.live(story())


# -- three buttons at the county --------------------------------------------------------------------------------------------


THREE = {f"new{n}": f"A4:C1:38:00:01:{n:02X}" for n in range(3)}


def enrolled(visit, name, **more):
    """Enrol a button on the page; return the page that asks for its first press."""
    said = {"id": name, "model": "shelly-blu-button", "address": THREE[name], "room": "hall", "role-1": "sos"}
    answer = visit.post("/home", "/sensors/put", **said, revision=visit.revision(), **more)
    assert answer.status_code == 303, answer.text[:3000]
    return answer.headers["location"]


async def test_three_buttons_are_tried_and_only_the_neighbours_call_is_real(tmp_path, bluez):
    http = free_port()
    lines = f'{BUTTON}[page]\naddress = "127.0.0.1"\nport = {free_port()}\nhttp_port = {http}\n'
    with Mosquitto() as broker, Gateway(tmp_path / "home", bus=bluez, broker=broker, name="gw-33", devices=lines) as gateway:
        bluez.wait_for_scan()
        async with Platform(broker, gateway.name) as platform:
            with Page(gateway.config, http, tmp_path / "page.log") as page:
                await asyncio.to_thread(_three, gateway, Visit(page))
            await platform.wait(lambda m: m.get("device") == "new2" and m.get("test") is False)
        told = {m["alarm"]: m for m in platform.named("alarm")}
        assert {(m["device"], m["test"], m["priority"]) for m in told.values()} == {
            ("pendant", False, 1),
            *((name, True, 4) for name in THREE),
            ("new2", False, 1),
        }


def _three(gateway, visit):
    assert visit.first((gateway.page / "page-code").read_text().strip()).status_code == 303
    for name, address in THREE.items():
        sealed = Sealed(address)
        way = enrolled(visit, name, **({"secret": OTHER_KEY} if name == "new0" else {"secret": KEY}))
        until(lambda way=way: "The first press within 10 min is a test" in visit.read(way))
        gateway.air(address, sealed.press())
        if name == "new0":  # it was given another device's key
            until(lambda way=way: "Received, but cannot be decrypted with this key" in visit.read(way))
            said = {"device": name, "room": "hall", "role-1": "sos", "secret": KEY, "left_open": "0", "missing": "0"}
            answer = visit.post("/sensors", "/sensors/change", **said, revision=visit.revision())
            way = answer.headers["location"]
            assert "cannot be read" not in visit.read(way), "of the right key nothing is known yet"
            until(lambda way=way: "The first press within 10 min is a test" in visit.read(way))
            gateway.air(address, sealed.press())
        until(lambda way=way: "This press was a test" in visit.read(way))
        assert "从现在起每次按键都是真的" in visit.read(way, "zh")
    gateway.press()  # the neighbouring device's call for help: nobody has asked for it
    until(lambda: of(gateway))
    assert [a["state"] for a in of(gateway)] == ["raised"] * len(of(gateway))
    gateway.air(address, sealed.press())
    until(lambda: any(not m["test"] for m in alarms(gateway, "new2")))
    until(lambda: "It is a real alarm" in visit.read(way))


# -- the wrong files -----------------------------------------------------------------------------------------------------


def sealed(home):
    """Return a backup that somebody has crafted."""
    head = backup.MAGIC + b'{"v":1,"salt":"' + b"ab" * 16 + b'","nonce":"' + b"cd" * 12 + b'"}\n'
    return head + backup._sealed(head, WORDS).encrypt(
        bytes.fromhex("cd" * 12), backup.msgspec.json.encode(kept(gateway="gw-9", household=home)), head
    )


def refused_unread(page, path, cookie, size):
    """Announce so many bytes and send none; return the status that is answered."""
    host, _, port = page.address.removeprefix("http://").partition(":")
    head = f"POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\ncookie: session={cookie}\r\ncontent-length: {size}\r\n"
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as line:
        line.sendall(f"{head}content-type: multipart/form-data; boundary=x\r\n\r\n".encode())
        return int(line.recv(200).split()[1])


def weak_certificate():
    """Return a certificate with 1,024 bits and its key, as PEM."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=90)).sign(key, hashes.SHA256())
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return made.public_bytes(serialization.Encoding.PEM).decode(), key.private_bytes(serialization.Encoding.PEM, *form).decode()


def beside(text, field):
    """Return what stands beside a field that is wrong."""
    at = re.search(rf'<(?:input|textarea)[^>]*name="{field}"[^>]*aria-invalid="true"', text)
    assert at, f"{field} is not marked"
    return re.search(r'<p class="say"[^>]*><strong>(.+?)</strong>', text[at.end() :])[1]


def test_wrong_files_are_refused_beside_the_field_and_all_is_as_before(home, tmp_path):
    gateway, visit = home
    before = gateway.status()["household"], gateway.status()["gateway"], sorted(p.name for p in gateway.state.iterdir())
    certificate, private = weak_certificate()
    answer = visit.post("/box", "/box/papers", certificate=certificate, private=private)
    assert answer.status_code == 422
    assert beside(answer.text, "certificate") or beside(answer.text, "private")
    session = visit.browser.cookies["session"]
    assert refused_unread(visit.page, "/moving/look", session, 200 * 1024 * 1024) == 413
    data = sealed(Household(sound=SoundPart(alarm=("/bin/sh", "-c", "touch /tmp/owned"))))
    fields = {"key": visit.key("/box"), "once": "ab" * 12, "passphrase": WORDS}
    answer = visit.browser.post("/moving/look", data=fields, files={"file": ("x.eldercare", data)})
    assert answer.status_code == 422
    assert "/bin/sh" in beside(answer.text, "file")
    new = {"id": "new", "model": "shelly-blu-button", "address": "A4:C1:38:00:53:09", "room": "hall", "role": "help", "revision": "0"}
    answer = visit.post("/home", "/sensors/put", **new, secret="231d39c1d7cc1ab1aee224cd096db93")
    assert answer.status_code == 422
    assert "32" in beside(answer.text, "secret")
    assert (gateway.status()["household"], gateway.status()["gateway"], sorted(p.name for p in gateway.state.iterdir())) == before
    visit.page.process.terminate()
    visit.page.process.wait(20)
    port = int(visit.page.address.rpartition(":")[2])
    with Page(gateway.config, port, tmp_path / "page2.log") as page:
        after = Visit(page)
        assert after.again().status_code == 303
        assert "pendant" in after.read("/")
    gateway.press()
    until(lambda: of(gateway))
