"""Values and variances of metrics agree with what others compute of the same rows."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from serve_app.experiments import quality
from serve_app.experiments.cuped import CovariateSums, cuped_estimates
from serve_app.experiments.effect import difference
from serve_app.experiments.estimate import Sums
from serve_app.monitoring.experiment.entries import entries_of
from serve_app.monitoring.experiment.estimates import Covariate, estimates_of, samples_of
from tests.unit.monitoring.experiment.simulated import (
    NUMBERS,
    START_S,
    exposures,
    labels,
    metric,
    objects,
    observed,
    rewarded,
)

FOR_EVER_S = 1e12


def estimated(settings, seen, at_s=FOR_EVER_S, covariate=None):
    samples = samples_of(entries_of(settings, seen), seen.units, 2, at_s)
    return estimates_of(samples, seen.units, covariate)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_independent_requests_give_welchs_test(rng):
    arm = rng.integers(0, 2, 900)
    reward = rng.lognormal(0.1 * arm, 0.7)
    control, treatment = estimated(
        metric(metric="reward"), observed(exposures(arm), rewarded(reward))
    )
    effect = difference(control, treatment)
    welch = stats.ttest_ind(reward[arm == 1], reward[arm == 0], equal_var=False)
    assert effect.value / effect.standard_error == pytest.approx(welch.statistic)
    assert effect.degrees_of_freedom == pytest.approx(welch.df)


def test_requests_of_one_subject_are_no_independent_observations(rng):
    subjects = 400
    own = rng.normal(0, 1, subjects)
    counts = rng.integers(1, 9, subjects)
    who = np.repeat(np.arange(subjects), counts)
    arm = (who % 2).astype(np.int64)
    reward = 3 + own[who] + rng.normal(0, 0.2, len(who))
    rows = exposures(arm, subject=objects([f"s{one}" for one in who]))
    control, _ = estimated(metric(metric="reward"), observed(rows, rewarded(reward)))
    assert control.n == subjects / 2
    drawn = np.arange(0, subjects, 2)
    sums, sizes = np.bincount(who, reward), np.bincount(who)
    picked = rng.choice(drawn, (4_000, len(drawn)))
    bootstrap = (sums[picked].sum(axis=1) / sizes[picked].sum(axis=1)).std()
    assert control.standard_error == pytest.approx(bootstrap, rel=0.05)
    naive = reward[arm == 0].std() / math.sqrt((arm == 0).sum())
    assert control.standard_error > 1.7 * naive


def test_a_ratio_is_over_subjects_too(rng):
    subjects = 300
    who = rng.integers(0, subjects, 3_000)
    arm = (who % 2).astype(np.int64)
    reward = rng.gamma(2, 1 + (who % 7), len(who))
    rows = exposures(arm, subject=objects([f"s{one}" for one in who]), took_s=rng.random(len(who)))
    settings = metric(metric="ratio", numerator="reward", denominator="latency")
    control, _ = estimated(settings, observed(rows, rewarded(reward)))
    own = arm == 0
    top = np.bincount(who[own], reward[own], subjects)[::2]
    bottom = np.bincount(who[own], 1000 * rows.took_s[own], subjects)[::2]
    assert control.value == pytest.approx(top.sum() / bottom.sum())
    picked = rng.integers(0, len(top), (4_000, len(top)))
    bootstrap = (top[picked].sum(axis=1) / bottom[picked].sum(axis=1)).std()
    assert control.standard_error == pytest.approx(bootstrap, rel=0.05)


def classified(rng, n=1_200):
    truth = rng.random(n) < 0.4
    score = np.clip(0.5 + 0.2 * (truth - 0.5) + rng.normal(0, 0.2, n), 0.01, 0.99)
    names = np.array(["ill", "well"], object)
    known = labels(
        n,
        delay_s=np.ones(n),
        truth=objects(names[truth.astype(int)]),
        value=objects(names[(score > 0.5).astype(int)]),
        probabilities=objects([(1 - one, one) for one in score]),
    )
    return truth, score, known


@pytest.mark.parametrize(
    ("name", "computed"),
    [
        ("accuracy", lambda y, s: sklearn_metrics.accuracy_score(y, s > 0.5)),
        ("precision", lambda y, s: sklearn_metrics.precision_score(y, s > 0.5)),
        ("recall", lambda y, s: sklearn_metrics.recall_score(y, s > 0.5)),
        ("f1", lambda y, s: sklearn_metrics.f1_score(y, s > 0.5)),
        ("log_loss", sklearn_metrics.log_loss),
        ("brier", sklearn_metrics.brier_score_loss),
        ("auc", sklearn_metrics.roc_auc_score),
    ],
)
def test_metrics_of_classes_are_those_of_scikit_learn(rng, name, computed):
    truth, score, known = classified(rng)
    arm = np.arange(len(truth)) % 2
    made = estimated(metric(metric=name), observed(exposures(arm), known))
    for place, one in enumerate(made):
        own = arm == place
        assert one.value == pytest.approx(computed(truth[own], score[own]))
        picked = rng.integers(0, own.sum(), (400, own.sum()))
        values = [computed(truth[own][rows], score[own][rows]) for rows in picked]
        assert one.standard_error == pytest.approx(np.std(values), rel=0.15)


def test_the_variance_of_auc_is_delongs(rng):
    truth, score, known = classified(rng)
    arm = np.arange(len(truth)) % 2
    control, _ = estimated(metric(metric="auc"), observed(exposures(arm), known))
    delong = quality.auc(truth[arm == 0].astype(int), score[arm == 0])
    assert control.standard_error == pytest.approx(delong.standard_error, rel=0.01)


def test_precision_of_another_class_is_its_own(rng):
    truth, score, known = classified(rng)
    arm = np.arange(len(truth)) % 2
    settings = metric(metric="precision", **{"class": "ill"})
    control, _ = estimated(settings, observed(exposures(arm), known))
    own = arm == 0
    expected = sklearn_metrics.precision_score(~truth[own], score[own] <= 0.5)
    assert control.value == pytest.approx(expected)


@pytest.mark.parametrize("name", ["rmse", "mae"])
def test_errors_of_numbers(rng, name):
    truth, arm = rng.normal(10, 3, 800), np.arange(800) % 2
    value = truth + rng.normal(0, 1 + arm)
    known = labels(800, delay_s=np.ones(800), truth=objects(truth), value=objects(value))
    made = estimated(metric(metric=name), observed(exposures(arm), known, NUMBERS))
    for place, one in enumerate(made):
        error = (value - truth)[arm == place]
        picked = error[rng.integers(0, 400, (2_000, 400))]
        several = np.sqrt((picked**2).mean(axis=1)) if name == "rmse" else abs(picked).mean(axis=1)
        expected = math.sqrt((error**2).mean()) if name == "rmse" else abs(error).mean()
        assert one.value == pytest.approx(expected)
        assert one.standard_error == pytest.approx(several.std(), rel=0.06)


def test_steps_of_a_canary_weigh_alike_in_both_variants(rng):
    """Rewards rise while the candidate's share does: without weights it would look better."""
    n = 40_000
    late = np.arange(n) >= n // 2
    share = np.where(late, 0.5, 0.1)
    arm = (rng.random(n) < share).astype(np.int64)
    reward = np.where(late, 5.0, 1.0) + rng.normal(0, 1, n)
    propensity = np.where(arm == 1, share, 1 - share)
    rows = exposures(arm, propensity=propensity, epoch=late.astype(np.int64))
    control, treatment = estimated(metric(metric="reward"), observed(rows, rewarded(reward)))
    effect = difference(control, treatment)
    assert abs(effect.value) < 3 * effect.standard_error
    assert reward[arm == 1].mean() - reward[arm == 0].mean() > 1
    # By Horvitz and Thompson, whose weights are exact.
    exact = (reward * (arm == 1) / propensity).mean() - (reward * (arm == 0) / propensity).mean()
    assert effect.value == pytest.approx(exact, abs=0.2)


