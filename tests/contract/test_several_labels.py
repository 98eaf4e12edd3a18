"""Models that say several things of each row answer as their libraries do, target by target."""

import json

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import xgboost
from sklearn.cross_decomposition import PLSRegression
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, StackingClassifier
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    RidgeClassifier,
    RidgeClassifierCV,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core import targets
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import InvalidInput
from serve_app.models.evaluate import evaluate
from serve_app.models.frames import to_columns
from serve_app.models.signature import infer
from serve_app.registry.store import Registry
from tests.contract.test_models import fitted, served

RNG = np.random.default_rng(5)
FRAME = pd.DataFrame(RNG.normal(size=(120, 3)), columns=["a", "b", "c"])
FLAGS = np.column_stack([FRAME.a > 0, FRAME.b + FRAME.c > 0.2, FRAME.c > 0.5]).astype(int)
NEVER, ALWAYS = FLAGS.copy(), FLAGS.copy()
NEVER[:, 1], ALWAYS[:, 1] = 0, 1
CITY = np.where(FRAME.a > 0, "Paris", "Rome")
COLOUR = np.where(FRAME.b > 0.4, "red", np.where(FRAME.b < -0.4, "green", "blue"))
WORDS = np.column_stack([CITY, COLOUR])
NUMBERS = np.column_stack([FLAGS[:, 0] + 1, FLAGS.sum(axis=1)])

OF_LISTS = {
    "forest": RandomForestClassifier(5, random_state=0),
    "extra trees": ExtraTreesClassifier(5, random_state=0),
    "tree": DecisionTreeClassifier(max_depth=3, random_state=0),
    "extra tree": ExtraTreeClassifier(max_depth=3, random_state=0),
    "neighbours": KNeighborsClassifier(3),
    "radius": RadiusNeighborsClassifier(20.0),
    "each": MultiOutputClassifier(LogisticRegression()),
    "dummy": DummyClassifier(strategy="prior"),
    "pipeline": make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0)),
    "search": GridSearchCV(
        make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)),
        {"decisiontreeclassifier__max_depth": [2, 3]},
        cv=2,
    ),
}
"""Estimators whose `predict_proba` is a list of one array per target."""
OF_ARRAYS = {
    "perceptron": MLPClassifier((4,), max_iter=100, random_state=0),
    "chain": ClassifierChain(LogisticRegression(), random_state=0),
    "one against the rest": OneVsRestClassifier(LogisticRegression()),
    "xgboost": xgboost.XGBClassifier(n_estimators=3),
    "xgboost in a pipeline": make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=3)),
}
"""Estimators whose `predict_proba` is one array (n, targets): how likely yes is."""
WITHOUT = {
    "ridge": RidgeClassifier(),
    "ridge cv": RidgeClassifierCV(),
    "each svm": MultiOutputClassifier(LinearSVC()),
    "chain of svm": ClassifierChain(LinearSVC(), random_state=0),
    "svm against the rest": OneVsRestClassifier(LinearSVC()),
}


def answered(estimator, target, **more):
    """The signature and the answer of an estimator as served, and the estimator itself."""
    model = fitted(estimator, FRAME, target)
    signature, stored = served(model, FRAME, allow_pickle=True, **more)
    return signature.output, stored.predict(to_columns(FRAME)), model


@pytest.mark.parametrize("name", [*OF_LISTS, *OF_ARRAYS, *WITHOUT])
def test_yes_or_no_to_each_target_is_what_the_library_says(name):
    output, said, model = answered({**OF_LISTS, **OF_ARRAYS, **WITHOUT}[name], FLAGS)
    assert output.kind == "multilabel"
    assert [(target.name, target.labels) for target in output.targets] == [
        ("0", (0, 1)),
        ("1", (0, 1)),
        ("2", (0, 1)),
    ]
    assert said.values.dtype.kind == "i"
    np.testing.assert_array_equal(said.values, model.predict(FRAME))
    if name in OF_LISTS:
        wanted = np.column_stack([shares[:, 1] for shares in model.predict_proba(FRAME)])
        np.testing.assert_array_equal(said.probabilities, wanted)
    elif name in OF_ARRAYS:
        np.testing.assert_array_equal(said.probabilities, model.predict_proba(FRAME))
    else:
        assert said.probabilities is None
        assert not output.probabilities


@pytest.mark.parametrize("name", OF_LISTS)
@pytest.mark.parametrize("target", [WORDS, NUMBERS], ids=["words", "numbers"])
def test_a_class_of_each_target_is_what_the_library_says(name, target):
    output, said, model = answered(OF_LISTS[name], target)
    assert output.kind == "multioutput"
    assert [t.labels for t in output.targets] == [
        tuple(sorted(set(column.tolist()))) for column in target.T
    ]
    np.testing.assert_array_equal(said.values, model.predict(FRAME))
    parts = targets.parts(said.probabilities, output.targets)
    for part, shares in zip(parts, model.predict_proba(FRAME), strict=True):
        np.testing.assert_array_equal(part, shares)


