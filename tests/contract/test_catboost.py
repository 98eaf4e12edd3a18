"""CatBoost is served as it answers its own user: by name, by category, flat, by its labels."""

import catboost
import numpy as np
import pandas as pd
import pytest

from serve_app.core.columns import Columns
from serve_app.core.messages import MISSING
from serve_app.core.policy import Policy
from serve_app.core.schema import Schema
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ArtifactRejected, ConfigError, InvalidInput, RowsRefused
from serve_app.models import owner
from serve_app.models.compilation import compilation
from serve_app.models.frames import to_columns
from serve_app.models.signature import infer
from serve_app.registry.store import Registry
from tests.contract.compiling import assert_same_in_threads

RNG = np.random.default_rng(4)
ROWS = 300
FRAME = pd.DataFrame(
    {
        "age in years": RNG.integers(18, 90, ROWS),
        "income": np.where(RNG.random(ROWS) < 0.1, np.nan, RNG.normal(60, 20, ROWS).round(1)),
        "debt": RNG.gamma(2, 8, ROWS).round(1),
    }
)
VALUE = FRAME["income"].fillna(100) * 2 - FRAME["debt"] * 3 + FRAME["age in years"]
HIGH = VALUE.median() < VALUE
THREE = pd.cut(VALUE, 3, labels=["low", "mid", "top"]).astype(str)
MIXED = FRAME.assign(
    city=RNG.choice(["Rome", "Oslo", "Bern"], ROWS), store=RNG.choice([30, 10, 20], ROWS)
)
QUICK = {
    "iterations": 12, "depth": 4, "verbose": 0, "thread_count": 1, "allow_writing_files": False,
}  # fmt: skip


@pytest.fixture
def registry(tmp_path):
    return Registry(str(tmp_path))


def asked(registry, rows, *, native):
    """What the version says of rows as JSON has them, with raw scores."""
    loaded = load(registry, "worth", 1, native=native)
    inputs = loaded.manifest.signature.inputs
    given = {column.name: [row.get(column.name, MISSING) for row in rows] for column in inputs}
    columns, _ = Schema(inputs, Policy()).validate(given, len(rows))
    assert_same_in_threads(loaded.model.model, columns)
    return loaded.model.predict_with_scores(columns)


def rows(frame):
    return frame.astype(object).where(frame.notna(), None).to_dict(orient="records")


TARGETS = {
    "words": np.where(HIGH, "yes", "no"),
    "booleans": HIGH.to_numpy(),
    "numbers": np.where(HIGH, 7, 3),
    "floats": np.where(HIGH, 1.0, 0.0),
    "three": THREE.to_numpy(),
    "three numbers": THREE.map({"low": 1, "mid": 5, "top": 9}).to_numpy(),
}


@pytest.mark.parametrize("name", TARGETS)
def test_a_classifier_answers_by_name_and_flat_with_its_own_labels(registry, name):
    model = catboost.CatBoostClassifier(**QUICK).fit(FRAME, TARGETS[name])
    manifest = register(registry, Candidate("worth", model, FRAME[FRAME.columns[::-1]]))
    assert (manifest.flavour, manifest.pickle) == ("catboost", False)
    assert manifest.signature.output.labels == tuple(model.classes_.tolist())
    assert manifest.compiled.served, manifest.compiled.reason
    for native in (True, False):
        said = asked(registry, rows(FRAME), native=native)
        assert said.values.tolist() == model.predict(FRAME).reshape(-1).tolist()
        assert said.probabilities == pytest.approx(model.predict_proba(FRAME), abs=1e-12)
        margins = model.predict(FRAME, prediction_type="RawFormulaVal")
        assert said.scores == pytest.approx(margins, rel=1e-9)


