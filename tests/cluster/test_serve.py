"""From a fitted model to an answer, and endpoints that come and go, while others answer."""

import json
import os
import shlex
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from serve_app.cluster.node import Cluster
from tests.cluster.harness import until

# Each test goes on from where the one before left the cluster.
pytestmark = pytest.mark.long

REGISTERED = ["--data", "train.csv", "--target", "churned"]
LIMIT_S = 90.0
"""Twice the goal on two cores that nobody else uses."""
MODULE = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

class Ratio(TransformerMixin, BaseEstimator):
    def fit(self, x, y=None):
        self.mean_ = np.asarray(x).mean(axis=0)
        return self

    def transform(self, x):
        return np.asarray(x) / self.mean_
"""


@pytest.fixture(scope="module")
def data(cluster):
    """The data that models were fitted on; `train.csv` in the cluster's folder holds it."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 90, 400), "visits": rng.normal(5, 2, 400)})
    churned = (frame["visits"] + rng.normal(0, 1, 400) < 4).astype(int)
    frame.assign(churned=churned).to_csv(cluster.home / "train.csv", index=False)
    return pd.read_csv(cluster.home / "train.csv")


@pytest.fixture(scope="module")
def fitted(cluster, data):
    """Two models in files of their own."""
    frame, churned = data[["age", "visits"]], data["churned"]
    models = [
        make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, churned),
        RandomForestClassifier(20, random_state=0).fit(frame, churned),
    ]
    for number, model in enumerate(models, 1):
        skops.io.dump(model, cluster.home / f"model-{number}.skops")
    return models


@pytest.fixture(scope="module")
def ports(cluster):
    """The options that say which ports to take."""
    return [
        "--http-port", str(cluster.http_port),
        "--dashboard-port", str(cluster.dashboard_port),
        "--internal-ports", str(cluster.internal_ports),
    ]  # fmt: skip


class Asking:
    """Asks an endpoint again and again while it is entered, and keeps what it did not answer."""

    def __init__(self, cluster, endpoint):
        self._cluster = cluster
        self._endpoint = endpoint
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.variants = []
        self.failed = []

    def _run(self):
        while not self._stop.wait(0.005):
            said = self._cluster.request(
                f"/v1/models/{self._endpoint}:predict", {"instances": [{"age": 40, "visits": 2.0}]}
            )
            if said.status == 200:
                self.variants += said.json()["variants"]
            else:
                self.failed.append(said.content)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def curl_of(said):
    """The line that was printed, run as it stands; its answer, and the one that was printed."""
    (line,) = [one for one in said.splitlines() if one.startswith("curl ")]
    (printed,) = [json.loads(one) for one in said.splitlines() if one.startswith("{")]
    done = subprocess.run(shlex.split(line), capture_output=True, check=True)
    return json.loads(done.stdout), printed


def names(cluster):
    return [one["name"] for one in cluster.request("/v1/endpoints").json()["endpoints"]]


def test_a_taken_port_is_named_before_anything_is_registered(cluster, fitted, ports):
    with socket.socket() as other:
        other.bind(("127.0.0.1", cluster.http_port))
        other.listen()
        said = cluster.run("serve", "churn", "model-1.skops", *REGISTERED, *ports, code=1)
    assert f"port {cluster.http_port} (HTTP) is taken" in said
    assert "--http-port" in said
    assert not (cluster.home / "registry" / "churn").exists()
    assert not list(Cluster(cluster.home / "state").processes())


def test_one_command_leads_from_a_file_to_an_answer(cluster, fitted, data, ports):
    began = time.monotonic()
    said = cluster.run("serve", "churn", "model-1.skops", *REGISTERED, *ports)
    took_s = time.monotonic() - began
    again, printed = curl_of(said)
    first = data[["age", "visits"]].head(1)
    assert printed["predictions"] == again["predictions"] == fitted[0].predict(first).tolist()
    assert printed["probabilities"][0] == pytest.approx(
        fitted[0].predict_proba(first)[0].tolist(), abs=1e-6
    )
    assert took_s < LIMIT_S, f"it took {took_s:.1f} s"
    assert names(cluster) == ["churn"]


@pytest.mark.parametrize("placement", ["inline", "replicas"])
def test_another_file_is_another_version_and_no_request_fails(
    cluster, fitted, data, ports, placement
):
    cluster.run("serve", "churn@1", "--placement", placement)
    with Asking(cluster, "churn") as asking:
        said = cluster.run("serve", "churn", "model-2.skops", *REGISTERED)
    answer, printed = curl_of(said)
    first = data[["age", "visits"]].head(1)
    assert answer["predictions"] == printed["predictions"] == fitted[1].predict(first).tolist()
    assert asking.failed == []
    assert asking.variants[0] == "churn@1"
    assert asking.variants[-1] == printed["variants"][0]
    applications = {name for name in cluster.applications() if name.startswith("churn")}
    wanted = {printed["variants"][0].replace("@", "-")} if placement == "replicas" else set()
    until(
        lambda: {n for n in cluster.applications() if n.startswith("churn")} == wanted,
        timeout_s=60, what=f"{applications} to be {wanted}",
    )  # fmt: skip


