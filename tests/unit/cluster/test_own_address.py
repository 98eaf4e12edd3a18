"""A machine knows at which address others find it."""

import psutil
import pytest

from serve_app.cluster.own_address import own_address
from serve_app.errors import InvalidInput


def test_the_address_is_one_of_this_machines_on_the_way_to_the_host():
    assert own_address("127.0.0.1") == "127.0.0.1"


def test_without_a_host_it_is_the_way_to_everywhere_else():
    every = {one.address for all_of in psutil.net_if_addrs().values() for one in all_of}
    try:
        assert own_address() in every
    except InvalidInput as error:
        assert "--node-ip" in error.message  # noqa: PT017 - a machine without any way out


def test_a_host_that_has_no_way_is_said():
    with pytest.raises(InvalidInput, match=r"no way to no such host.*--node-ip"):
        own_address("no such host")
