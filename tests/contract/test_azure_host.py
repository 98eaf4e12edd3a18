"""`serve-app run` as a custom handler of Azure Functions, whose host the tests play."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from tests.ports import free_port

START_S = 60.0
PREDICT = "/v1/models/dose:predict"
ROW = {"age": 61.0, "weight": 80.0}
INVOCATION = {"x-azure-functions-invocationid": "5f3a7d4c-1bd5-4b1e-9f56-0f6d7e2c4a11"}
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"age": rng.normal(50, 10, 200), "weight": rng.normal(70, 12, 200)})
    return LinearRegression().fit(data, data["age"] - data["weight"] ** 2), data


@pytest.fixture(scope="module")
def host(model, tmp_path_factory):
    """Asks a process that was started as the host starts it; that ends by SIGTERM with 0."""
    folder = tmp_path_factory.mktemp("azure")
    estimator, data = model
    register(Registry(str(folder / "registry")), Candidate("dose", estimator, data))
    port = free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "FUNCTIONS_CUSTOMHANDLER_PORT": str(port),
        "SERVE_APP_REGISTRY": str(folder / "registry"),
        "SERVE_APP_MODEL": "dose@1",
    }
    command = [sys.executable, "-c", "from serve_app.cli.main import main; main()", "run"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=INVOCATION) as client,
    ):
        try:
            wait_until_ready(client, process, folder / "log")
            yield client
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


def wait_until_ready(client, process, log):
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if client.get("/v2/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail(log.read_text())


def expected(model):
    estimator, data = model
    return pytest.approx(estimator.predict(pd.DataFrame([ROW])[list(data)]).tolist())


def test_forwarded_requests_are_answered(host, model):
    answer = host.post(PREDICT, json={"instances": [ROW]})
    assert answer.json()["predictions"] == expected(model)


def test_wrapped_requests_are_answered_in_the_hosts_form(host, model):
    trigger = {
        "Url": f"https://example.azurewebsites.net{PREDICT}",
        "Method": "POST",
        "Query": "{}",
        "Headers": {"Content-Type": ["application/json"]},
        "Params": {},
        "Body": json.dumps({"instances": [ROW]}),
    }
    answer = host.post("/serve_app", json={"Data": {"req": trigger}, "Metadata": {}})
    output = answer.json()["Outputs"]["res"]
    assert output["statusCode"] == "200"
    assert json.loads(output["body"])["predictions"] == expected(model)


def test_messages_of_queues_are_answered_by_the_return_value(host, model):
    message = json.dumps({"instances": [ROW]})
    answer = host.post("/serve_app", json={"Data": {"item": message}, "Metadata": {}})
    assert answer.json()["ReturnValue"]["predictions"] == expected(model)