def test_a_covariate_takes_out_what_it_predicts_as_cuped_does(rng):
    n = 2_000
    arm, before = rng.integers(0, 2, n), rng.normal(0, 2, n)
    reward = 1 + 0.1 * arm + before + rng.normal(0, 0.5, n)
    seen = observed(exposures(arm, covariate=before), rewarded(reward))
    made = estimated(metric(metric="reward"), seen, covariate=Covariate(before))
    expected = cuped_estimates(
        [
            CovariateSums(
                Sums(int(own.sum()), reward[own].sum(), (reward[own] ** 2).sum()),
                Sums(int(own.sum()), before[own].sum(), (before[own] ** 2).sum()),
                (reward[own] * before[own]).sum(),
            )
            for own in (arm == 0, arm == 1)
        ]
    )
    plain, adjusted = difference(*estimated(metric(metric="reward"), seen)), difference(*made)
    published = difference(*expected)
    assert adjusted.value == pytest.approx(published.value, rel=2e-3)
    assert adjusted.standard_error == pytest.approx(published.standard_error, rel=2e-3)
    assert adjusted.standard_error < 0.3 * plain.standard_error


def test_a_window_counts_who_has_not_converted_once_it_is_over():
    reward = np.array([1.0, np.nan, 1.0, np.nan, 1.0, 0.0])
    rows = exposures([0, 0, 0, 1, 1, 1])
    seen = observed(rows, rewarded(reward, [5.0, 5.0, 500.0, 5.0, 5.0, 5.0]))
    settings = metric(metric="conversion", window_s=60)
    control, treatment = estimated(settings, seen)
    # The third converted too late, those without feedback did not convert.
    assert (control.n, control.value) == (3, pytest.approx(1 / 3))
    assert (treatment.n, treatment.value) == (3, pytest.approx(1 / 3))
    assert estimated(settings, seen, START_S + 30) == [None, None]
    without = estimated(metric(metric="conversion"), seen)
    assert [(one.n, one.value) for one in without] == [(2, 1.0), (2, 0.5)]


def test_where_nothing_ever_happened_the_variance_is_that_of_one_that_might():
    rows = exposures([0] * 200 + [1] * 200)
    control, _ = estimated(metric(metric="error_rate"), observed(rows, labels(400)))
    share = 1 / 202
    assert (control.value, control.variance) == (0.0, pytest.approx(share * (1 - share)))
