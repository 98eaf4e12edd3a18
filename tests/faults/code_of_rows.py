"""A model whose own code breaks by what it is given, registered with that code."""

import sys

import numpy as np
import pandas as pd
import skops.io
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from tests.cluster.harness import application, config, endpoints

ENDS, RAISES = 13.0, 666.0
"""A value of `a` that ends the process as native code does, and one that raises."""
MODULE = """
import ctypes
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

class Moody(TransformerMixin, BaseEstimator):
    def fit(self, x, y=None):
        self.n_features_in_ = x.shape[1]
        return self

    def transform(self, x):
        values = np.asarray(x, dtype=float)
        if (values[:, 0] == {ends}).any():
            ctypes.string_at(0)
        if (values[:, 0] == {raises}).any():
            raise ValueError("a value that this model does not take")
        if Path({slow!r}).exists():
            time.sleep(2)
        return values
"""


def register_moody(cluster):
    """Register `moody@1`, and `calm@1` which never breaks.

    `moody` takes 2 s for each call while the file is there that is returned.
    """
    slow = cluster.home / "slow"
    code = cluster.home / "code"
    code.mkdir()
    (code / "moody_code.py").write_text(MODULE.format(ends=ENDS, raises=RAISES, slow=str(slow)))
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.uniform(0, 1000, size=(60, 2)), columns=["a", "b"])
    truth = frame["a"] + 2 * frame["b"]
    frame.assign(y=truth).to_csv(cluster.home / "train.csv", index=False)
    sys.path.insert(0, str(code))
    try:
        import moody_code

        fitted = make_pipeline(moody_code.Moody(), LinearRegression()).fit(frame, truth)
        skops.io.dump(fitted, cluster.home / "moody.skops")
        skops.io.dump(LinearRegression().fit(frame, truth), cluster.home / "calm.skops")
    finally:
        sys.path.remove(str(code))
        sys.modules.pop("moody_code", None)
    cluster.run(
        "register", "moody", "moody.skops", "--data", "train.csv", "--target", "y",
        "--code", "code/moody_code.py",
    )  # fmt: skip
    cluster.run("register", "calm", "calm.skops", "--data", "train.csv", "--target", "y")
    return slow


def rows(count=40):
    return [{"a": 20.0 + index, "b": 1.0} for index in range(count)]


def served(replicas, **settings):
    """A config with one gateway and the endpoints `moody` and `calm`.

    `settings` are those of the endpoint `moody`.
    """
    body = config("split")
    kept = [application(body, name) for name in ("gateway", "control", "monitor")]
    (gateway,) = kept[0]["deployments"]
    gateway.pop("autoscaling_config")
    gateway |= {"num_replicas": 1, "ray_actor_options": {"num_cpus": 0.1}}
    body["applications"] = [*kept, _application("moody", replicas), _application("calm", 1)]
    declared = endpoints(body)
    declared.clear()
    declared["moody"] = {"route": {"kind": "single", "model": "moody@1"}, **settings}
    declared["calm"] = {"route": {"kind": "single", "model": "calm@1"}}
    return body


def _application(model, replicas):
    return {
        "name": f"{model}-1",
        "route_prefix": None,
        "import_path": "serve_app.app:model",
        "args": {"model": model, "version": 1, "registry": "./registry"},
        "deployments": [
            {
                "name": "Model",
                "num_replicas": replicas,
                "max_ongoing_requests": 16,
                "ray_actor_options": {"num_cpus": 0.1},
            }
        ],
    }
