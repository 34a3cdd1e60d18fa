"""Migrations and transactions: whole or not at all, and in a form that earlier versions read."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from gateway.keep import schema
from gateway.keep.schema import Migrations, atomic

from tests.golden import make

ROOT = Path(__file__).parents[3]


@pytest.fixture
def db():
    conn = sqlite3.connect(":memory:", isolation_level=None)
    conn.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)")
    yield conn
    conn.close()


def rows(db):
    return [n for (n,) in db.execute("SELECT n FROM t ORDER BY n")]


def test_a_transaction_is_whole(db):
    with atomic(db):
        db.execute("INSERT INTO t VALUES (1)")
        assert db.in_transaction
    assert (rows(db), db.in_transaction) == ([1], False)


def test_a_failure_inside_leaves_nothing(db):
    def twice():
        with atomic(db):
            db.execute("INSERT INTO t VALUES (1)")
            db.execute("INSERT INTO t VALUES (1)")

    with pytest.raises(sqlite3.IntegrityError):
        twice()
    assert (rows(db), db.in_transaction) == ([], False)


def test_one_inside_another_belongs_to_it(db):
    def one_inside_another():
        with atomic(db):
            with atomic(db):
                db.execute("INSERT INTO t VALUES (1)")
            assert db.in_transaction, "the outer one goes on"
            raise LookupError

    with pytest.raises(LookupError):
        one_inside_another()
    assert rows(db) == []


def test_what_a_trigger_rolled_back_is_told_as_the_trigger_says(db):
    db.execute("CREATE TRIGGER full BEFORE INSERT ON t BEGIN SELECT RAISE(ROLLBACK, 'no room'); END")
    with pytest.raises(sqlite3.IntegrityError, match="no room"), atomic(db):
        db.execute("INSERT INTO t VALUES (1)")
    assert not db.in_transaction


def test_a_migration_that_fails_leaves_what_was_there_and_is_tried_again(db):
    broken = Migrations("x", {"1": "CREATE TABLE a (n)", "2": "CREATE TABLE b (n); CREATE TABLE a (n)"})
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        broken.apply(db)
    assert broken.applied(db) == ["1"]
    assert not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'b'").fetchone()
    mended = Migrations("x", {**broken.statements, "2": "CREATE TABLE b (n)"})
    mended.apply(db)
    mended.apply(db)
    assert mended.applied(db) == ["1", "2"]


def test_a_file_of_an_earlier_version_is_migrated_by_the_library(db):
    one = Migrations("x", {"1": "CREATE TABLE a (n)"})
    one.apply(db)
    Migrations("x", {**one.statements, "2": "CREATE TABLE b (n); CREATE TABLE c (n)"}).apply(db)
    assert one.applied(db) == ["1", "2"]
    assert db.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('a', 'b', 'c')").fetchone() == (3,)
    assert not db.in_transaction


def test_a_fresh_file_is_made_without_the_library():
    say = "import sqlite3, sys; from gateway.keep import schema; schema.gateway.apply(sqlite3.connect(':memory:', isolation_level=None))"
    line = [sys.executable, "-c", f"{say}; print('sqlite_utils' in sys.modules)"]
    assert subprocess.run(line, capture_output=True, text=True, check=True, cwd=ROOT).stdout == "False\n"


def test_two_sets_in_one_file_know_only_their_own(db):
    one, two = Migrations("one", {"1": "CREATE TABLE a (n)"}), Migrations("two", {"1": "CREATE TABLE b (n)"})
    one.apply(db)
    assert two.applied(db) == []
    two.apply(db)
    assert two.applied(db) == ["1"]


def test_a_file_of_today_names_its_migrations_as_the_first_version_did(tmp_path, db):
    """The first version migrated by sqlite-utils, and must be able to say that a file is newer."""
    make.state(next(iter(make.GENERATIONS)), tmp_path)
    schema.gateway.apply(db)
    forms = "SELECT sql FROM sqlite_master WHERE tbl_name = '_sqlite_migrations' AND sql IS NOT NULL ORDER BY name"
    first = sqlite3.connect(tmp_path / "gateway.db")
    was, now = ([" ".join(sql.split()) for (sql,) in conn.execute(forms)] for conn in (first, db))
    first.close()
    assert now == was
    ids = [n for (n,) in db.execute("SELECT id FROM _sqlite_migrations")]
    assert ids == [*range(1, len(schema.gateway.statements) + 1)]


def test_the_recipe_of_the_golden_databases_is_also_one_for_this_version(tmp_path):
    """Whoever adds a generation runs it in that commit's tree: until then it must not rot."""
    recipe = ROOT / "tests" / "golden" / "make.py"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, recipe, "--here", tmp_path], cwd=tmp_path, env=environment, check=True)
    said = json.loads((tmp_path / "expected.json").read_text(encoding="utf-8"))
    for name, migrations in (("gateway", schema.gateway), ("history", schema.history)):
        with contextlib.closing(sqlite3.connect(tmp_path / "state" / f"{name}.db")) as conn:
            assert migrations.applied(conn) == [*migrations.statements], name
    newest = json.loads((ROOT / "tests" / "golden" / [*make.GENERATIONS][-1] / "expected.json").read_text(encoding="utf-8"))
    assert said.keys() == newest.keys()
    assert {a["state"] for a in said["alarms"]} == {a["state"] for a in newest["alarms"]}
    assert (tmp_path / "state" / "page" / "page.db").exists()
    assert (tmp_path / "state" / "household.json.1").exists()
