"""Which features matter most in a reference, which later rows are held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from serve_app.core.columns import Columns
from serve_app.core.explanation import Explanation, ExplanationMethod
from serve_app.monitoring.attribution import MINIMUM_ROWS, Importances, importances_of

MOST_ROWS = 1_000
"""So many rows at most, from all over the reference, are explained."""
MOST_S = 10.0
"""Fewer rows are where these would take longer."""
_TRIED_ROWS = 10


@dataclass(frozen=True, slots=True)
class ReferenceImportances:
    """The importances of a version's features, and the exact method by which it is explained."""

    importances: Importances
    method: ExplanationMethod

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        by_feature = dict(self.importances.by_feature)
        return {"method": self.method, "rows": self.importances.rows, "by_feature": by_feature}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ReferenceImportances:
        """Read what `to_json` wrote.

        Raises:
            KeyError: a part is missing.
            ValueError: no method has that name.
        """
        if body["method"] not in get_args(ExplanationMethod):
            msg = f"{body['method']!r} is no method of explaining"
            raise ValueError(msg)
        return cls(Importances(dict(body["by_feature"]), int(body["rows"])), body["method"])


def reference_importances(
    columns: Columns, explain: Callable[[Columns], Explanation], clock: Callable[[], float]
) -> ReferenceImportances | None:
    """The importances of the features of some rows; none of too few rows or features.

    `explain` explains rows; what it raises is raised. Where it is so slow, by a `clock` in
    seconds, that there is no time for enough rows, there are none as well.
    """
    if columns.rows < MINIMUM_ROWS or len(columns) < 2:
        return None
    most = min(columns.rows, MOST_ROWS, _affordable(columns, explain, clock))
    if most < MINIMUM_ROWS:
        return None
    places = np.unique(np.linspace(0, columns.rows - 1, most).astype(np.intp))
    explanation = explain(columns.take(places.tolist()))
    importances = importances_of(explanation)
    # What is not finite has no place in JSON, and no order.
    if not np.isfinite(list(importances.by_feature.values())).all():
        return None
    return ReferenceImportances(importances, explanation.methods[0])


def _affordable(
    columns: Columns, explain: Callable[[Columns], Explanation], clock: Callable[[], float]
) -> int:
    """How many rows can be explained in time, by how long a few of them take."""
    start_s = clock()
    explain(columns.slice(0, _TRIED_ROWS))
    took_s = clock() - start_s
    return int(_TRIED_ROWS * MOST_S / took_s) if took_s > 0 else MOST_ROWS
