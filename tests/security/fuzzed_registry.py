"""Serves mutations of what a registry or MLflow keeps, one after the other.

Run as a program, as `fuzzed` is: compiled forms (npz), manifests, and directories of MLflow. Each
is refused in words, or answers as it says:

* a compiled form, with a digest that fits it, the sample's rows as they were registered, by
  exactly the numbers that NumPy reads from the file;
* a version whose manifest is another, every row as it was registered;
* a directory of MLflow's, as XGBoost does that loads the booster in it.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
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
from serve_app.core.messages import Prediction
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.models.compiled import storage
from serve_app.models.compiled.model import FILE
from serve_app.models.mlflow_directory import MlflowDirectory
from serve_app.registry.manifest import Manifest
from serve_app.registry.store import Registry
from tests.security import fuzzed_answers
from tests.security.boosters import frame, xgboost_json
from tests.security.fuzzed import NUMBERS, Mutate, _leaf, count_outcomes, cut, flipped
from tests.security.fuzzed_answers import Outputs, outcome
from tests.security.test_skops import files_of, zipped

Parts = tuple[bytes, Sequence[Mutate], Callable[[bytes], Prediction], Callable[[bytes], Outputs]]
"""An honest file, how it is changed, how it is served, and what it is to answer."""
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


def compiled(name: str, home: Path) -> Parts:
    store, manifest = registered(name, home)
    content = store.files_of(manifest, only=FILE).files[FILE]
    described, file = (next(Path(store.url).rglob(one)) for one in ("manifest.json", FILE))
    sample = json.loads(described.read_bytes())["sample"]
    rows = Columns.of({key: np.array(values) for key, values in sample["inputs"].items()})

    def accept(changed: bytes) -> Prediction:
        file.write_bytes(changed)
        body = json.loads(described.read_bytes())
        entry = next(one for one in body["files"] if one["path"] == FILE)
        entry |= {"sha256": hashlib.sha256(changed).hexdigest(), "size_bytes": len(changed)}
        described.write_bytes(json.dumps(body).encode())
        model = load(Registry(store.url), "risk", 1).model.model
        model.predict(columns())
        return model.predict(rows)

    def expected(changed: bytes) -> Outputs:
        again = storage.dump(storage.load(changed))
        assert _read(again) == _read(changed), "it computes with other numbers than the file's"
        outputs = sample["expected"]
        return [np.array(outputs[key]) for key in ("values", "probabilities") if key in outputs]

    return content, (in_npz, in_npz, in_layout, flipped, cut), accept, expected


def _read(content: bytes) -> Any:
    """What a compiled form holds, by NumPy and JSON alone: arrays as dtype, shape and bytes."""
    files = {name: np.load(io.BytesIO(one)) for name, one in files_of(content).items()}

    def held(value: Any) -> Any:
        if isinstance(value, dict) and "array" in value:
            array = files[f"a{value['array']}.npy"]
            return str(array.dtype), array.shape, array.tobytes()
        if isinstance(value, dict):
            return {key: held(inner) for key, inner in value.items()}
        return [held(inner) for inner in value] if isinstance(value, list) else value

    return held(json.loads(files["layout.npy"].tobytes()))


def manifests(home: Path) -> Parts:
    store, _ = registered("forest", home)
    (file,) = Path(store.url).rglob("manifest.json")
    honest = load(store, "risk", 1).model.model.predict(columns())

    def accept(changed: bytes) -> Prediction:
        file.write_bytes(changed)
        return load(Registry(store.url), "risk", 1).model.model.predict(columns())

    def expected(_: bytes) -> Outputs:
        return [honest.values, honest.probabilities]

    return file.read_bytes(), (in_json, in_json, in_json, flipped, cut), accept, expected


def mlflow(part: str, home: Path) -> Parts:
    """A directory with a booster: its file `MLmodel`, or the booster, is other."""
    kinds = {"a": "double", "b": "double", "c": "double", "kind": "string"}
    spec = [{"type": kind, "name": name, "required": True} for name, kind in kinds.items()]
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
        "saved_input_example_info": {"artifact_path": "example.json", "type": "dataframe"},
        "run_id": "r",
        "utc_time_created": "2026-11-21 12:00:00",
    }
    files = {
        "MLmodel": yaml.safe_dump(described).encode(),
        "model.json": xgboost_json().encode(),
        "example.json": frame().head(5).to_json(orient="split", index=False).encode(),
    }

    def accept(changed: bytes) -> Prediction:
        for name, content in {**files, part: changed}.items():
            (home / name).write_bytes(content)
        directory = MlflowDirectory(home)
        estimator = directory.estimator()
        directory.table(estimator)
        return fuzzed_answers.registered(estimator, frame())

    def expected(_: bytes) -> Outputs:
        return fuzzed_answers.by_library("json", home / "model.json")

    mutations = (in_yaml if part == "MLmodel" else flipped, flipped, cut)
    return files[part], mutations, accept, expected


FORMS: dict[str, Callable[[Path], Parts]] = {
    **{f"npz-{name}": partial(compiled, name) for name in MODELS},
    "manifest": manifests,
    "mlflow-file": partial(mlflow, "MLmodel"),
    "mlflow-model": partial(mlflow, "model.json"),
}


def main(form: str, seeds: int, folder: Path) -> None:
    """Serve one mutation per seed; the last line counts what became of them."""
    warnings.simplefilter("ignore")
    content, mutations, accept, expected = FORMS[form](folder)

    def became(changed: bytes) -> str:
        return outcome(partial(accept, changed), partial(expected, changed), exact=False)

    count_outcomes(content, mutations, seeds, became)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
