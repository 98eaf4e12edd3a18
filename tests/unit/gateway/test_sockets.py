"""One way to listen, for replicas that share an address and for processes that do not."""

import socket

import pytest

from serve_app.errors import ConfigError
from serve_app.gateway.sockets import listening_socket, port_of


def test_it_listens_where_it_is_meant_to():
    with listening_socket("127.0.0.1", 0) as listening:
        with socket.create_connection(listening.getsockname(), timeout=5):
            pass
        assert listening.getblocking() is False


def test_an_address_is_taken_once_unless_it_is_shared():
    with listening_socket("127.0.0.1", 0) as first, pytest.raises(OSError, match="in use"):
        listening_socket(*first.getsockname())
    with (
        listening_socket("127.0.0.1", 0, shared=True) as first,
        listening_socket(*first.getsockname(), shared=True) as second,
    ):
        assert second.getsockname() == first.getsockname()


def test_a_variable_holds_a_port_or_is_refused():
    assert port_of({"PORT": "8080"}, "PORT") == 8080
    with pytest.raises(ConfigError, match="PORT must be a port, got '0'"):
        port_of({"PORT": "0"}, "PORT")
