"""What serves a compiled version imports none of the libraries that trained it."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry

HEAVY = ("pandas", "sklearn", "xgboost", "scipy", "onnx", "skops", "joblib")
SCRIPT = """
import json, sys
from serve_app.engine.load import load
from serve_app.core.columns import Columns
from serve_app.registry.store import Registry
import numpy as np
loaded = load(Registry(sys.argv[1]), "m", 1, native=sys.argv[2] == "native")
text = np.array(["a"], dtype=object)
row = Columns(("x", "word"), [np.array([0.5]), text], None, 1)
said = loaded.model.predict(row).probabilities[0].tolist()
print(json.dumps({"said": said, "modules": [m for m in sys.argv[3:] if m in sys.modules]}))
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=200), "word": rng.choice(["a", "b", "c"], 200)})
    target = ((frame["x"] > 0) & (frame["word"] != "a")).astype(int)
    features = make_column_transformer((StandardScaler(), ["x"]), (OneHotEncoder(), ["word"]))
    pipeline = make_pipeline(features, xgboost.XGBClassifier(n_estimators=5)).fit(frame, target)
    url = str(tmp_path_factory.mktemp("registry"))
    store = Registry(url)
    manifest = register(store, Candidate("m", pipeline, frame))
    assert manifest.compiled.served, manifest.compiled.reason
    return url


def loaded(registry, form):
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT, registry, form, *HEAVY],
        capture_output=True, text=True, check=True, env=os.environ,
    )  # fmt: skip
    return json.loads(answer.stdout)


def test_a_compiled_version_needs_none_of_the_libraries_that_trained_it(registry):
    compiled = loaded(registry, "compiled")
    assert compiled["modules"] == []
    assert sum(compiled["said"]) == pytest.approx(1.0)
