"""Simulated clients: rows at a rate, and what was true of each a while after its answer.

What is sent and when follows from a seed; who answers, and how soon, does not.
"""

from __future__ import annotations

import heapq
import itertools
import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from serve_app.errors import ClientError, NotReady, ServeError, Unavailable

RETRY_S = 1.0
"""After so many seconds feedback that was not taken is sent again."""
ATTEMPTS = 10
UNREACHABLE = 50
"""Of so many requests in a row that reach nobody, the last one ends a client."""


@dataclass(frozen=True, slots=True)
class Case:
    """A row, and what is true of it: a class, or a number."""

    row: Mapping[str, Any]
    truth: Any


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one client sends.

    Requests come at random, `rate_per_s` in the mean, for `duration_s`. Each is of one of
    `subjects`, and a subject always has the same row. Of a share `feedback_share` of the answers
    it becomes known what was true: after `feedback_delay_s` in the mean, and between half and one
    and a half times of it.
    """

    rate_per_s: float = 20.0
    duration_s: float = 60.0
    subjects: int = 5000
    feedback_delay_s: float = 2.0
    feedback_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: when it is sent, of whom, and how long after the answer its truth is known."""

    at_s: float
    subject: int
    feedback_after_s: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint says of one row, and which versions said it."""

    prediction_id: str
    value: Any
    variants: tuple[str, ...]


class Endpoint(Protocol):
    """Who is asked."""

    def predict(self, row: Mapping[str, Any], subject: int) -> Answer:
        """The answer to a row of somebody; raises ServeError."""
        ...

    def give_feedback(self, answer: Answer, truth: Any) -> None:
        """Say what was true of an answer; raises ServeError."""
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds that never go back, a way to wait for some, and whether to stop."""

    clock: Callable[[], float]
    sleep: Callable[[float], object]
    stopped: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class VariantTally:
    """Answers of the same versions: of each the error (0 or 1 of classes), and its seconds."""

    errors: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def to_json(self, requests: int) -> dict[str, Any]:
        """How many there are, their share of all `requests`, the mean error, the median time."""
        return {
            "requests": len(self.errors),
            "share": len(self.errors) / requests,
            "mean_error": statistics.fmean(self.errors),
            "median_s": statistics.median(self.seconds),
        }


@dataclass(slots=True)
class Tally:
    """What became of requests and feedback so far; failures by the error's code."""

    feedback: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    feedback_failures: Counter[str] = field(default_factory=Counter)
    variants: dict[str, VariantTally] = field(default_factory=dict)

    @property
    def answered(self) -> int:
        """How many requests were answered."""
        return sum(len(one.errors) for one in [*self.variants.values()])

    def add(self, variants: Sequence[str], error: float, took_s: float) -> None:
        """Count an answer."""
        one = self.variants.setdefault(", ".join(variants), VariantTally())
        one.errors.append(error)
        one.seconds.append(took_s)

    def to_json(self) -> dict[str, Any]:
        """Its numbers, as JSON."""
        answered = self.answered
        return {
            "answered": answered,
            "failed": dict(self.failures),
            "feedback": self.feedback,
            "feedback_failed": dict(self.feedback_failures),
            "variants": {
                name: one.to_json(answered) for name, one in sorted(self.variants.items())
            },
        }


def together(tallies: Sequence[Tally]) -> Tally:
    """The sum of what several clients saw."""
    total = Tally()
    for one in tallies:
        total.feedback += one.feedback
        total.failures.update(one.failures)
        total.feedback_failures.update(one.feedback_failures)
        for name, part in [*one.variants.items()]:
            whole = total.variants.setdefault(name, VariantTally())
            whole.errors += part.errors
            whole.seconds += part.seconds
    return total


def visits(traffic: Traffic, seed: Sequence[int]) -> Iterator[Visit]:
    """The requests of a client in their order, always the same for a seed."""
    rng = np.random.default_rng(seed)
    at_s = 0.0
    while True:
        at_s += float(rng.exponential(1 / traffic.rate_per_s))
        if at_s >= traffic.duration_s:
            return
        subject = int(rng.integers(traffic.subjects))
        known, delay = rng.random(), traffic.feedback_delay_s * (0.5 + rng.random())
        yield Visit(at_s, subject, float(delay) if known < traffic.feedback_share else None)


@dataclass(frozen=True, slots=True, order=True)
class _Due:
    """Feedback that waits for its time."""

    at_s: float
    number: int
    answer: Answer = field(compare=False)
    truth: Any = field(compare=False)
    attempt: int = field(compare=False, default=1)


class Client:
    """Sends one request after the other, each at its time or as soon as the last is answered."""

    def __init__(
        self,
        endpoint: Endpoint,
        cases: Sequence[Case],
        plan: Iterator[Visit],
        timing: Timing,
        *,
        numeric: bool,
    ) -> None:
        self.tally = Tally()
        self._endpoint = endpoint
        self._cases = cases
        self._plan = plan
        self._timing = timing
        self._numeric = numeric
        self._due: list[_Due] = []
        self._numbers = itertools.count()
        self._unreachable = 0

    def run(self) -> None:
        """Send everything, and return once the last feedback is sent or it is to stop.

        Raises:
            ClientError: the first request is refused.
            NotReady: nobody answers at the beginning, or for `UNREACHABLE` requests in a row.
        """
        start_s = self._timing.clock()
        visit = next(self._plan, None)
        while (visit is not None or self._due) and not self._timing.stopped():
            visit_s = math.inf if visit is None else start_s + visit.at_s
            feedback_s = self._due[0].at_s if self._due else math.inf
            wait_s = min(visit_s, feedback_s) - self._timing.clock()
            if wait_s > 0:
                self._timing.sleep(wait_s)
            elif visit is None or feedback_s <= visit_s:
                self._give_feedback(heapq.heappop(self._due))
            else:
                self._visit(visit)
                visit = next(self._plan, None)

    def _visit(self, visit: Visit) -> None:
        case = self._cases[visit.subject % len(self._cases)]
        before_s = self._timing.clock()
        try:
            answer = self._endpoint.predict(case.row, visit.subject)
        except ServeError as error:
            self._failed(error)
            return
        now_s = self._timing.clock()
        self._unreachable = 0
        self.tally.add(answer.variants, self._error(answer.value, case.truth), now_s - before_s)
        if visit.feedback_after_s is not None:
            at_s = now_s + visit.feedback_after_s
            heapq.heappush(self._due, _Due(at_s, next(self._numbers), answer, case.truth))

    def _failed(self, error: ServeError) -> None:
        self._unreachable = self._unreachable + 1 if isinstance(error, NotReady) else 0
        is_first = not self.tally.answered and not self.tally.failures
        if is_first and isinstance(error, ClientError | NotReady):
            raise error
        if self._unreachable >= UNREACHABLE:
            raise error
        self.tally.failures[error.code] += 1

    def _give_feedback(self, due: _Due) -> None:
        try:
            self._endpoint.give_feedback(due.answer, due.truth)
        except Unavailable as error:
            if due.attempt >= ATTEMPTS:
                self.tally.feedback_failures[error.code] += 1
                return
            at_s = self._timing.clock() + RETRY_S
            again = _Due(at_s, due.number, due.answer, due.truth, due.attempt + 1)
            heapq.heappush(self._due, again)
        except ServeError as error:
            self.tally.feedback_failures[error.code] += 1
        else:
            self.tally.feedback += 1

    def _error(self, value: Any, truth: Any) -> float:
        return abs(float(value) - float(truth)) if self._numeric else float(value != truth)
