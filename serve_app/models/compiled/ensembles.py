"""What several models said, as one answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.compiled.operation import Operation


@dataclass(frozen=True, eq=False)
class Average(Operation):
    """The mean of what the members give, weighted where weights are given.

    Of members that give one number per row the rows lie transposed in memory, as in
    scikit-learn's voting regressor, which decides the order of additions.
    """

    members: tuple[Operation, ...]
    weights: Array | None
    transposed: bool

    def __call__(self, x: Any, /) -> Array:
        """The shape of one member's answer."""
        answers = np.asarray([member(x) for member in self.members])
        if self.transposed:
            mean: Array = np.average(answers.T, axis=1, weights=self.weights)
            return mean
        averaged: Array = np.average(answers, axis=0, weights=self.weights)
        return averaged


@dataclass(frozen=True, eq=False)
class InOrder(Operation):
    """The sum of what the members give, one after the other, divided by a number."""

    members: tuple[Operation, ...]
    divisor: float

    def __call__(self, x: Any, /) -> Array:
        """The shape of one member's answer."""
        total: Any = 0.0
        for member in self.members:
            total = total + member(x)
        return total / self.divisor  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class Placed(Operation):
    """Columns of probabilities at their places among all classes, zeros elsewhere."""

    member: Operation
    places: tuple[int, ...]
    width: int

    def __call__(self, x: Any, /) -> Array:
        """Shape (rows, width)."""
        values = self.member(x)
        out = np.zeros((values.shape[0], self.width))
        out[:, self.places] = values
        return out


@dataclass(frozen=True, eq=False)
class Votes(Operation):
    """The weight of the votes for each class; members give numbers of classes."""

    members: tuple[Operation, ...]
    weights: Array
    classes: int

    def __call__(self, x: Any, /) -> Array:
        """Shape (rows, classes)."""
        answers = [member(x) for member in self.members]
        out = np.zeros((len(answers[0]), self.classes))
        rows = np.arange(len(answers[0]))
        for numbers, weight in zip(answers, self.weights, strict=True):
            out[rows, numbers] += weight
        return out


@dataclass(frozen=True, eq=False)
class WeightedMedian(Operation):
    """The median of what the members give, each counted by its weight."""

    weights: Array

    def __call__(self, x: Array, /) -> Array:
        """One number for each row of shape (rows, members)."""
        order = np.argsort(x, axis=1)
        reached = np.cumsum(self.weights[order], axis=1)
        half = reached >= 0.5 * reached[:, -1][:, np.newaxis]
        rows = np.arange(x.shape[0])
        median: Array = x[rows, order[rows, half.argmax(axis=1)]]
        return median


@dataclass(frozen=True, eq=False)
class PairwiseVotes(Operation):
    """One against one: who wins most of the duels; among equals, by how much."""

    winners: tuple[Operation, ...]
    margins: tuple[Operation, ...]
    classes: int

    def __call__(self, x: Any, /) -> Array:
        """Shape (rows, classes): votes, and a share below one half for the margins."""
        wins = [winner(x) for winner in self.winners]
        margins = [margin(x) for margin in self.margins]
        votes = np.zeros((len(wins[0]), self.classes))
        sums = np.zeros_like(votes)
        duels = [(i, j) for i in range(self.classes) for j in range(i + 1, self.classes)]
        for (first, second), win, margin in zip(duels, wins, margins, strict=True):
            sums[:, first] -= margin
            sums[:, second] += margin
            votes[:, first] += win == 0
            votes[:, second] += win == 1
        result: Array = votes + sums / (3 * (np.abs(sums) + 1))
        return result


@dataclass(frozen=True, eq=False)
class OnTop(Operation):
    """A model of what other models say, and perhaps of the rows themselves beside that."""

    below: tuple[Operation, ...]
    rows: Operation | None
    top: Operation

    def __call__(self, x: Any, /) -> Any:
        """What the top says."""
        answers = [member(x) for member in self.below]
        parts = [part[:, np.newaxis] if part.ndim == 1 else part for part in answers]
        if self.rows is not None:
            parts.append(self.rows(x))
        return self.top(np.hstack(parts))


@dataclass(frozen=True, eq=False)
class InTurn(Operation):
    """Each member sees the rows and what the members before it said."""

    members: tuple[Operation, ...]
    order: tuple[int, ...]

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, members), in the order of the outputs."""
        answers = np.zeros((x.shape[0], len(self.members)))
        for number, member in enumerate(self.members):
            answers[:, number] = member(np.hstack((x, answers[:, :number])))
        return answers[:, self.order]


@dataclass(frozen=True, eq=False)
class Calibrated(Operation):
    """Probabilities of classes that were calibrated one by one, made to add up to 1."""

    scores: Operation
    curves: tuple[Operation, ...]
    places: tuple[int, ...]
    classes: int

    def __call__(self, x: Any, /) -> Array:
        """Shape (rows, classes)."""
        scores = self.scores(x)
        if scores.ndim == 1:
            scores = scores[:, np.newaxis]
        out = np.zeros((scores.shape[0], self.classes))
        for place, column, curve in zip(self.places, scores.T, self.curves, strict=True):
            out[:, place] = curve(np.ascontiguousarray(column))
        if self.classes == 2:
            out[:, 0] = 1.0 - out[:, 1]
        else:
            total = out.sum(axis=1)[:, np.newaxis]
            uniform = np.full_like(out, 1 / self.classes)
            out = np.divide(out, total, out=uniform, where=total != 0)
        out[(out > 1.0) & (out <= 1.0 + 1e-5)] = 1.0
        return out
