"""What the README says, typed by a stranger."""

import json
import os
import re
import shutil
import socket
import subprocess

import numpy as np
import pandas as pd
import psutil
import pytest
import skops.io
import yaml
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from serve_app.examples.datasets import breast_cancer
from serve_app.serving.cluster import Cluster
from tests.cluster.harness import BIN, CONFIGS, ROOT, TestCluster, free_row

README = (ROOT / "README.md").read_text()


def blocks(language):
    """The fenced blocks of the README in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


class Stranger:
    """Somebody with a fresh checkout, whose environment is built already."""

    def __init__(self, home):
        first = free_row(10)
        self.home = home
        self.cluster = TestCluster(home, first, first + 1, first + 2)
        self._installed = home / "installed"
        shutil.copytree(CONFIGS, home / "configs")
        shutil.copytree(ROOT / "examples", home / "examples")
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy2(ROOT / name, home / name)
        # Newer than all that it is built from, so that make does not build it again.
        self._installed.touch()

    def make(self, target, code=0):
        options = (
            f"--http-port {self.cluster.http_port} --dashboard-port {self.cluster.dashboard_port} "
            f"--internal-ports {self.cluster.internal_ports}"
        )
        return self.shell(
            f"make {target} BIN={BIN} STAMP={self._installed} OPTIONS='{options}'", code
        )

    def shell(self, script, code=0):
        """Run a script as it stands in the README, on this cluster's ports."""
        script = script.replace("127.0.0.1:8000", f"127.0.0.1:{self.cluster.http_port}")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace(".venv/bin/", "")],
            cwd=self.home,
            env={
                **os.environ,
                "PATH": f"{BIN}:{os.environ['PATH']}",
                "RAY_DASHBOARD_ADDRESS": self.cluster.dashboard_url,
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    made = Stranger(tmp_path_factory.mktemp("checkout"))
    try:
        yield made
    finally:
        made.make("down")


def test_a_taken_port_is_named_and_nothing_is_left_behind(stranger):
    cluster = stranger.cluster
    with socket.socket() as other:
        other.bind(("127.0.0.1", cluster.http_port))
        other.listen()
        said = stranger.make("demo", code=2)
    assert f"port {cluster.http_port} (HTTP) is taken by process {os.getpid()}" in said
    assert "--http-port" in said
    assert "Traceback" not in said
    assert not (stranger.home / "state" / "cluster.json").exists()
    assert not list(Cluster(stranger.home / "state").processes())


def test_the_demo_predicts_real_rows_and_its_curl_lines_work(stranger):
    said = stranger.make("demo")
    assert "malignant" in said
    assert "progression, answered by" in said
    assert f"http://127.0.0.1:{stranger.cluster.http_port}/docs" in said
    lines = [line for line in said.splitlines() if line.startswith("curl ")]
    answers = [json.loads(stranger.shell(line)) for line in lines]
    names = {endpoint["name"] for endpoint in answers[0]["endpoints"]}
    assert names == {"diagnosis", "diagnosis-ensemble", "progression"}
    assert answers[1]["predictions"] == ["malignant"]
    assert answers[2]["model_name"] == "diagnosis-ensemble"


def test_the_demo_goes_on_from_where_it_is_when_run_twice(stranger):
    before = {p.pid for p in Cluster(stranger.home / "state").processes()}
    said = stranger.make("demo")
    assert "the cluster runs already" in said
    after = {p.pid for p in Cluster(stranger.home / "state").processes()}
    assert len(before & after) > 0.9 * len(before)
    registered = json.loads(stranger.shell("serve-app models list --json"))
    assert {model["versions"] for model in registered if "versions" in model} <= {1}


def test_the_commands_of_the_first_prediction_work(stranger):
    # Those that register or deploy a model of one's own have tests of their own.
    own = ("serve-app register", "configs/mine")
    scripts = [block for block in blocks("sh") if not any(words in block for words in own)]
    assert len(scripts) >= 3
    said = "".join(stranger.shell(script) for script in scripts)
    assert "diagnosis-xgb@1" in said
    assert "p(malignant)" in said


def test_the_python_client_of_the_readme_answers(stranger):
    (lines,) = [block for block in blocks("python") if "serve_app.client" in block]
    names = {"frame": breast_cancer().frame.head(5)}
    exec(lines.replace("127.0.0.1:8000", f"127.0.0.1:{stranger.cluster.http_port}"), names)
    assert list(names["answer"].frame()) == ["prediction", "p(benign)", "p(malignant)"]
    assert len(names["answer"].predictions) == 5


def test_a_model_of_ones_own_is_served_by_following_the_readme(stranger):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 90, 200), "visits": rng.normal(5, 2, 200)})
    churned = (frame["visits"] + rng.normal(0, 1, 200) < 4).astype(int)
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, churned)
    (stranger.home / "model.skops").write_bytes(skops.io.dumps(fitted))
    frame.assign(churned=churned).to_csv(stranger.home / "train.csv", index=False)
    (registering,) = [block for block in blocks("sh") if "--alias champion" in block]
    stranger.shell(registering)
    stranger.shell(registering)
    application, endpoint = (yaml.safe_load(block) for block in blocks("yaml"))
    body = yaml.safe_load((stranger.home / "configs" / "local.yaml").read_text())
    body["http_options"]["port"] = stranger.cluster.http_port
    for version in (1, 2):
        (one,) = json.loads(json.dumps(application["applications"]))
        one["name"], one["args"]["version"] = f"churn-{version}", version
        body["applications"].append(one)
    control = next(app for app in body["applications"] if app["name"] == "control")
    control["deployments"][0]["user_config"]["endpoints"].update(endpoint["endpoints"])
    (stranger.home / "configs" / "mine.yaml").write_text(yaml.safe_dump(body))
    (deploying,) = [block for block in blocks("sh") if "configs/mine.yaml" in block]
    stranger.shell(deploying)
    stranger.shell("serve-app deploy configs/mine.yaml")
    answer = stranger.cluster.predict("churn", [{"age": 40, "visits": 2.0}])
    assert answer["predictions"] == [1]
    refused = stranger.cluster.request(
        "/v1/models/churn:predict", {"instances": [{"age": 400, "visits": 2.0}]}
    )
    assert refused.status == 400
    assert refused.json()["violations"][0]["rule"] == "range"


