"""What is counted of classified rows whose truth is known, and the metrics of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serve_app.errors import InvalidInput
from serve_app.monitoring.quality.calibration_error import calibration_error
from serve_app.monitoring.quality.confusion import accuracy, binary_metrics, macro_metrics
from serve_app.monitoring.quality.exact_sum import ExactSum
from serve_app.monitoring.quality.interval import LEVEL, MetricValue
from serve_app.monitoring.quality.labels import label_text
from serve_app.monitoring.quality.loss_sums import LossSums
from serve_app.monitoring.quality.ranking import auc, macro_auc
from serve_app.monitoring.quality.score_bins import RANK_BINS, rank_bin_of

_SCORE_UNIT = 2.0**-32
"""Scores are added up as whole numbers of it, so that sums are exact in any order."""
_SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0 and 1 in the log loss, as scikit-learn does."""
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of a model, in the order of its probabilities; the positive one of two.

    Labels are what `label_text` makes of them; of two, the second is the positive one where
    nothing else is set.

    Raises:
        InvalidInput: fewer than two, one twice, or a positive one that is not among them.
    """

    labels: tuple[str, ...]
    positive: str | None = None

    def __post_init__(self) -> None:
        if len(self.labels) < 2 or len(set(self.labels)) < len(self.labels):
            raise InvalidInput(f"classes are two or more different labels, not {self.labels}")
        if self.positive is not None and self.positive not in self.labels:
            msg = f"the positive label {self.positive!r} is none of {', '.join(self.labels)}"
            raise InvalidInput(msg)
        if self.positive is None and len(self.labels) == 2:
            object.__setattr__(self, "positive", self.labels[1])

    @classmethod
    def of(cls, labels: Iterable[object], positive: object = None) -> Classes:
        """The classes of some labels of any type."""
        chosen = None if positive is None else label_text(positive)
        return cls(tuple(map(label_text, labels)), chosen)

    @property
    def scored(self) -> tuple[int, ...]:
        """The classes whose scores are counted: the positive one of two, else all."""
        if len(self.labels) == 2 and self.positive is not None:
            return (self.labels.index(self.positive),)
        return tuple(range(len(self.labels)))

    def index_of(self, values: Sequence[object]) -> _Ints:
        """The place of each value among the labels; after the last where it is no label."""
        places = {label: index for index, label in enumerate(self.labels)}
        other = len(places)
        return np.array([places.get(label_text(value), other) for value in values], dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class ClassificationSums:
    """Counts of rows by true and predicted class and by score, and sums of their losses.

    `confusion[true, predicted]` has a last row and column for what is none of the labels: it
    counts as wrong. `scores[i, is_true, bin]` counts the scores of the i-th scored class, and
    `score_units` adds them up. `left_out` rows had no usable probabilities: NaN, outside of 0 to
    1, or a truth that is none of the labels.
    """

    classes: Classes
    confusion: _Ints
    scores: _Ints
    score_units: _Ints
    losses: LossSums
    left_out: int = 0

    @classmethod
    def empty(cls, classes: Classes) -> ClassificationSums:
        """The sums of no rows."""
        size, scored = len(classes.labels) + 1, len(classes.scored)
        return cls(
            classes,
            np.zeros((size, size), dtype=np.int64),
            np.zeros((scored, 2, RANK_BINS), dtype=np.int64),
            np.zeros((scored, RANK_BINS), dtype=np.int64),
            LossSums(),
        )

    @classmethod
    def of(
        cls,
        classes: Classes,
        truth: Sequence[object],
        predicted: Sequence[object],
        probabilities: npt.ArrayLike | None = None,
    ) -> ClassificationSums:
        """The sums of some rows.

        Args:
            classes: the labels of the model.
            truth: the true label of each row.
            predicted: the label that was answered.
            probabilities: rows by labels, where the model answers with probabilities.

        Raises:
            InvalidInput: there are not as many of each.
        """
        true, answered = classes.index_of(truth), classes.index_of(predicted)
        if len(true) != len(answered):
            raise InvalidInput(f"{len(true)} true labels for {len(answered)} predicted ones")
        size = len(classes.labels) + 1
        counts = np.bincount(true * size + answered, minlength=size * size)
        confusion = counts.astype(np.int64).reshape(size, size)
        sums = cls.empty(classes)
        plain = cls(classes, confusion, sums.scores, sums.score_units, sums.losses)
        if probabilities is None:
            return plain
        matrix = np.asarray(probabilities, dtype=np.float64)
        if matrix.shape != (len(true), size - 1):
            msg = f"probabilities are {len(true)} rows of {size - 1}, not {matrix.shape}"
            raise InvalidInput(msg)
        return plain + _scored(classes, true, matrix)

    def __add__(self, other: ClassificationSums) -> ClassificationSums:
        if self.classes != other.classes:
            raise InvalidInput("sums of different classes cannot be added up")
        return ClassificationSums(
            self.classes,
            self.confusion + other.confusion,
            self.scores + other.scores,
            self.score_units + other.score_units,
            self.losses + other.losses,
            self.left_out + other.left_out,
        )

    @property
    def n(self) -> int:
        """How many rows there were."""
        return int(self.confusion.sum())

    def metrics(self, seed: int = 0, level: float = LEVEL) -> dict[str, MetricValue]:
        """All metrics, by name; those of scores only where there were probabilities.

        Of two classes precision, recall, specificity and F1 are those of the positive one; of
        more, precision, recall and F1 are means over the classes. AUC is that of fine
        bins, in which a pair in one bin counts one half. The calibration error is that of the
        positive class, or the mean over the classes.
        """
        matrix = self.confusion.astype(np.float64)
        values = {"accuracy": accuracy(matrix, level)}
        scored = self.classes.scored
        if len(scored) == 1:
            values |= binary_metrics(matrix, scored[0], level)
        else:
            values |= macro_metrics(matrix, len(scored), level)
        if self.losses.n:
            values |= self._score_metrics(seed, level)
        return values

    def _score_metrics(self, seed: int, level: float) -> dict[str, MetricValue]:
        counts = self.scores.astype(np.float64)
        sums = self.score_units * _SCORE_UNIT
        errors = [
            calibration_error(counts[i, 1], counts[i, 0], sums[i], seed, level)
            for i in range(len(counts))
        ]
        curves = [auc(counts[i, 1], counts[i, 0], level) for i in range(len(counts))]
        return {
            "auc": curves[0] if len(curves) == 1 else macro_auc(curves),
            **self.losses.metrics(level),
            "calibration_error": errors[0] if len(errors) == 1 else _mean(errors),
        }

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON; numbers stay exact."""
        return {
            "labels": list(self.classes.labels),
            "positive": self.classes.positive,
            "confusion": self.confusion.tolist(),
            "scores": self.scores.tolist(),
            "score_units": self.score_units.tolist(),
            "losses": self.losses.to_json(),
            "left_out": self.left_out,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ClassificationSums:
        """Sums as `to_json` wrote them."""
        return cls(
            Classes(tuple(content["labels"]), content["positive"]),
            np.array(content["confusion"], dtype=np.int64),
            np.array(content["scores"], dtype=np.int64),
            np.array(content["score_units"], dtype=np.int64),
            LossSums.from_json(content["losses"]),
            int(content["left_out"]),
        )


def _scored(classes: Classes, true: _Ints, matrix: npt.NDArray[np.float64]) -> ClassificationSums:
    usable = ((matrix >= 0) & (matrix <= 1)).all(axis=1) & (true < len(classes.labels))
    true, matrix = true[usable], matrix[usable]
    empty = ClassificationSums.empty(classes)
    scores, units = empty.scores, empty.score_units
    for place, index in enumerate(classes.scored):
        column = matrix[:, index]
        bins = rank_bin_of(column)
        keys = (true == index) * RANK_BINS + bins
        scores[place] = np.bincount(keys, minlength=2 * RANK_BINS).reshape(2, RANK_BINS)
        np.add.at(units[place], bins, np.rint(column / _SCORE_UNIT).astype(np.int64))
    return ClassificationSums(
        classes, empty.confusion, scores, units, _losses(classes, true, matrix),
        int((~usable).sum()),
    )  # fmt: skip


def _losses(classes: Classes, true: _Ints, matrix: npt.NDArray[np.float64]) -> LossSums:
    rows = np.arange(len(true))
    chosen = np.clip(matrix[rows, true], _SMALLEST, 1 - _SMALLEST)
    logs = -np.log(chosen)
    if len(classes.scored) == 1:
        index = classes.scored[0]
        squares = (matrix[:, index] - (true == index)) ** 2
    else:
        truth = np.zeros_like(matrix)
        truth[rows, true] = 1.0
        squares = ((matrix - truth) ** 2).sum(axis=1)
    return LossSums(
        len(true), ExactSum.of(logs), ExactSum.of(logs**2), ExactSum.of(squares),
        ExactSum.of(squares**2),
    )  # fmt: skip


def _mean(parts: list[MetricValue]) -> MetricValue:
    values = [(part.value or 0.0, part.low or 0.0, part.high or 0.0) for part in parts]
    value, low, high = np.mean(values, axis=0)
    return MetricValue(float(value), float(low), float(high), parts[0].n, "bootstrap")
