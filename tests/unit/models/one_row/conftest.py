"""The library, compiled and importable as long as the tests of a file run."""

import pytest

from tests.native_library import importable


@pytest.fixture(scope="module")
def library():
    with importable() as module:
        yield module
