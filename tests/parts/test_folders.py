"""Whose file is whose, and the way of the page's files into a folder of their own. As two users it is tried in test_two_users.py."""

import shutil
import sqlite3
import stat
from pathlib import Path

import pytest
from gateway.box import folders
from gateway.home import inbox
from gateway.home.handed import Handed, hand, handed


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def old_box(state):
    """What a box of one user has: everything in one folder, nothing open to anybody else."""
    state.mkdir(mode=0o700)
    for n in range(3):
        inbox.leave(state, state, f"order {n}".encode())
    for name in (
        "page.db",
        "page-code",
        "gateway.db",
        "history.db",
        "household.json",
        "household.json.1",
        "certificate-0001.json",
        "backup.json",
    ):
        (state / name).write_text(name)
    hand(state, "page-1", Handed(key="00"))
    for name in ("page-papers", "papers", "sealed"):
        (state / name).mkdir(mode=0o700)
        (state / name / "it").write_text(name)
    for name in ("household-secrets.json", "household-secrets.json.1"):
        (state / name).write_text(name)
    for path in state.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return state


def test_what_the_page_may_look_at_is_open_to_it_and_what_is_secret_to_nobody(tmp_path):
    state = old_box(tmp_path / "state")
    (state / "household-secrets.json.1").chmod(0o644)
    (state / "papers").chmod(0o755)
    (state / "papers" / "it").chmod(0o640)
    folders.moved_in(state)
    folders.opened_to_page(state)
    for name in ("gateway.db", "history.db", "household.json", "household.json.1", "certificate-0001.json", "backup.json", "sealed/it"):
        assert mode(state / name) == 0o640, name
    for name in (
        "household-secrets.json",
        "household-secrets.json.1",
        "papers/it",
        "page/page.db",
        "page/page-code",
        "page/page-papers/it",
    ):
        assert mode(state / name) == 0o600, name
    assert mode(state / "papers") == mode(state / "page/page-papers") == 0o700
    assert mode(state / "sealed") == mode(state / "page/handed") == 0o750
    assert mode(state / "page/inbox.db") == mode(state / "page/handed/page-1") == 0o640
    assert mode(state / "page-code") == 0o600, "what the page has moved in already is opened to nobody"


@pytest.mark.parametrize("cut", range(1, 8))
def test_moving_cut_off_at_any_step_is_finished_or_begun_anew(tmp_path, monkeypatch, cut):
    """Six renames: one of the whole, five into their places; the seventh is never reached."""
    real, renamed = Path.replace, []

    def counted(path, target):
        renamed.append(path.name)
        if len(renamed) == cut:
            raise OSError("the power is gone")
        return real(path, target)

    state = old_box(tmp_path / "state")
    monkeypatch.setattr(Path, "replace", counted)
    if cut <= 6:
        with pytest.raises(OSError, match="power"):
            folders.moved_in(state)
        folders.moved_out(state)
    monkeypatch.setattr(Path, "replace", real)
    folders.moved_in(state)
    page = state / "page"
    assert sorted(p.name for p in page.iterdir()) == ["handed", "inbox.db", "page-code", "page-papers", "page.db"]
    assert (page / "page.db").read_text() == "page.db"
    assert handed(page, "page-1").key == "00"
    assert [body for _, body in inbox.read(page, 0)] == [b"order 0", b"order 1", b"order 2"]
    folders.moved_out(state)
    assert not [p.name for p in state.iterdir() if p.name.startswith(("page-", "page.", "inbox", "handed"))]
    assert (state / "gateway.db").exists()


def test_what_the_page_has_begun_is_never_written_over(tmp_path):
    state = old_box(tmp_path / "state")
    inbox.leave(state / "page", state, b"newer")  # by root, before the page was started
    folders.moved_in(state)
    assert [body for _, body in inbox.read(state / "page", 0)] == [b"newer"]
    (state / "page" / "page.db").write_text("of today")
    folders.moved_in(state)
    assert (state / "page" / "page.db").read_text() == "of today"


def test_a_disk_that_gives_nothing_is_no_reason_not_to_guard(tmp_path, caplog):
    state = old_box(tmp_path / "state")
    (state / "papers" / "loop").symlink_to("loop")
    folders.opened_to_page(state)
    shutil.rmtree(state)
    folders.opened_to_page(state)
    state.write_text("no folder")
    folders.opened_to_page(state)
    assert "permissions in" in caplog.text


@pytest.mark.parametrize("closed", [True, False])
def test_a_database_is_read_whether_somebody_writes_it_or_not(tmp_path, closed):
    path = tmp_path / "a ? b.db"
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("CREATE TABLE t (x)")
    if closed:
        writer.close()
    with folders.reader(path, 1) as db:
        assert db.execute("SELECT count(*) FROM t").fetchone() == (0,)
        with pytest.raises(sqlite3.OperationalError):
            db.execute("INSERT INTO t VALUES (1)")
    writer.close()
    with pytest.raises(sqlite3.OperationalError), folders.reader(tmp_path / "none.db", 1):
        pass
