"""Where a version computes is a line of YAML: answers, caches and counts on a real cluster."""

import gzip
import json
import urllib.request

import numpy as np
import psutil
import pytest
import tritonclient.grpc as triton

from serve_app.cluster.environment import Ports
from serve_app.examples.datasets import breast_cancer, diabetes
from tests.cluster.harness import application, config, endpoints, free_row, until

GRPC_PORT = free_row(1, above=28_000)
PATIENTS = [f"p-{number}" for number in range(20)]


@pytest.fixture(scope="module")
def rows():
    return json.loads(breast_cancer().frame.head(20).to_json(orient="records"))


@pytest.fixture(scope="module")
def apart(cluster, rows):
    """What the same endpoints answer from replicas, before their models move inline."""
    cluster.start()
    body = config("local")
    application(body, "gateway")["args"]["grpc_port"] = GRPC_PORT
    cluster.deploy(body)
    return answers(cluster, rows)


@pytest.fixture(scope="module")
def inline(cluster, apart):
    """The cluster after `serve deploy configs/inline.yaml`, with a cache for one endpoint."""
    body = config("inline")
    endpoints(body)["progression"]["cache"] = {"rows": 100, "ttl_s": 600}
    cluster.serve_deploy(body)
    until(
        lambda: placements(cluster) == {"diagnosis": "inline", "progression": "inline"},
        timeout_s=90,
        what="both endpoints inline",
    )
    until(
        lambda: set(cluster.applications()) == {"gateway", "control", "monitor"},
        timeout_s=60,
        what="the end of the applications that nobody needs",
    )
    return cluster


def answers(cluster, rows):
    """Predictions, probabilities and who gave them, one request per patient."""
    return [
        {
            name: answer[name]
            for name in ("predictions", "probabilities", "classes", "variants")
        }
        for patient, row in zip(PATIENTS, rows, strict=True)
        for answer in [cluster.predict("diagnosis", [row], parameters={"patient_id": patient})]
    ]  # fmt: skip


def placements(cluster):
    described = cluster.request("/v1/endpoints").json()["endpoints"]
    return {endpoint["name"]: endpoint["placement"] for endpoint in described}


def headers(answer):
    return {name.lower(): value for name, value in answer.headers.items()}


def test_replicas_of_compiled_versions_map_no_model_library(cluster, apart):
    for name in ("diagnosis-xgb-1", "diagnosis-forest-1", "progression-xgb-1"):
        for pid in cluster.replicas(name):
            mapped = {one.path for one in psutil.Process(pid).memory_maps()}
            assert any("onnxruntime" in path for path in mapped)
            assert not [path for path in mapped if "sklearn" in path or "xgboost" in path]


def test_grpc_answers_without_a_word_of_applications_while_there_are_several(cluster, apart):
    assert len(cluster.applications()) > 3
    rows = json.loads(diabetes().frame.head(5).to_json(orient="records"))
    inputs = []
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        one = triton.InferInput(name, values.shape, "FP64")
        one.set_data_from_numpy(values)
        inputs.append(one)
    with triton.InferenceServerClient(f"127.0.0.1:{GRPC_PORT}") as client:
        assert client.is_model_ready("progression")
        answer = client.infer("progression", inputs)
    wanted = cluster.predict("progression", rows)["predictions"]
    assert answer.as_numpy("predict").astype(np.float32).tolist() == pytest.approx(wanted, rel=1e-7)


def test_inline_the_same_variants_give_the_same_answers(inline, apart, rows):
    assert answers(inline, rows) == apart


def test_a_compressed_body_passes_the_proxy(inline, rows):
    body = json.dumps({"instances": rows}).encode()
    plain = inline.request("/v1/models/diagnosis:predict", body)
    packed = inline.request(
        "/v1/models/diagnosis:predict", gzip.compress(body), headers={"content-encoding": "gzip"}
    )
    assert packed.status == 200, packed.content
    assert len(packed.json()["predictions"]) == len(plain.json()["predictions"]) == 20


def test_what_was_asked_before_comes_from_the_cache_and_the_answer_says_so(inline):
    rows = json.loads(diabetes().frame.head(3).to_json(orient="records"))
    path = "/v1/models/progression:predict"
    first = inline.request(path, {"instances": rows[:2]})
    again = inline.request(path, {"instances": rows[:2]})
    partly = inline.request(path, {"instances": rows})
    marks = [headers(answer)["x-cache"] for answer in (first, again, partly)]
    assert marks == ["miss", "hit", "hit; rows=2/3"]
    assert again.json()["predictions"] == first.json()["predictions"]
    assert partly.json()["predictions"][:2] == first.json()["predictions"]


def test_prometheus_finds_what_was_coalesced_and_cached(inline):
    port = Ports(http=inline.http_port, first=inline.internal_ports).metrics
    rows = json.loads(diabetes().frame.head(100).to_json(orient="records"))
    inline.predict("progression", rows)

    def found():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        names = ("serve_app_batch_rows", "serve_app_cache_hits", "serve_app_cache_rows")
        return all(f"ray_{name}" in text for name in names)

    assert until(found, timeout_s=60, what="the gateway's counts")
