"""The profile of recorded rows, for a version that was registered without data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.record import ANSWERED
from serve_app.core.signature import Output
from serve_app.errors import NotFound
from serve_app.monitoring.profile.build import profile_of_rows
from serve_app.monitoring.profile.profile import FeatureProfile
from serve_app.storage.records.arrays import numpy_of
from serve_app.storage.records.files import Files
from serve_app.storage.records.reader import Query, query
from serve_app.storage.records.rows import FEATURE

MINIMUM_ROWS = 100
"""Fewer rows say too little of what is usual."""


def baseline_of(files: Files, wanted: Query, output: Output) -> FeatureProfile:
    """The profile of recorded rows whose features were kept; `output` is what their version gives.

    Of a transformer nothing is predicted.

    Raises:
        NotFound: there are too few such rows.
        RecordsFailed: the log cannot be read.
    """
    chosen = replace(wanted, outcome=ANSWERED, columns=None, order="oldest")
    table = query(files, chosen).read_all()
    if "features_kept" in table.column_names:
        table = table.filter(table["features_kept"])
    if table.num_rows < MINIMUM_ROWS or "features_kept" not in table.column_names:
        msg = (
            f"the log has {table.num_rows} rows that fit and whose features were kept, and a "
            f"baseline needs {MINIMUM_ROWS}; serve-app records list shows what there is"
        )
        raise NotFound(msg)
    names = [name for name in table.column_names if name.startswith(FEATURE)]
    columns = Columns.of({name.removeprefix(FEATURE): numpy_of(table[name]) for name in names})
    predictions = None if output.kind == "transform" else _predictions(table)
    made = profile_of_rows(columns, predictions, output)
    return replace(made, source=f"{table.num_rows} recorded rows of {wanted.endpoint}")


def _predictions(table: pa.Table) -> Prediction:
    shares = table["probabilities"]
    if shares.null_count or pa.types.is_null(shares.type):
        return Prediction(numpy_of(table["value"]))
    return Prediction(numpy_of(table["value"]), np.array(shares.to_pylist(), dtype=np.float64))
