"""Reads mutations of what a registry or MLflow keeps, one after the other, and lets each predict.

Run as a program, as `fuzzed` is: compiled forms (npz), manifests, and directories of MLflow.
"""

from __future__ import annotations

import io
import json
import random
import sys
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost
import yaml
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, SplineTransformer, StandardScaler
from sklearn.svm import SVC

from serve_app.core.columns import Columns
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ServeError
from serve_app.models.compiled.model import FILE, load_compiled
from serve_app.models.mlflow_directory import MlflowDirectory
from serve_app.registry.manifest import Manifest
from serve_app.registry.store import Registry
from tests.security.boosters import frame, xgboost_json
from tests.security.fuzzed import NUMBERS, _leaf, cut, flipped
from tests.security.test_skops import files_of, zipped

Predict = Callable[[], Any]
Mutate = Callable[[bytes, random.Random], bytes]
Read = Callable[[bytes], Predict]
RNG = np.random.default_rng(0)
ROWS = pd.DataFrame(RNG.normal(size=(200, 4)), columns=list("abcd"))
CLASS = np.where(ROWS["a"] + ROWS["b"] > 0, "ill", "well")
MODELS: dict[str, Callable[[], Any]] = {
    "linear": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "forest": lambda: RandomForestClassifier(n_estimators=4, max_depth=4, random_state=0),
    "hist": lambda: HistGradientBoostingClassifier(max_iter=4),
    "boosted": lambda: GradientBoostingRegressor(n_estimators=4, random_state=0),
    "svm": SVC,
    "spline": lambda: make_pipeline(SplineTransformer(), LogisticRegression()),
    "encoder": lambda: make_pipeline(
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), LogisticRegression()
    ),
}
LEFT_OUT = (None, "", "a", [], {}, True, 0, -1, 1.5, 2**31, 2**63, "../x", "1e999", [[]], "é" * 99)


@cache
def registered(name: str, folder: Path) -> tuple[Registry, Manifest]:
    """A registry with a compiled version of a model."""
    store = Registry(str(folder / "registry"))
    target = RNG.normal(size=len(ROWS)) if name == "boosted" else CLASS
    fitted = MODELS[name]().fit(ROWS, target)
    register(store, Candidate("risk", fitted, ROWS), compile="always")
    return store, store.manifest("risk", 1)


def columns() -> Columns:
    return Columns.of({name: ROWS[name].to_numpy() for name in ROWS})


def in_npz(content: bytes, rng: random.Random) -> bytes:
    """An entry, the length, the type or the shape of an array exchanged."""
    files = files_of(content)
    names = [one for one in files if one != "layout.npy"]
    name = rng.choice(names or list(files))
    array = np.load(io.BytesIO(files[name]))
    how = rng.randrange(6)
    if how <= 2 and array.size:
        with np.errstate(all="ignore"):
            number = np.array(rng.choice([*NUMBERS, float("nan"), 1e308]))
            array.flat[rng.randrange(array.size)] = number.astype(array.dtype, casting="unsafe")
    elif how == 3 and array.ndim:
        array = array[: rng.randrange(len(array) + 1)]
    elif how == 4:
        array = array.astype(rng.choice(["int8", "int64", "float32", "float64", "bool"]))
    else:
        array = rng.choice([array.ravel(), array[None], np.zeros((0, 3)), np.array(7)])
    buffer = io.BytesIO()
    np.save(buffer, array)
    files[name] = buffer.getvalue()
    return zipped(files)


def in_layout(content: bytes, rng: random.Random) -> bytes:
    """A value of the layout exchanged: a number, the name of an operation, or of an array."""
    files = files_of(content)
    layout = json.loads(np.load(io.BytesIO(files["layout.npy"])).tobytes())
    _leaf(layout, rng)
    buffer = io.BytesIO()
    np.save(buffer, np.frombuffer(json.dumps(layout).encode(), np.uint8))
    files["layout.npy"] = buffer.getvalue()
    return zipped(files)


