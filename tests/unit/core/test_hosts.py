"""A host is known for this machine by its name or address, and by nothing that looks alike."""

import pytest

from serve_app.core.hosts import OWN, is_own


@pytest.mark.parametrize(
    "host",
    [*OWN, "127.8.9.1", "LOCALHOST", "localhost.", "api.localhost", "[::1]", "0.0.0.0", "::"],
)
def test_loopback_is_this_machine(host):
    assert is_own(host)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "localhost.example.com", "notlocalhost", "128.0.0.1", "fe80::1", "", "127"]
)
def test_everything_else_may_be_another(host):
    assert not is_own(host)
