"""The bill of materials says what the lock says, all of it and nothing else."""

import json
import re
import tomllib

from tests.write import sbom

TEXT = sbom.LOCK.read_text(encoding="utf-8")


def test_every_package_of_the_lock_is_in_it_with_every_hash():
    made = sbom.bill(TEXT)
    lines = {sbom._plain(name): version for name, version in re.findall(r"(?m)^([A-Za-z0-9._-]+)==([^\s;\\]+)", TEXT)}
    assert {c["name"]: c["version"] for c in made["components"]} == lines
    assert sum(len(c["hashes"]) for c in made["components"]) == TEXT.count("--hash=sha256:")
    assert all(c["hashes"] for c in made["components"]), "nothing is installed unseen"
    assert {h["content"] for c in made["components"] for h in c["hashes"]} == set(re.findall(r"sha256:([0-9a-f]{64})", TEXT))


def test_what_we_name_ourselves_is_in_it_and_everything_is_needed_by_somebody():
    made = sbom.bill(TEXT)
    project = tomllib.loads((sbom.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ours = {sbom._plain(re.split(r"[<>=]", line)[0]) for line in project["dependencies"]}
    refs = {c["bom-ref"]: c["name"] for c in made["components"]}
    assert len(refs) == len(made["components"])
    needs = {d["ref"]: set(d["dependsOn"]) for d in made["dependencies"]}
    assert {refs[r] for r in needs[sbom.ITSELF]} == ours
    assert set(needs) == {sbom.ITSELF, *refs}
    needed = set().union(*needs.values())
    loose = {refs[r] for r in refs if r not in needed} - {"setuptools"}  # which installs this checkout
    marked = {c["name"] for c in made["components"] if "properties" in c}  # of another Python or machine
    assert not loose - marked, loose


def test_it_is_cyclonedx_and_the_same_again():
    made = sbom.bill(TEXT)
    assert (made["bomFormat"], made["specVersion"], made["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["serialNumber"])
    assert json.dumps(made) == json.dumps(sbom.bill(TEXT))
    assert sbom.bill(TEXT.replace("==", "==0.", 1))["serialNumber"] != made["serialNumber"]
    for component in made["components"]:
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        assert set(component) <= {"type", "bom-ref", "name", "version", "purl", "hashes", "licenses", "properties"}
    assert "http" not in json.dumps({k: v for k, v in made.items() if k != "components"}), "it names packages, no hosts"
    assert sum("licenses" in c for c in made["components"]) > 0.8 * len(made["components"])
