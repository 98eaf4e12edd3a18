import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from serve_app.errors import InvalidInput
from serve_app.experiments import quality
from serve_app.experiments.confidence_sequence import always_valid_test
from serve_app.experiments.effect import difference

TRUTH = np.array([1, 0, 1, 1, 0, 0, 1, 0, 0, 1])
CLASSES = np.array([1, 0, 0, 1, 1, 0, 1, 0, 0, 0])
CHANCES = np.array([0.9, 0.2, 0.4, 0.8, 0.6, 0.1, 0.7, 0.4, 0.3, 0.45])
NUMBERS = np.array([3.0, -1.0, 2.5, 7.0, 0.5, 1.0, 4.0, 2.0, 0.0, 6.0])
GUESSES = np.array([2.5, 0.0, 2.0, 8.0, 1.5, 1.0, 3.0, 2.5, 0.5, 4.0])
RIGHT = {
    "accuracy": (TRUTH, CLASSES, metrics.accuracy_score),
    "precision": (TRUTH, CLASSES, metrics.precision_score),
    "recall": (TRUTH, CLASSES, metrics.recall_score),
    "f1": (TRUTH, CLASSES, metrics.f1_score),
    "log_loss": (TRUTH, CHANCES, metrics.log_loss),
    "auc": (TRUTH, CHANCES, metrics.roc_auc_score),
    "mae": (NUMBERS, GUESSES, metrics.mean_absolute_error),
    "rmse": (NUMBERS, GUESSES, metrics.root_mean_squared_error),
}


@pytest.mark.parametrize("name", RIGHT)
def test_metrics_agree_with_scikit_learn(name):
    truth, answers, reference = RIGHT[name]
    estimate = getattr(quality, name)(truth, answers)
    assert estimate.value == pytest.approx(reference(truth, answers))
    assert estimate.n == 10
    assert set(RIGHT) == set(quality.METRICS)


def drawn(rng, n, noise=1.0):
    """Rows of which all metrics can be computed: a truth, a score, and numbers with errors."""
    truth = (rng.random(n) < 0.3).astype(int)
    score = truth + rng.normal(0, noise, n)
    return truth, score


ANSWERS = {
    "accuracy": lambda truth, score: (truth, (score > 0.5).astype(int)),
    "precision": lambda truth, score: (truth, (score > 0.5).astype(int)),
    "recall": lambda truth, score: (truth, (score > 0.5).astype(int)),
    "f1": lambda truth, score: (truth, (score > 0.5).astype(int)),
    "log_loss": lambda truth, score: (truth, 1 / (1 + np.exp(1 - score))),
    "auc": lambda truth, score: (truth, np.round(score, 1)),
    "mae": lambda truth, score: (truth.astype(float), score),
    "rmse": lambda truth, score: (truth.astype(float), score),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_standard_errors_are_how_much_metrics_vary(name):
    rng = np.random.default_rng(12)
    metric = getattr(quality, name)
    estimates = [metric(*ANSWERS[name](*drawn(rng, 400))) for _ in range(1_500)]
    spread = np.std([one.value for one in estimates])
    assert np.mean([one.standard_error for one in estimates]) == pytest.approx(spread, rel=0.08)


@pytest.mark.parametrize("name", ANSWERS)
def test_paired_standard_errors_are_how_much_differences_vary(name):
    rng = np.random.default_rng(13)
    values, errors = [], []
    for _ in range(1_200):
        truth, first = drawn(rng, 400)
        second = 0.7 * first + 0.3 * (truth + rng.normal(0, 1, 400))
        before, after = ANSWERS[name](truth, first)[1], ANSWERS[name](truth, second)[1]
        given = ANSWERS[name](truth, first)[0]
        estimate = quality.paired_quality(name, given, before, after)
        metric = getattr(quality, name)
        expected = metric(given, after).value - metric(given, before).value
        assert estimate.value == pytest.approx(expected)
        values.append(estimate.value)
        errors.append(estimate.standard_error)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.08)


def delong(positives, negatives):
    """The covariance matrix of AUCs, pair by pair as DeLong, DeLong and Clarke-Pearson write it."""

    def better(x, y):
        return 1.0 if x > y else 0.5 if x == y else 0.0

    m, n = len(positives[0]), len(negatives[0])
    v10 = [
        [sum(better(x, y) for y in ys) / n for x in xs]
        for xs, ys in zip(*[positives, negatives], strict=True)
    ]
    v01 = [
        [sum(better(x, y) for x in xs) / m for y in ys]
        for xs, ys in zip(*[positives, negatives], strict=True)
    ]
    return np.cov(v10) / m + np.cov(v01) / n


