"""`cluster start` says what must be known where something is not the usual one."""

from pathlib import Path

import pytest

from serve_app.cli.cluster import _address, _notes
from serve_app.cluster.node import Running


def notes(http, dashboard, environment=None):
    running = Running(Path("/x"), http, dashboard, 1, 2, "127.0.0.1", {})
    return dict(_notes(running, environment or {}))


def test_the_usual_ports_need_no_words():
    assert notes(8000, 8265) == {}


def test_other_ports_are_said_with_what_to_write():
    said = notes(8010, 8270)
    assert "port: 8010" in said["configs"]
    assert "RAY_DASHBOARD_ADDRESS=http://127.0.0.1:8270" in said["serve deploy"]


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
