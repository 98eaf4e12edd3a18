"""Trees of compiled programs in the library's hands: the same bits, or they stay."""

import io
import logging
from dataclasses import replace

import lightgbm
import numpy as np
import onnx
import pytest
import xgboost
from sklearn.ensemble import (
    AdaBoostRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeRegressor

from serve_app.errors import ArtifactRejected
from serve_app.models.compiled import storage
from serve_app.models.compiled.operation import Chain
from serve_app.models.compiled.trees import Membership, Trees
from serve_app.models.convert import dispatch
from serve_app.models.convert.dispatch import Given
from serve_app.models.native import choice, nodes, proof

WIDTH = 6


def table(rows=300, seed=0, *, gaps=True):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, WIDTH)).astype(np.float32).astype(np.float64)
    # A column of codes of categories, of which training sees not all.
    x[:, 5] = rng.integers(0, 9 if seed == 0 else 12, rows)
    if gaps:
        x[rng.random(x.shape) < 0.05] = np.nan
    return x


def label():
    return np.nan_to_num(table())[:, :3].argmax(axis=1)


CATEGORIES = {"feature_types": ["q"] * 5 + ["c"], "enable_categorical": True}
ESTIMATORS = {
    "forest": RandomForestClassifier(30, random_state=0),
    "deep forest": RandomForestRegressor(20, random_state=0),
    "extra trees of two targets": ExtraTreesRegressor(10, random_state=0),
    "boosted by gradients": GradientBoostingClassifier(n_estimators=10),
    "histogram of classes": HistGradientBoostingClassifier(max_iter=15),
    "histogram of categories": HistGradientBoostingRegressor(max_iter=20, categorical_features=[5]),
    "one tree": DecisionTreeRegressor(),
    "no question": DecisionTreeRegressor(min_samples_leaf=1000),
    "median of trees": AdaBoostRegressor(n_estimators=10, random_state=0),
    "isolation": IsolationForest(n_estimators=20, random_state=0),
    "xgboost": xgboost.XGBClassifier(n_estimators=30),
    "xgboost of numbers": xgboost.XGBRegressor(n_estimators=60, base_score=3.7),
    "xgboost of categories": xgboost.XGBClassifier(n_estimators=30, **CATEGORIES),
    "lightgbm of categories": lightgbm.LGBMClassifier(
        n_estimators=30, verbose=-1, min_data_per_group=5
    ),
    "lightgbm": lightgbm.LGBMRegressor(n_estimators=50, verbose=-1),
    "lightgbm of classes": lightgbm.LGBMClassifier(n_estimators=10, verbose=-1),
}
WITHOUT_GAPS = {"boosted by gradients", "median of trees"}


def target(name):
    if "categories" in name:
        # Every other code is of other classes, so that trees ask for sets of them.
        return label() + 3 * (np.nan_to_num(table()[:, 5]) % 2).astype(int)
    return np.column_stack([label(), -label()]) if "two targets" in name else label()


@pytest.fixture(scope="module")
def programs():
    made = {}

    def program(name):
        if name not in made:
            x = table(gaps=name not in WITHOUT_GAPS)
            more = {"categorical_feature": [5]} if name == "lightgbm of categories" else {}
            fitted = ESTIMATORS[name].fit(x, target(name), **more)
            made[name] = dispatch.predictor(fitted, Given(WIDTH)).scores
        return made[name]

    return program


def operations(operation):
    yield operation
    for inner in operation.inner_operations():
        yield from operations(inner)


def of_kind(operation, kind):
    return [one for one in operations(operation) if isinstance(one, kind)]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_programs_give_the_same_bits_with_the_library(library, programs, name):
    program = programs(name)
    fast = choice.native(program)
    assert of_kind(program, Trees)
    assert of_kind(fast, choice.NativeForest)
    assert not of_kind(fast, Trees)
    assert bool(of_kind(program, Membership)) == ("categories" in name)
    assert not of_kind(fast, Membership)
    rows = table(3000, seed=1, gaps=name not in WITHOUT_GAPS)
    for size in (3000, 100, 17, 1):
        assert fast(rows[:size]).tobytes() == program(rows[:size]).tobytes()


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "forest", "histogram of classes"])
def test_rows_at_and_beside_every_threshold_fall_as_there(library, programs, name):
    (trees,) = of_kind(programs(name), Trees)
    ensemble = nodes.of(trees)
    at = np.flatnonzero(~ensemble.leaves)
    rows = np.zeros((3 * len(at), ensemble.columns), trees.dtype)
    for part, way in enumerate((None, -np.inf, np.inf)):
        own = ensemble.threshold[at]
        beside = own if way is None else np.nextafter(own, own.dtype.type(way))
        rows[part * len(at) + np.arange(len(at)), ensemble.feature[at]] = beside
    assert choice.native(trees)(rows).tobytes() == trees(rows).tobytes()


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if "categories" in name])
def test_all_codes_known_or_not_are_answered_as_there(library, programs, name):
    program = programs(name)
    codes = np.array([*np.arange(-2, 300, 0.5), np.nan, 1e9, -1e9])
    rows = np.repeat(table(1, seed=1, gaps=False), len(codes), axis=0)
    rows[:, 5] = codes
    with np.errstate(all="ignore"):
        assert choice.native(program)(rows).tobytes() == program(rows).tobytes()


def sets_before_trees(program):
    steps = next(
        one.steps
        for one in operations(program)
        if isinstance(one, Chain) and any(isinstance(step, Membership) for step in one.steps)
    )
    at = next(i for i, step in enumerate(steps) if isinstance(step, Membership))
    return Chain(steps[at : at + 2])


