"""Other systems' clients by host and port alone: listeners of the gateways on a real cluster."""

import json
import socket
import urllib.error
import urllib.request

import httpx
import psutil
import pytest
import tritonclient.grpc as triton
from prometheus_client.parser import text_string_to_metric_families

from serve_app.examples.datasets import diabetes
from tests.cluster.harness import application, config, endpoints, free_row, until

NAMES = (
    "tfs", "torchserve", "torchserve-management", "torchserve-metrics", "mlflow", "azureml",
    "grpc", "sagemaker", "vertex",
)  # fmt: skip
COUNTED = "ts_inference_requests_total"
PAGE = "https://app.example.com"
FIRST = free_row(len(NAMES), above=28_100)
PORTS = dict(zip(NAMES, range(FIRST, FIRST + len(NAMES)), strict=True))


@pytest.fixture(scope="module")
def row():
    return json.loads(diabetes().frame.head(1).to_json(orient="records"))[0]


@pytest.fixture(scope="module")
def served(cluster):
    """A cluster with two gateway replicas, whose environment is that of two platforms."""
    with pytest.MonkeyPatch.context() as platform:
        platform.setenv("SAGEMAKER_BIND_TO_PORT", str(PORTS["sagemaker"]))
        platform.setenv("AIP_HTTP_PORT", str(PORTS["vertex"]))
        platform.setenv("AIP_HEALTH_ROUTE", "/well")
        platform.setenv("AIP_PREDICT_ROUTE", "/say")
        cluster.start()
    body = config("dialects")
    gateway = application(body, "gateway")
    gateway["args"]["default_endpoint"] = "progression"
    gateway["args"]["grpc_port"] = PORTS["grpc"]
    gateway["args"]["cors"] = {"origins": [PAGE]}
    for listener in gateway["args"]["listeners"]:
        listener["port"] = PORTS[listener["profile"]]
    (deployment,) = gateway["deployments"]
    del deployment["autoscaling_config"]
    deployment["num_replicas"] = 2
    deployment["ray_actor_options"] = {"num_cpus": 0.2}
    cluster.deploy(body)
    yield cluster
    cluster.run("cluster", "stop")
    for port in PORTS.values():
        with socket.create_server(("127.0.0.1", port)):
            pass


@pytest.fixture(scope="module")
def expected(served, row):
    return served.predict("progression", [row])["predictions"]


def read(name, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{PORTS[name]}{path}", data, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def asked(name, path, body=None):
    return json.loads(read(name, path, body))


def test_each_port_speaks_as_one_system_does(served, expected, row):
    body = {"instances": [row]}
    assert asked("tfs", "/v1/models/progression:predict", body) == {"predictions": expected}
    assert asked("torchserve", "/predictions/progression", [row]) == expected
    assert asked("mlflow", "/invocations", body) == {"predictions": expected}
    assert asked("azureml", "/score", {"data": [row]}) == expected
    (one,) = asked("torchserve-management", "/models/progression")
    assert one["modelName"] == "progression"


def test_each_replica_counts_for_itself_and_says_so(served, expected, row):
    for _ in range(10):
        asked("torchserve", "/predictions/progression", [row])
    seen = {}

    def both():
        text = read("torchserve-metrics", "/metrics").decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = sample.labels
                if sample.name == COUNTED and labels["model_name"] == "progression":
                    seen[labels["uuid"]] = sample.value
        return len(seen) == 2 and sum(seen.values()) >= 10

    until(both, timeout_s=30, what="metrics of both replicas")


def test_the_environment_of_a_platform_names_port_and_paths(served, expected, row):
    assert asked("sagemaker", "/invocations", [row]) == expected
    assert asked("vertex", "/well")["status"] == "Healthy"
    assert asked("vertex", "/say", {"instances": [row]})["predictions"] == expected
    assert served.request("/say", {"instances": [row]}).json()["predictions"] == expected


@pytest.mark.parametrize("name", ["main port", "tfs", "vertex"])
def test_listed_pages_may_ask_at_every_port(served, name):
    port = PORTS.get(name, served.http_port)
    asking = {"origin": PAGE, "access-control-request-method": "POST"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        path = "/v1/models/progression:predict"
        preflight = client.options(path, headers=asking)
        wrong = client.post(path, content=b"{", headers={"origin": PAGE})
        strange = client.options(path, headers={**asking, "origin": "https://elsewhere.org"})
    assert preflight.status_code == 200
    assert wrong.status_code >= 400
    for answer in (preflight, wrong):
        assert answer.headers["access-control-allow-origin"] == PAGE
    assert "x-request-id" in wrong.headers
    assert strange.status_code == 400
    assert "access-control-allow-origin" not in strange.headers


def test_ports_speak_nothing_else(served):
    with pytest.raises(urllib.error.HTTPError) as refused:
        asked("tfs", "/v2")
    assert refused.value.code == 404
    assert list(json.loads(refused.value.read())) == ["error"]


def test_grpc_has_its_port_beside_them(served):
    with triton.InferenceServerClient(f"127.0.0.1:{PORTS['grpc']}") as client:
        assert client.is_model_ready("progression")


def test_a_port_is_open_on_loopback_alone_unless_it_is_said_otherwise(served):
    listening = {
        connection.laddr.port: connection.laddr.ip.removeprefix("::ffff:")
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {name: listening[port] for name, port in PORTS.items()} == {
        **dict.fromkeys((*NAMES, "grpc"), "127.0.0.1"),
        # The platforms reach their containers from outside.
        **dict.fromkeys(("sagemaker", "vertex"), "0.0.0.0"),
    }


def test_a_label_in_a_path_follows_the_registrys_alias(served):
    path = "/v1/models/diagnosis/labels/trusted/metadata"
    assert served.request(path).status == 400
    served.run("models", "alias", "diagnosis-forest@1", "trusted")
    until(lambda: served.request(path).status == 200, timeout_s=20, what="the alias")
    said = served.request("/v1/endpoints").json()
    assert said["aliases"]["diagnosis-forest"]["trusted"] == 1


def test_the_ports_stay_while_gateways_are_replaced(served, expected, row):
    body = config("dialects")
    gateway = application(body, "gateway")
    gateway["args"]["default_endpoint"] = "progression"
    gateway["args"]["max_rows"] = 20
    gateway["args"]["grpc_port"] = PORTS["grpc"]
    gateway["args"]["cors"] = {"origins": [PAGE]}
    for listener in gateway["args"]["listeners"]:
        listener["port"] = PORTS[listener["profile"]]
    assert endpoints(body)["progression"]
    before = set(served.replicas("gateway"))
    served.serve_deploy(body)
    answers = []

    def replaced():
        answers.append(asked("torchserve", "/predictions/progression", [row]))
        return not before & set(served.replicas("gateway"))

    until(replaced, timeout_s=90, what="new gateways")
    assert all(answer == expected for answer in answers)
