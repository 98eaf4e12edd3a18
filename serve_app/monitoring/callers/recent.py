"""The last queries of the callers of one endpoint, and how suspect these are."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from serve_app.monitoring.callers.patterns import suspicions, volume_scores
from serve_app.monitoring.callers.queries import QUERIES, Matrix, QueryReference

MOST_HELD = 2 * QUERIES
"""Queries of one caller: among so many there are enough different ones, or hardly any."""
LEAST_NEW = 10
"""A caller is judged anew once so many more of its queries came."""


@dataclass(slots=True, eq=False)
class _Caller:
    """The last queries of a caller, oldest first; `pieces` are times and numbers of all."""

    rows: Matrix
    near: NDArray[np.bool_] | None
    pieces: list[tuple[float, int]] = field(default_factory=list)
    fresh: int = 0


class RecentCallers:
    """Holds the last queries of those who asked last, `most` at most, and scores them.

    `window_s` is how long queries and what was suspect of them are known.
    """

    def __init__(self, *, most: int, window_s: float) -> None:
        self._most, self._window_s = most, window_s
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._scores: dict[str, tuple[float, dict[str, float]]] = {}

    def add(self, caller: str, at_s: float, rows: Matrix, near: NDArray[np.bool_] | None) -> None:
        """Add queries of a caller, oldest first; `near` says which lie near the threshold."""
        known = self._callers.pop(caller, None)
        if known is None or known.rows.shape[1] != rows.shape[1]:
            known = _Caller(rows[:0], near)
        else:
            near = None if known.near is None or near is None else np.append(known.near, near)
        known.near = None if near is None else near[-MOST_HELD:]
        known.pieces.append((at_s, len(rows)))
        known.fresh += len(rows)
        known.rows = np.concatenate((known.rows, rows))[-MOST_HELD:]
        self._callers[caller] = known
        while len(self._callers) > self._most:
            self._callers.popitem(last=False)

    def judge(self, reference: QueryReference, now_s: float) -> None:
        """Score the callers of whom more came since, and forget what is too old."""
        since_s = now_s - self._window_s
        for caller, one in list(self._callers.items()):
            one.pieces = [piece for piece in one.pieces if piece[0] >= since_s]
            if not one.pieces:
                del self._callers[caller]
        volumes = volume_scores(
            {name: sum(number for _, number in one.pieces) for name, one in self._callers.items()}
        )
        for caller, one in self._callers.items():
            if one.fresh < LEAST_NEW:
                continue
            one.fresh = 0
            scores = suspicions(one.rows, reference, one.near)
            former = self._scores.get(caller, (0.0, {}))[1]
            self._scores[caller] = now_s, {**former, **scores, "volume": volumes[caller]}
        known = sorted(self._scores.items(), key=lambda item: -item[1][0])[: self._most]
        self._scores = {name: scored for name, scored in known if scored[0] >= since_s}

    @property
    def scores(self) -> dict[str, dict[str, float]]:
        """How suspect callers are, by pattern."""
        return {caller: dict(scores) for caller, (_, scores) in self._scores.items()}

    def of(self, caller: str) -> float:
        """The greatest score of a caller, 0 where nothing is known of it."""
        return max(self._scores.get(caller, (0.0, {}))[1].values(), default=0.0)

    def to_json(self) -> list[list[object]]:
        """What was suspect, as JSON values; no queries."""
        return [[caller, at_s, scores] for caller, (at_s, scores) in self._scores.items()]

    def restore(self, body: list[list[object]]) -> None:
        """Know again what `to_json` wrote."""
        self._scores = {caller: (at_s, dict(scores)) for caller, at_s, scores in body}  # type: ignore[call-overload,misc]
