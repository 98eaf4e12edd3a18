"""The gateway without Ray, in front of registered models."""

import pytest

from tests.unit.gateway.harness import client_of


@pytest.fixture
def client(registry):
    return client_of(registry)
