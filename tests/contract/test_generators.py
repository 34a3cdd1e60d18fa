"""The contract in other people's hands: their parsers read it, their generators make classes of it, and every message fits into these.

The tools of npm are pinned by their hashes in package-lock.json; `make .venv/.contract` puts them beside the tests' Python.
"""

import importlib.util
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from gateway.contract import portable, schemas, wire
from gateway.contract.fields import DO
from gateway.words.instruction import Do

from tests.page.household import Example

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOLDER = ROOT / "config" / "contract"
TOOLS = Path(sys.prefix) / "contract"
HOUR = 3600


def run(*command, cwd=ROOT):
    """Return what a command prints. Its end in error is the test's end, with its words."""
    done = subprocess.run([*map(str, command)], check=False, cwd=cwd, capture_output=True, text=True, timeout=HOUR)
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    """Every example of the contract and every entry of a day and a half in a home, as (name, body)."""
    found = [
        (path.name.split("-")[0].split(".")[0], json.loads(path.read_text(encoding="utf-8"))) for path in (FOLDER / "examples").iterdir()
    ]
    example = Example(tmp_path_factory.mktemp("day"))
    with sqlite3.connect(example.config.state / "gateway.db") as db:
        found += [(str(name), json.loads(body)) for name, body in db.execute("SELECT name, body FROM journal ORDER BY number")]
    assert {name for name, _ in found} == set(wire.EVERY_MESSAGE)
    assert len(found) > 80
    return found


def test_the_tools_of_npm_are_pinned_by_hash_and_by_nothing_else():
    lock = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: what for name, what in lock["packages"].items() if name}
    assert all(what["integrity"].startswith("sha512-") for what in packages.values())
    assert "://" not in json.dumps(lock), "where they come from is the machine's own business"
    wanted = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_the_asyncapi_parser_ajv_in_strict_mode_and_typescript_read_it(messages, tmp_path):
    assert (TOOLS / "node_modules").is_dir(), "the tools of npm are not here, run: make .venv/.contract"
    for name in ("package.json", "package-lock.json"):
        assert (TOOLS / name).read_bytes() == (HERE / name).read_bytes(), "they are not those of the lock, run: make .venv/.contract"
    lines = [json.dumps({"name": name, "body": body}, ensure_ascii=False) for name, body in messages]
    (tmp_path / "lines").write_text("\n".join(lines), encoding="utf-8")
    assert run("node", shutil.copy(HERE / "tools.mjs", tmp_path), FOLDER, tmp_path / "lines", tmp_path, cwd=TOOLS) == ""
    run("node", TOOLS / "node_modules" / "typescript" / "bin" / "tsc", "--noEmit", "--strict", tmp_path / "messages.ts")
    classes = re.findall(r"^export (?:interface|type) (\w+)", (tmp_path / "contract.ts").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted({*classes} - {"Everything"}) == sorted(named()), "each type once, by its own name"
    bad = (tmp_path / "messages.ts").read_text(encoding="utf-8").replace('"do":"close"', '"do":"clothe"')
    (tmp_path / "messages.ts").write_text(bad, encoding="utf-8")
    with pytest.raises(AssertionError, match=r"messages\.ts"):
        run("node", TOOLS / "node_modules" / "typescript" / "bin" / "tsc", "--noEmit", "--strict", tmp_path / "messages.ts")


def test_python_classes_of_it_are_well_typed_and_take_every_message(messages, tmp_path):
    made = tmp_path / "made.py"
    run(
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "datamodel_code_generator",
        "--input",
        FOLDER / "asyncapi.json",
        "--input-file-type",
        "asyncapi",
        "--output",
        made,
        "--output-model-type",
        "pydantic_v2.BaseModel",
        "--target-python-version",
        "3.11",
        "--use-annotated",
        "--formatters",
        "builtin",
    )
    run(sys.executable, "-m", "mypy", "--strict", "--config-file=", made, cwd=tmp_path)
    spec = importlib.util.spec_from_file_location("made", made)
    module = importlib.util.module_from_spec(spec)
    sys.modules["made"] = module
    spec.loader.exec_module(module)
    titles = {name: schema["title"] for name, schema in schemas.described().items()}
    for name, body in messages:
        one = getattr(module, titles[name]).model_validate_json(json.dumps(body))
        assert json.loads(one.model_dump_json(by_alias=True, exclude_unset=True)) == body, (name, body)
    with pytest.raises(ValueError, match="responder"):
        module.InstructionMessage.model_validate({"v": 1, "gateway": "g", "id": "1", "do": "dispatch", "by": "desk", "alarm": "a"})
    assert set(named()) <= set(vars(module))


def named():
    """Return the names of all types, as they stand in the document."""
    return json.loads((FOLDER / "asyncapi.json").read_text(encoding="utf-8"))["components"]["schemas"]


def test_each_order_has_its_form():
    assert set(portable.ORDERS) == set(Do) == set(DO)
    forms = schemas.described()["instruction"]
    fields = set(schemas.closed()["instruction"]["properties"])
    for do, order in portable.ORDERS.items():
        name = f"{do.title().replace('_', '')}Instruction"
        assert {"$ref": f"#/$defs/{name}"} in forms["oneOf"]
        form = forms["$defs"][name]
        assert form["properties"]["do"]["const"] == do
        assert set(form["required"]) == {*portable.COMMON, *order.needs} <= set(form["properties"]) <= fields
    assert {name for order in portable.ORDERS.values() for part in order for name in part} | {*portable.COMMON, *portable.ALWAYS} == fields
