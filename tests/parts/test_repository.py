"""The signed repository, read by the real apt: what it takes, and everything that it must not take."""

import os
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from gateway import __version__

from tests.write.deb import package, repository

ADDRESS = "packages@county.example"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Two keys that sign: the county's, and somebody else's."""
    folder = tmp_path_factory.mktemp("keys")
    folder.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GNUPGHOME", str(folder))
        for name in (ADDRESS, "stranger@elsewhere.example"):
            command = ["gpg", "-q", "--batch", "--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "never"]
            subprocess.run(command, check=True, capture_output=True)
        yield folder
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], check=False)


@pytest.fixture
def debs(tmp_path):
    """Packages with next to nothing in them."""
    folder = tmp_path / "built"
    folder.mkdir()
    files = {"etc/eldercare-gateway/gateway.toml": package.Item(b"# as shipped\n")}
    return [package.packed(architecture, files, folder, epoch=1, compressed="none") for architecture in ("amd64", "arm64")]


@pytest.fixture
def place(tmp_path, keys, debs):
    folder = tmp_path / "repository"
    repository.published(folder, debs, ADDRESS)
    return folder


class Apt:
    """The real apt with folders of its own."""

    def __init__(self, folder, place, architecture="amd64"):
        self.folder = folder
        for name in ("lists/partial", "cache/archives/partial", "etc", "state"):
            (folder / name).mkdir(parents=True)
        (folder / "state/status").touch()
        keyring = folder / "county.gpg"
        keyring.write_bytes((place / repository.KEYRING).read_bytes())
        (folder / "sources.list").write_text(f"deb [signed-by={keyring}] file:{place} stable main\n")
        self.options = [
            f"-oDir::Etc={folder}/etc",
            f"-oDir::Etc::sourcelist={folder}/sources.list",
            f"-oDir::State={folder}/state",
            f"-oDir::State::status={folder}/state/status",
            f"-oDir::State::lists={folder}/lists",
            f"-oDir::Cache={folder}/cache",
            f"-oAPT::Architecture={architecture}",
            f"-oAPT::Architectures={architecture}",
            "-oAPT::Sandbox::User=root",
            "-oAPT::Update::Error-Mode=any",
            # as Debian ships it, whatever this machine has set
            "-oAcquire::Check-Valid-Until=true",
            "-oAcquire::Check-Date=true",
        ]

    def run(self, *arguments):
        environment = {**os.environ, "LC_ALL": "C"}
        done = subprocess.run(
            ["apt-get", "-q", *self.options, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def apt(tmp_path, place):
    return Apt(tmp_path / "apt", place)


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_a_box_finds_the_package_of_its_architecture(tmp_path, place, debs, architecture):
    apt = Apt(tmp_path / "apt", place, architecture)
    assert apt.run("update")[0] == 0
    code, said = apt.run("download", "eldercare-gateway")
    assert code == 0, said
    name = f"eldercare-gateway_{__version__}_{architecture}.deb"
    wanted = next(deb for deb in debs if deb.name == name)
    assert (apt.folder / name).read_bytes() == wanted.read_bytes()


def test_a_changed_index_or_package_is_refused(apt, place):
    assert apt.run("update")[0] == 0
    deb = place / "pool" / f"eldercare-gateway_{__version__}_amd64.deb"
    deb.write_bytes(deb.read_bytes()[:-1] + b"!")
    code, said = apt.run("download", "eldercare-gateway")
    assert code != 0, said
    index = place / "dists/stable/main/binary-amd64/Packages"
    index.write_bytes(index.read_bytes().replace(b"Priority", b"Privacy "))
    (index.parent / "Packages.gz").unlink()
    repository_again = Apt(apt.folder.with_name("again"), place)
    code, said = repository_again.run("update")
    assert code != 0, said


def test_what_somebody_else_signed_is_refused(apt, place, debs):
    assert apt.run("update")[0] == 0
    repository.published(place, debs, "stranger@elsewhere.example")
    code, said = apt.run("update")
    assert code != 0
    assert "NO_PUBKEY" in said


def test_a_repository_whose_time_is_over_is_refused_and_so_is_an_older_one(apt, place, debs):
    assert apt.run("update")[0] == 0
    old = datetime.now(UTC) - timedelta(days=100)
    repository.published(place, debs, ADDRESS, now=old)
    fresh = Apt(apt.folder.with_name("fresh"), place)
    code, said = fresh.run("update")
    assert code != 0
    assert "expired" in said
    # an older one that has not expired: apt keeps what it knows
    repository.published(place, debs, ADDRESS, now=datetime.now(UTC) - timedelta(days=10))
    before = [path.read_bytes() for path in (apt.folder / "lists").glob("*Release")]
    apt.run("update")
    assert before
    assert [path.read_bytes() for path in (apt.folder / "lists").glob("*Release")] == before


def test_what_was_published_stays_and_never_changes(tmp_path, place, debs, monkeypatch):
    monkeypatch.setattr(package, "__version__", "99.0.0")
    files = {"etc/eldercare-gateway/gateway.toml": package.Item(b"# as shipped, newer\n")}
    newer = package.packed("amd64", files, tmp_path / "built", epoch=1, compressed="none")
    repository.published(place, [newer], ADDRESS)
    index = (place / "dists/stable/main/binary-amd64/Packages").read_text()
    assert f"Version: {__version__}\n" in index
    assert "Version: 99.0.0\n" in index
    debs[0].write_bytes(newer.read_bytes())
    before = (place / "dists/stable/InRelease").read_bytes()
    with pytest.raises(repository.Refused, match="raise the version"):
        repository.published(place, debs, ADDRESS)
    assert (place / "dists/stable/InRelease").read_bytes() == before


def test_keys_lie_elsewhere_and_are_there(tmp_path, keys, debs, monkeypatch):
    with pytest.raises(repository.Refused, match="gpg has no key"):
        repository.published(tmp_path / "r", debs, "nobody@county.example")
    with pytest.raises(repository.Refused, match="keep them outside"):
        repository.published(keys.parent, debs, ADDRESS)
    monkeypatch.setenv("GNUPGHOME", str(repository.ROOT / "keys"))
    with pytest.raises(repository.Refused, match="keep them outside"):
        repository.published(tmp_path / "r", debs, ADDRESS)
    assert not (tmp_path / "r" / "dists").exists()


def test_no_secret_half_lies_in_the_repository(place):
    for path in place.rglob("*"):
        if path.is_file() and path.suffix != ".deb":
            assert b"PRIVATE KEY" not in path.read_bytes()
    listed = subprocess.run(["gpg", "--batch", "--show-keys", "--with-colons", place / repository.KEYRING], capture_output=True, check=True)
    assert b"\nsec" not in listed.stdout
    assert listed.stdout.startswith(b"pub")
