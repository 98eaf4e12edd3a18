"""Converts models whose score is a product of matrices: linear, discriminant, Bayes, layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    Lars,
    LarsCV,
    Lasso,
    LassoCV,
    LassoLars,
    LassoLarsCV,
    LassoLarsIC,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    OrthogonalMatchingPursuit,
    OrthogonalMatchingPursuitCV,
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
    Perceptron,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
    TheilSenRegressor,
    TweedieRegressor,
)
from sklearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)
from sklearn.svm import LinearSVC, LinearSVR

from serve_app.models.compiled.arithmetic import Cast, Clip, Elementwise, MatMul
from serve_app.models.compiled.classes import (
    Above,
    BothClasses,
    Difference,
    Largest,
    LogShares,
    Shares,
    Sigmoid,
    Softmax,
)
from serve_app.models.compiled.distances import CategoryLogs, Gaussians, Quadratics
from serve_app.models.compiled.operation import Chain, Operation, chain
from serve_app.models.compiled.shapes import Constant, Flatten, Interpolate
from serve_app.models.convert.dispatch import (
    Given,
    Inconvertible,
    Scored,
    as_array,
    dense,
    predicts,
    screened,
)

SAME = Chain(())


@predicts(
    ARDRegression,
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    HuberRegressor,
    Lars,
    LarsCV,
    Lasso,
    LassoCV,
    LassoLars,
    LassoLarsCV,
    LassoLarsIC,
    LinearRegression,
    LinearSVR,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    OrthogonalMatchingPursuit,
    OrthogonalMatchingPursuitCV,
    PassiveAggressiveRegressor,
    QuantileRegressor,
    Ridge,
    RidgeCV,
    SGDRegressor,
    TheilSenRegressor,
)
def _regression(model: Any, given: Given) -> Scored:
    return Scored(chain(screened(given), *_product(model)))


def _product(model: Any) -> tuple[Operation, Operation]:
    coefficients = as_array(model.coef_)
    if coefficients.ndim > 1:
        coefficients = coefficients.T
    intercept = as_array(model.intercept_)
    flat = coefficients.ndim == 1 and intercept.size == 1
    return MatMul(coefficients), Elementwise(
        "add", float(intercept.reshape(-1)[0]) if flat else intercept
    )


@predicts(PoissonRegressor, GammaRegressor, TweedieRegressor)
def _generalised(model: Any, given: Given) -> Scored:
    link = type(model._base_loss.link).__name__
    if link not in {"LogLink", "IdentityLink"}:
        msg = f"a {type(model).__name__} has the link {link}"
        raise Inconvertible(msg)
    inverse = Elementwise("exp") if link == "LogLink" else None
    return Scored(chain(screened(given), *_product(model), inverse))


@predicts(CCA, PLSCanonical, PLSRegression)
def _partial_least_squares(model: Any, given: Given) -> Scored:
    dense(given, model)
    centred = Elementwise("subtract", as_array(model._x_mean))
    flat = Flatten() if model._predict_1d else None
    product = (MatMul(model.coef_.T), Elementwise("add", as_array(model.intercept_)))
    return Scored(chain(screened(given), Cast("float64"), centred, *product, flat))


def _linear_scores(model: Any, given: Given) -> Scored:
    """The scores of LinearClassifierMixin: one column of two classes, else one per class."""
    coefficients = as_array(model.coef_)
    turned = coefficients.T if coefficients.ndim == 2 else coefficients
    binary = turned.ndim == 1 or turned.shape[1] == 1
    scores = chain(
        screened(given),
        MatMul(turned),
        Elementwise("add", as_array(model.intercept_)),
        Flatten() if binary else None,
    )
    classes: Operation = Above() if binary else Largest()
    return Scored(scores, decision=SAME, classes=classes, labels=as_array(model.classes_))


def _one_against_rest(binary: bool) -> Operation:
    return chain(Sigmoid(), BothClasses()) if binary else chain(Sigmoid(), Shares())


def _with(scored: Scored, probabilities: Operation | None) -> Scored:
    return Scored(scored.scores, scored.decision, probabilities, scored.classes, scored.labels)


def _binary(scored: Scored) -> bool:
    return isinstance(scored.classes, Above)


@predicts(LinearSVC, PassiveAggressiveClassifier, Perceptron, RidgeClassifier, RidgeClassifierCV)
def _separator(model: Any, given: Given) -> Scored:
    return _linear_scores(model, given)


@predicts(LogisticRegression, LogisticRegressionCV)
def _logistic(model: Any, given: Given) -> Scored:
    scored = _linear_scores(model, given)
    binary = _binary(scored)
    return _with(scored, _one_against_rest(binary=True) if binary else Softmax())


@predicts(LinearDiscriminantAnalysis)
def _discriminant(model: Any, given: Given) -> Scored:
    dense(given, model)
    return _logistic(model, given)


@predicts(SGDClassifier)
def _stochastic(model: Any, given: Given) -> Scored:
    scored = _linear_scores(model, given)
    binary = _binary(scored)
    if model.loss == "log_loss":
        return _with(scored, _one_against_rest(binary))
    if model.loss == "modified_huber":
        shifted = (Clip(-1.0, 1.0), Elementwise("add", 1.0), Elementwise("divide", 2.0))
        return _with(scored, chain(*shifted, BothClasses() if binary else Shares()))
    return scored


@predicts(QuadraticDiscriminantAnalysis)
def _quadratic(model: Any, given: Given) -> Scored:
    dense(given, model)
    turns = tuple(
        np.asarray(r * (s ** (-0.5)))
        for r, s in zip(model.rotations_, model.scalings_, strict=True)
    )
    logs = np.asarray([np.sum(np.log(s)) for s in model.scalings_])
    scores = Quadratics(as_array(model.means_), turns, logs, np.log(model.priors_))
    return _by_logs(chain(screened(given), scores), model)


def _by_logs(scores: Operation, model: Any) -> Scored:
    labels = as_array(model.classes_)
    decision = Difference() if len(labels) == 2 else SAME
    # Naive Bayes has no decision_function; nobody asks it for one.
    return Scored(scores, decision, LogShares(), Largest(), labels)


@predicts(GaussianNB)
def _gaussian(model: Any, given: Given) -> Scored:
    dense(given, model)
    offsets = np.array([-0.5 * np.sum(np.log(2.0 * np.pi * v)) for v in model.var_])
    likelihood = Gaussians(model.theta_, model.var_, np.log(model.class_prior_), offsets)
    return _bayes(chain(screened(given), likelihood), model)


def _bayes(scores: Operation, model: Any) -> Scored:
    return Scored(scores, None, LogShares(), Largest(), as_array(model.classes_))


@predicts(MultinomialNB)
def _multinomial(model: Any, given: Given) -> Scored:
    product = MatMul(model.feature_log_prob_.T)
    scores = chain(screened(given), product, Elementwise("add", model.class_log_prior_))
    return _bayes(scores, model)


@predicts(ComplementNB)
def _complement(model: Any, given: Given) -> Scored:
    product = MatMul(model.feature_log_prob_.T)
    alone = Elementwise("add", model.class_log_prior_) if len(model.classes_) == 1 else None
    return _bayes(chain(screened(given), product, alone), model)


@predicts(BernoulliNB)
def _bernoulli(model: Any, given: Given) -> Scored:
    cut = None
    if model.binarize is not None:
        cut = chain(Elementwise("greater", float(model.binarize)), Cast("float64"))
    negative = np.log(1 - np.exp(model.feature_log_prob_))
    product = MatMul((model.feature_log_prob_ - negative).T)
    prior = Elementwise("add", model.class_log_prior_ + negative.sum(axis=1))
    return _bayes(chain(screened(given), cut, product, prior), model)


@predicts(CategoricalNB)
def _categorical(model: Any, given: Given) -> Scored:
    dense(given, model)
    tables = tuple(as_array(table) for table in model.feature_log_prob_)
    scores = CategoryLogs(tables, as_array(model.class_log_prior_))
    return _bayes(chain(screened(given), scores), model)


@predicts(DummyRegressor)
def _constant(model: Any, given: Given) -> Scored:  # noqa: ARG001 - it looks at no row
    value = as_array(model.constant_)
    return Scored(
        Constant(value[0] if model.n_outputs_ > 1 else value.reshape(-1)[0:1].reshape(()))
    )


@predicts(DummyClassifier)
def _prior(model: Any, given: Given) -> Scored:  # noqa: ARG001 - it looks at no row
    strategy = model._strategy
    if strategy not in {"most_frequent", "prior", "constant"} or model.n_outputs_ > 1:
        msg = f"a DummyClassifier of the strategy {strategy} draws at random"
        raise Inconvertible(msg)
    probabilities = as_array(model.predict_proba(np.zeros((1, 1))))[0]
    chosen = as_array(model.predict(np.zeros((1, 1))))[0]
    number = int(np.flatnonzero(model.classes_ == chosen)[0])
    scores = Constant(probabilities)
    classes = Constant(np.asarray(number))
    return Scored(scores, None, SAME, classes, as_array(model.classes_))


@predicts(IsotonicRegression)
def _isotonic(model: Any, given: Given) -> Scored:
    return Scored(chain(screened(given), curve(model)))


def curve(model: Any) -> Operation:
    """An isotonic regression as a function of one number."""
    return Interpolate(
        as_array(model.X_thresholds_),
        as_array(model.y_thresholds_),
        clip=model.out_of_bounds == "clip",
        nan=model.out_of_bounds == "nan",
    )
