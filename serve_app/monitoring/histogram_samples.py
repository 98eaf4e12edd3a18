"""Histograms as the catalogue counts them: bins, sums and numbers."""

from __future__ import annotations

from collections.abc import Iterator

from serve_app.monitoring.catalogue import Durations, Sample
from serve_app.monitoring.histogram import Histogram


def histogram_samples(
    durations: Durations, labels: tuple[str, ...], histogram: Histogram
) -> Iterator[Sample]:
    """The samples of a histogram: one per bin, their sum and number."""
    for bound, number in histogram.cumulative():
        yield Sample(durations.bucket, (*labels, bound), number)
    yield Sample(durations.seconds, labels, histogram.total_s)
    yield Sample(durations.number, labels, histogram.count)
