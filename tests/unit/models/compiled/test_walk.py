"""Trees that NumPy walks against ONNX Runtime, which walks the same ones: to the last bit."""

import numpy as np
import pytest
import xgboost
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.tree import DecisionTreeRegressor

from serve_app.export.without_onnxruntime import read, walked
from serve_app.models.compiled import storage
from serve_app.models.compiled.trees import Trees
from serve_app.models.convert import dispatch
from serve_app.models.convert.dispatch import Given

ROWS = 10_000


def table(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 5))
    x[rng.random(x.shape) < 0.05] = np.nan
    return x


def label():
    return np.nan_to_num(table())[:, :3].argmax(axis=1)


ESTIMATORS = {
    "forest": RandomForestClassifier(20, random_state=0),
    "boosted by gradients": GradientBoostingClassifier(n_estimators=10),
    "histogram": HistGradientBoostingRegressor(max_iter=20),
    "one tree": DecisionTreeRegressor(),
    "no question": DecisionTreeRegressor(max_leaf_nodes=None, min_samples_leaf=1000),
    "xgboost": xgboost.XGBClassifier(n_estimators=20),
    "xgboost of numbers": xgboost.XGBRegressor(n_estimators=60, base_score=3.7),
}


def scores(name):
    x = table()
    if name == "boosted by gradients":
        x = np.nan_to_num(x)
    fitted = ESTIMATORS[name].fit(x, label())
    return dispatch.predictor(fitted, Given(5)).scores


def operations(operation):
    yield operation
    for inner in operation.inner_operations():
        yield from operations(inner)


def trees_of(operation):
    return [one for one in operations(operation) if isinstance(one, Trees)]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_ten_thousand_rows_give_the_same_bits(name):
    program = scores(name)
    rows = table(ROWS, seed=1)
    if name == "boosted by gradients":
        rows = np.nan_to_num(rows)
    stored = storage.load(storage.dump(walked(program)))
    assert trees_of(program)
    assert not trees_of(stored)
    assert stored(rows).tobytes() == program(rows).tobytes()
    for row in range(20):
        assert stored(rows[row : row + 1]).tobytes() == program(rows[row : row + 1]).tobytes()


@pytest.mark.parametrize("name", ["forest", "xgboost", "histogram"])
def test_rows_at_and_beside_every_threshold_fall_as_there(name):
    (trees,) = trees_of(scores(name))
    walk = read(trees)
    rows = np.zeros((len(walk.thresholds) * 3, 5), trees.dtype)
    beside = [np.nextafter(walk.thresholds, way) for way in (-np.inf, np.inf)]
    for part, values in enumerate([walk.thresholds, *beside]):
        at = part * len(values) + np.arange(len(values))
        rows[at, walk.features] = values
    assert walk(rows).tobytes() == trees(rows).tobytes()


def test_infinities_and_signed_zeros_fall_as_there():
    (trees,) = trees_of(scores("xgboost"))
    odd = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-45, 3e38], np.float32)
    rows = np.stack(np.meshgrid(odd, odd, odd, odd, odd), axis=-1).reshape(-1, 5)
    assert read(trees)(rows).tobytes() == trees(rows).tobytes()


def test_no_rows_give_no_rows():
    (trees,) = trees_of(scores("forest"))
    assert read(trees)(np.empty((0, 5))).shape == trees(np.empty((0, 5))).shape
