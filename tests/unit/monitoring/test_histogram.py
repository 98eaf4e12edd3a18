"""Durations fall into fixed bins."""

from serve_app.monitoring.histogram import BOUNDS_S, Histogram


def test_a_bound_belongs_to_its_bin():
    histogram = Histogram()
    for seconds in (0.0, 0.001, 0.0011, 10.0, 10.1):
        histogram.add(seconds)
    counts = dict(histogram.cumulative())
    assert (counts["0.001"], counts["0.0025"], counts["2.5"], counts["10"]) == (2, 3, 3, 4)
    assert counts["+Inf"] == histogram.count == 5


def test_bounds_grow():
    assert list(BOUNDS_S) == sorted(set(BOUNDS_S))
