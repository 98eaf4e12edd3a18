"""The inventory of an environment: complete, valid, and the same each time."""

import json
import site
import subprocess
import sys

import pytest

from serve_app.export.sbom import encode, normal, of_debian, of_python, sbom
from tests.clients.foreign import program

VALIDATE = """
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

sys.exit(str(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read()) or "") or 0)
"""
"""Run where CycloneDX's own library is: what it brings makes each import of Ray a second longer."""
STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u14
Description: GNU C Library
 Version: of a line that goes on

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: adduser
Status: install ok installed
Architecture: all
Version: 1:3.134
"""


def installed(folder, name, version, *lines):
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    metadata = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *lines, "", ""]
    (info / "METADATA").write_text("\n".join(metadata))


@pytest.fixture
def libraries(tmp_path):
    folder = tmp_path / "lib"
    installed(
        folder,
        "Snow_Flake",
        "1.0+local",
        "License-Expression: MIT",
        "Requires-Dist: zope.event>=6",
        'Requires-Dist: pytest; extra == "test"',
        "Requires-Dist: absent>1",
    )
    installed(folder, "zope.event", "6.2", "Classifier: License :: OSI Approved :: ZPL 2.1")
    installed(folder, "pytest", "9.0", "License: The whole text", "        of a licence")
    return folder


def components(folder):
    return {one.name: one for one in of_python([str(folder)])}


def test_distributions_are_named_as_indexes_name_them(libraries):
    found = components(libraries)
    assert sorted(found) == ["pytest", "snow-flake", "zope-event"]
    assert found["snow-flake"].purl == "pkg:pypi/snow-flake@1.0%2Blocal"


def test_what_an_extra_would_need_or_is_not_there_is_no_dependency(libraries):
    assert components(libraries)["snow-flake"].needs == ("pkg:pypi/zope-event@6.2",)


def test_licences_are_names(libraries):
    found = components(libraries)
    licences = {name: one.licence for name, one in found.items()}
    assert licences == {"snow-flake": "MIT", "zope-event": "ZPL 2.1", "pytest": None}


def test_of_two_with_one_name_the_one_is_listed_that_is_imported(libraries, tmp_path):
    installed(tmp_path / "first", "zope.event", "7.0")
    found = of_python([str(tmp_path / "first"), str(libraries)])
    assert [one.version for one in found if one.name == "zope-event"] == ["7.0"]


def test_packages_of_debian_are_those_that_are_installed(tmp_path):
    status = tmp_path / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    status.write_text(STATUS)
    assert [one.purl for one in of_debian(tmp_path)] == [
        "pkg:deb/debian/adduser@1%3A3.134?arch=all",
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64",
    ]


def test_a_system_that_is_not_debian_has_no_packages(tmp_path):
    assert of_debian(tmp_path) == []


def test_this_environment_is_valid_and_the_same_each_time():
    first, second = (encode(sbom("here", "1", [*of_python(), *of_debian()])) for _ in range(2))
    assert first == second
    python, variables = program("python")
    done = subprocess.run(
        [python, "-c", VALIDATE], input=first, env=variables, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def test_this_environment_is_what_cyclonedx_itself_finds(tmp_path):
    """The project's own tool for Python environments, on the same folder of modules."""
    out = tmp_path / "theirs.json"
    tool, variables = program("cyclonedx-py")
    words = [
        tool,
        "environment",
        "--output-reproducible",
        "--no-validate",
        "-o",
        out,
        sys.executable,
    ]
    subprocess.run(words, check=True, capture_output=True, env=variables)
    theirs = {
        (normal(one["name"]), one["version"]) for one in json.loads(out.read_text())["components"]
    }
    # Importing Ray, as a test before this one may have, adds a folder of what it brings itself.
    ours = {(one.name, one.version) for one in of_python(site.getsitepackages())}
    # It starts another Python, which has the folder of this one as its only own.
    assert theirs - ours == set()
    assert {name for name, _ in ours - theirs} <= {"serve-app"}
