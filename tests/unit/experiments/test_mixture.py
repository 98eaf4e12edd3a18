"""Mixture boundaries against the values that confseq's tests publish."""

import math

import numpy as np
import pytest
from scipy import stats

from serve_app.errors import InvalidInput
from serve_app.experiments.mixture import (
    beta_binomial_mixture,
    double_stitched_bound,
    empirical_process_bound,
    gamma_exponential_mixture,
    gamma_poisson_mixture,
    log_mixture,
    mixture_bound,
    normal_mixture,
    stitched_bound,
    tightest_rho,
)


# confseq, test/uniform_boundaries_unittest.cpp at 70b1ef3: tuned and looked at at time 100,
# alpha 0.05; the supermartingale at a sum of 10. Their own tolerance is 1e-5.
@pytest.mark.parametrize(
    ("mixture", "log_value", "bound"),
    [
        (normal_mixture(100, one_sided=False), -0.6510052, 30.35209),
        (normal_mixture(100), -0.06502391, 27.66071),
        (gamma_exponential_mixture(100, 2), -0.2490165, 33.02017),
        (gamma_poisson_mixture(100, 2), -0.06991219, 30.1949),
        (beta_binomial_mixture(100, 0.2, 0.8, one_sided=False), -0.6941012, 31.4308),
        (beta_binomial_mixture(100, 0.2, 0.8), -0.07134019, 28.41238),
    ],
)
def test_mixtures_as_confseq_publishes_them(mixture, log_value, bound):
    assert log_mixture(mixture, 10, 100) == pytest.approx(log_value, abs=1e-7)
    assert mixture_bound(mixture, 100, 0.05) == pytest.approx(bound, abs=1e-5)


def test_tunings_and_stitched_bounds_as_confseq_publishes_them():
    assert tightest_rho(100) == pytest.approx(12.60056, abs=1e-5)
    assert stitched_bound(100, 0.05, 10, c=3) == pytest.approx(64.48755, abs=1e-5)
    assert stitched_bound(100, 0.05, 10, c=-1) == pytest.approx(28.99389, abs=1e-5)


@pytest.mark.parametrize(("quantile", "bound"), [(0.5, 68.62803), (0.9, 43.72119), (0.1, 59.96521)])
def test_bounds_of_all_quantiles_as_confseq_publishes_them(quantile, bound):
    ours = double_stitched_bound(quantile, 1000, tightest_at=100)
    assert ours == pytest.approx(bound, abs=1e-5)


def test_the_bound_of_a_whole_distribution_as_confseq_publishes_it():
    assert empirical_process_bound(1000, starts_at=100) == pytest.approx(0.08204769, abs=1e-5)
    assert empirical_process_bound(99, starts_at=100) == math.inf


def test_an_empirical_distribution_hardly_ever_leaves_its_bound():
    rng = np.random.default_rng(1)
    looks = 2 ** np.arange(5, 11)
    values = rng.random((400, looks[-1]))
    left = np.zeros(len(values), dtype=bool)
    for n in looks:
        ordered, ranks = np.sort(values[:, :n]), np.arange(n)
        apart = np.maximum((ranks + 1) / n - ordered, ordered - ranks / n).max(axis=1)
        left |= apart > empirical_process_bound(int(n), starts_at=32, alpha=0.2)
    assert left.sum() <= stats.binom.ppf(0.999, len(values), 0.2)


def test_a_bound_is_no_larger_than_any_sum_can_be():
    mixture = beta_binomial_mixture(100, 0.2, 0.8)
    assert mixture_bound(mixture, 2 * 0.2 * 0.8, 0.05) == pytest.approx(1.6, abs=1e-5)


@pytest.mark.parametrize("p", [0.03, 0.5, 0.9])
def test_a_beta_binomial_mixture_is_a_martingale(p):
    """Its mean after 40 rows, over all outcomes, is 1: the definition, by enumeration."""
    n = 40
    mixture = beta_binomial_mixture(p * (1 - p) * 100, p, 1 - p, one_sided=False)
    mean = sum(
        math.comb(n, k)
        * p**k
        * (1 - p) ** (n - k)
        * math.exp(log_mixture(mixture, k - n * p, n * p * (1 - p)))
        for k in range(n + 1)
    )
    assert mean == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("one_sided", [True, False])
def test_a_normal_mixture_is_a_martingale(one_sided):
    mixture = normal_mixture(50, one_sided=one_sided)
    sums = np.linspace(-120, 120, 200_001)
    density = np.exp(-0.5 * sums**2 / 30) / math.sqrt(2 * math.pi * 30)
    values = np.exp([log_mixture(mixture, s, 30.0) for s in sums[::50]])
    assert (values * density[::50]).sum() * (sums[50] - sums[0]) == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: normal_mixture(0), "above zero"),
        (lambda: normal_mixture(10, alpha_opt=0.6), "between 0 and 1"),
        (lambda: beta_binomial_mixture(10, -1, 2), "above zero"),
        (lambda: log_mixture(normal_mixture(10), math.nan, 1), "finite"),
        (lambda: log_mixture(normal_mixture(10), 1, -1), "negative"),
        (lambda: mixture_bound(normal_mixture(10), 0), "above zero"),
        (lambda: stitched_bound(10, 0.05, 1, s=1), "above 1"),
        (lambda: double_stitched_bound(0, 10, tightest_at=9), "between 0 and 1"),
        (lambda: double_stitched_bound(0.5, 0, tightest_at=9), "above zero"),
        (lambda: empirical_process_bound(10, starts_at=0.5), "at least 1 value"),
        (lambda: empirical_process_bound(10, starts_at=1, scale=0.7), "above 0.7071"),
    ],
)
def test_what_cannot_be_is_refused_in_words(call, words):
    with pytest.raises(InvalidInput, match=words):
        call()