def test_the_variance_of_auc_is_delongs_one_model_or_two():
    rng = np.random.default_rng(14)
    truth = np.array([1] * 25 + [0] * 40)
    first = np.round(truth + rng.normal(size=65), 1)
    second = np.round(first + rng.normal(0, 0.7, size=65), 1)
    covariance = delong((first[:25], second[:25]), (first[25:], second[25:]))
    assert quality.auc(truth, first).standard_error ** 2 == pytest.approx(covariance[0, 0])
    assert quality.auc(truth, second).standard_error ** 2 == pytest.approx(covariance[1, 1])
    apart = quality.paired_quality("auc", truth, first, second).standard_error ** 2
    assert apart == pytest.approx(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])


def test_the_variance_of_accuracy_is_that_of_a_share():
    estimate = quality.accuracy(TRUTH, CLASSES)
    assert estimate.variance == pytest.approx(0.7 * 0.3)


@given(st.lists(st.tuples(st.booleans(), st.floats(-3, 3)), min_size=4, max_size=40))
def test_auc_of_turned_around_scores_is_the_rest(rows):
    truth, scores = (np.array(column) for column in zip(*rows, strict=True))
    if not 2 <= truth.sum() <= len(truth) - 2:
        with pytest.raises(InvalidInput, match="2 of each"):
            quality.auc(truth, scores)
        return
    estimate, turned = quality.auc(truth, scores), quality.auc(truth, -scores)
    assert estimate.value + turned.value == pytest.approx(1)
    assert estimate.variance == pytest.approx(turned.variance)


def test_classes_can_have_names():
    truth, predicted = ["spam", "ham", "spam", "ham"], ["spam", "spam", "ham", "ham"]
    assert quality.accuracy(truth, predicted).value == 0.5
    assert quality.recall(truth, predicted, positive="spam").value == 0.5
    assert quality.log_loss(truth, [0.8, 0.4, 0.5, 0.1], positive="spam").value == pytest.approx(
        -np.mean(np.log([0.8, 0.6, 0.5, 0.9]))
    )


def test_a_probability_of_zero_for_what_came_true_is_as_in_scikit_learn():
    truth, chances = [1, 0, 1], [0.0, 0.0, 1.0]
    expected = metrics.log_loss(truth, chances)
    assert quality.log_loss(truth, chances).value == pytest.approx(expected)


def test_a_worse_arm_is_told_by_the_tests_of_means():
    rng = np.random.default_rng(15)
    control = quality.auc(*drawn(rng, 4_000, noise=1.0))
    treatment = quality.auc(*drawn(rng, 4_000, noise=1.4))
    result = always_valid_test(difference(control, treatment), tightest_at=8_000)
    assert result.significant
    assert result.effect < 0


def test_errors_of_zero_have_no_spread():
    estimate = quality.rmse([1, 2, 3], [1, 2, 3])
    assert (estimate.value, estimate.variance) == (0, 0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: quality.accuracy([1, 0], [1]), "one of each per row"),
        (lambda: quality.accuracy([1], [1]), "at least 2"),
        (lambda: quality.accuracy([], []), "at least 2"),
        (lambda: quality.accuracy([1, math.nan], [1, 0]), "NaN"),
        (lambda: quality.precision([1, 0], [0, 0]), "no row was predicted positive"),
        (lambda: quality.recall([0, 0], [0, 1]), "no row is positive"),
        (lambda: quality.f1([0, 0], [0, 0]), "no F1"),
        (lambda: quality.log_loss([1, 0], [0.5, 1.5]), "1.5"),
        (lambda: quality.log_loss([1, 0], [0.5, math.nan]), "NaN"),
        (lambda: quality.auc([1, 0, 0], [0.5, 0.2, 0.1]), "2 of each"),
        (lambda: quality.auc([1, 1, 0, 0], [0.5, 0.2, 0.1, math.inf]), "infinity"),
        (lambda: quality.mae([1, 2], [1, math.nan]), "nan"),
        (lambda: quality.rmse([1, 2], [1, 2, 3]), "one of each per row"),
        (lambda: quality.mae([1], [2]), "at least 2"),
        (lambda: quality.paired_quality("gini", [1, 0], [1, 0], [1, 0]), "no metric 'gini'"),
    ],
)
def test_what_has_no_metric_is_refused_in_words(call, words):
    with pytest.raises(InvalidInput, match=words):
        call()
