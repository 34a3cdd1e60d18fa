"""The package in the machine, from a signed repository on the loopback of this host: installed, purged, installed again over the home. Deep run only.

What it depends on comes from the same repository, as this host's apt works it out for the machine's own list of packages.
"""

from __future__ import annotations

import functools
import http.server
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from gateway import __version__
from gateway.voice.render import written

from tests.prove.table import Row
from tests.prove.vm.holds import where_there_is_a_machine
from tests.vm.card import Card
from tests.vm.home import DAEMON, HERE, PAGE, STATE
from tests.vm.machine import Machine, locked, made, warm
from tests.write.deb.package import contents, packed
from tests.write.deb.repository import KEYRING, published
from tests.write.deb.wheels import PYTHONS, ROOT, fetched

ETC = "/etc/eldercare-gateway"
SLOW = 900.0  # s for dpkg on an emulated processor
APT = "DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends"
LEFT = f"find / -xdev -iname '*eldercare*' -not -path '/proc/*' -not -path '/opt/*' -not -path '/var/lib/apt/*' -not -path '/var/cache/*' -not -path '/tmp/*' -not -path '/var/log/*' -not -path '*/{KEYRING}'"


@where_there_is_a_machine
def installed_and_purged(short: bool, folder: Path, seed: int) -> list[Row]:
    """the package from a repository: installed, refused where it is wrong, purged with the home kept, installed over it, purged whole"""
    del seed
    if short:
        return []
    image = made()
    with locked(image / "lock"):
        saved = warm(image, folder / "warm")
    card = Card(folder)
    try:
        with Machine(folder, card=card, saved=saved) as machine, pytest.MonkeyPatch.context() as patch:
            keys = folder / "keys"
            keys.mkdir(mode=0o700)
            patch.setenv("GNUPGHOME", str(keys))
            return [_lived(machine, folder)]
    finally:
        card.close()


def _lived(machine: Machine, folder: Path) -> Row:
    name = ["gpg", "-q", "--batch", "--passphrase", "", "--quick-generate-key", "county", "ed25519", "sign", "never"]
    subprocess.run(name, check=True, capture_output=True)
    clips = folder / "clips"
    written(clips)
    wheels = {python: fetched("amd64", python, ROOT / "build" / "wheels" / f"amd64-{python}") for python in PYTHONS}
    ours = packed("amd64", contents(wheels, clips), folder, epoch=1_700_000_000)
    status = folder / "status"
    status.write_text(machine.sh("cat /var/lib/dpkg/status"), encoding="utf-8")
    first = _downloaded(folder / "apt", status, "apt")
    needed = _downloaded(folder / "needed", status, *_needs(ours))
    place = folder / "repository"
    published(place, [ours, *{path.name: path for path in (*first, *needed)}.values()], "county")
    serves = functools.partial(_Quiet, directory=str(place))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serves) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        where = f"http://{HERE}:{server.server_address[1]}"
        try:
            seconds, kept = _installed(machine, where, first)
            _wrong_ones_are_refused(machine, where)
            _purged_and_kept(machine, kept)
        finally:
            server.shutdown()
    note = f"{ours.stat().st_size / 1e6:.1f} MB; purge keeps the home unasked, deletes it when told"
    return Row(
        promises=(8, 11), done="package installed, purged, installed again", times=2, worst=seconds, worst_of="to install", note=note
    )


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def _needs(package: Path) -> list[str]:
    said = subprocess.run(["dpkg-deb", "-f", str(package), "Depends"], check=True, capture_output=True, text=True).stdout
    return [part.split("|")[0].split("(")[0].strip() for part in said.split(",")]


def _downloaded(folder: Path, status: Path, *names: str) -> list[Path]:
    """Return the packages that a machine with this list of packages is still lacking for these."""
    (folder / "partial").mkdir(parents=True)
    options = [f"-oDir::State::status={status}", f"-oDir::Cache::archives={folder}", "-oAPT::Sandbox::User=root", "-oDebug::NoLocking=1"]
    command = ["apt-get", "-q", "-y", "--no-install-recommends", "--download-only", *options, "install", *names]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "LC_ALL": "C"})
    return sorted(folder.glob("*.deb"))


