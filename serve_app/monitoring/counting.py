"""Counts what happened to requests: plain numbers here, which others read about once a second."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from serve_app.core.counts import Counts
from serve_app.core.record import ANSWERED, FALLBACK, INTERNAL, Record
from serve_app.core.tally import Tally
from serve_app.errors import Overloaded, ServeError, ServerFault, Unavailable
from serve_app.monitoring.arm_counting import ArmCounting
from serve_app.monitoring.catalogue import (
    CASCADE_ROWS,
    CASCADE_SECONDS,
    DISTINCT_ROW_ALARMS,
    REQUEST_SECONDS,
    REQUESTS,
    RESPONSES,
    ROWS,
    VARIANT_FAILURES,
    VARIANT_SECONDS,
    Sample,
)
from serve_app.monitoring.histogram import Histogram
from serve_app.monitoring.histogram_samples import histogram_samples

ANSWERS = frozenset({ANSWERED, FALLBACK})
"""The outcomes that are answers."""
_Key = tuple[str, tuple[str, ...]]


def outages() -> frozenset[str]:
    """The outcomes that are faults of this side: what the promise of availability is broken by.

    Requests that were refused as too many are counted for themselves.
    """
    kinds = {*_kinds(ServerFault), *_kinds(Unavailable)} - {*_kinds(Overloaded)}
    return frozenset({INTERNAL, *(kind.code for kind in kinds)})


def _kinds(kind: type[ServeError]) -> Iterator[type[ServeError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


_FIRST_OUTCOMES = dict.fromkeys(sorted({ANSWERED} | outages()), 0)
"""They stand at 0 from the start: what first appears as 1 has not grown for Prometheus."""


class _EndpointCounts:
    """What was asked of one endpoint: durations by outcome and by who answered.

    All else is added up from these when somebody reads it, since requests come more often.
    """

    __slots__ = ("failures", "rows", "seconds", "stages")

    def __init__(self) -> None:
        self.seconds: dict[_Key, Histogram] = {}
        self.failures: dict[tuple[str, str], int] = {}
        self.rows = 0
        self.stages: dict[str, tuple[int, int, float]] = {}

    def add(self, record: Record) -> None:
        """Count a request."""
        answer = record.answer
        key = (record.outcome, () if answer is None else answer.variants)
        histogram = self.seconds.get(key)
        if histogram is None:
            histogram = self.seconds[key] = Histogram()
        histogram.add(record.took_s)
        if answer is not None:
            self.rows += record.request.payload.rows
            for failure in answer.left_out:
                failed = (failure.variant, failure.code)
                self.failures[failed] = self.failures.get(failed, 0) + 1
            for version, *work in answer.stages:
                former = self.stages.get(version, (0, 0, 0.0))
                rows, answered, took_s = map(sum, zip(former, work, strict=True))
                self.stages[version] = (int(rows), int(answered), took_s)

    def totals(self) -> Counts:
        """How many requests were answered and how many failed."""
        counts = Counts(rows=self.rows)
        for (outcome, _), histogram in self.seconds.items():
            if outcome in ANSWERS:
                counts.answered += histogram.count
                counts.answered_s += histogram.total_s
            else:
                counts.failed += histogram.count
                counts.failed_s += histogram.total_s
        return counts

    def tally(self) -> Tally:
        """The same for whoever adds up what gateways counted."""
        outcomes, variants, total = self.split()
        return Tally(
            outcomes,
            tuple(total.bins),
            {version: tuple(one.bins) for version, one in variants.items()},
            {version: rows for version, (rows, _, _) in self.stages.items()},
        )

    def split(self) -> tuple[dict[str, int], dict[str, Histogram], Histogram]:
        """Requests by outcome, durations by version that answered, and of all of them."""
        outcomes: dict[str, int] = {}
        variants: dict[str, Histogram] = {}
        total = Histogram()
        for (outcome, versions), histogram in self.seconds.items():
            outcomes[outcome] = outcomes.get(outcome, 0) + histogram.count
            total.include(histogram)
            for version in versions:
                variants.setdefault(version, Histogram()).include(histogram)
        return outcomes, variants, total


class Counting:
    """Counts requests by endpoint, outcome and variant, and responses by protocol and status.

    Implements `Recorder`.
    """

    def __init__(self) -> None:
        self._endpoints: dict[str, _EndpointCounts] = {}
        self._responses: dict[tuple[str, str], int] = {}
        self._alarms: dict[str, int] = {}
        self.arms = ArmCounting()

    def record(self, record: Record) -> None:
        """Count a request that reached an endpoint."""
        counts = self._endpoints.get(record.endpoint)
        if counts is None:
            counts = self._endpoints[record.endpoint] = _EndpointCounts()
        counts.add(record)
        self.arms.record(record)

    def add_response(self, protocol: str, status: str) -> None:
        """Count an answer that left, whatever it was about."""
        key = (protocol, status)
        self._responses[key] = self._responses.get(key, 0) + 1

    def add_distinct_alarm(self, endpoint: str) -> None:
        """Count a caller that asked an endpoint about suspiciously many different rows."""
        self._alarms[endpoint] = self._alarms.get(endpoint, 0) + 1

    def counts(self, endpoint: str) -> Counts:
        """How much an endpoint was asked in this process."""
        counts = self._endpoints.get(endpoint)
        return Counts() if counts is None else counts.totals()

    def tallies(self) -> dict[str, Tally]:
        """What was counted of each endpoint so far."""
        return {name: counts.tally() for name, counts in self._endpoints.items()}

    def keep(self, endpoints: Collection[str]) -> None:
        """Count these endpoints, from 0 those that are new, and forget all others."""
        counted = self._endpoints
        self._endpoints = {name: counted.get(name) or _EndpointCounts() for name in endpoints}

    def samples(self) -> Iterator[Sample]:
        """All counts as they are now."""
        for (protocol, status), number in self._responses.items():
            yield Sample(RESPONSES, (protocol, status), number)
        for endpoint, number in self._alarms.items():
            yield Sample(DISTINCT_ROW_ALARMS, (endpoint,), number)
        for endpoint, counts in self._endpoints.items():
            yield from _of_endpoint(endpoint, counts)


def _of_endpoint(endpoint: str, counts: _EndpointCounts) -> Iterator[Sample]:
    outcomes, variants, total = counts.split()
    for outcome, number in {**_FIRST_OUTCOMES, **outcomes}.items():
        yield Sample(REQUESTS, (endpoint, outcome), number)
    yield Sample(ROWS, (endpoint,), counts.rows)
    yield from histogram_samples(REQUEST_SECONDS, (endpoint,), total)
    for version, histogram in variants.items():
        yield from histogram_samples(VARIANT_SECONDS, (endpoint, version), histogram)
    for (version, code), number in counts.failures.items():
        yield Sample(VARIANT_FAILURES, (endpoint, version, code), number)
    for version, (rows, answered, took_s) in counts.stages.items():
        yield Sample(CASCADE_ROWS, (endpoint, version, "asked"), rows)
        yield Sample(CASCADE_ROWS, (endpoint, version, "answered"), answered)
        yield Sample(CASCADE_SECONDS, (endpoint, version), took_s)
