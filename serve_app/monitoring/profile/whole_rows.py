"""What the rows of a reference are like as wholes, which no column shows alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serve_app.core.columns import Columns
from serve_app.monitoring.callers.queries import (
    QueryReference,
    near_threshold,
    query_reference,
)
from serve_app.monitoring.drift.multivariate import (
    ErrorBaseline,
    PrincipalComponents,
    error_baseline,
    fit_components,
    from_arrays,
    to_arrays,
)
from serve_app.monitoring.profile.ecod import Ecod
from serve_app.monitoring.profile.encoding import Encoder, Matrix
from serve_app.monitoring.profile.feature import Feature

MINIMUM_ROWS = 100
"""Fewer rows say too little of what goes together."""
MOST_ROWS = 10_000
"""So many rows at most, from all over the reference, are looked at."""
MOST_CELLS = 2_000_000
"""Of tables of more than two hundred columns fewer rows are looked at."""
MOST_COLUMNS = 100
MOST_COMPONENTS = 20
SEED = 0
"""The same rows make the same reference."""
USUAL_SHARE = 0.999
"""Rows that lie further out than this share of the reference's are outliers."""


@dataclass(frozen=True, slots=True)
class OutlierBaseline:
    """From which score on a row is an outlier, and how many of the reference's rows are."""

    threshold: float
    rows: int
    outliers: int


@dataclass(frozen=True, slots=True, eq=False)
class WholeRows:
    """Principal components of a reference with the errors of its own rows, and its outliers.

    `columns` are those that the components are of, in their order. `queries` says how its rows lie
    to each other, in standard deviations of these columns, where there are enough of them.
    """

    columns: tuple[str, ...]
    components: PrincipalComponents
    errors: ErrorBaseline
    outliers: OutlierBaseline
    queries: QueryReference | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WholeRows) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self.columns, self.outliers))

    @property
    def greatest_error(self) -> float:
        """Errors beyond this one count as it: ten standard deviations above the mean."""
        return max(1.0, self.errors.mean + 10 * self.errors.deviation)

    def encoder(self, features: Sequence[Feature]) -> Encoder:
        """What makes the components' columns of rows, by the features of the same profile."""
        by_name = {feature.name: feature for feature in features}
        return Encoder([by_name[name] for name in self.columns])

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        arrays = to_arrays(self.components, self.errors)
        return {
            "columns": list(self.columns),
            "components": {name: array.tolist() for name, array in arrays.items()},
            "outliers": [self.outliers.threshold, self.outliers.rows, self.outliers.outliers],
            "queries": None if self.queries is None else self.queries.to_json(),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> WholeRows:
        """Read what `to_json` wrote.

        Raises:
            KeyError: a part is missing.
            ValueError: its parts do not fit each other.
        """
        components, errors = from_arrays(body["components"])
        columns = tuple(body["columns"])
        if components.mean.size != len(columns):
            msg = f"components of {components.mean.size} columns do not fit {len(columns)}"
            raise ValueError(msg)
        queries = body["queries"]
        return cls(
            columns,
            components,
            errors,
            OutlierBaseline(*body["outliers"]),
            None if queries is None else QueryReference.from_json(queries),
        )


def whole_rows_of(
    columns: Columns,
    features: Sequence[Feature],
    count: Callable[[Columns], Sequence[Feature]],
    probabilities: Matrix | None = None,
) -> WholeRows | None:
    """What the rows of a profile are like as wholes; none of too few rows or columns.

    Rows are taken to be in the order of their time. The first hundred columns have components.
    `count` makes features of rows, as those of the profile were made; `probabilities` are those of
    classes that a model gives such rows.
    """
    if columns.rows < MINIMUM_ROWS or len(features) < 2:
        return None
    most = min(columns.rows, MOST_ROWS, max(MINIMUM_ROWS, MOST_CELLS // len(columns)))
    places = np.linspace(0, columns.rows - 1, most).astype(np.intp)
    rows = columns.take(np.unique(places).tolist())
    seen = tuple(features[:MOST_COLUMNS])
    matrix = _bounded(Encoder(seen).encode(rows))
    components = fit_components(matrix, most=MOST_COMPONENTS)
    near = near_threshold(probabilities)
    return WholeRows(
        tuple(one.name for one in seen),
        components,
        error_baseline(matrix, most=MOST_COMPONENTS),
        _outliers(rows, count),
        query_reference(
            components.standardised(matrix),
            np.random.default_rng(SEED),
            None if near is None or not len(near) else float(near.mean()),
        ),
    )


def _bounded(matrix: Matrix) -> Matrix:
    """Without numbers so great that their squares overflow."""
    return matrix.clip(-1e100, 1e100)


def _outliers(rows: Columns, count: Callable[[Columns], Sequence[Feature]]) -> OutlierBaseline:
    """How far out rows lie: each half by the features of the other, which have not seen them."""
    every = np.arange(rows.rows)
    halves = [rows.take(every[start::2].tolist()) for start in (0, 1)]
    scores = np.concatenate(
        [Ecod(count(seen)).scores(others) for seen, others in (halves, reversed(halves))]
    )
    threshold = float(np.quantile(scores, USUAL_SHARE))
    return OutlierBaseline(threshold, len(scores), int((scores > threshold).sum()))