def test_targets_of_truth_values_are_answered_by_truth_values():
    output, said, model = answered(OF_LISTS["forest"], FLAGS.astype(bool))
    assert output.targets[0].labels == (False, True)
    assert said.values.dtype == bool
    np.testing.assert_array_equal(said.values, model.predict(FRAME))


@pytest.mark.parametrize(("target", "share"), [(NEVER, 0.0), (ALWAYS, 1.0)])
@pytest.mark.parametrize("name", ["forest", "neighbours", "dummy"])
def test_a_target_with_one_class_in_training_is_that_for_sure(name, target, share):
    output, said, model = answered(OF_LISTS[name], target)
    assert output.kind == "multilabel"
    assert (said.probabilities[:, 1] == share).all()
    np.testing.assert_array_equal(said.values, model.predict(FRAME))


def test_sparse_predictions_are_answered_as_plain_ones():
    output, said, model = answered(OneVsRestClassifier(LogisticRegression()), sp.csr_matrix(FLAGS))
    assert sp.issparse(model.predict(FRAME))
    np.testing.assert_array_equal(said.values, model.predict(FRAME).toarray())
    assert output.kind == "multilabel"


def test_a_chain_of_more_than_two_classes_gives_no_probabilities_of_unknown_classes():
    output, said, model = answered(ClassifierChain(LogisticRegression(), random_state=0), NUMBERS)
    assert output.kind == "multioutput"
    assert said.probabilities is None
    np.testing.assert_array_equal(said.values, model.predict(FRAME))


def test_stacking_says_how_likely_no_is_and_that_is_not_answered_as_yes():
    stacked = StackingClassifier(
        [("trees", RandomForestClassifier(3, random_state=0))],
        final_estimator=RandomForestClassifier(3, random_state=0),
        cv=2,
    )
    _output, said, model = answered(stacked, FLAGS)
    assert said.probabilities is None
    np.testing.assert_array_equal(said.values, model.predict(FRAME))


@pytest.mark.parametrize(
    "estimator",
    [
        MultiOutputClassifier(LogisticRegression()),
        ClassifierChain(LogisticRegression()),
        RandomForestClassifier(3, random_state=0),
    ],
    ids=["each", "chain", "forest"],
)
def test_several_targets_of_which_there_is_one_are_ordinary_classes(estimator):
    output, said, model = answered(estimator, FLAGS[:, :1])
    assert (output.kind, output.labels, output.targets) == ("classification", (0, 1), ())
    assert said.values.shape == (len(FRAME),)
    np.testing.assert_array_equal(said.values, np.ravel(model.predict(FRAME)))
    assert said.probabilities.shape == (len(FRAME), 2)
    np.testing.assert_allclose(said.probabilities.sum(axis=1), 1)


def test_numbers_in_a_column_of_their_own_are_answered_flat():
    output, said, model = answered(LinearRegression(), FRAME[["a"]] * 2)
    assert output.width == 1
    np.testing.assert_array_equal(said.values, model.predict(FRAME)[:, 0])


def test_a_booster_of_several_labels_says_yes_or_no_to_each():
    rows = xgboost.DMatrix(FRAME, label=FLAGS)
    booster = xgboost.train({"objective": "binary:logistic"}, rows, 3)
    signature, model = served(booster, FRAME)
    said = model.predict_with_scores(to_columns(FRAME))
    shares = booster.predict(xgboost.DMatrix(FRAME))
    assert signature.output.kind == "multilabel"
    assert len(signature.output.targets) == 3
    np.testing.assert_array_equal(said.probabilities, shares)
    np.testing.assert_array_equal(said.values, shares > 0.5)
    margins = booster.predict(xgboost.DMatrix(FRAME), output_margin=True)
    np.testing.assert_array_equal(said.scores, margins)


@pytest.mark.parametrize("name", ["forest", "xgboost", "ridge"])
def test_no_rows_have_no_answers_of_the_same_width(name):
    model = fitted({**OF_LISTS, **OF_ARRAYS, **WITHOUT}[name], FRAME, FLAGS)
    _, stored = served(model, FRAME)
    said = stored.predict(to_columns(FRAME.head(0)))
    assert said.values.shape == (0, 3)


def test_raw_scores_are_one_per_target():
    model = fitted(RidgeClassifier(), FRAME, FLAGS)
    signature, stored = served(model, FRAME)
    assert signature.output.scores_width == 3
    said = stored.predict_with_scores(to_columns(FRAME))
    np.testing.assert_allclose(said.scores, model.decision_function(FRAME))


