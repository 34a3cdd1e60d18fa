"""Marked secrets in a whole real run, and then a search through everything that was written or sent.

The daemon (with --debug), the page over HTTPS, two real Mosquittos and the command line do what a day of a technician does, mistakes
included. Where a secret may stand is listed in KEPT_IN; anywhere else it fails, whatever form it has: text, hexadecimal digits, raw
bytes, base64 at any alignment, percent signs.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import fnmatch
import html
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import ssl
import stat
import string
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiomqtt
import httpx
from cryptography.hazmat.primitives import serialization
from gateway.contract import schemas, wire
from gateway.home import hooks
from gateway.hook.targets import PREFIX
from jsonschema import Draft202012Validator

from tests.kit.brokers import Authority, Mosquitto, Platform, mortal
from tests.kit.browser_push import Subscriber
from tests.kit.fake_bluez import Child
from tests.kit.household import READY_WAIT, REPO, Gateway, Sealed
from tests.kit.ports import free_port
from tests.kit.wait import until_now as until
from tests.prove.table import Row

SEALED, LEARNT, NAME = "A4:C1:38:07:00:01", "A4:C1:38:07:00:02", "gw-secrets"
# Where each secret may stand, as pattern of what is searched; everything else is a leak.
KEPT_IN = {
    "password in the file": {"state/../secrets.toml"},
    "bindkey in the file": {"state/../secrets.toml"},
    "bridge password": {"state/../secrets.toml"},
    "platform password": {"state/household-secrets.json*"},
    "platform password, mistyped": set(),
    "bindkey by the page": {"state/household-secrets.json*"},
    "client certificate key": {"state/household-secrets.json*", "state/papers/*.pem"},
    "page certificate key": {"state/page/page-papers/box.key"},
    "account password": set(),  # only its argon2 hash stands in page.db
    "account password, mistyped": set(),
    "session": set(),  # only its digest stands in page.db; the cookie itself goes to its browser alone, over TLS
    "code of the box": {"state/page/page-code", "said by: code", "page: * POST /first"},  # what was typed comes back beside what was wrong
    "address of a phone": {"state/page/page.db*"},
    "address of a webhook": {"state/household-secrets.json*", "state/household-hooks.toml"},
    "address of a webhook, mistyped": {"page: * POST /rules/ladder"},  # what was typed comes back beside what was wrong
    "signing key of a webhook": {"state/household-secrets.json*", "state/household-hooks.toml", "page: * POST /rules/ladder"},  # shown once
    "signing key of a webhook, void": {"page: * POST /rules/ladder"},  # it leaves the earlier generations too
    "address of a webhook by hand": {"state/../hooks.toml"},
    "signing key of a webhook by hand": {"state/../hooks.toml"},
    "telephone number": {"state/household-secrets.json*", "state/household-phones.toml"},
    "telephone number, mistyped": {"page: * POST /rules/ladder"},
    "telephone number by hand": {"state/../phones.toml"},
    "backup passphrase": set(),
    "backup passphrase by page": {"state/page/handed/page-*"},  # with the file that was looked at, until it is confirmed or tidied away
}
# Names are no secrets, but they belong to the records of who did what, not to log, topics and bundle.
PERSON = "Mrs-Example-Qzx"
NAMES_KEPT_IN = {
    "state/backup.json",
    "state/household.json*",
    "state/gateway.db*",
    "state/page/page.db*",
    "state/page/inbox.db*",
    "sent: *",
    "page: *",
    "said by: status*",
    "run/status.json",
}
DEVICES = """
[[device]]
id = "sealed"
model = "shelly-blu-button"
room = "bedroom"
address = "{sealed}"

[[device]]
id = "z2m"
model = "zigbee2mqtt"
port = "mqtt://z2m@127.0.0.1:{port}/zigbee2mqtt"