def test_every_class_of_its_own(registry):
    model = catboost.CatBoostClassifier(**QUICK, loss_function="MultiClassOneVsAll")
    model.fit(FRAME, THREE)
    manifest = register(registry, Candidate("worth", model, FRAME))
    assert manifest.compiled.served, manifest.compiled.reason
    for native in (True, False):
        said = asked(registry, rows(FRAME), native=native)
        assert said.values.tolist() == model.predict(FRAME).reshape(-1).tolist()
        assert said.probabilities == pytest.approx(model.predict_proba(FRAME), abs=1e-12)


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_a_threshold_that_the_model_holds_decides(registry, share):
    model = catboost.CatBoostClassifier(**QUICK).fit(FRAME, np.where(HIGH, "yes", "no"))
    model.set_probability_threshold(share)
    wanted = model.predict(FRAME)
    assert wanted.tolist() != np.where(model.predict_proba(FRAME)[:, 1] > 0.5, "yes", "no").tolist()
    register(registry, Candidate("worth", model, FRAME))
    for native in (True, False):
        assert asked(registry, rows(FRAME), native=native).values.tolist() == wanted.tolist()


def test_a_plain_model_classifies_where_its_loss_does(registry):
    model = catboost.CatBoost({**QUICK, "loss_function": "Logloss"}).fit(FRAME, HIGH.astype(int))
    register(registry, Candidate("worth", model, FRAME))
    shares = model.predict(FRAME, prediction_type="Probability")
    for native in (True, False):
        said = asked(registry, rows(FRAME), native=native)
        assert said.values.tolist() == model.predict(FRAME, prediction_type="Class").tolist()
        assert said.probabilities == pytest.approx(shares, abs=1e-12)


LOSSES = [
    "RMSE", "MAE", "Quantile:alpha=0.3", "MAPE", "Poisson", "Tweedie:variance_power=1.5",
    "Huber:delta=1", "Expectile:alpha=0.4", "RMSEWithUncertainty", "MultiQuantile:alpha=0.1,0.9",
    "LogLinQuantile",
]  # fmt: skip


@pytest.mark.parametrize("made", [catboost.CatBoostRegressor, catboost.CatBoost])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_regression_answers_as_its_own_predict_does(registry, loss, made):
    settings = {**QUICK, "loss_function": loss}
    model = made(settings) if made is catboost.CatBoost else made(**settings)
    model.fit(FRAME, VALUE - VALUE.min() + 1)
    wanted = model.predict(FRAME)
    manifest = register(registry, Candidate("worth", model, FRAME))
    assert manifest.signature.output.width == (1 if wanted.ndim == 1 else 2)
    for native in (True, False):
        assert asked(registry, rows(FRAME), native=native).values == pytest.approx(wanted, rel=1e-9)


def test_several_numbers_at_once(registry):
    model = catboost.CatBoostRegressor(**QUICK, loss_function="MultiRMSE")
    model.fit(FRAME, np.column_stack([VALUE, -2 * VALUE]))
    manifest = register(registry, Candidate("worth", model, FRAME))
    assert manifest.compiled.served, manifest.compiled.reason
    for native in (True, False):
        said = asked(registry, rows(FRAME), native=native)
        assert said.values == pytest.approx(model.predict(FRAME), rel=1e-9)


@pytest.mark.parametrize("loss", ["MultiLogloss", "MultiCrossEntropy"])
def test_yes_or_no_to_several_things(registry, loss):
    both = np.column_stack([HIGH, FRAME["debt"] > 20]).astype(int)
    model = catboost.CatBoostClassifier(**QUICK, loss_function=loss).fit(FRAME, both)
    manifest = register(registry, Candidate("worth", model, FRAME[FRAME.columns[::-1]]))
    output = manifest.signature.output
    assert output.kind == "multilabel"
    assert [target.labels for target in output.targets] == [(0, 1), (0, 1)]
    said = asked(registry, rows(FRAME), native=True)
    assert said.values.tolist() == model.predict(FRAME).tolist()
    assert said.probabilities.tolist() == model.predict_proba(FRAME).tolist()
    assert said.scores.shape == (ROWS, 2)
    served = load(registry, "worth", 1).model
    assert served.predict(to_columns(FRAME).slice(0, 0)).values.shape == (0, 2)


