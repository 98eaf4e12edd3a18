"""Nothing that asks nobody who they are listens where other machines reach it."""

import pytest

from serve_app.config import GatewayArgs
from serve_app.serving.checking.addresses import is_of_this_machine, problems

HERE = {"http_options": {"host": "127.0.0.1"}}
PATH = ("applications", 0, "args")


def named(body, **arguments):
    return [key for key, _ in problems(body, PATH, GatewayArgs.model_validate(arguments))]


@pytest.mark.parametrize(
    ("body", "arguments", "key"),
    [
        ({"http_options": {"host": "0.0.0.0"}}, {}, ("http_options", "host")),
        ({"http_options": {"host": "::"}}, {}, ("http_options", "host")),
        ({"http_options": {"host": "10.1.2.3"}}, {}, ("http_options", "host")),
        ({"http_options": {"host": "models.example"}}, {}, ("http_options", "host")),
        ({"http_options": {"port": 8000}}, {}, ("http_options",)),
        ({}, {}, ("http_options",)),
        (
            HERE,
            {"listeners": [{"profile": "tfs", "port": 1, "host": "0.0.0.0"}]},
            (*PATH, "listeners", 0, "host"),
        ),
        (HERE, {"grpc_port": 9000, "grpc_host": "0.0.0.0"}, (*PATH, "grpc_host")),
        (HERE, {"admin": {"port": 8091, "host": "0.0.0.0"}}, (*PATH, "admin", "host")),
    ],
)
def test_what_others_reach_is_named(body, arguments, key):
    assert named(body, **arguments) == [key]
    for mode in ("open", "keys"):
        assert named(body, **arguments, access={"mode": mode}) == []
    assert named(body, **arguments, access={"mode": "off"}) == [key]
    ((_, message),) = problems(body, PATH, GatewayArgs.model_validate(arguments))
    assert "access: {mode: keys}" in message


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "::1", "[::1]"]
)
def test_this_machines_own_addresses_are_free(host):
    assert is_of_this_machine(host)
    assert named({"http_options": {"host": host}}, grpc_host="0.0.0.0") == []


@pytest.mark.parametrize(
    "host", ["", "0", "127.0.0.1.example", "::ffff:8.8.8.8", "localhost.example"]
)
def test_what_only_looks_like_them_is_not(host):
    assert not is_of_this_machine(host)