[[device]]
id = "cord"
model = "zigbee-sos"
room = "bath"
via = "z2m"
address = "bath/cord"
"""


# -- looking ---------------------------------------------------------------------------------------------------------------


def forms(secret: str) -> set[bytes]:
    """Return the ways in which a secret can stand somewhere."""
    plain = [secret.encode()]
    if re.fullmatch("[0-9a-f]{32}", secret):
        plain += [bytes.fromhex(secret), secret.upper().encode(), bytes.fromhex(secret)[::-1], ":".join(re.findall("..", secret)).encode()]
    out = set(plain)
    for text in plain:
        out |= {text.hex().encode(), text.hex().upper().encode(), quote(text).encode(), "".join(f"%{byte:02X}" for byte in text).encode()}
        for pad in range(3):  # base64 of something that holds it: what is certain of it at each alignment
            whole = base64.b64encode(bytes(pad) + text).rstrip(b"=")
            sure = whole[(8 * pad + 5) // 6 : len(whole) - 1]
            out |= {sure, sure.replace(b"+", b"-").replace(b"/", b"_")}
    return {form for form in out if len(form) >= 8}


def of_key(pem: str) -> set[bytes]:
    """Return the ways in which a private key can stand somewhere."""
    key: Any = serialization.load_pem_private_key(pem.encode(), None)
    number = key.private_numbers().private_value.to_bytes(32, "big")
    lines = [line.encode() for line in pem.splitlines() if len(line) > 40 and "-----" not in line]
    return {number, number.hex().encode(), number.hex().upper().encode(), *lines[1:]}  # the first line is the same in every such key


def found(places: dict[str, bytes], secrets: dict[str, set[bytes]]) -> dict[str, set[str]]:
    """Return in which places each secret stands."""
    return {name: {place for place, data in places.items() if any(form in data for form in ways)} for name, ways in secrets.items()}


def files(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]


def memory(pid: int) -> bytes:
    """Return everything that a process has in its writable memory."""
    out = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as mem:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights = line.split()[:2]
            begin, end = (int(x, 16) for x in span.split("-"))
            if rights.startswith("rw"):
                with contextlib.suppress(OSError, ValueError, OverflowError):
                    mem.seek(begin)
                    out.append(mem.read(end - begin))
    return b"\0".join(out)


# -- living ----------------------------------------------------------------------------------------------------------------


class Technician:
    """A browser at the page over HTTPS that keeps every answer it got, and every address it asked."""

    def __init__(self, address: str) -> None:
        self.client = httpx.Client(base_url=address, verify=False, timeout=30)  # the certificate of the box; others test it
        self.places: dict[str, bytes] = {}
        self.addresses: list[str] = []

    def _keep(self, answer: httpx.Response) -> httpx.Response:
        heads = [f"{k}: {v}" for k, v in answer.headers.multi_items() if k != "set-cookie"]
        self.addresses.append(str(answer.request.url))
        self.places[f"page: {len(self.places)} {answer.request.method} {answer.request.url.path}"] = (
            "\n".join(heads).encode() + answer.content
        )
        return answer

    def get(self, path: str) -> httpx.Response:
        return self._keep(self.client.get(path))

    def post(self, page: str, to: str, **said: str) -> httpx.Response:
        text = self.get(page).text
        key = re.search(r'name="key" value="([0-9a-f]+)"', text)
        assert key, text[:300]
        revision = re.search(r'name="revision" value="(\d+)"', text)
        return self._keep(self.client.post(to, data={"key": key[1], "revision": revision[1] if revision else "0"} | said))


def random_word(dice: random.Random, size: int = 22) -> str:
    return "".join(dice.choice(string.ascii_letters + string.digits) for _ in range(size))


def by_hand(home: Path, word: dict[str, str]) -> None:
    """Write the files of people and webhooks that an operator writes."""
    url, key = f"https://desk.county.example/{word['address of a webhook by hand']}", word["signing key of a webhook by hand"]
    people = f'[people.nurse]\nnumber = "{word["telephone number by hand"]}"\n'
    for name, text in (("phones.toml", people), ("hooks.toml", f'[hooks.desk]\nurl = "{url}"\nsecret = "{PREFIX}{key}"\n')):
        (home / name).touch(mode=0o600)
        (home / name).write_text(text)


class Watcher:
    """Everything that anybody publishes on a broker."""

    def __init__(self) -> None:
        self.places: dict[str, bytes] = {}
        self.topics: list[str] = []

    async def run(self, client: aiomqtt.Client, name: str) -> None:
        await client.subscribe([("#", 1), ("$SYS/broker/version", 1)])
        async for message in client.messages:
            topic = message.topic.value
            self.topics.append(topic)
            self.places[f"sent: {name} {len(self.places)} {topic}"] = topic.encode() + b" " + bytes(message.payload or b"")


async def searched(short: bool, folder: Path, seed: int) -> Row:  # noqa: PLR0915  one day, from the first visit to the crash
    """A day of a technician, then a search for every secret."""
    del short  # it is the same: half a minute
    dice = random.Random(seed)
    word = {name: f"Zq{random_word(dice)}" for name in KEPT_IN}
    for name in ("bindkey in the file", "bindkey by the page"):
        word[name] = dice.randbytes(16).hex()
    for name in ("telephone number", "telephone number by hand"):
        word[name] = "+86138" + "".join(dice.choices(string.digits, k=8))
    word["telephone number, mistyped"] = "x138" + "".join(dice.choices(string.digits, k=8))
    word["signing key of a webhook by hand"] = hooks.fresh().removeprefix(PREFIX)
    home = folder / "home"
    home.mkdir()
    by_hand(home, word)
    papers = folder / "papers"
    papers.mkdir()
    authority = Authority(papers)
    server, ours, desk_papers = authority.issue("server", hosts=("127.0.0.1",)), authority.issue("gateway"), authority.issue("desk")
    users = {"gw": word["platform password"], "desk": random_word(dice), "watcher": random_word(dice)}
    context = ssl.create_default_context(cafile=authority.ca)
    context.load_cert_chain(desk_papers.cert, desk_papers.key)
    places: dict[str, bytes] = {}
    async with contextlib.AsyncExitStack() as ends:
        broker = ends.enter_context(Mosquitto(tls=server, ca=authority.ca, passwords=users))
        bridge = ends.enter_context(Mosquitto(passwords={"z2m": word["bridge password"], "watcher": users["watcher"]}))
        air = ends.enter_context(Child())
        (home / "secrets.toml").touch(mode=0o600)
        port, http = free_port(), free_port()
        secrets = (
            f'password = "{word["password in the file"]}"\n[keys]\nsealed = "{word["bindkey in the file"]}"\n'
            f'[passwords]\nz2m = "{word["bridge password"]}"\n'
        )
        lines = f'[page]\naddress = "127.0.0.1"\nport = {port}\nhttp_port = {http}\n'
        open_hand = ("sh", "-ec", f'cd {home}; umask 0; ulimit -c unlimited; exec "$@" --debug', "sh")
        gateway = Gateway(
            home,
            bus=air,
            name=NAME,
            devices=DEVICES.format(sealed=SEALED, port=bridge.port),
            lines=lines,
            secrets=secrets,
            prefix=open_hand,
        )
        gateway.environment = {"PYTHONPATH": str(REPO)}
        ends.callback(gateway.systemd.close)
        gateway.start()
        ends.callback(gateway.kill)
        air.wait_for_scan(READY_WAIT)
        with (home / "page.log").open("wb") as log:
            command = [sys.executable, "-m", "gateway", "page", "--config", str(gateway.config)]
            environment = {**os.environ, "PYTHONPATH": str(REPO)}
            page = subprocess.Popen(
                mortal(["sh", "-ec", f'cd {home}; umask 0; ulimit -c unlimited; exec "$@"', "sh", *command]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
            )
        ends.callback(page.wait, 10)
        ends.callback(page.kill)
        until(lambda: b"page https" in (home / "page.log").read_bytes())
        watcher = Watcher()
        options = {"hostname": "127.0.0.1", "username": "watcher", "password": users["watcher"], "protocol": aiomqtt.ProtocolVersion.V5}
        for name, port_of, tls in (("platform", broker.port, context), ("bridge", bridge.port, None)):
            client = await ends.enter_async_context(aiomqtt.Client(port=port_of, tls_context=tls, **options))
            task = asyncio.create_task(watcher.run(client, name))
            ends.callback(task.cancel)
        platform = Platform(broker, NAME, username="desk", password=users["desk"], tls_context=context)
        await ends.enter_async_context(platform)
        t = Technician(f"https://127.0.0.1:{port}")
        ends.callback(t.client.close)
        sealed = Sealed(SEALED, word["bindkey in the file"])
        word["code of the box"] = (gateway.page / "page-code").read_text().strip()
        await asyncio.to_thread(technician_comes, t, word, gateway, air, broker, authority, ours)
        word["session"] = next(v for k, v in t.client.cookies.items() if k == "__Host-session")
        # In the home: pressed, forged with another key and in clear, and through the other program.
        await platform.wait(lambda m: m.get("type") == "status" and m["online"])
        gateway.air(SEALED, Sealed(SEALED, "11" * 16).press())
        gateway.air(SEALED, "44000901643a01")
        gateway.air(SEALED, sealed.press())
        alarm = await platform.wait(lambda m: m.get("type") == "alarm" and m["state"] == "raised" and m["device"] == "sealed")
        async with aiomqtt.Client("127.0.0.1", bridge.port, username="z2m", password=word["bridge password"]) as z2m:
            await z2m.publish("zigbee2mqtt/bath/cord", json.dumps({"action": "emergency", "battery": 77}), qos=1)
        await platform.wait(lambda m: m.get("type") == "alarm" and m["state"] == "raised" and m["device"] == "cord")
        for do, more in (
            ("acknowledge", {}),
            ("dispatch", {"responder": PERSON, "seconds": 60}),
            ("arrive", {}),
            ("close", {"outcome": "helped"}),
        ):
            assert (await platform.result(await platform.instruct(do, by=PERSON, alarm=alarm["alarm"], **more)))["accepted"]
        await asyncio.to_thread(technician_looks, t)
        # The page has never read them; what it opens for a technician, such as a backup, passes through it.
        in_page = found(
            {"memory of the page": memory(page.pid)},
            {n: forms(word[n]) for n in ("password in the file", "bindkey in the file", "bridge password", "code of the box")},
        )
        assert not any(at for name, at in in_page.items() if name != "code of the box"), in_page
        await asyncio.to_thread(technician_takes_away, t, word["backup passphrase by page"], gateway)
        passphrase = home / "passphrase"
        passphrase.touch(mode=0o600)
        passphrase.write_text(word["backup passphrase"] + "\n")
        lines_in = folder / "recorded.jsonl"
        lines_in.write_text(
            json.dumps({"id": "x", "mac": SEALED, "service_data": {"fcd2": sealed.press()}, "bindkey": sealed.key.hex()}) + "\n"
        )
        for words in (
            ("status",),
            ("status", "--json"),
            ("check",),
            ("code",),
            ("devices", "--json", "--seconds", "0.5"),
            ("tell", "test", "--by", PERSON),
            ("tell", "explode", "--by", PERSON),
            ("backup", str(home / "backup"), "--passphrase-file", str(passphrase)),
        ):
            done = await asyncio.to_thread(gateway.command, *words)
            places[f"said by: {' '.join(words[:2])[:20]}"] = (done.stdout + done.stderr).encode()
        decoded = subprocess.run(
            [sys.executable, "-m", "gateway", "decode", str(lines_in)], cwd=REPO, capture_output=True, timeout=60, check=False
        )
        assert b"press" in decoded.stdout
        places["said by: decode"] = decoded.stdout + decoded.stderr
        assert (home / "backup").read_bytes().startswith(b"eldercare-gateway backup")
        await asyncio.sleep(2.5)  # one more status file, and what the last act left for the card
        # -- everything that was written, sent, or can be seen from outside
        for name, process in (("daemon", gateway.pid), ("page", page.pid)):
            for what in ("cmdline", "environ"):
                places[f"/proc of {name}: {what}"] = Path(f"/proc/{process}/{what}").read_bytes()
        for path in files(home):
            inside = path.relative_to(home)
            name = f"state/../{inside}" if inside.parts[0] not in {"state", "run"} else str(inside)
            if path != passphrase:
                places[name] = path.read_bytes()
        places |= {
            "broker's log": broker.log().encode(),
            "bridge's log": bridge.log().encode(),
            "addresses": "\n".join(t.addresses).encode(),
        }
        places |= watcher.places | t.places
        rights = wrong_rights(gateway, home)
        assert not rights, rights
        cores = await asyncio.to_thread(without_core, gateway, page, home, folder)
    secrets_in = {name: forms(text) for name, text in word.items()}
    secrets_in["client certificate key"] = of_key(ours.key.read_text())
    secrets_in["page certificate key"] = of_key(places["state/page/page-papers/box.key"].decode())
    return judged(places, secrets_in, watcher, t, cores)


def judged(places: dict[str, bytes], secrets: dict[str, set[bytes]], watcher: Watcher, t: Technician, cores: str) -> Row:
    """Hold what was found against what is allowed; the search itself is tried first."""
    for name, ways in secrets.items():
        assert len(ways) > 1
        for way in ways:
            assert found({"planted": b"\x17..." + way + b"..."}, {name: ways})[name], "what is there is found"
    at = found(places, secrets)
    leaks = {n: {p for p in there if not any(fnmatch.fnmatch(p, k) for k in KEPT_IN[n])} for n, there in at.items()}
    assert not any(leaks.values()), {n: sorted(p)[:8] for n, p in leaks.items() if p}
    for name, allowed in KEPT_IN.items():
        assert all(any(fnmatch.fnmatch(p, pattern) for p in at[name]) for pattern in allowed), (
            f"{name} was not where it is kept: is it searched?"
        )
    named = {p for p, data in places.items() if PERSON.encode() in data}
    loose = {p for p in named if not any(fnmatch.fnmatch(p, k) for k in NAMES_KEPT_IN)}
    assert not loose, (sorted(loose), [x for p in loose for x in places[p].decode(errors="replace").splitlines() if PERSON in x][:5])
    assert any(p.startswith("state/gateway.db") for p in named)
    assert not any(PERSON in topic for topic in watcher.topics)
    sent = [(place.split()[-1], data) for place, data in places.items() if place.startswith("sent: platform") and f"/{NAME}/" in place]
    closed = {name: Draft202012Validator(schema) for name, schema in schemas.closed().items()}
    for topic, data in sent:
        wrong = [e.message for e in closed[topic.rpartition("/")[2]].iter_errors(json.loads(data.partition(b" ")[2]))]
        assert not wrong, (topic, wrong)
    assert {topic for topic, _ in sent} >= {wire.topic(NAME, name) for name in ("alarm", "fault", "result", "status")}
    size = sum(map(len, places.values()))
    kinds = ("state/", "run/", "said by: ", "sent: platform", "sent: bridge", "page: ", "/proc of ", "inside ")
    counts = {kind: sum(p.startswith(kind) for p in places) for kind in kinds if kind != "inside "}
    assert all(counts.values()), counts
    assert any(p.endswith("GET /diagnostics.zip") for p in t.places)
    return Row(
        promises=(11, 12),
        done=f"{len(secrets)} marked secrets looked for in {len(places)} places",
        times=len(secrets) * len(places),
        note=f"{size // 1024} KiB searched; {cores}",
        more={"places": len(places), "bytes": size},
    )


def technician_comes(
    t: Technician, word: dict[str, str], gateway: Gateway, air: Child, broker: Any, authority: Authority, ours: Any
) -> None:
    """First visit, mistakes, the platform with its papers, and a button with its key."""
    password, wrong = word["account password"], word["account password, mistyped"]
    assert t.post("/first", "/first", code=word["code of the box"], name=PERSON, password=password, again=wrong).status_code == 422
    assert t.post("/first", "/first", code=word["code of the box"], name=PERSON, password=password, again=password).status_code == 303
    t.post("/box", "/sign-out")
    assert t.post("/sign-in", "/sign-in", name=PERSON, password=wrong).status_code == 422
    # The password typed where the name belongs comes back to the one who typed it, and is kept nowhere.
    kept = dict(t.places)
    assert t.post("/sign-in", "/sign-in", name=password, password="x").status_code == 422
    t.places = kept
    assert t.post("/sign-in", "/sign-in", name=PERSON, password=password).status_code == 303
    platform = {
        "host": "127.0.0.1",
        "port": str(broker.port),
        "tls": "1",
        "username": "gw",
        "version": "auto",
        "receipts": "platform",
        "ca": authority.ca.read_text(),
        "certificate": ours.cert.read_text(),
        "certificate_key": ours.key.read_text(),
    }
    tried = t.post("/platform", "/platform", go="try", password=word["platform password, mistyped"], **platform)
    assert tried.status_code == 303, tried.text[-2000:]
    until(lambda: (gateway.status().get("platform_test") or {}).get("over"))
    t.get(tried.headers["location"])
    saved = t.post("/platform", "/platform", go="save", password=word["platform password"], **platform)
    assert saved.status_code == 303, saved.text[-2000:]
    technician_says_who_is_called(t, word)
    # Another's certificate key does not fit: refused, and not repeated.
    other = authority.issue("other")
    assert t.post("/platform", "/platform", go="save", **platform | {"certificate_key": other.key.read_text()}).status_code == 422
    button = Sealed(LEARNT, word["bindkey by the page"])
    t.post("/sensors/add", "/sensors/window")
    air.advertise(LEARNT, service_data={"fcd2": button.press()}, name="SBBT-002C")
    form = {"id": "learnt", "model": "shelly-blu-button", "address": LEARNT, "room_other": "hall", "role": "sos"}
    assert (
        t.post("/sensors/new?model=shelly-blu-button", "/sensors/put", secret=word["bindkey by the page"][:-1], **form).status_code == 422
    )
    put = t.post("/sensors/new?model=shelly-blu-button", "/sensors/put", secret=word["bindkey by the page"], **form)
    assert put.status_code == 303, put.text[-2000:]
    # A phone that alarms are sent to: whoever knows its address can send there too. This one is in the home, so nothing is.
    phone = Subscriber().form(f"https://127.0.0.1/{word['address of a phone']}")
    assert t.post("/box", "/box/phone", **phone).headers["location"] == "/box?duty=set#duty"
    until(lambda: not list((gateway.page / "handed").iterdir()))
    air.advertise(LEARNT, service_data={"fcd2": button.press()})  # the press that was asked for is a test
    until(lambda: any(m.get("device") == "learnt" and m.get("test") for m in gateway.journal().values()))
    air.advertise(LEARNT, service_data={"fcd2": button.press()})
    until(lambda: any(a["device"] == "learnt" and not a["test"] for a in gateway.status()["alarms"]))


def technician_says_who_is_called(t: Technician, word: dict[str, str]) -> None:
    """People of the ladder, mistakes included: by telephone and by webhook, and one key made anew."""
    rungs = {f"wait-{n}": "60" for n in range(1, 5)}
    rungs |= {"responder-1": "county", "channel-1": "webhook", "responder-2": "daughter", "channel-2": "sms"}
    rungs |= {"responder-3": "desk", "channel-3": "webhook", "person-3": "desk"}
    rungs |= {"responder-4": "nurse", "channel-4": "sms", "person-4": "nurse"}
    url, number = "address-1", "number-2"
    wrong = {url: f"http://county.example/{word['address of a webhook, mistyped']}", number: word["telephone number, mistyped"]}
    assert t.post("/rules", "/rules/ladder", go="save", **rungs, **wrong).status_code == 422
    typed = {url: f"https://county.example/{word['address of a webhook']}", number: word["telephone number"]}
    made = t.post("/rules", "/rules/ladder", go="save", **rungs, **typed)
    word["signing key of a webhook, void"] = key_in(made.text)
    known = dict(re.findall(r'name="(person-[12])" value="([^"]+)"', t.get("/rules").text))
    made = t.post("/rules", "/rules/ladder", go="save", **rungs, **known, **{"new-key-1": "1"})
    word["signing key of a webhook"] = key_in(made.text)


def key_in(text: str) -> str:
    """Return the key that a page shows, without the word before it."""
    found = re.search(f"{PREFIX}([A-Za-z0-9+/=]+)", html.unescape(text))
    assert found, text[-2000:]
    return found[1]


def technician_looks(t: Technician) -> None:
    """Every page in both languages, the table and the bundle, taken apart."""
    for lang in ("zh", "en"):
        for path in (
            "/",
            "/alarms",
            "/alarms/1",
            "/journal",
            "/journal?what=visits",
            "/test",
            "/box",
            "/home",
            "/sensors",
            "/platform",
            "/rules",
            "/walk",
        ):
            answer = t.get(f"{path}{'&' if '?' in path else '?'}lang={lang}")
            assert answer.status_code == 200, (path, answer.status_code)
    table = t.get("/alarms.csv")
    assert "person.sos" in table.text
    with zipfile.ZipFile(io.BytesIO(t.get("/diagnostics.zip").content)) as file:
        for name in file.namelist():
            t.places[f"inside the bundle: {name}"] = file.read(name)


def technician_takes_away(t: Technician, passphrase: str, gateway: Gateway) -> None:
    """A backup by the page, and a look into it with a wrong and the right passphrase."""
    sealed = t.post("/moving", "/box/backup", passphrase=passphrase, again=passphrase)
    assert sealed.content.startswith(b"eldercare-gateway backup"), sealed.text[-2000:]
    until(lambda: not list((gateway.page / "handed").iterdir()))
    for words, status in (("mistyped mistyped", 422), (passphrase, 200)):
        key = re.search(r'name="key" value="([0-9a-f]+)"', t.get("/moving").text)
        assert key
        said = {"key": key[1], "passphrase": words, "once": "ab" * 12}
        looked = t._keep(t.client.post("/moving/look", data=said, files={"file": sealed.content}))
        assert looked.status_code == status, looked.text[-2000:]


def wrong_rights(gateway: Gateway, home: Path) -> list[str]:
    """Return which file or folder is open to others, or to the page where it holds a secret, though all was started with umask 0."""
    out = []
    secret = {place for places in KEPT_IN.values() for place in places if place.startswith("state/") and "/handed/" not in place}
    for path in [*files(gateway.state, gateway.runtime), home / "secrets.toml", home / "backup"]:
        facts, name = path.stat(), str(path.relative_to(home))
        alone = name in {"secrets.toml", "backup"} or any(fnmatch.fnmatch(name, place) for place in secret)
        if facts.st_mode & (0o077 if alone else 0o027) or facts.st_uid != os.geteuid():
            out.append(f"{name} {stat.S_IMODE(facts.st_mode):04o}")
    folders = [p for p in gateway.state.rglob("*") if p.is_dir() and p.stat().st_mode & 0o027]
    return out + [f"{path.relative_to(home)}/ {stat.S_IMODE(path.stat().st_mode):04o}" for path in folders]


def without_core(gateway: Gateway, page: subprocess.Popen[bytes], home: Path, folder: Path) -> str:
    """Let both die as a crash does, with every limit lifted from outside: no core. A bare Python under the same rules leaves one."""
    control = folder / "control"
    control.mkdir()
    lifted = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    for pid in (gateway.pid, page.pid):
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0", limits), "the limit is nothing"
        with contextlib.suppress(PermissionError):  # only root lifts it again; then what is left is that the process is not dumpable
            resource.prlimit(pid, resource.RLIMIT_CORE, lifted)
    script = 'ulimit -c unlimited; exec "$0" -c "import os; os.abort()"'
    subprocess.run(["sh", "-c", script, sys.executable], cwd=control, capture_output=True, check=False)
    before = {p.name for p in home.iterdir()}
    for process in (gateway.process, page):
        assert process is not None
        process.send_signal(signal.SIGABRT)
        assert process.wait(10) == -signal.SIGABRT
    time.sleep(0.2)
    new = {p.name for p in home.iterdir()} - before
    assert not {n for n in new if "core" in n}, new
    gateway.process = None
    usual = any("core" in p.name for p in control.iterdir())
    shutil.rmtree(control)
    return "no core, where a bare Python leaves one" if usual else "no core; this machine keeps none in the folder of any process"


PROOFS = [searched]
