"""Registered versions with the library and without it: the same files, the same bits."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xgboost

from serve_app.cli.main import main
from serve_app.core.columns import Columns
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.models.native import choice
from serve_app.registry.store import Registry
from tests.native_library import folder

HEAVY = ("pandas", "sklearn", "xgboost", "scipy", "onnx", "skops", "joblib")
SCRIPT = """
import json, sys
from serve_app.engine.load import load
from serve_app.registry.store import Registry
loaded = load(Registry(sys.argv[1]), "m", 1)
print(json.dumps([name for name in sys.argv[2:] if name in sys.modules]))
"""


def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])


def registered(url):
    x = frame()
    target = (x["a"] + x["b"] > 0).astype(int)
    fitted = xgboost.XGBClassifier(n_estimators=20).fit(x, target)
    store = Registry(url)
    manifest = register(store, Candidate("m", fitted, x))
    assert manifest.compiled.served, manifest.compiled.reason
    return store


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    url = str(tmp_path_factory.mktemp("registry"))
    registered(url)
    return url


def answers(registry):
    rows = Columns.of({name: frame()[name].to_numpy() for name in ("a", "b", "c")})
    return load(Registry(registry), "m", 1).model.predict(rows).probabilities


def test_a_version_that_nobody_registered_for_it_answers_with_its_bits(library, registry):
    with_it = answers(registry)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "library", lambda: None)
        assert answers(registry).tobytes() == with_it.tobytes()


def test_what_is_registered_beside_the_library_is_the_same(library, registry, tmp_path):
    beside = registered(str(tmp_path / "registry")).manifest("m", 1)
    without = Registry(registry).manifest("m", 1)
    assert [one for one in beside.files if "compiled" in one.path] == [
        one for one in without.files if "compiled" in one.path
    ]
    assert beside.compiled.backend == without.compiled.backend


def test_loading_with_the_library_needs_none_of_the_libraries_of_training(library, registry):
    places = os.pathsep.join([str(folder()), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, registry, "serve_app_native", *HEAVY],
        env={**os.environ, "PYTHONPATH": places},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == ["serve_app_native"]


def shown(registry, capsys):
    with pytest.raises(SystemExit):
        main(["models", "show", "m@1", "--registry", registry])
    return " ".join(capsys.readouterr().out.split())


def test_models_show_says_who_walks_the_trees(library, registry, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert "trees walked here by" in shown(registry, capsys)
    assert f"serve-app-native {library.__version__}" in shown(registry, capsys)
    monkeypatch.setattr(choice, "library", lambda: None)
    assert "ONNX Runtime" in shown(registry, capsys)
