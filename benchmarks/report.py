"""What a load run saw."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.wire import Answer

BODIES_KEPT = 3
BODY_CHARS = 500


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of the latencies of answers with a status of 200 to 299, in milliseconds."""

    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float

    @classmethod
    def of(cls, latencies_s: Sequence[float]) -> Latency | None:
        """The nearest-rank percentiles, or none of nothing."""
        if not latencies_s:
            return None
        ordered = sorted(latencies_s)

        def at(thousandths: int) -> float:
            rank = -(-thousandths * len(ordered) // 1000)
            return round(ordered[max(rank, 1) - 1] * 1000, 3)

        return cls(at(500), at(900), at(990), at(999), at(1000))


@dataclass(frozen=True, slots=True)
class Seen:
    """How often a value of the watched header came, and when first and last, since the start."""

    count: int
    first_s: float
    last_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """What a load run saw; times are seconds since its start.

    `failed_by` counts by status ("503") or by what happened to the connection
    ("Disconnected"), `bodies` has the first few texts of each, `failed_at` when each failed
    request began. `per_second` counts the answers with a status of 200 to 299 by the second in
    which they came. `seen` tells of the watched header's values, `changes` when the value
    became another than that of the answer before. `unsent` requests were due but not sent
    before the run was stopped; `retried` ones met a kept connection that the server had closed.
    """

    duration_s: float
    sent: int
    ok: int
    failed_by: Mapping[str, int]
    bodies: Mapping[str, tuple[str, ...]]
    failed_at: tuple[tuple[float, str], ...]
    latency: Latency | None
    per_second: tuple[int, ...]
    seen: Mapping[str, Seen]
    changes: tuple[tuple[float, str], ...]
    retried: int = 0
    unsent: int = 0

    @property
    def failed(self) -> int:
        """Requests without an answer of 200 to 299."""
        return sum(self.failed_by.values())

    @property
    def rate_per_s(self) -> float:
        """Answers of 200 to 299 a second."""
        return self.ok / self.duration_s if self.duration_s else 0.0

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values, without `failed_at` and `changes`, which may be long."""
        body = asdict(self)
        del body["failed_at"], body["changes"]
        return {**body, "failed": self.failed, "rate_per_s": round(self.rate_per_s, 1)}


class Recorder:
    """Gathers what a run sees; `began_s` and `ended_s` are seconds since its start."""

    def __init__(self, header: str | None) -> None:
        self._header = header
        self._latencies_s: list[float] = []
        self._per_second: Counter[int] = Counter()
        self._failed_by: Counter[str] = Counter()
        self._bodies: dict[str, list[str]] = {}
        self._failed_at: list[tuple[float, str]] = []
        self._seen: dict[str, list[float]] = {}
        self._changes: list[tuple[float, str]] = []
        self.retried = 0
        self.unsent = 0

    def answered(self, answer: Answer, *, began_s: float, ended_s: float) -> None:
        """Take an answer of any status."""
        if 200 <= answer.status < 300:
            self._latencies_s.append(ended_s - began_s)
            self._per_second[int(ended_s)] += 1
        else:
            self.failed(str(answer.status), answer.body.decode(errors="replace"), began_s=began_s)
        value = None if self._header is None else answer.header(self._header)
        if value is not None:
            self._watched(value, ended_s)

    def failed(self, kind: str, text: str, *, began_s: float) -> None:
        """Take a failure."""
        self._failed_by[kind] += 1
        self._failed_at.append((began_s, kind))
        bodies = self._bodies.setdefault(kind, [])
        if len(bodies) < BODIES_KEPT:
            bodies.append(text[:BODY_CHARS])

    def report(self, duration_s: float) -> Report:
        """What was seen so far."""
        ok = len(self._latencies_s)
        seconds = range(max(self._per_second, default=-1) + 1)
        return Report(
            duration_s=duration_s,
            sent=ok + self._failed_by.total(),
            ok=ok,
            failed_by=dict(self._failed_by),
            bodies={kind: tuple(texts) for kind, texts in self._bodies.items()},
            failed_at=tuple(self._failed_at),
            latency=Latency.of(self._latencies_s),
            per_second=tuple(self._per_second[second] for second in seconds),
            seen={v: Seen(int(n), first, last) for v, (n, first, last) in self._seen.items()},
            changes=tuple(self._changes),
            retried=self.retried,
            unsent=self.unsent,
        )

    def _watched(self, value: str, at_s: float) -> None:
        seen = self._seen.setdefault(value, [0, at_s, at_s])
        seen[0] += 1
        seen[2] = at_s
        if not self._changes or self._changes[-1][1] != value:
            self._changes.append((at_s, value))
