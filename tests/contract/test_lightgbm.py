"""LightGBM is served as it answers its own user: by name, by category, by its best iteration."""

import lightgbm
import numpy as np
import pandas as pd
import pytest

from serve_app.core.messages import MISSING
from serve_app.core.policy import Policy
from serve_app.core.schema import Schema
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ArtifactRejected, ConfigError, InvalidInput
from serve_app.models import owner
from serve_app.models.categories import typed
from serve_app.models.compilation import compilation
from serve_app.models.compiled.model import CompiledModel
from serve_app.models.convert import convert
from serve_app.models.frames import to_columns
from serve_app.models.signature import infer
from serve_app.registry.store import Registry
from tests.contract.compiling import assert_same_in_threads

RNG = np.random.default_rng(4)
ROWS = 400
FRAME = pd.DataFrame(
    {
        "age in years": RNG.integers(18, 90, ROWS),
        "income": np.where(RNG.random(ROWS) < 0.1, np.nan, RNG.normal(60, 20, ROWS).round(1)),
        "debt": RNG.gamma(2, 8, ROWS).round(1),
        "zeros": np.where(RNG.random(ROWS) < 0.5, 0.0, RNG.normal(size=ROWS).round(2)),
    }
)
VALUE = FRAME["income"].fillna(100) * 2 - FRAME["debt"] * 3 + FRAME["age in years"]
TWO = np.where(VALUE.median() < VALUE, "yes", "no")
THREE = pd.cut(VALUE, 3, labels=False).to_numpy() * 10
MIXED = FRAME.assign(
    city=pd.Categorical(
        np.where(RNG.random(ROWS) < 0.05, None, RNG.choice(["Rome", "Oslo", "Bern", "Kiel"], ROWS)),
        categories=["Rome", "Oslo", "Bern", "Kiel"],
    ),
    store=pd.Categorical(RNG.choice([30, 10, 20], ROWS), categories=[30, 10, 20]),
)
WORTH = VALUE + MIXED["city"].cat.codes * 40 - MIXED["store"].cat.codes * 30
QUICK = {"n_estimators": 8, "min_child_samples": 5, "verbose": -1, "n_jobs": 1}
PLAIN = {"min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}


@pytest.fixture
def registry(tmp_path):
    return Registry(str(tmp_path))


def registered(registry, model, frame=FRAME, **options):
    return register(registry, Candidate("worth", model, frame, **options), compile="never")


def asked(registry, model, frame):
    """What the version and its compiled form say of a frame's rows as JSON has them."""
    loaded = load(registry, "worth", 1, native=True)
    inputs = loaded.manifest.signature.inputs
    listed = rows(frame)
    given = {column.name: [row.get(column.name, MISSING) for row in listed] for column in inputs}
    columns, _ = Schema(inputs, Policy()).validate(given, len(listed))
    names = [column.name for column in inputs]
    for one in (loaded.model, compiled(model, frame[names])):
        yield one.predict_with_scores(columns)


def compiled(model, frame):
    """The model compiled, with what became of holding it against the library everywhere."""
    bound = typed(model, "lightgbm", frame)
    signature = infer(model, "lightgbm", bound)
    flavour, found = stored(model)
    native = flavour.load(
        found.files, format="txt", trusted_types=(), signature=signature, allow_pickle=False
    )
    compilation_ = compilation(model, native, signature, to_columns(bound))
    # Whether it is worth it depends on the machine: the library is quick itself.
    assert compilation_.reason in {None, "it is no faster than the library"}
    assert compilation_.rows > 1000
    made = CompiledModel(convert(model, signature), signature)
    for one in (native, made):
        assert_same_in_threads(one, to_columns(bound))
    return made


def stored(model):
    _, flavour = owner(model)
    return flavour, flavour.dump(model, trust=(), allow_pickle=False)


def rows(frame):
    return frame.astype(object).where(frame.notna(), None).to_dict(orient="records")


def shuffled(frame):
    return frame[frame.columns[::-1]]


@pytest.mark.parametrize("target", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("frame", [FRAME, MIXED], ids=["numbers", "categories"])
def test_a_classifier_answers_by_name_with_its_own_labels(registry, frame, target):
    model = lightgbm.LGBMClassifier(**QUICK).fit(frame, target)
    manifest = registered(registry, model, shuffled(frame), truth=target)
    assert (manifest.flavour, manifest.warnings, manifest.pickle) == ("lightgbm", (), False)
    assert not manifest.signature.by_position
    assert manifest.signature.output.labels == tuple(model.classes_.tolist())
    for said in asked(registry, model, frame):
        assert said.values.tolist() == model.predict(frame).tolist()
        assert said.probabilities == pytest.approx(model.predict_proba(frame), abs=1e-12)
        assert said.scores == pytest.approx(model.predict(frame, raw_score=True), rel=1e-9)


OBJECTIVES = [
    "regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma",
    "tweedie", "cross_entropy", "cross_entropy_lambda",
]  # fmt: skip


@pytest.mark.parametrize("way", ["wrapper", "booster"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_regression_answers_in_the_units_of_its_objective(registry, objective, way):
    scale = (WORTH - WORTH.min() + 1) / (WORTH.max() - WORTH.min() + 2)
    settings = {**PLAIN, "objective": objective}
    if way == "wrapper":
        model = lightgbm.LGBMRegressor(**QUICK, objective=objective).fit(MIXED, scale)
    else:
        model = lightgbm.train(settings, lightgbm.Dataset(MIXED, scale), 8)
    manifest = registered(registry, model, shuffled(MIXED))
    assert manifest.signature.output.kind == "regression"
    for said in asked(registry, model, MIXED):
        assert said.values == pytest.approx(model.predict(MIXED), rel=1e-12)
        assert said.scores == pytest.approx(model.predict(MIXED, raw_score=True), rel=1e-9)


@pytest.mark.parametrize(
    "settings",
    [
        {"reg_sqrt": True},
        {"boosting_type": "rf", "subsample": 0.7, "subsample_freq": 1},
        {"boosting_type": "dart"},
        {"zero_as_missing": True},
        {"use_missing": False},
        {"max_depth": 1},
        {"num_leaves": 2, "min_child_samples": 390},
        {"extra_trees": True, "max_cat_to_onehot": 1, "cat_smooth": 0.1},
    ],
    ids=str,
)
def test_every_way_of_growing_and_of_gaps_is_compiled_and_equal(registry, settings):
    model = lightgbm.LGBMRegressor(**{**QUICK, **settings}).fit(MIXED, WORTH)
    registered(registry, model, MIXED)
    gaps = MIXED.copy()
    gaps.loc[::3, "debt"] = np.nan
    gaps.loc[::4, "zeros"] = np.nan
    gaps.loc[::5, "income"] = np.inf
    wanted = model.predict(gaps)
    for one in (load(registry, "worth", 1, native=True).model, compiled(model, MIXED)):
        assert one.predict(to_columns(gaps)).values == pytest.approx(wanted, rel=1e-12)


def test_linear_leaves_are_served_by_the_library_and_the_reason_is_told(registry):
    model = lightgbm.LGBMRegressor(**QUICK, linear_tree=True).fit(FRAME, VALUE)
    manifest = register(registry, Candidate("worth", model, FRAME))
    assert not manifest.compiled.served
    assert "linear" in manifest.compiled.reason
    model_ = load(registry, "worth", 1).model
    said = model_.predict(to_columns(FRAME))
    assert said.values == pytest.approx(model.predict(FRAME), rel=1e-12)


@pytest.mark.parametrize(
    ("objective", "target"),
    [("binary", TWO == "yes"), ("multiclass", THREE // 10), ("multiclassova", THREE // 10)],
)
def test_a_boosters_objective_says_that_it_classifies(registry, objective, target):
    settings = {**PLAIN, "objective": objective, "sigmoid": 0.7}
    if objective != "binary":
        settings["num_class"] = 3
    model = lightgbm.train(settings, lightgbm.Dataset(FRAME, target.astype(int)), 8)
    manifest = registered(registry, model, shuffled(FRAME))
    raw = model.predict(FRAME)
    shares = raw if raw.ndim == 2 else np.column_stack([1 - raw, raw])
    assert manifest.signature.output.labels == tuple(range(shares.shape[1]))
    for said in asked(registry, model, FRAME):
        assert said.probabilities == pytest.approx(shares, abs=1e-12)
        assert said.values.tolist() == shares.argmax(axis=1).tolist()


def own_objective(wanted, said):
    return said - wanted, np.ones_like(said)


@pytest.mark.filterwarnings("ignore:Cannot compute class probabilities")
@pytest.mark.parametrize("kind", ["booster", "regressor", "classifier"])
def test_an_objective_of_ones_own_gives_raw_values(registry, kind):
    target = (VALUE.median() < VALUE).astype(float).to_numpy()
    if kind == "booster":
        settings = {**PLAIN, "objective": lambda said, data: own_objective(data.get_label(), said)}
        model = lightgbm.train(settings, lightgbm.Dataset(FRAME, target), 8)
    else:
        made = {"regressor": lightgbm.LGBMRegressor, "classifier": lightgbm.LGBMClassifier}[kind]
        model = made(**QUICK, objective=own_objective).fit(FRAME, target)
    manifest = registered(registry, model)
    assert manifest.signature.output.kind == "regression"
    for said in asked(registry, model, FRAME):
        assert said.values == pytest.approx(model.predict(FRAME), rel=1e-12)


def test_a_ranker_gives_its_scores(registry):
    model = lightgbm.LGBMRanker(**QUICK)
    model.fit(FRAME, THREE // 10, group=[10] * (ROWS // 10))
    registered(registry, model)
    for said in asked(registry, model, FRAME):
        assert said.values == pytest.approx(model.predict(FRAME), rel=1e-12)


@pytest.mark.parametrize("way", ["wrapper", "booster", "booster that can go on"])
def test_what_stopped_early_answers_with_its_best_iterations(registry, way):
    held, other = FRAME[300:], VALUE[300:] * 1.2
    stop = [lightgbm.early_stopping(2, verbose=False)]
    if way == "wrapper":
        model = lightgbm.LGBMRegressor(**{**QUICK, "n_estimators": 90, "learning_rate": 0.5})
        model.fit(FRAME[:300], VALUE[:300], eval_X=held, eval_y=other, callbacks=stop)
        best = model.best_iteration_
    else:
        data = lightgbm.Dataset(FRAME[:300], VALUE[:300], free_raw_data=False)
        model = lightgbm.train(
            {**PLAIN, "learning_rate": 0.5}, data, 90, callbacks=stop,
            valid_sets=[lightgbm.Dataset(held, other, data)],
            keep_training_booster=way != "booster",
        )  # fmt: skip
        best = model.best_iteration
        assert way == "booster" or model.current_iteration() > best
    assert 1 < best < 90
    manifest = registered(registry, model)
    assert manifest.parameters["iterations"] == best
    for said in asked(registry, model, FRAME):
        assert said.values == pytest.approx(model.predict(FRAME), rel=1e-12)


def test_categories_come_from_the_model_where_the_data_has_plain_values(registry):
    model = lightgbm.LGBMRegressor(**QUICK).fit(MIXED, WORTH)
    plain = MIXED.assign(city=MIXED["city"].astype(object), store=MIXED["store"].astype(int))
    registered(registry, model, plain)
    for said in asked(registry, model, MIXED):
        assert said.values == pytest.approx(model.predict(MIXED), rel=1e-12)


def test_values_that_are_no_category_of_the_model_are_refused(registry):
    model = lightgbm.LGBMRegressor(**QUICK).fit(MIXED, WORTH)
    plain = MIXED.assign(store=MIXED["store"].astype(int) + 1)
    with pytest.raises(InvalidInput, match=r"'store' holds 11, which is none of the categories"):
        registered(registry, model, plain)


def test_whole_numbers_as_categories_are_compiled(registry):
    frame = FRAME.assign(code=RNG.integers(0, 60, ROWS))
    data = lightgbm.Dataset(frame, VALUE + frame.code % 7 * 30, categorical_feature=["code"])
    model = lightgbm.train(PLAIN, data, 8)
    registered(registry, model, frame)
    for said in asked(registry, model, frame):
        assert said.values == pytest.approx(model.predict(frame), rel=1e-12)


def test_large_whole_numbers_are_not_rounded(registry):
    frame = pd.DataFrame({"id": 2**24 + np.arange(ROWS), "other": 1})
    target = np.arange(ROWS) % 2
    model = lightgbm.LGBMRegressor(**{**QUICK, "num_leaves": 300, "max_bin": 1000}).fit(
        frame, target
    )
    registered(registry, model, frame)
    for said in asked(registry, model, frame):
        assert said.values == pytest.approx(model.predict(frame), rel=1e-12)


def test_a_model_of_a_matrix_says_that_its_columns_go_by_position(registry):
    model = lightgbm.LGBMRegressor(**QUICK).fit(FRAME.to_numpy(), VALUE)
    assert registered(registry, model).signature.by_position
    for said in asked(registry, model, FRAME):
        assert said.values == pytest.approx(model.predict(FRAME.to_numpy()), rel=1e-12)


def test_classes_get_the_names_that_are_given(registry):
    model = lightgbm.LGBMClassifier(**QUICK).fit(FRAME, THREE // 10)
    registered(registry, model, labels=("low", "mid", "high"))
    said = next(asked(registry, model, FRAME))
    assert said.values.tolist() == np.array(["low", "mid", "high"])[model.predict(FRAME)].tolist()


class Own(lightgbm.LGBMClassifier):
    """Predicts in a way of its own."""

    def predict(self, X, **options):  # noqa: N803 - LightGBM's name
        return np.full(len(X), "no")


def test_a_subclass_is_not_taken_for_its_parent():
    model = Own(**QUICK).fit(FRAME, TWO)
    assert owner(model)[0] == "sklearn"


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_file_that_breaks_off_is_rejected(share):
    model = lightgbm.LGBMClassifier(**QUICK).fit(FRAME, TWO)
    flavour, found = stored(model)
    text = found.files["model.txt"]
    files = {**found.files, "model.txt": text[: int(len(text) * share)]}
    signature = infer(model, "lightgbm", FRAME)
    with pytest.raises(ArtifactRejected, match=r"model\.txt"):
        flavour.load(files, format="txt", trusted_types=(), signature=signature, allow_pickle=False)


def test_no_rows_and_gpus():
    model = lightgbm.LGBMClassifier(**QUICK).fit(FRAME, TWO)
    flavour, found = stored(model)
    signature = infer(model, "lightgbm", FRAME)
    arguments = {"format": "txt", "trusted_types": (), "signature": signature}
    with pytest.raises(ConfigError, match="device: cpu"):
        flavour.load(found.files, **arguments, allow_pickle=False, device="cuda")
    served = flavour.load(found.files, **arguments, allow_pickle=False)
    empty = served.predict_with_scores(to_columns(FRAME).slice(0, 0))
    assert empty.values.shape == (0,)
    assert empty.probabilities.shape == (0, 2)
    assert empty.scores.shape == (0,)