def test_rows_of_another_dtype_are_answered_as_there(library, programs):
    known = sets_before_trees(programs("xgboost of categories"))
    fast = choice.native(known)
    assert of_kind(fast, choice.NativeForest)
    rows = table(100, seed=1)
    rows[:, 5] = np.nextafter(rows[:, 5], -np.inf)
    for dtype in (np.float32, np.float64):
        assert fast(rows.astype(dtype)).tobytes() == known(rows.astype(dtype)).tobytes()


def test_sets_of_another_form_stay_before_their_trees(library, programs):
    membership, trees = sets_before_trees(programs("xgboost of categories")).steps
    half = np.where(membership.sets == 1, 0.75, membership.sets)
    other = Chain((replace(membership, sets=half), trees))
    kept = choice.native(other)
    assert of_kind(kept, Membership)
    rows = table(100, seed=1).astype(np.float32)
    assert kept(rows).tobytes() == other(rows).tobytes()


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_nodes_are_those_that_the_onnx_package_reads(programs, name):
    (trees,) = of_kind(programs(name), Trees)
    ensemble = nodes.of(trees)
    (node,) = onnx.load_from_string(trees.graph.tobytes()).graph.node
    stored = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    double = stored.get("nodes_values_as_tensor")
    values = stored["nodes_values"] if double is None else onnx.numpy_helper.to_array(double)
    assert np.array_equal(ensemble.threshold, np.asarray(values, trees.dtype))
    assert ensemble.feature.tolist() == stored["nodes_featureids"]
    assert np.array_equal(ensemble.leaves, [mode == b"LEAF" for mode in stored["nodes_modes"]])
    assert ensemble.below == (b"BRANCH_LT" in stored["nodes_modes"])
    assert ensemble.columns == WIDTH


def test_nothing_of_the_library_is_stored(library, programs):
    fast = choice.native(programs("forest"))
    with pytest.raises(TypeError):
        storage.dump(fast)
    assert "NativeForest" not in storage.KINDS


def test_without_the_library_programs_stay(monkeypatch, programs):
    monkeypatch.setattr(choice, "library", lambda: None)
    content = storage.dump(programs("forest"))
    assert choice.kernels(content) == ("ONNX Runtime",)


def test_a_library_of_another_time_is_left_alone(library, monkeypatch, caplog):
    monkeypatch.setattr(library, "API", choice.API + 1)
    choice.library.cache_clear()
    try:
        assert choice.library() is None
        assert "does not fit" in caplog.text
    finally:
        choice.library.cache_clear()


def test_the_kernel_is_named(library, programs):
    (named,) = choice.kernels(storage.dump(programs("xgboost")))
    assert named == f"serve-app-native {library.__version__} ({library.instructions()})"


def test_other_bits_leave_the_trees_where_they_were(library, programs, monkeypatch, caplog):
    forest = library.Forest.__call__

    def nearly(self, x):
        return np.nextafter(forest(self, x), np.float32(np.inf))

    monkeypatch.setattr(library.Forest, "__call__", nearly)
    with caplog.at_level(logging.WARNING):
        kept = choice.native(programs("xgboost"))
    assert kept is programs("xgboost")
    assert "other bits" in caplog.text


def damaged(trees, name, value):
    """The same trees with one number of their graph changed."""
    model = onnx.load_from_string(trees.graph.tobytes())
    (attribute,) = [one for one in model.graph.node[0].attribute if one.name == name]
    branches = np.flatnonzero(~nodes.of(trees).leaves)
    attribute.ints[int(branches[3])] = value
    return replace(trees, graph=np.frombuffer(model.SerializeToString(), np.uint8))


@pytest.mark.parametrize(
    ("name", "value"),
    [("nodes_truenodeids", 0), ("nodes_falsenodeids", 10**6), ("nodes_featureids", WIDTH)],
)
def test_damaged_trees_are_refused_when_they_are_loaded(library, programs, name, value):
    (trees,) = of_kind(programs("xgboost"), Trees)
    with pytest.raises(ArtifactRejected, match="trees cannot be walked"):
        choice.native(damaged(trees, name, value))


def test_a_graph_of_another_form_is_left_to_onnx_runtime(library, programs):
    (trees,) = of_kind(programs("xgboost"), Trees)
    model = onnx.load_from_string(trees.graph.tobytes())
    (modes,) = [one for one in model.graph.node[0].attribute if one.name == "nodes_modes"]
    modes.strings[:] = [b"BRANCH_GT" if one == b"BRANCH_LT" else one for one in modes.strings]
    other = replace(trees, graph=np.frombuffer(model.SerializeToString(), np.uint8))
    assert choice.native(other) is other


def test_a_graph_that_breaks_off_is_refused(library, programs):
    (trees,) = of_kind(programs("xgboost"), Trees)
    short = io.BytesIO(trees.graph.tobytes()).read(len(trees.graph) // 2)
    with pytest.raises(ArtifactRejected, match="trees cannot be walked"):
        choice.native(replace(trees, graph=np.frombuffer(short, np.uint8)))


def test_probes_meet_thresholds_their_neighbours_and_gaps(programs):
    (trees,) = of_kind(programs("lightgbm"), Trees)
    ensemble = nodes.of(trees)
    rows = proof.probes(ensemble)
    own = ensemble.threshold[~ensemble.leaves]
    above, below = (np.nextafter(own, way) for way in (np.inf, -np.inf))
    for wanted in (own, above, below):
        assert np.isin(wanted, rows).mean() > 0.8
    assert np.isnan(rows).any()
    assert np.isinf(rows).any()
