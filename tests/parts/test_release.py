"""A release: what is committed and nothing else, with a sum for every file."""

import hashlib
import re
import subprocess
import tarfile
import zipfile

import pytest
from gateway import __version__

from tests.write.deb import release, wheels


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    package = folder / f"eldercare-gateway_{__version__}_arm64.deb"
    package.write_bytes(b"a package")
    return release.released(folder / "release", [package], clips=False)


def test_every_file_has_its_sum(made):
    *files, sums = made
    said = dict(line.split("  ")[::-1] for line in sums.read_text().splitlines())
    assert said == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert {path.suffix for path in files} == {".whl", ".gz", ".json", ".deb"}
    subprocess.run(["sha256sum", "--quiet", "--strict", "-c", sums.name], cwd=sums.parent, check=True)


def test_the_source_is_the_commit_and_the_wheel_is_what_a_box_runs(made):
    tracked = subprocess.run(["git", "-C", wheels.ROOT, "ls-tree", "-r", "--name-only", "HEAD"], check=True, capture_output=True, text=True)
    names = set(tracked.stdout.splitlines())
    with tarfile.open(next(path for path in made if path.suffix == ".gz")) as tar:
        assert {m.name.partition("/")[2] for m in tar.getmembers() if m.isfile() or m.issym()} == names
        assert {m.name.partition("/")[0] for m in tar.getmembers() if m.isfile()} == {f"eldercare-gateway-{__version__}"}
    with zipfile.ZipFile(next(path for path in made if path.suffix == ".whl")) as whole:
        inside = {name for name in whole.namelist() if ".dist-info/" not in name}
    modules = {name for name in names if re.match(r"(gateway|drivers)/.*\.py$", name)}
    assert modules == {name for name in inside if name.endswith(".py")}


def test_the_bill_has_what_the_packages_have():
    bill = release.bill()
    named = {part["name"] for part in bill["components"]}
    for lock in wheels.LOCKS:
        text = (wheels.ROOT / f"config/lock/{lock}.txt").read_text(encoding="utf-8")
        for python in wheels.PYTHONS:
            assert set(wheels.wanted(text, "arm64", python)) <= named
    needed = {ref for one in bill["dependencies"] for ref in one["dependsOn"]}
    assert {"pymodbus", "gpiozero", "lgpio"} <= {ref.removeprefix("pkg:pypi/").partition("@")[0] for ref in needed}
