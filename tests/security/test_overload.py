"""A flood of what can wait is refused, and whoever cannot wait is answered beside it."""

import json
import threading

import httpx
import pytest

from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from tests.security.server import ROW, running

PATH = "/v1/models/logistic:predict"
CONFIG = """
applications:
- import_path: serve_app.app:gateway
  args:
    overload: {least_in_flight: 4, first_in_flight: 4, most_in_flight: 4}
- import_path: serve_app.app:control
  deployments:
  - name: Control
    user_config:
      endpoints:
        logistic: {route: {kind: single, model: logistic@1}}
"""
CONNECTIONS = 16
ASKED = 60


@pytest.fixture
def server(models, tmp_path):
    register(Registry(str(tmp_path / "registry")), Candidate("logistic", *models["logistic"]))
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)
    with running(tmp_path, str(tmp_path / "registry"), "--config", str(config), models=()) as one:
        yield one


def test_what_can_wait_is_refused_first(server):
    content = json.dumps({"instances": [ROW] * 2_000}).encode()
    over, statuses = threading.Event(), []

    def flood():
        headers = {"content-type": "application/json", "x-criticality": "sheddable"}
        with httpx.Client(timeout=60) as client:
            while not over.is_set():
                answer = client.post(server.url + PATH, content=content, headers=headers)
                statuses.append(answer.status_code)
                if answer.status_code == 429:
                    assert "sheddable ones would have all wait" in answer.text

    threads = [threading.Thread(target=flood) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    try:
        with httpx.Client(timeout=60) as client:
            polite = [
                client.post(server.url + PATH, json={"instances": [ROW]}).status_code
                for _ in range(ASKED)
            ]
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    assert polite == [200] * ASKED
    assert set(statuses) == {200, 429}
    assert server.predicts()
