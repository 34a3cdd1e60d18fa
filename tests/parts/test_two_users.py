"""Daemon and page as two users, as their units run them: real processes under other uids, on this machine's kernel.

Whoever runs code inside the page is that user. What it must not do is tried as that user, and refused by the kernel.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest
from gateway.home import news
from gateway.page import label, papers

from tests.golden import make
from tests.kit.household import REPO, Gateway
from tests.kit.line_emulators import RfBridge
from tests.kit.ports import free_port
from tests.kit.wait import PATIENCE
from tests.kit.wait import until_now as until
from tests.page.served import Page

DAEMON, PAGE, GROUP = 61011, 61012, 61011  # nobody has these numbers
PASSWORD, PLATFORM = "mountain tea at seven", "Zq-platform-password-41"
LINES = '[page]\naddress = "127.0.0.1"\nport = {port}\nhttp_port = {http}\n'


def as_user(uid):
    return ("setpriv", f"--reuid={uid}", f"--regid={GROUP}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs")


def may_be_two_users():
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return False
    return (
        subprocess.run(
            [*as_user(PAGE), sys.executable, "-c", "import gateway.page.server"], cwd=REPO, capture_output=True, check=False
        ).returncode
        == 0
    )


@pytest.fixture(scope="module", autouse=True)
def two_users():
    if not may_be_two_users():
        pytest.skip("only root becomes other users, in a checkout that they may read")


class Box:
    """A box as the manual's installation leaves it, both processes on it, and a browser."""

    def __init__(self, folder, *, devices="", rung=None):
        folder.chmod(0o755)
        self.port, self.http = free_port(), free_port()
        lines = LINES.format(port=self.port, http=self.http)
        if rung is not None:
            lines += f'[[ladder]]\nresponder = "neighbour"\nchannel = "program"\nprogram = ["{rung}"]\n'
        self.gateway = Gateway(
            folder,
            devices=devices,
            times="receipt = 10\n" if rung else "",
            secrets='password = "in-the-file-Zq"\n',
            lines=lines,
            prefix=as_user(DAEMON),
        )
        gateway = self.gateway
        for path, mode in ((gateway.state, 0o750), (gateway.runtime, 0o750)):
            path.mkdir(mode=mode)
            os.chown(path, DAEMON, GROUP)
        os.chown(gateway.config, 0, GROUP)
        gateway.config.chmod(0o640)
        os.chown(folder / "secrets.toml", DAEMON, GROUP)
        gateway.log_file.touch()
        Path(gateway.systemd.path).parent.chmod(0o755)
        Path(gateway.systemd.path).chmod(0o777)
        self.browser = httpx.Client(base_url=f"http://127.0.0.1:{self.http}", timeout=PATIENCE)

    def furnish(self):
        """Make the page's folder, as its unit does."""
        self.gateway.page.mkdir(mode=0o750)
        os.chown(self.gateway.page, PAGE, GROUP)

    @contextlib.contextmanager
    def page(self):
        with Page(self.gateway.config, self.http, self.gateway.folder / "page-log", as_user(PAGE)) as page:
            yield page

    def post(self, at, to, **said):
        text = self.browser.get(at).text
        found = {n: re.search(rf'name="{n}" value="([0-9a-f]+)"', text) for n in ("key", "once", "revision")}
        assert found["key"], text[:500]
        return self.browser.post(to, data={n: m[1] for n, m in found.items() if m} | said)

    def claim(self):
        said = {"code": label.shown(self.gateway.page), "name": "T-07", "password": PASSWORD, "again": PASSWORD}
        assert self.post("/first", "/first", **said).status_code == 303

    def close(self):
        self.gateway.kill()
        self.gateway.systemd.close()
        self.browser.close()


@pytest.fixture
def box():
    with tempfile.TemporaryDirectory(prefix="two-users-") as folder:
        made = Box(Path(folder))
        yield made
        made.close()