def _installed(machine: Machine, where: str, first: list[Path]) -> tuple[float, str]:
    """Install as the manual says; return the seconds, and the name of the home's journal."""
    fetch = "import urllib.request\nopen(to, 'wb').write(urllib.request.urlopen(url, timeout=60).read())"
    machine.sh("rm -f /usr/sbin/policy-rc.d")  # left by what made the image; it forbids every start
    machine.sh("mkdir -p /tmp/debs && rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*; mkdir -p /etc/apt/sources.list.d")
    for path in first:
        machine.python(fetch, url=f"{where}/pool/{path.name.replace('%', '%25')}", to=f"/tmp/debs/{path.name}")
    if first:
        machine.sh("dpkg -i /tmp/debs/*.deb", SLOW)
    machine.python(fetch, url=f"{where}/{KEYRING}", to=f"/usr/share/keyrings/{KEYRING}")
    machine.put("/etc/apt/sources.list.d/county.list", f"deb [signed-by=/usr/share/keyrings/{KEYRING}] {where} stable main\n")
    machine.sh("apt-get -q update", SLOW)
    began = time.monotonic()
    said = machine.sh(f"{APT} install eldercare-gateway", SLOW)
    seconds = time.monotonic() - began
    _guards(machine, said)
    assert machine.sh("eldercare-gateway --version") == f"eldercare-gateway {__version__}\n"
    assert machine.sh("eldercare-gateway code", 120).count("\n") > 2
    said = machine.sh(f"stat -c '%a %U %G' {ETC} {ETC}/gateway.toml {ETC}/secrets.toml {STATE} {STATE}/page").splitlines()
    modes = ["750 root eldercare", "640 root eldercare", "600 eldercare root", "750 eldercare eldercare", "750 eldercare-page eldercare"]
    assert said == modes, said
    assert machine.sh("find /usr/lib/eldercare-gateway -user eldercare -o -user eldercare-page -o -perm -o+w -type f") == ""
    assert machine.sh("ls /usr/lib/eldercare-gateway/site/gateway/__pycache__").count(".pyc") > 2
    machine.sh(f"echo '# by hand' >>{ETC}/gateway.toml")
    return seconds, _identity(machine)


def _guards(machine: Machine, said: str = "") -> None:
    active = machine.run(f"systemctl is-active {DAEMON} {PAGE}")[1].split()
    assert active == ["active", "active"], f"{said[-1500:]}\n{machine.run(f'systemctl status --no-pager {DAEMON} {PAGE}')[1]}"
    assert machine.sh(f"systemctl is-enabled {DAEMON} {PAGE}").split() == ["enabled", "enabled"]


def _identity(machine: Machine) -> str:
    return machine.sh(f"sha256sum {STATE}/gateway.id* {STATE}/identity* 2>/dev/null; true") + machine.python(
        "import contextlib, sqlite3\n"
        "with contextlib.closing(sqlite3.connect('file:' + path + '?mode=ro', uri=True, timeout=10)) as db:\n"
        "    result = str(db.execute('SELECT number, body FROM journal ORDER BY number LIMIT 1').fetchall())",
        path=f"{STATE}/gateway.db",
    )


def _wrong_ones_are_refused(machine: Machine, where: str) -> None:
    """A package of another machine, a changed index, no network: a clear answer, and the gateway on guard."""
    machine.sh(
        "mkdir -p /tmp/other/DEBIAN && printf 'Package: eldercare-gateway\\nVersion: 99\\nArchitecture: arm64\\nMaintainer: x <x@localhost>\\nDescription: x\\n' >/tmp/other/DEBIAN/control"
    )
    code, said = machine.run("dpkg-deb -b /tmp/other /tmp/other.deb && dpkg -i /tmp/other.deb", 120)
    assert code, said
    assert "does not match system" in said, said
    gone = where.rpartition(":")[0] + ":9"
    machine.sh(f"sed -i 's#{where}#{gone}#' /etc/apt/sources.list.d/county.list")
    code, said = machine.run("apt-get -q -oAPT::Update::Error-Mode=any -oAcquire::Retries=0 update", 120)
    assert code, said
    machine.sh(f"sed -i 's#{gone}#{where}#' /etc/apt/sources.list.d/county.list")
    _guards(machine)


def _purged_and_kept(machine: Machine, kept: str) -> None:
    machine.sh(f"{APT} purge eldercare-gateway", SLOW)
    assert machine.run(f"systemctl is-active {DAEMON} {PAGE}")[0] != 0
    assert machine.run("pgrep -u eldercare,eldercare-page")[0] == 1, "something of it runs on"
    left = set(machine.sh(LEFT, 120).split())
    assert {path for path in left if not path.startswith((STATE, ETC, "/var/backups/eldercare-gateway"))} == set(), left
    machine.sh("apt-get -q update", SLOW)
    machine.sh(f"{APT} install eldercare-gateway", SLOW)
    _guards(machine)
    assert _identity(machine) == kept, "another home"
    assert machine.sh(f"tail -1 {ETC}/gateway.toml") == "# by hand\n"
    machine.sh("echo eldercare-gateway eldercare-gateway/delete-home boolean true | debconf-set-selections", 120)
    machine.sh(f"{APT} purge eldercare-gateway", SLOW)
    assert machine.run(LEFT, 120)[1] == "", "a purge that deletes the home leaves something"
    assert machine.run("getent passwd eldercare eldercare-page")[1] == ""


PROOFS = [installed_and_purged]
