"""Rows that were answered and shown to a shadow, and what they add up to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.core.record import ANSWERED, DROPPED, FALLBACK, TIMED_OUT
from serve_app.core.signature import Output
from serve_app.monitoring.pairs import Differences, Labelled, PairedCounts, Requests
from serve_app.monitoring.quality.labels import label_text
from serve_app.monitoring.quality.sums import number
from serve_app.monitoring.score_pairs import Scores

NO_CLASS = -1
Truth = Callable[[str, int], Any]
"""What was true of a row of a prediction; None where that is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """What one side said of n rows.

    `values` are as in records. `probabilities` has shape (n, classes), NaN where a row has none.
    `took_s` is how long its request took.
    """

    outcomes: NDArray[Any]
    took_s: NDArray[np.float64]
    values: NDArray[Any]
    probabilities: NDArray[np.float64]

    def take(self, places: NDArray[Any]) -> Side:
        """The rows at some places."""
        return Side(
            self.outcomes[places],
            self.took_s[places],
            self.values[places],
            self.probabilities[places],
        )


@dataclass(frozen=True, slots=True, eq=False)
class PairedRows:
    """n rows of requests at both sides; `rows` are their places in their requests.

    `prediction_ids` are None where nothing was answered.
    """

    prediction_ids: NDArray[Any]
    rows: NDArray[np.int64]
    answer: Side
    shadow: Side

    def take(self, places: NDArray[Any]) -> PairedRows:
        """The rows at some places."""
        return PairedRows(
            self.prediction_ids[places],
            self.rows[places],
            self.answer.take(places),
            self.shadow.take(places),
        )


