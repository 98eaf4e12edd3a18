"""Where there is no GPU, a model that wants one says so and what to do."""

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.linear_model import LogisticRegression

from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ConfigError
from serve_app.models import devices
from serve_app.registry.store import Registry

FRAME = pd.DataFrame({"x": np.arange(40.0), "y": np.arange(40.0) % 7})
LABEL = (np.arange(40) > 20).astype(int)


@pytest.fixture(scope="module")
def registry():
    store = Registry("memory://devices")
    boosted = xgboost.XGBClassifier(n_estimators=3).fit(FRAME, LABEL)
    register(store, Candidate("boosted", boosted, FRAME))
    register(store, Candidate("linear", LogisticRegression().fit(FRAME, LABEL), FRAME))
    return store


def test_without_a_gpu_the_config_is_at_fault(registry, monkeypatch):
    monkeypatch.setattr(devices, "cuda_devices", lambda: 0)
    with pytest.raises(ConfigError, match=r"boosted@1 .* sees no GPU; .*num_gpus: 1"):
        load(registry, "boosted", 1, device="cuda")


def test_scikit_learn_computes_on_the_cpu_alone(registry, monkeypatch):
    monkeypatch.setattr(devices, "cuda_devices", lambda: 1)
    with pytest.raises(ConfigError, match="scikit-learn computes on the CPU"):
        load(registry, "linear", 1, device="cuda")


def test_gpus_are_counted_without_a_library_of_theirs(monkeypatch):
    def absent(name):
        raise OSError(name)

    monkeypatch.setattr(devices.ctypes, "CDLL", absent)
    assert devices.cuda_devices() == 0
