"""What is computed once an hour of rows and former ones, wherever that runs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from serve_app.models.isolation_forest import isolated_rows
from serve_app.monitoring.drift.domain import domain_drift
from serve_app.monitoring.drift.significance import two_proportions_p
from serve_app.monitoring.profile.encoding import Matrix


def compared_rows(
    reference: Matrix, current: Matrix, names: Sequence[str], seed: int, *, forest: bool
) -> dict[str, Any]:
    """Whether current rows are told from former ones, as JSON values.

    Raises:
        ValueError: there are too few rows.
    """
    drift = asdict(domain_drift(reference, current, names, np.random.default_rng(seed)))
    drift["columns"] = [list(pair) for pair in drift["columns"]]
    if not forest:
        return {**drift, "isolation_forest": None}
    isolated = isolated_rows(reference, current, seed=seed)
    p = two_proportions_p(
        isolated.reference_isolated, isolated.reference_rows, isolated.isolated, isolated.rows,
        grown=True,
    )  # fmt: skip
    return {**drift, "isolation_forest": {**asdict(isolated), "ratio": isolated.ratio, "p": p}}
