"""What programs of ours read so that no proxy stands between them and this machine."""

import os
import subprocess
import sys
import urllib.request

import httpx
import pytest
import requests.utils

from serve_app.cluster.proxies import past_proxies

PROXY = "http://127.0.0.1:9"


@pytest.fixture
def environment(monkeypatch):
    """Proxies for everything, and what we set beside them."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, PROXY)
        monkeypatch.setenv(name.upper(), PROXY)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "corp.example, 10.1.2.3")
    made = past_proxies({"no_proxy": "corp.example, 10.1.2.3"}, "192.0.2.7")
    for name, value in made.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8265", "localhost:8265", "192.0.2.7:1", "corp.example"]
)
def test_urllib_and_requests_go_past_proxies(environment, host):
    assert urllib.request.proxy_bypass(host)
    assert not requests.utils.get_environ_proxies(f"http://{host}/")


def test_others_are_still_asked_through_the_proxy(environment):
    assert not urllib.request.proxy_bypass("example.org")
    assert requests.utils.get_environ_proxies("http://example.org/")["http"] == PROXY


def test_httpx_reads_it_too(environment):
    with httpx.Client() as client:
        patterns = {
            pattern.pattern for pattern, transport in client._mounts.items() if not transport
        }
    assert {"all://127.0.0.1", "all://localhost", "all://[::1]"} <= patterns


def test_what_stood_there_is_kept_once_and_both_names_say_the_same():
    made = past_proxies({"no_proxy": "a,127.0.0.1", "NO_PROXY": "b, a"})
    assert made["no_proxy"] == made["NO_PROXY"] == "a,127.0.0.1,b,localhost,::1"


CALL = """
import socket, sys
from concurrent import futures
import grpc

server = grpc.server(futures.ThreadPoolExecutor(1))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
channel = grpc.insecure_channel(f"127.0.0.1:{port}")
try:
    grpc.channel_ready_future(channel).result(timeout=float(sys.argv[1]))
    print("reached")
except grpc.FutureTimeoutError:
    print("not reached")
server.stop(None)
"""


@pytest.mark.parametrize(("ours", "said"), [(True, "reached"), (False, "not reached")])
def test_replicas_reach_each_other_by_address(ours, said):
    given = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    given |= {"http_proxy": PROXY}
    if ours:
        # What matters here is that addresses are excepted at all, not that this one is listed.
        made = past_proxies({})["no_grpc_proxy"].split(",")
        given["no_grpc_proxy"] = ",".join(part for part in made if "/" in part)
    call = [sys.executable, "-c", CALL, "10" if ours else "1"]
    done = subprocess.run(call, env=given, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == said
