"""Percentiles of a load run."""

from benchmarks.report import Latency


def test_the_highest_thousandth_has_a_percentile() -> None:
    latency = Latency.of([index / 1000 for index in range(1, 2001)])
    assert latency is not None
    assert (latency.p50_ms, latency.p99_ms, latency.p999_ms) == (1000.0, 1980.0, 1998.0)
