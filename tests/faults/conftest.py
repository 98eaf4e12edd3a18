"""Fixtures of the tests that break things: one real cluster per module, and a book of outcomes."""

from pathlib import Path

import pytest

from tests.cluster.conftest import cluster, registry
from tests.faults.outcomes import RESULTS, Book

__all__ = ["cluster", "registry"]
QUICK = {"test_outcomes"}
"""Modules that start nothing."""


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents and item.path.stem not in QUICK:
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def book():
    return Book(RESULTS)
