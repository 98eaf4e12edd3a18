"""Fixtures of the cluster tests: one real cluster per module."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.harness import BIN, TestCluster, free_row
from tests.made_once import made_once


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.timeout(420))


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with every example, trained once for all tests, whichever process runs them."""
    return made_once(tmp_path_factory, "examples", _train) / "registry"


def _train(home: Path) -> None:
    done = subprocess.run(
        [str(BIN / "serve-app"), "train-examples"],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def cluster(registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCluster]:
    """A cluster of the module's own, not yet started; stopped and gone at the end."""
    home = tmp_path_factory.mktemp("cluster")
    shutil.copytree(registry, home / "registry")
    first = free_row(13)
    made = TestCluster(home, first, first + 1, first + 2)
    try:
        yield made
    finally:
        made.run("cluster", "stop")
