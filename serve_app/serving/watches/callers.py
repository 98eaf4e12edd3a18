"""The watch over who asks: whether somebody probes a model, or copies it."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serve_app.monitoring import catalogue
from serve_app.monitoring.callers.patterns import PATTERNS
from serve_app.monitoring.callers.queries import near_threshold
from serve_app.monitoring.callers.recent import RecentCallers
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.finding import Finding
from serve_app.serving.watches.recent_rows import Block, RecentRows, Reference
from serve_app.serving.watches.watch import Sources
from serve_app.storage.recorded_rows import RecordedRows

STATE = "callers"
MOST_NAMED = 20
WORDS = {
    "distances": "its queries lie to each other as no rows of training do",
    "near_duplicates": "most of its queries are moved by little from one before",
    "sweeps": "most of its queries change one column alone",
    "near_threshold": "most of its queries lie near the threshold between two classes",
    "volume": "it asks far more than the others",
}


class CallerPatterns:
    """Looks at the last queries of each caller. It refuses nobody: who limits may ask it.

    Implements `core.ports.Suspicion`.
    """

    name = "look at callers"
    kind = "callers"
    pause_s = 60.0
    first_s = 25.0

    def __init__(self, sources: Sources, recent: RecentRows) -> None:
        self._args = sources.args.callers
        self._sources, self._recent = sources, recent
        self._positions: dict[str, float] = {}
        self._callers: dict[str, RecentCallers] = {}
        self._lock = threading.Lock()

    def restore(self) -> None:
        """Know again who was suspect, and up to when was read.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        body = self._sources.state.load(STATE)
        if body is not None:
            self._positions = dict(body["positions"])
            for endpoint, scores in body["scores"].items():
                self._of(endpoint).restore(scores)

    def run(self) -> None:
        """Look at the queries that came since.

        Raises:
            RecordsFailed: the log cannot be read.
            RegistryFailed: the database cannot be read or written.
        """
        if not self._args.enabled or self._sources.intake.is_over():
            return
        watched = self._watched()
        self._forget(watched)
        before = dict(self._positions)
        # Blocks as long as those of hours, so that they are read once for all watches.
        for block in self._recent.since(before, self._args.window_s, among=watched):
            self._look(block)
        if self._positions != before:
            with self._lock:
                scores = {name: one.to_json() for name, one in self._callers.items()}
            body = {"positions": self._positions, "scores": scores}
            self._sources.state.save(STATE, body)

    def samples(self) -> list[Sample]:
        """How suspect the most suspect caller of each endpoint is, by pattern."""
        with self._lock:
            every = {name: one.scores.values() for name, one in self._callers.items()}
        return [
            Sample(catalogue.SUSPICION, (name, pattern), max(s.get(pattern, 0.0) for s in scores))
            for name, scores in every.items()
            if scores
            for pattern in PATTERNS
        ]

    def findings(self) -> list[Finding]:
        """Who is suspect, and of what: of each endpoint those that are so most."""
        return [
            Finding(
                self.kind,
                endpoint,
                "",
                f"{caller}: {pattern}",
                f"caller {caller} of {endpoint} may be probing the model: {WORDS[pattern]}",
                value=score,
                threshold=self._args.threshold,
            )
            for endpoint in sorted(self._callers)
            for caller, scores in self._ranked(endpoint)
            for pattern, score in scores.items()
            if score >= self._args.threshold
        ]

    def report(self, endpoint: str | None, within_s: float) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 - of the last window alone
        """How suspect callers are, those of each endpoint that are so most first."""
        if not self._args.enabled:
            return []
        return [
            {
                "endpoint": name,
                "window_s": self._args.window_s,
                "callers": [
                    {"caller": caller, "suspicion": max(scores.values(), default=0.0), **scores}
                    for caller, scores in self._ranked(name)
                ],
                "not_judged": self._not_judged(name),
            }
            for name in sorted(self._sources.endpoints())
            if endpoint in {None, name}
        ]

    def of(self, caller: str) -> float:
        """How suspect a caller is at any endpoint, from 0 to 1."""
        with self._lock:
            return max((one.of(caller) for one in self._callers.values()), default=0.0)

    def _ranked(self, endpoint: str) -> list[tuple[str, dict[str, float]]]:
        with self._lock:
            known = self._callers.get(endpoint)
            scores = {} if known is None else known.scores
        ranked = sorted(scores.items(), key=lambda one: (-max(one[1].values(), default=0), one[0]))
        return ranked[:MOST_NAMED]

    def _look(self, block: Block) -> None:
        queries = self._queries(block)
        if queries is not None:
            reference, rows = queries
            standard = reference.whole.components.standardised(
                reference.encoder.encode(rows.columns)
            )
            near = near_threshold(rows.probabilities)
            with self._lock:
                known = self._of(block.endpoint)
                for caller, places in _by_caller(rows).items():
                    own = None if near is None else near[places]
                    known.add(caller, float(rows.at_s[places[-1]]), standard[places], own)
                if reference.whole.queries is not None:
                    known.judge(reference.whole.queries, self._sources.clock())
        self._positions[block.endpoint] = block.start_s + block.length_s

    def _queries(self, block: Block) -> tuple[Reference, RecordedRows] | None:
        """The rows of a block, and what they are held against: what training of most of them was.

        Whichever version answers, a caller asks the endpoint.
        """
        rows = block.rows
        if rows is None or rows.callers is None:
            return None
        parts = [(len(own), reference) for _, reference, own in self._recent.parts(block)]
        most = max(parts, key=lambda part: part[0], default=None)
        return None if most is None else (most[1], rows)

    def _of(self, endpoint: str) -> RecentCallers:
        known = self._callers.get(endpoint)
        if known is None:
            known = self._callers[endpoint] = RecentCallers(
                most=self._args.most_callers, window_s=self._args.window_s
            )
        return known

    def _watched(self) -> frozenset[str]:
        """The endpoints of which it is kept who asks."""
        endpoints = self._sources.endpoints()
        return frozenset(n for n, spec in endpoints.items() if spec.records.callers is not None)

    def _forget(self, watched: frozenset[str]) -> None:
        with self._lock:
            self._callers = {n: one for n, one in self._callers.items() if n in watched}
        self._positions = {n: at_s for n, at_s in self._positions.items() if n in watched}

    def _not_judged(self, endpoint: str) -> str | None:
        if endpoint not in self._watched():
            return "who asks is not kept: callers is not set in the endpoint's monitoring"
        reasons = [
            self._recent.not_judged(part) or self._without_queries(part.version)
            for part in self._recent.watched()
            if part.endpoint == endpoint
        ]
        return reasons[0] if reasons and None not in reasons else None

    def _without_queries(self, version: str) -> str | None:
        reference = self._recent.reference(version)
        if reference is None or reference.whole.queries is not None:
            return None
        return f"{version} was registered with too few different rows to know how they usually lie"


def _by_caller(rows: RecordedRows) -> dict[str, np.ndarray[Any, np.dtype[np.intp]]]:
    """The places of each caller's rows by time; those of nobody in particular are left out."""
    order = np.lexsort((np.array(rows.rows), np.array(rows.prediction_ids), rows.at_s))
    places: dict[str, list[int]] = {}
    for place in order.tolist():
        caller = None if rows.callers is None else rows.callers[place]
        if caller is not None:
            places.setdefault(caller, []).append(place)
    return {caller: np.array(index) for caller, index in places.items()}
