"""Models whose own code breaks by what it is given, or takes time, registered with that code."""

import importlib
import sys
import textwrap

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


STEP = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

{before}

class Step(TransformerMixin, BaseEstimator):
    def fit(self, x, y=None):
        self.n_features_in_ = x.shape[1]
        return self

    def transform(self, x):
        values = np.asarray(x, dtype=float)
{computing}
"""


def step(computing, before=""):
    """The module of a class `Step`; what computes its result takes `values`, and returns."""
    return STEP.format(computing=textwrap.indent(computing, " " * 8), before=before)


def register_moody(cluster):
    """Register `moody@1`, and `calm@1` which never breaks.

    `moody` takes 2 s for each call while the file is there that is returned.
    """
    slow = cluster.home / "slow"
    _write_training_data(cluster)
    register_with_code(
        cluster, "moody", "Moody", MODULE.format(ends=ENDS, raises=RAISES, slow=str(slow))
    )
    _register_calm(cluster)
    return slow


def register_steps(cluster, name, module):
    """Register a version whose step is the class `Step` of a module, and `calm@1`."""
    _write_training_data(cluster)
    register_with_code(cluster, name, "Step", module)
    _register_calm(cluster)


def _training_data():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.uniform(0, 1000, size=(60, 2)), columns=["a", "b"])
    return frame, frame["a"] + 2 * frame["b"]


def _write_training_data(cluster):
    frame, truth = _training_data()
    frame.assign(y=truth).to_csv(cluster.home / "train.csv", index=False)


def register_with_code(cluster, name, step, module):
    """Register a line behind a step of a module of its own."""
    code = cluster.home / "code"
    code.mkdir(exist_ok=True)
    (code / f"{name}_code.py").write_text(module)
    sys.path.insert(0, str(code))
    try:
        importlib.invalidate_caches()
        made = getattr(importlib.import_module(f"{name}_code"), step)()
        fitted = make_pipeline(made, LinearRegression()).fit(*_training_data())
        skops.io.dump(fitted, cluster.home / f"{name}.skops")
    finally:
        sys.path.remove(str(code))
        sys.modules.pop(f"{name}_code", None)
    cluster.run(
        "register", name, f"{name}.skops", "--data", "train.csv", "--target", "y",
        "--code", f"code/{name}_code.py",
    )  # fmt: skip


def _register_calm(cluster):
    skops.io.dump(LinearRegression().fit(*_training_data()), cluster.home / "calm.skops")
    cluster.run("register", "calm", "calm.skops", "--data", "train.csv", "--target", "y")


def rows(count=40):
    return [{"a": 20.0 + index, "b": 1.0} for index in range(count)]


def served(replicas, name="moody", **settings):
    """A config with one gateway and two endpoints: one of a version with code, and `calm`.

    `settings` are those of the endpoint of the former.
    """
    body = config("split")
    kept = [application(body, name) for name in ("gateway", "control", "monitor")]
    (gateway,) = kept[0]["deployments"]
    gateway.pop("autoscaling_config")
    gateway |= {"num_replicas": 1, "ray_actor_options": {"num_cpus": 0.1}}
    body["applications"] = [*kept, application_of(name, replicas), application_of("calm", 1)]
    declared = endpoints(body)
    declared.clear()
    declared[name] = {"route": {"kind": "single", "model": f"{name}@1"}, **settings}
    declared["calm"] = {"route": {"kind": "single", "model": "calm@1"}}
    return body


def application_of(model, replicas, version=1):
    """The application of a version with so many replicas."""
    return {
        "name": f"{model}-{version}",
        "route_prefix": None,
        "import_path": "serve_app.app:model",
        "args": {"model": model, "version": version, "registry": "./registry"},
        "deployments": [
            {
                "name": "Model",
                "num_replicas": replicas,
                "max_ongoing_requests": 16,
                "ray_actor_options": {"num_cpus": 0.1},
            }
        ],
    }
