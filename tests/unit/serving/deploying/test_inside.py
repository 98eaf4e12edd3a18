"""A process of a cluster knows its cluster by its environment and by Serve's controller."""

from pathlib import Path

import pytest
from ray.exceptions import GetTimeoutError
from ray.serve.schema import ApplicationStatus, DeploymentStatus, ReplicaState

from serve_app.errors import ClientError, NotReady
from serve_app.serving.deploying import inside as module
from serve_app.serving.deploying.inside import inside, serve_details

DETAILS = {"http_options": {"port": 8123}, "applications": {}}


class Remote:
    def remote(self):
        return self


class Client:
    """Serve's client, whose controller answers what a test says."""

    def __init__(self):
        self._controller = self
        self.get_serve_instance_details = Remote()
        self.deployed = []

    def deploy_apps(self, config):
        self.deployed.append(config)


@pytest.fixture
def client(monkeypatch):
    made = Client()
    monkeypatch.setattr(module, "_get_global_client", lambda **_: made)
    monkeypatch.setattr(module.ray, "get", lambda *_, **__: DETAILS)
    monkeypatch.setattr(module, "get_dashboard_url", lambda: "10.0.0.1:8265")
    return made


def test_a_cluster_of_ours_says_where_it_is(client, tmp_path):
    running = inside(
        {
            "SERVE_APP_CLUSTER": str(tmp_path),
            "SERVE_APP_HOME": "/models",
            "RAY_SERVE_WORKER_PROXY_HTTP_PORT": "8001",
            "RAY_SERVE_HAPROXY_STATS_PORT": "8404",
        }
    )
    assert running.folder == tmp_path
    assert running.http_url == "http://127.0.0.1:8001"
    assert running.dashboard_url == "http://127.0.0.1:8265"
    assert running.stats_port == 8404
    assert running.environment == {"SERVE_APP_HOME": "/models"}


def test_states_are_words_as_in_the_answer_of_the_dashboard(client, monkeypatch):
    model = {"status": DeploymentStatus.HEALTHY, "replicas": [{"state": ReplicaState.RUNNING}]}
    app = {"status": ApplicationStatus.RUNNING, "deployments": {"Model": model}}
    monkeypatch.setattr(module.ray, "get", lambda *_, **__: {"applications": {"a": app}})
    known = serve_details()["applications"]["a"]
    states = known["status"], known["deployments"]["Model"]["status"]
    assert [str(one) for one in states] == ["RUNNING", "HEALTHY"]
    assert str(known["deployments"]["Model"]["replicas"][0]["state"]) == "RUNNING"


def test_of_another_ones_serve_says_it(client):
    running = inside({})
    assert running.http_url == "http://127.0.0.1:8123"
    assert running.stats_port == 0
    assert running.environment == {"SERVE_APP_HOME": str(Path.cwd())}


def test_the_controller_takes_configs_and_tells_of_them(client):
    dashboard = inside({}).dashboard
    assert dashboard.serve_details() == DETAILS
    dashboard.put_config({"applications": [{"name": "a", "import_path": "m:a"}]})
    (config,) = client.deployed
    assert config.applications[0].name == "a"
    with pytest.raises(ClientError, match="applications"):
        dashboard.put_config({"applications": 3})


def test_a_controller_that_does_not_answer_is_said_to(client, monkeypatch):
    def silent(*_, **__):
        raise GetTimeoutError("too late")

    monkeypatch.setattr(module.ray, "get", silent)
    with pytest.raises(NotReady, match="does not answer"):
        serve_details()
    monkeypatch.setattr(module, "_get_global_client", lambda **_: None)
    with pytest.raises(NotReady, match="does not run"):
        serve_details()
