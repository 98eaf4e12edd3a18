"""A meta-model is fitted on held-out rows as scikit-learn fits that of a stack."""

import numpy as np
import pytest
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from serve_app.control.declare import read
from serve_app.core.columns import Columns
from serve_app.core.stacking import Member
from serve_app.engine.load import load
from serve_app.engine.stack_training import trained_stack
from serve_app.errors import InvalidInput
from tests.conftest import made

FRAME, TRUTH = made()
COLUMNS = Columns.of({name: FRAME[name].to_numpy() for name in FRAME})


def trained(registry, *models, truth=TRUTH, columns=COLUMNS, kind="ensemble", **more):
    route = {"kind": kind, "variants": [{"model": model} for model in models]}
    body = {"endpoints": {"e": {"route": route}}}
    spec = read(body, registry.manifest).checked()["e"]
    members = [
        Member(one, registry.manifest(*registry.resolve(one)).signature.output) for one in models
    ]

    def model_of(version):
        return load(registry, *registry.resolve(version)).model

    return trained_stack(spec, members, (columns, list(truth)), model_of, **more)


@pytest.fixture
def stack(registry, models):
    """That of scikit-learn over the same fitted members."""
    members = [(name, models[name][0]) for name in ("logistic", "other")]
    return StackingClassifier(members, cv="prefit").fit(FRAME, TRUTH)


def test_coefficients_are_those_of_scikit_learn_s_stack(registry, stack):
    given = trained(registry, "logistic@1", "other@1")
    assert given.columns == ("logistic@1:well", "other@1:well")
    final = stack.final_estimator_
    np.testing.assert_allclose(given.stacker.estimator.coef_, final.coef_, rtol=1e-6)
    np.testing.assert_allclose(given.stacker.estimator.intercept_, final.intercept_, rtol=1e-6)


def test_the_loss_is_of_rows_that_it_was_not_fitted_on(registry, stack):
    given = trained(registry, "logistic@1", "other@1")
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    shares = cross_val_predict(
        LogisticRegression(max_iter=1000), stack.transform(FRAME), TRUTH, cv=folds,
        method="predict_proba",
    )  # fmt: skip
    assert given.loss_name == "log_loss"
    assert given.cross_validated == pytest.approx(log_loss(TRUTH, shares), rel=1e-6)


def test_numbers_are_stacked_by_a_ridge_regression(registry, models):
    truth = FRAME["age"] * 2 + 1
    given = trained(registry, "line@1", truth=truth)
    predictions = models["line"][0].predict(FRAME).reshape(-1, 1)
    hand = RidgeCV().fit(predictions, truth)
    assert (given.loss_name, given.columns) == ("squared_error", ("line@1",))
    np.testing.assert_allclose(given.stacker.estimator.coef_, hand.coef_, rtol=1e-6)


def test_columns_of_the_rows_come_last_and_are_scaled(registry):
    given = trained(registry, "logistic@1", "other@1", with_columns=["age"])
    assert given.columns == ("logistic@1:well", "other@1:well", "age")
    assert given.stacker.frame["age"].tolist() == FRAME["age"].tolist()
    assert given.stacker.estimator[0].mean_[2] == pytest.approx(FRAME["age"].mean())


@pytest.mark.parametrize(
    ("members", "more", "words"),
    [
        (["logistic@1"], {"kind": "split"}, "'e' is a split"),
        (["logistic@1"], {"truth": ["sick"] * 120}, "'sick', which is no class"),
        (["logistic@1"], {"truth": ["ill"] * 120}, "0 rows are of the class 'well'"),
        (["line@1"], {"truth": ["x"] * 120}, "no number"),
        (["line@1"], {"truth": [np.nan] * 120}, "the target of row 0"),
        (["logistic@1"], {"with_columns": ["height"]}, "no column 'height'; .* age, dose"),
        (["logistic@1"], {"truth": TRUTH[:29], "columns": COLUMNS.slice(0, 29)}, "29 rows say"),
    ],
)
def test_what_no_meta_model_can_be_fitted_on_is_refused(registry, members, more, words):
    with pytest.raises(InvalidInput, match=words):
        trained(registry, *members, **more)
