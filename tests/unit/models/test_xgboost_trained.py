"""What a file of XGBoost's says, and what is said beside it, gives the library's numbers."""

import json

import numpy as np
import pandas as pd
import pytest
import xgboost

from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ArtifactRejected, InvalidInput
from serve_app.models.files import read_model
from serve_app.models.frames import to_columns
from serve_app.models.xgboost_trained import Trained, from_file
from serve_app.registry.store import Registry

ROWS = 120
RNG = np.random.default_rng(5)
X = pd.DataFrame(RNG.normal(size=(ROWS, 3)), columns=["age", "income", "debt"])
Y = (2 * X["age"] + X["income"] + RNG.normal(size=ROWS)).to_numpy()
YES = (Y > 0).astype(int)
THREE = np.digitize(Y, [-1, 1])
POSITIVE = np.exp(Y / 3)
GROUPS = np.repeat(np.arange(ROWS // 10), 10)


def said_by(estimator, frame, folder, name="m"):
    """What the registered version answers, compiled and by its library, and its manifest."""
    registry = Registry(str(folder / "registry"))
    manifest = register(registry, Candidate(name, estimator, frame))
    columns = to_columns(frame)
    answers = [
        load(registry, name, manifest.version, native=native).model.predict(columns)
        for native in (False, True)
    ]
    return answers, manifest


def close(got, wanted):
    np.testing.assert_allclose(np.asarray(got, float), wanted, rtol=1e-5, atol=1e-6)


def stopped(target=Y, **parameters):
    """A booster that was trained past its best iteration, and data for it."""
    data = xgboost.DMatrix(X[:90], target[:90])
    rest = xgboost.DMatrix(X[90:], target[90:])
    booster = xgboost.train(
        {"learning_rate": 0.6, **parameters}, data, 60, evals=[(rest, "rest")],
        early_stopping_rounds=4, verbose_eval=False,
    )  # fmt: skip
    assert booster.best_iteration + 1 < booster.num_boosted_rounds()
    return booster


def target_of(objective):
    if objective.startswith("multi") or objective in {"rank:ndcg", "rank:pairwise"}:
        return THREE
    if objective.startswith("binary") or objective in {"reg:logistic", "rank:map"}:
        return YES
    many = ("reg:gamma", "reg:tweedie", "reg:squaredlogerror", "count", "survival")
    return POSITIVE if objective.startswith(many) else Y


OBJECTIVES = [
    "reg:squarederror", "reg:squaredlogerror", "reg:logistic", "reg:pseudohubererror",
    "reg:absoluteerror", "reg:quantileerror", "reg:gamma", "reg:tweedie", "binary:logistic",
    "binary:logitraw", "binary:hinge", "count:poisson", "survival:cox", "survival:aft",
    "multi:softmax", "multi:softprob", "rank:ndcg", "rank:map", "rank:pairwise",
]  # fmt: skip


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_booster_gives_the_librarys_numbers_for_every_objective(objective, tmp_path):
    data = xgboost.DMatrix(X, target_of(objective))
    parameters = {"objective": objective, "max_depth": 3}
    if objective.startswith("multi"):
        parameters["num_class"] = 3
    if objective.startswith("rank"):
        data.set_info(qid=GROUPS)
    if objective == "reg:quantileerror":
        parameters["quantile_alpha"] = [0.1, 0.5, 0.9]
    if objective == "survival:aft":
        data.set_info(label_lower_bound=POSITIVE, label_upper_bound=POSITIVE)
    booster = xgboost.train(parameters, data, 3)
    booster.save_model(tmp_path / "model.ubj")
    raw = booster.predict(xgboost.DMatrix(X))
    answers, manifest = said_by(read_model(tmp_path / "model.ubj"), X, tmp_path)
    assert manifest.compiled.served, manifest.compiled.reason
    for answer in answers:
        if objective == "binary:logistic":
            close(answer.probabilities[:, 1], raw)
            close(answer.values, raw > 0.5)
        elif objective == "multi:softprob":
            close(answer.probabilities, raw)
            close(answer.values, raw.argmax(axis=1))
        else:
            close(answer.values, raw)
            assert answer.probabilities is None


@pytest.mark.parametrize(
    ("wrapper", "kind"),
    [
        (xgboost.XGBClassifier(n_estimators=3), "XGBClassifier"),
        (xgboost.XGBClassifier(n_estimators=3, objective="multi:softmax"), "XGBClassifier"),
        (xgboost.XGBRFClassifier(n_estimators=3), "XGBClassifier"),
        (xgboost.XGBRegressor(n_estimators=3), "XGBRegressor"),
        (xgboost.XGBRFRegressor(n_estimators=3), "XGBRegressor"),
        (xgboost.XGBRegressor(n_estimators=3, booster="gblinear"), "XGBRegressor"),
        (xgboost.XGBRegressor(n_estimators=3, booster="dart", rate_drop=0.5), "XGBRegressor"),
        (xgboost.XGBRanker(n_estimators=3), "XGBRanker"),
        (xgboost.XGBRanker(n_estimators=3, objective="rank:pairwise"), "XGBRanker"),
    ],
    ids=str,
)
def test_a_wrappers_file_is_read_as_what_it_says_it_is(wrapper, kind, tmp_path):
    more = {"qid": GROUPS} if kind == "XGBRanker" else {}
    wrapper.fit(X, Y if kind == "XGBRegressor" else THREE, **more)
    wrapper.save_model(tmp_path / "model.json")
    answers, manifest = said_by(read_model(tmp_path / "model.json"), X, tmp_path)
    assert manifest.parameters["estimator"] == kind
    for answer in answers:
        close(answer.values, wrapper.predict(X))
        if kind == "XGBClassifier":
            close(answer.probabilities, wrapper.predict_proba(X))


def test_the_objective_tells_the_kind_where_the_file_does_not(tmp_path):
    ranker = xgboost.XGBRanker(n_estimators=2).fit(X, THREE, qid=GROUPS)
    for objective, kind in (("rank:ndcg", "XGBRanker"), ("binary:logistic", "XGBClassifier")):
        booster = ranker.get_booster() if kind == "XGBRanker" else stopped(YES, objective=objective)
        booster.set_attr(scikit_learn="{}")
        booster.save_model(tmp_path / "model.ubj")
        assert type(from_file(tmp_path / "model.ubj").model).__name__ == kind


def test_files_of_the_first_versions_name_the_class(tmp_path):
    booster = xgboost.train({"objective": "reg:logistic"}, xgboost.DMatrix(X, YES), 2)
    booster.set_attr(scikit_learn=json.dumps({"type": "XGBClassifier"}))
    booster.save_model(tmp_path / "model.ubj")
    assert type(from_file(tmp_path / "model.ubj").model).__name__ == "XGBClassifier"


def test_only_a_version_of_arrays_says_that_it_goes_by_position(tmp_path):
    for name, columns in (("frame", None), ("array", ["f0", "f1", "f2"])):
        data = xgboost.DMatrix(X, Y) if columns is None else xgboost.DMatrix(X.to_numpy(), Y)
        data.feature_names = columns or data.feature_names
        booster = xgboost.train({}, data, 2)
        for at, model in enumerate((booster, Trained(booster))):
            _, manifest = said_by(model, X, tmp_path, f"{name}{at}")
            assert manifest.signature.by_position is (name == "array")


def test_files_of_former_versions_say_which_number_is_a_gap(tmp_path):
    booster = stopped()
    settings = {"_estimator_type": "regressor", "missing": -999.0, "n_estimators": 60}
    booster.set_attr(scikit_learn=json.dumps(settings))
    booster.save_model(tmp_path / "model.ubj")
    assert from_file(tmp_path / "model.ubj").gap == -999


def test_several_targets_give_a_number_each(tmp_path):
    both = np.column_stack([Y, -3 * Y])
    for name, strategy in (("trees", "one_output_per_tree"), ("vectors", "multi_output_tree")):
        wrapper = xgboost.XGBRegressor(n_estimators=3, multi_strategy=strategy).fit(X, both)
        answers, manifest = said_by(wrapper, X, tmp_path, name)
        assert manifest.compiled.served, manifest.compiled.reason
        for answer in answers:
            close(answer.values, wrapper.predict(X))


def test_probabilities_are_only_called_so_where_they_are_some(tmp_path):
    wrapper = xgboost.XGBClassifier(n_estimators=3, objective="binary:logitraw").fit(X, YES)
    answers, manifest = said_by(wrapper, X, tmp_path)
    assert not manifest.signature.output.probabilities
    for answer in answers:
        close(answer.values, wrapper.predict(X))


class TestIterations:
    """Which iterations answer, after early stopping."""

    def test_a_booster_answers_with_all_as_its_predict_does(self, tmp_path):
        booster = stopped()
        answers, manifest = said_by(booster, X, tmp_path)
        for answer in answers:
            close(answer.values, booster.predict(xgboost.DMatrix(X)))
        total = booster.num_boosted_rounds()
        assert manifest.parameters["iterations"].startswith(f"all {total}, as a Booster's")
        assert "--iterations best" in manifest.parameters["iterations"]

    def test_a_wrapper_answers_with_its_best(self, tmp_path):
        stopped().save_model(tmp_path / "model.ubj")
        wrapper = xgboost.XGBRegressor()
        wrapper.load_model(tmp_path / "model.ubj")
        answers, manifest = said_by(wrapper, X, tmp_path)
        for answer in answers:
            close(answer.values, wrapper.predict(X))
        best, total = wrapper.best_iteration, wrapper.get_booster().num_boosted_rounds()
        words = f"0 to {best} of {total} (best iteration, early stopping)"
        assert manifest.parameters["iterations"] == words

    @pytest.mark.parametrize("wrapped", [False, True])
    @pytest.mark.parametrize("choice", ["best", "all", 2])
    def test_a_choice_is_kept(self, wrapped, choice, tmp_path):
        booster = stopped()
        ends = {"best": booster.best_iteration + 1, "all": booster.num_boosted_rounds(), 2: 2}
        raw = booster.predict(xgboost.DMatrix(X), iteration_range=(0, ends[choice]))
        model = booster
        if wrapped:
            booster.save_model(tmp_path / "model.ubj")
            model = xgboost.XGBRegressor()
            model.load_model(tmp_path / "model.ubj")
        answers, _ = said_by(Trained(model, iterations=choice), X, tmp_path)
        for answer in answers:
            close(answer.values, raw)

    def test_what_is_not_there_is_refused(self, tmp_path):
        booster = xgboost.train({}, xgboost.DMatrix(X, Y), 3)
        with pytest.raises(InvalidInput, match="has 3 iterations, of which 4"):
            said_by(Trained(booster, iterations=4), X, tmp_path)
        with pytest.raises(InvalidInput, match="without early stopping"):
            said_by(Trained(booster, iterations="best"), X, tmp_path)


class TestGaps:
    """A number that stood for a gap in training."""

    FRAME = X.assign(age=np.where(np.arange(ROWS) % 4 == 0, -999.0, X["age"]))

    def booster(self):
        data = xgboost.DMatrix(self.FRAME, Y, missing=-999)
        return xgboost.train({"max_depth": 3}, data, 5)

    def test_it_is_one_where_that_is_said(self, tmp_path):
        booster = self.booster()
        raw = booster.predict(xgboost.DMatrix(self.FRAME, missing=-999))
        assert np.abs(booster.predict(xgboost.DMatrix(self.FRAME)) - raw).max() > 1
        answers, manifest = said_by(Trained(booster, missing=-999), self.FRAME, tmp_path)
        assert manifest.compiled.served, manifest.compiled.reason
        assert manifest.parameters["missing"] == "-999 and NaN"
        for answer in answers:
            close(answer.values, raw)

    def test_data_that_looks_so_is_refused_until_somebody_says(self, tmp_path):
        booster = self.booster()
        with pytest.raises(InvalidInput, match=r"-999 in column 'age' \(25\.0%.*--missing nan"):
            said_by(booster, self.FRAME, tmp_path)
        answers, _ = said_by(Trained(booster, missing=float("nan")), self.FRAME, tmp_path)
        for answer in answers:
            close(answer.values, booster.predict(xgboost.DMatrix(self.FRAME)))

    def test_a_file_of_a_wrapper_does_not_say_it_and_the_wrapper_itself_does(self, tmp_path):
        wrapper = xgboost.XGBRegressor(n_estimators=5, missing=-999).fit(self.FRAME, Y)
        wrapper.save_model(tmp_path / "model.ubj")
        with pytest.raises(InvalidInput, match="--missing -999"):
            said_by(read_model(tmp_path / "model.ubj"), self.FRAME, tmp_path)
        answers, _ = said_by(wrapper, self.FRAME, tmp_path)
        for answer in answers:
            close(answer.values, wrapper.predict(self.FRAME))


class TestOffset:
    """The base margin of training, as a column."""

    EXPOSED = X.assign(exposure=np.log(RNG.uniform(1, 9, ROWS)))[["exposure", *X.columns]]

    @pytest.mark.parametrize("wrapped", [False, True])
    def test_it_is_added_to_each_rows_margin(self, wrapped, tmp_path):
        offset = self.EXPOSED["exposure"].to_numpy()
        if wrapped:
            model = xgboost.XGBRegressor(n_estimators=5, objective="count:poisson")
            model.fit(X, POSITIVE, base_margin=offset)
            raw = model.predict(X, base_margin=offset)
        else:
            data = xgboost.DMatrix(X, POSITIVE, base_margin=offset)
            model = xgboost.train({"objective": "count:poisson"}, data, 5)
            raw = model.predict(data)
        answers, manifest = said_by(Trained(model, offset="exposure"), self.EXPOSED, tmp_path)
        assert manifest.signature.names == (*X.columns, "exposure")
        for answer in answers:
            close(answer.values, raw)

    def test_a_column_that_cannot_be_one_is_refused(self, tmp_path):
        booster = xgboost.train({}, xgboost.DMatrix(X, Y), 2)
        with pytest.raises(InvalidInput, match="no column 'exposure'"):
            said_by(Trained(booster, offset="exposure"), X, tmp_path)
        with pytest.raises(InvalidInput, match="that the model was trained on"):
            said_by(Trained(booster, offset="age"), X, tmp_path)
        many = {"objective": "multi:softprob", "num_class": 3}
        booster = xgboost.train(many, xgboost.DMatrix(X, THREE), 2)
        with pytest.raises(InvalidInput, match="3 margins"):
            said_by(Trained(booster, offset="exposure"), self.EXPOSED, tmp_path)


def test_a_version_of_other_names_than_its_booster_is_not_loaded(tmp_path):
    registry = Registry(str(tmp_path / "registry"))
    register(registry, Candidate("m", xgboost.train({}, xgboost.DMatrix(X, Y), 2), X))
    path = tmp_path / "registry" / "m" / "1" / "manifest.json"
    path.write_text(path.read_text().replace('"age"', '"years"'))
    with pytest.raises(ArtifactRejected, match=r"model\.ubj cannot be loaded"):
        load(registry, "m", 1, native=True)
