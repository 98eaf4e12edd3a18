"""Nothing that asks nobody who they are listens where other machines reach it."""

import pytest

from serve_app.config import GatewayArgs
from serve_app.serving.checking.addresses import is_of_this_machine, problems, unreached_machines

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


@pytest.mark.parametrize(
    ("options", "addresses", "is_wrong"),
    [
        ({"host": "127.0.0.1"}, ["10.0.0.1", "10.0.0.2"], True),
        ({"host": "localhost"}, ["10.0.0.1", "10.0.0.2"], True),
        ({"host": "0.0.0.0"}, ["10.0.0.1", "10.0.0.2"], False),
        ({"port": 8000}, ["10.0.0.1", "10.0.0.2"], False),
        ({"host": "127.0.0.1"}, ["127.0.0.1", "127.0.0.1"], False),
        ({"host": "127.0.0.1"}, [], False),
    ],
)
def test_machines_whose_gateways_the_others_do_not_reach_are_named(options, addresses, is_wrong):
    details = {"proxies": {str(n): {"node_ip": one} for n, one in enumerate(addresses)}}
    words = unreached_machines({"http_options": options}, details)
    assert (words is not None) == is_wrong
    if is_wrong:
        assert all(one in words for one in addresses)
        assert "host: 0.0.0.0" in words
