"""Intervals against scipy's, and how often they hold what they should."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from serve_app.monitoring.quality.interval import around, proportion, quantile, undefined


@pytest.mark.parametrize(("count", "n"), [(0, 10), (1, 10), (8, 10), (10, 10), (470, 1000)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilsons_interval_is_that_of_scipy(count, n, level):
    right = binomtest(count, n).proportion_ci(level, method="wilson")
    metric = proportion(count, n, level)
    assert (metric.low, metric.high) == pytest.approx((right.low, right.high), abs=1e-12)
    assert metric.value == count / n


def test_an_interval_of_a_mean_has_its_standard_errors_on_both_sides():
    metric = around(5.0, 4.0, 10, "normal")
    assert (metric.low, metric.high) == pytest.approx(norm.interval(0.95, 5.0, 2.0))
    assert quantile(0.95) == pytest.approx(norm.ppf(0.975))


def test_an_interval_ends_where_the_metric_does():
    metric = around(0.9, 1.0, 10, "delta", (0.0, 1.0))
    assert (metric.low, metric.high) == (0.0, 1.0)


def test_no_rows_say_nothing():
    expected = {"value": None, "low": None, "high": None, "n": 0, "interval": "wilson"}
    assert proportion(0, 0).to_json() == undefined("wilson").to_json() == expected
    assert around(1.0, None, 1, "normal").low is None


def test_wilsons_interval_holds_rare_shares():
    rng = np.random.default_rng(3)
    counts = rng.binomial(200, 0.02, 2000)
    held = [proportion(int(k), 200) for k in counts]
    assert np.mean([metric.low <= 0.02 <= metric.high for metric in held]) > 0.93
