"""The golden files of a run."""

import pytest

from tests.golden.goldens import WRITING, Goldens


@pytest.fixture(scope="module")
def goldens():
    found = Goldens()
    yield found
    if WRITING:
        found.save()
