"""A file is known by what stands in it."""

from pathlib import Path

import pytest

from serve_app.platforms.kinds import KINDS, kind_of
from tests.unit.platforms.kubernetes.installations import CHART, PLAIN
from tests.unit.platforms.ray_up.clusters import FILES


@pytest.mark.parametrize("name", FILES)
def test_a_cluster_of_ray_up_is_one(name):
    assert kind_of(FILES[name]) is KINDS["ray up"]


@pytest.mark.parametrize(
    ("name", "paths"),
    [("manifests", PLAIN.glob("*.yaml")), ("chart values", CHART.glob("ci/*.yaml"))],
)
def test_files_of_kubernetes_are_told_apart(name, paths):
    kinds = [kind_of(path.read_text()) for path in paths]
    assert kinds == [KINDS[name]] * 3


@pytest.mark.parametrize("path", sorted(Path("configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_config_is_none_of_them(path):
    assert kind_of(path.read_text()) is None


@pytest.mark.parametrize("text", ["applications: []", "- 1", "", "a: [", "text"])
def test_anything_else_is_none_of_them(text):
    assert kind_of(text) is None


@pytest.mark.parametrize("path", sorted(Path("deployments").rglob("Dockerfile*")), ids=str)
def test_a_dockerfile_is_one_and_is_checked_as_it_is_built(path):
    kind = kind_of(path.read_text(), {"BASE": f"python@sha256:{'0' * 64}"})
    assert kind.name == "Dockerfile"
    assert kind.findings(path.read_text(), lambda _: ()) == []