def tried(uid, source, *words):
    """Run a line as another user; return "done", or the name of what it failed with."""
    script = f"import os, signal, socket, sqlite3, sys\nfrom pathlib import Path\nw = sys.argv[1:]\ntry:\n    {source}\nexcept Exception as e:\n    print(type(e).__name__, e)\nelse:\n    print('done')"
    done = subprocess.run(
        [*as_user(uid), sys.executable, "-c", script, *map(str, words)], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    return done.stdout.strip()


def owners(gateway):
    """Return what is not its folder's, or open to others."""
    out = []
    for path in [gateway.state, *gateway.state.rglob("*")]:
        facts = path.lstat()
        user = PAGE if path.is_relative_to(gateway.page) else DAEMON
        if (facts.st_uid, facts.st_gid) != (user, GROUP) or facts.st_mode & 0o027:
            out.append(f"{path.relative_to(gateway.state)} {facts.st_uid}:{facts.st_gid} {stat.S_IMODE(facts.st_mode):04o}")
    return out


READ = "Path(w[0]).read_bytes()"
WRITE = "c = sqlite3.connect(w[0], timeout=1); c.execute('CREATE TABLE forged (x)'); c.commit()"


def test_the_page_shows_and_asks_and_the_kernel_refuses_it_everything_else(box):
    gateway = box.gateway
    box.furnish()
    gateway.start()
    with box.page() as page:
        box.claim()
        # What it is for: a secret handed over, an order carried out, a backup fetched, Today out of the running daemon's database.
        said = {"host": "127.0.0.1", "port": str(free_port()), "version": "5", "receipts": "platform", "password": PLATFORM, "go": "save"}
        assert box.post("/platform", "/platform", **said).status_code == 303
        assert PLATFORM in (gateway.state / "household-secrets.json").read_text()
        assert not list((gateway.page / "handed").iterdir())
        assert box.post("/test", "/do/test").status_code == 303
        until(lambda: gateway.status()["alarms"])
        number = gateway.status()["alarms"][0]["number"]
        assert f"/alarms/{number}" in box.browser.get("/?lang=en").text
        sealed = box.post("/moving", "/box/backup", passphrase="twelve grey geese", again="twelve grey geese")
        assert sealed.content.startswith(b"eldercare-gateway backup"), sealed.text[:2000]
        assert box.browser.get("/diagnostics.zip").status_code == 200
        assert owners(gateway) == []

        # What it must not, whoever sits in it.
        pid = gateway.pid
        assert gateway.process is not None
        for secret in (
            *gateway.state.glob("household-secrets.json*"),
            gateway.folder / "secrets.toml",
            f"/proc/{pid}/mem",
            f"/proc/{pid}/environ",
        ):
            assert tried(PAGE, READ, secret).startswith("PermissionError"), secret
            assert tried(DAEMON, READ, secret) == "done" or str(secret).startswith("/proc"), "or the proof says nothing"
        for name in ("gateway.db", "history.db"):
            assert "readonly" in tried(PAGE, WRITE, gateway.state / name)
            assert tried(PAGE, "os.rename(w[0], w[0] + '.gone')", gateway.state / name).startswith("PermissionError")
            assert tried(PAGE, "os.truncate(w[0], 0)", f"{gateway.state / name}-wal").startswith("PermissionError")
        for path in (gateway.state / "household.json", gateway.state / "backup.json", gateway.runtime / "status.json", gateway.config):
            assert tried(PAGE, "open(w[0], 'a').write('x')", path).startswith("PermissionError"), path
            assert tried(PAGE, "os.unlink(w[0])", path).startswith("PermissionError"), path
        for folder in (gateway.state, gateway.runtime, gateway.state / "sealed"):
            assert tried(PAGE, "Path(w[0], 'restore').mkdir()", folder).startswith("PermissionError"), folder
        for number in ("SIGTERM", "SIGKILL", "SIGSTOP"):
            assert tried(PAGE, "os.kill(int(w[0]), getattr(signal, w[1]))", pid, number).startswith("PermissionError")
        assert tried(PAGE, "os.setpriority(os.PRIO_PROCESS, int(w[0]), 19)", pid).startswith("PermissionError")

        # Nor the daemon the page's own: each has its folder.
        for path in (gateway.page / "page.db", gateway.page / "page-code", gateway.page / "page-papers" / "box.key"):
            assert tried(DAEMON, READ, path).startswith("PermissionError"), path
        assert "readonly" in tried(DAEMON, WRITE, gateway.page / "inbox.db")

        # A daemon that has stopped, or was killed: what it has left can be looked at.
        gateway.stop()
        assert not (gateway.state / "gateway.db-wal").exists()
        assert "alarm.test" in box.browser.get("/alarms.csv").text
        gateway.start()
        gateway.kill()
        assert (gateway.state / "gateway.db-wal").exists()
        assert "alarm.test" in box.browser.get("/alarms.csv").text
        assert page.process.poll() is None
    assert owners(gateway) == []


def test_what_root_does_on_the_command_line_locks_nobody_out(box):
    gateway = box.gateway
    assert gateway.command("check").returncode in {0, 1}
    gateway.start()
    told = gateway.command("tell", "test", "--by", "operator")
    assert told.returncode == 0, told.stderr
    until(lambda: gateway.status()["alarms"])
    shutil.chown(
        gateway.page, PAGE
    )  # there is no eldercare-page on this machine: it was made the daemon's, and the unit makes it the page's
    for path in gateway.page.iterdir():
        os.chown(path, PAGE, GROUP)
    first = gateway.command("code")
    assert first.returncode == 0, first.stderr
    again = gateway.command("code", "--new")
    assert label.shown(gateway.page) in again.stdout
    assert again.stdout.splitlines()[0] != first.stdout.splitlines()[0]
    words = gateway.folder / "words"
    words.write_text("twelve grey geese\n")
    sealed = gateway.folder / "away.eldercare"
    assert gateway.command("backup", str(sealed), "--passphrase-file", str(words)).returncode == 0
    assert owners(gateway) == []
    gateway.stop()
    for path in gateway.state.glob("*.db*"):
        path.unlink()
    restored = gateway.command("restore", str(sealed), "--passphrase-file", str(words))
    assert restored.returncode == 0, restored.stderr
    assert owners(gateway) == []
    # Nobody but the two users of the box, and root in their place, leaves instructions.
    line = [*as_user(65534), sys.executable, "-m", "gateway", "tell", "test", "--by", "x", "--config", str(gateway.config)]
    assert subprocess.run(line, cwd=REPO, capture_output=True, check=False).returncode in {1, 2}
    gateway.start()
    with box.page():
        box.claim()
        assert box.post("/test", "/do/test").status_code == 303
        assert box.browser.get("/?lang=en").status_code == 200
    assert owners(gateway) == []


CORD = """
[[device]]
id = "bridge"
model = "sonoff-rfbridge"
port = "{bridge}"

[[device]]
id = "bath-cord"
model = "ev1527-sos"
room = "bath"
via = "bridge"
codes = {{ press = "12F70A" }}
"""
ANSWER = """#!/bin/sh
cd {repo}
export PYTHONPATH={path}
exec {python} -m gateway tell acknowledge --alarm "$ELDERCARE_ALARM" --by "neighbour, key 1" --config {config}
"""


def python():
    """Return an interpreter that a program of the daemon may run: the one of these tests may lie in a folder that is root's alone."""
    for found in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        if subprocess.run([*as_user(DAEMON), "sh", "-c", f"{found} -c pass"], capture_output=True, check=False).returncode == 0:
            return found
    raise AssertionError("no Python that another user may run")


def test_a_program_that_the_daemon_runs_for_an_alarm_can_answer_it():
    with tempfile.TemporaryDirectory(prefix="two-users-") as name, RfBridge(Path(name) / "bridge") as bridge:
        made = Box(Path(name), devices=CORD.format(bridge=Path(name) / "bridge"), rung=Path(name) / "modem")
        gateway = made.gateway
        try:
            program = gateway.folder / "modem"
            packages = ":".join(filter(None, sys.path))
            program.write_text(ANSWER.format(repo=REPO, path=packages, python=python(), config=gateway.config))
            program.chmod(0o755)
            os.chown(os.path.realpath(gateway.folder / "bridge"), DAEMON, GROUP)
            made.furnish()
            gateway.start()
            until(lambda: bridge.code("12f70a", times=3) or gateway.status()["alarms"], every=0.5)
            until(lambda: [a["state"] for a in gateway.status()["alarms"]] == ["acknowledged"])
            answer = next(m for m in gateway.journal().values() if m["type"] == "result")
            assert (answer["do"], answer["by"], answer["accepted"]) == ("acknowledge", "neighbour, key 1", True)
            until(lambda: not list((gateway.state / "slips").iterdir()))
            gateway.stop()
            gateway.start()
            assert [m["do"] for m in gateway.journal().values() if m["type"] == "result"] == ["acknowledge"], "once"
            assert tried(PAGE, "os.listdir(w[0])", gateway.state / "slips").startswith("PermissionError")
            assert tried(PAGE, "Path(w[0], 'x').write_text('{}')", gateway.state / "slips").startswith("PermissionError")
            assert owners(gateway) == []
        finally:
            made.close()


def as_daemon(gateway, *words):
    line = [*as_user(DAEMON), sys.executable, "-m", "gateway", *words, "--config", str(gateway.config)]
    return subprocess.run(line, cwd=REPO, capture_output=True, text=True, check=False)


def test_a_program_sets_nothing_up(box):
    gateway = box.gateway
    box.furnish()
    gateway.start()
    done = as_daemon(gateway, "tell", "walk", "--seconds", "60", "--by", "x")
    assert done.returncode == 0, done.stderr
    until(lambda: [m["refused"] for m in gateway.journal().values() if m["type"] == "result"] == ["local_only"])


@pytest.mark.parametrize("user", [DAEMON, 0])
def test_whoever_lists_the_devices_opens_the_window_by_an_order(box, user):
    gateway = box.gateway
    box.furnish()
    gateway.start()
    line = [sys.executable, "-m", "gateway", "devices", "--seconds", "0.5", "--json", "--config", str(gateway.config)]
    done = subprocess.run([*(as_user(user) if user else ()), *line], cwd=REPO, capture_output=True, text=True, check=False)
    assert "gateway" not in done.stderr, done.stderr
    assert json.loads(done.stdout)["until"], done.stderr
    (order,) = [m for m in gateway.journal().values() if m["type"] == "result"]
    assert (order["do"], order["accepted"]) == ("window", True)
    assert order["by"] == f"devices, user {user}"


@pytest.mark.parametrize("generation", [name for name in make.GENERATIONS if (make.HERE / name / "page.sql").exists()])
def test_a_box_of_one_user_becomes_one_of_two_and_everybody_keeps_the_account(box, generation):
    gateway = box.gateway
    gateway.state.rmdir()
    expected = make.state(generation, gateway.state)
    (gateway.state / "page-code").write_text("ABCDE-FGHJK\n")
    fingerprint = papers.fingerprint(papers.in_use(gateway.state, ["box.local"])[0])
    (gateway.state / "handed").mkdir(mode=0o700)
    for path in [gateway.state, *gateway.state.rglob("*")]:
        os.chown(path, DAEMON, GROUP)
        path.chmod(0o700 if path.is_dir() else 0o600)
    gateway.config.write_text(gateway.config.read_text().replace('"gw-e2e"', json.dumps(expected["gateway"])))
    line = [*as_user(PAGE), sys.executable, "-m", "gateway", "page", "--config", str(gateway.config)]
    early = subprocess.run(line, cwd=REPO, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert early.returncode == 1, "it begins no empty book, and is started again by systemd until the daemon has opened the folder"
    assert "Permission denied" in early.stderr
    gateway.state.chmod(0o750)  # as systemd does before it starts the daemon
    box.furnish()
    early = subprocess.run(line, cwd=REPO, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert early.returncode == 1
    gateway.start()
    assert [p.name for p in gateway.page.iterdir()] == ["moving-in.new"], "cut off while it copied"
    with box.page():
        assert label.shown(gateway.page) == "ABCDE-FGHJK"
        assert papers.fingerprint(papers.in_use(gateway.page, [])[0]) == fingerprint
        assert box.post("/sign-in", "/sign-in", name="wang", password=expected["password"]).status_code == 303
        assert box.browser.get("/journal?what=visits").status_code == 200
        until(lambda: expected["left"] in {m["instruction"] for m in gateway.journal().values() if m["type"] == "result"})
        gateway.stop()
        gateway.start()
        assert not [p for p in gateway.state.iterdir() if p.name.startswith(("page-", "page.", "inbox", "handed"))], "the old are gone"
        assert box.browser.get("/journal?what=visits").status_code == 200
    assert owners(gateway) == []


def test_a_readers_lock_on_the_journal_silences_no_call(box):
    """Who may read a database may lock it as a reader, and a writer waits for readers: the daemon goes on in memory, and says so."""
    gateway = box.gateway
    box.furnish()
    gateway.start()
    hold = "import fcntl, sys, time; f = open(sys.argv[1], 'rb'); fcntl.lockf(f, fcntl.LOCK_SH, 8, 120); print('held', flush=True); time.sleep(60)"
    line = [*as_user(PAGE), sys.executable, "-c", hold, str(gateway.state / "gateway.db-shm")]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as page:
        try:
            assert page.stdout.readline() == b"held\n"
            assert gateway.command("tell", "test", "--by", "operator").returncode == 0
            until(lambda: gateway.status()["alarms"] and "locked" in gateway.status()["degraded"])
        finally:
            page.kill()
    assert gateway.process.poll() is None


def test_a_stand_in_that_another_user_has_made_is_not_believed(box):
    """The shared memory is everybody's: a database by the right name there would end alarms."""
    gateway = box.gateway
    forged = Path("/dev/shm") / f"eldercare-gateway-{DAEMON}"
    box.furnish()
    gateway.start()
    gateway.stop()
    try:
        assert tried(PAGE, "os.umask(0); Path(w[0]).mkdir(mode=0o777)", forged) == "done"
        shutil.copyfile(gateway.state / "gateway.db", forged / "gateway.db")
        (forged / "gateway.db").chmod(0o666)
        with contextlib.closing(sqlite3.connect(forged / "gateway.db", isolation_level=None)) as db:
            db.execute("INSERT OR REPLACE INTO marks VALUES ('gateway', ?)", (gateway.name,))
            db.execute("INSERT OR REPLACE INTO marks VALUES ('journal', 'forged')")
            db.execute("INSERT INTO outbox SELECT 1, max(number) FROM journal")  # something waits in it: it would be gone on with
        gateway.start()
        assert gateway.status()["journal"] != "forged"
        assert not gateway.status()["degraded"]
    finally:
        shutil.rmtree(forged, ignore_errors=True)


def test_the_page_is_told_that_something_is_new_by_the_other_user():
    tell = "from gateway.home.news import News; n = News(); n.want(w[0]); n.tell()"
    with news.listening() as line:
        assert tried(DAEMON, tell, line.getsockname()[1:].decode()) == "done"
        assert line.recv(16) == b"new"
