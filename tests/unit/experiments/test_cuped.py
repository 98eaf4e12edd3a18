"""CUPED against published results, regression and the law that it changes no expectation."""

import numpy as np
import pytest

from serve_app.errors import InvalidInput
from serve_app.experiments.confidence_sequence import always_valid_test
from serve_app.experiments.cuped import (
    CovariateSums,
    RatioCovariateSums,
    cuped_estimates,
    pooled_theta,
    ratio_cuped_estimates,
)
from serve_app.experiments.effect import difference, lift
from serve_app.experiments.estimate import Sums
from serve_app.experiments.welch import welch_test

# GrowthBook's gbstats 0.8.0, packages/stats/tests/frequentist/test_tests.py at 8f1db44:
# test_sequential_test_runs_ra, test_two_sided_ttest_test_runs_ratio_ra and its sequential twin.
CONTROL = CovariateSums(Sums(3000, 1396.87, 52377.9767), Sums(3000, 16.87, 527.9767), 1)
TREATMENT = CovariateSums(Sums(3461, 2422.7, 134698.29), Sums(3461, 22.7, 1348.29), 1)


def ratio_arm(sums, products):
    """An arm from sums of numerator, denominator and both from before, and six cross products."""
    first, second, third, fourth = (Sums(100, *pair) for pair in sums)
    matrix = [[0.0] * 4 for _ in range(4)]
    for (i, j), value in products.items():
        matrix[i][j] = matrix[j][i] = value
    for i, (_, squares) in enumerate(sums):
        matrix[i][i] = squares
    return RatioCovariateSums((first, second, third, fourth), tuple(map(tuple, matrix)))


RATIO_ARMS = [
    ratio_arm(
        [
            (485.112236689623, 2715.484666118136),
            (679.9093275844917, 4939.424001640236),
            (192.59138069991536, 460.076026390857),
            (290.1398399750233, 920.9461385038898),
        ],
        {
            (0, 2): 1113.6215759318352,
            (1, 3): 2130.9404074446747,
            (2, 3): 634.239482353647,
            (0, 1): 3602.146836776702,
            (0, 3): 1559.2878434944676,
            (1, 2): 1460.3181079276983,
        },
    ),
    ratio_arm(
        [
            (514.7757826608777, 2994.897482705013),
            (705.4090874383759, 5291.36604146392),
            (206.94157227402536, 514.2903702246757),
            (302.54389139107326, 994.4506208125663),
        ],
        {
            (0, 2): 1237.0953021125997,
            (1, 3): 2292.081739775257,
            (2, 3): 698.4173425817908,
            (0, 1): 3918.1561431600717,
            (0, 3): 1701.0287270040265,
            (1, 2): 1604.0759503266522,
        },
    ),
]


def rounded(comparison):
    interval = comparison.interval
    values = (comparison.effect, comparison.standard_error, interval.lower, interval.upper)
    return tuple(round(value, 5) for value in values)


def covariate_sums(metric, covariate):
    return CovariateSums(
        Sums(len(metric), metric.sum(), (metric**2).sum()),
        Sums(len(covariate), covariate.sum(), (covariate**2).sum()),
        (metric * covariate).sum(),
    )


def test_adjusted_means_as_gbstats_publishes_them():
    effect = lift(*cuped_estimates([CONTROL, TREATMENT]))
    result = always_valid_test(effect, tightest_at=5000)
    assert rounded(result) == (0.50338, 0.33341, -0.50969, 1.51646)
    assert result.p_value == 1


def test_an_adjusted_ratio_as_gbstats_publishes_it():
    effect = lift(*ratio_cuped_estimates(RATIO_ARMS))
    once = welch_test(effect)
    assert rounded(once) == (-0.0007, 0.00391, -0.00841, 0.0070)
    assert round(once.p_value, 5) == 0.85771
    always = always_valid_test(effect, tightest_at=5000)
    assert rounded(always)[2:] == (-0.02063, 0.01923)
    assert always.p_value == 1


def test_theta_is_the_slope_of_a_regression_over_all_arms():
    random = np.random.default_rng(1)
    before = random.gamma(2, 3, 1000)
    metric = 0.7 * before + random.normal(0, 2, 1000)
    arms = [covariate_sums(metric[:400], before[:400]), covariate_sums(metric[400:], before[400:])]
    assert pooled_theta(arms) == pytest.approx(np.polyfit(before, metric, 1)[0])


def test_the_variance_shrinks_by_the_square_of_the_correlation():
    random = np.random.default_rng(2)
    before = random.normal(10, 3, 20_000)
    metric = before + random.normal(0, 3, 20_000)
    arm = covariate_sums(metric, before)
    (adjusted,) = cuped_estimates([arm])
    correlation = np.corrcoef(metric, before)[0, 1]
    assert adjusted.variance / metric.var(ddof=1) == pytest.approx(1 - correlation**2, rel=1e-6)
    assert adjusted.variance == pytest.approx(
        (metric - pooled_theta([arm]) * before).var(ddof=1), rel=1e-9
    )


def test_a_covariate_that_does_not_vary_changes_nothing():
    metric = np.arange(50.0)
    arm = covariate_sums(metric, np.zeros(50))
    (adjusted,) = cuped_estimates([arm])
    assert adjusted.value == metric.mean()
    assert adjusted.variance == pytest.approx(metric.var(ddof=1))


def test_adjusted_differences_are_right_on_average_and_less_scattered():
    random = np.random.default_rng(4)
    plain, adjusted = [], []
    for _ in range(400):
        before = random.exponential(1, 400)
        metric = before + random.normal(0, 0.5, 400)
        metric[200:] += 0.3
        arms = [
            covariate_sums(metric[:200], before[:200]),
            covariate_sums(metric[200:], before[200:]),
        ]
        adjusted.append(difference(*cuped_estimates(arms)).value)
        plain.append(metric[200:].mean() - metric[:200].mean())
    assert np.mean(adjusted) == pytest.approx(0.3, abs=0.012)
    assert np.std(adjusted) < 0.6 * np.std(plain)


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        ([], "no arms"),
        ([CovariateSums(Sums(5, 1, 1), Sums(4, 1, 1), 1)], "over the same"),
        ([CovariateSums(Sums(5, 1, 1), Sums(5, 1, 1), float("nan"))], "finite"),
    ],
)
def test_what_cannot_be_is_refused_in_words(arms, words):
    with pytest.raises(InvalidInput, match=words):
        cuped_estimates(arms)


def test_a_ratio_without_a_denominator_is_refused():
    empty = RatioCovariateSums(
        (Sums(5, 1, 1), Sums(5, 0, 0), Sums(5, 1, 1), Sums(5, 1, 1)), ((0.0,) * 4,) * 4
    )
    with pytest.raises(InvalidInput, match="denominator"):
        ratio_cuped_estimates([empty])