def in_document(document: Any, rng: random.Random) -> Any:
    """A value anywhere in a document exchanged or left out."""
    value = document
    while True:
        key = rng.choice(list(value) if isinstance(value, dict) else list(range(len(value))))
        inner = value[key]
        if isinstance(inner, (dict, list)) and inner and rng.random() < 0.85:
            value = inner
            continue
        if rng.random() < 0.2:
            del value[key]
        else:
            value[key] = rng.choice(LEFT_OUT)
        return document


def in_yaml(content: bytes, rng: random.Random) -> bytes:
    changed = in_document(yaml.safe_load(content), rng)
    return yaml.safe_dump(changed, sort_keys=False, allow_unicode=True).encode()


def in_json(content: bytes, rng: random.Random) -> bytes:
    return json.dumps(in_document(json.loads(content), rng)).encode()


def compiled(name: str, home: Path) -> tuple[bytes, tuple[Mutate, ...], Read]:
    store, manifest = registered(name, home)
    content = store.files_of(manifest, only=FILE).files[FILE]

    def read(changed: bytes) -> Predict:
        model = load_compiled(changed, manifest.signature)
        return lambda: model.predict(columns())

    return content, (in_npz, in_npz, in_layout, flipped, cut), read


def manifests(home: Path) -> tuple[bytes, tuple[Mutate, ...], Read]:
    store, _ = registered("forest", home)
    (file,) = Path(store.url).rglob("manifest.json")

    def read(changed: bytes) -> Predict:
        file.write_bytes(changed)
        loaded = load(Registry(store.url), "risk", 1)
        return lambda: loaded.model.model.predict(columns())

    return file.read_bytes(), (in_json, in_json, in_json, flipped, cut), read


def mlflow(part: str, home: Path) -> tuple[bytes, tuple[Mutate, ...], Read]:
    """A directory with a booster: its file `MLmodel`, or the booster, is other."""
    spec = [{"type": "double", "name": name, "required": True} for name in "abc"]
    described = {
        "flavors": {
            "python_function": {"loader_module": "mlflow.xgboost", "python_version": "3.11"},
            "xgboost": {
                "data": "model.json",
                "model_class": "xgboost.core.Booster",
                "model_format": "json",
                "xgb_version": "3.2.0",
            },
        },
        "signature": {"inputs": json.dumps(spec), "outputs": None},
        "run_id": "r",
        "utc_time_created": "2026-11-21 12:00:00",
    }
    files = {"MLmodel": yaml.safe_dump(described).encode(), "model.json": xgboost_json().encode()}

    def read(changed: bytes) -> Predict:
        for name, content in {**files, part: changed}.items():
            (home / name).write_bytes(content)
        estimator = MlflowDirectory(home).estimator()
        rows = xgboost.DMatrix(frame(), enable_categorical=True)
        return lambda: estimator.model.predict(rows)

    return files[part], (in_yaml if part == "MLmodel" else flipped, flipped, cut), read


FORMS: dict[str, Callable[[Path], Any]] = {
    **{f"npz-{name}": partial(compiled, name) for name in MODELS},
    "manifest": manifests,
    "mlflow-file": partial(mlflow, "MLmodel"),
    "mlflow-model": partial(mlflow, "model.json"),
}


def main(form: str, seeds: int, folder: Path) -> None:
    """Read and ask one mutation per seed; tell how many were refused."""
    warnings.simplefilter("ignore")
    content, mutations, read = FORMS[form](folder)
    read(content)()
    refused = answered = 0
    for seed in range(seeds):
        rng = random.Random(seed)
        print(f"seed {seed}", flush=True)
        changed = mutations[seed % len(mutations)](content, rng)
        try:
            read(changed)()
        except ServeError:
            refused += 1
        else:
            answered += 1
    print(json.dumps({"refused": refused, "answered": answered}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
