"""The three images, built by buildah from a Debian of their own, and started as containers are."""

import json
import os
import re
import shutil
import subprocess
import time
from urllib.parse import quote

import pytest

from benchmarks import image_builds
from benchmarks.images import SIZES_MB
from serve_app.platforms.images.checks import check_files, secrets_of
from serve_app.platforms.images.targets import EDGE

pytestmark = [
    pytest.mark.platforms,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root"),
    pytest.mark.skipif(shutil.which("buildah") is None, reason="apt-get install buildah"),
    pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="apt-get install mmdebstrap"),
]


def test_nothing_is_wrong_with_its_files(root, target):
    assert check_files(root, target) == []


def test_no_layer_holds_a_key_or_an_address_of_an_index(root):
    assert secrets_of(root) == []


def test_it_is_no_larger_than_wanted(root, image, target, tmp_path, record_property):
    size = image_builds.size_bytes(root) / 1e6
    compressed = sum(one.stat().st_size for one in image_builds.layers(image, tmp_path)) / 1e6
    record_property(f"{target.name}_mb", size)
    record_property(f"{target.name}_gzip_mb", compressed)
    most, most_compressed = SIZES_MB[target.name]
    assert size <= most
    assert compressed <= most_compressed


def test_its_distributions_are_those_of_its_lock(root, target):
    lines = (image_builds.ROOT / f"deployments/docker/{target.lock}").read_text().splitlines()
    locked = {line.split(" ")[0].replace("-", "_").lower() for line in lines if "==" in line}
    infos = (root / "opt/serve-app/lib").glob("*.dist-info")
    installed = {one.name.removesuffix(".dist-info").replace("-", "==").lower() for one in infos}
    names = {one.partition("==")[0].replace(".", "_") for one in installed}
    assert names == {one.partition("==")[0].replace(".", "_") for one in locked}


def test_its_command_answers_as_the_user_on_a_read_only_root(image, root):
    with image_builds.started(image, root, ["--version"]) as process:
        printed, _ = process.communicate(timeout=60)
        assert (process.returncode, printed.split(",")[0]) == (0, "serve-app"), printed


def test_its_inventory_is_what_is_installed(image, root):
    with image_builds.started(image, root, ["export", "sbom"]) as process:
        printed, _ = process.communicate(timeout=60)
    listed = {one["bom-ref"] for one in json.loads(printed)["components"]}
    infos = (root / "opt/serve-app").glob("*/*.dist-info")
    pairs = (one.name.removesuffix(".dist-info").rpartition("-") for one in infos)
    python = {
        f"pkg:pypi/{re.sub('[-_.]+', '-', name).lower()}@{version}" for name, _, version in pairs
    }
    words = ["dpkg-query", f"--admindir={root / 'var/lib/dpkg'}", "--show"]
    asked = [*words, "--showformat=${db:Status-Abbrev} ${Package} ${Version}\n"]
    lines = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines()
    debian = {
        f"pkg:deb/debian/{name}@{quote(version)}"
        for status, name, version in map(str.split, lines)
        if status == "ii"
    }
    assert {one.partition("?")[0] for one in listed} == python | debian


def test_a_second_build_has_the_same_digest(folder):
    first = image_builds.build(EDGE.name, folder, tag="first", again=True)
    second = image_builds.build(EDGE.name, folder, tag="second", again=True)
    assert first.digest == second.digest


@pytest.mark.parametrize("name", ["errors.py", "core/columns.py"])
def test_a_rebuild_after_a_change_of_our_code_is_quick_and_small(
    folder, tmp_path, record_property, name
):
    before = image_builds.build("serve", folder)
    wheel = next((folder / "dist").glob("serve_app-*.whl"))
    subprocess.run(
        ["python3", "-m", "zipfile", "-e", str(wheel), str(tmp_path / "wheel")], check=True
    )
    changed = tmp_path / "wheel" / "serve_app" / name
    changed.write_text(changed.read_text() + "\n# changed\n")
    kept = tmp_path / wheel.name
    shutil.copy(wheel, kept)
    archive = shutil.make_archive(str(tmp_path / "made"), "zip", tmp_path / "wheel")
    try:
        shutil.copy(archive, wheel)
        began = time.monotonic()
        after = image_builds.build("serve", folder, tag="changed")
        took_s = time.monotonic() - began
    finally:
        shutil.copy(kept, wheel)
    record_property("rebuild_s", took_s)
    old = {one.name for one in image_builds.layers(before, tmp_path / "before")}
    new = [one for one in image_builds.layers(after, tmp_path / "after") if one.name not in old]
    record_property("rebuild_layer_mb", sum(one.stat().st_size for one in new) / 1e6)
    assert took_s <= 20
    assert len(new) == 1
    assert new[0].stat().st_size <= 5e6