def test_targets_have_the_names_of_their_columns():
    model = fitted(OF_LISTS["forest"], FRAME, FLAGS)
    output = infer(model, "sklearn", FRAME, targets=["x", "y", "z"]).output
    assert [target.name for target in output.targets] == ["x", "y", "z"]
    for names, words in ((["x", "y"], "predicts 3 targets"), (["x", "x", "y"], "twice")):
        with pytest.raises(InvalidInput, match=words):
            infer(model, "sklearn", FRAME, targets=names)
    with pytest.raises(InvalidInput, match="one target"):
        infer(model, "sklearn", FRAME, labels=["no", "yes"])


def test_classes_that_are_no_values_are_refused():
    model = fitted(KNeighborsClassifier(3), FRAME, sp.csr_matrix(FLAGS))
    with pytest.raises(InvalidInput, match="dense array"):
        infer(model, "sklearn", FRAME)


@pytest.mark.parametrize("target", [FLAGS, WORDS], ids=["multilabel", "multioutput"])
def test_a_registered_version_answers_like_the_estimator(target):
    model = fitted(OF_LISTS["forest"], FRAME, target)
    store = Registry(f"memory://several-{target.shape[1]}")
    names = [f"t{place}" for place in range(target.shape[1])]
    manifest = register(store, Candidate("several", model, FRAME, targets=names))
    again = type(manifest).model_validate(json.loads(manifest.model_dump_json()))
    assert again.signature.output == manifest.signature.output
    assert [t.name for t in manifest.signature.output.targets] == names
    assert manifest.compiled is not None
    assert "several things" in manifest.compiled.reason
    said = load(store, "several", 1).model.predict(to_columns(FRAME))
    np.testing.assert_array_equal(said.values, model.predict(FRAME))


def test_yes_or_no_is_evaluated_by_all_targets_at_once_and_by_each():
    frame = pd.DataFrame(FLAGS, columns=["x", "y", "z"])
    found = evaluate(OF_LISTS["tree"], FRAME, frame, folds=2).held_out
    assert list(found) == ["subset_accuracy", "mean_f1", "f1 x", "f1 y", "f1 z"]
    assert found["mean_f1"] == pytest.approx(np.mean([found[f"f1 {n}"] for n in "xyz"]))
    assert 0 < found["subset_accuracy"] <= 1


def test_classes_are_evaluated_by_all_targets_at_once_and_by_each():
    frame = pd.DataFrame(WORDS, columns=["city", "colour"])
    found = evaluate(OF_LISTS["tree"], FRAME, frame, folds=2)
    names = ["subset_accuracy", "mean_accuracy", "accuracy city", "accuracy colour"]
    assert list(found.held_out) == list(found.baseline) == names
    assert found.held_out["subset_accuracy"] > found.baseline["subset_accuracy"]


ENSEMBLE = {"kind": "ensemble", "variants": [{"model": "first@1"}, {"model": "second@1"}]}


def declared(store, names, target, second):
    """What becomes of an ensemble of a forest and of one of other targets."""
    pairs = (("first", names, target), ("second", *second))
    for name, known_as, of in pairs:
        model = fitted(RandomForestClassifier(3, random_state=0), FRAME, of)
        register(store, Candidate(name, model, FRAME, targets=known_as), compile="never")
    settings = ControlSettings.model_validate({"endpoints": {"both": {"route": ENSEMBLE}}})
    return declare(settings, store.manifest)


def test_an_ensemble_may_know_its_targets_in_another_order():
    turned = (["z", "y", "x"], FLAGS[:, ::-1])
    found = declared(Registry("memory://turned"), ["x", "y", "z"], FLAGS, turned).checked()["both"]
    names = [[target.name for target in variant.targets] for variant in found.variants]
    assert names == [["x", "y", "z"], ["z", "y", "x"]]


@pytest.mark.parametrize(
    "second",
    [(["x", "y", "w"], FLAGS), (["x", "y"], FLAGS[:, :2])],
    ids=["another name", "one less"],
)
def test_an_ensemble_of_other_targets_is_refused_and_says_which(second):
    store = Registry(f"memory://other-{len(second[0])}")
    (problem,) = declared(store, ["x", "y", "z"], FLAGS, second).problems
    assert "first@1 gives 'x' of [0, 1], 'y' of [0, 1], 'z' of [0, 1]" in problem.message


@pytest.mark.parametrize(
    ("estimator", "target"),
    [
        (LinearRegression(), FRAME[["a"]] * 2),
        (PLSRegression(1), FRAME[["a"]] * 2),
        (MultiOutputClassifier(LogisticRegression()), FLAGS[:, :1]),
        (ClassifierChain(LogisticRegression()), FLAGS[:, :1]),
    ],
    ids=["linear", "pls", "each", "chain"],
)
def test_what_answers_in_a_column_of_its_own_is_registered(estimator, target):
    model = fitted(estimator, FRAME, target)
    store = Registry(f"memory://column-{type(estimator).__name__}")
    register(store, Candidate("m", model, FRAME))
    said = load(store, "m", 1).model.predict(to_columns(FRAME))
    np.testing.assert_allclose(said.values, np.ravel(model.predict(FRAME)))