class Pairing:
    """Adds up rows of an endpoint with some output. Those of which truth is known are compared."""

    def __init__(self, output: Output, truth: Truth) -> None:
        self._output, self._truth = output, truth
        classes = output.kind == "classification" and not output.targets
        self._classes = (
            {label_text(label): place for place, label in enumerate(output.labels)}
            if classes
            else {}
        )
        self._is_number = output.kind == "regression" and output.width == 1 and not output.targets

    def counts(self, pairs: PairedRows) -> PairedCounts:
        """What some rows add up to."""
        both = _at_both(pairs)
        answer, shadow = self._scores(both)
        first = both.rows == 0
        return PairedCounts(
            _requests(pairs.take(pairs.rows == 0)),
            len(both.rows),
            self._table(both),
            Differences.of(shadow - answer),
            Differences.of((both.shadow.took_s - both.answer.took_s)[first]),
            self._labelled(both),
        )

    def scores(self, pairs: PairedRows) -> tuple[Scores, Scores]:
        """The scores of the answer and of the shadow, of the rows for which both have one."""
        answer, shadow = self._scores(_at_both(pairs))
        known = np.isfinite(answer) & np.isfinite(shadow)
        return answer[known], shadow[known]

    def _codes(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """The places of classes among those of the endpoint, however the log writes them."""
        known: dict[Any, int] = {}
        codes = np.empty(len(values), np.int64)
        for place, value in enumerate(values.tolist()):
            # Of a few classes each is made text once; 1 and True are the same key.
            key = (type(value), value)
            code = known.get(key)
            if code is None:
                code = known[key] = self._classes.get(label_text(value), NO_CLASS)
            codes[place] = code
        return codes

    def _table(self, both: PairedRows) -> NDArray[np.int64]:
        size = len(self._classes)
        if not size:
            return np.zeros((0, 0), np.int64)
        rows, columns = self._codes(both.answer.values), self._codes(both.shadow.values)
        known = (rows != NO_CLASS) & (columns != NO_CLASS)
        cells = np.bincount(rows[known] * size + columns[known], minlength=size * size)
        return cells.reshape(size, size).astype(np.int64)

    def _scores(self, both: PairedRows) -> tuple[Scores, Scores]:
        """The scores of the answer and of the shadow.

        That is the probability of the second of two classes, of more that of the class that was
        answered, and else the number itself.
        """
        if self._is_number:
            return _numbers(both.answer.values), _numbers(both.shadow.values)
        size = len(self._classes)
        answer, shadow = both.answer.probabilities, both.shadow.probabilities
        if not size or any(one.shape[1] != size for one in (answer, shadow)):
            return np.zeros(0), np.zeros(0)
        if size == 2:
            return answer[:, 1], shadow[:, 1]
        codes = self._codes(both.answer.values)
        places = np.flatnonzero(codes != NO_CLASS)
        return answer[places, codes[places]], shadow[places, codes[places]]

    def _labelled(self, both: PairedRows) -> Labelled:
        if not (self._classes or self._is_number):
            return Labelled()
        rows = zip(both.prediction_ids.tolist(), both.rows.tolist(), strict=True)
        truths = [self._truth(*row) for row in rows]
        known = np.array([truth is not None for truth in truths], dtype=bool)
        if not known.any():
            return Labelled()
        pairs = both.take(known)
        values = np.array([truth for truth in truths if truth is not None], dtype=object)
        if self._is_number:
            truth = _numbers(values)
            losses = [(_numbers(s.values) - truth) ** 2 for s in (pairs.shadow, pairs.answer)]
            return Labelled(loss=Differences.of(losses[0] - losses[1]))
        return self._right(pairs, self._codes(values))

    def _right(self, pairs: PairedRows, truth: NDArray[np.int64]) -> Labelled:
        """Who was right, and by how much the shadow's Brier score is greater (else its errors)."""
        pairs, truth = pairs.take(truth != NO_CLASS), truth[truth != NO_CLASS]
        answer = self._codes(pairs.answer.values) == truth
        shadow = self._codes(pairs.shadow.values) == truth
        shares = (pairs.shadow.probabilities, pairs.answer.probabilities)
        if all(one.shape[1] == len(self._classes) and np.isfinite(one).all() for one in shares):
            right = np.eye(len(self._classes))[truth]
            losses = [((one - right) ** 2).sum(axis=1) for one in shares]
            loss = losses[0] - losses[1]
        else:
            loss = answer.astype(np.float64) - shadow
        return Labelled(
            int((answer & shadow).sum()),
            int((answer & ~shadow).sum()),
            int((~answer & shadow).sum()),
            int((~answer & ~shadow).sum()),
            Differences.of(loss),
        )


def by_segment(
    pairs: PairedRows, segments: Sequence[Mapping[str, str]]
) -> dict[tuple[str, str], NDArray[np.int64]]:
    """The places of the rows of each segment, by column and value, `segments` being each row's."""
    places: dict[tuple[str, str], list[int]] = {}
    for place, of_row in enumerate(segments[: len(pairs.rows)]):
        for segment in of_row.items():
            places.setdefault(segment, []).append(place)
    return {segment: np.array(some, dtype=np.int64) for segment, some in places.items()}


def _at_both(pairs: PairedRows) -> PairedRows:
    """The rows that both sides answered."""
    answered = np.isin(pairs.answer.outcomes, (ANSWERED, FALLBACK))
    return pairs.take(answered & (pairs.shadow.outcomes == ANSWERED))


def _requests(first: PairedRows) -> Requests:
    """What became of requests, each by its first row."""
    answered = np.isin(first.answer.outcomes, (ANSWERED, FALLBACK))
    outcomes = first.shadow.outcomes
    dropped, shown = outcomes == DROPPED, outcomes == ANSWERED
    failed = ~(dropped | shown)
    return Requests(
        both_answered=int((answered & shown).sum()),
        only_answer=int((answered & failed).sum()),
        only_shadow=int((~answered & shown).sum()),
        both_failed=int((~answered & failed).sum()),
        timed_out=int((outcomes == TIMED_OUT).sum()),
        dropped=int(dropped.sum()),
    )


def _numbers(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.array([number(value) for value in values.tolist()], dtype=np.float64)
