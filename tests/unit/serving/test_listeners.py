"""Ports of their own: opened, shared, closed, and refused by name."""

import asyncio
import logging
import logging.handlers
import socket
import subprocess
import sys
import time

import httpx
import pytest
from ray.serve.config import HTTPOptions

from serve_app.config import GatewayArgs, ListenerSettings
from serve_app.engine.predict import Predictor
from serve_app.errors import ConfigError
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.serving.listeners import Listeners, of_the_platform

READY_S = 10


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def app():
    predictor = Predictor(clock=lambda: 0.0, ids=str)
    return build(predictor, Settings(max_body_bytes=1000, max_rows=5)).mounted["azureml"]


async def asked(port):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        async with asyncio.timeout(READY_S):
            while True:
                try:
                    return await client.get("/", headers={"x-request-id": "mine"})
                except httpx.ConnectError:
                    await asyncio.sleep(0.01)


async def test_a_port_answers_as_its_profile_until_it_is_closed(app, port):
    listeners = Listeners()
    await listeners.open(app, ListenerSettings(profile="azureml", port=port), ids=lambda: "made")
    answer = await asked(port)
    assert (answer.status_code, answer.text) == (200, "Healthy")
    assert answer.headers["x-request-id"] == "mine"
    assert "server" not in answer.headers
    await listeners.close()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


async def test_a_port_that_opens_closes_no_log(app, port):
    """Serve's handler is of this kind; a restarted controller asks each replica for its file."""
    log = logging.handlers.MemoryHandler(1, target=logging.NullHandler())
    listeners = Listeners()
    await listeners.open(app, ListenerSettings(profile="azureml", port=port), ids=lambda: "made")
    await listeners.close()
    assert log.target is not None


async def idle_for(port):
    """How long a connection stays open, in seconds, once its one request was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert b"200" in await reader.readuntil(b"\r\n\r\nHealthy")
    since = time.monotonic()
    assert await asyncio.wait_for(reader.read(), READY_S) == b""
    writer.close()
    return time.monotonic() - since


async def test_an_idle_connection_stays_as_long_as_its_port_says(app, port):
    listeners = Listeners()
    settings = ListenerSettings(profile="azureml", port=port, keep_alive_timeout_s=1)
    await listeners.open(app, settings, ids=str)
    await asked(port)
    assert 0.9 < await idle_for(port) < READY_S / 2
    await listeners.close()


def test_connections_outlast_those_of_load_balancers_as_on_the_main_port():
    unsaid = ListenerSettings(profile="tfs", port=8501).keep_alive_timeout_s
    assert unsaid == HTTPOptions().keep_alive_timeout_s > 60
    with pytest.raises(ValueError, match="keep_alive_timeout_s"):
        ListenerSettings(profile="tfs", port=8501, keep_alive_timeout_s=0)


async def test_replicas_of_one_machine_share_a_port(app, port):
    settings = ListenerSettings(profile="azureml", port=port)
    first, second = Listeners(), Listeners()
    await first.open(app, settings, ids=str)
    await second.open(app, settings, ids=str)
    await asked(port)
    await first.close()
    assert (await asked(port)).text == "Healthy"
    await second.close()


@pytest.fixture
def other(port):
    """A process that listens on the port and would share it."""
    sharing = (
        "import socket, sys; s = socket.socket(); "
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1); "
        f"s.bind(('127.0.0.1', {port})); s.listen(); print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", sharing], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        yield process


async def test_a_port_that_another_cluster_would_share_is_refused(app, port, other):
    settings = ListenerSettings(profile="tfs", port=port)
    with pytest.raises(ConfigError, match=f"taken by process {other.pid}"):
        await Listeners().open(app, settings, ids=str)


async def test_a_port_that_somebody_else_has_is_named(app):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        settings = ListenerSettings(profile="tfs", port=number)
        with pytest.raises(ConfigError, match=f"127.0.0.1:{number} of the profile 'tfs'"):
            await Listeners().open(app, settings, ids=str)


def test_platforms_say_in_the_environment_where_containers_listen():
    assert of_the_platform({}) == []
    found = of_the_platform({"SAGEMAKER_BIND_TO_PORT": "8080", "AIP_HTTP_PORT": "8081"})
    assert [(one.profile, one.address) for one in found] == [
        ("sagemaker", "0.0.0.0:8080"),
        ("vertex", "0.0.0.0:8081"),
    ]


@pytest.mark.parametrize("text", ["", "http", "0", "65536", "-1", "\uff18\uff10"])
def test_what_is_no_port_is_named(text):
    with pytest.raises(ConfigError, match="AIP_HTTP_PORT must be a port"):
        of_the_platform({"AIP_HTTP_PORT": text})


def test_one_port_has_one_meaning():
    twice = [{"profile": "tfs", "port": 8501}, {"profile": "oip", "port": 8501}]
    with pytest.raises(ValueError, match="port 8501 stands twice"):
        GatewayArgs.model_validate({"listeners": twice})
    with pytest.raises(ValueError, match="port 8501 stands twice"):
        GatewayArgs.model_validate({"listeners": twice[:1], "grpc_port": 8501})
    with pytest.raises(ValueError, match="profile"):
        GatewayArgs.model_validate({"listeners": [{"profile": "nobody", "port": 1}]})


@pytest.mark.parametrize(("allowed", "status"), [((), 403), (("models.example",), 200)])
async def test_a_strangers_name_does_not_lead_to_a_port_of_this_machine(app, port, allowed, status):
    listeners = Listeners(allowed)
    await listeners.open(app, ListenerSettings(profile="azureml", port=port), ids=str)
    try:
        await asked(port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            answer = await client.get("/", headers={"host": "models.example"})
        assert answer.status_code == status
    finally:
        await listeners.close()
