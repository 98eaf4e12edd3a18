"""Durations fall into fixed bins."""

from serve_app.monitoring.histogram import BOUNDS_S, Histogram, quantile_s


def test_a_bound_belongs_to_its_bin():
    histogram = Histogram()
    for seconds in (0.0, 0.001, 0.0011, 10.0, 10.1):
        histogram.add(seconds)
    counts = dict(histogram.cumulative())
    assert (counts["0.001"], counts["0.0025"], counts["2.5"], counts["10"]) == (2, 3, 3, 4)
    assert counts["+Inf"] == histogram.count == 5


def test_bounds_grow():
    assert list(BOUNDS_S) == sorted(set(BOUNDS_S))


def test_what_people_promise_is_a_bound():
    assert {0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0} <= set(BOUNDS_S)


def test_there_are_few_bins():
    assert len(BOUNDS_S) < 16


def test_quantiles_lie_within_the_bin_that_has_them():
    """Of 100 durations from 1 to 2.5 ms, half lie below the middle of that bin."""
    bins = [0] * (len(BOUNDS_S) + 1)
    assert quantile_s(bins, 0.5) is None
    bins[3] = 100
    assert quantile_s(bins, 0.5) == 0.00175
    bins[-1] = 900
    assert quantile_s(bins, 0.5) == BOUNDS_S[-1]
