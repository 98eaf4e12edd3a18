"""`cluster start` says what must be known where something is not the usual one."""

from pathlib import Path

import pytest

from serve_app.cli.cluster import _address, _notes
from serve_app.cli.output import exports
from serve_app.cluster.node import Running

TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": "/a folder/ray-token"}


def started(http, dashboard, of_cluster):
    return Running(Path("/x"), http, dashboard, 1, 2, "127.0.0.1", of_cluster)


def notes(http, dashboard, environment=None, of_cluster=TOKEN):
    return dict(_notes(started(http, dashboard, of_cluster), environment or {}))


def test_on_the_usual_ports_the_token_alone_needs_words():
    said = notes(8000, 8265)
    assert set(said) == {"token", "serve deploy"}
    assert said["token"] == "/a folder/ray-token"
    assert "serve-app cluster env" in said["serve deploy"]


def test_a_cluster_without_a_token_is_warned_of():
    said = notes(8000, 8265, of_cluster={"RAY_AUTH_MODE": "disabled"})
    assert set(said) == {"WARNING"}
    assert "run code" in said["WARNING"]


def test_shells_are_handed_what_rays_commands_need_and_not_the_token_itself():
    lines = exports(started(8000, 8270, {**TOKEN, "OTHER": "1"}).of_rays_commands).splitlines()
    assert "export RAY_DASHBOARD_ADDRESS=http://127.0.0.1:8270" in lines
    assert "export RAY_AUTH_MODE=token" in lines
    assert "export RAY_AUTH_TOKEN_PATH='/a folder/ray-token'" in lines
    assert not any("OTHER" in line for line in lines)


def test_other_ports_are_said_with_what_to_write():
    said = notes(8010, 8270)
    assert "port: 8010" in said["configs"]
    assert "serve-app cluster env" in said["serve deploy"]


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"http_proxy": "http://proxy:3128"}, True),
        ({"ALL_PROXY": "socks5://proxy"}, True),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "localhost,127.0.0.1"}, False),
        ({"http_proxy": "http://proxy:3128", "NO_PROXY": "*"}, False),
        ({"no_proxy": "x"}, False),
    ],
)
def test_a_proxy_that_other_programs_would_ask_is_said(environment, told):
    assert ("curl" in notes(8000, 8265, environment)) is told


def test_the_address_is_the_given_one_or_the_one_on_the_way_to_the_head():
    assert _address("10.0.0.7", "10.0.0.1:6379") == "10.0.0.7"
    assert _address("auto", "127.0.0.1:6379") == "127.0.0.1"