def test_a_class_of_ones_own_answers_from_replicas_after_one_command(cluster, data, ports):
    code = cluster.home / "code"
    code.mkdir()
    (code / "own_ratio.py").write_text(MODULE)
    fit = (
        "import sys; sys.path.insert(0, 'code')\n"
        "import own_ratio, pandas as pd, skops.io\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.pipeline import make_pipeline\n"
        "frame = pd.read_csv('train.csv'); churned = frame.pop('churned')\n"
        "fitted = make_pipeline(own_ratio.Ratio(), LogisticRegression()).fit(frame, churned)\n"
        "skops.io.dump(fitted, 'own.skops'); print(fitted.predict_proba(frame.head(1))[0].tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", fit], cwd=cluster.home, capture_output=True, text=True, check=True
    )
    said = cluster.run(
        "serve", "own", "own.skops", *REGISTERED, "--code", "code/own_ratio.py",
        "--placement", "replicas",
    )  # fmt: skip
    answer, _ = curl_of(said)
    assert answer["probabilities"][0] == pytest.approx(json.loads(done.stdout), abs=1e-9)
    assert cluster.replicas("own-1")


def test_what_init_writes_is_deployed_and_ends_what_it_does_not_name(cluster, data):
    cluster.run("endpoints", "add", "more", "--model", "churn@2")
    cluster.run("init", "running.yaml", "--running")
    cluster.run("endpoints", "remove", "more")
    cluster.run("deploy", "running.yaml")
    assert set(names(cluster)) == {"churn", "own", "more"}
    cluster.run("init", "registered.yaml", "--placement", "replicas")
    cluster.run("deploy", "registered.yaml")
    assert {"churn", "own", "progression-xgb"} <= set(names(cluster))
    assert "more" not in names(cluster)
    assert cluster.replicas("own-1")


def test_what_cannot_start_is_said_and_leaves_everything_as_it_was(
    cluster, data, monkeypatch, tmp_path
):
    before = cluster.run("endpoints", "list", "--json")
    (tmp_path / "own_ratio.py").write_text(MODULE)
    with monkeypatch.context() as there:
        path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
        there.setenv("PYTHONPATH", path)
        cluster.run(
            "register", "lost", "own.skops", *REGISTERED, "--trust", "own_ratio.Ratio"
        )  # fmt: skip
    with Asking(cluster, "churn") as asking:
        said = cluster.run("serve", "lost", "--placement", "replicas", code=1)
    assert "lost@1 needs the module 'own_ratio'" in said
    assert asking.failed == []
    assert "lost" not in names(cluster)
    after = cluster.run("endpoints", "list", "--json")
    assert [e["name"] for e in json.loads(after)["endpoints"]] == [
        e["name"] for e in json.loads(before)["endpoints"]
    ]
    until(lambda: "lost-1" not in cluster.applications(), timeout_s=60, what="the end of lost-1")


def test_endpoints_come_and_go_while_others_answer(cluster, fitted, data):
    with Asking(cluster, "churn") as asking:
        cluster.run("endpoints", "add", "trial", "--model", "churn@1", "--placement", "replicas")
        said = cluster.predict("trial", data[["age", "visits"]].head(20).to_dict("records"))
        assert cluster.replicas("churn-1")
        with Asking(cluster, "trial") as trial:
            cluster.run("endpoints", "add", "trial", "--model", "churn@2", "--replace")
        gone = cluster.run("endpoints", "remove", "trial")
    assert said["predictions"] == fitted[0].predict(data[["age", "visits"]].head(20)).tolist()
    assert asking.failed == []
    assert trial.failed == []
    assert {trial.variants[0], trial.variants[-1]} == {"churn@1", "churn@2"}
    assert "trial answers no more" in gone
    assert cluster.request("/v1/models/trial:predict", {"instances": [{}]}).status == 404
    until(lambda: "churn-1" not in cluster.applications(), timeout_s=60, what="the end of churn-1")


def test_the_last_endpoint_can_go_too(cluster, data):
    for name in names(cluster):
        cluster.run("endpoints", "remove", name)
    assert names(cluster) == []
    cluster.run("endpoints", "add", "first", "--model", "churn@1")
    assert len(cluster.predict("first", [{"age": 40, "visits": 2.0}])["predictions"]) == 1