@pytest.mark.parametrize("loss", ["YetiRank", "QueryRMSE", "PairLogit"])
def test_a_ranker_gives_its_scores(registry, loss):
    model = catboost.CatBoostRanker(**QUICK, loss_function=loss)
    model.fit(FRAME, HIGH.astype(int), group_id=np.arange(ROWS) // 10)
    register(registry, Candidate("worth", model, FRAME))
    for native in (True, False):
        said = asked(registry, rows(FRAME), native=native)
        assert said.values == pytest.approx(model.predict(FRAME), rel=1e-9)


@pytest.mark.parametrize(
    "settings",
    [
        {"nan_mode": "Max"},
        {"nan_mode": "Min"},
        {"depth": 10},
        {"depth": 1},
        {"boost_from_average": False},
        {"grow_policy": "Depthwise"},
        {"grow_policy": "Lossguide"},
        {"border_count": 3},
        {"learning_rate": 0.9, "iterations": 60, "use_best_model": True},
    ],
    ids=str,
)
def test_every_way_of_growing_answers_like_the_library(registry, settings):
    model = catboost.CatBoostRegressor(**{**QUICK, **settings})
    model.fit(FRAME, VALUE, eval_set=(FRAME[:50], VALUE[:50] * 1.3))
    manifest = register(registry, Candidate("worth", model, FRAME))
    assert manifest.compiled.served == ("grow_policy" not in settings), manifest.compiled.reason
    gaps = FRAME.astype(float)
    for place, name in enumerate(gaps):
        gaps.loc[place::4, name] = [np.nan, np.inf, -np.inf][place]
    for native in (True, False):
        model_ = load(registry, "worth", 1, native=native).model
        assert_same_in_threads(model_.model, to_columns(gaps))
        assert model_.predict(to_columns(gaps)).values == pytest.approx(
            model.predict(gaps), rel=1e-9
        )


@pytest.mark.parametrize("kind", ["text", "categories"])
def test_words_and_whole_numbers_reach_it_as_in_training(registry, kind):
    frame = MIXED if kind == "text" else MIXED.assign(city=MIXED["city"].astype("category"))
    target = np.where((MIXED["store"] == 10) ^ (MIXED["city"] == "Rome"), "yes", "no")
    model = catboost.CatBoostClassifier(**QUICK, cat_features=["city", "store"]).fit(frame, target)
    manifest = register(registry, Candidate("worth", model, frame[frame.columns[::-1]]))
    assert "categories" in manifest.compiled.reason
    said = asked(registry, rows(frame), native=False)
    assert said.values.tolist() == model.predict(frame).tolist()
    assert said.probabilities == pytest.approx(model.predict_proba(frame), abs=1e-12)
    assert (said.values == target).mean() > 0.9


def test_sentences_are_served(registry):
    frame = pd.DataFrame({"said": ["good day", "bad day", "so so", "good"] * 50, "n": range(200)})
    target = np.array([1, 0, 0, 1] * 50)
    model = catboost.CatBoostClassifier(**QUICK, text_features=["said"]).fit(frame, target)
    register(registry, Candidate("worth", model, frame))
    said = asked(registry, rows(frame), native=False)
    assert said.probabilities == pytest.approx(model.predict_proba(frame), abs=1e-12)


def test_a_gap_in_a_category_is_refused_in_the_librarys_words_with_the_column():
    model = catboost.CatBoostClassifier(**QUICK, cat_features=["city", "store"])
    model.fit(MIXED, HIGH.astype(int))
    flavour, found = stored(model)
    signature = infer(model, "catboost", MIXED)
    served = flavour.load(
        found.files, format="cbm", trusted_types=(), signature=signature, allow_pickle=False
    )
    columns = to_columns(MIXED.head(3))
    broken = dict(columns.as_dict())
    broken["city"] = np.array(["Rome", None, "Oslo"], dtype=object)
    with pytest.raises(RowsRefused, match=r"Invalid type for cat_feature.*column 'city'"):
        served.predict(Columns.of(broken))


def test_data_whose_categories_are_fractions_is_refused_with_the_librarys_words(registry):
    model = catboost.CatBoostClassifier(**QUICK, cat_features=["store"])
    model.fit(MIXED[["debt", "store"]], HIGH.astype(int))
    frame = MIXED[["debt", "store"]].astype(float)
    with pytest.raises(InvalidInput, match="cat_features must be integer or string"):
        register(registry, Candidate("worth", model, frame))


def test_a_model_of_a_matrix_says_that_its_columns_go_by_position(registry):
    model = catboost.CatBoostRegressor(**QUICK).fit(FRAME.to_numpy(), VALUE)
    assert register(registry, Candidate("worth", model, FRAME)).signature.by_position
    said = asked(registry, rows(FRAME), native=False)
    assert said.values == pytest.approx(model.predict(FRAME.to_numpy()), rel=1e-9)


def test_classes_get_the_names_that_are_given(registry):
    model = catboost.CatBoostClassifier(**QUICK).fit(FRAME, HIGH.astype(int))
    register(registry, Candidate("worth", model, FRAME, labels=("bad", "good")))
    wanted = np.array(["bad", "good"])[model.predict(FRAME)].tolist()
    for native in (True, False):
        assert asked(registry, rows(FRAME), native=native).values.tolist() == wanted


class Own(catboost.CatBoostClassifier):
    """Predicts in a way of its own."""

    def predict(self, data, **options):
        return np.full(len(data), "no")


def test_a_subclass_is_not_taken_for_its_parent():
    model = Own(**QUICK).fit(FRAME, TARGETS["words"])
    assert owner(model)[0] == "sklearn"


def stored(model):
    _, flavour = owner(model)
    return flavour, flavour.dump(model, trust=(), allow_pickle=False)


def test_damaged_files_gpus_and_no_rows():
    model = catboost.CatBoostClassifier(**QUICK).fit(FRAME, TARGETS["words"])
    flavour, found = stored(model)
    signature = infer(model, "catboost", FRAME)
    arguments = {"format": "cbm", "trusted_types": (), "signature": signature}
    with pytest.raises(ConfigError, match="device: cpu"):
        flavour.load(found.files, **arguments, allow_pickle=False, device="cuda")
    for share in (0.0, 0.3, 0.9):
        content = found.files["model.cbm"]
        files = {**found.files, "model.cbm": content[: int(len(content) * share)]}
        with pytest.raises(ArtifactRejected, match=r"model\.cbm"):
            flavour.load(files, **arguments, allow_pickle=False)
    served = flavour.load(found.files, **arguments, allow_pickle=False)
    empty = served.predict_with_scores(to_columns(FRAME).slice(0, 0))
    assert empty.values.shape == (0,)
    assert empty.probabilities.shape == (0, 2)
    assert empty.scores.shape == (0,)


def test_a_row_is_answered_alike_alone_and_among_others():
    model = catboost.CatBoostClassifier(**QUICK).fit(FRAME, THREE)
    flavour, found = stored(model)
    signature = infer(model, "catboost", FRAME)
    served = flavour.load(
        found.files, format="cbm", trusted_types=(), signature=signature, allow_pickle=False
    )
    columns = to_columns(FRAME)
    whole = served.predict(columns)
    assert compilation(model, served, signature, columns).rows > 1000
    for row in range(0, ROWS, 37):
        alone = served.predict(columns.slice(row, row + 1))
        assert alone.values.tolist() == [whole.values[row]]
        assert alone.probabilities[0] == pytest.approx(whole.probabilities[row], rel=1e-12)
