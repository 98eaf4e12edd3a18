"""Counts what happened to requests: plain numbers here, which others read about once a second."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from serve_app.core.counts import Counts
from serve_app.core.record import Record
from serve_app.monitoring.catalogue import (
    REQUEST_SECONDS,
    REQUESTS,
    RESPONSES,
    ROWS,
    VARIANT_FAILURES,
    VARIANT_SECONDS,
    Sample,
    histogram_samples,
)
from serve_app.monitoring.histogram import Histogram


class EndpointCounts:
    """What was asked of one endpoint in this process."""

    __slots__ = ("failures", "outcomes", "seconds", "totals", "variants")

    def __init__(self) -> None:
        self.totals = Counts()
        self.seconds = Histogram()
        self.outcomes: dict[str, int] = {}
        self.variants: dict[str, Histogram] = {}
        self.failures: dict[tuple[str, str], int] = {}

    def add(self, record: Record) -> None:
        """Count a request."""
        outcome, took_s, answer = record.outcome, record.took_s, record.answer
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.seconds.add(took_s)
        if answer is None:
            self.totals.add_failed(took_s)
            return
        self.totals.add(record.request.payload.rows, took_s)
        for version in answer.variants:
            histogram = self.variants.get(version)
            if histogram is None:
                histogram = self.variants[version] = Histogram()
            histogram.add(took_s)
        for failure in answer.left_out:
            key = (failure.variant, failure.code)
            self.failures[key] = self.failures.get(key, 0) + 1


class Counting:
    """Counts requests by endpoint, outcome and variant, and responses by protocol and status.

    Implements `Recorder`.
    """

    def __init__(self) -> None:
        self._endpoints: dict[str, EndpointCounts] = {}
        self._responses: dict[tuple[str, str], int] = {}

    def record(self, record: Record) -> None:
        """Count a request that reached an endpoint."""
        counts = self._endpoints.get(record.endpoint)
        if counts is None:
            counts = self._endpoints[record.endpoint] = EndpointCounts()
        counts.add(record)

    def add_response(self, protocol: str, status: str) -> None:
        """Count an answer that left, whatever it was about."""
        key = (protocol, status)
        self._responses[key] = self._responses.get(key, 0) + 1

    def counts(self, endpoint: str) -> Counts:
        """How much an endpoint was asked in this process."""
        counts = self._endpoints.get(endpoint)
        return Counts() if counts is None else counts.totals

    def keep(self, endpoints: Collection[str]) -> None:
        """Forget all endpoints but these."""
        self._endpoints = {
            name: counts for name, counts in self._endpoints.items() if name in endpoints
        }

    def samples(self) -> Iterator[Sample]:
        """All counts as they are now."""
        for (protocol, status), number in self._responses.items():
            yield Sample(RESPONSES, (protocol, status), number)
        for endpoint, counts in self._endpoints.items():
            yield from _of_endpoint(endpoint, counts)


def _of_endpoint(endpoint: str, counts: EndpointCounts) -> Iterator[Sample]:
    for outcome, number in counts.outcomes.items():
        yield Sample(REQUESTS, (endpoint, outcome), number)
    yield Sample(ROWS, (endpoint,), counts.totals.rows)
    yield from histogram_samples(REQUEST_SECONDS, (endpoint,), counts.seconds)
    yield from _of_variants(endpoint, counts.variants)
    for (version, code), number in counts.failures.items():
        yield Sample(VARIANT_FAILURES, (endpoint, version, code), number)


def _of_variants(endpoint: str, variants: Mapping[str, Histogram]) -> Iterator[Sample]:
    for version, histogram in variants.items():
        yield from histogram_samples(VARIANT_SECONDS, (endpoint, version), histogram)
