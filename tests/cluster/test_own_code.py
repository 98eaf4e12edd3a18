"""Modules of a model's own go with it, from `register` to its replicas, and to no others."""

import os
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from tests.cluster.harness import application, config, endpoints, until

pytestmark = pytest.mark.long

MODULE = """
from sklearn.base import BaseEstimator, TransformerMixin

class Scaled(TransformerMixin, BaseEstimator):
    def fit(self, x, y=None):
        self.n_features_in_ = x.shape[1]
        return self

    def transform(self, x):
        import own_factor  # only now
        return x.to_numpy() ** own_factor.POWER if hasattr(x, "to_numpy") else x ** own_factor.POWER
"""
ROWS = [[1.0, 2.0], [3.0, 5.0]]


@pytest.fixture(scope="module")
def answers(cluster, tmp_path_factory):
    """Two versions registered, each with its own `own_factor`, and what each should answer."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.uniform(1, 5, size=(60, 2)), columns=["a", "b"])
    frame.assign(y=frame["a"] * 3 + frame["b"] ** 2).to_csv(cluster.home / "train.csv", index=False)
    wanted = []
    for power in (2, 3):
        code = cluster.home / f"code-{power}"
        code.mkdir()
        (code / "own_transformer.py").write_text(MODULE)
        (code / "own_factor.py").write_text(f"POWER = {power}")
        sys.path.insert(0, str(code))
        try:
            import own_transformer

            fitted = make_pipeline(own_transformer.Scaled(), LinearRegression())
            fitted.fit(frame, frame["a"] * 3 + frame["b"] ** 2)
            (cluster.home / f"model-{power}.skops").write_bytes(skops.io.dumps(fitted))
            wanted.append(fitted.predict(pd.DataFrame(ROWS, columns=["a", "b"])).tolist())
        finally:
            sys.path.remove(str(code))
            for name in ("own_transformer", "own_factor"):
                sys.modules.pop(name, None)
        said = cluster.run(
            "register", "churn", f"model-{power}.skops", "--data", "train.csv", "--target", "y",
            "--code", f"code-{power}/own_transformer.py", "--code", f"code-{power}/own_factor.py",
        )  # fmt: skip
        assert "own_factor, own_transformer" in said
        shutil.rmtree(code)
    return wanted


def declared(*versions, placement="replicas"):
    """A config that serves versions of `churn`, each at an endpoint of its own."""
    body = config("local")
    body["applications"] = [
        *(application(body, name) for name in ("gateway", "control")),
        *(
            {
                "name": f"churn-{version}",
                "route_prefix": None,
                "import_path": "serve_app.app:model",
                "args": {"model": "churn", "version": version, "registry": "./registry"},
                "deployments": [{"name": "Model", "ray_actor_options": {"num_cpus": 0.1}}],
            }
            for version in (versions if placement == "replicas" else ())
        ),
    ]
    found = endpoints(body)
    found.clear()
    for version in versions:
        route = {"kind": "single", "model": f"churn@{version}"}
        found[f"churn-{version}"] = {"route": route, "placement": placement}
    return body


def placements(cluster):
    """Where the endpoints' versions compute."""
    answer = cluster.request("/v1/endpoints")
    return {one["placement"] for one in answer.json()["endpoints"]}


def test_each_version_computes_with_its_own_modules(cluster, answers):
    cluster.start()
    cluster.deploy(declared(1, 2))
    for version, wanted in zip((1, 2), answers, strict=True):
        said = cluster.predict(f"churn-{version}", ROWS)
        assert said["predictions"] == pytest.approx(wanted, rel=1e-12)


def test_in_one_gateway_too(cluster, answers):
    cluster.deploy(declared(1, 2, placement="inline"))
    until(lambda: placements(cluster) == {"inline"}, timeout_s=90, what="both endpoints inline")
    for version, wanted in zip((1, 2), answers, strict=True):
        said = cluster.predict(f"churn-{version}", ROWS)
        assert said["predictions"] == pytest.approx(wanted, rel=1e-12)


def test_a_module_that_replicas_do_not_find_is_named_by_deploy_and_status(
    cluster, answers, monkeypatch, tmp_path
):
    (tmp_path / "own_transformer.py").write_text(MODULE)
    (tmp_path / "own_factor.py").write_text("POWER = 2")
    found = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    with monkeypatch.context() as there:
        there.setenv("PYTHONPATH", found)
        said = cluster.run(
            "register", "churn", "model-2.skops", "--data", "train.csv", "--target", "y",
            "--trust", "own_transformer.Scaled",
        )  # fmt: skip
    assert "it needs own_transformer, which is not stored with it" in said
    said = cluster.run("deploy", cluster.write(declared(3)).name, code=1)
    last = said.strip().splitlines()[-1]
    assert "churn@3 needs the module 'own_transformer'" in last
    assert "--code own_transformer.py" in last
    shown = " ".join(cluster.run("status", "--json").split())
    assert "churn@3 needs the module 'own_transformer'" in shown
