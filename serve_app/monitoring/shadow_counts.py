"""Counts what became of requests at one shadow of an endpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from serve_app.core.record import ANSWERED, DROPPED, TIMED_OUT, Shadowed
from serve_app.monitoring.catalogue import (
    SHADOW_DROPPED,
    SHADOW_REQUESTS,
    SHADOW_SECONDS,
    Sample,
)
from serve_app.monitoring.histogram import Histogram
from serve_app.monitoring.histogram_samples import histogram_samples

FAILED = "failed"
OUTCOMES = (ANSWERED, FAILED, TIMED_OUT, DROPPED)
"""What may become of a request: every error is a failure."""


class ShadowCounts:
    """Requests by outcome, those that were dropped by the reason, and how long answers took."""

    __slots__ = ("_dropped", "_outcomes", "_seconds")

    def __init__(self) -> None:
        # They stand at 0 from the start: what first appears as 1 has not grown for Prometheus.
        self._outcomes = dict.fromkeys(OUTCOMES, 0)
        self._dropped: Counter[str] = Counter()
        self._seconds = Histogram()

    def add(self, shadowed: Shadowed, reason: str) -> None:
        """Count a request, `reason` being why it was dropped, where it was."""
        outcome = shadowed.outcome if shadowed.outcome in self._outcomes else FAILED
        self._outcomes[outcome] += 1
        if outcome == DROPPED:
            self._dropped[reason] += 1
        elif outcome == ANSWERED and shadowed.took_s is not None:
            self._seconds.add(shadowed.took_s)

    def samples(self, endpoint: str, version: str) -> Iterator[Sample]:
        """The counts as they are now."""
        for outcome, number in self._outcomes.items():
            yield Sample(SHADOW_REQUESTS, (endpoint, version, outcome), number)
        for reason, number in self._dropped.items():
            yield Sample(SHADOW_DROPPED, (endpoint, version, reason), number)
        yield from histogram_samples(SHADOW_SECONDS, (endpoint, version), self._seconds)
