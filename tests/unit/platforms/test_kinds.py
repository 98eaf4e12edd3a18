"""Files are known by what they hold."""

from pathlib import Path

import pytest

from serve_app.platforms.kinds import KINDS, kind_of


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("deployments/kuberay", "manifests"),
        ("deployments/helm/serve-app/ci", "values of the chart"),
        ("deployments/cluster", "file for ray up"),
    ],
)
def test_committed_files_are_of_their_kind(folder, name):
    paths = list(Path(folder).glob("*.yaml"))
    assert paths
    for path in paths:
        kind = kind_of(path.read_text())
        assert kind is not None, path
        assert kind.name == name, path


@pytest.mark.parametrize("path", sorted(Path("configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_config_is_none_of_them(path):
    assert kind_of(path.read_text()) is None


@pytest.mark.parametrize("text", ["", "a: [", "[]", "3", "applications: []"])
def test_what_is_nothing_is_left_to_the_check_of_configs(text):
    assert kind_of(text) is None


def test_names_are_told_apart():
    assert len({kind.name for kind in KINDS}) == len(KINDS)
