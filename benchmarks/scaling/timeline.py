"""What a load was in each second: asked, answered, failed, and how long answers took."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.report import Recorder
from benchmarks.wire import Answer


@dataclass(frozen=True, slots=True)
class Second:
    """One second of a load, the latencies those of the answers that came in it.

    There are no percentiles of a second without answers.
    """

    at_s: int
    offered: int
    answered: int
    failed: int
    p50_ms: float | None
    p99_ms: float | None


class Timeline(Recorder):
    """Remembers when each request began and how long it took; times are since the run's start."""

    def __init__(self) -> None:
        super().__init__(None)
        self._answers: list[tuple[float, float]] = []
        self._failures_s: list[float] = []

    def answered(self, answer: Answer, *, began_s: float, ended_s: float) -> None:
        """Take an answer of any status."""
        if 200 <= answer.status < 300:
            self._answers.append((began_s, ended_s))
        super().answered(answer, began_s=began_s, ended_s=ended_s)

    def failed(self, kind: str, text: str, *, began_s: float) -> None:
        """Take a failure, which counts in the second in which the request began."""
        self._failures_s.append(began_s)
        super().failed(kind, text, began_s=began_s)

    @property
    def failures(self) -> int:
        """Requests without an answer of 200 to 299."""
        return len(self._failures_s)

    def seconds(self) -> list[Second]:
        """Every second from the start to the last thing that happened."""
        answers, failures_s = self._answers, self._failures_s
        last = max([*(ended for _, ended in answers), *failures_s], default=-1.0)
        count = math.floor(last) + 1
        offered, failed = [0] * count, [0] * count
        latencies_ms: list[list[float]] = [[] for _ in range(count)]
        for began_s, ended_s in answers:
            offered[int(began_s)] += 1
            latencies_ms[int(ended_s)].append(1000 * (ended_s - began_s))
        for began_s in failures_s:
            offered[int(began_s)] += 1
            failed[int(began_s)] += 1
        return [
            Second(
                at_s=at_s,
                offered=offered[at_s],
                answered=len(latencies_ms[at_s]),
                failed=failed[at_s],
                p50_ms=percentile(latencies_ms[at_s], 50),
                p99_ms=percentile(latencies_ms[at_s], 99),
            )
            for at_s in range(count)
        ]

    def percentile_ms(self, percent: int, from_s: float, until_s: float) -> float | None:
        """A percentile of the latencies of the answers that came between two times."""
        found = [1000 * (end - began) for began, end in self._answers if from_s <= end < until_s]
        return percentile(found, percent)


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The nearest-rank percentile, or none of nothing."""
    if not values:
        return None
    rank = -(-percent * len(values) // 100)
    return round(sorted(values)[max(rank, 1) - 1], 3)