def test_a_graph_and_coarser_weights_are_registered_by_following_the_readme(stranger):
    frame = pd.read_csv(stranger.home / "train.csv")
    target, rows = frame.pop("churned"), frame.to_numpy(np.float32)
    graph = to_onnx(LogisticRegression().fit(rows, target), rows[:1])
    (stranger.home / "model.onnx").write_bytes(graph.SerializeToString())
    (registering,) = [block for block in blocks("sh") if "--quantise" in block]
    stranger.shell(registering)
    graph_shown = stranger.shell("serve-app models show churn-graph")
    assert "onnx" in graph_shown
    assert "x0" in graph_shown
    shown = stranger.shell("serve-app models show churn-coarse --json")
    trade = json.loads(shown)["compiled"]["quantised"]
    assert trade["precision"] == "int8"
    assert abs(trade["before"] - trade["after"]) <= 0.005


def test_the_python_lines_of_the_readme_register_a_model(stranger):
    (lines,) = [block for block in blocks("python") if "register" in block]
    frame = pd.DataFrame({"age": [20, 40, 60, 80], "visits": [1.0, 2.0, 8.0, 9.0]})
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, [1, 1, 0, 0])
    names = {"pipeline": pipeline, "train_frame": frame}
    exec(lines.replace("./registry", str(stranger.home / "registry")), names)
    assert names["manifest"].name == "churn"


def test_make_down_ends_even_a_cluster_whose_ray_was_killed(stranger):
    cluster = Cluster(stranger.home / "state")
    ours = list(cluster.processes())
    proxies = [p.pid for p in ours if "haproxy" in p.name()]
    assert proxies
    for process in ours:
        if process.pid not in proxies:
            process.kill()
    psutil.wait_procs([p for p in ours if p.pid not in proxies], timeout=20)
    assert all(psutil.pid_exists(pid) for pid in proxies)
    stranger.make("down")
    assert not list(cluster.processes())
    assert not any(psutil.pid_exists(pid) for pid in proxies)
    with socket.socket() as port:
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port.bind(("127.0.0.1", stranger.cluster.http_port))
    assert "nothing was running" in stranger.make("down")
